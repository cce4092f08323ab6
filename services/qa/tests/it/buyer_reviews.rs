//! Buyers' reviews: from the event to the cause, the plan and what it brought.

use std::time::Duration;

use proto::common::v1::DayRange;
use proto::events::v1::{BuyerRating, BuyerReviewReceived};
use proto::qa::v1 as pb;
use proto::qa::v1::privacy_service_client::PrivacyServiceClient;
use proto::qa::v1::take_buyer_review_step_request::Step;
use proto::qa::v1::{BuyerReviewDuty as Duty, BuyerReviewKind as Kind, BuyerReviewState as State};
use testkit::{TestCaller, eventually};
use tonic::Code;

use crate::builders::{agent, at, chat, lead, manager, may, timestamp};
use crate::buyer_reviewing::{
    SHOP, analyse, client, deliver, figures, get, ids, listing, overdue, plan, received, reply, review, step,
    told, try_step, with_comment,
};
use crate::support::{TestQa, fields, refusal};

const WITHIN: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_review_is_worked_on_until_the_buyer_adds_a_good_comment() {
    let test = TestQa::with_staff().await;
    let mut served = chat("before", "ben-account", 3);
    served.customer_id = "buyer of r-1".into();
    test.deliver(&[served]).await;
    // The platform names nobody: the buyer's last chat tells who served.
    let first = BuyerReviewReceived { account_id: String::new(), ..received("r-1", BuyerRating::Bad) };
    deliver(&test, std::slice::from_ref(&first)).await;
    let bad = review(&test, "r-1").await;
    assert_eq!((bad.account_id.as_str(), bad.served_day), ("ben-account", Some(may(19))));
    assert_eq!((bad.served_by_person_id.as_str(), bad.owner_person_id.as_str()), ("ben", "ben"));
    assert_eq!(bad.conversation.as_ref().expect("a chat").conversation_id, "before");
    assert_eq!((bad.kind(), bad.state(), bad.duty()), (Kind::Bad, State::Open, Duty::Reply));
    let due = bad.reply_deadline.expect("owed");
    assert_eq!((due.due_at, due.in_time), (Some(timestamp(at("2020-05-21T01:00:00Z"))), None));

    let ben = agent("ben");
    let analysed = step(&test, &ben, &bad, analyse("delivery")).await;
    assert_eq!(analysed.analysis.as_ref().expect("an analysis").stage_id, "logistics");
    let stale = try_step(&test, &ben, &bad, plan(22)).await;
    assert_eq!(refusal(stale), (Code::Aborted, "ETAG_MISMATCH".into()));
    // The same request again is answered alike and has one effect.
    let again = step(&test, &ben, &bad, analyse("delivery")).await;
    assert_eq!(again, analysed);
    let unknown = try_step(&test, &ben, &analysed, analyse("weather")).await;
    assert_eq!(fields(unknown), ["analyse.cause_id"]);
    let planned = step(&test, &ben, &analysed, plan(22)).await;
    let marked = step(&test, &ben, &planned, Step::Mark(pb::MarkPlanStep { index: 0, done: true })).await;
    let replied = step(&test, &ben, &marked, reply(false)).await;
    assert_eq!(replied.reply_deadline.expect("owed").in_time, Some(true));
    assert_eq!((replied.state(), replied.duty()), (State::Planned, Duty::Outcome));
    let end = Step::End(pb::EndBuyerReview {
        outcome: pb::BuyerReviewOutcome::FollowedUpGood.into(),
        note: String::new(),
    });
    let unproven = try_step(&test, &ben, &replied, end.clone()).await;
    assert_eq!(refusal(unproven), (Code::FailedPrecondition, "OUTCOME_UNPROVEN".into()));

    test.clock.set("2020-05-21T10:00:00+08:00");
    deliver(&test, &[with_comment(&first, at("2020-05-21T01:00:00Z"))]).await;
    let followed_up = review(&test, "r-1").await;
    assert_eq!((followed_up.kind(), followed_up.comment_kind()), (Kind::Bad, Kind::Unspecified));
    assert!(followed_up.comment_reply_deadline.is_some());
    let unjudged = pb::ListBuyerReviewsRequest { comment_unjudged: true, ..listing() };
    assert_eq!(ids(&test, &ben, unjudged.clone()).await, ["r-1"]);
    let judge = Step::Judge(pb::JudgeAddedComment { kind: Kind::Good.into(), note: String::new() });
    let judged = step(&test, &ben, &followed_up, judge).await;
    let ended = step(&test, &ben, &judged, end).await;
    let effect = ended.effect.expect("an effect");
    assert_eq!((effect.before(), effect.after(), effect.won_back), (Kind::Bad, Kind::Good, true));
    assert_eq!((ended.state(), ended.revisions.len()), (State::Ended, 2));
    assert!(ids(&test, &ben, unjudged).await.is_empty());
    let events: Vec<_> = ended.entries.iter().map(|entry| entry.event.as_str()).collect();
    let all = ["received", "analysed", "planned", "marked", "replied", "revised", "judged", "ended"];
    assert_eq!(events, all);

    // Its time is not over: it does not count yet. Then it does, whoever is asked.
    let of =
        |figures: Vec<pb::BuyerReviewFigure>| (figures[0].ever_bad, figures[0].settled, figures[0].won_back);
    let by_cause = figures(&test, &ben, pb::BuyerReviewGroup::Cause).await;
    assert_eq!(by_cause[0].key, "delivery");
    assert_eq!(of(by_cause), (1, 0, 0));
    test.clock.set("2020-06-20T10:00:00+08:00");
    let by_agent = figures(&test, &manager(), pb::BuyerReviewGroup::Agent).await;
    let rate = by_agent[0].won_back_rate.as_ref().expect("a rate");
    assert!(rate.value == Some(1.0) && rate.low.expect("low") < 0.3, "{rate:?}");
    assert_eq!((by_agent[0].key.as_str(), of(by_agent.clone())), ("ben", (1, 1, 1)));
    let audited = "SELECT count(*) FROM qa.audit_entries WHERE entity = 'buyer_review/star/r-1' \
        AND summary::text NOT LIKE '%buyer of%'";
    assert_eq!(test.count(audited).await, 6, "a step each");
}

