//! The use cases of the people directory: what happens, in order. Knows the store's methods, never SQL or protobuf.

pub mod announcement;
pub mod import;
pub mod merchant;
pub mod person;
pub mod sheet;
pub mod span;
pub mod team;
pub mod text;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use pg::page::{Page, PageRequest};
use pg::{By, Transaction};
use runtime::clock::SharedClock;
use runtime::identity::Scope;
use runtime::ids::{AccountId, MerchantId, PersonId, TeamId};
use uuid::Uuid;

use crate::domain::announcement::Announced;
use crate::domain::import::ImportPlan;
use crate::domain::merchant::{Merchant, Settings};
use crate::domain::person::{Account, Details, Membership, PeopleFilter, Person, Revision, assign_account};
use crate::domain::sheet::Sheet;
use crate::domain::team::{Team, TeamOnDay};
use crate::error::PerformanceError;
use crate::store::{About, Loaded, Store};

/// The people directory.
#[derive(Debug, Clone)]
pub struct Performance {
    store: Store,
    clock: SharedClock,
}

type Result<T> = std::result::Result<T, PerformanceError>;

impl Performance {
    /// On this store and clock.
    pub fn new(store: Store, clock: SharedClock) -> Self {
        Self { store, clock }
    }

    /// The merchant's settings.
    pub async fn get_merchant(&self, scope: &Scope) -> Result<Merchant> {
        self.store.find_merchant(scope).await
    }

    /// Replaces the merchant's settings.
    pub async fn update_merchant(
        &self,
        by: &By,
        scope: &Scope,
        settings: Settings,
        etag: &str,
    ) -> Result<Merchant> {
        let now = self.clock.now();
        self.store.update_merchant(by, scope, now, etag, |merchant| merchant.revise(settings)).await
    }

    /// Adds a team.
    pub async fn create_team(
        &self,
        by: &By,
        scope: &Scope,
        id: Option<TeamId>,
        name: String,
    ) -> Result<Team> {
        let id = id.unwrap_or_else(|| TeamId::new(Uuid::now_v7().to_string()));
        self.store.insert_team(by, scope, self.clock.now(), Team::new(id, name)).await
    }

    /// Renames, archives or revives a team.
    pub async fn update_team(
        &self,
        by: &By,
        scope: &Scope,
        (id, etag): (&TeamId, &str),
        (name, archived): (String, bool),
    ) -> Result<Team> {
        let today = self.today(scope).await?;
        let decide = |team: Team, in_use| team.revise(name, archived, in_use);
        self.store.update_team(by, scope, self.clock.now(), (id, etag, today), decide).await
    }

    /// Teams as of a day.
    pub async fn list_teams(
        &self,
        scope: &Scope,
        day: Option<NaiveDate>,
        include_archived: bool,
        page: &PageRequest<String>,
    ) -> Result<Page<TeamOnDay>> {
        let day = self.day(scope, day).await?;
        self.store.list_teams(scope, day, include_archived, page).await
    }

    /// Adds a person.
    pub async fn create_person(
        &self,
        by: &By,
        scope: &Scope,
        id: Option<PersonId>,
        details: Details,
    ) -> Result<Person> {
        let now = self.clock.now();
        self.store
            .insert_person(by, scope, now, Person::new(id.unwrap_or_else(new_person_id), details, now))
            .await
    }

    /// Replaces what people say about a person.
    pub async fn update_person(
        &self,
        by: &By,
        scope: &Scope,
        (id, etag): (&PersonId, &str),
        details: Details,
    ) -> Result<Person> {
        let about = About { person: id, etag: Some(etag), account: None, team: None };
        self.change(by, scope, about, |loaded| Ok(vec![loaded.person.revise(details)?])).await
    }

    /// One person.
    pub async fn get_person(&self, scope: &Scope, id: &PersonId) -> Result<Person> {
        let today = self.today(scope).await?;
        let person = self.store.find_person(scope, today, id).await?;
        person.ok_or_else(|| PerformanceError::PersonNotFound { person: id.clone() })
    }

    /// People as of a day.
    pub async fn list_people(
        &self,
        scope: &Scope,
        day: Option<NaiveDate>,
        filter: &PeopleFilter,
        page: &PageRequest<String>,
    ) -> Result<Page<Person>> {
        let day = self.day(scope, day).await?;
        self.store.list_people(scope, day, filter, page).await
    }

    /// How a person stood after each change.
    pub async fn list_person_history(
        &self,
        scope: &Scope,
        id: &PersonId,
        page: &PageRequest<i64>,
    ) -> Result<Page<Revision>> {
        let today = self.today(scope).await?;
        self.store.list_revisions(scope, today, id, page).await
    }

