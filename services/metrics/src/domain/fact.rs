//! Business facts beside conversations, as they are kept.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

/// What kind of thing a fact tells. The numbers are stored and are those of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i16)]
pub enum FactKind {
    /// 订单.
    Order = 1,
    /// 付款.
    Payment = 2,
    /// 退款.
    Refund = 3,
    /// 加购.
    Cart = 4,
    /// 投诉.
    Complaint = 5,
    /// 满意度.
    Satisfaction = 6,
    /// 店铺评分.
    StoreRating = 7,
    /// 评价.
    BuyerReview = 8,
    /// A question that the bot met.
    BotEvent = 9,
    /// A task outside of chats.
    Handling = 10,
    /// 会员注册.
    MemberSignup = 11,
    /// 推荐, 搭配.
    Recommendation = 12,
}

/// What a fact is called inside a merchant. Ordered as its rows are locked and indexed: by the id first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactKey {
    /// The platform's id.
    pub id: String,
    /// Which list of the platform the id belongs to.
    pub kind: FactKind,
    /// The shop.
    pub shop: String,
}

/// A fact that may be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// Its name.
    pub key: FactKey,
    /// Grows with each correction.
    pub revision: i64,
    /// When it happened, to the millisecond.
    pub occurred_at: DateTime<Utc>,
    /// The business day of that.
    pub day: NaiveDate,
    /// The buyer.
    pub customer: String,
    /// Whom the platform names; may be empty.
    pub account: String,
    /// What happened. Amounts are in the currency's smallest unit.
    pub body: Body,
}

/// What happened. The serialized form is stored and hashed: a field added later must be left out of it where it says
/// nothing, or known facts would look changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "the variants are those of FactKind; their fields are explained in fact.proto"
)]
pub enum Body {
    Order(Order),
    Payment { order: String, amount: i64 },
    Refund(Refund),
    Cart { product: String, quantity: i32, amount: i64 },
    Complaint(Complaint),
    Satisfaction { conversation: Option<ChatRef>, score: i32 },
    StoreRating { order: String, item_score: i32, service_score: i32, delivery_score: i32 },
    BuyerReview(BuyerReview),
    BotEvent(BotEvent),
    Handling(Handling),
    MemberSignup,
    Recommendation { product: String, cross_sell: bool, conversation: Option<ChatRef> },
}

/// See `fact.proto`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// At least one.
    pub lines: Vec<OrderLine>,
    /// What the customer is to pay.
    pub amount: i64,
    /// As the shop calls it.
    pub member_level: String,
    /// Empty for an order that counts.
    pub excluded_reason: String,
    /// As the platform books it.
    pub campaign: String,
}

/// A product of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    /// The platform's id.
    pub product: String,
    /// What it is called.
    pub title: String,
    /// Where it belongs.
    pub category: String,
    /// Pieces.
    pub quantity: i32,
    /// Of all pieces.
    pub amount: i64,
}

/// See `fact.proto`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// Of which order.
    pub order: String,
    /// How much.
    pub amount: i64,
    /// Whether the goods came back too.
    pub goods_returned: bool,
    /// Redacted.
    pub reason: String,
    /// `None` while it is under way.
    pub completed_at: Option<DateTime<Utc>>,
    /// The business day of that; worked out, not part of the content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_day: Option<NaiveDate>,
    /// Whether the platform stepped in; `None` if that isn't known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform_help: Option<bool>,
    /// Whether it judged against the shop; `None` if it didn't step in, or hasn't judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged_against_shop: Option<bool>,
}

/// See `fact.proto`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complaint {
    /// May be empty.
    pub order: String,
    /// What it is about.
    pub conversation: Option<ChatRef>,
    /// How grave.
    pub severity: Severity,
    /// Redacted.
    pub cause: String,
    /// `None` while that is open.
    pub upheld: Option<bool>,
    /// `None` while it is open.
    pub closed_at: Option<DateTime<Utc>>,
}

/// How grave a complaint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// To the shop.
    Ordinary,
    /// Severe, to the platform.
    Platform,
    /// By many.
    Mass,
    /// To an authority.
    Authority,
}

impl Severity {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ordinary, Self::Platform, Self::Mass, Self::Authority];

    /// The name in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ordinary => "ordinary",
            Self::Platform => "platform",
            Self::Mass => "mass",
            Self::Authority => "authority",
        }
    }
}

