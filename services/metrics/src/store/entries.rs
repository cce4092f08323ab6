//! Timelines: tables of the same shape, an entry a row, which are only ever added to.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Integer, Jsonb, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::page::{Page, PageRequest};
use runtime::ids::MerchantId;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::entry::Entry;
use crate::store::{Result, json_of};

/// How something with a timeline can stand.
pub(super) trait Timeline: Copy {
    /// The table of its entries.
    const TABLE: &'static str;
    /// The column of whose timeline it is.
    const OWNER: &'static str;
    /// What can happen.
    type Happening: Serialize + DeserializeOwned;

    /// The name in rows.
    fn row_name(self) -> &'static str;
    /// The state of a row.
    fn of_row(name: &str) -> Option<Self>;
}

/// Adds an entry to a timeline.
pub(super) async fn insert<S: Timeline>(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    owner: &str,
    entry: &Entry<S, S::Happening>,
) -> Result<()> {
    let sql = format!(
        "INSERT INTO {} (merchant_id, {}, number, person_id, happened_at, state, due_at, late, happening) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        S::TABLE,
        S::OWNER,
    );
    diesel::sql_query(sql)
        .bind::<Text, _>(merchant.as_str())
        .bind::<Text, _>(owner)
        .bind::<Integer, _>(entry.number)
        .bind::<Nullable<Text>, _>(entry.person.as_deref())
        .bind::<Timestamptz, _>(entry.at)
        .bind::<Text, _>(entry.state.row_name())
        .bind::<Nullable<Timestamptz>, _>(entry.due_at)
        .bind::<Bool, _>(entry.late)
        .bind::<Jsonb, _>(json_of(&entry.happening)?)
        .execute(conn)
        .await?;
    Ok(())
}

/// A page of a timeline, the oldest entry first. Whether the caller sees its owner is asked before.
pub(super) async fn list<S: Timeline>(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    owner: &str,
    page: &PageRequest<i32>,
) -> Result<Page<Entry<S, S::Happening>>> {
    let sql = format!(
        "SELECT number, person_id, happened_at, state, due_at, late, happening FROM {} \
         WHERE merchant_id = $1 AND {} = $2 AND number > $3 ORDER BY number LIMIT $4",
        S::TABLE,
        S::OWNER,
    );
    let rows = diesel::sql_query(sql)
        .bind::<Text, _>(merchant.as_str())
        .bind::<Text, _>(owner)
        .bind::<Integer, _>(page.after.unwrap_or(0))
        .bind::<BigInt, _>(page.limit())
        .load::<EntryRow>(conn)
        .await?;
    let entries = rows.into_iter().map(|row| row.read::<S>(owner)).collect::<Result<_>>()?;
    Ok(page.page(entries, |entry: &Entry<S, S::Happening>| entry.number)?)
}

#[derive(QueryableByName)]
struct EntryRow {
    #[diesel(sql_type = Integer)]
    number: i32,
    #[diesel(sql_type = Nullable<Text>)]
    person_id: Option<String>,
    #[diesel(sql_type = Timestamptz)]
    happened_at: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    due_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Bool)]
    late: bool,
    #[diesel(sql_type = Jsonb)]
    happening: serde_json::Value,
}

impl EntryRow {
    fn read<S: Timeline>(self, owner: &str) -> Result<Entry<S, S::Happening>> {
        let broken = |why: String| pg::Error::unreadable(S::TABLE, format!("{owner}/{}", self.number), why);
        Ok(Entry {
            number: self.number,
            state: S::of_row(&self.state).ok_or_else(|| broken("unknown state".to_owned()))?,
            happening: serde_json::from_value(self.happening).map_err(|why| broken(why.to_string()))?,
            person: self.person_id,
            at: self.happened_at,
            due_at: self.due_at,
            late: self.late,
        })
    }
}
