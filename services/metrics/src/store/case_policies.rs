//! `case_policies`: the versions of what merchants set for cases.

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::domain::case::error::CaseError;
use crate::domain::case::policy::{Policy, Rules};
use crate::error::MetricsError;
use crate::store::settings::Setting;

impl Setting for Policy {
    const TABLE: &'static str = "case_policies";
    const KEY: &'static str = "case_policies_pkey";
    const COLUMN: &'static str = "rules";
    const ENTITY: &'static str = "case_policy";
    type Content = Rules;

    fn put(version: i32, rules: Rules, by: (String, DateTime<Utc>)) -> Self {
        Self { version, rules, updated: Some(by) }
    }

    fn version(&self) -> i32 {
        self.version
    }

    fn content(&self) -> &Rules {
        &self.rules
    }

    fn told(&self) -> serde_json::Value {
        json!({ "version": self.version, "rules": self.rules })
    }

    fn changed() -> MetricsError {
        CaseError::PolicyChanged.into()
    }
}
