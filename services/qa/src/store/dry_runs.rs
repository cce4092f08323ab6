//! Dry runs: a job with its place, taken up under a lease, and what it found so far.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{
    BigInt, Binary, Date, Integer, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::ids::{AccountId, MerchantId};
use sampling::ConversationId;
use uuid::Uuid;

use super::{ATTEMPTS, Store, transcript};
use crate::check_error::CheckError;
use crate::domain::dry_run::{Cursor, DryRun, DryRunState, OPEN_MAX, Progress, TakenRun};
use crate::domain::hit::{Chat, Place, Waiting};
use crate::error::QaError;

mod results;

pub use results::{ExampleKey, FigureKey as DryRunFigureKey};

const COLUMNS: &str = "dry_run_id, rule_set_version, from_day, to_day, state, chats_expected, chats_checked, failure, created_by, \
     created_at, finished_at";

#[derive(QueryableByName)]
struct RunRow {
    #[diesel(sql_type = SqlUuid)]
    dry_run_id: Uuid,
    #[diesel(sql_type = Integer)]
    rule_set_version: i32,
    #[diesel(sql_type = Date)]
    from_day: NaiveDate,
    #[diesel(sql_type = Date)]
    to_day: NaiveDate,
    #[diesel(sql_type = SmallInt)]
    state: i16,
    #[diesel(sql_type = BigInt)]
    chats_expected: i64,
    #[diesel(sql_type = BigInt)]
    chats_checked: i64,
    #[diesel(sql_type = Text)]
    failure: String,
    #[diesel(sql_type = Text)]
    created_by: String,
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    finished_at: Option<DateTime<Utc>>,
}

#[derive(QueryableByName)]
struct TakenRow {
    #[diesel(sql_type = Text)]
    merchant_id: String,
    #[diesel(sql_type = SqlUuid)]
    dry_run_id: Uuid,
    #[diesel(sql_type = Text)]
    rules: String,
    #[diesel(sql_type = Date)]
    from_day: NaiveDate,
    #[diesel(sql_type = Date)]
    to_day: NaiveDate,
    #[diesel(sql_type = Nullable<Date>)]
    at_day: Option<NaiveDate>,
    #[diesel(sql_type = Text)]
    at_conversation_id: String,
    #[diesel(sql_type = Text)]
    at_channel: String,
    #[diesel(sql_type = Text)]
    at_shop_id: String,
}

#[derive(QueryableByName)]
struct ChatRow {
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    channel: String,
    #[diesel(sql_type = Text)]
    conversation_id: String,
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = BigInt)]
    revision: i64,
    #[diesel(sql_type = Timestamptz)]
    started_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    closed_at: DateTime<Utc>,
    #[diesel(sql_type = Binary)]
    transcript: Vec<u8>,
}

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

fn code(state: DryRunState) -> i16 {
    match state {
        DryRunState::Waiting => 1,
        DryRunState::Running => 2,
        DryRunState::Done => 3,
        DryRunState::Cancelled => 4,
        DryRunState::Failed => 5,
    }
}

impl TryFrom<RunRow> for DryRun {
    type Error = QaError;

    fn try_from(row: RunRow) -> Result<Self, QaError> {
        use DryRunState::{Cancelled, Done, Failed, Running, Waiting};
        let states = [Waiting, Running, Done, Cancelled, Failed];
        let state = states.into_iter().find(|state| code(*state) == row.state);
        let unreadable = || pg::Error::unreadable("dry_runs", row.dry_run_id, "unknown state");
        Ok(Self {
            id: row.dry_run_id,
            rule_set_version: row.rule_set_version,
            days: (row.from_day, row.to_day),
            state: state.ok_or_else(unreadable)?,
            chats_expected: row.chats_expected,
            chats_checked: row.chats_checked,
            failure: row.failure,
            created_by: row.created_by,
            created_at: row.created_at,
            finished_at: row.finished_at,
        })
    }
}

impl From<TakenRow> for TakenRun {
    fn from(row: TakenRow) -> Self {
        let conversation = ConversationId::new(row.at_shop_id, row.at_channel, row.at_conversation_id);
        Self {
            merchant: MerchantId::new(row.merchant_id),
            id: row.dry_run_id,
            rules: row.rules,
            first_day: row.from_day,
            last_day: row.to_day,
            after: row.at_day.map(|day| (day, conversation)),
        }
    }
}

async fn find(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    id: Uuid,
) -> Result<Option<DryRun>, QaError> {
    let rows = diesel::sql_query(format!(
        "SELECT {COLUMNS} FROM dry_runs WHERE merchant_id = $1 AND dry_run_id = $2"
    ))
    .bind::<Text, _>(merchant.as_str())
    .bind::<SqlUuid, _>(id)
    .load::<RunRow>(conn)
    .await?;
    rows.into_iter().next().map(TryInto::try_into).transpose()
}

async fn count(conn: &mut AsyncPgConnection, merchant: &MerchantId, sql: &str) -> Result<i64, QaError> {
    let row = diesel::sql_query(sql).bind::<Text, _>(merchant.as_str()).get_result::<CountRow>(conn).await?;
    Ok(row.count)
}

