//! What reports call things, in Chinese and English.

use chrono::NaiveDate;

use crate::domain::maturity::Window;
use crate::domain::report::{ReportKind, SubjectKind};

/// The language of titles and names of figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// 中文.
    Chinese,
    /// English.
    English,
}

/// A word of a report in both languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word(pub &'static str, pub &'static str);

impl Language {
    /// Picks the word.
    pub fn of(self, word: Word) -> &'static str {
        match self {
            Self::Chinese => word.0,
            Self::English => word.1,
        }
    }

    /// For the `lang` attribute.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Chinese => "zh-CN",
            Self::English => "en",
        }
    }

    /// What a figure is called.
    pub fn measure(self, name: &str) -> &'static str {
        let found = TOPICS.iter().flat_map(|topic| topic.measures).find(|(known, ..)| *known == name);
        found.map_or("", |(_, zh, en)| self.of(Word(zh, en)))
    }

    /// What a kind of report is called.
    pub fn kind(self, kind: ReportKind) -> &'static str {
        self.of(match kind {
            ReportKind::Daily => Word("客服日报", "Daily report"),
            ReportKind::Weekly => Word("客服周报", "Weekly report"),
            ReportKind::Monthly => Word("客服月报", "Monthly report"),
            ReportKind::Quarterly => Word("客服季报", "Quarterly report"),
            ReportKind::Yearly => Word("客服年报", "Yearly report"),
            ReportKind::ImprovementPlan => Word("月度改进方案", "Monthly improvement plan"),
            ReportKind::MonthSummary => Word("个人月度总结", "Month summary"),
        })
    }

    /// What a kind of subject is called.
    pub fn subject(self, kind: SubjectKind) -> &'static str {
        self.of(match kind {
            SubjectKind::Person => Word("个人", "Person"),
            SubjectKind::Team => Word("小组", "Team"),
            SubjectKind::Shop => Word("店铺", "Shop"),
            SubjectKind::Merchant => Word("全部店铺", "All shops"),
        })
    }

    /// What a state of figures is called.
    pub fn state(self, name: &str) -> &'static str {
        self.of(match name {
            "final" => Word("最终数据", "Final"),
            "restated" => Word("已重述", "Restated"),
            _ => Word("暂定数据", "Provisional"),
        })
    }

    /// What a group is called.
    pub fn group(self, by: &str) -> &'static str {
        self.of(match by {
            "shop" => Word("店铺", "Shops"),
            "team" => Word("小组", "Teams"),
            "product" => Word("商品", "Products"),
            "category" => Word("类目", "Categories"),
            _ => Word("客服", "People"),
        })
    }

    /// What has no name of its own in a group is called.
    pub fn nameless(self, by: &str) -> &'static str {
        self.of(match by {
            "product" => Word("未知商品", "No known product"),
            "category" => Word("无类目", "No category"),
            _ => Word("未归属", "Nobody's"),
        })
    }

    /// What the figures of a window are called together.
    pub fn window(self, window: Window) -> &'static str {
        self.of(match window {
            Window::Usual => Word("会话与付款", "Conversations and payments"),
            Window::Conversions => Word("转化与加购", "Conversions and carts"),
            Window::Refunds => Word("退款", "Refunds"),
        })
    }

    /// A day of a course, as short as it can be: the hour, the day of the month, the month.
    pub fn step(self, step: &str, from: NaiveDate, hour: Option<u8>) -> String {
        match (step, hour) {
            (_, Some(hour)) => format!("{hour:02}:00"),
            ("month", _) => from.format("%Y-%m").to_string(),
            _ => from.format("%m-%d").to_string(),
        }
    }
}

/// Figures that belong together.
#[derive(Debug)]
pub struct Topic {
    /// What they are about.
    pub title: Word,
    /// Name, Chinese, English; in the order of a report.
    pub measures: &'static [(&'static str, &'static str, &'static str)],
}

