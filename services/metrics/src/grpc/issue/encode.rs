//! Issues from the domain to the wire.

use proto::common::v1 as common;
use proto::metrics::v1 as pb;
use proto::time::{date, timestamp};

use crate::domain::conversation::ConversationKey;
use crate::domain::issue::content::{Content, IssueKind, PageFault, ScriptChange, StockTrouble};
use crate::domain::issue::{Comment, Notice};
use crate::domain::issues::Listed;
use crate::outgoing;

pub(super) fn issue(listed: &Listed) -> pb::Issue {
    let issue = &listed.issue;
    pb::Issue {
        issue_id: issue.id.clone(),
        version: issue.version,
        state: outgoing::issue::state(issue.state).into(),
        content: Some(content(&issue.content)),
        reporter_person_id: issue.reporter.clone().unwrap_or_default(),
        watcher_person_ids: issue.watchers.iter().cloned().collect(),
        resolution: issue.resolution.clone(),
        overdue: listed.overdue,
        comments: issue.comments,
        created_by: issue.created.0.clone(),
        created_at: Some(timestamp(issue.created.1)),
        changed_by: issue.changed.0.clone(),
        changed_at: Some(timestamp(issue.changed.1)),
        etag: issue.etag(),
    }
}

fn content(content: &Content) -> pb::IssueContent {
    let fault = match content.kind {
        IssueKind::PageError(PageFault::Page) => pb::PageFault::Page,
        IssueKind::PageError(PageFault::Price) => pb::PageFault::Price,
        IssueKind::PageError(PageFault::Link) => pb::PageFault::Link,
        IssueKind::PageError(PageFault::Picture) => pb::PageFault::Picture,
        _ => pb::PageFault::Unspecified,
    };
    let trouble = match content.kind {
        IssueKind::Stock(StockTrouble::RunningOut) => pb::StockTrouble::RunningOut,
        IssueKind::Stock(StockTrouble::Discontinued) => pb::StockTrouble::Discontinued,
        _ => pb::StockTrouble::Unspecified,
    };
    pb::IssueContent {
        kind: outgoing::issue::kind(content.kind).into(),
        title: content.title.clone(),
        description: content.description.clone(),
        shop_id: content.shop.clone().unwrap_or_default(),
        page_fault: fault.into(),
        page_url: content.page_url.clone(),
        stock_trouble: trouble.into(),
        product_ids: content.products.clone(),
        substitute_product_ids: content.substitutes.clone(),
        scripts_to_change: content.scripts.iter().map(script).collect(),
        conversations: content.conversations.iter().map(conversation).collect(),
        department: content.department,
        owner_person_id: content.owner.clone().unwrap_or_default(),
        due_day: content.due_day.map(date),
    }
}

fn script(change: &ScriptChange) -> pb::ScriptChange {
    pb::ScriptChange { script: change.script.clone(), changed: change.changed }
}

fn conversation(key: &ConversationKey) -> common::ConversationRef {
    common::ConversationRef {
        shop_id: key.shop.clone(),
        channel: key.channel.clone(),
        conversation_id: key.id.clone(),
    }
}

pub(super) fn comment(comment: Comment) -> pb::IssueComment {
    pb::IssueComment {
        number: comment.number,
        author_person_id: comment.author.unwrap_or_default(),
        text: comment.text,
        created_at: Some(timestamp(comment.at)),
    }
}

pub(super) fn notice(notice: Notice) -> pb::IssueNotice {
    pb::IssueNotice {
        issue_id: notice.issue,
        title: notice.title,
        change: outgoing::issue::change(notice.change).into(),
        state: outgoing::issue::state(notice.state).into(),
        changes: notice.changes,
        changed_by: notice.by,
        changed_at: Some(timestamp(notice.at)),
    }
}
