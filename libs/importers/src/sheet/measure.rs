//! What the columns of reports measure.

use crate::value;

/// A figure that the suite has too, under its own definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Measure {
    /// 接待人数.
    ReceivedCustomers,
    /// 询单人数.
    Inquiries,
    /// 下单人数.
    OrderingBuyers,
    /// 付款人数.
    PayingBuyers,
    /// 下单金额.
    OrderedAmount,
    /// 付款金额, 销售额.
    PaidAmount,
    /// 完成退款金额.
    RefundedAmount,
    /// 客单价.
    AverageOrderValue,
    /// 旺旺回复率.
    ReplyRate,
    /// 首次响应时间.
    FirstResponse,
    /// 平均响应时间.
    Response,
    /// 答问比.
    ReplyRatio,
    /// 客户满意比.
    Satisfaction,
    /// 询单->次日付款成功率.
    ConversionNextDay,
    /// 询单->最终付款成功率.
    ConversionFinal,
    /// 主动接待人数.
    InitiatedCustomers,
    /// 服务字数.
    ReplyCharacters,
    /// 慢响应人数.
    SlowCustomers,
    /// 协助服务人数.
    AssistedCustomers,
    /// 客服销售占比.
    AgentsShareOfSales,
    /// 平台求助率.
    PlatformHelpRate,
    /// 平台判责率.
    PlatformJudgedRate,
}

/// What a measure's numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A whole number.
    Count,
    /// Units of the merchant's currency.
    Money,
    /// A ratio; 0.95 is 95 %.
    Ratio,
    /// Seconds.
    Seconds,
}

const HEADINGS: &[(&str, Measure)] = &[
    ("接待人数", Measure::ReceivedCustomers),
    ("询单人数", Measure::Inquiries),
    ("下单人数", Measure::OrderingBuyers),
    ("付款人数", Measure::PayingBuyers),
    ("下单金额", Measure::OrderedAmount),
    ("付款金额", Measure::PaidAmount),
    ("销售额", Measure::PaidAmount),
    ("客服销售额", Measure::PaidAmount),
    ("完成退款金额", Measure::RefundedAmount),
    ("成功退款金额", Measure::RefundedAmount),
    ("客单价", Measure::AverageOrderValue),
    ("付款客单价", Measure::AverageOrderValue),
    ("客服销售客单价", Measure::AverageOrderValue),
    ("旺旺回复率", Measure::ReplyRate),
    ("回复率", Measure::ReplyRate),
    ("首次响应时间", Measure::FirstResponse),
    ("首次响应时长", Measure::FirstResponse),
    ("首响时长", Measure::FirstResponse),
    ("平均响应时间", Measure::Response),
    ("平均响应时长", Measure::Response),
    ("答问比", Measure::ReplyRatio),
    ("客服答问比", Measure::ReplyRatio),
    ("客户满意比", Measure::Satisfaction),
    ("客户满意率", Measure::Satisfaction),
    ("满意率", Measure::Satisfaction),
    ("询单次日付款成功率", Measure::ConversionNextDay),
    ("询单最终付款成功率", Measure::ConversionFinal),
    ("询单转化率", Measure::ConversionFinal),
    ("主动接待人数", Measure::InitiatedCustomers),
    ("服务字数", Measure::ReplyCharacters),
    ("慢响应人数", Measure::SlowCustomers),
    ("协助服务人数", Measure::AssistedCustomers),
    ("客服销售占比", Measure::AgentsShareOfSales),
    ("平台求助率", Measure::PlatformHelpRate),
    ("平台判责率", Measure::PlatformJudgedRate),
];

impl Measure {
    /// The measure that a heading stands for. Units in brackets and arrows don't matter.
    pub fn of_heading(heading: &str) -> Option<Self> {
        let heading = value::narrow(heading);
        let bare = heading.split('(').next().unwrap_or(&heading);
        let plain: String =
            bare.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '>' | '→' | '—')).collect();
        HEADINGS.iter().find(|(known, _)| *known == plain).map(|(_, measure)| *measure)
    }

    /// What its numbers are.
    pub fn unit(self) -> Unit {
        match self {
            Self::ReceivedCustomers
            | Self::Inquiries
            | Self::OrderingBuyers
            | Self::PayingBuyers
            | Self::InitiatedCustomers
            | Self::ReplyCharacters
            | Self::SlowCustomers
            | Self::AssistedCustomers => Unit::Count,
            Self::OrderedAmount | Self::PaidAmount | Self::RefundedAmount | Self::AverageOrderValue => {
                Unit::Money
            }
            Self::FirstResponse | Self::Response => Unit::Seconds,
            Self::ReplyRate
            | Self::ReplyRatio
            | Self::Satisfaction
            | Self::ConversionNextDay
            | Self::ConversionFinal
            | Self::AgentsShareOfSales
            | Self::PlatformHelpRate
            | Self::PlatformJudgedRate => Unit::Ratio,
        }
    }

    /// Whether it can't be above 1.
    pub fn is_share(self) -> bool {
        self.unit() == Unit::Ratio && self != Self::ReplyRatio
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_in_their_forms() {
        assert_eq!(Measure::of_heading("平均响应时间（秒）"), Some(Measure::Response));
        assert_eq!(Measure::of_heading("询单->最终付款成功率"), Some(Measure::ConversionFinal));
        assert_eq!(Measure::of_heading("询单→次日付款成功率"), Some(Measure::ConversionNextDay));
        assert_eq!(Measure::of_heading("慢响应人数"), Some(Measure::SlowCustomers));
        assert!(Measure::PlatformHelpRate.is_share() && !Measure::ReplyCharacters.is_share());
        assert_eq!(Measure::of_heading("上班天数"), None);
    }
}
