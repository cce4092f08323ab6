//! `reports`: asked for, read. How they are made is in [`super::report_queue`].

use chrono::{DateTime, NaiveDate, Utc};
use diesel::sql_types::{Array, BigInt, Bool, Date, Integer, Jsonb, Nullable, Text, Timestamptz};
use diesel::{OptionalExtension, QueryableByName};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::identity::{Reach, Scope};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::domain::figure::{DayRange, DefinitionRef};
use crate::domain::report::document::{Document, state_of};
use crate::domain::report::filter::ReportFilter;
use crate::domain::report::{
    Made, Order, Report, ReportError, ReportKind, ReportState, Subject, SubjectKind, WAITING_MAX,
};
use crate::error::MetricsError;
use crate::store::{Result, Store};

pub(super) const COLUMNS: &str = "r.report_id, r.kind, r.subject_kind, r.subject_id, r.from_day, r.to_day, r.due_day, \
     r.definition_id, r.definition_version, r.known_on, r.state, r.failure, r.requested_by, r.requested_at, r.made_at, \
     r.figure_state, r.conversion_state, r.refund_state, r.subject_name, r.versions, r.recipients";

/// Whether row `r` is within reach: $2 for everything, $3 is the person whose own reports are, $4 whether also those
/// of people and teams whom that person led on the report's last day.
const REACHED: &str = "($2 OR (r.subject_kind = 'person' AND r.subject_id = $3) OR ($4 AND EXISTS ( \
        SELECT 1 FROM memberships l WHERE l.merchant_id = $1 AND l.person_id = $3 AND l.lead \
            AND r.to_day BETWEEN l.from_day AND l.to_day AND ( \
                (r.subject_kind = 'team' AND r.subject_id = l.team_id) \
                OR (r.subject_kind = 'person' AND EXISTS ( \
                    SELECT 1 FROM memberships m WHERE m.merchant_id = $1 AND m.team_id = l.team_id \
                        AND m.person_id = r.subject_id AND r.to_day BETWEEN m.from_day AND m.to_day))))))";

/// The report that a page begins after: its last day and id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportCursor(pub NaiveDate, pub String);

/// What a scope reaches, as the parameters of [`REACHED`].
struct Reaching<'a> {
    all: bool,
    person: &'a str,
    leads: bool,
}

impl<'a> Reaching<'a> {
    fn of(scope: &'a Scope) -> Self {
        match &scope.reach {
            Reach::Merchant => Self { all: true, person: "", leads: false },
            Reach::Own(person) => Self { all: false, person: person.as_str(), leads: false },
            Reach::Team(lead) => Self { all: false, person: lead.as_str(), leads: true },
        }
    }
}

impl Store {
    /// Asks for a report about something that the scope reaches.
    pub async fn insert_report(&self, by: &By, scope: &Scope, report: &Report) -> Result<String> {
        let merchant = scope.merchant.as_str();
        by.change(&self.pool, report.requested.1, async |conn| {
            check_subject(conn, scope, &report.order).await?;
            let waiting = count_waiting(conn, merchant).await?;
            if waiting >= WAITING_MAX {
                return Err(ReportError::TooManyWaiting { limit: WAITING_MAX }.into());
            }
            insert(conn, merchant, report).await?;
            let order = &report.order;
            let summary = json!({
                "kind": order.kind.name(),
                "subject": format!("{}/{}", order.subject.kind.name(), order.subject.id),
                "days": [order.days.from, order.days.to],
            });
            by.audit(conn, report.requested.1, format!("report/{}", report.id), summary).await?;
            Ok::<_, MetricsError>(report.id.clone())
        })
        .await
    }

    /// A report that the scope reaches.
    pub async fn find_report(&self, scope: &Scope, id: &str) -> Result<Option<Report>> {
        let mut conn = self.pool.get().await?;
        let reaching = Reaching::of(scope);
        let sql = format!(
            "SELECT {COLUMNS} FROM reports r WHERE r.merchant_id = $1 AND r.report_id = $5 AND {REACHED}"
        );
        let row = diesel::sql_query(sql)
            .bind::<Text, _>(scope.merchant.as_str())
            .bind::<Bool, _>(reaching.all)
            .bind::<Text, _>(reaching.person)
            .bind::<Bool, _>(reaching.leads)
            .bind::<Text, _>(id)
            .get_result::<ReportRow>(&mut conn)
            .await
            .optional()?;
        row.map(ReportRow::read).transpose()
    }

