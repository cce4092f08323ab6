//! `follow_up_checks`: customers to look at; and what becomes of looking.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use pg::By;
use runtime::ids::MerchantId;
use serde_json::json;
use uuid::Uuid;

use crate::domain::case::policy::Policy as CasePolicy;
use crate::domain::follow_up::policy::{FollowUpPolicy, Rules};
use crate::domain::follow_up::reasons::{Ending, Known, Plan, is_recent, plan};
use crate::domain::follow_up::{FollowUp, FollowUpKind, FollowUpState, Happening};
use crate::domain::sharing::share_out;
use crate::domain::timeline::History;
use crate::error::MetricsError;
use crate::store::conversations::column;
use crate::store::ingest::ATTEMPTS;
use crate::store::loads::{Task, list_load};
use crate::store::timelines::{Customer, load_histories};
use crate::store::{Result, Store, complaint_cases, follow_up_payments, follow_ups, settings};

/// Customers looked at in one transaction.
const CUSTOMERS_MAX: i64 = 500;
/// How long a complaint waits until is looked again for somebody who could have its case.
const NOBODY_PAUSE: TimeDelta = TimeDelta::minutes(10);

/// What looking came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Looked {
    /// Customers looked at.
    pub customers: usize,
    /// Follow-ups made.
    pub created: usize,
    /// Follow-ups ended.
    pub ended: usize,
    /// Follow-ups of nobody that are somebody's now.
    pub assigned: usize,
    /// Cases opened for complaints, and corrected with them.
    pub cases: usize,
}

impl AddAssign for Looked {
    fn add_assign(&mut self, other: Self) {
        self.customers += other.customers;
        self.created += other.created;
        self.ended += other.ended;
        self.assigned += other.assigned;
        self.cases += other.cases;
    }
}

/// Has those of these customers looked at who did anything lately. Rows are only inserted, so nobody waits.
pub(super) async fn insert_recent(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    customers: &[&Customer],
    histories: &[History],
    now: DateTime<Utc>,
) -> Result<()> {
    let recent = customers.iter().zip(histories).filter(|(_, history)| is_recent(history, now));
    let checks: Vec<_> = recent.map(|(customer, _)| (*customer, now)).collect();
    insert(conn, merchant, &checks).await
}

async fn insert(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    checks: &[(&Customer, DateTime<Utc>)],
) -> Result<()> {
    if checks.is_empty() {
        return Ok(());
    }
    diesel::sql_query(
        "INSERT INTO follow_up_checks (merchant_id, check_at, shop_id, customer_id) \
         SELECT $1, * FROM unnest($2::timestamptz[], $3::text[], $4::text[])",
    )
    .bind::<Text, _>(merchant)
    .bind::<Array<Timestamptz>, _>(column(checks, |(_, at)| *at))
    .bind::<Array<Text>, _>(column(checks, |(customer, _)| customer.shop.as_str()))
    .bind::<Array<Text>, _>(column(checks, |(customer, _)| customer.id.as_str()))
    .execute(conn)
    .await?;
    Ok(())
}

impl Store {
    /// Looks at the merchant's next customers whose time has come: makes and ends follow-ups, and shares out what is
    /// nobody's; opens and corrects cases of complaints. Whoever comes while another replica looks has nothing to do.
    /// `built_in` holds if the merchant set nothing.
    pub async fn look_for_follow_ups(
        &self,
        by: &By,
        built_in: (&Rules, &CasePolicy),
        now: DateTime<Utc>,
    ) -> Result<Looked> {
        pg::with_retry(ATTEMPTS, async || {
            let mut conn = self.pool.get().await?;
            conn.transaction::<_, MetricsError, _>(async |conn| look(conn, by, built_in, now).await).await
        })
        .await
    }
}

