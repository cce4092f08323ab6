//! Which card a chat is scored by: its team's on its day, or the merchant's.

use chrono::{DateTime, Days, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, Bool, Date, Integer, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use runtime::ids::MerchantId;
use serde_json::json;

use super::people::TEAM_OF_ROW;
use super::{ALL_DAYS, ATTEMPTS, Store, plans, scorecards};
use crate::domain::scorecard::Scorecard;
use crate::domain::team_scorecard::{PutTeamScorecard, TeamScorecard};
use crate::error::QaError;

#[derive(QueryableByName)]
struct ChoiceRow {
    #[diesel(sql_type = Text)]
    team_id: String,
    #[diesel(sql_type = Integer)]
    version: i32,
    #[diesel(sql_type = Date)]
    effective_from: NaiveDate,
    #[diesel(sql_type = Nullable<Text>)]
    scorecard_id: Option<String>,
    #[diesel(sql_type = Nullable<Integer>)]
    scorecard_version: Option<i32>,
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct CardRow {
    #[diesel(sql_type = Nullable<Text>)]
    scorecard_id: Option<String>,
    #[diesel(sql_type = Nullable<Integer>)]
    scorecard_version: Option<i32>,
}

#[derive(QueryableByName)]
struct UsedRow {
    #[diesel(sql_type = Bool)]
    used: bool,
}

impl From<ChoiceRow> for TeamScorecard {
    fn from(row: ChoiceRow) -> Self {
        Self {
            team: row.team_id,
            version: row.version,
            effective_from: Some(row.effective_from),
            card: row.scorecard_id.zip(row.scorecard_version),
            created_at: Some(row.created_at),
        }
    }
}

/// A team's choice that holds on a day.
async fn on(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    team: &str,
    day: NaiveDate,
) -> Result<TeamScorecard, QaError> {
    let rows = diesel::sql_query(
        "SELECT team_id, version, effective_from, scorecard_id, scorecard_version, created_at FROM team_scorecards \
         WHERE merchant_id = $1 AND team_id = $2 AND effective_from <= $3 ORDER BY effective_from DESC LIMIT 1",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(team)
    .bind::<Date, _>(day)
    .load::<ChoiceRow>(conn)
    .await?;
    Ok(rows.into_iter().next().map_or_else(|| TeamScorecard::inherited(team), TeamScorecard::from))
}

/// What the teams of accounts chose for days: in the order asked for, `None` for the merchant's card.
async fn choices(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    of: &[(&str, NaiveDate)],
) -> Result<Vec<Option<(String, i32)>>, QaError> {
    let (accounts, days): (Vec<&str>, Vec<NaiveDate>) = of.iter().copied().unzip();
    let rows = diesel::sql_query(format!(
        "SELECT t.scorecard_id, t.scorecard_version FROM (SELECT $1::text AS merchant_id, w.account_id, w.business_day, w.place \
            FROM unnest($2::text[], $3::date[]) WITH ORDINALITY AS w (account_id, business_day, place)) r \
         LEFT JOIN LATERAL (SELECT t.scorecard_id, t.scorecard_version FROM team_scorecards t \
            WHERE t.merchant_id = r.merchant_id AND t.team_id = {TEAM_OF_ROW} AND t.effective_from <= r.business_day \
            ORDER BY t.effective_from DESC LIMIT 1) t ON true ORDER BY r.place"
    ))
    .bind::<Text, _>(merchant.as_str())
    .bind::<Array<Text>, _>(accounts)
    .bind::<Array<Date>, _>(days)
    .load::<CardRow>(conn)
    .await?;
    Ok(rows.into_iter().map(|row| row.scorecard_id.zip(row.scorecard_version)).collect())
}

async fn card(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    choice: Option<&(String, i32)>,
) -> Result<Scorecard, QaError> {
    let found = match choice {
        Some((id, version)) => scorecards::version(conn, merchant, id, *version).await?,
        None => scorecards::published(conn, merchant).await?,
    };
    found.ok_or(QaError::ScorecardNotPublished)
}

/// The card that an account's chats of a day are scored by.
pub(super) async fn card_of(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    account: &str,
    day: NaiveDate,
) -> Result<Scorecard, QaError> {
    let choices = choices(conn, merchant, &[(account, day)]).await?;
    card(conn, merchant, choices.as_slice().first().and_then(Option::as_ref)).await
}

/// The card that all of these chats are scored by, or the place of the first one that is scored by another.
pub(super) async fn card_of_all(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    of: &[(&str, NaiveDate)],
) -> Result<Result<Scorecard, usize>, QaError> {
    let choices = choices(conn, merchant, of).await?;
    let first = choices.as_slice().first().and_then(Option::as_ref);
    match choices.iter().position(|other| other.as_ref() != first) {
        Some(place) => Ok(Err(place)),
        None => card(conn, merchant, first).await.map(Ok),
    }
}

/// Whether teams use a version of a card for chats of today or later. Days of all time zones count as today.
pub(super) async fn uses(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    id: &str,
    version: i32,
    now: DateTime<Utc>,
) -> Result<bool, QaError> {
    let today = now.date_naive();
    let earliest = today.checked_sub_days(Days::new(1)).unwrap_or(today);
    let row = diesel::sql_query(
        "SELECT EXISTS (SELECT FROM (SELECT scorecard_id, scorecard_version, \
                lead(effective_from) OVER (PARTITION BY team_id ORDER BY effective_from) AS until \
            FROM team_scorecards WHERE merchant_id = $1) t \
            WHERE scorecard_id = $2 AND scorecard_version = $3 AND (until IS NULL OR until > $4)) AS used",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(id)
    .bind::<Integer, _>(version)
    .bind::<Date, _>(earliest)
    .get_result::<UsedRow>(conn)
    .await?;
    Ok(row.used)
}

async fn insert(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    choice: &TeamScorecard,
    by: &str,
    now: DateTime<Utc>,
) -> Result<(), QaError> {
    diesel::sql_query(
        "INSERT INTO team_scorecards (merchant_id, team_id, version, effective_from, scorecard_id, scorecard_version, \
            created_by, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(&choice.team)
    .bind::<Integer, _>(choice.version)
    .bind::<Nullable<Date>, _>(choice.effective_from)
    .bind::<Nullable<Text>, _>(choice.card.as_ref().map(|(id, _)| id.as_str()))
    .bind::<Nullable<Integer>, _>(choice.card.as_ref().map(|(_, version)| *version))
    .bind::<Text, _>(by)
    .bind::<Timestamptz, _>(now)
    .execute(conn)
    .await?;
    Ok(())
}

impl Store {
    /// A team's choice that holds on a day, or the newest.
    pub async fn find_team_scorecard(
        &self,
        merchant: &MerchantId,
        team: &str,
        day: Option<NaiveDate>,
    ) -> Result<TeamScorecard, QaError> {
        on(&mut *self.connection().await?, merchant, team, day.unwrap_or(ALL_DAYS.1)).await
    }

    /// The card that an account's chats of a day are scored by.
    pub async fn find_scorecard_of(
        &self,
        merchant: &MerchantId,
        account: &str,
        day: NaiveDate,
    ) -> Result<Scorecard, QaError> {
        card_of(&mut *self.connection().await?, merchant, account, day).await
    }

    /// Makes a team's next choice; a draft comes into use by it.
    pub async fn insert_team_scorecard(
        &self,
        by: &By,
        today: NaiveDate,
        now: DateTime<Utc>,
        put: &PutTeamScorecard,
    ) -> Result<TeamScorecard, QaError> {
        let merchant = &by.caller.merchant;
        pg::with_retry(ATTEMPTS, async || {
            by.change(&self.pool, now, async |conn| {
                plans::begin_merchants(conn, &[merchant.as_str()], now).await?;
                scorecards::lock(conn, merchant).await?;
                let choice = on(conn, merchant, &put.team, ALL_DAYS.1).await?.successor(put, today, now)?;
                if let Some((id, version)) = &choice.card {
                    let card = scorecards::version(conn, merchant, id, *version).await?;
                    let card = card.ok_or(QaError::ScorecardNotFound)?;
                    if let Some(in_use) = card.use_in_teams(now)? {
                        scorecards::update(conn, merchant, &in_use).await?;
                    }
                }
                insert(conn, merchant, &choice, &by.caller.subject, now).await?;
                let summary = json!({ "version": choice.version, "effective_from": choice.effective_from,
                    "card": choice.card });
                by.audit(conn, now, format!("team_scorecard/{}", choice.team), summary).await?;
                Ok(choice)
            })
            .await
        })
        .await
    }
}
