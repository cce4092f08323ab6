//! The conversation file format: one JSON object a line, and its way into the ingest message.
//!
//! Unknown fields are refused: a misspelt `quickReply` would otherwise change figures without a word.

use chrono::{DateTime, FixedOffset};
use prost_types::Timestamp;
use proto::common::v1::Sender;
use proto::metrics::v1::{Conversation, Message, Reject};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Line {
    conversation_id: String,
    #[serde(default)]
    revision: i64,
    #[serde(default)]
    shop: Option<String>,
    agent_id: String,
    customer_id: String,
    channel: String,
    started_at: DateTime<FixedOffset>,
    closed_at: DateTime<FixedOffset>,
    messages: Vec<LineMessage>,
    #[serde(default)]
    satisfied: Option<bool>,
    #[serde(default)]
    completed: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LineMessage {
    sent_at: DateTime<FixedOffset>,
    sender: LineSender,
    text: String,
    #[serde(default)]
    quick_reply: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum LineSender {
    Customer,
    Agent,
    Bot,
    System,
}

/// Reads one line. A line without a shop belongs to `shop`, if there is one.
///
/// # Errors
///
/// The reject to report, with the path of the field as it stands in the file.
pub fn parse(number: i64, line: &[u8], shop: Option<&str>) -> Result<Conversation, Reject> {
    let reject = |field: String, reason: String| Reject { line: number, field, reason };
    let mut json = serde_json::Deserializer::from_slice(line);
    let line: Line = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        reject(if path == "." { "line".into() } else { path }, plain(error.inner()))
    })?;
    json.end().map_err(|error| reject("line".into(), plain(&error)))?;
    let shop_id = line.shop.or_else(|| shop.map(str::to_owned)).ok_or_else(|| {
        reject("shop".into(), "the line names no shop, and none was given with --shop".into())
    })?;
    Ok(Conversation {
        shop_id,
        channel: line.channel,
        conversation_id: line.conversation_id,
        revision: line.revision,
        account_id: line.agent_id,
        customer_id: line.customer_id,
        started_at: Some(timestamp(line.started_at)),
        closed_at: Some(timestamp(line.closed_at)),
        messages: line.messages.into_iter().map(message).collect(),
        satisfied: line.satisfied,
        completed: line.completed,
    })
}

fn message(message: LineMessage) -> Message {
    let sender = match message.sender {
        LineSender::Customer => Sender::Customer,
        LineSender::Agent => Sender::Agent,
        LineSender::Bot => Sender::Bot,
        LineSender::System => Sender::System,
    };
    Message {
        sent_at: Some(timestamp(message.sent_at)),
        sender: sender.into(),
        text: message.text,
        quick_reply: message.quick_reply,
    }
}

fn timestamp(at: DateTime<FixedOffset>) -> Timestamp {
    proto::time::timestamp(at.to_utc())
}

/// serde_json's text without its "at line 1 column n": the number of the line is reported beside it.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split_once(" at line ").map_or(text.clone(), |(before, _)| before.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"conversationId":"c1","agentId":"a","customerId":"k","channel":"chat",
        "startedAt":"2020-05-13T13:14:57Z","closedAt":"2020-05-13T21:19:22+08:00",
        "messages":[{"sentAt":"2020-05-13T13:14:57.250Z","sender":"AGENT","text":"hello","quickReply":true}],
        "satisfied":false}"#;

    #[test]
    fn a_line_becomes_a_conversation() {
        let read = parse(7, GOOD.as_bytes(), Some("star")).expect("a good line");
        assert_eq!((read.shop_id.as_str(), read.account_id.as_str(), read.revision), ("star", "a", 0));
        assert_eq!(read.closed_at.map(|t| t.seconds), read.started_at.map(|t| t.seconds + 265));
        assert_eq!((read.satisfied, read.completed), (Some(false), None));
        let message = &read.messages[0];
        assert_eq!(message.sent_at.map(|t| t.nanos), Some(250_000_000));
        assert_eq!((message.sender(), message.quick_reply), (Sender::Agent, true));
    }

    #[test]
    fn the_shop_of_the_line_goes_before_the_given_one() {
        let line = GOOD.replace(r#""channel""#, r#""shop":"own","channel""#);
        assert_eq!(parse(1, line.as_bytes(), Some("star")).expect("a good line").shop_id, "own");
        let missing = parse(1, GOOD.as_bytes(), None).expect_err("no shop");
        assert_eq!(missing.field, "shop");
    }

    #[test]
    fn a_bad_line_names_field_and_reason() {
        let check = |from: &str, to: &str, field: &str, reason: &str| {
            let reject = parse(3, GOOD.replace(from, to).as_bytes(), Some("s")).expect_err(to);
            assert_eq!((reject.line, reject.field.as_str()), (3, field), "{}", reject.reason);
            assert!(reject.reason.contains(reason), "{}", reject.reason);
            assert!(!reject.reason.contains("column"), "{}", reject.reason);
        };
        check("\"AGENT\"", "\"ROBOT\"", "messages[0].sender", "unknown variant `ROBOT`");
        check("13:14:57.250Z", "25:14:57Z", "messages[0].sentAt", "out of range");
        check("\"quickReply\"", "\"quickreply\"", "messages[0].quickreply", "unknown field");
        check("\"agentId\":\"a\",", "", "line", "missing field `agentId`");
        check("false}", "false} x", "line", "trailing characters");
    }
}
