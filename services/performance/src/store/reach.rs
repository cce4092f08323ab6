//! Whom a caller may see.

use chrono::NaiveDate;
use diesel::{BoolExpressionMethods, ExpressionMethods, QueryDsl};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use runtime::identity::{Reach, Scope};
use runtime::ids::PersonId;

use crate::error::PerformanceError;
use crate::store::schema::memberships;

/// The people that `scope` reaches on `day`; `None` means all of the merchant. A team is dozens of people, so ids are
/// cheaper to read than one more join in every query.
pub(super) async fn people(
    conn: &mut AsyncPgConnection,
    scope: &Scope,
    day: NaiveDate,
) -> Result<Option<Vec<String>>, PerformanceError> {
    let lead = match &scope.reach {
        Reach::Merchant => return Ok(None),
        Reach::Own(person) => return Ok(Some(vec![person.to_string()])),
        Reach::Team(lead) => lead,
    };
    let led = teams_led(conn, scope, lead, day).await?;
    let mut people = memberships::table
        .filter(memberships::merchant_id.eq(scope.merchant.as_str()))
        .filter(memberships::team_id.eq_any(led))
        .filter(memberships::from_day.le(day))
        .filter(memberships::to_day.is_null().or(memberships::to_day.ge(day)))
        .select(memberships::person_id)
        .load::<String>(conn)
        .await?;
    people.push(lead.to_string());
    Ok(Some(people))
}

/// The teams that `scope` reaches on `day`; `None` means all of the merchant. An agent reaches their own team.
pub(super) async fn teams(
    conn: &mut AsyncPgConnection,
    scope: &Scope,
    day: NaiveDate,
) -> Result<Option<Vec<String>>, PerformanceError> {
    match &scope.reach {
        Reach::Merchant => Ok(None),
        Reach::Team(lead) => teams_led(conn, scope, lead, day).await.map(Some),
        Reach::Own(person) => {
            let own = memberships::table
                .filter(memberships::merchant_id.eq(scope.merchant.as_str()))
                .filter(memberships::person_id.eq(person.as_str()))
                .filter(memberships::from_day.le(day))
                .filter(memberships::to_day.is_null().or(memberships::to_day.ge(day)))
                .select(memberships::team_id)
                .load(conn)
                .await?;
            Ok(Some(own))
        }
    }
}

async fn teams_led(
    conn: &mut AsyncPgConnection,
    scope: &Scope,
    lead: &PersonId,
    day: NaiveDate,
) -> Result<Vec<String>, PerformanceError> {
    let led = memberships::table
        .filter(memberships::merchant_id.eq(scope.merchant.as_str()))
        .filter(memberships::person_id.eq(lead.as_str()))
        .filter(memberships::lead)
        .filter(memberships::from_day.le(day))
        .filter(memberships::to_day.is_null().or(memberships::to_day.ge(day)))
        .select(memberships::team_id)
        .load(conn)
        .await?;
    Ok(led)
}
