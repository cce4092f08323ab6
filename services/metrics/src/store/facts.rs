//! `facts`: the commit of a batch, and the reading of a customer's.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Binary, Date, Jsonb, SmallInt, Text, Timestamptz};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use pg::By;

use crate::domain::batch::{Context, Counts, Known, Outcome, Prepared, Verdict, conflict, judge};
use crate::domain::fact::{Body, Fact, FactKey, FactKind};
use crate::domain::fact_intake::FactCandidate;
use crate::domain::facts::AgentDay;
use crate::error::MetricsError;
use crate::store::conversations::column;
use crate::store::ingest::{ATTEMPTS, announce, summary};
use crate::store::order_decisions::DECIDED_BODY;
use crate::store::timelines::{Customer, insert_changes};
use crate::store::{Result, Store};

/// A fact to store.
struct Write {
    fact: Fact,
    content_hash: [u8; 32],
}

/// What a batch comes to.
#[derive(Default)]
struct Judged<'a> {
    /// Rows that say something else than they are to.
    writes: Vec<Write>,
    /// Candidates that became what is stored.
    accepted: Vec<&'a FactCandidate>,
    /// Whose timelines changed.
    customers: BTreeSet<Customer>,
    outcome: Outcome,
}

impl Store {
    /// Stores what is new of a batch, with events and audit, and notes whose timelines are to be counted anew.
    pub async fn insert_facts(
        &self,
        by: &By,
        context: &Context,
        prepared: &Prepared<FactCandidate>,
    ) -> Result<Outcome> {
        pg::with_retry(ATTEMPTS, async || {
            let mut conn = self.pool.get().await?;
            conn.transaction::<_, MetricsError, _>(async |conn| {
                let outcome = commit(conn, context, prepared).await?;
                let summary = summary(prepared.through_line, &outcome.counts);
                by.audit(conn, context.now, "facts", summary).await?;
                Ok(outcome)
            })
            .await
        })
        .await
    }
}

async fn commit(
    conn: &mut AsyncPgConnection,
    context: &Context,
    prepared: &Prepared<FactCandidate>,
) -> Result<Outcome> {
    let merchant = context.merchant.as_str();
    let judged = judge_all(conn, merchant, prepared).await?;
    update(conn, merchant, &judged.writes).await?;
    let places: Vec<AgentDay> =
        judged.accepted.iter().filter_map(|candidate| place(&candidate.fact)).collect();
    let events = judged.accepted.iter().filter_map(|candidate| candidate.event.as_ref()).collect();
    let named: Vec<(&str, &AgentDay)> = places.iter().map(|at| (at.account.as_str(), at)).collect();
    announce(conn, context, &named, events).await?;
    insert_changes(conn, merchant, &judged.customers).await?;
    Ok(judged.outcome)
}

/// Where the platform says somebody was at work. A bot's account is nobody's.
fn place(fact: &Fact) -> Option<AgentDay> {
    let person = !fact.account.is_empty() && fact.key.kind != FactKind::BotEvent;
    let (shop, account) = (fact.key.shop.clone(), fact.account.clone());
    person.then_some(AgentDay { day: fact.day, shop, account })
}

/// Locks all keys of the batch in order and judges every line.
async fn judge_all<'a>(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    prepared: &'a Prepared<FactCandidate>,
) -> Result<Judged<'a>> {
    let groups: Vec<&[FactCandidate]> =
        prepared.candidates.chunk_by(|a, b| a.fact.key == b.fact.key).collect();
    let firsts: Vec<&FactCandidate> = groups.iter().map(|group| &group[0]).collect();
    let inserted = insert_keys(conn, merchant, &firsts).await?;
    let existing: Vec<_> = firsts
        .iter()
        .enumerate()
        .filter(|(at, _)| !inserted[*at])
        .map(|(at, first)| (at, &first.fact.key))
        .collect();
    let mut stored = list_stored(conn, merchant, &existing).await?;

    let mut judged = Judged::default();
    judged.outcome.rejects.clone_from(&prepared.rejects);
    for (at, group) in groups.into_iter().enumerate() {
        judge_group(&mut judged, group, stored.remove(&at), inserted[at]);
    }
    let Outcome { counts, rejects } = &mut judged.outcome;
    rejects.sort_by_key(|reject| reject.line);
    counts.rejected = rejects.len() as i64;
    Ok(judged)
}

