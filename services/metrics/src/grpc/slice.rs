//! Slices of sales in requests: which are asked for, and what they can't be asked for.

use proto::metrics::v1 as pb;

use crate::domain::any_measure::AnyMeasure;
use crate::domain::asking::AskFigures;
use crate::domain::figure::{Cut, Filter, Group, Step};
use crate::domain::slice::{Aspect, Slice, Slices};
use crate::error::MetricsError;
use crate::grpc::decode::{filter, group, invalid};

type Result<T> = std::result::Result<T, MetricsError>;

/// The slices of a filter, if any are given.
pub(super) fn slices(filter: &pb::Filter) -> Result<Option<Slices>> {
    let hours = filter.hours.iter().filter_map(|hour| u8::try_from(*hour).ok()).map(Slice::hour);
    let mut given = [
        ("filter.product_ids", Aspect::Product, filter.product_ids.clone()),
        ("filter.categories", Aspect::Category, filter.categories.clone()),
        ("filter.hours", Aspect::Hour, hours.map(|slice| slice.item).collect()),
    ]
    .into_iter()
    .filter(|(_, _, items)| !items.is_empty());
    let first = given.next().map(|(_, aspect, items)| Slices { aspect, items });
    match given.next() {
        Some((field, ..)) => Err(invalid(field, "must not be given beside other slices of sales")),
        None => Ok(first),
    }
}

/// A filter that cannot take slices.
pub(super) fn whole_filter(wanted: Option<&pb::Filter>) -> Result<Filter> {
    let filter = filter(wanted)?;
    match &filter.slices {
        None => Ok(filter),
        Some(_) => Err(invalid("filter", "must not ask for slices of sales here")),
    }
}

/// A group that doesn't cut sales.
pub(super) fn whole_group(wanted: pb::Group) -> Result<Group> {
    let group = group(wanted)?;
    match group.aspect() {
        None => Ok(group),
        Some(_) => Err(invalid("group", "must not ask for slices of sales here")),
    }
}

/// Refuses a measure that the slices asked for don't have.
pub(super) fn check_sliced(measure: AnyMeasure, slices: Option<&Slices>) -> Result<()> {
    let has = |slices: &Slices| match measure {
        AnyMeasure::Timelines(measure) => measure.is_sliced_by(slices.aspect),
        AnyMeasure::Conversations(_) => false,
    };
    match slices {
        Some(slices) if !has(slices) => Err(invalid("measure", "must be one that slices of sales have")),
        _ => Ok(()),
    }
}

/// Refuses what figures of slices don't have.
pub(super) fn check_figures(ask: &AskFigures) -> Result<()> {
    let Some(slices) = ask.group.slices(&ask.filter) else { return Ok(()) };
    if ask.group.aspect().is_some_and(|aspect| aspect != slices.aspect) {
        return Err(invalid("filter", "must not cut sales another way than the group does"));
    }
    let others = [
        ("step", ask.cut == Cut::Step(Step::Hour)),
        ("distinct_customers", ask.distinct_customers),
        ("within_seconds", !ask.within_seconds.is_empty()),
        ("summarize", ask.summarize),
    ];
    match others.iter().find(|(_, given)| *given) {
        Some((field, _)) => Err(invalid(*field, "cannot be had of slices of sales")),
        None => Ok(()),
    }
}
