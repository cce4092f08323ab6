//! Buyers' reviews on the wire.

use chrono::{DateTime, Utc};
use proto::common::v1::Rate;
use proto::qa::v1 as pb;
use proto::time::{date, timestamp};
use runtime::ids::PersonId;

use crate::domain::buyer_review::collection::{Collection, Consent, ConsentLine, ReviewUse, UseKind};
use crate::domain::buyer_review::figure::{Comparison, Figure, Week};
use crate::domain::buyer_review::policy::BuyerReviewPolicy;
use crate::domain::buyer_review::step::Channel;
use crate::domain::buyer_review::{
    Analysis, BuyerReview, Deadline, Done, Duty, Ending, Entry, Kind, Outcome, Plan, Revision, State,
};
use crate::domain::buyer_reviews::Shown;
use crate::grpc::decode::conversation_ref;
use crate::grpc::{converted, estimate};

/// How much of a review is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// With all revisions, replies and its history.
    Whole,
    /// As in a list.
    Listed,
}

pub(super) fn listed(reviews: Vec<Shown>) -> Vec<pb::BuyerReview> {
    reviews.into_iter().map(|shown| review(shown, Detail::Listed)).collect()
}

pub(super) fn review(shown: Shown, detail: Detail) -> pb::BuyerReview {
    let Shown { review, reply, comment, duty, now } = shown;
    let whole = detail == Detail::Whole;
    let from = if whole { 0 } else { review.revisions.len().saturating_sub(1) };
    let revisions = review.revisions[from..].iter().map(|it| revision(&review, it)).collect();
    let owner = review.works_on_it().map(PersonId::to_string).unwrap_or_default();
    let effect = (review.worst() != Kind::Good).then(|| effect(&review));
    let (kind, comment_kind) = (wire_kind(review.kind()), review.comment_kind().map(wire_kind));
    let (etag, history, state) = (review.etag(), review.is_history(), wire_state(review.state()));
    let replies = if whole { replies(&review) } else { Vec::new() };
    let entries = if whole { (1..).zip(review.entries).map(entry).collect() } else { Vec::new() };
    pb::BuyerReview {
        shop_id: review.id.shop,
        review_id: review.id.id,
        order_id: review.order,
        product_id: review.product,
        customer_id: review.customer,
        account_id: review.served.account.into_string(),
        served_day: Some(date(review.served.day)),
        served_by_person_id: review.served_by.map(PersonId::into_string).unwrap_or_default(),
        conversation: review.served.chat.map(conversation_ref),
        reviewed_at: Some(timestamp(review.reviewed_at)),
        business_day: Some(date(review.business_day)),
        kind: kind.into(),
        revisions,
        comment_kind: comment_kind.unwrap_or(pb::BuyerReviewKind::Unspecified).into(),
        policy_version: review.terms.version,
        history,
        state: state.into(),
        owner_person_id: owner,
        analysis: review.analysis.map(analysis),
        plan: review.plan.map(plan),
        ending: review.ending.map(ending),
        effect,
        reply_deadline: reply.map(|it| deadline(it, now)),
        comment_reply_deadline: comment.map(|it| deadline(it, now)),
        replies,
        collection: review.collection.map(|place| collection(place, detail)),
        entries,
        erased_at: review.erased_at.map(timestamp),
        duty: duty.map_or(pb::BuyerReviewDuty::Unspecified, |it| wire_duty(it.0)).into(),
        due_at: duty.map(|it| timestamp(it.1)),
        etag,
    }
}

pub(super) fn collected(review: BuyerReview) -> pb::CollectedBuyerReview {
    let newest = review.newest();
    // What was taken out meanwhile is quoted no more.
    let shown = review.collection.as_ref().is_some_and(|place| place.collected);
    let words = |text: &str| if shown { text.to_owned() } else { String::new() };
    pb::CollectedBuyerReview {
        stars: newest.stars,
        text: words(&newest.text),
        append_text: words(&newest.append_text),
        shop_id: review.id.shop,
        review_id: review.id.id,
        product_id: review.product,
        business_day: Some(date(review.business_day)),
        collection: review.collection.map(|place| collection(place, Detail::Listed)),
    }
}

fn wire_kind(kind: Kind) -> pb::BuyerReviewKind {
    match kind {
        Kind::Good => pb::BuyerReviewKind::Good,
        Kind::Neutral => pb::BuyerReviewKind::Neutral,
        Kind::Bad => pb::BuyerReviewKind::Bad,
    }
}

fn wire_state(state: State) -> pb::BuyerReviewState {
    match state {
        State::Idle => pb::BuyerReviewState::Unspecified,
        State::Open => pb::BuyerReviewState::Open,
        State::Analysed => pb::BuyerReviewState::Analysed,
        State::Planned => pb::BuyerReviewState::Planned,
        State::Ended => pb::BuyerReviewState::Ended,
    }
}

