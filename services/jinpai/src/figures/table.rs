//! Figures as a table for people.

use std::fmt::Write as _;

use anyhow::Result;
use proto::common::v1::Rate;
use proto::google::r#type::Money;
use proto::metrics::v1::{Figures, GetFiguresResponse, Times};

use crate::days::day;

/// A column after those that say whose row it is, of which days.
type Column = (&'static str, fn(&Figures) -> String);

const ACHIEVED: &[Column] = &[
    ("chats", |row| row.conversations.to_string()),
    ("customers", |row| row.received_customers.to_string()),
    ("replies", |row| row.replies.to_string()),
    ("answered", |row| percent(row.reply_rate.as_ref())),
    ("first s", |row| seconds(row.first_response.as_ref(), |times| times.average_seconds)),
    ("avg s", |row| seconds(row.response.as_ref(), |times| times.average_seconds)),
    ("median s", |row| seconds(row.response.as_ref(), |times| times.median_seconds)),
    ("p90 s", |row| seconds(row.response.as_ref(), |times| times.p90_seconds)),
    ("long", |row| row.long_chats.to_string()),
    ("satisfied", |row| percent(row.satisfaction.as_ref())),
];

/// What slices of sales have, by product and category as by hour.
const SOLD: &[Column] = &[
    ("buyers", |row| row.paying_buyers.to_string()),
    ("orders", |row| row.orders.to_string()),
    ("units", |row| row.ordered_units.to_string()),
    ("ordered", |row| amount(row.ordered_amount.as_ref())),
    ("paid orders", |row| row.paid_orders.to_string()),
    ("paid", |row| amount(row.paid_amount.as_ref())),
    ("per buyer", |row| amount(row.average_order_value.as_ref().and_then(|value| value.average.as_ref()))),
    ("refunded", |row| amount(row.refunded_amount.as_ref())),
    ("refund rate", |row| percent(row.refund_rate.as_ref())),
    ("carts", |row| row.carts.to_string()),
    ("carts left", |row| row.carts_left.to_string()),
];

/// The rows for people; `slices` shows what slices of sales have.
pub fn table(answer: &GetFiguresResponse, slices: bool) -> Result<String> {
    let columns = if slices { SOLD } else { ACHIEVED };
    let mut rows = vec![titles(columns)];
    for figures in &answer.figures {
        rows.push(row(figures, columns)?);
    }
    let widths: Vec<usize> = (0..rows[0].len())
        .map(|column| rows.iter().map(|row| width(&row[column])).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            let pad = " ".repeat(widths[column] - width(cell));
            // Names to the left, figures to the right.
            if column < 2 { write!(text, "{cell}{pad}  ")? } else { write!(text, "{pad}{cell}  ")? }
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    Ok(text)
}

fn titles(columns: &[Column]) -> Vec<String> {
    ["who", "days"].into_iter().chain(columns.iter().map(|(title, _)| *title)).map(str::to_owned).collect()
}

fn row(figures: &Figures, columns: &[Column]) -> Result<Vec<String>> {
    let who = match (figures.name.as_str(), figures.key.as_str()) {
        ("", "") => "—".to_owned(),
        ("", key) => key.to_owned(),
        (name, key) => format!("{name} ({key})"),
    };
    let (from, to) = (day(figures.from)?, day(figures.to)?);
    let days = if from == to { from.to_string() } else { format!("{from} – {to}") };
    let days = if figures.provisional { format!("{days} *") } else { days };
    Ok([who, days].into_iter().chain(columns.iter().map(|(_, cell)| cell(figures))).collect())
}

fn seconds(times: Option<&Times>, pick: impl Fn(&Times) -> Option<f64>) -> String {
    times.and_then(pick).map_or_else(|| "–".to_owned(), |seconds| format!("{seconds:.1}"))
}

fn percent(rate: Option<&Rate>) -> String {
    let quotient = rate.and_then(|rate| rate.quotient);
    quotient.map_or_else(|| "–".to_owned(), |quotient| format!("{:.1} %", quotient * 100.0))
}

/// Exact: no digit of the amount is left out, and two stand after the point at least.
fn amount(money: Option<&Money>) -> String {
    let Some(money) = money else { return "–".to_owned() };
    let sign = if money.units < 0 || money.nanos < 0 { "-" } else { "" };
    let nanos = format!("{:09}", money.nanos.unsigned_abs());
    let digits = nanos.trim_end_matches('0').len().max(2);
    format!("{sign}{}.{}", money.units.unsigned_abs(), &nanos[..digits])
}

/// Columns on a terminal: Chinese characters take two.
fn width(text: &str) -> usize {
    text.chars()
        .map(|c| {
            if ('\u{1100}'..'\u{ff61}').contains(&c) && !('\u{2010}'..'\u{2027}').contains(&c) {
                2
            } else {
                1
            }
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use proto::google::r#type::Date;
    use proto::metrics::v1::AmountPerHead;

    use super::*;

    fn lines(figures: Figures, slices: bool) -> Vec<String> {
        let date = Some(Date { year: 2020, month: 5, day: 12 });
        let figures = vec![Figures { from: date, to: date, ..figures }];
        let answer = GetFiguresResponse { figures, ..GetFiguresResponse::default() };
        let text = table(&answer, slices).expect("a table");
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(width(&lines[0]), width(&lines[1]), "{text}");
        lines
    }

    #[test]
    fn a_table_lines_up_and_marks_what_may_grow() {
        let rate = Rate { numerator: 1, denominator: 3, quotient: Some(1.0 / 3.0) };
        let figures = Figures {
            key: "p-1".into(),
            name: "李小红".into(),
            provisional: true,
            conversations: 7,
            satisfaction: Some(rate),
            ..Figures::default()
        };
        let row = &lines(figures, false)[1];
        assert!(row.starts_with("李小红 (p-1)  2020-05-12 *"), "{row}");
        assert!(row.ends_with("33.3 %"), "{row}");
        assert!(row.contains(" – "), "no time to show is no time: {row}");
    }

    #[test]
    fn slices_show_what_was_sold_to_the_last_digit() {
        let money = |units, nanos| Some(Money { currency_code: "CNY".to_owned(), units, nanos });
        let figures = Figures {
            key: "sku-1".into(),
            name: "星星杯".into(),
            ordered_units: 3,
            ordered_amount: money(1_234, 560_000_000),
            paid_amount: money(0, -50_000_000),
            average_order_value: Some(AmountPerHead {
                amount: money(7, 0),
                count: 2,
                average: money(3, 500_000_000),
            }),
            refunded_amount: money(1, 2_500_000),
            carts_left: 4,
            ..Figures::default()
        };
        let told = lines(figures, true);
        let cells: Vec<&str> = told[1].split_whitespace().collect();
        let expected = [
            "星星杯",
            "(sku-1)",
            "2020-05-12",
            "0",
            "0",
            "3",
            "1234.56",
            "0",
            "-0.05",
            "3.50",
            "1.0025",
            "–",
            "0",
            "4",
        ];
        assert_eq!(cells, expected);
        assert!(told[0].contains("units") && !told[0].contains("chats"), "{}", told[0]);
    }
}
