use chrono::TimeDelta;
use proto::access::Role;
use status::{Failure, Kind};

use super::*;
use crate::domain::alert::rule::{AlertStep, Level, Signal};
use crate::domain::incident::content::{Duty, DutyKind, Resource};
use crate::domain::incident::retrospective::{CaseOutcome, Measure};
use crate::domain::incident::task::{Task, TaskContent, TaskKind};

fn content() -> Content {
    Content {
        title: "a paper calls".to_owned(),
        description: String::new(),
        level: Level::Local,
        signal: Signal::Media,
        owner: "p1".to_owned(),
        duties: vec![duty("p2", DutyKind::Spokesperson)],
        escalation_path: Vec::new(),
        resources: Vec::new(),
        shops: Vec::new(),
        products: Vec::new(),
        orders: Vec::new(),
    }
}

fn duty(person: &str, kind: DutyKind) -> Duty {
    Duty { person: person.to_owned(), kind, note: String::new() }
}

fn at(minutes: i64) -> DateTime<Utc> {
    // A Tuesday.
    "2020-06-30T12:00:00+08:00".parse::<DateTime<Utc>>().expect("an instant") + TimeDelta::minutes(minutes)
}

fn by(minutes: i64) -> (String, DateTime<Utc>) {
    ("s".to_owned(), at(minutes))
}

fn opening() -> Opening {
    Opening { id: "i".to_owned(), content: content(), drill: false, alert: None, opened_at: None }
}

fn finish(step: Step, minutes: i64) -> Incident {
    step.finish(("s", None), at(minutes)).0
}

fn open() -> Incident {
    finish(Incident::open(opening(), by(0)).expect("opens"), 0)
}

fn moved(incident: Incident, state: IncidentState, minutes: i64) -> Result<Incident> {
    let step = incident.advance(to(state, None), by(minutes), |_| due())?;
    Ok(finish(step, minutes))
}

fn to(state: IncidentState, happened_at: Option<DateTime<Utc>>) -> Move {
    Move { state, note: "why".to_owned(), happened_at }
}

fn due() -> NaiveDate {
    NaiveDate::from_ymd_opt(2020, 7, 7).expect("a Tuesday")
}

fn learnt() -> Retrospective {
    let day = NaiveDate::from_ymd_opt(2020, 7, 20).expect("a day");
    Retrospective {
        cause: "a courier".to_owned(),
        worked: "one voice".to_owned(),
        failed: "nobody called the courier".to_owned(),
        effect: String::new(),
        measures: vec![Measure {
            title: "a second courier".to_owned(),
            owner: "p1".to_owned(),
            due_day: day,
        }],
    }
}

fn case() -> LearntCase {
    LearntCase {
        outcome: CaseOutcome::Success,
        title: "a paper called".to_owned(),
        lesson: "call back within the hour".to_owned(),
        keywords: Vec::new(),
    }
}

#[test]
fn steps_are_those_of_the_table() {
    use IncidentState::{Closed, Contained, Open};
    let legal = [(Open, Contained), (Open, Closed), (Contained, Closed), (Contained, Open), (Closed, Open)];
    for from in IncidentState::ALL {
        for to in IncidentState::ALL {
            let incident = Incident { state: from, ..open() };
            assert_eq!(moved(incident, to, 1).is_ok(), legal.contains(&(from, to)), "{from:?} {to:?}");
        }
    }
}

