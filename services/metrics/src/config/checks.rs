//! What no service can work with, refused by its key before anything starts.

use std::ops::RangeInclusive;

use runtime::config::{ConfigError, MILLIS_MAX, PLACES, SECONDS, within};
use status::Violation;

use super::{
    AdviceConfig, AlertsConfig, BoardConfig, Config, IncidentsConfig, IngestConfig, MoneyConfig,
    TimelinesConfig,
};
use crate::domain::judgement::DAYS_MIN;
use crate::domain::money::DECIMALS_MAX;

/// How often may be looked, in milliseconds. More often would be all that the service does.
const LOOK_MILLIS: RangeInclusive<u64> = 10..=MILLIS_MAX;
/// How long a day or a report may wait, in minutes: a week.
const WAIT_MINUTES: RangeInclusive<u32> = 0..=10_080;

impl Config {
    /// What the types alone cannot say.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.server.check()?;
        self.telemetry.check()?;
        self.access.check()?;
        self.database.check()?;
        self.events.check()?;
        self.ingest.check()?;
        within("definitions.versions_max", self.definitions.versions_max, &(1..=1_000))?;
        self.check_clocks()?;
        self.timelines.check()?;
        self.money.check()?;
        self.advice.check()?;
        self.alerts.check()?;
        self.board.check()?;
        self.incidents.check()?;
        self.follow_ups.rules().check().map_err(unusable("follow_ups"))?;
        self.incidents.rules().check().map_err(unusable("incidents"))
    }

    /// How often is looked for what is due, and how long that waits.
    fn check_clocks(&self) -> Result<(), ConfigError> {
        let looks = [
            ("closing.check_seconds", self.closing.check_seconds),
            ("definitions.check_seconds", self.definitions.check_seconds),
            ("campaigns.check_seconds", self.campaigns.check_seconds),
            ("follow_ups.check_seconds", self.follow_ups.check_seconds),
            ("reports.schedule_seconds", self.reports.schedule_seconds),
            ("reports.check_seconds", self.reports.check_seconds),
        ];
        looks.iter().try_for_each(|(key, seconds)| within(key, *seconds, &SECONDS))?;
        let waits = [
            ("closing.grace_minutes", self.closing.grace_minutes),
            ("closing.quiet_minutes", self.closing.quiet_minutes),
            ("reports.due_after_minutes", self.reports.due_after_minutes),
        ];
        waits.iter().try_for_each(|(key, minutes)| within(key, *minutes, &WAIT_MINUTES))
    }
}

impl IngestConfig {
    fn check(&self) -> Result<(), ConfigError> {
        within("ingest.batch_conversations", self.batch_conversations, &(1..=1_000_000))?;
        within("ingest.batch_bytes", self.batch_bytes, &(1..=1 << 30))?;
        within("ingest.held_bytes_max", self.held_bytes_max, &(1..=1 << 40))?;
        within("ingest.linger_ms", self.linger_ms, &(0..=MILLIS_MAX))?;
        within("ingest.streams_max", self.streams_max, &PLACES)?;
        within("ingest.commits_max", self.commits_max, &PLACES)
    }
}

impl TimelinesConfig {
    fn check(&self) -> Result<(), ConfigError> {
        within("timelines.settle_ms", self.settle_ms, &(0..=MILLIS_MAX))?;
        within("timelines.yield_ms", self.yield_ms, &(0..=MILLIS_MAX))?;
        within("timelines.check_ms", self.check_ms, &LOOK_MILLIS)?;
        within("timelines.look_again_seconds", self.look_again_seconds, &SECONDS)
    }
}

impl MoneyConfig {
    fn check(&self) -> Result<(), ConfigError> {
        let is_code = self.currency.len() == 3 && self.currency.bytes().all(|byte| byte.is_ascii_uppercase());
        if !is_code {
            return Err(ConfigError::unsound("money.currency", "three capitals, as in CNY"));
        }
        within("money.decimals", self.decimals, &(0..=DECIMALS_MAX))
    }
}

