//! The month report of 200 agents through the service, from day facts, against the same figures in SQL from plain rows
//! with their index: one per conversation, answered round, order and payment.
//!
//! `JINPAI_BENCH_CONVERSATIONS` is how many there are at most (default 1,000,000); a tenth and a hundredth of it show
//! whether the report is flat.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use chrono::NaiveDate;
use metrics::domain::bucket;
use metrics::domain::histogram::Histogram;
use proto::access::Role;
use proto::common::v1::DayRange;
use proto::metrics::v1::metrics_service_client::MetricsServiceClient;
use proto::metrics::v1::{Figures, GetFiguresRequest, Group};
use proto::time::date;
use testkit::{FakeClock, Identity, caller};
use tokio_postgres::{Client, NoTls};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

use crate::report::{Row, median};

const AGENTS: i64 = 200;
const DAYS: i64 = 30;
const ROUNDS: usize = 5;

/// The rows `month_report` and `month_report_flat`.
pub async fn rows() -> Result<Vec<Row>> {
    let most: i64 = match std::env::var("JINPAI_BENCH_CONVERSATIONS") {
        Ok(given) => given.parse().context("JINPAI_BENCH_CONVERSATIONS must be a number")?,
        Err(_) => 1_000_000,
    };
    let sizes: Vec<i64> =
        [most / 100, most / 10, most].into_iter().filter(|size| *size >= AGENTS * DAYS).collect();
    ensure!(!sizes.is_empty(), "JINPAI_BENCH_CONVERSATIONS must be at least {}", AGENTS * DAYS);
    let mut measured = Vec::new();
    for size in &sizes {
        measured.push(measure(*size).await?);
    }
    let (ours, peer) = *measured.last().context("one size at least")?;
    let mut curve = String::new();
    for (size, (ours, peer)) in sizes.iter().zip(&measured) {
        write!(curve, "; {size} conversations: {:.1} ms, SQL {:.1} ms", ours * 1e3, peer * 1e3)?;
    }
    let size = format!("{AGENTS} agents x {DAYS} days, median of {ROUNDS}{curve}");
    let few = measured.first().context("one size at least")?.0;
    let flat = format!("{} conversations; peer: the same with {}", sizes[sizes.len() - 1], sizes[0]);
    Ok(vec![
        Row::lower("month_report", ours, peer, "s", size),
        Row::lower("month_report_flat", ours, few, "s", flat),
    ])
}

/// Seconds through the service and in SQL.
async fn measure(conversations: i64) -> Result<(f64, f64)> {
    let schema =
        testkit::schema(metrics::SCHEMA, |owner| async move { metrics::migrate(&owner).await.map(drop) });
    let database = testkit::database(&[schema]).await;
    let nats = testkit::nats().await;
    let (client, connection) = tokio_postgres::connect(&database.admin_url(), NoTls).await?;
    let connection = tokio::spawn(connection);
    client.batch_execute("SET search_path = metrics").await?;
    fill(&client, conversations).await?;

    let clock = FakeClock::at("2026-11-01T10:00:00+08:00");
    let identity = Identity::with_clock(clock.shared());
    let mut config = metrics::default_config(&[])?;
    config.server.listen = ([127, 0, 0, 1], 0).into();
    config.server.ops_listen = ([127, 0, 0, 1], 0).into();
    config.access = identity.config();
    config.database = database.config(metrics::SCHEMA);
    config.events = nats.config();
    let stop = CancellationToken::new();
    let running = metrics::start(config, clock.shared(), stop.clone()).await?;
    let channel = Channel::from_shared(format!("http://{}", running.address))?.connect().await?;
    let (mut ours, mut peer) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (took, figures) = report(&channel, &identity).await?;
        ours.push(took);
        let (took, totals) = in_sql(&client).await?;
        peer.push(took);
        ensure!(
            figures.len() as i64 == AGENTS && totals == totals_of(&figures),
            "the report and SQL differ: {totals:?} in SQL"
        );
    }
    stop.cancel();
    running.task.await??;
    drop(client);
    connection.await??;
    Ok((median(ours), median(peer)))
}

