//! Risks (风险): what may become an incident, assessed from time to time. Pure.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use status::{Failure, Kind, Violation};

/// Risks that a merchant may have.
pub const RISKS_MAX: u32 = 1_000;
/// Ids that a field of the matrix names.
const NAMED_MAX: usize = 100;
/// Both scales end here.
const SCALE_MAX: i32 = 5;

/// What a risk is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "risk.proto explains each under the same name")]
pub enum RiskKind {
    Product,
    Logistics,
    Platform,
    Competitor,
    Staff,
    Dispute,
    System,
    Other,
}

impl RiskKind {
    /// The name in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Product => "product",
            Self::Logistics => "logistics",
            Self::Platform => "platform",
            Self::Competitor => "competitor",
            Self::Staff => "staff",
            Self::Dispute => "dispute",
            Self::System => "system",
            Self::Other => "other",
        }
    }
}

/// How grave a risk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Band {
    /// 1 to 4.
    Low,
    /// 5 to 9.
    Medium,
    /// 10 to 16.
    High,
    /// 20 and 25.
    Extreme,
}

impl Band {
    /// The band of likelihood × impact.
    pub fn of(score: i32) -> Self {
        match score {
            ..=4 => Self::Low,
            5..=9 => Self::Medium,
            10..=16 => Self::High,
            _ => Self::Extreme,
        }
    }
}

/// An assessment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "risk.proto explains each under the same name")]
pub struct Content {
    pub kind: RiskKind,
    pub title: String,
    pub description: String,
    pub likelihood: i32,
    pub impact: i32,
    pub owner: String,
    pub prevention: String,
    pub response: String,
    pub alert_rule: Option<String>,
    pub review_due: NaiveDate,
    pub retired: bool,
}

impl Content {
    /// What is wrong as of a business day, with the field of the request.
    pub fn check(&self, today: NaiveDate) -> Result<(), Violation> {
        let wrong = |field: &str, description: &str| {
            Err(Violation { field: format!("content.{field}"), description: description.to_owned() })
        };
        for (field, text) in
            [("title", &self.title), ("prevention", &self.prevention), ("response", &self.response)]
        {
            if text.trim().is_empty() {
                return wrong(field, "must say something");
            }
        }
        for (field, step) in [("likelihood", self.likelihood), ("impact", self.impact)] {
            if !(1..=SCALE_MAX).contains(&step) {
                return wrong(field, "must be 1 to 5");
            }
        }
        if self.review_due < today && !self.retired {
            return wrong("review_due_day", "must not be over");
        }
        Ok(())
    }

    /// Likelihood × impact.
    pub fn score(&self) -> i32 {
        self.likelihood * self.impact
    }

    /// With all that people wrote put through `redact`.
    pub fn redacted(self, redact: impl Fn(&str) -> String) -> Self {
        Self {
            title: redact(&self.title),
            description: redact(&self.description),
            prevention: redact(&self.prevention),
            response: redact(&self.response),
            ..self
        }
    }
}

/// A risk in an assessment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Risk {
    /// Unique in the merchant.
    pub id: String,
    /// From 1.
    pub version: i32,
    /// The assessment.
    pub content: Content,
    /// Who made it, and when.
    pub assessed: (String, DateTime<Utc>),
}

/// Which risks; what is empty doesn't narrow.
#[derive(Debug, Clone, Default)]
pub struct RiskFilter {
    /// Only those that should have been assessed anew.
    pub overdue: bool,
    /// With at least this score.
    pub score_min: i32,
    /// Of one of these kinds.
    pub kinds: Vec<RiskKind>,
    /// Of this owner.
    pub owner: Option<String>,
    /// Those that are retired too.
    pub retired: bool,
}

impl Risk {
    /// In its first assessment.
    pub fn new(id: String, content: Content, by: (String, DateTime<Utc>)) -> Self {
        Self { id, version: 1, content, assessed: by }
    }

    /// What the next assessment must show.
    pub fn etag(&self) -> String {
        format!("v{}", self.version)
    }

    /// In its next assessment, by whoever read this one.
    pub fn assess(
        self,
        etag: &str,
        content: Content,
        by: (String, DateTime<Utc>),
    ) -> Result<Self, RiskError> {
        if etag != self.etag() {
            return Err(RiskError::Changed { id: self.id });
        }
        Ok(Self { version: self.version + 1, content, assessed: by, ..self })
    }

    /// Whether it should have been assessed anew by a business day.
    pub fn is_overdue(&self, today: NaiveDate) -> bool {
        !self.content.retired && self.content.review_due < today
    }
}

/// A field of the matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// 1 to 5.
    pub likelihood: i32,
    /// 1 to 5.
    pub impact: i32,
    /// How many risks.
    pub count: usize,
    /// The first of them by id.
    pub risks: Vec<String>,
}

/// All risks that aren't retired, laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matrix {
    /// All 25, by likelihood, then impact.
    pub cells: Vec<Cell>,
    /// How many risks.
    pub risks: usize,
    /// How many of them should have been assessed anew.
    pub overdue: usize,
}

