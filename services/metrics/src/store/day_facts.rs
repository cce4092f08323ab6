//! `day_facts` and `day_customers`: what a batch adds and takes away.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use chrono::NaiveDate;
use diesel::QueryableByName;
use diesel::pg::Pg;
use diesel::sql_types::{Array, BigInt, Binary, Date, Integer, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::domain::histogram::Histogram;
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
        Sum::DueCustomers => "due_customers",
        Sum::InTimeCustomers => "in_time_customers",
        Sum::TransferredIn => "transferred_in",
        Sum::TransferredOut => "transferred_out",
    }
}

/// Applies a tally. The rows are locked in the order of their keys; a locked day row also guards its histograms, so that
/// those can be worked out here. The customers of an account's day are shared by its rows of several known days; each is
/// locked as it is changed, in order.
pub(super) async fn apply(conn: &mut AsyncPgConnection, merchant: &str, tally: Tally) -> Result<()> {
    // A batch of conversations has one known day; what a new definition is built from has many. A statement may change a
    // customer of a day only once, so each known day has statements of its own.
    let mut by_known_day: BTreeMap<NaiveDate, Vec<(DayKey, DayChange)>> = BTreeMap::new();
    for change in tally.into_changes() {
        by_known_day.entry(change.0.known_day).or_default().push(change);
    }
    for changes in by_known_day.into_values() {
        let ids: Vec<Uuid> = changes.iter().map(|(key, _)| key.agent_day_id()).collect();
        let histograms = upsert_days(conn, merchant, &ids, &changes).await?;
        update_details(conn, merchant, &ids, &histograms, &changes).await?;
    }
    Ok(())
}

/// A locked day row's histograms as they are to be, packed, in the order of [`Spread::ALL`].
type Packed = [Vec<u8>; Spread::ALL.len()];

/// Adds the sums, which locks the rows, and works out their histograms; in the order of `changes`.
async fn upsert_days(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    ids: &[Uuid],
    changes: &[(DayKey, DayChange)],
) -> Result<Vec<Packed>> {
    static UPSERT: LazyLock<String> = LazyLock::new(upsert_days_sql);
    let mut query = diesel::sql_query(UPSERT.as_str())
        .into_boxed::<Pg>()
        .bind::<Text, _>(merchant)
        .bind::<Array<Integer>, _>(column(changes, |(key, _)| key.definition_seq))
        .bind::<Array<Date>, _>(column(changes, |(key, _)| key.agent_day.day))
        .bind::<Array<Text>, _>(column(changes, |(key, _)| key.agent_day.shop.as_str()))
        .bind::<Array<Text>, _>(column(changes, |(key, _)| key.agent_day.account.as_str()))
        .bind::<Array<Date>, _>(column(changes, |(key, _)| key.known_day))
        .bind::<Array<SqlUuid>, _>(ids.to_vec());
    for sum in Sum::ALL {
        query = query.bind::<Array<BigInt>, _>(column(changes, |(_, change)| change.sums[sum]));
    }
    let rows = query.load::<DayRow>(conn).await?;
    let rows: HashMap<_, _> = rows.iter().map(|row| ((row.agent_day_id, row.known_day), row)).collect();
    let add = |(id, (key, change)): (&Uuid, &(DayKey, DayChange))| {
        let row = rows
            .get(&(*id, key.known_day))
            .ok_or_else(|| pg::Error::unreadable("day_facts", id, "the row was not returned"))?;
        let mut histograms = change.histograms.clone();
        for (histogram, stored) in
            histograms.iter_mut().zip([&row.responses, &row.first_responses, &row.lengths])
        {
            histogram.add_packed(stored).map_err(|why| pg::Error::unreadable("day_facts", id, why))?;
        }
        Ok::<_, pg::Error>(histograms.each_ref().map(Histogram::pack))
    };
    Ok(ids.iter().zip(changes).map(add).collect::<Result<_, _>>()?)
}

fn upsert_days_sql() -> String {
    let columns: Vec<_> = Sum::ALL.into_iter().map(sum_column).collect();
    let parameters: Vec<_> = (0..columns.len()).map(|at| format!("${}::bigint[]", at + 8)).collect();
    let values: Vec<_> = columns.iter().map(|column| format!("n.{column}")).collect();
    let adds: Vec<_> =
        columns.iter().map(|column| format!("{column} = f.{column} + excluded.{column}")).collect();
    let (columns, parameters) = (columns.join(", "), parameters.join(", "));
    format!(
        "INSERT INTO day_facts AS f (merchant_id, definition_seq, business_day, shop_id, account_id, known_day, \
            agent_day_id, {columns}) \
         SELECT $1, n.seq, n.day, n.shop, n.account, n.known, n.id, {} \
         FROM unnest($2::int[], $3::date[], $4::text[], $5::text[], $6::date[], $7::uuid[], {parameters}) \
            WITH ORDINALITY AS n (seq, day, shop, account, known, id, {columns}, place) \
         ORDER BY n.place \
         ON CONFLICT ON CONSTRAINT day_facts_known_pkey DO UPDATE SET {} \
         RETURNING agent_day_id, known_day, responses, first_responses, lengths",
        values.join(", "),
        adds.join(", "),
    )
}

