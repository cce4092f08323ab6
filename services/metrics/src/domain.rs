//! The use cases of metrics. Knows the store's methods, no SQL and no message of the API.
//!
//! The nouns and their rules are in the modules below, each pure: [`conversation`] what comes in, [`facts`] what is
//! kept of it, [`part`] what it adds to a day under a [`definition`], [`tally`] what a batch changes, [`figure`] what
//! is asked for, [`explanation`] where it comes from. Facts beside conversations: [`fact`] what they are, [`timeline`]
//! what a customer's conversations and facts add up to, [`credit`] for whom, [`contribution`] how that is kept,
//! [`trade_measure`] the figures made of it. Both come in by [`batch`] and [`ingest`].

pub mod advice;
pub mod alert;
pub mod alerts;
pub mod amount;
pub mod analysis;
pub mod any_measure;
pub mod asking;
pub mod batch;
pub mod board;
pub mod boards;
pub mod bot;
pub mod bots;
pub mod bucket;
pub mod campaign;
pub mod campaigns;
pub mod case;
pub mod cases;
pub mod change;
pub mod comparison;
pub mod contribution;
pub mod conversation;
pub mod counting;
pub mod credit;
pub mod customer;
pub mod customers;
pub mod day;
pub mod day_recount;
pub mod definition;
pub mod entry;
pub mod explainer;
pub mod explanation;
pub mod fact;
pub mod fact_draft;
pub mod fact_intake;
pub mod facts;
pub mod figure;
pub mod follow_up;
pub mod follow_ups;
pub mod histogram;
pub mod hours;
pub mod incident;
pub mod incidents;
pub mod ingest;
pub mod intake;
pub mod issue;
pub mod issues;
pub mod judgement;
pub mod lost_inquiries;
pub mod lost_inquiry;
pub mod maturity;
pub mod money;
pub mod order_decisions;
pub mod part;
pub mod playbook;
pub mod portrait;
pub mod quality;
pub mod reach;
pub mod report;
pub mod reports;
pub mod restatement;
pub mod risk;
pub mod risks;
pub mod ruling;
pub mod selection;
pub mod sharing;
pub mod slice;
pub mod split;
pub mod summary;
pub mod sums;
pub mod tally;
pub mod target;
pub mod targets;
#[cfg(test)]
mod testing;
pub mod timeline;
mod timeline_chats;
mod timeline_facts;
mod timeline_slices;
mod timeline_writing;
pub mod trade;
pub mod trade_explainer;
pub mod trade_measure;
pub mod trade_rules;
pub mod varint;
pub mod voice;
pub mod voices;
pub mod work;
pub mod worsening;

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use pg::By;
use pg::page::{Page, PageRequest};
use redaction::Redactor;
use runtime::clock::SharedClock;
use runtime::identity::Scope;
use runtime::ids::MerchantId;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::domain::advice::AdviceRules;
use crate::domain::counting::Counting;
use crate::domain::day::{AccountCount, Day, DayRecord};
use crate::domain::definition::{Definition, Rules, STANDARD};
use crate::domain::figure::{DayRange, DefinitionRef};
use crate::domain::ingest::{IngestLimits, Streams};
use crate::domain::money::Currency;
use crate::domain::restatement::finalise;
use crate::domain::ruling::Ruling;
use crate::error::MetricsError;
use crate::store::{NewDefinition, Store};

type Result<T, E = MetricsError> = std::result::Result<T, E>;

/// Who closes days and builds definitions when nobody asks for it.
const SELF: &str = "metrics";
/// Days that one round of the closer closes at most.
const CLOSE_AT_ONCE: i64 = 500;

/// The use cases. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics {
    store: Store,
    clock: SharedClock,
    redaction_key: Arc<SecretString>,
    limits: IngestLimits,
    definitions_max: usize,
    grace: TimeDelta,
    quiet: TimeDelta,
    streams: Streams,
    commits: Arc<Semaphore>,
    commits_max: usize,
    counting: Counting,
    currency: Arc<Currency>,
    advice: AdviceRules,
    stop: CancellationToken,
}

