//! Rows changed after the draw are found by whoever verifies the bundle, without access to the database.

use sampling::{Difference, verify};

use crate::builders::{DAY, chat, long_chats};
use crate::support::TestQa;

/// Draws a small shop, changes something in the database, and hands out the bundle.
async fn tampered(sql: &str) -> Difference {
    let mut chats = long_chats("ann-account", 20);
    chats.extend(long_chats("ben-account", 17));
    chats.push(chat("short", "ann-account", 3));
    let test = TestQa::with_day(&chats).await;
    test.draw(DAY).await;
    verify(&test.bundle(DAY).await).expect("holds before");
    test.sql(sql).await;
    verify(&test.bundle(DAY).await).expect_err(sql)
}

#[tokio::test(flavor = "multi_thread")]
async fn another_seed_is_found() {
    let found = tampered("UPDATE qa.seeds SET seed = decode(repeat('ab', 32), 'hex')").await;
    assert!(matches!(found, Difference::Commitment { .. }), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seed_changed_with_its_commitment_is_found_by_the_sample() {
    let day = chrono::NaiveDate::from_ymd_opt(2020, 5, 19).expect("a day");
    let commitment = sampling::commitment("demo", day, &sampling::Seed::new([0xab; 32]));
    let found = tampered(&format!(
        "UPDATE qa.seeds SET seed = decode(repeat('ab', 32), 'hex'), commitment = decode('{commitment}', 'hex') \
         WHERE business_day = '2020-05-19'"
    ))
    .await;
    assert!(matches!(found, Difference::DrawnMissing { .. } | Difference::DrawnExtra { .. }), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_taken_out_of_the_sample_is_named() {
    let found = tampered("DELETE FROM qa.reviews WHERE account_id = 'ann-account' AND place = 3").await;
    assert!(
        matches!(&found, Difference::DrawnMissing { account, .. } if account == "ann-account"),
        "{found}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_swapped_for_another_is_named() {
    let found = tampered(
        "UPDATE qa.reviews SET conversation_id = (SELECT c.conversation_id FROM qa.conversations c \
            WHERE c.account_id = 'ben-account' AND NOT EXISTS (SELECT 1 FROM qa.reviews v \
                WHERE v.conversation_id = c.conversation_id) LIMIT 1) \
         WHERE account_id = 'ben-account' AND place = 1",
    )
    .await;
    assert!(
        matches!(&found, Difference::DrawnMissing { account, .. } if account == "ben-account"),
        "{found}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_replaced_by_another_is_found() {
    let found = tampered(
        "UPDATE qa.draw_agents a SET eligible_list = b.eligible_list FROM qa.draw_agents b \
         WHERE a.account_id = 'ann-account' AND b.account_id = 'ben-account'",
    )
    .await;
    // The chats of one account under another are also there twice.
    assert!(matches!(found, Difference::AgentHash { .. } | Difference::ConversationTwice { .. }), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_left_out_is_found() {
    let found = tampered("DELETE FROM qa.draw_agents WHERE account_id = 'ben-account'").await;
    assert!(!matches!(found, Difference::Seal), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_terms_are_found() {
    let found = tampered("UPDATE qa.draws SET day_closed_version = 9").await;
    assert!(matches!(found, Difference::ListHash { .. }), "{found}");
}
