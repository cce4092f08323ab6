//! From domain types to the wire.

use proto::performance::v1 as pb;
use proto::time::{date, timestamp};
use runtime::ids::PersonId;

use crate::domain::announcement::Announced;
use crate::domain::import::ImportPlan;
use crate::domain::merchant::Merchant;
use crate::domain::person::{Account, Membership, Person, PersonStatus, Revision};
use crate::domain::sheet::LineError;
use crate::domain::team::{Team, TeamOnDay};

/// What an answer lists of an import's errors; a file that is wrong throughout says the same thing on every line.
const ERRORS_MAX: usize = 1_000;

impl From<Merchant> for pb::Merchant {
    fn from(merchant: Merchant) -> Self {
        let etag = merchant.etag();
        let settings = merchant.settings;
        let shops = settings.shops.into_iter();
        Self {
            merchant_id: merchant.id.into_string(),
            name: settings.name,
            time_zone: settings.time_zone,
            cut_over_hour: settings.cut_over_hour.into(),
            shops: shops.map(|shop| pb::Shop { shop_id: shop.id.into_string(), name: shop.name }).collect(),
            etag,
        }
    }
}

impl From<Team> for pb::Team {
    fn from(team: Team) -> Self {
        TeamOnDay { team, leads: vec![], members: 0 }.into()
    }
}

impl From<TeamOnDay> for pb::Team {
    fn from(TeamOnDay { team, leads, members }: TeamOnDay) -> Self {
        Self {
            etag: team.etag(),
            team_id: team.id.into_string(),
            name: team.name,
            archived: team.archived,
            lead_person_ids: leads.into_iter().map(PersonId::into_string).collect(),
            members: count(members),
        }
    }
}

impl From<Person> for pb::Person {
    fn from(person: Person) -> Self {
        Self {
            etag: person.etag(),
            person_id: person.id.into_string(),
            name: person.details.name,
            status: pb::PersonStatus::from(person.details.status).into(),
            position: person.details.position,
            roles: person.details.roles.into_iter().map(Into::into).collect(),
            memberships: person.memberships.into_iter().map(Into::into).collect(),
            accounts: person.accounts.into_iter().map(Into::into).collect(),
            merged_into: person.merged_into.map(PersonId::into_string).unwrap_or_default(),
            changed_at: Some(timestamp(person.changed_at)),
        }
    }
}

impl From<PersonStatus> for pb::PersonStatus {
    fn from(status: PersonStatus) -> Self {
        match status {
            PersonStatus::Unconfirmed => Self::Unconfirmed,
            PersonStatus::Trainee => Self::Trainee,
            PersonStatus::Probation => Self::Probation,
            PersonStatus::Regular => Self::Regular,
            PersonStatus::Left => Self::Left,
        }
    }
}

impl From<Membership> for pb::Membership {
    fn from(stay: Membership) -> Self {
        Self {
            team_id: stay.team.into_string(),
            lead: stay.lead,
            from: Some(date(stay.span.from)),
            to: stay.span.to.map(date),
        }
    }
}

impl From<Account> for pb::Account {
    fn from(account: Account) -> Self {
        Self {
            account_id: account.id.into_string(),
            from: Some(date(account.span.from)),
            to: account.span.to.map(date),
        }
    }
}

impl From<Revision> for pb::PersonRevision {
    fn from(revision: Revision) -> Self {
        Self {
            version: revision.person.version,
            at: Some(timestamp(revision.at)),
            actor: revision.actor,
            person: Some(revision.person.into()),
        }
    }
}

impl From<ImportPlan> for pb::ImportPeopleResponse {
    fn from(plan: ImportPlan) -> Self {
        Self {
            created: count(plan.created),
            updated: count(plan.updated),
            unchanged: count(plan.unchanged),
            rejected: count(plan.rejected),
            teams_created: count(plan.teams.len()),
            errors: plan.errors.into_iter().take(ERRORS_MAX).map(Into::into).collect(),
        }
    }
}

impl From<Announced> for pb::AnnounceDirectoryResponse {
    fn from(announced: Announced) -> Self {
        Self { teams: count(announced.teams), people: count(announced.people) }
    }
}

impl From<LineError> for pb::ImportError {
    fn from(error: LineError) -> Self {
        Self {
            line: i64::try_from(error.line).unwrap_or(i64::MAX),
            field: error.field.to_owned(),
            reason: error.reason.to_owned(),
            description: error.description,
        }
    }
}

/// Counts of a file or a team; nowhere near two billion.
fn count(count: impl TryInto<i32>) -> i32 {
    count.try_into().unwrap_or(i32::MAX)
}
