//! `campaigns` and `campaign_versions`.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::sql_types::{Array, BigInt, Jsonb, Nullable, Text, Timestamptz};
use diesel::{OptionalExtension, QueryableByName};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use runtime::ids::MerchantId;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::domain::campaign::filter::CampaignFilter;
use crate::domain::campaign::phases::due_day;
use crate::domain::campaign::{Campaign, CampaignError, CampaignState};
use crate::domain::reach::Reached;
use crate::error::MetricsError;
use crate::outgoing;
use crate::store::report_schedules::working;
use crate::store::{Result, Store, campaign_reviews, json_of, people};

const COLUMNS: &str =
    "campaign_id, version, state, ended_at, plan, marks, cancel_reason, changed_by, changed_at";

/// The campaign that a page begins after: its start and id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignCursor(pub DateTime<Utc>, pub String);

impl Store {
    /// Files a draft.
    pub async fn insert_campaign(&self, by: &By, campaign: &Campaign) -> Result<String> {
        by.change(&self.pool, campaign.changed_at, async |conn| {
            insert(conn, &by.caller.merchant, campaign).await?;
            insert_version(conn, &by.caller.merchant, campaign).await?;
            append_audit(conn, by, campaign).await?;
            Ok::<_, MetricsError>(campaign.id.clone())
        })
        .await
    }

    /// Lets `decide` take a campaign that the scope sees to its next version; `None` leaves it as it is. An empty etag fits
    /// every version.
    pub async fn update_campaign(
        &self,
        by: &By,
        scope: &Scope,
        (id, etag): (&str, &str),
        now: DateTime<Utc>,
        decide: impl FnOnce(Campaign, &Reached) -> Result<Option<Campaign>> + Send,
    ) -> Result<()> {
        let merchant = &scope.merchant;
        by.change(&self.pool, now, async |conn| {
            let missing = || CampaignError::NotFound { id: id.to_owned() };
            let before = find(conn, merchant, id, true).await?.ok_or_else(missing)?;
            let calendar = directory::calendar(conn, merchant).await?;
            let reached = people::reached(conn, scope, calendar.business_day(now)).await?;
            if !before.is_seen_by(&reached) {
                return Err(missing().into());
            }
            if !etag.is_empty() && etag != before.etag() {
                return Err(CampaignError::Changed { id: id.to_owned() }.into());
            }
            let Some(next) = decide(before.clone(), &reached)? else { return Ok(()) };
            let next = next.changed(by.caller.subject.clone(), now);
            update(conn, merchant, &next).await?;
            if (&next.plan, next.state) != (&before.plan, before.state) {
                insert_version(conn, merchant, &next).await?;
            }
            if next.is_news_after(&before) {
                events::publish(conn, &outgoing::campaign::campaign_changed(merchant, &next)).await?;
            }
            if (before.state, next.state) == (CampaignState::Published, CampaignState::Ended) {
                let working = working(conn, merchant).await?;
                let due = due_day(next.ends_at(), &calendar, &working);
                campaign_reviews::insert(conn, merchant, id, due).await?;
            }
            append_audit(conn, by, &next).await
        })
        .await
    }

    /// A campaign that the scope sees, on a business day.
    pub async fn find_campaign(&self, scope: &Scope, id: &str, today: NaiveDate) -> Result<Option<Campaign>> {
        let mut conn = self.pool.get().await?;
        let reached = people::reached(&mut conn, scope, today).await?;
        let found = find(&mut conn, &scope.merchant, id, false).await?;
        Ok(found.filter(|campaign| campaign.is_seen_by(&reached)))
    }

