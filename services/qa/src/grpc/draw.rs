//! Draws, coverage and plans on the wire.

use chrono::NaiveDate;
use proto::qa::v1 as pb;
use proto::time::{date, timestamp};
use runtime::ids::PersonId;
use sampling::Bundle;

use super::decode::{conversation_ref, day, text};
use crate::domain::draw::{
    Commitment, Coverage, CoverageFilter, DayGap, DayState, Draw, DrawSlice, LateChat, Readiness, Shortfalls,
};
use crate::domain::plan::{Counts, PutSamplingPlan, SamplingPlan};
use crate::error::QaError;

/// Days of which accounts without chats are listed: each is a row.
const IDLE_DAYS_MAX: i64 = 62;

/// The bundle as the document that is verified.
pub(super) fn bundle_json(bundle: &Bundle) -> Result<Vec<u8>, QaError> {
    serde_json::to_vec(bundle).map_err(|e| pg::Error::Internal(e.into()).into())
}

/// What coverage is asked for.
pub(super) fn coverage_filter(
    wire: Option<pb::CoverageFilter>,
    days: (NaiveDate, NaiveDate),
) -> Result<CoverageFilter, QaError> {
    let wire = wire.unwrap_or_default();
    if wire.include_idle && (days.1 - days.0).num_days() >= IDLE_DAYS_MAX {
        let description = format!("is for at most {IDLE_DAYS_MAX} days");
        return Err(QaError::invalid("filter.include_idle", description));
    }
    for account in &wire.account_ids {
        text("filter.account_ids", account)?;
    }
    text("filter.person_id", &wire.person_id)?;
    text("filter.team_id", &wire.team_id)?;
    Ok(CoverageFilter {
        accounts: wire.account_ids,
        person: wire.person_id,
        team: wire.team_id,
        idle: wire.include_idle,
    })
}

/// What a new version of a plan is to say.
pub(super) fn put_sampling_plan(wire: pb::PutSamplingPlanRequest) -> Result<PutSamplingPlan, QaError> {
    let counts = match wire.counts() {
        pb::CountedMessages::AgentReplies => Counts::AgentReplies,
        pb::CountedMessages::All => Counts::AllMessages,
        pb::CountedMessages::Unspecified => return Err(QaError::invalid("counts", "is required")),
    };
    text("team_id", &wire.team_id)?;
    for account in &wire.excluded_account_ids {
        text("excluded_account_ids", account)?;
    }
    for channel in &wire.excluded_channels {
        text("excluded_channels", channel)?;
    }
    Ok(PutSamplingPlan {
        effective_from: day("effective_from", wire.effective_from)?,
        size: wire.size,
        threshold: wire.threshold,
        counts,
        team: wire.team_id,
        excluded_accounts: wire.excluded_account_ids,
        excluded_channels: wire.excluded_channels,
        inherits: wire.inherits,
        etag: wire.etag,
    })
}

impl From<SamplingPlan> for pb::SamplingPlan {
    fn from(plan: SamplingPlan) -> Self {
        let counts = match plan.counts {
            Counts::AgentReplies => pb::CountedMessages::AgentReplies,
            Counts::AllMessages => pb::CountedMessages::All,
        };
        Self {
            version: plan.version,
            effective_from: Some(date(plan.effective_from)),
            size: plan.size,
            threshold: plan.threshold,
            counts: counts.into(),
            created_at: Some(timestamp(plan.created_at)),
            etag: plan.etag(),
            team_id: plan.team,
            excluded_account_ids: plan.excluded_accounts,
            excluded_channels: plan.excluded_channels,
            inherits: plan.inherits,
        }
    }
}

impl From<Readiness> for pb::DayReadiness {
    fn from(readiness: Readiness) -> Self {
        let state = match readiness.state {
            DayState::NotClosed => pb::DayState::NotClosed,
            DayState::Incomplete => pb::DayState::Incomplete,
            DayState::Ready => pb::DayState::Ready,
            DayState::Drawn => pb::DayState::Drawn,
        };
        Self {
            business_day: Some(date(readiness.day)),
            state: state.into(),
            day_closed_version: readiness.closed_version,
            conversations_expected: readiness.conversations_expected,
            conversations_here: readiness.conversations_here,
            long_chats_expected: readiness.long_chats_expected,
            long_chats_here: readiness.long_chats_here,
            gaps: readiness.gaps.into_iter().map(Into::into).collect(),
            gap_count: readiness.gap_count,
        }
    }
}

impl From<DayGap> for pb::DayGap {
    fn from(gap: DayGap) -> Self {
        Self {
            account_id: gap.account.into_string(),
            conversations_expected: gap.expected.conversations,
            conversations_here: gap.here.conversations,
            long_chats_expected: gap.expected.long_chats,
            long_chats_here: gap.here.long_chats,
        }
    }
}

