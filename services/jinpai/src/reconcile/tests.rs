use proto::common::v1::Rate;
use proto::google::r#type::Money;
use proto::metrics::v1::{FigureState, Times};

use super::*;

fn ours() -> Ours {
    let wang = Figures {
        key: "旗舰店:小王".to_owned(),
        received_customers: 10,
        paid_amount: Some(Money { currency_code: "CNY".to_owned(), units: 1234, nanos: 500_000_000 }),
        reply_rate: Some(Rate { numerator: 19, denominator: 20, quotient: Some(0.95) }),
        ..Figures::default()
    };
    Ours::new(GetFiguresResponse { figures: vec![wang], ..GetFiguresResponse::default() })
}

fn compared(csv: &str, name: &str) -> Report {
    compared_with(&ours(), csv, name)
}

fn compared_with(ours: &Ours, csv: &str, name: &str) -> Report {
    let read = sheet::Figures::new(std::io::Cursor::new(csv.to_owned()), name).expect("a report");
    let title = read.name().map(|name| name.title.clone()).unwrap_or_default();
    let mut report = Report::default();
    for figure in read {
        compare(&figure.expect("a figure"), ours, &title, &mut report);
    }
    report
}

#[test]
fn equal_figures_agree_within_rounding() {
    let report = compared(
        "旺旺,接待人数,咨询人数,销售额,回复率\n旗舰店:小王,10,20,1234.5,95.00%\n",
        "x_2025-05-01.csv",
    );
    assert_eq!((report.compared, report.equal), (4, 4), "{report:?}");
    assert!(report.clean());
    let short = compared("旺旺,接待人数,销售额\n小王,10,1234\n", "x_2025-05-01.csv");
    assert_eq!((short.compared, short.equal), (2, 2), "the main account may be left out: {short:?}");
}

/// A row of the overview sheet's refunds against an account with one refund only of 12.5 hours and one return of 7 days.
fn refunds(cells: &str, helped: i64) -> Report {
    let times = |half_hours: i64| {
        let ms = half_hours * 1_800_000;
        Some(Times { count: 1, sum_ms: ms, average_seconds: Some(ms as f64 / 1e3), ..Times::default() })
    };
    let row = Figures {
        key: "旗舰店:小王".to_owned(),
        net_amount: Some(Money { currency_code: "CNY".to_owned(), units: 880, nanos: 500_000_000 }),
        completed_refunds: 2,
        refund_only_completion: times(25),
        return_completion: times(336),
        platform_help_rate: Some(Rate {
            numerator: helped,
            denominator: 2,
            quotient: Some(helped as f64 / 2.0),
        }),
        refund_state: FigureState::Final.into(),
        ..Figures::default()
    };
    let ours = Ours::new(GetFiguresResponse { figures: vec![row], ..GetFiguresResponse::default() });
    let csv = format!(
        "日期,店铺,账户名,净销售额,仅退款自主完结时长(h),退货退款完结时长(h),平台求助率\n\
         2025-05-01,某官方旗舰店,旗舰店:小王,{cells}\n"
    );
    compared_with(&ours, &csv, "overview.csv")
}

#[test]
fn times_of_refunds_are_compared_in_hours() {
    let same = refunds("880.5,12.5,168.0,0%", 0);
    assert_eq!((same.compared, same.equal), (4, 4), "{same:?}");
    let rounded = refunds("881,13,168小时2分,50%", 1);
    assert_eq!(
        (rounded.compared, rounded.equal),
        (4, 3),
        "whole hours say half an hour, minutes half a minute"
    );
    let other = refunds("900,3,170,50.0%", 1);
    let found: Vec<_> = other.differences.iter().map(|d| (d.ours, d.theirs, d.reason)).collect();
    assert_eq!(found.len(), 3, "{other:?}");
    assert_eq!((found[1].0, found[1].1, found[2].0), (Some(12.5), 3.0, Some(168.0)), "both in hours");
    assert!(found[0].2.contains("the day of their completion"), "{found:?}");
    assert!(found[1].2.contains("自主完结"), "{found:?}");
    assert!(found[2].2.contains("may leave out those with the platform's help"), "{found:?}");
    let unhelped = refunds("880.5,3,168,0%", 0);
    assert!(unhelped.differences[0].reason.contains("another moment"), "nobody helped: {unhelped:?}");
    let none = compared("日期,账户名,退货退款完结时长(h)\n2025-05-01,小王,3\n", "x.csv");
    assert!(none.differences[0].reason.contains("of this kind"), "{none:?}");
}

