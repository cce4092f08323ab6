//! The ready-made rotation.

use rostering::{Problem, Roster, Rotation, check, rotation};

/// A, B, C, off, each person a day behind the one before.
fn turning(problem: &Problem, begin: usize) -> Roster {
    let mut roster = Roster::of(&problem.model);
    for person in 0..roster.people() {
        for day in 0..roster.days() {
            roster.set(person, day, Some((begin + day + person) % 4).filter(|shift| *shift < 3));
        }
    }
    roster
}

#[test]
fn four_people_can_turn_evenly_at_no_cost_and_no_cost_is_negative() {
    for evening_end in [22 * 60, 24 * 60] {
        let problem = rotation(&Rotation { evening_end, ..Rotation::default() }).expect("a rotation");
        let roster = turning(&problem, 0);
        let report = check(&problem.model, &roster);
        assert!(report.feasible);
        assert_eq!((report.objective, report.penalties.len()), (0, 0), "{:?}", report.penalties);
        let mut shifts: Vec<usize> = (0..4).map(|person| roster.row(person).flatten().count()).collect();
        shifts.sort_unstable();
        assert_eq!(shifts, [15, 16, 16, 16]);
    }
}

#[test]
fn the_phase_goes_on_and_whoever_had_less_gets_more() {
    let first = rotation(&Rotation::default()).expect("a rotation");
    let roster = turning(&first, 0);
    let fewest = (0..4).min_by_key(|person| roster.row(*person).flatten().count()).expect("people");
    let first_day = "2026-12-28".parse().expect("a date");
    let wanted = Rotation { first_day, past: Some((first, roster.clone())), ..Rotation::default() };
    let next = rotation(&wanted).expect("a rotation");
    let history: Vec<Option<usize>> = roster.row(fewest).collect();
    assert_eq!(next.model.people[fewest].history, history);
    let shares = &next.model.fairness[0].shares;
    let low = |person: usize| shares.iter().find(|share| share.person == person).map(|share| share.low);
    assert!((0..4).all(|person| person == fewest || low(person) < low(fewest)), "{shares:?}");
    assert!(check(&next.model, &turning(&next, 21)).feasible, "nothing is broken where the two meet");
}

#[test]
fn a_rotation_that_makes_no_sense_is_refused() {
    let refused = |wanted: Rotation, message: &str| {
        assert_eq!(rotation(&wanted).expect_err(message).to_string(), message);
    };
    let base = Rotation::default;
    let three = base().people[..3].to_vec();
    refused(
        Rotation { people: three, ..base() },
        "people: are 3: three shifts every day take four, with a day of rest a week",
    );
    let twice = ["a", "b", "c", "a"].map(str::to_owned).to_vec();
    refused(Rotation { people: twice, ..base() }, "people: \"a\" is there twice");
    refused(Rotation { days: 6, ..base() }, "days: 6 is not within 7..=366");
    refused(
        Rotation { evening_end: 1500, ..base() },
        "evening_end: minute 1500 is not within 22:00 to 24:00",
    );
    refused(Rotation { rest_min: 1000, ..base() }, "rest_min: 1000 minutes leave nobody for the next day");
    let problem = rotation(&base()).expect("a rotation");
    let roster = Roster::of(&problem.model);
    refused(
        Rotation { past: Some((problem, roster)), ..base() },
        "past: is followed by 2026-12-28, this one begins on 2026-12-07",
    );
}
