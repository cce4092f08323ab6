//! How people stood after each change.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{ExpressionMethods, QueryDsl};
use diesel_async::RunQueryDsl;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use runtime::ids::{AccountId, PersonId, TeamId};
use serde::{Deserialize, Serialize};

use crate::domain::person::{Account, Details, Membership, Person, PersonStatus, Revision};
use crate::domain::span::Span;
use crate::error::PerformanceError;
use crate::store::Store;
use crate::store::change::Change;
use crate::store::schema::person_revisions;

impl Store {
    /// The revisions of a person whom the scope reaches on `day`, newest first.
    pub async fn list_revisions(
        &self,
        scope: &Scope,
        day: NaiveDate,
        id: &PersonId,
        page: &PageRequest<i64>,
    ) -> Result<Page<Revision>, PerformanceError> {
        if self.find_person(scope, day, id).await?.is_none() {
            return Err(PerformanceError::PersonNotFound { person: id.clone() });
        }
        let mut conn = self.pool.get().await?;
        let mut query = person_revisions::table
            .filter(person_revisions::merchant_id.eq(scope.merchant.as_str()))
            .filter(person_revisions::person_id.eq(id.as_str()))
            .select((
                person_revisions::version,
                person_revisions::at,
                person_revisions::actor,
                person_revisions::person,
            ))
            .into_boxed();
        if let Some(before) = page.after {
            query = query.filter(person_revisions::version.lt(before));
        }
        let rows = query
            .order(person_revisions::version.desc())
            .limit(page.limit())
            .load::<(i64, DateTime<Utc>, String, serde_json::Value)>(&mut conn)
            .await?;
        let page = page.page(rows, |row| row.0)?;
        let revisions = page.items.into_iter().map(|(version, at, actor, kept)| {
            let unreadable =
                |why: String| pg::Error::unreadable("person_revisions", format!("{id} {version}"), why);
            let snapshot: PersonSnapshot =
                serde_json::from_value(kept).map_err(|e| unreadable(e.to_string()))?;
            let person =
                snapshot.into_person().ok_or_else(|| unreadable("unknown status or role".to_owned()))?;
            Ok(Revision { at, actor, person })
        });
        let items = revisions.collect::<Result<_, PerformanceError>>()?;
        Ok(Page { items, next_page_token: page.next_page_token })
    }
}

/// Keeps how each of these people is now.
pub(super) async fn insert(change: &mut Change<'_>, people: &[Person]) -> Result<(), PerformanceError> {
    let (merchant, actor) = (change.merchant.clone(), change.actor().to_owned());
    let mut rows = Vec::with_capacity(people.len());
    for person in people {
        let kept =
            serde_json::to_value(PersonSnapshot::from(person)).map_err(|e| pg::Error::Internal(e.into()))?;
        rows.push((
            person_revisions::merchant_id.eq(merchant.as_str()),
            person_revisions::person_id.eq(person.id.as_str()),
            person_revisions::version.eq(person.version),
            person_revisions::at.eq(change.now),
            person_revisions::actor.eq(&actor),
            person_revisions::person.eq(kept),
        ));
    }
    for some in rows.chunks(2_000) {
        diesel::insert_into(person_revisions::table).values(some).execute(&mut *change.conn).await?;
    }
    Ok(())
}

/// A person as JSON: in the history, and as the answer that a repeated request gets again. Old rows stay readable, so
/// fields are only added, with a default.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PersonSnapshot {
    person_id: PersonId,
    name: String,
    status: String,
    position: String,
    roles: Vec<String>,
    memberships: Vec<StaySnapshot>,
    accounts: Vec<AccountSnapshot>,
    merged_into: Option<PersonId>,
    version: i64,
    changed_at: DateTime<Utc>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StaySnapshot {
    team_id: TeamId,
    lead: bool,
    from: NaiveDate,
    to: Option<NaiveDate>,
}

#[derive(Debug, Serialize, Deserialize)]
struct AccountSnapshot {
    account_id: AccountId,
    from: NaiveDate,
    to: Option<NaiveDate>,
}

impl From<&Person> for PersonSnapshot {
    fn from(person: &Person) -> Self {
        let stays = person.memberships.iter().map(|stay| StaySnapshot {
            team_id: stay.team.clone(),
            lead: stay.lead,
            from: stay.span.from,
            to: stay.span.to,
        });
        let accounts = person.accounts.iter().map(|account| AccountSnapshot {
            account_id: account.id.clone(),
            from: account.span.from,
            to: account.span.to,
        });
        Self {
            person_id: person.id.clone(),
            name: person.details.name.clone(),
            status: person.details.status.word().to_owned(),
            position: person.details.position.clone(),
            roles: person.details.roles.iter().map(|role| proto::access::role_name(*role)).collect(),
            memberships: stays.collect(),
            accounts: accounts.collect(),
            merged_into: person.merged_into.clone(),
            version: person.version,
            changed_at: person.changed_at,
        }
    }
}

impl PersonSnapshot {
    /// `None` if a status or role is none that there is.
    pub(super) fn into_person(self) -> Option<Person> {
        let roles = self.roles.iter().map(|role| proto::access::role_named(role));
        let details = Details {
            name: self.name,
            status: PersonStatus::named(&self.status)?,
            position: self.position,
            roles: roles.collect::<Option<_>>()?,
        };
        let stays = self.memberships.into_iter();
        let stays = stays.map(|s| Membership {
            team: s.team_id,
            lead: s.lead,
            span: Span { from: s.from, to: s.to },
        });
        let accounts = self.accounts.into_iter();
        let accounts = accounts.map(|a| Account { id: a.account_id, span: Span { from: a.from, to: a.to } });
        Some(Person {
            id: self.person_id,
            details,
            memberships: stays.collect(),
            accounts: accounts.collect(),
            merged_into: self.merged_into,
            version: self.version,
            changed_at: self.changed_at,
        })
    }
}
