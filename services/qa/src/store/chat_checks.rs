//! What checks come to: which chats are checked, their hits, and the counts that figures are made of.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{
    Array, BigInt, Date, Integer, Jsonb, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use runtime::ids::{AccountId, MerchantId};
use sampling::ConversationId;

use super::check_queue::PlaceColumns;
use super::hits::{kind_code, severity_code};
use crate::domain::hit::{Checked, Finding, Outcome, Place};
use crate::error::QaError;

/// An account's day in a shop.
type DayKey = (MerchantId, NaiveDate, AccountId, String);

#[derive(QueryableByName)]
struct OldCheckRow {
    #[diesel(sql_type = Text)]
    merchant_id: String,
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
    #[diesel(sql_type = Integer)]
    rule_set_version: i32,
}

#[derive(QueryableByName)]
struct RuleRow {
    #[diesel(sql_type = Text)]
    merchant_id: String,
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    rule_id: String,
    #[diesel(sql_type = BigInt)]
    chats: i64,
    #[diesel(sql_type = BigInt)]
    hits: i64,
}

/// What changes in the counts of an account's day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct DayDelta {
    version: i32,
    chats: i32,
}

/// What changes in a rule's counts of an account's day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct RuleDelta {
    chats_hit: i32,
    chats_refuted: i32,
    hits: i32,
}

/// Sorted by key, as rows are locked.
#[derive(Debug, Default)]
pub(super) struct Deltas {
    days: BTreeMap<DayKey, DayDelta>,
    rules: BTreeMap<(DayKey, String), RuleDelta>,
}

impl Deltas {
    fn day(&mut self, key: DayKey, version: i32, chats: i32) {
        let delta = self.days.entry(key).or_default();
        delta.chats += chats;
        delta.version = delta.version.max(version);
    }

    fn hit(&mut self, rows: Vec<RuleRow>, sign: i32) {
        for row in rows {
            let (hits, chats) = (super::small(row.hits), super::small(row.chats));
            let delta = self.rules.entry(rule_key(row)).or_default();
            delta.chats_hit += sign * chats;
            delta.hits += sign * hits;
        }
    }

    /// `sign` is -1 for what was refuted before a change and 1 for what is after it.
    fn refuted(&mut self, rows: Vec<RuleRow>, sign: i32) {
        for row in rows {
            let chats = super::small(row.chats);
            self.rules.entry(rule_key(row)).or_default().chats_refuted += sign * chats;
        }
    }
}

fn rule_key(row: RuleRow) -> (DayKey, String) {
    let day =
        (MerchantId::new(row.merchant_id), row.business_day, AccountId::new(row.account_id), row.shop_id);
    (day, row.rule_id)
}

fn columns<'a>(places: impl Iterator<Item = &'a Place>) -> PlaceColumns<'a> {
    PlaceColumns::of(places.map(|place| (&place.merchant, place.day, &place.conversation)))
}

/// Puts what is found at some places in the place of what was found before. Figures follow.
pub(super) async fn replace(
    conn: &mut AsyncPgConnection,
    outcomes: &[Outcome],
    now: DateTime<Utc>,
) -> Result<(), QaError> {
    ensure_months(conn, outcomes).await?;
    let mut deltas = Deltas::default();
    let places: Vec<&Place> = outcomes.iter().map(|outcome| &outcome.place).collect();
    let again = delete_checks(conn, &places, &mut deltas).await?;
    if !again.is_empty() {
        let before = refuted(conn, again.iter()).await?;
        deltas.refuted(before, -1);
        let gone = delete_hits(conn, &again).await?;
        deltas.hit(gone, -1);
    }
    let checked: Vec<(&Place, &Checked)> = outcomes
        .iter()
        .filter_map(|outcome| outcome.checked.as_ref().map(|checked| (&outcome.place, checked)))
        .collect();
    insert_checks(conn, &checked, now).await?;
    insert_hits(conn, &checked, now).await?;
    for (place, checked) in &checked {
        let day =
            (place.merchant.clone(), place.day, checked.account.clone(), place.conversation.shop.clone());
        deltas.day(day.clone(), checked.rule_set_version, 1);
        let mut rules: BTreeMap<&str, i32> = BTreeMap::new();
        for finding in &checked.findings {
            *rules.entry(&finding.rule_id).or_default() += 1;
        }
        for (rule, hits) in rules {
            let delta = deltas.rules.entry((day.clone(), rule.to_owned())).or_default();
            delta.chats_hit += 1;
            delta.hits += hits;
        }
    }
    if !again.is_empty() {
        // The same finding keeps its id, and with it what people said of it.
        let after = refuted(conn, again.iter()).await?;
        deltas.refuted(after, 1);
    }
    apply(conn, deltas).await
}

