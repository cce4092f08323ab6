//! Rows of cells, of a workbook's first sheet or of a CSV.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{DataRef, Reader, Xlsx};

use crate::encoding::Utf8;
use crate::error::Error;
use crate::table::Cells;

/// The largest workbook taken, packed and unpacked: both are held in memory.
const PACKED_MAX: u64 = 32 << 20;
const UNPACKED_MAX: u64 = 256 << 20;
/// Parts of a workbook, at most.
const PARTS_MAX: usize = 1_000;
const ROWS_MAX: u32 = 200_000;
const COLUMNS_MAX: u32 = 512;

/// A CSV in whatever encoding.
type Text = BufReader<Utf8<Box<dyn Read>>>;

/// The rows of a report.
pub(super) enum Grid {
    Workbook(VecDeque<(u64, Vec<String>)>),
    Text(Box<Cells<Text>>),
}

impl Grid {
    pub fn new(input: impl Read + 'static) -> Result<Self, Error> {
        let mut input = BufReader::new(input);
        let packed = input.fill_buf().map_err(Error::Read)?.starts_with(b"PK\x03\x04");
        if !packed {
            let input: Box<dyn Read> = Box::new(input);
            let cells = Cells::new(BufReader::new(Utf8::new(input))).map_err(Error::Read)?;
            return Ok(Self::Text(Box::new(cells)));
        }
        let mut bytes = Vec::new();
        input.take(PACKED_MAX + 1).read_to_end(&mut bytes).map_err(Error::Read)?;
        if bytes.len() as u64 > PACKED_MAX {
            return Err(Error::row(1, "file", "is a workbook of more than 32 MiB"));
        }
        check_unpacked(&bytes)?;
        // The library is not ours, and a workbook can be broken in more ways than anybody has thought of.
        let rows = catch_unwind(AssertUnwindSafe(|| rows_of(bytes)));
        Ok(Self::Workbook(rows.unwrap_or_else(|_| Err(broken("its parts don't fit together")))?))
    }

    /// The next row and its number.
    pub fn next(&mut self) -> Result<Option<(u64, Vec<String>)>, Error> {
        match self {
            Self::Workbook(rows) => Ok(rows.pop_front()),
            Self::Text(cells) => cells.next(),
        }
    }
}

fn broken(why: impl std::fmt::Display) -> Error {
    Error::row(1, "file", format!("is no workbook that can be read: {why}"))
}

/// Unpacks everything once to nowhere: what a workbook says of its own size need not be true.
fn check_unpacked(bytes: &[u8]) -> Result<(), Error> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
    if archive.len() > PARTS_MAX {
        return Err(broken("it has more than 1,000 parts"));
    }
    let mut left = UNPACKED_MAX;
    for at in 0..archive.len() {
        let mut part = archive.by_index(at).map_err(broken)?.take(left);
        left -= io::copy(&mut part, &mut io::sink()).map_err(broken)?;
        if left == 0 {
            return Err(Error::row(1, "file", "is a workbook of more than 256 MiB when unpacked"));
        }
    }
    Ok(())
}

fn rows_of(bytes: Vec<u8>) -> Result<VecDeque<(u64, Vec<String>)>, Error> {
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(broken)?;
    let Some(name) = workbook.sheet_names().first().cloned() else {
        return Err(broken("it has no sheet"));
    };
    let mut cells = workbook.worksheet_cells_reader(&name).map_err(broken)?;
    let mut rows: VecDeque<(u64, Vec<String>)> = VecDeque::new();
    while let Some(cell) = cells.next_cell().map_err(broken)? {
        let (row, column) = cell.get_position();
        let text = text_of(cell.get_value());
        if text.trim().is_empty() {
            continue;
        }
        if row >= ROWS_MAX || column >= COLUMNS_MAX {
            return Err(broken("it has more than 200,000 rows or 512 columns"));
        }
        let number = u64::from(row) + 1;
        if rows.back().is_none_or(|(last, _)| *last < number) {
            rows.push_back((number, Vec::new()));
        }
        let Some((_, cells)) = rows.back_mut().filter(|(last, _)| *last == number) else {
            return Err(broken("its rows are not in order"));
        };
        // Below the bound above.
        let column = column as usize;
        if cells.len() <= column {
            cells.resize(column + 1, String::new());
        }
        cells[column] = text;
    }
    Ok(rows)
}

fn text_of(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Empty => String::new(),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => plain(*number),
        DataRef::Bool(mark) => mark.to_string(),
        DataRef::DateTime(at) => {
            let (year, month, day, hour, minute, second, _) = at.to_ymd_hms_milli();
            if at.is_duration() {
                // With its unit: the column's numbers may be in another.
                return format!("{}秒", plain(at.as_f64() * 86_400.0));
            }
            format!("{year}-{month}-{day} {hour}:{minute:02}:{second:02}")
        }
        DataRef::Error(error) => error.to_string(),
    }
}

/// A float without the dust of binary fractions.
fn plain(number: f64) -> String {
    let text = format!("{number:.9}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}
