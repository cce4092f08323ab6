//! The draw through the API.

use std::collections::{BTreeMap, BTreeSet};

use proto::qa::v1::{self as pb, DayState, DrawState};
use sampling::{Anchor, Commitment, verify_against};
use testkit::EventCollector;
use tonic::{Code, Response};

use crate::builders::{DAY, MERCHANT, agent, chat, long_chats, manager, may};
use crate::support::{TestQa, refusal};

/// Ann with 40 long chats and ten short ones, Ben with three, Zoe with none that is long.
fn shop() -> Vec<proto::events::v1::ConversationClosed> {
    let mut chats = long_chats("ann-account", 40);
    chats.extend((0..10).map(|n| chat(&format!("short-{n}"), "ann-account", 10)));
    chats.extend(long_chats("ben-account", 3));
    chats.push(chat("zoe-1", "zoe-account", 2));
    chats
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_drawn_once_and_anybody_can_verify_it() {
    let test = TestQa::with_day(&shop()).await;
    let published = EventCollector::start(&test.nats).await;
    let drawn = test.try_draw(DAY, "first").await.expect("draws").into_inner();
    let draw = drawn.draw.clone().expect("a draw");
    assert!(drawn.drawn_now);
    assert_eq!(draw.state(), DrawState::Drawn);
    assert_eq!((draw.agents, draw.eligible, draw.drawn, draw.shortfall_agents), (2, 43, 18, 1));
    assert_eq!((draw.assigned, draw.unassigned), (18, 0));

    // Again, by the same request and by another: the same draw.
    let replayed = test.try_draw(DAY, "first").await.expect("replays").into_inner();
    assert_eq!(replayed, drawn);
    let again = test.try_draw(DAY, "second").await.expect("finds it").into_inner();
    assert!(!again.drawn_now);
    assert_eq!(again.draw.as_ref(), Some(&draw));
    assert_eq!(test.count("SELECT count(*) FROM qa.reviews").await, 18);

    let bundle = test.bundle(DAY).await;
    let commitment = draw.commitment.as_ref().expect("a commitment");
    let revealed = published
        .wait_for(1, |payload| match payload {
            events::Payload::DrawRevealed(revealed) => Some(revealed.clone()),
            _ => None,
        })
        .await;
    let anchor = Anchor {
        merchant: MERCHANT,
        day: bundle.day,
        commitment: Commitment::from_slice(&commitment.commitment),
        list_hash: sampling::ListHash::from_slice(&revealed[0].list_hash),
    };
    let verified = verify_against(&bundle, &anchor).expect("holds");
    assert_eq!((verified.agents, verified.eligible, verified.drawn, verified.short_agents), (2, 43, 18, 1));
    assert_eq!(revealed[0].seed, draw.seed);
    assert!(!bundle.before_day, "the day was over when its first chat came");

    // What is in the queue is what was drawn.
    let queue: BTreeSet<String> = test
        .reviews()
        .await
        .into_iter()
        .filter_map(|review| Some(review.conversation?.conversation_id))
        .collect();
    let sample = bundle.agents.iter().flat_map(|agent| agent.drawn.iter().map(|chat| chat.id.clone()));
    assert_eq!(queue, sample.collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_seed_is_secret_until_the_draw_and_its_commitment_is_kept_outside() {
    let test = TestQa::with_day(&shop()).await;
    let message = pb::GetDrawRequest { business_day: Some(DAY) };
    let before =
        test.client().get_draw(test.by(&agent("ann"), message)).await.expect("is committed").into_inner();
    let before = before.draw.expect("a draw");
    assert_eq!(before.state(), DrawState::Committed);
    assert!(before.seed.is_empty() && before.list_hash.is_empty());
    let message = pb::GetDrawBundleRequest { business_day: Some(DAY) };
    let bundle = test.client().get_draw_bundle(test.by(&manager(), message)).await.map(|_| Response::new(()));
    assert_eq!(refusal(bundle), (Code::NotFound, "DRAW_NOT_FOUND".into()));

    let message = pb::GetCommitmentRequest { business_day: Some(DAY) };
    let answer =
        test.client().get_commitment(test.by(&agent("ann"), message)).await.expect("is there").into_inner();
    let commitment = answer.commitment.expect("a commitment");
    assert_eq!(before.commitment.as_ref(), Some(&commitment));
    let line = format!("\"commitment\":\"{}\"", hex(&commitment.commitment));
    let file = test.folder.path().join("commitments.jsonl");
    testkit::eventually(std::time::Duration::from_secs(30), async || {
        std::fs::read_to_string(&file).is_ok_and(|lines| lines.contains(&line))
    })
    .await;

    let after = test.draw(DAY).await;
    assert_eq!(after.commitment, Some(commitment));
    assert_eq!(after.seed.len(), 32);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merchant_without_chats_is_committed_to_as_well() {
    let test = TestQa::start().await;
    let merchant = proto::events::v1::MerchantChanged {
        name: "新店".into(),
        time_zone: "Asia/Shanghai".into(),
        cut_over_hour: 4,
        shops: Vec::new(),
    };
    let at = crate::builders::at("2020-05-20T02:00:00Z");
    test.publish(&[events::event("fresh", "merchant", 1, at, events::Payload::MerchantChanged(merchant))])
        .await;
    testkit::eventually(std::time::Duration::from_secs(30), async || {
        let message = pb::GetCommitmentRequest { business_day: Some(may(21)) };
        let found = test.client().get_commitment(test.by(&manager().of("fresh"), message)).await;
        found.is_ok_and(|found| found.into_inner().commitment.is_some_and(|commitment| commitment.before_day))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_ends_at_the_merchants_cut_over_hour() {
    let chats = shop();
    let test = TestQa::with_staff().await;
    test.sql("UPDATE qa.merchants SET cut_over_hour = 6 WHERE merchant_id = 'demo'").await;
    test.deliver(&chats).await;
    test.close(DAY, 1, &chats).await;
    // Tuesday goes on until Wednesday at six.
    test.clock.set("2020-05-20T05:59:59+08:00");
    let early = test.try_draw(DAY, "early").await;
    assert_eq!(refusal(early), (Code::FailedPrecondition, "DAY_NOT_CLOSED".into()));
    test.clock.set("2020-05-20T06:00:00+08:00");
    assert_eq!(test.draw(DAY).await.drawn, 18);
    let due: Vec<_> = test.reviews().await.into_iter().map(|review| review.due_day).collect();
    assert!(due.iter().all(|due| *due == Some(may(21))));
}

#[tokio::test(flavor = "multi_thread")]
async fn seeds_of_today_and_tomorrow_are_committed_before_their_days() {
    let test = TestQa::with_day(&shop()).await;
    // Until the committer's next round.
    let tomorrow = || async {
        let message = pb::GetCommitmentRequest { business_day: Some(may(21)) };
        test.client().get_commitment(test.by(&manager(), message)).await
    };
    testkit::eventually(std::time::Duration::from_secs(30), async || tomorrow().await.is_ok()).await;
    let commitment = tomorrow().await.expect("is there").into_inner().commitment.expect("a commitment");
    assert!(commitment.before_day);
    let message = pb::GetCommitmentRequest { business_day: Some(may(25)) };
    let later = test.client().get_commitment(test.by(&manager(), message)).await;
    assert_eq!(refusal(later), (Code::NotFound, "COMMITMENT_NOT_FOUND".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_not_drawn_before_it_is_closed_over_and_whole() {
    let chats = shop();
    let test = TestQa::with_staff().await;
    assert_eq!(refusal(test.try_draw(DAY, "a").await), (Code::FailedPrecondition, "DAY_NOT_CLOSED".into()));
    // One chat of Ann's is still on its way.
    test.deliver(&chats[1..]).await;
    assert_eq!(test.readiness(DAY).await.state(), DayState::NotClosed);
    test.close(DAY, 1, &chats).await;
    let readiness = test.readiness(DAY).await;
    assert_eq!(readiness.state(), DayState::Incomplete);
    assert_eq!(
        (readiness.conversations_expected, readiness.conversations_here, readiness.gap_count),
        (54, 53, 1)
    );
    assert_eq!(readiness.gaps[0].account_id, "ann-account");
    let status = test.try_draw(DAY, "b").await.expect_err("is refused");
    let problem = status::Problem::from_status(&status);
    assert_eq!((status.code(), problem.reason.as_str()), (Code::FailedPrecondition, "DAY_INCOMPLETE"));
    assert_eq!(problem.metadata.get("conversations_here").map(String::as_str), Some("53"));
    assert_eq!(problem.metadata.get("first_accounts").map(String::as_str), Some("ann-account"));

    test.deliver(&chats[..1]).await;
    assert_eq!(test.readiness(DAY).await.state(), DayState::Ready);
    assert_eq!(test.draw(DAY).await.drawn, 18);
    assert_eq!(test.readiness(DAY).await.state(), DayState::Drawn);

    // Today goes on, whatever somebody says of it.
    test.close(may(20), 1, &[]).await;
    assert_eq!(
        refusal(test.try_draw(may(20), "c").await),
        (Code::FailedPrecondition, "DAY_NOT_CLOSED".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_id_is_good_for_one_request() {
    let test = TestQa::with_day(&shop()).await;
    test.try_draw(DAY, "one").await.expect("draws");
    let other = test.try_draw(may(18), "one").await;
    assert_eq!(refusal(other), (Code::FailedPrecondition, "REQUEST_ID_REUSED".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_draws_at_once_are_one() {
    let test = TestQa::with_day(&shop()).await;
    let keys: Vec<String> = (0..8).map(|n| format!("draw {n}")).collect();
    let mut drawing = Vec::new();
    for key in &keys {
        let (mut client, message) =
            (test.client(), pb::DrawDayRequest { request_id: key.clone(), business_day: Some(DAY) });
        let request = test.by(&manager(), message);
        drawing.push(tokio::spawn(async move { client.draw_day(request).await }));
    }
    let mut now = 0;
    let mut hashes = BTreeSet::new();
    for call in drawing {
        let answer = call.await.expect("runs").expect("draws").into_inner();
        now += i32::from(answer.drawn_now);
        hashes.insert(answer.draw.expect("a draw").list_hash);
    }
    assert_eq!((now, hashes.len()), (1, 1));
    assert_eq!(test.count("SELECT count(*) FROM qa.audit_entries WHERE rpc LIKE '%DrawDay'").await, 1);
}

/// Ranks come from the seed, and seeds from the operating system: over many days each chat is drawn about equally
/// often. 200 days, 8 chats of which 2 are drawn: each chat about 50 times, with a deviation of about 6.
#[tokio::test(flavor = "multi_thread")]
async fn over_many_days_each_chat_is_drawn_equally_often() {
    let test = TestQa::with_staff().await;
    let first = chrono::NaiveDate::from_ymd_opt(2019, 6, 1).expect("a day");
    let days: Vec<_> = (0..200).map(|n| crate::builders::date(first + chrono::TimeDelta::days(n))).collect();
    let mut chats = Vec::new();
    for (n, day) in days.iter().enumerate() {
        for k in 0..8 {
            let mut chat = chat(&format!("d{n}-k{k}"), "ann-account", 11);
            chat.business_day = Some(*day);
            chats.push(chat);
        }
    }
    // A smaller plan, as if it had been in force since then.
    test.deliver(&chats[..1]).await;
    test.sql("UPDATE qa.sampling_plans SET size = 2").await;
    test.deliver(&chats[1..]).await;
    test.close_all(&days, 1, &chats).await;
    for (n, day) in days.iter().enumerate() {
        let drawn = test.try_draw(*day, &format!("draw {n}")).await.expect("draws").into_inner();
        assert_eq!(drawn.draw.expect("a draw").drawn, 2);
    }
    let sql = "SELECT split_part(conversation_id, '-k', 2), count(*)::int FROM qa.reviews GROUP BY 1";
    let rows = test.database.admin(qa::SCHEMA).await.query(sql, &[]).await.expect("counts");
    let times: BTreeMap<String, i32> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(times.values().sum::<i32>(), 400);
    // Chi-square with 7 degrees of freedom: 29.9 is passed once in ten thousand runs. Drawing two of eight without
    // replacement varies less than the multinomial that the bound is for.
    let chi: f64 = times.values().map(|n| (f64::from(*n) - 50.0).powi(2) / 50.0).sum();
    assert!(times.len() == 8 && chi < 29.9, "{chi}: {times:?}");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
