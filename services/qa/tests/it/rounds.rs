//! Background rounds go through all merchants, and one merchant's trouble is not everybody's.

use std::time::Duration;

use proto::qa::v1 as pb;
use proto::qa::v1::risk_service_client::RiskServiceClient;
use testkit::eventually;

use crate::builders::{DAY, long_chats, manager};
use crate::checking::saying;
use crate::support::TestQa;

const WITHIN: Duration = Duration::from_secs(60);

/// The merchant `broken`, whose days nobody can compute, before the merchant `fresh`, who is well: both written past the
/// service, at once.
const TROUBLE: &str = "INSERT INTO qa.merchants VALUES ('broken', '', 'Mars/Olympus', 0, 1), \
     ('fresh', '', 'Asia/Shanghai', 0, 1)";

#[tokio::test(flavor = "multi_thread")]
async fn the_others_days_are_committed_to_and_anchored() {
    let test = TestQa::start().await;
    test.sql(TROUBLE).await;
    let anchored = "SELECT count(*) FROM qa.seeds WHERE merchant_id = 'fresh' AND anchored";
    eventually(WITHIN, async || test.count(anchored).await == 2).await;
    let lines = std::fs::read_to_string(test.folder.path().join("commitments.jsonl")).expect("a file");
    assert_eq!(lines.matches("\"merchant\":\"fresh\"").count(), 2, "{lines}");
    assert_eq!(test.count("SELECT count(*) FROM qa.seeds WHERE merchant_id = 'broken'").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrivals_committed_to_is_anchored_even_if_nothing_can_be_committed_ahead() {
    let test = TestQa::start().await;
    let ahead = "SELECT count(*) FROM qa.seeds WHERE anchored";
    eventually(WITHIN, async || test.count(ahead).await == 2).await;
    // Nobody knows any more whose days there are; what an arrival commits to waits for its anchor all the same.
    test.sql(
        "ALTER TABLE qa.merchants RENAME TO gone; \
         INSERT INTO qa.seeds VALUES ('demo', '2020-05-01', sha256('seed'), sha256('commitment'), '2020-05-20', false)",
    )
    .await;
    eventually(WITHIN, async || test.count(ahead).await == 3).await;
    let lines = std::fs::read_to_string(test.folder.path().join("commitments.jsonl")).expect("a file");
    assert!(lines.contains("\"day\":\"2020-05-01\""), "{lines}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_others_people_are_looked_at_for_weaknesses() {
    let test = TestQa::start().await;
    test.sql(TROUBLE).await;
    let looked =
        "SELECT count(*) FROM qa.weakness_looks WHERE merchant_id = 'fresh' AND business_day = '2020-05-19'";
    eventually(WITHIN, async || test.count(looked).await == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_others_chats_are_picked_for_their_hits() {
    let test = TestQa::with_rules().await;
    // From none of a hundred and twenty days of theirs can be picked.
    test.sql(
        "ALTER TABLE qa.risk_days ADD CONSTRAINT trouble CHECK (merchant_id <> 'broken'); \
         INSERT INTO qa.risk_plans VALUES ('broken', 1, '2020-01-01', 2, 'somebody', '2020-01-01'); \
         INSERT INTO qa.draws SELECT 'broken', day::date, 1, 15, 20, 1, 1, sha256(''), 0, 0, 0, 0, day, 'somebody' \
         FROM generate_series('2020-01-01'::timestamptz, '2020-04-29'::timestamptz, '1 day') AS day",
    )
    .await;
    test.clock.set("2020-05-19T10:00:00+08:00");
    let plan = pb::PutRiskPlanRequest {
        request_id: "plan".into(),
        etag: "risk-plan-0".into(),
        effective_from: Some(DAY),
        per_agent_day: 2,
    };
    let put = RiskServiceClient::new(test.channel.clone()).put_risk_plan(test.by(&manager(), plan)).await;
    put.expect("puts");
    test.clock.set("2020-05-20T10:00:00+08:00");
    let mut chats = long_chats("ann-account", 1);
    chats.push(saying("heavy", "ann-account", &["好吗", "加微信"]));
    test.checked(&chats).await;
    test.close(DAY, 1, &chats).await;
    test.draw(DAY).await;
    let picked =
        "SELECT count(*) FROM qa.risk_reviews WHERE merchant_id = 'demo' AND conversation_id = 'heavy'";
    eventually(WITHIN, async || test.count(picked).await == 1).await;
    assert_eq!(test.count("SELECT count(*) FROM qa.risk_days WHERE merchant_id = 'broken'").await, 0);
}
