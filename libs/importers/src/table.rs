//! CSV: a header and a row each, or for conversations a row a message and for orders a row a product.
//!
//! Rows of one record stand together. A record of which one row is wrong is refused whole: a conversation without one
//! of its messages would give false figures.

use std::io::{self, BufRead, Read};

use csv::ByteRecord;
use serde_json::{Map, Value};

use crate::conversation::{Conversation, Message, Sender};
use crate::error::{Error, RowError, Wrong};
use crate::fields::{Fields, Source, Words};
use crate::kind::Kind;
use crate::lines::LINE_BYTES_MAX;
use crate::{Options, Record, Row, facts};

/// Rows of one record, at most: as many as a conversation may have messages.
const GROUP_ROWS_MAX: usize = 10_000;
const SENDERS: &Words<Sender> = &[
    ("CUSTOMER", &["买家", "客户"], Sender::Customer),
    ("AGENT", &["客服", "卖家"], Sender::Agent),
    ("BOT", &["机器人"], Sender::Bot),
    ("SYSTEM", &["系统"], Sender::System),
];
/// Columns of an order's row that belong to its product.
const ORDER_LINE: [&str; 5] = ["productId", "title", "category", "quantity", "lineAmount"];
/// Columns of a conversation's row that belong to its message.
const MESSAGE: [&str; 6] = ["sentAt", "sender", "text", "quickReply", "assisted", "senderAccountId"];

/// The rows of a delimited text, with the line each begins on.
pub(crate) struct Cells<R> {
    csv: csv::Reader<Budget<R>>,
    record: ByteRecord,
    ended: bool,
}

impl<R: BufRead> Cells<R> {
    /// Commas, tabs or semicolons, whichever the first line has most of.
    pub fn new(mut input: R) -> io::Result<Self> {
        let head = input.fill_buf()?;
        let first = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let count = |delimiter: &u8| first.iter().filter(|byte| *byte == delimiter).count();
        // The last of equals wins: a line without any is a single column.
        let delimiter = [b';', b'\t', b','].into_iter().max_by_key(count).unwrap_or(b',');
        let csv = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(Budget { input, left: 0, after_cr: false, last: b'\n' });
        Ok(Self { csv, record: ByteRecord::new(), ended: false })
    }

    /// The next row that has anything in it. Nothing comes after an error.
    pub fn next(&mut self) -> Result<Option<(u64, Vec<String>)>, Error> {
        while !self.ended {
            self.csv.get_mut().left = LINE_BYTES_MAX;
            let line = self.csv.position().line();
            match self.csv.read_byte_record(&mut self.record) {
                Ok(false) => self.ended = true,
                Ok(true) => {}
                Err(error) => {
                    self.ended = true;
                    return Err(match error.into_kind() {
                        csv::ErrorKind::Io(error) if is_too_long(&error) => {
                            Error::row(line, "row", "has no end within 8 MiB: is a quote left open?")
                        }
                        csv::ErrorKind::Io(error) => Error::Read(error),
                        other => Error::Read(io::Error::other(format!("{other:?}"))),
                    });
                }
            }
            // The record's own position counts blank lines above it as its own.
            let breaks = self.record.iter().flatten().filter(|byte| **byte == b'\n').count() as u64;
            let line = self.csv.position().line().saturating_sub(1 + breaks).max(line);
            if self.record.iter().any(|cell| !cell.trim_ascii().is_empty()) {
                return Ok(Some((line, self.record.iter().map(cell).collect())));
            }
        }
        Ok(None)
    }
}

fn is_too_long(error: &io::Error) -> bool {
    error.get_ref().and_then(|inner| inner.downcast_ref::<TooLong>()).is_some()
}

/// A cell without what spreadsheets wrap long numbers in: `="123"`, a tab, an apostrophe.
fn cell(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let inner = text.trim();
    let wrapped = inner.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"'));
    if let Some(inner) = wrapped {
        return inner.to_owned();
    }
    match inner.strip_prefix('\'') {
        Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.to_owned()
        }
        _ => text.into_owned(),
    }
}

