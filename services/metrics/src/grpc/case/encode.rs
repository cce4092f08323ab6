//! Cases from the domain to the wire.

use proto::access::{Role, role_named};
use proto::common::v1 as common;
use proto::metrics::v1 as pb;
use proto::time::timestamp;

use crate::domain::case::CaseState;
use crate::domain::case::content::{CaseKind, Content};
use crate::domain::case::policy::{Cause, Limit, Policy, SeverityRule};
use crate::domain::case::result::CaseResult;
use crate::domain::case::step::{CallBackResult, Event, GrantKind, Happening, Step};
use crate::domain::cases::ListedCase;
use crate::domain::conversation::ConversationKey;
use crate::domain::fact::Severity;
use crate::domain::money::Currency;
use crate::grpc::fact::encode_money;

pub(super) fn case(listed: &ListedCase, currency: &Currency) -> pb::Case {
    let case = &listed.case;
    let course = &case.course;
    let (escalated_to, escalated_at) = course.escalation.clone().unzip();
    let (solution, solved_at) = course.solution.clone().unzip();
    pb::Case {
        case_id: case.id.clone(),
        version: case.version,
        state: state(case.state).into(),
        content: Some(content(&case.content)),
        phone_token: case.content.phone.as_ref().map(|phone| phone.token.clone()).unwrap_or_default(),
        owner_person_id: case.owner.clone(),
        person_ids: case.people.iter().cloned().collect(),
        accepted_by_person_id: case.accepted_by.clone().unwrap_or_default(),
        accepted_at: Some(timestamp(case.accepted_at)),
        due_at: case.due_at.map(timestamp),
        overdue: listed.overdue,
        missed: course.missed,
        notices: course.notices,
        call_backs: course.call_backs,
        escalated_to_person_id: escalated_to.unwrap_or_default(),
        escalated_at: escalated_at.map(timestamp),
        solved_at: solved_at.map(timestamp),
        solution: solution.unwrap_or_default(),
        granted: Some(encode_money(case.granted, currency)),
        recovered: Some(encode_money(case.recovered, currency)),
        events: case.events,
        created_by: case.created_by.clone(),
        changed_by: case.changed.0.clone(),
        changed_at: Some(timestamp(case.changed.1)),
        etag: case.etag(),
        complaint_id: case.complaint.clone().unwrap_or_default(),
    }
}

fn content(content: &Content) -> pb::CaseContent {
    let kind = match content.kind {
        CaseKind::Complaint => pb::CaseKind::Complaint,
        CaseKind::AfterSale => pb::CaseKind::AfterSale,
        CaseKind::Question => pb::CaseKind::Question,
    };
    let conversation = |key: &ConversationKey| common::ConversationRef {
        shop_id: key.shop.clone(),
        channel: key.channel.clone(),
        conversation_id: key.id.clone(),
    };
    pb::CaseContent {
        kind: kind.into(),
        severity: severity(content.severity).into(),
        cause_id: content.cause.clone().unwrap_or_default(),
        occurred_at: Some(timestamp(content.occurred_at)),
        place: content.place.clone(),
        contact_name: content.contact_name.clone(),
        event: content.event.clone(),
        phone: content.phone.as_ref().map(|phone| phone.masked.clone()).unwrap_or_default(),
        shop_id: content.shop.clone(),
        customer_id: content.customer.clone().unwrap_or_default(),
        order_id: content.order.clone().unwrap_or_default(),
        conversations: content.conversations.iter().map(conversation).collect(),
    }
}

fn state(state: CaseState) -> pb::CaseState {
    match state {
        CaseState::Accepted => pb::CaseState::Accepted,
        CaseState::Escalated => pb::CaseState::Escalated,
        CaseState::Solved => pb::CaseState::Solved,
        CaseState::CalledBack => pb::CaseState::CalledBack,
        CaseState::Archived => pb::CaseState::Archived,
    }
}

fn severity(severity: Severity) -> pb::ComplaintSeverity {
    match severity {
        Severity::Ordinary => pb::ComplaintSeverity::Ordinary,
        Severity::Platform => pb::ComplaintSeverity::Platform,
        Severity::Mass => pb::ComplaintSeverity::Mass,
        Severity::Authority => pb::ComplaintSeverity::Authority,
    }
}

