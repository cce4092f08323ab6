//! What can go wrong in the people directory, and what that means to the caller.

use std::time::Duration;

use chrono::NaiveDate;
use runtime::ids::{AccountId, PersonId, TeamId};
use status::{Failure, Kind, Violation};

/// A failure of the people directory.
#[derive(Debug, thiserror::Error)]
pub enum PerformanceError {
    /// A value that no rule in the proto could refuse.
    #[error("{field}: {description}")]
    Invalid {
        /// Path of the field.
        field: String,
        /// What it must be.
        description: String,
    },
    /// Nobody of that id, or nobody within the caller's reach.
    #[error("person {person} not found")]
    PersonNotFound {
        /// The id that was asked for.
        person: PersonId,
    },
    /// No such team.
    #[error("team {team} not found")]
    TeamNotFound {
        /// The id that was asked for.
        team: TeamId,
    },
    /// The id is taken.
    #[error("person {person} exists")]
    PersonExists {
        /// The id.
        person: PersonId,
    },
    /// The id is taken.
    #[error("team {team} exists")]
    TeamExists {
        /// The id.
        team: TeamId,
    },
    /// Another team of the merchant has the name.
    #[error("another team is called {name}")]
    TeamNameTaken {
        /// The name.
        name: String,
    },
    /// Somebody is in the team that was to be archived.
    #[error("team {team} has members today or later")]
    TeamHasMembers {
        /// The team.
        team: TeamId,
    },
    /// The team takes no new members.
    #[error("team {team} is archived")]
    TeamArchived {
        /// The team.
        team: TeamId,
    },
    /// The once unconfirmed person is only a record now.
    #[error("person {person} was merged into {into}")]
    PersonMerged {
        /// Who was asked for.
        person: PersonId,
        /// Who to ask for instead.
        into: PersonId,
    },
    /// The account is where it would go: with somebody unknown.
    #[error("person {person} is unconfirmed already")]
    PersonUnconfirmed {
        /// Who was asked for.
        person: PersonId,
    },
    /// A confirmed person has the account on one of the days.
    #[error("account {account} is {owner}'s on one of these days")]
    AccountTaken {
        /// The account.
        account: AccountId,
        /// Who has it.
        owner: PersonId,
    },
    /// The person has no such assignment.
    #[error("no assignment of account {account} begins on {from}")]
    AccountNotFound {
        /// The account.
        account: AccountId,
        /// The first day that was named.
        from: NaiveDate,
    },
    /// The person would be in two teams on a day.
    #[error("{person} would be in {team} and {other} on {from}")]
    MembershipOverlaps {
        /// The person.
        person: PersonId,
        /// One team.
        team: TeamId,
        /// The other.
        other: TeamId,
        /// The first day of both.
        from: NaiveDate,
    },
    /// The person has no such stay.
    #[error("no stay in team {team} begins on {from}")]
    MembershipNotFound {
        /// The team.
        team: TeamId,
        /// The first day that was named.
        from: NaiveDate,
    },
    /// Somebody else was quicker: what the caller saw is not what is there.
    #[error("{entity} has changed since it was read")]
    EtagMismatch {
        /// What was to be changed.
        entity: String,
    },
    /// Days were counted by the zone and cut-over there are.
    #[error("time_zone and cut_over_hour of a merchant that is set up cannot change")]
    ZoneFixed,
    /// There is nothing to tell of a merchant that nobody has set up.
    #[error("the merchant is not set up; UpdateMerchant does that")]
    MerchantUnset,
    /// The storage failed.
    #[error("storage failed")]
    Storage(#[from] pg::Error),
    /// The event of a change could not be written.
    #[error("cannot record the event of a change")]
    Event(#[from] events::Error),
}

impl PerformanceError {
    /// A value of one field that cannot be taken.
    pub fn invalid(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), description: description.into() }
    }
}

impl From<diesel::result::Error> for PerformanceError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Storage(error.into())
    }
}

impl Failure for PerformanceError {
    fn kind(&self) -> Kind {
        match self {
            Self::Invalid { .. } => Kind::Invalid,
            Self::PersonNotFound { .. }
            | Self::TeamNotFound { .. }
            | Self::AccountNotFound { .. }
            | Self::MembershipNotFound { .. } => Kind::NotFound,
            Self::PersonExists { .. }
            | Self::TeamExists { .. }
            | Self::TeamNameTaken { .. }
            | Self::AccountTaken { .. }
            | Self::MembershipOverlaps { .. } => Kind::AlreadyExists,
            Self::TeamHasMembers { .. }
            | Self::TeamArchived { .. }
            | Self::PersonMerged { .. }
            | Self::PersonUnconfirmed { .. }
            | Self::ZoneFixed
            | Self::MerchantUnset => Kind::Precondition,
            Self::EtagMismatch { .. } => Kind::Contended,
            Self::Storage(error) => error.kind(),
            Self::Event(error) => error.kind(),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "INVALID_REQUEST",
            Self::PersonNotFound { .. } => "PERSON_NOT_FOUND",
            Self::TeamNotFound { .. } => "TEAM_NOT_FOUND",
            Self::PersonExists { .. } => "PERSON_EXISTS",
            Self::TeamExists { .. } => "TEAM_EXISTS",
            Self::TeamNameTaken { .. } => "TEAM_NAME_TAKEN",
            Self::TeamHasMembers { .. } => "TEAM_HAS_MEMBERS",
            Self::TeamArchived { .. } => "TEAM_ARCHIVED",
            Self::PersonMerged { .. } => "PERSON_MERGED",
            Self::PersonUnconfirmed { .. } => "PERSON_UNCONFIRMED",
            Self::AccountTaken { .. } => "ACCOUNT_TAKEN",
            Self::AccountNotFound { .. } => "ACCOUNT_NOT_FOUND",
            Self::MembershipOverlaps { .. } => "MEMBERSHIP_OVERLAPS",
            Self::MembershipNotFound { .. } => "MEMBERSHIP_NOT_FOUND",
            Self::EtagMismatch { .. } => "ETAG_MISMATCH",
            Self::ZoneFixed => "ZONE_FIXED",
            Self::MerchantUnset => "MERCHANT_UNSET",
            Self::Storage(error) => error.reason(),
            Self::Event(error) => error.reason(),
        }
    }

    fn metadata(&self) -> Vec<(String, String)> {
        let pairs: &[(&str, &dyn ToString)] = match self {
            Self::PersonMerged { into, .. } => &[("merged_into", into)],
            Self::AccountTaken { owner, .. } => &[("person_id", owner)],
            Self::MembershipOverlaps { team, other, from, .. } => {
                &[("team_id", team), ("other_team_id", other), ("day", from)]
            }
            _ => &[],
        };
        pairs.iter().map(|(key, value)| ((*key).to_owned(), value.to_string())).collect()
    }

    fn violations(&self) -> Vec<Violation> {
        match self {
            Self::Invalid { field, description } => {
                vec![Violation { field: field.clone(), description: description.clone() }]
            }
            Self::Storage(error) => error.violations(),
            Self::Event(error) => error.violations(),
            _ => vec![],
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Storage(error) => error.retry_after(),
            Self::Event(error) => error.retry_after(),
            _ => None,
        }
    }
}
