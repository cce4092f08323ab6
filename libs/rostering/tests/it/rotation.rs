//! Four people share A, B and C, one of each a day, over three weeks.

use std::ops::ControlFlow;
use std::time::Duration;

use rostering::{
    Cover, DayKind, Fairness, Model, Options, Person, Roster, Rotation, Rules, Shift, Stop, solve,
};

const PEOPLE: usize = 4;
const DAYS: usize = 21;

/// The rotation; `late` is how many shifts each person is behind the first, from earlier cycles.
pub fn rotation(first_weekday: u8) -> Model {
    let shifts = vec![Shift::new("A", 540, 480), Shift::new("B", 720, 480), Shift::new("C", 1200, 120)];
    let rules = Rules { work_run_max: Some(6), rest_min: 660, ..Rules::default() };
    let people: Vec<Person> = (0..PEOPLE)
        .map(|index| Person { rules: rules.clone(), ..Person::new(format!("p{index}")) })
        .collect();
    let cover = (0..DAYS)
        .flat_map(|day| {
            (0..3).map(move |shift| Cover { day, shift, skill: None, required: 1, under: 1_000, over: 1_000 })
        })
        .collect();
    let everyone: Vec<usize> = (0..PEOPLE).collect();
    let term = |name: &str, shifts: Vec<usize>, total: u32| Fairness {
        name: name.into(),
        shifts,
        days: DayKind::Every,
        shares: Model::even_shares(&everyone, &[], total),
        weight: 10,
    };
    let fairness = vec![
        term("shifts", Vec::new(), 63),
        term("A", vec![0], 21),
        term("B", vec![1], 21),
        term("C", vec![2], 21),
    ];
    Model {
        days: DAYS,
        first_weekday,
        weekend: vec![5, 6],
        week_start: 0,
        skills: Vec::new(),
        shifts,
        people,
        cover,
        demand: Vec::new(),
        fairness,
        pairings: Vec::new(),
    }
}

fn counts(roster: &Roster) -> Vec<usize> {
    let mut counts: Vec<usize> = (0..PEOPLE).map(|person| roster.row(person).flatten().count()).collect();
    counts.sort_unstable();
    counts
}

#[test]
fn the_rotation_is_solved_to_proven_optimality() {
    let options = Options { time_limit: Some(Duration::from_secs(120)), ..Options::default() };
    let solution = solve(&rotation(0), &options, &mut |_| ControlFlow::Continue(())).expect("solvable");
    assert_eq!((solution.objective, solution.stopped), (0, Stop::Optimal));
    assert_eq!(counts(&solution.roster), [15, 16, 16, 16]);
    for day in 0..DAYS {
        let mut worked: Vec<usize> =
            (0..PEOPLE).filter_map(|person| solution.roster.get(person, day)).collect();
        worked.sort_unstable();
        assert_eq!(worked, [0, 1, 2], "day {day}");
    }
}

#[test]
fn the_phase_goes_on_over_the_end_of_a_month() {
    let options = Options { time_limit: Some(Duration::from_secs(120)), ..Options::default() };
    let first = solve(&rotation(0), &options, &mut |_| ControlFlow::Continue(())).expect("solvable").roster;
    let mut next = rotation(0);
    let worked = |person: usize| first.row(person).flatten().count() as i64;
    for (index, person) in next.people.iter_mut().enumerate() {
        person.history = first.row(index).collect();
    }
    // Over both cycles 126 shifts: whoever had 15 gets one more now.
    let carried: Vec<i64> = (0..PEOPLE).map(|person| worked(person) - 15).collect();
    next.fairness[0].shares = Model::even_shares(&[0, 1, 2, 3], &carried, 63);
    let solution = solve(&next, &options, &mut |_| ControlFlow::Continue(())).expect("solvable");
    assert_eq!((solution.objective, solution.stopped), (0, Stop::Optimal));
    let both = |person: usize| worked(person) + solution.roster.row(person).flatten().count() as i64;
    let total: Vec<i64> = (0..PEOPLE).map(both).collect();
    assert!(
        total.iter().max().zip(total.iter().min()).is_some_and(|(most, least)| most - least <= 1),
        "{total:?}"
    );
}

/// The ready-made one, as `jinpai roster template rotation` writes it: no cost at all, and no roster can have less.
#[test]
fn the_ready_made_rotation_is_solved_to_proven_optimality() {
    let problem = rostering::rotation(&Rotation::default()).expect("a rotation");
    let options = Options { time_limit: None, step_limit: Some(100_000), ..Options::default() };
    let solution = solve(&problem.model, &options, &mut |_| ControlFlow::Continue(())).expect("solvable");
    assert_eq!((solution.objective, solution.bound, solution.stopped), (0, 0, Stop::Optimal));
    assert_eq!(counts(&solution.roster), [15, 16, 16, 16]);
    assert!(solution.steps < 100_000, "{} steps", solution.steps);
}
