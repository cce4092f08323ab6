//! How reviews are worked on: when they are due, how long an appeal is possible, when a rater is out of calibration.

use calendar::{MerchantCalendar, WorkingCalendar};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::error::QaError;

/// When a rater is out of calibration.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CalibrationRule {
    /// Fewer shared chats than this decide nothing.
    pub chats_min: i32,
    /// How far a rater may lie from the panel's consensus, in basis points of the score.
    pub severity_bp_max: i32,
    /// The least alpha between a rater and the mean of the others, -1 to 1.
    pub agreement_min: f64,
    /// How many days back sessions count.
    pub window_days: i32,
}

/// A version of a merchant's policy. It never changes; the newest one holds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReviewPolicy {
    /// Counts up from 1; 0 is the built-in one.
    pub version: i32,
    /// Reviews are due on the day of the draw where the reviewer works then.
    pub same_day: bool,
    /// From which minute after midnight on they are due on the next working day after all; 0 for never.
    #[serde(default)]
    pub same_day_until_minute: i32,
    /// Working days in which an appeal is possible; 0 allows none.
    pub appeal_days: i32,
    /// Working days in which an appeal is to be decided.
    pub decision_days: i32,
    /// When a rater is out of calibration.
    pub calibration: CalibrationRule,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// What a new version is to say.
#[derive(Debug, Clone, PartialEq)]
pub struct PutReviewPolicy {
    /// The etag of the newest version, as read.
    pub etag: String,
    /// The version without its number and time.
    pub policy: ReviewPolicy,
}

impl ReviewPolicy {
    /// What holds for a merchant who has put none: five working days to appeal, two to decide; a rater is out of
    /// calibration at more than ten points of a hundred from the panel, or with hardly more in common than by chance.
    pub fn built_in() -> Self {
        Self {
            version: 0,
            same_day: false,
            same_day_until_minute: 0,
            appeal_days: 5,
            decision_days: 2,
            calibration: CalibrationRule {
                chats_min: 10,
                severity_bp_max: 1_000,
                agreement_min: 0.2,
                window_days: 90,
            },
            created_at: DateTime::UNIX_EPOCH,
        }
    }

    /// Changes with each version.
    pub fn etag(&self) -> String {
        format!("policy-{}", self.version)
    }

    /// The version after this newest one.
    pub fn successor(&self, put: &PutReviewPolicy, now: DateTime<Utc>) -> Result<Self, QaError> {
        if put.etag != self.etag() {
            return Err(QaError::EtagMismatch);
        }
        Ok(Self { version: self.version + 1, created_at: now, ..put.policy })
    }

    /// The first day on which reviews handed out at `at` may be due: the next, or the same where the policy says so and the
    /// merchant's clock still allows it.
    pub fn first_due(&self, calendar: &MerchantCalendar, at: DateTime<Utc>) -> NaiveDate {
        let today = calendar.business_day(at);
        let until = i64::from(self.same_day_until_minute);
        let in_time = until == 0 || calendar.local_seconds(at) < until * 60;
        if self.same_day && in_time { today } else { today.succ_opt().unwrap_or(today) }
    }

    /// The last day on which a review submitted at `at` can be appealed against.
    pub fn appeal_until(&self, calendar: &MerchantCalendar, at: DateTime<Utc>) -> Option<NaiveDate> {
        let days = u32::try_from(self.appeal_days).ok().filter(|days| *days > 0)?;
        Some(WorkingCalendar::default().add_working_days(calendar.business_day(at), days))
    }

    /// The day by which an appeal filed at `at` is to be decided.
    pub fn decision_due(&self, calendar: &MerchantCalendar, at: DateTime<Utc>) -> NaiveDate {
        let days = u32::try_from(self.decision_days).unwrap_or(0);
        let working = WorkingCalendar::default();
        working.on_or_after(working.add_working_days(calendar.business_day(at), days))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_count_as_working_days_of_the_merchant() {
        let policy = ReviewPolicy::built_in();
        let calendar = MerchantCalendar::new("Asia/Shanghai", 6).expect("a calendar");
        // Friday 23:00 in Shanghai; the small hours of Saturday still belong to it.
        for at in ["2020-05-22T15:00:00Z", "2020-05-22T20:00:00Z"] {
            let at = at.parse().unwrap();
            assert_eq!(policy.appeal_until(&calendar, at), Some("2020-05-29".parse().unwrap()));
            assert_eq!(policy.decision_due(&calendar, at), "2020-05-26".parse().unwrap());
        }
        let saturday = "2020-05-23T04:00:00Z".parse().unwrap();
        let at_once = ReviewPolicy { decision_days: 0, appeal_days: 0, ..policy };
        assert_eq!(at_once.decision_due(&calendar, saturday), "2020-05-25".parse().unwrap());
        assert_eq!(at_once.appeal_until(&calendar, saturday), None);
    }

    #[test]
    fn the_same_day_ends_at_its_own_time() {
        let calendar = MerchantCalendar::new("Asia/Shanghai", 14).expect("a calendar");
        let policy =
            ReviewPolicy { same_day: true, same_day_until_minute: 15 * 60, ..ReviewPolicy::built_in() };
        let due =
            |policy: &ReviewPolicy, at: &str| policy.first_due(&calendar, at.parse().unwrap()).to_string();
        // The business day of the 20th begins at 14:00 in Shanghai.
        assert_eq!(due(&policy, "2020-05-20T14:10:00+08:00"), "2020-05-20");
        assert_eq!(due(&policy, "2020-05-20T14:59:59+08:00"), "2020-05-20");
        assert_eq!(due(&policy, "2020-05-20T15:00:00+08:00"), "2020-05-21");
        let always = ReviewPolicy { same_day_until_minute: 0, ..policy };
        assert_eq!(due(&always, "2020-05-20T23:59:59+08:00"), "2020-05-20");
        let never = ReviewPolicy { same_day: false, ..policy };
        assert_eq!(due(&never, "2020-05-20T14:10:00+08:00"), "2020-05-21");
    }

    #[test]
    fn a_policy_changed_meanwhile_is_not_overwritten() {
        let first = ReviewPolicy::built_in();
        let put = PutReviewPolicy { etag: first.etag(), policy: ReviewPolicy { appeal_days: 9, ..first } };
        let second = first.successor(&put, DateTime::UNIX_EPOCH).unwrap();
        assert_eq!((second.version, second.appeal_days), (1, 9));
        assert!(matches!(second.successor(&put, DateTime::UNIX_EPOCH), Err(QaError::EtagMismatch)));
    }
}
