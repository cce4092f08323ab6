//! `final_days`: which days were told of as final.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Date, Integer, Nullable, Text, Timestamptz};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use runtime::ids::MerchantId;

use crate::domain::definition::Definition;
use crate::domain::restatement::{FinalAgentDay, FinalDay, Knowledge, Telling};
use crate::domain::sums::Sums;
use crate::domain::trade::TradeSums;
use crate::error::MetricsError;
use crate::outgoing;
use crate::store::figure_sql::{SUM_ARRAY, read_sums};
use crate::store::{Result, Store, trade_figures};

/// A closed day about which something is known that was not told yet.
#[derive(Debug)]
pub struct ToFinalise {
    /// The day.
    pub day: NaiveDate,
    /// When it became known.
    pub knowledge: Knowledge,
    /// What was told last.
    pub told: Option<FinalDay>,
}

impl Store {
    /// Merchants that ever closed a day.
    pub async fn list_closing_merchants(&self) -> Result<Vec<MerchantId>> {
        let mut conn = self.pool.get().await?;
        let rows = diesel::sql_query("SELECT DISTINCT merchant_id FROM days ORDER BY merchant_id")
            .load::<MerchantRow>(&mut conn)
            .await?;
        Ok(rows.into_iter().map(|row| MerchantId::new(row.merchant_id)).collect())
    }

    /// Closed and unchanged days of which more became known before `today` than was told, or which were told while a window
    /// still ran; the oldest first.
    pub async fn list_days_to_finalise(
        &self,
        merchant: &MerchantId,
        today: NaiveDate,
        limit: i64,
    ) -> Result<Vec<ToFinalise>> {
        let mut conn = self.pool.get().await?;
        let rows = diesel::sql_query(
            "SELECT k.business_day, min(k.known_day) AS first_known, max(k.known_day) AS last_known, \
                f.version, f.known_day AS told_day, f.settled \
             FROM day_knowledge k \
             JOIN days d ON d.merchant_id = k.merchant_id AND d.business_day = k.business_day \
             LEFT JOIN final_days f ON f.merchant_id = k.merchant_id AND f.business_day = k.business_day \
             WHERE k.merchant_id = $1 AND k.known_day < $2 AND NOT EXISTS (SELECT FROM day_changes c \
                WHERE c.merchant_id = k.merchant_id AND c.business_day = k.business_day) \
             GROUP BY k.business_day, f.version, f.known_day, f.settled \
             HAVING f.known_day IS NULL OR max(k.known_day) > f.known_day OR NOT f.settled \
             ORDER BY k.business_day LIMIT $3",
        )
        .bind::<Text, _>(merchant.as_str())
        .bind::<Date, _>(today)
        .bind::<BigInt, _>(limit)
        .load::<DueRow>(&mut conn)
        .await?;
        Ok(rows.into_iter().map(DueRow::read).collect())
    }

    /// Tells of a day as final: of every account with figures that became known, or final, since what was told last. `false`:
    /// another replica was quicker.
    pub async fn finalise_day(
        &self,
        merchant: &MerchantId,
        telling: &Telling,
        told: Option<&FinalDay>,
        definition: &Definition,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        let last = &telling.day;
        let mut conn = self.pool.get().await?;
        conn.transaction::<_, MetricsError, _>(async |conn| {
            let taken = diesel::sql_query(
                "INSERT INTO final_days AS f (merchant_id, business_day, version, known_day, finalised_at, settled) \
                 VALUES ($1, $2, $3, $4, $5, $6) \
                 ON CONFLICT ON CONSTRAINT final_days_pkey DO UPDATE SET version = excluded.version, \
                    known_day = excluded.known_day, finalised_at = excluded.finalised_at, \
                    settled = excluded.settled \
                    WHERE f.version < excluded.version",
            )
            .bind::<Text, _>(merchant.as_str())
            .bind::<Date, _>(last.day)
            .bind::<BigInt, _>(last.version)
            .bind::<Date, _>(last.known_day)
            .bind::<Timestamptz, _>(now)
            .bind::<Bool, _>(last.settled)
            .execute(conn)
            .await?;
            if taken == 0 {
                return Ok(false);
            }
            for agent_day in load_agent_days(conn, merchant, last, told, definition).await? {
                let event = outgoing::agent_day_finalised(merchant, &agent_day, telling, definition, now);
                events::publish(conn, &event).await?;
            }
            Ok(true)
        })
        .await
    }
}

async fn load_agent_days(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    last: &FinalDay,
    told: Option<&FinalDay>,
    definition: &Definition,
) -> Result<Vec<FinalAgentDay>> {
    let mut days: BTreeMap<String, (bool, FinalAgentDay)> = BTreeMap::new();
    for (table, sums) in [("day_facts", &*SUM_ARRAY), ("trade_days", &*trade_figures::SUMS)] {
        // What is credited to nobody is nobody's day.
        let sql = format!(
            "SELECT account_id, $5::date IS NULL OR max(known_day) > $5 AS is_new, {sums} AS sums FROM {table} \
             WHERE merchant_id = $1 AND definition_seq = $2 AND business_day = $3 AND known_day <= $4 \
                AND account_id <> '' GROUP BY account_id",
        );
        let rows = diesel::sql_query(sql)
            .bind::<Text, _>(merchant.as_str())
            .bind::<Integer, _>(definition.seq)
            .bind::<Date, _>(last.day)
            .bind::<Date, _>(last.known_day)
            .bind::<Nullable<Date>, _>(told.map(|told| told.known_day))
            .load::<AgentDayRow>(conn)
            .await?;
        for row in rows {
            let (is_new, day) = days.entry(row.account_id).or_insert_with_key(|account| {
                let (sums, trade) = (Sums::default(), TradeSums::default());
                (false, FinalAgentDay { day: last.day, account: account.clone(), sums, trade })
            });
            *is_new |= row.is_new;
            if table == "day_facts" {
                day.sums = read_sums(&row.sums);
            } else {
                day.trade = trade_figures::read_sums(&row.sums);
            }
        }
    }
    // What was provisional when it was told is told again when it is final.
    let settles = last.settled && told.is_some_and(|told| !told.settled);
    let is_told = |(is_new, day): &(bool, FinalAgentDay)| *is_new || (settles && day.has_windows());
    Ok(days.into_values().filter(is_told).map(|(_, day)| day).collect())
}

#[derive(QueryableByName)]
struct MerchantRow {
    #[diesel(sql_type = Text)]
    merchant_id: String,
}

#[derive(QueryableByName)]
struct DueRow {
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
    #[diesel(sql_type = Date)]
    first_known: NaiveDate,
    #[diesel(sql_type = Date)]
    last_known: NaiveDate,
    #[diesel(sql_type = Nullable<BigInt>)]
    version: Option<i64>,
    #[diesel(sql_type = Nullable<Date>)]
    told_day: Option<NaiveDate>,
    #[diesel(sql_type = Nullable<Bool>)]
    settled: Option<bool>,
}

impl DueRow {
    fn read(self) -> ToFinalise {
        let day = self.business_day;
        let told = self.version.zip(self.told_day);
        ToFinalise {
            day,
            knowledge: Knowledge { first_known: self.first_known, last_known: self.last_known },
            told: told.map(|(version, known_day)| FinalDay {
                day,
                version,
                known_day,
                settled: self.settled.unwrap_or(false),
            }),
        }
    }
}

#[derive(QueryableByName)]
struct AgentDayRow {
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Bool)]
    is_new: bool,
    #[diesel(sql_type = Array<BigInt>)]
    sums: Vec<i64>,
}
