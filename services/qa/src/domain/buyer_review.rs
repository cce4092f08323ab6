//! A buyer's review (评价): what was written, revision by revision, and what is owed for it. All pure.
//!
//! What a review amounts to is a function of the set of its revisions and of what people noted, so the order in which
//! revisions arrive does not matter. A review keeps the [`Terms`] it first arrived under: before and after are measured
//! by one rule, and a deadline that was promised stays.

pub mod arrival;
pub mod collection;
pub mod figure;
mod filter;
pub mod policy;
pub mod step;
#[cfg(test)]
mod tests;
mod work;

use calendar::{MerchantCalendar, WorkingCalendar};
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use runtime::ids::{AccountId, PersonId};
use sampling::ConversationId;
use serde::{Deserialize, Serialize};

use crate::buyer_review_error::BuyerReviewError;
use collection::Collection;
pub use filter::{BuyerReviewFilter, CollectedFilter, OverdueFilter};
use policy::Terms;
pub use work::{Analysis, CommentVerdict, Done, Ending, Entry, Outcome, Plan, PlanStep, Reply};

/// Lines of one review's history at most.
const ENTRIES_MAX: usize = 500;

/// What a review amounts to. Ordered from good to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// 好评.
    Good,
    /// 中评.
    Neutral,
    /// 差评.
    Bad,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Good, Self::Neutral, Self::Bad];
}

/// Which review.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BuyerReviewId {
    /// The shop.
    pub shop: String,
    /// The platform's id.
    pub id: String,
}

/// What the buyer wrote, as of one revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// Grows with each change.
    pub revision: i64,
    /// The platform's own word.
    pub rating: Kind,
    /// 1 to 5 where the platform counts them.
    pub stars: Option<i32>,
    /// Redacted.
    pub text: String,
    /// The added comment (追评), redacted; empty without one.
    pub append_text: String,
    /// When it was added.
    pub appended_at: Option<DateTime<Utc>>,
    /// When it came here.
    pub arrived_at: DateTime<Utc>,
}

/// How far work on a review is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Never bad, and nobody made anything of it.
    Idle,
    /// Nobody has said why it is bad.
    Open,
    /// It has a cause.
    Analysed,
    /// It has a plan.
    Planned,
    /// It has an outcome, or is good again.
    Ended,
}

/// Who served, as far as chats tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// The platform account; empty if nobody is known.
    pub account: AccountId,
    /// The day on which it served, or the review's own.
    pub day: NaiveDate,
    /// The buyer's last chat before the review.
    pub chat: Option<ConversationId>,
}

/// A buyer's review with everything that was made of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuyerReview {
    /// Which.
    pub id: BuyerReviewId,
    /// The order; empty when it was erased.
    pub order: String,
    /// The product; empty if the review is of no single one.
    pub product: String,
    /// The buyer; empty when they were erased.
    pub customer: String,
    /// Who served.
    pub served: Served,
    /// The person of the account on that day, if anybody said. Read with the review, never written.
    pub served_by: Option<PersonId>,
    /// When it was written.
    pub reviewed_at: DateTime<Utc>,
    /// The business day of that, as metrics counted it.
    pub business_day: NaiveDate,
    /// By what it is judged.
    pub terms: Terms,
    /// In order of revision; never empty.
    pub revisions: Vec<Revision>,
    /// What somebody said of the added comment.
    pub comment: Option<CommentVerdict>,
    /// Whom it was given to; `None` leaves it to who served.
    pub owner: Option<PersonId>,
    /// Why it is bad.
    pub analysis: Option<Analysis>,
    /// What is to be done.
    pub plan: Option<Plan>,
    /// What came of it.
    pub ending: Option<Ending>,
    /// Oldest first.
    pub replies: Vec<Reply>,
    /// Its place in the collection.
    pub collection: Option<Collection>,
    /// Oldest first.
    pub entries: Vec<Entry>,
    /// When its words and its buyer were erased.
    pub erased_at: Option<DateTime<Utc>>,
    /// Counts up with each change; the etag.
    pub edits: i64,
}

