//! The problem: who may work what when, what is needed, and what each deviation costs.
//!
//! Days are numbered from 0; people, shifts and skills are referred to by their index in the lists of [`Model`]. All costs
//! are whole numbers. What holds for one person alone is a rule and is never broken; what couples people (cover,
//! demand, fairness, pairings) and what people wish has a weight and may be missed at that price.

use std::ops::RangeInclusive;

use serde::Serialize;

/// Minutes of a day.
pub const DAY_MINUTES: u32 = 1440;

/// A rostering problem. Build it, then [`validate`](Model::validate); the solver and the checker refuse what is not valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Model {
    /// Length of the horizon in days, at least 1.
    pub days: usize,
    /// Weekday of day 0: 0 is Monday, 6 is Sunday.
    pub first_weekday: u8,
    /// The weekdays of a weekend: none, one, or two that follow each other (Sunday and Monday do).
    pub weekend: Vec<u8>,
    /// The weekday on which a week of the weekly rules begins.
    pub week_start: u8,
    /// Names of positions and abilities that shifts ask for and people have.
    pub skills: Vec<String>,
    /// The shift classes. Somebody who works two positions at the same hours has two classes to choose from.
    pub shifts: Vec<Shift>,
    /// The people, each with the rules that hold for them.
    pub people: Vec<Person>,
    /// Heads wanted per day and shift.
    pub cover: Vec<Cover>,
    /// Heads wanted per interval of the clock, whatever shift they come from.
    pub demand: Vec<Demand>,
    /// What is to be shared out evenly.
    pub fairness: Vec<Fairness>,
    /// Who is to work only beside whom.
    pub pairings: Vec<Pairing>,
}

/// A class of shifts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shift {
    /// Name, unique; `-` is kept for a day off.
    pub id: String,
    /// Minute of the day at which it begins, 0..1440.
    pub start: u32,
    /// Minutes from begin to end, 1..=1440; it may pass midnight.
    pub length: u32,
    /// Minutes that count as work: less than the length if breaks or stand-by do not count in full.
    pub counted: u32,
    /// Shifts that nobody works on the day after this one.
    pub not_next_day: Vec<usize>,
    /// Skills of which a person must have every one to work this.
    pub skills: Vec<usize>,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Person {
    /// Name, unique.
    pub id: String,
    /// Skills they have.
    pub skills: Vec<usize>,
    /// What may never be broken.
    pub rules: Rules,
    /// Days of leave: days off that may count as minutes worked.
    pub leave: Vec<Leave>,
    /// Cells that are decided already.
    pub fixed: Vec<Fixed>,
    /// Cells that are out of the question.
    pub banned: Vec<Banned>,
    /// What they would like.
    pub requests: Vec<Request>,
    /// What they worked on the days before day 0, the latest last; empty if nothing is known. Runs, rest and the week that
    /// reach over the beginning go on from here, and who is still on a shift of the day before counts for [`Demand`] of day
    /// 0. A weekend cut by the beginning counts for [`Rules::weekends_max`] by its days in the horizon alone.
    pub history: Vec<Option<usize>>,
}

/// The hard rules of one person. `None` means no limit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Rules {
    /// Per shift, in the order of [`Model::shifts`], the most in the horizon; empty means no cap at all.
    pub caps: Vec<Option<u32>>,
    /// Fewest counted minutes in the horizon.
    pub minutes_min: u32,
    /// Most counted minutes in the horizon.
    pub minutes_max: Option<u32>,
    /// Fewest counted minutes in each week that lies in the horizon as a whole.
    pub week_minutes_min: u32,
    /// Most counted minutes in each week; of a week cut by an end of the horizon the known days count.
    pub week_minutes_max: Option<u32>,
    /// Most days worked in each week; of a week cut by an end of the horizon the known days count.
    pub week_days_max: Option<u32>,
    /// Shortest run of working days. A run that touches the end of what is known is not held to it.
    pub work_run_min: u32,
    /// Longest run of working days.
    pub work_run_max: Option<u32>,
    /// Shortest run of days off. A run that touches the end of what is known is not held to it.
    pub off_run_min: u32,
    /// Most weekends in the horizon with any work; what was worked before day 0 does not count.
    pub weekends_max: Option<u32>,
    /// Fewest minutes from the end of a shift to the begin of the next, at most 1440.
    pub rest_min: u32,
}

/// A day of leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Leave {
    /// The day.
    pub day: usize,
    /// Minutes that count as if worked (horizon and week).
    pub counted: u32,
}

/// A decided cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fixed {
    /// The day.
    pub day: usize,
    /// The shift to be worked, or `None` for a day off.
    pub shift: Option<usize>,
}

/// A shift that can't be worked on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Banned {
    /// The day.
    pub day: usize,
    /// The shift.
    pub shift: usize,
}

/// A wish; missing it costs its weight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Request {
    /// The day.
    pub day: usize,
    /// What is wished.
    pub wish: Wish,
    /// Cost of missing it, at least 0.
    pub weight: i64,
}

