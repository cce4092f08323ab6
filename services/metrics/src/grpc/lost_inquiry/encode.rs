//! Lost inquiries from the domain to the wire.

use proto::common::v1 as common;
use proto::metrics::v1 as pb;
use proto::time::{date, timestamp};

use crate::domain::lost_inquiries::{Listed, Report};
use crate::domain::lost_inquiry::catalogue::{Catalogue, Reason, Suggestion};
use crate::domain::lost_inquiry::report::{Counts, RowKey};
use crate::domain::lost_inquiry::signal::{Evidence, Signal};
use crate::domain::lost_inquiry::{Decision, LossKey, LossKind};
use crate::domain::money::Currency;
use crate::grpc::fact::encode_money;

pub(super) fn catalogue(catalogue: &Catalogue) -> pb::LossCatalogue {
    let (updated_by, updated_at) = catalogue.updated.clone().unzip();
    pb::LossCatalogue {
        version: catalogue.version,
        reasons: catalogue.content.reasons.iter().map(reason).collect(),
        member_levels: catalogue.content.member_levels.clone(),
        updated_by: updated_by.unwrap_or_default(),
        updated_at: updated_at.map(timestamp),
        etag: catalogue.etag(),
    }
}

fn reason(reason: &Reason) -> pb::LossReason {
    pb::LossReason {
        reason_id: reason.id.clone(),
        name: reason.name.clone(),
        department: reason.role().into(),
        signals: reason.signals.iter().map(|signal| self::signal(*signal).into()).collect(),
        retired: reason.retired,
    }
}

fn signal(signal: Signal) -> pb::LossSignal {
    let name = format!("LOSS_SIGNAL_{}", signal.name().to_uppercase());
    pb::LossSignal::from_str_name(&name).unwrap_or(pb::LossSignal::Unspecified)
}

fn kind(kind: LossKind) -> pb::LossKind {
    match kind {
        LossKind::NotAnswered => pb::LossKind::NotAnswered,
        LossKind::NotOrdered => pb::LossKind::NotOrdered,
        LossKind::NotPaid => pb::LossKind::NotPaid,
    }
}

pub(super) fn lost_inquiry(listed: &Listed, currency: &Currency) -> pb::LostInquiry {
    let loss = &listed.inquiry.loss;
    pb::LostInquiry {
        key: Some(key(&loss.key)),
        kind: kind(loss.kind).into(),
        conversation: Some(common::ConversationRef {
            shop_id: loss.key.shop.clone(),
            channel: loss.chat.channel.clone(),
            conversation_id: loss.chat.id.clone(),
        }),
        asked_at: Some(timestamp(loss.asked_at)),
        window_ends: Some(date(loss.window_ends)),
        open: listed.open,
        member_level: loss.member_level.clone(),
        product_id: loss.product.clone(),
        order_id: loss.order.clone(),
        amount: Some(encode_money(loss.amount, currency)),
        later_paid_day: loss.later_paid_day.map(date),
        evidence: loss.evidence.iter().map(evidence).collect(),
        suggestion: listed.suggestion.as_ref().map(suggestion),
        decision: listed.inquiry.decision.as_ref().map(decision),
        definition_version: loss.definition_version,
        etag: listed.inquiry.etag(),
    }
}

fn key(key: &LossKey) -> pb::LostInquiryKey {
    pb::LostInquiryKey {
        shop_id: key.shop.clone(),
        customer_id: key.customer.clone(),
        business_day: Some(date(key.day)),
        account_id: key.account.clone(),
    }
}

fn evidence(evidence: &Evidence) -> pb::LossEvidence {
    pb::LossEvidence {
        signal: signal(evidence.signal).into(),
        value: evidence.value,
        limit: evidence.limit,
        confidence: evidence.confidence,
    }
}

fn suggestion(suggestion: &Suggestion) -> pb::LossSuggestion {
    pb::LossSuggestion {
        reason_id: suggestion.reason.clone(),
        signal: signal(suggestion.signal).into(),
        confidence: suggestion.confidence,
        decided: suggestion.record.decided,
        confirmed: suggestion.record.confirmed,
    }
}

fn decision(decision: &Decision) -> pb::LossDecision {
    pb::LossDecision {
        reason_id: decision.reason.clone(),
        note: decision.note.clone(),
        decided_by: decision.by.clone(),
        decided_at: Some(timestamp(decision.at)),
    }
}

pub(super) fn report(report: Report, currency: &Currency) -> pb::GetLossReportResponse {
    pb::GetLossReportResponse {
        rows: report.rows.items.iter().map(|found| row(&found.key, &found.counts, currency)).collect(),
        total: Some(row(&RowKey::default(), &report.total, currency)),
        inquiries: report.inquiries,
        catalogue_version: report.catalogue_version,
        pending: report.pending,
        next_page_token: report.rows.next_page_token,
    }
}

fn row(key: &RowKey, counts: &Counts, currency: &Currency) -> pb::LossReportRow {
    pb::LossReportRow {
        reason_id: key.reason.clone(),
        member_level: key.member_level.clone(),
        product_id: key.product.clone(),
        account_id: key.account.clone(),
        kind: key.kind.map_or(pb::LossKind::Unspecified, kind).into(),
        lost: counts.lost,
        decided: counts.decided,
        suggested: counts.suggested,
        later_paid: counts.later_paid,
        amount: Some(encode_money(counts.amount, currency)),
    }
}
