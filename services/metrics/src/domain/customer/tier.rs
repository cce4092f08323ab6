//! The rules that say what a customer is to a shop (客户分层) and when they are about to be lost (流失预警).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use status::Violation;

use crate::domain::customer::CustomerError;
use crate::domain::money::Currency;
use crate::error::MetricsError;

/// What a customer is to a shop. The numbers are stored and are those of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(i16)]
pub enum Tier {
    /// 新客.
    New = 1,
    /// 普通会员.
    Ordinary = 2,
    /// 潜力会员.
    Promising = 3,
    /// 忠诚会员.
    Loyal = 4,
    /// VIP客户.
    Vip = 5,
}

impl Tier {
    /// All of them, the lowest first.
    pub const ALL: [Self; 5] = [Self::New, Self::Ordinary, Self::Promising, Self::Loyal, Self::Vip];

    /// By the stored number.
    pub fn of(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| *tier as i16 == number)
    }
}

/// What a tier takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Threshold {
    /// Which; never NEW.
    pub tier: Tier,
    /// Paid orders in the window.
    pub orders_min: i32,
    /// Their net amount, in the smallest unit.
    pub net_amount_min: i64,
    /// Days since the last chat, order or payment.
    pub active_days_max: i32,
    /// Months of the window with a paid order.
    pub months_min: i32,
}

/// When a customer is about to be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RiskRule {
    /// Paid orders that it takes to know what is usual.
    pub orders_min: i32,
    /// Days without a payment at least.
    pub silent_days_min: i32,
    /// Percent of the median gap.
    pub gap_percent: i32,
    /// Days that a grievance lasts; 0: none does.
    pub grievance_days: i32,
}

/// What a version says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleSet {
    /// Days up to today.
    pub window_days: i32,
    /// One per tier but NEW, the lowest first.
    pub thresholds: Vec<Threshold>,
    /// When a customer is about to be lost.
    pub risk: RiskRule,
    /// Within how many days a buyer comes back.
    pub repurchase_days: i32,
}

/// A version of the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TierRules {
    /// From 1; 0 is the built-in one.
    pub version: i32,
    /// What it says.
    pub content: RuleSet,
    /// Who put it, and when; `None` for the built-in one.
    pub updated: Option<(String, DateTime<Utc>)>,
}

impl TierRules {
    /// What every merchant begins with; amounts are 300, 1,000 and 5,000 of the currency.
    pub fn built_in(currency: &Currency) -> Self {
        let scale = currency.scale();
        let threshold = |tier, orders_min, amount: i64, active_days_max, months_min| Threshold {
            tier,
            orders_min,
            net_amount_min: amount * scale,
            active_days_max,
            months_min,
        };
        let thresholds = vec![
            threshold(Tier::Ordinary, 1, 0, 365, 1),
            threshold(Tier::Promising, 2, 300, 180, 1),
            threshold(Tier::Loyal, 4, 1_000, 180, 3),
            threshold(Tier::Vip, 8, 5_000, 120, 4),
        ];
        let risk = RiskRule { orders_min: 2, silent_days_min: 60, gap_percent: 200, grievance_days: 30 };
        let content = RuleSet { window_days: 365, thresholds, risk, repurchase_days: 90 };
        Self { version: 0, content, updated: None }
    }

    /// What putting the next version must show.
    pub fn etag(&self) -> String {
        format!("v{}", self.version)
    }

    /// The next version, by whoever read this one.
    pub fn next(
        &self,
        etag: &str,
        mut content: RuleSet,
        by: String,
        at: DateTime<Utc>,
    ) -> Result<Self, MetricsError> {
        if self.etag() != etag {
            return Err(CustomerError::RulesChanged.into());
        }
        content.thresholds.sort_by_key(|threshold| threshold.tier);
        content.check()?;
        Ok(Self { version: self.version + 1, content, updated: Some((by, at)) })
    }
}

impl RuleSet {
    fn check(&self) -> Result<(), Violation> {
        let wrong = |description: String| Violation { field: "rules.thresholds".to_owned(), description };
        let tiers: Vec<Tier> = self.thresholds.iter().map(|threshold| threshold.tier).collect();
        if tiers != Tier::ALL[1..] {
            return Err(wrong("must have each tier but NEW once".to_owned()));
        }
        for pair in self.thresholds.windows(2) {
            let (lower, higher) = (pair[0], pair[1]);
            let falls = higher.orders_min < lower.orders_min
                || higher.net_amount_min < lower.net_amount_min
                || higher.months_min < lower.months_min;
            if falls {
                return Err(wrong(format!(
                    "must not ask less of {:?} than of {:?}",
                    higher.tier, lower.tier
                )));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_ask_less_of_a_higher_tier_are_refused() {
        let first = TierRules::built_in(&Currency { code: "CNY".to_owned(), decimals: 2 });
        let next = |edit: fn(&mut RuleSet)| {
            let mut content = first.content.clone();
            edit(&mut content);
            first.next("v0", content, "p".to_owned(), DateTime::UNIX_EPOCH)
        };
        let field = |refused: Result<TierRules, MetricsError>| match refused {
            Err(MetricsError::Invalid(violation)) => violation.field,
            other => format!("{other:?}"),
        };
        assert_eq!(next(|_| ()).expect("is put").version, 1);
        assert_eq!(next(|rules| rules.thresholds.reverse()).expect("any order will do").version, 1);
        assert_eq!(field(next(|rules| rules.thresholds[3].orders_min = 1)), "rules.thresholds");
        assert_eq!(field(next(|rules| rules.thresholds[3].tier = Tier::Loyal)), "rules.thresholds");
        let old = first.next("v1", first.content.clone(), String::new(), DateTime::UNIX_EPOCH);
        assert!(matches!(old, Err(MetricsError::Customer(CustomerError::RulesChanged))));
    }
}
