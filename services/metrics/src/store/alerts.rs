//! `alerts`.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use diesel::sql_types::{Array, BigInt, Date, Integer, Jsonb, Nullable, Text, Timestamptz};
use diesel::{OptionalExtension, QueryableByName};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use runtime::ids::{MerchantId, PersonId};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::domain::alert::error::AlertError;
use crate::domain::alert::filter::AlertFilter;
use crate::domain::alert::history::EntryKind;
use crate::domain::alert::rule::{AlertScope, Level};
use crate::domain::alert::{Act, Alert, AlertState, Step};
use crate::domain::reach::Reached;
use crate::error::MetricsError;
use crate::outgoing;
use crate::store::{Result, Store, alert_entries, json_of, people};

const COLUMNS: &str = "alert_id, version, state, level, rule_id, rule_version, scope, scope_key, topic, people, raised_at, \
     escalates_at, entries, details";
/// How long a resolved alert can keep a finding from being raised: longer than any rule's window.
const REMEMBERED: TimeDelta = TimeDelta::days(62);

/// The alert that a page begins after: when it was raised, and its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertCursor(pub DateTime<Utc>, pub String);

impl AlertCursor {
    /// After this alert.
    pub fn after(alert: &Alert) -> Self {
        Self(alert.raised_at, alert.id.clone())
    }
}

/// A rule and whom an alert of it is about.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The rule.
    pub rule: &'a str,
    /// The person, team or shop.
    pub key: &'a str,
    /// What of the key's; may be empty.
    pub topic: &'a str,
}

impl Subject<'_> {
    /// As it is stored. The topic is part of the key's column, because a release from before holds unresolved alerts apart by
    /// that column alone; `topic` says where the key ends.
    fn scope_key(&self) -> String {
        match self.topic {
            "" => self.key.to_owned(),
            topic => format!("{}/{topic}", self.key),
        }
    }
}

impl Store {
    /// Lets `decide` raise an alert or take the latest one of the same subject to its next version, and gives the id of what
    /// was changed.
    pub async fn raise_alert(
        &self,
        by: &By,
        subject: Subject<'_>,
        now: DateTime<Utc>,
        decide: impl FnOnce(Option<Alert>) -> Result<Option<Step>> + Send,
    ) -> Result<Option<String>> {
        let merchant = &by.caller.merchant;
        by.change(&self.pool, now, async |conn| {
            let sql = format!(
                "SELECT {COLUMNS} FROM alerts WHERE merchant_id = $1 AND rule_id = $2 AND scope_key = $3 \
                 ORDER BY state <> 'resolved' DESC, raised_at DESC, alert_id DESC LIMIT 1 FOR UPDATE"
            );
            let latest = diesel::sql_query(sql)
                .bind::<Text, _>(merchant.as_str())
                .bind::<Text, _>(subject.rule)
                .bind::<Text, _>(subject.scope_key())
                .get_result::<AlertRow>(conn)
                .await
                .optional()?;
            let latest = latest.map(AlertRow::read).transpose()?;
            let Some(step) = decide(latest)? else { return Ok(None) };
            let alert = save(conn, by, step, now).await?;
            Ok::<_, MetricsError>(Some(alert.id))
        })
        .await
    }

    /// Lets `decide` take an alert that the scope reaches to its next version; `None` leaves it as it is. An empty etag fits
    /// every version. Gives the number of its last entry.
    pub async fn update_alert(
        &self,
        by: &By,
        scope: &Scope,
        (id, etag): (&str, &str),
        now: DateTime<Utc>,
        decide: impl FnOnce(Alert) -> Result<Option<Step>> + Send,
    ) -> Result<i32> {
        let merchant = &scope.merchant;
        by.change(&self.pool, now, async |conn| {
            let missing = || AlertError::NotFound { id: id.to_owned() };
            let found = find(conn, merchant, id, true).await?.ok_or_else(missing)?;
            let today = directory::calendar(conn, merchant).await?.business_day(now);
            let reached = people::reached(conn, scope, today).await?;
            if !is_seen(&found, &reached) {
                return Err(missing().into());
            }
            if !etag.is_empty() && etag != found.etag() {
                return Err(AlertError::Changed { id: id.to_owned() }.into());
            }
            let before = found.entries;
            let Some(step) = decide(found)? else { return Ok(before) };
            let alert = save(conn, by, step, now).await?;
            Ok::<_, MetricsError>(alert.entries)
        })
        .await
    }

