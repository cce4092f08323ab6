//! The use cases of lost inquiries.

use pg::By;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use runtime::ids::MerchantId;

use crate::domain::definition::STANDARD;
use crate::domain::figure::{Cut, DayRange, DefinitionRef, Filter, Group, Step};
use crate::domain::lost_inquiry::catalogue::{Catalogue, Content, NextError, Suggestion};
use crate::domain::lost_inquiry::filter::LossFilter;
use crate::domain::lost_inquiry::report::{Counts, Dimension, ReportCursor, Row, rows};
use crate::domain::lost_inquiry::{LossError, LossKey, LostInquiry};
use crate::domain::money::Currency;
use crate::domain::trade::TradeSum;
use crate::domain::{Metrics, Result};
use crate::error::MetricsError;
use crate::store::{FigureQuery, LossCursor};

/// Rows of a report at most.
const ROWS_MAX: usize = 20_000;

/// The use cases. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LostInquiries {
    metrics: Metrics,
}

/// A lost inquiry with what follows from the day and the catalogue.
#[derive(Debug)]
pub struct Listed {
    /// The lost inquiry.
    pub inquiry: LostInquiry,
    /// What is suggested.
    pub suggestion: Option<Suggestion>,
    /// Whether it may still be paid.
    pub open: bool,
}

/// A page of a report.
#[derive(Debug)]
pub struct Report {
    /// The rows.
    pub rows: Page<Row>,
    /// All rows together.
    pub total: Counts,
    /// Inquiries of the same days and accounts.
    pub inquiries: i64,
    /// Which catalogue suggestions follow.
    pub catalogue_version: i32,
    /// Whether customers wait to be counted.
    pub pending: bool,
}

impl LostInquiries {
    /// Beside the other use cases.
    pub fn new(metrics: Metrics) -> Self {
        Self { metrics }
    }

    /// The currency of all amounts.
    pub fn currency(&self) -> &Currency {
        self.metrics.currency()
    }

    /// A version of the catalogue, or the newest.
    pub async fn get_catalogue(&self, merchant: &MerchantId, version: Option<i32>) -> Result<Catalogue> {
        let found = self.metrics.store.find_setting(merchant, version).await?;
        match (found, version) {
            (Some(catalogue), _) => Ok(catalogue),
            (None, None | Some(0)) => Ok(Catalogue::built_in()),
            (None, Some(version)) => Err(LossError::CatalogueNotFound { version }.into()),
        }
    }

    /// Puts the next version.
    pub async fn put_catalogue(&self, by: &By, etag: &str, content: Content) -> Result<Catalogue> {
        let now = self.metrics.clock.now();
        let who = by.caller.subject.clone();
        let decide = |newest: Option<Catalogue>| {
            let newest = newest.unwrap_or_else(Catalogue::built_in);
            newest.next(etag, content, who, now).map_err(|why| match why {
                NextError::Changed => LossError::CatalogueChanged.into(),
                NextError::Invalid(violation) => MetricsError::Invalid(violation),
            })
        };
        let version = self.metrics.store.put_setting(by, now, decide).await?;
        self.get_catalogue(&by.caller.merchant, Some(version)).await
    }

    /// A page of the work list, and whether customers wait to be counted.
    pub async fn list_lost_inquiries(
        &self,
        scope: &Scope,
        filter: &LossFilter,
        page: &PageRequest<LossCursor>,
    ) -> Result<(Page<Listed>, bool)> {
        let today = self.metrics.today(&scope.merchant).await?;
        let catalogue = self.get_catalogue(&scope.merchant, None).await?;
        let (found, pending) =
            self.metrics.store.list_lost_inquiries(scope, filter, &catalogue, today, page).await?;
        let records = self.metrics.store.list_loss_records(&scope.merchant, self.metrics.clock.now()).await?;
        let listed = found.map(|inquiry| Listed {
            suggestion: catalogue.suggest(&inquiry.loss.evidence, &records),
            open: inquiry.loss.window_ends >= today,
            inquiry,
        });
        Ok((listed, pending))
    }

    /// One that the scope reaches.
    pub async fn get_lost_inquiry(&self, scope: &Scope, key: &LossKey) -> Result<Listed> {
        let found = self.metrics.store.find_lost_inquiry(scope, key).await?;
        let inquiry = found.ok_or(LossError::NotFound)?;
        let today = self.metrics.today(&scope.merchant).await?;
        let catalogue = self.get_catalogue(&scope.merchant, None).await?;
        let records = self.metrics.store.list_loss_records(&scope.merchant, self.metrics.clock.now()).await?;
        let suggestion = catalogue.suggest(&inquiry.loss.evidence, &records);
        Ok(Listed { suggestion, open: inquiry.loss.window_ends >= today, inquiry })
    }

    /// Says why one was lost.
    pub async fn decide_lost_inquiry(
        &self,
        by: &By,
        scope: &Scope,
        at: (&LossKey, &str),
        reason: &str,
        note: &str,
    ) -> Result<Listed> {
        let now = self.metrics.clock.now();
        let note = self.metrics.redactor(&scope.merchant).redact(note).into_owned();
        let catalogue = self.get_catalogue(&scope.merchant, None).await?;
        self.metrics.store.decide_lost_inquiry(by, scope, at, now, &catalogue, (reason, note)).await?;
        self.get_lost_inquiry(scope, at.0).await
    }

    /// A page of a report about inquiries whose window is over.
    pub async fn get_report(
        &self,
        scope: &Scope,
        (range, filter): (DayRange, &Filter),
        by: &[Dimension],
        page: &PageRequest<ReportCursor>,
    ) -> Result<Report> {
        let today = self.metrics.today(&scope.merchant).await?;
        let catalogue = self.get_catalogue(&scope.merchant, None).await?;
        let alike =
            self.metrics.store.list_alike_losses(scope, (range, filter), by, today, ROWS_MAX + 1).await?;
        if alike.len() > ROWS_MAX {
            return Err(MetricsError::TooManyGroups);
        }
        let (mut rows, total) = rows(alike, &catalogue, by);
        rows.retain(|row| page.after.as_ref().is_none_or(|after| ReportCursor::of(row) > *after));
        let (inquiries, pending) = self.inquiries(scope, range, filter).await?;
        Ok(Report {
            rows: page.page(rows, ReportCursor::of)?,
            total,
            inquiries,
            catalogue_version: catalogue.version,
            pending,
        })
    }

    /// Inquiries as figures count them, and whether customers wait to be counted.
    async fn inquiries(&self, scope: &Scope, range: DayRange, filter: &Filter) -> Result<(i64, bool)> {
        let standard = DefinitionRef { id: STANDARD.to_owned(), version: None };
        let ruling = self.metrics.find_ruling(&scope.merchant, &standard, range).await?;
        let today = self.metrics.today(&scope.merchant).await?;
        let whole = Cut::Step(Step::Whole);
        let query = FigureQuery::sums(range, Group::Merchant, whole, filter.clone(), ruling, today);
        let rows = self.metrics.store.list_sums(scope, &query).await?;
        let inquiries = rows.iter().map(|row| row.trade.sums[TradeSum::Inquiries]).sum();
        Ok((inquiries, self.metrics.store.is_counting(&scope.merchant).await?))
    }
}
