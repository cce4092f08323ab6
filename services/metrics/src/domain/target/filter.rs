//! Which targets are asked for.

use crate::domain::figure::DayRange;
use crate::domain::target::TargetState;

/// Which targets; what is empty doesn't narrow.
#[derive(Debug, Clone)]
pub struct TargetFilter {
    /// With a day in it.
    pub days: Option<DayRange>,
    /// Of this shop.
    pub shop: Option<String>,
    /// In one of these states.
    pub states: Vec<TargetState>,
}
