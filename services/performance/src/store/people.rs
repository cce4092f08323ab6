//! People: reading, changing, importing.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{BoolExpressionMethods, ExpressionMethods, PgTextExpressionMethods, QueryDsl};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use runtime::ids::{AccountId, MerchantId, PersonId, TeamId};

use crate::domain::import::{Directory, ImportPlan};
use crate::domain::person::{PeopleFilter, Person};
use crate::domain::span::Span;
use crate::domain::team::Team;
use crate::error::PerformanceError;
use crate::store::change::Change;
use crate::store::people_rows::{COLUMNS, PersonRow, save, with_facts};
use crate::store::revisions::PersonSnapshot;
use crate::store::schema::{accounts, memberships, people};
use crate::store::{Store, reach, teams};

/// What a change of a person is about.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// Who is changed.
    pub person: &'a PersonId,
    /// The etag that the caller saw, if the change replaces something.
    pub etag: Option<&'a str>,
    /// An account whose holders are needed to decide.
    pub account: Option<&'a AccountId>,
    /// A team that is needed to decide.
    pub team: Option<&'a TeamId>,
}

/// What a change is decided on.
#[derive(Debug)]
pub struct Loaded {
    /// Who is changed.
    pub person: Person,
    /// Everybody else who has or had the account.
    pub holders: Vec<Person>,
    /// The team, if one was asked for.
    pub team: Option<Team>,
}

impl Store {
    /// Somebody whom the scope reaches on `day`.
    pub async fn find_person(
        &self,
        scope: &Scope,
        day: NaiveDate,
        id: &PersonId,
    ) -> Result<Option<Person>, PerformanceError> {
        let mut conn = self.pool.get().await?;
        let within = reach::people(&mut conn, scope, day).await?;
        if within.is_some_and(|within| !within.iter().any(|reached| reached == id.as_str())) {
            return Ok(None);
        }
        Ok(load(&mut conn, &scope.merchant, &[id.as_str()]).await?.pop())
    }

    /// Everybody whom the scope reaches on `day` and the filter lets through, by id.
    pub async fn list_people(
        &self,
        scope: &Scope,
        day: NaiveDate,
        filter: &PeopleFilter,
        page: &PageRequest<String>,
    ) -> Result<Page<Person>, PerformanceError> {
        let mut conn = self.pool.get().await?;
        let merchant = scope.merchant.as_str();
        let mut query = people::table.filter(people::merchant_id.eq(merchant)).select(COLUMNS).into_boxed();
        if let Some(within) = reach::people(&mut conn, scope, day).await? {
            query = query.filter(people::person_id.eq_any(within));
        }
        if !filter.include_merged {
            query = query.filter(people::merged_into.is_null());
        }
        if !filter.statuses.is_empty() {
            let words: Vec<_> = filter.statuses.iter().map(|status| status.word()).collect();
            query = query.filter(people::status.eq_any(words));
        }
        if let Some(team) = &filter.team {
            let members = memberships::table
                .filter(memberships::merchant_id.eq(merchant))
                .filter(memberships::team_id.eq(team.as_str()))
                .filter(memberships::from_day.le(day))
                .filter(memberships::to_day.is_null().or(memberships::to_day.ge(day)));
            query = query.filter(people::person_id.eq_any(members.select(memberships::person_id)));
        }
        if !filter.text.is_empty() {
            let like = format!("%{}%", like_literal(&filter.text));
            let holders = accounts::table
                .filter(accounts::merchant_id.eq(merchant))
                .filter(accounts::account_id.ilike(like.clone()))
                .select(accounts::person_id);
            query = query.filter(
                people::name
                    .ilike(like.clone())
                    .or(people::person_id.ilike(like))
                    .or(people::person_id.eq_any(holders)),
            );
        }
        if let Some(after) = &page.after {
            query = query.filter(people::person_id.gt(after));
        }
        let rows = query.order(people::person_id).limit(page.limit()).load::<PersonRow>(&mut conn).await?;
        let page = page.page(rows, |row| row.person_id.clone())?;
        let items = with_facts(&mut conn, &scope.merchant, page.items).await?;
        Ok(Page { items, next_page_token: page.next_page_token })
    }

    /// Adds somebody, once per request id.
    pub async fn insert_person(
        &self,
        by: &By,
        scope: &Scope,
        now: DateTime<Utc>,
        person: Person,
    ) -> Result<Person, PerformanceError> {
        let insert = async |conn: &mut AsyncPgConnection| {
            let mut change = Change::begin(conn, &scope.merchant, Some(by), now).await?;
            if !load(change.conn, &scope.merchant, &[person.id.as_str()]).await?.is_empty() {
                return Err(PerformanceError::PersonExists { person: person.id });
            }
            let saved = save(&mut change, &[], vec![person]).await?.pop();
            saved.as_ref().map(PersonSnapshot::from).ok_or_else(|| nothing_saved().into())
        };
        answered(by.change(&self.pool, now, insert).await?)
    }

    /// Changes a person, and whoever else `decide` answers, and gives the person as they then are. `day` is the day of
    /// the scope.
    pub async fn update_person(
        &self,
        by: &By,
        scope: &Scope,
        (now, day): (DateTime<Utc>, NaiveDate),
        about: About<'_>,
        decide: impl FnOnce(Loaded) -> Result<Vec<Person>, PerformanceError> + Send,
    ) -> Result<Person, PerformanceError> {
        let update = async |conn: &mut AsyncPgConnection| {
            let mut change = Change::begin(conn, &scope.merchant, Some(by), now).await?;
            let loaded = load_about(&mut change, scope, day, about).await?;
            let mut before = vec![loaded.person.clone()];
            before.extend(loaded.holders.iter().cloned());
            let after = decide(loaded)?;
            save(&mut change, &before, after).await?;
            load_one(&mut change, about.person).await.map(|person| PersonSnapshot::from(&person))
        };
        answered(by.change(&self.pool, now, update).await?)
    }

