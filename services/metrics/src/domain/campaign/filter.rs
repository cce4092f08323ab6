//! Which campaigns are asked for.

use chrono::{DateTime, Utc};

use crate::domain::campaign::CampaignState;

/// Which campaigns; what is empty doesn't narrow.
#[derive(Debug, Clone)]
pub struct CampaignFilter {
    /// That end after it.
    pub from: Option<DateTime<Utc>>,
    /// That start before it.
    pub to: Option<DateTime<Utc>>,
    /// In one of these states.
    pub states: Vec<CampaignState>,
    /// Of this shop or of all.
    pub shop: Option<String>,
}
