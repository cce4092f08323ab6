//! Sampling plans: a new version changes days to come, never those that were.

use std::time::Duration;

use proto::access::Role;
use proto::qa::v1::{self as pb, CountedMessages};
use testkit::eventually;
use tonic::Code;

use crate::builders::{DAY, agent, chat, long_chats, manager, may, only, person};
use crate::support::{TestQa, fields, refusal};

async fn plan(test: &TestQa, day: Option<proto::google::r#type::Date>) -> pb::SamplingPlan {
    let message = pb::GetSamplingPlanRequest { business_day: day, team_id: String::new() };
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
        ..pb::PutSamplingPlanRequest::default()
    }
}

async fn team_plan(test: &TestQa, team: &str) -> pb::SamplingPlan {
    let message = pb::GetSamplingPlanRequest { business_day: None, team_id: team.into() };
    let found = test.client().get_sampling_plan(test.by(&agent("ann"), message)).await.expect("answers");
    found.into_inner().plan.expect("a plan")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_is_drawn_by_its_own_plan_and_anybody_can_verify_it() {
    let test = TestQa::with_staff().await;
    let inherited = team_plan(&test, "one").await;
    assert_eq!((inherited.inherits, inherited.size, inherited.version), (true, 15, 0));
    // Team one: two chats of more than four messages, none by telephone.
    let mut own = put(&inherited.etag, 21);
    (own.team_id, own.size, own.excluded_channels) = ("one".into(), 2, vec!["call".into()]);
    test.client().put_sampling_plan(test.by(&manager(), own)).await.expect("puts");
    assert_eq!(plan(&test, None).await.size, 15);
    assert_eq!((team_plan(&test, "one").await.size, team_plan(&test, "two").await.size), (2, 15));

    let of_day = |mut chat: proto::events::v1::ConversationClosed| {
        chat.business_day = Some(may(21));
        chat
    };
    let short = |account: &str, count: usize| {
        let chats = (0..count).map(|n| chat(&format!("{account}-short-{n}"), account, 3));
        chats.map(of_day).collect::<Vec<_>>()
    };
    let mut chats = [short("ann-account", 6), short("zoe-account", 4)].concat();
    chats.extend(long_chats("zoe-account", 5).into_iter().map(of_day));
    let mut call = of_day(chat("call", "ann-account", 30));
    call.conversation.as_mut().expect("an id").channel = "call".into();
    chats.push(call);
    test.deliver(&chats).await;
    // A new agent of team one, of whom the directory tells after their chats came.
    chats.extend(short("new-account", 3));
    test.deliver(&chats[chats.len() - 3..]).await;
    let people = test.count("SELECT count(*) FROM qa.people").await;
    test.publish(&[person("new", &[Role::Agent], &["new-account"], Some(("one", false)))]).await;
    eventually(Duration::from_secs(60), async || test.count("SELECT count(*) FROM qa.people").await > people)
        .await;
    test.clock.set("2020-05-22T10:00:00+08:00");
    test.close(may(21), 1, &chats).await;
    let draw = test.try_draw(may(21), "teams").await.expect("draws").into_inner().draw.expect("a draw");
    assert_eq!((draw.size, draw.eligible, draw.drawn, draw.shortfall_agents), (15, 6 + 3 + 5, 2 + 2 + 5, 1));

    let bundle = test.bundle(may(21)).await;
    sampling::verify(&bundle).expect("holds");
    let sizes: Vec<_> = bundle.agents.iter().map(|agent| agent.plan.map(|plan| plan.size)).collect();
    assert_eq!(sizes, [Some(2), Some(2), None]);
    let mut changed = bundle.clone();
    changed.agents[0].plan = None;
    assert!(sampling::verify(&changed).is_err());
    let message = pb::GetDrawSliceRequest { business_day: Some(may(21)), account_id: "ann-account".into() };
    let slice = test.client().get_draw_slice(test.by(&agent("ann"), message)).await.expect("finds");
    assert_eq!(slice.into_inner().own_plan.map(|plan| (plan.size, plan.threshold)), Some((2, 4)));
    let of_21 = pb::ListReviewsRequest { days: only(may(21)), page_size: 100, ..Default::default() };
    let reviews = test.client().list_reviews(test.by(&manager(), of_21)).await.expect("lists").into_inner();
    let anns =
        reviews.reviews.iter().find(|review| review.account_id == "ann-account").expect("one of Ann's");
    let inclusion = anns.inclusion.as_ref().expect("a chance");
    assert_eq!((inclusion.numerator, inclusion.denominator), (2, 6));
    let days = pb::GetCoverageRequest { days: only(may(21)), ..pb::GetCoverageRequest::default() };
    let short: Vec<_> = test.coverage(&manager(), days).await.iter().map(|row| row.shortfall).collect();
    assert_eq!(short, [0, 0, 10]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_can_go_back_to_the_merchants_plan() {
    let test = TestQa::start().await;
    let mut own = put(&team_plan(&test, "one").await.etag, 21);
    own.team_id = "one".into();
    test.client().put_sampling_plan(test.by(&manager(), own.clone())).await.expect("puts");
    let stale = pb::PutSamplingPlanRequest { request_id: "stale".into(), ..own };
    let stale = test.client().put_sampling_plan(test.by(&manager(), stale)).await;
    assert_eq!(refusal(stale), (Code::Aborted, "ETAG_MISMATCH".into()));
    let mut back = put(&team_plan(&test, "one").await.etag, 22);
    (back.team_id, back.inherits) = ("one".into(), true);
    test.client().put_sampling_plan(test.by(&manager(), back)).await.expect("puts");
    let now = team_plan(&test, "one").await;
    assert_eq!((now.version, now.inherits, now.size), (2, true, 15));
    let mut all = put(&plan(&test, None).await.etag, 22);
    all.inherits = true;
    let refused = test.client().put_sampling_plan(test.by(&manager(), all)).await;
    assert_eq!(fields(refused), ["inherits"]);
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

#[tokio::test(flavor = "multi_thread")]
async fn what_a_plan_excludes_stands_in_the_bundle() {
    let test = TestQa::with_staff().await;
    let mut excluding = put(&plan(&test, None).await.etag, 21);
    (excluding.size, excluding.threshold) = (15, 10);
    excluding.counts = CountedMessages::AgentReplies.into();
    excluding.excluded_account_ids = vec!["zoe-account".into()];
    excluding.excluded_channels = vec!["call".into()];
    test.client().put_sampling_plan(test.by(&manager(), excluding)).await.expect("puts");
    let mut chats = [long_chats("ann-account", 3), long_chats("zoe-account", 2)].concat();
    chats.push(chat("short", "ann-account", 2));
    chats.push(chat("called", "ann-account", 11));
    chats.last_mut().and_then(|chat| chat.conversation.as_mut()).expect("an id").channel = "call".into();
    for chat in &mut chats {
        chat.business_day = Some(may(21));
    }
    test.deliver(&chats).await;
    test.clock.set("2020-05-22T10:00:00+08:00");
    test.close(may(21), 1, &chats).await;
    let drawn = test.draw(may(21)).await;
    assert_eq!((drawn.agents, drawn.eligible, drawn.drawn, drawn.shortfall_agents), (1, 3, 3, 1));
    let bundle = test.bundle(may(21)).await;
    let verified = sampling::verify(&bundle).expect("holds");
    // Three and three: every chat of more than ten replies is either drawn from or told to be left out.
    assert_eq!((verified.agents, verified.eligible, verified.excluded), (1, 3, 3));
    let left_out: Vec<(&str, usize)> =
        bundle.agents.iter().map(|agent| (agent.account.as_str(), agent.excluded.len())).collect();
    assert_eq!(left_out, [("ann-account", 1), ("zoe-account", 2)]);
    let message = pb::GetDrawSliceRequest { business_day: Some(may(21)), account_id: "zoe-account".into() };
    let slice =
        test.client().get_draw_slice(test.by(&agent("zoe"), message)).await.expect("finds").into_inner();
    assert_eq!((slice.chats.len(), slice.excluded.len(), slice.agent_hashes.len()), (0, 2, 2));
    // Nobody can take one out of it afterwards.
    test.sql("UPDATE qa.draw_agents SET excluded_list = NULL WHERE account_id = 'zoe-account'").await;
    let refused = sampling::verify(&test.bundle(may(21)).await);
    assert!(matches!(refused, Err(sampling::Difference::AgentHash { .. })), "{refused:?}");
}
