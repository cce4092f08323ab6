//! Every number of every form of a report is the one that the API gives.

use std::collections::BTreeMap;
use std::io::Cursor;

use calamine::{Data, Reader, Xlsx};
use proto::metrics::v1 as pb;
use proto::metrics::v1::fact::Body;
use serde_json::Value;

use crate::fact_support::{fact, order, payment, refund, review, yuan};
use crate::report_support::{Told, asking_for, download, figures_of, made};
use crate::support::{TestMetrics, asking, chat, days};

/// Shop, previous week and this week: two people of a team, one of another, sales that are nobody's.
async fn shop() -> TestMetrics {
    shop_on("2020-06-30").await
}

/// The same, all of which came in on a day.
pub async fn shop_on(day: &str) -> TestMetrics {
    let test = TestMetrics::start().await;
    test.clock.set(&format!("{day}T10:00:00+08:00"));
    test.person("p1", "a1", Some(("t1", false))).await;
    test.person("p2", "a2", Some(("t1", false))).await;
    test.person("p3", "a3", Some(("t2", false))).await;
    let mut chats = Vec::new();
    let mut facts = Vec::new();
    for (at, (day, account, answer)) in [
        ("2020-05-05", "a1", "12 A"),
        ("2020-05-06", "a2", "45 Q"),
        ("2020-05-12", "a1", "31 A"),
        ("2020-05-12", "a2", "250 A"),
        ("2020-05-13", "a3", "8 A"),
        ("2020-05-14", "a1", "75 A"),
        ("2020-05-14", "a1", "3 B"),
    ]
    .into_iter()
    .enumerate()
    {
        let customer = format!("b-{}", at % 4);
        let mut conversation = chat(
            &format!("c{at}"),
            account,
            &customer,
            &format!("{day}T10:0{at}:00"),
            &["0 C", answer, "300 C", "333 A"],
        );
        conversation.satisfied = Some(at % 3 != 0);
        conversation.completed = Some(at % 2 == 0);
        chats.push(conversation);
        let of = |id: String, time: &str, body: Body| pb::Fact {
            customer_id: customer.clone(),
            ..fact(&id, &format!("{day}T{time}"), body)
        };
        let products: Vec<&str> = ["x", "y", "z"].into_iter().take(at % 3 + 1).collect();
        facts.push(of(format!("o{at}"), "11:00:00", order(&products)));
        if at % 3 != 1 {
            facts.push(of(format!("pay{at}"), "11:05:00", payment(&format!("o{at}"), 9_999 + at as i64)));
        }
        if at % 4 == 2 {
            let done = format!("{day}T18:00:00");
            let kind = pb::RefundKind::Return;
            facts.push(of(format!("r{at}"), "15:00:00", refund(&format!("o{at}"), 1_234, kind, Some(&done))));
        }
        let rating = if at % 2 == 0 { pb::ReviewRating::Good } else { pb::ReviewRating::Bad };
        facts.push(of(format!("v{at}"), "20:00:00", review(&format!("o{at}"), rating, "")));
        let score = |score| {
            Body::StoreRating(pb::StoreRating {
                order_id: format!("o{at}"),
                item_score: score,
                service_score: score - 1,
                delivery_score: score - 2,
            })
        };
        facts.push(of(format!("s{at}"), "20:01:00", score(5 - (at % 2) as i32)));
    }
    // Of a customer whom nobody received.
    let silent =
        |id: &str, time: &str, body| pb::Fact { customer_id: "silent".to_owned(), ..fact(id, time, body) };
    facts.push(silent("so", "2020-05-13T09:00:00", order(&["x"])));
    facts.push(silent("sp", "2020-05-13T09:01:00", payment("so", 777)));
    facts.push(silent(
        "k",
        "2020-05-13T12:00:00",
        Body::Complaint(pb::Complaint {
            order_id: "so".to_owned(),
            severity: pb::ComplaintSeverity::Ordinary.into(),
            ..Default::default()
        }),
    ));
    assert_eq!(yuan(777).expect("money").units, 7);
    test.send(chats).await;
    test.send_facts(facts).await;
    test.counted().await;
    test
}

