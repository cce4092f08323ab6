//! `report_schedules`: the versions of when a merchant's reports are made.

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::domain::report::ReportError;
use crate::domain::report::plan::{Content, Schedule};
use crate::error::MetricsError;
use crate::store::settings::Setting;

impl Setting for Schedule {
    const TABLE: &'static str = "report_schedules";
    const KEY: &'static str = "report_schedules_pkey";
    const COLUMN: &'static str = "content";
    const ENTITY: &'static str = "report_schedule";
    type Content = Content;

    fn put(version: i32, content: Content, by: (String, DateTime<Utc>)) -> Self {
        Self { version, content, updated: Some(by) }
    }

    fn version(&self) -> i32 {
        self.version
    }

    fn content(&self) -> &Content {
        &self.content
    }

    fn told(&self) -> serde_json::Value {
        let Content { plans, days_off, special_days } = &self.content;
        json!({
            "version": self.version,
            "plans": plans,
            "days_off": days_off,
            "special_days": special_days.len(),
        })
    }

    fn changed() -> MetricsError {
        ReportError::ScheduleChanged.into()
    }
}
