//! The newest version counts, however the events come.

use diesel::QueryableByName;
use diesel::sql_types::Text;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use events::{Event, HandleError};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use runtime::ids::MerchantId;
use status::{Failure, Kind};

use crate::support::{account, apply, member, merchant, person, start, team};

/// The whole directory as text.
async fn snapshot(conn: &mut AsyncPgConnection) -> String {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        line: String,
    }
    let mut lines = Vec::new();
    for table in ["merchants", "shops", "teams", "people", "accounts", "memberships"] {
        let sql = format!("SELECT '{table} ' || t::text AS line FROM {table} AS t ORDER BY t::text");
        lines.extend(
            diesel::sql_query(sql).load::<Row>(conn).await.expect("rows").into_iter().map(|row| row.line),
        );
    }
    lines.join("\n")
}

fn history() -> Vec<Event> {
    vec![
        merchant(1, "Asia/Shanghai", 0, &["a", "b"]),
        merchant(2, "Asia/Shanghai", 4, &["b", "c"]),
        team("t", 1, "一组"),
        team("t", 2, "一组 新"),
        person("demo", "p", 1, vec![account("x", 1, None)], vec![member("t", false, 1, None)]),
        person(
            "demo",
            "p",
            2,
            vec![account("x", 1, Some(9))],
            vec![member("t", false, 1, Some(5)), member("t", true, 6, None)],
        ),
        person("demo", "p", 5, vec![], vec![member("u", true, 6, None)]),
        person("demo", "q", 1, vec![account("x", 10, None), account("y", 1, None)], vec![]),
        person("other", "p", 1, vec![account("x", 1, None)], vec![]),
    ]
}

#[tokio::test]
async fn any_order_and_any_repeats_end_in_the_same_directory() {
    let (_database, pool) = start().await;
    let mut conn = pool.get().await.expect("a connection");
    let tables = ["merchants", "shops", "teams", "people", "accounts", "memberships"];
    let history = history();
    for event in &history {
        assert!(apply(&mut conn, event).await.expect("applies"), "each is newer than the one before");
    }
    let wanted = snapshot(&mut conn).await;
    assert_eq!(wanted.lines().count(), 1 + 2 + 1 + 3 + 3 + 1, "{wanted}");

    let shuffles = prop::collection::vec(0..history.len(), history.len()..3 * history.len());
    let mut runner = TestRunner::new(Config::default());
    for _ in 0..40 {
        let mut order = shuffles.new_tree(&mut runner).expect("a tree").current();
        // Everything comes at least once: what the random part left out comes last.
        order.extend((0..history.len()).rev());
        for table in tables {
            diesel::sql_query(format!("DELETE FROM {table}")).execute(&mut conn).await.expect("clears");
        }
        for at in &order {
            apply(&mut conn, &history[*at]).await.expect("applies");
        }
        assert_eq!(snapshot(&mut conn).await, wanted, "{order:?}");
    }
}

#[tokio::test]
async fn versions_of_one_person_at_once_leave_the_newest() {
    let (_database, pool) = start().await;
    let changes = (1..=20).map(|version| {
        let pool = pool.clone();
        tokio::spawn(async move {
            let accounts = (0..3).map(|n| account(&format!("{version}-{n}"), 1, None)).collect();
            let event = person("demo", "p", version, accounts, vec![]);
            let mut conn = pool.get().await.expect("a connection");
            apply(&mut conn, &event).await.expect("applies");
        })
    });
    for change in changes.collect::<Vec<_>>() {
        change.await.expect("runs");
    }
    let mut conn = pool.get().await.expect("a connection");
    let snapshot = snapshot(&mut conn).await;
    assert_eq!(snapshot.lines().filter(|line| line.starts_with("accounts")).count(), 3, "{snapshot}");
    assert_eq!(snapshot.matches(",20-").count(), 3, "{snapshot}");
}

#[tokio::test]
async fn what_cannot_be_right_is_poison_and_changes_nothing() {
    let (_database, pool) = start().await;
    let mut conn = pool.get().await.expect("a connection");
    let mut no_first_day = person("demo", "p", 1, vec![account("x", 1, None)], vec![]);
    if let Some(events::Payload::PersonChanged(person)) = &mut no_first_day.payload {
        person.accounts[0].from = None;
    }
    for bad in [
        merchant(1, "Mars/Olympus", 0, &[]),
        merchant(1, "Asia/Shanghai", 24, &[]),
        merchant(1, "Asia/Shanghai", -1, &[]),
        person("demo", "p", 1, vec![account("x", 31, Some(32))], vec![]),
        no_first_day,
    ] {
        let error = apply(&mut conn, &bad).await.expect_err("refused");
        assert!(matches!(error, HandleError::Poison(_)), "{error:?}");
    }
    assert_eq!(snapshot(&mut conn).await, "");
}

#[tokio::test]
async fn nobody_guesses_the_calendar_of_a_merchant_who_was_not_told_of() {
    let (_database, pool) = start().await;
    let mut conn = pool.get().await.expect("a connection");
    let demo = MerchantId::new("demo");
    let unknown = directory::calendar(&mut conn, &demo).await.expect_err("nobody knows");
    assert_eq!((unknown.kind(), unknown.reason()), (Kind::Precondition, "MERCHANT_UNKNOWN"));
    assert!(unknown.retry_after().is_some());
    assert!(matches!(HandleError::from(unknown), HandleError::Early(_)), "an event waits for it");
    assert!(directory::merchants(&mut conn).await.expect("none").is_empty());
    apply(&mut conn, &merchant(1, "Asia/Urumqi", 4, &[])).await.expect("applies");
    let after = directory::calendar(&mut conn, &demo).await.expect("their own");
    assert_eq!((after.zone_name(), after.cut_over_hour()), ("Asia/Urumqi", 4));
    assert_eq!(directory::merchants(&mut conn).await.expect("one"), [demo]);
}

#[tokio::test]
async fn holes_in_the_copy_are_found() {
    let (_database, pool) = start().await;
    let mut conn = pool.get().await.expect("a connection");
    let empty = directory::gaps(&mut conn).await.expect("looks");
    assert!(!empty.is_whole() && empty == directory::Gaps::default());

    let ann = person("demo", "ann", 1, vec![], vec![member("a", false, 1, None)]);
    apply(&mut conn, &ann).await.expect("applies");
    let holes = directory::gaps(&mut conn).await.expect("looks");
    assert_eq!((holes.merchants, holes.merchants_missing, holes.teams_missing), (0, 1, 1));

    apply(&mut conn, &merchant(1, "Asia/Shanghai", 0, &[])).await.expect("applies");
    apply(&mut conn, &team("a", 1, "A组")).await.expect("applies");
    assert!(directory::gaps(&mut conn).await.expect("looks").is_whole());
}
