//! Scorecards on the wire.

use proto::qa::v1 as pb;
use proto::time::{date, timestamp};
use uuid::Uuid;

use super::decode::{day, id, text};
use super::review;
use crate::domain::scorecard::{
    Category, Content, CreateScorecard, Criterion, CriticalError, Formula, Reason, Scale, Scorecard,
    ScorecardState,
};
use crate::domain::team_scorecard::{PutTeamScorecard, TeamScorecard};
use crate::error::QaError;

/// Which card is asked for.
pub(super) enum Asked<'a> {
    /// A version of a card; the published one without an id.
    Card {
        /// Empty for the published one.
        id: &'a str,
        /// 0 for the newest.
        version: i32,
    },
    /// The one of a review.
    Review(Uuid),
}

/// Which card is asked for.
pub(super) fn asked(wire: &pb::GetScorecardRequest) -> Result<Asked<'_>, QaError> {
    let id = text("scorecard_id", &wire.scorecard_id)?;
    if wire.review_id.is_empty() {
        return Ok(Asked::Card { id, version: wire.version });
    }
    if !id.is_empty() || wire.version != 0 {
        return Err(QaError::invalid("review_id", "must be empty where scorecard_id or version is given"));
    }
    Ok(Asked::Review(review::id(&wire.review_id)?))
}

/// What a team is to have from a day on.
pub(super) fn put_of_team(wire: pb::PutTeamScorecardRequest) -> Result<PutTeamScorecard, QaError> {
    id("team_id", &wire.team_id)?;
    text("scorecard_id", &wire.scorecard_id)?;
    if wire.scorecard_id.is_empty() != (wire.scorecard_version == 0) {
        return Err(QaError::invalid("scorecard_version", "belongs to scorecard_id: give both or neither"));
    }
    Ok(PutTeamScorecard {
        effective_from: day("effective_from", wire.effective_from)?,
        card: (!wire.scorecard_id.is_empty()).then_some((wire.scorecard_id, wire.scorecard_version)),
        team: wire.team_id,
        etag: wire.etag,
    })
}

/// A draft to be made.
pub(super) fn create(wire: pb::CreateScorecardRequest) -> Result<CreateScorecard, QaError> {
    text("scorecard_id", &wire.scorecard_id)?;
    text("name", &wire.name)?;
    let formula = match wire.formula() {
        pb::ScoreFormula::Unspecified | pb::ScoreFormula::Shares => Formula::Shares,
        pb::ScoreFormula::Points => Formula::Points,
    };
    let categories = wire.categories.into_iter().enumerate().map(|(at, category)| {
        text(&format!("categories[{at}].category_id"), &category.category_id)?;
        text(&format!("categories[{at}].name"), &category.name)?;
        Ok(Category { id: category.category_id, name: category.name, weight: category.weight })
    });
    let criteria = wire.criteria.into_iter().enumerate().map(|(at, criterion)| {
        for (field, value) in [
            ("criterion_id", &criterion.criterion_id),
            ("name", &criterion.name),
            ("description", &criterion.description),
            ("category_id", &criterion.category_id),
        ] {
            text(&format!("criteria[{at}].{field}"), value)?;
        }
        let reasons = criterion.reasons.iter().enumerate().map(|(place, reason)| {
            let field = format!("criteria[{at}].reasons[{place}]");
            text(&format!("{field}.reason_id"), &reason.reason_id)?;
            text(&format!("{field}.name"), &reason.name)?;
            Ok(Reason { id: reason.reason_id.clone(), name: reason.name.clone() })
        });
        Ok(Criterion {
            reasons: reasons.collect::<Result<_, QaError>>()?,
            scale: criterion.scale().into(),
            id: criterion.criterion_id,
            name: criterion.name,
            description: criterion.description,
            weight: criterion.weight,
            min_points: criterion.min_points,
            max_points: criterion.max_points,
            critical: criterion.critical,
            category: criterion.category_id,
        })
    });
    let errors = wire.critical_errors.into_iter().enumerate().map(|(at, error)| {
        text(&format!("critical_errors[{at}].critical_error_id"), &error.critical_error_id)?;
        text(&format!("critical_errors[{at}].name"), &error.name)?;
        Ok(CriticalError { id: error.critical_error_id, name: error.name })
    });
    let content = Content {
        criteria: criteria.collect::<Result<_, QaError>>()?,
        critical_errors: errors.collect::<Result<_, QaError>>()?,
        categories: categories.collect::<Result<_, QaError>>()?,
        formula,
    };
    let id = (!wire.scorecard_id.is_empty()).then_some(wire.scorecard_id);
    Ok(CreateScorecard { id, name: wire.name, content })
}