#[test]
fn what_is_closed_is_learnt_from_by_its_day() {
    let contained = moved(open(), IncidentState::Contained, 30).expect("is contained");
    assert_eq!(
        contained.clone().learn(learnt(), by(31)).expect_err("is not over").reason(),
        "INCIDENT_STATE"
    );
    let closed = moved(contained, IncidentState::Closed, 90).expect("is closed");
    assert_eq!((closed.contained_at, closed.closed_at), (Some(at(30)), Some(at(90))));
    let due = due();
    let late = due.succ_opt().expect("a Wednesday");
    assert_eq!(closed.retrospective_due, Some(due));
    assert!(!closed.is_retrospective_overdue(due) && closed.is_retrospective_overdue(late));
    assert!(closed.clone().update(Content { title: "b".to_owned(), ..content() }, by(91)).is_err());
    assert!(closed.clone().agree(String::new(), String::new(), by(91)).is_err());
    let early = closed.clone().file_case(case(), by(91)).expect_err("nothing was learnt");
    assert_eq!(early.reason(), "RETROSPECTIVE_MISSING");
    let done = finish(closed.learn(learnt(), by(95)).expect("is over"), 95);
    assert!(!done.is_retrospective_overdue(late));
    let filed = finish(done.file_case(case(), by(96)).expect("was learnt from"), 96);
    let again = moved(filed, IncidentState::Open, 99).expect("is open again");
    assert_eq!((again.contained_at, again.closed_at, again.retrospective_due), (None, None, None));
    assert!(again.details.learnt.is_some() && again.details.case.is_some() && !again.reviewed);
    let closed = moved(again, IncidentState::Closed, 120).expect("is closed");
    assert!(closed.is_retrospective_overdue(late), "the second time there is more to learn");
    assert_eq!(closed.contained_at, None, "nobody said when");
}

#[test]
fn an_exercise_is_no_case() {
    let drill = Opening { drill: true, ..opening() };
    let opened = finish(Incident::open(drill, by(0)).expect("opens"), 0);
    let closed = moved(opened, IncidentState::Closed, 1).expect("closes");
    let learnt = finish(closed.learn(learnt(), by(2)).expect("is over"), 2);
    assert_eq!(learnt.file_case(case(), by(3)).expect_err("is none").reason(), "INCIDENT_DRILL");
    let of_alert = Opening { drill: true, alert: Some("a".to_owned()), ..opening() };
    assert_eq!(Incident::open(of_alert, by(0)).expect_err("is no drill").violations()[0].field, "alert_id");
}

#[test]
fn nothing_is_closed_while_there_is_something_to_do() {
    let busy = Incident { open_tasks: 1, ..open() };
    let waits = moved(busy.clone(), IncidentState::Closed, 1).expect_err("waits");
    assert_eq!(waits.reason(), "INCIDENT_TASKS_OPEN");
    moved(busy, IncidentState::Contained, 1).expect("tasks don't keep it from that");
}

#[test]
fn times_are_in_order_and_not_in_the_future() {
    let step = |incident: Incident, state, happened| {
        incident.advance(to(state, Some(at(happened))), by(60), |_| due())
    };
    let wrong = |error: IncidentError| error.violations().remove(0).field;
    assert_eq!(wrong(step(open(), IncidentState::Contained, 61).expect_err("is to come")), "happened_at");
    assert_eq!(
        wrong(step(open(), IncidentState::Contained, -1).expect_err("before it began")),
        "happened_at"
    );
    let contained = step(open(), IncidentState::Contained, 40).expect("is told of later");
    assert_eq!((contained.next.contained_at, contained.news[0].happened_at), (Some(at(40)), Some(at(40))));
    let contained = finish(contained, 60);
    assert_eq!(wrong(step(contained, IncidentState::Closed, 39).expect_err("before that")), "happened_at");
    let tomorrow = Opening { opened_at: Some(at(1)), ..opening() };
    assert_eq!(wrong(Incident::open(tomorrow, by(0)).expect_err("is to come")), "opened_at");
    assert_eq!(
        wrong(open().note("n".to_owned(), Some(at(2)), at(1)).expect_err("is to come")),
        "happened_at"
    );
}

