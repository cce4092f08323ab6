//! Coverage: agents × days, what could be drawn, what was, why it was too little, how far the reviews are.

use chrono::NaiveDate;
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Date, Integer, Nullable, SmallInt, Text};
use diesel_async::RunQueryDsl;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use runtime::ids::{AccountId, MerchantId, PersonId};

use super::attendance::{PRESENCE_OF_ROW, presence};
use super::people::PERSON_OF_ROW;
use super::{ALL_DAYS, Seen, Store, seen_sql, small};
use crate::domain::attendance::ShortfallReason;
use crate::domain::draw::{Coverage, CoverageFilter, Shortfalls};
use crate::error::QaError;

/// Where a page of coverage goes on.
pub type CoverageKey = (NaiveDate, String);

#[derive(QueryableByName)]
struct CoverageRow {
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Nullable<Text>)]
    person_id: Option<String>,
    #[diesel(sql_type = BigInt)]
    conversations: i64,
    #[diesel(sql_type = BigInt)]
    long_chats: i64,
    #[diesel(sql_type = Nullable<Integer>)]
    size: Option<i32>,
    #[diesel(sql_type = Integer)]
    eligible: i32,
    #[diesel(sql_type = Integer)]
    drawn: i32,
    #[diesel(sql_type = BigInt)]
    late_accepted: i64,
    #[diesel(sql_type = BigInt)]
    assigned: i64,
    #[diesel(sql_type = BigInt)]
    unassigned: i64,
    #[diesel(sql_type = BigInt)]
    reviewed: i64,
    #[diesel(sql_type = BigInt)]
    acknowledged: i64,
    #[diesel(sql_type = BigInt)]
    score_bp_sum: i64,
    #[diesel(sql_type = BigInt)]
    critical_errors: i64,
    #[diesel(sql_type = Nullable<SmallInt>)]
    presence: Option<i16>,
}

#[derive(QueryableByName)]
struct ShortfallRow {
    #[diesel(sql_type = Nullable<SmallInt>)]
    presence: Option<i16>,
    #[diesel(sql_type = Bool)]
    chats: bool,
    #[diesel(sql_type = Bool)]
    long_chats: bool,
    #[diesel(sql_type = BigInt)]
    accounts: i64,
}

impl From<CoverageRow> for Coverage {
    fn from(row: CoverageRow) -> Self {
        let drawn_yet = row.size.is_some();
        let eligible = if drawn_yet { row.eligible } else { small(row.long_chats) };
        let conversations = small(row.conversations);
        let shortfall = row.size.map_or(0, |size| (size - row.drawn).max(0));
        let presence = row.presence.and_then(presence);
        let reason = (shortfall > 0).then(|| ShortfallReason::of(presence, conversations, eligible));
        Self {
            day: row.business_day,
            account: AccountId::new(row.account_id),
            person: row.person_id.map(PersonId::new),
            drawn_yet,
            eligible,
            drawn: row.drawn,
            shortfall,
            late_accepted: small(row.late_accepted),
            assigned: small(row.assigned),
            unassigned: small(row.unassigned),
            reviewed: small(row.reviewed),
            acknowledged: small(row.acknowledged),
            score_bp_sum: row.score_bp_sum,
            critical_errors: small(row.critical_errors),
            conversations,
            reason,
        }
    }
}

