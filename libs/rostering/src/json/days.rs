//! Days as people write them in a file.

use std::fmt;

use chrono::NaiveDate;
use serde::de::{self, SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::problem::Problem;

const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// What a [`Days`] is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Day {
    Index(usize),
    Date(NaiveDate),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Term {
    One(Day),
    /// Both ends included.
    Range(Day, Day),
    Weekday(u8),
    Weekend,
    Every,
}

/// A number, `"2026-11-08"`, a range of either (`"3..5"`, both ends included), `"mon"`, `"weekend"`, `"every"`, or a list of
/// these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Days(Vec<Term>);

impl Day {
    fn parse(text: &str) -> Option<Self> {
        let index = text.parse().ok().map(Self::Index);
        index.or_else(|| text.parse().ok().map(Self::Date))
    }

    /// The day's number in the horizon.
    pub(super) fn resolve(self, problem: &Problem) -> Result<usize, String> {
        let days = problem.model.days;
        let index = match (self, problem.first_day) {
            (Self::Index(index), _) => index as i64,
            (Self::Date(date), Some(first)) => (date - first).num_days(),
            (Self::Date(date), None) => return Err(format!("{date} is a date, but there is no first_day")),
        };
        usize::try_from(index)
            .ok()
            .filter(|index| *index < days)
            .ok_or_else(|| format!("{self} is outside the horizon of {days} days"))
    }

    pub(super) fn of(problem: &Problem, day: usize) -> Self {
        problem.date(day as isize).map_or(Self::Index(day), Self::Date)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => write!(f, "{index}"),
            Self::Date(date) => write!(f, "{date}"),
        }
    }
}

impl Term {
    fn parse(text: &str) -> Option<Self> {
        if let Some((from, to)) = text.split_once("..") {
            return Some(Self::Range(Day::parse(from)?, Day::parse(to)?));
        }
        match text {
            "every" => Some(Self::Every),
            "weekend" => Some(Self::Weekend),
            _ => weekday(text).map(Self::Weekday).or_else(|| Day::parse(text).map(Self::One)),
        }
    }
}

impl Days {
    /// The days' numbers in the horizon, ascending, each once.
    pub(super) fn resolve(&self, problem: &Problem) -> Result<Vec<usize>, String> {
        let model = &problem.model;
        let mut found = vec![false; model.days];
        for term in &self.0 {
            match *term {
                Term::One(day) => found[day.resolve(problem)?] = true,
                Term::Range(from, to) => {
                    let (first, last) = (from.resolve(problem)?, to.resolve(problem)?);
                    if first > last {
                        return Err(format!("{from}..{to} ends before it begins"));
                    }
                    found[first..=last].fill(true);
                }
                Term::Weekday(weekday) => {
                    (0..model.days)
                        .filter(|day| model.weekday(*day as isize) == weekday)
                        .for_each(|day| found[day] = true);
                }
                Term::Weekend => {
                    (0..model.days)
                        .filter(|day| model.is_weekend(*day as isize))
                        .for_each(|day| found[day] = true);
                }
                Term::Every => found.fill(true),
            }
        }
        Ok((0..model.days).filter(|day| found[*day]).collect())
    }

    /// The shortest way to write ascending days.
    pub(super) fn of(problem: &Problem, days: &[usize]) -> Self {
        if days.len() == problem.model.days && days.len() > 1 {
            return Self(vec![Term::Every]);
        }
        let mut terms = Vec::new();
        for run in days.chunk_by(|one, next| one + 1 == *next) {
            let name = |day: usize| Day::of(problem, day);
            match run {
                [first, .., last] if run.len() > 2 => terms.push(Term::Range(name(*first), name(*last))),
                _ => terms.extend(run.iter().map(|day| Term::One(name(*day)))),
            }
        }
        Self(terms)
    }
}

/// 0 is Monday.
pub(super) fn weekday(name: &str) -> Option<u8> {
    WEEKDAYS.iter().zip(0..).find(|(known, _)| **known == name).map(|(_, weekday)| weekday)
}

pub(super) fn weekday_name(weekday: u8) -> &'static str {
    WEEKDAYS[usize::from(weekday % 7)]
}

impl Serialize for Term {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::One(day) => day.serialize(serializer),
            Self::Range(from, to) => serializer.collect_str(&format_args!("{from}..{to}")),
            Self::Weekday(weekday) => serializer.serialize_str(weekday_name(*weekday)),
            Self::Weekend => serializer.serialize_str("weekend"),
            Self::Every => serializer.serialize_str("every"),
        }
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Index(index) => serializer.serialize_u64(*index as u64),
            Self::Date(date) => serializer.collect_str(date),
        }
    }
}

impl Serialize for Days {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let [one] = &self.0[..] {
            return one.serialize(serializer);
        }
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for term in &self.0 {
            list.serialize_element(term)?;
        }
        list.end()
    }
}

struct DaysVisitor;

impl<'de> Visitor<'de> for DaysVisitor {
    type Value = Days;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a day's number, a date like \"2026-11-08\", a range like \"3..5\", a weekday like \"mon\", \"weekend\", \
             \"every\", or a list of these",
        )
    }

    fn visit_u64<E: de::Error>(self, index: u64) -> Result<Days, E> {
        let index =
            usize::try_from(index).map_err(|_| E::invalid_value(de::Unexpected::Unsigned(index), &self))?;
        Ok(Days(vec![Term::One(Day::Index(index))]))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Days, E> {
        let term = Term::parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))?;
        Ok(Days(vec![term]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Days, A::Error> {
        let mut terms = Vec::new();
        while let Some(Days(one)) = list.next_element()? {
            terms.extend(one);
        }
        Ok(Days(terms))
    }
}

impl<'de> Deserialize<'de> for Days {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DaysVisitor)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Days::deserialize(deserializer)?.0[..] {
            [Term::One(day)] => Ok(day),
            _ => Err(de::Error::custom("expected one day: its number or its date")),
        }
    }
}
