//! Transcripts and the log of who read them.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{
    Array, BigInt, Binary, Bool, Date, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::identity::{Caller, Scope};
use runtime::ids::{AccountId, MerchantId, PersonId};
use sampling::ConversationId;
use uuid::Uuid;

use super::people::PERSON_OF_ROW;
use super::{ALL_DAYS, Seen, Store, seen_sql, transcript};
use crate::domain::conversation::{Conversation, ConversationRead};
use crate::error::QaError;

#[derive(QueryableByName)]
struct ConversationRow {
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Nullable<Text>)]
    person_id: Option<String>,
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    channel: String,
    #[diesel(sql_type = Text)]
    conversation_id: String,
    #[diesel(sql_type = BigInt)]
    revision: i64,
    #[diesel(sql_type = Text)]
    customer_id: String,
    #[diesel(sql_type = Timestamptz)]
    started_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    closed_at: DateTime<Utc>,
    #[diesel(sql_type = Integer)]
    agent_messages: i32,
    #[diesel(sql_type = Nullable<Bool>)]
    satisfied: Option<bool>,
    #[diesel(sql_type = Nullable<Bool>)]
    completed: Option<bool>,
    #[diesel(sql_type = Bool)]
    long_chat: bool,
    #[diesel(sql_type = Binary)]
    transcript: Vec<u8>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    erased_at: Option<DateTime<Utc>>,
}

#[derive(QueryableByName)]
struct ReadRow {
    #[diesel(sql_type = SqlUuid)]
    read_id: Uuid,
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    channel: String,
    #[diesel(sql_type = Text)]
    conversation_id: String,
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Text)]
    subject: String,
    #[diesel(sql_type = Nullable<Text>)]
    person_id: Option<String>,
    #[diesel(sql_type = Timestamptz)]
    read_at: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    request_id: String,
}

impl TryFrom<ConversationRow> for Conversation {
    type Error = QaError;

    fn try_from(row: ConversationRow) -> Result<Self, QaError> {
        let id = ConversationId::new(row.shop_id, row.channel, row.conversation_id);
        let messages = transcript::unpack(row.started_at, &row.transcript)
            .ok_or_else(|| pg::Error::unreadable("conversations", &id, "its transcript does not unpack"))?;
        Ok(Self {
            id,
            revision: row.revision,
            business_day: row.business_day,
            account: AccountId::new(row.account_id),
            person: row.person_id.map(PersonId::new),
            customer_id: row.customer_id,
            started_at: row.started_at,
            closed_at: row.closed_at,
            messages,
            satisfied: row.satisfied,
            completed: row.completed,
            agent_messages: row.agent_messages,
            long_chat: row.long_chat,
            erased_at: row.erased_at,
        })
    }
}

impl From<ReadRow> for ConversationRead {
    fn from(row: ReadRow) -> Self {
        Self {
            id: row.read_id,
            conversation: ConversationId::new(row.shop_id, row.channel, row.conversation_id),
            business_day: row.business_day,
            account: AccountId::new(row.account_id),
            subject: row.subject,
            person: row.person_id.map(PersonId::new),
            read_at: row.read_at,
            request_id: row.request_id,
        }
    }
}

async fn find(
    conn: &mut AsyncPgConnection,
    scope: &Scope,
    id: &ConversationId,
) -> Result<Option<Conversation>, QaError> {
    let seen = Seen::of(conn, scope, ALL_DAYS.0, ALL_DAYS.1).await?;
    let visible = seen_sql!("$5", "$6", "$7", "$8");
    let rows = diesel::sql_query(format!(
        "SELECT r.business_day, r.account_id, {PERSON_OF_ROW} AS person_id, r.shop_id, r.channel, r.conversation_id, \
            r.revision, r.customer_id, r.started_at, r.closed_at, r.agent_messages, r.satisfied, r.completed, r.long_chat, \
            r.transcript, r.erased_at \
         FROM conversation_keys k JOIN conversations r ON r.merchant_id = k.merchant_id \
            AND r.business_day = k.business_day AND r.shop_id = k.shop_id AND r.channel = k.channel \
            AND r.conversation_id = k.conversation_id \
         WHERE k.merchant_id = $1 AND k.shop_id = $2 AND k.channel = $3 AND k.conversation_id = $4 AND {visible}"
    ))
    .bind::<Text, _>(scope.merchant.as_str())
    .bind::<Text, _>(&id.shop)
    .bind::<Text, _>(&id.channel)
    .bind::<Text, _>(&id.id)
    .bind::<Bool, _>(seen.all)
    .bind::<Array<Text>, _>(seen.accounts)
    .bind::<Array<Date>, _>(seen.from)
    .bind::<Array<Date>, _>(seen.to)
    .load::<ConversationRow>(conn)
    .await?;
    rows.into_iter().next().map(TryInto::try_into).transpose()
}

