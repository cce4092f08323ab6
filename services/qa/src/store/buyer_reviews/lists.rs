//! Reading reviews, each within the caller's reach: those their accounts served, and those given to them.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Date, Nullable, SmallInt, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::page::{Page, PageRequest};
use runtime::identity::{Reach, Scope};
use runtime::ids::MerchantId;

use super::rows::{REVIEWS, ReviewRow, duty_code, kind_code, state_code, use_code};
use super::{BuyerReviewDayKey, BuyerReviewKey};
use crate::domain::buyer_review::{
    BuyerReview, BuyerReviewFilter, BuyerReviewId, CollectedFilter, OverdueFilter,
};
use crate::error::QaError;
use crate::store::people::PERSON_OF_ROW;
use crate::store::{ALL_DAYS, Seen, Store, seen_sql};

#[derive(QueryableByName)]
struct PersonRow {
    #[diesel(sql_type = Text)]
    person_id: String,
}

/// What a caller sees of reviews.
pub(super) struct Sight {
    pub(super) seen: Seen,
    /// Whose reviews to work on they see.
    pub(super) people: Vec<String>,
}

/// Whether a row `r` may be seen; `$1` merchant, `$2` to `$5` what is seen, `$6` the people.
pub(super) const VISIBLE: &str =
    concat!("(", seen_sql!("$2", "$3", "$4", "$5"), " OR r.owner_person_id = ANY ($6))");

impl Sight {
    /// What `scope` shows; `now` says who is in whose team.
    pub(super) async fn of(
        conn: &mut AsyncPgConnection,
        scope: &Scope,
        now: DateTime<Utc>,
    ) -> Result<Self, QaError> {
        let seen = Seen::of(conn, scope, ALL_DAYS.0, ALL_DAYS.1).await?;
        let people = match &scope.reach {
            Reach::Merchant => Vec::new(),
            Reach::Own(person) => vec![person.to_string()],
            Reach::Team(lead) => {
                let today = match directory::calendar(conn, &scope.merchant).await {
                    Ok(calendar) => calendar.business_day(now),
                    // Nobody leads anybody where the directory has told of nothing: what they ask for is not found.
                    Err(directory::Error::MerchantUnknown { .. }) => {
                        return Ok(Self { seen, people: vec![lead.to_string()] });
                    }
                    Err(error) => return Err(error.into()),
                };
                let rows = diesel::sql_query(
                    "SELECT $2 AS person_id UNION SELECT m.person_id FROM memberships l JOIN memberships m \
                        ON m.merchant_id = l.merchant_id AND m.team_id = l.team_id \
                     WHERE l.merchant_id = $1 AND l.person_id = $2 AND l.lead AND $3 BETWEEN l.from_day AND l.to_day \
                        AND $3 BETWEEN m.from_day AND m.to_day",
                )
                .bind::<Text, _>(scope.merchant.as_str())
                .bind::<Text, _>(lead.as_str())
                .bind::<Date, _>(today)
                .load::<PersonRow>(conn)
                .await?;
                rows.into_iter().map(|row| row.person_id).collect()
            }
        };
        Ok(Self { seen, people })
    }
}

/// Binds `$1` to `$6` of [`VISIBLE`].
macro_rules! within {
    ($sql:expr, $merchant:expr, $sight:expr) => {
        diesel::sql_query($sql)
            .bind::<Text, _>($merchant.as_str())
            .bind::<Bool, _>($sight.seen.all)
            .bind::<Array<Text>, _>(&$sight.seen.accounts)
            .bind::<Array<Date>, _>(&$sight.seen.from)
            .bind::<Array<Date>, _>(&$sight.seen.to)
            .bind::<Array<Text>, _>(&$sight.people)
    };
}
pub(super) use within;

fn select() -> String {
    format!(
        "SELECT r.review_id, {PERSON_OF_ROW} AS person_id, r.content FROM {REVIEWS} WHERE r.merchant_id = $1"
    )
}

fn reviews(rows: Vec<ReviewRow>) -> Result<Vec<BuyerReview>, QaError> {
    rows.into_iter().map(TryInto::try_into).collect()
}