    /// A page of campaigns that the scope sees, by start, then id.
    pub async fn list_campaigns(
        &self,
        scope: &Scope,
        filter: &CampaignFilter,
        today: NaiveDate,
        page: &PageRequest<CampaignCursor>,
    ) -> Result<Page<Campaign>> {
        let mut conn = self.pool.get().await?;
        let reached = people::reached(&mut conn, scope, today).await?;
        let states: Vec<_> = filter.states.iter().map(|state| state.name()).collect();
        let sql = format!(
            "SELECT {COLUMNS} FROM campaigns WHERE merchant_id = $1 \
                AND ($2::timestamptz IS NULL OR ends_at > $2) AND ($3::timestamptz IS NULL OR starts_at < $3) \
                AND (cardinality($4::text[]) = 0 OR state = ANY ($4)) \
                AND ($5::text IS NULL OR shops = '{{}}' OR $5 = ANY (shops)) \
                AND ($6::text[] IS NULL OR state <> 'draft' OR people && $6) \
                AND ($7::timestamptz IS NULL OR (starts_at, campaign_id) > ($7, $8)) \
             ORDER BY starts_at, campaign_id LIMIT $9"
        );
        let rows = diesel::sql_query(sql)
            .bind::<Text, _>(scope.merchant.as_str())
            .bind::<Nullable<Timestamptz>, _>(filter.from)
            .bind::<Nullable<Timestamptz>, _>(filter.to)
            .bind::<Array<Text>, _>(states)
            .bind::<Nullable<Text>, _>(filter.shop.as_deref())
            .bind::<Nullable<Array<Text>>, _>(reached.column())
            .bind::<Nullable<Timestamptz>, _>(page.after.as_ref().map(|cursor| cursor.0))
            .bind::<Nullable<Text>, _>(page.after.as_ref().map(|cursor| cursor.1.as_str()))
            .bind::<BigInt, _>(page.limit())
            .load::<CampaignRow>(&mut conn)
            .await?;
        let campaigns = rows.into_iter().map(CampaignRow::read).collect::<Result<_>>()?;
        Ok(page.page(campaigns, |campaign: &Campaign| {
            CampaignCursor(campaign.starts_at(), campaign.id.clone())
        })?)
    }

    /// A page of what a campaign was, the newest version first.
    pub async fn list_campaign_versions(
        &self,
        scope: &Scope,
        id: &str,
        page: &PageRequest<i64>,
    ) -> Result<Page<Campaign>> {
        let merchant = scope.whole_merchant()?;
        let mut conn = self.pool.get().await?;
        let rows = diesel::sql_query(
            "SELECT campaign_id, version, state, ended_at, plan, '{}'::jsonb AS marks, cancel_reason, changed_by, changed_at \
             FROM campaign_versions WHERE merchant_id = $1 AND campaign_id = $2 AND ($3::bigint IS NULL OR version < $3) \
             ORDER BY version DESC LIMIT $4",
        )
        .bind::<Text, _>(merchant.as_str())
        .bind::<Text, _>(id)
        .bind::<Nullable<BigInt>, _>(page.after)
        .bind::<BigInt, _>(page.limit())
        .load::<CampaignRow>(&mut conn)
        .await?;
        let versions = rows.into_iter().map(CampaignRow::read).collect::<Result<_>>()?;
        Ok(page.page(versions, |campaign: &Campaign| campaign.version)?)
    }