async fn log(
    conn: &mut AsyncPgConnection,
    caller: &Caller,
    conversation: &Conversation,
    now: DateTime<Utc>,
) -> Result<(), QaError> {
    diesel::sql_query(
        "INSERT INTO conversation_reads (merchant_id, read_id, shop_id, channel, conversation_id, business_day, account_id, \
            subject, person_id, read_at, request_id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind::<Text, _>(caller.merchant.as_str())
    .bind::<SqlUuid, _>(Uuid::now_v7())
    .bind::<Text, _>(&conversation.id.shop)
    .bind::<Text, _>(&conversation.id.channel)
    .bind::<Text, _>(&conversation.id.id)
    .bind::<Date, _>(conversation.business_day)
    .bind::<Text, _>(conversation.account.as_str())
    .bind::<Text, _>(&caller.subject)
    .bind::<Nullable<Text>, _>(caller.person.as_ref().map(PersonId::as_str))
    .bind::<Timestamptz, _>(now)
    .bind::<Text, _>(&caller.request_id)
    .execute(conn)
    .await?;
    Ok(())
}

impl Store {
    /// A transcript within `scope`. Nobody gets one without the log saying so.
    pub async fn read_conversation(
        &self,
        by: &By,
        scope: &Scope,
        now: DateTime<Utc>,
        id: &ConversationId,
    ) -> Result<Option<Conversation>, QaError> {
        let mut conn = self.connection().await?;
        conn.transaction(async |conn| {
            let Some(conversation) = find(conn, scope, id).await? else { return Ok(None) };
            log(conn, &by.caller, &conversation, now).await?;
            by.audit(conn, now, format!("conversation/{id}"), serde_json::json!({ "read": true })).await?;
            Ok(Some(conversation))
        })
        .await
    }

    /// The log of who read chats, newest first; of one chat or person, or of all.
    pub async fn list_conversation_reads(
        &self,
        merchant: &MerchantId,
        conversation: Option<&ConversationId>,
        person: &str,
        page: &PageRequest<Uuid>,
    ) -> Result<Page<ConversationRead>, QaError> {
        let rows = diesel::sql_query(
            "SELECT read_id, shop_id, channel, conversation_id, business_day, account_id, subject, person_id, read_at, \
                request_id \
             FROM conversation_reads \
             WHERE merchant_id = $1 AND ($2 = '' OR (shop_id, channel, conversation_id) = ($2, $3, $4)) \
               AND ($5 = '' OR person_id = $5) AND ($6 IS NULL OR read_id < $6) \
             ORDER BY read_id DESC LIMIT $7",
        )
        .bind::<Text, _>(merchant.as_str())
        .bind::<Text, _>(conversation.map_or("", |id| id.shop.as_str()))
        .bind::<Text, _>(conversation.map_or("", |id| id.channel.as_str()))
        .bind::<Text, _>(conversation.map_or("", |id| id.id.as_str()))
        .bind::<Text, _>(person)
        .bind::<Nullable<SqlUuid>, _>(page.after)
        .bind::<BigInt, _>(page.limit())
        .load::<ReadRow>(&mut *self.connection().await?)
        .await?;
        let reads: Vec<ConversationRead> = rows.into_iter().map(ConversationRead::from).collect();
        Ok(page.page(reads, |read| read.id)?)
    }
}
