//! What weaknesses are found in: counts of checks, random reviews, teams; and the chats to show for them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Date, Double, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use runtime::ids::{AccountId, MerchantId, PersonId};
use sampling::ConversationId;
use uuid::Uuid;

use super::code;
use crate::domain::weakness::{Counted, EVIDENCE_MAX, Evidence, Known, ReviewedDay, Subject};
use crate::error::QaError;
use crate::store::Store;
use crate::store::people::PERSON_OF_ROW;

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = Text)]
    rule_id: String,
    #[diesel(sql_type = Text)]
    person_id: String,
    #[diesel(sql_type = BigInt)]
    chats: i64,
    #[diesel(sql_type = BigInt)]
    hit: i64,
}

#[derive(QueryableByName)]
struct ShareRow {
    #[diesel(sql_type = Text)]
    criterion_id: String,
    #[diesel(sql_type = Text)]
    person_id: String,
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
    #[diesel(sql_type = BigInt)]
    eligible: i64,
    #[diesel(sql_type = Array<Double>)]
    shares: Vec<f64>,
}

#[derive(QueryableByName)]
struct TeamRow {
    #[diesel(sql_type = Text)]
    person_id: String,
    #[diesel(sql_type = Text)]
    team_id: String,
}

#[derive(QueryableByName)]
struct EvidenceRow {
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    channel: String,
    #[diesel(sql_type = Text)]
    conversation_id: String,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    hit_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    review_id: Option<Uuid>,
}

/// Chats by rule and person, of the rules of each version.
async fn counts(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    days: (NaiveDate, NaiveDate),
    rules: &[(i32, String)],
) -> Result<Vec<CountRow>, QaError> {
    let (versions, ids): (Vec<i32>, Vec<&str>) =
        rules.iter().map(|(version, rule)| (*version, rule.as_str())).unzip();
    let rows = diesel::sql_query(format!(
        "SELECT v.rule_id, d.person_id, sum(d.chats)::bigint AS chats, \
            COALESCE(sum(c.chats_hit - c.chats_refuted), 0)::bigint AS hit \
         FROM (SELECT r.*, {PERSON_OF_ROW} AS person_id FROM check_days r \
            WHERE r.merchant_id = $1 AND r.business_day BETWEEN $2 AND $3 AND r.chats > 0) d \
         JOIN unnest($4::int[], $5::text[]) AS v (version, rule_id) ON v.version = d.rule_set_version \
         LEFT JOIN check_counts c ON c.merchant_id = d.merchant_id AND c.business_day = d.business_day \
            AND c.account_id = d.account_id AND c.shop_id = d.shop_id AND c.rule_id = v.rule_id \
         WHERE d.person_id IS NOT NULL GROUP BY 1, 2"
    ))
    .bind::<Text, _>(merchant.as_str())
    .bind::<Date, _>(days.0)
    .bind::<Date, _>(days.1)
    .bind::<Array<Integer>, _>(versions)
    .bind::<Array<Text>, _>(ids)
    .load(conn)
    .await?;
    Ok(rows)
}

/// A row per share of a criterion's points that a random, submitted review gave: `r` is the review.
const SHARES: &str = "FROM reviews r \
     JOIN scorecards k ON k.merchant_id = r.merchant_id AND k.scorecard_id = r.scorecard_id AND k.version = r.scorecard_version \
     CROSS JOIN LATERAL jsonb_array_elements(r.assessment -> 'scores') AS s (score) \
     CROSS JOIN LATERAL jsonb_array_elements(k.content -> 'criteria') AS c (criterion) \
     CROSS JOIN LATERAL (SELECT (score -> 'rating' ->> 'Points')::float8 AS points, (criterion ->> 'min_points')::float8 AS low, \
        (criterion ->> 'max_points')::float8 AS high) p \
     WHERE r.merchant_id = $1 AND r.business_day BETWEEN $2 AND $3 AND r.state >= 3 AND NOT r.late \
        AND criterion ->> 'id' = score ->> 'criterion_id' AND p.points IS NOT NULL AND p.high > p.low";

