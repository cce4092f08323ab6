//! The checker: what a roster costs and which rules it keeps, line by line.
//!
//! It reads the model and the roster and nothing else: no table, row or function of the solver. It is meant to be so
//! plain that one can check it by reading.

use std::collections::HashSet;

use serde::Serialize;

use crate::model::{Demand, Model, Person, Rules};
use crate::roster::Roster;

/// What the checker found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether no hard rule is broken.
    pub feasible: bool,
    /// Sum of all penalties.
    pub objective: i64,
    /// Every hard rule of every person with its slack; where one is broken at several places, a line for each.
    pub rules: Vec<RuleLine>,
    /// Every penalty above 0.
    pub penalties: Vec<PenaltyLine>,
}

/// A hard rule and how close the roster comes to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleLine {
    /// The rule.
    pub rule: Rule,
    /// The person.
    pub person: usize,
    /// First and last day of the place meant, negative in the history; `None` means the horizon.
    pub days: Option<(isize, isize)>,
    /// The shift meant, of rules about one shift.
    pub shift: Option<usize>,
    /// What the roster has.
    pub found: i64,
    /// What the rule asks for.
    pub limit: i64,
    /// How far the roster is from breaking the rule; negative: broken by so much.
    pub slack: i64,
}

/// The hard rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub enum Rule {
    /// The person lacks a skill of a shift they work.
    Skill,
    /// A shift out of the question for that day is worked.
    Banned,
    /// A decided cell is otherwise.
    Fixed,
    /// A day of leave is worked.
    Leave,
    /// Most of one shift.
    Cap,
    /// A shift that may not follow the one of the day before.
    Succession,
    /// Fewest minutes between two shifts.
    Rest,
    /// Fewest minutes in the horizon.
    MinutesMin,
    /// Most minutes in the horizon.
    MinutesMax,
    /// Fewest minutes in a week.
    WeekMinutesMin,
    /// Most minutes in a week.
    WeekMinutesMax,
    /// Most days in a week.
    WeekDaysMax,
    /// Shortest run of work.
    WorkRunMin,
    /// Longest run of work.
    WorkRunMax,
    /// Shortest run of days off.
    OffRunMin,
    /// Most weekends.
    WeekendsMax,
}

/// A penalty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PenaltyLine {
    /// Of what.
    pub penalty: Penalty,
    /// What it costs, above 0.
    pub cost: i64,
}

/// What a penalty is for; the numbers are indexes into the model's lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum Penalty {
    /// A wish of a person was missed.
    Request {
        /// The person.
        person: usize,
        /// Index into the person's requests.
        request: usize,
    },
    /// Heads on a shift.
    Cover {
        /// Index into the model's cover.
        cover: usize,
        /// Heads there are.
        present: u32,
    },
    /// Heads in an interval.
    Demand {
        /// Index into the model's demand.
        demand: usize,
        /// Heads there are.
        present: u32,
    },
    /// A count outside a person's fair share.
    Fairness {
        /// Index into the model's fairness.
        term: usize,
        /// The person.
        person: usize,
        /// The count.
        count: u32,
    },
    /// A trainee without the mentor.
    Pairing {
        /// Index into the model's pairings.
        pairing: usize,
        /// The day.
        day: usize,
    },
}

/// Checks a roster against a model.
///
/// # Panics
///
/// If the roster has another size than the model or names a shift the model has not.
#[must_use]
pub fn check(model: &Model, roster: &Roster) -> Report {
    assert_eq!(
        (roster.people(), roster.days()),
        (model.people.len(), model.days),
        "size of roster and model"
    );
    let mut rules = Rulebook { lines: Vec::new() };
    for (index, person) in model.people.iter().enumerate() {
        let row: Vec<Option<usize>> = roster.row(index).collect();
        rules.person(model, index, person, &row);
    }
    let penalties = penalties(model, roster);
    Report {
        feasible: rules.lines.iter().all(|line| line.slack >= 0),
        objective: penalties.iter().map(|line| line.cost).sum(),
        rules: rules.lines,
        penalties,
    }
}

impl Report {
    /// The lines of broken rules.
    pub fn broken(&self) -> impl Iterator<Item = &RuleLine> {
        self.rules.iter().filter(|line| line.slack < 0)
    }
}

