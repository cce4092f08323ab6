//! The draw and the line of overdue reviews read an index and sort nothing.

use crate::builders::{DAY, MERCHANT, chat, long_chats};
use crate::support::TestQa;

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_is_the_front_of_an_index_for_each_account() {
    let mut chats = Vec::new();
    for agent in 0..20 {
        let account = format!("account-{agent}");
        chats.extend(long_chats(&account, 40));
        chats.extend((0..5).map(|n| chat(&format!("{account}-short-{n}"), &account, 2)));
    }
    let test = TestQa::with_day(&chats).await;
    test.sql("VACUUM ANALYZE qa.conversations").await;
    test.sql("ANALYZE qa.day_closing_agents").await;
    let admin = test.database.admin(qa::SCHEMA).await;
    let day = format!("{}-{}-{}", DAY.year, DAY.month, DAY.day);
    let sql = qa::SAMPLE_SQL
        .replace("$1", &format!("'{MERCHANT}'"))
        .replace("$2", &format!("date '{day}'"))
        .replace("$3", "15");
    let rows =
        admin.query(&format!("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) {sql}"), &[]).await;
    let plan: Vec<String> = rows.expect("explains").iter().map(|row| row.get(0)).collect();
    let plan = plan.join("\n");
    assert!(!plan.contains("Sort") && !plan.contains("Seq Scan on conversations"), "{plan}");
    assert!(plan.contains("Index Only Scan") && plan.contains("Index Cond"), "{plan}");
    // 15 of each account's 40 are read, no more: the scan of conversations returns 15 rows in each of 20 loops.
    let scan = plan.lines().find(|line| line.contains("on conversations_202005")).expect(&plan);
    assert!(scan.contains("rows=15 loops=20"), "{plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn overdue_reviews_are_the_front_of_an_index() {
    let test = TestQa::start().await;
    // A year of a large shop: few reviews of many wait for something.
    test.sql(
        "INSERT INTO qa.buyer_reviews SELECT 'demo', 'r-' || n, 'star', now(), date '2020-01-01' + n / 100, 'a-' || n % 50, \
            date '2020-01-01' + n / 100, '', '', NULL, 'p', 'o', 'c-' || n, 1, 1, 0, '', '', NULL, false, date '2020-12-31', \
            NULL, NULL, NULL, NULL, CASE WHEN n % 20 = 0 THEN 1 END, \
            CASE WHEN n % 20 = 0 THEN timestamptz '2020-01-01' + n * interval '1 minute' END, NULL, '{}', '{}', '', NULL, '{}' \
         FROM generate_series(1, 20000) n",
    )
    .await;
    test.sql("VACUUM ANALYZE qa.buyer_reviews").await;
    let after = qa::OVERDUE_SQL
        .replace("$10", "''")
        .replace("$11", "'{}'")
        .replace("$12", "51")
        .replace("$7", "timestamptz '2021-01-01'")
        .replace("$8", "timestamptz '1970-01-01'")
        .replace("$9", "''");
    let sql = format!(
        "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT r.content FROM qa.buyer_reviews r \
         WHERE r.merchant_id = '{MERCHANT}' AND {after}"
    );
    let rows = test.database.admin(qa::SCHEMA).await.query(&sql, &[]).await.expect("explains");
    let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let plan = plan.join("\n");
    assert!(plan.contains("Index Scan using buyer_reviews_by_due"), "{plan}");
    assert!(!plan.contains("Sort") && !plan.contains("Seq Scan"), "{plan}");
}
