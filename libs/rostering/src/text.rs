//! The public text format of shift scheduling instances, and rosters as text.
//!
//! A file has sections (`SECTION_HORIZON`, `_SHIFTS`, `_STAFF`, `_DAYS_OFF`, `_SHIFT_ON_REQUESTS`,
//! `_SHIFT_OFF_REQUESTS`, `_COVER`) of comma-separated rows; lines that begin with `#` and blank lines say nothing. Day 0 is
//! a Monday, weekends are Saturday and Sunday, nothing is known of the days before. Shifts have a length but no
//! begin: they are read as beginning at midnight.

use std::collections::HashMap;

use crate::model::{Cover, Fixed, Model, Person, Request, Rules, Shift, Wish};
use crate::roster::Roster;
use crate::validate::ModelError;

/// What can't be read, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{field}: {reason}", .line.map_or_else(String::new, |line| format!("line {line}, ")))]
pub struct TextError {
    /// Line, counted from 1; `None` if a section or a person's line is missing.
    pub line: Option<usize>,
    /// Name of the field.
    pub field: String,
    /// Why it can't be read.
    pub reason: String,
}

/// Something of a model that the text format has no place for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the text format has no place for {what}")]
pub struct NoPlace {
    /// What it is.
    pub what: String,
}

fn wrong<T>(line: usize, field: &str, reason: impl Into<String>) -> Result<T, TextError> {
    Err(TextError { line: Some(line), field: field.into(), reason: reason.into() })
}

fn missing<T>(field: &str, reason: impl Into<String>) -> Result<T, TextError> {
    Err(TextError { line: None, field: field.into(), reason: reason.into() })
}

/// Whether a name would be taken for something else where names stand side by side: it holds one of these characters or white
/// space, or begins as a section does.
pub(crate) fn is_misread(name: &str, separators: &[char]) -> bool {
    let separates = |c: char| c.is_whitespace() || c == '\u{feff}' || separators.contains(&c);
    name.contains(separates) || name.starts_with("SECTION_")
}

/// A row: its line and its fields.
struct Row<'a> {
    line: usize,
    fields: Vec<&'a str>,
}

impl Row<'_> {
    fn text(&self, index: usize, field: &str) -> Result<&str, TextError> {
        match self.fields.get(index) {
            Some(text) if !text.is_empty() => Ok(text),
            _ => wrong(self.line, field, "is missing"),
        }
    }

    fn number<T: std::str::FromStr>(&self, index: usize, field: &str) -> Result<T, TextError> {
        let text = self.text(index, field)?;
        // Published instances write a rounded nothing as "-0".
        let meant = if text == "-0" { "0" } else { text };
        meant.parse().or_else(|_| wrong(self.line, field, format!("{text:?} is not a number in range")))
    }

    fn day(&self, index: usize, days: usize) -> Result<usize, TextError> {
        let day: usize = self.number(index, "day")?;
        if day < days {
            Ok(day)
        } else {
            wrong(self.line, "day", format!("{day} is outside the horizon of {days} days"))
        }
    }

    fn known(&self, index: usize, field: &str, names: &HashMap<String, usize>) -> Result<usize, TextError> {
        let name = self.text(index, field)?;
        names.get(name).copied().ok_or_else(|| TextError {
            line: Some(self.line),
            field: field.into(),
            reason: format!("{name:?} is unknown"),
        })
    }

    fn ends_at(&self, fields: usize, section: &str) -> Result<(), TextError> {
        match self.fields.get(fields) {
            Some(extra) => {
                wrong(self.line, section, format!("has {fields} fields, {extra:?} is one too many"))
            }
            None => Ok(()),
        }
    }
}

const SECTIONS: [&str; 7] =
    ["HORIZON", "SHIFTS", "STAFF", "DAYS_OFF", "SHIFT_ON_REQUESTS", "SHIFT_OFF_REQUESTS", "COVER"];

fn sections(text: &str) -> Result<[Vec<Row<'_>>; 7], TextError> {
    let mut sections: [Vec<Row<'_>>; 7] = Default::default();
    let mut current = None;
    for (index, raw) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let (line, content) = (index + 1, raw.trim());
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if let Some(name) = content.strip_prefix("SECTION_") {
            match SECTIONS.iter().position(|section| *section == name) {
                Some(section) => current = Some(section),
                None => return wrong(line, "section", format!("{name:?} is unknown")),
            }
            continue;
        }
        let Some(section) = current else {
            return wrong(line, "section", "there is a row before the first section");
        };
        sections[section].push(Row { line, fields: content.split(',').map(str::trim).collect() });
    }
    Ok(sections)
}