/// Counts chats as refuted, or not any more, after a hit of one chat was judged. `before` is [`refuted_of`] before that.
pub(super) async fn recount_refuted(
    conn: &mut AsyncPgConnection,
    place: &Place,
    before: Refuted,
) -> Result<(), QaError> {
    let mut deltas = Deltas::default();
    deltas.refuted(before.0, -1);
    deltas.refuted(refuted(conn, std::iter::once(place)).await?, 1);
    apply(conn, deltas).await
}

/// Rules all of whose hits in a chat are disputed.
pub(super) struct Refuted(Vec<RuleRow>);

/// Of one chat, which stays locked against its checks until the transaction ends.
pub(super) async fn refuted_of(conn: &mut AsyncPgConnection, place: &Place) -> Result<Refuted, QaError> {
    diesel::sql_query(
        "SELECT FROM chat_checks WHERE merchant_id = $1 AND business_day = $2 AND conversation_id = $3 AND channel = $4 \
            AND shop_id = $5 FOR UPDATE",
    )
    .bind::<Text, _>(place.merchant.as_str())
    .bind::<Date, _>(place.day)
    .bind::<Text, _>(&place.conversation.id)
    .bind::<Text, _>(&place.conversation.channel)
    .bind::<Text, _>(&place.conversation.shop)
    .execute(conn)
    .await?;
    Ok(Refuted(refuted(conn, std::iter::once(place)).await?))
}

async fn refuted(
    conn: &mut AsyncPgConnection,
    places: impl Iterator<Item = &Place>,
) -> Result<Vec<RuleRow>, QaError> {
    let columns = columns(places);
    let rows = diesel::sql_query(
        "SELECT merchant_id, business_day, account_id, shop_id, rule_id, count(*) AS chats, 0::bigint AS hits FROM ( \
            SELECT h.merchant_id, h.business_day, h.account_id, h.shop_id, h.channel, h.conversation_id, h.rule_id \
            FROM unnest($1::text[], $2::date[], $3::text[], $4::text[], $5::text[]) AS k (m, d, s, ch, i) \
            JOIN check_hits h ON h.merchant_id = k.m AND h.business_day = k.d AND h.conversation_id = k.i \
                AND h.channel = k.ch AND h.shop_id = k.s \
            LEFT JOIN LATERAL (SELECT verdict FROM hit_judgements j WHERE j.merchant_id = h.merchant_id \
                AND j.hit_id = h.hit_id ORDER BY j.number DESC LIMIT 1) j ON true \
            GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING bool_and(COALESCE(j.verdict = 2, false))) r \
         GROUP BY 1, 2, 3, 4, 5",
    )
    .bind::<Array<Text>, _>(columns.merchants)
    .bind::<Array<Date>, _>(columns.days)
    .bind::<Array<Text>, _>(columns.shops)
    .bind::<Array<Text>, _>(columns.channels)
    .bind::<Array<Text>, _>(columns.ids)
    .load(conn)
    .await?;
    Ok(rows)
}

async fn ensure_months(conn: &mut AsyncPgConnection, outcomes: &[Outcome]) -> Result<(), QaError> {
    let days = outcomes.iter().filter(|outcome| outcome.checked.is_some()).map(|outcome| outcome.place.day);
    let months: BTreeSet<NaiveDate> = days.map(|day| day.with_day(1).unwrap_or(day)).collect();
    diesel::sql_query("SELECT checks_ensure_month(m) FROM unnest($1::date[]) AS m")
        .bind::<Array<Date>, _>(months.into_iter().collect::<Vec<_>>())
        .execute(conn)
        .await?;
    Ok(())
}

