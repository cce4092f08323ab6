//! The rows of the demo merchant: what no method makes by itself, what of them nobody else may read, and whether they
//! are as they were.

use std::collections::BTreeMap;
use std::time::Duration;

use e2e::MERCHANT;
use testkit::eventually;
use tokio_postgres::Client;

use super::ELSEWHERE;

/// A word in the names and titles of the demo's, for what has no id.
pub(super) const MARK: &str = "only-for-demo";
/// The id of an event that qa parked.
pub(super) const PARKED: &str = "01900000-0000-7000-8000-000000000009";

/// A place in the collection of buyers' reviews.
const COLLECTED: &str = r#"{"collected":true,"tags":[],"note":"","done":{"by":"mate","at":"2020-05-13T00:00:00Z"},"consents":[],"uses":[]}"#;
/// Work lists and clocks of followers and workers: they change whenever it is time to look at something.
const RESTLESS: [&str; 5] = ["alert_rounds", "check_queue", "follow_up_checks", "outbox", "weakness_looks"];

/// The SQL of what only time or trouble brings: an overdue review, an upheld appeal's case, a buyer's review that was
/// collected, a parked event.
pub(super) fn of_the_past() -> String {
    format!(
        "INSERT INTO qa.reviews (merchant_id, review_id, business_day, account_id, shop_id, channel, conversation_id, late, place, \
            inclusion_numerator, inclusion_denominator, state, reviewer_person_id, due_day, revision, created_at) \
         VALUES ('{MERCHANT}', gen_random_uuid(), '2020-05-11', 'acc-mate', 'small', 'chat', 'overdue-mate', false, 1, 1, 1, 2, \
            'reviewer', '2020-05-12', 1, now()); \
         INSERT INTO qa.calibration_cases (merchant_id, case_id, review_id, criteria, opened_at) \
         SELECT '{MERCHANT}', gen_random_uuid(), review_id, '{{attitude}}', now() FROM qa.reviews \
         WHERE merchant_id = '{MERCHANT}' AND conversation_id = 'c-mate'; \
         UPDATE qa.buyer_reviews SET collected_at = now(), content = jsonb_set(content, '{{collection}}', '{COLLECTED}') WHERE merchant_id = '{MERCHANT}' AND review_id = 'review-mate'; \
         INSERT INTO qa.parked_events (parked_id, consumer, event_id, merchant_id, subject, entity, version, payload, error, \
            attempts, state) \
         VALUES ('{PARKED}', 'qa', gen_random_uuid(), '{MERCHANT}', 'subject', 'conversation/parked-mate', 1, '', 'broken', 1, \
            'parked')"
    )
}

/// The tables that know merchants, partitions as one.
async fn tables(client: &Client) -> Vec<String> {
    let sql = "SELECT format('%I.%I', n.nspname, c.relname), c.relname FROM pg_class c \
         JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid \
         WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attname = 'merchant_id' \
         AND n.nspname IN ('metrics', 'qa', 'performance') ORDER BY 1";
    let rows = client.query(sql, &[]).await.expect("lists the tables");
    let calm = rows.iter().filter(|row| !RESTLESS.contains(&row.get::<_, &str>(1)));
    calm.map(|row| row.get(0)).collect()
}

/// What stands for something of the demo's and of nobody else's: ids, names and titles of more than one word. Plain
/// words might be in any answer, and what is built in is everybody's.
pub(super) async fn secrets(client: &Client) -> Vec<String> {
    let sql = "SELECT format('%I.%I', n.nspname, c.relname), quote_ident(a.attname) FROM pg_class c \
         JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid \
         WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname IN ('metrics', 'qa', 'performance') \
         AND (a.attname LIKE '%\\_id' OR a.attname IN ('name', 'title')) AND a.attname <> 'merchant_id' \
         AND format_type(a.atttypid, NULL) IN ('text', 'uuid') AND EXISTS (SELECT FROM pg_attribute m \
            WHERE m.attrelid = c.oid AND m.attname = 'merchant_id')";
    let columns = client.query(sql, &[]).await.expect("lists the columns");
    let all = |merchant| {
        let each = columns.iter().map(|row| {
            let (table, column): (&str, &str) = (row.get(0), row.get(1));
            format!("SELECT {column}::text AS word FROM {table} WHERE merchant_id = '{merchant}'")
        });
        each.collect::<Vec<_>>().join(" UNION ")
    };
    let sql = format!(
        "SELECT word FROM ({}) AS ours WHERE word ~ '.-' AND word !~ '^builtin-' AND length(word) > 4 EXCEPT ({})",
        all(MERCHANT),
        all(ELSEWHERE)
    );
    let rows = client.query(&sql, &[]).await.expect("reads the words");
    rows.iter().map(|row| row.get(0)).collect()
}

/// Looks whether the demo's rows are as they were.
pub(super) struct Watch {
    client: Client,
    sql: String,
    seen: BTreeMap<String, String>,
}

impl Watch {
    /// Over all tables that know merchants.
    pub(super) async fn over(client: Client) -> Self {
        let each = tables(&client).await.into_iter().map(|table| {
            format!(
                "SELECT '{table}', count(*) || ' ' || md5(coalesce(string_agg(r::text, '|' ORDER BY r::text), '')) \
                 FROM {table} r WHERE merchant_id = '{MERCHANT}'"
            )
        });
        let sql = each.collect::<Vec<_>>().join(" UNION ALL ");
        Self { client, sql, seen: BTreeMap::new() }
    }

    /// Waits until followers and workers are done with what the demo did.
    pub(super) async fn calm(&mut self) {
        let mut still = 0;
        eventually(Duration::from_secs(60), async || {
            still = if self.changed().await.is_empty() { still + 1 } else { 0 };
            still == 10
        })
        .await;
    }

    /// The tables with other rows than at the last look.
    pub(super) async fn changed(&mut self) -> Vec<String> {
        let rows = self.client.query(&self.sql, &[]).await.expect("reads the rows");
        let mut changed = Vec::new();
        for row in rows {
            let (table, digest): (String, String) = (row.get(0), row.get(1));
            if self.seen.insert(table.clone(), digest.clone()) != Some(digest) {
                changed.push(table);
            }
        }
        changed
    }
}
