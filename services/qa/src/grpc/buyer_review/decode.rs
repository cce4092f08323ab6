//! Requests about buyers' reviews into the words of the domain.

use chrono::NaiveDate;
use proto::common::v1::DayRange;
use proto::qa::v1 as pb;
use proto::qa::v1::record_buyer_review_use_request::Change;
use proto::qa::v1::take_buyer_review_step_request::Step as WireStep;
use proto::time;
use uuid::Uuid;

use crate::buyer_review_error::BuyerReviewError;
use crate::domain::buyer_review::collection::{Collect, Consent, UseChange, UseKind};
use crate::domain::buyer_review::figure::Group;
use crate::domain::buyer_review::policy::{Cause, Rules, Stage, Terms};
use crate::domain::buyer_review::step::{Channel, Step, TakeStep};
use crate::domain::buyer_review::{
    BuyerReviewFilter, BuyerReviewId, CollectedFilter, Duty, Kind, Outcome, OverdueFilter, State,
};
use crate::error::QaError;
use crate::grpc::decode::{day, days, id, text};

/// Lists and figures are of no more days.
const DAYS_MAX: i64 = 400;
/// Names of tags are short.
const TAG_MAX: usize = 32;
/// The rules beside the fields of the proto end at a oneof; what is in one is held against these.
const ID_MAX: usize = 64;
const NOTE_MAX: usize = 2_000;
const PLACE_MAX: usize = 500;
const PLAN_STEPS_MAX: usize = 20;

/// Text of so many characters.
fn within(field: &str, words: String, min: usize, max: usize) -> Result<String, QaError> {
    let length = text(field, &words)?.chars().count();
    if (min..=max).contains(&length) {
        return Ok(words);
    }
    Err(QaError::invalid(field, format!("must have {min} to {max} characters")))
}

fn plan_steps(wire: Vec<String>) -> Result<Vec<String>, QaError> {
    if wire.len() > PLAN_STEPS_MAX {
        return Err(QaError::invalid("plan.steps", format!("must be at most {PLAN_STEPS_MAX}")));
    }
    let steps = wire.into_iter().enumerate();
    steps.map(|(at, step)| within(&format!("plan.steps[{at}]"), step, 1, PLACE_MAX)).collect()
}

pub(super) fn review_id(shop: &str, review: &str) -> Result<BuyerReviewId, QaError> {
    Ok(BuyerReviewId { shop: id("shop_id", shop)?.to_owned(), id: id("review_id", review)?.to_owned() })
}

pub(super) fn days_within(wire: Option<DayRange>) -> Result<(NaiveDate, NaiveDate), QaError> {
    let (from, to) = days("days", wire)?;
    if (to - from).num_days() >= DAYS_MAX {
        return Err(QaError::invalid("days.to", format!("must be within {DAYS_MAX} days")));
    }
    Ok((from, to))
}

fn kind(field: &str, wire: pb::BuyerReviewKind) -> Result<Kind, QaError> {
    match wire {
        pb::BuyerReviewKind::Good => Ok(Kind::Good),
        pb::BuyerReviewKind::Neutral => Ok(Kind::Neutral),
        pb::BuyerReviewKind::Bad => Ok(Kind::Bad),
        pb::BuyerReviewKind::Unspecified => Err(QaError::invalid(field, "must be good, neutral or bad")),
    }
}

fn channel(field: &str, wire: pb::BuyerContactChannel) -> Result<Channel, QaError> {
    match wire {
        pb::BuyerContactChannel::Chat => Ok(Channel::Chat),
        pb::BuyerContactChannel::Phone => Ok(Channel::Phone),
        pb::BuyerContactChannel::Sms => Ok(Channel::Sms),
        pb::BuyerContactChannel::Private => Ok(Channel::Private),
        pb::BuyerContactChannel::Unspecified => Err(QaError::invalid(field, "must be a channel")),
    }
}

fn use_kind(field: &str, wire: pb::BuyerReviewUseKind) -> Result<UseKind, QaError> {
    match wire {
        pb::BuyerReviewUseKind::Chat => Ok(UseKind::Chat),
        pb::BuyerReviewUseKind::Advertising => Ok(UseKind::Advertising),
        pb::BuyerReviewUseKind::Training => Ok(UseKind::Training),
        pb::BuyerReviewUseKind::CallBack => Ok(UseKind::CallBack),
        pb::BuyerReviewUseKind::Unspecified => Err(QaError::invalid(field, "must be a kind of use")),
    }
}

pub(super) fn group(wire: pb::BuyerReviewGroup) -> Result<Group, QaError> {
    match wire {
        pb::BuyerReviewGroup::Merchant => Ok(Group::Merchant),
        pb::BuyerReviewGroup::Shop => Ok(Group::Shop),
        pb::BuyerReviewGroup::Product => Ok(Group::Product),
        pb::BuyerReviewGroup::Cause => Ok(Group::Cause),
        pb::BuyerReviewGroup::Stage => Ok(Group::Stage),
        pb::BuyerReviewGroup::Agent => Ok(Group::Agent),
        pb::BuyerReviewGroup::Owner => Ok(Group::Owner),
        pb::BuyerReviewGroup::Day => Ok(Group::Day),
        pb::BuyerReviewGroup::Unspecified => Err(QaError::invalid("group", "is required")),
    }
}

