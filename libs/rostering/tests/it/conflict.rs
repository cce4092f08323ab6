//! Conflicts: in words, and against brute force.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rostering::{
    Banned, Cause, Conflict, Cover, Demand, Effort, Fixed, Leave, Model, Need, Person, Problem, Roster, Rule,
    RuleLine, Rules, Shift, check, explain, explain_people,
};

/// A model without people and needs.
fn bare(days: usize, shifts: Vec<Shift>) -> Model {
    Model {
        days,
        first_weekday: 6,
        weekend: vec![5, 6],
        week_start: 0,
        skills: Vec::new(),
        shifts,
        people: Vec::new(),
        cover: Vec::new(),
        demand: Vec::new(),
        fairness: Vec::new(),
        pairings: Vec::new(),
    }
}

fn dated(model: Model) -> Problem {
    Problem::dated(model, "2026-11-01".parse().expect("a date"))
}

fn only(problem: &Problem) -> Conflict {
    let mut found = explain(problem, None, Effort::default());
    assert_eq!(found.conflicts.len(), 1, "{found:?}");
    found.conflicts.remove(0)
}

#[test]
fn an_evening_short_of_people_says_who_is_missing_and_why() {
    let mut model = bare(14, vec![Shift::new("N", 1320, 480), Shift::new("L", 960, 480)]);
    model.people = (1..=8).map(|number| Person::new(format!("agent {number}"))).collect();
    model.people[1].leave.push(Leave { day: 7, counted: 480 });
    model.people[4].leave.extend([Leave { day: 7, counted: 480 }, Leave { day: 8, counted: 480 }]);
    model.people[6].rules.rest_min = 11 * 60;
    model.people[6].fixed.push(Fixed { day: 6, shift: Some(0) });
    model.people[6].fixed.push(Fixed { day: 9, shift: None });
    model.demand.push(Demand {
        day: 7,
        from: 19 * 60,
        to: 24 * 60,
        shifts: Vec::new(),
        skill: None,
        required: 6,
        under: 100,
        over: 0,
    });
    let conflict = only(&dated(model));
    assert!(conflict.minimal);
    assert_eq!((conflict.required, conflict.most), (6, 5));
    assert_eq!(
        conflict.text,
        "Sun 8 Nov 19:00–24:00 needs 6 agents, at most 5 of 8 can work: two on leave on Sun 8 Nov (agent 2, agent 5); \
         one already decided (N on Sat 7 Nov) and must rest 11:00 h between shifts (agent 7)"
    );
}

#[test]
fn one_day_can_be_short_though_each_shift_alone_is_not() {
    let mut model = bare(7, vec![Shift::new("A", 540, 480), Shift::new("B", 720, 480)]);
    model.people = ["李雷", "韩梅梅", "王芳"].map(Person::new).to_vec();
    let cover = |shift| Cover { day: 2, shift, skill: None, required: 2, under: 100, over: 0 };
    model.cover.extend([cover(0), cover(1)]);
    let conflict = only(&dated(model));
    assert_eq!(
        conflict.text,
        "Tue 3 Nov A (2) and Tue 3 Nov B (2) need 4 agents in all, at most 3 can be had"
    );
    assert!(conflict.causes.is_empty(), "there are just too few people");
}

#[test]
fn a_week_can_be_short_though_each_day_is_not() {
    let mut model = bare(7, vec![Shift::new("A", 540, 480)]);
    model.first_weekday = 0;
    model.people = ["甲", "乙"].map(Person::new).to_vec();
    for person in &mut model.people {
        person.rules.week_days_max = Some(3);
        person.rules.rest_min = 600;
    }
    for day in 0..7 {
        model.cover.push(Cover { day, shift: 0, skill: None, required: 1, under: 100, over: 1 });
    }
    let conflict = only(&Problem::from(model));
    assert!(conflict.minimal);
    assert_eq!((conflict.needs.len(), conflict.required, conflict.most), (7, 7, 6));
    assert_eq!(
        conflict.text,
        "days 0 to 6: 7 needs (A) need 7 agents in all, at most 6 can be had: two at most 3 days a week (甲, 乙)"
    );
}