    /// A page of reports that the scope reaches, the latest last day first, then by id.
    pub async fn list_reports(
        &self,
        scope: &Scope,
        filter: &ReportFilter,
        page: &PageRequest<ReportCursor>,
    ) -> Result<Page<Report>> {
        let mut conn = self.pool.get().await?;
        let reaching = Reaching::of(scope);
        let kinds: Vec<_> = filter.kinds.iter().map(|kind| kind.name()).collect();
        let states: Vec<_> = filter.states.iter().map(|state| state.name()).collect();
        let sql = format!(
            "SELECT {COLUMNS} FROM reports r WHERE r.merchant_id = $1 AND {REACHED} \
                AND (cardinality($5::text[]) = 0 OR r.kind = ANY ($5)) \
                AND (cardinality($6::text[]) = 0 OR r.state = ANY ($6)) \
                AND ($7::text IS NULL OR r.subject_kind = $7) AND ($8::text IS NULL OR r.subject_id = $8) \
                AND ($9::date IS NULL OR r.to_day BETWEEN $9 AND $10) \
                AND ($11::date IS NULL OR (r.to_day, r.report_id) < ($11, $12)) \
                AND ($14::text[] IS NULL OR r.recipients && $14) \
             ORDER BY r.to_day DESC, r.report_id DESC LIMIT $13"
        );
        let rows = diesel::sql_query(sql)
            .bind::<Text, _>(scope.merchant.as_str())
            .bind::<Bool, _>(reaching.all)
            .bind::<Text, _>(reaching.person)
            .bind::<Bool, _>(reaching.leads)
            .bind::<Array<Text>, _>(kinds)
            .bind::<Array<Text>, _>(states)
            .bind::<Nullable<Text>, _>(filter.subject_kind.map(SubjectKind::name))
            .bind::<Nullable<Text>, _>(filter.subject_id.as_deref())
            .bind::<Nullable<Date>, _>(filter.days.map(|days| days.from))
            .bind::<Nullable<Date>, _>(filter.days.map(|days| days.to))
            .bind::<Nullable<Date>, _>(page.after.as_ref().map(|cursor| cursor.0))
            .bind::<Nullable<Text>, _>(page.after.as_ref().map(|cursor| cursor.1.as_str()))
            .bind::<BigInt, _>(page.limit())
            .bind::<Nullable<Array<Text>>, _>(filter.addressed_to.as_ref())
            .load::<ReportRow>(&mut conn)
            .await?;
        let reports = rows.into_iter().map(ReportRow::read).collect::<Result<_>>()?;
        Ok(page.page(reports, |report: &Report| ReportCursor(report.order.days.to, report.id.clone()))?)
    }

    /// The frozen figures of a report. Whether the scope reaches it is asked before.
    pub async fn find_document(&self, scope: &Scope, id: &str) -> Result<Option<Document>> {
        let mut conn = self.pool.get().await?;
        let row = diesel::sql_query(
            "SELECT document FROM reports WHERE merchant_id = $1 AND report_id = $2 AND document IS NOT NULL",
        )
        .bind::<Text, _>(scope.merchant.as_str())
        .bind::<Text, _>(id)
        .get_result::<DocumentRow>(&mut conn)
        .await
        .optional()?;
        let read = |row: DocumentRow| {
            serde_json::from_value(row.document).map_err(|why| pg::Error::unreadable("reports", id, why))
        };
        Ok(row.map(read).transpose()?)
    }

    /// What the directory calls a subject.
    pub async fn find_subject_name(&self, scope: &Scope, subject: &Subject) -> Result<Option<String>> {
        let mut conn = self.pool.get().await?;
        let row = diesel::sql_query(SUBJECT_NAME)
            .bind::<Text, _>(scope.merchant.as_str())
            .bind::<Text, _>(subject.kind.name())
            .bind::<Text, _>(&subject.id)
            .get_result::<NameRow>(&mut conn)
            .await
            .optional()?;
        Ok(row.map(|row| row.name))
    }
}

const SUBJECT_NAME: &str = "SELECT name FROM people WHERE $2 = 'person' AND merchant_id = $1 AND person_id = $3 \
     UNION ALL SELECT name FROM teams WHERE $2 = 'team' AND merchant_id = $1 AND team_id = $3 \
     UNION ALL SELECT name FROM shops WHERE $2 = 'shop' AND merchant_id = $1 AND shop_id = $3 \
     UNION ALL SELECT name FROM merchants WHERE $2 = 'merchant' AND merchant_id = $1";

/// Refuses what nobody knows, or the scope doesn't reach. A shop may be known by its figures alone.
async fn check_subject(conn: &mut AsyncPgConnection, scope: &Scope, order: &Order) -> Result<()> {
    let reaching = Reaching::of(scope);
    let sql = format!(
        "SELECT (EXISTS ({SUBJECT}) OR ($5 = 'shop' AND EXISTS ( \
            SELECT 1 FROM day_facts WHERE merchant_id = $1 AND shop_id = $6))) AND {REACHED} AS found \
         FROM (SELECT $5::text AS subject_kind, $6::text AS subject_id, $7::date AS to_day) AS r",
        SUBJECT = SUBJECT_NAME.replace("$3", "$6").replace("$2", "$5"),
    );
    let subject = &order.subject;
    let row = diesel::sql_query(sql)
        .bind::<Text, _>(scope.merchant.as_str())
        .bind::<Bool, _>(reaching.all)
        .bind::<Text, _>(reaching.person)
        .bind::<Bool, _>(reaching.leads)
        .bind::<Text, _>(subject.kind.name())
        .bind::<Text, _>(&subject.id)
        .bind::<Date, _>(order.days.to)
        .get_result::<FoundRow>(conn)
        .await?;
    if row.found {
        return Ok(());
    }
    Err(ReportError::SubjectNotFound { kind: subject.kind, id: subject.id.clone() }.into())
}