#[test]
fn it_climbs_until_it_is_contained() {
    let opened = Incident::open(opening(), by(0)).expect("opens");
    let told: Vec<_> = opened.news.iter().map(|news| (news.kind, news.told.len())).collect();
    assert_eq!(told, [(EntryKind::Opened, 0), (EntryKind::Told, 2)]);
    let opened = finish(opened, 0);
    assert_eq!((opened.version, opened.entries, opened.escalates_at()), (1, 2, Some(at(30))));
    assert_eq!(opened.clone().escalate(at(29)), None);
    let told = finish(opened.clone().escalate(at(31)).expect("is due"), 31);
    assert_eq!((told.version, told.entries, told.escalates_at()), (1, 3, Some(at(120))));
    let contained = moved(told, IncidentState::Contained, 32).expect("is contained");
    assert_eq!(contained.escalates_at(), None);
    assert_eq!(contained.clone().escalate(at(500)), None);
    let graver = Content { level: Level::Major, ..content() };
    let step = contained.clone().update(graver.clone(), by(40)).expect("is not closed").expect("differs");
    assert_eq!(step.news.len(), 1, "nobody is told of what is contained");
    assert_eq!(step.news[0].text, "level: 2 → 3");
    let again = moved(contained, IncidentState::Open, 50).expect("is open again");
    assert_eq!((again.escalates_at(), again.details.escalation.told.len()), (Some(at(80)), 5));
    let graver = opened.update(graver, by(6)).expect("is open").expect("differs");
    assert_eq!(graver.news[1].told, [i32::from(Role::Operations)]);
    // It began long before somebody said so: whoever should have been told is told now.
    let late = Opening { opened_at: Some(at(-60)), ..opening() };
    assert_eq!(Incident::open(late, by(0)).expect("opens").news[1].told.len(), 3);
}

#[test]
fn an_own_path_takes_the_place_of_the_usual_one() {
    let step = AlertStep { role: Role::Warehouse.into(), after_minutes: 3 };
    let own = Opening { content: Content { escalation_path: vec![step], ..content() }, ..opening() };
    let opened = finish(Incident::open(own, by(0)).expect("opens"), 0);
    assert_eq!((opened.entries, opened.escalates_at()), (1, Some(at(3))));
}

#[test]
fn one_wording_is_in_force_until_it_is_closed() {
    let agree = |incident: Incident, text: &str| {
        finish(incident.agree("parcels".to_owned(), text.to_owned(), by(1)).expect("is open"), 1)
    };
    let worded = agree(agree(open(), "tomorrow"), "on Friday");
    let wording = worded.wording_in_force().expect("is in force").wording;
    assert!(!worded.agreed(Wording { number: 1, ..wording.clone() }).in_force, "the one before");
    assert_eq!((wording.number, wording.text.as_str()), (2, "on Friday"));
    let closed = moved(worded, IncidentState::Closed, 2).expect("closes");
    assert_eq!(closed.wording_in_force(), None);
    let again = moved(closed, IncidentState::Open, 3).expect("is open again");
    assert_eq!(again.wording_in_force().map(|agreed| agreed.wording.number), Some(2));
}

#[test]
fn a_withdrawn_wording_is_in_force_no_more_and_its_number_is_not_used_again() {
    let agree = |incident: Incident, text: &str| {
        finish(incident.agree("parcels".to_owned(), text.to_owned(), by(1)).expect("is open"), 1)
    };
    let early = open().withdraw_wording("it is wrong".to_owned(), by(1)).expect_err("there is none");
    assert_eq!((early.reason(), early.kind()), ("WORDING_MISSING", Kind::Precondition));
    let worded = agree(open(), "tomorrow");
    let step = worded.clone().withdraw_wording("it is wrong".to_owned(), by(2)).expect("is in force");
    let news: Vec<_> = step.news.iter().map(|news| (news.kind, news.text.as_str())).collect();
    assert_eq!(news, [(EntryKind::WordingWithdrawn, "it is wrong")]);
    let silent = finish(step, 2);
    assert_eq!((silent.version, silent.wording_withdrawn_at), (worded.version + 1, Some(at(2))));
    assert_eq!(silent.wording_in_force(), None);
    let last = worded.details.wording.clone().expect("was agreed");
    assert!(!silent.agreed(last).in_force);
    assert!(silent.clone().withdraw_wording("again".to_owned(), by(3)).is_err());
    let again = agree(silent, "on Friday");
    assert_eq!(again.wording_in_force().map(|agreed| agreed.wording.number), Some(2));
    assert_eq!(again.wording_withdrawn_at, None);
    let closed = moved(again, IncidentState::Closed, 4).expect("closes");
    let over = closed.withdraw_wording("it is over".to_owned(), by(5)).expect_err("is closed");
    assert_eq!(over.reason(), "INCIDENT_STATE");
}

