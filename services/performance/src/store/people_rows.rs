//! People between rows and the domain: loading them whole, and saving them whole.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::upsert::excluded;
use diesel::{ExpressionMethods, QueryDsl};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use runtime::ids::{AccountId, MerchantId, PersonId, TeamId};
use serde_json::json;

use crate::domain::person::{Account, Details, Membership, Person, PersonStatus};
use crate::domain::span::Span;
use crate::error::PerformanceError;
use crate::outgoing;
use crate::store::change::Change;
use crate::store::revisions;
use crate::store::schema::{accounts, memberships, people};

/// Rows a statement writes at once: Postgres takes 65,535 parameters.
const ROWS_MAX: usize = 2_000;

/// What is read of a person's row.
pub(super) const COLUMNS: (
    people::person_id,
    people::name,
    people::status,
    people::position,
    people::roles,
    people::merged_into,
    people::version,
    people::changed_at,
) = (
    people::person_id,
    people::name,
    people::status,
    people::position,
    people::roles,
    people::merged_into,
    people::version,
    people::changed_at,
);

#[derive(Debug, diesel::Queryable)]
pub(super) struct PersonRow {
    pub(super) person_id: String,
    name: String,
    status: String,
    position: String,
    roles: Vec<String>,
    merged_into: Option<String>,
    version: i64,
    changed_at: DateTime<Utc>,
}

impl PersonRow {
    fn into_person(self) -> Result<Person, pg::Error> {
        let unreadable = |why: &str| pg::Error::unreadable("people", &self.person_id, why);
        let status = PersonStatus::named(&self.status).ok_or_else(|| unreadable("unknown status"))?;
        let roles = self.roles.iter().map(|role| proto::access::role_named(role));
        let roles = roles.collect::<Option<_>>().ok_or_else(|| unreadable("unknown role"))?;
        Ok(Person {
            details: Details { name: self.name, status, position: self.position, roles },
            memberships: vec![],
            accounts: vec![],
            merged_into: self.merged_into.map(PersonId::new),
            version: self.version,
            changed_at: self.changed_at,
            id: PersonId::new(self.person_id),
        })
    }
}

/// The people of `rows`, whole, in the same order.
pub(super) async fn with_facts(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    rows: Vec<PersonRow>,
) -> Result<Vec<Person>, PerformanceError> {
    let ids: Vec<String> = rows.iter().map(|row| row.person_id.clone()).collect();
    let stays = memberships::table
        .filter(memberships::merchant_id.eq(merchant.as_str()))
        .filter(memberships::person_id.eq_any(&ids))
        .order((memberships::person_id, memberships::from_day))
        .select((
            memberships::person_id,
            memberships::team_id,
            memberships::lead,
            memberships::from_day,
            memberships::to_day,
        ))
        .load::<(String, String, bool, NaiveDate, Option<NaiveDate>)>(conn)
        .await?;
    let held = accounts::table
        .filter(accounts::merchant_id.eq(merchant.as_str()))
        .filter(accounts::person_id.eq_any(&ids))
        .order((accounts::person_id, accounts::account_id, accounts::from_day))
        .select((accounts::person_id, accounts::account_id, accounts::from_day, accounts::to_day))
        .load::<(String, String, NaiveDate, Option<NaiveDate>)>(conn)
        .await?;
    let mut people = rows.into_iter().map(PersonRow::into_person).collect::<Result<Vec<_>, _>>()?;
    let at: BTreeMap<PersonId, usize> = people.iter().enumerate().map(|(at, p)| (p.id.clone(), at)).collect();
    // A person row is always there: the facts refer to it.
    for (person, team, lead, from, to) in stays {
        if let Some(at) = at.get(&PersonId::new(person)) {
            let stay = Membership { team: TeamId::new(team), lead, span: Span { from, to } };
            people[*at].memberships.push(stay);
        }
    }
    for (person, account, from, to) in held {
        if let Some(at) = at.get(&PersonId::new(person)) {
            people[*at].accounts.push(Account { id: AccountId::new(account), span: Span { from, to } });
        }
    }
    Ok(people)
}

