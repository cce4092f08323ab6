//! Reviewers and their capacity.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Integer, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::ids::{MerchantId, PersonId};

use super::people::REVIEWERS;
use super::{ATTEMPTS, Store, small};
use crate::domain::assignment::Reviewer;
use crate::error::QaError;

#[derive(QueryableByName)]
struct ReviewerRow {
    #[diesel(sql_type = Text)]
    person_id: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Integer)]
    capacity: i32,
    #[diesel(sql_type = Bool)]
    capacity_set: bool,
    #[diesel(sql_type = BigInt)]
    open: i64,
}

impl From<ReviewerRow> for Reviewer {
    fn from(row: ReviewerRow) -> Self {
        Self {
            person: PersonId::new(row.person_id),
            name: row.name,
            capacity: row.capacity,
            capacity_set: row.capacity_set,
            open: small(row.open),
        }
    }
}

/// Reviewers `w` of the merchant $1, with the capacity $2 where none was set.
fn reviewers() -> String {
    format!(
        "SELECT w.*, (SELECT count(*) FROM reviews r WHERE r.merchant_id = $1 AND r.reviewer_person_id = w.person_id \
            AND r.state = 2) AS open \
         FROM ({REVIEWERS}) w"
    )
}

/// One reviewer.
async fn find(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    default_capacity: i32,
    person: &PersonId,
) -> Result<Option<Reviewer>, QaError> {
    let rows = diesel::sql_query(reviewers() + " WHERE w.person_id = $3")
        .bind::<Text, _>(merchant.as_str())
        .bind::<Integer, _>(default_capacity)
        .bind::<Text, _>(person.as_str())
        .load::<ReviewerRow>(conn)
        .await?;
    Ok(rows.into_iter().next().map(Reviewer::from))
}

/// Reviewers after a person id, in order of it.
async fn list(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    default_capacity: i32,
    after: &str,
    limit: i64,
) -> Result<Vec<Reviewer>, QaError> {
    let rows = diesel::sql_query(reviewers() + " WHERE w.person_id > $3 ORDER BY w.person_id LIMIT $4")
        .bind::<Text, _>(merchant.as_str())
        .bind::<Integer, _>(default_capacity)
        .bind::<Text, _>(after)
        .bind::<BigInt, _>(limit)
        .load::<ReviewerRow>(conn)
        .await?;
    Ok(rows.into_iter().map(Reviewer::from).collect())
}

impl Store {
    /// Who reviews in the merchant.
    pub async fn list_reviewers(
        &self,
        merchant: &MerchantId,
        page: &PageRequest<String>,
    ) -> Result<Page<Reviewer>, QaError> {
        let after = page.after.clone().unwrap_or_default();
        let mut conn = self.connection().await?;
        let reviewers = list(&mut conn, merchant, self.default_capacity, &after, page.limit()).await?;
        Ok(page.page(reviewers, |reviewer| reviewer.person.to_string())?)
    }

    /// Sets a person's capacity, which makes them a reviewer.
    pub async fn set_reviewer_capacity(
        &self,
        by: &By,
        now: DateTime<Utc>,
        person: &PersonId,
        capacity: i32,
    ) -> Result<Reviewer, QaError> {
        let merchant = &by.caller.merchant;
        pg::with_retry(ATTEMPTS, async || {
            by.change(&self.pool, now, async |conn| {
                let unknown = || QaError::ReviewerUnknown { person: person.to_string() };
                let set = diesel::sql_query(
                    "INSERT INTO reviewers (merchant_id, person_id, capacity, updated_at) \
                 SELECT merchant_id, person_id, $3, $4 FROM people \
                 WHERE merchant_id = $1 AND person_id = $2 AND status <> 5 \
                 ON CONFLICT ON CONSTRAINT reviewers_pkey DO UPDATE \
                    SET capacity = excluded.capacity, updated_at = excluded.updated_at",
                )
                .bind::<Text, _>(merchant.as_str())
                .bind::<Text, _>(person.as_str())
                .bind::<Integer, _>(capacity)
                .bind::<Timestamptz, _>(now)
                .execute(conn)
                .await?;
                if set == 0 {
                    return Err(unknown());
                }
                let reviewer =
                    find(conn, merchant, self.default_capacity, person).await?.ok_or_else(unknown)?;
                let summary = serde_json::json!({ "capacity": capacity });
                by.audit(conn, now, format!("reviewer/{person}"), summary).await?;
                Ok(reviewer)
            })
            .await
        })
        .await
    }
}