/// A version of a definition to put.
#[derive(Debug, Clone)]
pub struct PutDefinition {
    /// Which definition.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The choices.
    pub rules: Rules,
    /// First business day that it rules; `None` rules all days before too.
    pub valid_from: Option<NaiveDate>,
}

impl Metrics {
    /// The use cases over a store. `stop` ends open ingest streams.
    pub async fn start(
        store: Store,
        clock: SharedClock,
        config: &Config,
        stop: CancellationToken,
    ) -> Result<Self> {
        let redaction_key = match config.redaction.key.expose_secret() {
            "" => store.find_redaction_key().await?,
            _ => config.redaction.key.clone(),
        };
        Ok(Self {
            store,
            clock,
            redaction_key: Arc::new(redaction_key),
            limits: config.ingest.limits(),
            definitions_max: config.definitions.versions_max,
            grace: config.closing.grace(),
            quiet: config.closing.quiet(),
            streams: Streams::new(config.ingest.streams_max),
            commits: Arc::new(Semaphore::new(config.ingest.commits_max)),
            commits_max: config.ingest.commits_max,
            counting: Counting::new(config.timelines.pauses()),
            currency: Arc::new(config.money.currency()),
            advice: config.advice.rules(),
            stop,
        })
    }

    /// The currency of all amounts.
    pub fn currency(&self) -> &Currency {
        &self.currency
    }

    /// Closes a day that is over.
    pub async fn close_day(&self, by: &By, scope: &Scope, day: NaiveDate) -> Result<Day> {
        let (merchant, now) = (scope.whole_merchant()?, self.clock.now());
        let calendar = self.store.find_calendar(merchant).await?;
        if calendar.day_bounds(day).1 > now {
            return Err(MetricsError::DayNotOver { day });
        }
        self.store.close_day(by, merchant, day, now).await?;
        Ok(self.get_day(scope, day).await?.0)
    }

    /// A day and the size of each account's part in it.
    pub async fn get_day(&self, scope: &Scope, day: NaiveDate) -> Result<(Day, Vec<AccountCount>)> {
        let merchant = scope.whole_merchant()?;
        let only = PageRequest::first(1, "day");
        let mut days = self.store.list_days(merchant, DayRange { from: day, to: day }, &only).await?;
        let record = days.items.pop().unwrap_or_else(|| DayRecord::empty(day));
        let counts = self.store.list_account_counts(merchant, day).await?;
        let calendar = self.store.find_calendar(merchant).await?;
        Ok((Day { bounds: calendar.day_bounds(day), record }, counts))
    }

    /// Days that hold conversations or were closed.
    pub async fn list_days(
        &self,
        scope: &Scope,
        range: DayRange,
        page: &PageRequest<NaiveDate>,
    ) -> Result<Page<Day>> {
        let merchant = scope.whole_merchant()?;
        let records = self.store.list_days(merchant, range, page).await?;
        let calendar = self.store.find_calendar(merchant).await?;
        Ok(records.map(|record| Day { bounds: calendar.day_bounds(record.day), record }))
    }

    /// Closes what has been over for the grace period and left alone for the quiet one.
    pub async fn close_quiet_days(&self) -> Result<usize> {
        let now = self.clock.now();
        let mut closed = 0;
        for (merchant, day) in self.store.list_quiet_days(now - self.quiet, CLOSE_AT_ONCE).await? {
            match self.close_quiet_day(&merchant, day, now).await {
                Ok(done) => closed += usize::from(done),
                // One merchant's trouble is not everybody's: the others' days are closed all the same.
                Err(error) => {
                    let error = status::chain(&error);
                    tracing::warn!(merchant = %merchant, day = %day, error, "cannot close the day now");
                }
            }
        }
        Ok(closed)
    }

