//! Which lost inquiries are asked for.

use crate::domain::figure::{DayRange, Filter};
use crate::domain::lost_inquiry::LossKind;

/// Which lost inquiries; what is empty doesn't narrow.
#[derive(Debug, Clone)]
pub struct LossFilter {
    /// Of these days.
    pub range: DayRange,
    /// Of these agents and shops.
    pub selection: Filter,
    /// How far they came.
    pub kinds: Vec<LossKind>,
    /// Decided, else suggested.
    pub reasons: Vec<String>,
    /// Of customers with these.
    pub member_levels: Vec<String>,
    /// About these.
    pub products: Vec<String>,
    /// Only those that nobody decided.
    pub undecided: bool,
    /// Also those that may still be paid.
    pub include_open: bool,
}