impl AdviceConfig {
    fn check(&self) -> Result<(), ConfigError> {
        let shares = [
            ("advice.worse_by", self.worse_by),
            ("advice.quick_share_gain", self.quick_share_gain),
            ("advice.outcome_moved_by", self.outcome_moved_by),
        ];
        if let Some((key, _)) = shares.iter().find(|(_, share)| !(*share > 0.0 && *share <= 1.0)) {
            return Err(ConfigError::unsound(*key, "above 0, and 1 at most"));
        }
        within("advice.like_periods", self.like_periods, &(DAYS_MIN as u32..=53))?;
        within("advice.groups_max", self.groups_max, &(1..=1_000))?;
        within("advice.reviews_min", self.reviews_min, &(1..=100_000))
    }
}

impl AlertsConfig {
    fn check(&self) -> Result<(), ConfigError> {
        within("alerts.check_ms", self.check_ms, &LOOK_MILLIS)?;
        within("alerts.hourly_seconds", self.hourly_seconds, &(0..=86_400))?;
        within("alerts.idle_minutes", self.idle_minutes, &(1..=1_440))
    }
}

impl IncidentsConfig {
    fn check(&self) -> Result<(), ConfigError> {
        within("incidents.check_ms", self.check_ms, &LOOK_MILLIS)
    }
}

impl BoardConfig {
    fn check(&self) -> Result<(), ConfigError> {
        within("board.gather_ms", self.gather_ms, &LOOK_MILLIS)?;
        within("board.read_ms", self.read_ms, &LOOK_MILLIS)?;
        within("board.heartbeat_ms", self.heartbeat_ms, &LOOK_MILLIS)?;
        within("board.slow_ms", self.slow_ms, &LOOK_MILLIS)?;
        within("board.clients_max", self.clients_max, &PLACES)?;
        within("board.boards_max", self.boards_max, &PLACES)
    }
}

/// What is wrong with what holds for merchants who set no policy of their own.
fn unusable(section: &'static str) -> impl Fn(Violation) -> ConfigError {
    move |Violation { field, description }| {
        let key = field.trim_start_matches("policy.");
        ConfigError::Unusable(format!("{section}.{key} {description}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(key: &str, value: &str) -> String {
        Config::load(None, &[(key, value)]).expect_err(key).to_string()
    }

    #[test]
    fn what_cannot_work_is_refused_by_its_key() {
        for (key, value, wanted) in [
            ("server.in_flight_max", "0", "1 to 1000000"),
            ("server.message_bytes_max", "4194305", "1 to 4194304"),
            ("telemetry.trace_ratio", "-0.1", "0 to 1"),
            ("access.skew_seconds", "3600", "0 to 300"),
            ("database.pool_size", "0", "1 to 1000"),
            ("events.replicas", "0", "1 to 5"),
            ("ingest.streams_max", "0", "1 to 1000000"),
            ("ingest.commits_max", "0", "1 to 1000000"),
            ("ingest.batch_conversations", "0", "1 to 1000000"),
            ("closing.check_seconds", "0", "1 to 86400"),
            ("closing.grace_minutes", "10081", "0 to 10080"),
            ("definitions.versions_max", "0", "1 to 1000"),
            ("timelines.check_ms", "9", "10 to 86400000"),
            ("reports.check_seconds", "86401", "1 to 86400"),
            ("money.decimals", "10", "0 to 9"),
            ("money.currency", "cny", "three capitals, as in CNY"),
            ("money.currency", "CNYX", "three capitals, as in CNY"),
            ("alerts.idle_minutes", "0", "1 to 1440"),
            ("incidents.check_ms", "0", "10 to 86400000"),
            ("board.clients_max", "0", "1 to 1000000"),
            ("board.gather_ms", "0", "10 to 86400000"),
        ] {
            assert_eq!(refused(key, value), format!("{key} must be {wanted}"));
        }
    }

    #[test]
    fn what_merchants_could_not_set_is_refused_by_its_key() {
        assert_eq!(refused("follow_ups.contact_hours", "400"), "follow_ups.contact_hours must be 1 to 48");
        let key = "incidents.retrospective_working_days";
        assert_eq!(refused(key, "400"), "incidents.retrospective_working_days must be 1 to 60");
        assert_eq!(refused("advice.worse_by", "400"), "advice.worse_by must be above 0, and 1 at most");
        assert_eq!(refused("advice.like_periods", "400"), "advice.like_periods must be 5 to 53");
    }
}
