//! `review_scores`: the newest score of each review that qa told of.

use std::collections::BTreeMap;

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Date, Integer, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use runtime::identity::Scope;

use crate::domain::figure::{DayRange, Filter, Group};
use crate::domain::quality::{ReviewScore, Scores};
use crate::store::conversations::column;
use crate::store::figure_sql::key_sql;
use crate::store::selection::{NARROWED, select, selecting, span_keys};
use crate::store::{Result, Store};

impl Store {
    /// Takes over scores in the follower's transaction; what is not newer than what is known changes nothing, so they may come
    /// twice and in any order.
    pub async fn put_review_scores(
        conn: &mut AsyncPgConnection,
        scores: &[ReviewScore],
    ) -> Result<(), pg::Error> {
        // Of each review the newest, since one statement can't change a row twice; sorted, so that two replicas lock in one order.
        let mut newest: BTreeMap<(&str, &str), &ReviewScore> = BTreeMap::new();
        for score in scores {
            let known = newest.entry((score.merchant.as_str(), score.review.as_str())).or_insert(score);
            if known.version < score.version {
                *known = score;
            }
        }
        let scores: Vec<&ReviewScore> = newest.into_values().collect();
        diesel::sql_query(
            "INSERT INTO review_scores AS r (merchant_id, review_id, version, business_day, account_id, shop_id, score_bp) \
             SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::date[], $5::text[], $6::text[], $7::int[]) \
             ON CONFLICT ON CONSTRAINT review_scores_pkey DO UPDATE SET version = excluded.version, \
                business_day = excluded.business_day, account_id = excluded.account_id, shop_id = excluded.shop_id, \
                score_bp = excluded.score_bp \
             WHERE r.version < excluded.version",
        )
        .bind::<Array<Text>, _>(column(&scores, |score| score.merchant.as_str()))
        .bind::<Array<Text>, _>(column(&scores, |score| score.review.as_str()))
        .bind::<Array<BigInt>, _>(column(&scores, |score| score.version))
        .bind::<Array<Date>, _>(column(&scores, |score| score.day))
        .bind::<Array<Text>, _>(column(&scores, |score| score.account.as_str()))
        .bind::<Array<Text>, _>(column(&scores, |score| score.shop.as_str()))
        .bind::<Array<Nullable<Integer>>, _>(column(&scores, |score| score.score_bp))
        .execute(conn)
        .await?;
        Ok(())
    }

    /// The scores of some groups in some days, by key: of the same people and days whose figures the scope may see. Without
    /// those that no review is of.
    pub async fn list_review_scores(
        &self,
        scope: &Scope,
        (range, group): (DayRange, Group),
        filter: &Filter,
        keys: &[&str],
    ) -> Result<BTreeMap<String, Scores>> {
        let mut conn = self.pool.get().await?;
        let selection = select(&mut conn, scope, range, group, filter).await?;
        let key = key_sql(group);
        let sql = format!(
            "SELECT {key} AS key, sum(f.score_bp)::bigint AS sum_bp, count(*) AS reviews FROM review_scores f \
             LEFT JOIN unnest($6::text[], $7::date[], $8::date[], $10::text[]) AS s (account_id, from_day, to_day, key) \
                ON s.account_id = f.account_id AND f.business_day BETWEEN s.from_day AND s.to_day \
             WHERE f.merchant_id = $1 AND f.business_day BETWEEN $2 AND $3 AND f.score_bp IS NOT NULL \
                AND {NARROWED} AND {key} = ANY ($11) \
             GROUP BY 1"
        );
        let rows = selecting(&sql, &scope.merchant, range, filter, &selection)
            .bind::<Array<Text>, _>(span_keys(&selection))
            .bind::<Array<Text>, _>(keys)
            .load::<ScoresRow>(&mut conn)
            .await?;
        let scores = |row: ScoresRow| (row.key, Scores { sum_bp: row.sum_bp, reviews: row.reviews });
        Ok(rows.into_iter().map(scores).collect())
    }
}

#[derive(QueryableByName)]
struct ScoresRow {
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = BigInt)]
    sum_bp: i64,
    #[diesel(sql_type = BigInt)]
    reviews: i64,
}
