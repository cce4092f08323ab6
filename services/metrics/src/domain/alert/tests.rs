//! What happens to an alert when.

use chrono::{NaiveDate, TimeDelta};
use proto::access::Role;
use status::{Failure, Kind};

use super::rule::{AlertStep, Basis, Condition, FigureTrigger, QuietHours, Side, Trigger, Window};
use super::trigger::{Period, Reading, Sample, find};
use super::*;
use crate::domain::explanation::Measure;

fn trigger() -> FigureTrigger {
    FigureTrigger {
        measure: Measure::Conversations.into(),
        basis: Basis::Value,
        window: Window::Days(1),
        sample_min: 0,
        condition: Condition::Threshold { side: Side::High, value: 5.0 },
    }
}

fn rule(quiet: Option<QuietHours>) -> Rule {
    let step = |role: Role, after_minutes| AlertStep { role: role.into(), after_minutes };
    let content = Content {
        name: "many".to_owned(),
        description: String::new(),
        level: Level::Local,
        scope: AlertScope::Shop,
        keys: Vec::new(),
        shops: Vec::new(),
        trigger: Trigger::Figure(trigger()),
        steps: vec![step(Role::Supervisor, 0), step(Role::Operations, 30), step(Role::Manager, 60)],
        quiet,
        enabled: true,
    };
    Rule {
        id: "r".to_owned(),
        version: 3,
        content,
        deleted: false,
        updated_by: String::new(),
        updated_at: None,
    }
}

fn on(day: u32, count: i64) -> Finding {
    let day = NaiveDate::from_ymd_opt(2020, 6, day).expect("a day");
    let sample = Sample { above: count, below: 0 };
    let reading = Reading { key: "star".to_owned(), name: String::new(), samples: vec![sample] };
    find(&trigger(), (Period { from: day, to: day, hours: None }, 1), reading, noon())
}

fn noon() -> DateTime<Utc> {
    "2020-06-30T12:00:00+08:00".parse().expect("an instant")
}

fn minutes(count: i64) -> DateTime<Utc> {
    noon() + TimeDelta::minutes(count)
}

fn raised(quiet: Option<QuietHours>) -> (Alert, Vec<Entry>) {
    let calendar = MerchantCalendar::default();
    let step = Alert::raise("a".to_owned(), &rule(quiet), &on(30, 6), BTreeSet::new(), (noon(), &calendar));
    step.finish(("metrics", None), noon())
}

fn kinds(entries: &[Entry]) -> Vec<EntryKind> {
    entries.iter().map(|entry| entry.kind).collect()
}

fn act() -> Act {
    Act { subject: "s".to_owned(), person: None, at: noon(), note: "mine".to_owned() }
}

fn roles(roles: &[Role]) -> Vec<i32> {
    roles.iter().map(|role| i32::from(*role)).collect()
}

#[test]
fn whoever_does_not_acknowledge_has_the_next_told() {
    let calendar = MerchantCalendar::default();
    let (alert, entries) = raised(None);
    assert_eq!(kinds(&entries), [EntryKind::Raised, EntryKind::Told]);
    assert_eq!((alert.version, alert.entries, alert.escalates_at), (1, 2, Some(minutes(30))));
    assert_eq!(alert.details.told, roles(&[Role::Supervisor]));
    let content = rule(None).content;
    assert_eq!(alert.clone().escalate(&content, (minutes(29), &calendar)), None);
    let (told, _) = alert
        .clone()
        .escalate(&content, (minutes(30), &calendar))
        .expect("is due")
        .finish(("m", None), noon());
    assert_eq!((told.escalates_at, told.details.told.len()), (Some(minutes(60)), 2));
    let late = alert.clone().escalate(&content, (minutes(99), &calendar)).expect("is due");
    assert_eq!(late.news[0].told, roles(&[Role::Operations, Role::Manager]), "who slept tells all at once");
    assert_eq!(late.next.escalates_at, None);
    let taken = alert.acknowledge(act()).expect("is open").expect("is new").next;
    assert_eq!((taken.state, taken.escalates_at), (AlertState::Acknowledged, None));
    assert_eq!(taken.clone().escalate(&content, (minutes(99), &calendar)), None);
    assert_eq!(taken.acknowledge(act()).expect("again"), None);
}

#[test]
fn nobody_is_told_in_quiet_hours() {
    let calendar = MerchantCalendar::default();
    let quiet = QuietHours { from_minute: 11 * 60, to_minute: 13 * 60 };
    let (alert, entries) = raised(Some(quiet));
    assert_eq!((kinds(&entries), alert.escalates_at), (vec![EntryKind::Raised], Some(minutes(60))));
    let content = rule(Some(quiet)).content;
    let told = alert.escalate(&content, (minutes(60), &calendar)).expect("is due");
    assert_eq!(told.news[0].told.len(), 1, "the others have their time from then on");
}

