//! Who may call what, by the rules in the proto.

use crate::support::TestQa;

#[tokio::test(flavor = "multi_thread")]
async fn every_method_as_every_role_is_as_the_rules_say() {
    let test = TestQa::start().await;
    let cells = testkit::access::check_roles(test.channel.clone(), "jinpai.qa.v1", &test.identity).await;
    assert_eq!(cells, 16 * 97, "15 roles and nobody, 97 methods");
}
