//! Hits, within the caller's reach.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{
    Array, BigInt, Bool, Date, Integer, Jsonb, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use runtime::ids::{AccountId, PersonId};
use sampling::ConversationId;
use textcheck::{Kind, Severity};
use uuid::Uuid;

use super::people::PERSON_OF_ROW;
use super::{ALL_DAYS, Seen, Store, hit_judgements, seen_sql};
use crate::domain::hit::{ConversationHits, Hit, HitFilter, HitVerdict, Span};
use crate::error::QaError;

/// Where a page of hits goes on.
pub type HitKey = (NaiveDate, Uuid);

const KINDS: [Kind; 10] = [
    Kind::ForbiddenWord,
    Kind::OverPromise,
    Kind::SlowReply,
    Kind::MissingGreeting,
    Kind::MissingClosing,
    Kind::AbruptTone,
    Kind::FallingSentiment,
    Kind::PersonalData,
    Kind::CannedReply,
    Kind::RepeatedReply,
];
const SEVERITIES: [Severity; 3] = [Severity::Minor, Severity::Major, Severity::Critical];

/// As columns and the API have it.
pub(super) fn kind_code(kind: Kind) -> i16 {
    match kind {
        Kind::ForbiddenWord => 1,
        Kind::OverPromise => 2,
        Kind::SlowReply => 3,
        Kind::MissingGreeting => 4,
        Kind::MissingClosing => 5,
        Kind::AbruptTone => 6,
        Kind::FallingSentiment => 7,
        Kind::PersonalData => 8,
        Kind::CannedReply => 9,
        Kind::RepeatedReply => 10,
    }
}

/// As columns and the API have it.
pub(super) fn severity_code(severity: Severity) -> i16 {
    match severity {
        Severity::Minor => 1,
        Severity::Major => 2,
        Severity::Critical => 3,
    }
}

#[derive(QueryableByName)]
struct HitRow {
    #[diesel(sql_type = SqlUuid)]
    hit_id: Uuid,
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
    #[diesel(sql_type = Nullable<Text>)]
    person_id: Option<String>,
    #[diesel(sql_type = Text)]
    rule_id: String,
    #[diesel(sql_type = Integer)]
    rule_set_version: i32,
    #[diesel(sql_type = SmallInt)]
    kind: i16,
    #[diesel(sql_type = SmallInt)]
    severity: i16,
    #[diesel(sql_type = Integer)]
    message_index: i32,
    #[diesel(sql_type = Integer)]
    starts_at: i32,
    #[diesel(sql_type = Integer)]
    ends_at: i32,
    #[diesel(sql_type = Integer)]
    utf16_starts_at: i32,
    #[diesel(sql_type = Integer)]
    utf16_ends_at: i32,
    #[diesel(sql_type = Text)]
    excerpt: String,
    #[diesel(sql_type = Nullable<Jsonb>)]
    evidence: Option<serde_json::Value>,
    #[diesel(sql_type = Timestamptz)]
    found_at: DateTime<Utc>,
    #[diesel(sql_type = Integer)]
    judged: i32,
    #[diesel(sql_type = Nullable<SmallInt>)]
    verdict: Option<i16>,
}

impl TryFrom<HitRow> for Hit {
    type Error = QaError;

    fn try_from(row: HitRow) -> Result<Self, QaError> {
        let unreadable = |why: &str| pg::Error::unreadable("check_hits", row.hit_id, why);
        let kind = KINDS.into_iter().find(|kind| kind_code(*kind) == row.kind);
        let severity = SEVERITIES.into_iter().find(|severity| severity_code(*severity) == row.severity);
        let evidence = row.evidence.map(serde_json::from_value).transpose();
        Ok(Self {
            id: row.hit_id,
            conversation: ConversationId::new(row.shop_id, row.channel, row.conversation_id),
            business_day: row.business_day,
            account: AccountId::new(row.account_id),
            person: row.person_id.map(PersonId::new),
            rule_id: row.rule_id,
            rule_set_version: row.rule_set_version,
            kind: kind.ok_or_else(|| unreadable("unknown kind"))?,
            severity: severity.ok_or_else(|| unreadable("unknown severity"))?,
            span: Span {
                message: row.message_index,
                start: row.starts_at,
                end: row.ends_at,
                utf16_start: row.utf16_starts_at,
                utf16_end: row.utf16_ends_at,
            },
            excerpt: row.excerpt,
            evidence: evidence.map_err(|e| unreadable(&e.to_string()))?,
            found_at: row.found_at,
            verdict: row
                .verdict
                .map(|code| hit_judgements::verdict_of(code).ok_or_else(|| unreadable("unknown verdict")))
                .transpose()?,
            judged: row.judged,
            judgements: Vec::new(),
        })
    }
}