    /// Gives an account to a person.
    pub async fn assign_account(
        &self,
        by: &By,
        scope: &Scope,
        id: &PersonId,
        account: Account,
    ) -> Result<Person> {
        let about = About { person: id, etag: None, account: Some(&account.id), team: None };
        let decide = |loaded: Loaded| assign_account(loaded.person, loaded.holders, &account);
        self.change(by, scope, about, decide).await
    }

    /// Takes an account back that was given by mistake; who is behind it is then unknown again.
    pub async fn remove_account(
        &self,
        by: &By,
        scope: &Scope,
        id: &PersonId,
        (account, from): (&AccountId, NaiveDate),
    ) -> Result<Person> {
        let now = self.clock.now();
        let about = About { person: id, etag: None, account: None, team: None };
        let decide = |loaded: Loaded| {
            let (person, span) = loaded.person.leave_out_account(account, from)?;
            Ok(vec![person, Person::unconfirmed(new_person_id(), account.clone(), span, now)])
        };
        self.change(by, scope, about, decide).await
    }

    /// Puts a person into a team.
    pub async fn change_membership(
        &self,
        by: &By,
        scope: &Scope,
        id: &PersonId,
        stay: Membership,
    ) -> Result<Person> {
        let team = stay.team.clone();
        let about = About { person: id, etag: None, account: None, team: Some(&team) };
        let decide = |loaded: Loaded| {
            let known = loaded
                .person
                .memberships
                .iter()
                .any(|m| m.team == stay.team && m.span.from == stay.span.from);
            match loaded.team {
                // Ending a stay in an archived team must stay possible.
                Some(team) if !known => team.open()?,
                _ => {}
            }
            Ok(vec![loaded.person.join_team(stay)?])
        };
        self.change(by, scope, about, decide).await
    }

    /// Takes back a stay entered by mistake.
    pub async fn remove_membership(
        &self,
        by: &By,
        scope: &Scope,
        id: &PersonId,
        (team, from): (&TeamId, NaiveDate),
    ) -> Result<Person> {
        let about = About { person: id, etag: None, account: None, team: None };
        self.change(by, scope, about, |loaded| Ok(vec![loaded.person.leave_out_stay(team, from)?])).await
    }

    /// Reads a people file into the directory.
    pub async fn import_people(
        &self,
        by: &By,
        scope: &Scope,
        file: Vec<u8>,
        rehearsal: bool,
    ) -> Result<ImportPlan> {
        let now = self.clock.now();
        // Reading megabytes takes a while: not on a thread that other calls wait for.
        let sheet = tokio::task::spawn_blocking(move || Sheet::read(&file)).await;
        let sheet = sheet.map_err(|e| pg::Error::Internal(e.into()))?;
        let decide = |directory: &import::Directory| ImportPlan::new(sheet, directory, now);
        self.store.import_people(by, scope, now, rehearsal, decide).await
    }

    /// Tells the other services the whole directory once more.
    pub async fn announce_directory(&self, by: &By, scope: &Scope) -> Result<Announced> {
        self.store.announce_directory(by, scope, self.clock.now()).await
    }

    /// All teams by id.
    pub async fn all_teams(&self, scope: &Scope) -> Result<BTreeMap<TeamId, Team>> {
        self.store.all_teams(scope).await
    }

    /// Somebody chatted from an account. If nobody ever had it, an unconfirmed person is put in.
    pub async fn agent_seen(
        &self,
        conn: &mut Transaction,
        merchant: &MerchantId,
        account: AccountId,
        first_day: NaiveDate,
    ) -> Result<bool> {
        Store::insert_unconfirmed(conn, merchant, (new_person_id(), account, first_day), self.clock.now())
            .await
    }

    /// The present moment.
    pub fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.clock.now()
    }

    /// The merchant's present business day.
    async fn today(&self, scope: &Scope) -> Result<NaiveDate> {
        let merchant = self.store.find_merchant(scope).await?;
        Ok(merchant.calendar()?.business_day(self.clock.now()))
    }

    async fn day(&self, scope: &Scope, asked: Option<NaiveDate>) -> Result<NaiveDate> {
        match asked {
            Some(day) => Ok(day),
            None => self.today(scope).await,
        }
    }

    async fn change(
        &self,
        by: &By,
        scope: &Scope,
        about: About<'_>,
        decide: impl FnOnce(Loaded) -> Result<Vec<Person>> + Send,
    ) -> Result<Person> {
        let today = self.today(scope).await?;
        self.store.update_person(by, scope, (self.clock.now(), today), about, decide).await
    }
}

fn new_person_id() -> PersonId {
    PersonId::new(Uuid::now_v7().to_string())
}
