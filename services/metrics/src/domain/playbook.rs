//! What to do when a figure gets worse: remedies that a merchant edits, on top of built-in ones.

use chrono::{DateTime, Utc};
use proto::access::Role;
use status::Violation;

use crate::domain::any_measure::AnyMeasure;
use crate::error::MetricsError;

mod built_in;

use built_in::built_in;

/// Remedies that a merchant may have put, versions of one counted once.
pub const REMEDIES_MAX: usize = 1_000;

/// Which way a figure went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Up.
    Risen,
    /// Down.
    Fallen,
}

/// One entry of the playbook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remedy {
    /// Its id.
    pub id: String,
    /// Grows with each change; 0 for a built-in one that was never changed.
    pub version: i32,
    /// What it says.
    pub entry: Entry,
    /// Who put this version; empty for a built-in one.
    pub updated_by: String,
    /// When; `None` for a built-in one.
    pub updated_at: Option<DateTime<Utc>>,
    /// Whether it was taken out of the playbook.
    pub deleted: bool,
}

/// What a remedy says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When this measure
    pub measure: AnyMeasure,
    /// goes this way
    pub direction: Direction,
    /// likely because of this,
    pub cause: String,
    /// do this.
    pub text: String,
    /// Who does it.
    pub owner: Role,
    /// The owner's department, if it is another one.
    pub department: String,
}

impl Remedy {
    /// What must be passed back to change it.
    pub fn etag(&self) -> String {
        format!("v{}", self.version)
    }

    /// The next version, by whoever read this one.
    pub fn next(
        &self,
        etag: &str,
        change: Option<Entry>,
        (by, at): (&str, DateTime<Utc>),
    ) -> Result<Self, MetricsError> {
        if self.deleted {
            return Err(MetricsError::RemedyNotFound { id: self.id.clone() });
        }
        if self.etag() != etag {
            return Err(MetricsError::RemedyChanged { id: self.id.clone() });
        }
        Ok(Self {
            id: self.id.clone(),
            version: self.version + 1,
            deleted: change.is_none(),
            entry: change.unwrap_or_else(|| self.entry.clone()),
            updated_by: by.to_owned(),
            updated_at: Some(at),
        })
    }
}

impl Entry {
    /// Texts must say something and be lines of a page.
    pub fn check(self) -> Result<Self, Violation> {
        let texts = [
            ("cause", &self.cause, false),
            ("text", &self.text, true),
            ("department", &self.department, false),
        ];
        for (field, text, lines) in texts {
            let is_bad = |c: char| c.is_control() && !(lines && c == '\n');
            let description = if text.chars().any(is_bad) {
                "must not contain control characters"
            } else if text.trim().is_empty() && field != "department" {
                "must not be blank"
            } else {
                continue;
            };
            return Err(Violation { field: format!("remedy.{field}"), description: description.to_owned() });
        }
        Ok(self)
    }
}

impl Direction {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Risen => "risen",
            Self::Fallen => "fallen",
        }
    }

    /// The direction of a name.
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Risen, Self::Fallen].into_iter().find(|direction| direction.name() == name)
    }
}

/// The merchant's playbook, sorted by id: what was put over what is built in.
pub fn playbook(put: Vec<Remedy>) -> Vec<Remedy> {
    let mut all: Vec<Remedy> =
        built_in().filter(|remedy| put.iter().all(|own| own.id != remedy.id)).collect();
    all.extend(put.into_iter().filter(|remedy| !remedy.deleted));
    all.sort_by(|a, b| a.id.cmp(&b.id));
    all
}

/// What the playbook says when a measure goes one way.
pub fn remedies_for(playbook: &[Remedy], measure: AnyMeasure, way: Direction) -> Vec<Remedy> {
    let fits = |remedy: &&Remedy| remedy.entry.measure == measure && remedy.entry.direction == way;
    playbook.iter().filter(fits).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::change::SalesFactor;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    #[test]
    fn built_in_remedies_have_ids_of_their_own_and_are_fit_to_be_put() {
        let all = playbook(Vec::new());
        assert_eq!(all.len(), built_in().count());
        assert!(all.windows(2).all(|pair| pair[0].id < pair[1].id));
        assert!(all.into_iter().all(|remedy| remedy.entry.check().is_ok()));
    }

    #[test]
    fn every_measure_that_can_get_worse_has_a_built_in_remedy_and_so_has_each_factor_of_sales() {
        let all = playbook(Vec::new());
        for measure in AnyMeasure::all() {
            let worse = match measure.better() {
                Some(Direction::Risen) => Direction::Fallen,
                Some(Direction::Fallen) => Direction::Risen,
                None => continue,
            };
            assert!(!remedies_for(&all, measure, worse).is_empty(), "{}", measure.name());
        }
        for factor in SalesFactor::ALL {
            assert!(!remedies_for(&all, factor.measure(), Direction::Fallen).is_empty(), "{factor:?}");
        }
    }

    #[test]
    fn what_a_merchant_put_takes_the_place_of_what_is_built_in() {
        let first = playbook(Vec::new()).remove(0);
        let text = Entry { text: "Do it differently.".to_owned(), ..first.entry.clone() };
        let changed = first.next("v0", Some(text), ("me", NOW)).expect("changes");
        assert_eq!((changed.version, changed.etag().as_str()), (1, "v1"));
        let found = playbook(vec![changed.clone()]);
        assert_eq!((found.len(), &found[0]), (built_in().count(), &changed));
        let deleted = changed.next("v1", None, ("me", NOW)).expect("deletes");
        assert_eq!(playbook(vec![deleted.clone()]).len(), built_in().count() - 1);
        let again = deleted.next("v2", None, ("me", NOW)).expect_err("is gone");
        assert!(matches!(again, MetricsError::RemedyNotFound { .. }));
        let stale = first.next("v7", None, ("me", NOW)).expect_err("was changed");
        assert!(matches!(stale, MetricsError::RemedyChanged { .. }));
    }

    #[test]
    fn an_entry_says_something_in_plain_text() {
        let good = playbook(Vec::new()).remove(0).entry;
        let check = |entry: Entry, field: &str| {
            assert_eq!(entry.check().expect_err(field).field, format!("remedy.{field}"));
        };
        assert!(Entry { text: "one\ntwo".to_owned(), ..good.clone() }.check().is_ok());
        check(Entry { text: " \n".to_owned(), ..good.clone() }, "text");
        check(Entry { cause: "a\nb".to_owned(), ..good.clone() }, "cause");
        check(Entry { department: "\0".to_owned(), ..good }, "department");
    }
}