/// A review within `scope`; `lock` keeps others from changing it meanwhile.
pub(super) async fn find(
    conn: &mut AsyncPgConnection,
    scope: &Scope,
    now: DateTime<Utc>,
    id: &BuyerReviewId,
    lock: bool,
) -> Result<Option<BuyerReview>, QaError> {
    let sight = Sight::of(conn, scope, now).await?;
    if lock {
        lock_row(conn, &scope.merchant, id).await?;
    }
    let sql = format!("{} AND {VISIBLE} AND r.review_id = $7 AND r.shop_id = $8", select());
    let rows = within!(sql, scope.merchant, sight)
        .bind::<Text, _>(&id.id)
        .bind::<Text, _>(&id.shop)
        .load::<ReviewRow>(conn)
        .await?;
    Ok(reviews(rows)?.into_iter().next())
}

/// Waits for the row of a review, and keeps it.
pub(super) async fn lock_row(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    id: &BuyerReviewId,
) -> Result<(), QaError> {
    diesel::sql_query(
        "SELECT FROM buyer_reviews WHERE merchant_id = $1 AND review_id = $2 AND shop_id = $3 FOR UPDATE",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(&id.id)
    .bind::<Text, _>(&id.shop)
    .execute(conn)
    .await?;
    Ok(())
}

/// Deadlines that have passed, the longest overdue first; for the test of its plan.
pub const OVERDUE_SQL: &str = "r.due_at < $7 AND (r.due_at, r.review_id, r.shop_id) > ($8, $9, $10) \
     AND (cardinality($11::smallint[]) = 0 OR r.duty = ANY ($11)) ORDER BY r.due_at, r.review_id, r.shop_id LIMIT $12";

impl Store {
    /// Reviews of some days within `scope`, newest first.
    pub async fn list_buyer_reviews(
        &self,
        scope: &Scope,
        now: DateTime<Utc>,
        days: (NaiveDate, NaiveDate),
        filter: &BuyerReviewFilter,
        page: &PageRequest<BuyerReviewDayKey>,
    ) -> Result<Page<BuyerReview>, QaError> {
        let mut conn = self.connection().await?;
        let sight = Sight::of(&mut conn, scope, now).await?;
        let (after_day, after_at, after) =
            page.after.clone().map_or((None, None, None), |(day, at, id)| (Some(day), Some(at), Some(id)));
        let owner = format!("COALESCE(r.owner_person_id, {PERSON_OF_ROW})");
        let sql = format!(
            "{} AND {VISIBLE} AND r.reviewed_day BETWEEN $7 AND LEAST($8, COALESCE($9::date, $8)) \
                AND ($9 IS NULL OR (r.reviewed_day, r.reviewed_at, r.review_id, r.shop_id) < ($9, $10, $11, $12)) \
                AND (cardinality($13::smallint[]) = 0 OR r.kind = ANY ($13)) \
                AND (cardinality($14::smallint[]) = 0 OR r.state = ANY ($14)) \
                AND ($15 = '' OR r.cause_id = $15) AND ($16 = '' OR r.stage_id = $16) \
                AND ($17 = '' OR r.product_id = $17) AND ($18 = '' OR r.shop_id = $18) \
                AND ($19 = '' OR r.account_id = $19) AND ($20 = '' OR {owner} = $20) \
                AND ($21 = '' OR r.order_id = $21) AND (NOT $22 OR r.worst = 3) AND (NOT $23 OR r.comment_unjudged) \
             ORDER BY r.reviewed_day DESC, r.reviewed_at DESC, r.review_id DESC, r.shop_id DESC LIMIT $24",
            select()
        );
        let rows = within!(sql, scope.merchant, sight)
            .bind::<Date, _>(days.0)
            .bind::<Date, _>(days.1)
            .bind::<Nullable<Date>, _>(after_day)
            .bind::<Nullable<Timestamptz>, _>(after_at)
            .bind::<Text, _>(after.as_ref().map(|id| id.id.as_str()).unwrap_or_default())
            .bind::<Text, _>(after.as_ref().map(|id| id.shop.as_str()).unwrap_or_default())
            .bind::<Array<SmallInt>, _>(filter.kinds.iter().map(|kind| kind_code(*kind)).collect::<Vec<_>>())
            .bind::<Array<SmallInt>, _>(filter.states.iter().map(|it| state_code(*it)).collect::<Vec<_>>())
            .bind::<Text, _>(&filter.cause)
            .bind::<Text, _>(&filter.stage)
            .bind::<Text, _>(&filter.product)
            .bind::<Text, _>(&filter.shop)
            .bind::<Text, _>(&filter.account)
            .bind::<Text, _>(&filter.owner)
            .bind::<Text, _>(&filter.order)
            .bind::<Bool, _>(filter.ever_bad)
            .bind::<Bool, _>(filter.comment_unjudged)
            .bind::<BigInt, _>(page.limit())
            .load::<ReviewRow>(&mut conn)
            .await?;
        Ok(page.page(reviews(rows)?, |review| (review.business_day, review.reviewed_at, review.id.clone()))?)
    }

    /// Reviews within `scope` whose deadline has passed, the longest overdue first.
    pub async fn list_overdue_buyer_reviews(
        &self,
        scope: &Scope,
        now: DateTime<Utc>,
        filter: &OverdueFilter,
        page: &PageRequest<BuyerReviewKey>,
    ) -> Result<Page<BuyerReview>, QaError> {
        let mut conn = self.connection().await?;
        let calendar = directory::calendar(&mut conn, &scope.merchant).await?;
        let sight = Sight::of(&mut conn, scope, now).await?;
        let (after_at, after) =
            page.after.clone().map_or((DateTime::UNIX_EPOCH, None), |(at, id)| (at, Some(id)));
        let owner = format!("COALESCE(r.owner_person_id, {PERSON_OF_ROW})");
        let sql = format!("{} AND {VISIBLE} AND ($13 = '' OR {owner} = $13) AND {OVERDUE_SQL}", select());
        let rows = within!(sql, scope.merchant, sight)
            .bind::<Timestamptz, _>(now)
            .bind::<Timestamptz, _>(after_at)
            .bind::<Text, _>(after.as_ref().map(|id| id.id.as_str()).unwrap_or_default())
            .bind::<Text, _>(after.as_ref().map(|id| id.shop.as_str()).unwrap_or_default())
            .bind::<Array<SmallInt>, _>(filter.duties.iter().map(|it| duty_code(*it)).collect::<Vec<_>>())
            .bind::<BigInt, _>(page.limit())
            .bind::<Text, _>(&filter.owner)
            .load::<ReviewRow>(&mut conn)
            .await?;
        let due_at = |review: &BuyerReview| review.duty(&calendar).map_or(now, |duty| duty.1);
        Ok(page.page(reviews(rows)?, |review| (due_at(review), review.id.clone()))?)
    }

    /// The collection, what was collected last first.
    pub async fn list_collected_buyer_reviews(
        &self,
        merchant: &MerchantId,
        filter: &CollectedFilter,
        page: &PageRequest<BuyerReviewKey>,
    ) -> Result<Page<BuyerReview>, QaError> {
        let (after_at, after) = page.after.clone().map_or((None, None), |(at, id)| (Some(at), Some(id)));
        let sql = format!(
            "{} AND r.collected_at IS NOT NULL \
                AND ($2 IS NULL OR (r.collected_at, r.review_id, r.shop_id) < ($2, $3, $4)) AND r.tags @> $5 \
                AND ($6 = '' OR strpos(lower(r.words), lower($6)) > 0) AND ($7 = '' OR r.product_id = $7) \
                AND ($8 = '' OR r.shop_id = $8) AND ($9 IS NULL OR $9 = ANY (r.allowed_uses)) \
             ORDER BY r.collected_at DESC, r.review_id DESC, r.shop_id DESC LIMIT $10",
            select()
        );
        let rows = diesel::sql_query(sql)
            .bind::<Text, _>(merchant.as_str())
            .bind::<Nullable<Timestamptz>, _>(after_at)
            .bind::<Text, _>(after.as_ref().map(|id| id.id.as_str()).unwrap_or_default())
            .bind::<Text, _>(after.as_ref().map(|id| id.shop.as_str()).unwrap_or_default())
            .bind::<Array<Text>, _>(&filter.tags)
            .bind::<Text, _>(&filter.text)
            .bind::<Text, _>(&filter.product)
            .bind::<Text, _>(&filter.shop)
            .bind::<Nullable<SmallInt>, _>(filter.allowed.map(use_code))
            .bind::<BigInt, _>(page.limit())
            .load::<ReviewRow>(&mut *self.connection().await?)
            .await?;
        let collected_at = |review: &BuyerReview| {
            review.collection.as_ref().map_or(DateTime::UNIX_EPOCH, |place| place.done.at)
        };
        Ok(page.page(reviews(rows)?, |review| (collected_at(review), review.id.clone()))?)
    }
}