    /// Published campaigns of all merchants whose time has come.
    pub async fn list_campaigns_to_end(
        &self,
        now: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<(MerchantId, String)>> {
        let mut conn = self.pool.get().await?;
        let rows = diesel::sql_query(
            "SELECT merchant_id, campaign_id FROM campaigns WHERE state = 'published' AND ends_at <= $1 \
             ORDER BY ends_at, merchant_id, campaign_id LIMIT $2",
        )
        .bind::<Timestamptz, _>(now)
        .bind::<BigInt, _>(limit)
        .load::<ToEndRow>(&mut conn)
        .await?;
        Ok(rows.into_iter().map(|row| (MerchantId::new(row.merchant_id), row.campaign_id)).collect())
    }
}

/// A campaign whoever asks; locked until the transaction ends if it is to be changed.
pub(super) async fn find(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    id: &str,
    lock: bool,
) -> Result<Option<Campaign>> {
    let lock = if lock { "FOR UPDATE" } else { "" };
    let sql = format!("SELECT {COLUMNS} FROM campaigns WHERE merchant_id = $1 AND campaign_id = $2 {lock}");
    let row = diesel::sql_query(sql)
        .bind::<Text, _>(merchant.as_str())
        .bind::<Text, _>(id)
        .get_result::<CampaignRow>(conn)
        .await
        .optional()?;
    row.map(CampaignRow::read).transpose()
}

async fn insert(conn: &mut AsyncPgConnection, merchant: &MerchantId, campaign: &Campaign) -> Result<()> {
    let exists = || MetricsError::from(CampaignError::Exists { id: campaign.id.clone() });
    diesel::sql_query(
        "INSERT INTO campaigns (merchant_id, campaign_id, version, state, starts_at, ends_at, ended_at, shops, people, \
            plan, marks, cancel_reason, changed_by, changed_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(&campaign.id)
    .bind::<BigInt, _>(campaign.version)
    .bind::<Text, _>(campaign.state.name())
    .bind::<Timestamptz, _>(campaign.starts_at())
    .bind::<Timestamptz, _>(campaign.ends_at())
    .bind::<Nullable<Timestamptz>, _>(campaign.ended_at)
    .bind::<Array<Text>, _>(&campaign.plan.shops)
    .bind::<Array<Text>, _>(campaign.plan.people().into_iter().collect::<Vec<_>>())
    .bind::<Jsonb, _>(json_of(&campaign.plan)?)
    .bind::<Jsonb, _>(json_of(&campaign.marks)?)
    .bind::<Text, _>(&campaign.cancel_reason)
    .bind::<Text, _>(&campaign.changed_by)
    .bind::<Timestamptz, _>(campaign.changed_at)
    .execute(conn)
    .await
    .map_err(pg::on_constraint("campaigns_pkey", exists))?;
    Ok(())
}

async fn update(conn: &mut AsyncPgConnection, merchant: &MerchantId, campaign: &Campaign) -> Result<()> {
    diesel::sql_query(
        "UPDATE campaigns SET version = $3, state = $4, starts_at = $5, ends_at = $6, ended_at = $7, shops = $8, \
            people = $9, plan = $10, marks = $11, cancel_reason = $12, changed_by = $13, changed_at = $14 \
         WHERE merchant_id = $1 AND campaign_id = $2",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(&campaign.id)
    .bind::<BigInt, _>(campaign.version)
    .bind::<Text, _>(campaign.state.name())
    .bind::<Timestamptz, _>(campaign.starts_at())
    .bind::<Timestamptz, _>(campaign.ends_at())
    .bind::<Nullable<Timestamptz>, _>(campaign.ended_at)
    .bind::<Array<Text>, _>(&campaign.plan.shops)
    .bind::<Array<Text>, _>(campaign.plan.people().into_iter().collect::<Vec<_>>())
    .bind::<Jsonb, _>(json_of(&campaign.plan)?)
    .bind::<Jsonb, _>(json_of(&campaign.marks)?)
    .bind::<Text, _>(&campaign.cancel_reason)
    .bind::<Text, _>(&campaign.changed_by)
    .bind::<Timestamptz, _>(campaign.changed_at)
    .execute(conn)
    .await?;
    Ok(())
}

async fn insert_version(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    campaign: &Campaign,
) -> Result<()> {
    diesel::sql_query(
        "INSERT INTO campaign_versions (merchant_id, campaign_id, version, state, ended_at, plan, cancel_reason, \
            changed_by, changed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(&campaign.id)
    .bind::<BigInt, _>(campaign.version)
    .bind::<Text, _>(campaign.state.name())
    .bind::<Nullable<Timestamptz>, _>(campaign.ended_at)
    .bind::<Jsonb, _>(json_of(&campaign.plan)?)
    .bind::<Text, _>(&campaign.cancel_reason)
    .bind::<Text, _>(&campaign.changed_by)
    .bind::<Timestamptz, _>(campaign.changed_at)
    .execute(conn)
    .await?;
    Ok(())
}

async fn append_audit(conn: &mut AsyncPgConnection, by: &By, campaign: &Campaign) -> Result<()> {
    let summary =
        json!({ "version": campaign.version, "state": campaign.state.name(), "name": campaign.plan.name });
    let entity = format!("campaign/{}", campaign.id);
    Ok(by.audit(conn, campaign.changed_at, entity, summary).await?)
}

#[derive(QueryableByName)]
struct CampaignRow {
    #[diesel(sql_type = Text)]
    campaign_id: String,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    ended_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Jsonb)]
    plan: serde_json::Value,
    #[diesel(sql_type = Jsonb)]
    marks: serde_json::Value,
    #[diesel(sql_type = Text)]
    cancel_reason: String,
    #[diesel(sql_type = Text)]
    changed_by: String,
    #[diesel(sql_type = Timestamptz)]
    changed_at: DateTime<Utc>,
}

impl CampaignRow {
    fn read(self) -> Result<Campaign> {
        let broken = |why: String| pg::Error::unreadable("campaigns", &self.campaign_id, why);
        let state = CampaignState::of(&self.state).ok_or_else(|| broken("unknown state".to_owned()))?;
        let plan = serde_json::from_value(self.plan).map_err(|why| broken(why.to_string()))?;
        let marks = serde_json::from_value(self.marks).map_err(|why| broken(why.to_string()))?;
        Ok(Campaign {
            state,
            plan,
            marks,
            id: self.campaign_id,
            version: self.version,
            ended_at: self.ended_at,
            cancel_reason: self.cancel_reason,
            changed_by: self.changed_by,
            changed_at: self.changed_at,
        })
    }
}

#[derive(QueryableByName)]
struct ToEndRow {
    #[diesel(sql_type = Text)]
    merchant_id: String,
    #[diesel(sql_type = Text)]
    campaign_id: String,
}