    /// An alert that the scope reaches on a business day.
    pub async fn find_alert(&self, scope: &Scope, id: &str, today: NaiveDate) -> Result<Option<Alert>> {
        let mut conn = self.pool.get().await?;
        let reached = people::reached(&mut conn, scope, today).await?;
        let found = find(&mut conn, &scope.merchant, id, false).await?;
        Ok(found.filter(|alert| is_seen(alert, &reached)))
    }

    /// A page of alerts that the scope reaches, the newest first.
    pub async fn list_alerts(
        &self,
        scope: &Scope,
        filter: &AlertFilter,
        today: NaiveDate,
        page: &PageRequest<AlertCursor>,
    ) -> Result<Page<Alert>> {
        let mut conn = self.pool.get().await?;
        let reached = people::reached(&mut conn, scope, today).await?;
        let sql = format!(
            "SELECT {COLUMNS} FROM alerts WHERE merchant_id = $1 \
                AND (cardinality($2::text[]) = 0 OR state = ANY ($2)) AND (cardinality($3::int[]) = 0 OR level = ANY ($3)) \
                AND ($4::text IS NULL OR rule_id = $4) AND ($5::text IS NULL OR scope = $5) \
                AND ($6::text IS NULL OR scope_key = CASE topic WHEN '' THEN $6 ELSE $6 || '/' || topic END) \
                AND ($7::int IS NULL OR $7 = ANY (told)) \
                AND ($8::text[] IS NULL OR people && $8) \
                AND ($9::timestamptz IS NULL OR (raised_at, alert_id) < ($9, $10)) \
             ORDER BY raised_at DESC, alert_id DESC LIMIT $11"
        );
        let rows = diesel::sql_query(sql)
            .bind::<Text, _>(scope.merchant.as_str())
            .bind::<Array<Text>, _>(filter.states.iter().map(|state| state.name()).collect::<Vec<_>>())
            .bind::<Array<Integer>, _>(filter.levels.iter().map(|level| level.number()).collect::<Vec<_>>())
            .bind::<Nullable<Text>, _>(filter.rule.as_deref())
            .bind::<Nullable<Text>, _>(filter.scope.map(AlertScope::name))
            .bind::<Nullable<Text>, _>(filter.key.as_deref())
            .bind::<Nullable<Integer>, _>(filter.told)
            .bind::<Nullable<Array<Text>>, _>(reached.column())
            .bind::<Nullable<Timestamptz>, _>(page.after.as_ref().map(|cursor| cursor.0))
            .bind::<Nullable<Text>, _>(page.after.as_ref().map(|cursor| cursor.1.as_str()))
            .bind::<BigInt, _>(page.limit())
            .load::<AlertRow>(&mut conn)
            .await?;
        let alerts = rows.into_iter().map(AlertRow::read).collect::<Result<_>>()?;
        Ok(page.page(alerts, AlertCursor::after)?)
    }

    /// The latest alert of a rule about each key: those that are not resolved, and those that were not long ago.
    pub async fn list_latest_alerts(
        &self,
        merchant: &MerchantId,
        rule: &str,
        now: DateTime<Utc>,
    ) -> Result<Vec<Alert>> {
        let mut conn = self.pool.get().await?;
        let sql = format!(
            "SELECT DISTINCT ON (scope_key) {COLUMNS} FROM alerts \
             WHERE merchant_id = $1 AND rule_id = $2 AND (state <> 'resolved' OR raised_at > $3) \
             ORDER BY scope_key, state <> 'resolved' DESC, raised_at DESC, alert_id DESC"
        );
        let rows = diesel::sql_query(sql)
            .bind::<Text, _>(merchant.as_str())
            .bind::<Text, _>(rule)
            .bind::<Timestamptz, _>(now - REMEMBERED)
            .load::<AlertRow>(&mut conn)
            .await?;
        rows.into_iter().map(AlertRow::read).collect()
    }

