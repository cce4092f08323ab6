//! Conflicts in words.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Conflict, Need};
use crate::check::Rule;
use crate::problem::{Problem, clock};
use crate::reach::Cause;

/// Needs up to which each is named.
const NEEDS_NAMED_MAX: usize = 4;

pub(super) fn conflict(problem: &Problem, conflict: &Conflict) -> String {
    let model = &problem.model;
    if conflict.needs.is_empty() {
        let person = conflict.causes.first().map_or("nobody", |cause| model.people[cause.person].id.as_str());
        return format!(
            "{person}: {} can't be kept together",
            list(&person_causes(problem, &conflict.causes, Form::Rule))
        );
    }
    let people = model.people.len();
    let mut text = match conflict.needs[..] {
        [need] => format!(
            "{} needs {}, at most {} of {people} can work",
            problem.need_words(need),
            count(conflict.required, "agent"),
            conflict.most
        ),
        _ => format!(
            "{} need {} in all, at most {} can be had",
            needs(problem, &conflict.needs),
            count(conflict.required, "agent"),
            conflict.most
        ),
    };
    let reasons = reasons(problem, &conflict.causes);
    if !reasons.is_empty() {
        write!(text, ": {}", reasons.join("; ")).expect("writing to a string does not fail");
    }
    if !conflict.minimal {
        text.push_str(" (a part of this may be enough for the conflict)");
    }
    text
}

impl Problem {
    /// Day and shift or interval of a need: `Sun 8 Nov 19:00–24:00`.
    #[must_use]
    pub fn need_words(&self, need: Need) -> String {
        match need {
            Need::Cover(at) => self.cover_words(at),
            Need::Demand(at) => self.demand_words(at),
        }
    }
}

fn needs(problem: &Problem, needs: &[Need]) -> String {
    let model = &problem.model;
    if needs.len() <= NEEDS_NAMED_MAX {
        let named =
            needs.iter().map(|need| format!("{} ({})", problem.need_words(*need), need.required(model)));
        return list(&named.collect::<Vec<_>>());
    }
    let days = || needs.iter().map(|need| need.day(model) as isize);
    let (first, last) = (days().min().unwrap_or(0), days().max().unwrap_or(0));
    let mut shifts: Vec<&str> = needs
        .iter()
        .flat_map(|need| need.cells(model))
        .map(|(_, shift)| model.shifts[shift].id.as_str())
        .collect();
    shifts.sort_unstable();
    shifts.dedup();
    format!("{}: {} needs ({})", problem.days_name(first, last), needs.len(), shifts.join(", "))
}

/// People with one and the same reason together: "two on leave (A, B)".
fn reasons(problem: &Problem, causes: &[Cause]) -> Vec<String> {
    let mut by_person: BTreeMap<usize, Vec<Cause>> = BTreeMap::new();
    for cause in causes {
        by_person.entry(cause.person).or_default().push(*cause);
    }
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for (person, causes) in by_person {
        let reason = list(&person_causes(problem, &causes, Form::Reason));
        let name = problem.model.people[person].id.as_str();
        match groups.iter_mut().find(|(other, _)| *other == reason) {
            Some((_, names)) => names.push(name),
            None => groups.push((reason, vec![name])),
        }
    }
    groups
        .into_iter()
        .map(|(reason, names)| format!("{} {reason} ({})", in_words(names.len()), names.join(", ")))
        .collect()
}

#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// After a number of people: "two on leave".
    Reason,
    /// As part of a list of rules: "leave on 3 Nov".
    Rule,
}

/// The causes of one person, days of the same kind joined.
fn person_causes(problem: &Problem, causes: &[Cause], form: Form) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = causes;
    while let Some(first) = rest.first() {
        let alike = |cause: &&Cause| (cause.rule, cause.shift) == (first.rule, first.shift);
        let run = rest.iter().take_while(alike).count();
        let days: Vec<usize> = rest[..run].iter().filter_map(|cause| cause.day).collect();
        found.push(cause(problem, first, &days, form));
        rest = &rest[run..];
    }
    found
}

fn cause(problem: &Problem, cause: &Cause, days: &[usize], form: Form) -> String {
    let person = &problem.model.people[cause.person];
    let rules = &person.rules;
    let shift = cause.shift.map_or("", |shift| problem.model.shifts[shift].id.as_str());
    let runs: Vec<String> = days
        .chunk_by(|one, next| one + 1 == *next)
        .map(|run| problem.days_name(run[0] as isize, run[run.len() - 1] as isize))
        .collect();
    let at = runs.join(", ");
    let most = |limit: Option<u32>| limit.unwrap_or(u32::MAX);
    let plain = form == Form::Rule;
    match cause.rule {
        Rule::Leave if plain => format!("leave on {at}"),
        Rule::Leave => format!("on leave on {at}"),
        Rule::Fixed => {
            let cells: Vec<&str> = days
                .iter()
                .flat_map(|day| person.fixed.iter().filter(move |fixed| fixed.day == *day))
                .map(|fixed| problem.cell_name(fixed.shift))
                .collect();
            let mut named = cells.clone();
            named.dedup();
            let what = if named == ["-"] { "off".to_owned() } else { cells.join(" ") };
            format!("already decided ({what} on {at})")
        }
        Rule::Banned => format!("{shift} banned on {at}"),
        Rule::Skill => format!("without the skill for {shift}"),
        Rule::Cap => format!("at most {} of {shift}", most(rules.caps[cause.shift.unwrap_or(0)])),
        Rule::Succession if plain => "shifts that may not follow each other".to_owned(),
        Rule::Succession => "bound by the shift of a neighbouring day".to_owned(),
        Rule::Rest if plain => format!("rest of {} h between shifts", clock(rules.rest_min)),
        Rule::Rest => format!("must rest {} h between shifts", clock(rules.rest_min)),
        Rule::MinutesMin => format!("at least {} minutes", rules.minutes_min),
        Rule::MinutesMax => format!("at most {} minutes", most(rules.minutes_max)),
        Rule::WeekMinutesMin => format!("at least {} minutes a week", rules.week_minutes_min),
        Rule::WeekMinutesMax => format!("at most {} minutes a week", most(rules.week_minutes_max)),
        Rule::WeekDaysMax => format!("at most {} days a week", most(rules.week_days_max)),
        Rule::WorkRunMin => format!("at least {} days of work in a row", rules.work_run_min),
        Rule::WorkRunMax => format!("at most {} days of work in a row", most(rules.work_run_max)),
        Rule::OffRunMin => format!("at least {} days off in a row", rules.off_run_min),
        Rule::WeekendsMax => format!("at most {} weekends", most(rules.weekends_max)),
    }
}

fn list(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn count(number: u32, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn in_words(number: usize) -> String {
    const WORDS: [&str; 11] =
        ["no one", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
    WORDS.get(number).map_or_else(|| number.to_string(), |word| (*word).to_owned())
}