#[test]
fn every_column_of_the_known_sheets_is_compared_or_named() {
    let check = |columns: &str, cells: &str, unknown: &[&str]| {
        let csv = format!("日期,店铺,账户名,{columns}\n2025-05-01,旗舰店,旗舰店:小王,{cells}\n");
        let report = compared(&csv, "sheet.csv");
        let named: Vec<&str> = report.unknown_columns.iter().map(String::as_str).collect();
        assert_eq!(named, unknown, "{report:?}");
        assert_eq!(report.compared, columns.split(',').count() - unknown.len(), "{report:?}");
        assert!(report.unknown_accounts.is_empty(), "{report:?}");
    };
    // The pre-sales sheet.
    check(
        "销售额,完成退款金额,咨询人数,接待人数,评价发送率,客户满意比,客单价,旺旺回复率,平均响应时间,客服答问比,上班天数,\
         服务总时长,平均日服务时长,挂起总时长",
        "1000.00,10,12,11,0.9,95%,90.91,1,00:00:18,1.5,1,08:00:00,08:00:00,00:10:00",
        &["上班天数", "平均日服务时长", "挂起总时长", "服务总时长", "评价发送率"],
    );
    // The overview set.
    check(
        "客服销售额,客服销售人数,客服销售占比,客服销售客单价,成功退款金额,净销售额,咨询人数,接待人数,询单转化率,平均响应时长(秒),\
         客户满意率,旺旺回复率,仅退款自主完结时长(h),退货退款完结时长(h),平台求助率,平台判责率",
        "1000.00,11,40%,90.91,10,990,12,11,30%,18,95%,100%,12.5,168,1%,0.5%",
        &[],
    );
}

#[test]
fn cells_that_cannot_be_read_are_written_with_line_field_and_reason() {
    let csv = "旺旺,接待人数,销售额\n小王,10,1234\n小李,many,5\n";
    let read =
        sheet::Figures::new(std::io::Cursor::new(csv.to_owned()), "x_2025-05-01.csv").expect("a report");
    let mut refused = Vec::new();
    let figures: usize = gather(read, &mut refused).expect("reads on").values().map(Vec::len).sum();
    let mut written = Vec::new();
    write_refused(&mut written, &refused).expect("memory");
    let lines: Vec<serde_json::Value> = String::from_utf8(written)
        .expect("text")
        .lines()
        .map(|line| serde_json::from_str(line).expect("a JSON line"))
        .collect();
    assert_eq!((figures, lines.len()), (3, 1), "{lines:?}");
    assert_eq!((lines[0]["line"].as_i64(), lines[0]["field"].as_str()), (Some(3), Some("接待人数")));
    assert!(lines[0]["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
}

#[test]
fn differences_are_named_with_a_reason() {
    let csv = "旺旺,接待人数,销售额,客单价,询单->最终付款成功率,上班天数\n旗舰店:小王,12,1300,130,延迟统计,1\n小李,3,,,,1\n";
    let report = compared(csv, "自定义报表_绩效_付款判定_2025-05-01至2025-05-01.csv");
    assert_eq!((report.compared, report.equal, report.not_yet), (3, 0, 1));
    let reasons: Vec<_> = report.differences.iter().map(|difference| difference.reason).collect();
    assert!(reasons[0].contains("chats are missing"), "{reasons:?}");
    assert!(reasons[1].contains("another rule"), "{reasons:?}");
    assert!(reasons[2].contains("were they sent in"), "{reasons:?}");
    assert!(report.unknown_accounts.contains("小李") && report.unknown_columns.contains("上班天数"));
    let mut text = Vec::new();
    print(&mut text, &report).expect("memory");
    let text = String::from_utf8(text).expect("text");
    assert!(text.contains("接待人数: 12 there, 10 here"), "{text}");
}
