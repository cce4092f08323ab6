//! The choices of a definition about orders, payments and the other facts.

use serde::{Deserialize, Serialize};

/// See `TradeRules` in `definition.proto`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TradeRules {
    /// Who gets the credit.
    pub attribution: Attribution,
    /// For how many business days after a chat's day it may earn credit and convert.
    pub attribution_days: i32,
    /// After how many business days conversions are mature.
    pub maturation_days: i32,
    /// After how many business days refunds are mature.
    pub refund_maturation_days: i32,
    /// For how many business days after an order a chat is about that order.
    pub after_sale_days: i32,
    /// What resolved at the first contact means.
    pub first_contact: FirstContact,
    /// Within how many business days contacts belong together.
    pub first_contact_days: i32,
    /// From this score on a customer is satisfied.
    pub satisfied_from: i32,
    /// Whom a conversation's credit goes to when several accounts answered in it.
    #[serde(default, skip_serializing_if = "CreditTo::is_usual")]
    pub credit_to: CreditTo,
}

/// Which account of a conversation gets its credit, of the replies up to the order or payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CreditTo {
    /// Whose conversation it is.
    #[default]
    Owner,
    /// Who replied last.
    LastReply,
    /// Who replied first.
    FirstReply,
    /// Who replied most.
    MostReplies,
}

/// Who gets the credit of an order and its payments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attribution {
    /// 付款判定.
    Payment,
    /// 下单优先判定.
    OrderFirst,
    /// 下单判定.
    Order,
    /// Whom the platform names.
    Platform,
}

/// A variant of first-contact resolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FirstContact {
    /// Nothing was asked after the first answer.
    OneAnswer,
    /// The customer did not come back.
    NoReturn,
    /// The customer said so.
    Survey,
}

impl CreditTo {
    /// Left out of what is stored, so that rules without this choice read as they did before there was one.
    fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for TradeRules {
    fn default() -> Self {
        Self {
            attribution: Attribution::OrderFirst,
            attribution_days: 4,
            maturation_days: 4,
            refund_maturation_days: 15,
            after_sale_days: 15,
            first_contact: FirstContact::NoReturn,
            first_contact_days: 3,
            satisfied_from: 4,
            credit_to: CreditTo::Owner,
        }
    }
}
