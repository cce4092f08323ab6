//! From the wire to the domain; whatever cannot be is INVALID_ARGUMENT with its field.

use proto::access::Role;
use proto::common::v1 as common;
use proto::google::r#type::Date;
use proto::metrics::v1 as pb;

use crate::domain::analysis::{Facet, Subject};
use crate::domain::any_measure::AnyMeasure;
use crate::domain::comparison::Against;
use crate::domain::figure::{DayRange, Group, Step};
use crate::domain::judgement::DAYS_MIN;
use crate::domain::playbook::{Direction, Entry};
use crate::domain::slice::Aspect;
use crate::domain::trade_measure::TradeMeasure;
use crate::error::MetricsError;
use crate::grpc::decode::{self, invalid};
use crate::grpc::slice;

type Result<T> = std::result::Result<T, MetricsError>;

pub(super) fn subject(
    filter: Option<&pb::Filter>,
    definition: Option<&pb::DefinitionRef>,
) -> Result<Subject> {
    Ok(Subject { filter: slice::whole_filter(filter)?, definition: decode::definition_ref(definition) })
}

/// What the change of a measure is split by; refused if the measure doesn't add up over it.
pub(super) fn facet(facet: pb::Facet, measure: AnyMeasure) -> Result<Facet> {
    let sliced = |group: Group, aspect: Aspect| match measure {
        AnyMeasure::Timelines(measure) if measure.adds_up_over(aspect) => Ok(Facet::Group(group)),
        _ => Err(invalid("facet", "must be one over which the measure adds up")),
    };
    if measure == AnyMeasure::Timelines(TradeMeasure::AgentsShareOfSales)
        && matches!(facet, pb::Facet::Account | pb::Facet::Person | pb::Facet::Team)
    {
        return Err(invalid(
            "facet",
            "must be one over which the measure adds up: all of a shop share its sales",
        ));
    }
    Ok(match facet {
        pb::Facet::Unspecified => return Err(invalid("facet", "must be given")),
        pb::Facet::Account => Facet::Group(Group::Account),
        pb::Facet::Person => Facet::Group(Group::Person),
        pb::Facet::Team => Facet::Group(Group::Team),
        pb::Facet::Shop => Facet::Group(Group::Shop),
        pb::Facet::Hour => match measure {
            AnyMeasure::Conversations(_) => Facet::Hour,
            AnyMeasure::Timelines(_) => sliced(Group::Hour, Aspect::Hour)?,
        },
        pb::Facet::Product => sliced(Group::Product, Aspect::Product)?,
        pb::Facet::Category => sliced(Group::Category, Aspect::Category)?,
    })
}

pub(super) fn against(kind: pb::ComparisonKind) -> Against {
    decode::against(kind).unwrap_or(Against::PreviousPeriod)
}

pub(super) fn base_of(days: DayRange, against: Against) -> DayRange {
    against.days(days, Step::Whole)
}

/// The days before and now.
pub(super) fn sides(
    days: Option<&common::DayRange>,
    base: Option<&common::DayRange>,
    compare: pb::ComparisonKind,
    days_max: i64,
) -> Result<(DayRange, DayRange)> {
    let days = decode::range("days", days, days_max)?;
    let base = match base {
        Some(base) => decode::range("base_days", Some(base), days_max)?,
        None => base_of(days, against(compare)),
    };
    Ok((base, days))
}

/// Hours of conversations are counted on demand.
pub(super) fn days_max(facet: Facet) -> i64 {
    match facet {
        Facet::Hour => decode::HOURLY_DAYS_MAX,
        Facet::Group(_) => decode::DAYS_MAX,
    }
}

/// How many like periods; `None` takes the usual.
pub(super) fn like_periods(count: i32) -> Result<Option<u32>> {
    match u32::try_from(count) {
        Ok(0) => Ok(None),
        Ok(count) if count as usize >= DAYS_MIN => Ok(Some(count)),
        _ => Err(invalid("weeks", format!("must be 0, or {DAYS_MIN} at least"))),
    }
}

/// The days that are judged: one, or a run of them.
pub(super) fn judged_days(day: Option<&Date>, days: Option<&common::DayRange>) -> Result<DayRange> {
    match (day, days) {
        (None, None) => Err(invalid("business_day", "must be given, or days")),
        (Some(_), Some(_)) => Err(invalid("days", "must not be given beside business_day")),
        (None, days) => decode::range("days", days, decode::DAYS_MAX),
        (day, None) => {
            let day = decode::day("business_day", day)?;
            Ok(DayRange { from: day, to: day })
        }
    }
}

/// A remedy's id and what it says.
pub(super) fn remedy(remedy: Option<&pb::Remedy>) -> Result<(&str, Entry)> {
    let remedy = remedy.ok_or_else(|| invalid("remedy", "must be given"))?;
    let entry = Entry {
        measure: decode::measure(remedy.measure())?,
        direction: match remedy.direction() {
            pb::Direction::Unspecified => return Err(invalid("remedy.direction", "must be given")),
            pb::Direction::Risen => Direction::Risen,
            pb::Direction::Fallen => Direction::Fallen,
        },
        cause: remedy.cause.clone(),
        text: remedy.text.clone(),
        owner: match remedy.owner() {
            Role::Unspecified => return Err(invalid("remedy.owner", "must be given")),
            owner => owner,
        },
        department: remedy.department.clone(),
    };
    Ok((&remedy.remedy_id, entry))
}
