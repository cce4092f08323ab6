//! What a need wants and who counts for it.

use super::Need;
use crate::model::Model;
use crate::roster::Roster;

impl Need {
    /// The day on which it begins.
    #[must_use]
    pub fn day(self, model: &Model) -> usize {
        match self {
            Self::Cover(at) => model.cover[at].day,
            Self::Demand(at) => model.demand[at].day,
        }
    }

    /// Heads wanted.
    #[must_use]
    pub fn required(self, model: &Model) -> u32 {
        match self {
            Self::Cover(at) => model.cover[at].required,
            Self::Demand(at) => model.demand[at].required,
        }
    }

    /// Heads wanted of the roster: without those who are still there from the day before.
    pub(super) fn open(self, model: &Model) -> u32 {
        let still_there = (0..model.people.len()).filter(|person| self.is_still_there(model, *person));
        self.required(model).saturating_sub(still_there.count() as u32)
    }

    /// Whether a head missing costs.
    pub(crate) fn costs_if_short(self, model: &Model) -> bool {
        match self {
            Self::Cover(at) => model.cover[at].under > 0,
            Self::Demand(at) => model.demand[at].under > 0,
        }
    }

    /// Cells that count for it.
    pub(super) fn cells(self, model: &Model) -> Vec<(usize, usize)> {
        match self {
            Self::Cover(at) => vec![(model.cover[at].day, model.cover[at].shift)],
            Self::Demand(at) => model.cells_of_demand(&model.demand[at]),
        }
    }

    fn is_still_there(self, model: &Model, person: usize) -> bool {
        match self {
            Self::Cover(_) => false,
            Self::Demand(at) => model.is_still_there(&model.demand[at], person),
        }
    }

    /// Whether a cell makes a person count who doesn't count without it.
    pub(super) fn counts(self, model: &Model, person: usize, day: usize, shift: usize) -> bool {
        self.has_skill(model, person)
            && match self {
                Self::Cover(at) => (model.cover[at].day, model.cover[at].shift) == (day, shift),
                Self::Demand(_) => self.cells(model).contains(&(day, shift)),
            }
            && !self.is_still_there(model, person)
    }

    fn has_skill(self, model: &Model, person: usize) -> bool {
        let skill = match self {
            Self::Cover(at) => model.cover[at].skill,
            Self::Demand(at) => model.demand[at].skill,
        };
        skill.is_none_or(|skill| model.people[person].skills.contains(&skill))
    }

    /// Heads that a roster has for it, those included who are still there from the day before.
    pub(crate) fn present(self, model: &Model, roster: &Roster) -> u32 {
        let cells = self.cells(model);
        let works = |person: usize| cells.iter().any(|(day, shift)| roster.get(person, *day) == Some(*shift));
        let there = |person: &usize| {
            self.is_still_there(model, *person) || (self.has_skill(model, *person) && works(*person))
        };
        (0..roster.people()).filter(there).count() as u32
    }

    pub(super) fn is_short(self, model: &Model, roster: &Roster) -> bool {
        self.present(model, roster) < self.required(model)
    }
}