/// A reply that is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// Until when.
    pub due_at: DateTime<Utc>,
    /// When the first version was published.
    pub replied_at: Option<DateTime<Utc>>,
}

impl Deadline {
    /// Whether it was met; `None` while it can still be.
    pub fn in_time(&self, now: DateTime<Utc>) -> Option<bool> {
        match self.replied_at {
            Some(at) => Some(at <= self.due_at),
            None => (now > self.due_at).then_some(false),
        }
    }
}

/// What a review waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// A reply to the review.
    Reply,
    /// A reply to the added comment.
    CommentReply,
    /// A cause and a plan.
    Plan,
    /// An outcome.
    Outcome,
}

impl BuyerReview {
    /// Changes with every change.
    pub fn etag(&self) -> String {
        format!("buyer-review-{}", self.edits)
    }

    /// What the buyer wrote last.
    pub fn newest(&self) -> &Revision {
        self.revisions.last().expect("a review is made of its first revision")
    }

    fn lowest(&self) -> &Revision {
        self.revisions.first().expect("a review is made of its first revision")
    }

    /// What a revision amounts to, without the added comment.
    pub fn kind_of(&self, revision: &Revision) -> Kind {
        self.terms.kind(revision.rating, revision.stars)
    }

    /// What somebody said of the added comment that stands now.
    pub fn comment_kind(&self) -> Option<Kind> {
        let verdict = self.comment.as_ref()?;
        (self.newest().appended_at == Some(verdict.appended_at)).then_some(verdict.kind)
    }

    /// What the review is now.
    pub fn kind(&self) -> Kind {
        match self.comment_kind() {
            Some(kind) if self.terms.comment_decides => kind,
            _ => self.kind_of(self.newest()),
        }
    }

    /// The worst that a revision or the added comment was.
    pub fn worst(&self) -> Kind {
        let revisions = self.revisions.iter().map(|revision| self.kind_of(revision));
        revisions.chain(self.comment_kind()).max().expect("a review is made of its first revision")
    }

    /// When it first came here.
    pub fn arrived_at(&self) -> DateTime<Utc> {
        self.revisions.iter().map(|revision| revision.arrived_at).min().unwrap_or(self.reviewed_at)
    }

    /// It came so late that nothing is owed for it.
    pub fn is_history(&self) -> bool {
        self.terms.is_history(self.reviewed_at, self.arrived_at())
    }

    /// How far work on it is.
    pub fn state(&self) -> State {
        let was_bad = self.worst() == Kind::Bad;
        if !was_bad && self.analysis.is_none() && self.plan.is_none() && self.ending.is_none() {
            State::Idle
        } else if self.ending.is_some() || (was_bad && self.kind() == Kind::Good) {
            State::Ended
        } else if self.plan.is_some() {
            State::Planned
        } else if self.analysis.is_some() {
            State::Analysed
        } else {
            State::Open
        }
    }

    /// Bad once and good now.
    pub fn is_won_back(&self) -> bool {
        self.worst() == Kind::Bad && self.kind() == Kind::Good
    }

    /// The last day on which it can be won back without having counted as lost.
    pub fn runs_until(&self) -> NaiveDate {
        self.business_day.checked_add_days(Days::new(self.terms.effect_days.into())).unwrap_or(NaiveDate::MAX)
    }

    /// Until when the review itself is to be answered, if at all. By what its first revision was.
    pub fn reply_deadline(&self, calendar: &MerchantCalendar) -> Option<Deadline> {
        if self.is_history() {
            return None;
        }
        let kind = self.kind_of(self.lowest());
        self.deadline(calendar, self.reviewed_at, kind, false)
    }