async fn count_waiting(conn: &mut AsyncPgConnection, merchant: &str) -> Result<i64> {
    let row = diesel::sql_query(
        "SELECT count(*) AS count FROM reports WHERE merchant_id = $1 AND NOT scheduled AND state IN ('waiting', 'making')",
    )
    .bind::<Text, _>(merchant)
    .get_result::<CountRow>(conn)
    .await?;
    Ok(row.count)
}

async fn insert(conn: &mut AsyncPgConnection, merchant: &str, report: &Report) -> Result<()> {
    let exists = || MetricsError::from(ReportError::Exists { id: report.id.clone() });
    let order = &report.order;
    diesel::sql_query(
        "INSERT INTO reports (merchant_id, report_id, kind, subject_kind, subject_id, from_day, to_day, scheduled, \
            definition_id, definition_version, known_on, state, held_until, requested_by, requested_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, false, $8, $9, $10, 'waiting', $12, $11, $12)",
    )
    .bind::<Text, _>(merchant)
    .bind::<Text, _>(&report.id)
    .bind::<Text, _>(order.kind.name())
    .bind::<Text, _>(order.subject.kind.name())
    .bind::<Text, _>(&order.subject.id)
    .bind::<Date, _>(order.days.from)
    .bind::<Date, _>(order.days.to)
    .bind::<Text, _>(&order.definition.id)
    .bind::<Nullable<Integer>, _>(order.definition.version)
    .bind::<Nullable<Date>, _>(order.known_on)
    .bind::<Text, _>(&report.requested.0)
    .bind::<Timestamptz, _>(report.requested.1)
    .execute(conn)
    .await
    .map_err(pg::on_constraint("reports_pkey", exists))?;
    Ok(())
}

#[derive(QueryableByName)]
struct FoundRow {
    #[diesel(sql_type = Bool)]
    found: bool,
}

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[derive(QueryableByName)]
struct NameRow {
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(QueryableByName)]
struct DocumentRow {
    #[diesel(sql_type = Jsonb)]
    document: serde_json::Value,
}

#[derive(QueryableByName)]
pub(super) struct ReportRow {
    #[diesel(sql_type = Text)]
    report_id: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Text)]
    subject_kind: String,
    #[diesel(sql_type = Text)]
    subject_id: String,
    #[diesel(sql_type = Date)]
    from_day: NaiveDate,
    #[diesel(sql_type = Date)]
    to_day: NaiveDate,
    #[diesel(sql_type = Nullable<Date>)]
    due_day: Option<NaiveDate>,
    #[diesel(sql_type = Text)]
    definition_id: String,
    #[diesel(sql_type = Nullable<Integer>)]
    definition_version: Option<i32>,
    #[diesel(sql_type = Nullable<Date>)]
    known_on: Option<NaiveDate>,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Text)]
    failure: String,
    #[diesel(sql_type = Text)]
    requested_by: String,
    #[diesel(sql_type = Timestamptz)]
    requested_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    made_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Text>)]
    figure_state: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    conversion_state: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    refund_state: Option<String>,
    #[diesel(sql_type = Text)]
    subject_name: String,
    #[diesel(sql_type = Array<Integer>)]
    versions: Vec<i32>,
    #[diesel(sql_type = Array<Text>)]
    recipients: Vec<String>,
}

impl ReportRow {
    pub(super) fn read(self) -> Result<Report> {
        let unknown =
            |what: &str| pg::Error::unreadable("reports", &self.report_id, format!("its {what} is unknown"));
        let kind = ReportKind::of(&self.kind).ok_or_else(|| unknown("kind"))?;
        let subject_kind = SubjectKind::of(&self.subject_kind).ok_or_else(|| unknown("subject"))?;
        let state = ReportState::of(&self.state).ok_or_else(|| unknown("state"))?;
        let settled = |name: &Option<String>| {
            name.as_ref().map(|name| state_of(name).ok_or_else(|| unknown("figures' state"))).transpose()
        };
        let states =
            [settled(&self.figure_state)?, settled(&self.conversion_state)?, settled(&self.refund_state)?];
        let made = match self.made_at {
            Some(at) if states[0].is_some() => {
                Some(Made { at, states, name: self.subject_name, versions: self.versions })
            }
            _ => None,
        };
        let order = Order {
            kind,
            subject: Subject { kind: subject_kind, id: self.subject_id },
            days: DayRange { from: self.from_day, to: self.to_day },
            known_on: self.known_on,
            definition: DefinitionRef { id: self.definition_id, version: self.definition_version },
            due_day: self.due_day,
            recipients: self.recipients,
        };
        Ok(Report {
            id: self.report_id,
            order,
            state,
            failure: self.failure,
            made,
            requested: (self.requested_by, self.requested_at),
        })
    }
}
