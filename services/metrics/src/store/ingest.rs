//! The commit of a batch: everything a conversation changes, in one transaction.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use events::Bundled;
use pg::By;
use serde_json::json;

use crate::domain::batch::{Context, Counts, Outcome, Prepared, Verdict, conflict, judge};
use crate::domain::facts::AgentDay;
use crate::domain::intake::{Candidate, GivenPart, given_parts};
use crate::domain::tally::{Place, Tally};
use crate::error::MetricsError;
use crate::outgoing;
use crate::store::conversations::{
    OldFacts, Stored, delete_facts, delete_helpers, insert_accounts, insert_facts, insert_helpers,
    insert_keys, list_stored, update_keys,
};
use crate::store::timelines::{self, Customer};
use crate::store::{Result, Store, day_facts, days, definitions};

/// How often a batch that lost a race is tried.
pub(super) const ATTEMPTS: u32 = 8;

/// A conversation to store.
struct Write<'a> {
    candidate: &'a Candidate,
    /// What it replaces.
    old: Option<Stored>,
    /// Whether the key row says this already.
    key_is_written: bool,
}

impl Store {
    /// Stores what is new of a batch, with facts, day figures, events and audit. [`MetricsError::DefinitionsMoved`]
    /// asks to count the batch again, with the definitions there are now.
    pub async fn insert_batch(
        &self,
        by: &By,
        context: &Context,
        prepared: &Prepared<Candidate>,
    ) -> Result<Outcome> {
        self.ensure_months(prepared.candidates.iter().map(|c| c.agent_day.day)).await?;
        pg::with_retry(ATTEMPTS, async || {
            let mut conn = self.pool.get().await?;
            conn.transaction::<_, MetricsError, _>(async |conn| {
                let outcome = commit(conn, context, prepared).await?;
                let summary = summary(prepared.through_line, &outcome.counts);
                by.audit(conn, context.now, "conversations", summary).await?;
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
    prepared: &Prepared<Candidate>,
) -> Result<Outcome> {
    let merchant = context.merchant.as_str();
    if definitions::lock_shared(conn, merchant).await? != context.newest_seq() {
        return Err(MetricsError::DefinitionsMoved);
    }
    let (writes, outcome) = judge_all(conn, context, prepared).await?;
    if writes.is_empty() {
        return Ok(outcome);
    }
    let stale_keys: Vec<&Candidate> =
        writes.iter().filter(|w| !w.key_is_written).map(|w| w.candidate).collect();
    update_keys(conn, merchant, context.newest_seq(), context.known_day, &stale_keys).await?;

    let replaced: Vec<_> =
        writes.iter().filter_map(|w| w.old.as_ref().map(|old| (&old.agent_day, &w.candidate.key))).collect();
    let mut taken = delete_facts(conn, merchant, &replaced).await?;
    let stored: Vec<(&Stored, &Candidate)> =
        writes.iter().filter_map(|w| w.old.as_ref().map(|old| (old, w.candidate))).collect();
    let helped = stored.iter().enumerate().flat_map(|(place, (old, candidate))| {
        let others = taken.get(&place).map(|facts| facts.facts.others.as_slice()).unwrap_or_default();
        others.iter().map(|other| (old.agent_day.day, other.as_str(), &candidate.key))
    });
    delete_helpers(conn, merchant, &helped.collect::<Vec<_>>()).await?;
    let candidates: Vec<&Candidate> = writes.iter().map(|w| w.candidate).collect();
    insert_facts(conn, merchant, &candidates).await?;
    insert_helpers(conn, merchant, &candidates).await?;

    let mut tally = Tally::default();
    let mut changed: BTreeSet<NaiveDate> = BTreeSet::new();
    let mut customers: BTreeSet<Customer> = BTreeSet::new();
    for (place, (stored, _)) in stored.into_iter().enumerate() {
        let missing =
            || pg::Error::unreadable("conversation_facts", &stored.agent_day.account, "facts are missing");
        let old = taken.remove(&place).ok_or_else(missing)?;
        take_back(&mut tally, context, stored, &old);
        changed.insert(stored.agent_day.day);
        customers.insert(Customer { id: old.customer, shop: stored.agent_day.shop.clone() });
    }
    for candidate in &candidates {
        for given in &candidate.parts {
            tally.give(place(given, &candidate.customer, context), &given.part);
        }
        changed.insert(candidate.agent_day.day);
        customers.insert(Customer { id: candidate.customer.clone(), shop: candidate.key.shop.clone() });
    }
    let events = candidates.iter().map(|candidate| &candidate.event).collect();
    let mut places: Vec<(&str, &AgentDay)> = Vec::new();
    for candidate in &candidates {
        places.push((&candidate.agent_day.account, &candidate.agent_day));
        places.extend(candidate.helpers.iter().map(|helper| (helper.as_str(), &candidate.agent_day)));
    }
    announce(conn, context, &places, events).await?;
    timelines::insert_changes(conn, merchant, &customers).await?;
    days::insert_changes(conn, merchant, &changed, context.known_day, context.now).await?;
    // Last, because every other writer of these agents' days waits for these rows until the commit.
    day_facts::apply(conn, merchant, tally).await?;
    Ok(outcome)
}

/// Locks all keys of the batch in order and judges every line.
async fn judge_all<'a>(
    conn: &mut AsyncPgConnection,
    context: &Context,
    prepared: &'a Prepared<Candidate>,
) -> Result<(Vec<Write<'a>>, Outcome)> {
    let merchant = context.merchant.as_str();
    let groups: Vec<&[Candidate]> = prepared.candidates.chunk_by(|a, b| a.key == b.key).collect();
    let firsts: Vec<&Candidate> = groups.iter().filter_map(|group| group.first()).collect();
    let inserted = insert_keys(conn, merchant, context.newest_seq(), context.known_day, &firsts).await?;
    let existing: Vec<_> = firsts
        .iter()
        .enumerate()
        .filter(|(at, _)| !inserted[*at])
        .map(|(at, first)| (at, &first.key))
        .collect();
    let mut stored = list_stored(conn, merchant, &existing).await?;

    let mut outcome = Outcome { counts: Counts::default(), rejects: prepared.rejects.clone() };
    let mut writes = Vec::new();
    for (at, group) in groups.into_iter().enumerate() {
        let old = stored.remove(&at);
        let (verdicts, last) = judge(old.as_ref().map(|old| old.known.clone()), group);
        for (candidate, verdict) in group.iter().zip(verdicts) {
            match verdict {
                Verdict::Accepted => outcome.counts.accepted += 1,
                Verdict::Unchanged => outcome.counts.unchanged += 1,
                Verdict::Stale => outcome.counts.stale += 1,
                Verdict::Conflicting => outcome.rejects.push(conflict(candidate)),
            }
        }
        if let Some(last) = last {
            writes.push(Write { candidate: &group[last], old, key_is_written: inserted[at] && last == 0 });
        }
    }
    outcome.rejects.sort_by_key(|reject| reject.line);
    outcome.counts.rejected = outcome.rejects.len() as i64;
    Ok((writes, outcome))
}

/// Takes back what the old revision gave, under the definitions that it counted under.
fn take_back(tally: &mut Tally, context: &Context, stored: &Stored, old: &OldFacts) {
    let definitions = context.definitions.iter().filter(|d| d.seq <= stored.counted_seq);
    for given in given_parts(&old.facts, &stored.agent_day, definitions) {
        tally.take(place(&given, &old.customer, context), &given.part);
    }
}

fn place<'a>(given: &'a GivenPart, customer: &'a str, context: &Context) -> Place<'a> {
    Place {
        definition_seq: given.definition_seq,
        agent_day: &given.agent_day,
        customer,
        known_day: context.known_day,
    }
}

/// Puts events into the outbox, and tells of accounts that nobody had met before.
pub(super) async fn announce<'a>(
    conn: &mut AsyncPgConnection,
    context: &Context,
    places: &[(&'a str, &'a AgentDay)],
    events: Vec<&Bundled>,
) -> Result<()> {
    let mut accounts: BTreeMap<&str, &AgentDay> = BTreeMap::new();
    for (account, place) in places {
        let at = accounts.entry(account).or_insert(place);
        *at = (*at).min(place);
    }
    let accounts: Vec<_> = accounts.into_iter().collect();
    let mut events = events::gather(events)?;
    let new = insert_accounts(conn, context.merchant.as_str(), &accounts).await?;
    for (account, at) in accounts.iter().filter(|(account, _)| new.iter().any(|new| new == account)) {
        let event = outgoing::agent_seen(&context.merchant, account, &at.shop, at.day, context.now);
        events.push(events::encode(&event)?);
    }
    Ok(events::insert_encoded(conn, &events).await?)
}

/// What the audit keeps of a batch.
pub(super) fn summary(through_line: i64, counts: &Counts) -> serde_json::Value {
    json!({
        "through_line": through_line,
        "accepted": counts.accepted,
        "unchanged": counts.unchanged,
        "stale": counts.stale,
        "rejected": counts.rejected,
    })
}