/// Takes away what is known of some places. Gives those at which something was.
async fn delete_checks(
    conn: &mut AsyncPgConnection,
    places: &[&Place],
    deltas: &mut Deltas,
) -> Result<Vec<Place>, QaError> {
    let columns = columns(places.iter().copied());
    let rows = diesel::sql_query(
        "DELETE FROM chat_checks c USING unnest($1::text[], $2::date[], $3::text[], $4::text[], $5::text[]) AS k (m, d, s, ch, i) \
         WHERE c.merchant_id = k.m AND c.business_day = k.d AND c.conversation_id = k.i AND c.channel = k.ch AND c.shop_id = k.s \
         RETURNING c.merchant_id, c.business_day, c.shop_id, c.channel, c.conversation_id, c.account_id, c.rule_set_version",
    )
    .bind::<Array<Text>, _>(columns.merchants)
    .bind::<Array<Date>, _>(columns.days)
    .bind::<Array<Text>, _>(columns.shops)
    .bind::<Array<Text>, _>(columns.channels)
    .bind::<Array<Text>, _>(columns.ids)
    .load::<OldCheckRow>(conn)
    .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let merchant = MerchantId::new(row.merchant_id);
        let day = (merchant.clone(), row.business_day, AccountId::new(row.account_id), row.shop_id.clone());
        deltas.day(day, row.rule_set_version, -1);
        let conversation = ConversationId::new(row.shop_id, row.channel, row.conversation_id);
        found.push(Place { merchant, day: row.business_day, conversation });
    }
    Ok(found)
}

async fn delete_hits(conn: &mut AsyncPgConnection, places: &[Place]) -> Result<Vec<RuleRow>, QaError> {
    let columns = columns(places.iter());
    let rows = diesel::sql_query(
        "WITH gone AS (DELETE FROM check_hits h \
            USING unnest($1::text[], $2::date[], $3::text[], $4::text[], $5::text[]) AS k (m, d, s, ch, i) \
            WHERE h.merchant_id = k.m AND h.business_day = k.d AND h.conversation_id = k.i AND h.channel = k.ch \
                AND h.shop_id = k.s \
            RETURNING h.merchant_id, h.business_day, h.account_id, h.shop_id, h.rule_id, h.channel, h.conversation_id) \
         SELECT merchant_id, business_day, account_id, shop_id, rule_id, \
            count(DISTINCT (channel, conversation_id)) AS chats, count(*) AS hits \
         FROM gone GROUP BY 1, 2, 3, 4, 5",
    )
    .bind::<Array<Text>, _>(columns.merchants)
    .bind::<Array<Date>, _>(columns.days)
    .bind::<Array<Text>, _>(columns.shops)
    .bind::<Array<Text>, _>(columns.channels)
    .bind::<Array<Text>, _>(columns.ids)
    .load(conn)
    .await?;
    Ok(rows)
}

