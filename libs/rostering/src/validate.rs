//! What a model must keep to before it means anything.

use std::collections::HashSet;

use crate::model::{DAY_MINUTES, Model, Person, Wish};

/// Largest weight: keeps every sum of costs far inside 64 bits.
pub const WEIGHT_MAX: i64 = 1_000_000;
/// Most days, people and shift classes.
pub const SIZE_MAX: usize = 10_000;

/// What is wrong with a model, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct ModelError {
    /// Path of the field, such as `people[3].requests[0].day`.
    pub field: String,
    /// What it should be.
    pub reason: String,
}

type Checked = Result<(), ModelError>;

fn wrong(field: impl Into<String>, reason: impl Into<String>) -> Checked {
    Err(ModelError { field: field.into(), reason: reason.into() })
}

fn ensure(good: bool, field: impl FnOnce() -> String, reason: impl FnOnce() -> String) -> Checked {
    if good { Ok(()) } else { wrong(field(), reason()) }
}

fn below(value: usize, end: usize, what: &str, field: impl FnOnce() -> String) -> Checked {
    ensure(value < end, field, || format!("{value} is no {what}: there are {end}, counted from 0"))
}

fn weight(value: i64, field: impl FnOnce() -> String) -> Checked {
    ensure((0..=WEIGHT_MAX).contains(&value), field, || format!("{value} is not within 0..={WEIGHT_MAX}"))
}

fn names<'a>(ids: impl Iterator<Item = &'a String>, list: &str) -> Checked {
    let mut seen = HashSet::new();
    for (index, id) in ids.enumerate() {
        let field = || format!("{list}[{index}].id");
        ensure(!id.trim().is_empty(), field, || "is empty".into())?;
        ensure(seen.insert(id), field, || format!("{id:?} is there twice"))?;
    }
    Ok(())
}

impl Model {
    /// Checks that all indexes, days, times and weights are within their limits.
    ///
    /// Rules that contradict each other are not an error here: they make the problem infeasible, which the solver says.
    ///
    /// # Errors
    ///
    /// The first field that is wrong.
    pub fn validate(&self) -> Result<(), ModelError> {
        let sizes = [("days", self.days), ("people", self.people.len()), ("shifts", self.shifts.len())];
        for (field, size) in sizes {
            ensure(
                (1..=SIZE_MAX).contains(&size),
                || field.into(),
                || format!("{size} is not within 1..={SIZE_MAX}"),
            )?;
        }
        ensure(
            self.first_weekday < 7,
            || "first_weekday".into(),
            || "is not within 0..=6 (Monday to Sunday)".into(),
        )?;
        ensure(
            self.week_start < 7,
            || "week_start".into(),
            || "is not within 0..=6 (Monday to Sunday)".into(),
        )?;
        let weekend = match self.weekend[..] {
            [] => true,
            [day] => day < 7,
            [one, two] => one < 7 && two < 7 && ((one + 1) % 7 == two || (two + 1) % 7 == one),
            _ => false,
        };
        ensure(
            weekend,
            || "weekend".into(),
            || "is not up to two neighbouring weekdays, each within 0..=6".into(),
        )?;
        names(self.skills.iter(), "skills")?;
        names(self.shifts.iter().map(|shift| &shift.id), "shifts")?;
        names(self.people.iter().map(|person| &person.id), "people")?;
        self.validate_shifts()?;
        for (index, person) in self.people.iter().enumerate() {
            self.validate_person(person, &format!("people[{index}]"))?;
        }
        self.validate_needs()?;
        self.validate_sharing()
    }

    fn validate_shifts(&self) -> Checked {
        for (index, shift) in self.shifts.iter().enumerate() {
            let field = |name: &str| format!("shifts[{index}].{name}");
            ensure(shift.id != "-", || field("id"), || "\"-\" stands for a day off".into())?;
            ensure(
                shift.start < DAY_MINUTES,
                || field("start"),
                || format!("{} is not within 0..1440", shift.start),
            )?;
            let length = 1..=DAY_MINUTES;
            ensure(
                length.contains(&shift.length),
                || field("length"),
                || format!("{} is not within 1..=1440", shift.length),
            )?;
            let counted = shift.counted <= DAY_MINUTES;
            ensure(counted, || field("counted"), || format!("{} is above 1440", shift.counted))?;
            for other in &shift.not_next_day {
                below(*other, self.shifts.len(), "shift", || field("not_next_day"))?;
            }
            for skill in &shift.skills {
                below(*skill, self.skills.len(), "skill", || field("skills"))?;
            }
        }
        Ok(())
    }

