//! Risks from the wire to the domain.

use proto::metrics::v1 as pb;

use crate::domain::risk::{Content, RiskFilter, RiskKind};
use crate::error::MetricsError;
use crate::grpc::decode::{check_no_nul, day, id, invalid, optional_id};

type Result<T> = std::result::Result<T, MetricsError>;

pub(super) fn content(content: Option<&pb::RiskContent>) -> Result<Content> {
    let content = content.ok_or_else(|| invalid("content", "must be given"))?;
    let decoded = Content {
        kind: kind(content.kind()).ok_or_else(|| invalid("content.kind", "must be given"))?,
        title: content.title.clone(),
        description: content.description.clone(),
        likelihood: content.likelihood,
        impact: content.impact,
        owner: id("content.owner_person_id", &content.owner_person_id)?,
        prevention: content.prevention.clone(),
        response: content.response.clone(),
        alert_rule: optional_id("content.alert_rule_id", &content.alert_rule_id)?,
        review_due: day("content.review_due_day", content.review_due_day.as_ref())?,
        retired: content.retired,
    };
    check_no_nul("content", &decoded)?;
    Ok(decoded)
}

fn kind(kind: pb::RiskKind) -> Option<RiskKind> {
    match kind {
        pb::RiskKind::Unspecified => None,
        pb::RiskKind::Product => Some(RiskKind::Product),
        pb::RiskKind::Logistics => Some(RiskKind::Logistics),
        pb::RiskKind::Platform => Some(RiskKind::Platform),
        pb::RiskKind::Competitor => Some(RiskKind::Competitor),
        pb::RiskKind::Staff => Some(RiskKind::Staff),
        pb::RiskKind::Dispute => Some(RiskKind::Dispute),
        pb::RiskKind::System => Some(RiskKind::System),
        pb::RiskKind::Other => Some(RiskKind::Other),
    }
}

pub(super) fn kinds(kinds: impl Iterator<Item = pb::RiskKind>) -> Vec<RiskKind> {
    kinds.filter_map(kind).collect()
}

pub(super) fn filter(message: &pb::ListRisksRequest) -> Result<RiskFilter> {
    Ok(RiskFilter {
        overdue: message.overdue,
        score_min: message.score_min,
        kinds: kinds(message.kinds()),
        owner: optional_id("owner_person_id", &message.owner_person_id)?,
        retired: message.retired,
    })
}
