//! A document for tests of the forms.

use chrono::NaiveDate;

use crate::domain::any_measure::AnyMeasure;
use crate::domain::bucket;
use crate::domain::explanation::{Measure, Unit};
use crate::domain::figure::{DayRange, Figures};
use crate::domain::judgement::judge;
use crate::domain::money::Currency;
use crate::domain::report::document::{
    Contributor, Document, FORMAT, FactorRemedies, Group, Line, RemedyLine, Rest, SalesChange, TargetLine,
    Verdict, Version, Worse,
};
use crate::domain::slice::Aspect;
use crate::domain::trade_measure::TradeMeasure;

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

/// A line whose figures are all different and grow with `scale`.
pub fn line(key: &str, name: &str, days: DayRange, scale: i64) -> Line {
    let mut line = Line::of(&Figures::nothing(key.to_owned(), name.to_owned(), days));
    for (at, measure) in (1_i64..).zip(AnyMeasure::all()) {
        let figure = line.figures.get_mut(measure.name()).expect("every figure");
        figure.above = scale * (10 + at);
        match measure.unit() {
            Unit::Count => {
                if measure.name().ends_with("AMOUNT") {
                    figure.above = scale * (123_456 + at);
                }
            }
            Unit::Rate => figure.below = scale * (12 + at) + 1,
            Unit::Milliseconds => {
                (figure.above, figure.below) = (scale * (45_000 + at), scale + 1);
                figure.median = Some(bucket::of(21_000));
                figure.p90 = Some(bucket::of(65_000));
            }
        }
        if measure == AnyMeasure::from(TradeMeasure::AverageOrderValue) {
            (figure.above, figure.below) = (scale * 123_456, scale + 3);
        }
    }
    line
}

/// The two largest products, what has no product, and four others.
fn products(week: DayRange, before: DayRange) -> Group {
    let slice = |key: &str, name: &str, days: DayRange, scale: i64| {
        let mut line = line(key, name, days, scale);
        let sliced = |name: &str| match AnyMeasure::by_name(name) {
            Some(AnyMeasure::Timelines(measure)) => measure.is_sliced_by(Aspect::Product),
            _ => false,
        };
        line.figures.retain(|name, _| sliced(name));
        line
    };
    let lines = |days: DayRange, scale: i64| {
        let named = [("sku-2", "=星星杯", 9), ("sku-1", "月亮灯", 5), ("", "", 1)];
        named.map(|(key, name, more)| slice(key, name, days, scale + more)).to_vec()
    };
    let rest = Rest { count: 4, now: slice("", "", week, 3), previous: slice("", "", before, 2) };
    Group { by: "product".to_owned(), now: lines(week, 2), previous: lines(before, 1), rest: Some(rest) }
}

/// A week of a team with three people.
pub fn document() -> Document {
    let week = DayRange { from: day("2026-11-09"), to: day("2026-11-15") };
    let before = DayRange { from: day("2026-11-02"), to: day("2026-11-08") };
    let year = DayRange { from: day("2025-11-10"), to: day("2025-11-16") };
    let people = |scale, days| {
        let person = |(at, name): (i64, &str)| line(&format!("p{at}"), name, days, scale + at);
        [(1, "张小燕"), (2, "李娜"), (3, "<script>alert(1)</script>")].map(person).to_vec()
    };
    let course = week.from.iter_days().take(7).zip(3..);
    Document {
        format: FORMAT,
        kind: "weekly".to_owned(),
        subject_kind: "team".to_owned(),
        subject_id: "t/1".to_owned(),
        subject_name: "售前一组".to_owned(),
        days: week.into(),
        known_on: None,
        made_at: "2026-11-16T00:00:00Z".parse().expect("an instant"),
        currency: Currency { code: "CNY".to_owned(), decimals: 2 },
        definition_id: "standard".to_owned(),
        versions: vec![Version { version: 1, name: "standard".to_owned(), days: week.into() }],
        whole: line("", "", week, 40),
        previous: line("", "", before, 37),
        last_year: Line::of(&Figures::nothing(String::new(), String::new(), year)),
        course_step: "day".to_owned(),
        course: course
            .map(|(day, scale)| line("", "", DayRange { from: day, to: day }, scale * scale % 11 + 2))
            .collect(),
        groups: vec![
            Group { by: "person".to_owned(), now: people(3, week), previous: people(2, before), rest: None },
            products(week, before),
        ],
        sales: Some(SalesChange {
            before_minor: 100_000,
            now_minor: 120_001,
            receptions_minor: 15_000,
            conversion_minor: 10_001,
            order_value_minor: -5_000,
        }),
        sales_remedies: vec![FactorRemedies {
            factor: "order_value".to_owned(),
            remedies: vec![RemedyLine {
                cause: "连带率下降".to_owned(),
                text: "推荐搭配".to_owned(),
                owner: 5,
                department: String::new(),
            }],
        }],
        worse: vec![Worse {
            measure: Measure::Response.name().to_owned(),
            verdict: Some(Verdict::of(&judge(9.0, &[1.0, 2.0, 3.0, 4.0, 5.0]))),
            hours: vec![Contributor {
                key: "21".to_owned(),
                name: String::new(),
                effect_billionths: 1_500_000_000,
            }],
            products: Vec::new(),
            people: vec![Contributor {
                key: "p2".to_owned(),
                name: "李娜".to_owned(),
                effect_billionths: 2_500_000_000,
            }],
            remedies: vec![RemedyLine {
                cause: "高峰时段人手不足".to_owned(),
                text: "按小时咨询量排班".to_owned(),
                owner: 5,
                department: String::new(),
            }],
        }],
        targets: vec![TargetLine {
            id: "november".to_owned(),
            name: "十一月销售目标".to_owned(),
            days: DayRange { from: day("2026-11-01"), to: day("2026-11-30") }.into(),
            through: day("2026-11-15"),
            measure: TradeMeasure::PaidAmount.name().to_owned(),
            wanted: 10_000_000,
            wanted_to_date: 5_000_000,
            actual: (4_500_000, 0),
            attainment_to_date_millionths: Some(900_000),
            attainment_millionths: Some(450_000),
            forecast: Some(9_000_000),
        }],
    }
}
