//! Whose rows a caller reaches, for rows that belong to people rather than to accounts and days.

use std::collections::BTreeSet;

/// The people whose rows a caller reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reached {
    /// Everyone's.
    All,
    /// Theirs.
    People(BTreeSet<String>),
}

impl Reached {
    /// Whether that is everyone.
    pub fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }

    /// Whether that person is among them.
    pub fn holds(&self, person: &str) -> bool {
        match self {
            Self::All => true,
            Self::People(people) => people.contains(person),
        }
    }

    /// Whether one of these is among them; rows of nobody are reached by who reaches everyone.
    pub fn holds_any<'a>(&self, people: impl IntoIterator<Item = &'a str>) -> bool {
        self.is_all() || people.into_iter().any(|person| self.holds(person))
    }

    /// As a parameter: NULL for everyone.
    pub fn column(&self) -> Option<Vec<&str>> {
        match self {
            Self::All => None,
            Self::People(people) => Some(people.iter().map(String::as_str).collect()),
        }
    }
}
