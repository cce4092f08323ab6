//! Good reviews kept for reuse and call-back, with the buyer's consent. All pure.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::step::{Channel, Desk, blacked_out};
use super::{BuyerReview, Done, Kind};
use crate::buyer_review_error::BuyerReviewError;
use crate::error::QaError;

/// Lines of consent, and uses, of one review at most.
const LINES_MAX: usize = 500;

/// Where the buyer's consent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    /// Nobody asked.
    Unasked,
    /// Asked, not answered.
    Asked,
    /// Given.
    Given,
    /// Refused.
    Refused,
    /// Given and taken back.
    Withdrawn,
}

impl Consent {
    /// Its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unasked => "unasked",
            Self::Asked => "asked",
            Self::Given => "given",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// A buyer may say no and yes at any time, even unasked; only what was given is taken back.
    fn may_become(self, next: Self) -> bool {
        match next {
            Self::Unasked => false,
            Self::Asked => self != Self::Given,
            Self::Given => true,
            Self::Refused => self != Self::Given,
            Self::Withdrawn => self == Self::Given,
        }
    }
}

/// What a review may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UseKind {
    /// Quoted in chats.
    Chat,
    /// On pages and in advertising.
    Advertising,
    /// In courses.
    Training,
    /// The buyer may be called.
    CallBack,
}

/// A line of what was asked and answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentLine {
    /// What it became.
    pub state: Consent,
    /// How they were talked to.
    pub channel: Channel,
    /// What was agreed to.
    pub uses: Vec<UseKind>,
    /// What was said.
    pub note: String,
    /// Who noted it.
    pub done: Done,
}

/// A place where a review is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewUse {
    /// A UUIDv7.
    pub id: Uuid,
    /// What for.
    pub kind: UseKind,
    /// Where.
    pub place: String,
    /// Who began it.
    pub done: Done,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
}

/// A review's place in the collection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collection {
    /// Whether it is in it.
    pub collected: bool,
    /// What it is found by.
    pub tags: Vec<String>,
    /// More about it.
    pub note: String,
    /// Who took it in first.
    pub done: Done,
    /// Oldest first.
    pub consents: Vec<ConsentLine>,
    /// Oldest first.
    pub uses: Vec<ReviewUse>,
}

/// What is said of a review's place in the collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collect {
    /// What it is found by.
    pub tags: Vec<String>,
    /// More about it.
    pub note: String,
    /// Takes it out.
    pub remove: bool,
}

/// A change of the places where a review is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UseChange {
    /// A new place.
    Start {
        /// What for.
        kind: UseKind,
        /// Where.
        place: String,
    },
    /// A place where it is used no longer.
    End(Uuid),
}

impl Collection {
    /// Where the consent stands.
    pub fn consent(&self) -> Consent {
        self.consents.last().map_or(Consent::Unasked, |line| line.state)
    }

    /// What the buyer agreed to and did not take back.
    pub fn allowed(&self) -> &[UseKind] {
        match self.consents.last() {
            Some(line) if line.state == Consent::Given => &line.uses,
            _ => &[],
        }
    }

    /// Uses that go on without a consent.
    pub fn to_end(&self) -> Vec<Uuid> {
        let going = self.uses.iter().filter(|it| it.ended_at.is_none());
        going.filter(|it| !self.allowed().contains(&it.kind)).map(|it| it.id).collect()
    }

    /// Takes the words away, and the review out of the collection.
    pub(super) fn erase(&mut self, now: DateTime<Utc>) {
        self.collected = false;
        self.note.clear();
        self.consents.iter_mut().for_each(|line| line.note.clear());
        for it in &mut self.uses {
            it.place.clear();
            it.ended_at.get_or_insert(now);
        }
    }
}

impl BuyerReview {
    fn check_good(&self) -> Result<(), BuyerReviewError> {
        if self.kind() == Kind::Good { Ok(()) } else { Err(BuyerReviewError::NotGood) }
    }