/// All figures by topic.
pub const TOPICS: &[Topic] = &[
    Topic {
        title: Word("接待与响应", "Reception and response"),
        measures: &[
            ("RECEIVED_CUSTOMERS", "接待人数", "Customers received"),
            ("CONVERSATIONS", "会话数", "Conversations"),
            ("REPLY_RATE", "回复率", "Reply rate"),
            ("FIRST_RESPONSE", "首次响应", "First response"),
            ("RESPONSE", "平均响应", "Response"),
            ("IN_TIME_RATE", "及时回复率", "Answered in time"),
            ("FIRST_IN_TIME_RATE", "首次及时回复率", "First answer in time"),
            ("IN_TIME_CUSTOMERS", "及时回复人数占比", "Customers answered in time"),
            ("ANSWERED_RATE", "应答率", "Rounds answered"),
            ("REPLY_RATIO", "答问比", "Replies per question"),
            ("REPLIES", "客服消息数", "Replies"),
            ("QUICK_REPLIES", "快捷回复数", "Quick replies"),
            ("CUSTOMER_MESSAGES", "顾客消息数", "Customer messages"),
            ("LENGTH", "会话时长", "Conversation length"),
            ("LONG_CHATS", "长会话数", "Long chats"),
            ("TRANSFERRED_IN", "转入会话", "Transferred in"),
            ("TRANSFERRED_OUT", "转出会话", "Transferred out"),
            ("SLOW_CUSTOMERS", "慢响应人数", "Customers answered late"),
            ("INITIATED_CUSTOMERS", "主动接待人数", "Customers written to first"),
            ("REPLY_CHARACTERS", "服务字数", "Characters written"),
            ("ASSISTED_REPLY_RATE", "辅助回复占比", "Assisted replies"),
            ("RECEIVED_PER_HEAD", "人均接待量", "Customers per head"),
            ("CONVERSATIONS_PER_HOUR", "每小时会话", "Conversations per hour"),
        ],
    },
    Topic {
        title: Word("销售与转化", "Sales and conversion"),
        measures: &[
            ("INQUIRIES", "询单人数", "Inquiries"),
            ("ORDERING_BUYERS", "下单人数", "Ordering buyers"),
            ("PAYING_BUYERS", "付款人数", "Paying buyers"),
            ("ORDERS", "下单笔数", "Orders"),
            ("PAID_ORDERS", "付款笔数", "Paid orders"),
            ("ORDERED_AMOUNT", "下单金额", "Ordered amount"),
            ("PAID_AMOUNT", "付款金额", "Paid amount"),
            ("NET_AMOUNT", "净销售额", "Net amount"),
            ("AVERAGE_ORDER_VALUE", "付款客单价", "Average order value"),
            ("PAYMENT_CONVERSION", "询单付款转化率", "Inquiry to payment"),
            ("PAYMENT_CONVERSION_NEXT_DAY", "次日付款转化率", "Inquiry to payment, next day"),
            ("ORDER_CONVERSION", "询单下单转化率", "Inquiry to order"),
            ("ORDER_CONVERSION_NEXT_DAY", "次日下单转化率", "Inquiry to order, next day"),
            ("RECOMMENDATION_SUCCESS", "推荐成功率", "Recommendations bought"),
            ("CROSS_SELL_SUCCESS", "搭配成功率", "Cross-sells bought"),
            ("MEMBER_SIGNUPS", "会员注册", "Member sign-ups"),
            ("ORDERED_UNITS", "下单件数", "Units ordered"),
            ("CARTS", "加购次数", "Carts"),
            ("CART_AMOUNT", "加购金额", "Cart amount"),
            ("CARTS_LEFT", "加购未付款", "Carts left unpaid"),
            ("CART_LEFT_AMOUNT", "加购未付款金额", "Cart amount left unpaid"),
            ("CART_PURCHASE_RATE", "加购付款率", "Carts bought"),
            ("ASSISTED_CUSTOMERS", "协助服务人数", "Customers assisted"),
            ("AGENTS_SHARE_OF_SALES", "客服销售占比", "Agents' share of sales"),
        ],
    },
    Topic {
        title: Word("服务质量", "Service quality"),
        measures: &[
            ("SATISFACTION", "满意率", "Satisfied"),
            ("SCORE_SATISFACTION", "评分满意率", "Satisfied by score"),
            ("SATISFACTION_SCORE", "满意度均分", "Satisfaction score"),
            ("COMPLETION", "完结率", "Completed"),
            ("FIRST_CONTACT_RESOLUTION", "一次性解决率", "First-contact resolution"),
            ("ITEM_SCORE", "商品描述评分", "DSR: item"),
            ("SERVICE_SCORE", "服务态度评分", "DSR: service"),
            ("DELIVERY_SCORE", "发货速度评分", "DSR: delivery"),
            ("REVIEWS", "评价数", "Reviews"),
            ("POSITIVE_REVIEW_RATE", "好评率", "Good reviews"),
            ("NEGATIVE_REVIEW_RATE", "差评率", "Bad reviews"),
            ("BAD_REVIEW_RECOVERED_RATE", "差评追回率", "Bad reviews recovered"),
            ("COMPLAINTS", "投诉量", "Complaints"),
            ("COMPLAINT_RATE", "投诉率", "Complaint rate"),
        ],
    },
    Topic {
        title: Word("退款与处理", "Refunds and handling"),
        measures: &[
            ("REFUND_RATE", "退款率", "Refund rate"),
            ("RETURN_RATE", "退货率", "Return rate"),
            ("REFUNDED_AMOUNT", "退款金额（按付款日）", "Refunded, by day of payment"),
            ("COMPLETED_REFUNDS", "完成退款笔数", "Refunds completed"),
            ("COMPLETED_REFUND_AMOUNT", "完成退款金额", "Refunds completed, amount"),
            ("REFUND_ONLY_COMPLETION", "仅退款完结时长", "Refunds without goods, time"),
            ("RETURN_COMPLETION", "退货退款完结时长", "Returns, time"),
            ("PLATFORM_HELP_RATE", "平台求助率", "Platform asked for help"),
            ("PLATFORM_JUDGED_RATE", "平台判责率", "Platform judged against the shop"),
            ("ORDER_HANDLING", "订单处理时长", "Order handling"),
            ("ORDER_HANDLING_ACCURACY", "订单处理准确率", "Order handling accuracy"),
            ("AFTER_SALE_HANDLING", "售后处理时长", "After-sale handling"),
            ("AFTER_SALE_HANDLING_ACCURACY", "售后处理准确率", "After-sale handling accuracy"),
        ],
    },
    Topic {
        title: Word("机器人", "Bot"),
        measures: &[
            ("BOT_QUESTIONS", "机器人接到问题", "Questions to the bot"),
            ("BOT_HANDLING_RATE", "机器人独立接待率", "Handled by the bot"),
            ("BOT_ACCEPTANCE_RATE", "答案采纳率", "Answers accepted"),
            ("BOT_TRANSFER_RATE", "转人工率", "Transferred to people"),
            ("BOT_UNANSWERED_RATE", "未答率", "Unanswered"),
        ],
    },
];

