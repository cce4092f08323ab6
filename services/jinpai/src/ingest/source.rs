//! The records of a file, whatever its format.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use importers::qianniu::ChatLog;
use importers::{Error, JsonLines, Kind, Row, Table, Utf8, freshdesk, zendesk};

use super::Options;
use crate::reader::{self, Input, Position};

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the names say it; the importers document their columns")]
pub enum Content {
    Conversations,
    Orders,
    Payments,
    Refunds,
    Carts,
    Complaints,
    Satisfaction,
    StoreRatings,
    Reviews,
    BotEvents,
    Handlings,
    Signups,
    Recommendations,
    /// JSON Lines whose `kind` says what each line is.
    Mixed,
}

impl Content {
    /// The kind of every record; `None` if they are mixed.
    pub fn kind(self) -> Option<Kind> {
        match self {
            Self::Conversations => Some(Kind::Conversation),
            Self::Orders => Some(Kind::Order),
            Self::Payments => Some(Kind::Payment),
            Self::Refunds => Some(Kind::Refund),
            Self::Carts => Some(Kind::Cart),
            Self::Complaints => Some(Kind::Complaint),
            Self::Satisfaction => Some(Kind::Satisfaction),
            Self::StoreRatings => Some(Kind::StoreRating),
            Self::Reviews => Some(Kind::BuyerReview),
            Self::BotEvents => Some(Kind::BotEvent),
            Self::Handlings => Some(Kind::Handling),
            Self::Signups => Some(Kind::MemberSignup),
            Self::Recommendations => Some(Kind::Recommendation),
            Self::Mixed => None,
        }
    }
}

/// What a file is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A JSON object a line.
    Jsonl,
    /// A header and rows, in UTF-8 or GBK, with commas, tabs or semicolons.
    Csv,
    /// Chat log of the Qianniu (千牛) seller workbench.
    Qianniu,
    /// Folder with the tables ticket, user, ticket_comment and, if there are chats, ticket_chat and ticket_chat_event.
    Zendesk,
    /// Tickets with their conversations, as JSON.
    Freshdesk,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", clap::builder::PossibleValue::get_name))
    }
}

impl Format {
    /// The format that a name suggests: by what stands before the packing's ending.
    fn of_name(path: &Path) -> Self {
        let mut path = path.to_owned();
        if path.extension().is_some_and(|end| ["xz", "gz", "zst"].iter().any(|packing| end == *packing)) {
            path.set_extension("");
        }
        match path.extension().and_then(|end| end.to_str()) {
            Some("csv" | "tsv") => Self::Csv,
            Some("txt" | "log") => Self::Qianniu,
            _ if path.is_dir() => Self::Zendesk,
            _ => Self::Jsonl,
        }
    }
}

/// What a folder of Zendesk's may hold that is read here.
const TABLES: [&str; 5] = ["ticket", "user", "ticket_comment", "ticket_chat", "ticket_chat_event"];

/// The records of a file.
pub type Rows = Box<dyn Iterator<Item = Result<Row, Error>> + Send>;

/// A file that can be opened again and again.
#[derive(Debug, Clone)]
pub struct Source {
    path: PathBuf,
    content: Content,
    format: Format,
    read: importers::Options,
}

impl Source {
    /// The file that `options` name; its times without offset are on the clocks of `zone`.
    pub fn of(options: &Options, zone: Option<&str>) -> Result<Self> {
        let format = options.format.unwrap_or_else(|| Format::of_name(&options.file));
        match (options.content, format) {
            (Content::Mixed, Format::Csv) => bail!("mixed files are JSON Lines: a table has one kind"),
            (_, Format::Jsonl | Format::Csv) | (Content::Conversations, _) => {}
            (_, format) => bail!("--format {format} has conversations only"),
        }
        let read = match zone {
            Some(zone) => importers::Options::new(zone).context("the merchant's time zone")?,
            None => importers::Options::default(),
        };
        let read = read
            .ignore_unknown(options.ignore_unknown)
            .channel(options.channel.clone())
            .shop_account(options.shop_account.clone());
        Ok(Self { path: options.file.clone(), content: options.content, format, read })
    }

    /// Whether its times need the merchant's zone.
    pub fn needs_zone(options: &Options) -> bool {
        let format = options.format.unwrap_or_else(|| Format::of_name(&options.file));
        matches!(format, Format::Csv | Format::Qianniu)
    }

