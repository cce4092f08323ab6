//! Who may call what, by the rules in the proto.

use crate::support::TestMetrics;

#[tokio::test(flavor = "multi_thread")]
async fn every_method_as_every_role_is_as_the_rules_say() {
    let test = TestMetrics::start().await;
    let cells = testkit::access::check_roles(test.channel.clone(), "jinpai.metrics.v1", &test.identity).await;
    let methods = proto::access::rules().iter().filter(|rule| rule.path.starts_with("/jinpai.metrics.v1."));
    assert_eq!(cells, 16 * methods.count(), "15 roles and nobody, each method");
}