#[tokio::test(flavor = "multi_thread")]
async fn revisions_come_in_any_order_and_twice() {
    let test = TestQa::with_staff().await;
    let revision = |revision, rating: BuyerRating, stars| BuyerReviewReceived {
        revision,
        stars,
        text: format!("revision {revision}"),
        rating: rating.into(),
        ..received("r-1", rating)
    };
    // Stars decide: three are neutral whatever the platform says.
    let all = [
        revision(0, BuyerRating::Good, Some(1)),
        revision(1, BuyerRating::Good, Some(3)),
        revision(2, BuyerRating::Bad, Some(5)),
    ];
    deliver(&test, &[all[2].clone(), all[0].clone()]).await;
    deliver(&test, &[all[1].clone()]).await;
    test.publish(&all.iter().map(told).collect::<Vec<_>>()).await;
    deliver(&test, &[received("r-2", BuyerRating::Good)]).await;
    let got = review(&test, "r-1").await;
    let kinds: Vec<_> = got.revisions.iter().map(pb::BuyerReviewRevision::kind).collect();
    assert_eq!(kinds, [Kind::Bad, Kind::Neutral, Kind::Good]);
    assert_eq!(
        (got.kind(), got.state(), got.revisions[2].text.as_str()),
        (Kind::Good, State::Ended, "revision 2")
    );
    let effect = got.effect.expect("an effect");
    assert_eq!((effect.stars_before, effect.stars_after, effect.won_back), (Some(1), Some(5), true));
    // In lists the newest stands alone.
    let message = pb::ListBuyerReviewsRequest { ever_bad: true, ..listing() };
    let listed =
        client(&test).list_buyer_reviews(test.by(&manager(), message)).await.expect("lists").into_inner();
    assert_eq!((listed.reviews.len(), listed.reviews[0].revisions.len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn people_see_what_they_served_and_what_was_given_to_them() {
    let test = TestQa::with_staff().await;
    let of = |id: &str, account: &str| BuyerReviewReceived {
        account_id: account.into(),
        ..received(id, BuyerRating::Bad)
    };
    let nobody = BuyerReviewReceived { account_id: String::new(), ..received("of-nobody", BuyerRating::Bad) };
    deliver(
        &test,
        &[of("of-ann", "ann-account"), of("of-ben", "ben-account"), of("of-zoe", "zoe-account"), nobody],
    )
    .await;
    let reach = async |who: &TestCaller| ids(&test, who, listing()).await;
    assert_eq!(reach(&agent("ann")).await, ["of-ann"]);
    assert_eq!(reach(&lead("lea")).await, ["of-ben", "of-ann"]);
    assert_eq!(reach(&manager()).await, ["of-zoe", "of-nobody", "of-ben", "of-ann"]);
    test.sql("INSERT INTO qa.merchants VALUES ('other', '', 'Asia/Shanghai', 0, 1)").await;
    assert!(reach(&manager().of("other")).await.is_empty());
    let missing = get(&test, &agent("ann"), "of-zoe").await.expect_err("is not found");
    assert_eq!(missing.code(), Code::NotFound);
    let zoes = review(&test, "of-zoe").await;
    let foreign = try_step(&test, &agent("ann"), &zoes, analyse("delivery")).await;
    assert_eq!(refusal(foreign), (Code::NotFound, "BUYER_REVIEW_NOT_FOUND".into()));

    let assign = |owner: &str, etag: &str| pb::AssignBuyerReviewRequest {
        request_id: format!("{owner} {etag}"),
        shop_id: SHOP.into(),
        review_id: "of-zoe".into(),
        etag: etag.into(),
        owner_person_id: owner.into(),
    };
    let call =
        async |who: TestCaller, message| client(&test).assign_buyer_review(test.by(&who, message)).await;
    assert_eq!(refusal(call(lead("lea"), assign("ann", &zoes.etag)).await).0, Code::NotFound);
    let unknown = call(manager(), assign("ghost", &zoes.etag)).await;
    assert_eq!(refusal(unknown), (Code::FailedPrecondition, "OWNER_UNKNOWN".into()));
    let given = call(manager(), assign("ann", &zoes.etag)).await.expect("assigns").into_inner();
    let given = given.review.expect("a review");
    assert_eq!((given.owner_person_id.as_str(), given.served_by_person_id.as_str()), ("ann", "zoe"));
    // Who it was given to sees it, as do their lead and, still, who served.
    assert_eq!(reach(&agent("ann")).await, ["of-zoe", "of-ann"]);
    assert_eq!(reach(&lead("lea")).await, ["of-zoe", "of-ben", "of-ann"]);
    assert_eq!(reach(&agent("zoe")).await, ["of-zoe"]);
    let anns = pb::ListBuyerReviewsRequest { owner_person_id: "ann".into(), ..listing() };
    assert_eq!(ids(&test, &manager(), anns).await, ["of-zoe", "of-ann"]);
    let owners: Vec<_> = figures(&test, &manager(), pb::BuyerReviewGroup::Owner)
        .await
        .into_iter()
        .map(|figure| (figure.key, figure.reviews))
        .collect();
    assert_eq!(owners, [(String::new(), 1), ("ann".into(), 2), ("ben".into(), 1)]);

    // Pages and what belongs to other lists.
    let small = pb::ListBuyerReviewsRequest { page_size: 3, ..listing() };
    let first = client(&test)
        .list_buyer_reviews(test.by(&manager(), small.clone()))
        .await
        .expect("lists")
        .into_inner();
    let token = first.next_page_token;
    let rest = pb::ListBuyerReviewsRequest { page_token: token.clone(), ..small };
    assert_eq!(ids(&test, &manager(), rest).await, ["of-ann"]);
    let other = pb::ListBuyerReviewsRequest { page_token: token, ever_bad: true, ..listing() };
    let refused = client(&test).list_buyer_reviews(test.by(&manager(), other)).await;
    assert_eq!(refused.expect_err("is refused").code(), Code::InvalidArgument);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_overdue_stands_in_line_and_counts() {
    let test = TestQa::with_staff().await;
    let old = BuyerReviewReceived {
        reviewed_at: Some(timestamp(at("2020-05-01T02:00:00Z"))),
        business_day: Some(may(1)),
        ..received("history", BuyerRating::Bad)
    };
    let good = received("good", BuyerRating::Good);
    deliver(&test, &[received("late", BuyerRating::Bad), received("answered", BuyerRating::Bad), good, old])
        .await;
    let history = review(&test, "history").await;
    assert!(history.history && history.reply_deadline.is_none() && history.due_at.is_none());
    let answered = review(&test, "answered").await;
    let answered = step(&test, &agent("ann"), &answered, reply(false)).await;
    assert!(overdue(&test, &manager()).await.is_empty());

    // A day later the bad one's reply is late; the good one has three days.
    test.clock.set("2020-05-21T09:00:01+08:00");
    assert_eq!(overdue(&test, &manager()).await, [("late".into(), Duty::Reply)]);
    let late = review(&test, "late").await;
    assert_eq!(late.reply_deadline.expect("owed").in_time, Some(false));
    // The working day after its arrival is over: cause and plan are late, too.
    test.clock.set("2020-05-22T00:00:01+08:00");
    let both = [("late".to_owned(), Duty::Reply), ("answered".to_owned(), Duty::Plan)];
    assert_eq!(overdue(&test, &agent("ann")).await, both);
    assert!(overdue(&test, &agent("zoe")).await.is_empty());
    let analysed = step(&test, &agent("ann"), &answered, analyse("quality")).await;
    assert_eq!(analysed.duty(), Duty::Plan, "a cause alone is no plan");
    let planned = step(&test, &agent("ann"), &analysed, plan(25)).await;
    assert_eq!(planned.due_at, Some(timestamp(at("2020-05-25T16:00:00Z"))));
    assert_eq!(overdue(&test, &manager()).await, [("late".into(), Duty::Reply)]);

    let all = &figures(&test, &manager(), pb::BuyerReviewGroup::Merchant).await[0];
    assert_eq!((all.reviews, all.good, all.bad, all.ever_bad, all.unfinished), (4, 1, 3, 3, 3));
    let rate = all.reply_in_time_rate.expect("a rate");
    assert_eq!((rate.numerator, rate.denominator), (1, 2), "history owes nothing, the good one has time");

    let message = pb::GetBuyerReviewWeekRequest { day: Some(may(22)), shop_id: String::new() };
    let week = client(&test).get_buyer_review_week(test.by(&manager(), message)).await.expect("counts");
    let week = week.into_inner().week.expect("a week");
    assert_eq!((week.week, week.without_cause, week.overdue), (Some(may(18)), 1, 1));
    let all = week.all.expect("all");
    let (now, before) = (all.now.expect("now"), all.before.expect("before"));
    assert_eq!((now.reviews, now.bad, before.reviews), (3, 2, 0));
    assert_eq!(week.causes[0].now.as_ref().expect("now").key, "quality");
    assert_eq!(week.agents[0].now.as_ref().expect("now").key, "ann");
    let message = pb::GetBuyerReviewWeekRequest { day: Some(may(7)), shop_id: String::new() };
    let earlier = client(&test).get_buyer_review_week(test.by(&manager(), message)).await.expect("counts");
    let all = earlier.into_inner().week.expect("a week").all.expect("all");
    assert_eq!((all.now.expect("now").reviews, all.before.expect("before").reviews), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_policy_judges_what_comes_and_leaves_what_is_here() {
    let test = TestQa::with_staff().await;
    let four = |id: &str| BuyerReviewReceived { stars: Some(4), ..received(id, BuyerRating::Good) };
    deliver(&test, &[four("before")]).await;
    let get = |version| pb::GetBuyerReviewPolicyRequest { version };
    let built_in =
        client(&test).get_buyer_review_policy(test.by(&agent("ann"), get(None))).await.expect("is there");
    let built_in = built_in.into_inner().policy.expect("a policy");
    let mut rules = built_in.rules.clone().expect("rules");
    (rules.good_stars_min, rules.bad_stars_max, rules.bad_reply_hours) = (5, 4, 2);
    (rules.service_from_hour, rules.service_to_hour) = (9, 23);
    let put = |etag: &str, rules: &pb::BuyerReviewRules| pb::PutBuyerReviewPolicyRequest {
        request_id: format!("put {etag} {}", rules.causes.len()),
        etag: etag.into(),
        rules: Some(rules.clone()),
    };
    let mut twice = rules.clone();
    twice.causes.push(twice.causes[0].clone());
    let refused =
        client(&test).put_buyer_review_policy(test.by(&manager(), put(&built_in.etag, &twice))).await;
    assert_eq!(fields(refused), ["rules.causes[16].cause_id"]);
    let first = client(&test).put_buyer_review_policy(test.by(&manager(), put(&built_in.etag, &rules))).await;
    assert_eq!(first.expect("puts").into_inner().policy.expect("a policy").version, 1);
    let stale = client(&test).put_buyer_review_policy(test.by(&manager(), put("old", &rules))).await;
    assert_eq!(refusal(stale), (Code::Aborted, "ETAG_MISMATCH".into()));
    let none = client(&test).get_buyer_review_policy(test.by(&manager(), get(Some(7)))).await;
    assert_eq!(refusal(none), (Code::NotFound, "BUYER_REVIEW_POLICY_NOT_FOUND".into()));

    // Half an hour before service ends; the other half and an hour more are tomorrow's.
    let night =
        BuyerReviewReceived { reviewed_at: Some(timestamp(at("2020-05-20T14:30:00Z"))), ..four("after") };
    deliver(&test, &[night, BuyerReviewReceived { revision: 1, ..four("before") }]).await;
    let (before, after) = (review(&test, "before").await, review(&test, "after").await);
    assert_eq!((before.kind(), before.policy_version), (Kind::Good, 0));
    assert_eq!((after.kind(), after.policy_version), (Kind::Bad, 1));
    let due_at = after.reply_deadline.expect("owed").due_at;
    assert_eq!(due_at, Some(timestamp(at("2020-05-21T02:30:00Z"))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_that_comes_after_its_review_is_found() {
    let test = TestQa::with_staff().await;
    let first = BuyerReviewReceived { account_id: String::new(), ..received("r-1", BuyerRating::Bad) };
    deliver(&test, &[first]).await;
    assert!(review(&test, "r-1").await.account_id.is_empty());
    let mut served = chat("before", "zoe-account", 3);
    served.customer_id = "buyer of r-1".into();
    test.deliver(&[served]).await;
    eventually(WITHIN, async || review(&test, "r-1").await.served_by_person_id == "zoe").await;
    assert_eq!(ids(&test, &agent("zoe"), listing()).await, ["r-1"]);
    let looking = "SELECT count(*) FROM qa.buyer_reviews WHERE look_until IS NOT NULL";
    assert_eq!(test.count(looking).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_buyer_leaves_figures_and_no_word() {
    let test = TestQa::with_staff().await;
    let of = |id: &str, account: &str, day: i32| BuyerReviewReceived {
        customer_id: "buyer".into(),
        account_id: account.into(),
        business_day: Some(may(day)),
        reviewed_at: Some(timestamp(at(&format!("2020-05-{day}T01:00:00Z")))),
        ..received(id, BuyerRating::Bad)
    };
    let mine = of("mine", "ann-account", 20);
    deliver(&test, &[mine.clone(), of("held", "ben-account", 19), received("other", BuyerRating::Bad)]).await;
    let analysed = step(&test, &agent("ann"), &review(&test, "mine").await, analyse("quality")).await;
    let before = figures(&test, &manager(), pb::BuyerReviewGroup::Cause).await;
    let mut privacy = PrivacyServiceClient::new(test.channel.clone());
    let hold = pb::PlaceHoldRequest {
        request_id: "hold".into(),
        days: Some(DayRange { from: Some(may(19)), to: Some(may(19)) }),
        reason: "投诉取证".into(),
        ..Default::default()
    };
    privacy.place_hold(test.by(&manager(), hold)).await.expect("places");
    let erase = pb::EraseCustomerRequest {
        request_id: "erase".into(),
        customer_id: "buyer".into(),
        reason: "用户要求".into(),
    };
    let asked = privacy.erase_customer(test.by(&manager(), erase)).await.expect("asks").into_inner();
    let id = asked.erasure.expect("an erasure").erasure_id;
    let find = async || {
        let message = pb::GetErasureRequest { erasure_id: id.clone() };
        let mut privacy = PrivacyServiceClient::new(test.channel.clone());
        let found = privacy.get_erasure(test.by(&manager(), message)).await.expect("finds");
        found.into_inner().erasure.expect("an erasure")
    };
    eventually(WITHIN, async || find().await.finished_at.is_some()).await;
    let erasure = find().await;
    assert_eq!((erasure.buyer_reviews_erased, erasure.buyer_reviews_held), (1, 1));
    let erased = review(&test, "mine").await;
    assert!(erased.erased_at.is_some() && erased.customer_id.is_empty() && erased.order_id.is_empty());
    assert!(erased.revisions[0].text.is_empty() && erased.analysis.as_ref().expect("one").note.is_empty());
    assert_eq!((erased.kind(), erased.duty()), (Kind::Bad, Duty::Unspecified));
    assert_eq!(review(&test, "held").await.revisions[0].text, "words of held");
    assert_eq!(figures(&test, &manager(), pb::BuyerReviewGroup::Cause).await, before, "figures stay");
    let refused = try_step(&test, &agent("ann"), &analysed, analyse("quality")).await;
    assert_eq!(refusal(refused), (Code::Aborted, "ETAG_MISMATCH".into()));

    // A later revision counts, and brings no word back.
    let changed = BuyerReviewReceived { revision: 1, rating: BuyerRating::Good.into(), ..mine };
    deliver(&test, &[changed]).await;
    let changed = review(&test, "mine").await;
    assert_eq!((changed.kind(), changed.customer_id.as_str()), (Kind::Good, ""));
    let traces = "SELECT count(*) FROM qa.buyer_reviews WHERE review_id = 'mine' \
        AND (content::text || customer_id || order_id) ~ '(words of mine|order of mine|\"buyer\")'";
    assert_eq!(test.count(traces).await, 0);
}