fn judge_group<'a>(
    judged: &mut Judged<'a>,
    group: &'a [FactCandidate],
    stored: Option<Write>,
    inserted: bool,
) {
    let known = stored
        .as_ref()
        .map(|stored| Known { revision: stored.fact.revision, content_hash: stored.content_hash.to_vec() });
    let (verdicts, last) = judge(known, group);
    let Outcome { counts, rejects } = &mut judged.outcome;
    count(counts, &verdicts);
    let conflicts = group.iter().zip(&verdicts).filter(|(_, verdict)| **verdict == Verdict::Conflicting);
    rejects.extend(conflicts.map(|(candidate, _)| conflict(candidate)));

    // What is there before this batch: the row of before, or the first line if that made the row.
    let row = stored.or_else(|| {
        let first = inserted.then(|| &group[0])?;
        Some(Write { fact: first.fact.clone(), content_hash: first.content_hash })
    });
    let new = last.map(|last| &group[last]);
    let Some(mut fact) = new.map(|new| new.fact.clone()).or_else(|| row.as_ref().map(|row| row.fact.clone()))
    else {
        return;
    };
    // Even an outdated revision may tell something that no later one says.
    for (candidate, verdict) in group.iter().zip(&verdicts) {
        if matches!(verdict, Verdict::Accepted | Verdict::Stale) {
            fact.body.remember(&candidate.fact.body);
        }
    }
    if let Some(row) = &row {
        fact.body.remember(&row.fact.body);
    }
    let changed = row.as_ref().is_none_or(|row| row.fact != fact);
    if inserted || changed {
        for fact in row.iter().map(|row| &row.fact).chain([&fact]) {
            judged.customers.insert(Customer { id: fact.customer.clone(), shop: fact.key.shop.clone() });
        }
    }
    judged.accepted.extend(new);
    let content_hash = new.map(|new| new.content_hash).or(row.map(|row| row.content_hash));
    if let (true, Some(content_hash)) = (changed, content_hash) {
        judged.writes.push(Write { fact, content_hash });
    }
}

fn count(counts: &mut Counts, verdicts: &[Verdict]) {
    for verdict in verdicts {
        match verdict {
            Verdict::Accepted => counts.accepted += 1,
            Verdict::Unchanged => counts.unchanged += 1,
            Verdict::Stale => counts.stale += 1,
            Verdict::Conflicting => {}
        }
    }
}

/// Inserts the facts that are new and locks all others, in the given order. Gives the new ones by their place.
async fn insert_keys(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    sorted: &[&FactCandidate],
) -> Result<Vec<bool>> {
    let facts: Vec<(&Fact, &[u8; 32])> = sorted.iter().map(|c| (&c.fact, &c.content_hash)).collect();
    // `DO UPDATE ... WHERE false` locks the row that is there and leaves it alone; `DO NOTHING` would not lock it.
    let query = diesel::sql_query(
        "INSERT INTO facts AS f (merchant_id, fact_id, kind, shop_id, revision, content_hash, business_day, occurred_at, \
            customer_id, account_id, body) \
         SELECT $1, n.id, n.kind, n.shop, n.revision, n.hash, n.day, n.at, n.customer, n.account, n.body \
         FROM unnest($2::text[], $3::smallint[], $4::text[], $5::bigint[], $6::bytea[], $7::date[], $8::timestamptz[], \
            $9::text[], $10::text[], $11::jsonb[]) \
            WITH ORDINALITY AS n (id, kind, shop, revision, hash, day, at, customer, account, body, place) \
         ORDER BY n.place \
         ON CONFLICT ON CONSTRAINT facts_pkey DO UPDATE SET revision = f.revision WHERE false \
         RETURNING fact_id, kind, shop_id",
    );
    let rows = bind_rows(query.into_boxed().bind::<Text, _>(merchant), &facts)?.load::<KeyRow>(conn).await?;
    // Both are in the order of the keys, and every row returned is one of those asked for.
    let mut inserted = rows.iter().peekable();
    Ok(sorted.iter().map(|candidate| inserted.next_if(|row| row.is(&candidate.fact.key)).is_some()).collect())
}

