//! Lines in, acknowledgements out.

use proto::metrics::v1 as pb;
use testkit::caller;
use tonic::Code;

use crate::recount::{assert_same, by_agent_day, total};
use crate::support::{TestMetrics, asking, chat, lines, reason, tell_of_merchants};

const CHAT: &[&str] = &["0 C", "20 A", "60 C", "90 Q"];

fn counts(answer: &pb::BatchIngestConversationsResponse) -> (i64, i64, i64, i64) {
    let counts = answer.counts.as_ref().expect("counts");
    (counts.accepted, counts.unchanged, counts.stale, counts.rejected)
}

fn a_chat(id: &str) -> pb::Conversation {
    chat(id, "a-1", "b-1", "2020-05-13T10:00:00", CHAT)
}

fn revised(mut conversation: pb::Conversation, revision: i64) -> pb::Conversation {
    conversation.revision = revision;
    conversation
}

async fn whole(test: &TestMetrics) -> Vec<pb::Figures> {
    test.figures(asking(pb::Group::Merchant, "2020-01-01", "2020-12-31")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_again_is_unchanged_and_other_content_is_refused() {
    let test = TestMetrics::start().await;
    assert_eq!(counts(&test.send(vec![a_chat("c-1")]).await), (1, 0, 0, 0));
    assert_eq!(counts(&test.send(vec![a_chat("c-1")]).await), (0, 1, 0, 0));
    let mut other = a_chat("c-1");
    other.messages[0].text.push('!');
    let refused = test.send(vec![other]).await;
    assert_eq!(counts(&refused), (0, 0, 0, 1));
    assert_eq!((refused.rejects[0].line, refused.rejects[0].field.as_str()), (1, "revision"));
    assert_eq!(whole(&test).await[0].conversations, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_takes_back_what_the_old_one_gave() {
    let test = TestMetrics::start().await;
    test.send(vec![a_chat("c-1"), a_chat("c-2")]).await;
    // Another agent, another customer, another day, other messages.
    let moved = revised(chat("c-1", "a-2", "b-9", "2020-06-01T23:00:00", &["0 C", "3600 A"]), 3);
    assert_eq!(counts(&test.send(vec![moved.clone()]).await), (1, 0, 0, 0));
    assert_eq!(counts(&test.send(vec![a_chat("c-1")]).await), (0, 0, 1, 0), "the old one is stale now");

    let recount = by_agent_day(&[moved, a_chat("c-2")], &test.calendar().await);
    assert_same(&whole(&test).await[0], &total(recount.values()));
    let accounts = test.figures(asking(pb::Group::Account, "2020-01-01", "2020-12-31")).await;
    assert_eq!(accounts.iter().map(|row| row.key.as_str()).collect::<Vec<_>>(), ["a-1", "a-2"]);
    assert_eq!(test.count("SELECT count(*) FROM conversation_facts").await, 2);

    // Taking everything away again from the day leaves no row of figures.
    let gone = revised(chat("c-2", "a-2", "b-9", "2020-06-01T22:00:00", CHAT), 1);
    test.send(vec![gone]).await;
    test.counted().await;
    let left = test.figures(asking(pb::Group::Account, "2020-05-13", "2020-05-13")).await;
    assert_eq!(left, []);
    let left = "SELECT count(*) FROM day_facts WHERE business_day = '2020-05-13' \
                AND length(responses) + length(first_responses) + length(lengths) > 0";
    assert_eq!(test.count(left).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_revisions_in_one_batch_are_taken_one_after_the_other() {
    let test = TestMetrics::start().await;
    let later = revised(chat("c-1", "a-1", "b-1", "2020-05-13T10:00:00", &["0 C"]), 2);
    let mut conflicting = later.clone();
    conflicting.satisfied = Some(true);
    let answer =
        test.send(vec![a_chat("c-1"), a_chat("c-1"), later.clone(), a_chat("c-1"), conflicting]).await;
    assert_eq!(counts(&answer), (2, 1, 1, 1));
    assert_eq!(answer.rejects[0].line, 5);
    let recount = by_agent_day(&[later], &test.calendar().await);
    assert_same(&whole(&test).await[0], &total(recount.values()));
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_lines_are_refused_by_themselves_with_field_and_reason() {
    let test = TestMetrics::start().await;
    let broken = |change: fn(&mut pb::Conversation)| {
        let mut conversation = a_chat("bad");
        change(&mut conversation);
        conversation
    };
    let mut sent = lines(vec![
        a_chat("c-1"),
        broken(|c| c.messages.swap(0, 2)),
        broken(|c| c.account_id.clear()),
        broken(|c| c.messages[1].sender = 99),
        broken(|c| c.messages[1].sent_at = Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 })),
        broken(|c| c.started_at = Some(prost_types::Timestamp { seconds: 0, nanos: -1 })),
        broken(|c| c.messages[0].text = "a\0b".to_owned()),
        broken(|c| c.messages[0].text = noise(2 << 20)),
        a_chat("c-2"),
    ]);
    sent.push(pb::ConversationLine { line: 20, conversation: None });
    let acks = test.stream(sent, 3).await.expect("takes the stream");
    let rejects: Vec<_> =
        acks.iter().flat_map(|ack| &ack.rejects).map(|reject| (reject.line, reject.field.as_str())).collect();
    let expected = [
        (2, "messages[1].sent_at"),
        (3, "account_id"),
        (4, "messages[1].sender"),
        (5, "messages[1].sent_at"),
        (6, "started_at"),
        (7, "messages[0].text"),
        (8, "messages"),
        (20, "conversation"),
    ];
    assert_eq!(rejects, expected);
    assert!(acks.iter().flat_map(|ack| &ack.rejects).all(|reject| !reject.reason.is_empty()));
    assert_eq!(acks.last().map(|ack| ack.through_line), Some(20));
    assert_eq!(whole(&test).await[0].conversations, 2);
}

/// Text that does not compress.
fn noise(bytes: usize) -> String {
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'!' + (state % 90) as u8)
    };
    (0..bytes).map(|_| next()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn line_numbers_must_grow_and_what_came_before_is_kept() {
    let test = TestMetrics::start().await;
    let mut sent = lines(vec![a_chat("c-1"), a_chat("c-2"), a_chat("c-3")]);
    sent[2].line = 2;
    let refused = test.stream(sent.clone(), 1).await.expect_err("is refused");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, "LINE_ORDER"));
    assert_eq!(whole(&test).await[0].conversations, 2);
    let message = pb::BatchIngestConversationsRequest { lines: sent, request_id: String::new() };
    let refused = test.client.clone().batch_ingest_conversations(test.by(&caller(), message)).await;
    assert_eq!(reason(&refused.expect_err("is refused")), "LINE_ORDER");
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledgements_follow_the_lines_and_cover_them_all_once() {
    let test = TestMetrics::start_with(&[("ingest.batch_conversations", "10")]).await;
    let sent: Vec<_> = (0..95).map(|n| a_chat(&format!("c-{n}"))).collect();
    let acks = test.stream(lines(sent), 7).await.expect("takes the stream");
    let mut through = 0;
    for ack in &acks {
        let counts = ack.counts.as_ref().expect("counts");
        assert_eq!(counts.accepted, ack.through_line - through);
        through = ack.through_line;
    }
    assert_eq!(through, 95);
    assert!(acks.len() >= 10);
    let audited =
        test.count("SELECT count(*) FROM audit_entries WHERE rpc LIKE '%IngestConversations'").await;
    assert_eq!(audited, acks.len() as i64, "each commit is audited once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_waits_is_acknowledged_before_it_ends() {
    let test = TestMetrics::start().await;
    let (send, frames) = tokio::sync::mpsc::channel(4);
    let request = test.by(&caller(), tokio_stream::wrappers::ReceiverStream::new(frames));
    let mut answers = test.client.clone().ingest_conversations(request).await.expect("opens").into_inner();
    send.send(pb::IngestConversationsRequest { lines: lines(vec![a_chat("c-1")]) }).await.expect("sends");
    let ack = answers.message().await.expect("answers").expect("an acknowledgement");
    assert_eq!(ack.through_line, 1);
    drop(send);
    assert_eq!(answers.message().await.expect("ends"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_ends_open_streams_so_that_clients_resume() {
    let test = TestMetrics::start().await;
    let (send, frames) = tokio::sync::mpsc::channel(4);
    let request = test.by(&caller(), tokio_stream::wrappers::ReceiverStream::new(frames));
    let mut answers = test.client.clone().ingest_conversations(request).await.expect("opens").into_inner();
    send.send(pb::IngestConversationsRequest { lines: lines(vec![a_chat("c-1")]) }).await.expect("sends");
    answers.message().await.expect("answers").expect("an acknowledgement");
    test.stop.cancel();
    let ended = answers.message().await.expect_err("ends with an error");
    assert_eq!((ended.code(), reason(&ended).as_str()), (Code::Unavailable, "STOPPING"));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_streams_than_allowed_are_refused() {
    let test = TestMetrics::start_with(&[("ingest.streams_max", "1")]).await;
    let (_send, frames) = tokio::sync::mpsc::channel(4);
    let request = test.by(&caller(), tokio_stream::wrappers::ReceiverStream::new(frames));
    let _open = test.client.clone().ingest_conversations(request).await.expect("opens");
    let refused = test.stream(lines(vec![a_chat("c-1")]), 1).await.expect_err("is refused");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::ResourceExhausted, "TOO_MANY_STREAMS"));
}

#[tokio::test(flavor = "multi_thread")]
async fn merchants_never_meet() {
    let test = TestMetrics::start().await;
    test.send(vec![a_chat("c-1")]).await;
    let other = caller().of("other");
    let mut same_key = a_chat("c-1");
    same_key.messages[0].text.push('!');
    let answer = test.send_as(&other, vec![same_key, a_chat("c-7")]).await.expect("takes the batch");
    assert_eq!(counts(&answer), (2, 0, 0, 0));
    let asked = asking(pb::Group::Merchant, "2020-01-01", "2020-12-31");
    assert_eq!(test.figures_as(&other, asked).await.expect("answers")[0].conversations, 2);
    assert_eq!(whole(&test).await[0].conversations, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merchant_nobody_told_of_is_refused_until_it_is_known() {
    let test = TestMetrics::start().await;
    let fresh = caller().of("fresh");
    let refused = test.send_as(&fresh, vec![a_chat("c-1")]).await.expect_err("nobody knows its days");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "MERCHANT_UNKNOWN"));
    assert!(status::Problem::from_status(&refused).retry_after.is_some());
    assert_eq!(test.count("SELECT count(*) FROM conversations WHERE merchant_id = 'fresh'").await, 0);
    tell_of_merchants(&test.pool, &["fresh"]).await;
    let answer = test.send_as(&fresh, vec![a_chat("c-1")]).await.expect("takes the batch");
    assert_eq!(counts(&answer), (1, 0, 0, 0));
}
