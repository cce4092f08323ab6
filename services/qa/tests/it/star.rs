//! The draw on real conversations: STAR, 6,205 chats of 115 accounts over three weeks.

use std::collections::{BTreeMap, BTreeSet};
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

    // Every chat was checked meanwhile, and each counts once: as the rules say when they are run over the same chats here.
    test.all_checked().await;
    assert_eq!(test.count("SELECT sum(chats)::bigint FROM qa.check_days").await, 6205);
    let admin = test.database.admin(qa::SCHEMA).await;
    let sql =
        "SELECT rule_id, sum(hits)::bigint, sum(chats_hit)::bigint FROM qa.check_counts GROUP BY rule_id";
    let counted: BTreeMap<String, (i64, i64)> = admin
        .query(sql, &[])
        .await
        .expect("counts")
        .iter()
        .map(|row| (row.get(0), (row.get(1), row.get(2))))
        .collect();
    assert_eq!(counted, found_here(&chats));
    assert!(counted.values().map(|(hits, _)| hits).sum::<i64>() > 1_000, "{counted:?}");
}

/// Hits and chats hit by rule, without the service.
fn found_here(chats: &[ConversationClosed]) -> BTreeMap<String, (i64, i64)> {
    let rules = textcheck::default_rules(textcheck::Language::Chinese).expect("is good");
    let checker = textcheck::Checker::new(&rules).expect("is good");
    let mut found: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for chat in chats {
        let start = chat.started_at.expect("a start");
        let start_ms = start.seconds * 1_000 + i64::from(start.nanos) / 1_000_000;
        let closed = chat.closed_at.expect("an end");
        let speaker = |sender: Sender| match sender {
            Sender::Agent => textcheck::Speaker::Agent,
            Sender::Bot => textcheck::Speaker::Bot,
            Sender::System => textcheck::Speaker::System,
            Sender::Customer | Sender::Unspecified => textcheck::Speaker::Customer,
        };
        let messages: Vec<_> = chat
            .messages
            .iter()
            .map(|message| textcheck::Message {
                speaker: speaker(message.sender()),
                sent_at_ms: Some(start_ms + message.offset_ms),
                text: &message.text,
                quick_reply: message.quick_reply,
            })
            .collect();
        let closed_at_ms = Some(closed.seconds * 1_000 + i64::from(closed.nanos) / 1_000_000);
        let conversation = textcheck::Conversation { messages: &messages, closed_at_ms, stock: None };
        let mut rules = BTreeSet::new();
        let mut places = BTreeSet::new();
        for hit in checker.check(&conversation) {
            if places.insert((hit.rule_id, hit.message, hit.bytes.start, hit.bytes.end)) {
                let counts = found.entry(hit.rule_id.to_owned()).or_default();
                counts.0 += 1;
                counts.1 += i64::from(rules.insert(hit.rule_id));
            }
        }
    }
    found
}
