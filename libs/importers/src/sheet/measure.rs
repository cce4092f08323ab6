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
    /// 净销售额.
    NetAmount,
    /// 仅退款自主完结时长.
    RefundOnlyCompletion,
    /// 退货退款完结时长.
    ReturnCompletion,
    /// 咨询人数.
    AskingCustomers,
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
    /// Hours.
    Hours,
}

impl Unit {
    /// How many seconds one is; `None` if it is no unit of time.
    pub(crate) fn seconds(self) -> Option<f64> {
        match self {
            Self::Seconds => Some(1.0),
            Self::Hours => Some(3_600.0),
            Self::Count | Self::Money | Self::Ratio => None,
        }
    }
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
    ("咨询人数", Measure::AskingCustomers),
    ("净销售额", Measure::NetAmount),
    ("客服销售人数", Measure::PayingBuyers),
    ("仅退款自主完结时长", Measure::RefundOnlyCompletion),
    ("仅退款完结时长", Measure::RefundOnlyCompletion),
    ("退货退款自主完结时长", Measure::ReturnCompletion),
    ("退货退款完结时长", Measure::ReturnCompletion),
    // The workbench's export by account has these names for its columns.
    ("cstuv1d", Measure::AskingCustomers),
    ("servaskuv1d", Measure::InitiatedCustomers),
    ("servmsglen1d", Measure::ReplyCharacters),
    ("slowresuv1d", Measure::SlowCustomers),
    ("fstreplydur1d", Measure::FirstResponse),
    ("avgreplydur1d", Measure::Response),
    ("qaratio", Measure::ReplyRatio),
    ("wwreply", Measure::ReplyRate),
];

/// Units of time as headings have them in brackets.
const TIMES: [(&[&str], f64); 4] = [
    (&["秒", "s", "sec"], 1.0),
    (&["分钟", "分", "m", "min"], 60.0),
    (&["小时", "时", "h", "hour", "hours"], 3_600.0),
    (&["天", "d", "day", "days"], 86_400.0),
];

impl Measure {
    /// The measure that a heading stands for. Case, arrows, and what stands in brackets don't matter.
    pub fn of_heading(heading: &str) -> Option<Self> {
        let heading = value::narrow(heading).to_lowercase();
        let bare = heading.split('(').next().unwrap_or(&heading);
        let plain: String =
            bare.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '>' | '→' | '—')).collect();
        HEADINGS.iter().find(|(known, _)| *known == plain).map(|(_, measure)| *measure)
    }

    /// What its numbers are.
    pub fn unit(self) -> Unit {
        match self {
            Self::ReceivedCustomers
            | Self::AskingCustomers
            | Self::Inquiries
            | Self::OrderingBuyers
            | Self::PayingBuyers
            | Self::InitiatedCustomers
            | Self::ReplyCharacters
            | Self::SlowCustomers
            | Self::AssistedCustomers => Unit::Count,
            Self::OrderedAmount
            | Self::PaidAmount
            | Self::RefundedAmount
            | Self::NetAmount
            | Self::AverageOrderValue => Unit::Money,
            Self::FirstResponse | Self::Response => Unit::Seconds,
            Self::RefundOnlyCompletion | Self::ReturnCompletion => Unit::Hours,
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

/// How many seconds a heading's unit of time is: `(h)`, `（秒）`; `None` if it names none.
pub(super) fn seconds_of_heading(heading: &str) -> Option<f64> {
    let heading = value::narrow(heading).to_lowercase();
    let named = heading.split('(').skip(1).filter_map(|rest| rest.split(')').next());
    let known =
        |unit: &str| TIMES.iter().find(|(units, _)| units.contains(&unit)).map(|(_, seconds)| *seconds);
    named.map(str::trim).find_map(known)
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
        assert_eq!(Measure::of_heading("仅退款自主完结时长(h)"), Some(Measure::RefundOnlyCompletion));
        assert_eq!(Measure::of_heading("退货退款完结时长（H）"), Some(Measure::ReturnCompletion));
        assert_eq!(Measure::of_heading("servMsgLen1d"), Some(Measure::ReplyCharacters));
        assert_eq!(Measure::of_heading("上班天数"), None);
    }

    #[test]
    fn headings_name_units_of_time() {
        for (heading, seconds) in [
            ("退货退款完结时长(h)", Some(3_600.0)),
            ("平均响应时间（秒）", Some(1.0)),
            ("平均响应时间(人工)(分钟)", Some(60.0)),
            ("平均响应时间(人工)", None),
            ("平均响应时间", None),
        ] {
            assert_eq!(seconds_of_heading(heading), seconds, "{heading}");
        }
    }
}
