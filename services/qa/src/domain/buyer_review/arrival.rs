//! Reviews coming in, revision by revision, in any order.

use chrono::{DateTime, NaiveDate, Utc};
use runtime::ids::{AccountId, MerchantId};

use super::policy::Terms;
use super::{BuyerReview, BuyerReviewId, Done, Revision, Served};

/// A revision as metrics told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The tenant.
    pub merchant: MerchantId,
    /// Which review.
    pub id: BuyerReviewId,
    /// The order.
    pub order: String,
    /// The product; may be empty.
    pub product: String,
    /// The buyer.
    pub customer: String,
    /// Whom the platform names; may be empty.
    pub account: AccountId,
    /// When it was written.
    pub reviewed_at: DateTime<Utc>,
    /// The business day of that.
    pub business_day: NaiveDate,
    /// What was written.
    pub words: Revision,
}

impl Received {
    /// The review that this is the first known revision of.
    pub fn begin(self, terms: Terms) -> BuyerReview {
        let done = Done { by: None, at: self.words.arrived_at };
        let mut review = BuyerReview {
            id: self.id,
            order: self.order,
            product: self.product,
            customer: self.customer,
            served: Served { account: self.account, day: self.business_day, chat: None },
            served_by: None,
            reviewed_at: self.reviewed_at,
            business_day: self.business_day,
            terms,
            revisions: vec![self.words],
            comment: None,
            owner: None,
            analysis: None,
            plan: None,
            ending: None,
            replies: Vec::new(),
            collection: None,
            entries: Vec::new(),
            erased_at: None,
            edits: 1,
        };
        review.note("received", "", done).expect("a new history has room");
        review
    }
}

impl BuyerReview {
    /// Adds a revision; `None` if it is known already. The newest revision says what order, product, buyer and time are; of
    /// an erased review nothing but ratings comes back.
    pub fn receive(mut self, received: Received) -> Option<Self> {
        let known = self.revisions.binary_search_by_key(&received.words.revision, |words| words.revision);
        let Err(at) = known else { return None };
        let newest = at == self.revisions.len();
        let mut words = received.words;
        let done = Done { by: None, at: words.arrived_at };
        if self.erased_at.is_some() {
            words.text.clear();
            words.append_text.clear();
        } else if newest {
            self.order = received.order;
            self.customer = received.customer;
        }
        if newest {
            self.product = received.product;
            self.reviewed_at = received.reviewed_at;
            self.business_day = received.business_day;
            if !received.account.as_str().is_empty() && received.account != self.served.account {
                self.served = Served { account: received.account, day: received.business_day, chat: None };
            }
        }
        self.revisions.insert(at, words);
        // A full history takes no line more, but the buyer's word counts all the same.
        let _full = self.note("revised", "", done);
        self.edits += 1;
        Some(self.settled())
    }

    /// Takes the review out of the collection if it is good no longer.
    pub(super) fn settled(mut self) -> Self {
        if self.kind() != super::Kind::Good
            && let Some(collection) = &mut self.collection
        {
            collection.collected = false;
        }
        self
    }
}