async fn look(
    conn: &mut AsyncPgConnection,
    by: &By,
    (built_in, built_in_cases): (&Rules, &CasePolicy),
    now: DateTime<Utc>,
) -> Result<Looked> {
    let merchant = &by.caller.merchant;
    if !try_lease(conn, merchant).await? {
        return Ok(Looked::default());
    }
    // A policy that is put meanwhile has all customers looked at again.
    let policy: Option<FollowUpPolicy> = settings::find(conn, merchant.as_str(), None).await?;
    let timing = policy.map_or(*built_in, |policy| policy.rules).timing();
    let case_policy: Option<CasePolicy> = settings::find(conn, merchant.as_str(), None).await?;
    let case_rules = case_policy.unwrap_or_else(|| built_in_cases.clone()).rules;
    let mut case_load = complaint_cases::Load::default();
    let day = directory::calendar(conn, merchant).await?.business_day(now);
    // Deleted before the customers are read: whatever comes in later leaves a row of its own.
    let customers = take_due(conn, merchant, now).await?;
    let sorted: Vec<&Customer> = customers.iter().collect();
    let histories = load_histories(conn, merchant.as_str(), &sorted).await?;
    let mut known = list_known(conn, merchant, &sorted).await?;
    let mut load = list_load(conn, merchant, Task::FollowUp, day).await?;
    let mut looked = Looked { customers: customers.len(), ..Looked::default() };
    let mut later = Vec::new();
    for (at, (customer, history)) in sorted.iter().zip(&histories).enumerate() {
        let known = known.remove(&at).unwrap_or_default();
        let Plan { create, end, look_at } =
            plan((&customer.shop, &customer.id), history, &known, &timing, now);
        for draft in create {
            let owner = share_out(1, &load).pop();
            let made = (by.caller.subject.clone(), now);
            let follow_up = FollowUp::new(Uuid::now_v7().to_string(), draft, owner, made, timing.interval);
            if follow_ups::insert(conn, merchant, &follow_up, day).await? {
                follow_ups::append(conn, by, &follow_up, false, Happening::Created).await?;
                follow_up.owner.into_iter().for_each(|owner| *load.entry(owner).or_default() += 1);
                looked.created += 1;
            }
        }
        for ending in end {
            looked.ended += usize::from(close(conn, by, ending, now).await?);
        }
        later.extend(look_at.map(|at| (*customer, at)));
        let of = (&case_rules, &mut case_load);
        let complaints = complaint_cases::look(conn, by, (customer, history), of, (day, now)).await?;
        looked.cases += complaints.cases;
        later.extend(complaints.waits.then(|| (*customer, now + NOBODY_PAUSE)));
    }
    insert(conn, merchant.as_str(), &later).await?;
    looked.assigned = assign_homeless(conn, by, load, now).await?;
    if looked.created + looked.ended + looked.assigned + looked.cases > 0 {
        let summary = json!({
            "created": looked.created,
            "ended": looked.ended,
            "assigned": looked.assigned,
            "cases": looked.cases,
        });
        by.audit(conn, now, "follow_ups", summary).await?;
    }
    Ok(looked)
}

/// Has all customers of a merchant who wait for their time looked at now. Waits for whoever is looking: they leave rows of
/// their own.
pub(super) async fn hurry(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    now: DateTime<Utc>,
) -> Result<()> {
    diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended('metrics.follow_ups.' || $1, 0))")
        .bind::<Text, _>(merchant.as_str())
        .execute(conn)
        .await?;
    diesel::sql_query("UPDATE follow_up_checks SET check_at = $2 WHERE merchant_id = $1 AND check_at > $2")
        .bind::<Text, _>(merchant.as_str())
        .bind::<Timestamptz, _>(now)
        .execute(conn)
        .await?;
    Ok(())
}

/// Only one replica looks at a merchant's customers at a time; the lease ends with the transaction.
async fn try_lease(conn: &mut AsyncPgConnection, merchant: &MerchantId) -> Result<bool> {
    let row = diesel::sql_query(
        "SELECT pg_try_advisory_xact_lock(hashtextextended('metrics.follow_ups.' || $1, 0)) AS taken",
    )
    .bind::<Text, _>(merchant.as_str())
    .get_result::<LeaseRow>(conn)
    .await?;
    Ok(row.taken)
}