fn wire_duty(duty: Duty) -> pb::BuyerReviewDuty {
    match duty {
        Duty::Reply => pb::BuyerReviewDuty::Reply,
        Duty::CommentReply => pb::BuyerReviewDuty::CommentReply,
        Duty::Plan => pb::BuyerReviewDuty::Plan,
        Duty::Outcome => pb::BuyerReviewDuty::Outcome,
    }
}

fn wire_channel(channel: Channel) -> pb::BuyerContactChannel {
    match channel {
        Channel::Chat => pb::BuyerContactChannel::Chat,
        Channel::Phone => pb::BuyerContactChannel::Phone,
        Channel::Sms => pb::BuyerContactChannel::Sms,
        Channel::Private => pb::BuyerContactChannel::Private,
    }
}

fn wire_use(kind: UseKind) -> pb::BuyerReviewUseKind {
    match kind {
        UseKind::Chat => pb::BuyerReviewUseKind::Chat,
        UseKind::Advertising => pb::BuyerReviewUseKind::Advertising,
        UseKind::Training => pb::BuyerReviewUseKind::Training,
        UseKind::CallBack => pb::BuyerReviewUseKind::CallBack,
    }
}

fn wire_consent(consent: Consent) -> pb::BuyerConsentState {
    match consent {
        Consent::Unasked => pb::BuyerConsentState::Unspecified,
        Consent::Asked => pb::BuyerConsentState::Asked,
        Consent::Given => pb::BuyerConsentState::Given,
        Consent::Refused => pb::BuyerConsentState::Refused,
        Consent::Withdrawn => pb::BuyerConsentState::Withdrawn,
    }
}

fn by(done: &Done) -> String {
    done.by.as_ref().map(PersonId::to_string).unwrap_or_default()
}

fn revision(review: &BuyerReview, words: &Revision) -> pb::BuyerReviewRevision {
    pb::BuyerReviewRevision {
        revision: words.revision,
        kind: wire_kind(review.kind_of(words)).into(),
        stars: words.stars,
        text: words.text.clone(),
        append_text: words.append_text.clone(),
        appended_at: words.appended_at.map(timestamp),
        arrived_at: Some(timestamp(words.arrived_at)),
    }
}

fn analysis(analysis: Analysis) -> pb::BuyerReviewAnalysis {
    pb::BuyerReviewAnalysis {
        by_person_id: by(&analysis.done),
        at: Some(timestamp(analysis.done.at)),
        cause_id: analysis.cause,
        stage_id: analysis.stage,
        note: analysis.note,
    }
}

fn plan(plan: Plan) -> pb::BuyerReviewPlan {
    let steps = plan.steps.into_iter().map(|step| pb::BuyerReviewPlanStep {
        text: step.text,
        done_at: step.done.as_ref().map(|done| timestamp(done.at)),
        done_by_person_id: step.done.as_ref().map(by).unwrap_or_default(),
    });
    pb::BuyerReviewPlan {
        text: plan.text,
        due_day: Some(date(plan.due_day)),
        steps: steps.collect(),
        by_person_id: by(&plan.done),
        at: Some(timestamp(plan.done.at)),
    }
}

fn ending(ending: Ending) -> pb::BuyerReviewEnding {
    let outcome = match ending.outcome {
        Outcome::FollowedUpGood => pb::BuyerReviewOutcome::FollowedUpGood,
        Outcome::Changed => pb::BuyerReviewOutcome::Changed,
        Outcome::Withdrawn => pb::BuyerReviewOutcome::Withdrawn,
        Outcome::NoEffect => pb::BuyerReviewOutcome::NoEffect,
        Outcome::Unreachable => pb::BuyerReviewOutcome::Unreachable,
    };
    pb::BuyerReviewEnding {
        outcome: outcome.into(),
        by_person_id: by(&ending.done),
        at: Some(timestamp(ending.done.at)),
        note: ending.note,
    }
}

fn effect(review: &BuyerReview) -> pb::BuyerReviewEffect {
    pb::BuyerReviewEffect {
        before: wire_kind(review.worst()).into(),
        after: wire_kind(review.kind()).into(),
        stars_before: review.revisions.iter().filter_map(|words| words.stars).min(),
        stars_after: review.newest().stars,
        won_back: review.is_won_back(),
        runs_until: Some(date(review.runs_until())),
    }
}

fn replies(review: &BuyerReview) -> Vec<pb::BuyerReviewReply> {
    let mut versions = [0, 0];
    let replies = review.replies.iter().map(|reply| {
        let version = &mut versions[usize::from(reply.to_comment)];
        *version += 1;
        pb::BuyerReviewReply {
            to_added_comment: reply.to_comment,
            version: *version,
            text: reply.text.clone(),
            replied_at: Some(timestamp(reply.replied_at)),
            by_person_id: by(&reply.done),
        }
    });
    replies.collect()
}

fn deadline(deadline: Deadline, now: DateTime<Utc>) -> pb::BuyerReviewDeadline {
    pb::BuyerReviewDeadline {
        due_at: Some(timestamp(deadline.due_at)),
        replied_at: deadline.replied_at.map(timestamp),
        in_time: deadline.in_time(now),
    }
}

