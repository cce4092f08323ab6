//! Writing a model in the public text format, as far as the format goes.

use std::fmt::Write as _;

use crate::model::{Model, Person, Rules, Wish};
use crate::text::{NoPlace, is_misread};

fn no_place<T>(what: impl Into<String>) -> Result<T, NoPlace> {
    Err(NoPlace { what: what.into() })
}

/// Writes a model as [`read_model`](crate::read_model) reads it.
///
/// # Errors
///
/// What the format has no place for: begins of shifts, breaks, skills, rests, weekly rules, leave that counts, fixed
/// shifts, history, demand per interval, fairness, pairings, other wishes than for or against a shift, a first day that is no
/// Monday, names with separators in them.
pub fn write_model(model: &Model) -> Result<String, NoPlace> {
    fits(model)?;
    let mut text = String::new();
    let shift = |index: usize| model.shifts[index].id.as_str();
    let mut line = |content: std::fmt::Arguments<'_>| {
        writeln!(text, "{content}").expect("writing to a string does not fail");
    };
    line(format_args!("SECTION_HORIZON\n{}\n\nSECTION_SHIFTS", model.days));
    for one in &model.shifts {
        let after: Vec<&str> = one.not_next_day.iter().map(|other| shift(*other)).collect();
        line(format_args!("{},{},{}", one.id, one.counted, after.join("|")));
    }
    line(format_args!("\nSECTION_STAFF"));
    for person in &model.people {
        let Rules {
            caps,
            minutes_min,
            minutes_max,
            work_run_min,
            work_run_max,
            off_run_min,
            weekends_max,
            ..
        } = &person.rules;
        let caps: Vec<String> = caps
            .iter()
            .enumerate()
            .filter_map(|(index, cap)| cap.map(|cap| format!("{}={cap}", shift(index))))
            .collect();
        let days = model.days as u32;
        line(format_args!(
            "{},{},{},{minutes_min},{},{work_run_min},{off_run_min},{}",
            person.id,
            caps.join("|"),
            minutes_max.unwrap_or(days * 1440),
            work_run_max.unwrap_or(days),
            weekends_max.unwrap_or(days),
        ));
    }
    line(format_args!("\nSECTION_DAYS_OFF"));
    for person in &model.people {
        let mut days: Vec<usize> = person.fixed.iter().map(|fixed| fixed.day).collect();
        days.extend(person.leave.iter().map(|leave| leave.day));
        if !days.is_empty() {
            let days: Vec<String> = days.iter().map(ToString::to_string).collect();
            line(format_args!("{},{}", person.id, days.join(",")));
        }
    }
    for (section, on) in [("ON", true), ("OFF", false)] {
        line(format_args!("\nSECTION_SHIFT_{section}_REQUESTS"));
        for person in &model.people {
            for request in &person.requests {
                match request.wish {
                    Wish::Shift(index) if on => {
                        line(format_args!(
                            "{},{},{},{}",
                            person.id,
                            request.day,
                            shift(index),
                            request.weight
                        ));
                    }
                    Wish::NotShift(index) if !on => {
                        line(format_args!(
                            "{},{},{},{}",
                            person.id,
                            request.day,
                            shift(index),
                            request.weight
                        ));
                    }
                    _ => {}
                }
            }
        }
    }
    line(format_args!("\nSECTION_COVER"));
    for row in &model.cover {
        line(format_args!("{},{},{},{},{}", row.day, shift(row.shift), row.required, row.under, row.over));
    }
    Ok(text)
}

fn fits(model: &Model) -> Result<(), NoPlace> {
    if model.first_weekday != 0 || model.weekend != [5, 6] {
        return no_place("a first day other than Monday or a weekend other than Saturday and Sunday");
    }
    let names =
        model.shifts.iter().map(|shift| &shift.id).chain(model.people.iter().map(|person| &person.id));
    for name in names {
        if is_misread(name, &[',', '|', '=', '#', ':']) {
            return no_place(format!("a separator in the name {name:?}"));
        }
    }
    for shift in &model.shifts {
        if shift.start != 0 || shift.counted != shift.length || !shift.skills.is_empty() {
            return no_place(format!("begin, breaks or skills of shift {:?}", shift.id));
        }
    }
    for person in &model.people {
        person_fits(person)?;
    }
    if model.cover.iter().any(|cover| cover.skill.is_some()) {
        return no_place("cover by skill");
    }
    if !(model.demand.is_empty() && model.fairness.is_empty() && model.pairings.is_empty()) {
        return no_place("demand per interval, fairness or pairings");
    }
    Ok(())
}

fn person_fits(person: &Person) -> Result<(), NoPlace> {
    let rules = &person.rules;
    let weekly =
        rules.week_minutes_min > 0 || rules.week_minutes_max.is_some() || rules.week_days_max.is_some();
    let lacks = [
        (weekly, "weekly rules"),
        (rules.rest_min > 0, "rest between shifts"),
        (person.leave.iter().any(|leave| leave.counted > 0), "leave that counts as work"),
        (person.fixed.iter().any(|fixed| fixed.shift.is_some()), "fixed shifts"),
        (!person.banned.is_empty(), "banned shifts"),
        (!person.history.is_empty(), "history"),
        (
            person.requests.iter().any(|request| !matches!(request.wish, Wish::Shift(_) | Wish::NotShift(_))),
            "wishes other than for or against a shift",
        ),
    ];
    match lacks.iter().find(|(lacks, _)| *lacks) {
        Some((_, what)) => no_place(format!("{what} of {:?}", person.id)),
        None => Ok(()),
    }
}
