//! Ready-made problems.

use chrono::NaiveDate;

use crate::model::{Cover, DayKind, Fairness, Model, Person, Rules, Shift};
use crate::problem::Problem;
use crate::roster::Roster;

/// The small team that turns through early, late and evening shifts every day of the week: A 09:00–17:00, B 12:00–20:00,
/// C from 20:00 on call at home. Each of the three is worked by one person each day.
///
/// Solved, it is a legal rotation with everything shared out evenly: all shifts, each of the three, and weekend days, to
/// within one. Four people over three weeks get 63 shifts as 16, 16, 16 and 15.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// Names of the people, at least four: three shifts on seven days are 21 a week, and nobody works more than six days.
    pub people: Vec<String>,
    /// The first day.
    pub first_day: NaiveDate,
    /// Length in days; 21 is the three-week cycle, a month's length makes a monthly roster of it.
    pub days: usize,
    /// Minute of the day at which C ends: 1320 (22:00) to 1440 (24:00).
    pub evening_end: u32,
    /// Of a C's minutes, how many in a hundred count as work.
    pub evening_counted_percent: u32,
    /// Fewest minutes between two shifts.
    pub rest_min: u32,
    /// The rotation that ended on the day before, with its roster: its last days are the new one's history, and who had more
    /// than others gets less.
    pub past: Option<(Problem, Roster)>,
}

/// Why a rotation can't be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct RotationError {
    /// The field.
    pub field: &'static str,
    /// What it should be.
    pub reason: String,
}

/// Cost of a head missing or too many; far above all fairness together.
const COVER_WEIGHT: i64 = 10_000;
const FAIRNESS_WEIGHT: i64 = 10;
/// Days of the past that are handed on: more than any rule looks back.
const HISTORY_DAYS: usize = 28;
const DAYS_A_WEEK: u32 = 6;
const EVENING_START: u32 = 20 * 60;

impl Default for Rotation {
    fn default() -> Self {
        Self {
            people: ["一", "二", "三", "四"].map(|number| format!("客服{number}")).to_vec(),
            first_day: NaiveDate::from_ymd_opt(2026, 12, 7).expect("7 December 2026 is a date"),
            days: 21,
            evening_end: 24 * 60,
            evening_counted_percent: 100,
            rest_min: 11 * 60,
            past: None,
        }
    }
}

/// Makes the problem of a [`Rotation`].
///
/// # Errors
///
/// The first field that is wrong.
pub fn rotation(wanted: &Rotation) -> Result<Problem, RotationError> {
    check(wanted)?;
    let evening = wanted.evening_end - EVENING_START;
    let mut shifts = vec![
        Shift::new("A", 9 * 60, 480),
        Shift::new("B", 12 * 60, 480),
        Shift::new("C", EVENING_START, evening),
    ];
    shifts[2].counted = evening * wanted.evening_counted_percent / 100;
    let rules = Rules {
        week_days_max: Some(DAYS_A_WEEK),
        work_run_max: Some(DAYS_A_WEEK),
        rest_min: wanted.rest_min,
        ..Rules::default()
    };
    let people = wanted.people.iter().map(|name| Person {
        rules: rules.clone(),
        history: history(wanted, name),
        ..Person::new(name.as_str())
    });
    let cover = (0..shifts.len()).flat_map(|shift| {
        let row = move |day| Cover {
            day,
            shift,
            skill: None,
            required: 1,
            under: COVER_WEIGHT,
            over: COVER_WEIGHT,
        };
        (0..wanted.days).map(row)
    });
    let model = Model {
        days: wanted.days,
        first_weekday: 0,
        weekend: vec![5, 6],
        week_start: 0,
        skills: Vec::new(),
        people: people.collect(),
        cover: cover.collect(),
        shifts,
        demand: Vec::new(),
        fairness: Vec::new(),
        pairings: Vec::new(),
    };
    let mut problem = Problem::dated(model, wanted.first_day);
    let terms: [(&str, &[usize], DayKind); 5] = [
        ("shifts", &[], DayKind::Every),
        ("A", &[0], DayKind::Every),
        ("B", &[1], DayKind::Every),
        ("C", &[2], DayKind::Every),
        ("weekend days", &[], DayKind::Weekend),
    ];
    for (name, shifts, days) in terms {
        let counted = (0..wanted.days).filter(|day| problem.model.is_kind(*day, days)).count();
        let total = counted * if shifts.is_empty() { problem.model.shifts.len() } else { shifts.len() };
        let people: Vec<usize> = (0..wanted.people.len()).collect();
        let total = u32::try_from(total).expect("at most 366 days of three shifts");
        let shares = Model::even_shares(&people, &carried(wanted, name), total);
        problem.model.fairness.push(Fairness {
            name: name.to_owned(),
            shifts: shifts.to_vec(),
            days,
            shares,
            weight: FAIRNESS_WEIGHT,
        });
    }
    Ok(problem)
}

