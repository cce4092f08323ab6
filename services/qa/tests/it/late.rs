//! Chats that arrive after their day's draw.

use std::time::Duration;

use proto::qa::v1 as pb;
use sampling::verify;
use testkit::eventually;

use crate::builders::{DAY, agent, chat, long_chats, may};
use crate::support::TestQa;

#[tokio::test(flavor = "multi_thread")]
async fn a_late_chat_never_changes_the_draw_and_has_the_chance_of_the_others() {
    let on_time = long_chats("ann-account", 30);
    let test = TestQa::with_day(&on_time).await;
    let draw = test.draw(DAY).await;
    let before = test.bundle(DAY).await;

    // Enough to see both verdicts: each is accepted with the chance 15 ÷ 30.
    let late: Vec<_> = (0..40).map(|n| chat(&format!("late-{n}"), "ann-account", 11)).collect();
    test.deliver(&late).await;
    test.deliver(&[chat("late and short", "ann-account", 3)]).await;
    let again = test.try_draw(DAY, "again").await.expect("finds it").into_inner().draw.expect("a draw");
    assert_eq!((again.list_hash.clone(), again.drawn, again.late), (draw.list_hash, 15, 40));
    assert!((4..=36).contains(&again.late_accepted), "{} of 40 at a half", again.late_accepted);
    assert_eq!(again.assigned, 15 + again.late_accepted, "late reviews are handed out, too");

    let bundle = test.bundle(DAY).await;
    assert_eq!((&bundle.agents, bundle.list_hash), (&before.agents, before.list_hash));
    let verified = verify(&bundle).expect("holds");
    assert_eq!((verified.late_open, bundle.late.len()), (40, 40), "their seed is today's, and secret");
    let reviews = test.reviews().await;
    let marked: Vec<_> = reviews.iter().filter(|review| review.late).collect();
    assert_eq!(i32::try_from(marked.len()), Ok(again.late_accepted));
    let inclusion = marked[0].inclusion.expect("a chance");
    assert_eq!((inclusion.numerator, inclusion.denominator), (15, 30));

    // The day after, their seed's day is drawn, and everybody can check the verdicts.
    test.clock.set("2020-05-21T10:00:00+08:00");
    test.close(may(20), 1, &[]).await;
    test.try_draw(may(20), "next").await.expect("draws an empty day");
    let verified = verify(&test.bundle(DAY).await).expect("holds");
    assert_eq!((verified.late_open, i32::try_from(verified.late_added)), (0, Ok(again.late_accepted)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_without_a_list_gets_every_late_chat() {
    let test = TestQa::with_day(&long_chats("ann-account", 2)).await;
    test.draw(DAY).await;
    test.deliver(&long_chats("zoe-account", 4)).await;
    let zoe =
        test.reviews().await.into_iter().filter(|review| review.account_id == "zoe-account" && review.late);
    assert_eq!(zoe.count(), 4);
    // Sent once more, they are judged no second time.
    let again: Vec<_> = long_chats("zoe-account", 4)
        .into_iter()
        .map(|mut chat| {
            chat.revision = 1;
            chat
        })
        .collect();
    test.deliver(&again).await;
    assert_eq!(test.count("SELECT count(*) FROM qa.late_chats").await, 4);
    assert_eq!(test.count("SELECT count(*) FROM qa.reviews WHERE late").await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_of_a_listed_chat_is_not_late() {
    let chats = long_chats("ann-account", 3);
    let test = TestQa::with_day(&chats).await;
    test.draw(DAY).await;
    let mut corrected = chats[0].clone();
    corrected.revision = 1;
    corrected.satisfied = Some(false);
    test.publish(&[crate::builders::closed(&corrected)]).await;
    let here = "SELECT count(*) FROM qa.conversations WHERE revision = 1 AND rank IS NOT NULL";
    eventually(Duration::from_secs(30), async || test.count(here).await == 1).await;
    assert_eq!(test.count("SELECT count(*) FROM qa.late_chats").await, 0);
    verify(&test.bundle(DAY).await).expect("holds");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_chat_may_move_to_another_day_and_back() {
    let chats = long_chats("ann-account", 3);
    let test = TestQa::with_day(&chats).await;
    test.draw(DAY).await;
    for (revision, day) in [(1, may(18)), (2, DAY)] {
        let mut corrected = chats[0].clone();
        corrected.revision = revision;
        corrected.business_day = Some(day);
        test.publish(&[crate::builders::closed(&corrected)]).await;
        let known = format!("SELECT count(*) FROM qa.conversation_keys WHERE revision = {revision}");
        eventually(Duration::from_secs(30), async || test.count(&known).await == 1).await;
        let verified = verify(&test.bundle(DAY).await).expect("holds");
        assert_eq!(verified.eligible, 3, "the list of a drawn day is what it was");
    }
    assert_eq!(test.count("SELECT count(*) FROM qa.late_chats").await, 0);
    assert_eq!(test.count("SELECT count(*) FROM qa.parked_events").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_verifies_their_own_slice() {
    let mut chats = long_chats("ann-account", 20);
    chats.extend(long_chats("ben-account", 4));
    let test = TestQa::with_day(&chats).await;
    test.draw(DAY).await;
    let message = pb::GetDrawSliceRequest { business_day: Some(DAY), account_id: "ann-account".into() };
    let slice =
        test.client().get_draw_slice(test.by(&agent("ann"), message)).await.expect("is theirs").into_inner();
    assert_eq!((slice.chats.len(), slice.agent_hashes.len()), (20, 2));
    assert!(slice.chats.is_sorted_by_key(|chat| chat.rank.clone()));
    let drawn: Vec<bool> = slice.chats.iter().map(|chat| chat.drawn).collect();
    assert_eq!(drawn, [vec![true; 15], vec![false; 5]].concat(), "the lowest ranks are drawn");
    // What the agent recomputes from that alone is what was published.
    let bundle = test.bundle(DAY).await;
    let published = bundle.slice("ann-account").expect("a slice");
    sampling::verify_slice(&published).expect("holds");
    let eligible: std::collections::BTreeSet<String> =
        slice.chats.iter().filter_map(|chat| Some(chat.conversation.clone()?.conversation_id)).collect();
    assert_eq!(eligible, published.eligible.iter().map(|chat| chat.id.clone()).collect());
}
