//! What holds whatever arrives in whichever order.

use calendar::MerchantCalendar;
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use runtime::ids::{AccountId, MerchantId, PersonId};

use super::arrival::Received;
use super::collection::{Collect, Consent, UseChange, UseKind};
use super::policy::{BuyerReviewPolicy, Rules, Terms};
use super::step::{Channel, Desk, Step};
use super::{BuyerReview, BuyerReviewId, Duty, Kind, Outcome, Revision, State};
use crate::buyer_review_error::BuyerReviewError;
use crate::error::QaError;

/// Wednesday 20 May 2020 at ten in the morning in Shanghai.
const NOW: &str = "2020-05-20T02:00:00Z";

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

fn rules() -> Rules {
    BuyerReviewPolicy::built_in().rules
}

fn words(revision: i64, rating: Kind) -> Revision {
    Revision {
        revision,
        rating,
        stars: None,
        text: format!("text {revision}"),
        append_text: String::new(),
        appended_at: None,
        arrived_at: at(NOW) + TimeDelta::minutes(revision),
    }
}

fn received(words: Revision) -> Received {
    Received {
        merchant: MerchantId::new("demo"),
        id: BuyerReviewId { shop: "star".to_owned(), id: "r".to_owned() },
        order: format!("order {}", words.revision),
        product: "p".to_owned(),
        customer: "buyer".to_owned(),
        account: AccountId::new("ann-account"),
        reviewed_at: at(NOW),
        business_day: "2020-05-20".parse().expect("a day"),
        words,
    }
}

fn review(rating: Kind) -> BuyerReview {
    received(words(0, rating)).begin(rules().terms)
}

