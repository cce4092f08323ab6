use rostering::{Fixed, Wish, read_model, read_roster, write_model, write_roster};

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
    assert_eq!(read_roster(&model, &write_roster(&model, &roster)).expect("readable"), roster);
    let error = read_roster(&model, "cy:-,-\n").expect_err("short");
    assert_eq!(error.to_string(), "line 1, cells: are 2 for a horizon of 14 days");
    let error = read_roster(&model, &text.replace("ann:", "bo:")).expect_err("twice");
    assert_eq!(error.to_string(), "line 3, person: \"bo\" is there twice");
}
