//! The JSON forms.

use rostering::{
    Banned, Cause, Cover, DayKind, Demand, Fairness, Fixed, Leave, Need, Pairing, Person, Problem, Request,
    Roster, Rules, Share, Shift, Wish, check, input_sha256, read_json, read_model, read_solution, write_json,
    write_solution,
};

const DECEMBER: &str = include_str!("../../testdata/december.json");
const SHORT: &str = include_str!("../../testdata/short.json");

/// A problem that uses everything there is, in an order that joining entries must not change.
fn full() -> Problem {
    let mut model = read_model(crate::text::SMALL).expect("readable");
    model.skills = vec!["chat".into(), "电话".into()];
    model.weekend = vec![6, 0];
    model.week_start = 3;
    model.shifts[0].skills = vec![1];
    model.shifts[1] = Shift { counted: 540, ..Shift::new("夜", 1320, 600) };
    model.people[0] = Person {
        id: "王 \"芳\"".into(),
        skills: vec![1, 0],
        rules: Rules {
            caps: vec![None, Some(3)],
            minutes_min: 1,
            minutes_max: Some(2),
            week_minutes_min: 3,
            week_minutes_max: Some(4),
            week_days_max: Some(5),
            work_run_min: 6,
            work_run_max: Some(7),
            off_run_min: 8,
            weekends_max: Some(0),
            rest_min: 9,
        },
        leave: [3, 4, 5, 9].map(|day| Leave { day, counted: 480 }).to_vec(),
        fixed: vec![Fixed { day: 7, shift: Some(1) }, Fixed { day: 6, shift: None }],
        banned: (0..14).map(|day| Banned { day, shift: 1 }).collect(),
        requests: [
            Wish::Shift(1),
            Wish::NotShift(0),
            Wish::Work,
            Wish::Off,
            Wish::Keep(None),
            Wish::Keep(Some(0)),
        ]
        .map(|wish| Request { day: 2, wish, weight: 5 })
        .to_vec(),
        history: vec![None, Some(1), Some(0)],
    };
    model.people[1].rules.caps = Vec::new();
    model.people[2].rules.caps = vec![None, None];
    model.cover.push(Cover { day: 1, shift: 0, skill: Some(1), required: 2, under: 9, over: 8 });
    let demand = |day| Demand {
        day,
        from: 570,
        to: 1470,
        shifts: vec![1],
        skill: Some(0),
        required: 1,
        under: 3,
        over: 0,
    };
    model.demand.extend([1, 2, 4].map(demand));
    let shares = vec![Share { person: 2, low: 0, high: 4 }, Share { person: 0, low: 1, high: 2 }];
    for days in [DayKind::Every, DayKind::Weekend, DayKind::Weekday] {
        model.fairness.push(Fairness {
            name: "nights".into(),
            shifts: vec![1],
            days,
            shares: shares.clone(),
            weight: 2,
        });
    }
    model.pairings.push(Pairing { trainee: 1, mentor: 2, from: 3, to: 9, weight: 4 });
    model.validate().expect("valid");
    Problem::from(model)
}

#[test]
fn a_problem_is_read_as_written() {
    let undated = full();
    assert_eq!(read_json(&write_json(&undated)).expect("readable"), undated);
    let dated = Problem::dated(undated.model, "2026-12-01".parse().expect("a date"));
    let text = write_json(&dated);
    assert!(text.contains("\"2026-12-04..2026-12-06\""), "neighbouring days are joined: {text}");
    let read = read_json(&text).expect("readable");
    assert_eq!(read, dated);
    assert_eq!(input_sha256(&read.model), input_sha256(&dated.model));
}

#[test]
fn the_examples_read_and_say_what_they_should() {
    let problem = read_json(DECEMBER).expect("readable");
    let model = &problem.model;
    assert_eq!((model.days, model.first_weekday, model.people.len()), (31, 1, 12));
    let counts = (model.cover.len(), model.demand.len(), model.people[0].leave.len());
    assert_eq!(counts, (31 + 31 + 8, 31 + 2, 3));
    assert_eq!(problem.day_name(11), "Sat 12 Dec");
    let short = read_json(SHORT).expect("readable");
    let found = rostering::explain(&short, None, rostering::Effort::default());
    assert_eq!(found.conflicts.len(), 1);
    assert_eq!(found.conflicts[0].needs, [Need::Demand(0)]);
    let people: Vec<usize> = found.conflicts[0].causes.iter().map(|Cause { person, .. }| *person).collect();
    assert_eq!(people, [1, 4, 6, 6]);
}

