use proptest::prelude::*;
use rostering::{
    Fixed, Options, Request, Roster, SolveError, Wish, read_model, read_roster, solve, write_model,
    write_roster,
};

/// A small instance of our own in the public format.
pub const SMALL: &str = "\
# two weeks, three people
SECTION_HORIZON
14

SECTION_SHIFTS
E,480,
L,600,E

SECTION_STAFF
ann,E=14|L=3,4320,3360,5,2,2,1
bo,E=14|L=14,4320,3360,5,2,2,1
cy,E=14|L=0,4320,3360,5,2,2,1

SECTION_DAYS_OFF
ann,0
bo,5,6

SECTION_SHIFT_ON_REQUESTS
ann,2,E,2
SECTION_SHIFT_OFF_REQUESTS
cy,3,E,1

SECTION_COVER
0,E,1,100,1
0,L,1,100,1
3,E,2,100,1
";

#[test]
fn a_model_is_read_as_written() {
    let model = read_model(SMALL).expect("readable");
    assert_eq!((model.days, model.people.len(), model.shifts.len()), (14, 3, 2));
    assert_eq!(model.shifts[1].not_next_day, [0]);
    assert_eq!(model.people[1].fixed, [Fixed { day: 5, shift: None }, Fixed { day: 6, shift: None }]);
    assert_eq!(model.people[2].requests[0].wish, Wish::NotShift(0));
    let text = write_model(&model).expect("nothing the format lacks");
    assert_eq!(read_model(&text).expect("readable"), model);
    let nobody = |written: &str| read_model(&SMALL.replacen("0,E,1,100,1", written, 1)).expect(written);
    assert_eq!(nobody("0,E,-0,100,1"), nobody("0,E,0,100,1"));
}

#[test]
fn errors_name_line_field_and_reason() {
    let check = |from: &str, to: &str, message: &str| {
        let error = read_model(&SMALL.replacen(from, to, 1)).expect_err(to);
        assert_eq!(error.to_string(), message);
    };
    check("L,600,E", "L,600,X", "line 7, shifts that cannot follow: \"X\" is unknown");
    check("L,600,E", "L,1600,E", "line 7, length: 1600 is not within 1..=1440 minutes");
    check("bo,E=14", "ann,E=14", "line 11, employee: \"ann\" is there twice");
    check("E=14|L=3", "E=14|L", "line 10, max shifts: \"L\" is not shift=count");
    check("4320,3360,5,2,2,1", "4320,3360,5,2,2", "line 10, max weekends: is missing");
    check("ann,2,E,2", "ann,14,E,2", "line 19, day: 14 is outside the horizon of 14 days");
    check("0,E,1,100,1", "0,E,-1,100,1", "line 24, requirement: \"-1\" is not a number in range");
    check("ann,2,E,2", "ann,2,E,-2", "line 19, weight: -2 is not within 0..=1000000");
    check("0,L,1,100,1", "0,L,1,1000001,1", "line 25, under: 1000001 is not within 0..=1000000");
    check("HORIZON\n14", "HORIZON\n10001", "line 3, days: 10001 is not within 1..=10000");
    check(
        "bo,E=14|L=14,4320,3360,5",
        "bo,E=14|L=14,4320,3360,0",
        "line 11, work_run_max: 0 would forbid all work",
    );
    check("SECTION_HORIZON\n14", "", "SECTION_HORIZON: is missing");
    check("SECTION_COVER", "SECTION_COVERS", "line 23, section: \"COVERS\" is unknown");
}

#[test]
fn rosters_are_read_in_any_order_and_refused_when_incomplete() {
    let model = read_model(SMALL).expect("readable");
    let text =
        "cy: E E E - - - - - - - - - - -\nann:- - - - - - - - - - - - - L\nbo: - - - - - - - - - - - - - -\n";
    let roster = read_roster(&model, text).expect("readable");
    assert_eq!(roster.get(2, 1), Some(0));
    assert_eq!(roster.get(0, 13), Some(1));
    assert_eq!(
        read_roster(&model, &write_roster(&model, &roster).expect("plain names")).expect("readable"),
        roster
    );
    let error = read_roster(&model, "cy:-,-\n").expect_err("short");
    assert_eq!(error.to_string(), "line 1, cells: are 2 for a horizon of 14 days");
    let error = read_roster(&model, &text.replace("ann:", "bo:")).expect_err("twice");
    assert_eq!(error.to_string(), "line 3, person: \"bo\" is there twice");
}

#[test]
fn costs_that_are_too_much_name_the_person_and_the_dearest() {
    let mut model = read_model(SMALL).expect("readable");
    let wish = |day| Request { day, wish: Wish::Off, weight: 900_000 };
    model.people[1].requests.extend((0..14).map(wish));
    model.people[1].requests.extend([0, 1, 2, 3, 4, 7, 8].map(wish));
    model.people[1].requests[3].weight = 1_000_000;
    let error = solve(&model, &Options::default(), &mut |_| std::ops::ControlFlow::Continue(()))
        .expect_err("too dear");
    let SolveError::Model(error) = error else { panic!("{error}") };
    assert_eq!(error.field, "people[1]");
    assert!(
        error.reason.contains("\"bo\"")
            && error.reason.contains("the dearest is a wish for day 3, up to 1000000 a step"),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// What is written is read back the same; what would not be is refused.
    #[test]
    fn names_are_written_so_that_they_are_read_back_or_refused(
        names in prop::collection::hash_set("[-aSE_#:,|= \t\r\u{3000}\u{feff}夜]{1,4}|SECTION_[A-Z]{1,3}", 2..4),
        cells in prop::collection::vec(0..4_usize, 14),
    ) {
        let names: Vec<&String> = names.iter().filter(|name| !name.trim().is_empty() && *name != "-").collect();
        prop_assume!(names.len() > 1);
        let mut model = read_model(SMALL).expect("readable");
        (model.shifts[0].id, model.shifts[1].id) = (names[0].clone(), names[1].clone());
        let mut roster = Roster::of(&model);
        for (day, cell) in cells.iter().enumerate() {
            roster.set(0, day, cell.checked_sub(1).filter(|shift| *shift < 2));
        }
        let odd = |name: &str| name.contains([' ', '\t', '\r', ',', ':', '#', '\u{3000}', '\u{feff}']) || name.starts_with("SECTION_");
        match write_roster(&model, &roster) {
            Ok(text) => prop_assert_eq!(read_roster(&model, &text).expect("readable"), roster),
            Err(error) => prop_assert!(
                names.iter().take(2).any(|name| odd(name) && error.what == format!("a separator in the name {name:?}")),
                "{}", error
            ),
        }
        if let Ok(text) = write_model(&model) {
            prop_assert_eq!(read_model(&text).expect("readable"), model);
        }
    }
}
