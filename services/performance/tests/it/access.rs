//! Who may call what, by the rules in the proto.

use crate::support::TestPerformance;

#[tokio::test(flavor = "multi_thread")]
async fn every_method_as_every_role_is_as_the_rules_say() {
    let test = TestPerformance::start().await;
    let cells =
        testkit::access::check_roles(test.channel.clone(), "jinpai.performance.v1", &test.identity).await;
    assert_eq!(cells, 16 * 18, "15 roles and nobody, 18 methods");
}
