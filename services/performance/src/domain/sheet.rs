//! The people file: reading and writing the CSV that README.md describes.
//!
//! Reading says everything that is wrong with a file by itself; what it means for the directory is `import`'s.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use proto::access::Role;
use runtime::ids::{AccountId, PersonId, TeamId};

use crate::domain::person::{Account, Details, Membership, Person, PersonStatus};
use crate::domain::span::Span;
use crate::domain::text;
use crate::error::PerformanceError;

/// The columns in the order in which they are written.
pub const COLUMNS: [&str; 13] = [
    "person_id",
    "name",
    "status",
    "position",
    "roles",
    "team_id",
    "team_name",
    "lead",
    "team_from",
    "team_to",
    "account_id",
    "account_from",
    "account_to",
];
const REQUIRED: [&str; 3] = ["person_id", "name", "status"];
const LINES_MAX: u64 = 50_000;

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineError {
    /// 1 is the heading.
    pub line: u64,
    /// The column; empty if the whole line is meant.
    pub field: &'static str,
    /// Stable, for programs.
    pub reason: &'static str,
    /// For people.
    pub description: String,
}

/// A file as read: what it says of each person, in the order of their first lines.
#[derive(Debug, Default)]
pub struct Sheet {
    /// The people.
    pub entries: Vec<Entry>,
    /// Whether the file speaks of teams at all.
    pub has_teams: bool,
    /// Whether the file speaks of accounts at all.
    pub has_accounts: bool,
    /// What is wrong; an entry with an error is marked bad.
    pub errors: Vec<LineError>,
}

/// What a file says of one person.
#[derive(Debug)]
pub struct Entry {
    /// The first line.
    pub line: u64,
    /// Who.
    pub id: PersonId,
    /// From the first line.
    pub details: Details,
    /// Stays with their lines, and the team's name if one is given.
    pub memberships: Vec<(u64, Membership, String)>,
    /// Accounts with their lines.
    pub accounts: Vec<(u64, Account)>,
    /// One of the lines cannot be used, so that none is.
    pub bad: bool,
}

impl Sheet {
    /// Reads a file.
    pub fn read(file: &[u8]) -> Self {
        let mut sheet = Self::default();
        if let Err(error) = sheet.read_all(file) {
            sheet.entries.clear();
            sheet.errors.push(error);
        }
        sheet.errors.sort_by_key(|error| error.line);
        sheet
    }

    /// What stops the whole file comes back as an error; what spoils a person is only noted.
    fn read_all(&mut self, file: &[u8]) -> Result<(), LineError> {
        let file = utf8(file)?;
        let mut reader =
            csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(file.as_bytes());
        let headings = reader.headers().map_err(|e| unreadable(&e))?.clone();
        let columns = columns(&headings)?;
        self.has_teams = columns.contains_key("team_id");
        self.has_accounts = columns.contains_key("account_id");
        let mut by_id = BTreeMap::new();
        for record in reader.records() {
            let record = record.map_err(|e| unreadable(&e))?;
            let number = record.position().map_or(0, csv::Position::line);
            if number > LINES_MAX {
                let description = format!("more than {LINES_MAX} lines; split the file");
                return Err(LineError { line: number, field: "", reason: "TOO_MANY_LINES", description });
            }
            if record.iter().all(str::is_empty) {
                continue;
            }
            let line = Line { number, columns: &columns, record: &record };
            self.take(&line, &mut by_id);
        }
        Ok(())
    }

