//! Follow-ups (跟进): customers to be contacted again, and what may happen to one when.

pub mod error;
pub mod filter;
pub mod policy;
pub mod reasons;
pub mod result;

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::entry::Entry;
use crate::domain::follow_up::error::FollowUpError;

/// Follow-ups made by hand end at most this much later.
pub const DEADLINE_MAX: TimeDelta = TimeDelta::days(90);
/// Entries that a timeline can have.
pub const EVENTS_MAX: i32 = 1_000;

/// Why a customer is contacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FollowUpKind {
    /// 催付款.
    UnpaidOrder,
    /// Products in the cart.
    Cart,
    /// Asked and did not order.
    Inquiry,
    /// 好评回访.
    SatisfiedBuyer,
    /// 差评追回.
    NegativeReview,
}

impl FollowUpKind {
    /// All of them, in the order in which a payment counts for one.
    pub const ALL: [Self; 5] =
        [Self::UnpaidOrder, Self::Cart, Self::Inquiry, Self::SatisfiedBuyer, Self::NegativeReview];

    /// The name in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::UnpaidOrder => "unpaid_order",
            Self::Cart => "cart",
            Self::Inquiry => "inquiry",
            Self::SatisfiedBuyer => "satisfied_buyer",
            Self::NegativeReview => "negative_review",
        }
    }

    /// The kind of a row.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether what is wanted is a payment.
    pub fn wants_payment(self) -> bool {
        matches!(self, Self::UnpaidOrder | Self::Cart | Self::Inquiry)
    }
}

/// Where a follow-up stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FollowUpState {
    /// To be contacted.
    Open,
    /// It came about after a contact.
    Won,
    /// It won't.
    Lost,
    /// It came about by itself.
    Settled,
    /// There is no reason any more.
    Dropped,
}

impl FollowUpState {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Open, Self::Won, Self::Lost, Self::Settled, Self::Dropped];

    /// The name in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Won => "won",
            Self::Lost => "lost",
            Self::Settled => "settled",
            Self::Dropped => "dropped",
        }
    }

    /// The state of a row.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// What a follow-up comes from, and what for; texts are redacted, amounts in the currency's smallest unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Why.
    pub kind: FollowUpKind,
    /// What it comes from; with kind and shop its second name.
    pub source: String,
    /// The shop.
    pub shop: String,
    /// Whom.
    pub customer: String,
    /// The order that it is about.
    pub order: Option<String>,
    /// What it is about.
    pub note: String,
    /// What is at stake.
    pub amount: i64,
    /// When what it is about happened.
    pub source_at: DateTime<Utc>,
    /// Until when there is a point in it.
    pub deadline: DateTime<Utc>,
}

/// A follow-up as of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowUp {
    /// Unique in the merchant.
    pub id: String,
    /// From 1, one more with each change.
    pub version: i64,
    /// What it comes from.
    pub draft: Draft,
    /// Where it stands.
    pub state: FollowUpState,
    /// On whose work list it is.
    pub owner: Option<String>,
    /// Everyone who has or had it.
    pub people: BTreeSet<String>,
    /// By when the customer is contacted next; `None` when it is closed.
    pub due_at: Option<DateTime<Utc>>,
    /// How often there was one.
    pub contacts: i32,
    /// How often it came too late.
    pub missed: i32,
    /// The first.
    pub first_contact_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub closed_at: Option<DateTime<Utc>>,
    /// What its payments came to.
    pub recovered: i64,
    /// Which they are.
    pub payments: Vec<String>,
    /// Entries of its timeline.
    pub events: i32,
    /// Who made it, and when.
    pub created: (String, DateTime<Utc>),
    /// Who made this version, and when.
    pub changed: (String, DateTime<Utc>),
}

/// How a customer was contacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// By phone.
    Phone,
    /// In a chat.
    Chat,
    /// By a message.
    Message,
}