    /// Reads the whole directory under the merchant's lock and saves what `decide` makes of it, unless it is only a
    /// rehearsal.
    pub async fn import_people(
        &self,
        by: &By,
        scope: &Scope,
        now: DateTime<Utc>,
        rehearsal: bool,
        decide: impl FnOnce(&Directory) -> ImportPlan + Send,
    ) -> Result<ImportPlan, PerformanceError> {
        let mut conn = self.pool.get().await?;
        conn.transaction::<_, PerformanceError, _>(async |conn| {
            let mut change = Change::begin(conn, &scope.merchant, Some(by), now).await?;
            let directory = load_directory(change.conn, &scope.merchant).await?;
            let mut plan = decide(&directory);
            if !rehearsal {
                for team in &plan.teams {
                    teams::save(&mut change, team.clone()).await?;
                }
                let before: Vec<Person> = directory.people.into_values().collect();
                plan.people = save(&mut change, &before, plan.people).await?;
            }
            Ok(plan)
        })
        .await
    }

    /// Puts in whoever is behind an account that was met in chats, unless the account is or was somebody's. Runs in
    /// the caller's transaction.
    pub async fn insert_unconfirmed(
        conn: &mut AsyncPgConnection,
        merchant: &MerchantId,
        (id, account, first_day): (PersonId, AccountId, NaiveDate),
        now: DateTime<Utc>,
    ) -> Result<bool, PerformanceError> {
        let mut change = Change::begin(conn, merchant, None, now).await?;
        let known = accounts::table
            .filter(accounts::merchant_id.eq(merchant.as_str()))
            .filter(accounts::account_id.eq(account.as_str()));
        if diesel::select(diesel::dsl::exists(known)).get_result(change.conn).await? {
            return Ok(false);
        }
        let person = Person::unconfirmed(id, account, Span::lasting(first_day), now);
        save(&mut change, &[], vec![person]).await?;
        Ok(true)
    }

    /// All teams, for who reads or writes the directory whole.
    pub async fn all_teams(&self, scope: &Scope) -> Result<BTreeMap<TeamId, Team>, PerformanceError> {
        let mut conn = self.pool.get().await?;
        teams::all(&mut conn, &scope.merchant).await
    }
}

async fn load_about(
    change: &mut Change<'_>,
    scope: &Scope,
    day: NaiveDate,
    about: About<'_>,
) -> Result<Loaded, PerformanceError> {
    let within = reach::people(change.conn, scope, day).await?;
    if within.is_some_and(|within| !within.iter().any(|reached| reached == about.person.as_str())) {
        return Err(PerformanceError::PersonNotFound { person: about.person.clone() });
    }
    let person = load_one(change, about.person).await?;
    if about.etag.is_some_and(|etag| etag != person.etag()) {
        return Err(PerformanceError::EtagMismatch { entity: format!("person {}", person.id) });
    }
    let holders = match about.account {
        Some(account) => load_holders(change, account, about.person).await?,
        None => vec![],
    };
    let team = match about.team {
        Some(id) => {
            let team = teams::find(change.conn, &change.merchant, id).await?;
            Some(team.ok_or_else(|| PerformanceError::TeamNotFound { team: id.clone() })?)
        }
        None => None,
    };
    Ok(Loaded { person, holders, team })
}

async fn load_holders(
    change: &mut Change<'_>,
    account: &AccountId,
    but: &PersonId,
) -> Result<Vec<Person>, PerformanceError> {
    let holders = accounts::table
        .filter(accounts::merchant_id.eq(change.merchant.as_str()))
        .filter(accounts::account_id.eq(account.as_str()))
        .filter(accounts::person_id.ne(but.as_str()))
        .select(accounts::person_id)
        .distinct()
        .load::<String>(change.conn)
        .await?;
    let holders: Vec<&str> = holders.iter().map(String::as_str).collect();
    load(change.conn, &change.merchant, &holders).await
}

async fn load_one(change: &mut Change<'_>, id: &PersonId) -> Result<Person, PerformanceError> {
    let person = load(change.conn, &change.merchant, &[id.as_str()]).await?.pop();
    person.ok_or_else(|| PerformanceError::PersonNotFound { person: id.clone() })
}

async fn load(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    ids: &[&str],
) -> Result<Vec<Person>, PerformanceError> {
    let rows = people::table
        .filter(people::merchant_id.eq(merchant.as_str()))
        .filter(people::person_id.eq_any(ids))
        .order(people::person_id)
        .select(COLUMNS)
        .load::<PersonRow>(conn)
        .await?;
    with_facts(conn, merchant, rows).await
}

/// Everything of a merchant. Thousands of people, a few hundred bytes each.
pub(super) async fn load_directory(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
) -> Result<Directory, PerformanceError> {
    let rows = people::table
        .filter(people::merchant_id.eq(merchant.as_str()))
        .select(COLUMNS)
        .load::<PersonRow>(conn)
        .await?;
    let people = with_facts(conn, merchant, rows).await?;
    let people = people.into_iter().map(|person| (person.id.clone(), person)).collect();
    Ok(Directory { people, teams: teams::all(conn, merchant).await? })
}

/// `text` for a LIKE pattern, its signs taken literally.
fn like_literal(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// A person out of an answer that was kept for repeats.
fn answered(answer: PersonSnapshot) -> Result<Person, PerformanceError> {
    let unreadable = || pg::Error::Internal("an answer names a status or role that there is not".into());
    Ok(answer.into_person().ok_or_else(unreadable)?)
}

fn nothing_saved() -> pg::Error {
    pg::Error::Internal("a new person was not saved".into())
}
