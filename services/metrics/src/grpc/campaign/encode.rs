//! Campaigns from the domain to the wire.

use proto::common::v1 as common;
use proto::metrics::v1 as pb;
use proto::time::{date, timestamp};

use crate::domain::campaign::review::{Comparison, Document, Line, Outcome, PhaseComparison, ReviewState};
use crate::domain::campaign::{Campaign, Mark};
use crate::domain::campaigns::Reviewed;
use crate::grpc::encode::{days, measure, rate};
use crate::grpc::target;
use crate::outgoing;

pub(super) fn campaign(campaign: &Campaign) -> pb::Campaign {
    let mut plan = outgoing::campaign::plan(&campaign.plan);
    for item in &mut plan.checklist {
        item.mark = campaign.marks.get(&item.item_id).map(mark);
    }
    pb::Campaign {
        campaign_id: campaign.id.clone(),
        version: campaign.version,
        state: outgoing::campaign::state(campaign.state).into(),
        plan: Some(plan),
        starts_at: Some(timestamp(campaign.starts_at())),
        ends_at: Some(timestamp(campaign.ends_at())),
        cancel_reason: campaign.cancel_reason.clone(),
        changed_by: campaign.changed_by.clone(),
        changed_at: Some(timestamp(campaign.changed_at)),
        etag: campaign.etag(),
    }
}

fn mark(mark: &Mark) -> pb::ChecklistMark {
    pb::ChecklistMark { done_by: mark.by.clone(), done_at: Some(timestamp(mark.at)), note: mark.note.clone() }
}

pub(super) fn review(reviewed: &Reviewed) -> pb::CampaignReview {
    let state = match reviewed.state {
        ReviewState::Open => pb::CampaignReviewState::Open,
        ReviewState::Overdue => pb::CampaignReviewState::Overdue,
        ReviewState::Submitted => pb::CampaignReviewState::Submitted,
    };
    let review = &reviewed.review;
    let (submitted_by, submitted_at) = review.submitted.clone().unzip();
    pb::CampaignReview {
        campaign_id: review.campaign.clone(),
        campaign_name: review.campaign_name.clone(),
        state: state.into(),
        due_day: Some(date(review.due_day)),
        document: Some(document(&review.document)),
        comparison: reviewed.comparison.as_ref().map(comparison),
        submitted_by: submitted_by.unwrap_or_default(),
        submitted_at: submitted_at.map(timestamp),
        etag: review.etag(),
    }
}

fn document(document: &Document) -> pb::CampaignReviewDocument {
    let preparations = document.preparations.iter().map(|judgement| pb::PreparationJudgement {
        item_id: judgement.item.clone(),
        outcome: match judgement.outcome {
            Outcome::Worked => pb::PreparationOutcome::Worked,
            Outcome::Partly => pb::PreparationOutcome::Partly,
            Outcome::Failed => pb::PreparationOutcome::Failed,
            Outcome::Unneeded => pb::PreparationOutcome::Unneeded,
        }
        .into(),
        evidence: judgement.evidence.clone(),
    });
    let next_time = document.next_time.iter().map(|improvement| pb::CampaignImprovement {
        text: improvement.text.clone(),
        owner_person_id: improvement.owner.clone().unwrap_or_default(),
        goal: improvement.goal.as_ref().map(target::encode::indicator),
    });
    pb::CampaignReviewDocument {
        preparations: preparations.collect(),
        went_well: document.went_well.clone(),
        went_badly: document.went_badly.clone(),
        next_time: next_time.collect(),
        operations_feedback: document.operations_feedback.clone(),
        like_campaign_id: document.like_campaign.clone().unwrap_or_default(),
    }
}

fn comparison(comparison: &Comparison) -> pb::CampaignComparison {
    pb::CampaignComparison {
        like_campaign_id: comparison.like_campaign.clone().unwrap_or_default(),
        phases: comparison.phases.iter().map(phase).collect(),
        definition_version: comparison.definition_version,
    }
}

fn phase(phase: &PhaseComparison) -> pb::PhaseComparison {
    let range = |(from, to)| -> Option<common::DayRange> { Some(days(from, to)) };
    pb::PhaseComparison {
        phase: outgoing::campaign::phase(phase.phase).into(),
        days: range(phase.days),
        like_days: range(phase.like_days),
        provisional: phase.provisional,
        lines: phase.lines.iter().map(line).collect(),
    }
}

fn line(line: &Line) -> pb::ComparisonLine {
    pb::ComparisonLine {
        measure: measure(line.measure).into(),
        value: Some(rate(line.value.0, line.value.1)),
        like: Some(rate(line.like.0, line.like.1)),
        change: line.change(),
    }
}
