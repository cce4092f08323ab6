//! Cards of teams' own: which card the chats of a team are scored by, from which business day on. Everybody else has the
//! merchant's.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::error::QaError;

/// A version of a team's choice. It never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeamScorecard {
    /// Whose choice it is.
    pub team: String,
    /// Counts up from 1; 0 while nobody chose.
    pub version: i32,
    /// The first business day whose chats are scored by it; `None` while nobody chose.
    pub effective_from: Option<NaiveDate>,
    /// Card and version; `None` for the merchant's.
    pub card: Option<(String, i32)>,
    /// When it was made; `None` while nobody chose.
    pub created_at: Option<DateTime<Utc>>,
}

/// What a team is to have from a day on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutTeamScorecard {
    /// Of the newest version, as read.
    pub etag: String,
    /// Whose choice it is.
    pub team: String,
    /// The first business day whose chats are scored by it.
    pub effective_from: NaiveDate,
    /// Card and version; `None` for the merchant's.
    pub card: Option<(String, i32)>,
}

impl TeamScorecard {
    /// What every team begins with: the merchant's card.
    pub fn inherited(team: &str) -> Self {
        Self { team: team.to_owned(), version: 0, effective_from: None, card: None, created_at: None }
    }

    /// Changes with each version.
    pub fn etag(&self) -> String {
        format!("team-card-{}", self.version)
    }

    /// The version after this newest one. Chats of a day that has begun keep their card: some may be reviewed by it already.
    pub fn successor(
        &self,
        put: &PutTeamScorecard,
        today: NaiveDate,
        now: DateTime<Utc>,
    ) -> Result<Self, QaError> {
        if put.etag != self.etag() {
            return Err(QaError::EtagMismatch);
        }
        let taken = self.effective_from.map_or(today, |newest| newest.max(today));
        if put.effective_from <= taken {
            return Err(QaError::ScorecardDayBegun { earliest: taken.succ_opt().unwrap_or(taken) });
        }
        Ok(Self {
            team: put.team.clone(),
            version: self.version + 1,
            effective_from: Some(put.effective_from),
            card: put.card.clone(),
            created_at: Some(now),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_choice_holds_from_a_free_day_on_that_has_not_begun() {
        let none = TeamScorecard::inherited("one");
        let put = |from: &str, of: &TeamScorecard| PutTeamScorecard {
            etag: of.etag(),
            team: "one".to_owned(),
            effective_from: day(from),
            card: Some(("card".to_owned(), 2)),
        };
        let today = day("2020-05-20");
        let next = |from: &str, of: &TeamScorecard| of.successor(&put(from, of), today, DateTime::UNIX_EPOCH);
        assert!(matches!(next("2020-05-20", &none), Err(QaError::ScorecardDayBegun { .. })));
        let first = next("2020-05-25", &none).unwrap();
        assert_eq!((first.version, first.effective_from), (1, Some(day("2020-05-25"))));
        match next("2020-05-25", &first) {
            Err(QaError::ScorecardDayBegun { earliest }) => assert_eq!(earliest, day("2020-05-26")),
            other => panic!("{other:?}"),
        }
        assert!(matches!(
            first.successor(&put("2020-05-30", &none), today, DateTime::UNIX_EPOCH),
            Err(QaError::EtagMismatch)
        ));
    }
}
