//! The real conversations of the demo, and what they amount to, counted from the file alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use chrono::{DateTime, FixedOffset, NaiveDate};
use jinpai::days::Days;
use jinpai::{format, ingest, reader};
use proto::common::v1::Sender;
use proto::metrics::v1::{Conversation, Figures};

/// The shop that the conversations belong to.
pub const SHOP: &str = "star";
/// Chats with more agent messages are long.
const LONG_OVER: usize = 10;
/// Asia/Shanghai has had no other offset since 1991.
const SHANGHAI_SECONDS: i32 = 8 * 3600;

/// What an account did on a business day, or all of them did on all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of jinpai.metrics.v1.Figures, which explains them")]
pub struct Counts {
    pub conversations: i64,
    pub received_customers: i64,
    pub replies: i64,
    pub quick_replies: i64,
    pub customer_messages: i64,
    pub long_chats: i64,
    pub satisfied: i64,
    pub asked: i64,
}

/// Accounts by business day.
pub type AgentDays = BTreeMap<(NaiveDate, String), Counts>;

/// The days of the file.
pub fn days() -> Days {
    let day = |day| NaiveDate::from_ymd_opt(2020, 5, day).expect("a day of May");
    Days { from: day(12), to: Some(day(28)) }
}

/// The file, copied to where a test may do with it as it likes.
pub fn file_in(folder: &Path) -> PathBuf {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../services/jinpai/demo/star.jsonl.xz");
    let copy = folder.join("star.jsonl.xz");
    std::fs::copy(&shipped, &copy).unwrap_or_else(|error| panic!("copy {}: {error}", shipped.display()));
    copy
}

/// What `jinpai ingest` is told to take the file in from its first line.
pub fn ingest_options(file: PathBuf) -> ingest::Options {
    ingest::Options {
        shop: Some(SHOP.to_owned()),
        ..ingest::Options::of(ingest::Content::Conversations, file)
    }
}

/// The conversations of a file.
pub fn conversations(file: &Path) -> Vec<Conversation> {
    let mut lines = reader::open(file, &reader::Position::default()).expect("the file opens");
    let mut all = Vec::new();
    while let Some((number, line)) = lines.read_line().expect("the file is whole") {
        all.push(format::parse(number, &line, Some(SHOP)).unwrap_or_else(|reject| panic!("{reject:?}")));
    }
    all
}

/// Counts conversations one by one, as plainly as can be.
pub fn recount(conversations: &[Conversation]) -> AgentDays {
    let mut days = AgentDays::new();
    let mut received: BTreeMap<(NaiveDate, String), BTreeMap<&str, BTreeSet<bool>>> = BTreeMap::new();
    for conversation in conversations {
        let key = (business_day(conversation), conversation.account_id.clone());
        let of = |sender| conversation.messages.iter().filter(move |m| m.sender() == sender);
        let agent = of(Sender::Agent).count();
        let counts = days.entry(key.clone()).or_default();
        counts.conversations += 1;
        counts.replies += number(agent);
        counts.quick_replies += number(of(Sender::Agent).filter(|m| m.quick_reply).count());
        counts.customer_messages += number(of(Sender::Customer).count());
        counts.long_chats += i64::from(agent > LONG_OVER);
        counts.asked += i64::from(conversation.satisfied.is_some());
        counts.satisfied += i64::from(conversation.satisfied == Some(true));
        // The sides of all the day's chats between the two count together.
        let sides = received.entry(key).or_default().entry(conversation.customer_id.as_str()).or_default();
        sides.extend(conversation.messages.iter().filter_map(|m| match m.sender() {
            Sender::Customer => Some(true),
            Sender::Agent => Some(false),
            _ => None,
        }));
    }
    for (key, customers) in received {
        let both = customers.values().filter(|sides| sides.len() == 2).count();
        days.entry(key).or_default().received_customers = number(both);
    }
    days
}

/// The same counts as the suite gives them.
pub fn counts_of(figures: &Figures) -> Counts {
    let satisfaction = figures.satisfaction.unwrap_or_default();
    Counts {
        conversations: figures.conversations,
        received_customers: figures.received_customers,
        replies: figures.replies,
        quick_replies: figures.quick_replies,
        customer_messages: figures.customer_messages,
        long_chats: figures.long_chats,
        satisfied: satisfaction.numerator,
        asked: satisfaction.denominator,
    }
}

/// All of them together.
pub fn sum<'a>(counts: impl IntoIterator<Item = &'a Counts>) -> Counts {
    counts.into_iter().fold(Counts::default(), |sum, counts| Counts {
        conversations: sum.conversations + counts.conversations,
        received_customers: sum.received_customers + counts.received_customers,
        replies: sum.replies + counts.replies,
        quick_replies: sum.quick_replies + counts.quick_replies,
        customer_messages: sum.customer_messages + counts.customer_messages,
        long_chats: sum.long_chats + counts.long_chats,
        satisfied: sum.satisfied + counts.satisfied,
        asked: sum.asked + counts.asked,
    })
}

/// The day in Shanghai of the first message.
pub fn business_day(conversation: &Conversation) -> NaiveDate {
    let first = conversation.messages.first().and_then(|message| message.sent_at);
    let at = first.or(conversation.started_at).expect("a conversation has a time");
    let shanghai = FixedOffset::east_opt(SHANGHAI_SECONDS).expect("an offset");
    DateTime::from_timestamp(at.seconds, 0).expect("a time").with_timezone(&shanghai).date_naive()
}

fn number(count: usize) -> i64 {
    i64::try_from(count).expect("a small number")
}
