//! Bot figures from the wire to the domain.

use proto::common::v1 as common;
use proto::metrics::v1 as pb;

use crate::domain::bot::{BotFilter, Facet, QuestionState};
use crate::domain::fact::QuestionClass;
use crate::domain::figure::DayRange;
use crate::error::MetricsError;
use crate::grpc::decode::{EXPLAINED_DAYS_MAX, check_no_nul, id, invalid, range};

type Result<T> = std::result::Result<T, MetricsError>;

pub(super) fn days(days: Option<&common::DayRange>) -> Result<DayRange> {
    range("days", days, EXPLAINED_DAYS_MAX)
}

pub(super) fn facet(facet: pb::BotFacet) -> Result<Facet> {
    Ok(match facet {
        pb::BotFacet::Unspecified => return Err(invalid("facet", "must be given")),
        pb::BotFacet::All => Facet::All,
        pb::BotFacet::Class => Facet::Class,
        pb::BotFacet::Product => Facet::Product,
        pb::BotFacet::Scene => Facet::Scene,
        pb::BotFacet::Campaign => Facet::Campaign,
        pb::BotFacet::Shop => Facet::Shop,
    })
}

pub(super) fn filter(filter: Option<&pb::BotFilter>) -> Result<BotFilter> {
    let Some(filter) = filter else { return Ok(BotFilter::default()) };
    let class = |class| match class {
        pb::BotQuestionClass::Unspecified => None,
        pb::BotQuestionClass::Industry => Some(QuestionClass::Industry),
        pb::BotQuestionClass::General => Some(QuestionClass::General),
        pb::BotQuestionClass::Own => Some(QuestionClass::Own),
    };
    let ids = |field: &str, list: &[String]| -> Result<Vec<String>> {
        list.iter().enumerate().map(|(at, text)| id(&format!("filter.{field}[{at}]"), text)).collect()
    };
    Ok(BotFilter {
        shops: ids("shop_ids", &filter.shop_ids)?,
        classes: filter.classes().filter_map(class).collect(),
        products: ids("product_ids", &filter.product_ids)?,
        scenes: ids("scenes", &filter.scenes)?,
        campaigns: ids("campaign_ids", &filter.campaign_ids)?,
    })
}

pub(super) fn state(state: pb::BotQuestionState) -> Option<QuestionState> {
    match state {
        pb::BotQuestionState::Unspecified => None,
        pb::BotQuestionState::Open => Some(QuestionState::Open),
        pb::BotQuestionState::Planned => Some(QuestionState::Planned),
        pb::BotQuestionState::Handled => Some(QuestionState::Handled),
        pb::BotQuestionState::Dismissed => Some(QuestionState::Dismissed),
    }
}

/// What is decided; taking that back leaves no note.
pub(super) fn mark(message: &pb::MarkQuestionRequest) -> Result<QuestionState> {
    check_no_nul("text", &message.text)?;
    check_no_nul("note", &message.note)?;
    let state = state(message.state()).ok_or_else(|| invalid("state", "must be given"))?;
    if state == QuestionState::Open && !message.note.is_empty() {
        return Err(invalid("note", "must be empty for a question that is open again"));
    }
    Ok(state)
}
