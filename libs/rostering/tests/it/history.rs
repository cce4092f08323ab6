//! What was worked before the horizon counts for the intervals it reaches into.

use std::ops::ControlFlow;

use proptest::prelude::*;
use rostering::{
    Demand, Effort, Leave, Model, Need, Options, Penalty, Person, Problem, Roster, Shift, Stop, check,
    explain, solve,
};

use crate::models::{Size, any_model};

/// Two people, a night shift of 22:00 to 06:00, and 00:00 to 06:00 of the first day.
fn first_night(required: u32, under: i64, over: i64) -> Model {
    let mut model = Model {
        days: 2,
        first_weekday: 0,
        weekend: vec![5, 6],
        week_start: 0,
        skills: vec!["chat".into()],
        shifts: vec![Shift::new("N", 1320, 480), Shift::new("E", 360, 480)],
        people: ["a", "b"].map(Person::new).to_vec(),
        cover: Vec::new(),
        demand: Vec::new(),
        fairness: Vec::new(),
        pairings: Vec::new(),
    };
    model.people[0].history = vec![None, Some(0)];
    model.people[1].history = vec![Some(0), None];
    model.demand.push(Demand {
        day: 0,
        from: 0,
        to: 360,
        shifts: Vec::new(),
        skill: None,
        required,
        under,
        over,
    });
    model
}

fn cost_solved(model: &Model) -> i64 {
    let options = Options { time_limit: None, step_limit: Some(2_000), ..Options::default() };
    let solution = solve(model, &options, &mut |_| ControlFlow::Continue(())).expect("solvable");
    assert_eq!(solution.stopped, Stop::Optimal);
    solution.objective
}

#[test]
fn the_night_before_covers_the_first_morning() {
    let found = |model: &Model| explain(&Problem::from(model.clone()), None, Effort::default()).conflicts;
    let covered = first_night(1, 100, 7);
    assert_eq!((check(&covered, &Roster::of(&covered)).objective, cost_solved(&covered)), (0, 0));
    assert_eq!(found(&covered), []);

    let too_many = first_night(0, 100, 7);
    assert_eq!((check(&too_many, &Roster::of(&too_many)).objective, cost_solved(&too_many)), (7, 7));

    let short = first_night(2, 100, 7);
    assert_eq!((check(&short, &Roster::of(&short)).objective, cost_solved(&short)), (100, 100));
    let conflicts = found(&short);
    assert_eq!((conflicts[0].needs.as_slice(), conflicts[0].most), ([Need::Demand(0)].as_slice(), 1));

    let mut unskilled = first_night(1, 100, 7);
    unskilled.demand[0].skill = Some(0);
    assert_eq!(cost_solved(&unskilled), 100, "who was there lacks the skill");
    unskilled.people[0].skills.push(0);
    assert_eq!(cost_solved(&unskilled), 0);

    let mut other_shift = first_night(1, 100, 7);
    other_shift.demand[0].shifts = vec![1];
    assert_eq!(cost_solved(&other_shift), 100, "another shift is asked for");

    let mut longer = first_night(1, 100, 7);
    longer.demand[0].to = 420;
    assert_eq!(cost_solved(&longer), 100, "the night ends before the interval does");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Days handed on as history count for the needs that are left as they did while they were part of the horizon.
    #[test]
    fn demand_is_the_same_wherever_the_horizon_begins(
        model in any_model(Size { days: 6, people: 3, shifts: 3 }),
        cut in 1..6_usize,
        cells in prop::collection::vec(0..4_usize, 18),
    ) {
        prop_assume!(cut < model.days);
        let mut roster = Roster::of(&model);
        for person in 0..roster.people() {
            for day in 0..roster.days() {
                let cell = cells[person * 6 + day] % (model.shifts.len() + 1);
                roster.set(person, day, cell.checked_sub(1));
            }
        }
        let (mut later, mut rest) = (model.clone(), Roster::new(model.people.len(), model.days - cut));
        later.days -= cut;
        later.first_weekday = model.weekday(cut as isize);
        later.cover.clear();
        later.pairings.clear();
        later.demand.retain(|demand| demand.day >= cut);
        later.demand.iter_mut().for_each(|demand| demand.day -= cut);
        for (index, person) in later.people.iter_mut().enumerate() {
            person.history.extend(roster.row(index).take(cut));
            person.fixed.clear();
            person.leave = vec![Leave { day: 0, counted: 0 }];
            person.banned.clear();
            person.requests.clear();
            for day in cut..model.days {
                rest.set(index, day - cut, roster.get(index, day));
            }
        }
        let of_demand = |model: &Model, roster: &Roster, first: usize| -> Vec<(usize, u32, i64)> {
            let report = check(model, roster);
            let lines = report.penalties.iter().filter_map(|line| match line.penalty {
                Penalty::Demand { demand, present } => Some((model.demand[demand].day, present, line.cost)),
                _ => None,
            });
            lines.filter(|(day, _, _)| *day >= first).map(|(day, present, cost)| (day - first, present, cost)).collect()
        };
        prop_assert_eq!(of_demand(&model, &roster, cut), of_demand(&later, &rest, 0));
    }
}
