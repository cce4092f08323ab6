//! `incident_policies`: the versions of what merchants set for incidents.

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::domain::incident::error::IncidentError;
use crate::domain::incident::policy::{IncidentPolicy, IncidentRules};
use crate::error::MetricsError;
use crate::store::settings::Setting;

impl Setting for IncidentPolicy {
    const TABLE: &'static str = "incident_policies";
    const KEY: &'static str = "incident_policies_pkey";
    const COLUMN: &'static str = "rules";
    const ENTITY: &'static str = "incident_policy";
    type Content = IncidentRules;

    fn put(version: i32, rules: IncidentRules, by: (String, DateTime<Utc>)) -> Self {
        Self { version, rules, updated: Some(by) }
    }

    fn version(&self) -> i32 {
        self.version
    }

    fn content(&self) -> &IncidentRules {
        &self.rules
    }

    fn told(&self) -> serde_json::Value {
        json!({ "version": self.version, "rules": self.rules })
    }

    fn changed() -> MetricsError {
        IncidentError::PolicyChanged.into()
    }
}
