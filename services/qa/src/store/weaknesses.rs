//! Weaknesses, and the looks that find them.

mod sources;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{
    Array, BigInt, Bool, Date, Jsonb, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use runtime::ids::{MerchantId, PersonId};
use uuid::Uuid;

use super::{ALL_DAYS, Seen, Store, seen_sql};
use crate::domain::weakness::{Finding, Subject, Weakness};
use crate::error::QaError;
use crate::outgoing;

/// What a look found: new weaknesses, and open ones that got better.
#[derive(Debug, Default)]
pub struct Found {
    /// New ones.
    pub opened: Vec<(PersonId, Subject, Finding)>,
    /// Those that got better, with what that rests on.
    pub closed: Vec<(Weakness, Finding)>,
}

#[derive(QueryableByName)]
struct WeaknessRow {
    #[diesel(sql_type = SqlUuid)]
    weakness_id: Uuid,
    #[diesel(sql_type = Text)]
    person_id: String,
    #[diesel(sql_type = SmallInt)]
    kind: i16,
    #[diesel(sql_type = Text)]
    subject_id: String,
    #[diesel(sql_type = Jsonb)]
    finding: serde_json::Value,
    #[diesel(sql_type = Jsonb)]
    evidence: serde_json::Value,
    #[diesel(sql_type = Timestamptz)]
    found_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Jsonb>)]
    better: Option<serde_json::Value>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    closed_at: Option<DateTime<Utc>>,
}

#[derive(QueryableByName)]
struct DueRow {
    #[diesel(sql_type = Bool)]
    due: bool,
}

const COLUMNS: &str =
    "weakness_id, person_id, kind, subject_id, finding, evidence, found_at, better, closed_at";

fn code(subject: &Subject) -> (i16, &str) {
    match subject {
        Subject::Rule(id) => (1, id),
        Subject::Criterion(id) => (2, id),
    }
}

impl TryFrom<WeaknessRow> for Weakness {
    type Error = QaError;

    fn try_from(row: WeaknessRow) -> Result<Self, QaError> {
        let unreadable = |why: String| pg::Error::unreadable("weaknesses", row.weakness_id, why);
        let subject = match row.kind {
            1 => Subject::Rule(row.subject_id),
            2 => Subject::Criterion(row.subject_id),
            other => return Err(unreadable(format!("unknown kind {other}")).into()),
        };
        let better = match (row.better, row.closed_at) {
            (Some(better), Some(at)) => {
                Some((serde_json::from_value(better).map_err(|e| unreadable(e.to_string()))?, at))
            }
            _ => None,
        };
        Ok(Self {
            id: row.weakness_id,
            person: PersonId::new(row.person_id),
            subject,
            finding: serde_json::from_value(row.finding).map_err(|e| unreadable(e.to_string()))?,
            evidence: serde_json::from_value(row.evidence).map_err(|e| unreadable(e.to_string()))?,
            found_at: row.found_at,
            better,
        })
    }
}

fn json(value: impl serde::Serialize) -> Result<serde_json::Value, pg::Error> {
    serde_json::to_value(value).map_err(|e| pg::Error::Internal(e.into()))
}