impl From<Scorecard> for pb::Scorecard {
    fn from(card: Scorecard) -> Self {
        let state = match card.state {
            ScorecardState::Draft => pb::ScorecardState::Draft,
            ScorecardState::Published => pb::ScorecardState::Published,
            ScorecardState::Retired => pb::ScorecardState::Retired,
            ScorecardState::InTeams => pb::ScorecardState::InTeams,
        };
        let etag = card.etag();
        let formula = match card.content.formula {
            Formula::Shares => pb::ScoreFormula::Shares,
            Formula::Points => pb::ScoreFormula::Points,
        };
        let categories = card.content.categories.into_iter().map(|category| pb::Category {
            category_id: category.id,
            name: category.name,
            weight: category.weight,
        });
        Self {
            scorecard_id: card.id,
            version: card.version,
            name: card.name,
            state: state.into(),
            criteria: card.content.criteria.into_iter().map(Into::into).collect(),
            critical_errors: card.content.critical_errors.into_iter().map(Into::into).collect(),
            created_at: Some(timestamp(card.created_at)),
            published_at: card.published_at.map(timestamp),
            retired_at: card.retired_at.map(timestamp),
            etag,
            categories: categories.collect(),
            formula: formula.into(),
        }
    }
}

impl From<TeamScorecard> for pb::TeamScorecard {
    fn from(choice: TeamScorecard) -> Self {
        let etag = choice.etag();
        let inherits = choice.card.is_none();
        let (scorecard_id, scorecard_version) = choice.card.unwrap_or_default();
        Self {
            team_id: choice.team,
            version: choice.version,
            effective_from: choice.effective_from.map(date),
            inherits,
            scorecard_id,
            scorecard_version,
            created_at: choice.created_at.map(timestamp),
            etag,
        }
    }
}

impl From<pb::CriterionScale> for Scale {
    fn from(wire: pb::CriterionScale) -> Self {
        match wire {
            pb::CriterionScale::Unspecified | pb::CriterionScale::Points => Self::Points,
            pb::CriterionScale::TwoPoint => Self::TwoPoint,
            pb::CriterionScale::ThreePoint => Self::ThreePoint,
            pb::CriterionScale::FourPoint => Self::FourPoint,
            pb::CriterionScale::FivePoint => Self::FivePoint,
        }
    }
}

impl From<Scale> for pb::CriterionScale {
    fn from(scale: Scale) -> Self {
        match scale {
            Scale::Points => Self::Points,
            Scale::TwoPoint => Self::TwoPoint,
            Scale::ThreePoint => Self::ThreePoint,
            Scale::FourPoint => Self::FourPoint,
            Scale::FivePoint => Self::FivePoint,
        }
    }
}

impl From<Criterion> for pb::Criterion {
    fn from(criterion: Criterion) -> Self {
        let reasons = criterion.reasons.into_iter();
        let reasons = reasons.map(|reason| pb::Reason { reason_id: reason.id, name: reason.name });
        Self {
            criterion_id: criterion.id,
            name: criterion.name,
            description: criterion.description,
            weight: criterion.weight,
            min_points: criterion.min_points,
            max_points: criterion.max_points,
            critical: criterion.critical,
            scale: pb::CriterionScale::from(criterion.scale).into(),
            category_id: criterion.category,
            reasons: reasons.collect(),
        }
    }
}

impl From<CriticalError> for pb::CriticalError {
    fn from(error: CriticalError) -> Self {
        Self { critical_error_id: error.id, name: error.name }
    }
}
