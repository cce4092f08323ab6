use std::io::{Cursor, Write};

use importers::sheet::{Figure, Figures, Measure, Value};
use importers::{Error, RowError};

fn read(bytes: &[u8], name: &str) -> (Vec<Figure>, Vec<RowError>) {
    let mut came = (Vec::new(), Vec::new());
    for figure in Figures::new(Cursor::new(bytes.to_vec()), name).expect("it has headings") {
        match figure {
            Ok(figure) => came.0.push(figure),
            Err(Error::Row(wrong)) => came.1.push(wrong),
            Err(Error::Read(error)) => panic!("memory can be read: {error}"),
        }
    }
    came
}

fn number(figure: &Figure) -> f64 {
    match figure.value {
        Value::Number { value, .. } => value,
        Value::NotYet => panic!("{figure:?} is a number"),
    }
}

/// A workbook of one sheet: text cells as they are, numbers where a cell is one.
pub fn workbook(rows: &[&[&str]]) -> Vec<u8> {
    workbook_with(rows, <[u8]>::to_vec)
}

/// A workbook whose parts went through `change`.
pub fn workbook_with(rows: &[&[&str]], change: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let mut sheet = String::from(
        r#"<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>"#,
    );
    for (row, cells) in (1..).zip(rows) {
        sheet.push_str(&format!(r#"<row r="{row}">"#));
        for (column, cell) in ('A'..='Z').zip(*cells) {
            let escaped = cell.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            if cell.parse::<f64>().is_ok() {
                sheet.push_str(&format!(r#"<c r="{column}{row}"><v>{escaped}</v></c>"#));
            } else if !cell.is_empty() {
                sheet.push_str(&format!(
                    r#"<c r="{column}{row}" t="inlineStr"><is><t>{escaped}</t></is></c>"#
                ));
            }
        }
        sheet.push_str("</row>");
    }
    sheet.push_str("</sheetData></worksheet>");
    let parts = [
        (
            "[Content_Types].xml",
            r#"<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>"#,
        ),
        (
            "_rels/.rels",
            r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#,
        ),
        (
            "xl/workbook.xml",
            r#"<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>"#,
        ),
        (
            "xl/_rels/workbook.xml.rels",
            r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#,
        ),
        ("xl/worksheets/sheet1.xml", sheet.as_str()),
    ];
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for (name, text) in parts {
        archive.start_file(name, options).expect("a part");
        archive.write_all(&change(text.as_bytes())).expect("memory");
    }
    archive.finish().expect("an archive").into_inner()
}

const CUSTOM: &[&[&str]] = &[
    &["旺旺", "接待人数", "询单->最终付款成功率", "销售额", "平均响应时间(秒)", "上班天数", "备注"],
    &["汇总", "30", "50.00%", "3000", "20", "2", ""],
    &["均值", "15", "50.00%", "1500", "20", "1", ""],
    &["旗舰店:小王", "10", "延迟统计", "1234.5", "18.25", "1", "新人"],
    &["旗舰店:小李", "20", "100.00%", "", "x", "1", ""],
];

fn check_custom(came: &(Vec<Figure>, Vec<RowError>)) {
    let (figures, wrong) = came;
    let at = |account: &str, measure: Measure| {
        figures.iter().find(|f| f.account == account && f.measure == Some(measure))
    };
    let wang = "旗舰店:小王";
    assert_eq!(at(wang, Measure::ReceivedCustomers).map(number), Some(10.0));
    assert_eq!(at(wang, Measure::PaidAmount).map(number), Some(1234.5));
    assert_eq!(at(wang, Measure::Response).map(number), Some(18.25));
    assert_eq!(at(wang, Measure::ConversionFinal).map(|f| f.value), Some(Value::NotYet));
    assert_eq!(at("旗舰店:小李", Measure::ConversionFinal).map(number), Some(1.0));
    assert!(at("旗舰店:小李", Measure::PaidAmount).is_none(), "an empty cell is no figure");
    assert!(figures.iter().all(|f| f.account.contains('小')), "totals are no accounts");
    let days: Vec<String> = figures.iter().map(|f| format!("{}/{}", f.from, f.to)).collect();
    assert!(days.iter().all(|days| days == "2025-05-01/2025-05-02"), "{days:?}");
    let unknown: Vec<&str> =
        figures.iter().filter(|f| f.measure.is_none()).map(|f| f.column.as_str()).collect();
    assert_eq!(unknown, ["上班天数", "上班天数"], "words of unknown columns are passed over");
    assert_eq!((wrong.len(), wrong[0].line, wrong[0].field.as_str()), (1, 5, "平均响应时间(秒)"));
}

#[test]
fn a_custom_report_is_read_from_a_workbook_and_from_csv() {
    let name = "自定义报表_绩效_下单优先判定_2025-05-01至2025-05-02";
    check_custom(&read(&workbook(CUSTOM), &format!("{name}.xlsx")));
    let csv: String = CUSTOM.iter().map(|row| row.join(",") + "\r\n").collect();
    check_custom(&read(csv.as_bytes(), &format!("{name}.csv")));
    check_custom(&read(&encoding_rs::GB18030.encode(&csv).0, &format!("{name}.csv")));
}

#[test]
fn a_pre_sales_sheet_names_its_days() {
    let csv = "售前客服绩效\n日期,店铺,账户名,销售额,完成退款金额,咨询人数,接待人数,评价发送率,客户满意比,客单价,旺旺回复率,\
        平均响应时间,客服答问比,上班天数,服务总时长,平均日服务时长,挂起总时长\n\
        2025/5/1,某官方旗舰店,小王,\"1,000.00\",10,12,11,0.9,95%,90.91,1,00:00:18,1.5,1,08:00:00,08:00:00,00:10:00\n\
        2025/5/1,某官方旗舰店,小李,,,,,,120%,,,,,,,,\n\
        ,某官方旗舰店,小张,1,,,,,,,,,,,,,\n\
        合计,,,1000,,,,,,,,,,,,,\n";
    let (figures, wrong) = read(csv.as_bytes(), "sheet.csv");
    let of = |measure| figures.iter().find(|f| f.measure == Some(measure)).map(number);
    assert_eq!(of(Measure::PaidAmount), Some(1000.0));
    assert_eq!(of(Measure::RefundedAmount), Some(10.0));
    assert_eq!(of(Measure::Response), Some(18.0));
    assert_eq!(of(Measure::ReplyRatio), Some(1.5));
    assert_eq!(figures[0].shop.as_deref(), Some("某官方旗舰店"));
    let fields: Vec<_> = wrong.iter().map(|wrong| (wrong.line, wrong.field.as_str())).collect();
    assert_eq!(fields, [(4, "客户满意比"), (5, "日期")]);
}

/// The columns of the overview set of a shop, by account. Lengths of time are in the unit of their heading.
#[test]
fn an_overview_sheet_has_the_times_of_refunds_in_hours() {
    let rows: &[&[&str]] = &[
        &[
            "日期",
            "店铺",
            "账户名",
            "客服销售额",
            "客服销售人数",
            "净销售额",
            "平均响应时长(秒)",
            "仅退款自主完结时长(h)",
            "退货退款完结时长(h)",
            "平台求助率",
        ],
        &["2025-05-01", "某官方旗舰店", "小王", "1000", "9", "880.5", "18", "12.5", "3天", "1.2%"],
        &["2025-05-01", "某官方旗舰店", "小李", "", "", "", "1分30秒", "7小时30分", "160:30:00", ""],
    ];
    let (figures, wrong) = read(&workbook(rows), "overview.xlsx");
    let of = |account: &str, measure| {
        figures.iter().find(|f| f.account == account && f.measure == Some(measure)).map(number)
    };
    assert_eq!(of("小王", Measure::PayingBuyers), Some(9.0));
    assert_eq!(of("小王", Measure::NetAmount), Some(880.5));
    assert_eq!((of("小王", Measure::Response), of("小李", Measure::Response)), (Some(18.0), Some(90.0)));
    assert_eq!(of("小王", Measure::RefundOnlyCompletion), Some(12.5));
    assert_eq!(of("小李", Measure::RefundOnlyCompletion), Some(7.5));
    assert_eq!(of("小李", Measure::ReturnCompletion), Some(160.5));
    let fields: Vec<_> = wrong.iter().map(|wrong| (wrong.line, wrong.field.as_str())).collect();
    assert_eq!(fields, [(2, "退货退款完结时长(h)")], "days are no unit of a cell");
}

#[test]
fn what_is_no_report_is_refused() {
    let refused = |bytes: &[u8], name: &str| match Figures::new(Cursor::new(bytes.to_vec()), name) {
        Err(Error::Row(wrong)) => wrong,
        other => panic!("{name} is refused: {other:?}"),
    };
    assert_eq!(refused(&workbook(CUSTOM), "report.xlsx").field, "日期");
    assert_eq!(refused(b"a,b\n1,2\n", "x_20250501.csv").field, "账户名");
    assert_eq!(refused(b"PK\x03\x04 and then nothing", "x_20250501.xlsx").field, "file");
    let bomb = {
        let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
        archive.start_file("xl/workbook.xml", zip::write::SimpleFileOptions::default()).expect("a part");
        let chunk = vec![b' '; 1 << 20];
        for _ in 0..257 {
            archive.write_all(&chunk).expect("memory");
        }
        archive.finish().expect("an archive").into_inner()
    };
    assert!(refused(&bomb, "x_20250501.xlsx").reason.contains("256 MiB"));
}
