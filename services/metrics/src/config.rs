//! The service's settings.

mod checks;

use std::path::Path;
use std::time::Duration;

use chrono::TimeDelta;
use runtime::config::{AccessConfig, ConfigError, ServerConfig, TelemetryConfig};
use secrecy::SecretString;
use serde::Deserialize;

use crate::domain::advice::AdviceRules;
use crate::domain::alerts::Looks;
use crate::domain::boards::Pushing;
use crate::domain::counting::Pauses;
use crate::domain::follow_up::policy::Rules;
use crate::domain::incident::policy::IncidentRules;
use crate::domain::ingest::IngestLimits;
use crate::domain::money::Currency;

/// All settings; `config/default.toml` explains them.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// Where calls are answered, and how many.
    pub server: ServerConfig,
    /// What is told to whom.
    pub telemetry: TelemetryConfig,
    /// Whose internal tokens count.
    pub access: AccessConfig,
    /// The database.
    pub database: pg::DatabaseConfig,
    /// The broker.
    pub events: events::EventsConfig,
    /// How personal data is replaced.
    pub redaction: RedactionConfig,
    /// How conversations are taken in.
    pub ingest: IngestConfig,
    /// When days are closed.
    pub closing: ClosingConfig,
    /// How many definitions there may be.
    pub definitions: DefinitionsConfig,
    /// When campaigns end.
    pub campaigns: CampaignsConfig,
    /// When customers are followed up.
    pub follow_ups: FollowUpsConfig,
    /// When customers are counted.
    pub timelines: TimelinesConfig,
    /// When reports are made.
    pub reports: ReportsConfig,
    /// What amounts are in.
    pub money: MoneyConfig,
    /// What is worth a word about changed figures.
    pub advice: AdviceConfig,
    /// When alert rules are looked at.
    pub alerts: AlertsConfig,
    /// When incidents climb.
    pub incidents: IncidentsConfig,
    /// How the live board is pushed.
    pub board: BoardConfig,
}

/// `[redaction]`.
#[derive(Debug, Clone, Deserialize)]
pub struct RedactionConfig {
    /// Order numbers become tokens made with it: the same number gives the same token as long as the key stays.
    pub key: SecretString,
}

/// `[ingest]`.
#[derive(Debug, Clone, Deserialize)]
pub struct IngestConfig {
    /// Conversations or facts of a commit.
    pub batch_conversations: usize,
    /// Bytes of a commit, as far as one stream may go.
    pub batch_bytes: usize,
    /// Bytes of all batches under way, which open streams share evenly.
    pub held_bytes_max: usize,
    /// How long a batch that isn't full waits for more.
    pub linger_ms: u64,
    /// Streams open at once.
    pub streams_max: usize,
    /// Commits at once, over all streams.
    pub commits_max: usize,
}

/// `[closing]`.
#[derive(Debug, Clone, Deserialize)]
pub struct ClosingConfig {
    /// How long after its end a day is closed.
    pub grace_minutes: u32,
    /// How long a day must have been left alone before it is closed, so that an import isn't cut in slices.
    pub quiet_minutes: u32,
    /// How often is looked.
    pub check_seconds: u64,
}

/// `[definitions]`.
#[derive(Debug, Clone, Deserialize)]
pub struct DefinitionsConfig {
    /// Versions that a merchant may have, the built-in one included: every conversation counts under each.
    pub versions_max: usize,
    /// How often is looked for one to build.
    pub check_seconds: u64,
}

/// `[campaigns]`.
#[derive(Debug, Clone, Deserialize)]
pub struct CampaignsConfig {
    /// How often is looked for campaigns whose time is over.
    pub check_seconds: u64,
}