/// What both must agree on: conversations, received customers, answered rounds, fen paid.
type Totals = (i64, i64, i64, i64);

fn totals_of(figures: &[Figures]) -> Totals {
    figures.iter().fold((0, 0, 0, 0), |sum, row| {
        let paid = row.paid_amount.as_ref().map_or(0, |m| m.units * 100 + i64::from(m.nanos / 10_000_000));
        let rounds = row.response.as_ref().map_or(0, |times| times.count);
        (sum.0 + row.conversations, sum.1 + row.received_customers, sum.2 + rounds, sum.3 + paid)
    })
}

async fn report(channel: &Channel, identity: &Identity) -> Result<(f64, Vec<Figures>)> {
    let day = |day| NaiveDate::from_ymd_opt(2026, 10, day).map(date);
    let request = GetFiguresRequest {
        days: Some(DayRange { from: day(1), to: day(31) }),
        group: Group::Account.into(),
        page_size: 1_000,
        ..Default::default()
    };
    let request = identity.request(&caller().roles(&[Role::Manager]), request);
    let start = Instant::now();
    let answer = MetricsServiceClient::new(channel.clone()).get_figures(request).await?.into_inner();
    Ok((start.elapsed().as_secs_f64(), answer.figures))
}

/// The same for each agent, with medians and 90th percentiles as the report has them.
async fn in_sql(client: &Client) -> Result<(f64, Totals)> {
    let start = Instant::now();
    let rows = client
        .query(
            "WITH chats AS ( \
                SELECT account_id, count(*) AS conversations, count(DISTINCT (business_day, customer_id)) AS received, \
                    sum(replies) AS replies, sum(customer_messages) AS messages, \
                    percentile_disc(0.5) WITHIN GROUP (ORDER BY length_ms) AS length_median, \
                    percentile_disc(0.9) WITHIN GROUP (ORDER BY length_ms) AS length_p90 \
                FROM raw_conversations WHERE business_day BETWEEN '2026-10-01' AND '2026-10-31' GROUP BY account_id), \
             rounds AS ( \
                SELECT account_id, count(*) AS answered, sum(response_ms) AS response_ms, \
                    count(*) FILTER (WHERE response_ms <= 180000) AS in_time, \
                    percentile_disc(0.5) WITHIN GROUP (ORDER BY response_ms) AS median, \
                    percentile_disc(0.9) WITHIN GROUP (ORDER BY response_ms) AS p90 \
                FROM raw_rounds WHERE business_day BETWEEN '2026-10-01' AND '2026-10-31' GROUP BY account_id), \
             sales AS ( \
                SELECT account_id, sum(amount) AS paid, count(DISTINCT (business_day, customer_id)) AS buyers \
                FROM raw_payments WHERE business_day BETWEEN '2026-10-01' AND '2026-10-31' GROUP BY account_id) \
             SELECT conversations, received, answered, paid::bigint, length_median, length_p90, median, p90, in_time, buyers \
             FROM chats JOIN rounds USING (account_id) JOIN sales USING (account_id)",
            &[],
        )
        .await?;
    let took = start.elapsed().as_secs_f64();
    let totals = rows.iter().fold((0, 0, 0, 0), |sum: Totals, row| {
        let at = |place: usize| row.get::<_, i64>(place);
        (sum.0 + at(0), sum.1 + at(1), sum.2 + at(2), sum.3 + at(3))
    });
    Ok((took, totals))
}