/// The rows of a page are found first, on indexes; only for them the reviews are counted. Of a drawn day nothing reads chats:
/// the closing has their number and the draw its list, so that a page costs the same however many chats there were. The
/// days that are not drawn, normally yesterday's and today's, are counted, each by a descent of its own; `OFFSET 0` keeps the
/// planner from counting first and asking afterwards.
const PAGE_SQL: &str = concat!(
    "SELECT r.business_day, r.account_id, max(r.conversations)::bigint AS conversations, \
        max(r.long_chats)::bigint AS long_chats FROM ( \
        SELECT $1 AS merchant_id, open.day AS business_day, c.account_id, c.conversations, c.long_chats \
        FROM (SELECT day::date AS day FROM generate_series(greatest($2::date, $4::date)::timestamp, $3::timestamp, '1 day') AS day \
            WHERE NOT EXISTS (SELECT FROM draws d WHERE d.merchant_id = $1 AND d.business_day = day::date) OFFSET 0) open \
        CROSS JOIN LATERAL (SELECT c.account_id, count(*) AS conversations, \
                count(*) FILTER (WHERE c.long_chat) AS long_chats \
            FROM conversations c WHERE c.merchant_id = $1 AND c.business_day = open.day AND c.business_day BETWEEN $2 AND $3 \
              AND (cardinality($6::text[]) = 0 OR c.account_id = ANY ($6)) GROUP BY c.account_id) c \
        WHERE (open.day, c.account_id) > ($4, $5) \
        UNION ALL \
        SELECT k.merchant_id, k.business_day, k.account_id, k.conversations, 0 \
        FROM draws d JOIN day_closing_agents k ON k.merchant_id = d.merchant_id AND k.business_day = d.business_day \
        WHERE d.merchant_id = $1 AND d.business_day BETWEEN $2 AND $3 AND (k.business_day, k.account_id) > ($4, $5) \
          AND (cardinality($6::text[]) = 0 OR k.account_id = ANY ($6)) \
        UNION ALL \
        SELECT d.merchant_id, d.business_day, d.account_id, d.eligible, 0 FROM draw_agents d \
        WHERE d.merchant_id = $1 AND d.business_day BETWEEN $2 AND $3 AND (d.business_day, d.account_id) > ($4, $5) \
          AND (cardinality($6::text[]) = 0 OR d.account_id = ANY ($6)) \
        UNION ALL \
        SELECT l.merchant_id, l.business_day, l.account_id, count(*), 0 FROM late_chats l \
        WHERE l.merchant_id = $1 AND l.business_day BETWEEN $2 AND $3 AND (l.business_day, l.account_id) > ($4, $5) \
          AND (cardinality($6::text[]) = 0 OR l.account_id = ANY ($6)) \
        GROUP BY l.merchant_id, l.business_day, l.account_id \
        UNION ALL \
        SELECT a.merchant_id, day::date, a.account_id, 0, 0 \
        FROM accounts a JOIN people p ON p.merchant_id = a.merchant_id AND p.person_id = a.person_id AND p.status <> 5 \
        CROSS JOIN generate_series(greatest($2, a.from_day)::timestamp, least($3, a.to_day)::timestamp, '1 day') AS day \
        WHERE $14 AND a.merchant_id = $1 AND (day::date, a.account_id) > ($4, $5) \
          AND (cardinality($6::text[]) = 0 OR a.account_id = ANY ($6))) r \
     WHERE ",
    seen_sql!("$9", "$10", "$11", "$12"),
    " AND ($7 = '' OR EXISTS (SELECT 1 FROM accounts a WHERE a.merchant_id = $1 AND a.person_id = $7 \
            AND a.account_id = r.account_id AND r.business_day BETWEEN a.from_day AND a.to_day)) \
       AND ($8 = '' OR EXISTS (SELECT 1 FROM memberships m JOIN accounts a ON a.merchant_id = m.merchant_id \
            AND a.person_id = m.person_id AND r.business_day BETWEEN a.from_day AND a.to_day \
            WHERE m.merchant_id = $1 AND m.team_id = $8 AND a.account_id = r.account_id \
              AND r.business_day BETWEEN m.from_day AND m.to_day)) \
     GROUP BY r.business_day, r.account_id ORDER BY r.business_day, r.account_id LIMIT $13"
);

/// How far the reviews of a row `r` are.
const REVIEWS_OF_ROW: &str = "CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE v.late) AS late_accepted, \
        count(*) FILTER (WHERE v.state > 1) AS assigned, count(*) FILTER (WHERE v.state = 1) AS unassigned, \
        count(*) FILTER (WHERE v.state > 2) AS reviewed, count(*) FILTER (WHERE v.state = 4) AS acknowledged, \
        COALESCE(sum(v.score_bp), 0)::bigint AS score_bp_sum, \
        count(*) FILTER (WHERE v.critical_failure) AS critical_errors \
    FROM reviews v WHERE v.merchant_id = $1 AND v.business_day = r.business_day \
        AND v.account_id = r.account_id) w";

