//! The use cases of issues between departments.

use pg::By;
use pg::page::{Page, PageRequest};
use runtime::identity::{Caller, Scope};
use runtime::ids::{MerchantId, PersonId};

use crate::domain::campaigns::or_made;
use crate::domain::issue::content::Content;
use crate::domain::issue::filter::IssueFilter;
use crate::domain::issue::{Change, Comment, Issue, IssueError, IssueState, Notice, WATCHERS_MAX};
use crate::domain::reach::Reached;
use crate::domain::{Metrics, Result};
use crate::store::{IssueCursor, IssueStep, NoticeCursor};

/// The use cases. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Issues {
    metrics: Metrics,
}

/// An issue and whether its day is over.
#[derive(Debug)]
pub struct Listed {
    /// The issue.
    pub issue: Issue,
    /// Whether somebody should have acted.
    pub overdue: bool,
}

impl Issues {
    /// Beside the other use cases.
    pub fn new(metrics: Metrics) -> Self {
        Self { metrics }
    }

    /// Files an issue.
    pub async fn create_issue(
        &self,
        by: &By,
        id: String,
        content: Content,
        watchers: Vec<String>,
    ) -> Result<Listed> {
        let content = self.redacted(&by.caller, content);
        let issue = self.prepare(by, id, content, watchers).await?;
        let id = self.metrics.store.insert_issue(by, &issue).await?;
        // Whoever filed it reads it back, however far they reach else.
        self.get_issue(&Scope::merchant(by.caller.merchant.clone()), &id).await
    }

    /// An issue of the caller's that may be filed. Its texts are redacted already.
    pub(super) async fn prepare(
        &self,
        by: &By,
        id: String,
        content: Content,
        watchers: Vec<String>,
    ) -> Result<Issue> {
        content.check()?;
        let named: Vec<String> = watchers.iter().chain(&content.owner).cloned().collect();
        self.check_known(&by.caller.merchant, &named).await?;
        let at = (by.caller.subject.clone(), self.metrics.clock.now());
        let issue = Issue::new(or_made(id), content, watchers, person(&by.caller), at);
        if issue.watchers.len() > WATCHERS_MAX {
            return Err(IssueError::TooManyWatchers { id: issue.id, limit: WATCHERS_MAX }.into());
        }
        Ok(issue)
    }

    /// An issue that the scope reaches.
    pub async fn get_issue(&self, scope: &Scope, id: &str) -> Result<Listed> {
        let today = self.metrics.today(&scope.merchant).await?;
        let found = self.metrics.store.find_issue(scope, id, today).await?;
        let issue = found.ok_or_else(|| IssueError::NotFound { id: id.to_owned() })?;
        Ok(Listed { overdue: issue.is_overdue(today), issue })
    }

    /// A page of issues.
    pub async fn list_issues(
        &self,
        scope: &Scope,
        filter: &IssueFilter,
        page: &PageRequest<IssueCursor>,
    ) -> Result<Page<Listed>> {
        let today = self.metrics.today(&scope.merchant).await?;
        let issues = self.metrics.store.list_issues(scope, filter, today, page).await?;
        Ok(issues.map(|issue| Listed { overdue: issue.is_overdue(today), issue }))
    }

    /// Replaces the content.
    pub async fn update_issue(
        &self,
        by: &By,
        scope: &Scope,
        at: (&str, &str),
        content: Content,
    ) -> Result<Listed> {
        content.check()?;
        let content = self.redacted(&by.caller, content);
        let owner: Vec<String> = content.owner.iter().cloned().collect();
        self.check_known(&scope.merchant, &owner).await?;
        let decide = |issue: Issue| {
            let (next, change) = issue.update(content)?;
            Ok(IssueStep { next, change: Some(change), comment: None })
        };
        self.change(by, scope, at, decide).await
    }

    /// Brings an issue into another state.
    pub async fn move_issue(
        &self,
        by: &By,
        scope: &Scope,
        at: (&str, &str),
        state: IssueState,
        resolution: &str,
    ) -> Result<Listed> {
        let resolution = self.redact(&by.caller, resolution);
        let decide = |issue: Issue| {
            let next = issue.advance(state, resolution)?;
            Ok(IssueStep { next, change: Some(Change::Moved), comment: None })
        };
        self.change(by, scope, at, decide).await
    }