pub(super) fn event(event: Event, currency: &Currency) -> pb::CaseEvent {
    let edit = |of: Severity, cause: Option<String>| {
        Some(pb::CaseEdit { severity: severity(of).into(), cause_id: cause.unwrap_or_default() })
    };
    let encoded = pb::CaseEvent {
        number: event.number,
        person_id: event.person.unwrap_or_default(),
        at: Some(timestamp(event.at)),
        state: state(event.state).into(),
        due_at: event.due_at.map(timestamp),
        late: event.late,
        ..Default::default()
    };
    match event.happening {
        Happening::Accepted { severity, cause } => {
            pb::CaseEvent { acceptance: edit(severity, cause), ..encoded }
        }
        Happening::Edited { severity, cause } => pb::CaseEvent { edit: edit(severity, cause), ..encoded },
        Happening::Step(step) => pb::CaseEvent { step: Some(self::step(step, currency)), ..encoded },
        Happening::HandedOver { from, to, note } => {
            let hand_over = pb::CaseHandOver { from_person_id: from, to_person_id: to, note };
            pb::CaseEvent { hand_over: Some(hand_over), ..encoded }
        }
    }
}

fn step(step: Step, currency: &Currency) -> pb::CaseStep {
    let none = pb::CaseStep::default();
    match step {
        Step::Note(note) => pb::CaseStep { note: Some(pb::CaseNote { text: note.text }), ..none },
        Step::Notice(notice) => {
            let notice = pb::CaseNotice {
                progress: notice.progress,
                apology: notice.apology,
                agreed_at: Some(timestamp(notice.agreed_at)),
            };
            pb::CaseStep { notice: Some(notice), ..none }
        }
        Step::Grant(grant) => {
            let kind = match grant.kind {
                GrantKind::Refund => pb::GrantKind::Refund,
                GrantKind::Compensation => pb::GrantKind::Compensation,
                GrantKind::Coupon => pb::GrantKind::Coupon,
                GrantKind::Replacement => pb::GrantKind::Replacement,
                GrantKind::Gift => pb::GrantKind::Gift,
            };
            let amount = Some(encode_money(grant.amount, currency));
            let grant = pb::CaseGrant { kind: kind.into(), amount, note: grant.note };
            pb::CaseStep { grant: Some(grant), ..none }
        }
        Step::Escalation(escalation) => {
            let escalation = pb::CaseEscalation { to_person_id: escalation.to, reason: escalation.reason };
            pb::CaseStep { escalation: Some(escalation), ..none }
        }
        Step::Solution(solution) => {
            let solution = pb::CaseSolution {
                solution: solution.text,
                answer: solution.answer,
                known_at: solution.known_at.map(timestamp),
                recovered: Some(encode_money(solution.recovered, currency)),
            };
            pb::CaseStep { solution: Some(solution), ..none }
        }
        Step::CallBack(call_back) => {
            let result = match call_back.result {
                CallBackResult::Content => pb::CallBackResult::Content,
                CallBackResult::NotContent => pb::CallBackResult::NotContent,
                CallBackResult::NotReached => pb::CallBackResult::NotReached,
            };
            let call_back = pb::CaseCallBack { result: result.into(), note: call_back.note };
            pb::CaseStep { call_back: Some(call_back), ..none }
        }
        Step::Archiving(remark) => {
            pb::CaseStep { archiving: Some(pb::CaseArchiving { note: remark.text }), ..none }
        }
        Step::Reopening(remark) => {
            pb::CaseStep { reopening: Some(pb::CaseReopening { reason: remark.text }), ..none }
        }
    }
}

pub(super) fn result(result: CaseResult, currency: &Currency) -> pb::CaseResult {
    pb::CaseResult {
        person_id: result.person,
        open: result.open,
        overdue: result.overdue,
        accepted: result.accepted,
        solved: result.solved,
        solved_in_time: result.solved_in_time,
        called_back: result.called_back,
        granted: Some(encode_money(result.granted, currency)),
        recovered: Some(encode_money(result.recovered, currency)),
    }
}

pub(super) fn policy(policy: Policy, currency: &Currency) -> pb::CasePolicy {
    let etag = policy.etag();
    let (updated_by, updated_at) = policy.updated.unzip();
    let rules = policy.rules;
    let cause = |cause: Cause| pb::CaseCause { cause_id: cause.id, name: cause.name, retired: cause.retired };
    let limit = |limit: Limit| pb::AuthorityLimit {
        role: role_named(&limit.role).unwrap_or(Role::Unspecified).into(),
        amount: limit.amount.map(|amount| encode_money(amount, currency)),
    };
    let rule = |rule: SeverityRule| pb::SeverityRule {
        severity: severity(rule.severity).into(),
        answer_hours: rule.answer_hours,
        escalate_first: rule.escalate_first,
    };
    pb::CasePolicy {
        version: policy.version,
        causes: rules.causes.into_iter().map(cause).collect(),
        limits: rules.limits.into_iter().map(limit).collect(),
        severities: rules.severities.into_iter().map(rule).collect(),
        call_back_hours: rules.call_back_hours,
        call_backs_max: rules.call_backs_max,
        updated_by: updated_by.unwrap_or_default(),
        updated_at: updated_at.map(timestamp),
        etag,
    }
}