impl From<Commitment> for pb::Commitment {
    fn from(commitment: Commitment) -> Self {
        Self {
            business_day: Some(date(commitment.day)),
            commitment: commitment.hash.as_bytes().to_vec(),
            committed_at: Some(timestamp(commitment.committed_at)),
            before_day: commitment.before_day,
        }
    }
}

impl From<Draw> for pb::Draw {
    fn from(draw: Draw) -> Self {
        let business_day = Some(date(draw.commitment.day));
        let commitment = Some(draw.commitment.into());
        let Some(drawn) = draw.drawn else {
            return Self {
                business_day,
                state: pb::DrawState::Committed.into(),
                commitment,
                ..Self::default()
            };
        };
        Self {
            business_day,
            state: pb::DrawState::Drawn.into(),
            commitment,
            plan_version: drawn.plan_version,
            size: i32::try_from(drawn.plan.size).unwrap_or(i32::MAX),
            day_closed_version: drawn.day_closed_version,
            drawn_at: Some(timestamp(drawn.drawn_at)),
            seed: drawn.seed.reveal().to_vec(),
            list_hash: drawn.list_hash.as_bytes().to_vec(),
            agents: drawn.agents,
            eligible: drawn.eligible,
            drawn: drawn.drawn,
            shortfall_agents: drawn.shortfall_agents,
            late: drawn.late,
            late_accepted: drawn.late_accepted,
            assigned: drawn.assigned,
            unassigned: drawn.unassigned,
            shortfalls: Vec::new(),
        }
    }
}

/// A draw that says why accounts fell short.
pub(super) fn with_shortfalls(draw: pb::Draw, shortfalls: Shortfalls) -> pb::Draw {
    let counts = shortfalls.into_iter().map(|(reason, accounts)| pb::ShortfallCount {
        reason: pb::ShortfallReason::from(reason).into(),
        accounts,
    });
    pb::Draw { shortfalls: counts.collect(), ..draw }
}

impl From<DrawSlice> for pb::GetDrawSliceResponse {
    fn from(slice: DrawSlice) -> Self {
        let chats = slice.chats.into_iter().map(|(conversation, rank, drawn)| pb::DrawnChat {
            conversation: Some(conversation_ref(conversation)),
            rank: rank.as_bytes().to_vec(),
            drawn,
        });
        let hashes = slice.agent_hashes.into_iter().map(|(account, hash)| pb::AgentHash {
            account_id: account.into_string(),
            agent_hash: hash.as_bytes().to_vec(),
        });
        Self {
            draw: Some(slice.draw.into()),
            account_id: slice.account.into_string(),
            chats: chats.collect(),
            late: slice.late.into_iter().map(Into::into).collect(),
            agent_hashes: hashes.collect(),
            own_plan: slice.own_plan.map(own_plan),
            excluded: slice.excluded.into_iter().map(conversation_ref).collect(),
        }
    }
}

fn own_plan(plan: sampling::Plan) -> pb::OwnPlan {
    let counts = match plan.counts {
        sampling::Counts::AgentReplies => pb::CountedMessages::AgentReplies,
        sampling::Counts::AllMessages => pb::CountedMessages::All,
    };
    let bounded = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    pb::OwnPlan { size: bounded(plan.size), threshold: bounded(plan.threshold), counts: counts.into() }
}

impl From<LateChat> for pb::LateChat {
    fn from(late: LateChat) -> Self {
        Self {
            conversation: Some(conversation_ref(late.conversation)),
            rank: late.rank.as_bytes().to_vec(),
            arrived_at: Some(timestamp(late.arrived_at)),
            accepted: late.accepted,
        }
    }
}

impl From<Coverage> for pb::Coverage {
    fn from(coverage: Coverage) -> Self {
        Self {
            business_day: Some(date(coverage.day)),
            account_id: coverage.account.into_string(),
            person_id: coverage.person.map(PersonId::into_string).unwrap_or_default(),
            drawn_yet: coverage.drawn_yet,
            eligible: coverage.eligible,
            drawn: coverage.drawn,
            shortfall: coverage.shortfall,
            late_accepted: coverage.late_accepted,
            assigned: coverage.assigned,
            unassigned: coverage.unassigned,
            reviewed: coverage.reviewed,
            acknowledged: coverage.acknowledged,
            score_bp_sum: coverage.score_bp_sum,
            critical_errors: coverage.critical_errors,
            conversations: coverage.conversations,
            shortfall_reason: coverage.reason.map_or(pb::ShortfallReason::Unspecified, Into::into).into(),
        }
    }
}
