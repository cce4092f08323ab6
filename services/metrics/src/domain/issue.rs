//! Issues between departments (跨部门问题), and what may happen to one when.

pub mod content;
pub mod filter;

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use status::{Failure, Kind};

use crate::domain::issue::content::Content;

/// People told of an issue at most.
pub const WATCHERS_MAX: usize = 200;
/// Comments that an issue can have.
pub const COMMENTS_MAX: i32 = 1_000;

/// Where an issue stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IssueState {
    /// Filed.
    Open,
    /// Being worked on.
    InProgress,
    /// Done.
    Solved,
    /// Not to be done.
    Rejected,
    /// Nothing is left to say.
    Closed,
}

impl IssueState {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Open, Self::InProgress, Self::Solved, Self::Rejected, Self::Closed];

    /// The name in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::InProgress => "in_progress",
            Self::Solved => "solved",
            Self::Rejected => "rejected",
            Self::Closed => "closed",
        }
    }

    /// The state of a row.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether somebody has to act.
    pub fn is_pending(self) -> bool {
        matches!(self, Self::Open | Self::InProgress)
    }

    /// Whether an issue may go from here to there.
    pub fn leads_to(self, next: Self) -> bool {
        match self {
            Self::Open => matches!(next, Self::InProgress | Self::Solved | Self::Rejected),
            Self::InProgress => matches!(next, Self::Open | Self::Solved | Self::Rejected),
            Self::Solved | Self::Rejected => matches!(next, Self::Open | Self::Closed),
            Self::Closed => next == Self::Open,
        }
    }
}

/// What happened to an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// It was filed.
    Created,
    /// Its content.
    Edited,
    /// Somebody else has to act.
    Assigned,
    /// It has another state.
    Moved,
    /// Somebody said something.
    Commented,
}

impl Change {
    const ALL: [Self; 5] = [Self::Created, Self::Edited, Self::Assigned, Self::Moved, Self::Commented];

    /// The name in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Edited => "edited",
            Self::Assigned => "assigned",
            Self::Moved => "moved",
            Self::Commented => "commented",
        }
    }

    /// The change of a row.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|change| change.name() == name)
    }
}

/// An issue as of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// Unique in the merchant.
    pub id: String,
    /// From 1, one more with each change.
    pub version: i64,
    /// Where it stands.
    pub state: IssueState,
    /// What people wrote.
    pub content: Content,
    /// Who filed it; `None`: a program.
    pub reporter: Option<String>,
    /// Everyone who is told of changes.
    pub watchers: BTreeSet<String>,
    /// How it was solved, or why not.
    pub resolution: String,
    /// How many comments it has.
    pub comments: i32,
    /// Who filed it, and when.
    pub created: (String, DateTime<Utc>),
    /// Who made this version, and when.
    pub changed: (String, DateTime<Utc>),
}

/// What somebody said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// From 1.
    pub number: i32,
    /// `None`: a program.
    pub author: Option<String>,
    /// Redacted.
    pub text: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// What a watcher has not read yet of an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The issue.
    pub issue: String,
    /// Its title.
    pub title: String,
    /// The newest change.
    pub change: Change,
    /// Where the issue stands.
    pub state: IssueState,
    /// How many changes there are.
    pub changes: i32,
    /// Who made the newest.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// What can go wrong with issues.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// There is none that the caller may see.
    #[error("there is no issue {id}")]
    NotFound {
        /// Which.
        id: String,
    },
    /// The id is taken.
    #[error("there is an issue {id} already")]
    Exists {
        /// Which.
        id: String,
    },
    /// Somebody else changed it.
    #[error("issue {id} has changed since it was read")]
    Changed {
        /// Which.
        id: String,
    },
    /// That can't be done to an issue in this state.
    #[error("issue {id} is {}", state.name())]
    State {
        /// Which.
        id: String,
        /// Its state.
        state: IssueState,
    },
    /// A script still says the old thing.
    #[error("script {script} has to change before issue {id} is solved")]
    ScriptsNotChanged {
        /// Which issue.
        id: String,
        /// The first such script.
        script: String,
    },
    /// There are enough.
    #[error("issue {id} has {limit} comments, which is the limit")]
    TooManyComments {
        /// Which.
        id: String,
        /// How many there may be.
        limit: i32,
    },
    /// There are enough.
    #[error("issue {id} would have more than {limit} watchers, which is the limit")]
    TooManyWatchers {
        /// Which.
        id: String,
        /// How many there may be.
        limit: usize,
    },
    /// Programs have no list of their own.
    #[error("the token names no person")]
    NoPerson,
    /// There is nobody of that id within reach.
    #[error("there is no person {id} within reach")]
    PersonNotFound {
        /// Who.
        id: String,
    },
}

