//! A database with a directory, and events for it.

use chrono::{DateTime, NaiveDate};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use diesel_migrations::EmbeddedMigrations;
use events::{Event, HandleError, Payload};
use pg::{DatabaseConfig, Pool};
use proto::access::Role;
use proto::events::v1 as pb;
use proto::google::r#type::Date;
use testkit::TestDatabase;

pub const SCHEMA: &str = "copy";
pub const SETS: &[EmbeddedMigrations] = &[events::MIGRATIONS, directory::MIGRATIONS];

pub async fn start() -> (TestDatabase, Pool) {
    let database = testkit::database(&[testkit::schema(SCHEMA, async |config: DatabaseConfig| {
        pg::migrate(SCHEMA, &config, SETS).await?;
        Ok(())
    })])
    .await;
    let config = DatabaseConfig { acquire_timeout_ms: 10_000, ..database.config(SCHEMA) };
    let pool = pg::connect(SCHEMA, &config).await.expect("connects");
    (database, pool)
}

pub async fn apply(conn: &mut AsyncPgConnection, event: &Event) -> Result<bool, HandleError> {
    conn.transaction::<_, HandleError, _>(async |conn| directory::apply(conn, event).await).await
}

/// A day of May 2020.
pub fn day(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2020, 5, day).expect("a day of May")
}

fn wire(day: u32) -> Option<Date> {
    Some(Date { year: 2020, month: 5, day: day as i32 })
}

fn until(day: Option<u32>) -> Option<Date> {
    day.and_then(wire)
}

pub fn member(team: &str, lead: bool, from: u32, to: Option<u32>) -> pb::Membership {
    pb::Membership { team_id: team.to_owned(), lead, from: wire(from), to: until(to) }
}

pub fn account(id: &str, from: u32, to: Option<u32>) -> pb::Account {
    pb::Account { account_id: id.to_owned(), from: wire(from), to: until(to) }
}

fn event(merchant: &str, entity: String, version: i64, payload: Payload) -> Event {
    events::event(merchant, entity, version, DateTime::UNIX_EPOCH, payload)
}

pub fn person(
    merchant: &str,
    id: &str,
    version: i64,
    accounts: Vec<pb::Account>,
    memberships: Vec<pb::Membership>,
) -> Event {
    let payload = pb::PersonChanged {
        person_id: id.to_owned(),
        name: format!("{id} 第{version}版"),
        status: pb::PersonStatus::Regular.into(),
        roles: vec![Role::Agent.into()],
        memberships,
        accounts,
    };
    event(merchant, format!("person/{id}"), version, Payload::PersonChanged(payload))
}

pub fn team(id: &str, version: i64, name: &str) -> Event {
    let payload = pb::TeamChanged { team_id: id.to_owned(), name: name.to_owned(), archived: false };
    event("demo", format!("team/{id}"), version, Payload::TeamChanged(payload))
}

pub fn merchant(version: i64, zone: &str, cut_over_hour: i32, shops: &[&str]) -> Event {
    let shops =
        shops.iter().map(|id| pb::Shop { shop_id: (*id).to_owned(), name: format!("店 {id}") }).collect();
    let payload =
        pb::MerchantChanged { name: "演示".to_owned(), time_zone: zone.to_owned(), cut_over_hour, shops };
    event("demo", "merchant".to_owned(), version, Payload::MerchantChanged(payload))
}
