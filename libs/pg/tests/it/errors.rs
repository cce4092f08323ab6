//! What the database says, told apart.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};
use pg::{Error, on_constraint, with_retry};
use status::Failure;
use tokio::sync::Barrier;

use crate::support::{database, execute, number, pool};

#[derive(Debug)]
enum ThingError {
    NameTaken,
    Storage(Error),
}

impl From<Error> for ThingError {
    fn from(error: Error) -> Self {
        Self::Storage(error)
    }
}

#[tokio::test]
async fn a_named_constraint_becomes_the_callers_own_error() {
    let database = database().await;
    let mut conn = pool(&database).await.get().await.expect("a connection");
    execute(&mut conn, "INSERT INTO things (id, name) VALUES (1, 'a')").await.expect("inserts");
    let mut insert = async |sql: &str| {
        let done = diesel::sql_query(sql).execute(&mut conn).await;
        done.map_err(on_constraint("things_name_key", || ThingError::NameTaken)).expect_err("refused")
    };
    let taken = insert("INSERT INTO things (id, name) VALUES (2, 'a')").await;
    assert!(matches!(taken, ThingError::NameTaken), "{taken:?}");
    for (sql, constraint) in [
        ("INSERT INTO things (id, name) VALUES (1, 'b')", "things_pkey"),
        ("INSERT INTO things (id, name, count) VALUES (3, 'c', -1)", "things_count_check"),
    ] {
        let other = insert(sql).await;
        assert!(
            matches!(&other, ThingError::Storage(Error::Constraint { name, .. }) if name == constraint),
            "{other:?}"
        );
    }
}

#[tokio::test]
async fn a_deadlock_is_contended_and_a_retry_solves_it() {
    let database = database().await;
    let pool = pool(&database).await;
    let mut conn = pool.get().await.expect("a connection");
    execute(&mut conn, "INSERT INTO things (id, name) VALUES (1, 'a'), (2, 'b')").await.expect("inserts");
    // Both lock one row, meet, and then want the other's.
    let barrier = Arc::new(Barrier::new(2));
    let crossing = |first: i64, second: i64| {
        let (pool, barrier) = (pool.clone(), Arc::clone(&barrier));
        tokio::spawn(async move {
            let tries = AtomicU32::new(0);
            let done = with_retry(5, async || {
                let first_try = tries.fetch_add(1, Ordering::Relaxed) == 0;
                let mut conn = pool.get().await?;
                let barrier = &barrier;
                conn.transaction::<_, Error, _>(async |conn| {
                    execute(conn, &format!("UPDATE things SET count = count + 1 WHERE id = {first}")).await?;
                    if first_try {
                        barrier.wait().await;
                    }
                    execute(conn, &format!("UPDATE things SET count = count + 1 WHERE id = {second}")).await
                })
                .await
            })
            .await;
            done.map(|_| tries.into_inner())
        })
    };
    let (one, two) = (crossing(1, 2), crossing(2, 1));
    let tries = one.await.expect("runs").expect("commits") + two.await.expect("runs").expect("commits");
    assert!(tries > 2, "somebody must have lost");
    assert_eq!(number(&mut conn, "SELECT sum(count)::bigint AS n FROM things").await, 4);
}

#[tokio::test]
async fn a_serialization_failure_is_contended_also_at_the_commit() {
    let database = database().await;
    let pool = pool(&database).await;
    let mut conn = pool.get().await.expect("a connection");
    execute(&mut conn, "INSERT INTO things (id, name) VALUES (1, 'a'), (2, 'b')").await.expect("inserts");
    let skew = |own: i64| {
        let pool = pool.clone();
        async move {
            let mut conn = pool.get().await?;
            conn.batch_execute("BEGIN ISOLATION LEVEL SERIALIZABLE").await?;
            number(&mut conn, "SELECT sum(count)::bigint AS n FROM things").await;
            Ok::<_, Error>((conn, own))
        }
    };
    let (mut one, id_one) = skew(1).await.expect("begins");
    let (mut two, id_two) = skew(2).await.expect("begins");
    execute(&mut one, &format!("UPDATE things SET count = 1 WHERE id = {id_one}")).await.expect("updates");
    execute(&mut two, &format!("UPDATE things SET count = 1 WHERE id = {id_two}")).await.expect("updates");
    one.batch_execute("COMMIT").await.expect("the first wins");
    let lost = Error::from(two.batch_execute("COMMIT").await.expect_err("the second loses"));
    assert!(lost.is_contended(), "{lost:?}");
}

#[tokio::test]
async fn a_read_only_or_full_database_is_unavailable() {
    let database = database().await;
    let pool = pool(&database).await;
    let mut conn = pool.get().await.expect("a connection");
    conn.batch_execute("SET default_transaction_read_only = on").await.expect("sets");
    let refused =
        execute(&mut conn, "INSERT INTO things (id, name) VALUES (1, 'a')").await.expect_err("refused");
    assert!(matches!(refused, Error::Unavailable(_)), "{refused:?}");
    let side = pool.side_client().await.expect("a client");
    side.batch_execute("SET default_transaction_read_only = on").await.expect("sets");
    let refused =
        side.batch_execute("INSERT INTO things (id, name) VALUES (1, 'a')").await.expect_err("refused");
    assert!(matches!(Error::from(refused), Error::Unavailable(_)));
    let full = "DO $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left' USING ERRCODE = 'disk_full'; END $$";
    assert!(matches!(conn.batch_execute(full).await.map_err(Error::from), Err(Error::Unavailable(_))));
    assert!(matches!(side.batch_execute(full).await.map_err(Error::from), Err(Error::Unavailable(_))));
}

#[tokio::test]
async fn both_clients_tell_the_same_failure_the_same_way() {
    let database = database().await;
    let pool = pool(&database).await;
    let mut conn = pool.get().await.expect("a connection");
    let side = pool.side_client().await.expect("a client");
    let raised = |code: &str, text: &str| {
        format!("DO $$ BEGIN RAISE EXCEPTION '{text}' USING ERRCODE = '{code}'; END $$")
    };
    for (code, text, reason) in [
        ("40P01", "deadlock detected", "CONTENDED"),
        ("40001", "could not serialize access due to concurrent update", "CONTENDED"),
        ("55P03", "canceling statement due to lock timeout", "CONTENDED"),
        ("57014", "canceling statement due to statement timeout", "DATABASE_TIMEOUT"),
        ("57P01", "terminating connection due to administrator command", "DATABASE_UNAVAILABLE"),
        ("53300", "sorry, too many clients already", "DATABASE_UNAVAILABLE"),
        ("25006", "cannot execute INSERT in a read-only transaction", "DATABASE_UNAVAILABLE"),
        ("22012", "division by zero", "INTERNAL"),
    ] {
        let sql = raised(code, text);
        let by_diesel = Error::from(conn.batch_execute(&sql).await.expect_err("raised"));
        let by_client = Error::from(side.batch_execute(&sql).await.expect_err("raised"));
        assert_eq!((by_diesel.reason(), by_client.reason()), (reason, reason), "{code}");
    }
}
