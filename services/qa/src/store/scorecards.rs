//! Scorecards.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Integer, Jsonb, Nullable, SmallInt, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::ids::MerchantId;
use uuid::Uuid;

use super::{ATTEMPTS, Store, plans, team_scorecards};
use crate::domain::scorecard::{CreateScorecard, Scorecard, ScorecardState};
use crate::error::QaError;

const COLUMNS: &str =
    "scorecard_id, version, name, state, content, created_at, published_at, retired_at, revision";

/// Where a page of cards goes on: newest first.
pub type CardKey = (DateTime<Utc>, String, i32);

#[derive(QueryableByName)]
struct CardRow {
    #[diesel(sql_type = Text)]
    scorecard_id: String,
    #[diesel(sql_type = Integer)]
    version: i32,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = SmallInt)]
    state: i16,
    #[diesel(sql_type = Jsonb)]
    content: serde_json::Value,
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    published_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    retired_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = BigInt)]
    revision: i64,
}

impl TryFrom<CardRow> for Scorecard {
    type Error = QaError;

    fn try_from(row: CardRow) -> Result<Self, QaError> {
        let unreadable = |why: String| {
            pg::Error::unreadable("scorecards", format!("{}/{}", row.scorecard_id, row.version), why)
        };
        let states = [
            ScorecardState::Draft,
            ScorecardState::Published,
            ScorecardState::Retired,
            ScorecardState::InTeams,
        ];
        let state = states.into_iter().find(|state| code(*state) == row.state);
        let state = state.ok_or_else(|| unreadable("unknown state".to_owned()))?;
        let content = serde_json::from_value(row.content).map_err(|e| unreadable(e.to_string()))?;
        Ok(Self {
            id: row.scorecard_id,
            version: row.version,
            name: row.name,
            state,
            content,
            created_at: row.created_at,
            published_at: row.published_at,
            retired_at: row.retired_at,
            revision: row.revision,
        })
    }
}

fn code(state: ScorecardState) -> i16 {
    match state {
        ScorecardState::Draft => 1,
        ScorecardState::Published => 2,
        ScorecardState::Retired => 3,
        ScorecardState::InTeams => 4,
    }
}

/// The card in use.
pub(super) async fn published(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
) -> Result<Option<Scorecard>, QaError> {
    let sql = format!("SELECT {COLUMNS} FROM scorecards WHERE merchant_id = $1 AND state = 2");
    let rows = diesel::sql_query(sql).bind::<Text, _>(merchant.as_str()).load::<CardRow>(conn).await?;
    rows.into_iter().next().map(TryInto::try_into).transpose()
}

/// A version of a card; version 0 is the newest.
pub(super) async fn version(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    id: &str,
    version: i32,
) -> Result<Option<Scorecard>, QaError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM scorecards WHERE merchant_id = $1 AND scorecard_id = $2 AND ($3 = 0 OR version = $3) \
         ORDER BY version DESC LIMIT 1"
    );
    let rows = diesel::sql_query(sql)
        .bind::<Text, _>(merchant.as_str())
        .bind::<Text, _>(id)
        .bind::<Integer, _>(version)
        .load::<CardRow>(conn)
        .await?;
    rows.into_iter().next().map(TryInto::try_into).transpose()
}