/// See `fact.proto`. The text is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuyerReview {
    /// Of which order.
    pub order: String,
    /// Of which product; may be empty.
    pub product: String,
    /// What it says now.
    pub rating: Rating,
    /// Whether any revision of it was bad; gathered from revisions, not part of the content.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub once_bad: bool,
}

/// A buyer's verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rating {
    /// 好评.
    Good,
    /// 中评.
    Neutral,
    /// 差评.
    Bad,
}

/// See `fact.proto`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BotEvent {
    /// What became of the question.
    pub outcome: BotOutcome,
    /// Whose knowledge it asks for.
    pub question_class: QuestionClass,
    /// Redacted.
    pub question: String,
    /// May be empty.
    pub product: String,
    /// May be empty.
    pub scene: String,
    /// May be empty.
    pub campaign: String,
    /// Where it was asked.
    pub conversation: Option<ChatRef>,
}

/// What became of a question to the bot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BotOutcome {
    /// Answered.
    Answered,
    /// Answered, and the answer was taken.
    Accepted,
    /// Handed to a person.
    Transferred,
    /// There was no answer.
    Unanswered,
}

/// Whose knowledge a question asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuestionClass {
    /// 行业问题.
    Industry,
    /// 通用问题.
    General,
    /// 自定义问题.
    Own,
}

/// See `fact.proto`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handling {
    /// Whether it was an after-sale case; else an order.
    pub after_sale: bool,
    /// Which.
    pub task: String,
    /// When it lay ready.
    pub opened_at: Option<DateTime<Utc>>,
    /// What a check found.
    pub accurate: Option<bool>,
}

/// A conversation of the fact's shop.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ChatRef {
    /// The platform's channel.
    pub channel: String,
    /// The platform's id.
    pub id: String,
}

impl FactKind {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Order,
        Self::Payment,
        Self::Refund,
        Self::Cart,
        Self::Complaint,
        Self::Satisfaction,
        Self::StoreRating,
        Self::BuyerReview,
        Self::BotEvent,
        Self::Handling,
        Self::MemberSignup,
        Self::Recommendation,
    ];

    /// By the stored number.
    pub fn of(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as i16 == number)
    }
}

impl Body {
    /// Which kind it is.
    pub fn kind(&self) -> FactKind {
        match self {
            Self::Order(_) => FactKind::Order,
            Self::Payment { .. } => FactKind::Payment,
            Self::Refund(_) => FactKind::Refund,
            Self::Cart { .. } => FactKind::Cart,
            Self::Complaint(_) => FactKind::Complaint,
            Self::Satisfaction { .. } => FactKind::Satisfaction,
            Self::StoreRating { .. } => FactKind::StoreRating,
            Self::BuyerReview(_) => FactKind::BuyerReview,
            Self::BotEvent(_) => FactKind::BotEvent,
            Self::Handling(_) => FactKind::Handling,
            Self::MemberSignup => FactKind::MemberSignup,
            Self::Recommendation { .. } => FactKind::Recommendation,
        }
    }

    /// The order it is about, if it names one.
    pub fn order(&self) -> Option<&str> {
        let order = match self {
            Self::Payment { order, .. } | Self::StoreRating { order, .. } => order,
            Self::Refund(refund) => &refund.order,
            Self::Complaint(complaint) => &complaint.order,
            Self::BuyerReview(review) => &review.order,
            _ => return None,
        };
        Some(order.as_str()).filter(|order| !order.is_empty())
    }

    /// The conversation it is about, if it names one.
    pub fn conversation(&self) -> Option<&ChatRef> {
        match self {
            Self::Complaint(complaint) => complaint.conversation.as_ref(),
            Self::BotEvent(event) => event.conversation.as_ref(),
            Self::Satisfaction { conversation, .. } | Self::Recommendation { conversation, .. } => {
                conversation.as_ref()
            }
            _ => None,
        }
    }

    /// Takes over what an earlier or later revision of the same fact knew and this one can't say.
    pub fn remember(&mut self, other: &Self) {
        if let (Self::BuyerReview(mine), Self::BuyerReview(other)) = (self, other) {
            mine.once_bad |= other.was_bad();
        }
    }
}

impl BuyerReview {
    /// Whether it is or ever was bad.
    pub fn was_bad(&self) -> bool {
        self.once_bad || self.rating == Rating::Bad
    }
}
