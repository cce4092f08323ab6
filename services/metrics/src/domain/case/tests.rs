use std::sync::LazyLock;

use chrono::TimeDelta;
use proptest::prelude::*;

use super::content::testing::content;
use super::policy::Policy;
use super::step::{CallBack, Grant, GrantKind, Notice, Remark};
use super::*;
use crate::domain::fact::Severity;
use status::Failure;

fn at(hours: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::hours(hours)
}

fn rules() -> Rules {
    Policy::built_in(100).rules
}

static YUAN: LazyLock<Currency> = LazyLock::new(|| Currency { code: "CNY".to_owned(), decimals: 2 });

fn agent(hours: i64) -> Actor<'static> {
    Actor { roles: &[Role::Agent], currency: &YUAN, now: at(hours) }
}

fn case() -> Case {
    let by = ("s".to_owned(), at(0));
    Case::accept("c".to_owned(), content(), "p1".to_owned(), Some("p1".to_owned()), &rules(), by)
        .expect("is accepted")
}

fn remark() -> Remark {
    Remark { text: "said".to_owned() }
}

fn notice(hours: i64) -> Step {
    let (progress, apology) = ("we look".to_owned(), "sorry".to_owned());
    Step::Notice(Notice { progress, apology, agreed_at: at(hours) })
}

fn grant(amount: i64) -> Step {
    Step::Grant(Grant { kind: GrantKind::Coupon, amount, note: String::new() })
}

fn escalation(to: &str) -> Step {
    Step::Escalation(Escalation { to: to.to_owned(), reason: "more".to_owned() })
}

fn solution() -> Step {
    let (text, answer) = ("a new one".to_owned(), "it is on its way".to_owned());
    Step::Solution(Solution { text, answer, known_at: None, recovered: 700 })
}

fn call_back(result: CallBackResult) -> Step {
    Step::CallBack(CallBack { result, note: String::new() })
}

fn step(kind: StepKind, hours: i64) -> Step {
    match kind {
        StepKind::Note => Step::Note(remark()),
        StepKind::Notice => notice(hours + 1),
        StepKind::Grant => grant(1),
        StepKind::Escalation => escalation("p9"),
        StepKind::Solution => solution(),
        StepKind::CallBack => call_back(CallBackResult::Content),
        StepKind::Archiving => Step::Archiving(remark()),
        StepKind::Reopening => Step::Reopening(remark()),
    }
}

fn taken(case: Case, step: &Step, hours: i64) -> Case {
    case.take(step, agent(hours), &rules()).expect("is a step").0
}

fn reason(case: Case, step: &Step, hours: i64) -> &'static str {
    case.take(step, agent(hours), &rules()).expect_err("is none").reason()
}

#[test]
fn steps_are_those_of_the_table() {
    use CaseState::{Accepted, Archived, CalledBack, Escalated, Solved};
    use StepKind as K;
    let legal = |state| match state {
        Accepted | Escalated => vec![K::Note, K::Notice, K::Grant, K::Escalation, K::Solution],
        Solved => vec![K::Note, K::CallBack, K::Archiving, K::Reopening],
        CalledBack => vec![K::Note, K::Archiving, K::Reopening],
        Archived => vec![K::Reopening],
    };
    for state in CaseState::ALL {
        for kind in StepKind::ALL {
            let mut case = Case { state, ..case() };
            case.course.call_backs = 3;
            let done = case.take(&step(kind, 1), agent(1), &rules());
            assert_eq!(done.is_ok(), legal(state).contains(&kind), "{state:?} {kind:?}: {done:?}");
        }
    }
}

#[test]
fn a_case_goes_its_way_from_acceptance_to_the_archive() {
    let accepted = case();
    assert_eq!((accepted.state, accepted.due_at), (CaseState::Accepted, Some(at(48))));
    let escalated = taken(accepted, &escalation("p2"), 10);
    assert_eq!((escalated.state, escalated.owner.as_str()), (CaseState::Escalated, "p2"));
    assert!(escalated.people.contains("p1"), "who had it still sees it");
    assert_eq!(escalated.due_at, Some(at(48)), "an escalation is no answer");
    let solved = taken(escalated, &solution(), 20);
    assert_eq!((solved.state, solved.due_at, solved.recovered), (CaseState::Solved, Some(at(68)), 700));
    assert_eq!(reason(solved.clone(), &Step::Archiving(remark()), 21), "CALL_BACK_MISSING");
    let asked = taken(solved, &call_back(CallBackResult::Content), 30);
    assert_eq!((asked.state, asked.due_at), (CaseState::CalledBack, None));
    let archived = taken(asked, &Step::Archiving(remark()), 40);
    assert_eq!((archived.state, archived.course.missed), (CaseState::Archived, 0));
    let again = taken(archived, &Step::Reopening(remark()), 100);
    assert_eq!((again.state, again.due_at), (CaseState::Escalated, Some(at(148))), "p2 keeps it");
}

