//! A year: rosters of one person too long for a programme that counts everything, and limits of time that hold all the same.

use std::ops::ControlFlow;
use std::time::Duration;

use rostering::{Cover, Leave, Model, Options, Person, Rules, Shift, SolveError, Stop, solve};

const DAYS: usize = 364;
const SHIFTS: usize = 9;

/// People with ten weeks of leave on end, each at another time of the year, and caps on the long shifts that they need to come
/// to their minutes.
pub fn year(people: usize) -> Model {
    let rules = Rules {
        caps: (0..SHIFTS).map(|shift| (shift > 1).then_some(30)).collect(),
        minutes_min: 91_000,
        minutes_max: Some(92_400),
        work_run_min: 2,
        work_run_max: Some(5),
        off_run_min: 2,
        weekends_max: Some(26),
        ..Rules::default()
    };
    let person = |index: usize| {
        let first = 14 + index * 91 % 250;
        Person {
            rules: rules.clone(),
            leave: (first..first + 70).map(|day| Leave { day, counted: 0 }).collect(),
            ..Person::new(format!("p{index}"))
        }
    };
    // The later a shift begins, the longer it is, and none of the earlier ones may follow.
    let shift = |index: usize| {
        let counted = 450 + 30 * index as u32;
        let begin = 360 + 90 * index as u32;
        Shift {
            counted,
            not_next_day: (0..index).collect(),
            ..Shift::new(format!("s{index}"), begin, counted + 30)
        }
    };
    let cover = |day: usize| {
        (0..SHIFTS).map(move |shift| Cover { day, shift, skill: None, required: 1, under: 100, over: 1 })
    };
    Model {
        days: DAYS,
        first_weekday: 0,
        weekend: vec![5, 6],
        week_start: 0,
        skills: Vec::new(),
        shifts: (0..SHIFTS).map(shift).collect(),
        people: (0..people).map(person).collect(),
        cover: (0..DAYS).flat_map(cover).collect(),
        demand: Vec::new(),
        fairness: Vec::new(),
        pairings: Vec::new(),
    }
}

/// The corridor follows the days on which somebody can work. Along the calendar, the leave would lead out of each that is
/// narrow enough to be searched.
#[test]
fn a_year_with_weeks_of_leave_has_a_roster() {
    let options = Options { time_limit: None, step_limit: Some(40), ..Options::default() };
    let solution = solve(&year(2), &options, &mut |_| ControlFlow::Continue(())).expect("there is a roster");
    assert!(solution.verdict.feasible);
    // What they work is wanted, but for a few heads: nobody need work what somebody else works.
    let worked: usize = (0..2).map(|person| solution.roster.row(person).flatten().count()).sum();
    let missing = SHIFTS * DAYS - worked;
    assert!(
        solution.objective < 100 * (missing as i64 + 20),
        "{} with {missing} missing",
        solution.objective
    );
}

/// Compiling takes half a minute. The run ends when the time is over, not when all programmes are done, and says what is the
/// matter.
#[test]
fn a_year_of_many_people_ends_in_time_without_a_roster() {
    let model = year(150);
    let check = |error: Result<_, SolveError>, most: f64| match error {
        Err(SolveError::Stopped { seconds }) => assert!(seconds < most, "{seconds} s"),
        other => panic!("{:?}", other.map(|solution: rostering::Solution| solution.objective)),
    };
    let limit = Duration::from_millis(100);
    let options = Options { time_limit: Some(limit), ..Options::default() };
    check(solve(&model, &options, &mut |_| ControlFlow::Continue(())), 8.0);
    let options = Options { time_limit: None, ..options };
    check(solve(&model, &options, &mut |_| ControlFlow::Break(())), 8.0);
}

/// The search looks at the clock too: with a first roster there, the run ends soon after its limit.
#[test]
fn a_year_of_two_people_ends_in_time_with_a_roster() {
    let options = Options { time_limit: Some(Duration::from_secs(3)), ..Options::default() };
    let solution = solve(&year(2), &options, &mut |_| ControlFlow::Continue(())).expect("there is time");
    assert_eq!(solution.stopped, Stop::TimeLimit);
    assert!(solution.seconds < 8.0, "{} s", solution.seconds);
}
