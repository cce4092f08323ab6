//! `cases`.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::sql_types::{Array, BigInt, Bool, Date, Integer, Jsonb, Nullable, Text, Timestamptz};
use diesel::{OptionalExtension, QueryableByName};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use runtime::ids::MerchantId;
use serde_json::json;

use crate::domain::case::error::CaseError;
use crate::domain::case::filter::CaseFilter;
use crate::domain::case::policy::{Policy, Rules};
use crate::domain::case::step::{Event, Happening, Step};
use crate::domain::case::{Case, CaseState};
use crate::domain::reach::Reached;
use crate::error::MetricsError;
use crate::store::deadlines::{self, DueCursor};
use crate::store::{Result, Store, entries, json_of, people, settings};

pub(super) const COLUMNS: &str = "case_id, version, state, content, owner_person_id, people, accepted_by_person_id, accepted_at, due_at, \
     course, granted, recovered, events, created_by, changed_by, changed_at, complaint_id";

/// What becomes of a case in a step.
#[derive(Debug)]
pub struct CaseStep {
    /// What it is then, but for version and entries.
    pub next: Case,
    /// Whether that came after the deadline.
    pub late: bool,
    /// What its timeline says of it.
    pub happening: Happening,
}

impl Store {
    /// Takes a case up as `decide` says under what is set, and gives its id. `built_in` is set unless something else is.
    pub async fn insert_case(
        &self,
        by: &By,
        built_in: Policy,
        now: DateTime<Utc>,
        decide: impl FnOnce(&Rules) -> Result<Case> + Send,
    ) -> Result<String> {
        let merchant = &by.caller.merchant;
        by.change(&self.pool, now, async |conn| {
            let policy = settings::find(conn, merchant.as_str(), None).await?.unwrap_or(built_in);
            let case = decide(&policy.rules)?;
            check_known(conn, merchant, &case.owner).await?;
            let day = directory::calendar(conn, merchant).await?.business_day(now);
            insert(conn, merchant, &case, day).await?;
            let (severity, cause) = (case.content.severity, case.content.cause.clone());
            append(conn, by, &case, false, Happening::Accepted { severity, cause }).await?;
            Ok::<_, MetricsError>(case.id)
        })
        .await
    }

    /// Lets `decide` take a case that the scope reaches to its next version, under what is set.
    pub async fn update_case(
        &self,
        by: &By,
        scope: &Scope,
        (id, etag): (&str, &str),
        (built_in, now): (Policy, DateTime<Utc>),
        decide: impl FnOnce(Case, &Rules) -> Result<CaseStep> + Send,
    ) -> Result<i64> {
        let merchant = &scope.merchant;
        by.change(&self.pool, now, async |conn| {
            let missing = || CaseError::NotFound { id: id.to_owned() };
            let found = find(conn, merchant, id, true).await?.ok_or_else(missing)?;
            let today = directory::calendar(conn, merchant).await?.business_day(now);
            if !is_seen(&found, &people::reached(conn, scope, today).await?) {
                return Err(missing().into());
            }
            if etag != found.etag() {
                return Err(CaseError::Changed { id: id.to_owned() }.into());
            }
            let policy = settings::find(conn, merchant.as_str(), None).await?.unwrap_or(built_in);
            let step = decide(found, &policy.rules)?;
            if let Happening::Step(Step::Escalation(escalation)) = &step.happening {
                check_known(conn, merchant, &escalation.to).await?;
            }
            write(conn, by, step, now).await
        })
        .await
    }

    /// A case that the scope reaches.
    pub async fn find_case(&self, scope: &Scope, id: &str, now: DateTime<Utc>) -> Result<Option<Case>> {
        let mut conn = self.pool.get().await?;
        let today = directory::calendar(&mut conn, &scope.merchant).await?.business_day(now);
        let reached = people::reached(&mut conn, scope, today).await?;
        let found = find(&mut conn, &scope.merchant, id, false).await?;
        Ok(found.filter(|case| is_seen(case, &reached)))
    }

