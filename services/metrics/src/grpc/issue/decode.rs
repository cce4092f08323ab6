//! Issues from the wire to the domain.

use proto::access::Role;
use proto::common::v1 as common;
use proto::metrics::v1 as pb;

use crate::domain::conversation::ConversationKey;
use crate::domain::issue::IssueState;
use crate::domain::issue::content::{Content, IssueKind, PageFault, ScriptChange, StockTrouble};
use crate::domain::issue::filter::IssueFilter;
use crate::error::MetricsError;
use crate::grpc::decode::{check_no_nul, day, id, invalid, optional_id};

type Result<T> = std::result::Result<T, MetricsError>;

pub(super) fn content(content: Option<&pb::IssueContent>) -> Result<Content> {
    let content = content.ok_or_else(|| invalid("content", "must be given"))?;
    let due_day = content.due_day.as_ref().map(|due| day("content.due_day", Some(due))).transpose()?;
    let script =
        |change: &pb::ScriptChange| ScriptChange { script: change.script.clone(), changed: change.changed };
    let decoded = Content {
        kind: kind(content)?,
        title: content.title.clone(),
        description: content.description.clone(),
        shop: optional_id("content.shop_id", &content.shop_id)?,
        page_url: content.page_url.clone(),
        products: content.product_ids.clone(),
        substitutes: content.substitute_product_ids.clone(),
        scripts: content.scripts_to_change.iter().map(script).collect(),
        conversations: content.conversations.iter().map(conversation).collect(),
        department: content.department,
        owner: optional_id("content.owner_person_id", &content.owner_person_id)?,
        due_day,
    };
    check_no_nul("content", &decoded)?;
    Ok(decoded)
}

fn kind(content: &pb::IssueContent) -> Result<IssueKind> {
    let fault = match content.page_fault() {
        pb::PageFault::Unspecified => None,
        pb::PageFault::Page => Some(PageFault::Page),
        pb::PageFault::Price => Some(PageFault::Price),
        pb::PageFault::Link => Some(PageFault::Link),
        pb::PageFault::Picture => Some(PageFault::Picture),
    };
    let trouble = match content.stock_trouble() {
        pb::StockTrouble::Unspecified => None,
        pb::StockTrouble::RunningOut => Some(StockTrouble::RunningOut),
        pb::StockTrouble::Discontinued => Some(StockTrouble::Discontinued),
    };
    match (content.kind(), fault, trouble) {
        (pb::IssueKind::Unspecified, ..) => Err(invalid("content.kind", "must be given")),
        (pb::IssueKind::PageError, Some(fault), None) => Ok(IssueKind::PageError(fault)),
        (pb::IssueKind::Stock, None, Some(trouble)) => Ok(IssueKind::Stock(trouble)),
        (pb::IssueKind::Process, None, None) => Ok(IssueKind::Process),
        (pb::IssueKind::Suggestion, None, None) => Ok(IssueKind::Suggestion),
        (pb::IssueKind::PageError, None, _) => {
            Err(invalid("content.page_fault", "must be given for a page error"))
        }
        (pb::IssueKind::Stock, _, None) => {
            Err(invalid("content.stock_trouble", "must be given for a stock issue"))
        }
        (_, _, Some(_)) => Err(invalid("content.stock_trouble", "must only be given for a stock issue")),
        (_, Some(_), None) => Err(invalid("content.page_fault", "must only be given for a page error")),
    }
}

fn conversation(conversation: &common::ConversationRef) -> ConversationKey {
    ConversationKey {
        id: conversation.conversation_id.clone(),
        channel: conversation.channel.clone(),
        shop: conversation.shop_id.clone(),
    }
}

/// Ids of a list.
pub(super) fn ids(field: &str, list: &[String]) -> Result<Vec<String>> {
    list.iter().enumerate().map(|(at, text)| id(&format!("{field}[{at}]"), text)).collect()
}

fn state(state: pb::IssueState) -> Option<IssueState> {
    match state {
        pb::IssueState::Unspecified => None,
        pb::IssueState::Open => Some(IssueState::Open),
        pb::IssueState::InProgress => Some(IssueState::InProgress),
        pb::IssueState::Solved => Some(IssueState::Solved),
        pb::IssueState::Rejected => Some(IssueState::Rejected),
        pb::IssueState::Closed => Some(IssueState::Closed),
    }
}

/// Where an issue is to go; what is solved or rejected says how or why.
pub(super) fn step(message: &pb::MoveIssueRequest) -> Result<IssueState> {
    check_no_nul("resolution", &message.resolution)?;
    let next = state(message.state()).ok_or_else(|| invalid("state", "must be given"))?;
    if matches!(next, IssueState::Solved | IssueState::Rejected) && message.resolution.trim().is_empty() {
        return Err(invalid("resolution", "must say how it was solved or why it is rejected"));
    }
    Ok(next)
}

pub(super) fn filter(message: &pb::ListIssuesRequest) -> Result<IssueFilter> {
    let kind = |kind| match kind {
        pb::IssueKind::Unspecified => None,
        pb::IssueKind::PageError => Some("page_error"),
        pb::IssueKind::Process => Some("process"),
        pb::IssueKind::Stock => Some("stock"),
        pb::IssueKind::Suggestion => Some("suggestion"),
    };
    Ok(IssueFilter {
        kinds: message.kinds().filter_map(kind).collect(),
        states: message.states().filter_map(state).collect(),
        department: Some(message.department).filter(|role| *role != i32::from(Role::Unspecified)),
        owner: optional_id("owner_person_id", &message.owner_person_id)?,
        shop: optional_id("shop_id", &message.shop_id)?,
        overdue: message.overdue,
    })
}
