//! Figures of checks: sums of `check_days` and `check_counts`, whatever the number of chats.

use chrono::NaiveDate;
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Date, Integer, Nullable, Text};
use diesel_async::RunQueryDsl;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;

use super::people::PERSON_OF_ROW;
use super::{ALL_DAYS, Seen, Store, seen_sql};
use crate::domain::check_figure::{CheckFigure, FigureFilter, FigureGroup};
use crate::error::QaError;

/// Where a page of figures goes on.
pub type FigureKey = (String, Option<NaiveDate>, String);

#[derive(QueryableByName)]
struct FigureRow {
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = Nullable<Date>)]
    day: Option<NaiveDate>,
    #[diesel(sql_type = Text)]
    rule_id: String,
    #[diesel(sql_type = BigInt)]
    chats: i64,
    #[diesel(sql_type = BigInt)]
    chats_hit: i64,
    #[diesel(sql_type = BigInt)]
    chats_refuted: i64,
    #[diesel(sql_type = BigInt)]
    hits: i64,
    #[diesel(sql_type = BigInt)]
    sampled: i64,
}

impl From<FigureRow> for CheckFigure {
    fn from(row: FigureRow) -> Self {
        Self {
            key: row.key,
            day: row.day,
            rule_id: row.rule_id,
            chats: row.chats,
            chats_hit: row.chats_hit,
            chats_refuted: row.chats_refuted,
            hits: row.hits,
            sampled: row.sampled,
        }
    }
}

/// The key of a row `r`, and what it takes to know it.
fn key_of(group: FigureGroup) -> (String, &'static str) {
    match group {
        FigureGroup::Account => ("r.account_id".to_owned(), ""),
        FigureGroup::Person => (format!("COALESCE({PERSON_OF_ROW}, '')"), ""),
        FigureGroup::Team => (
            "COALESCE(t.team_id, '')".to_owned(),
            "LEFT JOIN LATERAL (SELECT DISTINCT m.team_id FROM accounts a \
                JOIN memberships m ON m.merchant_id = a.merchant_id AND m.person_id = a.person_id \
                    AND r.business_day BETWEEN m.from_day AND m.to_day \
                WHERE a.merchant_id = r.merchant_id AND a.account_id = r.account_id \
                    AND r.business_day BETWEEN a.from_day AND a.to_day) t ON true",
        ),
        FigureGroup::Shop => ("r.shop_id".to_owned(), ""),
        FigureGroup::Merchant => ("''".to_owned(), ""),
    }
}

impl Store {
    /// Figures within `scope`, in order of key, day and rule. `rules` are the rules of each version: a day counts for the
    /// rules of its version, whether they hit or not.
    pub async fn list_check_figures(
        &self,
        scope: &Scope,
        filter: &FigureFilter,
        rules: &[(i32, String)],
        page: &PageRequest<FigureKey>,
    ) -> Result<Page<CheckFigure>, QaError> {
        let mut conn = self.connection().await?;
        let (from, to) = filter.days;
        let seen = Seen::of(&mut conn, scope, from, to).await?;
        let visible = seen_sql!("$4", "$5", "$6", "$7");
        let (key, join) = key_of(filter.group);
        let day = if filter.by_day { "r.business_day" } else { "NULL::date" };
        let (versions, ids): (Vec<i32>, Vec<&str>) =
            rules.iter().map(|(version, rule)| (*version, rule.as_str())).unzip();
        let (after, after_day, after_rule) = match page.after.clone() {
            Some((key, day, rule)) => (Some(key), day.unwrap_or(ALL_DAYS.0), rule),
            None => (None, ALL_DAYS.0, String::new()),
        };
        let rows = diesel::sql_query(format!(
            "WITH days AS MATERIALIZED ( \
                SELECT r.merchant_id, r.business_day, r.account_id, r.shop_id, r.rule_set_version, r.chats, ({key}) COLLATE \"C\" AS key, \
                    {day} AS day, (SELECT count(*) FROM reviews v WHERE v.merchant_id = r.merchant_id \
                        AND v.business_day = r.business_day AND v.account_id = r.account_id AND v.shop_id = r.shop_id \
                        AND NOT v.late) AS sampled \
                FROM check_days r {join} \
                WHERE r.merchant_id = $1 AND r.business_day BETWEEN $2 AND $3 AND r.chats > 0 AND {visible} \
                  AND ($8 = '' OR r.account_id = $8) AND ($9 = '' OR r.shop_id = $9) \
                  AND ($10 = '' OR EXISTS (SELECT 1 FROM accounts a JOIN memberships m ON m.merchant_id = a.merchant_id \
                        AND m.person_id = a.person_id AND r.business_day BETWEEN m.from_day AND m.to_day \
                        WHERE a.merchant_id = r.merchant_id AND a.account_id = r.account_id AND m.team_id = $10 \
                          AND r.business_day BETWEEN a.from_day AND a.to_day))) \
             SELECT f.* FROM (SELECT d.key, d.day, v.rule_id COLLATE \"C\" AS rule_id, sum(d.chats)::bigint AS chats, \
                    COALESCE(sum(c.chats_hit), 0)::bigint AS chats_hit, \
                    COALESCE(sum(c.chats_refuted), 0)::bigint AS chats_refuted, COALESCE(sum(c.hits), 0)::bigint AS hits, \
                    sum(d.sampled)::bigint AS sampled \
                FROM days d JOIN unnest($11::int[], $12::text[]) AS v (version, rule_id) ON v.version = d.rule_set_version \
                LEFT JOIN check_counts c ON c.merchant_id = d.merchant_id AND c.business_day = d.business_day \
                    AND c.account_id = d.account_id AND c.shop_id = d.shop_id AND c.rule_id = v.rule_id \
                GROUP BY 1, 2, 3) f \
             WHERE $13 IS NULL OR (f.key, COALESCE(f.day, $14), f.rule_id) > ($13, $14, $15) \
             ORDER BY f.key, f.day, f.rule_id LIMIT $16"
        ))
        .bind::<Text, _>(scope.merchant.as_str())
        .bind::<Date, _>(from)
        .bind::<Date, _>(to)
        .bind::<Bool, _>(seen.all)
        .bind::<Array<Text>, _>(seen.accounts)
        .bind::<Array<Date>, _>(seen.from)
        .bind::<Array<Date>, _>(seen.to)
        .bind::<Text, _>(&filter.account)
        .bind::<Text, _>(&filter.shop)
        .bind::<Text, _>(&filter.team)
        .bind::<Array<Integer>, _>(versions)
        .bind::<Array<Text>, _>(ids)
        .bind::<Nullable<Text>, _>(after)
        .bind::<Date, _>(after_day)
        .bind::<Text, _>(after_rule)
        .bind::<BigInt, _>(page.limit())
        .load::<FigureRow>(&mut conn)
        .await?;
        let figures: Vec<CheckFigure> = rows.into_iter().map(CheckFigure::from).collect();
        Ok(page.page(figures, |figure| (figure.key.clone(), figure.day, figure.rule_id.clone()))?)
    }
}
