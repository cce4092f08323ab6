//! The use cases of deciding which orders count (刷单, special orders): a decision stands over whatever the platform says of
//! the order, in this revision and in later ones, until somebody decides otherwise.

use chrono::{DateTime, Utc};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use status::{Failure, Kind, Violation};

use crate::domain::{Metrics, Result};
use crate::store::OrderCursor;

/// A decision about an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderDecision {
    /// Where it was placed.
    pub shop: String,
    /// The platform's id.
    pub order: String,
    /// From 1, one more with each decision about the order.
    pub version: i32,
    /// Whether it is taken out of credit and conversion.
    pub excluded: bool,
    /// Why; redacted.
    pub reason: String,
    /// Who decided.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// What somebody decides.
#[derive(Debug, Clone)]
pub struct Decide {
    /// Where the order was placed.
    pub shop: String,
    /// The platform's id.
    pub order: String,
    /// Whether it is taken out.
    pub excluded: bool,
    /// Why.
    pub reason: String,
    /// Of the decision that this one follows; empty if there is none.
    pub etag: String,
}

/// What can go wrong with a decision.
#[derive(Debug, thiserror::Error)]
pub enum OrderDecisionError {
    /// No such order came in.
    #[error("there is no order {order} of shop {shop}")]
    NotFound {
        /// Of which shop.
        shop: String,
        /// Which.
        order: String,
    },
    /// Somebody else decided.
    #[error("somebody else has decided about order {order} since that was read")]
    Changed {
        /// Which.
        order: String,
    },
}

impl Failure for OrderDecisionError {
    fn kind(&self) -> Kind {
        match self {
            Self::NotFound { .. } => Kind::NotFound,
            Self::Changed { .. } => Kind::Contended,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "ORDER_NOT_FOUND",
            Self::Changed { .. } => "ORDER_DECISION_CHANGED",
        }
    }
}

impl OrderDecision {
    /// What the next decision must show.
    pub fn etag(&self) -> String {
        format!("v{}", self.version)
    }
}

impl Decide {
    /// What follows the newest decision; `None` if that says the same already.
    pub fn after(
        self,
        newest: Option<&OrderDecision>,
        (by, at): (String, DateTime<Utc>),
    ) -> Result<Option<OrderDecision>, OrderDecisionError> {
        let says_so =
            |newest: &&OrderDecision| newest.excluded == self.excluded && newest.reason == self.reason;
        if newest.filter(says_so).is_some() {
            return Ok(None);
        }
        if newest.map(OrderDecision::etag).unwrap_or_default() != self.etag {
            return Err(OrderDecisionError::Changed { order: self.order });
        }
        Ok(Some(OrderDecision {
            version: newest.map_or(0, |newest| newest.version) + 1,
            shop: self.shop,
            order: self.order,
            excluded: self.excluded,
            reason: self.reason,
            by,
            at,
        }))
    }
}

impl Metrics {
    /// Decides whether an order counts. Its customer is counted anew, as after a revision of the order.
    pub async fn decide_order(&self, by: &By, wanted: Decide) -> Result<OrderDecision> {
        let now = self.clock.now();
        let reason = self.redactor(&by.caller.merchant).redact(&wanted.reason).into_owned();
        if reason.trim().is_empty() {
            let description = "must say why".to_owned();
            return Err(Violation { field: "reason".to_owned(), description }.into());
        }
        self.store.decide_order(by, Decide { reason, ..wanted }, now).await
    }

    /// A page of the newest decisions about orders.
    pub async fn list_order_decisions(
        &self,
        scope: &Scope,
        (shop, excluded): (Option<&str>, Option<bool>),
        page: &PageRequest<OrderCursor>,
    ) -> Result<Page<OrderDecision>> {
        self.store.list_order_decisions(scope.whole_merchant()?, (shop, excluded), page).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn decide(excluded: bool, reason: &str, etag: &str) -> Decide {
        Decide {
            shop: "s".to_owned(),
            order: "o".to_owned(),
            excluded,
            reason: reason.to_owned(),
            etag: etag.to_owned(),
        }
    }

    #[test]
    fn decisions_follow_each_other_and_the_same_one_is_none() {
        let by = || ("me".to_owned(), NOW);
        let first = decide(true, "brushed", "").after(None, by()).expect("decides").expect("is new");
        assert_eq!((first.version, first.excluded), (1, true));
        assert_eq!(decide(true, "brushed", "").after(Some(&first), by()).expect("is known"), None);
        let stale = decide(false, "a buyer", "").after(Some(&first), by()).expect_err("didn't see the first");
        assert_eq!(stale.reason(), "ORDER_DECISION_CHANGED");
        let second = decide(false, "a buyer", "v1").after(Some(&first), by()).expect("decides");
        assert_eq!(second.map(|second| (second.version, second.excluded)), Some((2, false)));
        assert!(decide(true, "brushed", "v1").after(None, by()).is_err());
    }
}