pub(super) fn filter(wire: &pb::ListBuyerReviewsRequest) -> Result<BuyerReviewFilter, QaError> {
    let states = wire.states().map(|state| match state {
        pb::BuyerReviewState::Open => Ok(State::Open),
        pb::BuyerReviewState::Analysed => Ok(State::Analysed),
        pb::BuyerReviewState::Planned => Ok(State::Planned),
        pb::BuyerReviewState::Ended => Ok(State::Ended),
        pb::BuyerReviewState::Unspecified => Err(QaError::invalid("states", "must name states")),
    });
    Ok(BuyerReviewFilter {
        kinds: wire.kinds().map(|it| kind("kinds", it)).collect::<Result<_, _>>()?,
        states: states.collect::<Result<_, _>>()?,
        cause: text("cause_id", &wire.cause_id)?.to_owned(),
        stage: text("stage_id", &wire.stage_id)?.to_owned(),
        product: text("product_id", &wire.product_id)?.to_owned(),
        shop: text("shop_id", &wire.shop_id)?.to_owned(),
        account: text("account_id", &wire.account_id)?.to_owned(),
        owner: text("owner_person_id", &wire.owner_person_id)?.to_owned(),
        order: text("order_id", &wire.order_id)?.to_owned(),
        ever_bad: wire.ever_bad,
        comment_unjudged: wire.comment_unjudged,
    })
}

pub(super) fn overdue_filter(wire: &pb::ListOverdueBuyerReviewsRequest) -> Result<OverdueFilter, QaError> {
    let duties = wire.duties().map(|duty| match duty {
        pb::BuyerReviewDuty::Reply => Ok(Duty::Reply),
        pb::BuyerReviewDuty::CommentReply => Ok(Duty::CommentReply),
        pb::BuyerReviewDuty::Plan => Ok(Duty::Plan),
        pb::BuyerReviewDuty::Outcome => Ok(Duty::Outcome),
        pb::BuyerReviewDuty::Unspecified => Err(QaError::invalid("duties", "must name duties")),
    });
    Ok(OverdueFilter {
        owner: text("owner_person_id", &wire.owner_person_id)?.to_owned(),
        duties: duties.collect::<Result<_, _>>()?,
    })
}

pub(super) fn take(wire: pb::TakeBuyerReviewStepRequest) -> Result<TakeStep, QaError> {
    let id = review_id(&wire.shop_id, &wire.review_id)?;
    let step = wire.step.ok_or_else(|| QaError::invalid("step", "is required"))?;
    let note = |field: &str, words: String| within(field, words, 0, NOTE_MAX);
    let words = |field: &str, words: String| within(field, words, 1, NOTE_MAX);
    let step = match step {
        WireStep::Analyse(step) => Step::Analyse {
            cause: within("analyse.cause_id", step.cause_id, 1, ID_MAX)?,
            stage: within("analyse.stage_id", step.stage_id, 0, ID_MAX)?,
            note: note("analyse.note", step.note)?,
        },
        WireStep::Plan(step) => Step::Plan {
            text: words("plan.text", step.text)?,
            due_day: day("plan.due_day", step.due_day)?,
            steps: plan_steps(step.steps)?,
        },
        WireStep::Mark(step) => Step::Mark {
            index: usize::try_from(step.index)
                .map_err(|_| QaError::invalid("mark.index", "must not be negative"))?,
            done: step.done,
        },
        WireStep::Contact(step) => Step::Contact {
            channel: channel("contact.channel", step.channel())?,
            reached: step.reached,
            note: note("contact.note", step.note)?,
        },
        WireStep::Reply(step) => Step::Reply {
            to_comment: step.to_added_comment,
            replied_at: step
                .replied_at
                .map(|at| {
                    time::instant(&at).ok_or_else(|| QaError::invalid("reply.replied_at", "is no time"))
                })
                .transpose()?,
            text: words("reply.text", step.text)?,
        },
        WireStep::Judge(step) => {
            Step::Judge { kind: kind("judge.kind", step.kind())?, note: note("judge.note", step.note)? }
        }
        WireStep::End(step) => {
            Step::End { outcome: outcome(step.outcome())?, note: note("end.note", step.note)? }
        }
        WireStep::Reopen(step) => Step::Reopen { note: words("reopen.note", step.note)? },
    };
    Ok(TakeStep { id, etag: wire.etag, step })
}

fn outcome(wire: pb::BuyerReviewOutcome) -> Result<Outcome, QaError> {
    match wire {
        pb::BuyerReviewOutcome::FollowedUpGood => Ok(Outcome::FollowedUpGood),
        pb::BuyerReviewOutcome::Changed => Ok(Outcome::Changed),
        pb::BuyerReviewOutcome::Withdrawn => Ok(Outcome::Withdrawn),
        pb::BuyerReviewOutcome::NoEffect => Ok(Outcome::NoEffect),
        pb::BuyerReviewOutcome::Unreachable => Ok(Outcome::Unreachable),
        pb::BuyerReviewOutcome::Unspecified => Err(QaError::invalid("end.outcome", "is required")),
    }
}

