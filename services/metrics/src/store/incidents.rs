//! `incidents`.

use std::collections::BTreeSet;

use calendar::MerchantCalendar;
use chrono::{DateTime, NaiveDate, Utc};
use diesel::sql_types::{Array, BigInt, Bool, Date, Integer, Jsonb, Nullable, Text, Timestamptz};
use diesel::{OptionalExtension, QueryableByName};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::ids::{MerchantId, PersonId};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::domain::incident::error::IncidentError;
use crate::domain::incident::filter::IncidentFilter;
use crate::domain::incident::timeline::{Change, EntryKind};
use crate::domain::incident::{Incident, IncidentState, Opening, Step};
use crate::error::MetricsError;
use crate::outgoing;
use crate::store::{
    Result, Store, alerts, incident_entries, incident_retrospectives, incident_tasks, incident_wordings,
    json_of, people,
};

const COLUMNS: &str = "i.incident_id, i.version, i.state, i.drill, i.alert_id, i.opened_at, i.contained_at, i.closed_at, \
     i.retrospective_due, i.reviewed, i.entries, i.content, i.details, i.created_by, i.changed_by, i.changed_at, \
     i.wording_withdrawn_at, \
     (SELECT coalesce(max(number), 0) FROM incident_wordings w WHERE w.merchant_id = i.merchant_id \
        AND w.incident_id = i.incident_id) AS wordings, \
     (SELECT count(*)::int FROM incident_tasks t WHERE t.merchant_id = i.merchant_id AND t.incident_id = i.incident_id \
        AND t.kind = 'response' AND t.open) AS open_tasks";

/// The incident that a page begins after: when it began (or was worded), and its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentCursor(pub DateTime<Utc>, pub String);

impl Store {
    /// Opens an incident and gives its id.
    pub async fn insert_incident(&self, by: &By, opening: Opening, now: DateTime<Utc>) -> Result<String> {
        let merchant = &by.caller.merchant;
        by.change(&self.pool, now, async |conn| {
            let step = Incident::open(opening, (by.caller.subject.clone(), now))?;
            check_people(conn, merchant, step.next.content.people()).await?;
            if let Some(alert) = &step.next.alert {
                alerts::link_incident(conn, by, alert, &step.next.id, now).await?;
            }
            let day = directory::calendar(conn, merchant).await?.business_day(step.next.opened_at);
            insert(conn, merchant, &step.next, day).await?;
            let incident = save(conn, by, step, now).await?;
            Ok::<_, MetricsError>(incident.id)
        })
        .await
    }

    /// Lets `decide` take an incident to its next version; `None` leaves it as it is. An empty etag fits every version. Gives
    /// the number of its last line.
    pub async fn update_incident(
        &self,
        by: &By,
        at: (&str, &str),
        now: DateTime<Utc>,
        decide: impl FnOnce(Incident, &MerchantCalendar) -> Result<Option<Step>> + Send,
    ) -> Result<i32> {
        let merchant = &by.caller.merchant;
        by.change(&self.pool, now, async |conn| {
            let found = lock(conn, merchant, at).await?;
            let calendar = directory::calendar(conn, merchant).await?;
            let (before, known) = (found.entries, found.content.people());
            let Some(step) = decide(found, &calendar)? else { return Ok(before) };
            // Whoever left since they were named may stay named.
            let named = step.next.content.people().difference(&known).cloned().collect();
            check_people(conn, merchant, named).await?;
            Ok::<_, MetricsError>(save(conn, by, step, now).await?.entries)
        })
        .await
    }

    /// Lets `decide` hand in a retrospective, and makes its measures tasks in the place of those that aren't done.
    pub async fn insert_retrospective(
        &self,
        by: &By,
        at: (&str, &str),
        now: DateTime<Utc>,
        decide: impl FnOnce(Incident) -> Result<Step> + Send,
    ) -> Result<i32> {
        let merchant = &by.caller.merchant;
        by.change(&self.pool, now, async |conn| {
            let found = lock(conn, merchant, at).await?;
            // A release from before versions kept the newest one only.
            incident_retrospectives::keep(conn, merchant, &found).await?;
            let step = decide(found)?;
            let incident = save(conn, by, step, now).await?;
            incident_retrospectives::keep(conn, merchant, &incident).await?;
            let measures = incident.details.learnt.iter().flat_map(|learnt| &learnt.what.measures);
            let owners = measures.map(|measure| measure.owner.clone()).collect();
            check_people(conn, merchant, owners).await?;
            incident_tasks::replace_measures(conn, by, &incident, now).await?;
            Ok::<_, MetricsError>(incident.entries)
        })
        .await
    }

