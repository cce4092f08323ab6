//! Complaints that came in as facts: each opens a case once, and a correction of it corrects the case.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::case::Case;
use crate::domain::case::content::{CaseKind, Content};
use crate::domain::case::error::CaseError;
use crate::domain::case::policy::Rules;
use crate::domain::conversation::ConversationKey;
use crate::domain::fact::{Body, ChatRef, Fact, Severity};
use crate::domain::follow_up::reasons::LOOK_BACK;

/// What a case is called if the complaint names no cause.
const NAMELESS: &str = "投诉";

/// What a complaint said when its case was last held against it; stored beside the case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complained {
    /// How grave.
    pub severity: Severity,
    /// As the shop's list has it; redacted.
    pub cause: String,
    /// May be empty.
    pub order: String,
    /// What it is about.
    pub conversation: Option<ChatRef>,
    /// When it was made.
    pub occurred_at: DateTime<Utc>,
}

impl Complained {
    /// What a fact says, if it is a complaint; and whether a case is to be opened for it at `now`: one that is closed or
    /// was not upheld needs none, and imports of old days open none.
    pub fn of(fact: &Fact, now: DateTime<Utc>) -> Option<(Self, bool)> {
        let Body::Complaint(complaint) = &fact.body else { return None };
        let open = complaint.upheld != Some(false) && complaint.closed_at.is_none();
        let said = Self {
            severity: complaint.severity,
            cause: complaint.cause.clone(),
            order: complaint.order.clone(),
            conversation: complaint.conversation.clone(),
            occurred_at: fact.occurred_at,
        };
        Some((said, open && fact.occurred_at + LOOK_BACK > now))
    }

    /// The case that it opens. The customer has waited since the complaint was made, so the clock runs from then.
    pub fn open(
        &self,
        id: String,
        (shop, customer): (&str, &str),
        owner: String,
        rules: &Rules,
        made: (String, DateTime<Utc>),
    ) -> Result<Case, CaseError> {
        let content = Content {
            kind: CaseKind::Complaint,
            severity: self.severity,
            cause: self.known_cause(rules),
            occurred_at: self.occurred_at,
            place: String::new(),
            contact_name: String::new(),
            event: self.event(),
            phone: None,
            shop: shop.to_owned(),
            customer: Some(customer.to_owned()),
            order: self.order_id(),
            conversations: self.conversations(shop),
        };
        let case = Case::accept(id, content, owner, None, rules, made)?;
        Ok(Case { due_at: Some(self.occurred_at + rules.answer_time(self.severity)), ..case })
    }

    /// The case after a correction: what the complaint says otherwise than before. What people changed of the rest stays.
    /// `None`: nothing is to be changed, or the case takes no more changes.
    pub fn correct(&self, before: &Self, case: Case, rules: &Rules, now: DateTime<Utc>) -> Option<Case> {
        let mut content = case.content.clone();
        if self.severity != before.severity {
            content.severity = self.severity;
        }
        if self.cause != before.cause {
            content.cause = self.known_cause(rules).or(content.cause);
            if content.event == before.event() {
                content.event = self.event();
            }
        }
        if self.order != before.order {
            content.order = self.order_id();
        }
        if self.occurred_at != before.occurred_at {
            content.occurred_at = self.occurred_at;
        }
        for conversation in self.conversations(&content.shop) {
            if self.conversation != before.conversation && !content.conversations.contains(&conversation) {
                content.conversations.push(conversation);
            }
        }
        if content == case.content || !case.takes_changes() {
            return None;
        }
        case.update(content, rules, now).ok()
    }

    /// The catalogue's cause that the shop's words name.
    fn known_cause(&self, rules: &Rules) -> Option<String> {
        let named = |cause: &&crate::domain::case::policy::Cause| {
            !cause.retired && (cause.id == self.cause || cause.name == self.cause)
        };
        rules.causes.iter().find(named).map(|cause| cause.id.clone())
    }