async fn update(conn: &mut AsyncPgConnection, merchant: &str, writes: &[Write]) -> Result<()> {
    if writes.is_empty() {
        return Ok(());
    }
    let facts: Vec<(&Fact, &[u8; 32])> = writes.iter().map(|w| (&w.fact, &w.content_hash)).collect();
    let query = diesel::sql_query(
        "UPDATE facts f SET revision = n.revision, content_hash = n.hash, business_day = n.day, occurred_at = n.at, \
            customer_id = n.customer, account_id = n.account, body = n.body \
         FROM unnest($2::text[], $3::smallint[], $4::text[], $5::bigint[], $6::bytea[], $7::date[], $8::timestamptz[], \
            $9::text[], $10::text[], $11::jsonb[]) \
            AS n (id, kind, shop, revision, hash, day, at, customer, account, body) \
         WHERE f.merchant_id = $1 AND f.fact_id = n.id AND f.kind = n.kind AND f.shop_id = n.shop",
    );
    bind_rows(query.into_boxed().bind::<Text, _>(merchant), &facts)?.execute(conn).await?;
    Ok(())
}

type Query<'a> = diesel::query_builder::BoxedSqlQuery<'a, diesel::pg::Pg, diesel::query_builder::SqlQuery>;

/// Binds all columns of facts but the merchant, in the order of the table.
fn bind_rows<'a>(query: Query<'a>, facts: &'a [(&Fact, &[u8; 32])]) -> Result<Query<'a>> {
    let body = |(fact, _): &(&Fact, &[u8; 32])| serde_json::to_value(&fact.body);
    let bodies: Vec<_> =
        facts.iter().map(body).collect::<Result<_, _>>().map_err(|why| pg::Error::Internal(why.into()))?;
    Ok(query
        .bind::<Array<Text>, _>(column(facts, |(fact, _)| fact.key.id.as_str()))
        .bind::<Array<SmallInt>, _>(column(facts, |(fact, _)| fact.key.kind as i16))
        .bind::<Array<Text>, _>(column(facts, |(fact, _)| fact.key.shop.as_str()))
        .bind::<Array<BigInt>, _>(column(facts, |(fact, _)| fact.revision))
        .bind::<Array<Binary>, _>(column(facts, |(_, hash)| hash.as_slice()))
        .bind::<Array<Date>, _>(column(facts, |(fact, _)| fact.day))
        .bind::<Array<Timestamptz>, _>(column(facts, |(fact, _)| fact.occurred_at))
        .bind::<Array<Text>, _>(column(facts, |(fact, _)| fact.customer.as_str()))
        .bind::<Array<Text>, _>(column(facts, |(fact, _)| fact.account.as_str()))
        .bind::<Array<Jsonb>, _>(bodies))
}

/// What is stored under keys that were locked before, by the keys' places.
async fn list_stored(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    keys: &[(usize, &FactKey)],
) -> Result<HashMap<usize, Write>> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    // The limit makes it look each key up; a join of a batch of unknown size may read the whole table instead.
    let rows = diesel::sql_query(
        "SELECT n.place::bigint AS place, f.* \
         FROM unnest($2::text[], $3::smallint[], $4::text[]) WITH ORDINALITY AS n (id, kind, shop, place) \
         CROSS JOIN LATERAL (SELECT fact_id, kind, shop_id, revision, content_hash, business_day, occurred_at, customer_id, \
                account_id, body FROM facts \
            WHERE merchant_id = $1 AND fact_id = n.id AND kind = n.kind AND shop_id = n.shop LIMIT 1) AS f",
    )
    .bind::<Text, _>(merchant)
    .bind::<Array<Text>, _>(column(keys, |(_, key)| key.id.as_str()))
    .bind::<Array<SmallInt>, _>(column(keys, |(_, key)| key.kind as i16))
    .bind::<Array<Text>, _>(column(keys, |(_, key)| key.shop.as_str()))
    .load::<PlacedRow>(conn)
    .await?;
    let mut stored = HashMap::new();
    for PlacedRow { place, fact } in rows {
        if let Some((at, _)) = usize::try_from(place - 1).ok().and_then(|place| keys.get(place)) {
            stored.insert(*at, fact.read()?);
        }
    }
    Ok(stored)
}