    fn collection_mut(&mut self, done: &Done) -> &mut Collection {
        self.collection.get_or_insert_with(|| Collection {
            collected: false,
            tags: Vec::new(),
            note: String::new(),
            done: done.clone(),
            consents: Vec::new(),
            uses: Vec::new(),
        })
    }

    /// Takes a good review into the collection, changes its place there, or takes it out.
    pub fn collect(mut self, etag: &str, collect: &Collect, desk: &Desk<'_>) -> Result<Self, QaError> {
        self.check_open(etag)?;
        let done = desk.done();
        if !collect.remove {
            self.check_good()?;
            if self.collection.as_ref().map(Collection::consent) == Some(Consent::Withdrawn) {
                return Err(BuyerReviewError::ConsentWithdrawn.into());
            }
        }
        let note = blacked_out(&collect.note);
        self.note("collected", if collect.remove { "taken out" } else { &note }, done.clone())?;
        let place = self.collection_mut(&done);
        if collect.remove {
            place.collected = false;
        } else {
            if !place.collected {
                place.done = done;
            }
            place.collected = true;
            place.tags.clone_from(&collect.tags);
            place.note = note;
        }
        self.edits += 1;
        Ok(self)
    }

    /// Notes what the buyer was asked or answered. A withdrawal takes the review out at once.
    pub fn record_consent(
        mut self,
        etag: &str,
        state: Consent,
        (channel, uses, note): (Channel, &[UseKind], &str),
        desk: &Desk<'_>,
    ) -> Result<Self, QaError> {
        self.check_open(etag)?;
        // A buyer can take back what they gave whatever became of the review since.
        if state != Consent::Withdrawn {
            self.check_good()?;
        }
        let now = self.collection.as_ref().map_or(Consent::Unasked, Collection::consent);
        if !now.may_become(state) {
            return Err(BuyerReviewError::ConsentOrder { now: now.name(), next: state.name() }.into());
        }
        if (state == Consent::Given) == uses.is_empty() {
            return Err(QaError::invalid("uses", "go with GIVEN, and only with it"));
        }
        let (note, done) = (blacked_out(note), desk.done());
        self.note("consent", &format!("{}: {note}", state.name()), done.clone())?;
        let place = self.collection_mut(&done);
        if place.consents.len() >= LINES_MAX {
            return Err(BuyerReviewError::Full.into());
        }
        let mut uses = uses.to_vec();
        uses.sort_unstable();
        uses.dedup();
        place.consents.push(ConsentLine { state, channel, uses, note, done });
        if matches!(state, Consent::Withdrawn | Consent::Refused) {
            place.collected = false;
        }
        self.edits += 1;
        Ok(self)
    }

    /// Notes where the review is used, or that it is used there no longer.
    pub fn record_use(mut self, change: &UseChange, desk: &Desk<'_>) -> Result<Self, QaError> {
        let done = desk.done();
        let place = self.collection.as_mut().ok_or(BuyerReviewError::ConsentMissing)?;
        let note = match change {
            UseChange::Start { kind, place: r#where } => {
                if !place.collected || !place.allowed().contains(kind) {
                    return Err(BuyerReviewError::ConsentMissing.into());
                }
                if place.uses.len() >= LINES_MAX {
                    return Err(BuyerReviewError::Full.into());
                }
                let id = Uuid::now_v7();
                let (kind, done) = (*kind, done.clone());
                place.uses.push(ReviewUse { id, kind, place: r#where.clone(), done, ended_at: None });
                format!("from now on: {}", r#where)
            }
            UseChange::End(id) => {
                let found = place.uses.iter_mut().find(|it| it.id == *id);
                let found = found.ok_or_else(|| BuyerReviewError::UseNotFound { id: id.to_string() })?;
                if found.ended_at.is_some() {
                    return Err(BuyerReviewError::UseEnded.into());
                }
                found.ended_at = Some(desk.now);
                format!("no longer: {}", found.place)
            }
        };
        self.note("used", &note, done)?;
        self.edits += 1;
        Ok(self)
    }
}
