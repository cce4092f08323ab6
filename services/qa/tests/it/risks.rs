//! Chats that are reviewed for their hits, apart from the random sample.

use std::time::Duration;

use proto::qa::v1 as pb;
use proto::qa::v1::risk_service_client::RiskServiceClient;
use testkit::{TestCaller, eventually};
use tonic::Code;
use tonic::transport::Channel;

use crate::builders::{DAY, agent, full_scores, lead, long_chats, manager, may, only, reviewer};
use crate::checking::saying;
use crate::support::{TestQa, refusal};

const WITHIN: Duration = Duration::from_secs(60);

fn risks(test: &TestQa) -> RiskServiceClient<Channel> {
    RiskServiceClient::new(test.channel.clone())
}

fn plan(etag: &str, day: i32, per_agent_day: i32) -> pb::PutRiskPlanRequest {
    pb::PutRiskPlanRequest {
        request_id: format!("plan {etag} {day}"),
        etag: etag.into(),
        effective_from: Some(may(day)),
        per_agent_day,
    }
}

async fn listed(test: &TestQa, who: &TestCaller, message: pb::ListRiskReviewsRequest) -> Vec<pb::RiskReview> {
    risks(test).list_risk_reviews(test.by(who, message)).await.expect("lists").into_inner().reviews
}

fn submission(review: &pb::RiskReview, request_id: &str) -> pb::SubmitRiskReviewRequest {
    pb::SubmitRiskReviewRequest {
        request_id: request_id.into(),
        review_id: review.review_id.clone(),
        scores: full_scores(),
        critical_error_ids: vec!["off_platform".into()],
        comments: vec![pb::ReviewComment { message_index: Some(1), text: "引导站外".into() }],
        summary: "risk".into(),
    }
}

/// Everything that the random sample says of the day.
async fn unbiased(test: &TestQa) -> (Vec<pb::Coverage>, Vec<pb::Review>, pb::Draw, serde_json::Value) {
    let coverage = pb::GetCoverageRequest { days: only(DAY), ..Default::default() };
    let draw = pb::GetDrawRequest { business_day: Some(DAY) };
    let draw = test.client().get_draw(test.by(&manager(), draw)).await.expect("drawn").into_inner();
    let bundle = serde_json::to_value(test.bundle(DAY).await).expect("a bundle");
    (test.coverage(&manager(), coverage).await, test.reviews().await, draw.draw.expect("a draw"), bundle)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_heaviest_hits_beyond_the_sample_are_work_and_never_count() {
    let test = TestQa::with_rules().await;
    test.clock.set("2020-05-19T10:00:00+08:00");
    risks(&test).put_risk_plan(test.by(&manager(), plan("risk-plan-0", 19, 2))).await.expect("puts");
    test.clock.set("2020-05-20T10:00:00+08:00");
    let mut chats = long_chats("ann-account", 16);
    chats.push(saying("light", "ann-account", &["好吗", "最好"]));
    chats.push(saying("heavy", "ann-account", &["好吗", "加微信"]));
    chats.push(saying("heavier", "ann-account", &["好吗", "加微信，最好"]));
    chats.push(saying("clean", "ann-account", &["好吗", "好"]));
    chats.push(saying("rita's", "rita-account", &["好吗", "最好"]));
    test.checked(&chats).await;
    test.close(DAY, 1, &chats).await;
    test.draw(DAY).await;
    let before = unbiased(&test).await;
    let all = pb::ListRiskReviewsRequest::default;
    eventually(WITHIN, async || listed(&test, &manager(), all()).await.len() == 3).await;
    let mut picked = listed(&test, &manager(), pb::ListRiskReviewsRequest { open: true, ..all() }).await;
    picked.sort_by_key(|review| (review.account_id.clone(), review.place));
    let rows: Vec<_> = picked
        .iter()
        .map(|review| {
            let id = review.conversation.as_ref().expect("a chat").conversation_id.as_str();
            (id, review.place, review.critical_hits, review.major_hits)
        })
        .collect();
    assert_eq!(rows, [("heavier", 1, 1, 1), ("heavy", 2, 1, 0), ("rita's", 1, 0, 1)]);
    assert_eq!(picked[0].rule_ids, ["best", "wechat"]);

    // Until it is submitted, the agent does not see it.
    assert!(listed(&test, &agent("ann"), all()).await.is_empty());
    let rita = reviewer("rita");
    let done = risks(&test).submit_risk_review(test.by(&rita, submission(&picked[0], "s"))).await;
    let done = done.expect("submits").into_inner().review.expect("a review");
    assert_eq!(
        (done.score_bp, done.critical_failure, done.reviewer_person_id.as_str()),
        (Some(0), true, "rita")
    );
    assert_eq!((done.scores.len(), done.comments.len(), done.summary.as_str()), (4, 1, "risk"));
    let again = risks(&test).submit_risk_review(test.by(&reviewer("rob"), submission(&picked[0], "a"))).await;
    assert_eq!(refusal(again), (Code::FailedPrecondition, "REVIEW_NOT_OPEN".into()));
    let own = risks(&test).submit_risk_review(test.by(&rita, submission(&picked[2], "own"))).await;
    assert_eq!(refusal(own), (Code::PermissionDenied, "REVIEW_NOT_YOURS".into()));
    let other = risks(&test)
        .submit_risk_review(test.by(&rita.clone().of("other"), submission(&picked[1], "o")))
        .await;
    assert_eq!(refusal(other), (Code::NotFound, "REVIEW_NOT_FOUND".into()));
    for (name, who, count) in
        [("the agent", agent("ann"), 1), ("a colleague", agent("ben"), 0), ("the lead", lead("lea"), 2)]
    {
        assert_eq!(listed(&test, &who, all()).await.len(), count, "{name}");
    }

    // Nothing that the random sample says has changed, and nobody was told of a review.
    let after = unbiased(&test).await;
    assert_eq!(after.0, before.0);
    assert_eq!(after.1, before.1);
    assert_eq!((after.2, after.3), (before.2, before.3));
    sampling::verify(&test.bundle(DAY).await).expect("the draw holds");
    assert_eq!(test.count("SELECT count(*) FROM qa.outbox WHERE subject = 'qa.review_published'").await, 0);
    // Days are picked from once.
    assert_eq!(test.count("SELECT picked::bigint FROM qa.risk_days").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_versioned_and_none_is_the_first() {
    let test = TestQa::start().await;
    let get = async || {
        let found = risks(&test).get_risk_plan(test.by(&manager(), pb::GetRiskPlanRequest {})).await;
        found.expect("finds").into_inner().plan.expect("a plan")
    };
    let none = get().await;
    assert_eq!((none.version, none.per_agent_day, none.effective_from), (0, 0, None));
    let early = risks(&test).put_risk_plan(test.by(&manager(), plan(&none.etag, 19, 3))).await;
    assert_eq!(refusal(early), (Code::FailedPrecondition, "PLAN_DAY_BEGUN".into()));
    risks(&test).put_risk_plan(test.by(&manager(), plan(&none.etag, 20, 3))).await.expect("puts");
    let stale = risks(&test).put_risk_plan(test.by(&manager(), plan(&none.etag, 21, 4))).await;
    assert_eq!(refusal(stale), (Code::Aborted, "ETAG_MISMATCH".into()));
    let plan = get().await;
    assert_eq!((plan.version, plan.per_agent_day, plan.effective_from), (1, 3, Some(may(20))));
}
