//! Legal holds.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Date, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::ids::{AccountId, MerchantId};
use sampling::ConversationId;
use uuid::Uuid;

use super::{ALL_DAYS, ATTEMPTS, Store};
use crate::domain::hold::{Held, LegalHold, Lifted};
use crate::error::QaError;
use crate::privacy_error::PrivacyError;

/// Whether a hold keeps the chat of a row `c`.
pub(super) const HELD: &str = "EXISTS (SELECT FROM legal_holds h WHERE h.merchant_id = c.merchant_id AND h.lifted_at IS NULL \
     AND c.business_day BETWEEN h.from_day AND h.to_day AND (h.account_id = '' OR h.account_id = c.account_id) \
     AND (h.conversation_id = '' OR (h.conversation_id = c.conversation_id AND h.channel = c.channel \
        AND h.shop_id = c.shop_id)))";

const COLUMNS: &str = "hold_id, shop_id, channel, conversation_id, account_id, from_day, to_day, reason, placed_by, placed_at, \
     lifted_by, lifted_at, lift_reason";

#[derive(QueryableByName)]
struct HoldRow {
    #[diesel(sql_type = SqlUuid)]
    hold_id: Uuid,
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    channel: String,
    #[diesel(sql_type = Text)]
    conversation_id: String,
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Date)]
    from_day: NaiveDate,
    #[diesel(sql_type = Date)]
    to_day: NaiveDate,
    #[diesel(sql_type = Text)]
    reason: String,
    #[diesel(sql_type = Text)]
    placed_by: String,
    #[diesel(sql_type = Timestamptz)]
    placed_at: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    lifted_by: String,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    lifted_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Text)]
    lift_reason: String,
}

impl From<HoldRow> for LegalHold {
    fn from(row: HoldRow) -> Self {
        let held = if row.conversation_id.is_empty() {
            let account = (!row.account_id.is_empty()).then(|| AccountId::new(row.account_id));
            Held::Days { from: row.from_day, to: row.to_day, account }
        } else {
            Held::Chat(ConversationId::new(row.shop_id, row.channel, row.conversation_id))
        };
        let lifted = row.lifted_at.map(|at| Lifted { by: row.lifted_by, at, reason: row.lift_reason });
        Self {
            id: row.hold_id,
            held,
            reason: row.reason,
            placed_by: row.placed_by,
            placed_at: row.placed_at,
            lifted,
        }
    }
}

#[derive(QueryableByName)]
struct FoundRow {
    #[diesel(sql_type = Bool)]
    found: bool,
}