/// Lets a row have so many bytes, so that an open quote can't take the whole file into memory; and makes every line
/// end `\n`, the last one's too, so that lines can be counted.
struct Budget<R> {
    input: R,
    left: usize,
    after_cr: bool,
    last: u8,
}

#[derive(Debug, thiserror::Error)]
#[error("the row is too long")]
struct TooLong;

impl<R: Read> Read for Budget<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.input.read(buffer)?;
            if read == 0 {
                let ended = self.last == b'\n' || buffer.is_empty();
                if !ended {
                    buffer[0] = b'\n';
                    self.last = b'\n';
                }
                return Ok(usize::from(!ended));
            }
            if self.left == 0 {
                return Err(io::Error::other(TooLong));
            }
            self.left = self.left.saturating_sub(read);
            let mut kept = 0;
            for at in 0..read {
                let byte = buffer[at];
                if byte == b'\n' && std::mem::take(&mut self.after_cr) {
                    continue;
                }
                self.after_cr = byte == b'\r';
                self.last = if self.after_cr { b'\n' } else { byte };
                buffer[kept] = self.last;
                kept += 1;
            }
            if kept > 0 {
                return Ok(kept);
            }
        }
    }
}

/// The records of a CSV file.
pub struct Table<R> {
    cells: Cells<R>,
    kind: Kind,
    options: Options,
    columns: Vec<Column>,
    group: Option<Group>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Header,
    Rows,
    Ended,
}

/// What a column of the file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Field(&'static str),
    /// Its heading means nothing here, and that is agreed.
    Ignored,
    /// It has no heading, as where a spreadsheet's lines end with delimiters: it must have no values either.
    Unnamed,
}

type Values = Vec<(String, Value)>;

/// Rows of one record, so far.
struct Group {
    line: u64,
    key: [String; 2],
    rows: Vec<(u64, Values)>,
    bytes: usize,
    wrong: Option<RowError>,
}

impl<R> std::fmt::Debug for Table<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("kind", &self.kind).field("state", &self.state).finish_non_exhaustive()
    }
}

impl<R: BufRead> Table<R> {
    /// Reads a file of one kind.
    ///
    /// # Errors
    ///
    /// What the input answers.
    pub fn new(input: R, kind: Kind, options: Options) -> Result<Self, Error> {
        let cells = Cells::new(input).map_err(Error::Read)?;
        Ok(Self { cells, kind, options, columns: Vec::new(), group: None, state: State::Header })
    }

    fn header(&mut self) -> Result<(), Error> {
        let Some((line, names)) = self.cells.next()? else {
            return Err(Error::row(1, "header", "is missing: the file is empty"));
        };
        for name in &names {
            let column = match self.kind.column_of(name) {
                Some(field) => Column::Field(field),
                None if self.options.ignore_unknown => Column::Ignored,
                None if name.trim().is_empty() => Column::Unnamed,
                None => {
                    let known: Vec<&str> = self.kind.column_names().collect();
                    return Err(Error::row(
                        line,
                        name.trim(),
                        format!("is no column of {} files; they have {}", self.kind, known.join(", ")),
                    ));
                }
            };
            if matches!(column, Column::Field(_)) && self.columns.contains(&column) {
                return Err(Error::row(line, name.trim(), "means a column that the header has already"));
            }
            self.columns.push(column);
        }
        let id = self.kind.id_column();
        if !self.columns.contains(&Column::Field(id)) {
            return Err(Error::row(line, id, "is missing in the header"));
        }
        Ok(())
    }

    /// Whether records may have several rows.
    fn grouped(&self) -> bool {
        matches!(self.kind, Kind::Conversation | Kind::Order)
    }