/// A contact, or a try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// How.
    pub channel: Channel,
    /// Whether the customer was there.
    pub reached: bool,
    /// Redacted.
    pub note: String,
    /// When the next one is.
    pub next_at: Option<DateTime<Utc>>,
}

/// What a timeline's entry tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the variants are the fields of FollowUpEvent in follow_up.proto")]
pub enum Happening {
    Created,
    Contact(Contact),
    Ended { state: FollowUpState, payments: Vec<String>, note: String },
    Assigned { from: Option<String>, to: String, note: String },
}

/// An entry of its timeline.
pub type Event = Entry<FollowUpState, Happening>;

type Result<T, E = FollowUpError> = std::result::Result<T, E>;

impl FollowUp {
    /// What changes must show.
    pub fn etag(&self) -> String {
        format!("v{}", self.version)
    }

    /// Whether the customer should have been contacted.
    pub fn is_overdue(&self, now: DateTime<Utc>) -> bool {
        self.due_at.is_some_and(|due| due < now)
    }

    /// Made: the first contact is due after the usual time, or earlier if there is no point in it any more then.
    pub fn new(
        id: String,
        draft: Draft,
        owner: Option<String>,
        (by, now): (String, DateTime<Utc>),
        interval: TimeDelta,
    ) -> Self {
        Self {
            version: 1,
            state: FollowUpState::Open,
            people: owner.iter().cloned().collect(),
            due_at: Some(next_contact(now + interval, draft.deadline, now)),
            contacts: 0,
            missed: 0,
            first_contact_at: None,
            closed_at: None,
            recovered: 0,
            payments: Vec::new(),
            events: 1,
            created: (by.clone(), now),
            changed: (by, now),
            id,
            draft,
            owner,
        }
    }

    /// The same after a contact, and whether that came too late. The next is within `interval`.
    pub fn contact(
        mut self,
        contact: &Contact,
        now: DateTime<Utc>,
        interval: TimeDelta,
    ) -> Result<(Self, bool)> {
        self.check_open()?;
        let latest = now + interval;
        if contact.next_at.is_some_and(|next| next <= now || next > latest) {
            return Err(FollowUpError::Next { latest });
        }
        let late = self.is_overdue(now);
        self.missed += i32::from(late);
        self.contacts += 1;
        self.first_contact_at = self.first_contact_at.or(Some(now));
        let next = contact.next_at.unwrap_or_else(|| next_contact(latest, self.draft.deadline, now));
        self.due_at = Some(next);
        Ok((self, late))
    }

    /// The same as it ended, with the payments that it brought and what they come to.
    pub fn close(
        mut self,
        state: FollowUpState,
        (payments, recovered): (Vec<String>, i64),
        now: DateTime<Utc>,
    ) -> Result<Self> {
        self.check_open()?;
        let wanted = state == FollowUpState::Won && self.draft.kind.wants_payment();
        if wanted == payments.is_empty() {
            return Err(FollowUpError::Payments { wanted });
        }
        self.state = state;
        self.due_at = None;
        self.closed_at = Some(now);
        self.payments = payments;
        self.recovered = recovered;
        Ok(self)
    }

    /// The same on somebody else's work list.
    pub fn assign(mut self, to: String) -> Result<Self> {
        self.check_open()?;
        self.people.insert(to.clone());
        self.owner = Some(to);
        Ok(self)
    }

    fn check_open(&self) -> Result<()> {
        if self.state == FollowUpState::Open {
            return Ok(());
        }
        Err(FollowUpError::Closed { id: self.id.clone(), state: self.state })
    }

    /// The next version with one more entry in its timeline, by whom and when.
    pub fn changed(self, by: String, now: DateTime<Utc>) -> Result<Self> {
        if self.events >= EVENTS_MAX {
            return Err(FollowUpError::TooManyEvents { id: self.id, limit: EVENTS_MAX });
        }
        Ok(Self { version: self.version + 1, events: self.events + 1, changed: (by, now), ..self })
    }
}