    /// A page of cases that the scope reaches, by deadline, then id.
    pub async fn list_cases(
        &self,
        scope: &Scope,
        filter: &CaseFilter,
        now: DateTime<Utc>,
        page: &PageRequest<DueCursor>,
    ) -> Result<Page<Case>> {
        let mut conn = self.pool.get().await?;
        let today = directory::calendar(&mut conn, &scope.merchant).await?.business_day(now);
        let reached = people::reached(&mut conn, scope, today).await?;
        let sql = format!(
            "SELECT {COLUMNS} FROM cases WHERE merchant_id = $1 \
                AND (cardinality($2::text[]) = 0 OR state = ANY ($2)) AND (cardinality($3::text[]) = 0 OR kind = ANY ($3)) \
                AND (cardinality($4::text[]) = 0 OR severity = ANY ($4)) AND ($5::text IS NULL OR cause_id = $5) \
                AND ($6::text IS NULL OR owner_person_id = $6) AND ($7::text IS NULL OR shop_id = $7) \
                AND ($8::text IS NULL OR customer_id = $8) AND ($9::text IS NULL OR phone_token = $9) \
                AND (NOT $10 OR due_at < $11) AND ($12::text[] IS NULL OR people && $12) \
                AND ($13::timestamptz IS NULL OR (due_at, case_id) > ($13, $14)) \
             ORDER BY due_at, case_id LIMIT $15"
        );
        let rows = diesel::sql_query(sql)
            .bind::<Text, _>(scope.merchant.as_str())
            .bind::<Array<Text>, _>(filter.states.iter().map(|state| state.name()).collect::<Vec<_>>())
            .bind::<Array<Text>, _>(filter.kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>())
            .bind::<Array<Text>, _>(filter.severities.iter().map(|s| s.name()).collect::<Vec<_>>())
            .bind::<Nullable<Text>, _>(filter.cause.as_deref())
            .bind::<Nullable<Text>, _>(filter.owner.as_deref())
            .bind::<Nullable<Text>, _>(filter.shop.as_deref())
            .bind::<Nullable<Text>, _>(filter.customer.as_deref())
            .bind::<Nullable<Text>, _>(filter.phone.as_deref())
            .bind::<Bool, _>(filter.overdue)
            .bind::<Timestamptz, _>(now)
            .bind::<Nullable<Array<Text>>, _>(reached.column())
            .bind::<Nullable<Timestamptz>, _>(page.after.as_ref().map(|cursor| cursor.0))
            .bind::<Nullable<Text>, _>(page.after.as_ref().map(|cursor| cursor.1.as_str()))
            .bind::<BigInt, _>(page.limit())
            .load::<CaseRow>(&mut conn)
            .await?;
        let cases = rows.into_iter().map(CaseRow::read).collect::<Result<_>>()?;
        Ok(page.page(cases, |case: &Case| DueCursor::after(case.due_at, &case.id))?)
    }
}

/// Stores the next version of a locked case, with its entry in the timeline and in the audit. Gives the version.
pub(super) async fn write(
    conn: &mut AsyncPgConnection,
    by: &By,
    step: CaseStep,
    now: DateTime<Utc>,
) -> Result<i64> {
    let next = step.next.changed(by.caller.subject.clone(), now)?;
    update(conn, &by.caller.merchant, &next).await?;
    append(conn, by, &next, step.late, step.happening).await?;
    Ok(next.version)
}

fn is_seen(case: &Case, reached: &Reached) -> bool {
    reached.holds_any(case.people.iter().map(String::as_str))
}

async fn check_known(conn: &mut AsyncPgConnection, merchant: &MerchantId, person: &str) -> Result<()> {
    let known = people::known(conn, merchant.as_str(), &[person.to_owned()]).await?;
    if known.is_empty() {
        return Err(CaseError::PersonNotFound { id: person.to_owned() }.into());
    }
    Ok(())
}

/// Writes what happened into the timeline and into the audit; of a grant the audit has the amount, of no step a text.
pub(super) async fn append(
    conn: &mut AsyncPgConnection,
    by: &By,
    case: &Case,
    late: bool,
    happening: Happening,
) -> Result<()> {
    let what = match &happening {
        Happening::Accepted { .. } => "acceptance",
        Happening::Edited { .. } => "edit",
        Happening::HandedOver { .. } => "hand-over",
        Happening::Step(step) => step.kind().name(),
    };
    let summary = json!({
        "version": case.version,
        "what": what,
        "state": case.state.name(),
        "owner": case.owner,
        "granted": case.granted,
        "late": late,
    });
    let event = Event {
        number: case.events,
        person: by.caller.person.as_ref().map(ToString::to_string),
        at: case.changed.1,
        state: case.state,
        due_at: case.due_at,
        late,
        happening,
    };
    entries::insert(conn, &by.caller.merchant, &case.id, &event).await?;
    Ok(by.audit(conn, case.changed.1, format!("case/{}", case.id), summary).await?)
}

pub(super) async fn find(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    id: &str,
    lock: bool,
) -> Result<Option<Case>> {
    let lock = if lock { "FOR UPDATE" } else { "" };
    let sql = format!("SELECT {COLUMNS} FROM cases WHERE merchant_id = $1 AND case_id = $2 {lock}");
    let row = diesel::sql_query(sql)
        .bind::<Text, _>(merchant.as_str())
        .bind::<Text, _>(id)
        .get_result::<CaseRow>(conn)
        .await
        .optional()?;
    row.map(CaseRow::read).transpose()
}