/// Plain rows, and what the service would have made of them: a month, spread evenly over agents and days.
async fn fill(client: &Client, conversations: i64) -> Result<()> {
    let sql = format!(
        "INSERT INTO merchants (merchant_id, name, time_zone, cut_over_hour, version) VALUES ('demo', 'demo', 'Asia/Shanghai', 0, 1);
         CREATE TABLE raw_conversations AS \
            SELECT 'shop:agent-' || lpad((n % {AGENTS})::text, 5, '0') AS account_id, \
                '2026-10-01'::date + (n / {AGENTS} % {DAYS})::int AS business_day, n AS conversation_id, \
                'buyer-' || n * 7919 % 100003 AS customer_id, 4 + n % 9 AS replies, 5 + n % 7 AS customer_messages, \
                1000 * (60 + n * 31 % 541) AS length_ms \
            FROM generate_series(1::bigint, {conversations}) n;
         CREATE INDEX ON raw_conversations (business_day, account_id);
         CREATE TABLE raw_rounds AS \
            SELECT account_id, business_day, conversation_id, round, 1000 * (1 + (conversation_id * 17 + round * 101) % 397) AS response_ms \
            FROM raw_conversations, generate_series(1, 3) round;
         CREATE INDEX ON raw_rounds (business_day, account_id);
         CREATE TABLE raw_payments AS \
            SELECT account_id, business_day, customer_id, 1000 + conversation_id % 50000 AS amount \
            FROM raw_conversations WHERE conversation_id % 5 = 0 OR conversation_id <= {AGENTS};
         CREATE INDEX ON raw_payments (business_day, account_id);
         INSERT INTO day_facts (merchant_id, definition_seq, business_day, shop_id, account_id, known_day, agent_day_id, \
                conversations, replies, \
                customer_messages, received_customers, asking_customers, answered_customers, length_ms) \
            SELECT 'demo', 1, business_day, 'shop-1', account_id, business_day, gen_random_uuid(), \
                count(*), sum(replies), sum(customer_messages), \
                count(DISTINCT customer_id), count(DISTINCT customer_id), count(DISTINCT customer_id), sum(length_ms) \
            FROM raw_conversations GROUP BY business_day, account_id;
         UPDATE day_facts f SET rounds = r.rounds, rounds_answered = r.rounds, rounds_in_time = r.in_time, response_ms = r.ms \
            FROM (SELECT account_id, business_day, count(*) AS rounds, sum(response_ms) AS ms, \
                    count(*) FILTER (WHERE response_ms <= 180000) AS in_time FROM raw_rounds GROUP BY 1, 2) r \
            WHERE f.account_id = r.account_id AND f.business_day = r.business_day;
         INSERT INTO trade_days (merchant_id, definition_seq, business_day, shop_id, account_id, known_day, paid_amount, \
                paying_buyers, inquiries, paid, conversations) \
            SELECT 'demo', 1, business_day, 'shop-1', account_id, business_day, sum(amount), count(DISTINCT customer_id), \
                count(*), count(*), count(*) FROM raw_payments GROUP BY business_day, account_id"
    );
    client.batch_execute(&sql).await.context("filling the tables")?;
    histograms(client, "responses", "raw_rounds", "response_ms").await?;
    histograms(client, "lengths", "raw_conversations", "length_ms").await?;
    // One statement at a time: VACUUM runs in no transaction.
    for table in ["raw_conversations", "raw_rounds", "raw_payments", "day_facts", "trade_days"] {
        client.batch_execute(&format!("VACUUM ANALYZE {table}")).await?;
    }
    Ok(())
}

async fn histograms(client: &Client, column: &str, table: &str, value: &str) -> Result<()> {
    let counts = client
        .query(
            &format!("SELECT account_id, business_day, {value}, count(*) FROM {table} GROUP BY 1, 2, 3"),
            &[],
        )
        .await?;
    let mut days: BTreeMap<(String, NaiveDate), Histogram> = BTreeMap::new();
    for row in counts {
        let histogram = days.entry((row.get(0), row.get(1))).or_default();
        histogram.change(bucket::of(row.get(2)), row.get(3));
    }
    let update = client
        .prepare(&format!("UPDATE day_facts SET {column} = $3 WHERE account_id = $1 AND business_day = $2"))
        .await?;
    for ((account, day), histogram) in days {
        client.execute(&update, &[&account, &day, &histogram.pack()]).await?;
    }
    Ok(())
}
