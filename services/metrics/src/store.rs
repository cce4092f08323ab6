//! All SQL of metrics.
//!
//! What is stored: which conversations there are (`conversations`), what is counted of each (`conversation_facts`,
//! without text), day figures (`day_facts` with `day_customers`), all other facts (`facts`), what each customer gives
//! to which day (`timelines`, `trade_days`, `trade_slices`), closed days, definitions, plans, alerts, incidents, risks,
//! what each customer is to a shop (`portraits`). Hot are the commit of a batch ([`ingest`],
//! [`facts`]), the counting of customers ([`timelines`]) and the reading of figures ([`figures`], [`trade_figures`]).
//! Nobody else may read these tables.
//!
//! Locks are taken in one order everywhere: definitions (advisory), conversations or facts by key, accounts, day facts
//! by key; and by the counter: changes that nobody else has, definitions (advisory), timelines by key, products by key, trade days
//! by key, their slices by key.
//! Statements are set-based and written out: Diesel's builder cannot say `unnest`, and ids sorted in Rust must reach
//! the rows in that order.

mod absences;
mod actuals;
mod alert_entries;
mod alert_rules;
mod alerts;
mod bot_events;
mod bots;
mod campaign_reviews;
mod campaigns;
mod care_tasks;
mod case_events;
mod case_policies;
mod cases;
mod complaint_cases;
mod conversations;
mod customers;
mod day_facts;
mod days;
mod deadlines;
mod definitions;
mod entries;
mod explanations;
mod facts;
mod figure_rows;
mod figure_sql;
mod figure_versions;
mod figures;
mod final_days;
mod follow_up_assignments;
mod follow_up_checks;
mod follow_up_events;
mod follow_up_payments;
mod follow_up_policies;
mod follow_ups;
mod hand_overs;
mod hours;
mod incident_entries;
mod incident_policies;
mod incident_retrospectives;
mod incident_tasks;
mod incident_times;
mod incident_wordings;
mod incidents;
mod ingest;
mod issue_notices;
mod issues;
mod loads;
mod loss_catalogues;
mod loss_decisions;
mod lost_inquiries;
mod made_complaints;
mod older_writers;
mod order_decisions;
mod people;
mod portraits;
mod purchases;
mod remedies;
mod report_queue;
mod report_schedules;
mod reports;
mod restatements;
mod review_scores;
mod risks;
mod selection;
mod settings;
mod settling;
mod targets;
mod tier_rules;
mod timeline_news;
mod timelines;
mod trade_days;
mod trade_explanations;
mod trade_figures;
mod trade_slices;
mod voice_hand_overs;
mod voices;

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

use crate::domain::customer::tier::TierRules;
use crate::domain::figure::month_of;
use crate::error::MetricsError;

pub use actuals::{Actual, ActualQuery};
pub use alerts::{AlertCursor, Subject};
pub use bot_events::BotEventCursor;
pub use bots::{BotCursor, BotQuery, QuestionCursor};
pub use campaign_reviews::ReviewCursor;
pub use campaigns::CampaignCursor;
pub use care_tasks::CareCursor;
pub use cases::CaseStep;
pub use customers::CustomerCursor;
pub use deadlines::DueCursor;
pub use definitions::NewDefinition;
pub use explanations::ExplainCursor;
pub use figure_rows::place;
pub use figures::{FigureCursor, FigureQuery, FigureSums};
pub use follow_up_checks::Looked;
pub use follow_ups::FollowUpStep;
pub use hand_overs::HandedOver;
pub use incident_tasks::{IncidentTaskCursor, TaskStep};
pub use incidents::IncidentCursor;
pub use issue_notices::NoticeCursor;
pub use issues::{IssueCursor, IssueStep};
pub use lost_inquiries::LossCursor;
pub use order_decisions::OrderCursor;
pub use purchases::RepurchaseQuery;
pub use reports::ReportCursor;
pub use restatements::{RestatementCursor, RestatementQuery};
pub use risks::RiskCursor;
pub use targets::TargetCursor;
pub use trade_explanations::TradeCursor;
pub use voice_hand_overs::HandOverCursor;
pub use voices::EvidenceCursor;

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
    /// The rules about customers of merchants that put none.
    tier_rules: Arc<TierRules>,
}

impl Store {
    /// Over the service's connections. `tier_rules` are those of merchants that put none.
    pub fn new(pool: Pool, tier_rules: TierRules) -> Self {
        Self { pool, months: Arc::default(), tier_rules: Arc::new(tier_rules) }
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