/// `[follow_ups]`.
#[derive(Debug, Clone, Deserialize)]
pub struct FollowUpsConfig {
    /// How often is looked for reasons.
    pub check_seconds: u64,
    // What holds for merchants who set nothing: see the policy.
    /// How often customers are contacted at least.
    pub contact_hours: i32,
    /// How long an order is left unpaid before somebody asks.
    pub unpaid_after_minutes: i32,
    /// How long after it was placed the platform closes it.
    pub unpaid_within_hours: i32,
    /// How long products lie in the cart before somebody asks.
    pub cart_after_hours: i32,
    /// How long after a chat without an order somebody asks.
    pub inquiry_after_hours: i32,
    /// How long after praise somebody says thanks.
    pub praise_after_hours: i32,
    /// How long there is a point in all but unpaid orders.
    pub within_days: i32,
    /// How long customers are left alone after a follow-up about what they might buy.
    pub rest_days: i32,
    /// How long after one about what they liked, and after a complaint.
    pub praise_rest_days: i32,
}

/// `[timelines]`.
#[derive(Debug, Clone, Deserialize)]
pub struct TimelinesConfig {
    /// How long after something came in its customers are counted, so that what comes together is counted at once.
    pub settle_ms: u64,
    /// How long the counter makes way for batches that are being committed.
    pub yield_ms: u64,
    /// How often is looked for what other replicas took in.
    pub check_ms: u64,
    /// How often is looked for customers whom mere time changed.
    pub look_again_seconds: u64,
}

/// `[reports]`.
#[derive(Debug, Clone, Deserialize)]
pub struct ReportsConfig {
    /// How long after the beginning of a due day its reports are asked for, so that the night's imports are in.
    pub due_after_minutes: u32,
    /// How often is looked for reports that are due.
    pub schedule_seconds: u64,
    /// How often is looked for reports that other replicas were asked for.
    pub check_seconds: u64,
}

/// `[advice]`.
#[derive(Debug, Clone, Deserialize)]
pub struct AdviceConfig {
    /// A measure got worse if it changed for the worse by this share, unless asked otherwise.
    pub worse_by: f64,
    /// So much more of all replies are prepared ones: enough to move response figures.
    pub quick_share_gain: f64,
    /// What a gain in speed should bring moved if it rose by this share.
    pub outcome_moved_by: f64,
    /// With fewer reviews nothing is said of QA scores.
    pub reviews_min: u32,
    /// Contributors of a kind that are named at most.
    pub contributors: usize,
    /// Like periods that a figure is held against.
    pub like_periods: u32,
    /// Groups of a page of advice.
    pub groups_max: u32,
}

/// `[alerts]`.
#[derive(Debug, Clone, Deserialize)]
pub struct AlertsConfig {
    /// After figures changed, a merchant's rules are looked at so often at most.
    pub check_ms: u64,
    /// Rules by the hour at most so often.
    pub hourly_seconds: u64,
    /// When nothing changes, so often.
    pub idle_minutes: u32,
}

/// `[incidents]`.
#[derive(Debug, Clone, Deserialize)]
pub struct IncidentsConfig {
    /// How often is looked for incidents of which the next are to be told.
    pub check_ms: u64,
    /// How long after an exercise the next is due, for merchants who set nothing.
    pub drill_interval_days: i32,
    /// How long after it was closed the retrospective of an incident is due, for merchants who set nothing.
    pub retrospective_working_days: i32,
}

/// `[board]`.
#[derive(Debug, Clone, Deserialize)]
pub struct BoardConfig {
    /// How often is looked for changes that were committed.
    pub gather_ms: u64,
    /// A board is read at most so often, whatever comes in.
    pub read_ms: u64,
    /// How often a client hears that nothing happened.
    pub heartbeat_ms: u64,
    /// How long a client may take to accept an update before it is told to come again.
    pub slow_ms: u64,
    /// Clients at once.
    pub clients_max: usize,
    /// Boards (a merchant's, or one of its shops') that are read at once.
    pub boards_max: usize,
}

/// `[money]`.
#[derive(Debug, Clone, Deserialize)]
pub struct MoneyConfig {
    /// By ISO 4217.
    pub currency: String,
    /// Digits after the point.
    pub decimals: u32,
}

