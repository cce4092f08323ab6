//! The people directory in SQL. The tables are the directory library's; they are only read.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use diesel::QueryableByName;
use diesel::sql_types::{Array, Date, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use runtime::ids::{AccountId, MerchantId};

use crate::error::QaError;

/// Whose the account of a row `r` was on its day. Two owners of one day exist only while an account moves; the later
/// one is who gets it.
pub(super) const PERSON_OF_ROW: &str = "(SELECT a.person_id FROM accounts a \
     WHERE a.merchant_id = r.merchant_id AND a.account_id = r.account_id AND r.business_day BETWEEN a.from_day AND a.to_day \
     ORDER BY a.from_day DESC, a.person_id LIMIT 1)";

/// Who reviews in the merchant `$1`: those with a capacity set, and everybody with the reviewer's role; `$2` is the
/// capacity of those for whom none was set. Nobody who has left.
pub(super) const REVIEWERS: &str = "SELECT who.person_id, COALESCE(p.name, '') AS name, COALESCE(c.capacity, $2) AS capacity, \
        c.capacity IS NOT NULL AS capacity_set \
     FROM (SELECT person_id FROM reviewers WHERE merchant_id = $1 \
           UNION SELECT person_id FROM people WHERE merchant_id = $1 AND 'reviewer' = ANY (roles)) who \
     LEFT JOIN people p ON p.merchant_id = $1 AND p.person_id = who.person_id \
     LEFT JOIN reviewers c ON c.merchant_id = $1 AND c.person_id = who.person_id \
     WHERE p.status IS DISTINCT FROM 5";

/// The team of the person of a row `r` on its day. A lead's own team comes last: they are judged where they work.
pub(super) const TEAM_OF_ROW: &str = "(SELECT m.team_id FROM accounts a JOIN memberships m ON m.merchant_id = a.merchant_id \
        AND m.person_id = a.person_id AND r.business_day BETWEEN m.from_day AND m.to_day \
     WHERE a.merchant_id = r.merchant_id AND a.account_id = r.account_id AND r.business_day BETWEEN a.from_day AND a.to_day \
     ORDER BY a.from_day DESC, a.person_id, m.lead, m.team_id LIMIT 1)";

/// An account's day.
pub(super) type AccountDay = (MerchantId, AccountId, NaiveDate);

#[derive(QueryableByName)]
struct TeamRow {
    #[diesel(sql_type = Text)]
    merchant_id: String,
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
    #[diesel(sql_type = Nullable<Text>)]
    team_id: Option<String>,
}

/// The teams of accounts on days, as far as the directory has told.
pub(super) async fn teams(
    conn: &mut AsyncPgConnection,
    days: &BTreeSet<AccountDay>,
) -> Result<BTreeMap<AccountDay, String>, QaError> {
    let rows = diesel::sql_query(format!(
        "SELECT r.merchant_id, r.account_id, r.business_day, {TEAM_OF_ROW} AS team_id \
         FROM unnest($1::text[], $2::text[], $3::date[]) AS r (merchant_id, account_id, business_day)"
    ))
    .bind::<Array<Text>, _>(days.iter().map(|(merchant, _, _)| merchant.as_str()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(days.iter().map(|(_, account, _)| account.as_str()).collect::<Vec<_>>())
    .bind::<Array<Date>, _>(days.iter().map(|(_, _, day)| *day).collect::<Vec<_>>())
    .load::<TeamRow>(conn)
    .await?;
    let keyed = rows.into_iter().filter_map(|row| {
        let key = (MerchantId::new(row.merchant_id), AccountId::new(row.account_id), row.business_day);
        Some((key, row.team_id?))
    });
    Ok(keyed.collect())
}
