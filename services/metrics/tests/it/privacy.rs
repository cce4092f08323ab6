//! No text and no personal data of buyers stays.

use events::Payload;

use crate::support::{TestMetrics, chat};

#[tokio::test(flavor = "multi_thread")]
async fn what_buyers_write_leaves_redacted_and_stays_nowhere() {
    let test = TestMetrics::start().await;
    let collector = testkit::EventCollector::start(&test.nats).await;
    let mut conversation = chat("c-1", "a-1", "b-1", "2020-05-13T10:00:00", &["0 C", "5 A"]);
    conversation.messages[0].text =
        "我的手机号是13812345678，寄到这里：wang@example.com 青花瓷暗号".to_owned();
    test.send(vec![conversation]).await;

    let messages = collector
        .wait_for(1, |payload| match payload {
            Payload::ConversationClosed(closed) => Some(closed.messages.clone()),
            _ => None,
        })
        .await;
    let text = &messages[0][0].text;
    assert!(
        text.contains("青花瓷暗号") && !text.contains("13812345678") && !text.contains("wang@"),
        "{text}"
    );

    // Every table of the schema as text; only the outbox may hold the text, compressed and redacted.
    let client = test.pool.side_client().await.expect("connects");
    let tables = client
        .query(
            "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'metrics' \
             AND table_type = 'BASE TABLE'",
            &[],
        )
        .await
        .expect("lists tables");
    assert!(tables.len() > 10);
    for table in tables {
        let table: String = table.get(0);
        // The digits as they are, and as bytea shows them; the outbox alone may hold what is left of the text.
        let sql = format!(
            "SELECT count(*) FROM {table} t WHERE t::text ~ '13812345678|wang@example|3133383132333435' OR \
             ('{table}' <> 'outbox' AND t::text ~ ('青花瓷暗号|' || encode(convert_to('青花瓷暗号', 'UTF8'), 'hex')))"
        );
        let found: i64 = client.query_one(&sql, &[]).await.expect("looks").get(0);
        assert_eq!(found, 0, "{table} holds what the buyer wrote");
    }
}
