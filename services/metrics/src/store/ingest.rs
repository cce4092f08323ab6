//! The commit of a batch: everything a conversation changes, in one transaction.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use pg::By;
use serde_json::json;

use crate::domain::facts::AgentDay;
use crate::domain::intake::{Candidate, Context, Counts, Prepared, Reject, Verdict, conflict, judge};
use crate::domain::part::Part;
use crate::domain::tally::Tally;
use crate::error::MetricsError;
use crate::outgoing;
use crate::store::conversations::{
    OldFacts, Stored, delete_facts, insert_accounts, insert_facts, insert_keys, list_stored, update_keys,
};
use crate::store::{Result, Store, day_facts, days, definitions};

/// How often a batch that lost a race is tried.
const ATTEMPTS: u32 = 8;

/// What became of a batch.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Of the lines.
    pub counts: Counts,
    /// By line.
    pub rejects: Vec<Reject>,
}

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
    pub async fn insert_batch(&self, by: &By, context: &Context, prepared: &Prepared) -> Result<Outcome> {
        self.ensure_months(prepared.candidates.iter().map(|c| c.agent_day.day)).await?;
        pg::with_retry(ATTEMPTS, async || {
            let mut conn = self.pool.get().await?;
            conn.transaction::<_, MetricsError, _>(async |conn| {
                let outcome = commit(conn, context, prepared).await?;
                let summary = summary(prepared, &outcome.counts);
                by.audit(conn, context.now, "conversations", summary).await?;
                Ok(outcome)
            })
            .await
        })
        .await
    }
}

async fn commit(conn: &mut AsyncPgConnection, context: &Context, prepared: &Prepared) -> Result<Outcome> {
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
    update_keys(conn, merchant, context.newest_seq(), &stale_keys).await?;

    let replaced: Vec<_> =
        writes.iter().filter_map(|w| w.old.as_ref().map(|old| (&old.agent_day, &w.candidate.key))).collect();
    let mut taken = delete_facts(conn, merchant, &replaced).await?;
    let candidates: Vec<&Candidate> = writes.iter().map(|w| w.candidate).collect();
    insert_facts(conn, merchant, &candidates).await?;

    let mut tally = Tally::default();
    let mut changed: BTreeSet<NaiveDate> = BTreeSet::new();
    let stored: Vec<&Stored> = writes.iter().filter_map(|w| w.old.as_ref()).collect();
    for (place, stored) in stored.into_iter().enumerate() {
        let missing =
            || pg::Error::unreadable("conversation_facts", &stored.agent_day.account, "facts are missing");
        let old = taken.remove(&place).ok_or_else(missing)?;
        take_back(&mut tally, context, stored, &old);
        changed.insert(stored.agent_day.day);
    }
    for candidate in &candidates {
        for (seq, part) in &candidate.parts {
            tally.give(*seq, &candidate.agent_day, &candidate.customer, part);
        }
        changed.insert(candidate.agent_day.day);
    }
    publish(conn, context, &candidates).await?;
    days::insert_changes(conn, merchant, &changed, context.now).await?;
    // Last, because every other writer of these agents' days waits for these rows until the commit.
    day_facts::apply(conn, merchant, tally).await?;
    Ok(outcome)
}

/// Locks all keys of the batch in order and judges every line.
async fn judge_all<'a>(
    conn: &mut AsyncPgConnection,
    context: &Context,
    prepared: &'a Prepared,
) -> Result<(Vec<Write<'a>>, Outcome)> {
    let merchant = context.merchant.as_str();
    let groups: Vec<&[Candidate]> = prepared.candidates.chunk_by(|a, b| a.key == b.key).collect();
    let firsts: Vec<&Candidate> = groups.iter().filter_map(|group| group.first()).collect();
    let inserted = insert_keys(conn, merchant, context.newest_seq(), &firsts).await?;
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
    for definition in context.definitions.iter().filter(|d| d.seq <= stored.counted_seq) {
        let part = Part::of(&old.facts, &definition.rules);
        tally.take(definition.seq, &stored.agent_day, &old.customer, &part);
    }
}

async fn publish(conn: &mut AsyncPgConnection, context: &Context, candidates: &[&Candidate]) -> Result<()> {
    let mut accounts: BTreeMap<&str, &AgentDay> = BTreeMap::new();
    for candidate in candidates {
        let at = accounts.entry(&candidate.agent_day.account).or_insert(&candidate.agent_day);
        *at = (*at).min(&candidate.agent_day);
    }
    let accounts: Vec<_> = accounts.into_iter().collect();
    let new = insert_accounts(conn, context.merchant.as_str(), &accounts).await?;
    let mut encoded: Vec<_> = candidates.iter().map(|candidate| candidate.event.clone()).collect();
    for (account, at) in accounts.iter().filter(|(account, _)| new.iter().any(|new| new == account)) {
        let event = outgoing::agent_seen(&context.merchant, account, &at.shop, at.day, context.now);
        encoded.push(events::encode(&event)?);
    }
    Ok(events::insert_encoded(conn, &encoded).await?)
}

/// What the audit says of a batch.
fn summary(prepared: &Prepared, counts: &Counts) -> serde_json::Value {
    json!({
        "through_line": prepared.through_line,
        "accepted": counts.accepted,
        "unchanged": counts.unchanged,
        "stale": counts.stale,
        "rejected": counts.rejected,
    })
}