    /// An incident.
    pub async fn find_incident(&self, merchant: &MerchantId, id: &str) -> Result<Option<Incident>> {
        let mut conn = self.pool.get().await?;
        find(&mut conn, merchant, id).await
    }

    /// A page of incidents, the newest first.
    pub async fn list_incidents(
        &self,
        merchant: &MerchantId,
        filter: &IncidentFilter,
        today: NaiveDate,
        page: &PageRequest<IncidentCursor>,
    ) -> Result<Page<Incident>> {
        let mut conn = self.pool.get().await?;
        let sql = format!(
            "SELECT {COLUMNS} FROM incidents i WHERE i.merchant_id = $1 \
                AND (cardinality($2::text[]) = 0 OR i.state = ANY ($2)) \
                AND (cardinality($3::int[]) = 0 OR i.level = ANY ($3)) AND ($4::text IS NULL OR i.alert_id = $4) \
                AND ($5::bool IS NULL OR i.drill = $5) AND (NOT $6 OR (i.retrospective_due < $7 AND NOT i.reviewed)) \
                AND (NOT $8 OR i.case_filed_at IS NOT NULL) \
                AND ($9::timestamptz IS NULL OR (i.opened_at, i.incident_id) < ($9, $10)) \
             ORDER BY i.opened_at DESC, i.incident_id DESC LIMIT $11"
        );
        let rows = diesel::sql_query(sql)
            .bind::<Text, _>(merchant.as_str())
            .bind::<Array<Text>, _>(filter.states.iter().map(|state| state.name()).collect::<Vec<_>>())
            .bind::<Array<Integer>, _>(filter.levels.iter().map(|level| level.number()).collect::<Vec<_>>())
            .bind::<Nullable<Text>, _>(filter.alert.as_deref())
            .bind::<Nullable<Bool>, _>(filter.drill)
            .bind::<Bool, _>(filter.retrospective_overdue)
            .bind::<Date, _>(today)
            .bind::<Bool, _>(filter.cases)
            .bind::<Nullable<Timestamptz>, _>(page.after.as_ref().map(|cursor| cursor.0))
            .bind::<Nullable<Text>, _>(page.after.as_ref().map(|cursor| cursor.1.as_str()))
            .bind::<BigInt, _>(page.limit())
            .load::<IncidentRow>(&mut conn)
            .await?;
        let incidents = rows.into_iter().map(IncidentRow::read).collect::<Result<_>>()?;
        let cursor = |incident: &Incident| IncidentCursor(incident.opened_at, incident.id.clone());
        Ok(page.page(incidents, cursor)?)
    }