/// What of a hit `r` is read; the newest judgement stands beside it.
fn select() -> String {
    format!(
        "SELECT r.hit_id, r.business_day, r.shop_id, r.channel, r.conversation_id, r.account_id, \
            {PERSON_OF_ROW} AS person_id, r.rule_id, r.rule_set_version, r.kind, r.severity, r.message_index, r.starts_at, \
            r.ends_at, r.utf16_starts_at, r.utf16_ends_at, r.excerpt, r.evidence, r.found_at, COALESCE(j.number, 0) AS judged, \
            j.verdict \
         FROM check_hits r \
         LEFT JOIN LATERAL (SELECT number, verdict FROM hit_judgements j WHERE j.merchant_id = r.merchant_id \
            AND j.hit_id = r.hit_id ORDER BY number DESC LIMIT 1) j ON true"
    )
}

#[derive(QueryableByName)]
struct ChatRow {
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
    #[diesel(sql_type = BigInt)]
    revision: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    checked_revision: Option<i64>,
    #[diesel(sql_type = Nullable<Integer>)]
    rule_set_version: Option<i32>,
}

async fn find_chat(
    conn: &mut AsyncPgConnection,
    scope: &Scope,
    id: &ConversationId,
) -> Result<Option<ChatRow>, QaError> {
    let seen = Seen::of(conn, scope, ALL_DAYS.0, ALL_DAYS.1).await?;
    let visible = seen_sql!("$5", "$6", "$7", "$8");
    let rows = diesel::sql_query(format!(
        "SELECT r.business_day, r.revision, c.revision AS checked_revision, c.rule_set_version \
         FROM conversation_keys k JOIN conversations r ON r.merchant_id = k.merchant_id \
            AND r.business_day = k.business_day AND r.conversation_id = k.conversation_id AND r.channel = k.channel \
            AND r.shop_id = k.shop_id \
         LEFT JOIN chat_checks c ON c.merchant_id = r.merchant_id AND c.business_day = r.business_day \
            AND c.conversation_id = r.conversation_id AND c.channel = r.channel AND c.shop_id = r.shop_id \
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
    .load::<ChatRow>(conn)
    .await?;
    Ok(rows.into_iter().next())
}

/// The hits of a chat that the caller may see, without what people said.
async fn of_chat(
    conn: &mut AsyncPgConnection,
    scope: &Scope,
    day: NaiveDate,
    id: &ConversationId,
) -> Result<Vec<Hit>, QaError> {
    let rows = diesel::sql_query(format!(
        "{} WHERE r.merchant_id = $1 AND r.business_day = $2 AND r.conversation_id = $3 AND r.channel = $4 AND r.shop_id = $5 \
         ORDER BY r.message_index, r.starts_at, r.ends_at, r.rule_id, r.hit_id LIMIT 10000",
        select()
    ))
    .bind::<Text, _>(scope.merchant.as_str())
    .bind::<Date, _>(day)
    .bind::<Text, _>(&id.id)
    .bind::<Text, _>(&id.channel)
    .bind::<Text, _>(&id.shop)
    .load::<HitRow>(conn)
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// One hit of a chat that the caller may see, with what people said.
pub(super) async fn find(
    conn: &mut AsyncPgConnection,
    scope: &Scope,
    conversation: &ConversationId,
    id: Uuid,
) -> Result<Option<Hit>, QaError> {
    let Some(chat) = find_chat(conn, scope, conversation).await? else { return Ok(None) };
    let hits = of_chat(conn, scope, chat.business_day, conversation).await?;
    let Some(hit) = hits.into_iter().find(|hit| hit.id == id) else { return Ok(None) };
    let judgements = hit_judgements::list(conn, &scope.merchant, &[id]).await?;
    Ok(Some(Hit { judgements: judgements.into_iter().map(|(_, judgement)| judgement).collect(), ..hit }))
}

impl Store {
    /// Hits of some days within `scope`, in order of day and hit.
    pub async fn list_hits(
        &self,
        scope: &Scope,
        days: (NaiveDate, NaiveDate),
        filter: &HitFilter,
        page: &PageRequest<HitKey>,
    ) -> Result<Page<Hit>, QaError> {
        let mut conn = self.connection().await?;
        let seen = Seen::of(&mut conn, scope, days.0, days.1).await?;
        let (after_day, after_hit) = page.after.unwrap_or((ALL_DAYS.0, Uuid::nil()));
        let visible = seen_sql!("$11", "$12", "$13", "$14");
        // Written so that what narrows the list most is plain to the planner: there is an index for accounts and one for
        // rules.
        let reach = if seen.all { "" } else { "AND r.account_id = ANY ($12)" };
        let account = if filter.account.is_empty() { "$6 = ''" } else { "r.account_id = $6" };
        let rules = if filter.rules.is_empty() { "$8::text[] IS NOT NULL" } else { "r.rule_id = ANY ($8)" };
        let rows = diesel::sql_query(format!(
            "{} WHERE r.merchant_id = $1 AND r.business_day BETWEEN $2 AND $3 AND (r.business_day, r.hit_id) > ($4, $5) \
               AND {account} AND ($7 = '' OR r.shop_id = $7) AND {rules} {reach} \
               AND (cardinality($9::smallint[]) = 0 OR r.severity = ANY ($9)) \
               AND (cardinality($10::smallint[]) = 0 OR r.kind = ANY ($10)) \
               AND {visible} AND (NOT $15 OR j.number IS NULL) \
             ORDER BY r.business_day, r.hit_id LIMIT $16",
            select()
        ))
        .bind::<Text, _>(scope.merchant.as_str())
        .bind::<Date, _>(days.0)
        .bind::<Date, _>(days.1)
        .bind::<Date, _>(after_day)
        .bind::<SqlUuid, _>(after_hit)
        .bind::<Text, _>(&filter.account)
        .bind::<Text, _>(&filter.shop)
        .bind::<Array<Text>, _>(&filter.rules)
        .bind::<Array<SmallInt>, _>(filter.severities.iter().map(|s| severity_code(*s)).collect::<Vec<_>>())
        .bind::<Array<SmallInt>, _>(filter.kinds.iter().map(|kind| kind_code(*kind)).collect::<Vec<_>>())
        .bind::<Bool, _>(seen.all)
        .bind::<Array<Text>, _>(seen.accounts)
        .bind::<Array<Date>, _>(seen.from)
        .bind::<Array<Date>, _>(seen.to)
        .bind::<Bool, _>(filter.unjudged)
        .bind::<BigInt, _>(page.limit())
        .load::<HitRow>(&mut conn)
        .await?;
        let hits = rows.into_iter().map(TryInto::try_into).collect::<Result<Vec<Hit>, _>>()?;
        Ok(page.page(hits, |hit| (hit.business_day, hit.id))?)
    }

    /// What was found in one chat within `scope`, with what people said of it.
    pub async fn find_conversation_hits(
        &self,
        scope: &Scope,
        id: &ConversationId,
    ) -> Result<Option<ConversationHits>, QaError> {
        let mut conn = self.connection().await?;
        let Some(chat) = find_chat(&mut conn, scope, id).await? else { return Ok(None) };
        let mut hits = of_chat(&mut conn, scope, chat.business_day, id).await?;
        let judged: Vec<Uuid> = hits.iter().filter(|hit| hit.judged > 0).map(|hit| hit.id).collect();
        for (hit_id, judgement) in hit_judgements::list(&mut conn, &scope.merchant, &judged).await? {
            hits.iter_mut().filter(|hit| hit.id == hit_id).for_each(|hit| {
                hit.judgements.push(judgement.clone());
            });
        }
        Ok(Some(ConversationHits {
            hits,
            checked_revision: chat.checked_revision,
            revision: chat.revision,
            rule_set_version: chat.rule_set_version.unwrap_or_default(),
        }))
    }
}

impl Hit {
    /// With one more word on it.
    pub(super) fn with(mut self, judgement: crate::domain::hit::HitJudgement) -> Self {
        self.verdict = Some(judgement.verdict);
        self.judged += 1;
        self.judgements.push(judgement);
        self
    }
}

/// As columns have it.
pub(super) fn verdict_code(verdict: HitVerdict) -> i16 {
    match verdict {
        HitVerdict::Confirmed => 1,
        HitVerdict::Disputed => 2,
    }
}