struct Rulebook {
    lines: Vec<RuleLine>,
}

/// One place at which a rule is looked at.
struct Place {
    days: Option<(isize, isize)>,
    shift: Option<usize>,
    found: i64,
    limit: i64,
}

impl Rulebook {
    /// Adds the lines of a rule: all broken places, or else the tightest one.
    fn add(&mut self, rule: Rule, person: usize, at_most: bool, places: Vec<Place>) {
        let slack =
            |place: &Place| if at_most { place.limit - place.found } else { place.found - place.limit };
        let tightest = places.iter().map(slack).min();
        let broken = tightest.is_some_and(|slack| slack < 0);
        let mut kept = false;
        for place in places {
            let slack = slack(&place);
            if if broken { slack < 0 } else { Some(slack) == tightest && !std::mem::replace(&mut kept, true) }
            {
                let Place { days, shift, found, limit } = place;
                self.lines.push(RuleLine { rule, person, days, shift, found, limit, slack });
            }
        }
    }

    fn person(&mut self, model: &Model, index: usize, person: &Person, row: &[Option<usize>]) {
        self.cells(model, index, person, row);
        self.order(model, index, person, row);
        self.minutes(model, index, person, row);
        self.runs(index, person, row);
        if let Some(limit) = person.rules.weekends_max {
            let worked = (0..row.len()).filter(|day| row[*day].is_some() && model.is_weekend(*day as isize));
            // Days of one weekend belong to the same stretch of seven days that begins three days before its first.
            let first = model.weekend.iter().copied().find(|day| !model.weekend.contains(&((day + 6) % 7)));
            let shift = isize::from(model.first_weekday) + 10 - isize::from(first.unwrap_or(0));
            let weekends: HashSet<isize> = worked.map(|day| (day as isize + shift).div_euclid(7)).collect();
            let place =
                Place { days: None, shift: None, found: weekends.len() as i64, limit: i64::from(limit) };
            self.add(Rule::WeekendsMax, index, true, vec![place]);
        }
    }

    /// Rules about single cells and caps: counts of what must not be, limit 0, except for caps.
    fn cells(&mut self, model: &Model, index: usize, person: &Person, row: &[Option<usize>]) {
        let must_not = |day: usize, bad: bool| Place {
            days: Some((day as isize, day as isize)),
            shift: row[day],
            found: i64::from(bad),
            limit: 0,
        };
        let lacks =
            |shift: usize| model.shifts[shift].skills.iter().any(|skill| !person.skills.contains(skill));
        let skill = (0..row.len()).filter(|day| row[*day].is_some());
        let skill = skill.map(|day| must_not(day, row[day].is_some_and(lacks))).collect();
        self.add(Rule::Skill, index, true, skill);
        let banned =
            person.banned.iter().map(|ban| must_not(ban.day, row[ban.day] == Some(ban.shift))).collect();
        self.add(Rule::Banned, index, true, banned);
        let fixed =
            person.fixed.iter().map(|fixed| must_not(fixed.day, row[fixed.day] != fixed.shift)).collect();
        self.add(Rule::Fixed, index, true, fixed);
        let leave = person.leave.iter().map(|leave| must_not(leave.day, row[leave.day].is_some())).collect();
        self.add(Rule::Leave, index, true, leave);
        for (shift, cap) in person.rules.caps.iter().enumerate() {
            if let Some(cap) = *cap {
                let found = row.iter().filter(|cell| **cell == Some(shift)).count() as i64;
                let place = Place { days: None, shift: Some(shift), found, limit: i64::from(cap) };
                self.add(Rule::Cap, index, true, vec![place]);
            }
        }
    }