impl Failure for IssueError {
    fn kind(&self) -> Kind {
        match self {
            Self::NotFound { .. } | Self::PersonNotFound { .. } => Kind::NotFound,
            Self::Exists { .. } => Kind::AlreadyExists,
            Self::Changed { .. } => Kind::Contended,
            Self::State { .. } | Self::ScriptsNotChanged { .. } => Kind::Precondition,
            Self::TooManyComments { .. } | Self::TooManyWatchers { .. } => Kind::Exhausted,
            Self::NoPerson => Kind::Denied,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "ISSUE_NOT_FOUND",
            Self::Exists { .. } => "ISSUE_EXISTS",
            Self::Changed { .. } => "ISSUE_CHANGED",
            Self::State { .. } => "ISSUE_STATE",
            Self::ScriptsNotChanged { .. } => "SCRIPTS_NOT_CHANGED",
            Self::TooManyComments { .. } => "TOO_MANY_COMMENTS",
            Self::TooManyWatchers { .. } => "TOO_MANY_WATCHERS",
            Self::NoPerson => "NO_PERSON",
            Self::PersonNotFound { .. } => "PERSON_NOT_FOUND",
        }
    }
}

type Result<T, E = IssueError> = std::result::Result<T, E>;

impl Issue {
    /// What edits must show.
    pub fn etag(&self) -> String {
        format!("v{}", self.version)
    }

    /// Whether somebody has to act and should have by a business day.
    pub fn is_overdue(&self, today: NaiveDate) -> bool {
        self.state.is_pending() && self.content.due_day.is_some_and(|due| due < today)
    }

    /// Filed.
    pub fn new(
        id: String,
        content: Content,
        watchers: impl IntoIterator<Item = String>,
        reporter: Option<String>,
        at: (String, DateTime<Utc>),
    ) -> Self {
        let watchers = watchers.into_iter().chain(reporter.clone()).chain(content.owner.clone()).collect();
        Self {
            id,
            version: 1,
            state: IssueState::Open,
            content,
            reporter,
            watchers,
            resolution: String::new(),
            comments: 0,
            created: at.clone(),
            changed: at,
        }
    }

    /// The same with other content, and what that is to its watchers. A new owner watches; a former one still does.
    pub fn update(mut self, content: Content) -> Result<(Self, Change)> {
        if !self.state.is_pending() {
            return Err(IssueError::State { id: self.id, state: self.state });
        }
        let responsible = |content: &Content| (content.owner.clone(), content.department);
        let change = match responsible(&self.content) == responsible(&content) {
            true => Change::Edited,
            false => Change::Assigned,
        };
        self.watchers.extend(content.owner.clone());
        Ok((Self { content, ..self }, change))
    }

    /// The same in another state.
    pub fn advance(self, state: IssueState, resolution: String) -> Result<Self> {
        if !self.state.leads_to(state) {
            return Err(IssueError::State { id: self.id, state: self.state });
        }
        let waits = self.content.scripts.iter().find(|script| !script.changed);
        if let (IssueState::Solved, Some(script)) = (state, waits) {
            return Err(IssueError::ScriptsNotChanged { script: script.script.clone(), id: self.id });
        }
        // How it was solved stays to be read until somebody says otherwise.
        let resolution = if resolution.is_empty() { self.resolution } else { resolution };
        Ok(Self { state, resolution, ..self })
    }

    /// The same with one more comment, which its author then watches.
    pub fn comment(mut self, author: Option<String>) -> Result<Self> {
        if self.comments >= COMMENTS_MAX {
            return Err(IssueError::TooManyComments { id: self.id, limit: COMMENTS_MAX });
        }
        self.comments += 1;
        self.watchers.extend(author);
        Ok(self)
    }

