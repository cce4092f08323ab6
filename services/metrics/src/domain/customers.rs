//! The use cases of customers.

use chrono::NaiveDate;
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use runtime::ids::MerchantId;

use crate::domain::customer::CustomerError;
use crate::domain::customer::care::{CareState, CareTask};
use crate::domain::customer::filter::{CareFilter, CustomerFilter};
use crate::domain::customer::profile::Profile;
use crate::domain::customer::tier::{RuleSet, Tier, TierRules};
use crate::domain::figure::{DayRange, Filter, Group};
use crate::domain::money::Currency;
use crate::domain::{Metrics, Result};
use crate::store::{CareCursor, CustomerCursor, RepurchaseQuery};

/// The use cases. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Customers {
    metrics: Metrics,
}

/// A customer of a shop.
#[derive(Debug)]
pub struct Customer {
    /// The shop.
    pub shop: String,
    /// The customer.
    pub id: String,
    /// What they are to the shop.
    pub profile: Profile,
    /// Whether they are somebody's care.
    pub cared_for: bool,
}

/// How many customers have a tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TierCount {
    /// Which.
    pub tier: Tier,
    /// How many.
    pub customers: i64,
    /// Of those, about to be lost.
    pub at_risk: i64,
    /// Net amount in the rules' window, in the smallest unit.
    pub net_amount: i64,
}

/// Which customers are to be cared for by whom.
#[derive(Debug)]
pub struct ShareOut {
    /// Of these customers.
    pub filter: CustomerFilter,
    /// At most so many.
    pub limit: i64,
    /// To these people.
    pub people: Vec<String>,
    /// What for.
    pub purpose: String,
}

/// A care task and whether its day is over.
#[derive(Debug)]
pub struct ListedCare {
    /// The task.
    pub task: CareTask,
    /// Whether somebody should have acted.
    pub overdue: bool,
}

/// How many buyers of a group came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repurchase {
    /// The group's id.
    pub key: String,
    /// What it is called.
    pub name: String,
    /// Buyers.
    pub buyers: i64,
    /// Of those, who came back.
    pub returned: i64,
    /// Of those who didn't, who still may.
    pub waiting: i64,
}

/// A buyer as they count for repurchase.
#[derive(Debug)]
pub struct RepurchaseBuyer {
    /// The shop.
    pub shop: String,
    /// Who.
    pub customer: String,
    /// What they paid for first, and when.
    pub first: (String, NaiveDate),
    /// Who got the credit; empty for nobody.
    pub account: String,
    /// With what they came back first, and when.
    pub returned: Option<(String, NaiveDate)>,
    /// Whether they didn't and still may.
    pub waiting: bool,
}

/// A page of repurchase: of groups, or of the buyers behind them.
#[derive(Debug)]
pub struct RepurchasePage<T> {
    /// The groups or buyers.
    pub rows: Page<T>,
    /// Within how many days.
    pub within_days: i32,
    /// Payments up to this day are looked at.
    pub through: NaiveDate,
    /// Whether customers wait to be counted.
    pub pending: bool,
}

impl Customers {
    /// Beside the other use cases.
    pub fn new(metrics: Metrics) -> Self {
        Self { metrics }
    }

    /// The currency of all amounts.
    pub fn currency(&self) -> &Currency {
        self.metrics.currency()
    }

    /// A version of the rules, or the newest.
    pub async fn get_rules(&self, merchant: &MerchantId, version: Option<i32>) -> Result<TierRules> {
        match (self.metrics.store.find_setting(merchant, version).await?, version) {
            (Some(rules), _) => Ok(rules),
            (None, None | Some(0)) => Ok(TierRules::built_in(self.currency())),
            (None, Some(version)) => Err(CustomerError::RulesNotFound { version }.into()),
        }
    }

    /// Puts the next version.
    pub async fn put_rules(&self, by: &By, etag: &str, content: RuleSet) -> Result<TierRules> {
        let now = self.metrics.clock.now();
        let who = by.caller.subject.clone();
        let built_in = TierRules::built_in(self.currency());
        let decide = |newest: Option<TierRules>| newest.unwrap_or(built_in).next(etag, content, who, now);
        let version = self.metrics.store.put_tier_rules(by, now, decide).await?;
        self.metrics.counting.wake();
        self.get_rules(&by.caller.merchant, Some(version)).await
    }

    /// A customer that the scope reaches, and whether customers wait to be counted.
    pub async fn get_customer(&self, scope: &Scope, shop: &str, id: &str) -> Result<(Customer, bool)> {
        let found = self.metrics.store.find_customer(scope, shop, id).await?;
        let customer = found.ok_or_else(|| CustomerError::NotFound { id: id.to_owned() })?;
        Ok((customer, self.metrics.store.is_counting(&scope.merchant).await?))
    }

    /// A page of customers, and whether customers wait to be counted.
    pub async fn list_customers(
        &self,
        scope: &Scope,
        filter: &CustomerFilter,
        page: &PageRequest<CustomerCursor>,
    ) -> Result<(Page<Customer>, bool)> {
        let pending = self.metrics.store.is_counting(&scope.merchant).await?;
        Ok((self.metrics.store.list_customers(scope, filter, page).await?, pending))
    }