/// The figures that tables of people and of days show, in their order: those that the daily statistics are about.
pub const MAIN: [&str; 10] = [
    "RECEIVED_CUSTOMERS",
    "ORDERING_BUYERS",
    "PAYING_BUYERS",
    "ORDERED_AMOUNT",
    "PAID_AMOUNT",
    "AVERAGE_ORDER_VALUE",
    "PAYMENT_CONVERSION",
    "REPLY_RATE",
    "FIRST_RESPONSE",
    "RESPONSE",
];

/// The figures that tables of products and categories show on a page.
pub const SOLD: [&str; 11] = [
    "PAID_AMOUNT",
    "PAID_ORDERS",
    "PAYING_BUYERS",
    "AVERAGE_ORDER_VALUE",
    "ORDERED_AMOUNT",
    "ORDERED_UNITS",
    "NET_AMOUNT",
    "REFUNDED_AMOUNT",
    "REFUND_RATE",
    "CARTS",
    "CARTS_LEFT",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::any_measure::AnyMeasure;

    #[test]
    fn every_figure_has_a_name_of_its_own_in_both_languages() {
        let words = || TOPICS.iter().flat_map(|topic| topic.measures);
        let known: BTreeSet<&str> = AnyMeasure::all().map(AnyMeasure::name).collect();
        assert_eq!(words().map(|(name, ..)| *name).collect::<BTreeSet<_>>(), known);
        assert_eq!(words().count(), known.len(), "a figure stands in two topics");
        for language in [Language::Chinese, Language::English] {
            let names: BTreeSet<&str> = known.iter().map(|name| language.measure(name)).collect();
            assert_eq!(names.len(), known.len(), "{language:?}");
            assert!(MAIN.iter().chain(&SOLD).all(|name| !language.measure(name).is_empty()));
        }
    }
}
