//! What people say of hits: only ever added to.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Date, Integer, SmallInt, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use runtime::identity::Scope;
use runtime::ids::{MerchantId, PersonId};
use uuid::Uuid;

use super::hits::{self, verdict_code};
use super::{ATTEMPTS, Store, chat_checks};
use crate::check_error::CheckError;
use crate::domain::check_figure::RuleAccuracy;
use crate::domain::hit::{Hit, HitJudgement, HitVerdict, JudgeHit, Place};
use crate::error::QaError;

#[derive(QueryableByName)]
struct JudgementRow {
    #[diesel(sql_type = SqlUuid)]
    hit_id: Uuid,
    #[diesel(sql_type = SmallInt)]
    verdict: i16,
    #[diesel(sql_type = Text)]
    person_id: String,
    #[diesel(sql_type = Text)]
    note: String,
    #[diesel(sql_type = Timestamptz)]
    judged_at: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct AccuracyRow {
    #[diesel(sql_type = Text)]
    rule_id: String,
    #[diesel(sql_type = BigInt)]
    hits: i64,
    #[diesel(sql_type = BigInt)]
    confirmed: i64,
    #[diesel(sql_type = BigInt)]
    disputed: i64,
}

/// The reverse of [`verdict_code`].
pub(super) fn verdict_of(code: i16) -> Option<HitVerdict> {
    [HitVerdict::Confirmed, HitVerdict::Disputed].into_iter().find(|verdict| verdict_code(*verdict) == code)
}

/// All words on some hits, oldest first.
pub(super) async fn list(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    hits: &[Uuid],
) -> Result<Vec<(Uuid, HitJudgement)>, QaError> {
    let rows = diesel::sql_query(
        "SELECT hit_id, verdict, person_id, note, judged_at FROM hit_judgements \
         WHERE merchant_id = $1 AND hit_id = ANY ($2) ORDER BY hit_id, number LIMIT 100000",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Array<SqlUuid>, _>(hits)
    .load::<JudgementRow>(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let verdict = verdict_of(row.verdict)
                .ok_or_else(|| pg::Error::unreadable("hit_judgements", row.hit_id, "unknown verdict"))?;
            let person = PersonId::new(row.person_id);
            Ok((row.hit_id, HitJudgement { verdict, person, note: row.note, at: row.judged_at }))
        })
        .collect()
}

async fn insert(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    hit: &Hit,
    judgement: &HitJudgement,
) -> Result<(), QaError> {
    diesel::sql_query(
        "INSERT INTO hit_judgements (merchant_id, judgement_id, hit_id, number, business_day, rule_id, rule_set_version, \
            verdict, person_id, note, judged_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<SqlUuid, _>(Uuid::now_v7())
    .bind::<SqlUuid, _>(hit.id)
    .bind::<Integer, _>(hit.judged + 1)
    .bind::<Date, _>(hit.business_day)
    .bind::<Text, _>(&hit.rule_id)
    .bind::<Integer, _>(hit.rule_set_version)
    .bind::<SmallInt, _>(verdict_code(judgement.verdict))
    .bind::<Text, _>(judgement.person.as_str())
    .bind::<Text, _>(&judgement.note)
    .bind::<Timestamptz, _>(judgement.at)
    .execute(conn)
    .await
    // Two people at once: the second has not read what the first said.
    .map_err(pg::on_constraint("hit_judgements_pkey", || QaError::EtagMismatch))?;
    Ok(())
}

impl Store {
    /// Adds a word on a hit; figures follow.
    pub async fn insert_judgement(
        &self,
        by: &By,
        scope: &Scope,
        judge: &JudgeHit,
        word: &HitJudgement,
    ) -> Result<Hit, QaError> {
        let (merchant, now) = (&by.caller.merchant, word.at);
        pg::with_retry(ATTEMPTS, async || {
            by.change(&self.pool, now, async |conn| {
                let missing = || CheckError::HitNotFound { hit: judge.hit.to_string() };
                let hit = hits::find(conn, scope, &judge.conversation, judge.hit).await?;
                let day = hit.ok_or_else(missing)?.business_day;
                let place =
                    Place { merchant: merchant.clone(), day, conversation: judge.conversation.clone() };
                let before = chat_checks::refuted_of(conn, &place).await?;
                // Read again under the lock: it may have been checked or judged meanwhile.
                let hit =
                    hits::find(conn, scope, &judge.conversation, judge.hit).await?.ok_or_else(missing)?;
                hit.may_be_judged(&word.person, &judge.etag)?;
                insert(conn, merchant, &hit, word).await?;
                chat_checks::recount_refuted(conn, &place, before).await?;
                let summary = serde_json::json!({ "rule": hit.rule_id, "verdict": word.verdict,
                    "conversation": judge.conversation.to_string() });
                by.audit(conn, now, format!("hit/{}", hit.id), summary).await?;
                Ok(hit.with(word.clone()))
            })
            .await
        })
        .await
    }

    /// How often people agreed with each rule's hits of some days; rules that were judged.
    pub async fn list_rule_accuracy(
        &self,
        merchant: &MerchantId,
        days: (NaiveDate, NaiveDate),
    ) -> Result<Vec<RuleAccuracy>, QaError> {
        let rows = diesel::sql_query(
            "SELECT j.rule_id, COALESCE((SELECT sum(c.hits) FROM check_counts c WHERE c.merchant_id = $1 \
                    AND c.business_day BETWEEN $2 AND $3 AND c.rule_id = j.rule_id), 0)::bigint AS hits, \
                count(*) FILTER (WHERE j.verdict = 1) AS confirmed, count(*) FILTER (WHERE j.verdict = 2) AS disputed \
             FROM (SELECT DISTINCT ON (hit_id) hit_id, rule_id, verdict FROM hit_judgements \
                WHERE merchant_id = $1 AND business_day BETWEEN $2 AND $3 ORDER BY hit_id, number DESC) j \
             GROUP BY j.rule_id ORDER BY j.rule_id LIMIT 10000",
        )
        .bind::<Text, _>(merchant.as_str())
        .bind::<Date, _>(days.0)
        .bind::<Date, _>(days.1)
        .load::<AccuracyRow>(&mut *self.connection().await?)
        .await?;
        let accuracy = |row: AccuracyRow| RuleAccuracy {
            rule_id: row.rule_id,
            hits: row.hits,
            confirmed: row.confirmed,
            disputed: row.disputed,
        };
        Ok(rows.into_iter().map(accuracy).collect())
    }
}
