//! What follows of one customer from everything known of them, besides figures: what they are to the shop, what they
//! bought, which inquiries were lost. A pure function, stored and replaced as a whole.

use chrono::NaiveDate;
use serde::Serialize;

use crate::domain::customer::profile::{Profile, Purchase, purchases};
use crate::domain::customer::tier::TierRules;
use crate::domain::definition::{Definition, STANDARD};
use crate::domain::lost_inquiry::Loss;
use crate::domain::lost_inquiry::finding::losses;
use crate::domain::timeline::{History, Share};

/// What a history tells under one version of the standard definition.
pub struct Told<'a> {
    /// The version.
    pub definition: &'a Definition,
    /// All its shares.
    pub shares: Vec<Share>,
}

impl Told<'_> {
    /// The version's place among all.
    pub fn seq(&self) -> i32 {
        self.definition.seq
    }
}

/// Whether portraits follow a definition.
pub fn is_followed(definition: &Definition) -> bool {
    definition.id == STANDARD
}

/// What rules a day: of the versions that are valid then, the one that began last.
pub fn told_on<'t, 'a>(told: &'t [Told<'a>], day: NaiveDate) -> Option<&'t Told<'a>> {
    let valid = told.iter().filter(|told| told.definition.valid_from.is_none_or(|since| since <= day));
    valid.max_by_key(|told| (told.definition.valid_from, told.definition.version))
}

/// A customer of a shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Portrait {
    /// What they are to the shop.
    pub profile: Profile,
    /// Paid orders.
    pub purchases: Vec<Purchase>,
    /// Lost inquiries.
    pub losses: Vec<Loss>,
}

impl Portrait {
    /// The portrait as of a business day; `None` if nothing is known of the customer any more.
    pub fn of(history: &History, told: &[Told<'_>], rules: &TierRules, today: NaiveDate) -> Option<Self> {
        let purchases = purchases(history, told);
        let profile = Profile::of(history, &purchases, rules, today)?;
        Some(Self { profile, purchases, losses: losses(history, told) })
    }
}