    /// Succession and rest, between each shift of the horizon and the one worked before it.
    fn order(&mut self, model: &Model, index: usize, person: &Person, row: &[Option<usize>]) {
        let mut succession = Vec::new();
        let mut rest = Vec::new();
        let mut before: Option<(isize, usize)> = None;
        let known = person.history.iter().chain(row).zip(-(person.history.len() as isize)..);
        for (cell, day) in known {
            let Some(shift) = *cell else { continue };
            if let (Some((day_before, last)), true) = (before, day >= 0) {
                let (first, then) = (&model.shifts[last], &model.shifts[shift]);
                let days = Some((day_before, day));
                let bad = day - day_before == 1 && first.not_next_day.contains(&shift);
                succession.push(Place { days, shift: Some(shift), found: i64::from(bad), limit: 0 });
                let begin = i64::try_from(day - day_before).expect("days fit") * 1440 + i64::from(then.start);
                let found = begin - i64::from(first.start + first.length);
                rest.push(Place { days, shift: Some(shift), found, limit: i64::from(person.rules.rest_min) });
            }
            before = Some((day, shift));
        }
        self.add(Rule::Succession, index, true, succession);
        self.add(Rule::Rest, index, false, rest);
    }

    fn minutes(&mut self, model: &Model, index: usize, person: &Person, row: &[Option<usize>]) {
        let Rules { minutes_min, minutes_max, week_minutes_min, week_minutes_max, week_days_max, .. } =
            person.rules;
        let counted = |shift: &Option<usize>| shift.map_or(0, |shift| i64::from(model.shifts[shift].counted));
        let on_leave =
            |day: usize| person.leave.iter().find(|leave| leave.day == day).map_or(0, |leave| leave.counted);
        let minutes = |day: usize| counted(&row[day]) + i64::from(on_leave(day));
        let found: i64 = (0..row.len()).map(minutes).sum();
        let all = |limit: u32| vec![Place { days: None, shift: None, found, limit: i64::from(limit) }];
        if minutes_min > 0 {
            self.add(Rule::MinutesMin, index, false, all(minutes_min));
        }
        if let Some(limit) = minutes_max {
            self.add(Rule::MinutesMax, index, true, all(limit));
        }
        let begins: Vec<isize> =
            (-6..row.len() as isize).filter(|day| model.weekday(*day) == model.week_start).collect();
        let days = |begin: isize| (begin.max(0) as usize)..row.len().min((begin + 7) as usize);
        // The days of the week that lie before the horizon, as far as they are known.
        let past = |begin: isize| {
            let from = person.history.len() as isize + begin.min(0);
            &person.history[(from.max(0) as usize).min(person.history.len())..]
        };
        let place = |begin: isize, found: i64, limit: u32| Place {
            days: Some((begin, begin + 6)),
            shift: None,
            found,
            limit: i64::from(limit),
        };
        let week_minutes = |begin: isize| {
            days(begin).map(minutes).sum::<i64>() + past(begin).iter().map(counted).sum::<i64>()
        };
        if week_minutes_min > 0 {
            let whole = begins.iter().filter(|begin| **begin >= 0 && **begin + 7 <= row.len() as isize);
            let places = whole.map(|begin| place(*begin, week_minutes(*begin), week_minutes_min)).collect();
            self.add(Rule::WeekMinutesMin, index, false, places);
        }
        if let Some(limit) = week_minutes_max {
            let places = begins.iter().map(|begin| place(*begin, week_minutes(*begin), limit)).collect();
            self.add(Rule::WeekMinutesMax, index, true, places);
        }
        if let Some(limit) = week_days_max {
            let worked = |begin: isize| {
                let in_horizon = days(begin).filter(|day| row[*day].is_some()).count();
                (in_horizon + past(begin).iter().flatten().count()) as i64
            };
            let places = begins.iter().map(|begin| place(*begin, worked(*begin), limit)).collect();
            self.add(Rule::WeekDaysMax, index, true, places);
        }
    }

    fn runs(&mut self, index: usize, person: &Person, row: &[Option<usize>]) {
        let rules = &person.rules;
        let known: Vec<bool> = person.history.iter().chain(row).map(Option::is_some).collect();
        let past = person.history.len();
        let (mut work_min, mut work_max, mut off_min) = (Vec::new(), Vec::new(), Vec::new());
        let mut from = 0;
        for end in 1..=known.len() {
            if end < known.len() && known[end] == known[from] {
                continue;
            }
            // A run that ended on the day before the horizon was ended by day 0.
            let open = from == 0 || end == known.len();
            let place = |limit: u32| Place {
                days: Some((from as isize - past as isize, end as isize - 1 - past as isize)),
                shift: None,
                found: (end - from) as i64,
                limit: i64::from(limit),
            };
            match known[from] {
                true if end > past => {
                    work_max.extend(rules.work_run_max.map(place));
                    work_min.extend((!open).then(|| place(rules.work_run_min)));
                }
                true => work_min.extend((!open && end == past).then(|| place(rules.work_run_min))),
                false => off_min.extend((!open && end >= past).then(|| place(rules.off_run_min))),
            }
            from = end;
        }
        self.add(Rule::WorkRunMin, index, false, work_min);
        self.add(Rule::WorkRunMax, index, true, work_max);
        self.add(Rule::OffRunMin, index, false, off_min);
    }
}