/// What slices of sales have.
const SLICED: [&str; 19] = [
    "ORDERING_BUYERS",
    "PAYING_BUYERS",
    "ORDERS",
    "PAID_ORDERS",
    "ORDERED_AMOUNT",
    "PAID_AMOUNT",
    "REFUNDED_AMOUNT",
    "NET_AMOUNT",
    "AVERAGE_ORDER_VALUE",
    "REFUND_RATE",
    "RETURN_RATE",
    "COMPLETED_REFUNDS",
    "COMPLETED_REFUND_AMOUNT",
    "ORDERED_UNITS",
    "CARTS",
    "CART_AMOUNT",
    "CARTS_LEFT",
    "CART_LEFT_AMOUNT",
    "CART_PURCHASE_RATE",
];
const SLICES: [(&str, pb::Group); 2] = [("product", pb::Group::Product), ("category", pb::Group::Category)];

/// Section, key, first day, measure: what the API says.
pub type Figures = BTreeMap<(String, String, String, String), Told>;

async fn expected(test: &TestMetrics, filter: &pb::Filter, groups: &[(&str, pb::Group)]) -> Figures {
    let week = ("2020-05-11", "2020-05-17");
    let before = ("2020-05-04", "2020-05-10");
    let year = ("2019-05-13", "2019-05-19");
    let mut figures = Figures::new();
    let mut take = async |section: &str, group, (from, to): (&str, &str), step: pb::Step| {
        let message = pb::GetFiguresRequest {
            filter: Some(filter.clone()),
            step: step.into(),
            ..asking(group, from, to)
        };
        for row in test.figures(message).await {
            let day = row.from.expect("a day");
            let day = format!("{:04}-{:02}-{:02}", day.year, day.month, day.day);
            let sliced = SLICES.iter().any(|(_, sliced)| *sliced == group);
            let has = |measure: &str| !sliced || SLICED.contains(&measure);
            for (measure, told) in figures_of(&row).into_iter().filter(|(measure, _)| has(measure)) {
                figures.insert((section.to_owned(), row.key.clone(), day.clone(), measure), told);
            }
        }
    };
    take("whole", pb::Group::Merchant, week, pb::Step::Whole).await;
    take("previous", pb::Group::Merchant, before, pb::Step::Whole).await;
    take("last_year", pb::Group::Merchant, year, pb::Step::Whole).await;
    take("course", pb::Group::Merchant, week, pb::Step::Day).await;
    for (name, group) in groups.iter().chain(SLICES.iter().filter(|_| filter.person_ids.is_empty())) {
        take(name, *group, week, pb::Step::Whole).await;
        take(&format!("{name}_previous"), *group, before, pb::Step::Whole).await;
    }
    figures
}

const NOTHING: Told = Told { above: 0, below: 0, value: None, median: None, p90: None };

fn same(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() < 1e-9,
        (a, b) => a == b,
    }
}

/// A count of nothing is 0 and a quotient of nothing nothing, whether or not there is a row.
fn agrees(told: &Told, expected: Option<&Told>) -> bool {
    let expected = expected.copied().unwrap_or(NOTHING);
    let value = if expected == NOTHING { told.value.filter(|value| *value != 0.0) } else { told.value };
    (told.above, told.below) == (expected.above, expected.below)
        && same(value, expected.value.filter(|value| expected != NOTHING || *value != 0.0))
        && same(told.median, expected.median)
        && same(told.p90, expected.p90)
}

fn check(form: &str, told: &Figures, expected: &Figures) {
    for (key, figure) in told {
        assert!(agrees(figure, expected.get(key)), "{form} {key:?}: {figure:?}, API {:?}", expected.get(key));
    }
    for (key, figure) in expected {
        assert!(told.contains_key(key), "{form} lacks {key:?} {figure:?}");
    }
}

