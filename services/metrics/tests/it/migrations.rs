//! The schema's way up and back.

use crate::support::{TestMetrics, chat, schema};

#[tokio::test(flavor = "multi_thread")]
async fn every_migration_has_a_way_back() {
    let database = testkit::database(&[schema()]).await;
    let owner = database.owner_config(metrics::SCHEMA);
    assert!(metrics::migrate(&owner).await.expect("is up").is_empty());
    let down = metrics::revert(&owner).await.expect("goes back");
    let mut up = metrics::migrate(&owner).await.expect("goes up again");
    up.reverse();
    assert_eq!(up, down);
    assert_eq!(down.iter().filter(|version| version.starts_with("20261121")).count(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_runtime_role_gets_its_partitions_without_the_right_to_make_tables() {
    let test = TestMetrics::start().await;
    let client = test.pool.side_client().await.expect("connects");
    client.batch_execute("CREATE TABLE mine ()").await.expect_err("may not make tables");
    test.send(vec![
        chat("a", "a-1", "c", "2019-12-31T23:59:59", &["0 C"]),
        chat("b", "a-1", "c", "2020-01-01T00:00:00", &["0 C"]),
    ])
    .await;
    let partitions =
        test.count("SELECT count(*) FROM pg_inherits WHERE inhparent = 'conversation_facts'::regclass").await;
    assert_eq!(partitions, 2);
    client
        .batch_execute("SELECT conversation_facts_ensure_month('2020-01-15')")
        .await
        .expect("is there already");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_may_ask_for_the_same_month_at_once() {
    let test = TestMetrics::start().await;
    let ask = async || {
        let client = test.pool.side_client().await.expect("connects");
        // Remembers that there is no such table, as a session does that looked before.
        client.batch_execute("SELECT to_regclass('conversation_facts_2021_07')").await.expect("looks");
        client.batch_execute("SELECT conversation_facts_ensure_month('2021-07-15')").await
    };
    let answers = futures::future::join_all((0..12).map(|_| ask())).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}
