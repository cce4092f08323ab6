//! The real conversations: everything the service says of them is recounted from the file.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};

use chrono::{DateTime, NaiveDate, Utc};
use events::Payload;
use liblzma::read::XzDecoder;
use proto::common::v1::Sender;
use proto::metrics::v1 as pb;
use serde::Deserialize;

use crate::recount::{assert_same, by_agent_day, total};
use crate::support::{TestMetrics, asking, date, days, instant, lines};

const STAR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../jinpai/demo/star.jsonl.xz");

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileConversation {
    conversation_id: String,
    agent_id: String,
    customer_id: String,
    channel: String,
    started_at: DateTime<Utc>,
    closed_at: DateTime<Utc>,
    messages: Vec<FileMessage>,
    satisfied: Option<bool>,
    completed: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileMessage {
    sent_at: DateTime<Utc>,
    sender: String,
    text: String,
    #[serde(default)]
    quick_reply: bool,
}

pub fn star() -> Vec<pb::Conversation> {
    let file = std::fs::File::open(STAR).expect("the demo conversations are there");
    let read = |line: std::io::Result<String>| {
        serde_json::from_str(&line.expect("readable")).map(convert).expect("a conversation")
    };
    BufReader::new(XzDecoder::new(file)).lines().map(read).collect()
}

fn convert(file: FileConversation) -> pb::Conversation {
    let message = |message: FileMessage| pb::Message {
        sent_at: Some(instant(message.sent_at)),
        sender: Sender::from_str_name(&format!("SENDER_{}", message.sender)).expect("a sender").into(),
        text: message.text,
        quick_reply: message.quick_reply,
        assisted: false,
        account_id: String::new(),
    };
    pb::Conversation {
        shop_id: "star".to_owned(),
        channel: file.channel,
        conversation_id: file.conversation_id,
        revision: 0,
        account_id: file.agent_id,
        customer_id: file.customer_id,
        started_at: Some(instant(file.started_at)),
        closed_at: Some(instant(file.closed_at)),
        messages: file.messages.into_iter().map(message).collect(),
        satisfied: file.satisfied,
        completed: file.completed,
        ..Default::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_figures_of_the_real_conversations_equal_a_recount_from_the_file() {
    let test = TestMetrics::start().await;
    let star = star();
    let acks = test.stream(lines(star.clone()), 50).await.expect("takes the stream");
    let accepted: i64 = acks.iter().filter_map(|ack| ack.counts.as_ref()).map(|counts| counts.accepted).sum();
    assert_eq!(accepted, 6_205);
    assert_eq!(acks.last().map(|ack| ack.through_line), Some(6_205));

    let recounted = by_agent_day(&star, &test.calendar().await);
    let whole = total(recounted.values());
    assert_eq!((recounted.len(), whole.long_chats), (582, 1_507), "agent-days and long chats");
    assert_eq!(whole.replies + whole.customer_messages, 108_137, "messages");
    assert_eq!(
        recounted.values().filter(|day| day.long_chats > 0).count(),
        353,
        "agent-days with a long chat"
    );

    let (from, to) = ("2020-05-01", "2020-06-30");
    let shop = test.figures(asking(pb::Group::Shop, from, to)).await;
    assert_eq!(shop.len(), 1);
    assert_same(&shop[0], &whole);
    assert_eq!(shop[0].active_accounts, 115);

    let daily = pb::GetFiguresRequest {
        step: pb::Step::Day.into(),
        page_size: 200,
        ..asking(pb::Group::Account, from, to)
    };
    let rows = test.figures(daily).await;
    assert_eq!(rows.len(), 582);
    for row in &rows {
        let day = row.from.as_ref().expect("a day");
        let day = NaiveDate::from_ymd_opt(day.year, day.month as u32, day.day as u32).expect("a day");
        assert_same(row, &recounted[&(row.key.clone(), day)]);
    }

    let weeks =
        pb::GetFiguresRequest { step: pb::Step::Week.into(), ..asking(pb::Group::Merchant, from, to) };
    let conversations: i64 = test.figures(weeks).await.iter().map(|row| row.conversations).sum();
    assert_eq!(conversations, 6_205);
}

#[tokio::test(flavor = "multi_thread")]
async fn sending_the_file_again_changes_nothing_and_closing_tells_what_each_day_holds() {
    let test = TestMetrics::start().await;
    let collector = testkit::EventCollector::start(&test.nats).await;
    let star = star();
    test.stream(lines(star.clone()), 100).await.expect("takes the stream");
    let changes = test.count("SELECT count(*) FROM day_changes").await;
    let again = test.stream(lines(star.clone()), 100).await.expect("takes the stream");
    let unchanged: i64 =
        again.iter().filter_map(|ack| ack.counts.as_ref()).map(|counts| counts.unchanged).sum();
    assert_eq!(unchanged, 6_205);
    assert_eq!(test.count("SELECT count(*) FROM day_changes").await, changes);
    assert_eq!(test.count("SELECT count(*) FROM conversation_facts").await, 6_205);

    let range = pb::ListDaysRequest { days: days("2020-05-01", "2020-06-30"), ..Default::default() };
    let request = test.by(&testkit::caller(), range);
    let listed = test.client.clone().list_days(request).await.expect("lists").into_inner().days;
    for day in &listed {
        let message = pb::CloseDayRequest { business_day: day.business_day, request_id: String::new() };
        let closed = test.client.clone().close_day(test.by(&testkit::caller(), message)).await;
        let closed = closed.expect("closes").into_inner().day.expect("a day");
        assert_eq!((closed.state(), closed.version), (pb::DayState::Closed, 1));
    }

    let closed = collector
        .wait_for(listed.len(), |payload| match payload {
            Payload::DayClosed(closed) => Some(closed.clone()),
            _ => None,
        })
        .await;
    let mut counted: BTreeMap<(String, NaiveDate), (i64, i64)> = BTreeMap::new();
    for day in closed {
        let at = day.business_day.expect("a day");
        let at = NaiveDate::from_ymd_opt(at.year, at.month as u32, at.day as u32).expect("a day");
        for agent in day.agents {
            let counts = (agent.conversations.into(), agent.long_chats.into());
            counted.insert((agent.account_id, at), counts);
        }
    }
    let recounted = by_agent_day(&star, &test.calendar().await);
    let expected: BTreeMap<_, _> =
        recounted.into_iter().map(|(key, day)| (key, (day.conversations, day.long_chats))).collect();
    assert_eq!(counted, expected);

    let seen =
        collector.wait_for(115, |payload| matches!(payload, Payload::AgentSeen(_)).then_some(())).await;
    assert_eq!(seen.len(), 115, "each account is told of once");
    let told = collector
        .wait_for(6_205, |payload| match payload {
            Payload::ConversationClosed(closed) => Some(closed.messages.len()),
            _ => None,
        })
        .await;
    assert_eq!((told.len(), told.iter().sum::<usize>()), (6_205, 108_137));
    assert_eq!(date("2020-05-12"), listed[0].business_day.expect("a day"));
}