/// Gives the labels of figures too.
pub fn read_csv(bytes: &[u8]) -> (Figures, BTreeMap<String, String>) {
    let (mut figures, mut labels) = (Figures::new(), BTreeMap::new());
    for line in csv::Reader::from_reader(bytes).records() {
        let line = line.expect("every line has as many fields");
        if line[10].is_empty() {
            continue;
        }
        labels.insert(line[6].to_owned(), line[7].to_owned());
        let number = |at: usize| (!line[at].is_empty()).then(|| line[at].parse::<f64>().expect("a number"));
        let told = Told {
            above: line[10].parse().expect("a whole number"),
            below: line[11].parse().expect("a whole number"),
            value: number(9),
            median: number(12),
            p90: number(13),
        };
        let key = [0, 1, 3, 6].map(|at| line[at].to_owned());
        let [section, id, day, measure] = key;
        figures.insert((section, id, day, measure), told);
    }
    (figures, labels)
}

fn read_json(bytes: &[u8]) -> Figures {
    let report: Value = serde_json::from_slice(bytes).expect("is JSON");
    let mut figures = Figures::new();
    let mut take = |section: &str, line: &Value| {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        for (measure, figure) in line["figures"].as_object().expect("figures") {
            let value = &figure["value"];
            let value = value.as_f64().or_else(|| value.as_str().map(|text| text.parse().expect("a number")));
            let told = Told {
                above: figure["numerator"].as_i64().expect("a whole number"),
                below: figure["denominator"].as_i64().expect("a whole number"),
                value,
                median: figure["median_seconds"].as_f64(),
                p90: figure["p90_seconds"].as_f64(),
            };
            let key = (section.to_owned(), text(&line["key"]), text(&line["days"]["from"]), measure.clone());
            figures.insert(key, told);
        }
    };
    for section in ["whole", "previous", "last_year"] {
        take(section, &report[section]);
    }
    report["course"].as_array().expect("a course").iter().for_each(|line| take("course", line));
    for group in report["groups"].as_array().expect("groups") {
        let by = group["by"].as_str().expect("a name");
        group["now"].as_array().expect("lines").iter().for_each(|line| take(by, line));
        let before = format!("{by}_previous");
        group["previous"].as_array().expect("lines").iter().for_each(|line| take(&before, line));
    }
    figures
}

/// A sheet as rows of cells.
pub fn sheet(book: &mut Xlsx<Cursor<Vec<u8>>>, title: &str) -> Vec<Vec<Data>> {
    let range = book.worksheet_range(title).unwrap_or_else(|why| panic!("{title}: {why}"));
    range.rows().map(<[Data]>::to_vec).collect()
}

pub fn number(cell: Option<&Data>) -> Option<f64> {
    match cell {
        None | Some(Data::Empty) => None,
        Some(Data::Float(number)) => Some(*number),
        Some(Data::Int(number)) => Some(*number as f64),
        Some(other) => panic!("{other:?} is no number"),
    }
}

/// The measure of a heading such as `Paid amount (CNY)`.
fn measure_of<'a>(labels: &'a BTreeMap<String, String>, heading: &str) -> &'a str {
    let bare = heading.rsplit_once(" (").map_or(heading, |(bare, _)| bare);
    let found = labels.iter().find(|(_, label)| *label == heading || *label == bare);
    found.unwrap_or_else(|| panic!("{heading} is no figure")).0
}

