//! What qa tells the other services, in their words: domain values into `jinpai.events.v1`.

use chrono::{DateTime, NaiveDate, Utc};
use events::{Event, Payload, event};
use proto::common::v1::ConversationRef;
use proto::events::v1::{
    AppealDecided, DrawCommitted, DrawRevealed, ReviewPublished, WeaknessFound, WeaknessKind,
};
use proto::time::{date, timestamp};
use runtime::ids::{MerchantId, PersonId};
use sampling::{ListHash, Seed};

use crate::domain::appeal::{Appeal, Ending};
use crate::domain::draw::Commitment;
use crate::domain::review::{Review, Verdict};
use crate::domain::weakness::{Subject, Weakness};

/// A seed was made: its hash, for others to keep.
pub fn draw_committed(commitment: &Commitment) -> Event {
    let payload = DrawCommitted {
        business_day: Some(date(commitment.day)),
        commitment: commitment.hash.as_bytes().to_vec(),
        committed_at: Some(timestamp(commitment.committed_at)),
        before_day: commitment.before_day,
    };
    let entity = format!("draw/{}", commitment.day);
    event(&commitment.merchant, entity, 1, commitment.committed_at, Payload::DrawCommitted(payload))
}

/// A day was drawn: its seed.
pub fn draw_revealed(
    merchant: &MerchantId,
    day: NaiveDate,
    seed: &Seed,
    list_hash: &ListHash,
    drawn: i32,
    at: DateTime<Utc>,
) -> Event {
    let payload = DrawRevealed {
        business_day: Some(date(day)),
        seed: seed.reveal().to_vec(),
        list_hash: list_hash.as_bytes().to_vec(),
        drawn,
        drawn_at: Some(timestamp(at)),
    };
    event(merchant, format!("draw/{day}"), 1, at, Payload::DrawRevealed(payload))
}

/// A review was submitted or restated: its result. `None` when nothing was applicable from the first: such a review says nothing
/// about anybody, and whoever follows knows nothing of it that would have to be taken back.
pub fn review_published(
    merchant: &MerchantId,
    review: &Review,
    verdict: &Verdict,
    now: DateTime<Utc>,
) -> Option<Event> {
    let not_applicable = verdict.score_bp.is_none();
    if not_applicable && review.assessment_version == 1 {
        return None;
    }
    let reviewer = review.assignment.as_ref().map(|assignment| assignment.reviewer.to_string());
    let payload = ReviewPublished {
        review_id: review.id.to_string(),
        conversation: Some(ConversationRef {
            shop_id: review.conversation.shop.clone(),
            channel: review.conversation.channel.clone(),
            conversation_id: review.conversation.id.clone(),
        }),
        business_day: Some(date(review.business_day)),
        account_id: review.account.to_string(),
        reviewer_person_id: reviewer.unwrap_or_default(),
        scorecard_id: verdict.scorecard_id.clone(),
        scorecard_version: verdict.scorecard_version,
        score_bp: verdict.score_bp.unwrap_or_default(),
        critical_error: verdict.critical_failure,
        assessment_version: review.assessment_version,
        counts_for_pay: Some(review.counts_for_pay),
        not_applicable,
    };
    let entity = format!("review/{}", review.id);
    Some(event(merchant, entity, review.revision, now, Payload::ReviewPublished(payload)))
}

/// An appeal was decided.
pub fn appeal_decided(merchant: &MerchantId, appeal: &Appeal, ending: &Ending) -> Event {
    let second = appeal.second_reviewer.as_ref().map(PersonId::to_string);
    let payload = AppealDecided {
        appeal_id: appeal.id.to_string(),
        review_id: appeal.review_id.to_string(),
        business_day: Some(date(appeal.business_day)),
        account_id: appeal.account.to_string(),
        first_reviewer_person_id: appeal.first_reviewer.to_string(),
        second_reviewer_person_id: second.unwrap_or_default(),
        upheld: appeal.state.restates(),
        score_bp_before: ending.score_bp_before,
        score_bp_after: ending.score_bp_after,
    };
    let entity = format!("appeal/{}", appeal.id);
    event(merchant, entity, appeal.revision, ending.at, Payload::AppealDecided(payload))
}

/// Somebody is clearly worse than their colleagues at something, or got better.
pub fn weakness_found(merchant: &MerchantId, weakness: &Weakness, at: DateTime<Utc>) -> Event {
    let (kind, subject) = match &weakness.subject {
        Subject::Rule(id) => (WeaknessKind::Rule, id),
        Subject::Criterion(id) => (WeaknessKind::Criterion, id),
    };
    let closed_at = weakness.better.as_ref().map(|(_, at)| *at);
    let finding = weakness.better.as_ref().map_or(&weakness.finding, |(better, _)| better);
    let payload = WeaknessFound {
        weakness_id: weakness.id.to_string(),
        person_id: weakness.person.to_string(),
        kind: kind.into(),
        subject_id: subject.clone(),
        from_day: Some(date(finding.from)),
        to_day: Some(date(finding.to)),
        own_value: finding.own.value,
        others_value: finding.others.value,
        hit_ids: weakness.evidence.iter().filter_map(|one| one.hit).map(|id| id.to_string()).collect(),
        review_ids: weakness.evidence.iter().filter_map(|one| one.review).map(|id| id.to_string()).collect(),
        found_at: Some(timestamp(weakness.found_at)),
        closed_at: closed_at.map(timestamp),
    };
    let version = if closed_at.is_some() { 2 } else { 1 };
    event(merchant, format!("weakness/{}", weakness.id), version, at, Payload::WeaknessFound(payload))
}
