//! Complaints that are alike: the rule of level 2 that looks at what they have in common, not at how many there are.

use chrono::TimeDelta;
use events::Payload;
use proto::access::Role;
use proto::metrics::v1 as pb;
use proto::metrics::v1::fact::Body;
use testkit::{EventCollector, TestCaller, caller, eventually};
use tonic::{Code, Status};

use crate::alert_support::{LIMIT, alert_that, client, lead, list_as, looked_at, of_rule, resolve_as, shop};
use crate::fact_support::{fact, order, revised};
use crate::support::{TestMetrics, days};

const RULE: &str = "builtin-2-like-complaints";

/// A complaint of a customer of its own at a local time.
fn complaint(id: &str, at: &str, cause: &str, order: &str) -> pb::Fact {
    let body = Body::Complaint(pb::Complaint {
        severity: pb::ComplaintSeverity::Ordinary.into(),
        cause: cause.to_owned(),
        order_id: order.to_owned(),
        ..Default::default()
    });
    pb::Fact { customer_id: format!("b-{id}"), ..fact(id, at, body) }
}

async fn complain(test: &TestMetrics, id: &str, at: &str, cause: &str) {
    complain_as(test, &caller(), id, at, cause).await;
}

async fn complain_as(test: &TestMetrics, who: &TestCaller, id: &str, at: &str, cause: &str) {
    let answer = test.send_facts_as(who, vec![complaint(id, at, cause, "")]).await.expect("takes it");
    assert!(answer.rejects.is_empty(), "{answer:?}");
}

fn like(alert: &pb::Alert) -> pb::LikeComplaints {
    alert.evidence.clone().expect("evidence").like.expect("complaints that are alike")
}

fn content(alike: pb::AlertLikeComplaints) -> pb::AlertRuleContent {
    pb::AlertRuleContent {
        name: "同一商品".to_owned(),
        level: pb::AlertLevel::Local.into(),
        scope: pb::AlertScope::Shop.into(),
        like_complaints: Some(alike),
        steps: vec![pb::AlertStep { role: Role::Supervisor.into(), after_minutes: 0 }],
        enabled: true,
        ..Default::default()
    }
}

async fn preview(test: &TestMetrics, content: pb::AlertRuleContent) -> Result<Vec<pb::AlertFinding>, Status> {
    let message = pb::PreviewAlertRuleRequest { content: Some(content) };
    Ok(client(test).preview_alert_rule(test.by(&lead(), message)).await?.into_inner().findings)
}