#[test]
fn edits_name_what_changed_and_nothing_is_written_for_none() {
    assert_eq!(open().update(content(), by(1)).expect("is open"), None);
    let resource = Resource { name: "vouchers".to_owned(), extent: String::new(), released: true };
    let other =
        Content { owner: "p9".to_owned(), level: Level::Major, resources: vec![resource], ..content() };
    let step = open().update(other, by(1)).expect("is open").expect("differs");
    assert_eq!(step.news[0].text, "level: 2 → 3; owner: p1 → p9; resources");
    assert_eq!((step.next.version, step.next.changed.1), (2, at(1)));
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_field() {
    let check = |content: Content, field: &str| {
        assert_eq!(content.check().expect_err(field).field, field);
    };
    content().check().expect("is fine");
    check(Content { title: " ".to_owned(), ..content() }, "content.title");
    let two = vec![duty("p1", DutyKind::Spokesperson), duty("p2", DutyKind::Spokesperson)];
    check(Content { duties: two, ..content() }, "content.duties[1].kind");
    let twice = vec![duty("p1", DutyKind::Legal), duty("p1", DutyKind::Legal)];
    check(Content { duties: twice, ..content() }, "content.duties[1]");
    check(Content { duties: vec![duty("p1", DutyKind::Other)], ..content() }, "content.duties[0].note");
    let step = AlertStep { role: Role::Manager.into(), after_minutes: 1 };
    check(Content { escalation_path: vec![step, step], ..content() }, "content.escalation_path[1].role");

    let today = NaiveDate::from_ymd_opt(2020, 7, 1).expect("a day");
    let check = |retrospective: Retrospective, field: &str| {
        assert_eq!(retrospective.check(today).expect_err(field).field, field);
    };
    learnt().check(today).expect("is fine");
    check(Retrospective { failed: " ".to_owned(), ..learnt() }, "retrospective.failed");
    check(Retrospective { measures: Vec::new(), ..learnt() }, "retrospective.measures");
    let over = Measure { due_day: today.pred_opt().expect("a day"), ..learnt().measures.remove(0) };
    check(Retrospective { measures: vec![over], ..learnt() }, "retrospective.measures[0].due_day");
}

#[test]
fn timelines_end_somewhere_but_what_happens_is_still_told() {
    let full = Incident { entries: ENTRIES_MAX, ..open() };
    let refused = full.clone().note("more".to_owned(), None, at(1)).expect_err("is full");
    assert_eq!(refused.reason(), "TOO_MANY_INCIDENT_ENTRIES");
    assert_eq!(moved(full, IncidentState::Contained, 1).expect("goes on").entries, ENTRIES_MAX + 1);
}

#[test]
fn tasks_are_open_until_they_are_done_or_dropped() {
    let content = TaskContent {
        title: "call".to_owned(),
        owner: "p3".to_owned(),
        due_at: Some(at(10)),
        dropped: false,
    };
    let task = Task::new("i", false, "t".to_owned(), TaskKind::Response, content.clone(), by(0));
    assert!(task.is_open() && !task.is_overdue(at(10)) && task.is_overdue(at(11)));
    let act = |minutes| Act { subject: "s".to_owned(), person: None, at: at(minutes), note: String::new() };
    assert_eq!(task.clone().mark(false, act(1)).expect("is not done"), None);
    let done = task.clone().mark(true, act(5)).expect("can be").expect("is now");
    assert!(!done.is_open() && !done.is_overdue(at(11)) && done.version == 2);
    assert_eq!(done.clone().mark(true, act(6)).expect("is done"), None);
    assert!(done.mark(false, act(7)).expect("can be").expect("is open again").is_open());
    let dropped = task.update(TaskContent { dropped: true, ..content }, by(2));
    assert!(!dropped.is_open());
    assert_eq!(dropped.mark(true, act(3)).expect_err("is dropped").reason(), "INCIDENT_TASK_DROPPED");
}
