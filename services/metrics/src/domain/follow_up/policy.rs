//! What a merchant has set for follow-ups.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use status::Violation;

use crate::domain::follow_up::reasons::{LOOK_BACK, Timing};

/// What is set; stored as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "FollowUpPolicy in follow_up.proto explains each under the same name")]
pub struct Rules {
    pub contact_hours: i32,
    pub unpaid_after_minutes: i32,
    pub unpaid_within_hours: i32,
    pub cart_after_hours: i32,
    pub inquiry_after_hours: i32,
    pub praise_after_hours: i32,
    pub within_days: i32,
    pub rest_days: i32,
    pub praise_rest_days: i32,
}

/// A version of what is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowUpPolicy {
    /// 0 is built in.
    pub version: i32,
    /// What it says.
    pub rules: Rules,
    /// Who put it, and when; `None` for the built-in one.
    pub updated: Option<(String, DateTime<Utc>)>,
}

impl FollowUpPolicy {
    /// What holds until a merchant puts something else: what the installation says.
    pub fn built_in(rules: Rules) -> Self {
        Self { version: 0, rules, updated: None }
    }

    /// What must be passed back to change it.
    pub fn etag(&self) -> String {
        format!("v{}", self.version)
    }
}

impl Rules {
    /// What is wrong, with the field of the policy.
    pub fn check(&self) -> Result<(), Violation> {
        let days = i32::try_from(LOOK_BACK.num_days()).unwrap_or(i32::MAX);
        let within = [
            ("contact_hours", self.contact_hours, 1, 48),
            ("unpaid_after_minutes", self.unpaid_after_minutes, 1, 7 * 24 * 60),
            ("unpaid_within_hours", self.unpaid_within_hours, 1, days * 24),
            ("cart_after_hours", self.cart_after_hours, 0, days * 24 - 1),
            ("inquiry_after_hours", self.inquiry_after_hours, 0, days * 24 - 1),
            ("praise_after_hours", self.praise_after_hours, 0, days * 24 - 1),
            ("within_days", self.within_days, 1, days),
            ("rest_days", self.rest_days, 1, 365),
            ("praise_rest_days", self.praise_rest_days, 1, 365),
        ];
        let wrong = |field: &str, description: String| {
            Err(Violation { field: format!("policy.{field}"), description })
        };
        for (field, value, least, most) in within {
            if !(least..=most).contains(&value) {
                return wrong(field, format!("must be {least} to {most}"));
            }
        }
        if self.unpaid_after_minutes >= self.unpaid_within_hours * 60 {
            return wrong("unpaid_after_minutes", "must be less than unpaid_within_hours".to_owned());
        }
        let waits = [
            ("cart_after_hours", self.cart_after_hours),
            ("inquiry_after_hours", self.inquiry_after_hours),
            ("praise_after_hours", self.praise_after_hours),
        ];
        match waits.into_iter().find(|(_, hours)| *hours >= self.within_days * 24) {
            Some((field, _)) => wrong(field, "must be less than within_days".to_owned()),
            None => Ok(()),
        }
    }

    /// The same as lengths of time.
    pub fn timing(&self) -> Timing {
        let hours = |hours: i32| TimeDelta::hours(hours.into());
        let days = |days: i32| TimeDelta::days(days.into());
        Timing {
            interval: hours(self.contact_hours),
            unpaid_after: TimeDelta::minutes(self.unpaid_after_minutes.into()),
            unpaid_within: hours(self.unpaid_within_hours),
            cart_after: hours(self.cart_after_hours),
            inquiry_after: hours(self.inquiry_after_hours),
            praise_after: hours(self.praise_after_hours),
            within: days(self.within_days),
            rest: days(self.rest_days),
            praise_rest: days(self.praise_rest_days),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        Rules {
            contact_hours: 48,
            unpaid_after_minutes: 30,
            unpaid_within_hours: 72,
            cart_after_hours: 24,
            inquiry_after_hours: 24,
            praise_after_hours: 24,
            within_days: 7,
            rest_days: 7,
            praise_rest_days: 30,
        }
    }

    #[test]
    fn what_can_never_come_about_is_refused_with_its_field() {
        rules().check().expect("is sound");
        let field = |change: fn(&mut Rules)| {
            let mut changed = rules();
            change(&mut changed);
            changed.check().expect_err("is refused").field
        };
        assert_eq!(field(|rules| rules.contact_hours = 49), "policy.contact_hours");
        assert_eq!(field(|rules| rules.contact_hours = 0), "policy.contact_hours");
        assert_eq!(field(|rules| rules.unpaid_within_hours = 337), "policy.unpaid_within_hours");
        assert_eq!(field(|rules| rules.within_days = 15), "policy.within_days");
        assert_eq!(field(|rules| rules.unpaid_after_minutes = 72 * 60), "policy.unpaid_after_minutes");
        assert_eq!(field(|rules| rules.praise_after_hours = 7 * 24), "policy.praise_after_hours");
        assert_eq!(field(|rules| rules.cart_after_hours = -1), "policy.cart_after_hours");
        assert_eq!(field(|rules| rules.praise_rest_days = 366), "policy.praise_rest_days");
    }
}
