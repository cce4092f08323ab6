//! What a file can hold, and what its columns are called.

use std::fmt;

/// What the records of a file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are those of the records")]
pub enum Kind {
    Conversation,
    Order,
    Payment,
    Refund,
    Cart,
    Complaint,
    Satisfaction,
    StoreRating,
    BuyerReview,
    BotEvent,
    Handling,
    MemberSignup,
    Recommendation,
}

/// A column: its name in our own formats, and what others call it.
pub(crate) struct Column {
    pub name: &'static str,
    others: &'static [&'static str],
}

const fn column(name: &'static str, others: &'static [&'static str]) -> Column {
    Column { name, others }
}

const SHOP: Column = column("shop", &["shopId", "店铺", "店铺名称"]);
const REVISION: Column = column("revision", &["版本"]);
const OCCURRED: Column = column("occurredAt", &["时间", "发生时间", "创建时间"]);
const CUSTOMER: Column = column("customerId", &["customer", "买家", "买家昵称", "买家会员名", "客户"]);
const ACCOUNT: Column = column("accountId", &["account", "agentId", "客服", "子账号", "账户名"]);
const ORDER: Column = column("orderId", &["订单编号", "订单号"]);
const AMOUNT: Column = column("amount", &["金额"]);
const PRODUCT: Column = column("productId", &["商品id", "宝贝id"]);
const QUANTITY: Column = column("quantity", &["数量", "宝贝数量"]);
const CHANNEL: Column = column("channel", &["渠道"]);
const CHAT: Column = column("conversationId", &["会话id"]);
const CAMPAIGN: Column = column("campaignId", &["campaign", "活动"]);

const CONVERSATION: &[Column] = &[
    SHOP,
    CHAT,
    REVISION,
    column("agentId", &["account", "accountId", "客服", "子账号", "账户名"]),
    CUSTOMER,
    CHANNEL,
    column("startedAt", &["开始时间"]),
    column("closedAt", &["结束时间"]),
    column("satisfied", &["满意"]),
    column("completed", &["已完结"]),
    column("sentAt", &["时间", "发送时间"]),
    column("sender", &["发送方", "发送人"]),
    column("text", &["内容", "消息内容"]),
    column("quickReply", &["快捷短语"]),
    column("assisted", &["机器人辅助", "辅助回复"]),
    column("senderAccountId", &["发送账号"]),
    column("transferredFrom", &["转入自"]),
    column("transferredTo", &["转出至"]),
];
const ORDERS: &[Column] = &[
    SHOP,
    column("orderId", &["factId", "订单编号", "订单号"]),
    REVISION,
    column("occurredAt", &["时间", "下单时间", "订单创建时间", "创建时间"]),
    CUSTOMER,
    ACCOUNT,
    column("amount", &["金额", "买家应付货款", "订单金额"]),
    column("memberLevel", &["会员等级"]),
    column("excludedReason", &["排除原因"]),
    CAMPAIGN,
    PRODUCT,
    column("title", &["商品标题", "宝贝标题", "商品名称"]),
    column("category", &["类目"]),
    QUANTITY,
    column("lineAmount", &["商品金额"]),
];
const PAYMENTS: &[Column] = &[
    SHOP,
    column("paymentId", &["factId", "支付单号"]),
    REVISION,
    column("occurredAt", &["时间", "付款时间", "订单付款时间"]),
    CUSTOMER,
    ACCOUNT,
    ORDER,
    column("amount", &["金额", "付款金额", "买家实际支付金额"]),
];
const REFUNDS: &[Column] = &[
    SHOP,
    column("refundId", &["factId", "退款编号"]),
    REVISION,
    column("occurredAt", &["时间", "退款申请时间", "申请时间"]),
    CUSTOMER,
    ACCOUNT,
    ORDER,
    column("amount", &["金额", "退款金额"]),
    column("type", &["退款类型", "类型"]),
    column("reason", &["退款原因", "原因"]),
    column("completedAt", &["退款完成时间", "完结时间"]),
    column("platformHelp", &["平台介入", "平台是否介入"]),
    column("judgedAgainstShop", &["平台判责", "判责"]),
];
const CARTS: &[Column] =
    &[SHOP, column("cartId", &["factId"]), REVISION, OCCURRED, CUSTOMER, ACCOUNT, PRODUCT, QUANTITY, AMOUNT];
const COMPLAINTS: &[Column] = &[
    SHOP,
    column("complaintId", &["factId", "投诉编号"]),
    REVISION,
    column("occurredAt", &["时间", "投诉时间"]),
    CUSTOMER,
    ACCOUNT,
    ORDER,
    CHANNEL,
    CHAT,
    column("severity", &["严重程度", "级别"]),
    column("cause", &["投诉原因", "原因"]),
    column("upheld", &["成立", "是否成立"]),
    column("closedAt", &["结束时间", "完结时间"]),
];
const SATISFACTIONS: &[Column] = &[
    SHOP,
    column("satisfactionId", &["factId"]),
    REVISION,
    column("occurredAt", &["时间", "评价时间"]),
    CUSTOMER,
    ACCOUNT,
    CHANNEL,
    CHAT,
    column("score", &["评分", "满意度"]),
];
const STORE_RATINGS: &[Column] = &[
    SHOP,
    column("storeRatingId", &["factId"]),
    REVISION,
    column("occurredAt", &["时间", "评价时间"]),
    CUSTOMER,
    ACCOUNT,
    ORDER,
    column("itemScore", &["描述相符", "宝贝与描述相符"]),
    column("serviceScore", &["服务态度", "卖家的服务态度"]),
    column("deliveryScore", &["物流服务", "物流服务的质量", "发货速度"]),
];
const REVIEWS: &[Column] = &[
    SHOP,
    column("reviewId", &["factId", "评价编号"]),
    REVISION,
    column("occurredAt", &["时间", "评价时间"]),
    CUSTOMER,
    ACCOUNT,
    ORDER,
    PRODUCT,
    column("rating", &["评价", "评价类型"]),
    column("text", &["评价内容", "内容"]),
    column("stars", &["星级", "评分"]),
    column("appendText", &["追评", "追评内容", "追加评价"]),
    column("appendedAt", &["追评时间", "追加时间"]),
];
const BOT_EVENTS: &[Column] = &[
    SHOP,
    column("botEventId", &["factId"]),
    REVISION,
    OCCURRED,
    CUSTOMER,
    ACCOUNT,
    column("outcome", &["结果"]),
    column("questionClass", &["问题类型"]),
    column("question", &["问题"]),
    PRODUCT,
    column("scene", &["场景"]),
    CAMPAIGN,
    CHANNEL,
    CHAT,
];
const HANDLINGS: &[Column] = &[
    SHOP,
    column("handlingId", &["factId"]),
    REVISION,
    column("occurredAt", &["时间", "完成时间"]),
    CUSTOMER,
    ACCOUNT,
    column("type", &["类型"]),
    column("taskId", &["任务编号"]),
    column("openedAt", &["开始时间"]),
    column("accurate", &["准确", "是否准确"]),
];
const SIGNUPS: &[Column] = &[
    SHOP,
    column("signupId", &["factId"]),
    REVISION,
    column("occurredAt", &["时间", "入会时间"]),
    CUSTOMER,
    ACCOUNT,
];
const RECOMMENDATIONS: &[Column] = &[
    SHOP,
    column("recommendationId", &["factId"]),
    REVISION,
    OCCURRED,
    CUSTOMER,
    ACCOUNT,
    PRODUCT,
    column("type", &["类型"]),
    CHANNEL,
    CHAT,
];

impl Kind {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Conversation,
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

    /// The word for it in a file's `kind` field.
    pub fn name(self) -> &'static str {
        match self {
            Self::Conversation => "conversation",
            Self::Order => "order",
            Self::Payment => "payment",
            Self::Refund => "refund",
            Self::Cart => "cart",
            Self::Complaint => "complaint",
            Self::Satisfaction => "satisfaction",
            Self::StoreRating => "storeRating",
            Self::BuyerReview => "buyerReview",
            Self::BotEvent => "botEvent",
            Self::Handling => "handling",
            Self::MemberSignup => "memberSignup",
            Self::Recommendation => "recommendation",
        }
    }

    /// The kind of that word.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The columns of a CSV file.
    pub(crate) fn columns(self) -> &'static [Column] {
        match self {
            Self::Conversation => CONVERSATION,
            Self::Order => ORDERS,
            Self::Payment => PAYMENTS,
            Self::Refund => REFUNDS,
            Self::Cart => CARTS,
            Self::Complaint => COMPLAINTS,
            Self::Satisfaction => SATISFACTIONS,
            Self::StoreRating => STORE_RATINGS,
            Self::BuyerReview => REVIEWS,
            Self::BotEvent => BOT_EVENTS,
            Self::Handling => HANDLINGS,
            Self::MemberSignup => SIGNUPS,
            Self::Recommendation => RECOMMENDATIONS,
        }
    }

    /// The names of the columns of a CSV file, in the order of the documentation.
    pub fn column_names(self) -> impl Iterator<Item = &'static str> {
        self.columns().iter().map(|column| column.name)
    }

    /// The column that holds the record's own id.
    pub(crate) fn id_column(self) -> &'static str {
        // The second of every table above, by a test.
        self.columns()[1].name
    }

    /// The column that a heading means: case, blanks, `_` and `-` don't matter.
    pub(crate) fn column_of(self, heading: &str) -> Option<&'static str> {
        let said = plain(heading);
        let means = |name: &&str| plain(name) == said;
        self.columns()
            .iter()
            .find(|column| means(&column.name) || column.others.iter().any(&means))
            .map(|column| column.name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn plain(heading: &str) -> String {
    let kept = |c: &char| !c.is_whitespace() && !matches!(c, '_' | '-');
    crate::value::narrow(heading).chars().filter(kept).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_heading_means_two_columns() {
        for kind in Kind::ALL {
            let mut seen = BTreeSet::new();
            for column in kind.columns() {
                for name in [column.name].iter().chain(column.others) {
                    assert!(seen.insert(plain(name)), "{kind}: {name} stands twice");
                }
            }
            assert!(kind.id_column().ends_with("Id"), "{kind}");
            assert_eq!(Kind::named(kind.name()), Some(kind));
        }
    }

    #[test]
    fn headings_are_read_as_people_write_them() {
        for heading in ["customerId", "customer_id", "Customer ID", "ＣｕｓｔｏｍｅｒＩＤ", "买家昵称"]
        {
            assert_eq!(Kind::Payment.column_of(heading), Some("customerId"), "{heading}");
        }
        assert_eq!(Kind::Payment.column_of("score"), None);
        assert_eq!(Kind::Payment.column_of("fact_id"), Some("paymentId"));
    }
}
