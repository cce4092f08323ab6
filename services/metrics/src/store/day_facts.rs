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
        Sum::AssistedReplies => "assisted_replies",
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
        let moved = upsert_customers(conn, merchant, &ids, &changes).await?;
        update_details(conn, merchant, &ids, &histograms, &moved, &changes).await?;
    }
    Ok(())
}

/// Adds corrections to days whose customers are put as a whole: those of each change are all there are, and the sums say how
/// many. Nobody else may change these days meanwhile.
pub(super) async fn put_right(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    corrections: &[(DayKey, DayChange)],
) -> Result<()> {
    let ids: Vec<Uuid> = corrections.iter().map(|(key, _)| key.agent_day_id()).collect();
    let histograms = upsert_days(conn, merchant, &ids, corrections).await?;
    diesel::sql_query("DELETE FROM day_customers WHERE merchant_id = $1 AND agent_day_id = ANY($2)")
        .bind::<Text, _>(merchant)
        .bind::<Array<SqlUuid>, _>(&ids)
        .execute(conn)
        .await?;
    upsert_customers(conn, merchant, &ids, corrections).await?;
    update_details(conn, merchant, &ids, &histograms, &HashMap::new(), corrections).await
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

/// Changes the customers' reference counts. Gives by how much the customers of each day changed that asked, were
/// answered, were received, are due and were answered in time: those whose count came to or left zero.
async fn upsert_customers(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    ids: &[Uuid],
    changes: &[(DayKey, DayChange)],
) -> Result<HashMap<Uuid, Moved>> {
    let mut customers = Vec::new();
    for (id, (_, change)) in ids.iter().zip(changes) {
        customers.extend(change.customers.iter().map(|(customer, change)| (id, customer.as_str(), *change)));
    }
    // Neighbours in the index are written together, and every writer locks them in this order.
    customers.sort_unstable_by_key(|(id, customer, _)| (*id, *customer));
    let rows = diesel::sql_query(
        "INSERT INTO day_customers AS c (merchant_id, agent_day_id, customer_id, asked, answered, received, due, late) \
         SELECT $1, n.id, n.customer, n.asked, n.answered, n.received, n.due, n.late \
         FROM unnest($2::uuid[], $3::text[], $4::int[], $5::int[], $6::int[], $7::int[], $8::int[]) \
            WITH ORDINALITY AS n (id, customer, asked, answered, received, due, late, place) \
         ORDER BY n.place \
         ON CONFLICT ON CONSTRAINT day_customers_pkey DO UPDATE SET asked = c.asked + excluded.asked, \
            answered = c.answered + excluded.answered, received = c.received + excluded.received, \
            due = c.due + excluded.due, late = c.late + excluded.late \
         RETURNING agent_day_id, customer_id, asked, answered, received, due, late",
    )
    .bind::<Text, _>(merchant)
    .bind::<Array<SqlUuid>, _>(column(&customers, |row| *row.0))
    .bind::<Array<Text>, _>(column(&customers, |row| row.1))
    .bind::<Array<Integer>, _>(column(&customers, |row| row.2.asked))
    .bind::<Array<Integer>, _>(column(&customers, |row| row.2.answered))
    .bind::<Array<Integer>, _>(column(&customers, |row| row.2.received))
    .bind::<Array<Integer>, _>(column(&customers, |row| row.2.due))
    .bind::<Array<Integer>, _>(column(&customers, |row| row.2.late))
    .load::<CustomerRow>(conn)
    .await?;
    // They come back in the order in which they were given.
    if rows.len() != customers.len() {
        return Err(pg::Error::unreadable("day_customers", merchant, "not every row was returned").into());
    }
    let mut moved: HashMap<Uuid, Moved> = HashMap::new();
    for (after, (id, customer, change)) in rows.iter().zip(&customers) {
        if (after.agent_day_id, after.customer_id.as_str()) != (**id, *customer) {
            return Err(pg::Error::unreadable("day_customers", id, "the rows came in another order").into());
        }
        // A count before the change is the count after it less the change: no row has to be read first.
        let came = |after: i32, change: i32| i64::from(after > 0) - i64::from(after - change > 0);
        let in_time = |due: i32, late: i32| i64::from(due > 0 && late == 0);
        let day = moved.entry(**id).or_default();
        day.asking += came(after.asked, change.asked);
        day.answered += came(after.answered, change.answered);
        day.received += came(after.received, change.received);
        day.due += came(after.due, change.due);
        day.in_time +=
            in_time(after.due, after.late) - in_time(after.due - change.due, after.late - change.late);
    }
    Ok(moved)
}

/// Writes the histograms, and adds to the days' counts of customers.
///
/// An insert that always conflicts, because it looks each row up by its key; an update from a list of unknown length may
/// read all days of the merchant instead.
async fn update_details(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    ids: &[Uuid],
    histograms: &[Packed],
    moved: &HashMap<Uuid, Moved>,
    changes: &[(DayKey, DayChange)],
) -> Result<()> {
    let moved = column(ids, |id| moved.get(id).copied().unwrap_or_default());
    diesel::sql_query(
        "INSERT INTO day_facts AS f (merchant_id, definition_seq, business_day, shop_id, account_id, known_day, \
            agent_day_id, responses, first_responses, lengths, asking_customers, answered_customers, \
            received_customers, due_customers, in_time_customers) \
         SELECT $1, n.seq, n.day, n.shop, n.account, n.known, n.id, n.responses, n.first_responses, n.lengths, \
            n.asking, n.answered, n.received, n.due, n.in_time \
         FROM unnest($2::uuid[], $3::int[], $4::date[], $5::text[], $6::text[], $7::date[], $8::bytea[], $9::bytea[], \
                $10::bytea[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[]) \
            AS n (id, seq, day, shop, account, known, responses, first_responses, lengths, asking, answered, received, \
                due, in_time) \
         ON CONFLICT ON CONSTRAINT day_facts_known_pkey DO UPDATE SET \
            responses = excluded.responses, first_responses = excluded.first_responses, lengths = excluded.lengths, \
            asking_customers = f.asking_customers + excluded.asking_customers, \
            answered_customers = f.answered_customers + excluded.answered_customers, \
            received_customers = f.received_customers + excluded.received_customers, \
            due_customers = f.due_customers + excluded.due_customers, \
            in_time_customers = f.in_time_customers + excluded.in_time_customers",
    )
    .bind::<Text, _>(merchant)
    .bind::<Array<SqlUuid>, _>(ids.to_vec())
    .bind::<Array<Integer>, _>(column(changes, |(key, _)| key.definition_seq))
    .bind::<Array<Date>, _>(column(changes, |(key, _)| key.agent_day.day))
    .bind::<Array<Text>, _>(column(changes, |(key, _)| key.agent_day.shop.as_str()))
    .bind::<Array<Text>, _>(column(changes, |(key, _)| key.agent_day.account.as_str()))
    .bind::<Array<Date>, _>(column(changes, |(key, _)| key.known_day))
    .bind::<Array<Binary>, _>(column(histograms, |packed| packed[0].as_slice()))
    .bind::<Array<Binary>, _>(column(histograms, |packed| packed[1].as_slice()))
    .bind::<Array<Binary>, _>(column(histograms, |packed| packed[2].as_slice()))
    .bind::<Array<BigInt>, _>(column(&moved, |moved| moved.asking))
    .bind::<Array<BigInt>, _>(column(&moved, |moved| moved.answered))
    .bind::<Array<BigInt>, _>(column(&moved, |moved| moved.received))
    .bind::<Array<BigInt>, _>(column(&moved, |moved| moved.due))
    .bind::<Array<BigInt>, _>(column(&moved, |moved| moved.in_time))
    .execute(conn)
    .await?;
    Ok(())
}

/// By how much a day's counts of customers change.
#[derive(Debug, Clone, Copy, Default)]
struct Moved {
    asking: i64,
    answered: i64,
    received: i64,
    due: i64,
    in_time: i64,
}

#[derive(QueryableByName)]
struct CustomerRow {
    #[diesel(sql_type = SqlUuid)]
    agent_day_id: Uuid,
    #[diesel(sql_type = Text)]
    customer_id: String,
    #[diesel(sql_type = Integer)]
    asked: i32,
    #[diesel(sql_type = Integer)]
    answered: i32,
    #[diesel(sql_type = Integer)]
    received: i32,
    #[diesel(sql_type = Integer)]
    due: i32,
    #[diesel(sql_type = Integer)]
    late: i32,
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
