//! `report_schedules`: the versions of when a merchant's reports are made, and which days the merchant works.

use calendar::WorkingCalendar;
use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;
use runtime::ids::MerchantId;
use serde_json::json;

use crate::domain::report::ReportError;
use crate::domain::report::plan::{Content, Schedule};
use crate::error::MetricsError;
use crate::store::settings::{self, Setting};
use crate::store::{Result, Store};

/// Which days the merchant works, by the newest schedule: whatever is due in working days goes by it.
pub(super) async fn working(conn: &mut AsyncPgConnection, merchant: &MerchantId) -> Result<WorkingCalendar> {
    let schedule: Option<Schedule> = settings::find(conn, merchant.as_str(), None).await?;
    Ok(schedule.unwrap_or_else(Schedule::built_in).content.working())
}

impl Store {
    /// Which days the merchant works.
    pub async fn find_working_calendar(&self, merchant: &MerchantId) -> Result<WorkingCalendar> {
        let mut conn = self.pool.get().await?;
        working(&mut conn, merchant).await
    }
}

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
