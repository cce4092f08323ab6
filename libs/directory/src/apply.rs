//! Puts the directory's events into the tables.

use calendar::MerchantCalendar;
use chrono::NaiveDate;
use diesel::sql_types::{Array, BigInt, Bool, Date, SmallInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use events::{Event, HandleError, Payload};
use proto::access::{Role, role_name};
use proto::events::v1 as pb;
use proto::google::r#type::Date as WireDate;

use crate::LAST_DAY;

/// Takes over what the event says unless something newer is there already; tells whether it did. Events that are not
/// about the directory change nothing. Call it inside a transaction.
pub async fn apply(conn: &mut AsyncPgConnection, event: &Event) -> Result<bool, HandleError> {
    match &event.payload {
        Some(Payload::MerchantChanged(merchant)) => apply_merchant(conn, event, merchant).await,
        Some(Payload::TeamChanged(team)) => apply_team(conn, event, team).await,
        Some(Payload::PersonChanged(person)) => apply_person(conn, event, person).await,
        _ => Ok(false),
    }
}

async fn apply_merchant(
    conn: &mut AsyncPgConnection,
    event: &Event,
    merchant: &pb::MerchantChanged,
) -> Result<bool, HandleError> {
    // A zone that nobody can compute with must not get in: it would fail far from here.
    let calendar = MerchantCalendar::new(&merchant.time_zone, merchant.cut_over_hour)
        .map_err(|e| HandleError::poison(e.to_string()))?;
    let newer = diesel::sql_query(
        "INSERT INTO merchants AS m (merchant_id, name, time_zone, cut_over_hour, version) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT ON CONSTRAINT merchants_pkey DO UPDATE SET name = excluded.name, time_zone = excluded.time_zone, \
            cut_over_hour = excluded.cut_over_hour, version = excluded.version \
         WHERE m.version < excluded.version",
    )
    .bind::<Text, _>(&event.merchant_id)
    .bind::<Text, _>(&merchant.name)
    .bind::<Text, _>(calendar.zone_name())
    .bind::<SmallInt, _>(i16::from(calendar.cut_over_hour()))
    .bind::<BigInt, _>(event.version)
    .execute(conn)
    .await?;
    if newer == 0 {
        return Ok(false);
    }
    // The merchant's row is locked now, so nobody else is at its shops.
    diesel::sql_query("DELETE FROM shops WHERE merchant_id = $1")
        .bind::<Text, _>(&event.merchant_id)
        .execute(conn)
        .await?;
    let ids: Vec<_> = merchant.shops.iter().map(|shop| shop.shop_id.as_str()).collect();
    let names: Vec<_> = merchant.shops.iter().map(|shop| shop.name.as_str()).collect();
    diesel::sql_query(
        "INSERT INTO shops (merchant_id, shop_id, name) SELECT $1, * FROM unnest($2::text[], $3::text[])",
    )
    .bind::<Text, _>(&event.merchant_id)
    .bind::<Array<Text>, _>(ids)
    .bind::<Array<Text>, _>(names)
    .execute(conn)
    .await?;
    Ok(true)
}

async fn apply_team(
    conn: &mut AsyncPgConnection,
    event: &Event,
    team: &pb::TeamChanged,
) -> Result<bool, HandleError> {
    let newer = diesel::sql_query(
        "INSERT INTO teams AS t (merchant_id, team_id, name, archived, version) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT ON CONSTRAINT teams_pkey DO UPDATE \
            SET name = excluded.name, archived = excluded.archived, version = excluded.version \
         WHERE t.version < excluded.version",
    )
    .bind::<Text, _>(&event.merchant_id)
    .bind::<Text, _>(&team.team_id)
    .bind::<Text, _>(&team.name)
    .bind::<Bool, _>(team.archived)
    .bind::<BigInt, _>(event.version)
    .execute(conn)
    .await?;
    Ok(newer > 0)
}

async fn apply_person(
    conn: &mut AsyncPgConnection,
    event: &Event,
    person: &pb::PersonChanged,
) -> Result<bool, HandleError> {
    let roles: Vec<String> =
        person.roles().filter(|role| *role != Role::Unspecified).map(role_name).collect();
    let status = i16::try_from(person.status).map_err(HandleError::poison)?;
    let newer = diesel::sql_query(
        "INSERT INTO people AS p (merchant_id, person_id, name, status, roles, version) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT ON CONSTRAINT people_pkey DO UPDATE SET name = excluded.name, status = excluded.status, \
            roles = excluded.roles, version = excluded.version \
         WHERE p.version < excluded.version",
    )
    .bind::<Text, _>(&event.merchant_id)
    .bind::<Text, _>(&person.person_id)
    .bind::<Text, _>(&person.name)
    .bind::<SmallInt, _>(status)
    .bind::<Array<Text>, _>(roles)
    .bind::<BigInt, _>(event.version)
    .execute(conn)
    .await?;
    if newer == 0 {
        return Ok(false);
    }
    // The person's row is locked now, so nobody else is at their accounts and memberships.
    for table in ["accounts", "memberships"] {
        diesel::sql_query(format!("DELETE FROM {table} WHERE merchant_id = $1 AND person_id = $2"))
            .bind::<Text, _>(&event.merchant_id)
            .bind::<Text, _>(&person.person_id)
            .execute(conn)
            .await?;
    }
    insert_accounts(conn, event, person).await?;
    insert_memberships(conn, event, person).await?;
    Ok(true)
}

async fn insert_accounts(
    conn: &mut AsyncPgConnection,
    event: &Event,
    person: &pb::PersonChanged,
) -> Result<(), HandleError> {
    let ids: Vec<_> = person.accounts.iter().map(|account| account.account_id.as_str()).collect();
    let spans = person.accounts.iter().map(|account| span(account.from.as_ref(), account.to.as_ref()));
    let (from, to): (Vec<_>, Vec<_>) = spans.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
    diesel::sql_query(
        "INSERT INTO accounts (merchant_id, person_id, account_id, from_day, to_day) \
         SELECT $1, $2, * FROM unnest($3::text[], $4::date[], $5::date[])",
    )
    .bind::<Text, _>(&event.merchant_id)
    .bind::<Text, _>(&person.person_id)
    .bind::<Array<Text>, _>(ids)
    .bind::<Array<Date>, _>(from)
    .bind::<Array<Date>, _>(to)
    .execute(conn)
    .await?;
    Ok(())
}

async fn insert_memberships(
    conn: &mut AsyncPgConnection,
    event: &Event,
    person: &pb::PersonChanged,
) -> Result<(), HandleError> {
    let teams: Vec<_> = person.memberships.iter().map(|membership| membership.team_id.as_str()).collect();
    let leads: Vec<_> = person.memberships.iter().map(|membership| membership.lead).collect();
    let spans =
        person.memberships.iter().map(|membership| span(membership.from.as_ref(), membership.to.as_ref()));
    let (from, to): (Vec<_>, Vec<_>) = spans.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
    diesel::sql_query(
        "INSERT INTO memberships (merchant_id, person_id, team_id, lead, from_day, to_day) \
         SELECT $1, $2, * FROM unnest($3::text[], $4::boolean[], $5::date[], $6::date[])",
    )
    .bind::<Text, _>(&event.merchant_id)
    .bind::<Text, _>(&person.person_id)
    .bind::<Array<Text>, _>(teams)
    .bind::<Array<Bool>, _>(leads)
    .bind::<Array<Date>, _>(from)
    .bind::<Array<Date>, _>(to)
    .execute(conn)
    .await?;
    Ok(())
}

/// The days of a stay. Without a beginning it is no stay; without an end it lasts.
fn span(from: Option<&WireDate>, to: Option<&WireDate>) -> Result<(NaiveDate, NaiveDate), HandleError> {
    let from = from.ok_or_else(|| HandleError::poison("a stay has no first day"))?;
    Ok((day(from)?, to.map_or(Ok(LAST_DAY), day)?))
}

fn day(date: &WireDate) -> Result<NaiveDate, HandleError> {
    proto::time::day(date)
        .ok_or_else(|| HandleError::poison(format!("{}-{}-{} is no day", date.year, date.month, date.day)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(year: i32, month: i32, day: i32) -> WireDate {
        WireDate { year, month, day }
    }

    #[test]
    fn days_are_checked() {
        assert_eq!(day(&wire(2020, 2, 29)).ok(), NaiveDate::from_ymd_opt(2020, 2, 29));
        for (y, m, d) in [(2021, 2, 29), (2020, 0, 1), (2020, 13, 1), (2020, 1, 0), (2020, -1, 1), (0, 0, 0)]
        {
            assert!(matches!(day(&wire(y, m, d)), Err(HandleError::Poison(_))), "{y}-{m}-{d}");
        }
    }

    #[test]
    fn a_stay_without_an_end_lasts() {
        assert_eq!(span(Some(&wire(2020, 1, 1)), None).ok().map(|span| span.1), Some(LAST_DAY));
        assert!(span(None, None).is_err());
    }
}