/// What a wish asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Wish {
    /// To work this shift.
    Shift(usize),
    /// Not to work this shift.
    NotShift(usize),
    /// To work, whatever shift.
    Work,
    /// Not to work.
    Off,
    /// To keep this cell of an earlier roster (added by a re-solve that changes as little as possible).
    Keep(Option<usize>),
}

/// Heads wanted on a shift of a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cover {
    /// The day.
    pub day: usize,
    /// The shift.
    pub shift: usize,
    /// Count only people who have this skill.
    pub skill: Option<usize>,
    /// Heads wanted.
    pub required: u32,
    /// Cost per head missing, at least 0.
    pub under: i64,
    /// Cost per head too many, at least 0.
    pub over: i64,
}

/// Heads wanted throughout an interval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Demand {
    /// The day on which the interval begins.
    pub day: usize,
    /// Minute of that day at which it begins, 0..1440.
    pub from: u32,
    /// Minute counted from the same midnight at which it ends, after `from`, at most 2880. People present from begin to
    /// end count, on a shift of this day, of the day before (on day 0: of the history), or of the day after.
    pub to: u32,
    /// Only these shifts count; empty means all.
    pub shifts: Vec<usize>,
    /// Count only people who have this skill.
    pub skill: Option<usize>,
    /// Heads wanted.
    pub required: u32,
    /// Cost per head missing, at least 0.
    pub under: i64,
    /// Cost per head too many, at least 0.
    pub over: i64,
}

/// A load to be shared out: nights, weekends, unpopular shifts.
///
/// Each person has a share, an interval of counts. Being `d` outside it costs `weight · d(d+1)/2`: the second step
/// away costs twice the first, so a spread-out burden is cheaper than a piled-up one. The cost of a person depends on
/// that person alone, which keeps the solver's bound valid and tight; a spread (most minus fewest) would not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fairness {
    /// What is shared, for reports.
    pub name: String,
    /// The shifts that count; empty means all.
    pub shifts: Vec<usize>,
    /// The days that count.
    pub days: DayKind,
    /// The fair share of each person concerned.
    pub shares: Vec<Share>,
    /// Cost of the first step outside, at least 0.
    pub weight: i64,
}

/// Which days count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum DayKind {
    /// All days.
    Every,
    /// Days of a weekend.
    Weekend,
    /// Days outside weekends.
    Weekday,
}

/// A person's fair share: counts from `low` to `high` cost nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Share {
    /// The person.
    pub person: usize,
    /// Fewest.
    pub low: u32,
    /// Most.
    pub high: u32,
}

/// A trainee who is to work only shifts that the mentor works on the same day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pairing {
    /// The person who learns.
    pub trainee: usize,
    /// The person who teaches.
    pub mentor: usize,
    /// First day it holds.
    pub from: usize,
    /// Last day it holds.
    pub to: usize,
    /// Cost per day on which the trainee works a shift without the mentor, at least 0.
    pub weight: i64,
}

impl Model {
    /// Weekday of a day, 0 is Monday; `day` may be negative: the history.
    #[must_use]
    pub fn weekday(&self, day: isize) -> u8 {
        (day + isize::from(self.first_weekday)).rem_euclid(7) as u8
    }

    /// Whether a day belongs to a weekend.
    #[must_use]
    pub fn is_weekend(&self, day: isize) -> bool {
        self.weekend.contains(&self.weekday(day))
    }

    /// Whether a day is of a kind.
    #[must_use]
    pub fn is_kind(&self, day: usize, kind: DayKind) -> bool {
        match kind {
            DayKind::Every => true,
            DayKind::Weekend => self.is_weekend(day as isize),
            DayKind::Weekday => !self.is_weekend(day as isize),
        }
    }

    /// The weekends that the horizon touches, each as its days inside the horizon.
    #[must_use]
    pub fn weekends(&self) -> Vec<RangeInclusive<usize>> {
        let mut found: Vec<RangeInclusive<usize>> = Vec::new();
        for day in (0..self.days).filter(|day| self.is_weekend(*day as isize)) {
            match found.last_mut() {
                // Weekend days that follow each other are one weekend: there are at most two in seven.
                Some(last) if *last.end() + 1 == day => *last = *last.start()..=day,
                _ => found.push(day..=day),
            }
        }
        found
    }

    /// The weeks of the weekly rules, each as its days inside the horizon and whether it lies there as a whole.
    #[must_use]
    pub fn weeks(&self) -> Vec<(RangeInclusive<usize>, bool)> {
        let mut weeks = Vec::new();
        let mut from = 0;
        for day in 1..=self.days {
            if day == self.days || self.weekday(day as isize) == self.week_start {
                weeks.push((from..=day - 1, day - from == 7));
                from = day;
            }
        }
        weeks
    }

