//! Request ids.

use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::AsyncConnection;
use pg::idempotency::{self, RequestKey};
use pg::{DatabaseConfig, Error, Pool};
use proto::events::v1::ReplayParkedEventRequest;
use testkit::TestCaller;

use crate::support::{SCHEMA, database, execute, number, pool};

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_600_000_000, 0).expect("a time")
}

fn key(caller: &TestCaller, request_id: &str, body: &str) -> Option<RequestKey> {
    let body = ReplayParkedEventRequest { parked_event_id: body.to_owned(), ..Default::default() };
    RequestKey::new(&caller.caller(), "/things/Count", request_id, &body)
}

/// Counts up and answers with the count.
async fn count_up(pool: &Pool, key: Option<&RequestKey>, now: DateTime<Utc>) -> Result<i64, Error> {
    let mut conn = pool.get().await?;
    conn.transaction::<_, Error, _>(async |conn| {
        idempotency::run(conn, key, now, async |conn| {
            execute(conn, "INSERT INTO things (id, name) VALUES (1, 'a') ON CONFLICT (id) DO UPDATE SET count = things.count + 1")
                .await?;
            Ok::<_, Error>(number(conn, "SELECT count AS n FROM things").await)
        })
        .await
    })
    .await
}

#[tokio::test]
async fn a_hundred_repeats_have_one_effect_and_one_answer() {
    let database = database().await;
    // A hundred callers share eight connections: they may wait for one.
    let config = DatabaseConfig { acquire_timeout_ms: 60_000, ..database.config(SCHEMA) };
    let pool = pg::connect(SCHEMA, &config).await.expect("connects");
    let key = key(&testkit::caller(), "r-1", "body");
    let repeats = (0..100).map(|_| {
        let (pool, key) = (pool.clone(), key.clone());
        tokio::spawn(async move { count_up(&pool, key.as_ref(), now()).await })
    });
    for repeat in repeats.collect::<Vec<_>>() {
        assert_eq!(repeat.await.expect("runs").expect("answers"), 0);
    }
    // After a restart, that is from another pool, too.
    let again = crate::support::pool(&database).await;
    assert_eq!(count_up(&again, key.as_ref(), now()).await.expect("answers"), 0);
    let mut conn = pool.get().await.expect("a connection");
    assert_eq!(number(&mut conn, "SELECT count AS n FROM things").await, 0);
}

#[tokio::test]
async fn another_body_under_the_same_id_is_refused_and_has_no_effect() {
    let database = database().await;
    let pool = pool(&database).await;
    let caller = testkit::caller();
    count_up(&pool, key(&caller, "r", "one").as_ref(), now()).await.expect("answers");
    let reused = count_up(&pool, key(&caller, "r", "two").as_ref(), now()).await;
    assert!(matches!(reused, Err(Error::RequestIdReused)), "{reused:?}");
    assert_eq!(count_up(&pool, key(&caller, "r", "one").as_ref(), now()).await.expect("the first answer"), 0);
}

#[tokio::test]
async fn ids_are_apart_per_merchant_caller_and_absent_ones_never_match() {
    let database = database().await;
    let pool = pool(&database).await;
    let callers = [testkit::caller(), testkit::caller().of("other"), testkit::caller().subject("else")];
    for (effects, caller) in callers.iter().enumerate() {
        let answer = count_up(&pool, key(caller, "r", "body").as_ref(), now()).await.expect("answers");
        assert_eq!(answer, effects as i64);
    }
    assert_eq!(key(&callers[0], "", "body"), None);
    for effects in 3..5 {
        assert_eq!(count_up(&pool, None, now()).await.expect("answers"), effects);
    }
}

#[tokio::test]
async fn work_that_failed_may_be_tried_again_under_its_id() {
    let database = database().await;
    let pool = pool(&database).await;
    let key = key(&testkit::caller(), "r", "body");
    let mut conn = pool.get().await.expect("a connection");
    let failed = conn
        .transaction::<i64, Error, _>(async |conn| {
            idempotency::run(conn, key.as_ref(), now(), async |_| Err(Error::Exhausted)).await
        })
        .await;
    assert!(matches!(failed, Err(Error::Exhausted)));
    assert_eq!(count_up(&pool, key.as_ref(), now()).await.expect("does it now"), 0);
}

#[tokio::test]
async fn an_id_counts_for_a_day() {
    let database = database().await;
    let pool = pool(&database).await;
    let key = key(&testkit::caller(), "r", "body");
    let (almost, over) = (now() + TimeDelta::hours(24), now() + TimeDelta::hours(24) + TimeDelta::seconds(1));
    assert_eq!(count_up(&pool, key.as_ref(), now()).await.expect("first"), 0);
    assert_eq!(count_up(&pool, key.as_ref(), almost).await.expect("repeat"), 0);
    assert_eq!(count_up(&pool, key.as_ref(), over).await.expect("new again"), 1);
    let mut conn = pool.get().await.expect("a connection");
    assert_eq!(idempotency::prune(&mut conn, over + TimeDelta::hours(24)).await.expect("prunes"), 0);
    assert_eq!(idempotency::prune(&mut conn, over + TimeDelta::hours(25)).await.expect("prunes"), 1);
}
