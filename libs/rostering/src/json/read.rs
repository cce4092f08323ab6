//! From the file to the model.

use std::collections::HashMap;

use super::days::{Days, weekday};
use super::document::{self as file, Document, FORMAT};
use super::{JsonError, parse};
use crate::model::{
    Banned, Cover, DayKind, Demand, Fairness, Fixed, Leave, Model, Pairing, Person, Request, Rules, Share,
    Shift, Wish,
};
use crate::problem::Problem;
use crate::validate::SIZE_MAX;

type Read<T> = Result<T, JsonError>;

/// Reads a problem in the form `jinpai.roster/1`.
///
/// # Errors
///
/// The first field that is wrong: its path and the reason.
pub fn read_json(text: &str) -> Read<Problem> {
    Reader::new(&parse(text, FORMAT)?)?.read()
}

/// Names to indexes.
struct Names {
    what: &'static str,
    indexes: HashMap<String, usize>,
}

impl Names {
    fn new<'a>(what: &'static str, names: impl Iterator<Item = &'a String>) -> Self {
        Self { what, indexes: names.cloned().zip(0..).collect() }
    }

    fn find(&self, name: &str, path: impl FnOnce() -> String) -> Read<usize> {
        let found = self.indexes.get(name).copied();
        found.ok_or_else(|| JsonError::new(path(), format!("{name:?} is no {}", self.what)))
    }

    fn find_all(&self, names: &[String], path: &str) -> Read<Vec<usize>> {
        names.iter().enumerate().map(|(at, name)| self.find(name, || format!("{path}[{at}]"))).collect()
    }

    /// `-` is a day off.
    fn find_cell(&self, name: &str, path: impl FnOnce() -> String) -> Read<Option<usize>> {
        if name == "-" { Ok(None) } else { self.find(name, path).map(Some) }
    }
}

struct Reader<'a> {
    document: &'a Document,
    problem: Problem,
    shifts: Names,
    people: Names,
    skills: Names,
    /// For lists in which one entry stands for several days: of each of the model's entries, the file's one.
    origins: HashMap<String, Vec<usize>>,
}

impl<'a> Reader<'a> {
    fn new(document: &'a Document) -> Read<Self> {
        let named = |name: &String, path: String| {
            let known = weekday(name);
            known.ok_or_else(|| JsonError::new(path, format!("{name:?} is no weekday: mon, tue, … sun")))
        };
        let first = match (&document.first_weekday, document.first_day) {
            (Some(name), date) => {
                let found = named(name, "first_weekday".into())?;
                if date.is_some_and(|date| crate::problem::weekday(date) != found) {
                    return Err(JsonError::new("first_weekday", "is not the weekday of first_day"));
                }
                found
            }
            (None, Some(date)) => crate::problem::weekday(date),
            (None, None) => return Err(JsonError::new("first_day", "is missing, and so is first_weekday")),
        };
        if !(1..=SIZE_MAX).contains(&document.days) {
            return Err(JsonError::new("days", format!("{} is not within 1..={SIZE_MAX}", document.days)));
        }
        let weekend = match &document.weekend {
            None => vec![5, 6],
            Some(names) => names
                .iter()
                .enumerate()
                .map(|(at, name)| named(name, format!("weekend[{at}]")))
                .collect::<Read<_>>()?,
        };
        let week_start = match &document.week_start {
            None => 0,
            Some(name) => named(name, "week_start".into())?,
        };
        let model = Model {
            days: document.days,
            first_weekday: first,
            weekend,
            week_start,
            skills: document.skills.clone(),
            shifts: Vec::new(),
            people: Vec::new(),
            cover: Vec::new(),
            demand: Vec::new(),
            fairness: Vec::new(),
            pairings: Vec::new(),
        };
        Ok(Self {
            document,
            problem: Problem { model, first_day: document.first_day },
            shifts: Names::new("shift", document.shifts.iter().map(|shift| &shift.id)),
            people: Names::new("person", document.people.iter().map(|person| &person.id)),
            skills: Names::new("skill", document.skills.iter()),
            origins: HashMap::new(),
        })
    }

