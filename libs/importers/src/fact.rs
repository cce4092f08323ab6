//! Business facts as a file tells them: what happened around a customer, besides the chats.

use chrono::{DateTime, Utc};

/// One fact. Its identity in the merchant is its kind, shop and id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// The shop that the file names.
    pub shop: Option<String>,
    /// The platform's id of the order, payment, refund, … itself.
    pub id: String,
    /// Grows with each correction; 0 for the first.
    pub revision: i64,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// The buyer.
    pub customer: String,
    /// The account that the platform credits; empty if it names none.
    pub account: String,
    /// What happened.
    pub body: Body,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is explained at its type")]
pub enum Body {
    Order(Order),
    Payment(Payment),
    Refund(Refund),
    Cart(Cart),
    Complaint(Complaint),
    Satisfaction(Satisfaction),
    StoreRating(StoreRating),
    BuyerReview(BuyerReview),
    BotEvent(BotEvent),
    Handling(Handling),
    /// The customer became a member of the shop.
    MemberSignup,
    Recommendation(Recommendation),
}

/// An amount of money: `units` whole ones and `nanos` billionths, both of one sign, as in `google.type.Money`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Money {
    /// ISO 4217.
    pub currency: String,
    /// Whole ones.
    pub units: i64,
    /// Billionths, -999,999,999 to 999,999,999.
    pub nanos: i32,
}

/// An order (订单); the fact's id is the order's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What was ordered.
    pub lines: Vec<OrderLine>,
    /// What the customer has to pay.
    pub amount: Money,
    /// The customer's level at the shop; empty if unknown.
    pub member_level: String,
    /// Why the order is taken out of credit and conversion (刷单, …); empty if it isn't.
    pub excluded_reason: String,
    /// The campaign that the platform names; empty if none.
    pub campaign: String,
}

/// A line of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderLine {
    /// The product's id.
    pub product: String,
    /// Its name.
    pub title: String,
    /// Its category.
    pub category: String,
    /// How many.
    pub quantity: i64,
    /// For all of them together.
    pub amount: Money,
}

/// A payment (付款) of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The order.
    pub order: String,
    /// What was paid.
    pub amount: Money,
}

/// A refund (退款).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// The order.
    pub order: String,
    /// What is paid back.
    pub amount: Money,
    /// With or without the goods coming back.
    pub kind: RefundKind,
    /// What the customer said.
    pub reason: String,
    /// When the money went back; `None` while it is open.
    pub completed_at: Option<DateTime<Utc>>,
    /// Whether the platform stepped in; `None` if that isn't known.
    pub platform_help: Option<bool>,
    /// Whether it judged against the shop; `None` while it hasn't judged.
    pub judged_against_shop: Option<bool>,
}

/// Whether goods come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundKind {
    /// 仅退款.
    RefundOnly,
    /// 退货退款.
    Return,
}

/// Something put into the cart (加购).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cart {
    /// The product.
    pub product: String,
    /// How many.
    pub quantity: i64,
    /// For all of them together.
    pub amount: Money,
}

/// A conversation that a fact belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChatRef {
    /// The channel; empty if there is no conversation.
    pub channel: String,
    /// The conversation's id; empty if there is none.
    pub id: String,
}

/// A complaint (投诉).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// The order; empty if it is about none.
    pub order: String,
    /// The chat; empty if it is about none.
    pub chat: ChatRef,
    /// How grave.
    pub severity: Severity,
    /// What about.
    pub cause: String,
    /// Whether it was found right; `None` while it is open.
    pub upheld: Option<bool>,
    /// When it was closed.
    pub closed_at: Option<DateTime<Utc>>,
}

/// How grave a complaint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// 一般.
    Ordinary,
    /// 严重平台投诉.
    Platform,
    /// 工商投诉.
    Authority,
    /// 群体投诉.
    Mass,
}

/// A score that a customer gave, 1 to 5.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Satisfaction {
    /// The chat; empty if it is about none.
    pub chat: ChatRef,
    /// 1 to 5.
    pub score: i64,
}

/// Store ratings (DSR), 1 to 5 each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreRating {
    /// The order.
    pub order: String,
    /// 描述相符.
    pub item: i64,
    /// 服务态度.
    pub service: i64,
    /// 物流服务.
    pub delivery: i64,
}

/// A buyer's review (评价).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuyerReview {
    /// The order.
    pub order: String,
    /// The product; empty if none is named.
    pub product: String,
    /// Good, neutral, bad.
    pub rating: Rating,
    /// As written. Personal data included.
    pub text: String,
    /// 1 to 5 where the platform counts stars.
    pub stars: Option<i64>,
    /// The comment that was added later (追评); empty without one. Personal data included.
    pub append_text: String,
    /// When it was added.
    pub appended_at: Option<DateTime<Utc>>,
}

/// What a review amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Rating {
    Good,
    Neutral,
    Bad,
}

/// What the bot did with one question (店小蜜).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BotEvent {
    /// What became of it.
    pub outcome: BotOutcome,
    /// Whose knowledge the question belongs to.
    pub class: Option<QuestionClass>,
    /// As asked. Personal data included.
    pub question: String,
    /// The product; empty if none.
    pub product: String,
    /// The scene; empty if none.
    pub scene: String,
    /// The campaign; empty if none.
    pub campaign: String,
    /// The chat.
    pub chat: ChatRef,
}

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BotOutcome {
    /// It answered.
    Answered,
    /// The customer took the answer.
    Accepted,
    /// It handed the customer to an agent.
    Transferred,
    /// It had no answer.
    Unanswered,
}

/// Whose knowledge a question belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuestionClass {
    /// 行业.
    Industry,
    /// 通用.
    General,
    /// 自定义.
    Own,
}

/// A task an agent finished; the fact's time is when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handling {
    /// Which work.
    pub kind: HandlingKind,
    /// The order or after-sale case.
    pub task: String,
    /// When it was given.
    pub opened_at: DateTime<Utc>,
    /// Whether it was done right; `None` if nobody checked.
    pub accurate: Option<bool>,
}

/// Which work a handling is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandlingKind {
    /// 订单处理.
    Order,
    /// 售后处理.
    AfterSale,
}

/// An agent recommended a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recommendation {
    /// The product.
    pub product: String,
    /// How.
    pub kind: RecommendationKind,
    /// The chat in which it was.
    pub chat: ChatRef,
}

/// How a product was recommended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecommendationKind {
    /// 推荐.
    Recommend,
    /// 搭配.
    CrossSell,
}