fn check_workbook(bytes: Vec<u8>, expected: &Figures, labels: &BTreeMap<String, String>) -> usize {
    let mut book = Xlsx::new(Cursor::new(bytes)).expect("is a workbook");
    let mut checked = 0;
    let mut compare = |section: &str, key: &str, day: &str, measure: &str, shown: Option<f64>| {
        let key = (section.to_owned(), key.to_owned(), day.to_owned(), measure.to_owned());
        let api = expected.get(&key).and_then(|told| told.value);
        assert!(
            same(shown.filter(|v| *v != 0.0), api.filter(|v| *v != 0.0)),
            "{key:?}: {shown:?}, API {api:?}"
        );
        checked += usize::from(api.is_some_and(|value| value != 0.0));
    };
    for row in sheet(&mut book, "Figures compared").into_iter().skip(1) {
        if row.iter().skip(1).all(|cell| *cell == Data::Empty) {
            continue;
        }
        let measure = measure_of(labels, &row[0].to_string()).to_owned();
        compare("whole", "", "2020-05-11", &measure, number(row.get(1)));
        compare("previous", "", "2020-05-04", &measure, number(row.get(2)));
        compare("last_year", "", "2019-05-13", &measure, number(row.get(4)));
    }
    for (title, section, ids) in [
        (
            "By person",
            "person",
            [("p1某", "p1"), ("p2某", "p2"), ("p3某", "p3"), ("Nobody's", "")].as_slice(),
        ),
        ("By team", "team", [("t1组", "t1"), ("t2组", "t2"), ("Nobody's", "")].as_slice()),
        (
            "By product",
            "product",
            [("title of x", "x"), ("title of y", "y"), ("title of z", "z"), ("No known product", "")]
                .as_slice(),
        ),
        ("By category", "category", [("knitwear", "knitwear"), ("No category", "")].as_slice()),
        ("By day", "course", [].as_slice()),
    ] {
        let rows = sheet(&mut book, title);
        let (heading, rows) = rows.split_first().expect("a heading");
        for row in rows {
            let name = row[0].to_string();
            let (section, key, day) = match (section, name.as_str()) {
                (_, "Total") => ("whole", "", "2020-05-11".to_owned()),
                (_, "Mean" | "Median") => continue,
                ("course", day) => ("course", "", format!("2020-{day}")),
                (section, name) => {
                    let (_, id) = ids.iter().find(|(known, _)| *known == name).expect("a known name");
                    (section, *id, "2020-05-11".to_owned())
                }
            };
            for (heading, cell) in heading.iter().zip(row).skip(1) {
                let measure = measure_of(labels, &heading.to_string()).to_owned();
                compare(section, key, &day, &measure, number(Some(cell)));
            }
        }
    }
    checked
}

/// What stands between tags.
fn text(html: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for c in html.chars() {
        match c {
            '<' => inside = true,
            '>' => inside = false,
            c if !inside => text.push(c),
            _ => {}
        }
    }
    text
}

fn attribute<'a>(html: &'a str, name: &str) -> Option<&'a str> {
    html.split(&format!("{name}=\"")).nth(1)?.split('"').next()
}

/// A number as it is shown, and how far the exact one may be from it.
fn shown(cell: &str) -> Option<(f64, f64)> {
    let cell = cell.trim();
    if cell.is_empty() || cell == "–" {
        return None;
    }
    let bare = cell.trim_end_matches('%').replace(',', "");
    let decimals = bare.split_once('.').map_or(0, |(_, parts)| parts.len());
    let scale = if cell.ends_with('%') { 100.0 } else { 1.0 };
    let number: f64 = bare.parse().unwrap_or_else(|_| panic!("{cell} is no number"));
    let half = if decimals == 0 { 0.0 } else { 0.5 * 0.1_f64.powi(decimals as i32) };
    Some((number / scale, half / scale + 1e-9))
}

fn check_page(page: &str, expected: &Figures) -> usize {
    let mut checked = 0;
    let mut compare = |key: (&str, &str, &str, &str), cell: &str| {
        let (section, id, day, measure) = key;
        let api = expected.get(&(section.to_owned(), id.to_owned(), day.to_owned(), measure.to_owned()));
        let api = api.and_then(|told| told.value).filter(|value| *value != 0.0);
        match (shown(cell).filter(|(number, _)| *number != 0.0), api) {
            (Some((number, off)), Some(api)) => {
                assert!((number - api).abs() <= off, "{key:?}: {cell}, API {api}");
                checked += 1;
            }
            (None, Some(api)) => assert!(api.abs() < 0.05, "{key:?}: {cell}, API {api}"),
            (Some(_), None) => panic!("{key:?}: {cell}, API nothing"),
            (None, None) => {}
        }
    };
    let table = |id: &str| {
        let from = page.find(&format!("<table id=\"{id}\">")).unwrap_or_else(|| panic!("no table {id}"));
        page[from..].split("</table>").next().expect("its end")
    };
    for row in table("summary").split("<tr").skip(2).filter(|row| !row.contains("colspan")) {
        let measure = attribute(row, "data-key").expect("a measure");
        let cells: Vec<String> = row.split("<td").skip(1).map(|cell| text(&format!("<td{cell}"))).collect();
        compare(("whole", "", "2020-05-11", measure), &cells[0]);
        compare(("previous", "", "2020-05-04", measure), &cells[1]);
        compare(("last_year", "", "2019-05-13", measure), &cells[3]);
    }
    for id in ["person", "team", "product", "category", "course"] {
        let table = table(id);
        let measures: Vec<&str> = table
            .split("<th scope=\"col\"")
            .skip(1)
            .filter_map(|head| attribute(head.split('>').next()?, "data-measure"))
            .collect();
        for row in table.split("<tr").skip(2) {
            let key = attribute(row, "data-key").expect("a key");
            let at = match (id, key) {
                (_, "mean" | "median") => continue,
                (_, "total") => ("whole", "", "2020-05-11"),
                ("course", day) => ("course", "", day),
                (id, key) => (id, key, "2020-05-11"),
            };
            let cells: Vec<String> =
                row.split("<td").skip(1).map(|cell| text(&format!("<td{cell}"))).collect();
            assert_eq!(cells.len(), measures.len());
            for (measure, cell) in measures.iter().zip(&cells) {
                compare((at.0, at.1, at.2, measure), cell);
            }
        }
    }
    checked
}

