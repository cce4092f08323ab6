//! The rules that come with the crate.

use crate::{RuleError, Rules};

/// A language that default rules are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    /// Chinese.
    Chinese,
    /// English.
    English,
}

/// A ready-made set of rules for a shop, to be copied and changed: claims that the advertising law forbids, leading buyers off
/// the platform, paid reviews, insults, over-promises, courtesy, tone, timing, mood, personal data, canned and repeated
/// replies. `rules/NOTICE.md` says where the words come from.
///
/// # Errors
/// None in practice: tests read both.
pub fn default_rules(language: Language) -> Result<Rules, RuleError> {
    Rules::from_json(match language {
        Language::Chinese => include_str!("../rules/zh.json"),
        Language::English => include_str!("../rules/en.json"),
    })
}
