//! Alerts: raised by figures and reports, told, escalated, resolved; and their rules.

use chrono::TimeDelta;
use events::Payload;
use proto::access::Role;
use proto::events::v1::AlertRaised;
use proto::metrics::v1 as pb;
use proto::metrics::v1::fact::Body;
use testkit::{EventCollector, TestCaller, caller, eventually};
use tonic::{Code, Status};

use crate::alert_support::{
    LIMIT, acknowledge_as, agent, alert_that, client, entries, lead, list_as, looked_at, of_rule, resolve_as,
    shop, supervisor,
};
use crate::fact_support::{fact, review};
use crate::support::{TestMetrics, chat, days, reason};

async fn complain(test: &TestMetrics, number: usize) {
    let complaint = Body::Complaint(pb::Complaint {
        severity: pb::ComplaintSeverity::Ordinary.into(),
        // Without a cause none is like another: that rule has tests of its own.
        ..Default::default()
    });
    let fact = pb::Fact {
        customer_id: format!("b-{number}"),
        ..fact(&format!("complaint-{number}"), "2020-06-30T09:00:00", complaint)
    };
    test.send_facts(vec![fact]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn complaints_raise_one_alert_that_climbs_until_somebody_takes_it() {
    let rule = "builtin-2-complaints";
    let test = shop().await;
    let collector = EventCollector::start(&test.nats).await;
    for number in 1..=4 {
        complain(&test, number).await;
    }
    looked_at(&test).await;
    assert_eq!(of_rule(&test, &caller(), rule).await, []);
    complain(&test, 5).await;
    let raised = alert_that(&test, rule, |_| true).await;
    let evidence = raised.evidence.clone().expect("a figure");
    assert_eq!((evidence.numerator, evidence.value, evidence.limit), (5, Some(5.0), Some(5.0)));
    assert_eq!((evidence.measure(), evidence.definition_version), (pb::Measure::Complaints, 1));
    assert_eq!(evidence.days, days("2020-06-30", "2020-06-30"));
    assert_eq!((raised.level(), raised.key.as_str()), (pb::AlertLevel::Local, "star"));
    assert_eq!(raised.told_roles, [Role::Supervisor, Role::CrisisSpecialist].map(i32::from));

    complain(&test, 6).await;
    let worse = alert_that(&test, rule, |alert| alert.occurrences > 1).await;
    assert_eq!(worse.alert_id, raised.alert_id, "it is not raised again");
    assert_eq!(worse.worst.as_ref().map(|worst| worst.numerator), Some(6));

    test.clock.advance(TimeDelta::minutes(30));
    let told = alert_that(&test, rule, |alert| alert.told_roles.len() == 3).await;
    assert_eq!(told.told_roles.last(), Some(&i32::from(Role::Operations)));
    let taken = acknowledge_as(&test, &supervisor(), &raised.alert_id).await.expect("acknowledges");
    assert_eq!((taken.state(), taken.escalates_at), (pb::AlertState::Acknowledged, None));
    let again = acknowledge_as(&test, &caller(), &raised.alert_id).await.expect("changes nothing");
    assert_eq!(again.acknowledged.expect("somebody").person_id, "p9");
    test.clock.advance(TimeDelta::hours(5));

    let old = resolve_as(&test, &supervisor(), &raised).await.expect_err("the etag is old");
    assert_eq!((old.code(), reason(&old).as_str()), (Code::Aborted, "ALERT_CHANGED"));
    let done = resolve_as(&test, &supervisor(), &taken).await.expect("resolves");
    assert_eq!((done.state(), done.outcome()), (pb::AlertState::Resolved, pb::AlertOutcome::Handled));
    assert!(!done.resolved.expect("somebody").note.contains("13812345678"), "is redacted");
    test.send(vec![chat("c", "a1", "b", "2020-06-30T09:00:00", &["0 C", "9 A"])]).await;
    looked_at(&test).await;
    assert_eq!(of_rule(&test, &caller(), rule).await.len(), 1, "the same figure is not raised anew");
    complain(&test, 7).await;
    let anew = alert_that(&test, rule, |_| true).await;
    assert_ne!(anew.alert_id, raised.alert_id, "a worse one is");

    let events: Vec<AlertRaised> = collector
        .wait_for(3, |payload| match payload {
            Payload::AlertRaised(raised) => Some(raised.clone()),
            _ => None,
        })
        .await;
    let of_first = |event: &&AlertRaised| event.alert_id == raised.alert_id;
    let roles: Vec<Vec<i32>> = events.iter().filter(of_first).map(|event| event.roles.clone()).collect();
    let first = [Role::Supervisor, Role::CrisisSpecialist].map(i32::from).to_vec();
    assert_eq!(roles, [first, vec![i32::from(Role::Operations)]]);
    let kinds: Vec<_> =
        entries(&test, &caller(), &raised.alert_id).await.iter().map(pb::AlertEntry::kind).collect();
    assert_eq!(
        kinds,
        [
            pb::AlertEntryKind::Raised,
            pb::AlertEntryKind::Told,
            pb::AlertEntryKind::Worsened,
            pb::AlertEntryKind::Told,
            pb::AlertEntryKind::Acknowledged,
            pb::AlertEntryKind::Resolved,
        ]
    );
    let audited = format!("SELECT count(*) FROM audit_entries WHERE entity = 'alert/{}'", raised.alert_id);
    assert_eq!(test.count(&audited).await, 5);
}

fn slow_agents() -> pb::AlertRuleContent {
    let step = |role: Role, after_minutes| pb::AlertStep { role: role.into(), after_minutes };
    pb::AlertRuleContent {
        name: "首响慢: slow first answers".to_owned(),
        level: pb::AlertLevel::Potential.into(),
        scope: pb::AlertScope::Agent.into(),
        figure: Some(pb::AlertFigure {
            measure: pb::Measure::FirstResponse.into(),
            window: Some(pb::AlertWindow { days: 1, hours: 0 }),
            sample_min: 2,
            threshold: Some(pb::AlertThreshold { direction: pb::AlertDirection::High.into(), value: 60.0 }),
            ..Default::default()
        }),
        steps: vec![step(Role::Agent, 0), step(Role::Lead, 30), step(Role::Supervisor, 60)],
        enabled: true,
        ..Default::default()
    }
}

async fn create_rule(
    test: &TestMetrics,
    id: &str,
    content: pb::AlertRuleContent,
) -> Result<pb::AlertRule, Status> {
    let message = pb::CreateAlertRuleRequest {
        rule_id: id.to_owned(),
        content: Some(content),
        request_id: "r-1".to_owned(),
    };
    let created = client(test).create_alert_rule(test.by(&caller(), message)).await?;
    Ok(created.into_inner().rule.expect("a rule"))
}

async fn slow_chats(test: &TestMetrics, account: &str) {
    let messages = ["0 C", "90 A"];
    let slow = |n: i32| {
        let id = format!("{account}-{n}");
        chat(&id, account, &id, "2020-06-30T09:00:00", &messages)
    };
    test.send((0..2).map(slow).collect()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_about_people_are_theirs_and_their_leads() {
    let test = shop().await;
    create_rule(&test, "slow", slow_agents()).await.expect("creates");
    slow_chats(&test, "a1").await;
    slow_chats(&test, "a3").await;
    eventually(LIMIT, async || of_rule(&test, &caller(), "slow").await.len() == 2).await;
    let keys = async |who: TestCaller| {
        let mut keys: Vec<_> =
            of_rule(&test, &who, "slow").await.into_iter().map(|alert| alert.key).collect();
        keys.sort();
        keys
    };
    assert_eq!(keys(supervisor()).await, ["p1", "p3"]);
    assert_eq!(keys(agent("p1")).await, ["p1"]);
    assert_eq!(keys(lead()).await, ["p1"]);
    assert_eq!(keys(caller().of("other")).await, Vec::<String>::new());
    let alerts = of_rule(&test, &caller(), "slow").await;
    let of =
        |person: &str| alerts.iter().find(|alert| alert.key == person).expect("has one").alert_id.clone();
    let hidden = acknowledge_as(&test, &agent("p1"), &of("p3")).await.expect_err("is another's");
    assert_eq!((hidden.code(), reason(&hidden).as_str()), (Code::NotFound, "ALERT_NOT_FOUND"));
    let own = acknowledge_as(&test, &agent("p1"), &of("p1")).await.expect("is their own");
    assert_eq!(own.evidence.expect("a figure").value, Some(90.0));
    let resolved = resolve_as(&test, &agent("p1"), &alerts[0]).await.expect_err("agents don't");
    assert_eq!(resolved.code(), Code::PermissionDenied);
    let comment = pb::CommentAlertRequest {
        alert_id: of("p1"),
        text: "call 13812345678".to_owned(),
        request_id: "m".to_owned(),
    };
    let said =
        client(&test).comment_alert(test.by(&lead(), comment.clone())).await.expect("says").into_inner();
    let again = client(&test).comment_alert(test.by(&lead(), comment)).await.expect("repeats").into_inner();
    assert_eq!(said, again);
    assert!(!said.entry.expect("an entry").text.contains("13812345678"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_report_is_one_alert_for_all_who_do() {
    let test = shop().await;
    let report = async |who: &TestCaller, id: &str, request_id: &str| {
        let message = pb::ReportAlertRequest {
            alert_id: id.to_owned(),
            signal: pb::AlertSignal::Media.into(),
            shop_id: "star".to_owned(),
            title: "记者来电13812345678".to_owned(),
            description: "about late parcels".to_owned(),
            request_id: request_id.to_owned(),
        };
        client(&test)
            .report_alert(test.by(who, message))
            .await
            .expect("reports")
            .into_inner()
            .alert
            .expect("one")
    };
    let first = report(&agent("p1"), "media", "r-1").await;
    assert_eq!((first.alert_id.as_str(), first.level()), ("media", pb::AlertLevel::Major));
    assert!(!first.title.contains("13812345678"), "{}", first.title);
    assert_eq!(report(&agent("p1"), "media", "r-1").await, first, "the same request");
    let second = report(&agent("p3"), "", "").await;
    assert_eq!((second.alert_id.as_str(), second.occurrences), ("media", 2));
    assert_eq!(second.person_ids, ["p1", "p3"]);
    let seen = list_as(&test, &agent("p3"), pb::ListAlertsRequest::default()).await;
    assert_eq!(seen.len(), 1, "whoever reported it sees it");
    assert_eq!(list_as(&test, &agent("p2"), pb::ListAlertsRequest::default()).await, []);
    test.clock.advance(TimeDelta::minutes(15));
    let told = alert_that(&test, "builtin-3-reported-media", |alert| alert.told_roles.len() == 4).await;
    assert_eq!(told.escalates_at, None, "nobody is left");
    let for_managers = pb::ListAlertsRequest { told_role: Role::Manager.into(), ..Default::default() };
    assert_eq!(list_as(&test, &caller(), for_managers).await.len(), 1);
    let raw =
        "SELECT count(*) FROM alerts a, alert_entries e WHERE (a::text || e::text) LIKE '%13812345678%'";
    assert_eq!(test.count(raw).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_reviews_at_night_are_told_of_in_the_morning() {
    let rule = "builtin-1-bad-reviews";
    let test = shop().await;
    test.clock.set("2020-06-30T23:00:00+08:00");
    let bad = |n: i32| {
        let body = review(&format!("o-{n}"), pb::ReviewRating::Bad, "bad");
        pb::Fact { customer_id: format!("b-{n}"), ..fact(&format!("r-{n}"), "2020-06-30T22:30:00", body) }
    };
    test.send_facts(vec![bad(1), bad(2)]).await;
    let raised = alert_that(&test, rule, |_| true).await;
    assert_eq!((raised.told_roles.len(), raised.evidence.expect("a figure").numerator), (0, 2));
    test.clock.set("2020-07-01T08:00:00+08:00");
    let told = alert_that(&test, rule, |alert| !alert.told_roles.is_empty()).await;
    assert_eq!(told.told_roles, [i32::from(Role::Supervisor)]);
    // A new day without any: it is over, but somebody has to say so.
    let over = alert_that(&test, rule, |alert| alert.cleared_at.is_some()).await;
    assert_eq!(over.state(), pb::AlertState::Open);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_surge_is_unusual_for_its_weekday_and_hour() {
    let test = shop().await;
    let chats = |day: &str, count: usize| {
        let one = |n| {
            let id = format!("{day}-{n}");
            chat(&id, "a1", &id, &format!("{day}T09:30:00"), &["0 C", "9 A"])
        };
        (0..count).map(one).collect::<Vec<_>>()
    };
    let tuesdays = ["05-05", "05-12", "05-19", "05-26", "06-02", "06-09", "06-16", "06-23"];
    let mut before = Vec::new();
    for (week, day) in tuesdays.iter().enumerate() {
        before.extend(chats(&format!("2020-{day}"), 5 + week % 3));
    }
    // Many at another hour and on another day are no reason for anything.
    before.extend(chats("2020-06-29", 40));
    test.send(before).await;
    looked_at(&test).await;
    assert_eq!(of_rule(&test, &caller(), "builtin-1-questions").await, []);
    test.send(chats("2020-06-30", 30)).await;
    let raised = alert_that(&test, "builtin-1-questions", |_| true).await;
    let evidence = raised.evidence.expect("a figure");
    assert_eq!((evidence.numerator, evidence.from_hour, evidence.to_hour), (30, Some(9), Some(9)));
    let baseline = evidence.baseline.expect("a history");
    assert_eq!((baseline.windows, baseline.median), (8, 6.0));
    assert!(baseline.z.is_some_and(|z| z > 3.5) && evidence.limit.is_some_and(|limit| limit < 30.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_put_over_the_built_in_ones_version_by_version() {
    let test = shop().await;
    let list = async |asked: pb::ListAlertRulesRequest| {
        let (mut asked, mut rules) = (pb::ListAlertRulesRequest { page_size: 7, ..asked }, Vec::new());
        loop {
            let page = client(&test).list_alert_rules(test.by(&lead(), asked.clone())).await.expect("lists");
            let page = page.into_inner();
            rules.extend(page.rules);
            if page.next_page_token.is_empty() {
                return rules;
            }
            asked.page_token = page.next_page_token;
        }
    };
    let built_in = list(pb::ListAlertRulesRequest::default()).await;
    assert_eq!(built_in.len(), 20);
    let major =
        pb::ListAlertRulesRequest { levels: vec![pb::AlertLevel::Major.into()], ..Default::default() };
    assert_eq!(list(major).await.len(), 5);
    let complaints =
        built_in.iter().find(|rule| rule.rule_id == "builtin-2-complaints").expect("is built in");
    let update = async |content: pb::AlertRuleContent, etag: &str| {
        let message = pb::UpdateAlertRuleRequest {
            rule_id: "builtin-2-complaints".to_owned(),
            content: Some(content),
            etag: etag.to_owned(),
            request_id: String::new(),
        };
        let updated = client(&test).update_alert_rule(test.by(&caller(), message)).await?;
        Ok::<_, Status>(updated.into_inner().rule.expect("a rule"))
    };
    let mut content = complaints.content.clone().expect("content");
    content.enabled = false;
    let off = update(content.clone(), &complaints.etag).await.expect("updates");
    assert_eq!((off.version, off.etag.as_str(), off.content.as_ref()), (1, "v1", Some(&content)));
    let old = update(content.clone(), "v0").await.expect_err("the etag is old");
    assert_eq!((old.code(), reason(&old).as_str()), (Code::Aborted, "ALERT_RULE_CHANGED"));
    content.enabled = true;
    update(content, "v1").await.expect("updates");

    let made = create_rule(&test, "slow", slow_agents()).await.expect("creates");
    assert_eq!(create_rule(&test, "slow", slow_agents()).await.expect("the same request"), made);
    let mut message = pb::CreateAlertRuleRequest {
        rule_id: "builtin-2-returns".to_owned(),
        content: Some(slow_agents()),
        request_id: String::new(),
    };
    let taken =
        client(&test).create_alert_rule(test.by(&caller(), message.clone())).await.expect_err("taken");
    assert_eq!((taken.code(), reason(&taken).as_str()), (Code::AlreadyExists, "ALERT_RULE_EXISTS"));
    let delete = pb::DeleteAlertRuleRequest {
        rule_id: "slow".to_owned(),
        etag: made.etag.clone(),
        request_id: String::new(),
    };
    client(&test).delete_alert_rule(test.by(&caller(), delete)).await.expect("deletes");
    let get = pb::GetAlertRuleRequest { rule_id: "slow".to_owned() };
    let gone = client(&test).get_alert_rule(test.by(&caller(), get)).await.expect_err("is gone");
    assert_eq!((gone.code(), reason(&gone).as_str()), (Code::NotFound, "ALERT_RULE_NOT_FOUND"));
    message.rule_id = "slow".to_owned();
    let taken = client(&test).create_alert_rule(test.by(&caller(), message)).await.expect_err("was taken");
    assert_eq!(reason(&taken), "ALERT_RULE_EXISTS");
    let versions =
        pb::ListAlertRuleVersionsRequest { rule_id: "slow".to_owned(), page_size: 1, ..Default::default() };
    let page = client(&test).list_alert_rule_versions(test.by(&caller(), versions)).await.expect("lists");
    let page = page.into_inner();
    assert_eq!((page.versions[0].version, page.versions[0].deleted), (2, true));
    assert!(!page.next_page_token.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_is_tried_before_it_is_put() {
    let test = shop().await;
    slow_chats(&test, "a1").await;
    test.send(vec![chat("q", "a3", "q", "2020-06-30T09:00:00", &["0 C", "9 A"])]).await;
    let preview = async |content: pb::AlertRuleContent| {
        let message = pb::PreviewAlertRuleRequest { content: Some(content) };
        Ok::<_, Status>(
            client(&test).preview_alert_rule(test.by(&lead(), message)).await?.into_inner().findings,
        )
    };
    let found = preview(slow_agents()).await.expect("tries");
    let found: Vec<_> = found.iter().map(|finding| (finding.key.as_str(), finding.alarm)).collect();
    assert_eq!(found, [("p1", true), ("p3", false)]);
    assert_eq!(list_as(&test, &caller(), pb::ListAlertsRequest::default()).await, []);
    let check = async |edit: fn(&mut pb::AlertRuleContent), field: &str| {
        let mut content = slow_agents();
        edit(&mut content);
        let refused = preview(content).await.expect_err(field);
        let violations = status::Problem::from_status(&refused).violations;
        assert_eq!((refused.code(), violations[0].field.as_str()), (Code::InvalidArgument, field));
    };
    check(|content| content.level = 0, "content.level").await;
    check(|content| content.steps.clear(), "content.steps").await;
    check(|content| content.steps[0].role = Role::Hr.into(), "content.steps[0].role").await;
    check(|content| content.scope = pb::AlertScope::Team.into(), "content.steps[0].role").await;
    check(|content| content.figure = None, "content.figure").await;
    check(|content| content.signal = pb::AlertSignal::Media.into(), "content.signal").await;
    check(|content| content.name = "\0".to_owned(), "content").await;
}

/// Whether the rule was passed over although figures had changed, and looked at later: not if the machine took longer between
/// two looks than the rule waits.
async fn passed_over_and_looked_at(hourly_seconds: u64) -> bool {
    let hourly_seconds = hourly_seconds.to_string();
    let quick = [
        ("alerts.check_ms", "50"),
        ("alerts.hourly_seconds", hourly_seconds.as_str()),
        ("board.gather_ms", "20"),
    ];
    let test = TestMetrics::start_with(&quick).await;
    let step = pb::AlertStep { role: Role::Supervisor.into(), after_minutes: 0 };
    let rule = pb::AlertRuleContent {
        name: "many chats in an hour".to_owned(),
        level: pb::AlertLevel::Potential.into(),
        scope: pb::AlertScope::Shop.into(),
        figure: Some(pb::AlertFigure {
            measure: pb::Measure::Conversations.into(),
            window: Some(pb::AlertWindow { days: 0, hours: 1 }),
            threshold: Some(pb::AlertThreshold { direction: pb::AlertDirection::High.into(), value: 5.0 }),
            ..Default::default()
        }),
        steps: vec![step],
        enabled: true,
        ..Default::default()
    };
    create_rule(&test, "hourly", rule).await.expect("creates");
    let one = |n: i32| {
        let id = format!("c-{n}");
        chat(&id, "a1", &id, "2020-06-30T09:30:00", &["0 C", "9 A"])
    };
    test.send(vec![one(0)]).await;
    looked_at(&test).await;
    assert_eq!(of_rule(&test, &caller(), "hourly").await, []);
    test.send((1..5).map(one).collect()).await;
    looked_at(&test).await;
    let passed_over = of_rule(&test, &caller(), "hourly").await.is_empty();
    // Nothing changes any more, and the clock stands still.
    let raised = alert_that(&test, "hourly", |_| true).await;
    assert_eq!(raised.evidence.expect("a figure").numerator, 5);
    passed_over
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_by_the_hour_that_was_passed_over_is_looked_at_when_its_time_has_come() {
    for hourly_seconds in [4, 8, 15] {
        if passed_over_and_looked_at(hourly_seconds).await {
            return;
        }
    }
    panic!("the rule was never passed over: the machine takes too long between two looks");
}
