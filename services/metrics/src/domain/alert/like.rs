//! Complaints that are alike (同类投诉): which of them are one trouble, and whether there are enough of them. Pure.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use status::Violation;

use crate::domain::alert::rule::{Basis, Side};
use crate::domain::alert::trigger::{Evidence, Finding, Period, Sample};
use crate::domain::bot::normalised;
use crate::domain::trade_measure::TradeMeasure;

/// The longest window: a week.
const HOURS_MAX: u32 = 7 * 24;
/// One complaint is not like another, and nobody waits for more than that.
const COMPLAINTS: std::ops::RangeInclusive<u32> = 2..=1_000;
/// Complaints that evidence names, the newest.
const NAMED_MAX: usize = 100;
/// Characters of a cause or product in a title.
const TITLE_CHARS_MAX: usize = 60;

/// What makes complaints alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Likeness {
    /// The same cause.
    Cause,
    /// The same product.
    Product,
    /// Both.
    CauseAndProduct,
}

/// A trigger by complaints of a shop that are alike, however many others there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LikeTrigger {
    /// In what.
    pub likeness: Likeness,
    /// Made in so many hours up to now.
    pub window_hours: u32,
    /// From so many on there is alarm.
    pub complaints_min: u32,
}

impl LikeTrigger {
    /// What is wrong, with the field of the request.
    pub fn check(&self) -> Result<(), Violation> {
        let wrong = |field: &str, description: String| {
            Err(Violation { field: format!("content.like_complaints.{field}"), description })
        };
        if !(1..=HOURS_MAX).contains(&self.window_hours) {
            return wrong("window_hours", format!("must be 1 to {HOURS_MAX}"));
        }
        if !COMPLAINTS.contains(&self.complaints_min) {
            let (from, to) = COMPLAINTS.into_inner();
            return wrong("complaints_min", format!("must be {from} to {to}"));
        }
        Ok(())
    }

    /// Complaints made after this instant are looked at.
    pub fn since(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now - TimeDelta::hours(self.window_hours.into())
    }

    /// What complaints that are alike have in common; `None` for one that says nothing to tell it by.
    fn topic(&self, complaint: &MadeComplaint) -> Option<String> {
        let (cause, product) = match self.likeness {
            Likeness::Cause => (normalised(&complaint.cause), ""),
            Likeness::Product => (String::new(), complaint.product.as_str()),
            Likeness::CauseAndProduct => (normalised(&complaint.cause), complaint.product.as_str()),
        };
        let is_missing = match self.likeness {
            Likeness::Cause => cause.is_empty(),
            Likeness::Product => product.is_empty(),
            Likeness::CauseAndProduct => cause.is_empty() || product.is_empty(),
        };
        if is_missing {
            return None;
        }
        let hash = Sha256::digest(format!("{cause}\0{product}").as_bytes());
        Some(hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect())
    }
}

/// A complaint as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeComplaint {
    /// The platform's id.
    pub id: String,
    /// The shop.
    pub shop: String,
    /// Who complained.
    pub customer: String,
    /// When.
    pub made_at: DateTime<Utc>,
    /// The business day of that.
    pub day: NaiveDate,
    /// Redacted; may be empty.
    pub cause: String,
    /// What its order is about; may be empty.
    pub product: String,
}

/// The complaints behind an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LikeComplaints {
    /// As the newest one has it; empty where the rule doesn't go by causes.
    pub cause: String,
    /// Empty where the rule doesn't go by products.
    pub product: String,
    /// Their ids, the oldest first; of very many the newest.
    pub complaints: Vec<String>,
    /// By how many customers.
    pub customers: i64,
    /// When the first was made.
    pub first_at: DateTime<Utc>,
    /// When the last was.
    pub last_at: DateTime<Utc>,
}

impl LikeComplaints {
    /// What they have in common, in a line.
    pub fn title(&self) -> String {
        let short = |text: &str| text.chars().take(TITLE_CHARS_MAX).collect::<String>();
        let parts = [short(&self.cause), short(&self.product)];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
    }
}