    fn take(&mut self, line: &Line<'_>, by_id: &mut BTreeMap<PersonId, usize>) {
        if line.record.len() > line.columns.len() {
            // Without a place for the extra value nobody can tell which columns have slipped.
            self.errors.push(line.error(
                "",
                "TOO_MANY_VALUES",
                "has more values than the heading has columns",
            ));
            self.spoil(line, by_id);
            return;
        }
        let id = match line.required("person_id") {
            Ok(id) => PersonId::new(id),
            Err(error) => return self.errors.push(error),
        };
        let at = match by_id.get(&id) {
            Some(at) => *at,
            None => {
                let (details, errors) = line.details();
                let bad = !errors.is_empty();
                self.errors.extend(errors);
                let entry = Entry {
                    line: line.number,
                    id: id.clone(),
                    details,
                    memberships: vec![],
                    accounts: vec![],
                    bad,
                };
                self.entries.push(entry);
                by_id.insert(id, self.entries.len() - 1);
                self.entries.len() - 1
            }
        };
        let entry = &mut self.entries[at];
        let mut errors = line.conflicts(entry);
        match line.membership() {
            Ok(Some((stay, name))) => entry.memberships.push((line.number, stay, name)),
            Ok(None) => {}
            Err(error) => errors.push(error),
        }
        match line.account() {
            Ok(Some(account)) => entry.accounts.push((line.number, account)),
            Ok(None) => {}
            Err(error) => errors.push(error),
        }
        entry.bad |= !errors.is_empty();
        self.errors.extend(errors);
    }

    fn spoil(&mut self, line: &Line<'_>, by_id: &BTreeMap<PersonId, usize>) {
        if let Some(at) = by_id.get(&PersonId::new(line.value("person_id"))) {
            self.entries[*at].bad = true;
        }
    }
}

/// The lines of `person`, the first with the details, one for each pair of a stay and an account.
/// `team_name` names a team.
pub fn write(
    people: &[Person],
    heading: bool,
    team_name: impl Fn(&TeamId) -> String,
) -> csv::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    if heading {
        writer.write_record(COLUMNS)?;
    }
    for person in people {
        for at in 0..person.memberships.len().max(person.accounts.len()).max(1) {
            let mut cells: Vec<String> = vec![guarded(person.id.as_str())];
            if at == 0 {
                let roles: Vec<_> =
                    person.details.roles.iter().map(|role| proto::access::role_name(*role)).collect();
                let details = &person.details;
                let first = [&details.name, details.status.word(), &details.position, &roles.join(";")];
                cells.extend(first.map(guarded));
            }
            cells.resize(5, String::new());
            if let Some(stay) = person.memberships.get(at) {
                let lead = if stay.lead { "yes" } else { "no" };
                cells.extend([guarded(stay.team.as_str()), guarded(&team_name(&stay.team)), lead.to_owned()]);
                cells.extend(days(stay.span));
            }
            cells.resize(10, String::new());
            if let Some(account) = person.accounts.get(at) {
                cells.push(guarded(account.id.as_str()));
                cells.extend(days(account.span));
            }
            cells.resize(COLUMNS.len(), String::new());
            writer.write_record(&cells)?;
        }
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

fn days(span: Span) -> [String; 2] {
    [span.from.to_string(), span.to.map(|to| to.to_string()).unwrap_or_default()]
}

/// A spreadsheet runs a cell that begins like this as a formula; the apostrophe tells it not to. [`Line::value`]
/// takes it off again.
const FORMULA_SIGNS: [char; 4] = ['=', '+', '-', '@'];

fn guarded(cell: &str) -> String {
    if cell.starts_with(FORMULA_SIGNS) { format!("'{cell}") } else { cell.to_owned() }
}

type Columns = BTreeMap<&'static str, usize>;

struct Line<'a> {
    number: u64,
    columns: &'a Columns,
    record: &'a csv::StringRecord,
}

