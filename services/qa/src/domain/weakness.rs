//! Weaknesses (薄弱项): where somebody is clearly worse than their colleagues.

use std::collections::{BTreeMap, BTreeSet};

use agreement::{Confidence, Estimate, Order, ScoreStratum, compare, mean, wilson};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use runtime::ids::{AccountId, PersonId};
use sampling::ConversationId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How many days are looked at.
const WINDOW: TimeDelta = TimeDelta::days(28);
/// Fewer chats than this say nothing of a rule, and fewer reviews nothing of a criterion.
const CHATS_MIN: i64 = 30;
const REVIEWS_MIN: usize = 10;
/// Pieces of evidence that are kept.
pub const EVIDENCE_MAX: i64 = 20;

/// What somebody is weak at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Subject {
    /// A rule of the checks: figures are shares of chats hit.
    Rule(String),
    /// A criterion of reviews: figures are mean shares of its points.
    Criterion(String),
}

/// A figure with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// From 0 to 1.
    pub value: f64,
    /// The interval's lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// Chats or reviews that it is made of.
    pub sample: i64,
}

/// A person's figure beside that of their colleagues.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// The person's.
    pub own: Figure,
    /// That of the others.
    pub others: Figure,
}

/// A chat to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The chat.
    pub conversation: ConversationId,
    /// Its hit.
    pub hit: Option<Uuid>,
    /// Its review.
    pub review: Option<Uuid>,
}

/// A training need.
#[derive(Debug, Clone, PartialEq)]
pub struct Weakness {
    /// A UUIDv7.
    pub id: Uuid,
    /// Whose.
    pub person: PersonId,
    /// What at.
    pub subject: Subject,
    /// What it rests on.
    pub finding: Finding,
    /// What to look at.
    pub evidence: Vec<Evidence>,
    /// When it was found.
    pub found_at: DateTime<Utc>,
    /// What it rests on that it got better, and when that was seen.
    pub better: Option<(Finding, DateTime<Utc>)>,
}

/// Chats of a person and how many of them a rule hit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// All.
    pub chats: i64,
    /// Hit, and not refuted.
    pub hit: i64,
}

/// Reviewed chats of an account's day, with their shares of a criterion's points.
#[derive(Debug, Clone, PartialEq)]
pub struct ReviewedDay {
    /// Whose chats.
    pub account: AccountId,
    /// Which day.
    pub day: NaiveDate,
    /// Chats that could have been drawn.
    pub eligible: i64,
    /// From 0 to 1, one for each.
    pub shares: Vec<f64>,
}

/// Everything known of some days.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Known {
    /// Chats by rule and person.
    pub rules: BTreeMap<String, BTreeMap<PersonId, Counted>>,
    /// Reviews by criterion and person.
    pub criteria: BTreeMap<String, BTreeMap<PersonId, Vec<ReviewedDay>>>,
    /// The teams that people are in on the last day.
    pub teams: BTreeMap<PersonId, BTreeSet<String>>,
}

/// The days that are looked at when `last` is the newest: never before `not_before`.
pub fn window(last: NaiveDate, not_before: Option<NaiveDate>) -> Option<(NaiveDate, NaiveDate)> {
    let from = last.checked_sub_signed(WINDOW)?.succ_opt()?;
    let from = not_before.map_or(from, |day| from.max(day));
    (from <= last).then_some((from, last))
}

impl Known {
    /// Every person and subject with enough to judge them by.
    pub fn findings(&self, days: (NaiveDate, NaiveDate)) -> Vec<(PersonId, Subject, Finding)> {
        let rules = self.rules.iter().flat_map(|(rule, people)| {
            people.keys().map(move |person| (person, Subject::Rule(rule.clone())))
        });
        let criteria = self.criteria.iter().flat_map(|(criterion, people)| {
            people.keys().map(move |person| (person, Subject::Criterion(criterion.clone())))
        });
        rules
            .chain(criteria)
            .filter_map(|(person, subject)| {
                let finding = self.finding(person, &subject, days)?;
                Some((person.clone(), subject, finding))
            })
            .collect()
    }