    /// The shop and id of a row, as far as they can be told.
    fn key(&self, cells: &[String]) -> Option<[String; 2]> {
        let of = |wanted: &'static str| {
            let at = self.columns.iter().position(|column| *column == Column::Field(wanted))?;
            cells.get(at).map(|cell| cell.trim().to_owned())
        };
        let id = of(self.kind.id_column()).filter(|id| !id.is_empty())?;
        Some([of("shop").unwrap_or_default(), id])
    }

    fn values(&self, line: u64, cells: Vec<String>) -> Result<Values, RowError> {
        if cells.len() != self.columns.len() {
            let reason = format!(
                "has {} cells, the header has {}: is a quote missing?",
                cells.len(),
                self.columns.len()
            );
            return Err(RowError { line, field: "row".to_owned(), reason });
        }
        let mut values = Vec::with_capacity(cells.len());
        for (at, (column, cell)) in self.columns.iter().zip(cells).enumerate() {
            match column {
                _ if cell.trim().is_empty() => {}
                Column::Field(name) => values.push(((*name).to_owned(), Value::String(cell))),
                Column::Ignored => {}
                Column::Unnamed => {
                    let field = format!("column {}", at + 1);
                    return Err(RowError { line, field, reason: "has a value, but no heading".to_owned() });
                }
            }
        }
        Ok(values)
    }

    /// Takes a row; gives the record before it if the row begins another.
    fn take(&mut self, line: u64, cells: Vec<String>) -> Option<Result<Row, Error>> {
        let key = self.key(&cells);
        let bytes: usize = cells.iter().map(String::len).sum();
        let values = self.values(line, cells);
        if !self.grouped() || key.is_none() {
            // A row without an id belongs to nobody; it ends what stands above it.
            let alone = Group { line, key: Default::default(), rows: Vec::new(), bytes: 0, wrong: None };
            let before = self.group.replace(alone.with(line, bytes, values));
            return before.map(|group| self.close(group));
        }
        let key = key.unwrap_or_default();
        match self.group.take() {
            Some(group) if group.key == key => {
                self.group = Some(group.with(line, bytes, values));
                None
            }
            before => {
                let group = Group { line, key, rows: Vec::new(), bytes: 0, wrong: None };
                self.group = Some(group.with(line, bytes, values));
                before.map(|group| self.close(group))
            }
        }
    }

    fn close(&self, group: Group) -> Result<Row, Error> {
        let Group { line, rows, wrong, .. } = group;
        if let Some(wrong) = wrong {
            return Err(wrong.into());
        }
        let lines: Vec<u64> = rows.iter().map(|(line, _)| *line).collect();
        let rows: Vec<Values> = rows.into_iter().map(|(_, values)| values).collect();
        let record = match self.kind {
            Kind::Conversation => {
                merge(rows, &MESSAGE, "messages", &[]).and_then(|values| self.conversation(values))
            }
            Kind::Order => merge(rows, &ORDER_LINE, "lines", &[("lineAmount", "amount")])
                .and_then(|values| self.fact(values)),
            _ => self.fact(rows.into_iter().next().unwrap_or_default()),
        };
        record.map(|record| Row { line, record }).map_err(|wrong| at_its_row(wrong, &lines).into())
    }

    fn fact(&self, values: Values) -> Result<Record, Wrong> {
        facts::fact(self.kind, &mut Fields::new(values, Source::Cells, &self.options)).map(Record::Fact)
    }

    fn conversation(&self, values: Values) -> Result<Record, Wrong> {
        let mut fields = Fields::new(values, Source::Cells, &self.options);
        let messages = fields.each("messages", |message| {
            Ok(Message {
                sent_at: message.required_time("sentAt")?,
                sender: message.required_word("sender", SENDERS)?,
                text: message.text("text")?.unwrap_or_default(),
                quick_reply: message.mark("quickReply")?.unwrap_or(false),
                assisted: message.mark("assisted")?.unwrap_or(false),
                account: message.id("senderAccountId")?,
            })
        })?;
        let channel = fields.id("channel")?.or_else(|| self.options.channel.clone());
        let (first, last) = (messages.first(), messages.iter().map(|m| m.sent_at).max());
        let started_at = fields.time("startedAt")?.or(first.map(|message| message.sent_at));
        let closed_at = fields.time("closedAt")?.or(last);
        let conversation = Conversation {
            shop: fields.id("shop")?,
            channel: channel.ok_or_else(|| Wrong::new("channel", "is missing"))?,
            id: fields.required_id("conversationId")?,
            revision: fields.integer("revision")?.unwrap_or(0),
            account: fields.required_id("agentId")?,
            customer: fields.required_id("customerId")?,
            started_at: started_at.ok_or_else(|| Wrong::new("startedAt", "is missing"))?,
            closed_at: closed_at.ok_or_else(|| Wrong::new("closedAt", "is missing"))?,
            satisfied: fields.mark("satisfied")?,
            completed: fields.mark("completed")?,
            transferred_from: fields.id("transferredFrom")?,
            transferred_to: fields.id("transferredTo")?,
            messages,
        };
        fields.finish()?;
        Ok(Record::Conversation(conversation))
    }
}