    /// Alerts of all merchants of which the next are to be told.
    pub async fn list_alerts_to_escalate(
        &self,
        now: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<(MerchantId, Alert)>> {
        let mut conn = self.pool.get().await?;
        let sql = format!(
            "SELECT merchant_id, {COLUMNS} FROM alerts WHERE escalates_at <= $1 ORDER BY escalates_at, merchant_id, alert_id \
             LIMIT $2"
        );
        let rows = diesel::sql_query(sql)
            .bind::<Timestamptz, _>(now)
            .bind::<BigInt, _>(limit)
            .load::<(MerchantRow, AlertRow)>(&mut conn)
            .await?;
        let read = |(merchant, row): (MerchantRow, AlertRow)| {
            Ok((MerchantId::new(merchant.merchant_id), row.read()?))
        };
        rows.into_iter().map(read).collect()
    }

    /// Who leads a team on a business day.
    pub async fn list_leads(&self, merchant: &MerchantId, team: &str, day: NaiveDate) -> Result<Vec<String>> {
        let mut conn = self.pool.get().await?;
        let rows = diesel::sql_query(
            "SELECT DISTINCT person_id FROM memberships \
             WHERE merchant_id = $1 AND team_id = $2 AND lead AND $3 BETWEEN from_day AND to_day ORDER BY person_id",
        )
        .bind::<Text, _>(merchant.as_str())
        .bind::<Text, _>(team)
        .bind::<Date, _>(day)
        .load::<PersonRow>(&mut conn)
        .await?;
        Ok(rows.into_iter().map(|row| row.person_id).collect())
    }
}

/// Notes in the transaction in which an incident is opened out of an alert that it is.
pub(super) async fn link_incident(
    conn: &mut AsyncPgConnection,
    by: &By,
    id: &str,
    incident: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    let found = find(conn, &by.caller.merchant, id, true).await?;
    let alert = found.ok_or_else(|| AlertError::NotFound { id: id.to_owned() })?;
    let person = by.caller.person.as_ref().map(ToString::to_string);
    let act = Act { subject: by.caller.subject.clone(), person, at: now, note: String::new() };
    save(conn, by, alert.open_incident(incident, act)?, now).await?;
    Ok(())
}

fn is_seen(alert: &Alert, reached: &Reached) -> bool {
    reached.holds_any(alert.people.iter().map(String::as_str))
}

async fn find(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    id: &str,
    lock: bool,
) -> Result<Option<Alert>> {
    let lock = if lock { "FOR UPDATE" } else { "" };
    let sql = format!("SELECT {COLUMNS} FROM alerts WHERE merchant_id = $1 AND alert_id = $2 {lock}");
    let row = diesel::sql_query(sql)
        .bind::<Text, _>(merchant.as_str())
        .bind::<Text, _>(id)
        .get_result::<AlertRow>(conn)
        .await
        .optional()?;
    row.map(AlertRow::read).transpose()
}

/// Writes the next version, its entries, its audit, and tells whoever is to be told.
async fn save(conn: &mut AsyncPgConnection, by: &By, step: Step, now: DateTime<Utc>) -> Result<Alert> {
    let merchant = &by.caller.merchant;
    let is_new = step.next.version == 0;
    let who = (by.caller.subject.as_str(), by.caller.person.as_ref().map(PersonId::as_str));
    let (alert, entries) = step.finish(who, now);
    if is_new {
        insert(conn, merchant, &alert).await?;
    } else {
        update(conn, merchant, &alert).await?;
    }
    for entry in &entries {
        alert_entries::insert(conn, merchant, &alert.id, entry).await?;
        if entry.kind == EntryKind::Told {
            let told = outgoing::alert::alert_raised(merchant, &alert, &entry.told, now);
            events::publish(conn, &told).await?;
        }
    }
    // What only counts up is in the alert itself.
    if !entries.is_empty() {
        let summary = json!({
            "version": alert.version,
            "state": alert.state.name(),
            "level": alert.level.number(),
            "rule": alert.rule.0,
            "key": alert.key,
            "happened": entries.iter().map(|entry| entry.kind.name()).collect::<Vec<_>>(),
        });
        by.audit(conn, now, format!("alert/{}", alert.id), summary).await?;
    }
    Ok(alert)
}

async fn insert(conn: &mut AsyncPgConnection, merchant: &MerchantId, alert: &Alert) -> Result<()> {
    let exists = || MetricsError::from(AlertError::Exists { id: alert.id.clone() });
    let subject = Subject { rule: &alert.rule.0, key: &alert.key, topic: &alert.topic };
    let written = diesel::sql_query(
        "INSERT INTO alerts (merchant_id, alert_id, version, state, level, rule_id, rule_version, scope, scope_key, topic, \
            people, told, raised_at, escalates_at, entries, details) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) \
         ON CONFLICT (merchant_id, rule_id, scope_key) WHERE state <> 'resolved' DO NOTHING",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(&alert.id)
    .bind::<BigInt, _>(alert.version)
    .bind::<Text, _>(alert.state.name())
    .bind::<Integer, _>(alert.level.number())
    .bind::<Text, _>(&alert.rule.0)
    .bind::<Integer, _>(alert.rule.1)
    .bind::<Text, _>(alert.scope.name())
    .bind::<Text, _>(subject.scope_key())
    .bind::<Text, _>(&alert.topic)
    .bind::<Array<Text>, _>(alert.people.iter().collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(&alert.details.told)
    .bind::<Timestamptz, _>(alert.raised_at)
    .bind::<Nullable<Timestamptz>, _>(alert.escalates_at)
    .bind::<Integer, _>(alert.entries)
    .bind::<Jsonb, _>(json_of(&alert.details)?)
    .execute(conn)
    .await
    .map_err(pg::on_constraint("alerts_pkey", exists))?;
    // Somebody raised the same at the same moment: the caller looks again.
    if written == 0 { Err(AlertError::Raced.into()) } else { Ok(()) }
}

async fn update(conn: &mut AsyncPgConnection, merchant: &MerchantId, alert: &Alert) -> Result<()> {
    diesel::sql_query(
        "UPDATE alerts SET version = $3, state = $4, people = $5, told = $6, escalates_at = $7, entries = $8, details = $9 \
         WHERE merchant_id = $1 AND alert_id = $2",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(&alert.id)
    .bind::<BigInt, _>(alert.version)
    .bind::<Text, _>(alert.state.name())
    .bind::<Array<Text>, _>(alert.people.iter().collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(&alert.details.told)
    .bind::<Nullable<Timestamptz>, _>(alert.escalates_at)
    .bind::<Integer, _>(alert.entries)
    .bind::<Jsonb, _>(json_of(&alert.details)?)
    .execute(conn)
    .await?;
    Ok(())
}

#[derive(QueryableByName)]
struct MerchantRow {
    #[diesel(sql_type = Text)]
    merchant_id: String,
}

#[derive(QueryableByName)]
struct PersonRow {
    #[diesel(sql_type = Text)]
    person_id: String,
}

#[derive(QueryableByName)]
struct AlertRow {
    #[diesel(sql_type = Text)]
    alert_id: String,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Integer)]
    level: i32,
    #[diesel(sql_type = Text)]
    rule_id: String,
    #[diesel(sql_type = Integer)]
    rule_version: i32,
    #[diesel(sql_type = Text)]
    scope: String,
    #[diesel(sql_type = Text)]
    scope_key: String,
    #[diesel(sql_type = Text)]
    topic: String,
    #[diesel(sql_type = Array<Text>)]
    people: Vec<String>,
    #[diesel(sql_type = Timestamptz)]
    raised_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    escalates_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Integer)]
    entries: i32,
    #[diesel(sql_type = Jsonb)]
    details: serde_json::Value,
}

impl AlertRow {
    fn read(self) -> Result<Alert> {
        let broken = |why: &str| pg::Error::unreadable("alerts", &self.alert_id, why);
        let key = match self.topic.as_str() {
            "" => Some(self.scope_key.as_str()),
            topic => self.scope_key.strip_suffix(topic).and_then(|key| key.strip_suffix('/')),
        };
        let key = key.ok_or_else(|| broken("the key does not end with the topic"))?.to_owned();
        Ok(Alert {
            state: AlertState::of(&self.state).ok_or_else(|| broken("unknown state"))?,
            level: Level::of(self.level).ok_or_else(|| broken("unknown level"))?,
            scope: AlertScope::of(&self.scope).ok_or_else(|| broken("unknown scope"))?,
            details: serde_json::from_value(self.details).map_err(|why| broken(&why.to_string()))?,
            id: self.alert_id,
            version: self.version,
            rule: (self.rule_id, self.rule_version),
            key,
            topic: self.topic,
            people: self.people.into_iter().collect(),
            raised_at: self.raised_at,
            escalates_at: self.escalates_at,
            entries: self.entries,
        })
    }
}