#[test]
fn an_open_alert_is_counted_up_and_not_raised_again() {
    let (alert, _) = raised(None);
    assert_eq!(alert.clone().look(Some(&on(30, 6)), minutes(1)), None, "nothing is new");
    let worse = alert.look(Some(&on(30, 9)), minutes(1)).expect("is worse");
    assert_eq!(worse.news[0].kind, EntryKind::Worsened);
    let milder = worse.next.look(Some(&on(30, 7)), minutes(2)).expect("is new");
    assert_eq!((milder.next.details.occurrences, milder.news.len()), (3, 0));
    let worst = milder.next.details.worst.clone().expect("a figure");
    assert_eq!((worst.sample.above, worst.read_at), (9, noon()));
    let cleared = milder.next.look(Some(&on(30, 4)), minutes(3)).expect("is over");
    assert_eq!(
        (cleared.news[0].kind, cleared.next.details.cleared_at),
        (EntryKind::Cleared, Some(minutes(3)))
    );
    assert_eq!(cleared.next.clone().look(None, minutes(4)), None);
    let back = cleared.next.look(Some(&on(30, 7)), minutes(5)).expect("is back");
    assert_eq!((back.news[0].kind, back.next.details.cleared_at), (EntryKind::Recurred, None));
}

#[test]
fn what_was_resolved_comes_back_only_later_or_worse() {
    let (alert, _) = raised(None);
    let done = alert.resolve(Outcome::Handled, act()).expect("is open").next;
    assert!(!done.is_outdone_by(&on(30, 6)) && done.is_outdone_by(&on(30, 7)));
    let next = Finding { evidence: on(30, 6).evidence, ..on(30, 6) };
    assert!(!done.is_outdone_by(&next));
    let mut tomorrow = on(30, 6);
    tomorrow.evidence.period.from = NaiveDate::from_ymd_opt(2020, 7, 1).expect("a day");
    assert!(done.is_outdone_by(&tomorrow));
    assert!(matches!(done.clone().resolve(Outcome::Passed, act()), Err(AlertError::State { .. })));
    assert!(matches!(done.acknowledge(act()), Err(AlertError::State { .. })));
}

#[test]
fn reports_of_the_same_are_one_alert() {
    let calendar = MerchantCalendar::default();
    let report = |who: &str| Report {
        signal: Signal::Media,
        shop: "star".to_owned(),
        title: "a paper calls".to_owned(),
        description: "about parcels".to_owned(),
        reporter: Some(who.to_owned()),
    };
    let first = Alert::report("a".to_owned(), &rule(None), report("p1"), (noon(), &calendar));
    let (alert, _) = first.finish(("s", Some("p1")), noon());
    let (again, entries) =
        alert.report_again(report("p2"), minutes(1)).expect("has room").finish(("s", Some("p2")), minutes(1));
    assert_eq!(again.people.iter().map(String::as_str).collect::<Vec<_>>(), ["p1", "p2"]);
    assert_eq!((entries[0].number, entries[0].act.note.as_str()), (3, "a paper calls\nabout parcels"));
    let full = Alert { entries: ENTRIES_MAX, ..again };
    assert!(matches!(full.comment("x".to_owned()), Err(AlertError::TooManyEntries { .. })));
}

#[test]
fn one_incident_is_opened_out_of_an_alert_that_is_not_over() {
    let (alert, _) = raised(None);
    let step = alert.clone().open_incident("i", act()).expect("is open");
    let (linked, entries) = step.finish(("s", None), noon());
    assert_eq!(kinds(&entries), [EntryKind::Acknowledged, EntryKind::Incident]);
    assert_eq!((linked.state, linked.escalates_at), (AlertState::Acknowledged, None));
    assert_eq!((linked.details.incident.as_deref(), entries[1].act.note.as_str()), (Some("i"), "i"));
    let again = linked.open_incident("j", act()).expect_err("has one");
    assert_eq!((again.kind(), again.reason()), (Kind::Precondition, "ALERT_HAS_INCIDENT"));
    let taken =
        alert.clone().acknowledge(act()).expect("is open").expect("changes").finish(("s", None), noon()).0;
    let (_, entries) = taken.open_incident("i", act()).expect("is taken").finish(("s", None), noon());
    assert_eq!(kinds(&entries), [EntryKind::Incident]);
    let over = alert.resolve(Outcome::Passed, act()).expect("is open").finish(("s", None), noon()).0;
    assert_eq!(over.open_incident("i", act()).expect_err("is over").reason(), "ALERT_STATE");
    // Rows of before know nothing of incidents.
    let mut before = serde_json::to_value(linked_details()).expect("JSON");
    before.as_object_mut().expect("an object").remove("incident");
    assert_eq!(serde_json::from_value::<Details>(before).expect("is readable").incident, None);
}

fn linked_details() -> Details {
    let (alert, _) = raised(None);
    alert.open_incident("i", act()).expect("is open").next.details
}
