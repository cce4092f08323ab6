//! What qa keeps: transcripts, seeds, draws, reviews. Nobody else reads this schema.
//!
//! Hot are three paths: arrivals (hundreds in one transaction, a handful of statements), the draw (the first entries
//! of an index per account, then the list for its hash), and the review queue (an index per reviewer). The people
//! directory's tables lie in the same schema and are joined for "whose account was this on that day".
//!
//! SQL is text with typed rows: nearly all of it works on sets by `unnest`, which Diesel's query builder has no words
//! for. Rows are private to their file. Row scope is applied here, by [`Seen`], in every read that returns rows of
//! accounts.
//!
//! Locks are taken in one order: seeds of the days, conversation keys, conversations, the merchant's assignment lock,
//! reviews; each sorted by key.

mod appeals;
mod arrivals;
mod assessments;
mod assignments;
mod attendance;
mod availability;
mod bundles;
mod buyer_reviews;
mod calibrations;
mod chat_checks;
mod check_figures;
mod check_queue;
mod closings;
mod conversations;
mod coverage;
mod drawing;
mod draws;
mod dry_runs;
mod erasures;
mod hit_judgements;
mod hits;
mod holds;
mod late;
mod people;
mod plans;
mod policies;
mod qualities;
mod raters;
mod retention;
mod reviewers;
mod reviews;
mod risks;
mod rule_sets;
mod scorecards;
mod seeds;
mod team_plans;
mod team_scorecards;
mod transcript;
mod weaknesses;

use calendar::MerchantCalendar;
use chrono::NaiveDate;
use diesel_async::AsyncPgConnection;
use directory::Visible;
use runtime::identity::Scope;
use runtime::ids::MerchantId;

use crate::error::QaError;

pub use availability::OverdueKey;
pub use buyer_reviews::{BuyerReviewDayKey, BuyerReviewKey, OVERDUE_SQL};
pub use check_figures::FigureKey;
pub use coverage::CoverageKey;
pub use drawing::SAMPLE_SQL;
pub use dry_runs::{DryRunFigureKey, ExampleKey};
pub use hits::HitKey;
pub use reviews::ReviewKey;
pub use scorecards::CardKey;
pub use weaknesses::Found;

/// How often a change is tried when it loses against a concurrent one.
const ATTEMPTS: u32 = 5;

/// Everything that qa keeps.
#[derive(Debug, Clone)]
pub struct Store {
    pool: pg::Pool,
    default_capacity: i32,
}

impl Store {
    /// On a pool whose schema is current. `default_capacity` is what a reviewer can do a day unless somebody said
    /// otherwise.
    pub fn new(pool: pg::Pool, default_capacity: i32) -> Self {
        Self { pool, default_capacity }
    }

    /// The merchant's time zone and cut-over.
    pub async fn calendar(&self, merchant: &MerchantId) -> Result<MerchantCalendar, QaError> {
        Ok(directory::calendar(&mut *self.connection().await?, merchant).await?)
    }

    async fn connection(&self) -> Result<pg::Connection, QaError> {
        Ok(self.pool.get().await?)
    }
}

/// The rows that a caller may see, as parameters of a query.
#[derive(Debug)]
struct Seen {
    all: bool,
    accounts: Vec<String>,
    from: Vec<NaiveDate>,
    to: Vec<NaiveDate>,
}

impl Seen {
    /// What `scope` shows of the days from `from` to `to`.
    async fn of(
        conn: &mut AsyncPgConnection,
        scope: &Scope,
        from: NaiveDate,
        to: NaiveDate,
    ) -> Result<Self, QaError> {
        let mut seen = Self { all: false, accounts: Vec::new(), from: Vec::new(), to: Vec::new() };
        match directory::visible(conn, scope, from, to).await? {
            Visible::All => seen.all = true,
            Visible::Spans(spans) => {
                for span in spans {
                    seen.accounts.push(span.account.into_string());
                    seen.from.push(span.from);
                    seen.to.push(span.to);
                }
            }
        }
        Ok(seen)
    }
}

/// Row scope in SQL, for a row `r` with `account_id` and `business_day`. The placeholders are those of [`Seen`]'s
/// `all`, `accounts`, `from`, `to`, in that order.
macro_rules! seen_sql {
    ($all:literal, $accounts:literal, $from:literal, $to:literal) => {
        concat!(
            "(",
            $all,
            " OR EXISTS (SELECT 1 FROM unnest(",
            $accounts,
            "::text[], ",
            $from,
            "::date[], ",
            $to,
            "::date[]) AS seen (account_id, day_from, day_to) WHERE seen.account_id = r.account_id \
             AND r.business_day BETWEEN seen.day_from AND seen.day_to))"
        )
    };
}
use seen_sql;

/// The first and last day that a query means when it means all days.
const ALL_DAYS: (NaiveDate, NaiveDate) =
    match (NaiveDate::from_ymd_opt(1, 1, 1), NaiveDate::from_ymd_opt(9999, 12, 31)) {
        (Some(first), Some(last)) => (first, last),
        // Both dates exist.
        _ => (NaiveDate::MIN, NaiveDate::MAX),
    };

/// A 32-byte column read as what it is.
fn bytes32<T>(
    table: &str,
    key: impl std::fmt::Display,
    read: impl FnOnce(&[u8]) -> Option<T>,
    bytes: &[u8],
) -> Result<T, QaError> {
    read(bytes).ok_or_else(|| pg::Error::unreadable(table, key, "a hash does not have 32 bytes").into())
}

/// Counts come from Postgres as 64 bits; ours fit 32 by the size of a day.
fn small(count: i64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// `merchant` and `day` pairs as two arrays.
fn columns(days: &[(MerchantId, NaiveDate)]) -> (Vec<&str>, Vec<NaiveDate>) {
    days.iter().map(|(merchant, day)| (merchant.as_str(), *day)).unzip()
}
