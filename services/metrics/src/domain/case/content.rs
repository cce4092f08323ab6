//! What is taken down of a case: time, place, person, event, phone; and what of it may be kept.

use chrono::{DateTime, Utc};
use redaction::Redactor;
use serde::{Deserialize, Serialize};
use status::Violation;

use crate::domain::conversation::ConversationKey;
use crate::domain::fact::Severity;

/// What a case is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseKind {
    /// 投诉.
    Complaint,
    /// 售后.
    AfterSale,
    /// A question left open.
    Question,
}

impl CaseKind {
    /// The name in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Complaint => "complaint",
            Self::AfterSale => "after_sale",
            Self::Question => "question",
        }
    }
}

/// A phone number as it is kept: the number itself is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptPhone {
    /// The same for the same number.
    pub token: String,
    /// As it is shown.
    pub masked: String,
}

/// What people write, as they write it.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What it is.
    pub kind: CaseKind,
    /// How grave.
    pub severity: Severity,
    /// Of the catalogue.
    pub cause: Option<String>,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// Where.
    pub place: String,
    /// To whom.
    pub contact_name: String,
    /// What happened.
    pub event: String,
    /// The number, or the mask that was shown; empty for none.
    pub phone: String,
    /// The shop.
    pub shop: String,
    /// The buyer.
    pub customer: Option<String>,
    /// The order.
    pub order: Option<String>,
    /// Where it was talked over.
    pub conversations: Vec<ConversationKey>,
}

/// The same without personal data: this is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// What it is.
    pub kind: CaseKind,
    /// How grave.
    pub severity: Severity,
    /// Of the catalogue.
    pub cause: Option<String>,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// Where; redacted.
    pub place: String,
    /// The first character of the name and two stars.
    pub contact_name: String,
    /// What happened; redacted.
    pub event: String,
    /// How to recognise the caller.
    pub phone: Option<KeptPhone>,
    /// The shop.
    pub shop: String,
    /// The buyer.
    pub customer: Option<String>,
    /// The order.
    pub order: Option<String>,
    /// Where it was talked over.
    pub conversations: Vec<ConversationKey>,
}

impl Draft {
    /// What may be kept of it; `before` is what is stored already. Errors name the field of the request.
    pub fn kept(
        self,
        before: Option<&Content>,
        redactor: &Redactor,
        now: DateTime<Utc>,
    ) -> Result<Content, Violation> {
        let wrong = |field: &str, description: &str| Violation {
            field: format!("content.{field}"),
            description: description.to_owned(),
        };
        if self.event.trim().is_empty() {
            return Err(wrong("event", "must say what happened"));
        }
        if self.occurred_at > now {
            return Err(wrong("occurred_at", "must not be in the future"));
        }
        let known = before.and_then(|content| content.phone.as_ref());
        let phone = match known.filter(|phone| phone.masked == self.phone.trim()) {
            Some(unchanged) => Some(unchanged.clone()),
            None if self.phone.trim().is_empty() => None,
            None => {
                let phone = redactor.phone(&self.phone);
                let phone =
                    phone.ok_or_else(|| wrong("phone", "must be a telephone number of 5 to 20 digits"))?;
                Some(KeptPhone { token: phone.token, masked: phone.masked })
            }
        };
        Ok(Content {
            phone,
            kind: self.kind,
            severity: self.severity,
            cause: self.cause,
            occurred_at: self.occurred_at,
            place: redactor.redact(&self.place).into_owned(),
            contact_name: masked_name(&self.contact_name),
            event: redactor.redact(&self.event).into_owned(),
            shop: self.shop,
            customer: self.customer,
            order: self.order,
            conversations: self.conversations,
        })
    }
}

/// 王小明 is 王**, and so is 王**. How long the name is stays unknown.
fn masked_name(name: &str) -> String {
    name.trim().chars().next().map(|first| format!("{first}**")).unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    pub fn draft() -> Draft {
        Draft {
            kind: CaseKind::Complaint,
            severity: Severity::Ordinary,
            cause: Some("parcel".to_owned()),
            occurred_at: DateTime::UNIX_EPOCH,
            place: "live room".to_owned(),
            contact_name: "王小明".to_owned(),
            event: "the parcel was open".to_owned(),
            phone: "13812345678".to_owned(),
            shop: "s".to_owned(),
            customer: None,
            order: None,
            conversations: Vec::new(),
        }
    }

    pub fn content() -> Content {
        draft().kept(None, &Redactor::new(b"key"), DateTime::UNIX_EPOCH).expect("is complete")
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{content, draft};
    use super::*;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    #[test]
    fn personal_data_is_masked_and_a_mask_leaves_it_as_it_is() {
        let redactor = Redactor::new(b"key");
        let kept = content();
        let phone = kept.phone.clone().expect("a phone");
        assert_eq!((kept.contact_name.as_str(), phone.masked.as_str()), ("王**", "138****5678"));
        assert!(!format!("{kept:?}").contains("13812345678"));
        let shown = Draft {
            phone: phone.masked.clone(),
            contact_name: kept.contact_name.clone(),
            event: "call 13812345678".to_owned(),
            ..draft()
        };
        let again = shown.clone().kept(Some(&kept), &redactor, NOW).expect("is complete");
        assert_eq!((again.phone.as_ref(), again.contact_name.as_str()), (Some(&phone), "王**"));
        assert_eq!(again.event, "call [phone]");
        let strange = shown.kept(None, &redactor, NOW).expect_err("shows nothing that is known");
        assert_eq!(strange.field, "content.phone");
        let none = Draft { phone: " ".to_owned(), ..draft() };
        assert_eq!(none.kept(Some(&kept), &redactor, NOW).expect("is complete").phone, None);
    }

    #[test]
    fn what_says_nothing_or_has_not_happened_yet_is_refused() {
        let field =
            |draft: Draft| draft.kept(None, &Redactor::new(b"key"), NOW).expect_err("is refused").field;
        assert_eq!(field(Draft { event: " \n".to_owned(), ..draft() }), "content.event");
        let later = NOW + chrono::TimeDelta::seconds(1);
        assert_eq!(field(Draft { occurred_at: later, ..draft() }), "content.occurred_at");
        assert_eq!(field(Draft { phone: "12".to_owned(), ..draft() }), "content.phone");
    }
}
