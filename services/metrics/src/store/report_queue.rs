//! `reports` as a queue: asked for when due, taken up under a lease, finished by whoever holds it.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, Date, Integer, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel::{OptionalExtension, QueryableByName};
use diesel_async::RunQueryDsl;
use pg::By;
use runtime::ids::MerchantId;
use serde_json::json;
use uuid::Uuid;

use crate::domain::maturity::Window;
use crate::domain::report::document::Document;
use crate::domain::report::schedule::Due;
use crate::domain::report::{SubjectKind, Taken};
use crate::error::MetricsError;
use crate::store::reports::{COLUMNS, ReportRow};
use crate::store::{Result, Store, json_of};

impl Store {
    /// Asks for the reports of a period about everything that there is, unless somebody did before; gives how many. Of a
    /// period of which nothing is known there is nothing to report.
    pub async fn schedule_reports(
        &self,
        by: &By,
        due: &Due,
        definition: &str,
        now: DateTime<Utc>,
    ) -> Result<usize> {
        let merchant = by.caller.merchant.as_str();
        let wanted: Vec<_> = due.subjects.iter().map(|kind: &SubjectKind| kind.name()).collect();
        by.change(&self.pool, now, async |conn| {
            // Ids are made by the database: there is one for each row that is really put in.
            let rows = diesel::sql_query(
                "INSERT INTO reports (merchant_id, report_id, kind, subject_kind, subject_id, from_day, to_day, scheduled, \
                    due_day, definition_id, state, held_until, requested_by, requested_at, recipients) \
                 SELECT $1, gen_random_uuid()::text, $2, s.kind, s.id, $3, $4, true, $5, $6, 'waiting', $7, $8, $7, $10 \
                 FROM ( \
                    SELECT 'merchant' AS kind, '' AS id \
                    UNION ALL SELECT 'shop', shop_id FROM shops WHERE merchant_id = $1 \
                    UNION ALL SELECT 'team', t.team_id FROM teams t WHERE t.merchant_id = $1 AND EXISTS ( \
                        SELECT 1 FROM memberships m WHERE m.merchant_id = $1 AND m.team_id = t.team_id \
                            AND m.from_day <= $4 AND m.to_day >= $3) \
                    UNION ALL SELECT DISTINCT 'person', a.person_id FROM accounts a WHERE a.merchant_id = $1 \
                        AND a.from_day <= $4 AND a.to_day >= $3) AS s \
                 WHERE s.kind = ANY ($9) AND EXISTS (SELECT 1 FROM day_knowledge k WHERE k.merchant_id = $1 \
                    AND k.business_day BETWEEN $3 AND $4) \
                 ON CONFLICT (merchant_id, kind, subject_kind, subject_id, from_day) WHERE scheduled DO NOTHING",
            )
            .bind::<Text, _>(merchant)
            .bind::<Text, _>(due.kind.name())
            .bind::<Date, _>(due.days.from)
            .bind::<Date, _>(due.days.to)
            .bind::<Date, _>(due.day)
            .bind::<Text, _>(definition)
            .bind::<Timestamptz, _>(now)
            .bind::<Text, _>(&by.caller.subject)
            .bind::<Array<Text>, _>(&wanted)
            .bind::<Array<Text>, _>(&due.recipients)
            .execute(conn)
            .await?;
            if rows > 0 {
                let summary = json!({
                    "kind": due.kind.name(),
                    "days": [due.days.from, due.days.to],
                    "reports": rows,
                });
                by.audit(conn, now, format!("reports/{}", due.kind.name()), summary).await?;
            }
            Ok::<_, MetricsError>(rows)
        })
        .await
    }