async fn take_due(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    now: DateTime<Utc>,
) -> Result<BTreeSet<Customer>> {
    let rows = diesel::sql_query(
        "DELETE FROM follow_up_checks c USING ( \
            SELECT DISTINCT shop_id, customer_id FROM ( \
                SELECT shop_id, customer_id FROM follow_up_checks WHERE merchant_id = $1 AND check_at <= $2 \
                ORDER BY check_at LIMIT $3) AS oldest) AS due \
         WHERE c.merchant_id = $1 AND c.shop_id = due.shop_id AND c.customer_id = due.customer_id \
         RETURNING c.shop_id, c.customer_id",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Timestamptz, _>(now)
    .bind::<BigInt, _>(CUSTOMERS_MAX)
    .load::<CustomerRow>(conn)
    .await?;
    Ok(rows.into_iter().map(|row| Customer { id: row.customer_id, shop: row.shop_id }).collect())
}

/// The follow-ups of customers, by the customers' places, in the order in which payments count for them.
async fn list_known(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    customers: &[&Customer],
) -> Result<BTreeMap<usize, Vec<Known>>> {
    // The offset keeps it from being joined: each customer is looked up.
    let rows = diesel::sql_query(
        "SELECT n.place::bigint AS place, f.* FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS n (shop, customer, place) \
         CROSS JOIN LATERAL (SELECT follow_up_id, kind, source_id, order_id, source_at, created_at, first_contact_at, \
                state = 'open' AS open FROM follow_ups \
            WHERE merchant_id = $1 AND shop_id = n.shop AND customer_id = n.customer OFFSET 0) AS f",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Array<Text>, _>(column(customers, |customer| customer.shop.as_str()))
    .bind::<Array<Text>, _>(column(customers, |customer| customer.id.as_str()))
    .load::<KnownRow>(conn)
    .await?;
    let mut known: BTreeMap<usize, Vec<Known>> = BTreeMap::new();
    for row in rows {
        let (place, follow_up) = row.read()?;
        known.entry(place).or_default().push(follow_up);
    }
    known.values_mut().for_each(|list| list.sort_by_key(|known| (known.kind, known.created_at)));
    Ok(known)
}

/// Ends a follow-up by itself unless somebody has done so; a payment that counts for another one does not count again.
async fn close(conn: &mut AsyncPgConnection, by: &By, ending: Ending, now: DateTime<Utc>) -> Result<bool> {
    let merchant = &by.caller.merchant;
    let Some(found) = follow_ups::find(conn, merchant, &ending.id, true).await? else { return Ok(false) };
    if found.state != FollowUpState::Open {
        return Ok(false);
    }
    let ids: Vec<&str> = ending.payments.iter().map(|(id, _)| id.as_str()).collect();
    let free = follow_up_payments::unlinked(conn, merchant, &found.draft.shop, &ids).await?;
    let counted: Vec<_> = ending.payments.into_iter().filter(|(id, _)| free.contains(id)).collect();
    let recovered = counted.iter().map(|(_, amount)| amount).sum();
    let payments: Vec<String> = counted.into_iter().map(|(id, _)| id).collect();
    let without = payments.is_empty() && found.draft.kind.wants_payment();
    let state =
        if without && ending.state == FollowUpState::Won { FollowUpState::Settled } else { ending.state };
    let next = found.close(state, (payments.clone(), recovered), now)?;
    follow_up_payments::link(conn, merchant, &next).await?;
    let happening = Happening::Ended { state, payments, note: String::new() };
    follow_ups::write(conn, by, next, (false, happening), now).await?;
    Ok(true)
}

/// Shares out open follow-ups of nobody and of who has left.
async fn assign_homeless(
    conn: &mut AsyncPgConnection,
    by: &By,
    load: BTreeMap<String, i64>,
    now: DateTime<Utc>,
) -> Result<usize> {
    if load.is_empty() {
        return Ok(0);
    }
    let merchant = &by.caller.merchant;
    let rows = diesel::sql_query(format!(
        "SELECT {} FROM follow_ups WHERE merchant_id = $1 AND due_at < '9999-12-31' \
            AND owner_person_id IN (SELECT '' UNION ALL SELECT person_id FROM people WHERE merchant_id = $1 AND status = 5) \
         ORDER BY due_at, follow_up_id LIMIT $2 FOR UPDATE",
        follow_ups::COLUMNS
    ))
    .bind::<Text, _>(merchant.as_str())
    .bind::<BigInt, _>(CUSTOMERS_MAX)
    .load::<follow_ups::FollowUpRow>(conn)
    .await?;
    let owners = share_out(rows.len(), &load);
    let assigned = owners.len();
    for (row, to) in rows.into_iter().zip(owners) {
        let found = row.read()?;
        let happening =
            Happening::Assigned { from: found.owner.clone(), to: to.clone(), note: String::new() };
        follow_ups::write(conn, by, found.assign(to)?, (false, happening), now).await?;
    }
    Ok(assigned)
}

#[derive(QueryableByName)]
struct LeaseRow {
    #[diesel(sql_type = Bool)]
    taken: bool,
}

#[derive(QueryableByName)]
struct CustomerRow {
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    customer_id: String,
}

#[derive(QueryableByName)]
struct KnownRow {
    #[diesel(sql_type = BigInt)]
    place: i64,
    #[diesel(sql_type = Text)]
    follow_up_id: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Text)]
    source_id: String,
    #[diesel(sql_type = Nullable<Text>)]
    order_id: Option<String>,
    #[diesel(sql_type = Timestamptz)]
    source_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    first_contact_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Bool)]
    open: bool,
}

impl KnownRow {
    fn read(self) -> Result<(usize, Known)> {
        let unknown = || pg::Error::unreadable("follow_ups", &self.follow_up_id, "unknown kind");
        let known = Known {
            kind: FollowUpKind::of(&self.kind).ok_or_else(unknown)?,
            id: self.follow_up_id,
            source: self.source_id,
            order: self.order_id,
            source_at: self.source_at,
            created_at: self.created_at,
            first_contact_at: self.first_contact_at,
            open: self.open,
        };
        Ok((usize::try_from(self.place - 1).unwrap_or(usize::MAX), known))
    }
}
