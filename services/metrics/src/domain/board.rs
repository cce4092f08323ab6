//! The live board (实时看板): today's figures, who sees which rows, and what changed since somebody looked. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};

use crate::domain::figure::Figures;

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowKind {
    /// Everything.
    Whole,
    /// A shop.
    Shop,
    /// A team.
    Team,
    /// A person.
    Person,
}

/// A row's kind, and the shop, team or person.
pub type RowKey = (RowKind, String);

/// How new a board is. Later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// The business day.
    pub day: NaiveDate,
    /// The version of its figures.
    pub version: i64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.day, self.version)
    }
}

/// What is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a cursor that came with an update")]
pub struct NoCursor;

impl FromStr for Cursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let (day, version) = text.split_once('.').ok_or(NoCursor)?;
        let day = day.parse().map_err(|_| NoCursor)?;
        let version = version.parse().ok().filter(|version| *version >= 0).ok_or(NoCursor)?;
        Ok(Self { day, version })
    }
}

/// Who is in which team today, and who leads it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Teams {
    members: BTreeMap<String, BTreeSet<String>>,
    led: BTreeMap<String, BTreeSet<String>>,
}

impl Teams {
    /// Adds a person's place in a team.
    pub fn add(&mut self, team: String, person: String, leads: bool) {
        if leads {
            self.led.entry(person.clone()).or_default().insert(team.clone());
        }
        self.members.entry(team).or_default().insert(person);
    }

    fn leads(&self, person: &str, team: &str) -> bool {
        self.led.get(person).is_some_and(|teams| teams.contains(team))
    }

    fn leads_person(&self, lead: &str, person: &str) -> bool {
        let teams = self.led.get(lead).into_iter().flatten();
        teams.filter_map(|team| self.members.get(team)).any(|members| members.contains(person))
    }
}

/// Which rows somebody sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum View {
    /// All.
    All,
    /// Their own.
    Own(String),
    /// Their own, and those of the teams that they lead.
    Led(String),
}

impl View {
    fn holds(&self, (kind, key): &RowKey, teams: &Teams) -> bool {
        match (self, kind) {
            (Self::All, _) => true,
            (Self::Own(person), RowKind::Person) => key == person,
            (Self::Led(lead), RowKind::Person) => key == lead || teams.leads_person(lead, key),
            (Self::Led(lead), RowKind::Team) => teams.leads(lead, key),
            _ => false,
        }
    }
}

/// Today's figures as of a version.
#[derive(Debug, Clone)]
pub struct Board {
    /// How new it is.
    pub cursor: Cursor,
    /// What rules today.
    pub definition_version: i32,
    /// When it was read.
    pub read_at: DateTime<Utc>,
    /// All rows. What did not change since the board before is the same allocation.
    pub rows: BTreeMap<RowKey, Arc<Figures>>,
    /// Who sees which.
    pub teams: Teams,
}

/// What somebody is told.
#[derive(Debug, Clone)]
pub struct Update {
    /// How new it is; `None`: nothing is known yet.
    pub cursor: Option<Cursor>,
    /// What rules today.
    pub definition_version: i32,
    /// When it was read.
    pub read_at: Option<DateTime<Utc>>,
    /// Whether it is everything.
    pub complete: bool,
    /// Rows that changed.
    pub rows: Vec<(RowKey, Arc<Figures>)>,
    /// Rows that are gone.
    pub gone: Vec<RowKey>,
}

impl Update {
    /// Nothing happened since this board.
    pub fn heartbeat(board: Option<&Board>) -> Self {
        Self {
            cursor: board.map(|board| board.cursor),
            definition_version: board.map_or(0, |board| board.definition_version),
            read_at: board.map(|board| board.read_at),
            complete: false,
            rows: Vec::new(),
            gone: Vec::new(),
        }
    }
}

impl Board {
    /// A board out of what was read, which shares what did not change with the board before.
    pub fn after(self, before: Option<&Self>) -> Self {
        let keep = |(key, row): (RowKey, Arc<Figures>)| {
            let known = before.and_then(|board| board.rows.get(&key)).filter(|known| **known == row);
            let row = known.cloned().unwrap_or(row);
            (key, row)
        };
        Self { rows: self.rows.into_iter().map(keep).collect(), ..self }
    }