/// The rows of some days: `$1` merchant, `$2` and `$3` first and last day, `$4` and `$5` the row before, `$6` accounts,
/// `$7` person, `$8` team, `$9` to `$12` the rows that are seen, `$13` the most rows, `$14` whether idle accounts have one.
/// `columns` are those of `joined`, which may look at a row `r`.
fn rows_sql(columns: &str, joined: &str) -> String {
    format!(
        "SELECT q.*, {PRESENCE_OF_ROW} AS presence FROM ( \
            SELECT r.merchant_id, r.business_day, r.account_id, {PERSON_OF_ROW} AS person_id, r.conversations, r.long_chats, \
                COALESCE(a.size, d.size) AS size, COALESCE(a.eligible, 0) AS eligible, COALESCE(a.drawn, 0) AS drawn{columns} \
            FROM (SELECT $1 AS merchant_id, p.* FROM ({PAGE_SQL}) p) r \
            LEFT JOIN draws d ON d.merchant_id = $1 AND d.business_day = r.business_day \
            LEFT JOIN draw_agents a ON a.merchant_id = $1 AND a.business_day = r.business_day \
               AND a.account_id = r.account_id {joined}) q"
    )
}

fn coverage_sql() -> String {
    format!("{} ORDER BY q.business_day, q.account_id", rows_sql(", w.*", REVIEWS_OF_ROW))
}

/// Accounts that fell short, by what tells why. As coverage has them, without their reviews.
fn shortfalls_sql() -> String {
    format!(
        "SELECT s.presence, s.conversations > 0 AS chats, s.eligible > 0 AS long_chats, count(*) AS accounts \
         FROM ({}) s WHERE s.size > s.drawn GROUP BY s.presence, s.conversations > 0, s.eligible > 0",
        rows_sql("", "")
    )
}

impl Store {
    /// The coverage of some days within `scope`, in order of day and account.
    pub async fn list_coverage(
        &self,
        scope: &Scope,
        days: (NaiveDate, NaiveDate),
        filter: &CoverageFilter,
        page: &PageRequest<CoverageKey>,
    ) -> Result<Page<Coverage>, QaError> {
        let mut conn = self.connection().await?;
        let seen = Seen::of(&mut conn, scope, days.0, days.1).await?;
        let (after_day, after_account) = page.after.clone().unwrap_or((ALL_DAYS.0, String::new()));
        let rows = diesel::sql_query(coverage_sql())
            .bind::<Text, _>(scope.merchant.as_str())
            .bind::<Date, _>(days.0)
            .bind::<Date, _>(days.1)
            .bind::<Date, _>(after_day)
            .bind::<Text, _>(after_account)
            .bind::<Array<Text>, _>(&filter.accounts)
            .bind::<Text, _>(&filter.person)
            .bind::<Text, _>(&filter.team)
            .bind::<Bool, _>(seen.all)
            .bind::<Array<Text>, _>(seen.accounts)
            .bind::<Array<Date>, _>(seen.from)
            .bind::<Array<Date>, _>(seen.to)
            .bind::<BigInt, _>(page.limit())
            .bind::<Bool, _>(filter.idle)
            .load::<CoverageRow>(&mut conn)
            .await?;
        let rows: Vec<Coverage> = rows.into_iter().map(Coverage::from).collect();
        Ok(page.page(rows, |row| (row.day, row.account.to_string()))?)
    }

    /// How many accounts of a drawn day fell short, by reason: those that coverage has a row for when it is asked for the idle
    /// ones as well.
    pub async fn count_shortfalls(
        &self,
        merchant: &MerchantId,
        day: NaiveDate,
    ) -> Result<Shortfalls, QaError> {
        let rows = diesel::sql_query(shortfalls_sql())
            .bind::<Text, _>(merchant.as_str())
            .bind::<Date, _>(day)
            .bind::<Date, _>(day)
            .bind::<Date, _>(ALL_DAYS.0)
            .bind::<Text, _>("")
            .bind::<Array<Text>, _>(Vec::<String>::new())
            .bind::<Text, _>("")
            .bind::<Text, _>("")
            .bind::<Bool, _>(true)
            .bind::<Array<Text>, _>(Vec::<String>::new())
            .bind::<Array<Date>, _>(Vec::<NaiveDate>::new())
            .bind::<Array<Date>, _>(Vec::<NaiveDate>::new())
            .bind::<Nullable<BigInt>, _>(None::<i64>)
            .bind::<Bool, _>(true)
            .load::<ShortfallRow>(&mut *self.connection().await?)
            .await?;
        let mut shortfalls = Shortfalls::new();
        for row in rows {
            let presence = row.presence.and_then(presence);
            let reason = ShortfallReason::of(presence, row.chats.into(), row.long_chats.into());
            *shortfalls.entry(reason).or_default() += small(row.accounts);
        }
        Ok(shortfalls)
    }
}
