//! Which accounts a caller sees, and on which days.

use chrono::NaiveDate;
use diesel::QueryableByName;
use diesel::sql_types::{Date, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use runtime::identity::{Reach, Scope};
use runtime::ids::{AccountId, MerchantId, PersonId};

/// A run of days of an account, both ends included.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccountSpan {
    /// The platform account.
    pub account: AccountId,
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
}

/// What a scope comes down to for rows that belong to an account and a business day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Visible {
    /// Every row of the merchant.
    All,
    /// Rows of these accounts on these days; sorted, without overlap. Empty: none.
    Spans(Vec<AccountSpan>),
}

impl Visible {
    /// Whether a row of that account and day may be seen.
    pub fn sees(&self, account: &AccountId, day: NaiveDate) -> bool {
        match self {
            Self::All => true,
            Self::Spans(spans) => {
                spans.iter().any(|span| span.account == *account && span.from <= day && day <= span.to)
            }
        }
    }

    /// The spans as three columns, to be joined as `unnest($1::text[], $2::date[], $3::date[])`; `None` for all.
    pub fn columns(&self) -> Option<(Vec<&str>, Vec<NaiveDate>, Vec<NaiveDate>)> {
        let Self::Spans(spans) = self else { return None };
        let accounts = spans.iter().map(|span| span.account.as_str()).collect();
        let from = spans.iter().map(|span| span.from).collect();
        Some((accounts, from, spans.iter().map(|span| span.to).collect()))
    }
}

/// What `scope` sees of the days `from` to `to`. A person sees their own accounts in the time in which they had them;
/// a lead also those of the members of each team, on the days on which both were in it and the lead led it.
pub async fn visible(
    conn: &mut AsyncPgConnection,
    scope: &Scope,
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Visible, pg::Error> {
    let (person, sql) = match &scope.reach {
        Reach::Merchant => return Ok(Visible::All),
        Reach::Own(person) => (person, OWN.to_owned()),
        Reach::Team(lead) => (lead, format!("{OWN} UNION ALL {LED}")),
    };
    let rows = diesel::sql_query(sql)
        .bind::<Text, _>(scope.merchant.as_str())
        .bind::<Text, _>(person.as_str())
        .bind::<Date, _>(from)
        .bind::<Date, _>(to)
        .load::<SpanRow>(conn)
        .await?;
    Ok(Visible::Spans(merge(rows.into_iter().map(AccountSpan::from).collect())))
}

const OWN: &str = "SELECT account_id, greatest(from_day, $3) AS from_day, least(to_day, $4) AS to_day FROM accounts \
                   WHERE merchant_id = $1 AND person_id = $2 AND greatest(from_day, $3) <= least(to_day, $4)";

const LED: &str = "SELECT a.account_id, greatest(l.from_day, m.from_day, a.from_day, $3) AS from_day, \
                      least(l.to_day, m.to_day, a.to_day, $4) AS to_day \
                   FROM memberships l \
                   JOIN memberships m ON m.merchant_id = l.merchant_id AND m.team_id = l.team_id \
                   JOIN accounts a ON a.merchant_id = m.merchant_id AND a.person_id = m.person_id \
                   WHERE l.merchant_id = $1 AND l.person_id = $2 AND l.lead \
                     AND greatest(l.from_day, m.from_day, a.from_day, $3) <= least(l.to_day, m.to_day, a.to_day, $4)";

/// Whose the account was on that day, as far as the directory has told.
pub async fn person_of_account(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    account: &AccountId,
    day: NaiveDate,
) -> Result<Option<PersonId>, pg::Error> {
    // Two owners of a day exist only for the moment in which an account moves: the later one is who gets it.
    let rows = diesel::sql_query(
        "SELECT person_id FROM accounts WHERE merchant_id = $1 AND account_id = $2 AND $3 BETWEEN from_day AND to_day \
         ORDER BY from_day DESC, person_id LIMIT 1",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(account.as_str())
    .bind::<Date, _>(day)
    .load::<PersonRow>(conn)
    .await?;
    Ok(rows.into_iter().next().map(|row| PersonId::new(row.person_id)))
}

/// Sorts the spans and joins those of an account that overlap or touch.
fn merge(mut spans: Vec<AccountSpan>) -> Vec<AccountSpan> {
    spans.sort_unstable();
    let mut merged: Vec<AccountSpan> = Vec::with_capacity(spans.len());
    for span in spans {
        match merged.last_mut() {
            Some(last) if last.account == span.account && touches(last.to, span.from) => {
                last.to = last.to.max(span.to);
            }
            _ => merged.push(span),
        }
    }
    merged
}

fn touches(last: NaiveDate, next: NaiveDate) -> bool {
    last.succ_opt().is_none_or(|day_after| next <= day_after)
}

#[derive(QueryableByName)]
struct SpanRow {
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Date)]
    from_day: NaiveDate,
    #[diesel(sql_type = Date)]
    to_day: NaiveDate,
}

impl From<SpanRow> for AccountSpan {
    fn from(row: SpanRow) -> Self {
        Self { account: AccountId::new(row.account_id), from: row.from_day, to: row.to_day }
    }
}

#[derive(QueryableByName)]
struct PersonRow {
    #[diesel(sql_type = Text)]
    person_id: String,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn span(account: u8, from: i32, days: i32) -> AccountSpan {
        let day = |n| NaiveDate::from_num_days_from_ce_opt(737_000 + n).expect("a day");
        AccountSpan { account: AccountId::new(account.to_string()), from: day(from), to: day(from + days) }
    }

    #[test]
    fn neighbouring_days_join() {
        assert_eq!(merge(vec![span(1, 3, 1), span(1, 0, 2)]), [span(1, 0, 4)]);
        assert_eq!(merge(vec![span(1, 4, 1), span(1, 0, 2)]), [span(1, 0, 2), span(1, 4, 1)]);
        assert_eq!(merge(vec![span(1, 0, 9), span(1, 2, 1)]), [span(1, 0, 9)]);
        assert_eq!(merge(vec![span(1, 0, 2), span(2, 1, 2)]), [span(1, 0, 2), span(2, 1, 2)]);
    }

    proptest! {
        #[test]
        fn merging_keeps_exactly_the_days_seen(spans in prop::collection::vec((0..3u8, 0..30i32, 0..6i32), 0..12)) {
            let spans: Vec<_> = spans.into_iter().map(|(account, from, days)| span(account, from, days)).collect();
            let before = Visible::Spans(spans.clone());
            let after = Visible::Spans(merge(spans));
            for account in 0..3u8 {
                for day in 0..40 {
                    let at = span(account, day, 0);
                    prop_assert_eq!(before.sees(&at.account, at.from), after.sees(&at.account, at.from));
                }
            }
            let Visible::Spans(after) = after else { unreachable!() };
            for pair in after.windows(2) {
                prop_assert!(pair[0].account != pair[1].account || !touches(pair[0].to, pair[1].from));
            }
        }
    }
}
