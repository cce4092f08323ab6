//! `day_facts`, `day_buckets`, `day_customers`: what a batch adds and takes away.

use std::collections::HashMap;
use std::sync::LazyLock;

use chrono::NaiveDate;
use diesel::QueryableByName;
use diesel::pg::Pg;
use diesel::sql_types::{Array, BigInt, Date, Integer, SmallInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::domain::sums::Sum;
use crate::domain::tally::{DayChange, DayKey, Tally};
use crate::store::Result;
use crate::store::conversations::column;

/// The column of a sum.
pub(super) fn sum_column(sum: Sum) -> &'static str {
    match sum {
        Sum::Conversations => "conversations",
        Sum::Replies => "replies",
        Sum::QuickReplies => "quick_replies",
        Sum::CustomerMessages => "customer_messages",
        Sum::Rounds => "rounds",
        Sum::RoundsAnswered => "rounds_answered",
        Sum::RoundsInTime => "rounds_in_time",
        Sum::ResponseMs => "response_ms",
        Sum::FirstAsked => "first_asked",
        Sum::FirstAnswered => "first_answered",
        Sum::FirstInTime => "first_in_time",
        Sum::FirstResponseMs => "first_response_ms",
        Sum::LongChats => "long_chats",
        Sum::Satisfied => "satisfied",
        Sum::Rated => "rated",
        Sum::Completed => "completed",
        Sum::Marked => "marked",
        Sum::LengthMs => "length_ms",
        Sum::AskingCustomers => "asking_customers",
        Sum::AnsweredCustomers => "answered_customers",
        Sum::ReceivedCustomers => "received_customers",
    }
}

/// Applies a tally. The rows are locked in the order of their keys; a locked day row also guards its buckets and
/// customers, so those need no order.
pub(super) async fn apply(conn: &mut AsyncPgConnection, merchant: &str, tally: Tally) -> Result<()> {
    let changes = tally.into_changes();
    if changes.is_empty() {
        return Ok(());
    }
    let ids = upsert_days(conn, merchant, &changes).await?;
    upsert_buckets(conn, merchant, &ids, &changes).await?;
    upsert_customers(conn, merchant, &ids, &changes).await
}

/// The ids of the day rows, in the order of `changes`.
async fn upsert_days(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    changes: &[(DayKey, DayChange)],
) -> Result<Vec<i64>> {
    static UPSERT: LazyLock<String> = LazyLock::new(upsert_days_sql);
    let mut query = diesel::sql_query(UPSERT.as_str())
        .into_boxed::<Pg>()
        .bind::<Text, _>(merchant)
        .bind::<Array<Integer>, _>(column(changes, |(key, _)| key.definition_seq))
        .bind::<Array<Date>, _>(column(changes, |(key, _)| key.agent_day.day))
        .bind::<Array<Text>, _>(column(changes, |(key, _)| key.agent_day.shop.as_str()))
        .bind::<Array<Text>, _>(column(changes, |(key, _)| key.agent_day.account.as_str()));
    for sum in Sum::ALL {
        query = query.bind::<Array<BigInt>, _>(column(changes, |(_, change)| change.sums[sum]));
    }
    let rows = query.load::<DayRow>(conn).await?;
    let ids: HashMap<_, _> = rows
        .iter()
        .map(|row| {
            (
                (row.definition_seq, row.business_day, row.shop_id.as_str(), row.account_id.as_str()),
                row.day_fact_id,
            )
        })
        .collect();
    let id = |key: &DayKey| {
        let at = &key.agent_day;
        let id = ids.get(&(key.definition_seq, at.day, at.shop.as_str(), at.account.as_str())).copied();
        id.ok_or_else(|| pg::Error::unreadable("day_facts", &at.account, "the row was not returned"))
    };
    Ok(changes.iter().map(|(key, _)| id(key)).collect::<Result<_, _>>()?)
}

fn upsert_days_sql() -> String {
    let columns: Vec<_> = Sum::ALL.into_iter().map(sum_column).collect();
    let parameters: Vec<_> = (0..columns.len()).map(|at| format!("${}::bigint[]", at + 6)).collect();
    let values: Vec<_> = columns.iter().map(|column| format!("n.{column}")).collect();
    let adds: Vec<_> =
        columns.iter().map(|column| format!("{column} = f.{column} + excluded.{column}")).collect();
    let (columns, parameters) = (columns.join(", "), parameters.join(", "));
    format!(
        "INSERT INTO day_facts AS f (merchant_id, definition_seq, business_day, shop_id, account_id, {columns}) \
         SELECT $1, n.seq, n.day, n.shop, n.account, {} \
         FROM unnest($2::int[], $3::date[], $4::text[], $5::text[], {parameters}) \
            WITH ORDINALITY AS n (seq, day, shop, account, {columns}, place) \
         ORDER BY n.place \
         ON CONFLICT ON CONSTRAINT day_facts_pkey DO UPDATE SET {} \
         RETURNING definition_seq, business_day, shop_id, account_id, day_fact_id",
        values.join(", "),
        adds.join(", "),
    )
}

