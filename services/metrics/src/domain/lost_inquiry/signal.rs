//! The rules that say why an inquiry was likely lost. Each looks at times, counts and facts; what was written is not
//! stored.

use serde::{Deserialize, Serialize};

use crate::domain::conversation::Sender;
use crate::domain::definition::Rules;
use crate::domain::explanation::Recorded;
use crate::domain::fact::{Body, BotOutcome, Fact, Order, QuestionClass, Rating};
use crate::domain::lost_inquiry::LossKind;
use crate::domain::lost_inquiry::finding::Case;
use crate::domain::part::{Round, rounds};
use crate::domain::timeline::{chat_ref, days_between, message_at};

/// Declares the rules with their names in rows and the confidence, in percent, that each begins with.
macro_rules! signals {
    ($($(#[$doc:meta])* $name:ident $column:literal $confidence:literal,)*) => {
        /// A rule; `lost_inquiry.proto` explains each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Signal {
            $($(#[$doc])* $name,)*
        }

        impl Signal {
            /// All of them.
            pub const ALL: [Self; [$($confidence),*].len()] = [$(Self::$name),*];

            /// The name in rows.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $column,)* }
            }

            /// What the rule's own confidence is, in percent.
            pub fn confidence(self) -> i32 {
                match self { $(Self::$name => $confidence,)* }
            }
        }
    };
}

signals! {
    /// Nobody and no bot answered.
    NoReply "no_reply" 95,
    /// Only a bot answered.
    BotOnly "bot_only" 80,
    /// The last question was never answered.
    LeftWaiting "left_waiting" 75,
    /// The first answer was late.
    SlowReply "slow_reply" 55,
    /// The customer said so.
    Dissatisfied "dissatisfied" 70,
    /// The bot had no answer.
    UnknownAnswer "unknown_answer" 60,
    /// What was recommended was not taken.
    RecommendationDeclined "recommendation_declined" 50,
    /// The cart was filled and left.
    CartLeft "cart_left" 60,
    /// The unpaid order is dearer than usual.
    AboveUsual "above_usual" 65,
    /// Nobody wrote after the unpaid order.
    NotChased "not_chased" 60,
    /// Somebody did, in vain.
    UnpaidThoughChased "unpaid_though_chased" 50,
    /// A refund, complaint or bad review shortly before.
    EarlierTrouble "earlier_trouble" 45,
    /// A question, an answer, nothing more.
    LeftAfterAnswer "left_after_answer" 40,
    /// Talked over, then nothing.
    TalkEnded "talk_ended" 20,
}

impl Signal {
    /// The rule of a row.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|signal| signal.name() == name)
    }
}

/// A rule that fired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Which.
    pub signal: Signal,
    /// What it saw; `lost_inquiry.proto` says of each what that is.
    pub value: i64,
    /// What it held that against; 0 if nothing.
    pub limit: i64,
    /// In percent.
    pub confidence: i32,
}

/// A slow reply's confidence at most.
const SLOW_CONFIDENCE_MAX: i64 = 85;
/// Business days before the inquiry in which trouble still matters.
const TROUBLE_DAYS: i64 = 90;
/// Paid orders that it takes to know what is usual.
const USUAL_ORDERS_MIN: i64 = 2;
/// Messages of a customer who only asked.
const SHORT_MESSAGES_MAX: i64 = 2;