async fn insert_checks(
    conn: &mut AsyncPgConnection,
    checked: &[(&Place, &Checked)],
    now: DateTime<Utc>,
) -> Result<(), QaError> {
    let columns = columns(checked.iter().map(|(place, _)| *place));
    let of = || checked.iter().map(|(_, checked)| *checked);
    let hits = |checked: &Checked| i32::try_from(checked.findings.len()).unwrap_or(i32::MAX);
    diesel::sql_query(
        "INSERT INTO chat_checks (merchant_id, business_day, shop_id, channel, conversation_id, account_id, revision, \
            rule_set_version, hits, checked_at) \
         SELECT *, $10 FROM unnest($1::text[], $2::date[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], \
            $8::int[], $9::int[])",
    )
    .bind::<Array<Text>, _>(columns.merchants)
    .bind::<Array<Date>, _>(columns.days)
    .bind::<Array<Text>, _>(columns.shops)
    .bind::<Array<Text>, _>(columns.channels)
    .bind::<Array<Text>, _>(columns.ids)
    .bind::<Array<Text>, _>(of().map(|checked| checked.account.as_str()).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(of().map(|checked| checked.revision).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(of().map(|checked| checked.rule_set_version).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(of().map(hits).collect::<Vec<_>>())
    .bind::<Timestamptz, _>(now)
    .execute(conn)
    .await?;
    Ok(())
}

async fn insert_hits(
    conn: &mut AsyncPgConnection,
    checked: &[(&Place, &Checked)],
    now: DateTime<Utc>,
) -> Result<(), QaError> {
    let rows: Vec<(&Place, &Checked, &Finding)> = checked
        .iter()
        .flat_map(|(place, checked)| checked.findings.iter().map(move |finding| (*place, *checked, finding)))
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let columns = columns(rows.iter().map(|row| row.0));
    let findings = || rows.iter().map(|row| row.2);
    let spans = || findings().map(|finding| finding.span);
    let evidence = findings()
        .map(|finding| finding.evidence.map(serde_json::to_value).transpose())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| pg::Error::Internal(e.into()))?;
    diesel::sql_query(
        "INSERT INTO check_hits (merchant_id, business_day, shop_id, channel, conversation_id, account_id, rule_set_version, \
            hit_id, rule_id, kind, severity, message_index, starts_at, ends_at, utf16_starts_at, utf16_ends_at, excerpt, \
            evidence, found_at) \
         SELECT *, $19 FROM unnest($1::text[], $2::date[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int[], \
            $8::uuid[], $9::text[], $10::smallint[], $11::smallint[], $12::int[], $13::int[], $14::int[], $15::int[], \
            $16::int[], $17::text[], $18::jsonb[])",
    )
    .bind::<Array<Text>, _>(columns.merchants)
    .bind::<Array<Date>, _>(columns.days)
    .bind::<Array<Text>, _>(columns.shops)
    .bind::<Array<Text>, _>(columns.channels)
    .bind::<Array<Text>, _>(columns.ids)
    .bind::<Array<Text>, _>(rows.iter().map(|row| row.1.account.as_str()).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(rows.iter().map(|row| row.1.rule_set_version).collect::<Vec<_>>())
    .bind::<Array<SqlUuid>, _>(findings().map(|finding| finding.id).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(findings().map(|finding| finding.rule_id.as_str()).collect::<Vec<_>>())
    .bind::<Array<SmallInt>, _>(findings().map(|finding| kind_code(finding.kind)).collect::<Vec<_>>())
    .bind::<Array<SmallInt>, _>(findings().map(|finding| severity_code(finding.severity)).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(spans().map(|span| span.message).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(spans().map(|span| span.start).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(spans().map(|span| span.end).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(spans().map(|span| span.utf16_start).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(spans().map(|span| span.utf16_end).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(findings().map(|finding| finding.excerpt.as_str()).collect::<Vec<_>>())
    .bind::<Array<Nullable<Jsonb>>, _>(evidence)
    .bind::<Timestamptz, _>(now)
    .execute(conn)
    .await?;
    Ok(())
}

async fn apply(conn: &mut AsyncPgConnection, deltas: Deltas) -> Result<(), QaError> {
    let Deltas { mut days, mut rules } = deltas;
    days.retain(|_, delta| delta.chats != 0);
    rules.retain(|_, delta| *delta != RuleDelta::default());
    if !days.is_empty() {
        let keys = || days.keys();
        diesel::sql_query(
            "INSERT INTO check_days AS c (merchant_id, business_day, account_id, shop_id, rule_set_version, chats) \
             SELECT * FROM unnest($1::text[], $2::date[], $3::text[], $4::text[], $5::int[], $6::int[]) \
             ON CONFLICT ON CONSTRAINT check_days_pkey DO UPDATE SET chats = c.chats + excluded.chats",
        )
        .bind::<Array<Text>, _>(keys().map(|key| key.0.as_str()).collect::<Vec<_>>())
        .bind::<Array<Date>, _>(keys().map(|key| key.1).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(keys().map(|key| key.2.as_str()).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(keys().map(|key| key.3.as_str()).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(days.values().map(|delta| delta.version).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(days.values().map(|delta| delta.chats).collect::<Vec<_>>())
        .execute(conn)
        .await?;
    }
    if !rules.is_empty() {
        let keys = || rules.keys();
        diesel::sql_query(
            "INSERT INTO check_counts AS c (merchant_id, business_day, account_id, shop_id, rule_id, chats_hit, \
                chats_refuted, hits) \
             SELECT * FROM unnest($1::text[], $2::date[], $3::text[], $4::text[], $5::text[], $6::int[], $7::int[], $8::int[]) \
             ON CONFLICT ON CONSTRAINT check_counts_pkey DO UPDATE SET chats_hit = c.chats_hit + excluded.chats_hit, \
                chats_refuted = c.chats_refuted + excluded.chats_refuted, hits = c.hits + excluded.hits",
        )
        .bind::<Array<Text>, _>(keys().map(|key| key.0.0.as_str()).collect::<Vec<_>>())
        .bind::<Array<Date>, _>(keys().map(|key| key.0.1).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(keys().map(|key| key.0.2.as_str()).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(keys().map(|key| key.0.3.as_str()).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(keys().map(|key| key.1.as_str()).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(rules.values().map(|delta| delta.chats_hit).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(rules.values().map(|delta| delta.chats_refuted).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(rules.values().map(|delta| delta.hits).collect::<Vec<_>>())
        .execute(conn)
        .await?;
    }
    Ok(())
}
