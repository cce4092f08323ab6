//! Sampling plans: a new version changes days to come, never those that were.

use proto::qa::v1::{self as pb, CountedMessages};
use tonic::Code;

use crate::builders::{DAY, agent, chat, long_chats, manager, may};
use crate::support::{TestQa, fields, refusal};

async fn plan(test: &TestQa, day: Option<proto::google::r#type::Date>) -> pb::SamplingPlan {
    let message = pb::GetSamplingPlanRequest { business_day: day };
    let found = test.client().get_sampling_plan(test.by(&agent("ann"), message)).await.expect("answers");
    found.into_inner().plan.expect("a plan")
}

fn put(etag: &str, from: i32) -> pb::PutSamplingPlanRequest {
    pb::PutSamplingPlanRequest {
        request_id: format!("{etag} {from}"),
        etag: etag.into(),
        effective_from: Some(may(from)),
        size: 3,
        threshold: 4,
        counts: CountedMessages::All.into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_merchant_begins_with_fifteen_chats_of_more_than_ten_replies() {
    let test = TestQa::start().await;
    let first = plan(&test, None).await;
    assert_eq!((first.version, first.size, first.threshold), (1, 15, 10));
    assert_eq!(first.counts(), CountedMessages::AgentReplies);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_holds_from_a_day_that_has_not_begun() {
    let test = TestQa::start().await;
    let etag = plan(&test, None).await.etag;
    for begun in [19, 20] {
        let refused = test.client().put_sampling_plan(test.by(&manager(), put(&etag, begun))).await;
        assert_eq!(refusal(refused), (Code::FailedPrecondition, "PLAN_DAY_BEGUN".into()));
    }
    let second = test.client().put_sampling_plan(test.by(&manager(), put(&etag, 21))).await.expect("puts");
    let second = second.into_inner().plan.expect("a plan");
    assert_eq!((second.version, second.size), (2, 3));
    let replayed =
        test.client().put_sampling_plan(test.by(&manager(), put(&etag, 21))).await.expect("replays");
    assert_eq!(replayed.into_inner().plan, Some(second.clone()));
    let stale = test.client().put_sampling_plan(test.by(&manager(), put(&etag, 25))).await;
    assert_eq!(refusal(stale), (Code::Aborted, "ETAG_MISMATCH".into()));
    assert_eq!(plan(&test, Some(may(20))).await.version, 1);
    assert_eq!(plan(&test, Some(may(21))).await.version, 2);
    let mut silly = put(&second.etag, 25);
    (silly.size, silly.counts) = (0, 0);
    let refused = test.client().put_sampling_plan(test.by(&manager(), silly)).await;
    assert_eq!(fields(refused), ["size", "counts"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_day_is_drawn_by_the_plan_that_held_on_it() {
    let test = TestQa::with_staff().await;
    let etag = plan(&test, None).await.etag;
    test.client().put_sampling_plan(test.by(&manager(), put(&etag, 21))).await.expect("puts");
    let mut chats = long_chats("ann-account", 8);
    // Three replies are six messages: long only where all of them count.
    for n in 0..5 {
        let mut chat = chat(&format!("next-{n}"), "ann-account", 3);
        chat.business_day = Some(may(21));
        chats.push(chat);
    }
    test.deliver(&chats).await;
    test.clock.set("2020-05-22T10:00:00+08:00");
    test.close(DAY, 1, &chats).await;
    test.close(may(21), 1, &chats).await;
    assert_eq!(test.draw(DAY).await.drawn, 8);
    let next = test.try_draw(may(21), "next").await.expect("draws").into_inner().draw.expect("a draw");
    assert_eq!((next.plan_version, next.eligible, next.drawn), (2, 5, 3));
    sampling::verify(&test.bundle(may(21)).await).expect("holds");
}