#[test]
fn rules_of_one_person_that_contradict_each_other_are_named() {
    let mut model = bare(14, vec![Shift::new("A", 540, 480)]);
    let mut person = Person::new("王芳");
    person.rules = Rules {
        minutes_min: 8 * 480,
        work_run_max: Some(5),
        off_run_min: 2,
        weekends_max: Some(2),
        ..Rules::default()
    };
    person.leave.extend((0..8).map(|day| Leave { day, counted: 0 }));
    model.people.push(person);
    let conflict = only(&dated(model));
    assert!(conflict.needs.is_empty() && conflict.minimal);
    let rules: HashSet<Rule> = conflict.causes.iter().map(|cause| cause.rule).collect();
    assert_eq!(rules, HashSet::from([Rule::Leave, Rule::MinutesMin]), "{}", conflict.text);
    assert!(conflict.text.starts_with("王芳: leave on "), "{}", conflict.text);
    assert!(
        conflict.text.ends_with(" and at least 3840 minutes can't be kept together"),
        "{}",
        conflict.text
    );
}

#[test]
fn only_what_the_roster_leaves_short_is_explained() {
    let mut model = bare(3, vec![Shift::new("A", 540, 480)]);
    model.people.push(Person::new("甲"));
    model.people[0].leave.push(Leave { day: 1, counted: 0 });
    for day in 0..3 {
        model.cover.push(Cover { day, shift: 0, skill: None, required: 1, under: 100, over: 0 });
    }
    let problem = Problem::from(model);
    let mut roster = Roster::of(&problem.model);
    roster.set(0, 0, Some(0));
    let found = explain(&problem, Some(&roster), Effort::default());
    assert_eq!(found.conflicts.len(), 1);
    assert_eq!(found.conflicts[0].needs, [Need::Cover(1)]);
    assert_eq!(found.unexplained, [Need::Cover(2)], "nothing stands in the way there");
}

#[test]
fn only_the_people_asked_for_are_explained() {
    let mut model = bare(7, vec![Shift::new("A", 540, 480)]);
    let rules = Rules { minutes_min: 8 * 480, ..Rules::default() };
    model.people =
        ["甲", "乙", "丙"].map(|name| Person { rules: rules.clone(), ..Person::new(name) }).to_vec();
    model.people[1].rules.minutes_min = 0;
    let problem = dated(model);
    let of = |people: &[usize]| -> Vec<String> {
        let found = explain_people(&problem, people, Effort::default());
        found.conflicts.into_iter().map(|conflict| conflict.text).collect()
    };
    assert_eq!(of(&[2]), ["丙: at least 3840 minutes can't be kept together"]);
    assert_eq!(of(&[0, 1, 2]).len(), 2);
}

/// A year of many people takes minutes to look at. The explanation ends with its time, at once if there is none or it is asked to.
#[test]
fn an_explanation_keeps_its_time() {
    let problem = Problem::from(crate::year::year(60));
    let nobody = Roster::of(&problem.model);
    let check = |effort: Effort| {
        let begin = Instant::now();
        let found = explain(&problem, Some(&nobody), effort);
        assert!(begin.elapsed() < Duration::from_secs(6), "{:?}", begin.elapsed());
        found
    };
    let found = check(Effort { time: Duration::ZERO, ..Effort::default() });
    assert_eq!((found.conflicts.len(), found.unexplained.len()), (0, problem.model.cover.len()));
    check(Effort { time: Duration::from_millis(300), states: usize::MAX, ..Effort::default() });
    let cancel = Some(Arc::new(AtomicBool::new(true)));
    let found = check(Effort { time: Duration::MAX, states: usize::MAX, cancel });
    assert!(found.conflicts.is_empty());
}