impl Line<'_> {
    fn error(&self, field: &'static str, reason: &'static str, description: impl Into<String>) -> LineError {
        LineError { line: self.number, field, reason, description: description.into() }
    }

    /// The cell, empty if the line is shorter or the file has no such column.
    fn value(&self, column: &str) -> &str {
        let cell = self.columns.get(column).and_then(|at| self.record.get(*at)).unwrap_or_default();
        match cell.strip_prefix('\'') {
            Some(formula) if formula.starts_with(FORMULA_SIGNS) => formula,
            _ => cell,
        }
    }

    fn text(&self, column: &'static str, max: usize) -> Result<String, LineError> {
        let value = text::optional(column, self.value(column)).map_err(|error| match error {
            PerformanceError::Invalid { description, .. } => self.error(column, "BAD_TEXT", description),
            other => self.error(column, "BAD_TEXT", other.to_string()),
        })?;
        if value.chars().count() > max {
            return Err(self.error(column, "TOO_LONG", format!("must have at most {max} characters")));
        }
        Ok(value)
    }

    fn required(&self, column: &'static str) -> Result<String, LineError> {
        let value = self.text(column, if column == "name" { 200 } else { 64 })?;
        if value.is_empty() { Err(self.error(column, "MISSING", "must not be empty")) } else { Ok(value) }
    }

    fn details(&self) -> (Details, Vec<LineError>) {
        let mut errors = Vec::new();
        let mut keep = |result: Result<String, LineError>| {
            result.map_err(|error| errors.push(error)).unwrap_or_default()
        };
        let name = keep(self.required("name"));
        let position = keep(self.text("position", 200));
        let status = self.status().unwrap_or_else(|error| {
            errors.push(error);
            PersonStatus::Regular
        });
        let roles = self.roles().unwrap_or_else(|error| {
            errors.push(error);
            vec![]
        });
        (Details { name, status, position, roles }, errors)
    }

    fn status(&self) -> Result<PersonStatus, LineError> {
        let word = self.required("status")?;
        let chinese = match word.as_str() {
            "见习" => "trainee",
            "试用" => "probation",
            "正式" => "regular",
            "离职" => "left",
            other => other,
        };
        PersonStatus::named(&chinese.to_ascii_lowercase()).ok_or_else(|| {
            self.error(
                "status",
                "BAD_STATUS",
                "must be trainee 见习, probation 试用, regular 正式 or left 离职",
            )
        })
    }

    fn roles(&self) -> Result<Vec<Role>, LineError> {
        let words =
            self.value("roles").split([';', '；', '、']).map(str::trim).filter(|word| !word.is_empty());
        let mut roles = words
            .map(|word| {
                let known = proto::access::role_named(word);
                known.ok_or_else(|| self.error("roles", "BAD_ROLE", "names a role that does not exist"))
            })
            .collect::<Result<Vec<_>, _>>()?;
        roles.sort_by_key(|role| *role as i32);
        roles.dedup();
        Ok(roles)
    }

    /// Later lines of a person repeat the details or leave them out.
    fn conflicts(&self, entry: &Entry) -> Vec<LineError> {
        if self.number == entry.line {
            return vec![];
        }
        let (details, _) = self.details();
        let differs = [
            ("name", details.name != entry.details.name),
            ("status", self.status().ok() != Some(entry.details.status)),
            ("position", details.position != entry.details.position),
            ("roles", self.roles().ok().as_ref() != Some(&entry.details.roles)),
        ];
        let clashes =
            differs.into_iter().filter(|(column, differs)| *differs && !self.value(column).is_empty());
        let text = format!("differs from line {}, the person's first", entry.line);
        clashes.map(|(column, _)| self.error(column, "CONFLICT", text.clone())).collect()
    }

    fn membership(&self) -> Result<Option<(Membership, String)>, LineError> {
        let team = self.text("team_id", 64)?;
        if team.is_empty() {
            self.nothing_without("team_id", &["lead", "team_from", "team_to"])?;
            return Ok(None);
        }
        let lead = match self.value("lead").to_ascii_lowercase().as_str() {
            "yes" | "true" | "1" | "是" => true,
            "no" | "false" | "0" | "否" | "" => false,
            _ => return Err(self.error("lead", "BAD_YES_NO", "must be yes 是, no 否 or empty")),
        };
        let span = self.span("team_from", "team_to")?;
        Ok(Some((Membership { team: TeamId::new(team), lead, span }, self.text("team_name", 200)?)))
    }

    fn account(&self) -> Result<Option<Account>, LineError> {
        let account = self.text("account_id", 64)?;
        if account.is_empty() {
            self.nothing_without("account_id", &["account_from", "account_to"])?;
            return Ok(None);
        }
        Ok(Some(Account { id: AccountId::new(account), span: self.span("account_from", "account_to")? }))
    }

    fn nothing_without(&self, column: &'static str, dependants: &[&'static str]) -> Result<(), LineError> {
        let lonely = dependants.iter().any(|dependant| !self.value(dependant).is_empty());
        if lonely {
            Err(self.error(column, "MISSING", "must not be empty if the columns after it are filled"))
        } else {
            Ok(())
        }
    }

    fn span(&self, from: &'static str, to: &'static str) -> Result<Span, LineError> {
        let first = self.day(from)?.ok_or_else(|| self.error(from, "MISSING", "must not be empty"))?;
        let last = self.day(to)?;
        Span::new(first, last)
            .ok_or_else(|| self.error(to, "ENDS_BEFORE_BEGIN", format!("must not be before {from}")))
    }

    fn day(&self, column: &'static str) -> Result<Option<NaiveDate>, LineError> {
        let text = self.value(column);
        if text.is_empty() {
            return Ok(None);
        }
        let read =
            ["%Y-%m-%d", "%Y/%m/%d"].iter().find_map(|form| NaiveDate::parse_from_str(text, form).ok());
        let day = read.filter(|day| plausible(*day));
        let day = day.ok_or_else(|| {
            self.error(column, "BAD_DATE", "must be a day like 2026-11-22, from 1970 to 2199")
        })?;
        Ok(Some(day))
    }
}