/// Writes the histograms and changes the customers' reference counts, and with them the days' counts of customers
/// where one came to or left zero.
async fn update_details(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    ids: &[Uuid],
    histograms: &[Packed],
    changes: &[(DayKey, DayChange)],
) -> Result<()> {
    let mut customers = Vec::new();
    for (id, (_, change)) in ids.iter().zip(changes) {
        customers.extend(change.customers.iter().map(|(customer, change)| (id, customer.as_str(), *change)));
    }
    // Neighbours in the index are written together, and every writer locks them in this order.
    customers.sort_unstable_by_key(|(id, customer, _)| (*id, *customer));
    // A count before the change is the count after it less the change: no row has to be read first.
    diesel::sql_query(
        "WITH change AS ( \
            SELECT * FROM unnest($2::uuid[], $3::text[], $4::int[], $5::int[], $6::int[], $7::int[], $8::int[]) \
                AS n (agent_day_id, customer_id, asked, answered, received, due, late)), \
         put AS ( \
            INSERT INTO day_customers AS c (merchant_id, agent_day_id, customer_id, asked, answered, received, due, late) \
            SELECT $1, * FROM change \
            ON CONFLICT ON CONSTRAINT day_customers_pkey DO UPDATE SET asked = c.asked + excluded.asked, \
                answered = c.answered + excluded.answered, received = c.received + excluded.received, \
                due = c.due + excluded.due, late = c.late + excluded.late \
            RETURNING agent_day_id, customer_id, asked, answered, received, due, late), \
         moved AS ( \
            SELECT agent_day_id, \
                sum((p.asked > 0)::int - (p.asked - n.asked > 0)::int) AS asking, \
                sum((p.answered > 0)::int - (p.answered - n.answered > 0)::int) AS answered, \
                sum((p.received > 0)::int - (p.received - n.received > 0)::int) AS received, \
                sum((p.due > 0)::int - (p.due - n.due > 0)::int) AS due, \
                sum((p.due > 0 AND p.late = 0)::int - (p.due - n.due > 0 AND p.late - n.late = 0)::int) AS in_time \
            FROM put p JOIN change n USING (agent_day_id, customer_id) GROUP BY agent_day_id) \
         UPDATE day_facts f SET responses = d.responses, first_responses = d.first_responses, lengths = d.lengths, \
            asking_customers = f.asking_customers + coalesce(m.asking, 0), \
            answered_customers = f.answered_customers + coalesce(m.answered, 0), \
            received_customers = f.received_customers + coalesce(m.received, 0), \
            due_customers = f.due_customers + coalesce(m.due, 0), \
            in_time_customers = f.in_time_customers + coalesce(m.in_time, 0) \
         FROM unnest($9::uuid[], $10::int[], $11::date[], $12::text[], $13::text[], $14::date[], $15::bytea[], \
                $16::bytea[], $17::bytea[]) \
            AS d (agent_day_id, seq, day, shop, account, known, responses, first_responses, lengths) \
         LEFT JOIN moved m USING (agent_day_id) \
         WHERE f.merchant_id = $1 AND f.definition_seq = d.seq AND f.business_day = d.day AND f.shop_id = d.shop \
            AND f.account_id = d.account AND f.known_day = d.known",
    )
    .bind::<Text, _>(merchant)
    .bind::<Array<SqlUuid>, _>(column(&customers, |row| *row.0))
    .bind::<Array<Text>, _>(column(&customers, |row| row.1))
    .bind::<Array<Integer>, _>(column(&customers, |row| row.2.asked))
    .bind::<Array<Integer>, _>(column(&customers, |row| row.2.answered))
    .bind::<Array<Integer>, _>(column(&customers, |row| row.2.received))
    .bind::<Array<Integer>, _>(column(&customers, |row| row.2.due))
    .bind::<Array<Integer>, _>(column(&customers, |row| row.2.late))
    .bind::<Array<SqlUuid>, _>(ids.to_vec())
    .bind::<Array<Integer>, _>(column(changes, |(key, _)| key.definition_seq))
    .bind::<Array<Date>, _>(column(changes, |(key, _)| key.agent_day.day))
    .bind::<Array<Text>, _>(column(changes, |(key, _)| key.agent_day.shop.as_str()))
    .bind::<Array<Text>, _>(column(changes, |(key, _)| key.agent_day.account.as_str()))
    .bind::<Array<Date>, _>(column(changes, |(key, _)| key.known_day))
    .bind::<Array<Binary>, _>(column(histograms, |packed| packed[0].as_slice()))
    .bind::<Array<Binary>, _>(column(histograms, |packed| packed[1].as_slice()))
    .bind::<Array<Binary>, _>(column(histograms, |packed| packed[2].as_slice()))
    .execute(conn)
    .await?;
    Ok(())
}

#[derive(QueryableByName)]
struct DayRow {
    #[diesel(sql_type = SqlUuid)]
    agent_day_id: Uuid,
    #[diesel(sql_type = Date)]
    known_day: NaiveDate,
    #[diesel(sql_type = Binary)]
    responses: Vec<u8>,
    #[diesel(sql_type = Binary)]
    first_responses: Vec<u8>,
    #[diesel(sql_type = Binary)]
    lengths: Vec<u8>,
}