    /// Says something.
    pub async fn comment_issue(&self, by: &By, scope: &Scope, id: &str, text: &str) -> Result<Comment> {
        let (author, text) = (person(&by.caller), self.redact(&by.caller, text));
        let now = self.metrics.clock.now();
        let decide = |issue: Issue, _: &Reached| {
            let next = issue.comment(author.clone())?;
            Ok(IssueStep { next, change: Some(Change::Commented), comment: Some((author, text)) })
        };
        let number = self.metrics.store.update_issue(by, scope, (id, ""), now, decide).await?;
        let mut only = PageRequest::first(1, "comment");
        only.after = Some(number - 1);
        let mut stored = self.metrics.store.list_issue_comments(scope, id, &only).await?;
        let missing = || pg::Error::unreadable("issue_comments", id, "the comment is gone").into();
        stored.items.pop().ok_or_else(missing)
    }

    /// A page of what was said.
    pub async fn list_comments(
        &self,
        scope: &Scope,
        id: &str,
        page: &PageRequest<i32>,
    ) -> Result<Page<Comment>> {
        self.get_issue(scope, id).await?;
        self.metrics.store.list_issue_comments(scope, id, page).await
    }

    /// Has people told of changes, or no longer; nobody named is the caller.
    pub async fn watch_issue(
        &self,
        by: &By,
        scope: &Scope,
        id: &str,
        people: Vec<String>,
        stop: bool,
    ) -> Result<Listed> {
        let people = if people.is_empty() { vec![own(&by.caller)?.to_string()] } else { people };
        if !stop {
            self.check_known(&scope.merchant, &people).await?;
        }
        let now = self.metrics.clock.now();
        let decide = |issue: Issue, reached: &Reached| {
            if let Some(far) = people.iter().find(|id| !reached.holds(id)) {
                return Err(IssueError::PersonNotFound { id: far.clone() }.into());
            }
            Ok(IssueStep { next: issue.watch(people, stop)?, change: None, comment: None })
        };
        self.metrics.store.update_issue(by, scope, (id, ""), now, decide).await?;
        // Whoever stops to watch may no longer reach it.
        self.get_issue(&Scope::merchant(scope.merchant.clone()), id).await
    }

    /// A page of what the caller has not read.
    pub async fn list_notices(
        &self,
        caller: &Caller,
        page: &PageRequest<NoticeCursor>,
    ) -> Result<Page<Notice>> {
        let person = own(caller)?;
        self.metrics.store.list_issue_notices(&caller.merchant, &person, page).await
    }

    /// Takes the caller's notices of these issues off the list.
    pub async fn read_notices(&self, by: &By, issues: &[String]) -> Result<i32> {
        let person = own(&by.caller)?;
        self.metrics.store.delete_issue_notices(by, &person, issues, self.metrics.clock.now()).await
    }

    async fn change(
        &self,
        by: &By,
        scope: &Scope,
        at: (&str, &str),
        decide: impl FnOnce(Issue) -> Result<IssueStep> + Send,
    ) -> Result<Listed> {
        let now = self.metrics.clock.now();
        let decide = |issue: Issue, _: &Reached| decide(issue);
        self.metrics.store.update_issue(by, scope, at, now, decide).await?;
        self.get_issue(scope, at.0).await
    }

    async fn check_known(&self, merchant: &MerchantId, people: &[String]) -> Result<()> {
        if people.is_empty() {
            return Ok(());
        }
        let known = self.metrics.store.list_known_people(merchant, people).await?;
        match people.iter().find(|id| !known.contains(id)) {
            None => Ok(()),
            Some(id) => Err(IssueError::PersonNotFound { id: id.clone() }.into()),
        }
    }

    fn redacted(&self, caller: &Caller, content: Content) -> Content {
        let title = self.redact(caller, &content.title);
        let description = self.redact(caller, &content.description);
        Content { title, description, ..content }
    }

    fn redact(&self, caller: &Caller, text: &str) -> String {
        self.metrics.redactor(&caller.merchant).redact(text).into_owned()
    }
}

fn person(caller: &Caller) -> Option<String> {
    caller.person.as_ref().map(ToString::to_string)
}

/// The caller's own person.
fn own(caller: &Caller) -> Result<PersonId> {
    caller.person.clone().ok_or_else(|| IssueError::NoPerson.into())
}
