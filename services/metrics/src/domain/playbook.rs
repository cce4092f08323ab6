//! What to do when a figure gets worse: remedies that a merchant edits, on top of built-in ones.

use chrono::{DateTime, Utc};
use proto::access::Role;
use status::Violation;

use crate::domain::any_measure::AnyMeasure;
use crate::domain::explanation::Measure;
use crate::error::MetricsError;

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

/// Measure, direction, cause, what to do, who.
type BuiltIn = (Measure, Direction, &'static str, &'static str, Role);

const BUILT_IN: &[(&str, BuiltIn)] = &[
    (
        "builtin-answered-1",
        (
            Measure::AnsweredRate,
            Direction::Fallen,
            "Questions are left open when a shift ends",
            "Before leaving, go through the open chats and hand each over by name; the next shift answers them first.",
            Role::Lead,
        ),
    ),
    (
        "builtin-completion-1",
        (
            Measure::Completion,
            Direction::Fallen,
            "Cases wait for another department",
            "List what is open by department, open an issue for each with a due day, and tell the buyers until when.",
            Role::Supervisor,
        ),
    ),
    (
        "builtin-first-response-1",
        (
            Measure::FirstResponse,
            Direction::Risen,
            "Too few agents in the hours in which buyers come",
            "Compare arrivals by hour with the roster; move breaks and start one shift an hour earlier.",
            Role::Supervisor,
        ),
    ),
    (
        "builtin-first-response-2",
        (
            Measure::FirstResponse,
            Direction::Risen,
            "Chats are not shared out evenly",
            "Look at conversations per agent and hour; lower the limit of those above it and check who was away.",
            Role::Lead,
        ),
    ),
    (
        "builtin-in-time-1",
        (
            Measure::InTimeRate,
            Direction::Fallen,
            "One agent holds too many chats at once",
            "Lower the number of chats at once for a week, and have the slowest rounds read together in training.",
            Role::Trainer,
        ),
    ),
    (
        "builtin-reply-rate-1",
        (
            Measure::ReplyRate,
            Direction::Fallen,
            "Buyers who write at night are not answered in the morning",
            "Put last night's unanswered buyers first on the list of the early shift, and switch on the bot for the night.",
            Role::Lead,
        ),
    ),
    (
        "builtin-reply-ratio-1",
        (
            Measure::ReplyRatio,
            Direction::Fallen,
            "Answers are short and leave questions open",
            "Read ten chats with the agent; write one fuller answer for each of the three questions asked most.",
            Role::Trainer,
        ),
    ),
    (
        "builtin-response-1",
        (
            Measure::Response,
            Direction::Risen,
            "Agents search for product facts while the buyer waits",
            "Collect the questions of the slowest rounds and add their answers to the knowledge base and the quick replies.",
            Role::Trainer,
        ),
    ),
    (
        "builtin-response-2",
        (
            Measure::Response,
            Direction::Risen,
            "A campaign brings more buyers than planned",
            "Call in the reserve of the campaign plan, and let operations put the answers asked for on the page.",
            Role::Operations,
        ),
    ),
    (
        "builtin-satisfaction-1",
        (
            Measure::Satisfaction,
            Direction::Fallen,
            "The same complaint comes again and again",
            "Read the chats of the dissatisfied, count the reasons, and open an issue with the department of the first one.",
            Role::Supervisor,
        ),
    ),
    (
        "builtin-satisfaction-2",
        (
            Measure::Satisfaction,
            Direction::Fallen,
            "Tone and promises of single agents",
            "Have quality assurance review the chats, and practise the apology and the next step with the agent.",
            Role::Reviewer,
        ),
    ),
];

fn built_in() -> impl Iterator<Item = Remedy> {
    BUILT_IN.iter().map(|(id, (measure, direction, cause, text, owner))| Remedy {
        id: (*id).to_owned(),
        version: 0,
        entry: Entry {
            measure: (*measure).into(),
            direction: *direction,
            cause: (*cause).to_owned(),
            text: (*text).to_owned(),
            owner: *owner,
            department: String::new(),
        },
        updated_by: String::new(),
        updated_at: None,
        deleted: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    #[test]
    fn built_in_remedies_have_ids_of_their_own_and_are_fit_to_be_put() {
        let all = playbook(Vec::new());
        assert_eq!(all.len(), BUILT_IN.len());
        assert!(all.windows(2).all(|pair| pair[0].id < pair[1].id));
        assert!(all.into_iter().all(|remedy| remedy.entry.check().is_ok()));
    }

    #[test]
    fn what_a_merchant_put_takes_the_place_of_what_is_built_in() {
        let first = playbook(Vec::new()).remove(0);
        let text = Entry { text: "Do it differently.".to_owned(), ..first.entry.clone() };
        let changed = first.next("v0", Some(text), ("me", NOW)).expect("changes");
        assert_eq!((changed.version, changed.etag().as_str()), (1, "v1"));
        let found = playbook(vec![changed.clone()]);
        assert_eq!((found.len(), &found[0]), (BUILT_IN.len(), &changed));
        let deleted = changed.next("v1", None, ("me", NOW)).expect("deletes");
        assert_eq!(playbook(vec![deleted.clone()]).len(), BUILT_IN.len() - 1);
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