    /// The records from after a line on.
    pub fn open(&self, position: &Position, after: u64) -> Result<Rows> {
        let kind = self.content.kind();
        let rows: Rows = match (self.format, kind) {
            (Format::Jsonl, kind) => {
                let input = reader::input(&self.path, position)?;
                Box::new(JsonLines::new(input, kind, self.read.clone()).after(after))
            }
            (Format::Csv, Some(kind)) => Box::new(Table::new(self.text(position)?, kind, self.read.clone())?),
            (Format::Csv, None) => bail!("mixed files are JSON Lines"),
            (Format::Qianniu, _) => Box::new(ChatLog::new(self.text(position)?, self.read.clone())),
            (Format::Freshdesk, _) => {
                Box::new(freshdesk::Tickets::new(reader::input(&self.path, position)?, self.read.clone()))
            }
            (Format::Zendesk, _) => Box::new(self.zendesk(position)?),
        };
        let past = move |line: u64| line > after;
        Ok(Box::new(rows.filter(move |row| match row {
            Ok(row) => past(row.line),
            Err(Error::Row(wrong)) => past(wrong.line),
            Err(Error::Read(_)) => true,
        })))
    }

    /// The files that tell one version of the source from another; none for standard input, which can't be read again.
    pub fn files(&self) -> Vec<PathBuf> {
        match self.format {
            _ if self.path == Path::new("-") => Vec::new(),
            Format::Zendesk => TABLES.iter().filter_map(|name| self.table(name).ok()).collect(),
            _ => vec![self.path.clone()],
        }
    }

    /// The file whose bytes are counted while it is read.
    pub fn measured(&self) -> PathBuf {
        match self.format {
            Format::Zendesk => self.table("ticket").unwrap_or_else(|_| self.path.clone()),
            _ => self.path.clone(),
        }
    }

    fn text(&self, position: &Position) -> Result<Utf8<Input>> {
        Ok(Utf8::new(reader::input(&self.path, position)?))
    }

    fn zendesk(&self, position: &Position) -> Result<zendesk::Tickets<Input>> {
        // Only the tickets move the bar: the rest is read before the first of them.
        let elsewhere = Position::default();
        let open = |table: &str| reader::input(&self.table(table)?, &elsewhere);
        let chats = match (self.table("ticket_chat"), self.table("ticket_chat_event")) {
            (Ok(_), Ok(_)) => Some((open("ticket_chat")?, open("ticket_chat_event")?)),
            _ => None,
        };
        let tables = zendesk::Tables {
            tickets: reader::input(&self.table("ticket")?, position)?,
            users: open("user")?,
            comments: open("ticket_comment")?,
            chats,
        };
        Ok(zendesk::Tickets::new(tables, self.read.clone())?)
    }

    /// A table of the folder, as connectors and warehouses name it.
    fn table(&self, name: &str) -> Result<PathBuf> {
        let names = ["", "_data"].into_iter().flat_map(|end| {
            ["csv", "csv.gz", "csv.zst", "csv.xz"]
                .map(|packing| self.path.join(format!("{name}{end}.{packing}")))
        });
        let mut found = names.filter(|path| path.is_file());
        found.next().with_context(|| format!("{} has no {name}.csv", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_suggests_the_format() {
        let check =
            |name: &str, format: Format| assert_eq!(Format::of_name(Path::new(name)), format, "{name}");
        check("chats.jsonl.xz", Format::Jsonl);
        check("orders.csv", Format::Csv);
        check("orders.csv.gz", Format::Csv);
        check("log.txt", Format::Qianniu);
        check("-", Format::Jsonl);
    }

    #[test]
    fn formats_hold_what_they_can_hold() {
        let options = |content, format| Options { format: Some(format), ..Options::of(content, "x".into()) };
        assert!(Source::of(&options(Content::Orders, Format::Qianniu), None).is_err());
        assert!(Source::of(&options(Content::Mixed, Format::Csv), None).is_err());
        assert!(Source::of(&options(Content::Mixed, Format::Jsonl), None).is_ok());
        let wrong =
            Source::of(&options(Content::Orders, Format::Csv), Some("Mars/Olympus")).expect_err("no zone");
        assert!(format!("{wrong:#}").contains("Mars/Olympus"));
    }
}
