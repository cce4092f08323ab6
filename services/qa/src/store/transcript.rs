//! Transcripts as they lie in their column: zstd over JSON, one array per message.

use std::cell::RefCell;

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::conversation::{Message, Sender};

/// A transcript that unpacks to more was not written by us.
const MAX_UNPACKED_BYTES: usize = 64 * 1024 * 1024;
/// As for events: level 1 costs a third of level 3 and gives up a tenth of the saving.
const LEVEL: i32 = 1;

type Packed = (i64, u8, bool, String);

/// Packs messages; their times are kept to the millisecond.
pub(super) fn pack(started_at: DateTime<Utc>, messages: &[Message]) -> Result<Vec<u8>, pg::Error> {
    let rows: Vec<(i64, u8, bool, &str)> = messages
        .iter()
        .map(|message| {
            let offset = (message.sent_at - started_at).num_milliseconds();
            (offset, code(message.sender), message.quick_reply, message.text.as_str())
        })
        .collect();
    let json = serde_json::to_vec(&rows).map_err(|e| pg::Error::Internal(e.into()))?;
    compress(&json).map_err(|e| pg::Error::Internal(e.into()))
}

fn compress(json: &[u8]) -> std::io::Result<Vec<u8>> {
    thread_local! {
        // Making a compressor costs more than compressing a chat with it.
        static COMPRESSOR: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
    }
    COMPRESSOR.with_borrow_mut(|slot| match slot {
        Some(compressor) => compressor.compress(json),
        None => slot.insert(zstd::bulk::Compressor::new(LEVEL)?).compress(json),
    })
}

/// Unpacks what [`pack`] made; `None` for anything else.
pub(super) fn unpack(started_at: DateTime<Utc>, packed: &[u8]) -> Option<Vec<Message>> {
    let json = zstd::bulk::decompress(packed, MAX_UNPACKED_BYTES).ok()?;
    let rows: Vec<Packed> = serde_json::from_slice(&json).ok()?;
    rows.into_iter()
        .map(|(offset, sender, quick_reply, text)| {
            let sent_at = started_at.checked_add_signed(TimeDelta::try_milliseconds(offset)?)?;
            Some(Message { sent_at, sender: sender_of(sender)?, text, quick_reply })
        })
        .collect()
}

fn code(sender: Sender) -> u8 {
    match sender {
        Sender::Customer => 1,
        Sender::Agent => 2,
        Sender::Bot => 3,
        Sender::System => 4,
    }
}

fn sender_of(code: u8) -> Option<Sender> {
    [Sender::Customer, Sender::Agent, Sender::Bot, Sender::System]
        .into_iter()
        .find(|sender| self::code(*sender) == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat() -> (DateTime<Utc>, Vec<Message>) {
        let start = DateTime::from_timestamp(1_600_000_000, 0).unwrap();
        let senders = [Sender::Customer, Sender::Agent, Sender::Bot, Sender::System];
        let messages = senders.into_iter().enumerate().map(|(at, sender)| Message {
            sent_at: start + TimeDelta::milliseconds(1_500 * at as i64),
            sender,
            text: format!("第{at}句 \"引号\" \u{1f600}"),
            quick_reply: at == 1,
        });
        (start, messages.collect())
    }

    #[test]
    fn a_transcript_comes_back_as_it_was() {
        let (start, messages) = chat();
        assert_eq!(unpack(start, &pack(start, &messages).unwrap()), Some(messages));
        assert_eq!(unpack(start, &pack(start, &[]).unwrap()), Some(Vec::new()));
    }

    #[test]
    fn broken_bytes_are_no_transcript() {
        let (start, messages) = chat();
        let packed = pack(start, &messages).unwrap();
        assert_eq!(unpack(start, &packed[..packed.len() - 1]), None);
        assert_eq!(unpack(start, b"not zstd"), None);
        assert_eq!(unpack(start, &zstd::bulk::compress(b"[[0,9,false,\"x\"]]", 1).unwrap()), None);
    }
}
