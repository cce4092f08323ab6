//! `day_facts` and `day_customers`: what a batch adds and takes away.

use std::collections::HashMap;
use std::sync::LazyLock;

use chrono::NaiveDate;
use diesel::QueryableByName;
use diesel::pg::Pg;
use diesel::sql_types::{Array, BigInt, Binary, Date, Integer, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::domain::part::Spread;
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

/// Applies a tally. The rows are locked in the order of their keys; a locked day row also guards its histograms and
/// customers, so that those can be worked out here.
pub(super) async fn apply(conn: &mut AsyncPgConnection, merchant: &str, tally: Tally) -> Result<()> {
    let changes = tally.into_changes();
    if changes.is_empty() {
        return Ok(());
    }
    let days = upsert_days(conn, merchant, &changes).await?;
    update_details(conn, merchant, &days, &changes).await
}

/// A locked day row: its id, and its histograms as they are to be, packed, in the order of [`Spread::ALL`].
struct Locked {
    id: i64,
    histograms: [Vec<u8>; Spread::ALL.len()],
}

/// Adds the sums, which locks the rows, and works out their histograms; in the order of `changes`.
async fn upsert_days(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    changes: &[(DayKey, DayChange)],
) -> Result<Vec<Locked>> {
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
    let rows: HashMap<_, _> = rows
        .iter()
        .map(|row| {
            ((row.definition_seq, row.business_day, row.shop_id.as_str(), row.account_id.as_str()), row)
        })
        .collect();
    let lock = |(key, change): &(DayKey, DayChange)| {
        let at = &key.agent_day;
        let row = rows.get(&(key.definition_seq, at.day, at.shop.as_str(), at.account.as_str()));
        let row =
            row.ok_or_else(|| pg::Error::unreadable("day_facts", &at.account, "the row was not returned"))?;
        let stored = [&row.responses, &row.first_responses, &row.lengths];
        let mut histograms = change.histograms.clone();
        for (histogram, stored) in histograms.iter_mut().zip(stored) {
            histogram
                .add_packed(stored)
                .map_err(|why| pg::Error::unreadable("day_facts", row.day_fact_id, why))?;
        }
        let packed = histograms.each_ref().map(|histogram| {
            histogram.pack().map_err(|why| pg::Error::unreadable("day_facts", row.day_fact_id, why))
        });
        let [responses, first_responses, lengths] = packed;
        Ok::<_, pg::Error>(Locked {
            id: row.day_fact_id,
            histograms: [responses?, first_responses?, lengths?],
        })
    };
    Ok(changes.iter().map(lock).collect::<Result<_, _>>()?)
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
         RETURNING definition_seq, business_day, shop_id, account_id, day_fact_id, responses, first_responses, lengths",
        values.join(", "),
        adds.join(", "),
    )
}

/// Writes the histograms and changes the customers' reference counts, and with them the days' counts of customers
/// where one came to or left zero.
async fn update_details(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    days: &[Locked],
    changes: &[(DayKey, DayChange)],
) -> Result<()> {
    let mut customers = Vec::new();
    for (day, (_, change)) in days.iter().zip(changes) {
        customers
            .extend(change.customers.iter().map(|(customer, change)| (day.id, customer.as_str(), *change)));
    }
    // Neighbours in the index are written together.
    customers.sort_unstable_by_key(|(id, customer, _)| (*id, *customer));
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
         UPDATE day_facts f SET responses = d.responses, first_responses = d.first_responses, lengths = d.lengths, \
            asking_customers = f.asking_customers + coalesce(m.asking, 0), \
            answered_customers = f.answered_customers + coalesce(m.answered, 0), \
            received_customers = f.received_customers + coalesce(m.received, 0) \
         FROM unnest($7::bigint[], $8::bytea[], $9::bytea[], $10::bytea[]) \
            AS d (day_fact_id, responses, first_responses, lengths) \
         LEFT JOIN moved m USING (day_fact_id) \
         WHERE f.merchant_id = $1 AND f.day_fact_id = d.day_fact_id",
    )
    .bind::<Text, _>(merchant)
    .bind::<Array<BigInt>, _>(column(&customers, |row| row.0))
    .bind::<Array<Text>, _>(column(&customers, |row| row.1))
    .bind::<Array<Integer>, _>(column(&customers, |row| row.2.asked))
    .bind::<Array<Integer>, _>(column(&customers, |row| row.2.answered))
    .bind::<Array<Integer>, _>(column(&customers, |row| row.2.received))
    .bind::<Array<BigInt>, _>(column(days, |day| day.id))
    .bind::<Array<Binary>, _>(column(days, |day| day.histograms[0].as_slice()))
    .bind::<Array<Binary>, _>(column(days, |day| day.histograms[1].as_slice()))
    .bind::<Array<Binary>, _>(column(days, |day| day.histograms[2].as_slice()))
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
    #[diesel(sql_type = Binary)]
    responses: Vec<u8>,
    #[diesel(sql_type = Binary)]
    first_responses: Vec<u8>,
    #[diesel(sql_type = Binary)]
    lengths: Vec<u8>,
}