    fn read(mut self) -> Read<Problem> {
        let document = self.document;
        let shifts = document.shifts.iter().enumerate().map(|(at, shift)| self.shift(at, shift));
        self.problem.model.shifts = shifts.collect::<Read<_>>()?;
        for (at, person) in document.people.iter().enumerate() {
            let person = self.person(at, person)?;
            self.problem.model.people.push(person);
        }
        self.problem.model.cover = self.spread("cover", &document.cover, |row| &row.days, Self::cover)?;
        self.problem.model.demand = self.spread("demand", &document.demand, |row| &row.days, Self::demand)?;
        let fairness = document.fairness.iter().enumerate().map(|(at, term)| self.fairness(at, term));
        self.problem.model.fairness = fairness.collect::<Read<_>>()?;
        let pairings = document.pairings.iter().enumerate().map(|(at, pairing)| self.pairing(at, pairing));
        self.problem.model.pairings = pairings.collect::<Read<_>>()?;
        let checked = self.problem.model.validate();
        checked.map_err(|error| JsonError::new(self.origin(&error.field), error.reason))?;
        Ok(self.problem)
    }

    /// Reads a list in which an entry stands for several days.
    fn spread<F, M: Clone>(
        &mut self,
        path: &str,
        list: &[F],
        days: impl Fn(&F) -> &Days,
        read: impl Fn(&Self, &str, &F, usize) -> Read<M>,
    ) -> Read<Vec<M>> {
        let (mut entries, mut origins) = (Vec::new(), Vec::new());
        for (at, entry) in list.iter().enumerate() {
            let here = format!("{path}[{at}]");
            let days = days(entry).resolve(&self.problem);
            for day in days.map_err(|reason| JsonError::new(format!("{here}.days"), reason))? {
                entries.push(read(self, &here, entry, day)?);
                origins.push(at);
            }
        }
        self.origins.insert(path.to_owned(), origins);
        Ok(entries)
    }

    /// The path in the file for a path in the model.
    fn origin(&self, field: &str) -> String {
        let split = field.rfind('[').and_then(|open| {
            let (list, rest) = field.split_at(open);
            let (index, rest) = rest[1..].split_once(']')?;
            let origin = self.origins.get(list)?.get(index.parse::<usize>().ok()?)?;
            Some(format!("{list}[{origin}]{rest}"))
        });
        split.unwrap_or_else(|| field.to_owned())
    }

    fn shift(&self, at: usize, shift: &file::Shift) -> Read<Shift> {
        let path = |field: &str| format!("shifts[{at}].{field}");
        Ok(Shift {
            id: shift.id.clone(),
            start: minute(&shift.start).map_err(|reason| JsonError::new(path("start"), reason))?,
            length: shift.length,
            counted: shift.counted.unwrap_or(shift.length),
            not_next_day: self.shifts.find_all(&shift.not_next_day, &path("not_next_day"))?,
            skills: self.skills.find_all(&shift.skills, &path("skills"))?,
        })
    }

    fn person(&mut self, at: usize, person: &file::Person) -> Read<Person> {
        let path = |field: &str| format!("people[{at}].{field}");
        let leave = self.spread(
            &path("leave"),
            &person.leave,
            |leave| &leave.days,
            |_, _, leave, day| Ok(Leave { day, counted: leave.counted }),
        )?;
        let fixed = self.spread(
            &path("fixed"),
            &person.fixed,
            |cell| &cell.days,
            |all, here, cell, day| {
                let shift = all.shifts.find_cell(&cell.shift, || format!("{here}.shift"))?;
                Ok(Fixed { day, shift })
            },
        )?;
        let banned = self.spread(
            &path("banned"),
            &person.banned,
            |cell| &cell.days,
            |all, here, cell, day| {
                let shift = all.shifts.find(&cell.shift, || format!("{here}.shift"))?;
                Ok(Banned { day, shift })
            },
        )?;
        let requests = self.spread(&path("requests"), &person.requests, |one| &one.days, Self::request)?;
        let history = person.history.iter().enumerate();
        let history =
            history.map(|(day, cell)| self.shifts.find_cell(cell, || format!("people[{at}].history[{day}]")));
        Ok(Person {
            id: person.id.clone(),
            skills: self.skills.find_all(&person.skills, &path("skills"))?,
            rules: self.rules(&person.rules, &path("rules"))?,
            leave,
            fixed,
            banned,
            requests,
            history: history.collect::<Read<_>>()?,
        })
    }

    fn rules(&self, rules: &file::Rules, path: &str) -> Read<Rules> {
        let mut caps = Vec::new();
        if let Some(given) = &rules.caps {
            caps = vec![None; self.document.shifts.len()];
            for (shift, cap) in given {
                caps[self.shifts.find(shift, || format!("{path}.caps.{shift}"))?] = Some(*cap);
            }
        }
        Ok(Rules {
            caps,
            minutes_min: rules.minutes_min,
            minutes_max: rules.minutes_max,
            week_minutes_min: rules.week_minutes_min,
            week_minutes_max: rules.week_minutes_max,
            week_days_max: rules.week_days_max,
            work_run_min: rules.work_run_min,
            work_run_max: rules.work_run_max,
            off_run_min: rules.off_run_min,
            weekends_max: rules.weekends_max,
            rest_min: rules.rest_min,
        })
    }

