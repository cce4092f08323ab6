//! `campaign_reviews`.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::sql_types::{Array, BigInt, Date, Jsonb, Nullable, Text, Timestamptz};
use diesel::{OptionalExtension, QueryableByName};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use runtime::ids::MerchantId;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::domain::campaign::CampaignError;
use crate::domain::campaign::review::{Document, Review, ReviewState};
use crate::store::{Result, Store, json_of};

const SELECT: &str = "SELECT r.campaign_id, c.plan ->> 'name' AS campaign_name, r.version, r.due_day, r.document, r.comparison, \
        r.submitted_by, r.submitted_at \
     FROM campaign_reviews r JOIN campaigns c ON c.merchant_id = r.merchant_id AND c.campaign_id = r.campaign_id \
     WHERE r.merchant_id = $1";

/// The review that a page begins after: its due day and campaign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewCursor(pub NaiveDate, pub String);

/// An empty review, to be written by a day.
pub(super) async fn insert(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    campaign: &str,
    due_day: NaiveDate,
) -> Result<()> {
    diesel::sql_query(
        "INSERT INTO campaign_reviews (merchant_id, campaign_id, version, due_day, document) VALUES ($1, $2, 1, $3, $4)",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(campaign)
    .bind::<Date, _>(due_day)
    .bind::<Jsonb, _>(json_of(&Document::default())?)
    .execute(conn)
    .await?;
    Ok(())
}

impl Store {
    /// The review of a campaign.
    pub async fn find_campaign_review(&self, scope: &Scope, campaign: &str) -> Result<Option<Review>> {
        let merchant = scope.whole_merchant()?;
        find(&mut *self.pool.get().await?, merchant, campaign, false).await
    }

    /// A page of reviews in one of these states (empty: any) on a business day, by due day, then campaign.
    pub async fn list_campaign_reviews(
        &self,
        scope: &Scope,
        states: &[ReviewState],
        today: NaiveDate,
        page: &PageRequest<ReviewCursor>,
    ) -> Result<Page<Review>> {
        let merchant = scope.whole_merchant()?;
        let mut conn = self.pool.get().await?;
        let names = |state: &ReviewState| match state {
            ReviewState::Open => "open",
            ReviewState::Overdue => "overdue",
            ReviewState::Submitted => "submitted",
        };
        let sql = format!(
            "{SELECT} AND (cardinality($2::text[]) = 0 OR CASE WHEN r.submitted_at IS NOT NULL THEN 'submitted' \
                WHEN r.due_day < $3 THEN 'overdue' ELSE 'open' END = ANY ($2)) \
             AND ($4::date IS NULL OR (r.due_day, r.campaign_id) > ($4, $5)) ORDER BY r.due_day, r.campaign_id LIMIT $6"
        );
        let rows = diesel::sql_query(sql)
            .bind::<Text, _>(merchant.as_str())
            .bind::<Array<Text>, _>(states.iter().map(names).collect::<Vec<_>>())
            .bind::<Date, _>(today)
            .bind::<Nullable<Date>, _>(page.after.as_ref().map(|cursor| cursor.0))
            .bind::<Nullable<Text>, _>(page.after.as_ref().map(|cursor| cursor.1.as_str()))
            .bind::<BigInt, _>(page.limit())
            .load::<ReviewRow>(&mut conn)
            .await?;
        let reviews = rows.into_iter().map(ReviewRow::read).collect::<Result<_>>()?;
        Ok(page.page(reviews, |review: &Review| ReviewCursor(review.due_day, review.campaign.clone()))?)
    }

    /// Lets `decide` take a review to its next version.
    pub async fn update_campaign_review(
        &self,
        by: &By,
        scope: &Scope,
        (campaign, etag): (&str, &str),
        now: DateTime<Utc>,
        decide: impl FnOnce(Review) -> Result<Review> + Send,
    ) -> Result<()> {
        by.change(&self.pool, now, async |conn| {
            let found = find(conn, &scope.merchant, campaign, true).await?;
            let found = found.ok_or_else(|| CampaignError::NotEnded { id: campaign.to_owned() })?;
            if etag != found.etag() {
                return Err(CampaignError::ReviewChanged { id: campaign.to_owned() }.into());
            }
            let next = decide(found)?;
            update(conn, &scope.merchant, &next).await?;
            let summary = json!({ "version": next.version, "submitted": next.submitted.is_some() });
            let entity = format!("campaign_review/{campaign}");
            Ok(by.audit(conn, now, entity, summary).await?)
        })
        .await
    }
}

async fn find(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    campaign: &str,
    lock: bool,
) -> Result<Option<Review>> {
    let lock = if lock { "FOR UPDATE OF r" } else { "" };
    let row = diesel::sql_query(format!("{SELECT} AND r.campaign_id = $2 {lock}"))
        .bind::<Text, _>(merchant.as_str())
        .bind::<Text, _>(campaign)
        .get_result::<ReviewRow>(conn)
        .await
        .optional()?;
    row.map(ReviewRow::read).transpose()
}

async fn update(conn: &mut AsyncPgConnection, merchant: &MerchantId, review: &Review) -> Result<()> {
    let comparison = review.comparison.as_ref().map(json_of).transpose()?;
    diesel::sql_query(
        "UPDATE campaign_reviews SET version = $3, document = $4, comparison = $5, submitted_by = $6, submitted_at = $7 \
         WHERE merchant_id = $1 AND campaign_id = $2",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(&review.campaign)
    .bind::<BigInt, _>(review.version)
    .bind::<Jsonb, _>(json_of(&review.document)?)
    .bind::<Nullable<Jsonb>, _>(comparison)
    .bind::<Nullable<Text>, _>(review.submitted.as_ref().map(|(by, _)| by.as_str()))
    .bind::<Nullable<Timestamptz>, _>(review.submitted.as_ref().map(|(_, at)| *at))
    .execute(conn)
    .await?;
    Ok(())
}

#[derive(QueryableByName)]
struct ReviewRow {
    #[diesel(sql_type = Text)]
    campaign_id: String,
    #[diesel(sql_type = Text)]
    campaign_name: String,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Date)]
    due_day: NaiveDate,
    #[diesel(sql_type = Jsonb)]
    document: serde_json::Value,
    #[diesel(sql_type = Nullable<Jsonb>)]
    comparison: Option<serde_json::Value>,
    #[diesel(sql_type = Nullable<Text>)]
    submitted_by: Option<String>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    submitted_at: Option<DateTime<Utc>>,
}

impl ReviewRow {
    fn read(self) -> Result<Review> {
        let broken =
            |why: serde_json::Error| pg::Error::unreadable("campaign_reviews", &self.campaign_id, why);
        let document = serde_json::from_value(self.document).map_err(broken)?;
        let comparison = self.comparison.map(serde_json::from_value).transpose().map_err(broken)?;
        Ok(Review {
            document,
            comparison,
            campaign: self.campaign_id,
            campaign_name: self.campaign_name,
            version: self.version,
            due_day: self.due_day,
            submitted: self.submitted_by.zip(self.submitted_at),
        })
    }
}
