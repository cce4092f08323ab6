//! `lost_inquiries` as people see them, with what was decided.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::sql_types::{Array, BigInt, Bool, Date, Integer, Jsonb, Nullable, Text, Timestamptz};
use diesel::{OptionalExtension, QueryableByName};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use runtime::ids::{AccountId, MerchantId};
use serde::{Deserialize, Serialize};

use crate::domain::fact::ChatRef;
use crate::domain::figure::{DayRange, Filter, Group};
use crate::domain::lost_inquiry::catalogue::Catalogue;
use crate::domain::lost_inquiry::filter::LossFilter;
use crate::domain::lost_inquiry::report::{Alike, Counts, Dimension, RowKey};
use crate::domain::lost_inquiry::signal::Signal;
use crate::domain::lost_inquiry::{Decision, Loss, LossKey, LossKind, LostInquiry};
use crate::domain::selection::Selection;
use crate::error::MetricsError;
use crate::store::conversations::column;
use crate::store::selection::{NARROWED, select, selecting};
use crate::store::{Result, Store, timelines};

const COLUMNS: &str = "f.business_day, f.account_id, f.shop_id, f.customer_id, f.kind, f.channel, f.conversation_id, \
     f.asked_at, f.window_ends, f.member_level, f.product_id, f.order_id, f.amount, f.later_paid_day, f.evidence, \
     f.definition_version, d.version AS decision_version, d.reason_id, d.note, d.decided_by, d.decided_at";
const DECISIONS: &str = "LEFT JOIN loss_decisions d ON d.merchant_id = f.merchant_id \
     AND d.business_day = f.business_day AND d.account_id = f.account_id AND d.shop_id = f.shop_id \
     AND d.customer_id = f.customer_id";
/// What a query of selected rows begins with, up to what else narrows them; made by [`selecting`].
const SPANS: &str = "LEFT JOIN unnest($6::text[], $7::date[], $8::date[]) AS s (account_id, from_day, to_day) \
        ON s.account_id = f.account_id AND f.business_day BETWEEN s.from_day AND s.to_day \
     WHERE f.merchant_id = $1 AND f.business_day BETWEEN $2 AND $3";

/// The lost inquiry that a page begins after: its level's rank and its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossCursor(i32, LossKey);

impl Store {
    /// Whether customers of the merchant wait to be counted.
    pub async fn is_counting(&self, merchant: &MerchantId) -> Result<bool> {
        let mut conn = self.pool.get().await?;
        timelines::is_pending(&mut conn, merchant.as_str()).await
    }

    /// A page of lost inquiries that the scope reaches, by member level as the catalogue ranks them, then by key; and
    /// whether customers wait to be counted.
    pub async fn list_lost_inquiries(
        &self,
        scope: &Scope,
        filter: &LossFilter,
        catalogue: &Catalogue,
        today: NaiveDate,
        page: &PageRequest<LossCursor>,
    ) -> Result<(Page<LostInquiry>, bool)> {
        let mut conn = self.pool.get().await?;
        conn.build_transaction()
            .read_only()
            .repeatable_read()
            .run::<_, MetricsError, _>(async |conn| {
                let pending = timelines::is_pending(conn, scope.merchant.as_str()).await?;
                let selection = select(conn, scope, filter.range, Group::Account, &filter.selection).await?;
                let reader = Reader { scope, filter, catalogue, selection: &selection };
                let rows = reader.page(conn, today, page).await?;
                let found = rows.into_iter().map(RankedRow::read).collect::<Result<Vec<_>>>()?;
                let after =
                    |(rank, inquiry): &(i32, LostInquiry)| LossCursor(*rank, inquiry.loss.key.clone());
                Ok((page.page(found, after)?.map(|(_, inquiry)| inquiry), pending))
            })
            .await
    }

    /// One that the scope reaches.
    pub async fn find_lost_inquiry(&self, scope: &Scope, key: &LossKey) -> Result<Option<LostInquiry>> {
        let mut conn = self.pool.get().await?;
        find(&mut conn, scope, key).await
    }

