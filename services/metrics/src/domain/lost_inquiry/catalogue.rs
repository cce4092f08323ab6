//! The reasons of a merchant, and which rule suggests which.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use proto::access::{Role, role_name, role_named};
use serde::{Deserialize, Serialize};
use status::Violation;

use crate::domain::lost_inquiry::LossError;
use crate::domain::lost_inquiry::signal::{Evidence, Signal};

/// What a rule's own confidence weighs against decisions, in decisions.
const PRIOR_WEIGHT: i64 = 20;

/// An entry of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Stays for ever.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Name of the role of those who can do something about it.
    pub department: String,
    /// Which rules suggest it.
    pub signals: Vec<Signal>,
    /// Whether it is no longer used.
    pub retired: bool,
}

/// What a version says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// In the order they are shown.
    pub reasons: Vec<Reason>,
    /// The shop's member levels, the highest first.
    pub member_levels: Vec<String>,
}

/// A version of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogue {
    /// From 1; 0 is the built-in one.
    pub version: i32,
    /// What it says.
    pub content: Content,
    /// Who put it, and when; `None` for the built-in one.
    pub updated: Option<(String, DateTime<Utc>)>,
}

/// What people decided of inquiries for which a rule was the surest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Record {
    /// How many.
    pub decided: i64,
    /// Of those, with the reason that was suggested.
    pub confirmed: i64,
}

/// The records of rules.
pub type Records = BTreeMap<Signal, Record>;

/// A suggested reason.
#[derive(Debug, Clone, PartialEq)]
pub struct Suggestion {
    /// Of the catalogue.
    pub reason: String,
    /// Which rule says so.
    pub signal: Signal,
    /// From 0 to 1.
    pub confidence: f64,
    /// What it is made of besides the rule's own.
    pub record: Record,
}

impl Reason {
    /// The role of those who can do something about it.
    pub fn role(&self) -> Role {
        role_named(&self.department).unwrap_or(Role::Unspecified)
    }
}

impl Catalogue {
    /// What every merchant begins with.
    pub fn built_in() -> Self {
        use Signal::{
            AboveUsual, BotOnly, CartLeft, Dissatisfied, EarlierTrouble, LeftAfterAnswer, LeftWaiting,
            NoReply, NotChased, RecommendationDeclined, SlowReply, TalkEnded, UnknownAnswer,
            UnpaidThoughChased,
        };
        let entries: [(&str, &str, Role, &[Signal]); 17] = [
            ("no_reply", "没有人回复", Role::Lead, &[NoReply]),
            ("left_waiting", "问题没有答完", Role::Lead, &[LeftWaiting]),
            ("slow_reply", "回复太慢", Role::Lead, &[SlowReply]),
            ("bot_only", "只有机器人接待", Role::Trainer, &[BotOnly]),
            ("attitude", "对服务不满意", Role::Trainer, &[Dissatisfied]),
            ("product_knowledge", "产品问题没答上", Role::Trainer, &[UnknownAnswer]),
            ("recommendation", "推荐不合适", Role::Trainer, &[RecommendationDeclined]),
            ("price", "价格、优惠不满意", Role::Operations, &[AboveUsual]),
            (
                "hesitating",
                "比价、犹豫",
                Role::Lead,
                &[CartLeft, UnpaidThoughChased, LeftAfterAnswer, TalkEnded],
            ),
            ("not_chased", "下单后没有催付", Role::Lead, &[NotChased]),
            ("earlier_trouble", "以往购物不愉快", Role::Supervisor, &[EarlierTrouble]),
            ("stock", "缺货、没有规格", Role::Warehouse, &[]),
            ("fit", "规格、款式不合适", Role::Operations, &[]),
            ("delivery", "发货、物流时间", Role::Warehouse, &[]),
            ("quality", "对质量有疑虑", Role::Operations, &[]),
            ("payment", "付款遇到问题", Role::Operations, &[]),
            ("other", "其他", Role::Lead, &[]),
        ];
        let reason = |(id, name, department, signals): (&str, &str, Role, &[Signal])| Reason {
            id: id.to_owned(),
            name: name.to_owned(),
            department: role_name(department).to_owned(),
            signals: signals.to_vec(),
            retired: false,
        };
        let reasons = entries.into_iter().map(reason).collect();
        Self { version: 0, content: Content { reasons, member_levels: Vec::new() }, updated: None }
    }

    /// What putting the next version must show.
    pub fn etag(&self) -> String {
        format!("v{}", self.version)
    }

    /// The next version, by whoever read this one.
    pub fn next(
        &self,
        etag: &str,
        content: Content,
        by: String,
        at: DateTime<Utc>,
    ) -> Result<Self, NextError> {
        if self.etag() != etag {
            return Err(NextError::Changed);
        }
        content.check()?;
        let ids: BTreeSet<&str> = content.reasons.iter().map(|reason| reason.id.as_str()).collect();
        if let Some(gone) = self.content.reasons.iter().find(|reason| !ids.contains(reason.id.as_str())) {
            let description = format!("must still have {}: retire it", gone.id);
            return Err(Violation { field: "reasons".to_owned(), description }.into());
        }
        Ok(Self { version: self.version + 1, content, updated: Some((by, at)) })
    }