    /// What is to be told to somebody who has `since`, or nothing; `None`: nothing that they see changed.
    pub fn update(&self, view: &View, since: Option<&Self>) -> Option<Update> {
        let since = since.filter(|board| board.cursor.day == self.cursor.day);
        let had = |key: &RowKey| {
            since
                .and_then(|board| board.rows.get(key))
                .filter(|_| since.is_some_and(|board| view.holds(key, &board.teams)))
        };
        let seen = self.rows.iter().filter(|(key, _)| view.holds(key, &self.teams));
        let is_news =
            |(key, row): &(&RowKey, &Arc<Figures>)| had(key).is_none_or(|had| !Arc::ptr_eq(had, row));
        let rows: Vec<_> = seen.filter(is_news).map(|(key, row)| (key.clone(), row.clone())).collect();
        let is_gone = |key: &&RowKey| {
            had(key).is_some() && !(self.rows.contains_key(*key) && view.holds(key, &self.teams))
        };
        let gone: Vec<RowKey> =
            since.into_iter().flat_map(|board| board.rows.keys()).filter(is_gone).cloned().collect();
        if since.is_some() && rows.is_empty() && gone.is_empty() {
            return None;
        }
        Some(Update { complete: since.is_none(), rows, gone, ..Update::heartbeat(Some(self)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::figure::DayRange;

    fn day(n: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2020, 6, n).expect("a day")
    }

    fn board(version: i64, rows: &[(RowKind, &str, i64)], before: Option<&Board>) -> Board {
        let row = |(kind, key, accounts): &(RowKind, &str, i64)| {
            let range = DayRange { from: day(30), to: day(30) };
            let figures = Figures {
                active_accounts: *accounts,
                ..Figures::nothing((*key).to_owned(), String::new(), range)
            };
            ((*kind, (*key).to_owned()), Arc::new(figures))
        };
        let mut teams = Teams::default();
        for (team, person, leads) in [("t1", "p1", false), ("t1", "p2", true), ("t2", "p3", false)] {
            teams.add(team.to_owned(), person.to_owned(), leads);
        }
        let fresh = Board {
            cursor: Cursor { day: day(30), version },
            definition_version: 1,
            read_at: DateTime::UNIX_EPOCH,
            rows: rows.iter().map(row).collect(),
            teams,
        };
        fresh.after(before)
    }

    const ALL: &[(RowKind, &str, i64)] = &[
        (RowKind::Whole, "", 4),
        (RowKind::Shop, "star", 4),
        (RowKind::Team, "", 1),
        (RowKind::Team, "t1", 2),
        (RowKind::Team, "t2", 1),
        (RowKind::Person, "", 1),
        (RowKind::Person, "p1", 1),
        (RowKind::Person, "p2", 1),
        (RowKind::Person, "p3", 1),
    ];

    fn keys(update: &Update) -> Vec<(RowKind, &str)> {
        update.rows.iter().map(|((kind, key), _)| (*kind, key.as_str())).collect()
    }

    #[test]
    fn everyone_sees_their_rows() {
        let board = board(1, ALL, None);
        let seen = |view: View| board.update(&view, None).expect("is new");
        assert_eq!(keys(&seen(View::All)).len(), ALL.len());
        assert_eq!(keys(&seen(View::Own("p1".to_owned()))), [(RowKind::Person, "p1")]);
        assert_eq!(keys(&seen(View::Own("p9".to_owned()))), []);
        assert_eq!(
            keys(&seen(View::Led("p2".to_owned()))),
            [(RowKind::Team, "t1"), (RowKind::Person, "p1"), (RowKind::Person, "p2")]
        );
        assert_eq!(keys(&seen(View::Led("p3".to_owned()))), [(RowKind::Person, "p3")], "leads nobody");
        assert!(seen(View::All).complete);
    }

    #[test]
    fn only_what_changed_is_told() {
        let first = board(1, ALL, None);
        let mut rows = ALL.to_vec();
        rows[6].2 = 9;
        rows.remove(4);
        let next = board(2, &rows, Some(&first));
        let told = next.update(&View::All, Some(&first)).expect("something changed");
        assert_eq!(keys(&told), [(RowKind::Person, "p1")]);
        assert_eq!(told.gone, [(RowKind::Team, "t2".to_owned())]);
        assert_eq!((told.complete, told.cursor), (false, Some(next.cursor)));
        assert!(next.update(&View::Own("p3".to_owned()), Some(&first)).is_none());
        let tomorrow =
            Board { cursor: Cursor { day: day(30).succ_opt().expect("a day"), version: 1 }, ..next };
        assert!(tomorrow.update(&View::All, Some(&first)).expect("a new day").complete);
    }

    #[test]
    fn who_leaves_a_team_is_gone_from_its_leads_board() {
        let first = board(1, ALL, None);
        let mut next = board(2, ALL, Some(&first));
        next.teams = Teams::default();
        next.teams.add("t1".to_owned(), "p2".to_owned(), true);
        let told = next.update(&View::Led("p2".to_owned()), Some(&first)).expect("somebody left");
        assert_eq!(keys(&told), []);
        assert_eq!(told.gone, [(RowKind::Person, "p1".to_owned())]);
    }

    #[test]
    fn cursors_are_read_back_and_ordered() {
        let cursor = Cursor { day: day(30), version: 12 };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        assert!(
            cursor < Cursor { day: day(30), version: 13 } && Cursor { day: day(29), version: 99 } < cursor
        );
        for wrong in ["", "x", "2020-06-30", "2020-06-30.", "2020-06-30.-1", "2020-06-31.1", "2020-06-30.1.2"]
        {
            assert_eq!(wrong.parse::<Cursor>(), Err(NoCursor), "{wrong}");
        }
    }
}
