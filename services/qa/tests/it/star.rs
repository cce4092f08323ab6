//! The draw on real conversations: STAR, 6,205 chats of 115 accounts over three weeks.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};

use chrono::{DateTime, FixedOffset, NaiveDate, Utc};
use proto::common::v1::{ConversationRef, DayRange, Sender};
use proto::events::v1::{ConversationClosed, TranscriptMessage};
use proto::qa::v1 as pb;
use serde::Deserialize;

use crate::builders::{date, manager, timestamp};
use crate::support::TestQa;

const STAR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../jinpai/demo/star.jsonl.xz");

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    conversation_id: String,
    agent_id: String,
    customer_id: String,
    channel: String,
    started_at: DateTime<Utc>,
    closed_at: DateTime<Utc>,
    messages: Vec<LineMessage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LineMessage {
    sent_at: DateTime<Utc>,
    sender: String,
    text: String,
    #[serde(default)]
    quick_reply: bool,
}

/// The day in Shanghai, which has had no daylight saving time since 1991.
fn day(at: DateTime<Utc>) -> NaiveDate {
    at.with_timezone(&FixedOffset::east_opt(8 * 3600).expect("an offset")).date_naive()
}

fn chats() -> Vec<ConversationClosed> {
    let file = std::fs::File::open(STAR).expect("the demo data is there");
    let lines = BufReader::new(liblzma::read::XzDecoder::new(file)).lines();
    let chat = |line: Line| {
        let first = line.messages.first().map_or(line.started_at, |message| message.sent_at);
        let sender = |name: &str| Sender::from_str_name(&format!("SENDER_{name}")).expect("a sender");
        let messages: Vec<_> = line
            .messages
            .into_iter()
            .map(|message| TranscriptMessage {
                offset_ms: (message.sent_at - line.started_at).num_milliseconds(),
                sender: sender(&message.sender).into(),
                text: message.text,
                quick_reply: message.quick_reply,
            })
            .collect();
        let agent = messages.iter().filter(|message| message.sender() == Sender::Agent).count();
        ConversationClosed {
            conversation: Some(ConversationRef {
                shop_id: "star".into(),
                channel: line.channel,
                conversation_id: line.conversation_id,
            }),
            revision: 0,
            business_day: Some(date(day(first))),
            account_id: line.agent_id,
            customer_id: line.customer_id,
            started_at: Some(timestamp(line.started_at)),
            closed_at: Some(timestamp(line.closed_at)),
            agent_messages: i32::try_from(agent).expect("few"),
            messages,
            ..ConversationClosed::default()
        }
    };
    lines.map(|line| chat(serde_json::from_str(&line.expect("a line")).expect("a conversation"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn seventeen_days_of_star_are_drawn_and_verified() {
    let chats = chats();
    assert_eq!(chats.len(), 6205);
    let test = TestQa::with_staff().await;
    test.clock.set("2020-06-20T10:00:00+08:00");
    test.deliver(&chats).await;
    let days: BTreeSet<NaiveDate> =
        (12..=28).filter_map(|day| NaiveDate::from_ymd_opt(2020, 5, day)).collect();
    let (mut agent_days, mut drawn, mut short) = (0, 0, 0);
    for day in &days {
        test.close(date(*day), 1, &chats).await;
        let answer = test.try_draw(date(*day), &format!("draw {day}")).await.expect("draws").into_inner();
        let draw = answer.draw.expect("a draw");
        let verified = sampling::verify(&test.bundle(date(*day)).await).expect("holds");
        assert_eq!(i32::try_from(verified.drawn), Ok(draw.drawn), "{day}");
        assert_eq!(draw.drawn, draw.assigned + draw.unassigned, "{day}");
        agent_days += draw.agents;
        drawn += draw.drawn;
        short += draw.shortfall_agents;
    }
    assert_eq!((agent_days, drawn, short), (353, 1432, 338));

    let range = DayRange { from: days.first().map(|day| date(*day)), to: days.last().map(|day| date(*day)) };
    let message = pb::ListDrawsRequest { days: Some(range), page_size: 100, page_token: String::new() };
    let listed =
        test.client().list_draws(test.by(&manager(), message)).await.expect("lists").into_inner().draws;
    assert_eq!((listed.len(), listed.iter().map(|draw| draw.drawn).sum::<i32>()), (17, 1432));
}