impl Config {
    /// The settings from defaults, `file`, `JINPAI_METRICS__…` and `overrides`, each over the one before.
    pub fn load(file: Option<&Path>, overrides: &[(&str, &str)]) -> Result<Self, ConfigError> {
        let default = include_str!("../config/default.toml");
        let config: Self = runtime::config::load("metrics", default, file, overrides)?;
        config.check()?;
        Ok(config)
    }
}

impl IngestConfig {
    /// What a batch may hold.
    pub(crate) fn limits(&self) -> IngestLimits {
        IngestLimits {
            batch_lines: self.batch_conversations,
            batch_bytes: self.batch_bytes,
            held_bytes: self.held_bytes_max,
            linger: Duration::from_millis(self.linger_ms),
        }
    }
}

impl AdviceConfig {
    pub(crate) fn rules(&self) -> AdviceRules {
        AdviceRules {
            threshold: self.worse_by,
            quick_share_gain: self.quick_share_gain,
            moved: self.outcome_moved_by,
            reviews_min: self.reviews_min.into(),
            contributors: self.contributors,
            like_periods: self.like_periods,
            groups_max: self.groups_max,
        }
    }
}

impl FollowUpsConfig {
    pub(crate) fn rules(&self) -> Rules {
        Rules {
            contact_hours: self.contact_hours,
            unpaid_after_minutes: self.unpaid_after_minutes,
            unpaid_within_hours: self.unpaid_within_hours,
            cart_after_hours: self.cart_after_hours,
            inquiry_after_hours: self.inquiry_after_hours,
            praise_after_hours: self.praise_after_hours,
            within_days: self.within_days,
            rest_days: self.rest_days,
            praise_rest_days: self.praise_rest_days,
        }
    }
}

impl IncidentsConfig {
    pub(crate) fn rules(&self) -> IncidentRules {
        IncidentRules {
            drill_interval_days: self.drill_interval_days,
            retrospective_working_days: self.retrospective_working_days,
        }
    }
}

impl TimelinesConfig {
    pub(crate) fn pauses(&self) -> Pauses {
        Pauses {
            settle: Duration::from_millis(self.settle_ms),
            make_way: Duration::from_millis(self.yield_ms),
            check: Duration::from_millis(self.check_ms),
        }
    }
}

impl AlertsConfig {
    pub(crate) fn looks(&self) -> Looks {
        Looks {
            check: Duration::from_millis(self.check_ms),
            hourly: Duration::from_secs(self.hourly_seconds),
            idle: TimeDelta::minutes(self.idle_minutes.into()),
        }
    }
}

impl BoardConfig {
    pub(crate) fn pushing(&self) -> Pushing {
        Pushing {
            read: Duration::from_millis(self.read_ms),
            heartbeat: Duration::from_millis(self.heartbeat_ms),
            slow: Duration::from_millis(self.slow_ms),
            clients_max: self.clients_max,
            boards_max: self.boards_max,
        }
    }
}

impl MoneyConfig {
    pub(crate) fn currency(&self) -> Currency {
        Currency { code: self.currency.clone(), decimals: self.decimals }
    }
}

impl ReportsConfig {
    pub(crate) fn due_after(&self) -> TimeDelta {
        TimeDelta::minutes(self.due_after_minutes.into())
    }
}

impl ClosingConfig {
    pub(crate) fn grace(&self) -> TimeDelta {
        TimeDelta::minutes(self.grace_minutes.into())
    }

    pub(crate) fn quiet(&self) -> TimeDelta {
        TimeDelta::minutes(self.quiet_minutes.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_complete_but_for_the_addresses_of_others() {
        let config = Config::load(None, &[("database.url", "postgres://a@b/c"), ("events.url", "nats://d")]);
        assert_eq!(config.expect("loads").definitions.versions_max, 8);
        let unknown = Config::load(None, &[("ingest.batch", "1")]);
        assert!(unknown.expect_err("is refused").to_string().contains("ingest.batch"));
    }

    #[test]
    fn secrets_are_not_shown() {
        let config = Config::load(None, &[("redaction.key", "hush-hush")]).expect("loads");
        assert!(!format!("{config:?}").contains("hush-hush"));
    }
}