    /// A person's figure beside that of the others; `None` if there is too little of either.
    pub fn finding(
        &self,
        person: &PersonId,
        subject: &Subject,
        (from, to): (NaiveDate, NaiveDate),
    ) -> Option<Finding> {
        let own = self.figure(subject, |other| other == person)?;
        let others = self.figure(subject, |other| other != person && self.are_colleagues(person, other))?;
        Some(Finding { from, to, own, others })
    }

    fn are_colleagues(&self, person: &PersonId, other: &PersonId) -> bool {
        match self.teams.get(person) {
            Some(teams) if !teams.is_empty() => {
                self.teams.get(other).is_some_and(|theirs| !theirs.is_disjoint(teams))
            }
            _ => true,
        }
    }

    fn figure(&self, subject: &Subject, counts: impl Fn(&PersonId) -> bool) -> Option<Figure> {
        // Many people and subjects are compared every day: at 95 % somebody would be found by chance each week.
        let confidence = Confidence::new(0.99).ok()?;
        match subject {
            Subject::Rule(rule) => {
                let people = self.rules.get(rule)?.iter().filter(|(person, _)| counts(person));
                let (chats, hit) =
                    people.fold((0, 0), |(chats, hit), (_, one)| (chats + one.chats, hit + one.hit));
                if chats < CHATS_MIN {
                    return None;
                }
                let (hit, all) = (u64::try_from(hit).ok()?, u64::try_from(chats).ok()?);
                Some(Figure::of(wilson(hit, all, confidence).ok()?, chats))
            }
            Subject::Criterion(criterion) => {
                let people = self.criteria.get(criterion)?.iter().filter(|(person, _)| counts(person));
                let days: Vec<&ReviewedDay> = people.flat_map(|(_, days)| days).collect();
                let reviews: usize = days.iter().map(|day| day.shares.len()).sum();
                if reviews < REVIEWS_MIN {
                    return None;
                }
                let strata: Vec<ScoreStratum<'_>> = days
                    .iter()
                    .map(|day| ScoreStratum {
                        // More reviews than chats that could be drawn would be a chat moved since; all were reviewed then.
                        eligible: u64::try_from(day.eligible).unwrap_or(0).max(day.shares.len() as u64),
                        scores: &day.shares,
                    })
                    .collect();
                let mean = mean(&strata, confidence).ok()?;
                Some(Figure::of(mean.estimate, i64::try_from(reviews).ok()?))
            }
        }
    }
}

impl Figure {
    fn of(estimate: Estimate, sample: i64) -> Self {
        let Estimate { value, interval } = estimate;
        Self { value, low: interval.low.max(0.0), high: interval.high.min(1.0), sample }
    }

    fn estimate(self) -> Estimate {
        Estimate { value: self.value, interval: agreement::Interval { low: self.low, high: self.high } }
    }
}

impl Finding {
    /// Whether the person is clearly worse: the intervals don't touch.
    pub fn is_weakness(&self, subject: &Subject) -> bool {
        let order = compare(self.own.estimate(), self.others.estimate()).order;
        match subject {
            Subject::Rule(_) => order == Order::FirstHigher,
            Subject::Criterion(_) => order == Order::SecondHigher,
        }
    }

