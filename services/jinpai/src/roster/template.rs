//! `jinpai roster template`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use chrono::{Datelike, Days, NaiveDate};
use clap::{Args, Subcommand};
use rostering::{Rotation, rotation, write_json};
use runtime::clock::SystemClock;

use super::files;
use crate::cli::{DONE, print};

/// A ready-made problem.
#[derive(Debug, Clone, Subcommand)]
pub enum Template {
    /// Early, late and evening shift every day for a small team, everything shared out evenly; C is on call at home.
    #[command(after_help = "Examples:\n  jinpai roster template rotation --out one.json\n  \
                            jinpai roster solve one.json --out one-roster.json\n  \
                            jinpai roster template rotation --after one.json one-roster.json --out two.json")]
    Rotation(RotationOptions),
}

/// The team and its days.
#[derive(Debug, Clone, Args)]
pub struct RotationOptions {
    /// Name of a person (repeatable); four of them by default.
    #[arg(long = "person", value_name = "NAME")]
    pub people: Vec<String>,
    /// The first day; the day after --after, or the next Monday.
    #[arg(long, value_name = "DAY")]
    pub first_day: Option<NaiveDate>,
    /// How many days.
    #[arg(long, default_value_t = 21)]
    pub days: usize,
    /// When C ends, from 22:00 to 24:00.
    #[arg(long, value_name = "HH:MM", default_value = "24:00", value_parser = time)]
    pub until: u32,
    /// Of the minutes on call, how many in a hundred count as work.
    #[arg(long, value_name = "PERCENT", default_value_t = 100)]
    pub counted_percent: u32,
    /// Fewest hours between two shifts.
    #[arg(long, value_name = "HOURS", default_value_t = 11)]
    pub rest_hours: u32,
    /// The rotation before this one and its roster: the phase goes on, and who had more gets less.
    #[arg(long, num_args = 2, value_names = ["FILE", "SOLUTION"])]
    pub after: Option<Vec<PathBuf>>,
    /// Write it there instead of to standard output.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

fn time(text: &str) -> Result<u32, String> {
    let parsed = text.split_once(':').and_then(|(hours, minutes)| {
        let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
        (hours <= 24 && minutes < 60).then_some(hours * 60 + minutes)
    });
    parsed.ok_or_else(|| format!("{text:?} is no time like 24:00"))
}

pub(super) fn run(Template::Rotation(options): &Template, json: bool) -> Result<u8> {
    let past = match options.after.as_deref() {
        Some([file, solution]) => {
            let problem = files::problem(file)?.problem;
            let roster = files::roster(&problem, solution)?.roster;
            Some((problem, roster))
        }
        _ => None,
    };
    let next = past.as_ref().and_then(|(problem, _)| problem.date(problem.model.days as isize));
    let first_day = options.first_day.or(next).map_or_else(next_monday, Ok)?;
    let people = match (&past, &options.people[..]) {
        (Some((problem, _)), []) => problem.model.people.iter().map(|person| person.id.clone()).collect(),
        (None, []) => Rotation::default().people,
        (_, names) => names.to_vec(),
    };
    let problem = rotation(&Rotation {
        people,
        first_day,
        days: options.days,
        evening_end: options.until,
        evening_counted_percent: options.counted_percent,
        rest_min: options.rest_hours.saturating_mul(60),
        past,
    })?;
    let text = write_json(&problem);
    match &options.out {
        None => std::io::stdout().lock().write_all(text.as_bytes())?,
        Some(path) => {
            files::write(path, &text)?;
            let told = format!("written to {}", path.display());
            print(json, &serde_json::json!({ "out": path }), |out| Ok(writeln!(out, "{told}")?))?;
        }
    }
    Ok(DONE)
}

fn next_monday() -> Result<NaiveDate> {
    let today = SystemClock::shared().now().date_naive();
    let until = 7 - u64::from(today.weekday().num_days_from_monday());
    today.checked_add_days(Days::new(until)).context("there is no next Monday")
}