    /// The same with these people told, or no longer; reporter and owner stay.
    pub fn watch(mut self, people: Vec<String>, stop: bool) -> Result<Self> {
        if stop {
            let stays = [&self.reporter, &self.content.owner];
            let gone = |id: &String| people.contains(id) && !stays.iter().any(|who| who.as_ref() == Some(id));
            self.watchers.retain(|id| !gone(id));
        } else {
            self.watchers.extend(people);
        }
        if self.watchers.len() > WATCHERS_MAX {
            return Err(IssueError::TooManyWatchers { id: self.id, limit: WATCHERS_MAX });
        }
        Ok(self)
    }

    /// The next version, by whom and when.
    pub fn changed(self, by: String, now: DateTime<Utc>) -> Self {
        Self { version: self.version + 1, changed: (by, now), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::content::testing::content;
    use super::content::{IssueKind, PageFault, ScriptChange};
    use super::*;

    fn issue() -> Issue {
        let content = content(IssueKind::PageError(PageFault::Price));
        let at = ("s".to_owned(), DateTime::UNIX_EPOCH);
        Issue::new("i".to_owned(), content, ["p3".to_owned()], Some("p1".to_owned()), at)
    }

    fn watchers(issue: &Issue) -> Vec<&str> {
        issue.watchers.iter().map(String::as_str).collect()
    }

    #[test]
    fn steps_are_those_of_the_table() {
        use IssueState::{Closed, InProgress, Open, Rejected, Solved};
        let legal = [
            (Open, InProgress),
            (Open, Solved),
            (Open, Rejected),
            (InProgress, Open),
            (InProgress, Solved),
            (InProgress, Rejected),
            (Solved, Open),
            (Solved, Closed),
            (Rejected, Open),
            (Rejected, Closed),
            (Closed, Open),
        ];
        for from in IssueState::ALL {
            for to in IssueState::ALL {
                let issue = Issue { state: from, ..issue() };
                assert_eq!(
                    issue.advance(to, String::new()).is_ok(),
                    legal.contains(&(from, to)),
                    "{from:?} {to:?}"
                );
            }
        }
    }

    #[test]
    fn a_script_that_says_the_old_thing_keeps_an_issue_from_being_solved() {
        let mut stock = issue();
        let script = |changed| ScriptChange { script: "recommend sku-1".to_owned(), changed };
        stock.content.scripts = vec![script(false)];
        let refused = stock.clone().advance(IssueState::Solved, "done".to_owned()).expect_err("not yet");
        assert_eq!(refused.reason(), "SCRIPTS_NOT_CHANGED");
        stock.clone().advance(IssueState::Rejected, "no".to_owned()).expect("needs no script");
        stock.content.scripts = vec![script(true)];
        stock.advance(IssueState::Solved, "done".to_owned()).expect("is solved");
    }

    #[test]
    fn whoever_is_concerned_watches() {
        assert_eq!(watchers(&issue()), ["p1", "p2", "p3"]);
        let other = Content { owner: Some("p4".to_owned()), ..issue().content };
        let (assigned, change) = issue().update(other).expect("is open");
        assert_eq!((watchers(&assigned), change), (vec!["p1", "p2", "p3", "p4"], Change::Assigned));
        let (_, change) =
            issue().update(Content { title: "t".to_owned(), ..issue().content }).expect("is open");
        assert_eq!(change, Change::Edited);
        let said = issue().comment(Some("p5".to_owned())).expect("says");
        assert_eq!((watchers(&said).len(), said.comments), (4, 1));
        let people = ["p1", "p2", "p3"].map(str::to_owned).to_vec();
        assert_eq!(watchers(&issue().watch(people, true).expect("stops")), ["p1", "p2"]);
        let many = (0..WATCHERS_MAX).map(|n| format!("w{n}")).collect();
        assert_eq!(issue().watch(many, false).expect_err("too many").reason(), "TOO_MANY_WATCHERS");
    }

    #[test]
    fn an_issue_is_overdue_after_its_day_while_somebody_has_to_act() {
        let day = |n| NaiveDate::from_ymd_opt(2020, 6, n).expect("a day");
        assert!(!issue().is_overdue(day(5)) && issue().is_overdue(day(6)));
        let solved = issue().advance(IssueState::Solved, "done".to_owned()).expect("is solved");
        assert!(!solved.is_overdue(day(6)));
        solved.update(content(IssueKind::Process)).expect_err("is not changed any more");
    }
}
