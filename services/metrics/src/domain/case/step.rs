//! What is done to a case, as its timeline keeps it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::case::CaseState;
use crate::domain::entry::Entry;
use crate::domain::fact::Severity;

/// Something done to a case. Texts are redacted, amounts in the currency's smallest unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// Something is written down.
    Note(Remark),
    /// The customer hears how far it is.
    Notice(Notice),
    /// The customer gets something.
    Grant(Grant),
    /// Somebody who may do more gets it.
    Escalation(Escalation),
    /// The customer has an answer.
    Solution(Solution),
    /// The customer is asked.
    CallBack(CallBack),
    /// It is put away.
    Archiving(Remark),
    /// It is taken out again.
    Reopening(Remark),
}

/// Which step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are those of Step")]
pub enum StepKind {
    Note,
    Notice,
    Grant,
    Escalation,
    Solution,
    CallBack,
    Archiving,
    Reopening,
}

/// What somebody wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// May be empty.
    pub text: String,
}

/// See `case.proto`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// How far it is.
    pub progress: String,
    /// What was apologised.
    pub apology: String,
    /// By when the customer hears again.
    pub agreed_at: DateTime<Utc>,
}

/// What a customer gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantKind {
    /// 退款.
    Refund,
    /// 补偿.
    Compensation,
    /// 优惠券.
    Coupon,
    /// 补发, 换货.
    Replacement,
    /// 赠品.
    Gift,
}

/// See `case.proto`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// What.
    pub kind: GrantKind,
    /// What it costs; more than nothing.
    pub amount: i64,
    /// May be empty.
    pub note: String,
}

/// See `case.proto`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    /// To whom.
    pub to: String,
    /// Why.
    pub reason: String,
}

/// See `case.proto`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Solution {
    /// How.
    pub text: String,
    /// What the customer was told.
    pub answer: String,
    /// When it was there; `None`: just then.
    pub known_at: Option<DateTime<Utc>>,
    /// What was kept by it.
    pub recovered: i64,
}

/// What a call back brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallBackResult {
    /// The customer is content.
    Content,
    /// The customer is not.
    NotContent,
    /// Nobody answered.
    NotReached,
}

/// See `case.proto`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallBack {
    /// What it brought.
    pub result: CallBackResult,
    /// May be empty.
    pub note: String,
}

/// What a timeline's entry tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the variants are the fields of CaseEvent in case.proto")]
pub enum Happening {
    Accepted { severity: Severity, cause: Option<String> },
    Step(Step),
    Edited { severity: Severity, cause: Option<String> },
    HandedOver { from: String, to: String, note: String },
}

/// An entry of its timeline.
pub type Event = Entry<CaseState, Happening>;

impl StepKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Note,
        Self::Notice,
        Self::Grant,
        Self::Escalation,
        Self::Solution,
        Self::CallBack,
        Self::Archiving,
        Self::Reopening,
    ];

    /// What it is called in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Notice => "notice",
            Self::Grant => "grant",
            Self::Escalation => "escalation",
            Self::Solution => "solution",
            Self::CallBack => "call back",
            Self::Archiving => "archiving",
            Self::Reopening => "reopening",
        }
    }

    /// Whether the customer hears by it what a deadline was for.
    pub fn answers(self) -> bool {
        matches!(self, Self::Notice | Self::Solution | Self::CallBack)
    }
}

impl Step {
    /// Which it is.
    pub fn kind(&self) -> StepKind {
        match self {
            Self::Note(_) => StepKind::Note,
            Self::Notice(_) => StepKind::Notice,
            Self::Grant(_) => StepKind::Grant,
            Self::Escalation(_) => StepKind::Escalation,
            Self::Solution(_) => StepKind::Solution,
            Self::CallBack(_) => StepKind::CallBack,
            Self::Archiving(_) => StepKind::Archiving,
            Self::Reopening(_) => StepKind::Reopening,
        }
    }

    /// The same with every text changed, for example redacted.
    pub fn map_texts(mut self, change: impl Fn(&str) -> String) -> Self {
        let texts: Vec<&mut String> = match &mut self {
            Self::Note(remark) | Self::Archiving(remark) | Self::Reopening(remark) => vec![&mut remark.text],
            Self::Notice(notice) => vec![&mut notice.progress, &mut notice.apology],
            Self::Grant(grant) => vec![&mut grant.note],
            Self::Escalation(escalation) => vec![&mut escalation.reason],
            Self::Solution(solution) => vec![&mut solution.text, &mut solution.answer],
            Self::CallBack(call_back) => vec![&mut call_back.note],
        };
        for text in texts {
            *text = change(text);
        }
        self
    }
}
