//! The directory told once more.

use serde::{Deserialize, Serialize};

/// How much was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announced {
    /// Teams.
    pub teams: usize,
    /// People, merged ones included.
    pub people: usize,
}