/// A model of a few people and days with many rules.
fn random(seed: u64) -> Model {
    let mut rng = StdRng::seed_from_u64(seed);
    let days = rng.random_range(2..=4);
    let shifts = rng.random_range(1..=2);
    let mut model = bare(days, Vec::new());
    model.first_weekday = rng.random_range(0..7);
    model.week_start = rng.random_range(0..7);
    model.skills = vec!["chat".into()];
    for index in 0..shifts {
        let mut shift =
            Shift::new(format!("S{index}"), rng.random_range(0..24) * 60, rng.random_range(4..=14) * 60);
        shift.not_next_day = (0..shifts).filter(|_| rng.random_bool(0.2)).collect();
        if rng.random_bool(0.3) {
            shift.skills.push(0);
        }
        model.shifts.push(shift);
    }
    let some = |rng: &mut StdRng, high: u32| rng.random_bool(0.3).then(|| rng.random_range(1..=high));
    for index in 0..rng.random_range(1..=3) {
        let mut person = Person::new(format!("p{index}"));
        if rng.random_bool(0.6) {
            person.skills.push(0);
        }
        person.rules = Rules {
            caps: (0..shifts).map(|_| rng.random_bool(0.3).then(|| rng.random_range(0..=2))).collect(),
            minutes_min: some(&mut rng, 20).unwrap_or(0) * 60,
            minutes_max: some(&mut rng, 30).map(|hours| hours * 60),
            week_minutes_min: some(&mut rng, 8).unwrap_or(0) * 60,
            week_minutes_max: some(&mut rng, 30).map(|hours| hours * 60),
            week_days_max: some(&mut rng, 3),
            work_run_min: some(&mut rng, 3).unwrap_or(0),
            work_run_max: some(&mut rng, 3),
            off_run_min: some(&mut rng, 3).unwrap_or(0),
            weekends_max: some(&mut rng, 2).map(|most| most - 1),
            rest_min: some(&mut rng, 24).unwrap_or(0) * 60,
        };
        let cell = |rng: &mut StdRng| rng.random_bool(0.6).then(|| rng.random_range(0..shifts));
        person.history = (0..rng.random_range(0..=4)).map(|_| cell(&mut rng)).collect();
        for day in 0..days {
            match rng.random_range(0..12) {
                0 => person.leave.push(Leave { day, counted: rng.random_range(0..=8) * 60 }),
                1 => person.banned.push(Banned { day, shift: rng.random_range(0..shifts) }),
                2 => person.fixed.push(Fixed { day, shift: cell(&mut rng) }),
                _ => {}
            }
        }
        model.people.push(person);
    }
    for day in 0..days {
        if rng.random_bool(0.6) {
            let shift = rng.random_range(0..shifts);
            let skill = rng.random_bool(0.2).then_some(0);
            model.cover.push(Cover {
                day,
                shift,
                skill,
                required: rng.random_range(0..=2),
                under: 10,
                over: 1,
            });
        }
        if rng.random_bool(0.3) {
            let from = rng.random_range(0..24) * 60;
            let to = from + rng.random_range(1..=6) * 60;
            let required = rng.random_range(1..=2);
            model.demand.push(Demand {
                day,
                from,
                to,
                shifts: Vec::new(),
                skill: None,
                required,
                under: 10,
                over: 0,
            });
        }
    }
    model.validate().expect("a valid model");
    model
}

/// All rows of a person with the causes that each breaks, by the checker, and the needs that it covers.
struct Brute {
    rows: Vec<Vec<(HashSet<Cause>, HashSet<Need>)>>,
}

fn broken_cause(line: &RuleLine) -> Cause {
    let day = line.days.and_then(|(first, _)| usize::try_from(first).ok());
    let (day, shift) = match line.rule {
        Rule::Skill | Rule::Cap => (None, line.shift),
        Rule::Fixed | Rule::Leave => (day, None),
        Rule::Banned => (day, line.shift),
        _ => (None, None),
    };
    Cause { person: line.person, rule: line.rule, day, shift }
}