async fn upsert_buckets(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    ids: &[i64],
    changes: &[(DayKey, DayChange)],
) -> Result<()> {
    let mut rows: Vec<(i64, i16, i16, i64)> = Vec::new();
    for (id, (_, change)) in ids.iter().zip(changes) {
        rows.extend(change.buckets.iter().map(|((spread, bucket), n)| (*id, spread.number(), *bucket, *n)));
    }
    // Neighbours in the index are written together.
    rows.sort_unstable();
    diesel::sql_query(
        "INSERT INTO day_buckets AS b (merchant_id, day_fact_id, spread, bucket, count) \
         SELECT $1, * FROM unnest($2::bigint[], $3::smallint[], $4::smallint[], $5::bigint[]) \
         ON CONFLICT ON CONSTRAINT day_buckets_pkey DO UPDATE SET count = b.count + excluded.count",
    )
    .bind::<Text, _>(merchant)
    .bind::<Array<BigInt>, _>(column(&rows, |row| row.0))
    .bind::<Array<SmallInt>, _>(column(&rows, |row| row.1))
    .bind::<Array<SmallInt>, _>(column(&rows, |row| row.2))
    .bind::<Array<BigInt>, _>(column(&rows, |row| row.3))
    .execute(conn)
    .await?;
    Ok(())
}

/// Changes the customers' reference counts, and the days' counts of customers where one came to or left zero.
async fn upsert_customers(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    ids: &[i64],
    changes: &[(DayKey, DayChange)],
) -> Result<()> {
    let mut rows = Vec::new();
    for (id, (_, change)) in ids.iter().zip(changes) {
        rows.extend(change.customers.iter().map(|(customer, change)| (*id, customer.as_str(), *change)));
    }
    rows.sort_unstable_by_key(|(id, customer, _)| (*id, *customer));
    // A count before the change is the count after it less the change: no row has to be read first.
    diesel::sql_query(
        "WITH change AS ( \
            SELECT * FROM unnest($2::bigint[], $3::text[], $4::int[], $5::int[], $6::int[]) \
                AS n (day_fact_id, customer_id, asked, answered, received)), \
         put AS ( \
            INSERT INTO day_customers AS c (merchant_id, day_fact_id, customer_id, asked, answered, received) \
            SELECT $1, * FROM change \
            ON CONFLICT ON CONSTRAINT day_customers_pkey DO UPDATE SET asked = c.asked + excluded.asked, \
                answered = c.answered + excluded.answered, received = c.received + excluded.received \
            RETURNING day_fact_id, customer_id, asked, answered, received), \
         moved AS ( \
            SELECT day_fact_id, \
                sum((p.asked > 0)::int - (p.asked - n.asked > 0)::int) AS asking, \
                sum((p.answered > 0)::int - (p.answered - n.answered > 0)::int) AS answered, \
                sum((p.received > 0)::int - (p.received - n.received > 0)::int) AS received \
            FROM put p JOIN change n USING (day_fact_id, customer_id) GROUP BY day_fact_id) \
         UPDATE day_facts f SET asking_customers = f.asking_customers + m.asking, \
            answered_customers = f.answered_customers + m.answered, \
            received_customers = f.received_customers + m.received \
         FROM moved m WHERE f.merchant_id = $1 AND f.day_fact_id = m.day_fact_id",
    )
    .bind::<Text, _>(merchant)
    .bind::<Array<BigInt>, _>(column(&rows, |row| row.0))
    .bind::<Array<Text>, _>(column(&rows, |row| row.1))
    .bind::<Array<Integer>, _>(column(&rows, |row| row.2.asked))
    .bind::<Array<Integer>, _>(column(&rows, |row| row.2.answered))
    .bind::<Array<Integer>, _>(column(&rows, |row| row.2.received))
    .execute(conn)
    .await?;
    Ok(())
}

#[derive(QueryableByName)]
struct DayRow {
    #[diesel(sql_type = Integer)]
    definition_seq: i32,
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = BigInt)]
    day_fact_id: i64,
}
