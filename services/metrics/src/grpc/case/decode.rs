//! Cases from the wire to the domain.

use proto::access::{Role, role_name};
use proto::common::v1 as common;
use proto::google::r#type::Money;
use proto::metrics::v1 as pb;

use crate::domain::amount::Amount;
use crate::domain::case::CaseState;
use crate::domain::case::content::{CaseKind, Draft};
use crate::domain::case::filter::CaseFilter;
use crate::domain::case::policy::{Cause, Limit, Rules, SeverityRule};
use crate::domain::case::step::{
    CallBack, CallBackResult, Escalation, Grant, GrantKind, Notice, Remark, Solution, Step,
};
use crate::domain::conversation::ConversationKey;
use crate::domain::fact::Severity;
use crate::domain::money::Currency;
use crate::error::MetricsError;
use crate::grpc::decode::{check_no_nul, id, instant, invalid, optional_id};

type Result<T> = std::result::Result<T, MetricsError>;

pub(super) fn draft(content: Option<&pb::CaseContent>) -> Result<Draft> {
    let content = content.ok_or_else(|| invalid("content", "must be given"))?;
    let texts = [&content.place, &content.contact_name, &content.event, &content.phone];
    check_no_nul("content", &texts)?;
    let must = |field: &str| invalid(format!("content.{field}"), "must be given");
    Ok(Draft {
        kind: kind(content.kind()).ok_or_else(|| must("kind"))?,
        severity: severity(content.severity()).ok_or_else(|| must("severity"))?,
        cause: optional_id("content.cause_id", &content.cause_id)?,
        occurred_at: instant("content.occurred_at", content.occurred_at.as_ref())?,
        place: content.place.clone(),
        contact_name: content.contact_name.clone(),
        event: content.event.clone(),
        phone: content.phone.clone(),
        shop: id("content.shop_id", &content.shop_id)?,
        customer: optional_id("content.customer_id", &content.customer_id)?,
        order: optional_id("content.order_id", &content.order_id)?,
        conversations: content.conversations.iter().enumerate().map(conversation).collect::<Result<_>>()?,
    })
}

fn conversation((at, conversation): (usize, &common::ConversationRef)) -> Result<ConversationKey> {
    let field = |name: &str| format!("content.conversations[{at}].{name}");
    Ok(ConversationKey {
        id: id(&field("conversation_id"), &conversation.conversation_id)?,
        channel: id(&field("channel"), &conversation.channel)?,
        shop: id(&field("shop_id"), &conversation.shop_id)?,
    })
}

fn kind(kind: pb::CaseKind) -> Option<CaseKind> {
    match kind {
        pb::CaseKind::Unspecified => None,
        pb::CaseKind::Complaint => Some(CaseKind::Complaint),
        pb::CaseKind::AfterSale => Some(CaseKind::AfterSale),
        pb::CaseKind::Question => Some(CaseKind::Question),
    }
}

fn severity(severity: pb::ComplaintSeverity) -> Option<Severity> {
    match severity {
        pb::ComplaintSeverity::Unspecified => None,
        pb::ComplaintSeverity::Ordinary => Some(Severity::Ordinary),
        pb::ComplaintSeverity::Platform => Some(Severity::Platform),
        pb::ComplaintSeverity::Mass => Some(Severity::Mass),
        pb::ComplaintSeverity::Authority => Some(Severity::Authority),
    }
}

fn state(state: pb::CaseState) -> Option<CaseState> {
    match state {
        pb::CaseState::Unspecified => None,
        pb::CaseState::Accepted => Some(CaseState::Accepted),
        pb::CaseState::Escalated => Some(CaseState::Escalated),
        pb::CaseState::Solved => Some(CaseState::Solved),
        pb::CaseState::CalledBack => Some(CaseState::CalledBack),
        pb::CaseState::Archived => Some(CaseState::Archived),
    }
}

fn amount(field: &str, money: &Money, currency: &Currency) -> Result<i64> {
    Ok(Amount::of(field, &money.currency_code, (money.units, money.nanos), currency)?.minor)
}

/// The one step that is given.
pub(super) fn step(step: Option<&pb::CaseStep>, currency: &Currency) -> Result<Step> {
    let step = step.ok_or_else(|| invalid("step", "must be given"))?;
    let remark = |text: &str| Remark { text: text.to_owned() };
    let mut given = Vec::new();
    given.extend(step.note.as_ref().map(|note| Ok(Step::Note(remark(&note.text)))));
    given.extend(step.notice.as_ref().map(notice));
    given.extend(step.grant.as_ref().map(|grant| self::grant(grant, currency)));
    given.extend(step.escalation.as_ref().map(escalation));
    given.extend(step.solution.as_ref().map(|solution| self::solution(solution, currency)));
    given.extend(step.call_back.as_ref().map(call_back));
    given.extend(step.archiving.as_ref().map(|archiving| Ok(Step::Archiving(remark(&archiving.note)))));
    given.extend(step.reopening.as_ref().map(|reopening| Ok(Step::Reopening(remark(&reopening.reason)))));
    let one = given.pop().filter(|_| given.is_empty());
    let step = one.ok_or_else(|| invalid("step", "must be exactly one step"))??;
    check_no_nul("step", &step)?;
    Ok(step)
}

