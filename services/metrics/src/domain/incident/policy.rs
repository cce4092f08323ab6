//! What a merchant has set for incidents.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use status::Violation;

/// What is set; stored as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "IncidentPolicy in incident.proto explains each under the same name")]
pub struct IncidentRules {
    pub drill_interval_days: i32,
    pub retrospective_working_days: i32,
}

/// A version of what is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentPolicy {
    /// 0 is built in.
    pub version: i32,
    /// What it says.
    pub rules: IncidentRules,
    /// Who put it, and when; `None` for the built-in one.
    pub updated: Option<(String, DateTime<Utc>)>,
}

impl IncidentPolicy {
    /// What holds until a merchant puts something else: what the installation says.
    pub fn built_in(rules: IncidentRules) -> Self {
        Self { version: 0, rules, updated: None }
    }

    /// What must be passed back to change it.
    pub fn etag(&self) -> String {
        format!("v{}", self.version)
    }
}

impl IncidentRules {
    /// What is wrong, with the field of the policy.
    pub fn check(&self) -> Result<(), Violation> {
        let within = [
            ("drill_interval_days", self.drill_interval_days, 3650),
            ("retrospective_working_days", self.retrospective_working_days, 60),
        ];
        match within.into_iter().find(|(_, days, most)| !(1..=*most).contains(days)) {
            None => Ok(()),
            Some((field, _, most)) => Err(Violation {
                field: format!("policy.{field}"),
                description: format!("must be 1 to {most}"),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_out_of_bounds_are_refused_with_their_field() {
        let field = |drill_interval_days, retrospective_working_days| {
            let rules = IncidentRules { drill_interval_days, retrospective_working_days };
            rules.check().err().map(|wrong| wrong.field)
        };
        assert_eq!(field(90, 5), None);
        assert_eq!(field(0, 5).as_deref(), Some("policy.drill_interval_days"));
        assert_eq!(field(3651, 5).as_deref(), Some("policy.drill_interval_days"));
        assert_eq!(field(1, 61).as_deref(), Some("policy.retrospective_working_days"));
    }
}
