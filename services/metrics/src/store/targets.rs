//! `targets`.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::sql_types::{Array, BigInt, Date, Integer, Jsonb, Nullable, Text, Timestamptz};
use diesel::{OptionalExtension, QueryableByName};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use runtime::ids::MerchantId;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::domain::figure::DayRange;
use crate::domain::reach::Reached;
use crate::domain::target::filter::TargetFilter;
use crate::domain::target::tree::Place;
use crate::domain::target::{Target, TargetError, TargetState};
use crate::error::MetricsError;
use crate::store::{Result, Store, json_of, people};

const COLUMNS: &str = "target_id, version, state, name, shop_id, from_day, to_day, goal, definition_id, definition_version, \
     division, summary, changed_by, changed_at";

/// The target that a page begins after: its first day and id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetCursor(pub NaiveDate, pub String);

impl Store {
    /// Sets a target.
    pub async fn insert_target(&self, by: &By, target: &Target) -> Result<String> {
        by.change(&self.pool, target.changed_at, async |conn| {
            insert(conn, &by.caller.merchant, target).await?;
            append_audit(conn, by, target, None).await?;
            Ok::<_, MetricsError>(target.id.clone())
        })
        .await
    }

    /// Lets `decide` take a target to its next version; `place` is the part at stake, for the audit.
    pub async fn update_target(
        &self,
        by: &By,
        scope: &Scope,
        (id, etag): (&str, &str),
        place: Option<&Place>,
        now: DateTime<Utc>,
        decide: impl FnOnce(Target) -> Result<Target> + Send,
    ) -> Result<()> {
        by.change(&self.pool, now, async |conn| {
            let found = find(conn, &scope.merchant, id, true).await?;
            let found = found.ok_or_else(|| TargetError::NotFound { id: id.to_owned() })?;
            if etag != found.etag() {
                return Err(TargetError::Changed { id: id.to_owned() }.into());
            }
            let next = decide(found)?.changed(by.caller.subject.clone(), now);
            update(conn, &scope.merchant, &next).await?;
            append_audit(conn, by, &next, place).await
        })
        .await
    }

    /// A target in which somebody has a part whom the scope reaches on a business day, and who these are.
    pub async fn find_target(
        &self,
        scope: &Scope,
        id: &str,
        today: NaiveDate,
    ) -> Result<Option<(Target, Reached)>> {
        let mut conn = self.pool.get().await?;
        let reached = people::reached(&mut conn, scope, today).await?;
        let found = find(&mut conn, &scope.merchant, id, false).await?;
        let found = found.filter(|target| reached.holds_any(people_of(target)));
        Ok(found.map(|target| (target, reached)))
    }

    /// A page of such targets, by first day, then id.
    pub async fn list_targets(
        &self,
        scope: &Scope,
        filter: &TargetFilter,
        today: NaiveDate,
        page: &PageRequest<TargetCursor>,
    ) -> Result<(Page<Target>, Reached)> {
        let mut conn = self.pool.get().await?;
        let reached = people::reached(&mut conn, scope, today).await?;
        let states: Vec<_> = filter.states.iter().map(|state| state.name()).collect();
        let sql = format!(
            "SELECT {COLUMNS} FROM targets WHERE merchant_id = $1 \
                AND ($2::date IS NULL OR to_day >= $2) AND ($3::date IS NULL OR from_day <= $3) \
                AND (cardinality($4::text[]) = 0 OR state = ANY ($4)) AND ($5::text IS NULL OR shop_id = $5) \
                AND ($6::text[] IS NULL OR people && $6) AND ($7::date IS NULL OR (from_day, target_id) > ($7, $8)) \
             ORDER BY from_day, target_id LIMIT $9"
        );
        let rows = diesel::sql_query(sql)
            .bind::<Text, _>(scope.merchant.as_str())
            .bind::<Nullable<Date>, _>(filter.days.map(|days| days.from))
            .bind::<Nullable<Date>, _>(filter.days.map(|days| days.to))
            .bind::<Array<Text>, _>(states)
            .bind::<Nullable<Text>, _>(filter.shop.as_deref())
            .bind::<Nullable<Array<Text>>, _>(reached.column())
            .bind::<Nullable<Date>, _>(page.after.as_ref().map(|cursor| cursor.0))
            .bind::<Nullable<Text>, _>(page.after.as_ref().map(|cursor| cursor.1.as_str()))
            .bind::<BigInt, _>(page.limit())
            .load::<TargetRow>(&mut conn)
            .await?;
        let targets = rows.into_iter().map(TargetRow::read).collect::<Result<_>>()?;
        let targets =
            page.page(targets, |target: &Target| TargetCursor(target.days.from, target.id.clone()))?;
        Ok((targets, reached))
    }
}

fn people_of(target: &Target) -> Vec<&str> {
    target.division.iter().flat_map(|division| division.tree.people()).collect()
}