    /// Incidents of all merchants of which the next are to be told.
    pub async fn list_incidents_to_escalate(
        &self,
        now: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<(MerchantId, String)>> {
        let mut conn = self.pool.get().await?;
        let rows = diesel::sql_query(
            "SELECT merchant_id, incident_id FROM incidents WHERE escalates_at <= $1 \
             ORDER BY escalates_at, merchant_id, incident_id LIMIT $2",
        )
        .bind::<Timestamptz, _>(now)
        .bind::<BigInt, _>(limit)
        .load::<DueRow>(&mut conn)
        .await?;
        Ok(rows.into_iter().map(|row| (MerchantId::new(row.merchant_id), row.incident_id)).collect())
    }
}

/// Locks an incident and reads it as it is then. An empty etag fits every version.
pub(super) async fn lock(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    (id, etag): (&str, &str),
) -> Result<Incident> {
    // Two statements: what is read beside the row must be as of after the wait for it.
    diesel::sql_query("SELECT FROM incidents WHERE merchant_id = $1 AND incident_id = $2 FOR UPDATE")
        .bind::<Text, _>(merchant.as_str())
        .bind::<Text, _>(id)
        .execute(conn)
        .await?;
    let found = find(conn, merchant, id).await?;
    let found = found.ok_or_else(|| IncidentError::NotFound { id: id.to_owned() })?;
    if !etag.is_empty() && etag != found.etag() {
        return Err(IncidentError::Changed { id: id.to_owned() }.into());
    }
    Ok(found)
}

/// Refuses people whom the directory doesn't know or who left.
pub(super) async fn check_people(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    named: BTreeSet<String>,
) -> Result<()> {
    let named: Vec<String> = named.into_iter().collect();
    let staying = people::staying(conn, merchant, &named).await?;
    match named.into_iter().find(|person| !staying.contains(person)) {
        Some(id) => Err(IncidentError::PersonNotFound { id }.into()),
        None => Ok(()),
    }
}

/// Writes the next version of a row that is there, its lines, its audit, and tells whoever is to be told.
pub(super) async fn save(
    conn: &mut AsyncPgConnection,
    by: &By,
    step: Step,
    now: DateTime<Utc>,
) -> Result<Incident> {
    let merchant = &by.caller.merchant;
    let who = (by.caller.subject.as_str(), by.caller.person.as_ref().map(PersonId::as_str));
    let (incident, entries) = step.finish(who, now);
    update(conn, merchant, &incident).await?;
    for entry in &entries {
        incident_entries::insert(conn, merchant, &incident.id, entry).await?;
    }
    let happened: Vec<EntryKind> = entries.iter().map(|entry| entry.kind).collect();
    if let (true, Some(wording)) = (happened.contains(&EntryKind::Worded), &incident.details.wording) {
        incident_wordings::insert(conn, merchant, &incident.id, wording).await?;
    }
    if let Some(entry) = entries.iter().find(|entry| entry.kind == EntryKind::WordingWithdrawn) {
        incident_wordings::withdraw(conn, merchant, &incident, &entry.act).await?;
    }
    if let Some(change) = Change::of(&entries) {
        let told: Vec<i32> = entries.iter().flat_map(|entry| entry.told.iter().copied()).collect();
        let event = outgoing::incident::incident_changed(merchant, &incident, change, &told, now);
        events::publish(conn, &event).await?;
    }
    if happened.contains(&EntryKind::Filed)
        && let Some(event) = outgoing::incident::case_filed(merchant, &incident, now)
    {
        events::publish(conn, &event).await?;
    }
    let summary = json!({
        "version": incident.version,
        "state": incident.state.name(),
        "level": incident.content.level.number(),
        "drill": incident.drill,
        "happened": happened.iter().map(|kind| kind.name()).collect::<Vec<_>>(),
    });
    by.audit(conn, now, format!("incident/{}", incident.id), summary).await?;
    Ok(incident)
}

async fn find(conn: &mut AsyncPgConnection, merchant: &MerchantId, id: &str) -> Result<Option<Incident>> {
    let sql = format!("SELECT {COLUMNS} FROM incidents i WHERE i.merchant_id = $1 AND i.incident_id = $2");
    let row = diesel::sql_query(sql)
        .bind::<Text, _>(merchant.as_str())
        .bind::<Text, _>(id)
        .get_result::<IncidentRow>(conn)
        .await
        .optional()?;
    row.map(IncidentRow::read).transpose()
}

async fn insert(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    incident: &Incident,
    opened_day: NaiveDate,
) -> Result<()> {
    let exists = || MetricsError::from(IncidentError::Exists { id: incident.id.clone() });
    diesel::sql_query(
        "INSERT INTO incidents (merchant_id, incident_id, drill, alert_id, opened_at, opened_day, created_by, version, \
            state, level, contained_at, closed_at, escalates_at, retrospective_due, reviewed, case_filed_at, worded_at, \
            products, entries, content, details, changed_by, changed_at, wording_withdrawn_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, \
            $24)",
    )
    .into_boxed()
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(&incident.id)
    .bind::<Bool, _>(incident.drill)
    .bind::<Nullable<Text>, _>(incident.alert.as_deref())
    .bind::<Timestamptz, _>(incident.opened_at)
    .bind::<Date, _>(opened_day)
    .bind::<Text, _>(&incident.created_by)
    .bind_changing(incident)?
    .execute(conn)
    .await
    .map_err(pg::on_constraint("incidents_pkey", exists))?;
    Ok(())
}

async fn update(conn: &mut AsyncPgConnection, merchant: &MerchantId, incident: &Incident) -> Result<()> {
    diesel::sql_query(
        "UPDATE incidents SET version = $3, state = $4, level = $5, contained_at = $6, closed_at = $7, escalates_at = $8, \
            retrospective_due = $9, reviewed = $10, case_filed_at = $11, worded_at = $12, products = $13, entries = $14, \
            content = $15, details = $16, changed_by = $17, changed_at = $18, wording_withdrawn_at = $19 \
         WHERE merchant_id = $1 AND incident_id = $2",
    )
    .into_boxed()
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(&incident.id)
    .bind_changing(incident)?
    .execute(conn)
    .await?;
    Ok(())
}

type Query<'a> = diesel::query_builder::BoxedSqlQuery<'a, diesel::pg::Pg, diesel::query_builder::SqlQuery>;

/// Binds what may change of an incident, in the order in which both statements name it.
trait BindChanging<'a>: Sized {
    fn bind_changing(self, incident: &'a Incident) -> Result<Self>;
}

impl<'a> BindChanging<'a> for Query<'a> {
    fn bind_changing(self, incident: &'a Incident) -> Result<Self> {
        let details = &incident.details;
        Ok(self
            .bind::<BigInt, _>(incident.version)
            .bind::<Text, _>(incident.state.name())
            .bind::<Integer, _>(incident.content.level.number())
            .bind::<Nullable<Timestamptz>, _>(incident.contained_at)
            .bind::<Nullable<Timestamptz>, _>(incident.closed_at)
            .bind::<Nullable<Timestamptz>, _>(incident.escalates_at())
            .bind::<Nullable<Date>, _>(incident.retrospective_due)
            .bind::<Bool, _>(incident.reviewed)
            .bind::<Nullable<Timestamptz>, _>(details.case.as_ref().map(|case| case.at))
            .bind::<Nullable<Timestamptz>, _>(details.wording.as_ref().map(|wording| wording.at))
            .bind::<Array<Text>, _>(&incident.content.products)
            .bind::<Integer, _>(incident.entries)
            .bind::<Jsonb, _>(json_of(&incident.content)?)
            .bind::<Jsonb, _>(json_of(details)?)
            .bind::<Text, _>(&incident.changed.0)
            .bind::<Timestamptz, _>(incident.changed.1)
            .bind::<Nullable<Timestamptz>, _>(incident.wording_withdrawn_at))
    }
}