    /// Every tier, the highest first, and whether customers wait to be counted.
    pub async fn count_tiers(
        &self,
        scope: &Scope,
        filter: &CustomerFilter,
    ) -> Result<(Vec<TierCount>, bool)> {
        let pending = self.metrics.store.is_counting(&scope.merchant).await?;
        let found = self.metrics.store.count_tiers(scope, filter).await?;
        let count = |tier: Tier| {
            let nobody = TierCount { tier, customers: 0, at_risk: 0, net_amount: 0 };
            found.iter().copied().find(|count| count.tier == tier).unwrap_or(nobody)
        };
        Ok((Tier::ALL.into_iter().rev().map(count).collect(), pending))
    }

    /// Shares customers out evenly, and gives how many each person got.
    pub async fn share_out_care(
        &self,
        by: &By,
        scope: &Scope,
        share_out: &ShareOut,
    ) -> Result<Vec<(String, i32)>> {
        let now = self.metrics.clock.now();
        let today = self.metrics.today(&scope.merchant).await?;
        self.metrics.store.share_out_care(by, scope, share_out, today, now).await
    }

    /// A page of care tasks.
    pub async fn list_care_tasks(
        &self,
        scope: &Scope,
        filter: &CareFilter,
        page: &PageRequest<CareCursor>,
    ) -> Result<Page<ListedCare>> {
        let today = self.metrics.today(&scope.merchant).await?;
        let tasks = self.metrics.store.list_care_tasks(scope, filter, today, page).await?;
        Ok(tasks.map(|task| ListedCare { overdue: task.is_overdue(today), task }))
    }

    /// Says that the first contact was made, or why not.
    pub async fn record_care(
        &self,
        by: &By,
        scope: &Scope,
        at: (&str, &str),
        state: CareState,
        note: &str,
    ) -> Result<ListedCare> {
        let now = self.metrics.clock.now();
        let note = self.metrics.redactor(&scope.merchant).redact(note).into_owned();
        self.metrics.store.update_care_task(by, scope, at, now, |task| task.record(state, note, now)).await?;
        self.find_care(scope, at.0).await
    }

    /// Gives an open task to somebody else.
    pub async fn reassign_care(
        &self,
        by: &By,
        scope: &Scope,
        at: (&str, &str),
        person: &str,
    ) -> Result<ListedCare> {
        let now = self.metrics.clock.now();
        let next = person.to_owned();
        self.metrics.store.update_care_task(by, scope, at, now, |task| task.reassign(next)).await?;
        self.find_care(scope, at.0).await
    }

    /// How many buyers came back.
    pub async fn get_repurchase(
        &self,
        scope: &Scope,
        (range, group, filter): (DayRange, Group, &Filter),
        page: &PageRequest<String>,
    ) -> Result<RepurchasePage<Repurchase>> {
        let query = self.repurchase_query(&scope.merchant, range, group, filter).await?;
        let pending = self.metrics.store.is_counting(&scope.merchant).await?;
        let rows = self.metrics.store.list_repurchases(scope, &query, page).await?;
        Ok(RepurchasePage { rows, within_days: query.within_days, through: query.through, pending })
    }

    /// Which buyers they are.
    pub async fn explain_repurchase(
        &self,
        scope: &Scope,
        (range, filter): (DayRange, &Filter),
        page: &PageRequest<(String, String)>,
    ) -> Result<RepurchasePage<RepurchaseBuyer>> {
        let query = self.repurchase_query(&scope.merchant, range, Group::Account, filter).await?;
        let pending = self.metrics.store.is_counting(&scope.merchant).await?;
        let rows = self.metrics.store.list_repurchase_buyers(scope, &query, page).await?;
        Ok(RepurchasePage { rows, within_days: query.within_days, through: query.through, pending })
    }

    async fn repurchase_query(
        &self,
        merchant: &MerchantId,
        range: DayRange,
        group: Group,
        filter: &Filter,
    ) -> Result<RepurchaseQuery> {
        let within_days = self.get_rules(merchant, None).await?.content.repurchase_days;
        let through = self.metrics.today(merchant).await?;
        Ok(RepurchaseQuery { range, group, filter: filter.clone(), within_days, through })
    }

    /// Has customers counted anew whose day to look again is there, and gives how many.
    pub async fn look_again(&self) -> Result<usize> {
        let mut counted = 0;
        for merchant in self.metrics.store.list_merchants().await? {
            // One merchant's trouble is not everybody's.
            if let Err(error) = self.look_again_at(&merchant, &mut counted).await {
                let error = status::chain(&error);
                tracing::warn!(merchant = %merchant, error, "cannot look at the merchant's customers again now");
            }
        }
        if counted > 0 {
            self.metrics.counting.wake();
        }
        Ok(counted)
    }

    /// Adds to `counted` batch by batch: those before a failure wait to be counted, too.
    async fn look_again_at(&self, merchant: &MerchantId, counted: &mut usize) -> Result<()> {
        let today = self.metrics.today(merchant).await?;
        loop {
            match self.metrics.store.look_again(merchant.as_str(), today).await? {
                0 => return Ok(()),
                some => *counted += some,
            }
        }
    }

    async fn find_care(&self, scope: &Scope, id: &str) -> Result<ListedCare> {
        let today = self.metrics.today(&scope.merchant).await?;
        let found = self.metrics.store.find_care_task(scope, id).await?;
        let task = found.ok_or_else(|| CustomerError::CareNotFound { id: id.to_owned() })?;
        Ok(ListedCare { overdue: task.is_overdue(today), task })
    }
}