    /// Lost inquiries that the scope reaches and whose window is over by a business day, by what is alike of them.
    pub async fn list_alike_losses(
        &self,
        scope: &Scope,
        (range, filter): (DayRange, &Filter),
        by: &[Dimension],
        today: NaiveDate,
        limit: usize,
    ) -> Result<Vec<Alike>> {
        let mut conn = self.pool.get().await?;
        let selection = select(&mut conn, scope, range, Group::Account, filter).await?;
        let cut = |dimension, column: &'static str| if by.contains(&dimension) { column } else { "''::text" };
        let sql = format!(
            "SELECT d.reason_id, f.signal, {level} AS member_level, {product} AS product_id, {account} AS account_id, \
                {kind} AS kind, count(*) AS lost, count(f.later_paid_day) AS later_paid, \
                sum(f.amount)::bigint AS amount \
             FROM lost_inquiries f {DECISIONS} {SPANS} AND {NARROWED} AND f.window_ends < $10 \
             GROUP BY 1, 2, 3, 4, 5, 6 LIMIT $11",
            level = cut(Dimension::MemberLevel, "f.member_level"),
            product = cut(Dimension::Product, "f.product_id"),
            account = cut(Dimension::Account, "f.account_id"),
            kind = cut(Dimension::Kind, "f.kind"),
        );
        let rows = selecting(&sql, &scope.merchant, range, filter, &selection)
            .bind::<Date, _>(today)
            .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
            .load::<AlikeRow>(&mut conn)
            .await?;
        Ok(rows.into_iter().map(AlikeRow::read).collect())
    }
}

struct Reader<'a> {
    scope: &'a Scope,
    filter: &'a LossFilter,
    catalogue: &'a Catalogue,
    selection: &'a Selection,
}

impl Reader<'_> {
    async fn page(
        &self,
        conn: &mut AsyncPgConnection,
        today: NaiveDate,
        page: &PageRequest<LossCursor>,
    ) -> Result<Vec<RankedRow>> {
        let Self { scope, filter, catalogue, selection } = self;
        // Levels that the catalogue doesn't name come after all that it names, customers without one last.
        let sql = format!(
            "SELECT * FROM ( \
                SELECT {COLUMNS}, coalesce(array_position($10::text[], f.member_level), \
                    CASE f.member_level WHEN '' THEN 1000001 ELSE 1000000 END) AS rank \
                FROM lost_inquiries f {DECISIONS} \
                LEFT JOIN unnest($11::text[], $12::text[]) AS g (signal, suggested) ON g.signal = f.signal {SPANS} \
                    AND {NARROWED} \
                    AND (cardinality($13::text[]) = 0 OR f.kind = ANY ($13)) \
                    AND (cardinality($14::text[]) = 0 OR coalesce(d.reason_id, g.suggested) = ANY ($14)) \
                    AND (cardinality($15::text[]) = 0 OR f.member_level = ANY ($15)) \
                    AND (cardinality($16::text[]) = 0 OR f.product_id = ANY ($16)) \
                    AND (NOT $17 OR d.version IS NULL) AND ($18 OR f.window_ends < $19)) AS f \
             WHERE $20::int IS NULL \
                OR (f.rank, f.business_day, f.account_id, f.shop_id, f.customer_id) > ($20, $21, $22, $23, $24) \
             ORDER BY f.rank, f.business_day, f.account_id, f.shop_id, f.customer_id LIMIT $25"
        );
        let suggested = catalogue.suggested();
        let (rank, key) = page.after.as_ref().map(|LossCursor(rank, key)| (*rank, key)).unzip();
        let text = |value: fn(&LossKey) -> &String| key.map(|key| value(key).clone());
        let rows = selecting(&sql, &scope.merchant, filter.range, &filter.selection, selection)
            .bind::<Array<Text>, _>(&catalogue.content.member_levels)
            .bind::<Array<Text>, _>(suggested.keys().map(|signal| signal.name()).collect::<Vec<_>>())
            .bind::<Array<Text>, _>(suggested.values().copied().map(str::to_owned).collect::<Vec<_>>())
            .bind::<Array<Text>, _>(column(&filter.kinds, |kind| kind.name()))
            .bind::<Array<Text>, _>(&filter.reasons)
            .bind::<Array<Text>, _>(&filter.member_levels)
            .bind::<Array<Text>, _>(&filter.products)
            .bind::<Bool, _>(filter.undecided)
            .bind::<Bool, _>(filter.include_open)
            .bind::<Date, _>(today)
            .bind::<Nullable<Integer>, _>(rank)
            .bind::<Nullable<Date>, _>(key.map(|key| key.day))
            .bind::<Nullable<Text>, _>(text(|key| &key.account))
            .bind::<Nullable<Text>, _>(text(|key| &key.shop))
            .bind::<Nullable<Text>, _>(text(|key| &key.customer))
            .bind::<BigInt, _>(page.limit())
            .load::<RankedRow>(conn)
            .await?;
        Ok(rows)
    }
}