    /// Whether the person has the skills for a shift and a cap above 0.
    #[must_use]
    pub fn may_work(&self, person: usize, shift: usize) -> bool {
        let person = &self.people[person];
        self.shifts[shift].skills.iter().all(|skill| person.skills.contains(skill))
            && person.rules.caps.get(shift).copied().flatten() != Some(0)
    }

    /// Cells `(day, shift)` of the horizon at which a person is present throughout an interval of demand.
    #[must_use]
    pub fn cells_of_demand(&self, demand: &Demand) -> Vec<(usize, usize)> {
        let mut cells = Vec::new();
        for offset in -1..=1_i64 {
            let day = demand.day as i64 + offset;
            if (0..self.days as i64).contains(&day) {
                let present = (0..self.shifts.len()).filter(|shift| self.covers(demand, *shift, offset));
                cells.extend(present.map(|shift| (day as usize, shift)));
            }
        }
        cells
    }

    /// Whether a person is present throughout an interval of demand on the shift of the day before day 0 in their history:
    /// whatever the roster is, they count. No earlier shift reaches into the horizon.
    #[must_use]
    pub fn is_still_there(&self, demand: &Demand, person: usize) -> bool {
        let Person { skills, history, .. } = &self.people[person];
        let last = history.last().copied().flatten();
        demand.day == 0
            && demand.skill.is_none_or(|skill| skills.contains(&skill))
            && last.is_some_and(|shift| self.covers(demand, shift, -1))
    }

    /// Whether a shift worked `offset` days after an interval's counts for it from begin to end.
    fn covers(&self, demand: &Demand, shift: usize, offset: i64) -> bool {
        let begin = offset * i64::from(DAY_MINUTES) + i64::from(self.shifts[shift].start);
        let end = begin + i64::from(self.shifts[shift].length);
        (demand.shifts.is_empty() || demand.shifts.contains(&shift))
            && begin <= i64::from(demand.from)
            && i64::from(demand.to) <= end
    }

    /// Whether `next`, worked `gap` days after `first`, is forbidden for the person by succession or by rest.
    #[must_use]
    pub fn forbids(&self, person: usize, first: usize, next: usize, gap: usize) -> bool {
        let (before, after) = (&self.shifts[first], &self.shifts[next]);
        let rest = i64::from(DAY_MINUTES) * gap as i64 + i64::from(after.start)
            - i64::from(before.start + before.length);
        (gap == 1 && before.not_next_day.contains(&next))
            || rest < i64::from(self.people[person].rules.rest_min)
    }

    /// Shares of `total` for people who carry `carried` from earlier months (what they had above, or below, their
    /// share then), as even as whole numbers allow: the parts, carried counts included, differ by at most one unless
    /// somebody carries more than their part. Every share is one count wide, or two where the rest is open.
    #[must_use]
    pub fn even_shares(people: &[usize], carried: &[i64], total: u32) -> Vec<Share> {
        let had = |index: usize| carried.get(index).copied().unwrap_or(0);
        let mut parts = vec![0_u32; people.len()];
        let level = |parts: &[u32], index: usize| i64::from(parts[index]) + had(index);
        for _ in 0..total {
            if let Some(least) = (0..people.len()).min_by_key(|index| (level(&parts, *index), *index)) {
                parts[least] += 1;
            }
        }
        // Whoever got the last step could as well have been another of the same level: both counts are fair.
        let top = (0..people.len()).filter(|index| parts[*index] > 0).map(|index| level(&parts, index)).max();
        let uneven = top.is_some_and(|top| (0..people.len()).any(|index| level(&parts, index) == top - 1));
        people
            .iter()
            .enumerate()
            .map(|(index, person)| {
                let (part, at) = (parts[index], level(&parts, index));
                let low = if uneven && Some(at) == top && part > 0 { part - 1 } else { part };
                let high = if uneven && top.is_some_and(|top| at == top - 1) { part + 1 } else { part };
                Share { person: *person, low, high }
            })
            .collect()
    }
}

impl Shift {
    /// A shift that counts in full, may be followed by any other and asks for no skill.
    #[must_use]
    pub fn new(id: impl Into<String>, start: u32, length: u32) -> Self {
        Self { id: id.into(), start, length, counted: length, not_next_day: Vec::new(), skills: Vec::new() }
    }
}

impl Person {
    /// A person without skills, rules, wishes or history.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            skills: Vec::new(),
            rules: Rules::default(),
            leave: Vec::new(),
            fixed: Vec::new(),
            banned: Vec::new(),
            requests: Vec::new(),
            history: Vec::new(),
        }
    }
}

impl Wish {
    /// Whether a cell grants the wish.
    #[must_use]
    pub fn granted(self, cell: Option<usize>) -> bool {
        match self {
            Self::Shift(shift) => cell == Some(shift),
            Self::NotShift(shift) => cell != Some(shift),
            Self::Work => cell.is_some(),
            Self::Off => cell.is_none(),
            Self::Keep(kept) => cell == kept,
        }
    }
}