/// In time for the deadline, unless that is over.
fn next_contact(latest: DateTime<Utc>, deadline: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    if deadline > now { latest.min(deadline) } else { latest }
}

#[cfg(test)]
mod tests {
    use status::Failure;

    use super::*;

    const INTERVAL: TimeDelta = TimeDelta::hours(48);

    fn at(hours: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::hours(hours)
    }

    fn follow_up(kind: FollowUpKind, deadline: i64) -> FollowUp {
        let draft = Draft {
            kind,
            source: "o-1".to_owned(),
            shop: "s".to_owned(),
            customer: "b".to_owned(),
            order: None,
            note: String::new(),
            amount: 100,
            source_at: at(0),
            deadline: at(deadline),
        };
        FollowUp::new("f".to_owned(), draft, Some("p1".to_owned()), ("s".to_owned(), at(1)), INTERVAL)
    }

    fn contact(next: Option<i64>) -> Contact {
        Contact { channel: Channel::Phone, reached: true, note: String::new(), next_at: next.map(at) }
    }

    #[test]
    fn contacts_are_two_days_apart_at_most() {
        let new = follow_up(FollowUpKind::Cart, 168);
        assert_eq!(new.due_at, Some(at(49)));
        assert_eq!(follow_up(FollowUpKind::Cart, 20).due_at, Some(at(20)), "there is no point later");
        let (called, late) = new.contact(&contact(None), at(10), INTERVAL).expect("is open");
        assert_eq!((called.due_at, called.contacts, late), (Some(at(58)), 1, false));
        for wrong in [10, 59] {
            let refused = called
                .clone()
                .contact(&contact(Some(wrong)), at(10), INTERVAL)
                .expect_err("too early or too late");
            assert_eq!(refused.violations()[0].field, "contact.next_at", "{wrong}");
        }
        let (again, late) =
            called.contact(&contact(Some(70)), at(59), INTERVAL).expect("late, but a contact");
        assert_eq!(
            (again.due_at, again.missed, late, again.first_contact_at),
            (Some(at(70)), 1, true, Some(at(10)))
        );
        let (after, _) = again.contact(&contact(None), at(200), INTERVAL).expect("after the deadline");
        assert_eq!(after.due_at, Some(at(248)));
    }

    #[test]
    fn what_is_to_be_paid_is_won_by_payments_and_nothing_else_is() {
        let paid = || (vec!["pay-1".to_owned()], 100);
        let cart = || follow_up(FollowUpKind::Cart, 168);
        let won = cart().close(FollowUpState::Won, paid(), at(5)).expect("is won");
        assert_eq!((won.recovered, won.due_at, won.closed_at), (100, None, Some(at(5))));
        let closed = won.clone().close(FollowUpState::Lost, (vec![], 0), at(6)).expect_err("has ended");
        assert_eq!(closed.reason(), "FOLLOW_UP_CLOSED");
        won.contact(&contact(None), at(6), INTERVAL).expect_err("has ended");
        let field = |follow_up: FollowUp, state, payments| {
            follow_up.close(state, payments, at(5)).expect_err("does not fit").violations()[0].field.clone()
        };
        assert_eq!(field(cart(), FollowUpState::Won, (vec![], 0)), "end.payment_ids");
        assert_eq!(field(cart(), FollowUpState::Lost, paid()), "end.payment_ids");
        let review = || follow_up(FollowUpKind::NegativeReview, 168);
        assert_eq!(field(review(), FollowUpState::Won, paid()), "end.payment_ids");
        review().close(FollowUpState::Won, (vec![], 0), at(5)).expect("is won");
    }

    #[test]
    fn whoever_had_it_still_sees_it() {
        let other = follow_up(FollowUpKind::Inquiry, 168).assign("p2".to_owned()).expect("is open");
        assert_eq!(other.owner.as_deref(), Some("p2"));
        assert_eq!(other.people.into_iter().collect::<Vec<_>>(), ["p1", "p2"]);
    }
}