impl Store {
    /// One run.
    pub async fn find_dry_run(&self, merchant: &MerchantId, id: Uuid) -> Result<Option<DryRun>, QaError> {
        find(&mut *self.connection().await?, merchant, id).await
    }

    /// All runs, newest first.
    pub async fn list_dry_runs(
        &self,
        merchant: &MerchantId,
        page: &PageRequest<Uuid>,
    ) -> Result<Page<DryRun>, QaError> {
        let rows = diesel::sql_query(format!(
            "SELECT {COLUMNS} FROM dry_runs WHERE merchant_id = $1 AND ($2 IS NULL OR dry_run_id < $2) \
             ORDER BY dry_run_id DESC LIMIT $3"
        ))
        .bind::<Text, _>(merchant.as_str())
        .bind::<Nullable<SqlUuid>, _>(page.after)
        .bind::<BigInt, _>(page.limit())
        .load::<RunRow>(&mut *self.connection().await?)
        .await?;
        let runs = rows.into_iter().map(TryInto::try_into).collect::<Result<Vec<DryRun>, _>>()?;
        Ok(page.page(runs, |run| run.id)?)
    }

    /// Asks for a run.
    pub async fn insert_dry_run(
        &self,
        by: &By,
        now: DateTime<Utc>,
        version: i32,
        rules: &str,
        days: (NaiveDate, NaiveDate),
    ) -> Result<DryRun, QaError> {
        let merchant = &by.caller.merchant;
        by.change(&self.pool, now, async |conn| {
            // So that two at once don't both find room.
            let lock = "SELECT count(*) FROM (SELECT pg_advisory_xact_lock(hashtextextended( \
                current_schema() || '.dry_runs.' || $1, 0))) l";
            count(conn, merchant, lock).await?;
            let open = "SELECT count(*) FROM dry_runs WHERE merchant_id = $1 AND state IN (1, 2)";
            if count(conn, merchant, open).await? >= OPEN_MAX {
                return Err(CheckError::DryRunsFull { limit: OPEN_MAX }.into());
            }
            let id = Uuid::now_v7();
            diesel::sql_query(
                "INSERT INTO dry_runs (merchant_id, dry_run_id, rule_set_version, rules, from_day, to_day, state, \
                    chats_expected, held_until, created_by, created_at) \
                 SELECT $1, $2, $3, $4, $5, $6, 1, (SELECT count(*) FROM conversations c WHERE c.merchant_id = $1 \
                    AND c.business_day BETWEEN $5 AND $6), $7, $8, $7",
            )
            .bind::<Text, _>(merchant.as_str())
            .bind::<SqlUuid, _>(id)
            .bind::<Integer, _>(version)
            .bind::<Text, _>(rules)
            .bind::<Date, _>(days.0)
            .bind::<Date, _>(days.1)
            .bind::<Timestamptz, _>(now)
            .bind::<Text, _>(&by.caller.subject)
            .execute(conn)
            .await?;
            let summary = serde_json::json!({ "version": version, "from": days.0, "to": days.1 });
            by.audit(conn, now, format!("dry_run/{id}"), summary).await?;
            find(conn, merchant, id).await?.ok_or_else(|| CheckError::DryRunNotFound { run: id.to_string() }.into())
        })
        .await
    }

    /// Ends a run; what it found stays.
    pub async fn cancel_dry_run(&self, by: &By, now: DateTime<Utc>, id: Uuid) -> Result<DryRun, QaError> {
        let merchant = &by.caller.merchant;
        pg::with_retry(ATTEMPTS, async || {
            by.change(&self.pool, now, async |conn| {
                let ended = diesel::sql_query(
                    "UPDATE dry_runs SET state = 4, finished_at = $3, lease = NULL \
                     WHERE merchant_id = $1 AND dry_run_id = $2 AND state IN (1, 2)",
                )
                .bind::<Text, _>(merchant.as_str())
                .bind::<SqlUuid, _>(id)
                .bind::<Timestamptz, _>(now)
                .execute(conn)
                .await?;
                let run = find(conn, merchant, id).await?;
                let run = run.ok_or_else(|| CheckError::DryRunNotFound { run: id.to_string() })?;
                if run.state != DryRunState::Cancelled {
                    return Err(CheckError::DryRunOver.into());
                }
                if ended > 0 {
                    by.audit(conn, now, format!("dry_run/{id}"), serde_json::json!({ "cancelled": true }))
                        .await?;
                }
                Ok(run)
            })
            .await
        })
        .await
    }

