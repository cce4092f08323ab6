//! The draw's query, as the service runs it, against the SQL a shop would write: a window function over random().

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use tokio_postgres::{Client, NoTls};

use crate::report::{Row, median};

const AGENTS: i32 = 5_000;
const CHATS: i32 = 200;
const FEW_CHATS: i32 = 20;
const SIZE: i64 = 15;
const ROUNDS: usize = 5;

/// The rows `draw` and `draw_flat`.
pub async fn rows() -> Result<Vec<Row>> {
    let schema = testkit::schema(qa::SCHEMA, |owner| async move { qa::migrate(&owner).await.map(drop) });
    let database = testkit::database(&[schema]).await;
    let (client, connection) = tokio_postgres::connect(&database.admin_url(), NoTls).await?;
    let connection = tokio::spawn(connection);
    client.batch_execute("SET search_path = qa").await?;
    fill(&client, "many", CHATS).await?;
    fill(&client, "few", FEW_CHATS).await?;
    // One statement at a time: VACUUM runs in no transaction.
    for table in ["conversations", "day_closing_agents", "plain"] {
        client.batch_execute(&format!("VACUUM ANALYZE {table}")).await?;
    }
    let (mut many, mut few, mut window) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        many.push(drawn(&client, "many").await?);
        few.push(drawn(&client, "few").await?);
        window.push(by_window(&client).await?);
    }
    drop(client);
    connection.await??;
    let size = format!("{AGENTS} agents x {CHATS} long chats, {SIZE} each, median of {ROUNDS}");
    let flat = format!("{size}; peer: the same with {FEW_CHATS} chats an agent");
    let (many, few) = (median(many), median(few));
    Ok(vec![
        Row::lower(
            "draw",
            many,
            median(window),
            "s",
            format!("{size}; peer: row_number() over (… order by random())"),
        ),
        Row::lower("draw_flat", many, few, "s", flat),
    ])
}

/// A day of a merchant with `chats` long chats for each agent, as arrivals leave it; and the same as a plain table.
async fn fill(client: &Client, merchant: &str, chats: i32) -> Result<()> {
    let sql = format!(
        "SELECT conversations_ensure_month('2026-11-01');
         INSERT INTO day_closings VALUES ('{merchant}', '2026-11-11', 1, 10, now());
         INSERT INTO day_closing_agents SELECT '{merchant}', '2026-11-11', 'shop:agent-' || lpad(a::text, 5, '0'), {chats}, {chats}
            FROM generate_series(1, {AGENTS}) a;
         INSERT INTO conversations (merchant_id, business_day, account_id, shop_id, channel, conversation_id, revision,
                customer_id, started_at, closed_at, agent_messages, message_count, long_chat, rank, arrived_at, transcript)
            SELECT '{merchant}', '2026-11-11', 'shop:agent-' || lpad(a::text, 5, '0'), 'shop-1', 'chat',
                'conv-' || a || '-' || c, 0, 'buyer-' || c, now(), now(), 20, 40, true,
                sha256(convert_to(a || '/' || c, 'UTF8')), now(), decode(repeat('7f', 400), 'hex')
            FROM generate_series(1, {chats}) c, generate_series(1, {AGENTS}) a;
         CREATE TABLE IF NOT EXISTS plain (merchant_id text, account_id text, conversation_id text,
            PRIMARY KEY (merchant_id, account_id, conversation_id));
         INSERT INTO plain SELECT merchant_id, account_id, conversation_id FROM conversations WHERE merchant_id = '{merchant}'"
    );
    client.batch_execute(&sql).await.with_context(|| format!("filling {merchant}"))
}

async fn drawn(client: &Client, merchant: &str) -> Result<f64> {
    let day = chrono::NaiveDate::from_ymd_opt(2026, 11, 11).context("a day")?;
    let query = client.prepare(qa::SAMPLE_SQL).await?;
    let start = Instant::now();
    let rows = client.query(&query, &[&merchant, &day, &SIZE]).await?;
    let took = start.elapsed().as_secs_f64();
    let drawn: usize = rows.iter().map(|row| row.get::<_, Vec<&str>>("conversation_ids").len()).sum();
    ensure!(drawn as i64 == i64::from(AGENTS) * SIZE, "{drawn} chats drawn");
    Ok(took)
}

/// The peer gets a slim table with just what it needs.
async fn by_window(client: &Client) -> Result<f64> {
    let start = Instant::now();
    let rows = client
        .query(
            "SELECT account_id, conversation_id FROM (SELECT account_id, conversation_id, \
                row_number() OVER (PARTITION BY account_id ORDER BY random()) AS place \
                FROM plain WHERE merchant_id = 'many') ranked WHERE place <= $1",
            &[&SIZE],
        )
        .await?;
    let took = start.elapsed().as_secs_f64();
    ensure!(rows.len() as i64 == i64::from(AGENTS) * SIZE, "{} chats drawn", rows.len());
    Ok(took)
}
