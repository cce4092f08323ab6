//! Teams.

use runtime::ids::{PersonId, TeamId};

use crate::error::PerformanceError;

/// A team (组).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    /// The id.
    pub id: TeamId,
    /// The name; no two teams of a merchant share one.
    pub name: String,
    /// Takes no new members.
    pub archived: bool,
    /// Grows by one with each change; 0 before the first save.
    pub version: i64,
}

/// A team with who is in it on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamOnDay {
    /// The team.
    pub team: Team,
    /// Who leads it, ordered by id.
    pub leads: Vec<PersonId>,
    /// How many are in it, leads included.
    pub members: i64,
}

impl Team {
    /// A new team.
    pub fn new(id: TeamId, name: String) -> Self {
        Self { id, name, archived: false, version: 0 }
    }

    /// The etag that an edit has to quote.
    pub fn etag(&self) -> String {
        self.version.to_string()
    }

    /// Renames, archives or revives. `in_use`: somebody is in it today or later.
    pub fn revise(self, name: String, archived: bool, in_use: bool) -> Result<Self, PerformanceError> {
        if archived && !self.archived && in_use {
            return Err(PerformanceError::TeamHasMembers { team: self.id });
        }
        Ok(Self { name, archived, ..self })
    }

    /// Whether people may be put into it.
    pub fn open(&self) -> Result<(), PerformanceError> {
        if self.archived { Err(PerformanceError::TeamArchived { team: self.id.clone() }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_team_in_use_is_not_archived() {
        let team = Team::new("a".into(), "A".to_owned());
        let refused = team.clone().revise("A".to_owned(), true, true);
        assert!(matches!(refused, Err(PerformanceError::TeamHasMembers { .. })));
        let archived = team.revise("A".to_owned(), true, false).expect("nobody is in it");
        assert!(matches!(archived.open(), Err(PerformanceError::TeamArchived { .. })));
        assert!(archived.revise("A".to_owned(), false, true).expect("revives").open().is_ok());
    }
}