/// The facts of customers, by the customers' places; orders as people decided about them.
pub(super) async fn list_of_customers(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    customers: &[&Customer],
) -> Result<BTreeMap<usize, Vec<Fact>>> {
    // The offset keeps it from being joined: each customer is looked up.
    let sql = format!(
        "SELECT n.place::bigint AS place, f.* \
         FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS n (shop, customer, place) \
         CROSS JOIN LATERAL (SELECT fact_id, kind, shop_id, revision, content_hash, business_day, occurred_at, customer_id, \
                account_id, {DECIDED_BODY} AS body FROM facts f \
            WHERE merchant_id = $1 AND shop_id = n.shop AND customer_id = n.customer OFFSET 0) AS f"
    );
    let rows = diesel::sql_query(sql)
        .bind::<Text, _>(merchant)
        .bind::<Array<Text>, _>(column(customers, |customer| customer.shop.as_str()))
        .bind::<Array<Text>, _>(column(customers, |customer| customer.id.as_str()))
        .load::<PlacedRow>(conn)
        .await?;
    let mut facts: BTreeMap<usize, Vec<Fact>> = BTreeMap::new();
    for PlacedRow { place, fact } in rows {
        let at = usize::try_from(place - 1).unwrap_or(usize::MAX);
        facts.entry(at).or_default().push(fact.read()?.fact);
    }
    Ok(facts)
}

#[derive(QueryableByName)]
struct KeyRow {
    #[diesel(sql_type = Text)]
    fact_id: String,
    #[diesel(sql_type = SmallInt)]
    kind: i16,
    #[diesel(sql_type = Text)]
    shop_id: String,
}

impl KeyRow {
    fn is(&self, key: &FactKey) -> bool {
        self.fact_id == key.id && self.kind == key.kind as i16 && self.shop_id == key.shop
    }
}

#[derive(QueryableByName)]
struct PlacedRow {
    #[diesel(sql_type = BigInt)]
    place: i64,
    #[diesel(embed)]
    fact: FactRow,
}

#[derive(QueryableByName)]
struct FactRow {
    #[diesel(sql_type = Text)]
    fact_id: String,
    #[diesel(sql_type = SmallInt)]
    kind: i16,
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = BigInt)]
    revision: i64,
    #[diesel(sql_type = Binary)]
    content_hash: Vec<u8>,
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
    #[diesel(sql_type = Timestamptz)]
    occurred_at: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    customer_id: String,
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Jsonb)]
    body: serde_json::Value,
}

impl FactRow {
    fn read(self) -> Result<Write, pg::Error> {
        let unreadable = |why: &str| pg::Error::unreadable("facts", &self.fact_id, why.to_owned());
        let kind = FactKind::of(self.kind).ok_or_else(|| unreadable("its kind is unknown"))?;
        let content_hash =
            self.content_hash.as_slice().try_into().map_err(|_| unreadable("its hash is none"))?;
        let body: Body = serde_json::from_value(self.body)
            .map_err(|why| pg::Error::unreadable("facts", &self.fact_id, why))?;
        let fact = Fact {
            key: FactKey { id: self.fact_id, kind, shop: self.shop_id },
            revision: self.revision,
            occurred_at: self.occurred_at,
            day: self.business_day,
            customer: self.customer_id,
            account: self.account_id,
            body,
        };
        Ok(Write { fact, content_hash })
    }
}