    /// Until when the added comment is to be answered, if at all. By what the newest revision is.
    pub fn comment_deadline(&self, calendar: &MerchantCalendar) -> Option<Deadline> {
        let appended_at = self.newest().appended_at?;
        let same = self.revisions.iter().filter(|revision| revision.appended_at == Some(appended_at));
        let arrived_at = same.map(|revision| revision.arrived_at).min()?;
        if self.terms.is_history(appended_at, arrived_at) {
            return None;
        }
        self.deadline(calendar, appended_at, self.kind_of(self.newest()), true)
    }

    fn deadline(
        &self,
        calendar: &MerchantCalendar,
        from: DateTime<Utc>,
        kind: Kind,
        to_comment: bool,
    ) -> Option<Deadline> {
        let due_at = self.terms.reply_due(calendar, from, kind)?;
        let replies = self.replies.iter().filter(|reply| reply.to_comment == to_comment);
        Some(Deadline { due_at, replied_at: replies.map(|reply| reply.replied_at).min() })
    }

    /// What it waits for next, and until when.
    pub fn duty(&self, calendar: &MerchantCalendar) -> Option<(Duty, DateTime<Utc>)> {
        if self.erased_at.is_some() {
            return None;
        }
        let open = |deadline: Deadline| deadline.replied_at.is_none().then_some(deadline.due_at);
        let work = || {
            let (duty, day) = match self.state() {
                State::Open | State::Analysed if !self.is_history() => {
                    let arrived = calendar.business_day(self.arrived_at());
                    (Duty::Plan, WorkingCalendar::default().add_working_days(arrived, self.terms.plan_days))
                }
                State::Planned => (Duty::Outcome, self.plan.as_ref()?.due_day),
                _ => return None,
            };
            Some((duty, calendar.day_bounds(day).1))
        };
        let duties = [
            self.reply_deadline(calendar).and_then(open).map(|at| (Duty::Reply, at)),
            self.comment_deadline(calendar).and_then(open).map(|at| (Duty::CommentReply, at)),
            work(),
        ];
        duties.into_iter().flatten().min_by_key(|(_, at)| *at)
    }

    /// Who works on it.
    pub fn works_on_it(&self) -> Option<&PersonId> {
        self.owner.as_ref().or(self.served_by.as_ref())
    }

    /// Adds a line to the history.
    fn note(&mut self, event: &str, note: &str, done: Done) -> Result<(), BuyerReviewError> {
        if self.entries.len() >= ENTRIES_MAX {
            return Err(BuyerReviewError::Full);
        }
        self.entries.push(Entry { event: event.to_owned(), note: note.to_owned(), done });
        Ok(())
    }

    /// Takes away every word and who the buyer was. What was counted stays.
    pub fn erase(mut self, now: DateTime<Utc>) -> Self {
        self.order.clear();
        self.customer.clear();
        for revision in &mut self.revisions {
            revision.text.clear();
            revision.append_text.clear();
        }
        for reply in &mut self.replies {
            reply.text.clear();
        }
        for entry in &mut self.entries {
            entry.note.clear();
        }
        if let Some(analysis) = &mut self.analysis {
            analysis.note.clear();
        }
        if let Some(plan) = &mut self.plan {
            plan.text.clear();
            plan.steps.iter_mut().for_each(|step| step.text.clear());
        }
        if let Some(ending) = &mut self.ending {
            ending.note.clear();
        }
        if let Some(collection) = &mut self.collection {
            collection.erase(now);
        }
        self.served.chat = None;
        let by = Done { by: None, at: now };
        // The line says when; a full history goes without it.
        let _full = self.note("erased", "", by);
        self.erased_at = Some(now);
        self.edits += 1;
        self
    }
}

/// How far apart two instants are at most for `days` days.
fn within_days(from: DateTime<Utc>, to: DateTime<Utc>, days: u32) -> bool {
    to - from <= TimeDelta::days(i64::from(days))
}
