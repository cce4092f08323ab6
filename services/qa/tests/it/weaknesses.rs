//! Who is clearly worse than their colleagues becomes a training need, until it got better.

use std::time::Duration;

use chrono::TimeDelta;
use proto::events::v1::WeaknessFound;
use proto::qa::v1 as pb;
use proto::qa::v1::weakness_service_client::WeaknessServiceClient;
use testkit::{EventCollector, TestCaller, eventually};

use crate::builders::{DAY, a_submission, agent, lead, long_chats, manager, may, reviewer};
use crate::checking::saying;
use crate::support::TestQa;

const WITHIN: Duration = Duration::from_secs(60);

async fn listed(test: &TestQa, who: &TestCaller, message: pb::ListWeaknessesRequest) -> Vec<pb::Weakness> {
    let mut client = WeaknessServiceClient::new(test.channel.clone());
    client.list_weaknesses(test.by(who, message)).await.expect("lists").into_inner().weaknesses
}

fn told(events: &EventCollector) -> Vec<WeaknessFound> {
    let payloads = events.events().into_iter().filter_map(|event| event.payload);
    let told = payloads.filter_map(|payload| match payload {
        events::Payload::WeaknessFound(found) => Some(found),
        _ => None,
    });
    told.collect()
}

/// Waits until the day before the clock's was looked at.
async fn looked(test: &TestQa, day: i32) {
    let sql = format!("SELECT count(*) FROM qa.weakness_looks WHERE business_day = '2020-05-{day}'");
    eventually(WITHIN, async || test.count(&sql).await == 1).await;
}

/// `count` chats of everybody on a day; the first `bad` of Ann's say a forbidden word.
async fn chats_of(test: &TestQa, day: i32, count: usize, bad: usize) {
    let mut chats = Vec::new();
    for account in ["ann-account", "ben-account", "zoe-account"] {
        for n in 0..count {
            let word = if account == "ann-account" && n < bad { "加微信" } else { "好" };
            let mut chat = saying(&format!("{account}-{day}-{n}"), account, &["好吗", word]);
            chat.business_day = Some(may(day));
            chats.push(chat);
        }
    }
    test.checked(&chats).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_somebody_breaks_too_often_is_a_weakness_until_it_got_better() {
    let test = TestQa::with_rules().await;
    looked(&test, 19).await;
    let events = EventCollector::start(&test.nats).await;
    chats_of(&test, 20, 40, 15).await;
    test.clock.set("2020-05-21T10:00:00+08:00");
    looked(&test, 20).await;
    let found = listed(&test, &manager(), pb::ListWeaknessesRequest::default()).await;
    assert_eq!(found.len(), 1, "{found:?}");
    let weakness = &found[0];
    assert_eq!((weakness.person_id.as_str(), weakness.subject_id.as_str()), ("ann", "wechat"));
    assert_eq!((weakness.kind(), weakness.evidence.len()), (pb::WeaknessKind::Rule, 15));
    let finding = weakness.finding.expect("a finding");
    let (own, others) = (finding.own.expect("a figure"), finding.others.expect("a figure"));
    // Ben is Ann's team; Zoe is another.
    assert_eq!((own.sample, others.sample, others.value), (40, 40, 0.0));
    assert!((own.value - 0.375).abs() < 1e-9 && own.low > others.high, "{own:?} {others:?}");
    let hits: Vec<_> = test
        .hits_of(
            &manager(),
            pb::ListHitsRequest { days: crate::builders::only(may(20)), ..Default::default() },
        )
        .await;
    assert!(weakness.evidence.iter().all(|one| hits.iter().any(|hit| hit.hit_id == one.hit_id)));

    // The next day is as bad: no second one. Then a clean week.
    test.clock.set("2020-05-22T10:00:00+08:00");
    looked(&test, 21).await;
    chats_of(&test, 22, 60, 0).await;
    test.clock.set("2020-05-23T10:00:00+08:00");
    looked(&test, 22).await;
    let found = listed(&test, &manager(), pb::ListWeaknessesRequest::default()).await;
    let better = found[0].better.expect("it got better");
    assert_eq!((found.len(), better.own.expect("a figure").sample), (1, 60));
    // The bad day is still among the 28 days, but it is made up for.
    test.clock.set("2020-05-24T10:00:00+08:00");
    looked(&test, 23).await;
    let open = pb::ListWeaknessesRequest { open: true, ..Default::default() };
    assert!(listed(&test, &manager(), open).await.is_empty());
    eventually(WITHIN, async || told(&events).len() == 2).await;
    let states: Vec<_> =
        told(&events).iter().map(|told| (told.weakness_id.clone(), told.closed_at.is_some())).collect();
    assert_eq!(states, [(weakness.weakness_id.clone(), false), (weakness.weakness_id.clone(), true)]);

    for (name, who, count) in [
        ("own", agent("ann"), 1),
        ("a colleague", agent("ben"), 0),
        ("the lead", lead("lea"), 1),
        ("a lead of no team", lead("zoe"), 0),
        ("another merchant", manager().of("other"), 0),
    ] {
        let seen = listed(&test, &who, pb::ListWeaknessesRequest::default()).await;
        assert_eq!(seen.len(), count, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_criterion_that_reviews_find_low_is_a_weakness() {
    let chats = [long_chats("ann-account", 14), long_chats("ben-account", 14)].concat();
    let test = TestQa::with_day(&chats).await;
    looked(&test, 19).await;
    test.draw(DAY).await;
    for review in test.reviews().await {
        let mut submission = a_submission(&review);
        if review.account_id == "ann-account" {
            submission.scores[2].points = Some(1);
        }
        let who = reviewer(&review.reviewer_person_id);
        test.client().submit_review(test.by(&who, submission)).await.expect("submits");
    }
    test.clock.advance(TimeDelta::days(1));
    looked(&test, 20).await;
    let found = listed(&test, &manager(), pb::ListWeaknessesRequest::default()).await;
    let kinds: Vec<_> =
        found.iter().map(|one| (one.person_id.as_str(), one.subject_id.as_str(), one.kind())).collect();
    assert_eq!(kinds, [("ann", "attitude", pb::WeaknessKind::Criterion)]);
    let own = found[0].finding.and_then(|finding| finding.own).expect("a figure");
    assert_eq!((own.value, own.sample), (0.25, 14));
    assert_eq!(found[0].evidence.len(), 14);
    assert!(found[0].evidence.iter().all(|one| !one.review_id.is_empty() && one.hit_id.is_empty()));
}
