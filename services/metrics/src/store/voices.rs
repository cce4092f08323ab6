//! What customers found wrong, counted from `facts` and `lost_inquiries` on demand: there are far fewer of them than of
//! conversations.

use chrono::{Days, NaiveDate};
use diesel::QueryableByName;
use diesel::pg::Pg;
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::sql_types::{Array, BigInt, Bool, Date, Nullable, Text};
use diesel_async::RunQueryDsl;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use serde::{Deserialize, Serialize};

use crate::domain::conversation::ConversationKey;
use crate::domain::figure::DayRange;
use crate::domain::lost_inquiry::catalogue::Catalogue;
use crate::domain::voice::{Evidence, Source, Topic, Voice, VoiceQuery};
use crate::store::conversations::column;
use crate::store::{Result, Store};

/// Of a row `s` with shop and order: `o.product`, the order's largest line, and `o.excluded_reason`, empty for an order that
/// counts. The first parameter is the merchant.
pub(super) const ABOUT_ORDER: &str = "LEFT JOIN LATERAL (SELECT coalesce((SELECT CASE WHEN d.excluded THEN d.reason ELSE '' END \
            FROM order_decisions d WHERE d.merchant_id = $1 AND d.shop_id = o.shop_id AND d.order_id = o.fact_id \
            ORDER BY d.version DESC LIMIT 1), o.body->>'excluded_reason') AS excluded_reason, \
        (SELECT l->>'product' FROM jsonb_array_elements(o.body->'lines') AS l \
         ORDER BY (l->>'amount')::bigint DESC, l->>'product' COLLATE \"C\" LIMIT 1) AS product \
    FROM facts o WHERE o.merchant_id = $1 AND o.fact_id = s.order_id AND o.kind = 1 AND o.shop_id = s.shop_id \
    LIMIT 1) AS o ON true";

/// What refunds, complaints and reviews say, a row each, up to what they say about orders. A refund names no product: it is
/// about the order's largest line, as far as anybody can tell; so is a complaint, and a review that names none.
const SPOKEN: &str = "WITH spoken AS ( \
        SELECT CASE f.kind WHEN 3 THEN 'refund' WHEN 5 THEN 'complaint' ELSE 'bad_review' END AS source, \
            coalesce(CASE f.kind WHEN 3 THEN f.body->>'reason' WHEN 5 THEN f.body->>'cause' END, '') AS reason, \
            coalesce(f.body->>'product', '') AS named, coalesce(f.body->>'order', '') AS order_id, f.shop_id, \
            f.customer_id, f.business_day, f.fact_id AS place, true AS is_fact, \
            f.body->'conversation'->>'channel' AS channel, f.body->'conversation'->>'id' AS conversation_id \
        FROM facts f \
        WHERE f.merchant_id = $1 AND f.business_day BETWEEN $2 AND $3 \
            AND (f.kind = 3 OR (f.kind = 5 AND f.body->>'upheld' IS DISTINCT FROM 'false') \
                OR (f.kind = 8 AND f.body->>'rating' = 'bad'))), \
     said AS ( \
        SELECT s.source, s.reason, coalesce(nullif(s.named, ''), o.product, '') AS product, s.order_id, s.shop_id, \
            s.customer_id, s.business_day, s.place, s.is_fact, s.channel, s.conversation_id \
        FROM spoken s";

/// The rest of everything that was said; the first nine parameters are those of [`saying`]. What is about an order that doesn't
/// count (刷单) isn't said by a customer.
const SAID: &str = "WHERE coalesce(o.excluded_reason, '') = '' \
        UNION ALL \
        SELECT 'lost_inquiry', coalesce(d.reason_id, g.suggested, ''), f.product_id, f.order_id, f.shop_id, \
            f.customer_id, f.business_day, f.account_id, false, f.channel, f.conversation_id \
        FROM lost_inquiries f \
        LEFT JOIN loss_decisions d ON d.merchant_id = f.merchant_id AND d.business_day = f.business_day \
            AND d.account_id = f.account_id AND d.shop_id = f.shop_id AND d.customer_id = f.customer_id \
        LEFT JOIN unnest($8::text[], $9::text[]) AS g (signal, suggested) ON g.signal = f.signal \
        WHERE f.merchant_id = $1 AND f.business_day BETWEEN $2 AND $3 AND f.window_ends < $7), \
     wanted AS ( \
        SELECT * FROM said WHERE (cardinality($4::text[]) = 0 OR shop_id = ANY ($4)) \
            AND (cardinality($5::text[]) = 0 OR source = ANY ($5)) \
            AND (cardinality($6::text[]) = 0 OR product = ANY ($6)) \
            AND ($10::text IS NULL OR reason = $10) AND ($11::text IS NULL OR product = $11))";

/// What evidence a page begins after: day, shop, customer and place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceCursor(NaiveDate, String, String, String);

type Query<'a> = BoxedSqlQuery<'a, Pg, SqlQuery>;

/// A query over `wanted` of these days.
fn saying<'a>(
    sql: &str,
    scope: &'a Scope,
    query: &'a VoiceQuery,
    days: DayRange,
    (catalogue, today): (&'a Catalogue, NaiveDate),
) -> Query<'a> {
    let suggested = catalogue.suggested();
    let reasons: Vec<String> = suggested.values().map(|reason| (*reason).to_owned()).collect();
    diesel::sql_query(format!("{SPOKEN} {ABOUT_ORDER} {SAID} {sql}"))
        .into_boxed::<Pg>()
        .bind::<Text, _>(scope.merchant.as_str())
        .bind::<Date, _>(days.from)
        .bind::<Date, _>(days.to)
        .bind::<Array<Text>, _>(&query.shops)
        .bind::<Array<Text>, _>(column(&query.sources, |source| source.name()))
        .bind::<Array<Text>, _>(&query.products)
        .bind::<Date, _>(today)
        .bind::<Array<Text>, _>(suggested.keys().map(|signal| signal.name()).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(reasons)
        .bind::<Nullable<Text>, _>(query.reason.as_deref())
        .bind::<Nullable<Text>, _>(query.product.as_deref())
}

