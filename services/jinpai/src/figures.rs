//! `jinpai figures`: what agents, teams and shops achieved.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use prost_reflect::{DescriptorPool, DynamicMessage};
use proto::common::v1::Rate;
use proto::metrics::v1::metrics_service_client::MetricsServiceClient;
use proto::metrics::v1::{Figures, Filter, GetFiguresRequest, GetFiguresResponse, Group, Step, Times};

use crate::days::{Days, day};
use crate::session::{Session, explain};

/// What to show.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// The days.
    #[command(flatten)]
    pub days: Days,
    /// What to add up by.
    #[arg(long, value_enum, default_value_t = By::Person)]
    pub by: By,
    /// How to cut the days into rows.
    #[arg(long, value_enum, default_value_t = Each::Whole)]
    pub each: Each,
    /// Only this platform account (repeatable).
    #[arg(long)]
    pub account: Vec<String>,
    /// Only this person (repeatable).
    #[arg(long)]
    pub person: Vec<String>,
    /// Only this team (repeatable).
    #[arg(long)]
    pub team: Vec<String>,
    /// Only this shop (repeatable).
    #[arg(long)]
    pub shop: Vec<String>,
}

/// A group on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[expect(missing_docs, reason = "the names say it; the proto's Group documents them")]
pub enum By {
    Account,
    Person,
    Team,
    Shop,
    Merchant,
}

/// A step on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[expect(missing_docs, reason = "the names say it; the proto's Step documents them")]
pub enum Each {
    Whole,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

/// All rows, page after page; the definition comes with the first.
pub async fn fetch(session: &Session, options: &Options) -> Result<GetFiguresResponse> {
    let mut metrics = MetricsServiceClient::new(session.channel());
    let mut request = request(options);
    let mut all = GetFiguresResponse::default();
    loop {
        let page = metrics.get_figures(request.clone()).await;
        let page = page.map_err(|s| explain(&s, "the figures can't be had"))?.into_inner();
        all.definition = all.definition.or(page.definition);
        all.figures.extend(page.figures);
        if page.next_page_token.is_empty() {
            return Ok(all);
        }
        request.page_token = page.next_page_token;
    }
}

fn request(options: &Options) -> GetFiguresRequest {
    let group = match options.by {
        By::Account => Group::Account,
        By::Person => Group::Person,
        By::Team => Group::Team,
        By::Shop => Group::Shop,
        By::Merchant => Group::Merchant,
    };
    let step = match options.each {
        Each::Whole => Step::Whole,
        Each::Day => Step::Day,
        Each::Week => Step::Week,
        Each::Month => Step::Month,
        Each::Quarter => Step::Quarter,
        Each::Year => Step::Year,
    };
    GetFiguresRequest {
        days: Some(options.days.range()),
        group: group.into(),
        step: step.into(),
        filter: Some(Filter {
            account_ids: options.account.clone(),
            person_ids: options.person.clone(),
            team_ids: options.team.clone(),
            shop_ids: options.shop.clone(),
            ..Filter::default()
        }),
        page_size: 500,
        ..GetFiguresRequest::default()
    }
}

/// The rows as JSON, field for field as the gateway gives them.
pub fn json(answer: &GetFiguresResponse) -> Result<serde_json::Value> {
    let pool = DescriptorPool::decode(proto::DESCRIPTOR_SET).context("the descriptor set")?;
    let descriptor =
        pool.get_message_by_name("jinpai.metrics.v1.GetFiguresResponse").context("no such message")?;
    let mut message = DynamicMessage::new(descriptor);
    message.transcode_from(answer)?;
    Ok(serde_json::to_value(message)?)
}

/// The rows for people.
pub fn table(answer: &GetFiguresResponse) -> Result<String> {
    let mut rows = vec![
        [
            "who",
            "days",
            "chats",
            "customers",
            "replies",
            "answered",
            "first s",
            "avg s",
            "median s",
            "p90 s",
            "long",
            "satisfied",
        ]
        .map(str::to_owned),
    ];
    for figures in &answer.figures {
        rows.push(row(figures)?);
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

fn row(figures: &Figures) -> Result<[String; 12]> {
    let who = match (figures.name.as_str(), figures.key.as_str()) {
        ("", "") => "—".to_owned(),
        ("", key) => key.to_owned(),
        (name, key) => format!("{name} ({key})"),
    };
    let (from, to) = (day(figures.from)?, day(figures.to)?);
    let days = if from == to { from.to_string() } else { format!("{from} – {to}") };
    let response = figures.response.unwrap_or_default();
    let first = figures.first_response.unwrap_or_default();
    Ok([
        who,
        if figures.provisional { format!("{days} *") } else { days },
        figures.conversations.to_string(),
        figures.received_customers.to_string(),
        figures.replies.to_string(),
        percent(figures.reply_rate.as_ref()),
        seconds(&first, |times| times.average_seconds),
        seconds(&response, |times| times.average_seconds),
        seconds(&response, |times| times.median_seconds),
        seconds(&response, |times| times.p90_seconds),
        figures.long_chats.to_string(),
        percent(figures.satisfaction.as_ref()),
    ])
}

fn seconds(times: &Times, pick: impl Fn(&Times) -> Option<f64>) -> String {
    pick(times).map_or_else(|| "–".to_owned(), |seconds| format!("{seconds:.1}"))
}

fn percent(rate: Option<&Rate>) -> String {
    let quotient = rate.and_then(|rate| rate.quotient);
    quotient.map_or_else(|| "–".to_owned(), |quotient| format!("{:.1} %", quotient * 100.0))
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

    use super::*;

    #[test]
    fn a_table_lines_up_and_marks_what_may_grow() {
        let date = Some(Date { year: 2020, month: 5, day: 12 });
        let rate = Rate { numerator: 1, denominator: 3, quotient: Some(1.0 / 3.0) };
        let figures = Figures {
            key: "p-1".into(),
            name: "李小红".into(),
            from: date,
            to: date,
            provisional: true,
            conversations: 7,
            satisfaction: Some(rate),
            ..Figures::default()
        };
        let text =
            table(&GetFiguresResponse { figures: vec![figures], ..Default::default() }).expect("a table");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(width(lines[0]), width(lines[1]), "{text}");
        assert!(lines[1].starts_with("李小红 (p-1)  2020-05-12 *"), "{text}");
        assert!(lines[1].ends_with("33.3 %"), "{text}");
        assert!(lines[1].contains(" – "), "no time to show is no time: {text}");
    }
}
