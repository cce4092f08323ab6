//! How a reviewer rates: calibration, and what became of their reviews in appeals.

use agreement::{Calibration, Confidence, Estimate, Interval, wilson};
use chrono::{DateTime, Utc};
use runtime::ids::PersonId;

use super::calibration::report::Judged;

/// What the policy's rule says of a rater.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Within the limits.
    Calibrated,
    /// Beyond them.
    Out,
    /// Too little is known.
    Undecided,
}

/// A rater's calibration as it was judged last.
#[derive(Debug, Clone, PartialEq)]
pub struct RaterStanding {
    /// Who.
    pub person: PersonId,
    /// The rule's answer.
    pub standing: Standing,
    /// Whether new reviews don't count for pay.
    pub out_of_calibration: bool,
    /// Chats that somebody else judged too.
    pub shared_chats: i32,
    /// In basis points of the score.
    pub severity: Option<(f64, Option<Interval>)>,
    /// With the mean of the others.
    pub agreement: Option<Estimate>,
    /// When.
    pub judged_at: DateTime<Utc>,
}

impl RaterStanding {
    /// What follows from a verdict. Whoever was out stays so until they are found calibrated: not knowing is no proof.
    pub fn of(person: &PersonId, judged: &Judged, was_out: bool, now: DateTime<Utc>) -> Self {
        let standing = match judged.calibration {
            Calibration::Calibrated => Standing::Calibrated,
            Calibration::Uncalibrated { .. } => Standing::Out,
            Calibration::Undecided | Calibration::TooFewUnits => Standing::Undecided,
        };
        let shared = judged.severity.map_or(0, |severity| severity.units);
        Self {
            person: person.clone(),
            standing,
            out_of_calibration: match standing {
                Standing::Calibrated => false,
                Standing::Out => true,
                Standing::Undecided => was_out,
            },
            shared_chats: i32::try_from(shared).unwrap_or(i32::MAX),
            severity: judged.severity.map(|severity| (severity.value, severity.interval)),
            agreement: judged.agreement.map(|agreement| agreement.estimate),
            judged_at: now,
        }
    }
}

/// A reviewer with calibration and appeals.
#[derive(Debug, Clone, PartialEq)]
pub struct Rater {
    /// Who.
    pub person: PersonId,
    /// What people read.
    pub name: String,
    /// `None` before a session of theirs was closed.
    pub standing: Option<RaterStanding>,
    /// Reviews submitted.
    pub reviews: i64,
    /// Appeals against them that were decided.
    pub appeals_decided: i64,
    /// Of these, upheld in part or wholly.
    pub appeals_upheld: i64,
}

impl Rater {
    /// The share of reviews that were overturned, with Wilson's interval. `None` without reviews.
    pub fn overturned(&self) -> Option<Estimate> {
        // A review can be overturned more than once; as a share of reviews it counts once at most.
        share(self.appeals_upheld.min(self.reviews), self.reviews)
    }

    /// The share of decided appeals that were upheld, with Wilson's interval. `None` without appeals.
    pub fn upheld(&self) -> Option<Estimate> {
        share(self.appeals_upheld, self.appeals_decided)
    }
}

fn share(part: i64, whole: i64) -> Option<Estimate> {
    wilson(part.try_into().ok()?, whole.try_into().ok()?, Confidence::P95).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_out_stays_so_until_found_calibrated() {
        let of = |calibration, was_out| {
            let judged = Judged { calibration, severity: None, agreement: None };
            let person = PersonId::new("rita");
            RaterStanding::of(&person, &judged, was_out, DateTime::UNIX_EPOCH).out_of_calibration
        };
        let out = Calibration::Uncalibrated { severity: true, agreement: false };
        assert_eq!((of(out, false), of(out, true)), (true, true));
        for unclear in [Calibration::Undecided, Calibration::TooFewUnits] {
            assert_eq!((of(unclear, false), of(unclear, true)), (false, true));
        }
        assert_eq!((of(Calibration::Calibrated, false), of(Calibration::Calibrated, true)), (false, false));
    }

    #[test]
    fn shares_have_wilsons_interval() {
        let rater = Rater {
            person: PersonId::new("rita"),
            name: String::new(),
            standing: None,
            reviews: 15,
            appeals_decided: 0,
            appeals_upheld: 14,
        };
        let share = rater.overturned().unwrap();
        // 14 of 15: 70.2 to 98.8 %.
        assert!((share.interval.low - 0.702).abs() < 5e-4 && (share.interval.high - 0.988).abs() < 5e-4);
        assert_eq!(rater.upheld(), None);
    }
}