#[tokio::test(flavor = "multi_thread")]
async fn every_number_of_every_form_is_that_of_the_figures() {
    let test = shop().await;
    let merchant = (pb::ReportSubjectKind::Merchant, "");
    let report = made(&test, asking_for(pb::ReportKind::Weekly, merchant, "2020-05-13")).await;
    assert_eq!(report.days, days("2020-05-11", "2020-05-17"));
    let groups = [("person", pb::Group::Person), ("team", pb::Group::Team), ("shop", pb::Group::Shop)];
    let expected = expected(&test, &pb::Filter::default(), &groups).await;
    let id = &report.report_id;
    let (told, labels) = read_csv(&download(&test, id, pb::ReportForm::Csv).await);
    check("CSV", &told, &expected);
    check("JSON", &read_json(&download(&test, id, pb::ReportForm::Json).await), &expected);
    let book = download(&test, id, pb::ReportForm::Xlsx).await;
    assert!(check_workbook(book, &expected, &labels) > 300);
    let page = String::from_utf8(download(&test, id, pb::ReportForm::Html).await).expect("is text");
    assert!(check_page(&page, &expected) > 120);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persons_and_a_teams_report_have_their_figures() {
    let test = shop().await;
    for (subject, filter, groups) in [
        (
            (pb::ReportSubjectKind::Person, "p1"),
            pb::Filter { person_ids: vec!["p1".to_owned()], ..Default::default() },
            [].as_slice(),
        ),
        (
            (pb::ReportSubjectKind::Team, "t1"),
            pb::Filter { team_ids: vec!["t1".to_owned()], ..Default::default() },
            [("person", pb::Group::Person)].as_slice(),
        ),
        (
            (pb::ReportSubjectKind::Shop, "star"),
            pb::Filter { shop_ids: vec!["star".to_owned()], ..Default::default() },
            [("person", pb::Group::Person), ("team", pb::Group::Team)].as_slice(),
        ),
    ] {
        let report = made(&test, asking_for(pb::ReportKind::Weekly, subject, "2020-05-13")).await;
        let expected = expected(&test, &filter, groups).await;
        assert!(expected.len() > 200);
        check("CSV", &read_csv(&download(&test, &report.report_id, pb::ReportForm::Csv).await).0, &expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_as_known_on_a_day_has_what_was_known_then() {
    let test = shop().await;
    // What came in now is known today; at the end of yesterday nothing was.
    let merchant = (pb::ReportSubjectKind::Merchant, "");
    let message = pb::CreateReportRequest {
        known_on: Some(crate::support::date("2020-06-29")),
        ..asking_for(pb::ReportKind::Weekly, merchant, "2020-05-13")
    };
    let report = made(&test, message).await;
    assert_eq!(report.known_on, Some(crate::support::date("2020-06-29")));
    let (told, _) = read_csv(&download(&test, &report.report_id, pb::ReportForm::Csv).await);
    let whole = told.iter().filter(|((section, ..), _)| section == "whole");
    assert!(whole.clone().count() > 50 && whole.into_iter().all(|(_, told)| told.above == 0));
}