/// Reads an instance.
///
/// # Errors
///
/// The first line that is wrong, with field and reason.
pub fn read_model(text: &str) -> Result<Model, TextError> {
    let [horizon, shifts, staff, days_off, on, off, cover] = sections(text)?;
    let Some(row) = horizon.first() else { return missing("SECTION_HORIZON", "is missing") };
    let days: usize = row.number(0, "horizon")?;
    if days == 0 {
        return wrong(row.line, "horizon", "has no day");
    }
    if let Some(row) = horizon.get(1) {
        return wrong(row.line, "horizon", "is there twice");
    }
    let mut places = Places {
        horizon: row.line,
        shifts: lines(&shifts),
        people: lines(&staff),
        requests: vec![Vec::new(); staff.len()],
        cover: lines(&cover),
    };
    let (shifts, shift_names) = read_shifts(&shifts)?;
    let (mut people, people_names) = read_staff(&staff, &shift_names)?;
    for row in &days_off {
        let person = row.known(0, "employee", &people_names)?;
        for index in (1..row.fields.len()).filter(|index| !row.fields[*index].is_empty()) {
            let day = row.day(index, days)?;
            people[person].fixed.push(Fixed { day, shift: None });
        }
    }
    let mut requests = |rows: &[Row<'_>], wish: fn(usize) -> Wish| {
        for row in rows {
            let person = row.known(0, "employee", &people_names)?;
            let day = row.day(1, days)?;
            let shift = row.known(2, "shift", &shift_names)?;
            let weight = row.number(3, "weight")?;
            row.ends_at(4, "request")?;
            people[person].requests.push(Request { day, wish: wish(shift), weight });
            places.requests[person].push(row.line);
        }
        Ok(())
    };
    requests(&on, Wish::Shift)?;
    requests(&off, Wish::NotShift)?;
    let cover = cover
        .iter()
        .map(|row| {
            row.ends_at(5, "cover")?;
            Ok(Cover {
                day: row.day(0, days)?,
                shift: row.known(1, "shift", &shift_names)?,
                skill: None,
                required: row.number(2, "requirement")?,
                under: row.number(3, "weight for under")?,
                over: row.number(4, "weight for over")?,
            })
        })
        .collect::<Result<_, TextError>>()?;
    let model = Model {
        days,
        first_weekday: 0,
        weekend: vec![5, 6],
        week_start: 0,
        skills: Vec::new(),
        shifts,
        people,
        cover,
        demand: Vec::new(),
        fairness: Vec::new(),
        pairings: Vec::new(),
    };
    model.validate().map_err(|error| places.find(error))?;
    Ok(model)
}

