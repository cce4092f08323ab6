//! How much people have to do.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use runtime::ids::MerchantId;

use crate::store::{Result, people};

/// What is done by whoever owns it. Rows of either that are over have no deadline any more.
#[derive(Debug, Clone, Copy)]
pub(super) enum Task {
    Case,
    FollowUp,
}

/// Whom work may be given to on a day (see [`people::list_present`]), with how many open ones each has.
pub(super) async fn list_load(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    task: Task,
    day: NaiveDate,
) -> Result<BTreeMap<String, i64>> {
    let present = people::list_present(conn, merchant, day).await?;
    load_of(conn, merchant, task, &present).await
}

/// How many open ones each of these people has.
pub(super) async fn load_of(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    task: Task,
    people: &[String],
) -> Result<BTreeMap<String, i64>> {
    let table = match task {
        Task::Case => "cases",
        Task::FollowUp => "follow_ups",
    };
    let rows = diesel::sql_query(format!(
        "SELECT n.person, (SELECT count(*) FROM {table} \
            WHERE merchant_id = $1 AND owner_person_id = n.person AND due_at < '9999-12-31') AS has \
         FROM unnest($2::text[]) AS n (person)"
    ))
    .bind::<Text, _>(merchant.as_str())
    .bind::<Array<Text>, _>(people)
    .load::<LoadRow>(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.person, row.has)).collect())
}

#[derive(QueryableByName)]
struct LoadRow {
    #[diesel(sql_type = Text)]
    person: String,
    #[diesel(sql_type = BigInt)]
    has: i64,
}
