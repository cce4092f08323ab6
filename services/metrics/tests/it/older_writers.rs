//! A release from before known days writes beside this one, as in an upgrade that rolls on: its statements, word for word.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Binary, Date, Integer, Text, Timestamptz};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use proto::metrics::v1 as pb;
use serde::Deserialize;
use testkit::{TestCaller, caller, eventually};

use crate::support::{TestMetrics, asking, chat, date};

const DAY: &str = "2020-05-13";
const START: &str = "2020-05-13T10:00:00";
const SUMS: &str = "conversations, replies, quick_replies, customer_messages, rounds, rounds_answered, rounds_in_time, \
    response_ms, first_asked, first_answered, first_in_time, first_response_ms, long_chats, satisfied, rated, completed, \
    marked, length_ms, asking_customers, answered_customers, received_customers";
const SUMS_COUNT: usize = 21;

/// The older release, at work on the day `DAY` of the shop `star`.
struct Older {
    conn: AsyncPgConnection,
}

/// A chat as it packs it: messages as seconds after the start, and whether an agent sent them.
struct OldChat {
    id: &'static str,
    account: &'static str,
    customer: &'static str,
    revision: i64,
    messages: &'static [(i64, bool)],
}

fn varint(out: &mut Vec<u8>, mut value: i64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

impl OldChat {
    /// Its first format, without other accounts: ten in the morning, closed with the last message, no answers.
    fn pack(&self) -> Vec<u8> {
        let mut out = vec![1, 0];
        varint(&mut out, 10 * 3_600_000);
        varint(&mut out, self.messages.last().expect("a message").0 * 1_000);
        varint(&mut out, self.messages.len() as i64);
        let mut last = 0;
        for (second, agent) in self.messages {
            varint(&mut out, (second - last) * 1_000);
            out.push(u8::from(*agent));
            varint(&mut out, format!("message at {second}").len() as i64);
            last = *second;
        }
        out
    }

    /// The same chat as clients send it.
    fn sent(&self) -> pb::Conversation {
        let messages: Vec<String> = self
            .messages
            .iter()
            .map(|(at, agent)| format!("{at} {}", if *agent { 'A' } else { 'C' }))
            .collect();
        let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
        pb::Conversation {
            revision: self.revision,
            ..chat(self.id, self.account, self.customer, START, &messages)
        }
    }
}

#[derive(QueryableByName)]
struct Day {
    #[diesel(sql_type = BigInt)]
    day_fact_id: i64,
}

impl Older {
    async fn connect(test: &TestMetrics) -> Self {
        let url = test.database.url(metrics::SCHEMA);
        let mut conn = AsyncPgConnection::establish(&url).await.expect("connects");
        conn.batch_execute("SET search_path = metrics").await.expect("takes its schema");
        Self { conn }
    }

    fn day() -> NaiveDate {
        DAY.parse().expect("a day")
    }

    /// Stores a chat that is new, or a later revision of one that this release can read.
    async fn store(&mut self, chat: &OldChat, new: bool) {
        self.conn
            .transaction::<_, diesel::result::Error, _>(async |conn| {
                if new { insert_key(conn, chat).await? } else { update_key(conn, chat).await? }
                insert_facts(conn, chat).await?;
                let now: DateTime<Utc> = "2020-06-30T02:00:00Z".parse().expect("an instant");
                diesel::sql_query(
                    "INSERT INTO day_changes (merchant_id, business_day, changed_at) SELECT $1, unnest($2::date[]), $3",
                )
                .bind::<Text, _>("demo")
                .bind::<Array<Date>, _>(vec![Self::day()])
                .bind::<Timestamptz, _>(now)
                .execute(conn)
                .await?;
                let day = upsert_day(conn, chat).await?;
                update_details(conn, chat, day).await
            })
            .await
            .expect("the older release writes");
    }
}

async fn insert_key(conn: &mut AsyncPgConnection, chat: &OldChat) -> diesel::QueryResult<()> {
    let rows = diesel::sql_query(
        "INSERT INTO conversations AS c \
            (merchant_id, shop_id, channel, conversation_id, revision, business_day, account_id, content_hash, counted_seq) \
         SELECT $1, n.shop, n.channel, n.id, n.revision, n.day, n.account, n.hash, $2 \
         FROM unnest($3::text[], $4::text[], $5::text[], $6::bigint[], $7::date[], $8::text[], $9::bytea[]) \
            WITH ORDINALITY AS n (shop, channel, id, revision, day, account, hash, place) \
         ORDER BY n.place \
         ON CONFLICT ON CONSTRAINT conversations_pkey DO UPDATE SET revision = c.revision WHERE false \
         RETURNING shop_id, channel, conversation_id",
    )
    .bind::<Text, _>("demo")
    .bind::<Integer, _>(1)
    .bind::<Array<Text>, _>(vec!["star"])
    .bind::<Array<Text>, _>(vec!["chat"])
    .bind::<Array<Text>, _>(vec![chat.id])
    .bind::<Array<BigInt>, _>(vec![chat.revision])
    .bind::<Array<Date>, _>(vec![Older::day()])
    .bind::<Array<Text>, _>(vec![chat.account])
    .bind::<Array<Binary>, _>(vec![vec![7_u8; 32]])
    .execute(conn)
    .await?;
    assert_eq!(rows, 1, "the chat is new");
    Ok(())
}

async fn update_key(conn: &mut AsyncPgConnection, chat: &OldChat) -> diesel::QueryResult<()> {
    diesel::sql_query(
        "UPDATE conversations c SET revision = n.revision, business_day = n.day, account_id = n.account, \
            content_hash = n.hash, counted_seq = $2 \
         FROM unnest($3::text[], $4::text[], $5::text[], $6::bigint[], $7::date[], $8::text[], $9::bytea[]) \
            AS n (shop, channel, id, revision, day, account, hash) \
         WHERE c.merchant_id = $1 AND c.shop_id = n.shop AND c.channel = n.channel AND c.conversation_id = n.id",
    )
    .bind::<Text, _>("demo")
    .bind::<Integer, _>(1)
    .bind::<Array<Text>, _>(vec!["star"])
    .bind::<Array<Text>, _>(vec!["chat"])
    .bind::<Array<Text>, _>(vec![chat.id])
    .bind::<Array<BigInt>, _>(vec![chat.revision])
    .bind::<Array<Date>, _>(vec![Older::day()])
    .bind::<Array<Text>, _>(vec![chat.account])
    .bind::<Array<Binary>, _>(vec![vec![8_u8; 32]])
    .execute(conn)
    .await?;
    let taken = diesel::sql_query(
        "DELETE FROM conversation_facts f \
         USING unnest($2::date[], $3::text[], $4::text[], $5::text[], $6::text[]) \
            WITH ORDINALITY AS n (day, account, shop, channel, id, place) \
         WHERE f.merchant_id = $1 AND f.business_day = n.day AND f.account_id = n.account AND f.shop_id = n.shop \
            AND f.channel = n.channel AND f.conversation_id = n.id \
         RETURNING n.place::bigint AS place, f.customer_id, f.facts",
    )
    .bind::<Text, _>("demo")
    .bind::<Array<Date>, _>(vec![Older::day()])
    .bind::<Array<Text>, _>(vec![chat.account])
    .bind::<Array<Text>, _>(vec!["star"])
    .bind::<Array<Text>, _>(vec!["chat"])
    .bind::<Array<Text>, _>(vec![chat.id])
    .execute(conn)
    .await?;
    assert_eq!(taken, 1, "the older revision's facts");
    Ok(())
}

async fn insert_facts(conn: &mut AsyncPgConnection, chat: &OldChat) -> diesel::QueryResult<()> {
    diesel::sql_query("SELECT conversation_facts_ensure_month($1)")
        .bind::<Date, _>(Older::day())
        .execute(conn)
        .await?;
    let started: DateTime<Utc> = format!("{START}+08:00").parse().expect("an instant");
    let agents = chat.messages.iter().filter(|(_, agent)| *agent).count();
    diesel::sql_query(
        "INSERT INTO conversation_facts (merchant_id, business_day, account_id, shop_id, channel, conversation_id, \
            customer_id, revision, started_at, agent_messages, facts) \
         SELECT $1, * FROM unnest($2::date[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], \
            $9::timestamptz[], $10::int[], $11::bytea[])",
    )
    .bind::<Text, _>("demo")
    .bind::<Array<Date>, _>(vec![Older::day()])
    .bind::<Array<Text>, _>(vec![chat.account])
    .bind::<Array<Text>, _>(vec!["star"])
    .bind::<Array<Text>, _>(vec!["chat"])
    .bind::<Array<Text>, _>(vec![chat.id])
    .bind::<Array<Text>, _>(vec![chat.customer])
    .bind::<Array<BigInt>, _>(vec![chat.revision])
    .bind::<Array<Timestamptz>, _>(vec![started])
    .bind::<Array<Integer>, _>(vec![i32::try_from(agents).expect("few")])
    .bind::<Array<Binary>, _>(vec![chat.pack()])
    .execute(conn)
    .await?;
    Ok(())
}

/// Adds the sums. What they are makes no difference to this release, so they are all far off.
async fn upsert_day(conn: &mut AsyncPgConnection, chat: &OldChat) -> diesel::QueryResult<i64> {
    let names: Vec<&str> = SUMS.split(", ").collect();
    assert_eq!(names.len(), SUMS_COUNT);
    let columns = names.join(", ");
    let parameters: Vec<_> = (0..names.len()).map(|at| format!("${}::bigint[]", at + 6)).collect();
    let values: Vec<_> = names.iter().map(|column| format!("n.{column}")).collect();
    let adds: Vec<_> =
        names.iter().map(|column| format!("{column} = f.{column} + excluded.{column}")).collect();
    let parameters = parameters.join(", ");
    let sql = format!(
        "INSERT INTO day_facts AS f (merchant_id, definition_seq, business_day, shop_id, account_id, {columns}) \
         SELECT $1, n.seq, n.day, n.shop, n.account, {} \
         FROM unnest($2::int[], $3::date[], $4::text[], $5::text[], {parameters}) \
            WITH ORDINALITY AS n (seq, day, shop, account, {columns}, place) \
         ORDER BY n.place \
         ON CONFLICT ON CONSTRAINT day_facts_pkey DO UPDATE SET {} \
         RETURNING definition_seq, business_day, shop_id, account_id, day_fact_id, responses, first_responses, lengths",
        values.join(", "),
        adds.join(", "),
    );
    let mut query = diesel::sql_query(sql)
        .into_boxed::<diesel::pg::Pg>()
        .bind::<Text, _>("demo")
        .bind::<Array<Integer>, _>(vec![1])
        .bind::<Array<Date>, _>(vec![Older::day()])
        .bind::<Array<Text>, _>(vec!["star"])
        .bind::<Array<Text>, _>(vec![chat.account]);
    for at in 0..names.len() {
        query = query.bind::<Array<BigInt>, _>(vec![1_000 + at as i64]);
    }
    Ok(query.get_result::<Day>(conn).await?.day_fact_id)
}

async fn update_details(conn: &mut AsyncPgConnection, chat: &OldChat, day: i64) -> diesel::QueryResult<()> {
    let updated = diesel::sql_query(
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
    .bind::<Text, _>("demo")
    .bind::<Array<BigInt>, _>(vec![day])
    .bind::<Array<Text>, _>(vec![chat.customer])
    .bind::<Array<Integer>, _>(vec![1])
    .bind::<Array<Integer>, _>(vec![1])
    .bind::<Array<Integer>, _>(vec![1])
    .bind::<Array<BigInt>, _>(vec![day])
    .bind::<Array<Binary>, _>(vec![vec![9_u8, 5]])
    .bind::<Array<Binary>, _>(vec![vec![9_u8, 5]])
    .bind::<Array<Binary>, _>(vec![vec![9_u8, 5]])
    .execute(conn)
    .await?;
    assert_eq!(updated, 1, "its row is there");
    Ok(())
}

/// All figures of the day by account; when they became known is another matter.
async fn figures(test: &TestMetrics, who: &TestCaller) -> Vec<pb::Figures> {
    let request = pb::GetFiguresRequest { distinct_customers: true, ..asking(pb::Group::Account, DAY, DAY) };
    let rows = test.figures_as(who, request).await.expect("answers");
    rows.into_iter().map(|row| pb::Figures { restatements: 0, ..row }).collect()
}

/// Waits until nothing of the older release is left to be counted.
async fn recounted(test: &TestMetrics) {
    let notes = "SELECT count(*) FROM day_facts WHERE known_day = '0001-01-01'";
    eventually(Duration::from_secs(30), async || test.count(notes).await == 0).await;
    test.counted().await;
}

const BY_BOTH: OldChat =
    OldChat { id: "c-1", account: "a-1", customer: "b-1", revision: 1, messages: &[(0, false), (50, true)] };
const LATE: OldChat = OldChat {
    id: "c-2",
    account: "a-1",
    customer: "b-1",
    revision: 0,
    messages: &[(0, false), (20, true), (30, false), (400, true)],
};
const OF_ANOTHER: OldChat =
    OldChat { id: "c-3", account: "a-2", customer: "b-1", revision: 0, messages: &[(0, false), (7, true)] };

#[tokio::test(flavor = "multi_thread")]
async fn what_an_older_release_wrote_is_counted_as_if_this_one_had_taken_it_in() {
    let test = TestMetrics::start_with(&[("definitions.check_seconds", "1")]).await;
    let other = caller().of("other");
    test.clock.set("2020-06-29T10:00:00+08:00");
    let first = OldChat { revision: 0, messages: &[(0, false), (20, true)], ..BY_BOTH };
    let untouched = chat("c-9", "a-9", "b-9", START, &["0 C", "5 A", "9 C"]);
    test.send(vec![first.sent(), untouched.clone()]).await;
    test.counted().await;
    let before = test.figures(asking(pb::Group::Account, DAY, DAY)).await;

    test.clock.set("2020-06-30T10:00:00+08:00");
    let mut older = Older::connect(&test).await;
    older.store(&LATE, true).await;
    older.store(&BY_BOTH, false).await;
    older.store(&OF_ANOTHER, true).await;
    recounted(&test).await;

    test.send_as(&other, vec![BY_BOTH.sent(), LATE.sent(), OF_ANOTHER.sent(), untouched.clone()])
        .await
        .expect("takes them");
    test.counted().await;
    let expected = figures(&test, &other).await;
    assert_eq!(figures(&test, &caller()).await, expected);
    let first = &expected[0];
    let in_time = first.in_time_customers.as_ref().expect("a rate");
    assert_eq!(
        (first.conversations, in_time.numerator, in_time.denominator),
        (2, 0, 1),
        "late in one of two"
    );

    // What was known the day before stays what it was, and what this release wrote stays where it was known.
    let known_on = Some(date("2020-06-29"));
    let then = test.figures(pb::GetFiguresRequest { known_on, ..asking(pb::Group::Account, DAY, DAY) }).await;
    assert_eq!(then.len(), before.len());
    for (then, before) in then.iter().zip(&before) {
        assert_eq!(
            (&then.key, then.conversations, &then.response),
            (&before.key, before.conversations, &before.response)
        );
    }
    let unsaid = test.count("SELECT count(*) FROM conversations WHERE known_day = '0001-01-01'").await;
    assert_eq!(unsaid, 0);

    // A revision takes back exactly what was counted for the older release.
    let revised = OldChat { revision: 2, messages: &[(0, false), (3, true)], ..LATE };
    for who in [caller(), other.clone()] {
        test.send_as(&who, vec![revised.sent()]).await.expect("takes it");
    }
    test.counted().await;
    assert_eq!(figures(&test, &caller()).await, figures(&test, &other).await);
}

/// The rules as the older release reads them: it refuses what it doesn't know and what is missing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OldRules {
    quick_replies_count: bool,
    bots_count: bool,
    in_time_seconds: i32,
    long_chat_threshold: i32,
    service_hours: Option<serde_json::Value>,
}

const UP: &str = include_str!("../../migrations/2026-11-22-000162_older_writers/up.sql");
const DOWN: &str = include_str!("../../migrations/2026-11-22-000162_older_writers/down.sql");

#[tokio::test(flavor = "multi_thread")]
async fn rules_left_empty_are_the_built_in_ones_for_both_releases() {
    let test = TestMetrics::start().await;
    let owner =
        pg::connect(metrics::SCHEMA, &test.database.owner_config(metrics::SCHEMA)).await.expect("connects");
    let owner = owner.side_client().await.expect("connects");
    owner.batch_execute(DOWN).await.expect("goes back");
    let empty = "INSERT INTO definitions \
            (merchant_id, definition_seq, definition_id, version, name, rules, ready, created_by, created_at) \
         VALUES ('demo', 1, 'standard', 1, '', '{}', true, '', now())";
    owner.batch_execute(empty).await.expect("as the migration of known days does");
    owner.batch_execute(UP).await.expect("goes up again");
    let row = owner.query_one("SELECT rules::text FROM definitions", &[]).await.expect("a row");
    let rules: OldRules = serde_json::from_str(row.get(0)).expect("the older release reads them");
    assert!(rules.quick_replies_count && !rules.bots_count && rules.service_hours.is_none());
    assert_eq!((rules.in_time_seconds, rules.long_chat_threshold), (180, 10));

    let put = empty.replace("1, 'standard', 1, ''", "2, 'ours', 1, 'Ours'");
    owner.batch_execute(&put).await.expect("a row whose rules nobody chose");
    let list = pb::ListDefinitionsRequest::default();
    let listed =
        test.client.clone().list_definitions(test.by(&caller(), list)).await.expect("answers").into_inner();
    let [built_in, ours] = listed.definitions.as_slice() else { panic!("two: {listed:?}") };
    assert_eq!((ours.definition_id.as_str(), &ours.rules), ("ours", &built_in.rules));
}