/// Does something as `ann` at a moment.
fn at_desk<T>(now: DateTime<Utc>, work: impl FnOnce(&Desk<'_>) -> T) -> T {
    let (ann, rules) = (PersonId::new("ann"), rules());
    work(&Desk { by: Some(&ann), now, calendar: &MerchantCalendar::default(), rules: &rules })
}

#[expect(clippy::needless_pass_by_value, reason = "steps are written where they are taken")]
fn step(review: BuyerReview, step: Step) -> Result<BuyerReview, QaError> {
    let etag = review.etag();
    at_desk(at(NOW) + TimeDelta::hours(1), |desk| review.take(&etag, &step, desk))
}

fn refused<T: std::fmt::Debug>(done: Result<T, QaError>) -> String {
    match done.expect_err("is refused") {
        QaError::BuyerReview(error) => format!("{error:?}"),
        QaError::Invalid { violations } => violations[0].field.clone(),
        other => format!("{other:?}"),
    }
}

fn appended(review: &BuyerReview, revision: i64) -> Received {
    let appended_at = Some(review.reviewed_at + TimeDelta::days(1));
    let words = words(revision, Kind::Bad);
    let arrived_at = review.reviewed_at + TimeDelta::days(1);
    received(Revision {
        append_text: "客服来电后解决了".to_owned(), appended_at, arrived_at, ..words
    })
}

fn analyse(review: BuyerReview) -> BuyerReview {
    let (cause, stage) = ("delivery".to_owned(), String::new());
    step(review, Step::Analyse { cause, stage, note: "慢，打13812345678".to_owned() }).expect("analyses")
}

proptest! {
    /// Revisions make the same review in any order, with repeats.
    #[test]
    fn revisions_may_come_in_any_order(
        ratings in prop::collection::vec(0..3_usize, 1..6),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let all: Vec<Received> = (0..).zip(&ratings).map(|(n, kind)| received(words(n, Kind::ALL[*kind]))).collect();
        let shuffled = order.iter().map(|index| index.get(&all).clone()).chain(all.iter().cloned());
        let build = |revisions: Vec<Received>| {
            let mut revisions = revisions.into_iter();
            let first = revisions.next().expect("one").begin(rules().terms);
            revisions.fold(first, |review, received| review.clone().receive(received).unwrap_or(review))
        };
        let (straight, mixed) = (build(all.clone()), build(shuffled.collect()));
        let calendar = MerchantCalendar::default();
        prop_assert_eq!(&straight.revisions, &mixed.revisions);
        prop_assert_eq!((straight.kind(), straight.worst(), straight.state()), (mixed.kind(), mixed.worst(), mixed.state()));
        prop_assert_eq!(straight.duty(&calendar), mixed.duty(&calendar));
        prop_assert_eq!(&straight.order, &mixed.order);
        prop_assert_eq!(mixed.edits, i64::try_from(mixed.revisions.len()).expect("few"), "a repeat changes nothing");
        prop_assert_eq!(straight.worst() as usize, *ratings.iter().max().expect("one"));
    }

    /// A reply is due when its hours of service have passed, and within them.
    #[test]
    fn replies_are_due_in_service_hours(
        from in 0..23_u8, length in 1..23_u8, hours in 1..200_u32, minutes in 0..20_000_i64,
    ) {
        let to = (from + length) % 24;
        let terms = Terms { reply_hours: [hours; 3], service_hours: (from, to), ..rules().terms };
        let calendar = MerchantCalendar::new("Asia/Shanghai", 6).expect("a calendar");
        let start = at(NOW) + TimeDelta::minutes(minutes);
        let due = terms.reply_due(&calendar, start, Kind::Bad).expect("owed");
        let is_open = |at: DateTime<Utc>| {
            (calendar.local_seconds(at) + 86_400 - i64::from(from) * 3_600) % 86_400 < i64::from(length) * 3_600
        };
        // Shanghai's clocks don't change: minutes of service can be counted one by one.
        let mut at = start;
        let mut open = 0;
        while at < due {
            open += i64::from(is_open(at));
            at += TimeDelta::minutes(1);
        }
        prop_assert_eq!(open, i64::from(hours) * 60);
        prop_assert!(is_open(due - TimeDelta::minutes(1)));
    }
}

#[test]
fn deadlines_run_over_the_night_and_the_cut_over() {
    let calendar = MerchantCalendar::new("Asia/Shanghai", 4).expect("a calendar");
    let due = |service_hours, hours, from: &str| {
        let terms = Terms { service_hours, reply_hours: [0, 0, hours], ..rules().terms };
        let due = terms.reply_due(&calendar, from.parse().expect("an instant"), Kind::Bad);
        due.map(|at| at.to_rfc3339())
    };
    let is = |text: &str| Some(at(text).to_rfc3339());
    // Around the clock.
    assert_eq!(due((0, 0), 24, "2020-05-20T23:30:00+08:00"), is("2020-05-21T23:30:00+08:00"));
    // From nine to eleven at night: half an hour before closing, the rest in the morning.
    assert_eq!(due((9, 23), 2, "2020-05-20T22:30:00+08:00"), is("2020-05-21T10:30:00+08:00"));
    // In the night before the cut-over: everything in the morning.
    assert_eq!(due((9, 23), 2, "2020-05-21T02:00:00+08:00"), is("2020-05-21T11:00:00+08:00"));
    // Exactly until closing time is the same evening.
    assert_eq!(due((9, 23), 2, "2020-05-20T21:00:00+08:00"), is("2020-05-20T23:00:00+08:00"));
    // From six in the evening to two at night: over midnight.
    assert_eq!(due((18, 2), 3, "2020-05-21T01:00:00+08:00"), is("2020-05-21T20:00:00+08:00"));
    assert_eq!(due((9, 23), 0, "2020-05-20T21:00:00+08:00"), None);
    // Where clocks are set forward in the night, service still begins at nine on the clock.
    let berlin = MerchantCalendar::new("Europe/Berlin", 0).expect("a calendar");
    let terms = Terms { service_hours: (9, 18), reply_hours: [0, 0, 2], ..rules().terms };
    let due = terms.reply_due(&berlin, at("2026-03-28T17:00:00+01:00"), Kind::Bad);
    assert_eq!(due, Some(at("2026-03-29T10:00:00+02:00")));
}

#[test]
fn stars_decide_where_there_are_some() {
    let check = |stars, rating, kind| assert_eq!(rules().terms.kind(rating, stars), kind, "{stars:?}");
    check(None, Kind::Neutral, Kind::Neutral);
    check(Some(5), Kind::Bad, Kind::Good);
    check(Some(4), Kind::Bad, Kind::Good);
    check(Some(3), Kind::Good, Kind::Neutral);
    check(Some(2), Kind::Good, Kind::Bad);
    let ratings = Terms { good_stars_min: 0, ..rules().terms };
    assert_eq!(ratings.kind(Kind::Bad, Some(5)), Kind::Bad);
}

#[test]
fn a_bad_review_goes_from_cause_to_plan_to_outcome() {
    let calendar = MerchantCalendar::default();
    let bad = review(Kind::Bad);
    assert_eq!((bad.state(), bad.duty(&calendar).map(|duty| duty.0)), (State::Open, Some(Duty::Reply)));
    let analysed = analyse(bad);
    let analysis = analysed.analysis.as_ref().expect("an analysis");
    assert_eq!((analysis.stage.as_str(), analysis.note.as_str()), ("logistics", "慢，打***********"));
    let due_day = "2020-05-22".parse().expect("a day");
    let steps = vec!["致电".to_owned(), "补发".to_owned()];
    let planned = step(analysed, Step::Plan { text: "换快递".to_owned(), due_day, steps }).expect("plans");
    let marked = step(planned, Step::Mark { index: 1, done: true }).expect("marks");
    let plan = marked.plan.as_ref().expect("a plan");
    assert_eq!(plan.steps.iter().map(|step| step.done.is_some()).collect::<Vec<_>>(), [false, true]);
    assert_eq!(
        refused(step(marked.clone(), Step::Mark { index: 2, done: true })),
        "PlanStepUnknown { index: 2 }"
    );
    let text = "抱歉".to_owned();
    let replied = step(marked, Step::Reply { to_comment: false, text, replied_at: None }).expect("replies");
    assert_eq!(replied.duty(&calendar), Some((Duty::Outcome, at("2020-05-22T16:00:00Z"))));

    // Nothing shows yet that the buyer thinks better of it.
    for outcome in [Outcome::FollowedUpGood, Outcome::Changed] {
        let end = Step::End { outcome, note: String::new() };
        assert_eq!(refused(step(replied.clone(), end)), "OutcomeUnproven");
    }
    let judge = Step::Judge { kind: Kind::Good, note: String::new() };
    assert_eq!(refused(step(replied.clone(), judge.clone())), "NoAddedComment");
    let followed_up = replied.clone().receive(appended(&replied, 1)).expect("new");
    assert_eq!((followed_up.kind(), followed_up.state()), (Kind::Bad, State::Planned));
    let won = step(followed_up, judge).expect("judges");
    assert!(won.is_won_back() && won.kind() == Kind::Good && won.worst() == Kind::Bad);
    assert_eq!(won.state(), State::Ended);
    let outcome = Outcome::FollowedUpGood;
    let ended = step(won, Step::End { outcome, note: "满意".to_owned() }).expect("ends");
    assert_eq!(refused(step(ended.clone(), Step::End { outcome, note: String::new() })), "Ended");

    // Another comment is judged anew: what was said of the first no longer holds.
    let mut again = appended(&ended, 2);
    again.words.appended_at = Some(ended.reviewed_at + TimeDelta::days(9));
    let again = ended.receive(again).expect("new");
    assert_eq!((again.kind(), again.comment_kind()), (Kind::Bad, None));
    let reopened = step(again, Step::Reopen { note: "又坏了".to_owned() }).expect("reopens");
    assert_eq!(reopened.state(), State::Planned);
    assert_eq!(refused(step(reopened, Step::Reopen { note: "?".to_owned() })), "NotEnded");
}

#[test]
fn steps_ask_for_what_makes_sense() {
    let good = review(Kind::Good);
    let cause = |cause: &str, stage: &str| Step::Analyse {
        cause: cause.to_owned(),
        stage: stage.to_owned(),
        note: String::new(),
    };
    assert_eq!(refused(step(good, cause("delivery", ""))), "NotBad");
    assert_eq!(refused(step(review(Kind::Bad), cause("none", ""))), "analyse.cause_id");
    assert_eq!(refused(step(review(Kind::Bad), cause("delivery", "none"))), "analyse.stage_id");
    let neutral =
        step(review(Kind::Neutral), cause("delivery", "product")).expect("neutral ones may be worked on");
    assert_eq!(neutral.state(), State::Analysed);
    let plan = |day: &str| Step::Plan {
        text: "x".to_owned(),
        due_day: day.parse().expect("a day"),
        steps: Vec::new(),
    };
    assert_eq!(refused(step(review(Kind::Bad), plan("2020-05-19"))), "plan.due_day");
    assert_eq!(refused(step(review(Kind::Bad), plan("2021-06-01"))), "plan.due_day");
    let reply = |at: &str| Step::Reply {
        to_comment: false,
        text: "x".to_owned(),
        replied_at: Some(at.parse().expect("an instant")),
    };
    assert_eq!(refused(step(review(Kind::Bad), reply("2020-05-20T01:59:59Z"))), "reply.replied_at");
    assert_eq!(refused(step(review(Kind::Bad), reply("2020-05-20T03:00:01Z"))), "reply.replied_at");
    let stale = at_desk(at(NOW), |desk| review(Kind::Bad).take("other", &cause("delivery", ""), desk));
    assert!(matches!(stale, Err(QaError::EtagMismatch)));
}

#[test]
fn the_first_reply_counts_and_others_are_versions() {
    let calendar = MerchantCalendar::default();
    let reply = |at: &str| Step::Reply {
        to_comment: false,
        text: "x".to_owned(),
        replied_at: Some(at.parse().expect("an instant")),
    };
    let bad = review(Kind::Bad);
    let deadline = bad.reply_deadline(&calendar).expect("owed");
    assert_eq!((deadline.in_time(deadline.due_at), deadline.due_at), (None, at("2020-05-21T02:00:00Z")));
    assert_eq!(deadline.in_time(deadline.due_at + TimeDelta::seconds(1)), Some(false));
    let twice = step(step(bad, reply("2020-05-20T02:30:00Z")).expect("first"), reply("2020-05-20T02:40:00Z"));
    let twice = twice.expect("second");
    let deadline = twice.reply_deadline(&calendar).expect("owed");
    assert_eq!((twice.replies.len(), deadline.replied_at), (2, Some(at("2020-05-20T02:30:00Z"))));
    assert_eq!(deadline.in_time(at("2020-07-01T00:00:00Z")), Some(true));
}

#[test]
fn history_owes_nothing() {
    let mut late = received(words(0, Kind::Bad));
    late.words.arrived_at = late.reviewed_at + TimeDelta::days(8);
    let late = late.begin(rules().terms);
    let calendar = MerchantCalendar::default();
    assert!(late.is_history() && late.reply_deadline(&calendar).is_none() && late.duty(&calendar).is_none());
    assert_eq!(late.state(), State::Open);
}

fn consent(review: BuyerReview, state: Consent, uses: &[UseKind]) -> Result<BuyerReview, QaError> {
    let etag = review.etag();
    let said = (Channel::Phone, uses, "13812345678 说可以");
    at_desk(at(NOW), |desk| review.record_consent(&etag, state, said, desk))
}

fn collect(review: BuyerReview, remove: bool) -> Result<BuyerReview, QaError> {
    let etag = review.etag();
    let collect = Collect { tags: vec!["皮肤".to_owned()], note: "好".to_owned(), remove };
    at_desk(at(NOW), |desk| review.collect(&etag, &collect, desk))
}

#[test]
fn a_withdrawn_consent_takes_the_review_out_at_once() {
    let collected = collect(review(Kind::Good), false).expect("collects");
    let usage = |kind| UseChange::Start { kind, place: "首页".to_owned() };
    let used = |review: &BuyerReview, change: UseChange| {
        at_desk(at(NOW), |desk| review.clone().record_use(&change, desk))
    };
    assert_eq!(refused(used(&collected, usage(UseKind::Chat))), "ConsentMissing");
    let asked = consent(collected, Consent::Asked, &[]).expect("asks");
    let given = consent(asked, Consent::Given, &[UseKind::Chat, UseKind::CallBack]).expect("gives");
    assert_eq!(refused(used(&given, usage(UseKind::Advertising))), "ConsentMissing");
    let used_once = used(&given, usage(UseKind::Chat)).expect("is allowed");
    let withdrawn = consent(used_once, Consent::Withdrawn, &[]).expect("withdraws");
    let place = withdrawn.collection.as_ref().expect("a place");
    assert!(!place.collected && place.allowed().is_empty());
    assert_eq!(place.to_end(), [place.uses[0].id]);
    assert_eq!(place.consents[0].note, "*********** 说可以");
    assert_eq!(refused(used(&withdrawn, usage(UseKind::Chat))), "ConsentMissing");
    assert_eq!(refused(collect(withdrawn.clone(), false)), "ConsentWithdrawn");
    let ended = used(&withdrawn, UseChange::End(place.uses[0].id)).expect("ends");
    assert!(ended.collection.as_ref().expect("a place").to_end().is_empty());
    assert_eq!(refused(used(&ended, UseChange::End(place.uses[0].id))), "UseEnded");
    // Only a new consent brings it back.
    let again = consent(ended, Consent::Given, &[UseKind::Chat]).expect("gives anew");
    assert!(collect(again, false).expect("collects").collection.expect("a place").collected);
}

#[test]
fn consent_follows_an_order_and_good_reviews_only() {
    let good = || review(Kind::Good);
    let order = |now, next| format!("{:?}", BuyerReviewError::ConsentOrder { now, next });
    assert_eq!(refused(consent(good(), Consent::Withdrawn, &[])), order("unasked", "withdrawn"));
    assert_eq!(refused(consent(good(), Consent::Given, &[])), "uses");
    assert_eq!(refused(consent(good(), Consent::Asked, &[UseKind::Chat])), "uses");
    assert_eq!(refused(consent(review(Kind::Bad), Consent::Asked, &[])), "NotGood");
    assert_eq!(refused(collect(review(Kind::Neutral), false)), "NotGood");
    let given = consent(good(), Consent::Given, &[UseKind::Chat]).expect("gives");
    assert_eq!(refused(consent(given, Consent::Refused, &[])), order("given", "refused"));
    // A review that turns bad leaves the collection, and the buyer can still take the consent back.
    let collected = collect(consent(good(), Consent::Given, &[UseKind::Chat]).expect("gives"), false);
    let turned = collected.expect("collects").receive(received(words(1, Kind::Bad))).expect("new");
    assert!(!turned.collection.as_ref().expect("a place").collected);
    assert!(consent(turned, Consent::Withdrawn, &[]).is_ok());
}

#[test]
fn erased_reviews_keep_what_is_counted_and_no_word() {
    let analysed = analyse(review(Kind::Bad));
    let text = "抱歉，青花".to_owned();
    let replied = step(analysed, Step::Reply { to_comment: false, text, replied_at: None }).expect("replies");
    let (kind, state) = (replied.kind(), replied.state());
    let erased = replied.erase(at(NOW));
    let kept = serde_json::to_string(&erased).expect("is JSON");
    for word in ["text 0", "buyer\"", "order 0", "青花", "慢"] {
        assert!(!kept.contains(word), "{word} in {kept}");
    }
    assert_eq!((erased.kind(), erased.state()), (kind, state));
    assert_eq!(erased.duty(&MerchantCalendar::default()), None);
    // A later revision counts and brings no word back.
    let changed = erased.receive(received(words(3, Kind::Good))).expect("new");
    assert_eq!((changed.kind(), changed.newest().text.as_str()), (Kind::Good, ""));
    assert!(changed.customer.is_empty() && changed.order.is_empty());
    let reopen = Step::Reopen { note: "x".to_owned() };
    assert_eq!(refused(step(changed, reopen)), "Erased");
}

#[test]
fn a_policy_is_whole_and_is_not_overwritten() {
    let first = BuyerReviewPolicy::built_in();
    let field = |change: fn(&mut Rules)| {
        let mut rules = rules();
        change(&mut rules);
        refused(BuyerReviewPolicy::built_in().successor(&first.etag(), rules, at(NOW)))
    };
    assert_eq!(field(|rules| rules.terms.bad_stars_max = 4), "rules.bad_stars_max");
    assert_eq!(field(|rules| rules.stages[1].id = "pre-sale".to_owned()), "rules.stages[1].stage_id");
    assert_eq!(field(|rules| rules.causes[1].id = "quality".to_owned()), "rules.causes[1].cause_id");
    assert_eq!(field(|rules| rules.causes[0].stage = "none".to_owned()), "rules.causes[0].stage_id");
    let second = first.successor(&first.etag(), rules(), at(NOW)).expect("is whole");
    assert_eq!((second.version(), second.created_at), (1, at(NOW)));
    assert!(matches!(second.successor(&first.etag(), rules(), at(NOW)), Err(QaError::EtagMismatch)));
    let mut retired = rules();
    retired.causes[0].retired = true;
    assert!(retired.find("quality", "").is_err() && retired.find("delivery", "").is_ok());
}
