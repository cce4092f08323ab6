//! The draw reads an index and sorts nothing.

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
    let admin = test.admin().await;
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
