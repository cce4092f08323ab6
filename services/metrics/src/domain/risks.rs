//! The use cases of risks.

use pg::By;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use runtime::ids::MerchantId;

use crate::domain::alert::built_in::rules_over;
use crate::domain::alert::error::AlertError;
use crate::domain::campaigns::or_made;
use crate::domain::risk::{Content, Matrix, RISKS_MAX, Risk, RiskError, RiskFilter, RiskKind};
use crate::domain::{Metrics, Result};
use crate::store::RiskCursor;

/// The use cases. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Risks {
    metrics: Metrics,
}

/// A risk as of a business day.
#[derive(Debug)]
pub struct ListedRisk {
    /// The risk.
    pub risk: Risk,
    /// Whether it should have been assessed anew.
    pub overdue: bool,
}

impl Risks {
    /// Beside the other use cases.
    pub fn new(metrics: Metrics) -> Self {
        Self { metrics }
    }

    /// Adds a risk.
    pub async fn create_risk(&self, by: &By, id: String, content: Content) -> Result<ListedRisk> {
        let content = self.prepare(by, content).await?;
        let now = self.metrics.clock.now();
        let risk = Risk::new(or_made(id), content, (by.caller.subject.clone(), now));
        let id = self.metrics.store.insert_risk(by, &risk).await?;
        self.get(&by.caller.merchant, &id).await
    }

    /// A risk in its newest assessment.
    pub async fn get_risk(&self, scope: &Scope, id: &str) -> Result<ListedRisk> {
        self.get(scope.whole_merchant()?, id).await
    }

    /// A page of risks.
    pub async fn list_risks(
        &self,
        scope: &Scope,
        filter: &RiskFilter,
        page: &PageRequest<RiskCursor>,
    ) -> Result<Page<ListedRisk>> {
        let merchant = scope.whole_merchant()?;
        let today = self.metrics.today(merchant).await?;
        let found = self.metrics.store.list_risks(merchant, filter, today, page).await?;
        Ok(found.map(|risk| ListedRisk { overdue: risk.is_overdue(today), risk }))
    }

    /// Assesses a risk anew.
    pub async fn assess_risk(
        &self,
        by: &By,
        (id, etag): (&str, &str),
        content: Content,
    ) -> Result<ListedRisk> {
        let content = self.prepare(by, content).await?;
        let now = self.metrics.clock.now();
        let who = (by.caller.subject.clone(), now);
        let decide = |risk: Risk| risk.assess(etag, content, who);
        self.metrics.store.update_risk(by, id, now, decide).await?;
        self.get(&by.caller.merchant, id).await
    }

    /// A page of a risk's assessments, the newest first.
    pub async fn list_risk_versions(
        &self,
        scope: &Scope,
        id: &str,
        page: &PageRequest<i32>,
    ) -> Result<Page<ListedRisk>> {
        let merchant = scope.whole_merchant()?;
        let newest = self.get(merchant, id).await?;
        let found = self.metrics.store.list_risk_versions(merchant, id, page).await?;
        let overdue = |risk: &Risk| newest.overdue && risk.version == newest.risk.version;
        Ok(found.map(|risk| ListedRisk { overdue: overdue(&risk), risk }))
    }

    /// All risks that aren't retired, by likelihood and impact.
    pub async fn get_matrix(&self, scope: &Scope, kinds: Vec<RiskKind>) -> Result<Matrix> {
        let merchant = scope.whole_merchant()?;
        let today = self.metrics.today(merchant).await?;
        let filter = RiskFilter { kinds, ..RiskFilter::default() };
        // As many as there may be.
        let all = PageRequest::first(RISKS_MAX, "risk matrix");
        let risks = self.metrics.store.list_risks(merchant, &filter, today, &all).await?;
        Ok(Matrix::of(risks.items, today))
    }

    async fn prepare(&self, by: &By, content: Content) -> Result<Content> {
        let merchant = &by.caller.merchant;
        content.check(self.metrics.today(merchant).await?)?;
        if let Some(id) = &content.alert_rule {
            let rules = rules_over(self.metrics.store.list_alert_rules(merchant).await?);
            if rules.iter().all(|rule| rule.id != *id) {
                return Err(AlertError::RuleNotFound { id: id.clone() }.into());
            }
        }
        let redactor = self.metrics.redactor(merchant);
        Ok(content.redacted(|text| redactor.redact(text).into_owned()))
    }

    async fn get(&self, merchant: &MerchantId, id: &str) -> Result<ListedRisk> {
        let today = self.metrics.today(merchant).await?;
        let found = self.metrics.store.find_risk(merchant, id).await?;
        let risk = found.ok_or_else(|| RiskError::NotFound { id: id.to_owned() })?;
        Ok(ListedRisk { overdue: risk.is_overdue(today), risk })
    }
}