/// Whether a day can be about somebody's work; typing errors in the year are not.
pub fn plausible(day: NaiveDate) -> bool {
    (1970..=2199).contains(&day.year())
}

/// The text of the file without its byte order mark.
fn utf8(file: &[u8]) -> Result<&str, LineError> {
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    std::str::from_utf8(file).map_err(|error| {
        let line = 1 + file[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        let description = "is not UTF-8 (GBK, perhaps); save the file as \"CSV UTF-8\"".to_owned();
        LineError { line: line as u64, field: "", reason: "NOT_UTF8", description }
    })
}

fn columns(headings: &csv::StringRecord) -> Result<Columns, LineError> {
    let wrong = |field, reason, description: String| Err(LineError { line: 1, field, reason, description });
    let mut columns = Columns::new();
    for (at, heading) in headings.iter().enumerate() {
        let Some(known) = COLUMNS.into_iter().find(|column| heading.eq_ignore_ascii_case(column)) else {
            // Quoting the heading is safe and needed: it is the file's own, and short.
            let heading: String = heading.chars().filter(|c| !c.is_control()).take(40).collect();
            return wrong(
                "",
                "UNKNOWN_COLUMN",
                format!("\"{heading}\" is no column; there are {}", COLUMNS.join(", ")),
            );
        };
        if columns.insert(known, at).is_some() {
            return wrong(known, "REPEATED_COLUMN", "is there twice".to_owned());
        }
    }
    match REQUIRED.into_iter().find(|column| !columns.contains_key(column)) {
        Some(missing) => wrong(missing, "MISSING_COLUMN", format!("the file needs {}", REQUIRED.join(", "))),
        None => Ok(columns),
    }
}

fn unreadable(error: &csv::Error) -> LineError {
    let line = error.position().map_or(1, csv::Position::line);
    LineError { line, field: "", reason: "UNREADABLE", description: "is not CSV".to_owned() }
}

#[cfg(test)]
#[path = "sheet_tests.rs"]
mod tests;
