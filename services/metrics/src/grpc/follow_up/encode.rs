//! Follow-ups from the domain to the wire.

use proto::metrics::v1 as pb;
use proto::time::timestamp;

use crate::domain::follow_up::policy::FollowUpPolicy;
use crate::domain::follow_up::result::FollowUpResult;
use crate::domain::follow_up::{Channel, Event, FollowUpKind, FollowUpState, Happening};
use crate::domain::follow_ups::ListedFollowUp;
use crate::domain::money::Currency;
use crate::grpc::fact::encode_money;

pub(super) fn follow_up(listed: &ListedFollowUp, currency: &Currency) -> pb::FollowUp {
    let follow_up = &listed.follow_up;
    let draft = &follow_up.draft;
    pb::FollowUp {
        follow_up_id: follow_up.id.clone(),
        version: follow_up.version,
        kind: kind(draft.kind).into(),
        source_id: draft.source.clone(),
        shop_id: draft.shop.clone(),
        customer_id: draft.customer.clone(),
        order_id: draft.order.clone().unwrap_or_default(),
        note: draft.note.clone(),
        amount: Some(encode_money(draft.amount, currency)),
        state: state(follow_up.state).into(),
        owner_person_id: follow_up.owner.clone().unwrap_or_default(),
        person_ids: follow_up.people.iter().cloned().collect(),
        source_at: Some(timestamp(draft.source_at)),
        due_at: follow_up.due_at.map(timestamp),
        deadline: Some(timestamp(draft.deadline)),
        overdue: listed.overdue,
        contacts: follow_up.contacts,
        missed: follow_up.missed,
        first_contact_at: follow_up.first_contact_at.map(timestamp),
        closed_at: follow_up.closed_at.map(timestamp),
        recovered: Some(encode_money(follow_up.recovered, currency)),
        payment_ids: follow_up.payments.clone(),
        events: follow_up.events,
        created_by: follow_up.created.0.clone(),
        created_at: Some(timestamp(follow_up.created.1)),
        changed_by: follow_up.changed.0.clone(),
        changed_at: Some(timestamp(follow_up.changed.1)),
        etag: follow_up.etag(),
    }
}

fn kind(kind: FollowUpKind) -> pb::FollowUpKind {
    match kind {
        FollowUpKind::UnpaidOrder => pb::FollowUpKind::UnpaidOrder,
        FollowUpKind::Cart => pb::FollowUpKind::Cart,
        FollowUpKind::Inquiry => pb::FollowUpKind::Inquiry,
        FollowUpKind::SatisfiedBuyer => pb::FollowUpKind::SatisfiedBuyer,
        FollowUpKind::NegativeReview => pb::FollowUpKind::NegativeReview,
    }
}

fn state(state: FollowUpState) -> pb::FollowUpState {
    match state {
        FollowUpState::Open => pb::FollowUpState::Open,
        FollowUpState::Won => pb::FollowUpState::Won,
        FollowUpState::Lost => pb::FollowUpState::Lost,
        FollowUpState::Settled => pb::FollowUpState::Settled,
        FollowUpState::Dropped => pb::FollowUpState::Dropped,
    }
}

pub(super) fn event(event: Event) -> pb::FollowUpEvent {
    let encoded = pb::FollowUpEvent {
        number: event.number,
        person_id: event.person.unwrap_or_default(),
        at: Some(timestamp(event.at)),
        state: state(event.state).into(),
        due_at: event.due_at.map(timestamp),
        late: event.late,
        ..Default::default()
    };
    match event.happening {
        Happening::Created => encoded,
        Happening::Contact(contact) => {
            let channel = match contact.channel {
                Channel::Phone => pb::ContactChannel::Phone,
                Channel::Chat => pb::ContactChannel::Chat,
                Channel::Message => pb::ContactChannel::Message,
            };
            let contact = pb::FollowUpContact {
                channel: channel.into(),
                reached: contact.reached,
                note: contact.note,
                next_at: contact.next_at.map(timestamp),
            };
            pb::FollowUpEvent { contact: Some(contact), ..encoded }
        }
        Happening::Ended { state: ended, payments, note } => {
            let end = pb::FollowUpEnd { state: state(ended).into(), payment_ids: payments, note };
            pb::FollowUpEvent { end: Some(end), ..encoded }
        }
        Happening::Assigned { from, to, note } => {
            let assignment =
                pb::FollowUpAssignment { from_person_id: from.unwrap_or_default(), to_person_id: to, note };
            pb::FollowUpEvent { assignment: Some(assignment), ..encoded }
        }
    }
}

pub(super) fn result(result: FollowUpResult, currency: &Currency) -> pb::FollowUpResult {
    pb::FollowUpResult {
        person_id: result.person,
        kind: kind(result.kind).into(),
        open: result.open,
        overdue: result.overdue,
        created: result.created,
        contacted: result.contacted,
        won: result.won,
        lost: result.lost,
        settled: result.settled,
        recovered: Some(encode_money(result.recovered, currency)),
    }
}

pub(super) fn policy(policy: FollowUpPolicy) -> pb::FollowUpPolicy {
    let etag = policy.etag();
    let (updated_by, updated_at) = policy.updated.unzip();
    let rules = policy.rules;
    pb::FollowUpPolicy {
        version: policy.version,
        contact_hours: rules.contact_hours,
        unpaid_after_minutes: rules.unpaid_after_minutes,
        unpaid_within_hours: rules.unpaid_within_hours,
        cart_after_hours: rules.cart_after_hours,
        inquiry_after_hours: rules.inquiry_after_hours,
        praise_after_hours: rules.praise_after_hours,
        within_days: rules.within_days,
        rest_days: rules.rest_days,
        praise_rest_days: rules.praise_rest_days,
        updated_by: updated_by.unwrap_or_default(),
        updated_at: updated_at.map(timestamp),
        etag,
    }
}