#[derive(QueryableByName)]
struct DueRow {
    #[diesel(sql_type = Text)]
    merchant_id: String,
    #[diesel(sql_type = Text)]
    incident_id: String,
}

#[derive(QueryableByName)]
struct IncidentRow {
    #[diesel(sql_type = Text)]
    incident_id: String,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Bool)]
    drill: bool,
    #[diesel(sql_type = Nullable<Text>)]
    alert_id: Option<String>,
    #[diesel(sql_type = Timestamptz)]
    opened_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    contained_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    closed_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Date>)]
    retrospective_due: Option<NaiveDate>,
    #[diesel(sql_type = Bool)]
    reviewed: bool,
    #[diesel(sql_type = Integer)]
    entries: i32,
    #[diesel(sql_type = Jsonb)]
    content: serde_json::Value,
    #[diesel(sql_type = Jsonb)]
    details: serde_json::Value,
    #[diesel(sql_type = Text)]
    created_by: String,
    #[diesel(sql_type = Text)]
    changed_by: String,
    #[diesel(sql_type = Timestamptz)]
    changed_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    wording_withdrawn_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Integer)]
    wordings: i32,
    #[diesel(sql_type = Integer)]
    open_tasks: i32,
}

impl IncidentRow {
    fn read(self) -> Result<Incident> {
        let broken = |why: String| pg::Error::unreadable("incidents", &self.incident_id, why);
        Ok(Incident {
            state: IncidentState::of(&self.state).ok_or_else(|| broken("unknown state".to_owned()))?,
            content: serde_json::from_value(self.content).map_err(|why| broken(why.to_string()))?,
            details: serde_json::from_value(self.details).map_err(|why| broken(why.to_string()))?,
            id: self.incident_id,
            version: self.version,
            drill: self.drill,
            alert: self.alert_id,
            opened_at: self.opened_at,
            contained_at: self.contained_at,
            closed_at: self.closed_at,
            retrospective_due: self.retrospective_due,
            reviewed: self.reviewed,
            entries: self.entries,
            open_tasks: self.open_tasks,
            wordings: self.wordings,
            wording_withdrawn_at: self.wording_withdrawn_at,
            created_by: self.created_by,
            changed: (self.changed_by, self.changed_at),
        })
    }
}