fn penalties(model: &Model, roster: &Roster) -> Vec<PenaltyLine> {
    let mut lines = Vec::new();
    let mut add = |penalty: Penalty, cost: i64| {
        if cost > 0 {
            lines.push(PenaltyLine { penalty, cost });
        }
    };
    let price = |present: u32, required: u32, under: i64, over: i64| {
        i64::from(required.saturating_sub(present)) * under
            + i64::from(present.saturating_sub(required)) * over
    };
    let has = |person: usize, skill: Option<usize>| {
        skill.is_none_or(|skill| model.people[person].skills.contains(&skill))
    };
    for (index, person) in model.people.iter().enumerate() {
        for (request, one) in person.requests.iter().enumerate() {
            let cost = if one.wish.granted(roster.get(index, one.day)) { 0 } else { one.weight };
            add(Penalty::Request { person: index, request }, cost);
        }
    }
    for (cover, row) in model.cover.iter().enumerate() {
        let works =
            |person: &usize| roster.get(*person, row.day) == Some(row.shift) && has(*person, row.skill);
        let present = (0..roster.people()).filter(works).count() as u32;
        add(Penalty::Cover { cover, present }, price(present, row.required, row.under, row.over));
    }
    for (demand, row) in model.demand.iter().enumerate() {
        let there = |person: &usize| has(*person, row.skill) && is_there(model, roster, *person, row);
        let present = (0..roster.people()).filter(there).count() as u32;
        add(Penalty::Demand { demand, present }, price(present, row.required, row.under, row.over));
    }
    for (term, fair) in model.fairness.iter().enumerate() {
        for share in &fair.shares {
            let counts = |(day, cell): &(usize, Option<usize>)| {
                let shift = cell.is_some_and(|shift| fair.shifts.is_empty() || fair.shifts.contains(&shift));
                shift && model.is_kind(*day, fair.days)
            };
            let count = roster.row(share.person).enumerate().filter(counts).count() as u32;
            let outside = i64::from(share.low.saturating_sub(count).max(count.saturating_sub(share.high)));
            let cost = fair.weight * outside * (outside + 1) / 2;
            add(Penalty::Fairness { term, person: share.person, count }, cost);
        }
    }
    for (pairing, pair) in model.pairings.iter().enumerate() {
        for day in pair.from..=pair.to {
            let learns = roster.get(pair.trainee, day);
            let alone = learns.is_some() && roster.get(pair.mentor, day) != learns;
            add(Penalty::Pairing { pairing, day }, if alone { pair.weight } else { 0 });
        }
    }
    lines
}

/// Whether a person is present from begin to end of an interval, on a shift of the day, the one before or the one after. The
/// day before day 0 is the last of the history.
fn is_there(model: &Model, roster: &Roster, person: usize, demand: &Demand) -> bool {
    let yesterday = model.people[person].history.last().copied().flatten();
    let first = demand.day as i64 - 1;
    (first..=first + 2).any(|day| {
        let worked = match usize::try_from(day) {
            Err(_) => yesterday,
            Ok(day) if day < model.days => roster.get(person, day),
            Ok(_) => None,
        };
        let Some(index) = worked else { return false };
        let shift = &model.shifts[index];
        let begin = day * 1440 + i64::from(shift.start);
        let (from, to) = (
            demand.day as i64 * 1440 + i64::from(demand.from),
            demand.day as i64 * 1440 + i64::from(demand.to),
        );
        (demand.shifts.is_empty() || demand.shifts.contains(&index))
            && begin <= from
            && to <= begin + i64::from(shift.length)
    })
}
