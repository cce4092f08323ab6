//! Conversations coming in: once each, newest revision, in whatever order and company.

use std::time::Duration;

use proto::qa::v1::DayState;
use testkit::eventually;

use crate::builders::{DAY, chat, closed, long_chats, may};
use crate::support::TestQa;

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_that_comes_twice_is_here_once() {
    let chats = long_chats("ann-account", 20);
    let test = TestQa::with_staff().await;
    test.deliver(&chats).await;
    // The same again under new event ids, backwards, and then one that is new, to know when they are through.
    let again: Vec<_> = chats.iter().rev().map(closed).collect();
    test.publish(&again).await;
    test.deliver(&[chat("last", "ann-account", 1)]).await;
    test.close(DAY, 1, &[chats, vec![chat("last", "ann-account", 1)]].concat()).await;
    assert_eq!(test.readiness(DAY).await.state(), DayState::Ready);
    assert_eq!(test.count("SELECT count(*) FROM qa.conversations").await, 21);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_higher_revision_replaces_and_may_move_the_chat_to_another_day() {
    let test = TestQa::with_staff().await;
    let first = chat("c", "ann-account", 11);
    test.deliver(std::slice::from_ref(&first)).await;
    let mut corrected = chat("c", "ben-account", 3);
    corrected.revision = 2;
    corrected.business_day = Some(may(18));
    let mut stale = chat("c", "zoe-account", 30);
    stale.revision = 1;
    test.publish(&[closed(&corrected), closed(&stale)]).await;
    let here = "SELECT count(*) FROM qa.conversations WHERE account_id = 'ben-account' AND business_day = '2020-05-18' \
                AND revision = 2 AND rank IS NULL AND NOT long_chat";
    eventually(Duration::from_secs(30), async || test.count(here).await == 1).await;
    test.deliver(&[chat("later", "ann-account", 1)]).await;
    assert_eq!(test.count("SELECT count(*) FROM qa.conversations WHERE conversation_id = 'c'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_that_nobody_can_read_is_parked_and_blocks_nobody() {
    let test = TestQa::with_staff().await;
    let mut broken = chat("broken", "ann-account", 3);
    broken.business_day = None;
    let mut batch: Vec<_> = long_chats("ann-account", 50).iter().map(closed).collect();
    batch.insert(25, closed(&broken));
    test.publish(&batch).await;
    eventually(Duration::from_secs(60), async || {
        test.count("SELECT count(*) FROM qa.conversation_keys").await == 50
            && test.count("SELECT count(*) FROM qa.parked_events WHERE error LIKE '%business day%'").await
                == 1
    })
    .await;
}
