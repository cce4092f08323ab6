//! Risks from the domain to the wire.

use proto::metrics::v1 as pb;
use proto::time::{date, timestamp};

use crate::domain::risk::{Band, Cell, Content, Matrix, RiskKind};
use crate::domain::risks::ListedRisk;

pub(super) fn risk(listed: &ListedRisk) -> pb::Risk {
    let risk = &listed.risk;
    let score = risk.content.score();
    pb::Risk {
        risk_id: risk.id.clone(),
        version: risk.version,
        content: Some(content(&risk.content)),
        score,
        band: band(score).into(),
        overdue: listed.overdue,
        assessed_by: risk.assessed.0.clone(),
        assessed_at: Some(timestamp(risk.assessed.1)),
        etag: risk.etag(),
    }
}

fn content(content: &Content) -> pb::RiskContent {
    let kind = match content.kind {
        RiskKind::Product => pb::RiskKind::Product,
        RiskKind::Logistics => pb::RiskKind::Logistics,
        RiskKind::Platform => pb::RiskKind::Platform,
        RiskKind::Competitor => pb::RiskKind::Competitor,
        RiskKind::Staff => pb::RiskKind::Staff,
        RiskKind::Dispute => pb::RiskKind::Dispute,
        RiskKind::System => pb::RiskKind::System,
        RiskKind::Other => pb::RiskKind::Other,
    };
    pb::RiskContent {
        kind: kind.into(),
        title: content.title.clone(),
        description: content.description.clone(),
        likelihood: content.likelihood,
        impact: content.impact,
        owner_person_id: content.owner.clone(),
        prevention: content.prevention.clone(),
        response: content.response.clone(),
        alert_rule_id: content.alert_rule.clone().unwrap_or_default(),
        review_due_day: Some(date(content.review_due)),
        retired: content.retired,
    }
}

fn band(score: i32) -> pb::RiskBand {
    match Band::of(score) {
        Band::Low => pb::RiskBand::Low,
        Band::Medium => pb::RiskBand::Medium,
        Band::High => pb::RiskBand::High,
        Band::Extreme => pb::RiskBand::Extreme,
    }
}

pub(super) fn matrix(matrix: &Matrix) -> pb::GetRiskMatrixResponse {
    let cell = |cell: &Cell| {
        let score = cell.likelihood * cell.impact;
        pb::RiskCell {
            likelihood: cell.likelihood,
            impact: cell.impact,
            score,
            band: band(score).into(),
            count: count(cell.count),
            risk_ids: cell.risks.clone(),
        }
    };
    pb::GetRiskMatrixResponse {
        cells: matrix.cells.iter().map(cell).collect(),
        risks: count(matrix.risks),
        overdue: count(matrix.overdue),
    }
}

fn count(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
