//! A roster: what each person works on each day.

use serde::Serialize;

use crate::model::Model;

/// People × days cells, each a shift or a day off.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Roster {
    days: usize,
    /// Shift plus one, 0 is a day off; row by row.
    cells: Vec<u16>,
}

impl Roster {
    /// All days off.
    #[must_use]
    pub fn new(people: usize, days: usize) -> Self {
        Self { days, cells: vec![0; people * days] }
    }

    /// All days off, of the size of a model.
    #[must_use]
    pub fn of(model: &Model) -> Self {
        Self::new(model.people.len(), model.days)
    }

    /// Days per person.
    #[must_use]
    pub fn days(&self) -> usize {
        self.days
    }

    /// Number of people.
    #[must_use]
    pub fn people(&self) -> usize {
        self.cells.len().checked_div(self.days).unwrap_or(0)
    }

    /// What a person works on a day. Panics outside the roster, as indexing does.
    #[must_use]
    pub fn get(&self, person: usize, day: usize) -> Option<usize> {
        assert!(day < self.days, "day {day} of a roster of {} days", self.days);
        usize::from(self.cells[person * self.days + day]).checked_sub(1)
    }

    /// Sets a cell. Panics outside the roster, as indexing does.
    pub fn set(&mut self, person: usize, day: usize, shift: Option<usize>) {
        assert!(day < self.days, "day {day} of a roster of {} days", self.days);
        let shift = shift
            .map_or(0, |shift| u16::try_from(shift + 1).expect("a valid model has fewer than 65,535 shifts"));
        self.cells[person * self.days + day] = shift;
    }

    /// A person's cells, day by day.
    pub fn row(&self, person: usize) -> impl ExactSizeIterator<Item = Option<usize>> + '_ {
        self.cells[person * self.days..][..self.days].iter().map(|cell| usize::from(*cell).checked_sub(1))
    }

    /// Number of cells that differ from another roster of the same size.
    #[must_use]
    pub fn changes(&self, other: &Self) -> usize {
        self.cells.iter().zip(&other.cells).filter(|(mine, theirs)| mine != theirs).count()
    }
}
