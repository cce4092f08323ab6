//! All SQL of metrics.
//!
//! What is stored: which conversations there are (`conversations`), what is counted of each (`conversation_facts`,
//! without text), day figures (`day_facts` with `day_customers`), all other facts (`facts`), what each customer gives
//! to which day (`timelines`, `trade_days`), closed days, definitions, plans, alerts. Hot are the commit of a batch ([`ingest`],
//! [`facts`]), the counting of customers ([`timelines`]) and the reading of figures ([`figures`], [`trade_figures`]).
//! Nobody else may read these tables.
//!
//! Locks are taken in one order everywhere: definitions (advisory), conversations or facts by key, accounts, day facts
//! by key; and by the counter: changes that nobody else has, definitions (advisory), timelines by key, trade days by key.
//! Statements are set-based and written out: Diesel's builder cannot say `unnest`, and ids sorted in Rust must reach
//! the rows in that order.

mod actuals;
mod alert_rules;
mod alerts;
mod campaign_reviews;
mod campaigns;
mod conversations;
mod day_facts;
mod days;
mod definitions;
mod explanations;
mod facts;
mod figure_versions;
mod figures;
mod final_days;
mod hours;
mod ingest;
mod issue_notices;
mod issues;
mod people;
mod remedies;
mod restatements;
mod selection;
mod targets;
mod timelines;
mod trade_days;
mod trade_explanations;
mod trade_figures;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use calendar::MerchantCalendar;
use chrono::NaiveDate;
use diesel::QueryableByName;
use diesel::sql_types::{Date, Text};
use diesel_async::RunQueryDsl;
use pg::Pool;
use runtime::ids::MerchantId;
use secrecy::SecretString;

use crate::domain::figure::month_of;
use crate::error::MetricsError;

pub use actuals::{Actual, ActualQuery};
pub use alerts::{AlertCursor, AlertFilter, Subject};
pub use campaign_reviews::ReviewCursor;
pub use campaigns::{CampaignCursor, CampaignFilter};
pub use definitions::NewDefinition;
pub use explanations::ExplainCursor;
pub use figures::{FigureCursor, FigureQuery, FigureSums};
pub use issue_notices::NoticeCursor;
pub use issues::{IssueCursor, IssueFilter, IssueStep};
pub use restatements::{RestatementCursor, RestatementQuery};
pub use targets::{TargetCursor, TargetFilter};
pub use trade_explanations::TradeCursor;

type Result<T, E = MetricsError> = std::result::Result<T, E>;

/// A value as a column of JSON.
fn json_of(value: &impl serde::Serialize) -> Result<serde_json::Value> {
    Ok(serde_json::to_value(value).map_err(|why| pg::Error::Internal(why.into()))?)
}

/// The way to the tables. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pool: Pool,
    /// Months whose partition is known to exist.
    months: Arc<Mutex<HashSet<NaiveDate>>>,
}

impl Store {
    /// Over the service's connections.
    pub fn new(pool: Pool) -> Self {
        Self { pool, months: Arc::default() }
    }

    /// Where the merchant's business days begin.
    pub async fn find_calendar(&self, merchant: &MerchantId) -> Result<MerchantCalendar> {
        let mut conn = self.pool.get().await?;
        Ok(directory::calendar(&mut conn, merchant).await?)
    }

    /// The key that redaction uses when the settings give none: made once, when the schema was.
    pub async fn find_redaction_key(&self) -> Result<SecretString> {
        let mut conn = self.pool.get().await?;
        let row = diesel::sql_query("SELECT value FROM secrets WHERE name = 'redaction'")
            .get_result::<SecretRow>(&mut conn)
            .await?;
        Ok(SecretString::from(row.value))
    }

    /// Makes the partitions of these days if they are missing: in transactions of their own, so that the lock on the
    /// table is not held for as long as a batch takes.
    async fn ensure_months(&self, days: impl Iterator<Item = NaiveDate>) -> Result<()> {
        let missing: HashSet<NaiveDate> = {
            let known = self.months.lock().unwrap_or_else(PoisonError::into_inner);
            days.map(month_of).filter(|month| !known.contains(month)).collect()
        };
        if missing.is_empty() {
            return Ok(());
        }
        let mut conn = self.pool.get().await?;
        for month in missing {
            diesel::sql_query("SELECT conversation_facts_ensure_month($1)")
                .bind::<Date, _>(month)
                .execute(&mut conn)
                .await?;
            self.months.lock().unwrap_or_else(PoisonError::into_inner).insert(month);
        }
        Ok(())
    }
}

#[derive(QueryableByName)]
struct SecretRow {
    #[diesel(sql_type = Text)]
    value: String,
}
