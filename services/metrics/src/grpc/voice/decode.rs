//! Voices from the wire to the domain.

use proto::metrics::v1 as pb;

use crate::domain::figure::Step;
use crate::domain::voice::{Source, Topic, VoiceQuery};
use crate::domain::voices::NewHandOver;
use crate::error::MetricsError;
use crate::grpc::decode::{EXPLAINED_DAYS_MAX, check_no_nul, day, invalid, optional_id, range};

type Result<T> = std::result::Result<T, MetricsError>;

fn source(source: pb::VoiceSource) -> Option<Source> {
    match source {
        pb::VoiceSource::Unspecified => None,
        pb::VoiceSource::Refund => Some(Source::Refund),
        pb::VoiceSource::Complaint => Some(Source::Complaint),
        pb::VoiceSource::LostInquiry => Some(Source::LostInquiry),
        pb::VoiceSource::BadReview => Some(Source::BadReview),
    }
}

fn given(found: pb::VoiceSource) -> Result<Source> {
    source(found).ok_or_else(|| invalid("source", "must be given"))
}

pub(super) fn query(message: &pb::ListVoicesRequest) -> Result<VoiceQuery> {
    check_no_nul("shop_ids", &message.shop_ids)?;
    check_no_nul("product_ids", &message.product_ids)?;
    Ok(VoiceQuery {
        days: range("days", message.days.as_ref(), EXPLAINED_DAYS_MAX)?,
        shops: message.shop_ids.clone(),
        sources: message.sources().filter_map(source).collect(),
        products: message.product_ids.clone(),
        reason: None,
        product: None,
    })
}

pub(super) fn trend(message: &pb::GetVoiceTrendRequest) -> Result<(VoiceQuery, Step)> {
    check_no_nul("shop_ids", &message.shop_ids)?;
    check_no_nul("reason", &message.reason)?;
    check_no_nul("product_id", &message.product_id)?;
    let step = match message.step() {
        pb::Step::Day => Step::Day,
        pb::Step::Week => Step::Week,
        pb::Step::Month => Step::Month,
        _ => return Err(invalid("step", "must be DAY, WEEK or MONTH")),
    };
    let query = VoiceQuery {
        days: range("days", message.days.as_ref(), EXPLAINED_DAYS_MAX)?,
        shops: message.shop_ids.clone(),
        sources: vec![given(message.source())?],
        products: Vec::new(),
        reason: message.reason.clone(),
        product: message.product_id.clone(),
    };
    Ok((query, step))
}

pub(super) fn evidence(message: &pb::ListVoiceEvidenceRequest) -> Result<VoiceQuery> {
    check_no_nul("shop_ids", &message.shop_ids)?;
    let topic = topic(message.source(), &message.reason, &message.product_id)?;
    let days = range("days", message.days.as_ref(), EXPLAINED_DAYS_MAX)?;
    Ok(VoiceQuery { shops: message.shop_ids.clone(), ..VoiceQuery::about(&topic, days) })
}

fn topic(source: pb::VoiceSource, reason: &str, product: &str) -> Result<Topic> {
    check_no_nul("reason", &reason)?;
    check_no_nul("product_id", &product)?;
    Ok(Topic { source: given(source)?, reason: reason.to_owned(), product: product.to_owned() })
}

pub(super) fn hand_over(message: &pb::HandOverVoiceRequest) -> Result<NewHandOver> {
    check_no_nul("note", &message.note)?;
    if message.note.trim().is_empty() {
        return Err(invalid("note", "must say what is wanted"));
    }
    Ok(NewHandOver {
        topic: topic(message.source(), &message.reason, &message.product_id)?,
        days: range("days", message.days.as_ref(), EXPLAINED_DAYS_MAX)?,
        department: message.department,
        owner: optional_id("owner_person_id", &message.owner_person_id)?,
        due_day: message.due_day.as_ref().map(|due| day("due_day", Some(due))).transpose()?,
        note: message.note.clone(),
    })
}
