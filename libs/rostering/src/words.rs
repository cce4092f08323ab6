//! Rules, penalties and their places in words.

use crate::check::{Penalty, PenaltyLine, Rule, RuleLine};
use crate::model::{DayKind, Demand, Wish};
use crate::problem::{Problem, clock};

impl Rule {
    /// The rule's name in files: `week_days_max`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Skill => "skill",
            Self::Banned => "banned",
            Self::Fixed => "fixed",
            Self::Leave => "leave",
            Self::Cap => "cap",
            Self::Succession => "succession",
            Self::Rest => "rest",
            Self::MinutesMin => "minutes_min",
            Self::MinutesMax => "minutes_max",
            Self::WeekMinutesMin => "week_minutes_min",
            Self::WeekMinutesMax => "week_minutes_max",
            Self::WeekDaysMax => "week_days_max",
            Self::WorkRunMin => "work_run_min",
            Self::WorkRunMax => "work_run_max",
            Self::OffRunMin => "off_run_min",
            Self::WeekendsMax => "weekends_max",
        }
    }
}

impl Penalty {
    /// The penalty's name in files.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Request { .. } => "request",
            Self::Cover { .. } => "cover",
            Self::Demand { .. } => "demand",
            Self::Fairness { .. } => "fairness",
            Self::Pairing { .. } => "pairing",
        }
    }
}

impl Problem {
    /// A line of a hard rule in words: who, where, what was found, what is asked for.
    #[must_use]
    pub fn rule_words(&self, line: &RuleLine) -> String {
        let person = &self.model.people[line.person].id;
        let shift = line.shift.map_or("", |shift| self.model.shifts[shift].id.as_str());
        let at = line.days.map(|(first, last)| self.days_name(first, last)).unwrap_or_default();
        let (found, limit) = (line.found, line.limit);
        let hours = |minutes: i64| format!("{}:{:02} h", minutes / 60, minutes.abs() % 60);
        let of = |number: i64, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
        let days = of(found, "day");
        let kept = line.slack >= 0;
        let what = match line.rule {
            Rule::Skill if kept => "has the skills of every shift worked".to_owned(),
            Rule::Skill => format!("lacks a skill of {shift} on {at}"),
            Rule::Banned if kept => "works nothing that is banned".to_owned(),
            Rule::Banned => format!("works {shift} on {at}, which is banned"),
            Rule::Fixed if kept => "has every decided cell as decided".to_owned(),
            Rule::Fixed => format!("{at} was decided otherwise"),
            Rule::Leave if kept => "is off on every day of leave".to_owned(),
            Rule::Leave => format!("works on {at}, a day of leave"),
            Rule::Cap => format!("works {shift} on {days}, at most {limit}"),
            Rule::Succession if kept => "no shift follows one it may not follow".to_owned(),
            Rule::Succession => format!("{shift} may not follow the shift of the day before, {at}"),
            Rule::Rest => format!("rests {} between shifts ({at}), at least {}", hours(found), hours(limit)),
            Rule::MinutesMin => format!("works {found} minutes, at least {limit}"),
            Rule::MinutesMax => format!("works {found} minutes, at most {limit}"),
            Rule::WeekMinutesMin => format!("works {found} minutes in the week {at}, at least {limit}"),
            Rule::WeekMinutesMax => format!("works {found} minutes in the week {at}, at most {limit}"),
            Rule::WeekDaysMax => format!("works {days} in the week {at}, at most {limit}"),
            Rule::WorkRunMin => format!("works {days} in a row ({at}), at least {limit}"),
            Rule::WorkRunMax => format!("works {days} in a row ({at}), at most {limit}"),
            Rule::OffRunMin => format!("is off {days} in a row ({at}), at least {limit}"),
            Rule::WeekendsMax => format!("works on {}, at most {limit}", of(found, "weekend")),
        };
        format!("{person}: {what}")
    }

    /// A penalty in words, without its cost.
    #[must_use]
    pub fn penalty_words(&self, line: &PenaltyLine) -> String {
        let model = &self.model;
        match line.penalty {
            Penalty::Request { person, request } => {
                let request = &model.people[person].requests[request];
                let wished = self.wish_words(request.wish);
                format!(
                    "{}: wished {wished} on {}",
                    model.people[person].id,
                    self.day_name(request.day as isize)
                )
            }
            Penalty::Cover { cover, present } => {
                let row = &model.cover[cover];
                format!("{}: {}", self.cover_words(cover), heads(present, row.required))
            }
            Penalty::Demand { demand, present } => {
                let row = &model.demand[demand];
                format!("{}: {}", self.demand_words(demand), heads(present, row.required))
            }
            Penalty::Fairness { term, person, count } => {
                let fair = &model.fairness[term];
                let share = fair.shares.iter().find(|share| share.person == person);
                let (low, high) = share.map_or((0, 0), |share| (share.low, share.high));
                let range = if low == high { format!("{low}") } else { format!("{low} to {high}") };
                let days = match fair.days {
                    DayKind::Every => "",
                    DayKind::Weekend => " on weekends",
                    DayKind::Weekday => " outside weekends",
                };
                format!(
                    "{}: {count} of {:?}{days}, a fair share is {range}",
                    model.people[person].id, fair.name
                )
            }
            Penalty::Pairing { pairing, day } => {
                let pair = &model.pairings[pairing];
                format!(
                    "{}: works {} without {}",
                    model.people[pair.trainee].id,
                    self.day_name(day as isize),
                    model.people[pair.mentor].id
                )
            }
        }
    }

    pub(crate) fn wish_words(&self, wish: Wish) -> String {
        match wish {
            Wish::Shift(shift) => self.model.shifts[shift].id.clone(),
            Wish::NotShift(shift) => format!("not {}", self.model.shifts[shift].id),
            Wish::Work => "to work".to_owned(),
            Wish::Off => "to be off".to_owned(),
            Wish::Keep(kept) => format!("to keep {}", self.cell_name(kept)),
        }
    }

    /// Day and shift of a row of cover: `Sun 8 Nov A`.
    pub(crate) fn cover_words(&self, cover: usize) -> String {
        let row = &self.model.cover[cover];
        let shift = &self.model.shifts[row.shift].id;
        format!("{} {shift}{}", self.day_name(row.day as isize), self.skill_words(row.skill))
    }

    /// Day and interval of a row of demand: `Sun 8 Nov 19:00–24:00`.
    pub(crate) fn demand_words(&self, demand: usize) -> String {
        let row = &self.model.demand[demand];
        let Demand { from, to, .. } = *row;
        let names: Vec<&str> = row.shifts.iter().map(|shift| self.model.shifts[*shift].id.as_str()).collect();
        let shifts = if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
        format!(
            "{} {}–{}{shifts}{}",
            self.day_name(row.day as isize),
            clock(from),
            clock(to),
            self.skill_words(row.skill)
        )
    }

    fn skill_words(&self, skill: Option<usize>) -> String {
        skill.map_or_else(String::new, |skill| format!(" with {}", self.model.skills[skill]))
    }
}

fn heads(present: u32, required: u32) -> String {
    if present < required {
        format!("{present} of {required}, {} missing", required - present)
    } else {
        format!("{present} for {required}, {} too many", present - required)
    }
}