pub(super) fn collect(
    wire: pb::CollectBuyerReviewRequest,
) -> Result<(BuyerReviewId, String, Collect), QaError> {
    let id = review_id(&wire.shop_id, &wire.review_id)?;
    let mut tags = tags(wire.tags)?;
    tags.sort_unstable();
    tags.dedup();
    text("note", &wire.note)?;
    Ok((id, wire.etag, Collect { tags, note: wire.note, remove: wire.remove }))
}

fn tags(wire: Vec<String>) -> Result<Vec<String>, QaError> {
    for (at, tag) in wire.iter().enumerate() {
        if id(&format!("tags[{at}]"), tag)?.chars().count() > TAG_MAX {
            return Err(QaError::invalid(format!("tags[{at}]"), "is too long"));
        }
    }
    Ok(wire)
}

pub(super) fn consent(
    wire: &pb::RecordBuyerReviewConsentRequest,
) -> Result<(Consent, Channel, Vec<UseKind>), QaError> {
    let state = match wire.state() {
        pb::BuyerConsentState::Asked => Consent::Asked,
        pb::BuyerConsentState::Given => Consent::Given,
        pb::BuyerConsentState::Refused => Consent::Refused,
        pb::BuyerConsentState::Withdrawn => Consent::Withdrawn,
        pb::BuyerConsentState::Unspecified => return Err(QaError::invalid("state", "is required")),
    };
    let uses = wire.uses().map(|it| use_kind("uses", it)).collect::<Result<_, _>>()?;
    Ok((state, channel("channel", wire.channel())?, uses))
}

pub(super) fn use_change(wire: Option<Change>) -> Result<UseChange, QaError> {
    match wire.ok_or_else(|| QaError::invalid("change", "is required"))? {
        Change::Start(start) => Ok(UseChange::Start {
            kind: use_kind("start.kind", start.kind())?,
            place: within("start.place", start.place, 1, PLACE_MAX)?,
        }),
        // One that is no UUID is the id of no use.
        Change::EndUseId(id) => match Uuid::parse_str(&id) {
            Ok(id) => Ok(UseChange::End(id)),
            Err(_) => Err(BuyerReviewError::UseNotFound { id }.into()),
        },
    }
}

pub(super) fn collected_filter(
    wire: &pb::ListCollectedBuyerReviewsRequest,
) -> Result<CollectedFilter, QaError> {
    let allowed = match wire.allowed_use() {
        pb::BuyerReviewUseKind::Unspecified => None,
        kind => Some(use_kind("allowed_use", kind)?),
    };
    Ok(CollectedFilter {
        tags: tags(wire.tags.clone())?,
        text: text("text", &wire.text)?.to_owned(),
        product: text("product_id", &wire.product_id)?.to_owned(),
        shop: text("shop_id", &wire.shop_id)?.to_owned(),
        allowed,
    })
}

/// A number whose range the proto's rules have checked already.
fn small<T: TryFrom<i32>>(field: &str, wire: i32) -> Result<T, QaError> {
    T::try_from(wire).map_err(|_| QaError::invalid(format!("rules.{field}"), "is out of range"))
}

pub(super) fn rules(wire: Option<pb::BuyerReviewRules>) -> Result<Rules, QaError> {
    let wire = wire.ok_or_else(|| QaError::invalid("rules", "is required"))?;
    let stages = wire.stages.into_iter().enumerate().map(|(at, stage)| {
        text(&format!("rules.stages[{at}].name"), &stage.name)?;
        Ok(Stage {
            id: id(&format!("rules.stages[{at}].stage_id"), &stage.stage_id)?.to_owned(),
            name: stage.name,
        })
    });
    let causes = wire.causes.into_iter().enumerate().map(|(at, cause)| {
        text(&format!("rules.causes[{at}].name"), &cause.name)?;
        Ok(Cause {
            id: id(&format!("rules.causes[{at}].cause_id"), &cause.cause_id)?.to_owned(),
            name: cause.name,
            stage: cause.stage_id,
            retired: cause.retired,
        })
    });
    Ok(Rules {
        stages: stages.collect::<Result<_, QaError>>()?,
        causes: causes.collect::<Result<_, QaError>>()?,
        terms: Terms {
            // The store numbers versions.
            version: 0,
            good_stars_min: wire.good_stars_min,
            bad_stars_max: wire.bad_stars_max,
            comment_decides: wire.comment_decides,
            reply_hours: [
                small("good_reply_hours", wire.good_reply_hours)?,
                small("neutral_reply_hours", wire.neutral_reply_hours)?,
                small("bad_reply_hours", wire.bad_reply_hours)?,
            ],
            service_hours: (
                small("service_from_hour", wire.service_from_hour)?,
                small("service_to_hour", wire.service_to_hour)?,
            ),
            plan_days: small("plan_days", wire.plan_days)?,
            effect_days: small("effect_days", wire.effect_days)?,
            served_days: small("served_days", wire.served_days)?,
            history_days: small("history_days", wire.history_days)?,
        },
    })
}