    fn request(&self, here: &str, request: &file::Request, day: usize) -> Read<Request> {
        let path = || format!("{here}.shift");
        let needed = || {
            let name = request.shift.as_deref();
            name.ok_or_else(|| JsonError::new(path(), "is missing, and this wish is about a shift"))
        };
        let wish = match request.wish {
            file::Wish::Shift => Wish::Shift(self.shifts.find(needed()?, path)?),
            file::Wish::NotShift => Wish::NotShift(self.shifts.find(needed()?, path)?),
            file::Wish::Keep => Wish::Keep(self.shifts.find_cell(needed()?, path)?),
            file::Wish::Work | file::Wish::Off if request.shift.is_some() => {
                return Err(JsonError::new(path(), "has no meaning for this wish"));
            }
            file::Wish::Work => Wish::Work,
            file::Wish::Off => Wish::Off,
        };
        Ok(Request { day, wish, weight: request.weight })
    }

    fn skill(&self, skill: Option<&String>, here: &str) -> Read<Option<usize>> {
        skill.map(|skill| self.skills.find(skill, || format!("{here}.skill"))).transpose()
    }

    fn cover(&self, here: &str, row: &file::Cover, day: usize) -> Read<Cover> {
        Ok(Cover {
            day,
            shift: self.shifts.find(&row.shift, || format!("{here}.shift"))?,
            skill: self.skill(row.skill.as_ref(), here)?,
            required: row.required,
            under: row.under,
            over: row.over,
        })
    }

    fn demand(&self, here: &str, row: &file::Demand, day: usize) -> Read<Demand> {
        let time = |field: &str, text: &str| {
            minute(text).map_err(|reason| JsonError::new(format!("{here}.{field}"), reason))
        };
        Ok(Demand {
            day,
            from: time("from", &row.from)?,
            to: time("to", &row.to)?,
            shifts: self.shifts.find_all(&row.shifts, &format!("{here}.shifts"))?,
            skill: self.skill(row.skill.as_ref(), here)?,
            required: row.required,
            under: row.under,
            over: row.over,
        })
    }

    fn fairness(&self, at: usize, term: &file::Fairness) -> Read<Fairness> {
        let shares = term.shares.iter().enumerate().map(|(index, share)| {
            let person =
                self.people.find(&share.person, || format!("fairness[{at}].shares[{index}].person"))?;
            Ok(Share { person, low: share.low, high: share.high })
        });
        Ok(Fairness {
            name: term.name.clone(),
            shifts: self.shifts.find_all(&term.shifts, &format!("fairness[{at}].shifts"))?,
            days: match term.days {
                file::Kind::Every => DayKind::Every,
                file::Kind::Weekend => DayKind::Weekend,
                file::Kind::Weekday => DayKind::Weekday,
            },
            shares: shares.collect::<Read<_>>()?,
            weight: term.weight,
        })
    }

    fn pairing(&self, at: usize, pairing: &file::Pairing) -> Read<Pairing> {
        let path = |field: &str| format!("pairings[{at}].{field}");
        let day = |field: &str, day: Option<super::days::Day>, default: usize| match day {
            None => Ok(default),
            Some(day) => day.resolve(&self.problem).map_err(|reason| JsonError::new(path(field), reason)),
        };
        Ok(Pairing {
            trainee: self.people.find(&pairing.trainee, || path("trainee"))?,
            mentor: self.people.find(&pairing.mentor, || path("mentor"))?,
            from: day("from", pairing.from, 0)?,
            to: day("to", pairing.to, self.document.days - 1)?,
            weight: pairing.weight,
        })
    }
}

/// Minutes from `HH:MM`.
fn minute(text: &str) -> Result<u32, String> {
    let wrong = || format!("{text:?} is no time like \"09:30\"");
    let (hours, minutes) = text.split_once(':').ok_or_else(wrong)?;
    let digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(hours) || !digits(minutes) {
        return Err(wrong());
    }
    let parsed = hours.parse::<u32>().ok().zip(minutes.parse::<u32>().ok());
    parsed.filter(|(_, minutes)| *minutes < 60).map(|(hours, minutes)| hours * 60 + minutes).ok_or_else(wrong)
}
