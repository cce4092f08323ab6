//! A bundle or a slice, recomputed and compared with what is known from elsewhere.

use anyhow::{Context, Result};
use chrono::NaiveDate;
use sampling::{Anchor, Bundle, Commitment, Difference, ListHash, Slice, Verified};

use super::Report;
use crate::anchors::{Kept, Published};

/// What is known of a draw from elsewhere than the document that is checked.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Whose draw it should be: who is signed in.
    pub merchant: Option<String>,
    /// Which day was asked for.
    pub day: Option<NaiveDate>,
    /// What was published and kept.
    pub published: Published,
}

/// What is checked.
pub(super) enum Document {
    Bundle(Box<Bundle>),
    Slice(Box<Slice>),
}

impl Document {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self> {
        serde_json::from_slice(bytes).map(|bundle| Self::Bundle(Box::new(bundle))).or_else(|why| {
            let slice = serde_json::from_slice(bytes).map(|slice| Self::Slice(Box::new(slice)));
            slice.ok().context(why).context("this is neither a draw bundle nor a slice of one")
        })
    }

    pub(super) fn merchant(&self) -> &str {
        match self {
            Self::Bundle(bundle) => &bundle.merchant,
            Self::Slice(slice) => &slice.merchant,
        }
    }

    pub(super) fn day(&self) -> NaiveDate {
        match self {
            Self::Bundle(bundle) => bundle.day,
            Self::Slice(slice) => slice.day,
        }
    }

    fn hashes(&self) -> (Commitment, ListHash) {
        match self {
            Self::Bundle(bundle) => (bundle.commitment, bundle.list_hash),
            Self::Slice(slice) => (slice.commitment, slice.list_hash),
        }
    }

    fn verify_against(&self, anchor: &Anchor<'_>) -> Result<Verified, Difference> {
        match self {
            Self::Bundle(bundle) => sampling::verify_against(bundle, anchor),
            Self::Slice(slice) => sampling::verify_slice_against(slice, anchor),
        }
    }

    /// Agents, eligible and drawn chats, as it says itself.
    fn counts(&self) -> (usize, usize, usize) {
        match self {
            Self::Bundle(bundle) => (
                bundle.agents.len(),
                bundle.agents.iter().map(|agent| agent.eligible.len()).sum(),
                bundle.agents.iter().map(|agent| agent.drawn.len()).sum(),
            ),
            Self::Slice(slice) => (1, slice.eligible.len(), slice.drawn.len()),
        }
    }

    /// Recomputes it.
    pub(super) fn check(&self, known: &Known) -> Report {
        let (commitment, list_hash) = self.hashes();
        let Published { commitments, list_hashes } = &known.published;
        let anchor = Anchor {
            merchant: known.merchant.as_deref().unwrap_or_else(|| self.merchant()),
            day: known.day.unwrap_or_else(|| self.day()),
            commitment: contradicting(commitments, &commitment),
            list_hash: contradicting(list_hashes, &list_hash),
        };
        let verified = self.verify_against(&anchor);
        let (agents, eligible, drawn) = self.counts();
        Report {
            merchant: self.merchant().to_owned(),
            day: self.day(),
            account: match self {
                Self::Bundle(_) => None,
                Self::Slice(slice) => Some(slice.account.clone()),
            },
            verified: verified.is_ok(),
            agents,
            eligible,
            drawn,
            commitment: commitment.to_string(),
            kept: commitments.first().map(|kept| kept.source.clone()),
            anchored: commitments.iter().any(|kept| !kept.after_draw),
            before_day: match self {
                Self::Bundle(bundle) => Some(bundle.before_day),
                Self::Slice(_) => None,
            },
            unchecked: self.unchecked(known, verified.as_ref().ok()),
            difference: verified.err().map(|difference| difference.to_string()),
        }
    }

    /// What a reader must not take for checked.
    fn unchecked(&self, known: &Known, verified: Option<&Verified>) -> Vec<String> {
        let mut unchecked = Vec::new();
        let mut say = |what: &str| unchecked.push(what.to_owned());
        let Published { commitments, list_hashes } = &known.published;
        if commitments.is_empty() {
            say(
                "that its commitment is the one that was published: none was kept, so this draw only agrees with itself \
                 (`jinpai draw` keeps them; --commitment and --anchors give one)",
            );
        } else if commitments.iter().all(|kept| kept.after_draw) {
            say("that the seed was fixed before the draw: the commitment was kept only after it");
        }
        if list_hashes.is_empty() {
            say(
                "that its list is the one that was drawn from: no list hash was kept when the draw was published",
            );
        }
        if known.merchant.is_none() {
            say(&format!("whose draw it is: it says that it is of merchant {}", self.merchant()));
        }
        if matches!(self, Self::Slice(_)) {
            say("the chats of other accounts and late chats: a slice has only the hashes of the others");
        }
        if let Some(open) = verified.map(|verified| verified.late_open).filter(|open| *open > 0) {
            say(&format!("{open} late chats: the seed that ranks them is secret until its day is drawn"));
        }
        unchecked
    }
}

/// The kept value to compare with: one that differs, if there is any.
fn contradicting<T: Copy + PartialEq>(kept: &[Kept<T>], found: &T) -> Option<T> {
    let differing = kept.iter().find(|kept| kept.value != *found);
    differing.or_else(|| kept.first()).map(|kept| kept.value)
}