async fn insert(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    card: &Scorecard,
    by: &str,
) -> Result<(), QaError> {
    let content = serde_json::to_value(&card.content).map_err(|e| pg::Error::Internal(e.into()))?;
    diesel::sql_query(
        "INSERT INTO scorecards \
         (merchant_id, scorecard_id, version, name, state, content, created_by, created_at, revision) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(&card.id)
    .bind::<Integer, _>(card.version)
    .bind::<Text, _>(&card.name)
    .bind::<SmallInt, _>(code(card.state))
    .bind::<Jsonb, _>(content)
    .bind::<Text, _>(by)
    .bind::<Timestamptz, _>(card.created_at)
    .bind::<BigInt, _>(card.revision)
    .execute(conn)
    .await
    // Two next versions of one card at once: the second reads again.
    .map_err(pg::on_constraint("scorecards_pkey", || QaError::EtagMismatch))?;
    Ok(())
}

pub(super) async fn update(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    card: &Scorecard,
) -> Result<(), QaError> {
    diesel::sql_query(
        "UPDATE scorecards SET state = $4, published_at = $5, retired_at = $6, revision = $7 \
         WHERE merchant_id = $1 AND scorecard_id = $2 AND version = $3",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(&card.id)
    .bind::<Integer, _>(card.version)
    .bind::<SmallInt, _>(code(card.state))
    .bind::<Nullable<Timestamptz>, _>(card.published_at)
    .bind::<Nullable<Timestamptz>, _>(card.retired_at)
    .bind::<BigInt, _>(card.revision)
    .execute(conn)
    .await?;
    Ok(())
}

/// One change of a merchant's cards at a time: publishing touches two of them.
pub(super) async fn lock(conn: &mut AsyncPgConnection, merchant: &MerchantId) -> Result<(), QaError> {
    diesel::sql_query(
        "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '.scorecards.' || $1, 0))",
    )
    .bind::<Text, _>(merchant.as_str())
    .execute(conn)
    .await?;
    Ok(())
}

async fn audit(
    conn: &mut AsyncPgConnection,
    by: &By,
    card: &Scorecard,
    now: DateTime<Utc>,
) -> Result<(), QaError> {
    let summary = serde_json::json!({ "name": card.name, "state": card.state });
    Ok(by.audit(conn, now, format!("scorecard/{}/{}", card.id, card.version), summary).await?)
}

impl Store {
    /// The card in use.
    pub async fn find_published_scorecard(
        &self,
        merchant: &MerchantId,
    ) -> Result<Option<Scorecard>, QaError> {
        published(&mut *self.connection().await?, merchant).await
    }

    /// A version of a card; version 0 is the newest.
    pub async fn find_scorecard(
        &self,
        merchant: &MerchantId,
        id: &str,
        version: i32,
    ) -> Result<Option<Scorecard>, QaError> {
        self::version(&mut *self.connection().await?, merchant, id, version).await
    }

    /// All versions of all cards, newest first.
    pub async fn list_scorecards(
        &self,
        merchant: &MerchantId,
        page: &PageRequest<CardKey>,
    ) -> Result<Page<Scorecard>, QaError> {
        let mut conn = self.connection().await?;
        let sql = format!(
            "SELECT {COLUMNS} FROM scorecards \
             WHERE merchant_id = $1 AND ($2 IS NULL OR (created_at, scorecard_id, version) < ($2, $3, $4)) \
             ORDER BY created_at DESC, scorecard_id DESC, version DESC LIMIT $5"
        );
        let (at, id, version) =
            page.after.clone().map_or((None, String::new(), 0), |(at, id, v)| (Some(at), id, v));
        let rows = diesel::sql_query(sql)
            .bind::<Text, _>(merchant.as_str())
            .bind::<Nullable<Timestamptz>, _>(at)
            .bind::<Text, _>(id)
            .bind::<Integer, _>(version)
            .bind::<BigInt, _>(page.limit())
            .load::<CardRow>(&mut conn)
            .await?;
        let cards = rows.into_iter().map(TryInto::try_into).collect::<Result<Vec<Scorecard>, _>>()?;
        Ok(page.page(cards, |card| (card.created_at, card.id.clone(), card.version))?)
    }

    /// Makes a draft: of a new card, or the next version of one.
    pub async fn insert_scorecard(
        &self,
        by: &By,
        now: DateTime<Utc>,
        create: &CreateScorecard,
    ) -> Result<Scorecard, QaError> {
        let merchant = &by.caller.merchant;
        pg::with_retry(ATTEMPTS, async || {
            by.change(&self.pool, now, async |conn| {
                plans::begin_merchants(conn, &[merchant.as_str()], now).await?;
                let (id, next) = match &create.id {
                    None => (Uuid::now_v7().to_string(), 1),
                    Some(id) => {
                        let newest =
                            version(conn, merchant, id, 0).await?.ok_or(QaError::ScorecardNotFound)?;
                        (newest.id, newest.version + 1)
                    }
                };
                let card = Scorecard {
                    id,
                    version: next,
                    name: create.name.clone(),
                    state: ScorecardState::Draft,
                    content: create.content.clone(),
                    created_at: now,
                    published_at: None,
                    retired_at: None,
                    revision: 1,
                };
                insert(conn, merchant, &card, &by.caller.subject).await?;
                audit(conn, by, &card, now).await?;
                Ok(card)
            })
            .await
        })
        .await
    }

    /// Changes a version by `decide`, which is told whether teams use it. If that puts it in use for the merchant, the one in
    /// use until then goes out of it, but for teams that chose it.
    pub async fn update_scorecard(
        &self,
        by: &By,
        now: DateTime<Utc>,
        id: &str,
        number: i32,
        decide: impl Fn(Scorecard, bool) -> Result<Scorecard, QaError>,
    ) -> Result<Scorecard, QaError> {
        let merchant = &by.caller.merchant;
        pg::with_retry(ATTEMPTS, async || {
            by.change(&self.pool, now, async |conn| {
                lock(conn, merchant).await?;
                let card = version(conn, merchant, id, number).await?.ok_or(QaError::ScorecardNotFound)?;
                let used = team_scorecards::uses(conn, merchant, id, card.version, now).await?;
                let card = decide(card, used)?;
                if card.state == ScorecardState::Published
                    && let Some(before) = published(conn, merchant).await?
                {
                    let used = team_scorecards::uses(conn, merchant, &before.id, before.version, now).await?;
                    update(conn, merchant, &before.replaced(used, now)).await?;
                }
                update(conn, merchant, &card).await?;
                audit(conn, by, &card, now).await?;
                Ok(card)
            })
            .await
        })
        .await
    }
}
