//! Legal holds (证据保留) and erasures.

use chrono::{DateTime, NaiveDate, Utc};
use runtime::ids::{AccountId, MerchantId};
use sampling::ConversationId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::error::QaError;
use crate::privacy_error::PrivacyError;

/// What a hold keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Held {
    /// One chat, wherever it is.
    Chat(ConversationId),
    /// The chats of some days, both ends included.
    Days {
        /// First.
        from: NaiveDate,
        /// Last.
        to: NaiveDate,
        /// Only this account's.
        account: Option<AccountId>,
    },
}

/// Keeps chats from erasure and from the end of their retention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegalHold {
    /// A UUIDv7.
    pub id: Uuid,
    /// What.
    pub held: Held,
    /// Why.
    pub reason: String,
    /// Who placed it.
    pub placed_by: String,
    /// When.
    pub placed_at: DateTime<Utc>,
    /// Absent while it is in force.
    pub lifted: Option<Lifted>,
}

/// The end of a hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifted {
    /// Who.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
    /// Why.
    pub reason: String,
}

impl LegalHold {
    /// Changes when it is lifted.
    pub fn etag(&self) -> &'static str {
        if self.lifted.is_some() { "hold-2" } else { "hold-1" }
    }

    /// Ends it.
    pub fn lift(self, etag: &str, lifted: Lifted) -> Result<Self, QaError> {
        if etag != self.etag() {
            return Err(QaError::EtagMismatch);
        }
        if self.lifted.is_some() {
            return Err(PrivacyError::HoldLifted.into());
        }
        Ok(Self { lifted: Some(lifted), ..self })
    }
}

/// A customer's request to be forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// A UUIDv7.
    pub id: Uuid,
    /// What stays of who it was.
    pub customer_hash: Vec<u8>,
    /// Why.
    pub reason: String,
    /// Chats so far.
    pub chats_erased: i64,
    /// Chats that a hold keeps.
    pub chats_held: i64,
    /// Who asked.
    pub requested_by: String,
    /// When.
    pub requested_at: DateTime<Utc>,
    /// When all days were gone through.
    pub finished_at: Option<DateTime<Utc>>,
    /// Buyer reviews, once all chats were gone through.
    pub buyer_reviews_erased: i64,
    /// Buyer reviews that a hold keeps.
    pub buyer_reviews_held: i64,
}

/// An erasure that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenErasure {
    /// The tenant.
    pub merchant: MerchantId,
    /// Which.
    pub id: Uuid,
    /// Whose chats.
    pub customer: String,
    /// The day that was gone through last.
    pub after: Option<NaiveDate>,
}

/// What stays of a customer who was erased: SHA-256 over the merchant's and the customer's id, each behind its length.
pub fn customer_hash(merchant: &MerchantId, customer: &str) -> Vec<u8> {
    let mut hash = Sha256::new();
    for part in [merchant.as_str(), customer] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().to_vec()
}

/// The first month whose chats are kept, if they are kept for `months` whole months beside the running one; `None` keeps
/// all.
pub fn kept_from(today: NaiveDate, months: u32) -> Option<NaiveDate> {
    use chrono::{Datelike, Months};
    if months == 0 {
        return None;
    }
    today.with_day(1)?.checked_sub_months(Months::new(months))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn whole_months_are_kept_beside_the_running_one() {
        assert_eq!(kept_from(day("2026-11-30"), 6), Some(day("2026-05-01")));
        assert_eq!(kept_from(day("2026-01-01"), 1), Some(day("2025-12-01")));
        assert_eq!(kept_from(day("2026-01-01"), 0), None);
    }

    #[test]
    fn the_hash_tells_customers_and_merchants_apart() {
        let hash = |m: &str, c: &str| customer_hash(&MerchantId::new(m), c);
        assert_eq!(hash("ab", "c"), hash("ab", "c"));
        assert_ne!(hash("ab", "c"), hash("a", "bc"));
    }

    #[test]
    fn a_hold_is_lifted_once() {
        let hold = LegalHold {
            id: Uuid::nil(),
            held: Held::Chat(ConversationId::new("s", "chat", "1")),
            reason: "case".to_owned(),
            placed_by: "sue".to_owned(),
            placed_at: DateTime::UNIX_EPOCH,
            lifted: None,
        };
        let lifted = || Lifted { by: "sue".to_owned(), at: DateTime::UNIX_EPOCH, reason: "over".to_owned() };
        assert!(matches!(hold.clone().lift("hold-2", lifted()), Err(QaError::EtagMismatch)));
        let over = hold.lift("hold-1", lifted()).unwrap();
        assert!(matches!(over.lift("hold-2", lifted()), Err(QaError::Privacy(PrivacyError::HoldLifted))));
    }
}