pub(super) async fn insert(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    case: &Case,
    accepted_day: NaiveDate,
) -> Result<()> {
    let exists = || MetricsError::from(CaseError::Exists { id: case.id.clone() });
    diesel::sql_query(
        "INSERT INTO cases (merchant_id, case_id, accepted_by_person_id, accepted_at, accepted_day, created_by, version, state, \
            kind, severity, cause_id, shop_id, customer_id, phone_token, owner_person_id, people, due_at, content, course, \
            missed, granted, recovered, events, changed_by, changed_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, \
            $24, $25)",
    )
    .into_boxed()
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(&case.id)
    .bind::<Nullable<Text>, _>(case.accepted_by.as_deref())
    .bind::<Timestamptz, _>(case.accepted_at)
    .bind::<Date, _>(accepted_day)
    .bind::<Text, _>(&case.created_by)
    .bind_changing(case)?
    .execute(conn)
    .await
    .map_err(pg::on_constraint("cases_pkey", exists))?;
    Ok(())
}

async fn update(conn: &mut AsyncPgConnection, merchant: &MerchantId, case: &Case) -> Result<()> {
    diesel::sql_query(
        "UPDATE cases SET version = $3, state = $4, kind = $5, severity = $6, cause_id = $7, shop_id = $8, \
            customer_id = $9, phone_token = $10, owner_person_id = $11, people = $12, due_at = $13, content = $14, \
            course = $15, missed = $16, granted = $17, recovered = $18, events = $19, changed_by = $20, changed_at = $21 \
         WHERE merchant_id = $1 AND case_id = $2",
    )
    .into_boxed()
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(&case.id)
    .bind_changing(case)?
    .execute(conn)
    .await?;
    Ok(())
}

type Query<'a> = diesel::query_builder::BoxedSqlQuery<'a, diesel::pg::Pg, diesel::query_builder::SqlQuery>;

/// Binds what may change of a case, in the order in which both statements name it.
trait BindChanging<'a>: Sized {
    fn bind_changing(self, case: &'a Case) -> Result<Self>;
}

impl<'a> BindChanging<'a> for Query<'a> {
    fn bind_changing(self, case: &'a Case) -> Result<Self> {
        let content = &case.content;
        Ok(self
            .bind::<BigInt, _>(case.version)
            .bind::<Text, _>(case.state.name())
            .bind::<Text, _>(content.kind.name())
            .bind::<Text, _>(content.severity.name())
            .bind::<Nullable<Text>, _>(content.cause.as_deref())
            .bind::<Text, _>(&content.shop)
            .bind::<Nullable<Text>, _>(content.customer.as_deref())
            .bind::<Nullable<Text>, _>(content.phone.as_ref().map(|phone| phone.token.as_str()))
            .bind::<Text, _>(&case.owner)
            .bind::<Array<Text>, _>(case.people.iter().collect::<Vec<_>>())
            .bind::<Timestamptz, _>(deadlines::stored(case.due_at))
            .bind::<Jsonb, _>(json_of(content)?)
            .bind::<Jsonb, _>(json_of(&case.course)?)
            .bind::<Integer, _>(case.course.missed)
            .bind::<BigInt, _>(case.granted)
            .bind::<BigInt, _>(case.recovered)
            .bind::<Integer, _>(case.events)
            .bind::<Text, _>(&case.changed.0)
            .bind::<Timestamptz, _>(case.changed.1))
    }
}

#[derive(QueryableByName)]
pub(super) struct CaseRow {
    #[diesel(sql_type = Text)]
    case_id: String,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Jsonb)]
    content: serde_json::Value,
    #[diesel(sql_type = Text)]
    owner_person_id: String,
    #[diesel(sql_type = Array<Text>)]
    people: Vec<String>,
    #[diesel(sql_type = Nullable<Text>)]
    accepted_by_person_id: Option<String>,
    #[diesel(sql_type = Timestamptz)]
    accepted_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    due_at: DateTime<Utc>,
    #[diesel(sql_type = Jsonb)]
    course: serde_json::Value,
    #[diesel(sql_type = BigInt)]
    granted: i64,
    #[diesel(sql_type = BigInt)]
    recovered: i64,
    #[diesel(sql_type = Integer)]
    events: i32,
    #[diesel(sql_type = Text)]
    created_by: String,
    #[diesel(sql_type = Text)]
    changed_by: String,
    #[diesel(sql_type = Timestamptz)]
    changed_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Text>)]
    complaint_id: Option<String>,
}

impl CaseRow {
    pub(super) fn read(self) -> Result<Case> {
        let broken = |why: String| pg::Error::unreadable("cases", &self.case_id, why);
        Ok(Case {
            state: CaseState::of(&self.state).ok_or_else(|| broken("unknown state".to_owned()))?,
            content: serde_json::from_value(self.content).map_err(|why| broken(why.to_string()))?,
            course: serde_json::from_value(self.course).map_err(|why| broken(why.to_string()))?,
            id: self.case_id,
            version: self.version,
            owner: self.owner_person_id,
            people: self.people.into_iter().collect(),
            accepted_by: self.accepted_by_person_id,
            accepted_at: self.accepted_at,
            due_at: deadlines::read(self.due_at),
            granted: self.granted,
            recovered: self.recovered,
            events: self.events,
            complaint: self.complaint_id,
            created_by: self.created_by,
            changed: (self.changed_by, self.changed_at),
        })
    }
}