/// One that the scope reaches.
pub(super) async fn find(
    conn: &mut AsyncPgConnection,
    scope: &Scope,
    key: &LossKey,
) -> Result<Option<LostInquiry>> {
    let visible = directory::visible(conn, scope, key.day, key.day).await?;
    if !visible.sees(&AccountId::new(key.account.clone()), key.day) {
        return Ok(None);
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM lost_inquiries f {DECISIONS} \
         WHERE f.merchant_id = $1 AND f.business_day = $2 AND f.account_id = $3 AND f.shop_id = $4 AND f.customer_id = $5"
    );
    let row = diesel::sql_query(sql)
        .bind::<Text, _>(scope.merchant.as_str())
        .bind::<Date, _>(key.day)
        .bind::<Text, _>(&key.account)
        .bind::<Text, _>(&key.shop)
        .bind::<Text, _>(&key.customer)
        .get_result::<LossRow>(conn)
        .await
        .optional()?;
    row.map(LossRow::read).transpose()
}

#[derive(QueryableByName)]
struct RankedRow {
    #[diesel(sql_type = Integer)]
    rank: i32,
    #[diesel(embed)]
    row: LossRow,
}

impl RankedRow {
    fn read(self) -> Result<(i32, LostInquiry)> {
        Ok((self.rank, self.row.read()?))
    }
}

#[derive(QueryableByName)]
struct LossRow {
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    customer_id: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Text)]
    channel: String,
    #[diesel(sql_type = Text)]
    conversation_id: String,
    #[diesel(sql_type = Timestamptz)]
    asked_at: DateTime<Utc>,
    #[diesel(sql_type = Date)]
    window_ends: NaiveDate,
    #[diesel(sql_type = Text)]
    member_level: String,
    #[diesel(sql_type = Text)]
    product_id: String,
    #[diesel(sql_type = Text)]
    order_id: String,
    #[diesel(sql_type = BigInt)]
    amount: i64,
    #[diesel(sql_type = Nullable<Date>)]
    later_paid_day: Option<NaiveDate>,
    #[diesel(sql_type = Jsonb)]
    evidence: serde_json::Value,
    #[diesel(sql_type = Integer)]
    definition_version: i32,
    #[diesel(sql_type = Nullable<BigInt>)]
    decision_version: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    reason_id: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    note: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    decided_by: Option<String>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    decided_at: Option<DateTime<Utc>>,
}

impl LossRow {
    fn read(self) -> Result<LostInquiry> {
        let broken = |why: String| pg::Error::unreadable("lost_inquiries", &self.conversation_id, why);
        let kind = LossKind::of(&self.kind).ok_or_else(|| broken("unknown kind".to_owned()))?;
        let evidence = serde_json::from_value(self.evidence).map_err(|why| broken(why.to_string()))?;
        let decision = match (self.decision_version, self.decided_at) {
            (Some(version), Some(at)) => Some(Decision {
                version,
                reason: self.reason_id.unwrap_or_default(),
                note: self.note.unwrap_or_default(),
                by: self.decided_by.unwrap_or_default(),
                at,
            }),
            _ => None,
        };
        let loss = Loss {
            key: LossKey {
                day: self.business_day,
                account: self.account_id,
                shop: self.shop_id,
                customer: self.customer_id,
            },
            kind,
            chat: ChatRef { channel: self.channel, id: self.conversation_id },
            asked_at: self.asked_at,
            window_ends: self.window_ends,
            member_level: self.member_level,
            product: self.product_id,
            order: self.order_id,
            amount: self.amount,
            later_paid_day: self.later_paid_day,
            evidence,
            definition_version: self.definition_version,
        };
        Ok(LostInquiry { loss, decision })
    }
}

#[derive(QueryableByName)]
struct AlikeRow {
    #[diesel(sql_type = Nullable<Text>)]
    reason_id: Option<String>,
    #[diesel(sql_type = Text)]
    signal: String,
    #[diesel(sql_type = Text)]
    member_level: String,
    #[diesel(sql_type = Text)]
    product_id: String,
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = BigInt)]
    lost: i64,
    #[diesel(sql_type = BigInt)]
    later_paid: i64,
    #[diesel(sql_type = BigInt)]
    amount: i64,
}

impl AlikeRow {
    fn read(self) -> Alike {
        let key = RowKey {
            reason: String::new(),
            member_level: self.member_level,
            product: self.product_id,
            account: self.account_id,
            kind: LossKind::of(&self.kind),
        };
        let counts =
            Counts { lost: self.lost, later_paid: self.later_paid, amount: self.amount, ..Counts::default() };
        Alike { decided: self.reason_id, signal: Signal::of(&self.signal), key, counts }
    }
}