fn notice(notice: &pb::CaseNotice) -> Result<Step> {
    Ok(Step::Notice(Notice {
        progress: notice.progress.clone(),
        apology: notice.apology.clone(),
        agreed_at: instant("step.notice.agreed_at", notice.agreed_at.as_ref())?,
    }))
}

fn grant(grant: &pb::CaseGrant, currency: &Currency) -> Result<Step> {
    let kind = match grant.kind() {
        pb::GrantKind::Unspecified => return Err(invalid("step.grant.kind", "must be given")),
        pb::GrantKind::Refund => GrantKind::Refund,
        pb::GrantKind::Compensation => GrantKind::Compensation,
        pb::GrantKind::Coupon => GrantKind::Coupon,
        pb::GrantKind::Replacement => GrantKind::Replacement,
        pb::GrantKind::Gift => GrantKind::Gift,
    };
    let money = grant.amount.as_ref().ok_or_else(|| invalid("step.grant.amount", "must be given"))?;
    let amount = amount("step.grant.amount", money, currency)?;
    if amount == 0 {
        return Err(invalid("step.grant.amount", "must be more than nothing"));
    }
    Ok(Step::Grant(Grant { kind, amount, note: grant.note.clone() }))
}

fn escalation(escalation: &pb::CaseEscalation) -> Result<Step> {
    let to = id("step.escalation.to_person_id", &escalation.to_person_id)?;
    Ok(Step::Escalation(Escalation { to, reason: escalation.reason.clone() }))
}

fn solution(solution: &pb::CaseSolution, currency: &Currency) -> Result<Step> {
    let known = solution.known_at.as_ref();
    let known_at = known.map(|at| instant("step.solution.known_at", Some(at))).transpose()?;
    let recovered = solution.recovered.as_ref();
    let recovered = recovered.map(|money| amount("step.solution.recovered", money, currency)).transpose()?;
    Ok(Step::Solution(Solution {
        text: solution.solution.clone(),
        answer: solution.answer.clone(),
        known_at,
        recovered: recovered.unwrap_or(0),
    }))
}

fn call_back(call_back: &pb::CaseCallBack) -> Result<Step> {
    let result = match call_back.result() {
        pb::CallBackResult::Unspecified => return Err(invalid("step.call_back.result", "must be given")),
        pb::CallBackResult::Content => CallBackResult::Content,
        pb::CallBackResult::NotContent => CallBackResult::NotContent,
        pb::CallBackResult::NotReached => CallBackResult::NotReached,
    };
    Ok(Step::CallBack(CallBack { result, note: call_back.note.clone() }))
}

pub(super) fn filter(message: &pb::ListCasesRequest) -> Result<CaseFilter> {
    Ok(CaseFilter {
        states: message.states().filter_map(state).collect(),
        kinds: message.kinds().filter_map(kind).collect(),
        severities: message.severities().filter_map(severity).collect(),
        cause: optional_id("cause_id", &message.cause_id)?,
        owner: optional_id("owner_person_id", &message.owner_person_id)?,
        shop: optional_id("shop_id", &message.shop_id)?,
        customer: optional_id("customer_id", &message.customer_id)?,
        phone: optional_id("phone_token", &message.phone_token)?,
        overdue: message.overdue,
    })
}

/// What is to be set, and the etag of what is.
pub(super) fn policy<'a>(
    policy: Option<&'a pb::CasePolicy>,
    currency: &Currency,
) -> Result<(Rules, &'a str)> {
    let policy = policy.ok_or_else(|| invalid("policy", "must be given"))?;
    let cause = |(at, cause): (usize, &pb::CaseCause)| {
        Ok(Cause {
            id: id(&format!("policy.causes[{at}].cause_id"), &cause.cause_id)?,
            name: id(&format!("policy.causes[{at}].name"), &cause.name)?,
            retired: cause.retired,
        })
    };
    let limit = |(at, limit): (usize, &pb::AuthorityLimit)| {
        let field = format!("policy.limits[{at}].amount");
        let most = limit.amount.as_ref().map(|money| amount(&field, money, currency)).transpose()?;
        let role = Role::try_from(limit.role).unwrap_or(Role::Unspecified);
        Ok(Limit { role: role_name(role), amount: most })
    };
    let rule = |(at, rule): (usize, &pb::SeverityRule)| {
        let missing = || invalid(format!("policy.severities[{at}].severity"), "must be given");
        Ok(SeverityRule {
            severity: severity(rule.severity()).ok_or_else(missing)?,
            answer_hours: rule.answer_hours,
            escalate_first: rule.escalate_first,
        })
    };
    let rules = Rules {
        causes: policy.causes.iter().enumerate().map(cause).collect::<Result<_>>()?,
        limits: policy.limits.iter().enumerate().map(limit).collect::<Result<_>>()?,
        severities: policy.severities.iter().enumerate().map(rule).collect::<Result<_>>()?,
        call_back_hours: policy.call_back_hours,
        call_backs_max: policy.call_backs_max,
    };
    Ok((rules, &policy.etag))
}