impl Matrix {
    /// Of these, as of a business day.
    pub fn of(mut risks: Vec<Risk>, today: NaiveDate) -> Self {
        risks.retain(|risk| !risk.content.retired);
        risks.sort_by(|a, b| a.id.cmp(&b.id));
        let cell = |(likelihood, impact): (i32, i32)| {
            let at = |risk: &&Risk| (risk.content.likelihood, risk.content.impact) == (likelihood, impact);
            let ids: Vec<&String> = risks.iter().filter(at).map(|risk| &risk.id).collect();
            let (count, risks) = (ids.len(), ids.into_iter().take(NAMED_MAX).cloned().collect());
            Cell { likelihood, impact, count, risks }
        };
        let scale = || 1..=SCALE_MAX;
        Self {
            cells: scale().flat_map(|l| scale().map(move |i| (l, i))).map(cell).collect(),
            risks: risks.len(),
            overdue: risks.iter().filter(|risk| risk.is_overdue(today)).count(),
        }
    }
}

/// What can go wrong with risks.
#[derive(Debug, thiserror::Error)]
pub enum RiskError {
    /// There is none.
    #[error("there is no risk {id}")]
    NotFound {
        /// Which.
        id: String,
    },
    /// The id is taken.
    #[error("there is a risk {id} already")]
    Exists {
        /// Which.
        id: String,
    },
    /// Somebody else assessed it.
    #[error("risk {id} has been assessed since it was read")]
    Changed {
        /// Which.
        id: String,
    },
    /// There are enough.
    #[error("the merchant has {limit} risks, which is the limit")]
    TooMany {
        /// How many there may be.
        limit: u32,
    },
    /// Nobody knows them, or they left.
    #[error("there is no person {id}")]
    PersonNotFound {
        /// Who.
        id: String,
    },
}

impl Failure for RiskError {
    fn kind(&self) -> Kind {
        match self {
            Self::NotFound { .. } | Self::PersonNotFound { .. } => Kind::NotFound,
            Self::Exists { .. } => Kind::AlreadyExists,
            Self::Changed { .. } => Kind::Contended,
            Self::TooMany { .. } => Kind::Exhausted,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "RISK_NOT_FOUND",
            Self::Exists { .. } => "RISK_EXISTS",
            Self::Changed { .. } => "RISK_CHANGED",
            Self::TooMany { .. } => "TOO_MANY_RISKS",
            Self::PersonNotFound { .. } => "PERSON_NOT_FOUND",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    fn content(likelihood: i32, impact: i32) -> Content {
        Content {
            kind: RiskKind::Logistics,
            title: "the courier strikes".to_owned(),
            description: String::new(),
            likelihood,
            impact,
            owner: "p1".to_owned(),
            prevention: "a second courier".to_owned(),
            response: "tell everyone who waits".to_owned(),
            alert_rule: None,
            review_due: day("2020-09-30"),
            retired: false,
        }
    }

    fn risk(id: &str, content: Content) -> Risk {
        Risk::new(id.to_owned(), content, ("s".to_owned(), DateTime::UNIX_EPOCH))
    }

    #[test]
    fn every_score_that_there_is_has_the_band_of_the_table() {
        for likelihood in 1..=5 {
            for impact in 1..=5 {
                let score = content(likelihood, impact).score();
                let band = match score {
                    1..=4 => Band::Low,
                    5 | 6 | 8 | 9 => Band::Medium,
                    10 | 12 | 15 | 16 => Band::High,
                    20 | 25 => Band::Extreme,
                    other => panic!("{other} is no product"),
                };
                assert_eq!(Band::of(score), band, "{score}");
            }
        }
    }

    #[test]
    fn an_old_etag_overwrites_nothing() {
        let by = || ("t".to_owned(), DateTime::UNIX_EPOCH);
        let first = risk("r", content(2, 2));
        let second = first.clone().assess(&first.etag(), content(4, 4), by()).expect("is the newest");
        assert_eq!((second.version, second.content.score()), (2, 16));
        let late = second.assess(&first.etag(), content(1, 1), by()).expect_err("is old");
        assert_eq!(late.reason(), "RISK_CHANGED");
    }

    #[test]
    fn retired_risks_are_never_overdue_nor_in_the_matrix() {
        let late = day("2020-10-01");
        let retired = Content { retired: true, ..content(5, 5) };
        assert!(
            risk("r", content(1, 1)).is_overdue(late)
                && !risk("r", content(1, 1)).is_overdue(day("2020-09-30"))
        );
        assert!(!risk("r", retired.clone()).is_overdue(late));
        let matrix = Matrix::of(
            vec![risk("b", content(4, 2)), risk("a", content(4, 2)), risk("c", retired.clone())],
            late,
        );
        assert_eq!((matrix.cells.len(), matrix.risks, matrix.overdue), (25, 2, 2));
        let full: Vec<_> = matrix.cells.iter().filter(|cell| cell.count > 0).collect();
        assert_eq!(
            (full.len(), full[0].likelihood, full[0].impact, full[0].risks.join("")),
            (1, 4, 2, "ab".to_owned())
        );
        assert_eq!(content(1, 1).check(late).expect_err("is over").field, "content.review_due_day");
        retired.check(late).expect("needs none");
        assert_eq!(
            content(6, 1).check(day("2020-01-01")).expect_err("is too much").field,
            "content.likelihood"
        );
    }
}