fn check(wanted: &Rotation) -> Result<(), RotationError> {
    let wrong = |field, reason: String| Err(RotationError { field, reason });
    let people = wanted.people.len();
    if people < 4 {
        let reason = format!("are {people}: three shifts every day take four, with a day of rest a week");
        return wrong("people", reason);
    }
    if let Some(twice) =
        wanted.people.iter().enumerate().find(|(at, name)| wanted.people[..*at].contains(name))
    {
        return wrong("people", format!("{:?} is there twice", twice.1));
    }
    if wanted.people.iter().any(|name| name.trim().is_empty()) {
        return wrong("people", "one has no name".to_owned());
    }
    if !(7..=366).contains(&wanted.days) {
        return wrong("days", format!("{} is not within 7..=366", wanted.days));
    }
    if !(22 * 60..=24 * 60).contains(&wanted.evening_end) {
        return wrong("evening_end", format!("minute {} is not within 22:00 to 24:00", wanted.evening_end));
    }
    if wanted.evening_counted_percent > 100 {
        return wrong("evening_counted_percent", format!("{} is above 100", wanted.evening_counted_percent));
    }
    if wanted.rest_min > 16 * 60 {
        // From the end of A or B to the same shift of the next day it is 16 hours.
        return wrong("rest_min", format!("{} minutes leave nobody for the next day", wanted.rest_min));
    }
    if let Some((problem, _)) = &wanted.past {
        let next = problem.date(problem.model.days as isize);
        if next != Some(wanted.first_day) {
            let ended =
                next.map_or_else(|| "has no dates".to_owned(), |next| format!("is followed by {next}"));
            return wrong("past", format!("{ended}, this one begins on {}", wanted.first_day));
        }
    }
    Ok(())
}

/// The last days of somebody's past, by the names of the shifts; empty for somebody new.
fn history(wanted: &Rotation, name: &str) -> Vec<Option<usize>> {
    let Some((problem, roster)) = &wanted.past else { return Vec::new() };
    let Some(person) = problem.model.people.iter().position(|person| person.id == name) else {
        return Vec::new();
    };
    let known =
        |shift: usize| ["A", "B", "C"].iter().position(|known| *known == problem.model.shifts[shift].id);
    let cells: Vec<Option<usize>> = roster.row(person).map(|cell| cell.and_then(known)).collect();
    cells[cells.len().saturating_sub(HISTORY_DAYS)..].to_vec()
}

/// What each person had above the low end of their share, over all rotations before: the low ends already take from it
/// what was carried into the last one.
fn carried(wanted: &Rotation, name: &str) -> Vec<i64> {
    let above = |person: &String| {
        let (problem, roster) = wanted.past.as_ref()?;
        let model = &problem.model;
        let index = model.people.iter().position(|other| other.id == *person)?;
        let term = model.fairness.iter().find(|term| term.name == name)?;
        let share = term.shares.iter().find(|share| share.person == index)?;
        let counts = |(day, cell): &(usize, Option<usize>)| {
            let shift = cell.is_some_and(|shift| term.shifts.is_empty() || term.shifts.contains(&shift));
            shift && model.is_kind(*day, term.days)
        };
        let count = roster.row(index).enumerate().filter(counts).count();
        Some(count as i64 - i64::from(share.low))
    };
    let above: Vec<i64> = wanted.people.iter().map(|person| above(person).unwrap_or(0)).collect();
    let least = above.iter().copied().min().unwrap_or(0);
    above.into_iter().map(|above| above - least).collect()
}