async fn shares(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    days: (NaiveDate, NaiveDate),
) -> Result<Vec<ShareRow>, QaError> {
    let rows = diesel::sql_query(format!(
        "SELECT s.criterion_id, s.person_id, s.account_id, s.business_day, COALESCE(max(a.eligible), 0)::bigint AS eligible, \
            array_agg(s.share) AS shares \
         FROM (SELECT r.merchant_id, r.account_id, r.business_day, score ->> 'criterion_id' AS criterion_id, \
                {PERSON_OF_ROW} AS person_id, (p.points - p.low) / (p.high - p.low) AS share {SHARES}) s \
         LEFT JOIN draw_agents a ON a.merchant_id = s.merchant_id AND a.business_day = s.business_day \
            AND a.account_id = s.account_id \
         WHERE s.person_id IS NOT NULL GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
    ))
    .bind::<Text, _>(merchant.as_str())
    .bind::<Date, _>(days.0)
    .bind::<Date, _>(days.1)
    .load(conn)
    .await?;
    Ok(rows)
}

async fn teams(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    day: NaiveDate,
) -> Result<Vec<TeamRow>, QaError> {
    let rows = diesel::sql_query(
        "SELECT DISTINCT person_id, team_id FROM memberships WHERE merchant_id = $1 AND $2 BETWEEN from_day AND to_day",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Date, _>(day)
    .load(conn)
    .await?;
    Ok(rows)
}

/// Hits of a rule, newest first, or reviews with the fewest points of a criterion.
pub(super) async fn evidence(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    person: &PersonId,
    subject: &Subject,
    days: (NaiveDate, NaiveDate),
) -> Result<Vec<Evidence>, QaError> {
    let (_, id) = code(subject);
    let sql = match subject {
        Subject::Rule(_) => format!(
            "SELECT r.shop_id, r.channel, r.conversation_id, r.hit_id, NULL::uuid AS review_id FROM check_hits r \
             WHERE r.merchant_id = $1 AND r.business_day BETWEEN $2 AND $3 AND r.rule_id = $4 AND {PERSON_OF_ROW} = $5 \
                AND COALESCE((SELECT verdict FROM hit_judgements j WHERE j.merchant_id = r.merchant_id \
                    AND j.hit_id = r.hit_id ORDER BY number DESC LIMIT 1), 1) <> 2 \
             ORDER BY r.business_day DESC, r.severity DESC, r.hit_id LIMIT $6"
        ),
        Subject::Criterion(_) => format!(
            "SELECT r.shop_id, r.channel, r.conversation_id, NULL::uuid AS hit_id, r.review_id {SHARES} \
                AND criterion ->> 'id' = $4 AND {PERSON_OF_ROW} = $5 \
             ORDER BY (p.points - p.low) / (p.high - p.low), r.business_day DESC, r.review_id LIMIT $6"
        ),
    };
    let rows = diesel::sql_query(sql)
        .bind::<Text, _>(merchant.as_str())
        .bind::<Date, _>(days.0)
        .bind::<Date, _>(days.1)
        .bind::<Text, _>(id)
        .bind::<Text, _>(person.as_str())
        .bind::<BigInt, _>(EVIDENCE_MAX)
        .load::<EvidenceRow>(conn)
        .await?;
    let evidence = |row: EvidenceRow| Evidence {
        conversation: ConversationId::new(row.shop_id, row.channel, row.conversation_id),
        hit: row.hit_id,
        review: row.review_id,
    };
    Ok(rows.into_iter().map(evidence).collect())
}

impl Store {
    /// What is known of some days; `rules` are the rules of each version.
    pub async fn find_known(
        &self,
        merchant: &MerchantId,
        days: (NaiveDate, NaiveDate),
        rules: &[(i32, String)],
    ) -> Result<Known, QaError> {
        let mut conn = self.connection().await?;
        let mut known = Known::default();
        for row in counts(&mut conn, merchant, days, rules).await? {
            let counted = Counted { chats: row.chats, hit: row.hit };
            known.rules.entry(row.rule_id).or_default().insert(PersonId::new(row.person_id), counted);
        }
        let mut criteria: BTreeMap<String, BTreeMap<PersonId, Vec<ReviewedDay>>> = BTreeMap::new();
        for row in shares(&mut conn, merchant, days).await? {
            let of = criteria.entry(row.criterion_id).or_default().entry(PersonId::new(row.person_id));
            of.or_default().push(ReviewedDay {
                account: AccountId::new(row.account_id),
                day: row.business_day,
                eligible: row.eligible,
                shares: row.shares,
            });
        }
        known.criteria = criteria;
        for row in teams(&mut conn, merchant, days.1).await? {
            let of: &mut BTreeSet<String> = known.teams.entry(PersonId::new(row.person_id)).or_default();
            of.insert(row.team_id);
        }
        Ok(known)
    }
}