impl Brute {
    fn new(model: &Model) -> Self {
        let kinds = model.shifts.len() + 1;
        let needs: Vec<Need> = (0..model.cover.len())
            .filter(|at| model.cover[*at].required > 0)
            .map(Need::Cover)
            .chain((0..model.demand.len()).map(Need::Demand))
            .collect();
        let rows = (0..model.people.len()).map(|person| {
            // Alone in the model, so that the checker's counts are this person's.
            let mut alone = model.clone();
            alone.people = vec![model.people[person].clone()];
            for row in &mut alone.cover {
                row.required = 1;
            }
            for row in &mut alone.demand {
                row.required = 1;
            }
            let all = (0..kinds.pow(model.days as u32)).map(|mut code| {
                let mut roster = Roster::of(&alone);
                for day in 0..model.days {
                    roster.set(0, day, (code % kinds).checked_sub(1));
                    code /= kinds;
                }
                let report = check(&alone, &roster);
                let broken = report.broken().map(|line| Cause { person, ..broken_cause(line) }).collect();
                let covered = needs.iter().copied().filter(|need| {
                    !report.penalties.iter().any(|line| match (line.penalty, need) {
                        (rostering::Penalty::Cover { cover, present: 0 }, Need::Cover(at)) => cover == *at,
                        (rostering::Penalty::Demand { demand, present: 0 }, Need::Demand(at)) => {
                            demand == *at
                        }
                        _ => false,
                    })
                });
                (broken, covered.collect())
            });
            all.collect()
        });
        Self { rows: rows.collect() }
    }

    /// Whether the needs can be met while the causes are kept.
    fn feasible(&self, model: &Model, needs: &[Need], causes: &[Cause]) -> bool {
        let mut rests: HashSet<Vec<u32>> =
            HashSet::from([needs.iter().map(|need| need.required(model)).collect()]);
        for rows in &self.rows {
            let kept = rows.iter().filter(|(broken, _)| !causes.iter().any(|cause| broken.contains(cause)));
            let kinds: HashSet<Vec<bool>> =
                kept.map(|(_, covered)| needs.iter().map(|need| covered.contains(need)).collect()).collect();
            rests = rests
                .iter()
                .flat_map(|rest| {
                    kinds.iter().map(|covers| {
                        rest.iter()
                            .zip(covers)
                            .map(|(rest, covers)| rest.saturating_sub((*covers).into()))
                            .collect()
                    })
                })
                .collect();
        }
        rests.contains(&vec![0; needs.len()])
    }
}

/// Every cause that some row breaks.
fn all_causes(brute: &Brute) -> Vec<Cause> {
    let all: HashSet<Cause> =
        brute.rows.iter().flatten().flat_map(|(broken, _)| broken.iter().copied()).collect();
    all.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_conflict_is_there_if_and_only_if_needs_cannot_be_met_and_it_is_minimal(seed: u64) {
        let model = random(seed);
        let brute = Brute::new(&model);
        let causes = all_causes(&brute);
        let wanted: Vec<Need> = (0..model.cover.len())
            .filter(|at| model.cover[*at].required > 0)
            .map(Need::Cover)
            .chain((0..model.demand.len()).map(Need::Demand))
            .collect();
        let found = explain(&Problem::from(model.clone()), None, Effort::default());
        prop_assert_eq!(found.conflicts.is_empty(), brute.feasible(&model, &wanted, &causes));
        for Conflict { needs, causes, minimal, text, .. } in &found.conflicts {
            prop_assert!(!brute.feasible(&model, needs, causes), "{}", text);
            prop_assert!(minimal, "{}", text);
            for without in 0..needs.len() {
                let mut fewer = needs.clone();
                fewer.remove(without);
                prop_assert!(brute.feasible(&model, &fewer, causes), "{} holds without need {}", text, without);
            }
            for without in 0..causes.len() {
                let mut fewer = causes.clone();
                let left_out = fewer.remove(without);
                prop_assert!(brute.feasible(&model, needs, &fewer), "{} holds without {:?}", text, left_out);
            }
        }
    }
}