    async fn close_quiet_day(
        &self,
        merchant: &MerchantId,
        day: NaiveDate,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        let calendar = self.store.find_calendar(merchant).await?;
        if calendar.day_bounds(day).1 + self.grace > now {
            return Ok(false);
        }
        let by = By::service(SELF, merchant, "background/close_days");
        self.store.close_day(&by, merchant, day, now).await?;
        Ok(true)
    }

    /// All versions of all definitions, in the order they were put.
    pub async fn list_definitions(&self, scope: &Scope, page: &PageRequest<i32>) -> Result<Page<Definition>> {
        let mut definitions = self.store.list_definitions(scope.whole_merchant()?).await?;
        definitions.retain(|d| page.after.is_none_or(|after| d.seq > after));
        Ok(page.page(definitions, |d| d.seq)?)
    }

    /// Adds the next version of a definition.
    pub async fn put_definition(&self, by: &By, put: PutDefinition, etag: String) -> Result<Definition> {
        let PutDefinition { id, name, rules, valid_from } = put;
        let (created_at, limit) = (self.clock.now(), self.definitions_max);
        let new = NewDefinition { id, name, rules, valid_from, etag, created_at, limit };
        self.store.insert_definition(by, &new).await
    }

    /// Tells of days as final whose maturation is over, and again of those that changed since.
    pub async fn finalise_days(&self) -> Result<usize> {
        let mut told = 0;
        for merchant in self.store.list_closing_merchants().await? {
            match self.finalise_days_of(&merchant).await {
                Ok(days) => told += days,
                Err(error) => {
                    let error = status::chain(&error);
                    tracing::warn!(merchant = %merchant, error, "cannot tell of final days now");
                }
            }
        }
        Ok(told)
    }

    async fn finalise_days_of(&self, merchant: &MerchantId) -> Result<usize> {
        let (calendar, now) = (self.store.find_calendar(merchant).await?, self.clock.now());
        let today = calendar.business_day(now);
        let standard = DefinitionRef { id: STANDARD.to_owned(), version: None };
        let versions = self.store.list_definitions(merchant).await?;
        let mut told = 0;
        for due in self.store.list_days_to_finalise(merchant, today, CLOSE_AT_ONCE).await? {
            let ruling = Ruling::of(&versions, &standard, DayRange { from: due.day, to: due.day })?;
            let definition = ruling.on(due.day);
            let next = finalise(due.day, definition, due.knowledge, due.told.as_ref(), today);
            if let Some(next) = next {
                let done =
                    self.store.finalise_day(merchant, &next, due.told.as_ref(), definition, now).await?;
                told += usize::from(done);
            }
        }
        Ok(told)
    }

    /// Counts what a release of before wrote beside this one, until nothing is left of it or the service stops.
    pub async fn recount_older_days(&self) -> Result<usize> {
        let mut counted = 0;
        while !self.stop.is_cancelled() && self.store.recount_older_day(self.clock.now()).await? {
            counted += 1;
        }
        Ok(counted)
    }

    /// Counts stored conversations under new definitions until all are ready or the service stops.
    pub async fn build_definitions(&self) -> Result<()> {
        while !self.stop.is_cancelled() && self.store.build_definition_batch(self.clock.now()).await? {}
        Ok(())
    }

    /// Counts what changed figures, for whoever must know at once.
    pub async fn gather_figure_changes(&self) -> Result<()> {
        while !self.stop.is_cancelled() && self.store.gather_figure_changes().await? {}
        Ok(())
    }

    /// The merchant's present business day.
    async fn today(&self, merchant: &MerchantId) -> Result<NaiveDate> {
        Ok(self.store.find_calendar(merchant).await?.business_day(self.clock.now()))
    }

    /// Order tokens of different merchants cannot be joined.
    fn redactor(&self, merchant: &MerchantId) -> Redactor {
        Redactor::for_merchant(self.redaction_key.expose_secret().as_bytes(), merchant.as_str())
    }
}