fn entry((number, entry): (i32, Entry)) -> pb::BuyerReviewEntry {
    pb::BuyerReviewEntry {
        number,
        at: Some(timestamp(entry.done.at)),
        by_person_id: by(&entry.done),
        event: entry.event,
        note: entry.note,
    }
}

fn collection(place: Collection, detail: Detail) -> pb::BuyerReviewCollection {
    let whole = detail == Detail::Whole;
    let consents = if whole { place.consents.iter().map(consent).collect() } else { Vec::new() };
    pb::BuyerReviewCollection {
        collected: place.collected,
        consent: wire_consent(place.consent()).into(),
        allowed_uses: place.allowed().iter().map(|kind| wire_use(*kind).into()).collect(),
        consents,
        uses: place.uses.iter().map(review_use).collect(),
        by_person_id: by(&place.done),
        collected_at: Some(timestamp(place.done.at)),
        tags: place.tags,
        note: place.note,
    }
}

fn consent(line: &ConsentLine) -> pb::BuyerConsent {
    pb::BuyerConsent {
        state: wire_consent(line.state).into(),
        channel: wire_channel(line.channel).into(),
        uses: line.uses.iter().map(|kind| wire_use(*kind).into()).collect(),
        note: line.note.clone(),
        by_person_id: by(&line.done),
        at: Some(timestamp(line.done.at)),
    }
}

fn review_use(it: &ReviewUse) -> pb::BuyerReviewUse {
    pb::BuyerReviewUse {
        use_id: it.id.to_string(),
        kind: wire_use(it.kind).into(),
        place: it.place.clone(),
        by_person_id: by(&it.done),
        from: Some(timestamp(it.done.at)),
        ended_at: it.ended_at.map(timestamp),
    }
}

impl From<Figure> for pb::BuyerReviewFigure {
    fn from(figure: Figure) -> Self {
        let rate = figure.won_back_rate();
        let (numerator, denominator) = (figure.replies_in_time, figure.replies_owed);
        let quotient = (denominator > 0).then(|| numerator as f64 / denominator as f64);
        Self {
            key: figure.key,
            reviews: figure.reviews,
            good: figure.kinds[0],
            neutral: figure.kinds[1],
            bad: figure.kinds[2],
            ever_bad: figure.ever_bad,
            settled: figure.settled,
            won_back: figure.won_back,
            won_back_rate: Some(
                rate.map_or_else(
                    || estimate::undefined("no bad review whose time is over"),
                    estimate::estimate,
                ),
            ),
            unfinished: figure.unfinished,
            replies_owed: denominator,
            replies_in_time: numerator,
            reply_in_time_rate: Some(Rate { numerator, denominator, quotient }),
        }
    }
}

impl From<Comparison> for pb::BuyerReviewComparison {
    fn from(comparison: Comparison) -> Self {
        Self { now: Some(comparison.now.into()), before: Some(comparison.before.into()) }
    }
}

impl From<Week> for pb::BuyerReviewWeek {
    fn from(week: Week) -> Self {
        Self {
            week: Some(date(week.week)),
            all: Some(week.all.into()),
            causes: converted(week.causes),
            stages: converted(week.stages),
            products: converted(week.products),
            agents: converted(week.agents),
            without_cause: week.without_cause,
            overdue: week.overdue,
        }
    }
}

impl From<BuyerReviewPolicy> for pb::BuyerReviewPolicy {
    fn from(policy: BuyerReviewPolicy) -> Self {
        let etag = policy.etag();
        let (version, rules) = (policy.version(), policy.rules);
        let terms = rules.terms;
        // Rules come in as these types and are at most as large as theirs allow.
        let number = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
        let stages = rules.stages.into_iter();
        let causes = rules.causes.into_iter();
        Self {
            version,
            rules: Some(pb::BuyerReviewRules {
                good_stars_min: terms.good_stars_min,
                bad_stars_max: terms.bad_stars_max,
                comment_decides: terms.comment_decides,
                good_reply_hours: number(terms.reply_hours[0]),
                neutral_reply_hours: number(terms.reply_hours[1]),
                bad_reply_hours: number(terms.reply_hours[2]),
                service_from_hour: terms.service_hours.0.into(),
                service_to_hour: terms.service_hours.1.into(),
                plan_days: number(terms.plan_days),
                effect_days: number(terms.effect_days),
                served_days: number(terms.served_days),
                history_days: number(terms.history_days),
                stages: stages.map(|it| pb::BuyerReviewStage { stage_id: it.id, name: it.name }).collect(),
                causes: causes
                    .map(|it| pb::BuyerReviewCause {
                        cause_id: it.id,
                        name: it.name,
                        stage_id: it.stage,
                        retired: it.retired,
                    })
                    .collect(),
            }),
            created_at: Some(timestamp(policy.created_at)),
            etag,
        }
    }
}
