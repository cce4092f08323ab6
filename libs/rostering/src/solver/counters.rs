//! What a person's rules count besides minutes of the horizon: weekends, capped shifts, days and minutes of the week.
//!
//! All counts of one moment are digits of one number. Counts that only have an upper limit stop there: one step more is
//! no step. A count with only a lower limit stays at the limit once it is reached.

use crate::model::Model;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Weekends,
    /// Worked shifts of the tracked cap of this index.
    Cap(usize),
    WeekDays,
    /// Units of the week; with no upper limit the count stays at the lower one.
    WeekUnits {
        stays: bool,
        least: u32,
    },
}

#[derive(Debug, Clone)]
struct Counter {
    kind: Kind,
    /// Largest value plus one.
    size: u32,
    stride: u32,
}

/// The counters of one person.
#[derive(Debug, Clone)]
pub(crate) struct Counters {
    counters: Vec<Counter>,
    /// How many values the combined number has.
    pub size: usize,
    /// Value before day 0; `None` if the history leaves no way to keep the rules.
    pub start: Option<usize>,
}

/// What one day adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Step {
    pub works: bool,
    pub units: i32,
    pub cap: Option<usize>,
    /// First worked day of a weekend.
    pub weekend: bool,
    pub week: Week,
}

/// What a day is in its week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Week {
    /// Neither of these.
    Inside,
    /// The first day; the week before lies partly outside the horizon.
    Begins,
    /// The first day, or the end of the horizon; the week before lies in the horizon as a whole.
    EndsWhole,
}

impl Counters {
    pub fn new(model: &Model, person: usize, tracked: &[usize], unit: u32, count_weekends: bool) -> Self {
        let person = &model.people[person];
        let rules = &person.rules;
        let mut counters = Vec::new();
        let mut size = 1_u32;
        let mut add = |kind: Kind, most: u32| {
            counters.push(Counter { kind, size: most + 1, stride: size });
            size = size.saturating_mul(most + 1);
        };
        let weekends = model.weekends().len() as u32;
        if let Some(most) = rules.weekends_max.filter(|most| *most < weekends && count_weekends) {
            add(Kind::Weekends, most);
        }
        if let Some(most) = rules.week_days_max.filter(|most| *most < 7) {
            add(Kind::WeekDays, most);
        }
        if rules.week_minutes_min > 0 || rules.week_minutes_max.is_some() {
            let least =
                if unit == 0 { rules.week_minutes_min } else { rules.week_minutes_min.div_ceil(unit) };
            let most = rules.week_minutes_max.map(|most| most.checked_div(unit).unwrap_or(most));
            add(Kind::WeekUnits { stays: most.is_none(), least }, most.unwrap_or(least));
        }
        for (index, shift) in tracked.iter().enumerate() {
            let most = rules.caps[*shift].expect("only shifts with a cap are tracked");
            add(Kind::Cap(index), most);
        }
        let mut all = Self { counters, size: size as usize, start: Some(0) };
        let past = usize::from((model.first_weekday + 7 - model.week_start) % 7).min(person.history.len());
        for cell in &person.history[person.history.len() - past..] {
            let Some(shift) = *cell else { continue };
            let units = model.shifts[shift].counted.checked_div(unit).unwrap_or(0) as i32;
            let step = Step { works: true, units, cap: None, weekend: false, week: Week::Inside };
            all.start = all.start.and_then(|at| all.step(at, step));
        }
        all
    }

    fn of_weekends(&self) -> Option<&Counter> {
        self.counters.iter().find(|counter| counter.kind == Kind::Weekends)
    }

    /// Most weekends, if they are counted.
    pub fn weekends_max(&self) -> Option<u32> {
        self.of_weekends().map(|counter| counter.size - 1)
    }

    /// Weekends so far, if they are counted.
    pub fn weekends(&self, at: usize) -> Option<i32> {
        self.of_weekends().map(|counter| (at as u32 / counter.stride % counter.size) as i32)
    }

    /// The number after a day; `None` if the day breaks a limit.
    pub fn step(&self, at: usize, step: Step) -> Option<usize> {
        let mut next = 0;
        for counter in &self.counters {
            let mut value = at as u32 / counter.stride % counter.size;
            let add = match counter.kind {
                Kind::Weekends => u32::from(step.weekend),
                Kind::Cap(index) => u32::from(step.works && step.cap == Some(index)),
                Kind::WeekDays => u32::from(step.works),
                Kind::WeekUnits { .. } => step.units as u32,
            };
            match (counter.kind, step.week) {
                (Kind::WeekUnits { least, .. }, Week::EndsWhole) if value < least => return None,
                (Kind::WeekDays | Kind::WeekUnits { .. }, Week::Begins | Week::EndsWhole) => value = 0,
                _ => {}
            }
            value += add;
            if value >= counter.size {
                if !matches!(counter.kind, Kind::WeekUnits { stays: true, .. }) {
                    return None;
                }
                value = counter.size - 1;
            }
            next += value * counter.stride;
        }
        Some(next as usize)
    }
}