async fn insert(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    weakness: &Weakness,
) -> Result<(), QaError> {
    let (kind, subject) = code(&weakness.subject);
    diesel::sql_query(
        "INSERT INTO weaknesses (merchant_id, weakness_id, person_id, kind, subject_id, finding, evidence, found_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<SqlUuid, _>(weakness.id)
    .bind::<Text, _>(weakness.person.as_str())
    .bind::<SmallInt, _>(kind)
    .bind::<Text, _>(subject)
    .bind::<Jsonb, _>(json(&weakness.finding)?)
    .bind::<Jsonb, _>(json(&weakness.evidence)?)
    .bind::<Timestamptz, _>(weakness.found_at)
    .execute(conn)
    .await?;
    Ok(())
}

async fn close(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    weakness: &Weakness,
    better: &Finding,
    now: DateTime<Utc>,
) -> Result<(), QaError> {
    diesel::sql_query(
        "UPDATE weaknesses SET better = $3, closed_at = $4 WHERE merchant_id = $1 AND weakness_id = $2",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<SqlUuid, _>(weakness.id)
    .bind::<Jsonb, _>(json(better)?)
    .bind::<Timestamptz, _>(now)
    .execute(conn)
    .await?;
    Ok(())
}

impl Store {
    /// Whether a day was not looked at yet and all chats up to it that are here are checked.
    pub async fn is_to_be_looked_at(&self, merchant: &MerchantId, day: NaiveDate) -> Result<bool, QaError> {
        let row = diesel::sql_query(
            "SELECT NOT EXISTS (SELECT FROM weakness_looks WHERE merchant_id = $1 AND business_day = $2) \
                AND NOT EXISTS (SELECT FROM check_queue WHERE merchant_id = $1 AND business_day <= $2) AS due",
        )
        .bind::<Text, _>(merchant.as_str())
        .bind::<Date, _>(day)
        .get_result::<DueRow>(&mut *self.connection().await?)
        .await?;
        Ok(row.due)
    }

    /// Weaknesses that are open, or got better on days not before `from`; oldest first.
    pub async fn list_recent_weaknesses(
        &self,
        merchant: &MerchantId,
        from: NaiveDate,
    ) -> Result<Vec<Weakness>, QaError> {
        let rows = diesel::sql_query(format!(
            "SELECT {COLUMNS} FROM weaknesses WHERE merchant_id = $1 \
                AND (closed_at IS NULL OR (better ->> 'to')::date >= $2) ORDER BY weakness_id LIMIT 100000"
        ))
        .bind::<Text, _>(merchant.as_str())
        .bind::<Date, _>(from)
        .load::<WeaknessRow>(&mut *self.connection().await?)
        .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// Notes that a day was looked at, with what was found: told to others in the same transaction, once.
    pub async fn insert_look(
        &self,
        merchant: &MerchantId,
        day: NaiveDate,
        found: &Found,
        now: DateTime<Utc>,
    ) -> Result<(), QaError> {
        let by = By::service("qa", merchant, "background/find_weaknesses");
        by.change(&self.pool, now, async |conn| {
            let looked = diesel::sql_query(
                "INSERT INTO weakness_looks (merchant_id, business_day, looked_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            )
            .bind::<Text, _>(merchant.as_str())
            .bind::<Date, _>(day)
            .bind::<Timestamptz, _>(now)
            .execute(conn)
            .await?;
            // Another replica was quicker.
            if looked == 0 {
                return Ok(());
            }
            let mut events = Vec::new();
            for (person, subject, finding) in &found.opened {
                let days = (finding.from, finding.to);
                let weakness = Weakness {
                    id: Uuid::now_v7(),
                    person: person.clone(),
                    subject: subject.clone(),
                    finding: finding.clone(),
                    evidence: sources::evidence(conn, merchant, person, subject, days).await?,
                    found_at: now,
                    better: None,
                };
                insert(conn, merchant, &weakness).await?;
                events.push(outgoing::weakness_found(merchant, &weakness, now));
                let summary = serde_json::json!({ "person": person, "subject": subject, "finding": finding });
                by.audit(conn, now, format!("weakness/{}", weakness.id), summary).await?;
            }
            for (weakness, better) in &found.closed {
                close(conn, merchant, weakness, better, now).await?;
                let closed = Weakness { better: Some((better.clone(), now)), ..weakness.clone() };
                events.push(outgoing::weakness_found(merchant, &closed, now));
                let summary = serde_json::json!({ "person": weakness.person, "better": better });
                by.audit(conn, now, format!("weakness/{}", weakness.id), summary).await?;
            }
            events::publish_all(conn, &events).await?;
            Ok::<_, QaError>(())
        })
        .await
    }

    /// Weaknesses of people within `scope`, newest first.
    pub async fn list_weaknesses(
        &self,
        scope: &Scope,
        person: &str,
        open: bool,
        page: &PageRequest<Uuid>,
    ) -> Result<Page<Weakness>, QaError> {
        let mut conn = self.connection().await?;
        let seen = Seen::of(&mut conn, scope, ALL_DAYS.0, ALL_DAYS.1).await?;
        // A person is in reach if one of their accounts was on a day of what the weakness rests on.
        let visible = seen_sql!("$4", "$5", "$6", "$7");
        let rows = diesel::sql_query(format!(
            "SELECT {COLUMNS} FROM weaknesses w WHERE merchant_id = $1 AND ($2 = '' OR person_id = $2) \
                AND (NOT $3 OR closed_at IS NULL) AND ($4 OR EXISTS (SELECT FROM (SELECT a.account_id, \
                        least(a.to_day, (w.finding ->> 'to')::date) AS business_day FROM accounts a \
                    WHERE a.merchant_id = w.merchant_id AND a.person_id = w.person_id \
                        AND a.from_day <= (w.finding ->> 'to')::date AND a.to_day >= (w.finding ->> 'from')::date) r \
                    WHERE {visible})) \
                AND ($8 IS NULL OR weakness_id < $8) ORDER BY weakness_id DESC LIMIT $9"
        ))
        .bind::<Text, _>(scope.merchant.as_str())
        .bind::<Text, _>(person)
        .bind::<Bool, _>(open)
        .bind::<Bool, _>(seen.all)
        .bind::<Array<Text>, _>(seen.accounts)
        .bind::<Array<Date>, _>(seen.from)
        .bind::<Array<Date>, _>(seen.to)
        .bind::<Nullable<SqlUuid>, _>(page.after)
        .bind::<BigInt, _>(page.limit())
        .load::<WeaknessRow>(&mut conn)
        .await?;
        let weaknesses = rows.into_iter().map(TryInto::try_into).collect::<Result<Vec<Weakness>, _>>()?;
        Ok(page.page(weaknesses, |weakness| weakness.id)?)
    }
}