#[tokio::test(flavor = "multi_thread")]
async fn three_like_complaints_are_one_alert_that_names_their_cause() {
    let test = shop().await;
    let collector = EventCollector::start(&test.nats).await;
    complain(&test, "c-1", "2020-06-29T18:00:00", "色差，严重").await;
    complain(&test, "c-2", "2020-06-30T08:00:00", "色差 严重！").await;
    // Made more than 24 hours ago.
    complain(&test, "c-0", "2020-06-29T09:00:00", "色差严重").await;
    looked_at(&test).await;
    assert_eq!(of_rule(&test, &caller(), RULE).await, []);

    complain(&test, "c-3", "2020-06-30T09:00:00", "色差严重").await;
    let raised = alert_that(&test, RULE, |_| true).await;
    assert_eq!((raised.level(), raised.key.as_str()), (pb::AlertLevel::Local, "star"));
    assert!(raised.title.contains("色差严重"), "{}", raised.title);
    let evidence = raised.evidence.clone().expect("evidence");
    assert_eq!(
        (evidence.measure(), evidence.numerator, evidence.limit),
        (pb::Measure::Complaints, 3, Some(3.0))
    );
    assert_eq!(evidence.days, days("2020-06-29", "2020-06-30"));
    let alike = like(&raised);
    assert_eq!((alike.cause.as_str(), alike.product_id.as_str(), alike.customers), ("色差严重", "", 3));
    assert_eq!(alike.complaint_ids, ["c-1", "c-2", "c-3"]);

    complain(&test, "c-4", "2020-06-30T09:30:00", "色差严重").await;
    let again = alert_that(&test, RULE, |alert| alert.occurrences > 1).await;
    assert_eq!(again.alert_id, raised.alert_id, "a fourth is counted up");
    assert_eq!(like(&again).complaint_ids.len(), 4);
    let by_key =
        pb::ListAlertsRequest { key: "star".to_owned(), rule_id: RULE.to_owned(), ..Default::default() };
    assert_eq!(list_as(&test, &caller(), by_key).await.len(), 1, "it is found by its shop");
    let told = |payload: &Payload| match payload {
        Payload::AlertRaised(raised) if raised.rule_id == RULE => Some(raised.clone()),
        _ => None,
    };
    let event = collector.wait_for(1, told).await.remove(0);
    assert_eq!((event.title, event.key), (raised.title.clone(), raised.key.clone()));
    assert_eq!(event.roles, [Role::Supervisor, Role::CrisisSpecialist].map(i32::from));

    // A day on nobody has complained any more.
    test.clock.advance(TimeDelta::hours(25));
    // Meanwhile everybody was told, since nobody took care of it.
    let is_over = |alert: &pb::Alert| alert.cleared_at.is_some() && alert.told_roles.len() == 4;
    let over = alert_that(&test, RULE, is_over).await;
    resolve_as(&test, &caller(), &over).await.expect("resolves");
    for (id, minute) in [("d-1", 0), ("d-2", 1), ("d-3", 2)] {
        complain(&test, id, &format!("2020-07-01T10:0{minute}:00"), "色差严重").await;
    }
    let anew = alert_that(&test, RULE, |_| true).await;
    assert_ne!(anew.alert_id, raised.alert_id, "it is about other complaints");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_cause_has_an_alert_of_its_own() {
    let test = shop().await;
    for cause in ["色差", "少件"] {
        for n in 1..=3 {
            complain(&test, &format!("{cause}-{n}"), "2020-06-30T09:00:00", cause).await;
        }
    }
    let mut causes = Vec::new();
    eventually(LIMIT, async || {
        causes = of_rule(&test, &caller(), RULE).await.iter().map(|alert| like(alert).cause).collect();
        causes.len() == 2
    })
    .await;
    causes.sort();
    assert_eq!(causes, ["少件", "色差"]);
    let keys: Vec<_> = of_rule(&test, &caller(), RULE).await.into_iter().map(|alert| alert.key).collect();
    assert_eq!(keys, ["star", "star"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn unlike_complaints_and_those_of_others_raise_nothing() {
    let test = shop().await;
    for (id, cause) in
        [("c-1", "色差"), ("c-2", "少件"), ("c-3", "发错货"), ("c-4", ""), ("c-5", ""), ("c-6", "")]
    {
        complain(&test, id, "2020-06-30T09:00:00", cause).await;
    }
    // Two of this merchant's and two of another's.
    complain(&test, "c-7", "2020-06-30T09:00:00", "色差").await;
    let other = caller().of("other");
    for id in ["o-1", "o-2"] {
        complain_as(&test, &other, id, "2020-06-30T09:00:00", "色差").await;
    }
    // Another shop's, and one that was turned down.
    let elsewhere =
        pb::Fact { shop_id: "moon".to_owned(), ..complaint("m-1", "2020-06-30T09:00:00", "色差", "") };
    let mut turned_down = complaint("t-1", "2020-06-30T09:00:00", "色差", "");
    let Some(Body::Complaint(body)) = &mut turned_down.body else { panic!("is a complaint") };
    body.upheld = Some(false);
    test.send_facts(vec![elsewhere, turned_down.clone()]).await;
    looked_at(&test).await;
    assert_eq!(of_rule(&test, &caller(), RULE).await, []);
    assert_eq!(of_rule(&test, &other, RULE).await, []);

    // The platform thinks better of it.
    let Some(Body::Complaint(body)) = &mut turned_down.body else { panic!("is a complaint") };
    body.upheld = Some(true);
    test.send_facts(vec![revised(turned_down, 1)]).await;
    let raised = alert_that(&test, RULE, |_| true).await;
    assert_eq!(like(&raised).complaint_ids, ["c-1", "c-7", "t-1"]);
    assert_eq!(of_rule(&test, &other, RULE).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_by_product_is_tried_before_it_is_put() {
    let test = shop().await;
    let mut facts = Vec::new();
    for (id, product, cause) in [("1", "p-1", "色差"), ("2", "p-1", "少件"), ("3", "p-2", "色差")] {
        let mut bought = fact(&format!("o-{id}"), "2020-06-29T09:00:00", order(&[product]));
        let mut complained = complaint(&format!("c-{id}"), "2020-06-30T09:00:00", cause, &bought.fact_id);
        bought.customer_id = format!("b-{id}");
        complained.customer_id = format!("b-{id}");
        facts.extend([bought, complained]);
    }
    test.send_facts(facts).await;
    let by_product = pb::AlertLikeComplaints {
        likeness: pb::AlertLikeness::Product.into(),
        complaints_min: 2,
        ..Default::default()
    };
    let told = |findings: Vec<pb::AlertFinding>| -> Vec<_> {
        let one = |finding: pb::AlertFinding| {
            let evidence = finding.evidence.expect("evidence");
            let alike = evidence.like.expect("complaints");
            (alike.product_id, alike.cause, evidence.numerator, finding.alarm)
        };
        findings.into_iter().map(one).collect()
    };
    let found = told(preview(&test, content(by_product)).await.expect("tries"));
    let row = |product: &str, cause: &str, count, alarm| (product.to_owned(), cause.to_owned(), count, alarm);
    assert_eq!(found, [row("p-1", "", 2, true), row("p-2", "", 1, false)]);
    let both = pb::AlertLikeComplaints { likeness: pb::AlertLikeness::CauseAndProduct.into(), ..by_product };
    let found = told(preview(&test, content(both)).await.expect("tries"));
    assert!(
        found.len() == 3
            && found.iter().all(|(product, cause, count, alarm)| {
                !product.is_empty() && !cause.is_empty() && *count == 1 && !alarm
            })
    );
    assert_eq!(list_as(&test, &caller(), pb::ListAlertsRequest::default()).await, [], "nothing was raised");

    // What is left out takes its usual value, and is told.
    let least = pb::AlertLikeComplaints { likeness: pb::AlertLikeness::Cause.into(), ..Default::default() };
    let message = pb::CreateAlertRuleRequest {
        rule_id: "alike".to_owned(),
        content: Some(content(least)),
        request_id: String::new(),
    };
    let made = client(&test).create_alert_rule(test.by(&caller(), message)).await.expect("creates");
    let put =
        made.into_inner().rule.and_then(|rule| rule.content).and_then(|content| content.like_complaints);
    assert_eq!(put, Some(pb::AlertLikeComplaints { window_hours: 24, complaints_min: 3, ..least }));
    let get = pb::GetAlertRuleRequest { rule_id: RULE.to_owned() };
    let built_in = client(&test).get_alert_rule(test.by(&lead(), get)).await.expect("answers").into_inner();
    let built_in = built_in.rule.and_then(|rule| rule.content).and_then(|content| content.like_complaints);
    assert_eq!(built_in, put, "as the built-in one has them");

    let check = async |edit: fn(&mut pb::AlertRuleContent), field: &str| {
        let mut wrong = content(by_product);
        edit(&mut wrong);
        let refused = preview(&test, wrong).await.expect_err(field);
        let violations = status::Problem::from_status(&refused).violations;
        assert_eq!((refused.code(), violations[0].field.as_str()), (Code::InvalidArgument, field));
    };
    fn alike(content: &mut pb::AlertRuleContent) -> &mut pb::AlertLikeComplaints {
        content.like_complaints.as_mut().expect("is by complaints")
    }
    check(|content| alike(content).complaints_min = 1, "content.like_complaints.complaints_min").await;
    check(|content| alike(content).window_hours = 169, "content.like_complaints.window_hours").await;
    check(|content| alike(content).likeness = 0, "content.like_complaints.likeness").await;
    check(|content| content.signal = pb::AlertSignal::Media.into(), "content.like_complaints").await;
    check(|content| content.scope = pb::AlertScope::Team.into(), "content.scope").await;
}