/// Every rule that fires, the surest first.
pub fn evidence(case: &Case<'_>, kind: LossKind) -> Vec<Evidence> {
    let talk = Talk::of(case);
    let fires = |signal: Signal| {
        let (value, limit) = match signal {
            Signal::NoReply => (kind == LossKind::NotAnswered && talk.bots == 0).then_some((talk.asked, 0)),
            Signal::BotOnly => (kind == LossKind::NotAnswered && talk.bots > 0).then_some((talk.bots, 0)),
            Signal::LeftWaiting => talk.waiting.filter(|_| kind != LossKind::NotAnswered).map(|n| (n, 0)),
            Signal::SlowReply => talk.slow,
            Signal::Dissatisfied => dissatisfied(case, &talk),
            Signal::UnknownAnswer => some(unknown_answers(case, &talk)),
            Signal::RecommendationDeclined => some(declined(case)),
            Signal::CartLeft => cart_left(case, kind),
            Signal::AboveUsual => above_usual(case, kind),
            Signal::NotChased => chased(case, kind).filter(|(replies, _)| *replies == 0).map(|(_, d)| (d, 0)),
            Signal::UnpaidThoughChased => {
                chased(case, kind).filter(|(replies, _)| *replies > 0).map(|(n, _)| (n, 0))
            }
            Signal::EarlierTrouble => some(earlier_trouble(case)),
            Signal::LeftAfterAnswer => (kind == LossKind::NotOrdered
                && talk.asked <= SHORT_MESSAGES_MAX
                && talk.waiting.is_none()
                && talk.slow.is_none())
            .then_some((talk.asked, 0)),
            Signal::TalkEnded => {
                (kind == LossKind::NotOrdered && talk.asked > SHORT_MESSAGES_MAX && !talk.customer_last)
                    .then_some((talk.asked, 0))
            }
        }?;
        let confidence = match signal {
            Signal::SlowReply => slow_confidence(value, limit),
            signal => signal.confidence(),
        };
        Some(Evidence { signal, value, limit, confidence })
    };
    let mut fired: Vec<Evidence> = Signal::ALL.into_iter().filter_map(fires).collect();
    // Equally sure ones stay in the order of the rules.
    fired.sort_by_key(|evidence| -evidence.confidence);
    fired
}

fn some(count: i64) -> Option<(i64, i64)> {
    (count > 0).then_some((count, 0))
}

fn slow_confidence(took_ms: i64, limit_ms: i64) -> i32 {
    let further = (took_ms / limit_ms.max(1) - 1).max(0);
    let confidence = i64::from(Signal::SlowReply.confidence()) + 10 * further.min(10);
    confidence.min(SLOW_CONFIDENCE_MAX) as i32
}

/// What the conversations of the inquiry's day with its account look like.
struct Talk<'a> {
    chats: Vec<&'a Recorded>,
    /// Messages of the customer, and of bots.
    asked: i64,
    bots: i64,
    /// Messages in a last question that was never answered.
    waiting: Option<i64>,
    /// How long a late first answer took, and how long it may take.
    slow: Option<(i64, i64)>,
    customer_last: bool,
}

impl<'a> Talk<'a> {
    fn of(case: &Case<'a>) -> Self {
        let chats = case.talks();
        let wrote = |sender: Sender| {
            let messages = chats.iter().flat_map(|chat| &chat.facts.messages);
            messages.filter(|message| message.sender == sender).count() as i64
        };
        let told: Vec<Vec<Round>> = chats.iter().map(|chat| rounds(&chat.facts, case.rules)).collect();
        let last = told.last().and_then(|rounds| rounds.last());
        let first = chats.first().zip(told.first().and_then(|rounds| rounds.first()));
        let last_message = chats.last().and_then(|chat| {
            chat.facts.messages.iter().rev().find(|message| message.sender != Sender::System)
        });
        Self {
            asked: wrote(Sender::Customer),
            bots: wrote(Sender::Bot),
            waiting: last.filter(|round| round.response_ms.is_none()).map(|round| round.messages),
            slow: first.and_then(|(chat, round)| slow(chat, round, case.rules)),
            customer_last: last_message.is_some_and(|message| message.sender == Sender::Customer),
            chats,
        }
    }

    fn holds(&self, fact: &Fact) -> bool {
        let named = fact.body.conversation();
        named.is_some_and(|named| self.chats.iter().any(|chat| chat_ref(&chat.key) == *named))
    }
}

