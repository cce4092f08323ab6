//! The whole way: from performance's outbox to a follower's copy.

use std::time::Duration;

use diesel_async::AsyncConnection;
use runtime::ids::MerchantId;
use testkit::eventually;
use tokio_util::sync::CancellationToken;

use crate::support::{SCHEMA, SETS, merchant, start, team};

#[tokio::test]
async fn a_follower_keeps_its_copy_up_to_date() {
    let (_database, pool) = start().await;
    let nats = testkit::nats().await;
    let bus = events::Bus::connect(&nats.config()).await.expect("connects");
    let token = CancellationToken::new();
    events::relay(pool.clone(), bus.clone(), token.clone());
    directory::follow(pool.clone(), bus, "copy-directory", token.clone());
    let mut conn = pool.get().await.expect("a connection");
    conn.transaction::<_, events::Error, _>(async |conn| {
        events::publish_all(conn, &[merchant(1, "Asia/Urumqi", 3, &["a"]), team("t", 1, "一组")]).await
    })
    .await
    .expect("publishes");
    eventually(Duration::from_secs(60), async || {
        let known = directory::merchants(&mut conn).await.expect("reads");
        known == [MerchantId::new("demo")]
    })
    .await;
    token.cancel();
}

#[tokio::test]
async fn up_down_up() {
    let (database, _pool) = start().await;
    let config = database.owner_config(SCHEMA);
    assert_eq!(pg::revert(SCHEMA, &config, SETS).await.expect("reverts").len(), 5);
    assert_eq!(pg::migrate(SCHEMA, &config, SETS).await.expect("migrates").len(), 5);
}
