//! A roster as a grid to be shown: what each cell is, how each need is met, what each person has in all.

use std::collections::HashSet;

use crate::check::{Penalty, Report};
use crate::conflict::Need;
use crate::model::Wish;
use crate::problem::{Problem, clock};
use crate::roster::Roster;

/// A cell of a person and a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    /// The shift worked.
    pub shift: Option<usize>,
    pub leave: bool,
    /// Decided beforehand.
    pub fixed: bool,
    /// A hard rule is broken here.
    pub broken: bool,
    pub wish: Wished,
}

/// Whether somebody wished something for a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wished {
    Nothing,
    Granted,
    Missed,
}

/// Needs of the same kind over the days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NeedRow {
    pub name: String,
    /// Heads there are and heads wanted; of several of the same day the worst.
    pub days: Vec<Option<Heads>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Heads {
    pub present: u32,
    pub required: u32,
    /// Whether a head missing costs.
    pub under_costs: bool,
    /// Whether a head too many costs.
    pub over_costs: bool,
}

/// What a person has in the horizon.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub shifts: u32,
    /// Counted minutes, leave included.
    pub minutes: u32,
    /// Weekends with any work.
    pub weekends: u32,
}

#[derive(Debug)]
pub(crate) struct Grid {
    /// Per person, per day.
    pub cells: Vec<Vec<Cell>>,
    pub needs: Vec<NeedRow>,
    pub totals: Vec<Totals>,
}

impl Heads {
    /// Above 0: too many, where that costs; below: missing, where that costs.
    pub(crate) fn off_by(self) -> i64 {
        let difference = i64::from(self.present) - i64::from(self.required);
        let costs = if difference > 0 { self.over_costs } else { self.under_costs };
        if costs { difference } else { 0 }
    }

    /// Whether there are fewer than wanted, which costs nothing.
    pub(crate) fn is_short_for_nothing(self) -> bool {
        self.present < self.required && !self.under_costs
    }
}

impl Grid {
    pub(crate) fn new(problem: &Problem, roster: &Roster, report: &Report) -> Self {
        let people = 0..problem.model.people.len();
        Self {
            cells: cells(problem, roster, report),
            needs: needs(problem, roster),
            totals: people.map(|person| totals(problem, roster, person)).collect(),
        }
    }
}

fn cells(problem: &Problem, roster: &Roster, report: &Report) -> Vec<Vec<Cell>> {
    let model = &problem.model;
    let mut broken: HashSet<(usize, isize)> = HashSet::new();
    for line in report.broken() {
        if let Some((first, last)) = line.days {
            broken.extend((first..=last).map(|day| (line.person, day)));
        }
    }
    let missed: HashSet<(usize, usize)> = report
        .penalties
        .iter()
        .filter_map(|line| match line.penalty {
            Penalty::Request { person, request } => Some((person, request)),
            _ => None,
        })
        .collect();
    let cell = |index: usize, day: usize| {
        let person = &model.people[index];
        // To keep a cell is nobody's wish.
        let wishes = person.requests.iter().enumerate().filter(|(_, request)| {
            request.day == day && request.weight > 0 && !matches!(request.wish, Wish::Keep(_))
        });
        let wish = wishes.fold(Wished::Nothing, |so_far, (request, _)| {
            if so_far == Wished::Missed || missed.contains(&(index, request)) {
                Wished::Missed
            } else {
                Wished::Granted
            }
        });
        Cell {
            shift: roster.get(index, day),
            leave: person.leave.iter().any(|leave| leave.day == day),
            fixed: person.fixed.iter().any(|fixed| fixed.day == day),
            broken: broken.contains(&(index, day as isize)),
            wish,
        }
    };
    (0..model.people.len()).map(|index| (0..model.days).map(|day| cell(index, day)).collect()).collect()
}

fn needs(problem: &Problem, roster: &Roster) -> Vec<NeedRow> {
    let model = &problem.model;
    let mut rows: Vec<NeedRow> = Vec::new();
    let mut add = |name: String, need: Need, over_costs: bool| {
        let at = rows.iter().position(|row| row.name == name).unwrap_or_else(|| {
            rows.push(NeedRow { name, days: vec![None; model.days] });
            rows.len() - 1
        });
        let heads = Heads {
            present: need.present(model, roster),
            required: need.required(model),
            under_costs: need.costs_if_short(model),
            over_costs,
        };
        let cell = &mut rows[at].days[need.day(model)];
        let worse = |other: Heads| {
            (heads.off_by(), !heads.is_short_for_nothing()) < (other.off_by(), !other.is_short_for_nothing())
        };
        if cell.is_none_or(worse) {
            *cell = Some(heads);
        }
    };
    let skill =
        |skill: Option<usize>| skill.map_or_else(String::new, |skill| format!(" {}", model.skills[skill]));
    let mut cover: Vec<usize> = (0..model.cover.len()).collect();
    cover.sort_by_key(|at| (model.cover[*at].shift, model.cover[*at].skill));
    for at in cover {
        let row = &model.cover[at];
        let name = format!("{}{}", model.shifts[row.shift].id, skill(row.skill));
        add(name, Need::Cover(at), row.over > 0);
    }
    let mut demand: Vec<usize> = (0..model.demand.len()).collect();
    demand.sort_by_key(|at| (model.demand[*at].from, model.demand[*at].to, model.demand[*at].skill));
    for at in demand {
        let row = &model.demand[at];
        let shifts: Vec<&str> = row.shifts.iter().map(|shift| model.shifts[*shift].id.as_str()).collect();
        let shifts = if shifts.is_empty() { String::new() } else { format!(" {}", shifts.join("/")) };
        let name = format!("{}–{}{shifts}{}", clock(row.from), clock(row.to), skill(row.skill));
        add(name, Need::Demand(at), row.over > 0);
    }
    rows
}

fn totals(problem: &Problem, roster: &Roster, person: usize) -> Totals {
    let model = &problem.model;
    let worked: Vec<usize> = roster.row(person).flatten().collect();
    let leave: u32 = model.people[person].leave.iter().map(|leave| leave.counted).sum();
    let weekends =
        model.weekends().into_iter().filter(|days| days.clone().any(|day| roster.get(person, day).is_some()));
    Totals {
        shifts: worked.len() as u32,
        minutes: worked.iter().map(|shift| model.shifts[*shift].counted).sum::<u32>() + leave,
        weekends: weekends.count() as u32,
    }
}