fn slow(chat: &Recorded, round: &Round, rules: &Rules) -> Option<(i64, i64)> {
    let limit_ms = i64::from(rules.in_time_seconds) * 1_000;
    let served = rules.is_served(chat.facts.start_of_day_ms + round.asked_ms);
    let took_ms = round.response_ms.filter(|took_ms| served && *took_ms > limit_ms)?;
    Some((took_ms, limit_ms))
}

fn dissatisfied(case: &Case<'_>, talk: &Talk<'_>) -> Option<(i64, i64)> {
    let from = i64::from(case.rules.trade.satisfied_from);
    if talk.chats.iter().any(|chat| chat.facts.satisfied == Some(false)) {
        return Some((0, from));
    }
    let scores =
        case.history.facts().iter().filter(|fact| talk.holds(fact)).filter_map(|fact| match fact.body {
            Body::Satisfaction { score, .. } => Some(i64::from(score)),
            _ => None,
        });
    scores.min().filter(|score| *score < from).map(|score| (score, from))
}

fn unknown_answers(case: &Case<'_>, talk: &Talk<'_>) -> i64 {
    let unknown = |fact: &&Fact| match &fact.body {
        Body::BotEvent(event) => {
            event.outcome == BotOutcome::Unanswered && event.question_class != QuestionClass::General
        }
        _ => false,
    };
    case.history.facts().iter().filter(unknown).filter(|fact| talk.holds(fact)).count() as i64
}

/// Recommendations of the inquiry, if nothing of them was taken.
fn declined(case: &Case<'_>) -> i64 {
    let recommended = case.recommended();
    let taken = |product: &str| {
        let ordered = |order: &Order| order.lines.iter().any(|line| line.product == product);
        case.carts().any(|(cart, _)| cart == product) || case.orders().any(|(_, order)| ordered(order))
    };
    if recommended.iter().any(|product| taken(product)) { 0 } else { recommended.len() as i64 }
}

fn cart_left(case: &Case<'_>, kind: LossKind) -> Option<(i64, i64)> {
    let amounts: Vec<i64> = case.carts().map(|(_, amount)| amount).collect();
    (kind != LossKind::NotPaid && !amounts.is_empty()).then(|| (amounts.iter().sum(), 0))
}

fn above_usual(case: &Case<'_>, kind: LossKind) -> Option<(i64, i64)> {
    let (_, order) = case.orders().next().filter(|_| kind == LossKind::NotPaid)?;
    let before = case.paid_before();
    let count = before.len() as i64;
    if count < USUAL_ORDERS_MIN {
        return None;
    }
    let mean = before.iter().sum::<i64>() / count;
    let half_more = i128::from(order.amount) * 2 >= i128::from(mean) * 3;
    (mean > 0 && half_more).then_some((order.amount, mean))
}

/// Replies between the unpaid order and the end of the window, and how many days that is.
fn chased(case: &Case<'_>, kind: LossKind) -> Option<(i64, i64)> {
    let (ordered, _) = case.orders().next().filter(|_| kind == LossKind::NotPaid)?;
    let in_window = |chat: &&Recorded| chat.agent_day.day <= case.window_ends;
    let replies = case.history.chats().iter().filter(in_window).flat_map(|chat| {
        let replies = chat.facts.messages.iter().filter(|m| case.rules.is_reply(m.sender, m.quick_reply));
        replies.filter(|m| message_at(chat, m.offset_ms) > ordered.occurred_at)
    });
    Some((replies.count() as i64, days_between(ordered.day, case.window_ends)))
}

fn earlier_trouble(case: &Case<'_>) -> i64 {
    let trouble = |fact: &&Fact| match &fact.body {
        Body::Refund(_) => true,
        Body::Complaint(complaint) => complaint.upheld != Some(false),
        Body::BuyerReview(review) => review.rating == Rating::Bad,
        _ => false,
    };
    let before = |fact: &&Fact| {
        fact.occurred_at < case.asked_at && (0..=TROUBLE_DAYS).contains(&days_between(fact.day, case.day))
    };
    case.history.facts().iter().filter(before).filter(trouble).count() as i64
}