impl Store {
    /// What was said in the days of the query, in no order, with how often it was said in as many days right before.
    pub async fn list_voices(
        &self,
        scope: &Scope,
        query: &VoiceQuery,
        catalogue: &Catalogue,
        today: NaiveDate,
        limit: usize,
    ) -> Result<Vec<Voice>> {
        scope.whole_merchant()?;
        let mut conn = self.pool.get().await?;
        let length = Days::new(u64::try_from(query.days.days()).unwrap_or(0));
        let from = query.days.from.checked_sub_days(length).unwrap_or(query.days.from);
        let sql = "SELECT source, reason, product, count(*) FILTER (WHERE business_day >= $12) AS count, \
                count(DISTINCT (shop_id, customer_id)) FILTER (WHERE business_day >= $12) AS customers, \
                count(*) FILTER (WHERE business_day < $12) AS previous \
             FROM wanted GROUP BY source, reason, product HAVING count(*) FILTER (WHERE business_day >= $12) > 0 LIMIT $13";
        let days = DayRange { from, to: query.days.to };
        let rows = saying(sql, scope, query, days, (catalogue, today))
            .bind::<Date, _>(query.days.from)
            .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
            .load::<VoiceRow>(&mut conn)
            .await?;
        rows.into_iter().map(VoiceRow::read).collect()
    }

    /// How often it was said on each day.
    pub async fn count_voices(
        &self,
        scope: &Scope,
        query: &VoiceQuery,
        catalogue: &Catalogue,
        today: NaiveDate,
    ) -> Result<Vec<(NaiveDate, i64)>> {
        scope.whole_merchant()?;
        let mut conn = self.pool.get().await?;
        let sql = "SELECT business_day, count(*) AS count FROM wanted GROUP BY business_day";
        let rows =
            saying(sql, scope, query, query.days, (catalogue, today)).load::<DayRow>(&mut conn).await?;
        Ok(rows.into_iter().map(|row| (row.business_day, row.count)).collect())
    }

    /// A page of every time that it was said, the newest day first.
    pub async fn list_voice_evidence(
        &self,
        scope: &Scope,
        query: &VoiceQuery,
        catalogue: &Catalogue,
        today: NaiveDate,
        page: &PageRequest<EvidenceCursor>,
    ) -> Result<Page<Evidence>> {
        scope.whole_merchant()?;
        let mut conn = self.pool.get().await?;
        let sql = "SELECT shop_id, customer_id, business_day, place, is_fact, order_id, channel, conversation_id FROM wanted \
             WHERE $12::date IS NULL OR business_day < $12 OR (business_day = $12 AND (shop_id, customer_id, place) > ($13, $14, $15)) \
             ORDER BY business_day DESC, shop_id, customer_id, place LIMIT $16";
        let after = page.after.as_ref();
        let rows = saying(sql, scope, query, query.days, (catalogue, today))
            .bind::<Nullable<Date>, _>(after.map(|cursor| cursor.0))
            .bind::<Nullable<Text>, _>(after.map(|cursor| cursor.1.as_str()))
            .bind::<Nullable<Text>, _>(after.map(|cursor| cursor.2.as_str()))
            .bind::<Nullable<Text>, _>(after.map(|cursor| cursor.3.as_str()))
            .bind::<BigInt, _>(page.limit())
            .load::<EvidenceRow>(&mut conn)
            .await?;
        let cursor = |one: &Evidence| {
            EvidenceCursor(one.day, one.shop.clone(), one.customer.clone(), one.place.clone())
        };
        Ok(page.page(rows.into_iter().map(EvidenceRow::read).collect(), cursor)?)
    }
}

#[derive(QueryableByName)]
struct VoiceRow {
    #[diesel(sql_type = Text)]
    source: String,
    #[diesel(sql_type = Text)]
    reason: String,
    #[diesel(sql_type = Text)]
    product: String,
    #[diesel(sql_type = BigInt)]
    count: i64,
    #[diesel(sql_type = BigInt)]
    customers: i64,
    #[diesel(sql_type = BigInt)]
    previous: i64,
}

impl VoiceRow {
    fn read(self) -> Result<Voice> {
        let unknown = || pg::Error::unreadable("facts", &self.source, "unknown source");
        let source = Source::of(&self.source).ok_or_else(unknown)?;
        let topic = Topic { source, reason: self.reason, product: self.product };
        Ok(Voice { topic, count: self.count, customers: self.customers, previous: self.previous })
    }
}

#[derive(QueryableByName)]
struct DayRow {
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[derive(QueryableByName)]
struct EvidenceRow {
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    customer_id: String,
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
    #[diesel(sql_type = Text)]
    place: String,
    #[diesel(sql_type = Bool)]
    is_fact: bool,
    #[diesel(sql_type = Text)]
    order_id: String,
    #[diesel(sql_type = Nullable<Text>)]
    channel: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    conversation_id: Option<String>,
}

impl EvidenceRow {
    fn read(self) -> Evidence {
        let shop = self.shop_id.clone();
        let conversation = self.channel.zip(self.conversation_id);
        Evidence {
            conversation: conversation.map(|(channel, id)| ConversationKey { id, channel, shop }),
            shop: self.shop_id,
            customer: self.customer_id,
            day: self.business_day,
            place: self.place,
            is_fact: self.is_fact,
            order: self.order_id,
        }
    }
}