/// Writes everybody of `after` who is not as in `before`, with revision, audit entry and event; whoever is not in
/// `before` is new. Answers those who were written.
pub(super) async fn save(
    change: &mut Change<'_>,
    before: &[Person],
    after: Vec<Person>,
) -> Result<Vec<Person>, PerformanceError> {
    let mut changed: Vec<Person> = after.into_iter().filter(|person| !before.contains(person)).collect();
    for person in &mut changed {
        person.version += 1;
        person.changed_at = change.now;
    }
    if changed.is_empty() {
        return Ok(changed);
    }
    // All that anybody gives up goes first, so that whoever gets it finds it free.
    delete_facts(change, &changed).await?;
    for some in changed.chunks(ROWS_MAX) {
        upsert(change, some).await?;
    }
    insert_facts(change, &changed).await?;
    revisions::insert(change, &changed).await?;
    let mut told = Vec::with_capacity(changed.len());
    for person in &changed {
        change.audit(format!("person/{}", person.id), summary(person)).await?;
        told.push(outgoing::person_changed(&change.merchant, person, change.now));
    }
    events::publish_all(change.conn, &told).await?;
    Ok(changed)
}

/// What the audit says of a person: the shape of the change, not their life.
fn summary(person: &Person) -> serde_json::Value {
    json!({
        "status": person.details.status.word(),
        "memberships": person.memberships.len(),
        "accounts": person.accounts.len(),
        "merged_into": person.merged_into,
        "version": person.version,
    })
}

async fn delete_facts(change: &mut Change<'_>, changed: &[Person]) -> Result<(), PerformanceError> {
    let ids: Vec<&str> = changed.iter().map(|person| person.id.as_str()).collect();
    let merchant = change.merchant.as_str();
    let stays = memberships::table.filter(memberships::merchant_id.eq(merchant));
    diesel::delete(stays.filter(memberships::person_id.eq_any(&ids))).execute(change.conn).await?;
    let held = accounts::table.filter(accounts::merchant_id.eq(merchant));
    diesel::delete(held.filter(accounts::person_id.eq_any(&ids))).execute(change.conn).await?;
    Ok(())
}

async fn upsert(change: &mut Change<'_>, changed: &[Person]) -> Result<(), PerformanceError> {
    let merchant = change.merchant.as_str();
    let rows: Vec<_> = changed
        .iter()
        .map(|person| {
            let roles: Vec<String> =
                person.details.roles.iter().map(|r| proto::access::role_name(*r)).collect();
            (
                people::merchant_id.eq(merchant),
                people::person_id.eq(person.id.as_str()),
                people::name.eq(&person.details.name),
                people::status.eq(person.details.status.word()),
                people::position.eq(&person.details.position),
                people::roles.eq(roles),
                people::merged_into.eq(person.merged_into.as_ref().map(PersonId::as_str)),
                people::version.eq(person.version),
                people::changed_at.eq(person.changed_at),
            )
        })
        .collect();
    diesel::insert_into(people::table)
        .values(rows)
        .on_conflict((people::merchant_id, people::person_id))
        .do_update()
        .set((
            people::name.eq(excluded(people::name)),
            people::status.eq(excluded(people::status)),
            people::position.eq(excluded(people::position)),
            people::roles.eq(excluded(people::roles)),
            people::merged_into.eq(excluded(people::merged_into)),
            people::version.eq(excluded(people::version)),
            people::changed_at.eq(excluded(people::changed_at)),
        ))
        .execute(change.conn)
        .await?;
    Ok(())
}

async fn insert_facts(change: &mut Change<'_>, changed: &[Person]) -> Result<(), PerformanceError> {
    let merchant = change.merchant.as_str();
    let stays: Vec<_> = changed
        .iter()
        .flat_map(|person| person.memberships.iter().map(move |stay| (person, stay)))
        .map(|(person, stay)| {
            (
                memberships::merchant_id.eq(merchant),
                memberships::person_id.eq(person.id.as_str()),
                memberships::team_id.eq(stay.team.as_str()),
                memberships::lead.eq(stay.lead),
                memberships::from_day.eq(stay.span.from),
                memberships::to_day.eq(stay.span.to),
            )
        })
        .collect();
    for some in stays.chunks(ROWS_MAX) {
        diesel::insert_into(memberships::table).values(some).execute(change.conn).await?;
    }
    let held: Vec<_> = changed
        .iter()
        .flat_map(|person| person.accounts.iter().map(move |account| (person, account)))
        .map(|(person, account)| {
            (
                accounts::merchant_id.eq(merchant),
                accounts::account_id.eq(account.id.as_str()),
                accounts::person_id.eq(person.id.as_str()),
                accounts::from_day.eq(account.span.from),
                accounts::to_day.eq(account.span.to),
            )
        })
        .collect();
    for some in held.chunks(ROWS_MAX) {
        diesel::insert_into(accounts::table).values(some).execute(change.conn).await?;
    }
    Ok(())
}