    fn validate_person(&self, person: &Person, at: &str) -> Checked {
        let shifts = self.shifts.len();
        for skill in &person.skills {
            below(*skill, self.skills.len(), "skill", || format!("{at}.skills"))?;
        }
        let rules = &person.rules;
        ensure(
            rules.caps.is_empty() || rules.caps.len() == shifts,
            || format!("{at}.rules.caps"),
            || format!("has {} entries for {shifts} shifts", rules.caps.len()),
        )?;
        let rest = rules.rest_min <= DAY_MINUTES;
        ensure(rest, || format!("{at}.rules.rest_min"), || format!("{} is above 1440", rules.rest_min))?;
        ensure(
            rules.work_run_max != Some(0),
            || format!("{at}.rules.work_run_max"),
            || "0 would forbid all work".into(),
        )?;
        for (index, leave) in person.leave.iter().enumerate() {
            below(leave.day, self.days, "day", || format!("{at}.leave[{index}].day"))?;
            let counted = leave.counted <= DAY_MINUTES;
            ensure(
                counted,
                || format!("{at}.leave[{index}].counted"),
                || format!("{} is above 1440", leave.counted),
            )?;
            let twice = person.leave[..index].iter().any(|other| other.day == leave.day);
            ensure(
                !twice,
                || format!("{at}.leave[{index}].day"),
                || format!("day {} is there twice", leave.day),
            )?;
        }
        for (index, fixed) in person.fixed.iter().enumerate() {
            below(fixed.day, self.days, "day", || format!("{at}.fixed[{index}].day"))?;
            if let Some(shift) = fixed.shift {
                below(shift, shifts, "shift", || format!("{at}.fixed[{index}].shift"))?;
            }
        }
        for (index, banned) in person.banned.iter().enumerate() {
            below(banned.day, self.days, "day", || format!("{at}.banned[{index}].day"))?;
            below(banned.shift, shifts, "shift", || format!("{at}.banned[{index}].shift"))?;
        }
        for (index, request) in person.requests.iter().enumerate() {
            below(request.day, self.days, "day", || format!("{at}.requests[{index}].day"))?;
            if let Wish::Shift(shift) | Wish::NotShift(shift) | Wish::Keep(Some(shift)) = request.wish {
                below(shift, shifts, "shift", || format!("{at}.requests[{index}].wish"))?;
            }
            weight(request.weight, || format!("{at}.requests[{index}].weight"))?;
        }
        for (index, shift) in person.history.iter().enumerate() {
            if let Some(shift) = *shift {
                below(shift, shifts, "shift", || format!("{at}.history[{index}]"))?;
            }
        }
        Ok(())
    }

    fn validate_needs(&self) -> Checked {
        let heads = |required: u32, field: String| {
            let good = required as usize <= SIZE_MAX;
            ensure(good, || field, || format!("{required} is above {SIZE_MAX}"))
        };
        for (index, cover) in self.cover.iter().enumerate() {
            let field = |name: &str| format!("cover[{index}].{name}");
            below(cover.day, self.days, "day", || field("day"))?;
            below(cover.shift, self.shifts.len(), "shift", || field("shift"))?;
            if let Some(skill) = cover.skill {
                below(skill, self.skills.len(), "skill", || field("skill"))?;
            }
            heads(cover.required, field("required"))?;
            weight(cover.under, || field("under"))?;
            weight(cover.over, || field("over"))?;
        }
        for (index, demand) in self.demand.iter().enumerate() {
            let field = |name: &str| format!("demand[{index}].{name}");
            below(demand.day, self.days, "day", || field("day"))?;
            ensure(
                demand.from < DAY_MINUTES,
                || field("from"),
                || format!("{} is not within 0..1440", demand.from),
            )?;
            ensure(
                demand.from < demand.to && demand.to <= 2 * DAY_MINUTES,
                || field("to"),
                || format!("{} is not after {} and at most 2880", demand.to, demand.from),
            )?;
            for shift in &demand.shifts {
                below(*shift, self.shifts.len(), "shift", || field("shifts"))?;
            }
            if let Some(skill) = demand.skill {
                below(skill, self.skills.len(), "skill", || field("skill"))?;
            }
            heads(demand.required, field("required"))?;
            weight(demand.under, || field("under"))?;
            weight(demand.over, || field("over"))?;
        }
        Ok(())
    }

    fn validate_sharing(&self) -> Checked {
        for (index, term) in self.fairness.iter().enumerate() {
            let field = |name: &str| format!("fairness[{index}].{name}");
            for shift in &term.shifts {
                below(*shift, self.shifts.len(), "shift", || field("shifts"))?;
            }
            let mut seen = HashSet::new();
            for share in &term.shares {
                below(share.person, self.people.len(), "person", || field("shares"))?;
                ensure(
                    seen.insert(share.person),
                    || field("shares"),
                    || format!("person {} is there twice", share.person),
                )?;
                ensure(
                    share.low <= share.high,
                    || field("shares"),
                    || format!("{} is above {}", share.low, share.high),
                )?;
                ensure(
                    share.high as usize <= SIZE_MAX,
                    || field("shares"),
                    || format!("{} is above {SIZE_MAX}", share.high),
                )?;
            }
            weight(term.weight, || field("weight"))?;
        }
        for (index, pairing) in self.pairings.iter().enumerate() {
            let field = |name: &str| format!("pairings[{index}].{name}");
            below(pairing.trainee, self.people.len(), "person", || field("trainee"))?;
            below(pairing.mentor, self.people.len(), "person", || field("mentor"))?;
            ensure(pairing.trainee != pairing.mentor, || field("mentor"), || "is the trainee".into())?;
            below(pairing.to, self.days, "day", || field("to"))?;
            ensure(
                pairing.from <= pairing.to,
                || field("from"),
                || format!("{} is after {}", pairing.from, pairing.to),
            )?;
            weight(pairing.weight, || field("weight"))?;
        }
        Ok(())
    }
}
