//! What a report says besides its plain figures: sales by product, and how settled each window is.

use std::collections::BTreeMap;
use std::io::Cursor;

use calamine::{Reader, Xlsx};
use proto::metrics::v1 as pb;
use serde_json::Value;

use crate::fact_support::{fact, order, payment};
use crate::report_forms::{number, read_csv, sheet, shop_on};
use crate::report_support::{Told, asking_for, download, figures_of, made};
use crate::support::{TestMetrics, asking, chat};

/// Key and figure of a group's lines in JSON.
fn lines_of<'a>(report: &'a Value, by: &str, part: &str) -> Vec<(&'a str, &'a Value)> {
    let group = report["groups"].as_array().expect("groups").iter().find(|group| group["by"] == by);
    let lines = group.expect("the group")[part].as_array().expect("lines");
    lines.iter().map(|line| (line["key"].as_str().expect("a key"), &line["figures"])).collect()
}

fn above(figures: &Value, measure: &str) -> i64 {
    figures[measure]["numerator"].as_i64().expect("a whole number")
}

/// Twenty-four products in five weeks; the fifth is sold in the week before too.
async fn shop_of_many() -> TestMetrics {
    let test = TestMetrics::start().await;
    test.person("p1", "a1", Some(("t1", false))).await;
    let mut facts = Vec::new();
    for at in 0..24_i64 {
        let product = format!("sku-{at:02}");
        for (week, day) in [("now", "2020-05-13"), ("before", "2020-05-06")] {
            if week == "before" && at % 5 != 0 {
                continue;
            }
            let (id, time) = (format!("{week}-{at}"), format!("{day}T10:{:02}:00", at * 2));
            facts.push(fact(&format!("o-{id}"), &time, order(&[&product])));
            let paid = payment(&format!("o-{id}"), 1_000 + (at * 7) % 24);
            facts.push(fact(&format!("p-{id}"), &format!("{day}T10:{:02}:00", at * 2 + 1), paid));
        }
    }
    // The order hasn't come in.
    facts.push(fact("p-lost", "2020-05-13T12:00:00", payment("o-lost", 5)));
    test.send(vec![chat("c1", "a1", "b-1", "2020-05-13T09:59:00", &["0 C", "9 A"])]).await;
    test.send_facts(facts).await;
    test.counted().await;
    test
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_products_stand_by_name_and_the_rest_adds_up_to_the_total() {
    let test = shop_of_many().await;
    let shop = (pb::ReportSubjectKind::Shop, "star");
    let report = made(&test, asking_for(pb::ReportKind::Weekly, shop, "2020-05-13")).await;
    let json: Value = serde_json::from_slice(&download(&test, &report.report_id, pb::ReportForm::Json).await)
        .expect("is JSON");
    let figures = test.figures(asking(pb::Group::Product, "2020-05-11", "2020-05-17")).await;
    let api: BTreeMap<String, BTreeMap<String, Told>> =
        figures.iter().map(|row| (row.key.clone(), figures_of(row))).collect();
    assert_eq!(api.len(), 25);
    let mut ranked: Vec<&String> = api.keys().filter(|key| !key.is_empty()).collect();
    ranked.sort_by_key(|key| std::cmp::Reverse(api[*key]["PAID_AMOUNT"].above));
    let named: Vec<&str> = lines_of(&json, "product", "now").iter().map(|(key, _)| *key).collect();
    let expected: Vec<&str> = ranked.iter().take(20).map(|key| key.as_str()).chain([""]).collect();
    assert_eq!(named, expected);
    let product = json["groups"].as_array().expect("groups").iter().find(|group| group["by"] == "product");
    let rest = &product.expect("the group")["rest"];
    assert_eq!(rest["count"], 4);
    for part in ["now", "previous"] {
        let whole = if part == "now" { &json["whole"] } else { &json["previous"] };
        for measure in ["PAID_AMOUNT", "ORDERED_AMOUNT", "ORDERED_UNITS", "NET_AMOUNT", "CART_AMOUNT"] {
            let named: i64 =
                lines_of(&json, "product", part).iter().map(|(_, line)| above(line, measure)).sum();
            let all = named + above(&rest[part]["figures"], measure);
            assert_eq!(all, above(&whole["figures"], measure), "{part} {measure}");
        }
    }
    let left = ranked[20..].iter().map(|key| api[*key]["PAID_AMOUNT"].above).sum::<i64>();
    assert_eq!(above(&rest["now"]["figures"], "PAID_AMOUNT"), left);
    assert!(
        above(&rest["previous"]["figures"], "ORDERS") + lines_of(&json, "product", "previous").len() as i64
            > 0
    );

    // The other forms say the same of the rest.
    let (csv, _) = read_csv(&download(&test, &report.report_id, pb::ReportForm::Csv).await);
    let key = |section: &str, day: &str| {
        (section.to_owned(), String::new(), day.to_owned(), "PAID_AMOUNT".to_owned())
    };
    assert_eq!(csv[&key("product_rest", "2020-05-11")].above, left);
    let before = above(&rest["previous"]["figures"], "PAID_AMOUNT");
    assert_eq!(csv[&key("product_rest_previous", "2020-05-04")].above, before);
    let book = download(&test, &report.report_id, pb::ReportForm::Xlsx).await;
    let mut book = Xlsx::new(Cursor::new(book)).expect("is a workbook");
    let rows = sheet(&mut book, "By product");
    let column = rows[0].iter().position(|cell| *cell == "Paid amount (CNY)").expect("a column");
    let of = |name: &str| {
        let row = rows.iter().find(|row| row[0] == name).unwrap_or_else(|| panic!("no {name}"));
        number(row.get(column))
    };
    assert_eq!(of("All others (4)"), Some(left as f64 / 100.0));
    assert_eq!(of("Total"), Some(above(&json["whole"]["figures"], "PAID_AMOUNT") as f64 / 100.0));
    assert!(!rows.iter().any(|row| ["Mean", "Median"].contains(&row[0].to_string().as_str())));
    let page =
        String::from_utf8(download(&test, &report.report_id, pb::ReportForm::Html).await).expect("is text");
    assert!(page.contains("All others (4)"));
}

fn state(number: i32) -> &'static str {
    match pb::FigureState::try_from(number).expect("a state") {
        pb::FigureState::Unspecified => "",
        pb::FigureState::Provisional => "provisional",
        pb::FigureState::Final => "final",
        pb::FigureState::Restated => "restated",
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn conversions_and_refunds_have_the_states_of_their_own_windows() {
    let test = shop_on("2020-05-18").await;
    for day in 11..=17 {
        test.close(&format!("2020-05-{day}")).await;
    }
    // The usual four days are over, the fifteen of refunds aren't.
    test.clock.set("2020-05-23T10:00:00+08:00");
    let merchant = (pb::ReportSubjectKind::Merchant, "");
    let report = made(&test, asking_for(pb::ReportKind::Weekly, merchant, "2020-05-13")).await;
    let row = test.figures(asking(pb::Group::Merchant, "2020-05-11", "2020-05-17")).await.remove(0);
    assert_ne!(row.state, row.refund_state, "windows differ");
    assert_eq!(
        (report.figure_state, report.conversion_state, report.refund_state),
        (row.state, row.conversion_state, row.refund_state)
    );
    let (usual, conversion, refund) =
        (state(row.state), state(row.conversion_state), state(row.refund_state));
    let json: Value = serde_json::from_slice(&download(&test, &report.report_id, pb::ReportForm::Json).await)
        .expect("is JSON");
    let whole = &json["whole"];
    assert_eq!((&whole["state"], &whole["refund_state"]), (&usual.into(), &refund.into()));
    let windows = [("PAID_AMOUNT", usual), ("PAYMENT_CONVERSION", conversion), ("REFUND_RATE", refund)];
    for (measure, expected) in windows {
        assert_eq!(whole["figures"][measure]["state"], expected, "{measure}");
    }
    let csv = download(&test, &report.report_id, pb::ReportForm::Csv).await;
    let mut told = BTreeMap::new();
    for line in csv::Reader::from_reader(csv.as_slice()).records() {
        let line = line.expect("a line");
        if line[0] == *"whole" {
            told.insert(line[6].to_owned(), line[15].to_owned());
        }
    }
    let words = |state: &str| match state {
        "final" => "Final",
        "restated" => "Restated",
        _ => "Provisional",
    };
    let book = download(&test, &report.report_id, pb::ReportForm::Xlsx).await;
    let mut book = Xlsx::new(Cursor::new(book)).expect("is a workbook");
    let rows = sheet(&mut book, "Figures compared");
    let names = ["Paid amount (CNY)", "Inquiry to payment", "Refund rate"];
    for ((measure, expected), name) in windows.into_iter().zip(names) {
        assert_eq!(told[measure], expected, "{measure}");
        let row = rows.iter().find(|row| row[0] == name).expect("a row");
        assert_eq!(row[6].to_string(), words(expected), "{measure}");
    }
    let page =
        String::from_utf8(download(&test, &report.report_id, pb::ReportForm::Html).await).expect("is text");
    let told = format!(
        "Conversations and payments: {} · Conversions and carts: {} · Refunds: {}",
        words(usual),
        words(conversion),
        words(refund)
    );
    assert!(page.contains(&told), "{told}");
}
