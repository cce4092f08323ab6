//! Which reviews are asked for.

use super::collection::UseKind;
use super::{Duty, Kind, State};

/// Which reviews are asked for.
#[derive(Debug, Clone, Default)]
pub struct BuyerReviewFilter {
    /// Empty for all.
    pub kinds: Vec<Kind>,
    /// Empty for all.
    pub states: Vec<State>,
    /// Empty for all, as all that follow.
    pub cause: String,
    /// Of the policy.
    pub stage: String,
    /// The product.
    pub product: String,
    /// The shop.
    pub shop: String,
    /// The account that served.
    pub account: String,
    /// Who works on it.
    pub owner: String,
    /// The order.
    pub order: String,
    /// Only those that ever were bad.
    pub ever_bad: bool,
    /// Only those with an added comment that nobody has judged.
    pub comment_unjudged: bool,
}

/// Which overdue reviews are asked for.
#[derive(Debug, Clone, Default)]
pub struct OverdueFilter {
    /// Empty for all.
    pub owner: String,
    /// Empty for all.
    pub duties: Vec<Duty>,
}

/// Which collected reviews are asked for.
#[derive(Debug, Clone, Default)]
pub struct CollectedFilter {
    /// All of these; empty for all.
    pub tags: Vec<String>,
    /// Words of it; empty for all.
    pub text: String,
    /// Empty for all.
    pub product: String,
    /// Empty for all.
    pub shop: String,
    /// That the buyer agreed to; `None` for all.
    pub allowed: Option<UseKind>,
}
