//! How often rules hit, and how often people agreed with them.

use agreement::{Confidence, Estimate, detection_at_rate, wilson};
use chrono::NaiveDate;

/// What figures are gathered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FigureGroup {
    /// The platform account.
    Account,
    /// Its person on each day.
    Person,
    /// The person's teams on each day.
    Team,
    /// The shop.
    Shop,
    /// Everything together.
    Merchant,
}

/// Which figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FigureFilter {
    /// Both ends included.
    pub days: (NaiveDate, NaiveDate),
    /// Gathered by what.
    pub group: FigureGroup,
    /// A row per day.
    pub by_day: bool,
    /// Empty for all.
    pub account: String,
    /// Empty for all.
    pub team: String,
    /// Empty for all.
    pub shop: String,
    /// Empty for all.
    pub rule: String,
}

/// How often a rule hit, of chats that all were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckFigure {
    /// Account, person, team or shop.
    pub key: String,
    /// If asked for by day.
    pub day: Option<NaiveDate>,
    /// Which rule.
    pub rule_id: String,
    /// Chats that a version with this rule checked.
    pub chats: i64,
    /// With at least one hit.
    pub chats_hit: i64,
    /// Of these, those in which every hit was disputed.
    pub chats_refuted: i64,
    /// All of them.
    pub hits: i64,
    /// Chats of the group and days in the random sample.
    pub sampled: i64,
}

/// How often people agreed with a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleAccuracy {
    /// Which.
    pub rule_id: String,
    /// All of them.
    pub hits: i64,
    /// Whose newest word says right.
    pub confirmed: i64,
    /// Whose newest word says wrong.
    pub disputed: i64,
}

impl CheckFigure {
    /// Chats that count as hit.
    pub fn upheld(&self) -> i64 {
        self.chats_hit - self.chats_refuted
    }

    /// The share of chats that count as hit, with its interval; `None` without chats.
    pub fn rate(&self) -> Option<Estimate> {
        share(self.upheld(), self.chats)
    }

    /// The chance that as many random chats as the sample has show at least one hit.
    pub fn detection(&self) -> Option<f64> {
        let drawn = u64::try_from(self.sampled).ok()?;
        detection_at_rate(drawn, self.rate()?.value).ok()
    }
}

impl RuleAccuracy {
    /// The share of judged hits that were right, with its interval; `None` while none is judged.
    pub fn precision(&self) -> Option<Estimate> {
        share(self.confirmed, self.confirmed + self.disputed)
    }
}

fn share(part: i64, whole: i64) -> Option<Estimate> {
    wilson(u64::try_from(part).ok()?, u64::try_from(whole).ok()?, Confidence::P95).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(chats: i64, chats_hit: i64, sampled: i64) -> CheckFigure {
        CheckFigure {
            key: String::new(),
            day: None,
            rule_id: "r".to_owned(),
            chats,
            chats_hit,
            chats_refuted: 0,
            hits: chats_hit,
            sampled,
        }
    }

    /// 14.0 % and 98.0 %: what a sample of 15, or a month of them, shows of a 1 % fault.
    #[test]
    fn fifteen_random_chats_hardly_show_a_rare_fault() {
        let shown = |sampled| figure(100, 1, sampled).detection().unwrap();
        assert!((shown(15) - 0.140).abs() < 5e-4, "{}", shown(15));
        assert!((shown(390) - 0.980).abs() < 5e-4, "{}", shown(390));
        assert_eq!(figure(0, 0, 15).detection(), None);
        assert_eq!(figure(10, 0, 15).detection(), Some(0.0));
    }

    #[test]
    fn refuted_chats_do_not_count() {
        let figure = CheckFigure { chats_refuted: 2, ..figure(10, 3, 0) };
        assert!((figure.rate().unwrap().value - 0.1).abs() < 1e-12);
    }

    /// Wilson's interval of 14 of 15: 70.2 to 98.8 %.
    #[test]
    fn precision_comes_with_its_interval() {
        let rule = RuleAccuracy { rule_id: "r".to_owned(), hits: 90, confirmed: 14, disputed: 1 };
        let interval = rule.precision().unwrap().interval;
        assert!((interval.low - 0.702).abs() < 5e-4 && (interval.high - 0.988).abs() < 5e-4, "{interval:?}");
    }
}