    fn event(&self) -> String {
        match self.cause.trim() {
            "" => NAMELESS.to_owned(),
            cause => cause.to_owned(),
        }
    }

    fn order_id(&self) -> Option<String> {
        (!self.order.is_empty()).then(|| self.order.clone())
    }

    fn conversations(&self, shop: &str) -> Vec<ConversationKey> {
        let key = |chat: &ChatRef| ConversationKey {
            id: chat.id.clone(),
            channel: chat.channel.clone(),
            shop: shop.to_owned(),
        };
        self.conversation.iter().map(key).collect()
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::domain::case::CaseState;
    use crate::domain::case::policy::Policy;
    use crate::domain::fact::{Complaint, FactKey, FactKind};

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn fact(upheld: Option<bool>, closed_at: Option<DateTime<Utc>>, days_ago: i64) -> Fact {
        let occurred_at = NOW - TimeDelta::days(days_ago);
        Fact {
            key: FactKey { id: "k".to_owned(), kind: FactKind::Complaint, shop: "s".to_owned() },
            revision: 1,
            occurred_at,
            day: occurred_at.date_naive(),
            customer: "b".to_owned(),
            account: String::new(),
            body: Body::Complaint(Complaint {
                order: "o".to_owned(),
                conversation: None,
                severity: Severity::Platform,
                cause: "破损丢件".to_owned(),
                upheld,
                closed_at,
            }),
        }
    }

    fn said() -> Complained {
        Complained::of(&fact(None, None, 1), NOW).expect("a complaint").0
    }

    fn case() -> Case {
        let made = ("metrics".to_owned(), NOW);
        let rules = Policy::built_in(100).rules;
        said().open("c".to_owned(), ("s", "b"), "p".to_owned(), &rules, made).expect("opens")
    }

    #[test]
    fn open_complaints_of_late_open_cases_and_no_others() {
        let opens = |upheld, closed, days_ago| {
            Complained::of(&fact(upheld, closed, days_ago), NOW).expect("a complaint").1
        };
        assert!(opens(None, None, 1) && opens(Some(true), None, 13));
        assert!(!opens(Some(false), None, 1), "withdrawn, or turned down");
        assert!(!opens(None, Some(NOW), 1), "closed");
        assert!(!opens(None, None, 14), "of days long gone");
    }

    #[test]
    fn the_clock_runs_from_when_the_complaint_was_made() {
        let case = case();
        assert_eq!(case.due_at, Some(NOW + TimeDelta::days(1)));
        assert_eq!(case.content.cause.as_deref(), Some("parcel"), "by what the catalogue calls it");
        assert_eq!((case.content.event.as_str(), case.content.severity), ("破损丢件", Severity::Platform));
        assert_eq!((case.content.order.as_deref(), case.content.customer.as_deref()), (Some("o"), Some("b")));
    }

    #[test]
    fn a_correction_changes_what_it_corrects_and_leaves_what_people_wrote() {
        let rules = Policy::built_in(100).rules;
        let mut edited = case();
        edited.content.event = "rang us up".to_owned();
        let graver =
            Complained { severity: Severity::Authority, cause: "价格与优惠".to_owned(), ..said() };
        let next = graver.correct(&said(), edited.clone(), &rules, NOW).expect("changes");
        assert_eq!(
            (next.content.severity, next.content.cause.as_deref()),
            (Severity::Authority, Some("price"))
        );
        assert_eq!(next.content.event, "rang us up");
        let untouched = graver.correct(&said(), case(), &rules, NOW).expect("changes");
        assert_eq!(untouched.content.event, "价格与优惠");
        assert_eq!(said().correct(&said(), case(), &rules, NOW), None);
        let archived = Case { state: CaseState::Archived, ..edited };
        assert_eq!(graver.correct(&said(), archived, &rules, NOW), None);
    }
}
