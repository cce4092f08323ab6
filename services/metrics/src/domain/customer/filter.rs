//! Which customers and which care tasks are asked for.

use crate::domain::customer::care::CareState;
use crate::domain::customer::tier::Tier;

/// Why a customer is about to be lost, without since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CustomerRiskKind {
    /// Silent for too long.
    Overdue,
    /// Something went wrong.
    Grievance,
}

impl CustomerRiskKind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Overdue, Self::Grievance];
}

/// Which customers; what is empty doesn't narrow.
#[derive(Debug, Clone, Default)]
pub struct CustomerFilter {
    /// Of these shops.
    pub shops: Vec<String>,
    /// Of these tiers.
    pub tiers: Vec<Tier>,
    /// About to be lost for one of these.
    pub risks: Vec<CustomerRiskKind>,
    /// Received last by one of these.
    pub accounts: Vec<String>,
}

/// Which care tasks; what is empty doesn't narrow.
#[derive(Debug, Clone)]
pub struct CareFilter {
    /// Of these people.
    pub people: Vec<String>,
    /// In one of these states.
    pub states: Vec<CareState>,
    /// Only open ones whose day is over.
    pub overdue: bool,
}