    /// Whether a weakness is over: better than when it was found, and not clearly worse than the others any more.
    pub fn is_better_than(&self, found: &Self, subject: &Subject) -> bool {
        let better = match subject {
            Subject::Rule(_) => self.own.value < found.own.value,
            Subject::Criterion(_) => self.own.value > found.own.value,
        };
        better && !self.is_weakness(subject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn days() -> (NaiveDate, NaiveDate) {
        (day("2026-11-01"), day("2026-11-28"))
    }

    fn rule(people: &[(&str, i64, i64)]) -> Known {
        let counted =
            |&(person, chats, hit): &(&str, i64, i64)| (PersonId::new(person), Counted { chats, hit });
        Known {
            rules: BTreeMap::from([("r".to_owned(), people.iter().map(counted).collect())]),
            ..Known::default()
        }
    }

    fn weak(known: &Known) -> Vec<String> {
        let found = known.findings(days()).into_iter();
        found.filter(|(_, subject, f)| f.is_weakness(subject)).map(|(who, ..)| who.to_string()).collect()
    }

    #[test]
    fn who_is_clearly_worse_is_found_and_who_may_be_by_chance_is_not() {
        assert_eq!(weak(&rule(&[("ann", 300, 60), ("ben", 300, 9), ("zoe", 300, 6)])), ["ann"]);
        assert!(weak(&rule(&[("ann", 40, 4), ("ben", 300, 9), ("zoe", 300, 6)])).is_empty());
        // Too little to say anything, however bad.
        assert!(weak(&rule(&[("ann", 20, 20), ("ben", 300, 9)])).is_empty());
    }

    #[test]
    fn people_are_held_against_their_own_team() {
        let mut known = rule(&[("ann", 300, 60), ("ben", 300, 66), ("zoe", 3_000, 3)]);
        assert_eq!(weak(&known), ["ann", "ben"]);
        for (person, team) in [("ann", "one"), ("ben", "one"), ("zoe", "two")] {
            known.teams.insert(PersonId::new(person), BTreeSet::from([team.to_owned()]));
        }
        // The night team's chats are like that; who is alone in a team has nobody to be held against.
        assert!(weak(&known).is_empty());
    }

    #[test]
    fn criteria_are_judged_by_the_days_they_were_drawn_from() {
        let reviewed = |share: f64, spread: f64| -> Vec<ReviewedDay> {
            (0..4)
                .map(|n| ReviewedDay {
                    account: AccountId::new("a"),
                    day: days().0 + TimeDelta::days(n),
                    eligible: 40,
                    shares: (0..15).map(|k| share + if k % 2 == 0 { spread } else { -spread }).collect(),
                })
                .collect()
        };
        let known = |ann: f64, spread: f64| Known {
            criteria: BTreeMap::from([(
                "attitude".to_owned(),
                BTreeMap::from([
                    (PersonId::new("ann"), reviewed(ann, spread)),
                    (PersonId::new("ben"), reviewed(0.9, 0.05)),
                ]),
            )]),
            ..Known::default()
        };
        assert_eq!(weak(&known(0.6, 0.1)), ["ann"]);
        assert!(weak(&known(0.8, 0.4)).is_empty(), "too scattered to tell");
    }

    #[test]
    fn it_is_over_when_it_is_better_and_not_clearly_worse() {
        let subject = Subject::Rule("r".to_owned());
        let ann = PersonId::new("ann");
        let of = |known: &Known| known.finding(&ann, &subject, days()).unwrap();
        let found = of(&rule(&[("ann", 300, 60), ("ben", 600, 12)]));
        assert!(found.is_weakness(&subject));
        let little_better = of(&rule(&[("ann", 300, 50), ("ben", 600, 12)]));
        assert!(!little_better.is_better_than(&found, &subject));
        let better = of(&rule(&[("ann", 300, 9), ("ben", 600, 12)]));
        assert!(better.is_better_than(&found, &subject));
        // Few chats could make anybody "not clearly worse"; without a better figure that is not enough.
        let few = of(&rule(&[("ann", 30, 6), ("ben", 600, 12)]));
        assert!(!few.is_better_than(&found, &subject));
    }

    #[test]
    fn the_window_ends_on_its_last_day_and_may_begin_later() {
        assert_eq!(window(day("2026-11-28"), None), Some(days()));
        assert_eq!(
            window(day("2026-11-28"), Some(day("2026-11-20"))),
            Some((day("2026-11-20"), day("2026-11-28")))
        );
        assert_eq!(window(day("2026-11-28"), Some(day("2026-11-29"))), None);
    }
}