#[test]
fn only_a_notice_puts_the_answer_off_and_not_beyond_two_days() {
    let told = taken(case(), &notice(70), 30);
    assert_eq!((told.due_at, told.course.notices, told.course.missed), (Some(at(70)), 1, 0));
    for wrong in [30, 79] {
        let refused = case().take(&notice(wrong), agent(30), &rules()).expect_err("too early or too late");
        assert_eq!(refused.violations()[0].field, "step.notice.agreed_at", "{wrong}");
    }
    let (late, is_late) = case().take(&notice(60), agent(49), &rules()).expect("late, but a notice");
    assert!(is_late && !late.is_overdue(at(60)) && late.is_overdue(at(61)));
    assert_eq!(late.course.missed, 1);
    for quiet in [Step::Note(remark()), grant(1), escalation("p2")] {
        assert_eq!(taken(case(), &quiet, 30).due_at, Some(at(48)), "{quiet:?}");
    }
}

#[test]
fn whoever_is_not_reached_is_called_again_and_then_archived() {
    let mut case = taken(case(), &solution(), 1);
    for hours in [2, 50, 98] {
        assert_eq!(reason(case.clone(), &Step::Archiving(remark()), hours), "CALL_BACK_MISSING");
        case = taken(case, &call_back(CallBackResult::NotReached), hours);
        assert_eq!((case.state, case.due_at), (CaseState::Solved, Some(at(hours + 48))));
    }
    assert_eq!(taken(case.clone(), &Step::Archiving(remark()), 99).state, CaseState::Archived);
    let cross = taken(case, &call_back(CallBackResult::NotContent), 99);
    assert_eq!((cross.state, cross.due_at), (CaseState::Accepted, Some(at(147))));
    assert_eq!(taken(cross, &solution(), 100).course.call_backs, 0, "the new solution is asked about anew");
}

#[test]
fn grants_of_a_case_add_up_to_the_limit_of_whoever_grants() {
    let first = taken(case(), &grant(3_000), 1);
    let refused = first.clone().take(&grant(2_001), agent(1), &rules()).expect_err("50 yuan in all");
    let text = refused.to_string();
    assert!(
        text.contains("50.01 CNY") && text.contains("50.00 CNY") && text.contains("senior_agent, lead"),
        "{text}"
    );
    let lead = Actor { roles: &[Role::Lead], ..agent(1) };
    assert_eq!(first.take(&grant(27_000), lead, &rules()).expect("300 yuan in all").0.granted, 30_000);
}

#[test]
fn grave_cases_are_escalated_before_anything_is_promised() {
    let grave = Content { severity: Severity::Authority, ..content() };
    let grave = Case { content: grave, ..case() };
    for step in [grant(1), solution()] {
        assert_eq!(reason(grave.clone(), &step, 1), "CASE_NOT_ESCALATED");
    }
    assert_eq!(reason(grave.clone(), &escalation("p1"), 1), "CASE_STATE");
    taken(taken(grave, &escalation("p2"), 1), &solution(), 2);
}

#[test]
fn a_case_is_solved_with_a_cause_of_the_catalogue() {
    let without = Content { cause: None, ..content() };
    let open = case().update(without.clone(), &rules(), at(1)).expect("not known yet");
    assert_eq!(reason(open, &solution(), 2), "CAUSE_MISSING");
    let odd = Content { cause: Some("moon".to_owned()), ..without };
    assert_eq!(case().update(odd, &rules(), at(1)).expect_err("no such cause").reason(), "CAUSE_UNKNOWN");
    let early = Step::Solution(Solution {
        text: String::new(),
        answer: String::new(),
        known_at: Some(at(-1)),
        recovered: 0,
    });
    let refused = case().take(&early, agent(2), &rules()).expect_err("before the case");
    assert_eq!(refused.violations()[0].field, "step.solution.known_at");
}

#[test]
fn a_graver_severity_brings_the_deadline_nearer() {
    let mut rules = rules();
    rules.severities[1].answer_hours = 4;
    let grave = Content { severity: Severity::Platform, ..content() };
    let nearer = case().update(grave.clone(), &rules, at(10)).expect("is open");
    assert_eq!(nearer.due_at, Some(at(14)));
    let back = nearer.update(content(), &rules, at(11)).expect("is open");
    assert_eq!(back.due_at, Some(at(14)), "a lighter one does not give time back");
    let late = case().update(grave, &rules, at(47)).expect("is open");
    assert_eq!(late.due_at, Some(at(48)));
}

proptest! {
    /// Whatever is done in whatever order: an open case always has a deadline, at most two days off, and only a notice,
    /// a call back or a reopening ever moves it away.
    #[test]
    fn an_open_case_is_never_left_without_a_deadline(steps in prop::collection::vec((0..8_usize, 0..30_i64), 0..40)) {
        let (mut case, mut hours) = (case(), 0);
        for (kind, pause) in steps {
            hours += pause;
            let kind = StepKind::ALL[kind];
            let before = case.clone();
            match case.clone().take(&step(kind, hours), agent(hours), &rules()) {
                Err(_) => prop_assert_eq!(&case, &before),
                Ok((next, late)) => {
                    prop_assert_eq!(next.course.missed, before.course.missed + i32::from(late));
                    prop_assert_eq!(next.due_at.is_some(), !matches!(next.state, CaseState::CalledBack | CaseState::Archived));
                    prop_assert!(next.due_at.is_none_or(|due| due <= at(hours + 48) || Some(due) == before.due_at));
                    if next.state.is_open() && next.due_at > before.due_at {
                        prop_assert!(matches!(kind, StepKind::Notice | StepKind::Reopening | StepKind::CallBack) || before.due_at.is_none());
                    }
                    case = next;
                }
            }
        }
    }
}
