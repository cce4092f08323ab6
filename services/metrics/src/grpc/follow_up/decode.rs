//! Follow-ups from the wire to the domain.

use chrono::DateTime;
use proto::metrics::v1 as pb;

use crate::domain::amount::Amount;
use crate::domain::follow_up::filter::FollowUpFilter;
use crate::domain::follow_up::policy::Rules;
use crate::domain::follow_up::{Channel, Contact, Draft, FollowUpKind, FollowUpState};
use crate::domain::follow_ups::End;
use crate::domain::money::Currency;
use crate::error::MetricsError;
use crate::grpc::decode::{check_no_nul, id, instant, invalid, optional_id};

type Result<T> = std::result::Result<T, MetricsError>;

/// What it is about happens when it is made.
pub(super) fn draft(message: &pb::CreateFollowUpRequest, currency: &Currency) -> Result<Draft> {
    check_no_nul("note", &message.note)?;
    let amount = message
        .amount
        .as_ref()
        .map(|money| Amount::of("amount", &money.currency_code, (money.units, money.nanos), currency));
    Ok(Draft {
        kind: kind(message.kind()).ok_or_else(|| invalid("kind", "must be given"))?,
        source: id("source_id", &message.source_id)?,
        shop: id("shop_id", &message.shop_id)?,
        customer: id("customer_id", &message.customer_id)?,
        order: optional_id("order_id", &message.order_id)?,
        note: message.note.clone(),
        amount: amount.transpose()?.map_or(0, |amount| amount.minor),
        source_at: DateTime::UNIX_EPOCH,
        deadline: instant("deadline", message.deadline.as_ref())?,
    })
}

fn kind(kind: pb::FollowUpKind) -> Option<FollowUpKind> {
    match kind {
        pb::FollowUpKind::Unspecified => None,
        pb::FollowUpKind::UnpaidOrder => Some(FollowUpKind::UnpaidOrder),
        pb::FollowUpKind::Cart => Some(FollowUpKind::Cart),
        pb::FollowUpKind::Inquiry => Some(FollowUpKind::Inquiry),
        pb::FollowUpKind::SatisfiedBuyer => Some(FollowUpKind::SatisfiedBuyer),
        pb::FollowUpKind::NegativeReview => Some(FollowUpKind::NegativeReview),
    }
}

fn state(state: pb::FollowUpState) -> Option<FollowUpState> {
    match state {
        pb::FollowUpState::Unspecified => None,
        pb::FollowUpState::Open => Some(FollowUpState::Open),
        pb::FollowUpState::Won => Some(FollowUpState::Won),
        pb::FollowUpState::Lost => Some(FollowUpState::Lost),
        pb::FollowUpState::Settled => Some(FollowUpState::Settled),
        pb::FollowUpState::Dropped => Some(FollowUpState::Dropped),
    }
}

pub(super) fn contact(contact: Option<&pb::FollowUpContact>) -> Result<Contact> {
    let contact = contact.ok_or_else(|| invalid("contact", "must be given"))?;
    check_no_nul("contact.note", &contact.note)?;
    let channel = match contact.channel() {
        pb::ContactChannel::Unspecified => return Err(invalid("contact.channel", "must be given")),
        pb::ContactChannel::Phone => Channel::Phone,
        pb::ContactChannel::Chat => Channel::Chat,
        pb::ContactChannel::Message => Channel::Message,
    };
    let next_at = contact.next_at.as_ref();
    let next_at = next_at.map(|at| instant("contact.next_at", Some(at))).transpose()?;
    Ok(Contact { channel, reached: contact.reached, note: contact.note.clone(), next_at })
}

pub(super) fn end(end: Option<&pb::FollowUpEnd>) -> Result<End> {
    let end = end.ok_or_else(|| invalid("end", "must be given"))?;
    check_no_nul("end.note", &end.note)?;
    let ends = |state: &FollowUpState| !matches!(state, FollowUpState::Open | FollowUpState::Settled);
    let state = state(end.state()).filter(ends);
    Ok(End {
        state: state.ok_or_else(|| invalid("end.state", "must be WON, LOST or DROPPED"))?,
        payments: ids("end.payment_ids", &end.payment_ids)?,
        note: end.note.clone(),
    })
}

/// Ids of a list.
pub(super) fn ids(field: &str, list: &[String]) -> Result<Vec<String>> {
    list.iter().enumerate().map(|(at, text)| id(&format!("{field}[{at}]"), text)).collect()
}

pub(super) fn filter(message: &pb::ListFollowUpsRequest) -> Result<FollowUpFilter> {
    let owner = optional_id("owner_person_id", &message.owner_person_id)?;
    if message.unassigned && owner.is_some() {
        return Err(invalid("unassigned", "must not be asked for with an owner"));
    }
    Ok(FollowUpFilter {
        kinds: message.kinds().filter_map(kind).collect(),
        states: message.states().filter_map(state).collect(),
        owner: if message.unassigned { Some(String::new()) } else { owner },
        shop: optional_id("shop_id", &message.shop_id)?,
        customer: optional_id("customer_id", &message.customer_id)?,
        overdue: message.overdue,
    })
}

/// What is to be set, and the etag of what is set.
pub(super) fn policy(sent: Option<&pb::FollowUpPolicy>) -> Result<(Rules, &str)> {
    let sent = sent.ok_or_else(|| invalid("policy", "must be given"))?;
    let rules = Rules {
        contact_hours: sent.contact_hours,
        unpaid_after_minutes: sent.unpaid_after_minutes,
        unpaid_within_hours: sent.unpaid_within_hours,
        cart_after_hours: sent.cart_after_hours,
        inquiry_after_hours: sent.inquiry_after_hours,
        praise_after_hours: sent.praise_after_hours,
        within_days: sent.within_days,
        rest_days: sent.rest_days,
        praise_rest_days: sent.praise_rest_days,
    };
    Ok((rules, &sent.etag))
}
