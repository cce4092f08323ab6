//! From the wire to commands; whatever cannot be is INVALID_ARGUMENT with its field.

use chrono::NaiveDate;
use proto::access::Role;
use proto::google::r#type::Date;
use proto::performance::v1 as pb;
use runtime::ids::{ShopId, TeamId};

use crate::domain::merchant::{Settings, Shop};
use crate::domain::person::{Details, PeopleFilter, PersonStatus};
use crate::domain::sheet::plausible;
use crate::domain::span::Span;
use crate::domain::text;
use crate::error::PerformanceError;

type Result<T> = std::result::Result<T, PerformanceError>;

/// An id that names something.
pub(super) fn id(field: &str, value: &str) -> Result<String> {
    text::required(field, value)
}

/// An id that the caller may leave to us.
pub(super) fn new_id(field: &str, value: &str) -> Result<Option<String>> {
    if value.is_empty() { Ok(None) } else { text::required(field, value).map(Some) }
}

pub(super) fn name(value: &str) -> Result<String> {
    text::required("name", value)
}

pub(super) fn settings(message: &pb::UpdateMerchantRequest) -> Result<Settings> {
    let shop = |(at, shop): (usize, &pb::Shop)| {
        Ok(Shop {
            id: ShopId::new(text::required(&format!("shops[{at}].shop_id"), &shop.shop_id)?),
            name: text::required(&format!("shops[{at}].name"), &shop.name)?,
        })
    };
    Ok(Settings {
        name: name(&message.name)?,
        time_zone: text::required("time_zone", &message.time_zone)?,
        cut_over_hour: u8::try_from(message.cut_over_hour)
            .map_err(|_| PerformanceError::invalid("cut_over_hour", "must be an hour"))?,
        shops: message.shops.iter().enumerate().map(shop).collect::<Result<_>>()?,
    })
}

pub(super) fn details(
    name: &str,
    status: pb::PersonStatus,
    position: &str,
    roles: &[i32],
) -> Result<Details> {
    let known = roles.iter().map(|role| Role::try_from(*role).ok().filter(|role| *role != Role::Unspecified));
    let roles = known.collect::<Option<Vec<_>>>();
    let mut roles =
        roles.ok_or_else(|| PerformanceError::invalid("roles", "must be roles that there are"))?;
    roles.sort_by_key(|role| *role as i32);
    roles.dedup();
    Ok(Details {
        name: text::required("name", name)?,
        status: self::status("status", status)?,
        position: text::optional("position", position)?,
        roles,
    })
}

pub(super) fn filter(message: &pb::ListPeopleRequest) -> Result<PeopleFilter> {
    let statuses = message.statuses.iter().map(|status| {
        let status = pb::PersonStatus::try_from(*status).unwrap_or(pb::PersonStatus::Unspecified);
        self::status("statuses", status)
    });
    Ok(PeopleFilter {
        statuses: statuses.collect::<Result<_>>()?,
        team: new_id("team_id", &message.team_id)?.map(TeamId::new),
        text: text::optional("text", &message.text)?,
        include_merged: message.include_merged,
    })
}

pub(super) fn span(from: Option<Date>, to: Option<Date>) -> Result<Span> {
    let span = Span::new(required_day("from", from)?, day("to", to)?);
    span.ok_or_else(|| PerformanceError::invalid("to", "must not be before from"))
}

pub(super) fn required_day(field: &str, date: Option<Date>) -> Result<NaiveDate> {
    day(field, date)?.ok_or_else(|| PerformanceError::invalid(field, "must be given"))
}

pub(super) fn day(field: &str, date: Option<Date>) -> Result<Option<NaiveDate>> {
    let Some(date) = date else { return Ok(None) };
    let day = proto::time::day(&date).filter(|day| plausible(*day));
    day.map(Some).ok_or_else(|| PerformanceError::invalid(field, "must be a day from 1970 to 2199"))
}

fn status(field: &str, status: pb::PersonStatus) -> Result<PersonStatus> {
    match status {
        pb::PersonStatus::Unconfirmed => Ok(PersonStatus::Unconfirmed),
        pb::PersonStatus::Trainee => Ok(PersonStatus::Trainee),
        pb::PersonStatus::Probation => Ok(PersonStatus::Probation),
        pb::PersonStatus::Regular => Ok(PersonStatus::Regular),
        pb::PersonStatus::Left => Ok(PersonStatus::Left),
        pb::PersonStatus::Unspecified => {
            Err(PerformanceError::invalid(field, "must be a status that there is"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(year: i32, month: i32, day: i32) -> Option<Date> {
        Some(Date { year, month, day })
    }

    #[test]
    fn days_that_are_none_are_refused() {
        assert_eq!(day("day", None).ok(), Some(None));
        assert_eq!(day("day", date(2020, 2, 29)).ok(), Some(NaiveDate::from_ymd_opt(2020, 2, 29)));
        for bad in
            [date(2021, 2, 29), date(2021, 0, 1), date(2021, 1, -1), date(1969, 12, 31), date(2200, 1, 1)]
        {
            assert!(
                matches!(day("day", bad), Err(PerformanceError::Invalid { field, .. }) if field == "day")
            );
        }
        let backwards = span(date(2020, 5, 2), date(2020, 5, 1));
        assert!(matches!(backwards, Err(PerformanceError::Invalid { field, .. }) if field == "to"));
    }

    #[test]
    fn roles_are_kept_sorted_and_once() {
        let roles = [Role::Lead, Role::Agent, Role::Lead].map(i32::from);
        let kept = details("n", pb::PersonStatus::Regular, "", &roles).expect("valid");
        assert_eq!(kept.roles, [Role::Agent, Role::Lead]);
        for bad in [0, 99, -1] {
            assert!(details("n", pb::PersonStatus::Regular, "", &[bad]).is_err());
        }
    }
}