async fn find(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    id: &str,
    lock: bool,
) -> Result<Option<Target>> {
    let lock = if lock { "FOR UPDATE" } else { "" };
    let sql = format!("SELECT {COLUMNS} FROM targets WHERE merchant_id = $1 AND target_id = $2 {lock}");
    let row = diesel::sql_query(sql)
        .bind::<Text, _>(merchant.as_str())
        .bind::<Text, _>(id)
        .get_result::<TargetRow>(conn)
        .await
        .optional()?;
    row.map(TargetRow::read).transpose()
}

async fn insert(conn: &mut AsyncPgConnection, merchant: &MerchantId, target: &Target) -> Result<()> {
    let exists = || MetricsError::from(TargetError::Exists { id: target.id.clone() });
    diesel::sql_query(
        "INSERT INTO targets (merchant_id, target_id, version, state, name, shop_id, from_day, to_day, goal, definition_id, \
            definition_version, people, changed_by, changed_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, '{}', $12, $13)",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(&target.id)
    .bind::<BigInt, _>(target.version)
    .bind::<Text, _>(target.state.name())
    .bind::<Text, _>(&target.name)
    .bind::<Nullable<Text>, _>(target.shop.as_deref())
    .bind::<Date, _>(target.days.from)
    .bind::<Date, _>(target.days.to)
    .bind::<Jsonb, _>(json_of(&target.goal)?)
    .bind::<Text, _>(&target.definition.0)
    .bind::<Integer, _>(target.definition.1)
    .bind::<Text, _>(&target.changed_by)
    .bind::<Timestamptz, _>(target.changed_at)
    .execute(conn)
    .await
    .map_err(pg::on_constraint("targets_pkey", exists))?;
    Ok(())
}

async fn update(conn: &mut AsyncPgConnection, merchant: &MerchantId, target: &Target) -> Result<()> {
    diesel::sql_query(
        "UPDATE targets SET version = $3, state = $4, name = $5, goal = $6, division = $7, people = $8, summary = $9, \
            changed_by = $10, changed_at = $11 \
         WHERE merchant_id = $1 AND target_id = $2",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(&target.id)
    .bind::<BigInt, _>(target.version)
    .bind::<Text, _>(target.state.name())
    .bind::<Text, _>(&target.name)
    .bind::<Jsonb, _>(json_of(&target.goal)?)
    .bind::<Nullable<Jsonb>, _>(target.division.as_ref().map(json_of).transpose()?)
    .bind::<Array<Text>, _>(people_of(target))
    .bind::<Nullable<Jsonb>, _>(target.summary.as_ref().map(json_of).transpose()?)
    .bind::<Text, _>(&target.changed_by)
    .bind::<Timestamptz, _>(target.changed_at)
    .execute(conn)
    .await?;
    Ok(())
}

async fn append_audit(
    conn: &mut AsyncPgConnection,
    by: &By,
    target: &Target,
    place: Option<&Place>,
) -> Result<()> {
    let summary = json!({ "version": target.version, "state": target.state.name(), "goal": target.goal, "part": place });
    let entity = format!("target/{}", target.id);
    Ok(by.audit(conn, target.changed_at, entity, summary).await?)
}

#[derive(QueryableByName)]
struct TargetRow {
    #[diesel(sql_type = Text)]
    target_id: String,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Nullable<Text>)]
    shop_id: Option<String>,
    #[diesel(sql_type = Date)]
    from_day: NaiveDate,
    #[diesel(sql_type = Date)]
    to_day: NaiveDate,
    #[diesel(sql_type = Jsonb)]
    goal: serde_json::Value,
    #[diesel(sql_type = Text)]
    definition_id: String,
    #[diesel(sql_type = Integer)]
    definition_version: i32,
    #[diesel(sql_type = Nullable<Jsonb>)]
    division: Option<serde_json::Value>,
    #[diesel(sql_type = Nullable<Jsonb>)]
    summary: Option<serde_json::Value>,
    #[diesel(sql_type = Text)]
    changed_by: String,
    #[diesel(sql_type = Timestamptz)]
    changed_at: DateTime<Utc>,
}

impl TargetRow {
    fn read(self) -> Result<Target> {
        let broken = |why: String| pg::Error::unreadable("targets", &self.target_id, why);
        let json = |why: serde_json::Error| broken(why.to_string());
        let state = TargetState::of(&self.state).ok_or_else(|| broken("unknown state".to_owned()))?;
        let goal = serde_json::from_value(self.goal).map_err(json)?;
        let division = self.division.map(serde_json::from_value).transpose().map_err(json)?;
        let summary = self.summary.map(serde_json::from_value).transpose().map_err(json)?;
        Ok(Target {
            state,
            goal,
            division,
            summary,
            id: self.target_id,
            version: self.version,
            name: self.name,
            shop: self.shop_id,
            days: DayRange { from: self.from_day, to: self.to_day },
            definition: (self.definition_id, self.definition_version),
            changed_by: self.changed_by,
            changed_at: self.changed_at,
        })
    }
}
