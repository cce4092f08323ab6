//! The schema's way up and back.

use crate::support::schemas;

#[tokio::test(flavor = "multi_thread")]
async fn every_migration_has_a_way_back() {
    let database = testkit::database(&schemas()).await;
    let owner = database.owner_config(qa::SCHEMA);
    assert!(qa::migrate(&owner).await.expect("is up").is_empty());
    let down = qa::revert(&owner).await.expect("goes back");
    assert!(!down.is_empty());
    let mut up = qa::migrate(&owner).await.expect("goes up again");
    up.reverse();
    assert_eq!(up, down);
}