fn lines(rows: &[Row<'_>]) -> Vec<usize> {
    rows.iter().map(|row| row.line).collect()
}

/// The lines on which the parts of a model stand.
struct Places {
    horizon: usize,
    shifts: Vec<usize>,
    people: Vec<usize>,
    /// Per person.
    requests: Vec<Vec<usize>>,
    cover: Vec<usize>,
}

impl Places {
    /// The error of a model, by line and name of the field.
    fn find(&self, error: ModelError) -> TextError {
        let ModelError { field, reason } = error;
        // people[3].requests[0].weight
        let mut parts = field.split('.').map(|part| {
            let (name, rest) = part.split_once('[').unwrap_or((part, ""));
            (name, rest.strip_suffix(']').and_then(|index| index.parse::<usize>().ok()))
        });
        let line = match (parts.next(), parts.next()) {
            (Some(("days", None)), _) => Some(self.horizon),
            (Some(("shifts", Some(shift))), _) => self.shifts.get(shift).copied(),
            (Some(("cover", Some(cover))), _) => self.cover.get(cover).copied(),
            (Some(("people", Some(person))), Some(("requests", Some(request)))) => {
                self.requests.get(person).and_then(|lines| lines.get(request)).copied()
            }
            (Some(("people", Some(person))), _) => self.people.get(person).copied(),
            _ => None,
        };
        let name = if line.is_some() { field.rsplit('.').next().unwrap_or(&field).to_owned() } else { field };
        TextError { line, field: name, reason }
    }
}

type Names = HashMap<String, usize>;

fn read_shifts(rows: &[Row<'_>]) -> Result<(Vec<Shift>, Names), TextError> {
    let mut names = Names::new();
    let mut shifts = Vec::new();
    for row in rows {
        let id = row.text(0, "shift")?;
        if names.insert(id.into(), shifts.len()).is_some() {
            return wrong(row.line, "shift", format!("{id:?} is there twice"));
        }
        let length: u32 = row.number(1, "length")?;
        if !(1..=1440).contains(&length) {
            return wrong(row.line, "length", format!("{length} is not within 1..=1440 minutes"));
        }
        row.ends_at(3, "shift")?;
        shifts.push(Shift::new(id, 0, length));
    }
    if shifts.is_empty() {
        return missing("SECTION_SHIFTS", "is missing or empty");
    }
    for (row, shift) in rows.iter().zip(&mut shifts) {
        let list = row.fields.get(2).copied().unwrap_or_default();
        for other in list.split('|').map(str::trim).filter(|other| !other.is_empty()) {
            match names.get(other) {
                Some(index) => shift.not_next_day.push(*index),
                None => return wrong(row.line, "shifts that cannot follow", format!("{other:?} is unknown")),
            }
        }
    }
    Ok((shifts, names))
}

fn read_staff(rows: &[Row<'_>], shifts: &Names) -> Result<(Vec<Person>, Names), TextError> {
    let mut names = Names::new();
    let mut people = Vec::new();
    for row in rows {
        let id = row.text(0, "employee")?;
        if names.insert(id.into(), people.len()).is_some() {
            return wrong(row.line, "employee", format!("{id:?} is there twice"));
        }
        let mut caps = vec![None; shifts.len()];
        let list = row.fields.get(1).copied().unwrap_or_default();
        for pair in list.split('|').map(str::trim).filter(|pair| !pair.is_empty()) {
            let Some((shift, cap)) = pair.split_once('=') else {
                return wrong(row.line, "max shifts", format!("{pair:?} is not shift=count"));
            };
            let Some(index) = shifts.get(shift.trim()) else {
                return wrong(row.line, "max shifts", format!("{shift:?} is unknown"));
            };
            match cap.trim().parse() {
                Ok(cap) => caps[*index] = Some(cap),
                Err(_) => return wrong(row.line, "max shifts", format!("{cap:?} is not a count")),
            }
        }
        let rules = Rules {
            caps,
            minutes_max: Some(row.number(2, "max total minutes")?),
            minutes_min: row.number(3, "min total minutes")?,
            work_run_max: Some(row.number(4, "max consecutive shifts")?),
            work_run_min: row.number(5, "min consecutive shifts")?,
            off_run_min: row.number(6, "min consecutive days off")?,
            weekends_max: Some(row.number(7, "max weekends")?),
            ..Rules::default()
        };
        row.ends_at(8, "employee")?;
        people.push(Person { rules, ..Person::new(id) });
    }
    if people.is_empty() { missing("SECTION_STAFF", "is missing or empty") } else { Ok((people, names)) }
}

/// Reads a roster: a line per person, in the model's order, of shift names or `-` per day, separated by blanks or commas. A
/// line may begin with the person's name and a colon; then the order is free.
///
/// # Errors
///
/// The first line that is wrong, with field and reason.
pub fn read_roster(model: &Model, text: &str) -> Result<Roster, TextError> {
    let people: Names =
        model.people.iter().enumerate().map(|(index, person)| (person.id.clone(), index)).collect();
    let shifts: Names =
        model.shifts.iter().enumerate().map(|(index, shift)| (shift.id.clone(), index)).collect();
    let mut roster = Roster::of(model);
    let mut seen = vec![false; model.people.len()];
    let mut next = 0;
    for (index, raw) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let (line, content) = (index + 1, raw.trim());
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let named = content.split_once(':').filter(|(name, _)| !name.contains([' ', '\t', ',']));
        let (person, cells) = match named {
            Some((name, cells)) => match people.get(name) {
                Some(person) => (*person, cells),
                None => return wrong(line, "person", format!("{name:?} is unknown")),
            },
            None => (next, content),
        };
        next += 1;
        if person >= seen.len() {
            return wrong(line, "person", format!("is one line more than the {} people", seen.len()));
        }
        if std::mem::replace(&mut seen[person], true) {
            return wrong(line, "person", format!("{:?} is there twice", model.people[person].id));
        }
        let cells: Vec<&str> =
            cells.split([' ', '\t', ',']).map(str::trim).filter(|cell| !cell.is_empty()).collect();
        if cells.len() != model.days {
            return wrong(line, "cells", format!("are {} for a horizon of {} days", cells.len(), model.days));
        }
        for (day, cell) in cells.into_iter().enumerate() {
            match shifts.get(cell) {
                Some(shift) => roster.set(person, day, Some(*shift)),
                None if cell == "-" => {}
                None => return wrong(line, &format!("day {day}"), format!("{cell:?} is no shift")),
            }
        }
    }
    match seen.iter().position(|seen| !seen) {
        Some(person) => missing("person", format!("{:?} has no line", model.people[person].id)),
        None => Ok(roster),
    }
}

/// Writes a roster as [`read_roster`] reads it, without names: a line per person.
///
/// # Errors
///
/// A shift that is worked and whose name holds a separator: it would be misread.
pub fn write_roster(model: &Model, roster: &Roster) -> Result<String, NoPlace> {
    let mut text = String::new();
    for person in 0..roster.people() {
        let mut cells = Vec::with_capacity(roster.days());
        for shift in roster.row(person) {
            let name = shift.map_or("-", |shift| model.shifts[shift].id.as_str());
            if is_misread(name, &[',', ':', '#']) {
                return Err(NoPlace { what: format!("a separator in the name {name:?}") });
            }
            cells.push(name);
        }
        text.push_str(&cells.join(" "));
        text.push('\n');
    }
    Ok(text)
}