impl<R: BufRead> Iterator for Table<R> {
    type Item = Result<Row, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == State::Header {
            self.state = State::Rows;
            if let Err(error) = self.header() {
                self.state = State::Ended;
                return Some(Err(error));
            }
        }
        while self.state == State::Rows {
            match self.cells.next() {
                Ok(Some((line, cells))) => {
                    if let Some(closed) = self.take(line, cells) {
                        return Some(closed);
                    }
                }
                Ok(None) => self.state = State::Ended,
                Err(error) => {
                    self.state = State::Ended;
                    // What stands above may want rows that can't be read any more.
                    self.group = None;
                    return Some(Err(error));
                }
            }
        }
        let group = self.group.take()?;
        Some(self.close(group))
    }
}

impl Group {
    fn with(mut self, line: u64, bytes: usize, values: Result<Values, RowError>) -> Self {
        self.bytes += bytes;
        match values {
            Err(wrong) => {
                self.wrong.get_or_insert(wrong);
            }
            Ok(_) if self.rows.len() >= GROUP_ROWS_MAX || self.bytes > LINE_BYTES_MAX => {
                let reason = format!("has more than {GROUP_ROWS_MAX} rows or 8 MiB");
                self.wrong.get_or_insert(RowError { line: self.line, field: "row".to_owned(), reason });
            }
            Ok(values) if self.wrong.is_none() => self.rows.push((line, values)),
            Ok(_) => {}
        }
        if self.wrong.is_some() {
            self.rows.clear();
        }
        self
    }
}

/// The rows of a record as one object with an array of what differs from row to row.
fn merge(rows: Vec<Values>, inner: &[&str], array: &str, renamed: &[(&str, &str)]) -> Result<Values, Wrong> {
    let mut whole: Values = Vec::new();
    let mut items = Vec::with_capacity(rows.len());
    for (at, row) in rows.into_iter().enumerate() {
        let mut item = Map::new();
        for (name, value) in row {
            if inner.contains(&name.as_str()) {
                let renamed = renamed.iter().find(|(from, _)| *from == name);
                item.insert(renamed.map_or(name, |(_, to)| (*to).to_owned()), value);
                continue;
            }
            match whole.iter().find(|(known, _)| *known == name) {
                None => whole.push((name, value)),
                Some((_, before)) if *before == value => {}
                Some((_, before)) => {
                    let reason = format!("is {value}, but {before} in a row above of the same record");
                    return Err(Wrong::new(format!("{array}[{at}].{name}"), reason));
                }
            }
        }
        items.push(Value::Object(item));
    }
    whole.push((array.to_owned(), Value::Array(items)));
    Ok(whole)
}

/// `messages[3].sentAt` is `sentAt` of the fourth row.
fn at_its_row(wrong: Wrong, lines: &[u64]) -> RowError {
    let first = lines.first().copied().unwrap_or(1);
    let inner = wrong.field.split_once('[').and_then(|(_, rest)| {
        let (at, field) = rest.split_once(']')?;
        Some((at.parse::<usize>().ok()?, field.trim_start_matches('.').to_owned()))
    });
    match inner {
        Some((at, field)) => {
            let line = lines.get(at).copied().unwrap_or(first);
            let field = if field == "amount" { "lineAmount".to_owned() } else { field };
            RowError { line, field, reason: wrong.reason }
        }
        None => wrong.at(first),
    }
}
