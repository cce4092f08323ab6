//! What the tests share.

use importers::{Conversation, Error, Fact, Options, Record, Row, RowError};

pub fn options() -> Options {
    Options::new("Asia/Shanghai").expect("a zone")
}

/// What came of a file: the good rows, and the bad ones.
#[derive(Debug, Default)]
pub struct Came {
    pub rows: Vec<Row>,
    pub wrong: Vec<RowError>,
}

impl Came {
    pub fn of(reader: impl Iterator<Item = Result<Row, Error>>) -> Self {
        let mut came = Self::default();
        for row in reader {
            match row {
                Ok(row) => came.rows.push(row),
                Err(Error::Row(wrong)) => came.wrong.push(wrong),
                Err(Error::Read(error)) => panic!("memory can be read: {error}"),
            }
        }
        came
    }

    pub fn conversations(self) -> Vec<Conversation> {
        assert_eq!(self.wrong, [], "nothing is wrong");
        let conversation = |row: Row| match row.record {
            Record::Conversation(conversation) => conversation,
            Record::Fact(fact) => panic!("{fact:?} is no conversation"),
        };
        self.rows.into_iter().map(conversation).collect()
    }

    pub fn facts(self) -> Vec<Fact> {
        assert_eq!(self.wrong, [], "nothing is wrong");
        let fact = |row: Row| match row.record {
            Record::Fact(fact) => fact,
            Record::Conversation(conversation) => panic!("{conversation:?} is no fact"),
        };
        self.rows.into_iter().map(fact).collect()
    }

    /// The only thing that is wrong.
    pub fn only_wrong(&self) -> &RowError {
        let [wrong] = self.wrong.as_slice() else { panic!("one thing is wrong: {self:#?}") };
        wrong
    }

    /// Lines, as they came: rows and errors each grow.
    pub fn lines(&self) -> Vec<u64> {
        self.rows.iter().map(|row| row.line).collect()
    }
}

/// An instant of RFC 3339, in seconds.
pub fn seconds(at: &str) -> i64 {
    chrono::DateTime::parse_from_rfc3339(at).expect("a time").timestamp()
}
