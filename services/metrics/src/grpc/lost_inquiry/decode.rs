//! Lost inquiries from the wire to the domain.

use proto::access::role_name;
use proto::metrics::v1 as pb;

use crate::domain::lost_inquiry::catalogue::{Content, Reason};
use crate::domain::lost_inquiry::filter::LossFilter;
use crate::domain::lost_inquiry::report::Dimension;
use crate::domain::lost_inquiry::signal::Signal;
use crate::domain::lost_inquiry::{LossKey, LossKind};
use crate::error::MetricsError;
use crate::grpc::decode::{self, EXPLAINED_DAYS_MAX, check_no_nul, id, invalid};

type Result<T> = std::result::Result<T, MetricsError>;

pub(super) fn key(key: Option<&pb::LostInquiryKey>) -> Result<LossKey> {
    let key = key.ok_or_else(|| invalid("key", "must be given"))?;
    Ok(LossKey {
        day: decode::day("key.business_day", key.business_day.as_ref())?,
        account: id("key.account_id", &key.account_id)?,
        shop: id("key.shop_id", &key.shop_id)?,
        customer: id("key.customer_id", &key.customer_id)?,
    })
}

pub(super) fn catalogue(message: &pb::PutLossCatalogueRequest) -> Result<Content> {
    let reason = |reason: &pb::LossReason| Reason {
        id: reason.reason_id.clone(),
        name: reason.name.clone(),
        department: role_name(reason.department()).to_owned(),
        signals: reason.signals().filter_map(signal).collect(),
        retired: reason.retired,
    };
    Ok(Content {
        reasons: message.reasons.iter().map(reason).collect(),
        member_levels: message.member_levels.clone(),
    })
}

fn signal(signal: pb::LossSignal) -> Option<Signal> {
    Signal::of(&signal.as_str_name().trim_start_matches("LOSS_SIGNAL_").to_lowercase())
}

fn kind(kind: pb::LossKind) -> Option<LossKind> {
    match kind {
        pb::LossKind::Unspecified => None,
        pb::LossKind::NotAnswered => Some(LossKind::NotAnswered),
        pb::LossKind::NotOrdered => Some(LossKind::NotOrdered),
        pb::LossKind::NotPaid => Some(LossKind::NotPaid),
    }
}

pub(super) fn filter(message: &pb::ListLostInquiriesRequest) -> Result<LossFilter> {
    let lists = [
        ("reason_ids", &message.reason_ids),
        ("member_levels", &message.member_levels),
        ("product_ids", &message.product_ids),
    ];
    for (field, list) in lists {
        check_no_nul(field, list)?;
    }
    Ok(LossFilter {
        range: decode::range("days", message.days.as_ref(), EXPLAINED_DAYS_MAX)?,
        selection: decode::filter(message.filter.as_ref())?,
        kinds: message.kinds().filter_map(kind).collect(),
        reasons: message.reason_ids.clone(),
        member_levels: message.member_levels.clone(),
        products: message.product_ids.clone(),
        undecided: message.undecided,
        include_open: message.include_open,
    })
}

pub(super) fn dimensions(message: &pb::GetLossReportRequest) -> Vec<Dimension> {
    let dimension = |dimension| match dimension {
        pb::LossDimension::Unspecified => None,
        pb::LossDimension::Reason => Some(Dimension::Reason),
        pb::LossDimension::MemberLevel => Some(Dimension::MemberLevel),
        pb::LossDimension::Product => Some(Dimension::Product),
        pb::LossDimension::Account => Some(Dimension::Account),
        pb::LossDimension::Kind => Some(Dimension::Kind),
    };
    message.by().filter_map(dimension).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_its_name_on_the_wire() {
        let wire = (1..=14).filter_map(|number| pb::LossSignal::try_from(number).ok());
        assert_eq!(wire.filter_map(signal).collect::<Vec<_>>(), Signal::ALL);
    }
}