    /// Takes up the report that waits longest and that nobody holds, until an instant. What people asked for comes before
    /// what is due.
    pub async fn take_report(&self, now: DateTime<Utc>, until: DateTime<Utc>) -> Result<Option<Taken>> {
        let mut conn = self.pool.get().await?;
        let lease = Uuid::new_v4();
        let sql = format!(
            "UPDATE reports r SET state = 'making', attempts = r.attempts + 1, lease = $1, held_until = $3 \
             FROM (SELECT merchant_id, report_id FROM reports \
                WHERE state IN ('waiting', 'making') AND held_until <= $2 \
                ORDER BY scheduled, held_until, merchant_id, report_id FOR UPDATE SKIP LOCKED LIMIT 1) AS next \
             WHERE r.merchant_id = next.merchant_id AND r.report_id = next.report_id \
             RETURNING r.merchant_id, r.attempts, {COLUMNS}"
        );
        let row = diesel::sql_query(sql)
            .bind::<SqlUuid, _>(lease)
            .bind::<Timestamptz, _>(now)
            .bind::<Timestamptz, _>(until)
            .get_result::<TakenRow>(&mut conn)
            .await
            .optional()?;
        let Some(TakenRow { merchant_id, attempts, report }) = row else { return Ok(None) };
        let report = report.read()?;
        Ok(Some(Taken {
            merchant: MerchantId::new(merchant_id),
            id: report.id,
            order: report.order,
            attempts,
            lease,
        }))
    }

    /// Keeps the figures of a report; `false` if somebody else took it up meanwhile.
    pub async fn finish_report(
        &self,
        taken: &Taken,
        document: &Document,
        made_at: DateTime<Utc>,
    ) -> Result<bool> {
        let versions: Vec<i32> = document.versions.iter().map(|version| version.version).collect();
        let mut conn = self.pool.get().await?;
        let rows = diesel::sql_query(
            "UPDATE reports SET state = 'ready', document = $4, made_at = $5, figure_state = $6, subject_name = $7, \
                versions = $8, lease = NULL, failure = '', conversion_state = $9, refund_state = $10 \
             WHERE merchant_id = $1 AND report_id = $2 AND lease = $3 AND state = 'making'",
        )
        .bind::<Text, _>(taken.merchant.as_str())
        .bind::<Text, _>(&taken.id)
        .bind::<SqlUuid, _>(taken.lease)
        .bind::<Jsonb, _>(json_of(document)?)
        .bind::<Timestamptz, _>(made_at)
        .bind::<Text, _>(&document.whole.state)
        .bind::<Text, _>(&document.subject_name)
        .bind::<Array<Integer>, _>(versions)
        .bind::<Nullable<Text>, _>(document.whole.state_of(Window::Conversions))
        .bind::<Nullable<Text>, _>(document.whole.state_of(Window::Refunds))
        .execute(&mut conn)
        .await?;
        Ok(rows > 0)
    }

    /// Leaves a report for `again`, or gives it up with a reason.
    pub async fn put_off_report(
        &self,
        taken: &Taken,
        give_up: Option<&str>,
        again: DateTime<Utc>,
    ) -> Result<()> {
        let mut conn = self.pool.get().await?;
        diesel::sql_query(
            "UPDATE reports SET state = CASE WHEN $4::text IS NULL THEN 'waiting' ELSE 'failed' END, \
                failure = coalesce($4, ''), lease = NULL, held_until = $5 \
             WHERE merchant_id = $1 AND report_id = $2 AND lease = $3",
        )
        .bind::<Text, _>(taken.merchant.as_str())
        .bind::<Text, _>(&taken.id)
        .bind::<SqlUuid, _>(taken.lease)
        .bind::<Nullable<Text>, _>(give_up)
        .bind::<Timestamptz, _>(again)
        .execute(&mut conn)
        .await?;
        Ok(())
    }
}

#[derive(QueryableByName)]
struct TakenRow {
    #[diesel(sql_type = Text)]
    merchant_id: String,
    #[diesel(sql_type = Integer)]
    attempts: i32,
    #[diesel(embed)]
    report: ReportRow,
}