/// What a rule says of the complaints in its window, the most of a kind first. Complaints of different shops are never alike:
/// each shop has people of its own to look after it.
pub fn find_like(
    trigger: &LikeTrigger,
    complaints: Vec<MadeComplaint>,
    read_at: DateTime<Utc>,
) -> Vec<Finding> {
    let mut alike: BTreeMap<(String, String), Vec<MadeComplaint>> = BTreeMap::new();
    for complaint in complaints {
        if let Some(topic) = trigger.topic(&complaint) {
            alike.entry((complaint.shop.clone(), topic)).or_default().push(complaint);
        }
    }
    let finding = |((shop, topic), complaints)| finding(trigger, (shop, topic), complaints, read_at);
    let mut findings: Vec<Finding> = alike.into_iter().filter_map(finding).collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.evidence.sample.above));
    findings
}

/// `None` without any complaint.
fn finding(
    trigger: &LikeTrigger,
    (key, topic): (String, String),
    mut complaints: Vec<MadeComplaint>,
    read_at: DateTime<Utc>,
) -> Option<Finding> {
    complaints.sort_by(|a, b| (a.made_at, &a.id).cmp(&(b.made_at, &b.id)));
    let (first, last) = (complaints.first()?, complaints.last()?);
    let count = i64::try_from(complaints.len()).unwrap_or(i64::MAX);
    let customers: BTreeSet<&str> = complaints.iter().map(|one| one.customer.as_str()).collect();
    let named = complaints.iter().skip(complaints.len().saturating_sub(NAMED_MAX));
    let (by_cause, by_product) = match trigger.likeness {
        Likeness::Cause => (true, false),
        Likeness::Product => (false, true),
        Likeness::CauseAndProduct => (true, true),
    };
    let said = |text: &String, wanted: bool| if wanted { text.clone() } else { String::new() };
    let like = LikeComplaints {
        cause: said(&last.cause, by_cause),
        product: said(&last.product, by_product),
        complaints: named.map(|one| one.id.clone()).collect(),
        customers: i64::try_from(customers.len()).unwrap_or(i64::MAX),
        first_at: first.made_at,
        last_at: last.made_at,
    };
    let evidence = Evidence {
        measure: TradeMeasure::Complaints.into(),
        basis: Basis::Value,
        // Complaints are read as they are; no definition has a say.
        definition_version: 0,
        // A late day can come before an early one where clocks or zones were changed.
        period: Period { from: first.day.min(last.day), to: first.day.max(last.day), hours: None },
        sample: Sample { above: count, below: 0 },
        value: Some(count as f64),
        limit: Some(trigger.complaints_min.into()),
        side: Side::High,
        baseline: None,
        like: Some(like),
        read_at,
    };
    let alarm = count >= i64::from(trigger.complaints_min);
    Some(Finding { key, name: String::new(), topic, evidence, alarm })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRIGGER: LikeTrigger =
        LikeTrigger { likeness: Likeness::Cause, window_hours: 24, complaints_min: 3 };

    fn noon() -> DateTime<Utc> {
        "2020-06-30T12:00:00+08:00".parse().expect("an instant")
    }

    /// Made so many hours before noon.
    fn made(number: i64, cause: &str, product: &str) -> MadeComplaint {
        MadeComplaint {
            id: format!("c-{number}"),
            shop: "star".to_owned(),
            customer: format!("b-{}", number % 2),
            made_at: noon() - TimeDelta::hours(number),
            day: NaiveDate::from_ymd_opt(2020, 6, 30).expect("a day"),
            cause: cause.to_owned(),
            product: product.to_owned(),
        }
    }

    fn found(trigger: LikeTrigger, complaints: &[MadeComplaint]) -> Vec<(String, i64, bool)> {
        let findings = find_like(&trigger, complaints.to_vec(), noon());
        let told = |finding: Finding| {
            let like = finding.evidence.like.expect("is about complaints");
            (like.title(), finding.evidence.sample.above, finding.alarm)
        };
        findings.into_iter().map(told).collect()
    }

    #[test]
    fn causes_that_differ_in_nothing_that_matters_are_alike() {
        let alike = [made(3, "色差，严重", "p1"), made(2, "色差 严重！", "p2"), made(1, "色差严重", "")];
        assert_eq!(found(TRIGGER, &alike), [("色差严重".to_owned(), 3, true)]);
        let others = [made(3, "色差严重", "p1"), made(2, "少件", "p1"), made(1, "色差严重", "p1")];
        assert_eq!(
            found(TRIGGER, &others),
            [("色差严重".to_owned(), 2, false), ("少件".to_owned(), 1, false)]
        );
        let silent = [made(3, "", "p1"), made(2, "12!", "p1"), made(1, " ", "p1")];
        assert_eq!(found(TRIGGER, &silent), [], "what says nothing is not like anything");
    }

    #[test]
    fn products_can_make_complaints_alike_too() {
        let same = [made(3, "色差", "p1"), made(2, "少件", "p1"), made(1, "", "p1")];
        let by = |likeness| LikeTrigger { likeness, ..TRIGGER };
        assert_eq!(found(by(Likeness::Product), &same), [("p1".to_owned(), 3, true)]);
        let both = by(Likeness::CauseAndProduct);
        assert!(found(both, &same).iter().all(|(_, count, alarm)| *count == 1 && !alarm));
        assert_eq!(found(both, &same).len(), 2, "the one without a cause is like none");
        let like =
            [made(3, "色差", "p1"), made(2, "色差。", "p1"), made(1, "色差", "p1"), made(4, "色差", "p2")];
        assert_eq!(found(both, &like)[0], ("色差 · p1".to_owned(), 3, true));
        let without = [made(3, "色差", ""), made(2, "色差", ""), made(1, "色差", "")];
        assert_eq!(found(by(Likeness::Product), &without), []);
        assert_eq!(found(both, &without), []);
    }

    #[test]
    fn shops_are_looked_at_one_by_one() {
        let mut complaints = vec![made(3, "色差", ""), made(2, "色差", ""), made(1, "色差", "")];
        complaints[0].shop = "moon".to_owned();
        assert!(find_like(&TRIGGER, complaints, noon()).iter().all(|finding| !finding.alarm));
    }

    #[test]
    fn evidence_names_the_complaints_in_their_order() {
        let complaints = vec![made(1, "色差", "p1"), made(3, "色差", "p1"), made(2, "色差", "p1")];
        let finding = find_like(&TRIGGER, complaints, noon()).pop().expect("one");
        let like = finding.evidence.like.clone().expect("complaints");
        assert_eq!(like.complaints, ["c-3", "c-2", "c-1"]);
        assert_eq!((like.customers, like.product.as_str()), (2, ""));
        assert_eq!(
            (like.first_at, like.last_at),
            (noon() - TimeDelta::hours(3), noon() - TimeDelta::hours(1))
        );
        let many: Vec<_> = (0..150).map(|n| made(n, "色差", "")).collect();
        let finding = find_like(&TRIGGER, many, noon()).pop().expect("one");
        let like = finding.evidence.like.expect("complaints");
        assert_eq!((finding.evidence.sample.above, like.complaints.len()), (150, NAMED_MAX));
        assert_eq!(like.complaints.last().map(String::as_str), Some("c-0"), "the newest are named");
    }

    #[test]
    fn later_is_when_none_of_the_complaints_was_known() {
        let evidence = |from: i64| {
            let complaints = (from..from + 3).map(|n| made(n, "色差", "")).collect();
            find_like(&TRIGGER, complaints, noon()).pop().expect("one").evidence
        };
        let (older, newer) = (evidence(10), evidence(7));
        assert!(newer.is_after(&older) && !older.is_after(&newer));
        assert!(!evidence(8).is_after(&older), "one of them is the same");
        assert!(older.repeats(&evidence(10)) && !evidence(8).repeats(&older));
    }

    #[test]
    fn settings_that_make_no_sense_are_refused_with_their_field() {
        TRIGGER.check().expect("makes sense");
        let check = |trigger: LikeTrigger, field: &str| {
            let wrong = trigger.check().expect_err(field);
            assert_eq!(wrong.field, format!("content.like_complaints.{field}"));
        };
        check(LikeTrigger { window_hours: 0, ..TRIGGER }, "window_hours");
        check(LikeTrigger { window_hours: 169, ..TRIGGER }, "window_hours");
        check(LikeTrigger { complaints_min: 1, ..TRIGGER }, "complaints_min");
        check(LikeTrigger { complaints_min: 1_001, ..TRIGGER }, "complaints_min");
    }
}