async fn insert(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    hold: &LegalHold,
) -> Result<(), QaError> {
    let nowhere = ConversationId::new("", "", "");
    let (chat, days, account) = match &hold.held {
        Held::Chat(chat) => (chat, ALL_DAYS, ""),
        Held::Days { from, to, account } => {
            (&nowhere, (*from, *to), account.as_ref().map_or("", |account| account.as_str()))
        }
    };
    diesel::sql_query(
        "INSERT INTO legal_holds (merchant_id, hold_id, shop_id, channel, conversation_id, account_id, from_day, to_day, \
            reason, placed_by, placed_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<SqlUuid, _>(hold.id)
    .bind::<Text, _>(&chat.shop)
    .bind::<Text, _>(&chat.channel)
    .bind::<Text, _>(&chat.id)
    .bind::<Text, _>(account)
    .bind::<Date, _>(days.0)
    .bind::<Date, _>(days.1)
    .bind::<Text, _>(&hold.reason)
    .bind::<Text, _>(&hold.placed_by)
    .bind::<Timestamptz, _>(hold.placed_at)
    .execute(conn)
    .await?;
    Ok(())
}

impl Store {
    /// Whether a conversation is here.
    pub async fn has_conversation(
        &self,
        merchant: &MerchantId,
        id: &ConversationId,
    ) -> Result<bool, QaError> {
        let row = diesel::sql_query(
            "SELECT EXISTS (SELECT FROM conversation_keys WHERE merchant_id = $1 AND conversation_id = $2 AND channel = $3 \
                AND shop_id = $4) AS found",
        )
        .bind::<Text, _>(merchant.as_str())
        .bind::<Text, _>(&id.id)
        .bind::<Text, _>(&id.channel)
        .bind::<Text, _>(&id.shop)
        .get_result::<FoundRow>(&mut *self.connection().await?)
        .await?;
        Ok(row.found)
    }

    /// Places a hold.
    pub async fn insert_hold(&self, by: &By, hold: &LegalHold) -> Result<LegalHold, QaError> {
        by.change(&self.pool, hold.placed_at, async |conn| {
            insert(conn, &by.caller.merchant, hold).await?;
            let summary = serde_json::json!({ "held": hold.held, "reason": hold.reason });
            by.audit(conn, hold.placed_at, format!("legal_hold/{}", hold.id), summary).await?;
            Ok(hold.clone())
        })
        .await
    }

    /// Changes a hold by `decide`.
    pub async fn update_hold(
        &self,
        by: &By,
        now: DateTime<Utc>,
        id: Uuid,
        decide: impl Fn(LegalHold) -> Result<LegalHold, QaError>,
    ) -> Result<LegalHold, QaError> {
        let merchant = &by.caller.merchant;
        pg::with_retry(ATTEMPTS, async || {
            by.change(&self.pool, now, async |conn| {
                let sql = format!(
                    "SELECT {COLUMNS} FROM legal_holds WHERE merchant_id = $1 AND hold_id = $2 FOR UPDATE"
                );
                let rows = diesel::sql_query(sql)
                    .bind::<Text, _>(merchant.as_str())
                    .bind::<SqlUuid, _>(id)
                    .load::<HoldRow>(conn)
                    .await?;
                let hold = rows.into_iter().next().map(LegalHold::from);
                let hold = decide(hold.ok_or_else(|| PrivacyError::HoldNotFound { hold: id.to_string() })?)?;
                let lifted = hold.lifted.as_ref();
                diesel::sql_query(
                    "UPDATE legal_holds SET lifted_by = $3, lifted_at = $4, lift_reason = $5 \
                     WHERE merchant_id = $1 AND hold_id = $2",
                )
                .bind::<Text, _>(merchant.as_str())
                .bind::<SqlUuid, _>(id)
                .bind::<Text, _>(lifted.map_or("", |lifted| lifted.by.as_str()))
                .bind::<Nullable<Timestamptz>, _>(lifted.map(|lifted| lifted.at))
                .bind::<Text, _>(lifted.map_or("", |lifted| lifted.reason.as_str()))
                .execute(conn)
                .await?;
                by.audit(conn, now, format!("legal_hold/{id}"), serde_json::json!({ "lifted": hold.lifted }))
                    .await?;
                Ok(hold)
            })
            .await
        })
        .await
    }

    /// Holds, newest first.
    pub async fn list_holds(
        &self,
        merchant: &MerchantId,
        in_force: bool,
        page: &PageRequest<Uuid>,
    ) -> Result<Page<LegalHold>, QaError> {
        let rows = diesel::sql_query(format!(
            "SELECT {COLUMNS} FROM legal_holds WHERE merchant_id = $1 AND (NOT $2 OR lifted_at IS NULL) \
               AND ($3 IS NULL OR hold_id < $3) ORDER BY hold_id DESC LIMIT $4"
        ))
        .bind::<Text, _>(merchant.as_str())
        .bind::<Bool, _>(in_force)
        .bind::<Nullable<SqlUuid>, _>(page.after)
        .bind::<BigInt, _>(page.limit())
        .load::<HoldRow>(&mut *self.connection().await?)
        .await?;
        Ok(page.page(rows.into_iter().map(LegalHold::from).collect(), |hold: &LegalHold| hold.id)?)
    }
}