    /// A reason that may be decided for.
    pub fn choose(&self, id: &str) -> Result<&Reason, LossError> {
        let found = self.content.reasons.iter().find(|reason| reason.id == id);
        let reason = found.ok_or_else(|| LossError::ReasonNotFound { id: id.to_owned() })?;
        if reason.retired { Err(LossError::ReasonRetired { id: id.to_owned() }) } else { Ok(reason) }
    }

    /// The rules that suggest a reason, each with it.
    pub fn suggested(&self) -> BTreeMap<Signal, &str> {
        let used = self.content.reasons.iter().filter(|reason| !reason.retired);
        used.flat_map(|reason| reason.signals.iter().map(|signal| (*signal, reason.id.as_str()))).collect()
    }

    /// What the surest rule suggests.
    pub fn suggest(&self, evidence: &[Evidence], records: &Records) -> Option<Suggestion> {
        let surest = evidence.first()?;
        let reason = (*self.suggested().get(&surest.signal)?).to_owned();
        let record = records.get(&surest.signal).copied().unwrap_or_default();
        let own = f64::from(surest.confidence) / 100.0 * PRIOR_WEIGHT as f64;
        let confidence = (own + record.confirmed as f64) / (PRIOR_WEIGHT + record.decided) as f64;
        Some(Suggestion { reason, signal: surest.signal, confidence, record })
    }
}

/// Why there is no next version.
#[derive(Debug)]
pub enum NextError {
    /// The etag is old.
    Changed,
    /// It can't be.
    Invalid(Violation),
}

impl From<Violation> for NextError {
    fn from(violation: Violation) -> Self {
        Self::Invalid(violation)
    }
}

impl Content {
    fn check(&self) -> Result<(), Violation> {
        let wrong = |at: usize, field: &str, description: String| Violation {
            field: format!("reasons[{at}].{field}"),
            description,
        };
        let (mut ids, mut signals) = (BTreeSet::new(), BTreeSet::new());
        for (at, reason) in self.reasons.iter().enumerate() {
            if !ids.insert(&reason.id) {
                return Err(wrong(at, "reason_id", "must not be there twice".to_owned()));
            }
            for (field, text) in [("reason_id", &reason.id), ("name", &reason.name)] {
                if text.trim().is_empty() || text.chars().any(char::is_control) {
                    return Err(wrong(at, field, "must be a line that says something".to_owned()));
                }
            }
            let used = reason.signals.iter().filter(|_| !reason.retired);
            for signal in used {
                if !signals.insert(*signal) {
                    let description = format!("must not have {}: another reason has it", signal.name());
                    return Err(wrong(at, "signals", description));
                }
            }
        }
        let bad = |level: &String| level.trim().is_empty() || level.chars().any(char::is_control);
        if let Some(at) = self.member_levels.iter().position(bad) {
            let description = "must be a line that says something".to_owned();
            return Err(Violation { field: format!("member_levels[{at}]"), description });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(signal: Signal, confidence: i32) -> Evidence {
        Evidence { signal, value: 1, limit: 0, confidence }
    }

    #[test]
    fn every_rule_suggests_one_built_in_reason() {
        let built_in = Catalogue::built_in();
        built_in.content.check().expect("is valid");
        assert_eq!(built_in.suggested().len(), Signal::ALL.len());
        assert!(built_in.content.reasons.iter().all(|reason| reason.role() != Role::Unspecified));
    }

    #[test]
    fn decisions_outweigh_a_rule_in_time() {
        let catalogue = Catalogue::built_in();
        let found = [evidence(Signal::CartLeft, 60), evidence(Signal::TalkEnded, 20)];
        let first = catalogue.suggest(&found, &Records::new()).expect("suggests");
        assert_eq!((first.reason.as_str(), first.signal), ("hesitating", Signal::CartLeft));
        assert!((first.confidence - 0.6).abs() < 1e-9);
        let records = Records::from([(Signal::CartLeft, Record { decided: 80, confirmed: 8 })]);
        let later = catalogue.suggest(&found, &records).expect("suggests");
        assert!((later.confidence - 0.2).abs() < 1e-9, "{}", later.confidence);
        assert_eq!(catalogue.suggest(&[], &records), None);
    }

    #[test]
    fn reasons_are_retired_and_never_left_out() {
        let first = Catalogue::built_in();
        let at = DateTime::UNIX_EPOCH;
        let next = |etag: &str, content: Content| first.next(etag, content, "p".to_owned(), at);
        assert!(matches!(next("v1", first.content.clone()), Err(NextError::Changed)));
        let mut shorter = first.content.clone();
        shorter.reasons.remove(0);
        assert!(matches!(next("v0", shorter), Err(NextError::Invalid(wrong)) if wrong.field == "reasons"));
        let mut twice = first.content.clone();
        twice.reasons[1].signals.push(Signal::NoReply);
        let refused = next("v0", twice);
        assert!(matches!(refused, Err(NextError::Invalid(wrong)) if wrong.field == "reasons[1].signals"));
        let mut retired = first.content.clone();
        retired.reasons[0].retired = true;
        let second = next("v0", retired).expect("is put");
        assert_eq!(second.version, 1);
        assert!(matches!(second.choose("no_reply"), Err(LossError::ReasonRetired { .. })));
        assert!(matches!(second.choose("nothing"), Err(LossError::ReasonNotFound { .. })));
        assert_eq!(second.suggest(&[evidence(Signal::NoReply, 95)], &Records::new()), None);
    }
}