    /// Takes up the oldest run that nobody else holds, until an instant. `worker` gets the run that it has already.
    pub async fn take_dry_run(
        &self,
        worker: Uuid,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Option<TakenRun>, QaError> {
        let rows = diesel::sql_query(
            "UPDATE dry_runs r SET state = 2, lease = $1, held_until = $3 \
             FROM (SELECT merchant_id, dry_run_id FROM dry_runs \
                WHERE state IN (1, 2) AND (lease = $1 OR held_until <= $2) \
                ORDER BY dry_run_id FOR UPDATE SKIP LOCKED LIMIT 1) AS next \
             WHERE r.merchant_id = next.merchant_id AND r.dry_run_id = next.dry_run_id \
             RETURNING r.merchant_id, r.dry_run_id, r.rules, r.from_day, r.to_day, r.at_day, r.at_conversation_id, \
                r.at_channel, r.at_shop_id",
        )
        .bind::<SqlUuid, _>(worker)
        .bind::<Timestamptz, _>(now)
        .bind::<Timestamptz, _>(until)
        .load::<TakenRow>(&mut *self.connection().await?)
        .await?;
        Ok(rows.into_iter().next().map(TakenRun::from))
    }

    /// The next chats of a run, in the order of their key.
    pub async fn list_chats_after(&self, run: &TakenRun, limit: i64) -> Result<Vec<Waiting>, QaError> {
        let begin = (run.first_day, ConversationId::new("", "", ""));
        let (day, after) = run.after.clone().unwrap_or(begin);
        let rows = diesel::sql_query(
            "SELECT business_day, shop_id, channel, conversation_id, account_id, revision, started_at, closed_at, transcript \
             FROM conversations \
             WHERE merchant_id = $1 AND erased_at IS NULL AND business_day BETWEEN $2 AND $3 \
                AND (business_day, conversation_id, channel, shop_id) > ($2, $4, $5, $6) \
             ORDER BY merchant_id, business_day, conversation_id, channel, shop_id LIMIT $7",
        )
        .bind::<Text, _>(run.merchant.as_str())
        .bind::<Date, _>(day)
        .bind::<Date, _>(run.last_day)
        .bind::<Text, _>(after.id)
        .bind::<Text, _>(after.channel)
        .bind::<Text, _>(after.shop)
        .bind::<BigInt, _>(limit)
        .load::<ChatRow>(&mut *self.connection().await?)
        .await?;
        let waiting = |row: ChatRow| {
            let messages = transcript::unpack(row.started_at, &row.transcript);
            Waiting {
                place: Place {
                    merchant: run.merchant.clone(),
                    day: row.business_day,
                    conversation: ConversationId::new(row.shop_id, row.channel, row.conversation_id),
                },
                chat: messages.map(|messages| Chat {
                    account: AccountId::new(row.account_id),
                    revision: row.revision,
                    closed_at: row.closed_at,
                    messages,
                }),
            }
        };
        Ok(rows.into_iter().map(waiting).collect())
    }

    /// Adds what some chats brought and moves the run's place behind them, or ends it if there were none: one
    /// transaction, so that each chat counts once. `false` if the run is not this worker's any more.
    pub async fn advance_dry_run(
        &self,
        worker: Uuid,
        run: &TakenRun,
        now: DateTime<Utc>,
        progress: &Progress,
        cursor: Option<&Cursor>,
    ) -> Result<bool, QaError> {
        let mut conn = self.connection().await?;
        conn.transaction(async |conn| {
            let (day, at) = match cursor {
                Some((day, at)) => (Some(*day), at.clone()),
                None => (None, ConversationId::new("", "", "")),
            };
            let moved = diesel::sql_query(
                "UPDATE dry_runs SET chats_checked = chats_checked + $4, at_day = COALESCE($5, at_day), \
                    at_conversation_id = $6, at_channel = $7, at_shop_id = $8, \
                    state = CASE WHEN $5 IS NULL THEN 3 ELSE state END, \
                    finished_at = CASE WHEN $5 IS NULL THEN $9 END, lease = CASE WHEN $5 IS NOT NULL THEN lease END \
                 WHERE merchant_id = $1 AND dry_run_id = $2 AND lease = $3 AND state = 2",
            )
            .bind::<Text, _>(run.merchant.as_str())
            .bind::<SqlUuid, _>(run.id)
            .bind::<SqlUuid, _>(worker)
            .bind::<BigInt, _>(progress.chats.values().sum::<i64>())
            .bind::<Nullable<Date>, _>(day)
            .bind::<Text, _>(at.id)
            .bind::<Text, _>(at.channel)
            .bind::<Text, _>(at.shop)
            .bind::<Timestamptz, _>(now)
            .execute(conn)
            .await?;
            if moved == 0 {
                return Ok(false);
            }
            results::add(conn, run, progress).await?;
            Ok(true)
        })
        .await
    }

    /// Gives a run up.
    pub async fn fail_dry_run(
        &self,
        worker: Uuid,
        run: &TakenRun,
        now: DateTime<Utc>,
        failure: &str,
    ) -> Result<(), QaError> {
        diesel::sql_query(
            "UPDATE dry_runs SET state = 5, failure = $4, finished_at = $5, lease = NULL \
             WHERE merchant_id = $1 AND dry_run_id = $2 AND lease = $3 AND state = 2",
        )
        .bind::<Text, _>(run.merchant.as_str())
        .bind::<SqlUuid, _>(run.id)
        .bind::<SqlUuid, _>(worker)
        .bind::<Text, _>(failure)
        .bind::<Timestamptz, _>(now)
        .execute(&mut *self.connection().await?)
        .await?;
        Ok(())
    }
}
