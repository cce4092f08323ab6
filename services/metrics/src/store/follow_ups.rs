//! `follow_ups` and `follow_up_payments`.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use diesel::sql_types::{Array, BigInt, Bool, Date, Integer, Nullable, Text, Timestamptz};
use diesel::{OptionalExtension, QueryableByName};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use runtime::ids::MerchantId;
use serde_json::json;

use crate::domain::follow_up::error::FollowUpError;
use crate::domain::follow_up::filter::FollowUpFilter;
use crate::domain::follow_up::{Contact, Draft, Event, FollowUp, FollowUpKind, FollowUpState, Happening};
use crate::domain::follow_ups::End;
use crate::domain::reach::Reached;
use crate::error::MetricsError;
use crate::store::deadlines::{self, DueCursor};
use crate::store::{Result, Store, entries, follow_up_payments, people};

pub(super) const COLUMNS: &str = "follow_up_id, version, kind, source_id, shop_id, customer_id, order_id, note, amount, recovered, payments, \
     state, owner_person_id, people, source_at, due_at, deadline, contacts, missed, first_contact_at, closed_at, events, \
     created_by, created_at, changed_by, changed_at";

/// What somebody does to a follow-up.
#[derive(Debug)]
pub enum FollowUpStep {
    /// A contact, and within what time the next is.
    Contact(Contact, TimeDelta),
    /// The end.
    End(End),
}

impl Store {
    /// Makes a follow-up unless there is one of its kind and source; gives the id of the one there is then.
    pub async fn insert_follow_up(&self, by: &By, follow_up: &FollowUp) -> Result<String> {
        let (merchant, now) = (&by.caller.merchant, follow_up.created.1);
        by.change(&self.pool, now, async |conn| {
            if let Some(owner) = &follow_up.owner {
                check_known(conn, merchant, owner).await?;
            }
            let day = directory::calendar(conn, merchant).await?.business_day(now);
            if insert(conn, merchant, follow_up, day).await? {
                append(conn, by, follow_up, false, Happening::Created).await?;
                audit(conn, by, follow_up, "creation").await?;
                return Ok::<_, MetricsError>(follow_up.id.clone());
            }
            let gone = || pg::Error::unreadable("follow_ups", &follow_up.draft.source, "it is gone");
            Ok(find_by_source(conn, merchant, &follow_up.draft).await?.ok_or_else(gone)?)
        })
        .await
    }

    /// Takes a follow-up that the scope reaches a step further.
    pub async fn update_follow_up(
        &self,
        by: &By,
        scope: &Scope,
        (id, etag): (&str, &str),
        now: DateTime<Utc>,
        step: FollowUpStep,
    ) -> Result<i64> {
        let merchant = &scope.merchant;
        by.change(&self.pool, now, async |conn| {
            let missing = || FollowUpError::NotFound { id: id.to_owned() };
            let found = find(conn, merchant, id, true).await?.ok_or_else(missing)?;
            let today = directory::calendar(conn, merchant).await?.business_day(now);
            if !is_seen(&found, &people::reached(conn, scope, today).await?) {
                return Err(missing().into());
            }
            if etag != found.etag() {
                return Err(FollowUpError::Changed { id: id.to_owned() }.into());
            }
            let (next, late, happening) = match step {
                FollowUpStep::Contact(contact, interval) => {
                    let (next, late) = found.contact(&contact, now, interval)?;
                    (next, late, Happening::Contact(contact))
                }
                FollowUpStep::End(End { state, payments, note }) => {
                    let amounts = follow_up_payments::find(conn, merchant, &found.draft, &payments).await?;
                    let recovered = amounts.iter().sum();
                    let next = found.close(state, (payments.clone(), recovered), now)?;
                    follow_up_payments::link(conn, merchant, &next).await?;
                    (next, false, Happening::Ended { state, payments, note })
                }
            };
            let next = write(conn, by, next, (late, happening), now).await?;
            audit(conn, by, &next, if next.closed_at.is_some() { "end" } else { "contact" }).await?;
            Ok::<_, MetricsError>(next.version)
        })
        .await
    }

