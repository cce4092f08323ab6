//! `jinpai.qa.v1.QualityService`: parse, call, encode. No rule lives here.

use agreement::Order;
use proto::qa::v1 as pb;
use proto::qa::v1::quality_service_server::QualityService;
use proto::time::date;
use runtime::identity::{Admitted, admitted};
use runtime::ids::PersonId;
use tonic::{Request, Response};

use super::decode::{day, days, text};
use super::{Reply, converted, estimate, review};
use crate::domain::qualities::Qualities;
use crate::domain::quality::{FAULT_RATE, FeedbackSheet, Figure, Group, PASS_BP, Question, Row};
use crate::error::QaError;

/// The longest range of a report.
const DAYS_MAX: i64 = 400;

/// The service on the wire.
#[derive(Debug, Clone)]
pub struct QualityApi {
    qualities: Qualities,
}

impl QualityApi {
    /// In front of these use cases.
    pub fn new(qualities: Qualities) -> Self {
        Self { qualities }
    }
}

#[tonic::async_trait]
impl QualityService for QualityApi {
    async fn get_quality(&self, request: Request<pb::GetQualityRequest>) -> Reply<pb::GetQualityResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let rows = self.qualities.get_quality(&scope, &question(&message)?).await?;
        Ok(Response::new(pb::GetQualityResponse { rows: converted(rows) }))
    }

    async fn get_feedback_sheet(
        &self,
        request: Request<pb::GetFeedbackSheetRequest>,
    ) -> Reply<pb::GetFeedbackSheetResponse> {
        let Admitted { message, scope, caller } = admitted(request)?;
        let person = match text("person_id", &message.person_id)? {
            "" => caller.person.ok_or(QaError::NoPerson)?,
            person => PersonId::new(person),
        };
        let day = day("day", message.day)?;
        let sheet = self.qualities.get_feedback_sheet(&scope, &person, day).await?;
        Ok(Response::new(pb::GetFeedbackSheetResponse { sheet: Some(sheet.into()) }))
    }
}

fn question(wire: &pb::GetQualityRequest) -> Result<Question, QaError> {
    let days = days("days", wire.days)?;
    if (days.1 - days.0).num_days() >= DAYS_MAX {
        return Err(QaError::invalid("days.to", format!("must be within {DAYS_MAX} days of from")));
    }
    let group = match wire.group() {
        pb::QualityGroup::Account => Group::Account,
        pb::QualityGroup::Person => Group::Person,
        pb::QualityGroup::Team => Group::Team,
        pb::QualityGroup::Criterion => Group::Criterion,
        pb::QualityGroup::Day => Group::Day,
        pb::QualityGroup::Week => Group::Week,
        pb::QualityGroup::Month => Group::Month,
        pb::QualityGroup::Unspecified => return Err(QaError::invalid("group", "is required")),
    };
    Ok(Question {
        days,
        group,
        team: text("team_id", &wire.team_id)?.to_owned(),
        person: text("person_id", &wire.person_id)?.to_owned(),
        pass_bp: if wire.pass_bp == 0 { PASS_BP } else { wire.pass_bp },
        fault_rate: if wire.fault_rate == 0.0 { FAULT_RATE } else { wire.fault_rate },
    })
}

fn figure(figure: Figure) -> pb::Estimate {
    figure.map_or_else(estimate::undefined, estimate::estimate)
}

fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn card_use(((scorecard_id, scorecard_version), reviewed): ((String, i32), u64)) -> pb::CardUse {
    pb::CardUse { scorecard_id, scorecard_version, reviewed: count(reviewed) }
}

impl From<Row> for pb::QualityRow {
    fn from(row: Row) -> Self {
        let place = |place: usize| i32::try_from(place).unwrap_or(i32::MAX);
        let (best, worst) = row.places.unwrap_or_default();
        Self {
            key: row.key,
            reviewed: count(row.reviewed),
            covered: count(row.covered),
            uncovered: count(row.uncovered),
            score_bp: Some(figure(row.score_bp)),
            pass_rate: Some(figure(row.pass_rate)),
            critical_rate: row.critical_rate.map(figure),
            ability: Some(figure(row.ability)),
            place_best: place(best),
            place_worst: place(worst),
            detection: row.detection,
            cards: row.cards.into_iter().map(card_use).collect(),
        }
    }
}

impl From<FeedbackSheet> for pb::FeedbackSheet {
    fn from(sheet: FeedbackSheet) -> Self {
        let comments = sheet.comments.into_iter().map(|(id, comment)| pb::FeedbackComment {
            review_id: id.to_string(),
            comment: Some(review::encode_comment(comment)),
        });
        let change = sheet.change.map(|change| pb::ScoreChange {
            difference_bp: Some(estimate::estimate(change.difference)),
            distinguishable: change.order != Order::Unclear,
            other_cards: sheet.other_cards,
        });
        Self {
            person_id: sheet.person.into_string(),
            week: Some(date(sheet.week)),
            row: Some(sheet.row.into()),
            criteria: converted(sheet.criteria),
            change,
            comments: comments.collect(),
            critical_error_ids: sheet.critical_errors,
            unacknowledged_review_ids: sheet.unacknowledged.iter().map(ToString::to_string).collect(),
            appeals_open: sheet.appeals_open,
        }
    }
}
