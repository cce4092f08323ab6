//! `jinpai figures`: what agents, teams and shops achieved.

mod table;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use prost_reflect::{DescriptorPool, DynamicMessage};
use proto::metrics::v1::metrics_service_client::MetricsServiceClient;
use proto::metrics::v1::{Filter, GetFiguresRequest, GetFiguresResponse, Group, Step};

use crate::days::Days;
use crate::session::{Session, explain};

pub use table::table;

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
    /// Only sales of this product (repeatable); "" is what is of no known product.
    #[arg(long, conflicts_with_all = ["category", "hour"])]
    pub product: Vec<String>,
    /// Only sales of this category (repeatable); "" is what has none.
    #[arg(long, conflicts_with = "hour")]
    pub category: Vec<String>,
    /// Only sales of this hour of the clock, 0 to 23 (repeatable).
    #[arg(long, value_parser = clap::value_parser!(i32).range(0..24))]
    pub hour: Vec<i32>,
}

impl Options {
    /// Everything of some days, added up by a group into one row each.
    pub fn whole(days: Days, by: By) -> Self {
        Self {
            days,
            by,
            each: Each::Whole,
            account: Vec::new(),
            person: Vec::new(),
            team: Vec::new(),
            shop: Vec::new(),
            product: Vec::new(),
            category: Vec::new(),
            hour: Vec::new(),
        }
    }

    /// Whether the rows are slices of sales, which have no figures of conversations.
    pub fn slices(&self) -> bool {
        let filtered = !(self.product.is_empty() && self.category.is_empty() && self.hour.is_empty());
        filtered || matches!(self.by, By::Product | By::Category | By::Hour)
    }
}

/// A group on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// By platform account.
    Account,
    /// By person.
    Person,
    /// By team.
    Team,
    /// By shop.
    Shop,
    /// Everything in one row.
    Merchant,
    /// Sales by product: amounts of an order are shared among its lines.
    Product,
    /// Sales by category of the products.
    Category,
    /// Sales by hour of the clock, whatever the day.
    Hour,
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
        By::Product => Group::Product,
        By::Category => Group::Category,
        By::Hour => Group::Hour,
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
            product_ids: options.product.clone(),
            categories: options.category.clone(),
            hours: options.hour.clone(),
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

#[cfg(test)]
mod tests {
    use clap::Parser;
    use proto::google::r#type::Money;
    use proto::metrics::v1::Figures;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn parse(words: &[&str]) -> Result<Options, clap::Error> {
        let days = ["figures", "--from", "2020-05-12"];
        Line::try_parse_from(days.iter().chain(words)).map(|line| line.options)
    }

    #[test]
    fn every_group_of_the_service_can_be_asked_for() {
        let mut asked: Vec<i32> = By::value_variants()
            .iter()
            .map(|by| {
                let name = by.to_possible_value().expect("a name");
                let options = parse(&["--by", name.get_name()]).expect("parses");
                assert_eq!(options.by, *by);
                request(&options).group
            })
            .collect();
        asked.sort_unstable();
        let known: Vec<i32> = (1..100).filter(|number| Group::try_from(*number).is_ok()).collect();
        assert_eq!(asked, known);
    }

    #[test]
    fn sales_are_narrowed_in_one_way_only() {
        let options = parse(&["--by", "person", "--product", "p-1", "--product", ""]).expect("parses");
        assert!(options.slices());
        let filter = request(&options).filter.expect("a filter");
        assert_eq!(filter.product_ids, ["p-1", ""]);
        let hours = parse(&["--hour", "0", "--hour", "23"]).expect("parses");
        assert_eq!(request(&hours).filter.expect("a filter").hours, [0, 23]);
        assert!(!parse(&["--by", "team"]).expect("parses").slices());
        for wrong in [
            ["--product", "p", "--category", "c"],
            ["--category", "c", "--hour", "9"],
            ["--hour", "24", "--by", "shop"],
        ] {
            assert!(parse(&wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn json_has_the_fields_of_the_gateway() {
        let paid = Some(Money { currency_code: "CNY".to_owned(), units: 12, nanos: 500_000_000 });
        let figures =
            Figures { key: "p-1".to_owned(), paid_amount: paid, ordered_units: 3, ..Figures::default() };
        let told = json(&GetFiguresResponse { figures: vec![figures], ..GetFiguresResponse::default() });
        let row = &told.expect("is JSON")["figures"][0];
        assert_eq!((row["key"].as_str(), row["orderedUnits"].as_str()), (Some("p-1"), Some("3")));
        assert_eq!(row["paidAmount"]["nanos"], 500_000_000);
    }
}