    /// A follow-up that the scope reaches.
    pub async fn find_follow_up(
        &self,
        scope: &Scope,
        id: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<FollowUp>> {
        let mut conn = self.pool.get().await?;
        let today = directory::calendar(&mut conn, &scope.merchant).await?.business_day(now);
        let reached = people::reached(&mut conn, scope, today).await?;
        let found = find(&mut conn, &scope.merchant, id, false).await?;
        Ok(found.filter(|follow_up| is_seen(follow_up, &reached)))
    }

    /// A page of follow-ups that the scope reaches, by next contact, then id.
    pub async fn list_follow_ups(
        &self,
        scope: &Scope,
        filter: &FollowUpFilter,
        now: DateTime<Utc>,
        page: &PageRequest<DueCursor>,
    ) -> Result<Page<FollowUp>> {
        let mut conn = self.pool.get().await?;
        let today = directory::calendar(&mut conn, &scope.merchant).await?.business_day(now);
        let reached = people::reached(&mut conn, scope, today).await?;
        let sql = format!(
            "SELECT {COLUMNS} FROM follow_ups WHERE merchant_id = $1 \
                AND (cardinality($2::text[]) = 0 OR kind = ANY ($2)) AND (cardinality($3::text[]) = 0 OR state = ANY ($3)) \
                AND ($4::text IS NULL OR owner_person_id = $4) AND ($5::text IS NULL OR shop_id = $5) \
                AND ($6::text IS NULL OR customer_id = $6) AND (NOT $7 OR due_at < $8) \
                AND ($9::text[] IS NULL OR people && $9) \
                AND ($10::timestamptz IS NULL OR (due_at, follow_up_id) > ($10, $11)) \
             ORDER BY due_at, follow_up_id LIMIT $12"
        );
        let rows = diesel::sql_query(sql)
            .bind::<Text, _>(scope.merchant.as_str())
            .bind::<Array<Text>, _>(filter.kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>())
            .bind::<Array<Text>, _>(filter.states.iter().map(|state| state.name()).collect::<Vec<_>>())
            .bind::<Nullable<Text>, _>(filter.owner.as_deref())
            .bind::<Nullable<Text>, _>(filter.shop.as_deref())
            .bind::<Nullable<Text>, _>(filter.customer.as_deref())
            .bind::<Bool, _>(filter.overdue)
            .bind::<Timestamptz, _>(now)
            .bind::<Nullable<Array<Text>>, _>(reached.column())
            .bind::<Nullable<Timestamptz>, _>(page.after.as_ref().map(|cursor| cursor.0))
            .bind::<Nullable<Text>, _>(page.after.as_ref().map(|cursor| cursor.1.as_str()))
            .bind::<BigInt, _>(page.limit())
            .load::<FollowUpRow>(&mut conn)
            .await?;
        let found = rows.into_iter().map(FollowUpRow::read).collect::<Result<_>>()?;
        let cursor = |f: &FollowUp| DueCursor::after(f.due_at, &f.id);
        Ok(page.page(found, cursor)?)
    }
}

/// Stores the next version of a locked follow-up with its entry in the timeline, and gives it.
pub(super) async fn write(
    conn: &mut AsyncPgConnection,
    by: &By,
    next: FollowUp,
    (late, happening): (bool, Happening),
    now: DateTime<Utc>,
) -> Result<FollowUp> {
    let next = next.changed(by.caller.subject.clone(), now)?;
    update(conn, &by.caller.merchant, &next).await?;
    append(conn, by, &next, late, happening).await?;
    Ok(next)
}

pub(super) fn is_seen(follow_up: &FollowUp, reached: &Reached) -> bool {
    reached.holds_any(follow_up.people.iter().map(String::as_str))
}

async fn check_known(conn: &mut AsyncPgConnection, merchant: &MerchantId, person: &str) -> Result<()> {
    let known = people::known(conn, merchant.as_str(), &[person.to_owned()]).await?;
    if known.is_empty() {
        return Err(FollowUpError::PersonNotFound { id: person.to_owned() }.into());
    }
    Ok(())
}

pub(super) async fn append(
    conn: &mut AsyncPgConnection,
    by: &By,
    follow_up: &FollowUp,
    late: bool,
    happening: Happening,
) -> Result<()> {
    let event = Event {
        number: follow_up.events,
        person: by.caller.person.as_ref().map(ToString::to_string),
        at: follow_up.changed.1,
        state: follow_up.state,
        due_at: follow_up.due_at,
        late,
        happening,
    };
    entries::insert(conn, &by.caller.merchant, &follow_up.id, &event).await
}

async fn audit(conn: &mut AsyncPgConnection, by: &By, follow_up: &FollowUp, what: &str) -> Result<()> {
    let summary = json!({
        "version": follow_up.version,
        "what": what,
        "kind": follow_up.draft.kind.name(),
        "state": follow_up.state.name(),
        "owner": follow_up.owner,
        "recovered": follow_up.recovered,
    });
    Ok(by.audit(conn, follow_up.changed.1, format!("follow_up/{}", follow_up.id), summary).await?)
}

pub(super) async fn find(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    id: &str,
    lock: bool,
) -> Result<Option<FollowUp>> {
    let lock = if lock { "FOR UPDATE" } else { "" };
    let sql = format!("SELECT {COLUMNS} FROM follow_ups WHERE merchant_id = $1 AND follow_up_id = $2 {lock}");
    let row = diesel::sql_query(sql)
        .bind::<Text, _>(merchant.as_str())
        .bind::<Text, _>(id)
        .get_result::<FollowUpRow>(conn)
        .await
        .optional()?;
    row.map(FollowUpRow::read).transpose()
}

async fn find_by_source(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    draft: &Draft,
) -> Result<Option<String>> {
    let row = diesel::sql_query(
        "SELECT follow_up_id FROM follow_ups WHERE merchant_id = $1 AND shop_id = $2 AND kind = $3 AND source_id = $4",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(&draft.shop)
    .bind::<Text, _>(draft.kind.name())
    .bind::<Text, _>(&draft.source)
    .get_result::<IdRow>(conn)
    .await
    .optional()?;
    Ok(row.map(|row| row.follow_up_id))
}

/// `false`: there is one of that kind and source.
pub(super) async fn insert(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    follow_up: &FollowUp,
    created_day: NaiveDate,
) -> Result<bool> {
    let draft = &follow_up.draft;
    let exists = || MetricsError::from(FollowUpError::Exists { id: follow_up.id.clone() });
    let inserted = diesel::sql_query(
        "INSERT INTO follow_ups (merchant_id, follow_up_id, version, kind, source_id, shop_id, customer_id, order_id, note, \
            amount, recovered, payments, state, owner_person_id, people, source_at, due_at, deadline, contacts, missed, \
            events, created_by, created_at, created_day, changed_by, changed_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, '{}', $11, $12, $13, $14, $15, $16, 0, 0, $17, $18, $19, $20, \
            $18, $19) \
         ON CONFLICT ON CONSTRAINT follow_ups_source DO NOTHING",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(&follow_up.id)
    .bind::<BigInt, _>(follow_up.version)
    .bind::<Text, _>(draft.kind.name())
    .bind::<Text, _>(&draft.source)
    .bind::<Text, _>(&draft.shop)
    .bind::<Text, _>(&draft.customer)
    .bind::<Nullable<Text>, _>(draft.order.as_deref())
    .bind::<Text, _>(&draft.note)
    .bind::<BigInt, _>(draft.amount)
    .bind::<Text, _>(follow_up.state.name())
    .bind::<Text, _>(follow_up.owner.as_deref().unwrap_or_default())
    .bind::<Array<Text>, _>(follow_up.people.iter().collect::<Vec<_>>())
    .bind::<Timestamptz, _>(draft.source_at)
    .bind::<Timestamptz, _>(deadlines::stored(follow_up.due_at))
    .bind::<Timestamptz, _>(draft.deadline)
    .bind::<Integer, _>(follow_up.events)
    .bind::<Text, _>(&follow_up.created.0)
    .bind::<Timestamptz, _>(follow_up.created.1)
    .bind::<Date, _>(created_day)
    .execute(conn)
    .await
    .map_err(pg::on_constraint("follow_ups_pkey", exists))?;
    Ok(inserted > 0)
}

async fn update(conn: &mut AsyncPgConnection, merchant: &MerchantId, follow_up: &FollowUp) -> Result<()> {
    diesel::sql_query(
        "UPDATE follow_ups SET version = $3, recovered = $4, payments = $5, state = $6, owner_person_id = $7, people = $8, \
            due_at = $9, contacts = $10, missed = $11, first_contact_at = $12, closed_at = $13, events = $14, \
            changed_by = $15, changed_at = $16 \
         WHERE merchant_id = $1 AND follow_up_id = $2",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(&follow_up.id)
    .bind::<BigInt, _>(follow_up.version)
    .bind::<BigInt, _>(follow_up.recovered)
    .bind::<Array<Text>, _>(&follow_up.payments)
    .bind::<Text, _>(follow_up.state.name())
    .bind::<Text, _>(follow_up.owner.as_deref().unwrap_or_default())
    .bind::<Array<Text>, _>(follow_up.people.iter().collect::<Vec<_>>())
    .bind::<Timestamptz, _>(deadlines::stored(follow_up.due_at))
    .bind::<Integer, _>(follow_up.contacts)
    .bind::<Integer, _>(follow_up.missed)
    .bind::<Nullable<Timestamptz>, _>(follow_up.first_contact_at)
    .bind::<Nullable<Timestamptz>, _>(follow_up.closed_at)
    .bind::<Integer, _>(follow_up.events)
    .bind::<Text, _>(&follow_up.changed.0)
    .bind::<Timestamptz, _>(follow_up.changed.1)
    .execute(conn)
    .await?;
    Ok(())
}

#[derive(QueryableByName)]
struct IdRow {
    #[diesel(sql_type = Text)]
    follow_up_id: String,
}

#[derive(QueryableByName)]
pub(super) struct FollowUpRow {
    #[diesel(sql_type = Text)]
    follow_up_id: String,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Text)]
    source_id: String,
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    customer_id: String,
    #[diesel(sql_type = Nullable<Text>)]
    order_id: Option<String>,
    #[diesel(sql_type = Text)]
    note: String,
    #[diesel(sql_type = BigInt)]
    amount: i64,
    #[diesel(sql_type = BigInt)]
    recovered: i64,
    #[diesel(sql_type = Array<Text>)]
    payments: Vec<String>,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Text)]
    owner_person_id: String,
    #[diesel(sql_type = Array<Text>)]
    people: Vec<String>,
    #[diesel(sql_type = Timestamptz)]
    source_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    due_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    deadline: DateTime<Utc>,
    #[diesel(sql_type = Integer)]
    contacts: i32,
    #[diesel(sql_type = Integer)]
    missed: i32,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    first_contact_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    closed_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Integer)]
    events: i32,
    #[diesel(sql_type = Text)]
    created_by: String,
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    changed_by: String,
    #[diesel(sql_type = Timestamptz)]
    changed_at: DateTime<Utc>,
}

impl FollowUpRow {
    pub(super) fn read(self) -> Result<FollowUp> {
        let broken = |why: &str| pg::Error::unreadable("follow_ups", &self.follow_up_id, why);
        let kind = FollowUpKind::of(&self.kind).ok_or_else(|| broken("unknown kind"))?;
        let state = FollowUpState::of(&self.state).ok_or_else(|| broken("unknown state"))?;
        Ok(FollowUp {
            state,
            id: self.follow_up_id,
            version: self.version,
            draft: Draft {
                kind,
                source: self.source_id,
                shop: self.shop_id,
                customer: self.customer_id,
                order: self.order_id,
                note: self.note,
                amount: self.amount,
                source_at: self.source_at,
                deadline: self.deadline,
            },
            owner: Some(self.owner_person_id).filter(|owner| !owner.is_empty()),
            people: self.people.into_iter().collect(),
            due_at: deadlines::read(self.due_at),
            contacts: self.contacts,
            missed: self.missed,
            first_contact_at: self.first_contact_at,
            closed_at: self.closed_at,
            recovered: self.recovered,
            payments: self.payments,
            events: self.events,
            created: (self.created_by, self.created_at),
            changed: (self.changed_by, self.changed_at),
        })
    }
}