#[test]
fn the_example_of_the_documentation_is_valid() {
    let readme = include_str!("../../README.md");
    let example =
        readme.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let problem = read_json(example).expect("readable");
    assert_eq!((problem.model.days, problem.model.people[0].requests.len()), (31, 4 + 1 + 1));
    assert_eq!(read_json(&write_json(&problem)).expect("readable"), problem);
}

#[test]
fn errors_name_path_and_reason() {
    let check = |from: &str, to: &str, message: &str| {
        assert!(DECEMBER.contains(from), "{from}");
        let error = read_json(&DECEMBER.replacen(from, to, 1)).expect_err(to).to_string();
        assert!(error.starts_with(message), "{error}");
    };
    check(
        "jinpai.roster/1",
        "jinpai.roster/2",
        "format: is \"jinpai.roster/2\", this reads \"jinpai.roster/1\"",
    );
    check(
        "\"work_run_min\"",
        "\"work_run_least\"",
        "people[0].rules.work_run_least: unknown field `work_run_least`",
    );
    check(
        "\"2026-12-07..2026-12-09\"",
        "\"2026-12-09..2026-12-07\"",
        "people[0].leave[0].days: 2026-12-09..2026-12-07 ends",
    );
    check(
        "2026-12-07..",
        "2026-11-30..",
        "people[0].leave[0].days: 2026-11-30 is outside the horizon of 31 days",
    );
    check(
        "\"weekend\", \"shift\"",
        "\"weekends\", \"shift\"",
        "people[4].banned[0].days: invalid value: string \"weekends\"",
    );
    check(
        "\"shift\": \"A\", \"weight\": 3",
        "\"shift\": \"X\", \"weight\": 3",
        "people[2].requests[0].shift: \"X\" is no shift",
    );
    check("\"shift\": \"A\", \"weight\": 3", "\"weight\": 3", "people[2].requests[0].shift: is missing");
    check("\"wish\": \"not_shift\"", "\"wish\": \"off\"", "people[2].requests[1].shift: has no meaning");
    check("\"weight\": 2}", "\"weight\": -2}", "people[2].requests[1].weight: -2 is not within 0..=1000000");
    check("\"start\": \"12:00\"", "\"start\": \"12.00\"", "shifts[1].start: \"12.00\" is no time like");
    check("\"to\": \"24:00\"", "\"to\": \"49:00\"", "demand[1].to: 2940 is not after 1140");
    check("\"trainee\": \"孙悦\"", "\"trainee\": \"孙\"", "pairings[0].trainee: \"孙\" is no person");
    check("\"days\": 31", "\"days\": 0", "days: 0 is not within 1..=10000");
    check("\"first_day\": \"2026-12-01\",", "", "first_day: is missing, and so is first_weekday");
    check(
        "\"days\": 31",
        "\"days\": 31, \"first_weekday\": \"mon\"",
        "first_weekday: is not the weekday of first_day",
    );
    let error = read_json("{\"format\": \"jinpai.roster/1\"}  x").expect_err("more").to_string();
    assert!(error.starts_with(".: trailing characters"), "{error}");
}

#[test]
fn a_roster_is_read_as_written_and_its_penalties_stand_beside_it() {
    let problem = read_json(DECEMBER).expect("readable");
    let mut roster = Roster::of(&problem.model);
    roster.set(0, 7, Some(2));
    roster.set(11, 30, Some(1));
    let report = check(&problem.model, &roster);
    let text = write_solution(&problem, &roster, &report, None);
    assert!(text.contains("\"Tue 1 Dec A: 0 of 2, 2 missing\""), "{text}");
    assert!(text.contains("\"rule\": \"leave\""), "{text}");
    let read = read_solution(&problem, &text).expect("readable");
    assert_eq!((read.roster, read.certificate), (roster, None));
    let refused = |from: &str, to: &str, message: &str| {
        let error = read_solution(&problem, &text.replacen(from, to, 1)).expect_err(to);
        assert_eq!(error.to_string(), message);
    };
    refused("\"person\": \"李雷\"", "\"person\": \"王芳\"", "roster[2].person: \"王芳\" is there twice");
    refused("\"C\"", "\"D\"", "roster[0].cells[7]: \"D\" is no shift");
    refused("\"C\",", "", "roster[0].cells: are 30 for a horizon of 31 days");
}
