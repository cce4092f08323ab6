//! What got worse in a page of figures: how unusual that is, who and which hours and products contributed, what to do.

use std::collections::BTreeMap;

use pg::page::PageRequest;
use runtime::identity::Scope;

use crate::domain::advice::worsened;
use crate::domain::any_measure::AnyMeasure;
use crate::domain::asking::AskFigures;
use crate::domain::change::{Effects, Sides, split};
use crate::domain::comparison::{MeasureChange, like_periods};
use crate::domain::figure::{Cut, DayRange, FigureState, Figures, Filter, Group, RowPlace, Step};
use crate::domain::judgement::{Judgement, judge};
use crate::domain::playbook::{Remedy, remedies_for};
use crate::domain::slice::Aspect;
use crate::domain::{Metrics, Result};
use crate::error::MetricsError;

/// Rows that history and contributors are read in at most.
const ROWS_MAX: u32 = 100_000;
/// Days of which hours of conversations are counted on demand.
pub const HOURLY_DAYS_MAX: i64 = 31;

/// A measure that got worse.
#[derive(Debug, Clone)]
pub struct Worsened {
    /// How it changed.
    pub change: MeasureChange,
    /// How unusual the figure is against the like periods before it.
    pub judgement: Judgement,
    /// How settled the judged figure is.
    pub state: FigureState,
    /// What contributed.
    pub contributors: Contributors,
    /// What the playbook says.
    pub remedies: Vec<Remedy>,
}

/// The largest parts of a change that go its way, the largest first.
#[derive(Debug, Clone, Default)]
pub struct Contributors {
    /// Who.
    pub persons: Vec<ChangePart>,
    /// Hours of the local clock.
    pub hours: Vec<ChangePart>,
    /// Of sales.
    pub products: Vec<ChangePart>,
}

/// A part of a change.
#[derive(Debug, Clone)]
pub struct ChangePart {
    /// The group's id, or the hour.
    pub key: String,
    /// Its name, if known.
    pub name: String,
    /// Both sides.
    pub sides: Sides,
    /// What it contributes.
    pub effects: Effects,
}

/// What a change is made of.
#[derive(Debug)]
pub struct ChangeParts {
    /// What both sides of the whole are.
    pub whole: Sides,
    /// How much it changed, in billionths of the measure's unit.
    pub difference: i64,
    /// The largest first; their effects add up to the difference.
    pub parts: Vec<ChangePart>,
}

impl ChangePart {
    /// What it contributes in all.
    pub fn effect(&self) -> i64 {
        self.effects.mix + self.effects.rate
    }
}

impl ChangeParts {
    /// The parts by the rows of two runs of days; `None` if a side of the whole has no value. Rows of the same key, or of
    /// the same hour, are one part.
    pub fn of(measure: AnyMeasure, before: &[Figures], now: &[Figures]) -> Option<Self> {
        let mut keys: BTreeMap<String, (String, Sides)> = BTreeMap::new();
        for (is_now, rows) in [(false, before), (true, now)] {
            for row in rows {
                let key = row.hour.map_or_else(|| row.key.clone(), |hour| hour.to_string());
                let sides = &mut keys.entry(key).or_insert_with(|| (row.name.clone(), Sides::default())).1;
                let side = if is_now { &mut sides.now } else { &mut sides.before };
                let (above, below) = measure.of(row);
                *side = (side.0 + above, side.1 + below);
            }
        }
        let sides: Vec<Sides> = keys.values().map(|(_, sides)| *sides).collect();
        let (difference, effects) = split(measure.unit(), &sides)?;
        let whole = sides.iter().fold(Sides::default(), |sum, part| Sides {
            before: (sum.before.0 + part.before.0, sum.before.1 + part.before.1),
            now: (sum.now.0 + part.now.0, sum.now.1 + part.now.1),
        });
        let parts = keys.into_iter().zip(sides).zip(effects);
        let mut parts: Vec<ChangePart> = parts
            .map(|(((key, (name, _)), sides), effects)| ChangePart { key, name, sides, effects })
            .collect();
        parts.sort_by_key(|part| std::cmp::Reverse(part.effect().unsigned_abs()));
        Some(Self { whole, difference, parts })
    }

    /// The `most` largest parts that go the way of the whole.
    fn largest(self, most: usize) -> Vec<ChangePart> {
        let way = self.difference.signum();
        self.parts
            .into_iter()
            .filter(|part| part.effect() != 0 && part.effect().signum() == way)
            .take(most)
            .collect()
    }
}

/// A figure held against those of like periods. Counts and amounts of periods of another length count by the day.
/// `None`: the row has no value.
pub fn judge_row<'a>(
    measure: AnyMeasure,
    row: &Figures,
    history: impl Iterator<Item = &'a Figures>,
) -> Option<Judgement> {
    use crate::domain::explanation::Unit;
    let by_day = |past: &Figures| match measure.unit() {
        Unit::Count => row.days.days() as f64 / past.days.days() as f64,
        Unit::Rate | Unit::Milliseconds => 1.0,
    };
    let history: Vec<f64> = history.filter_map(|past| Some(measure.value(past)? * by_day(past))).collect();
    Some(judge(measure.value(row)?, &history))
}

/// The filter that leaves what belongs to a row of a group; `None` for what belongs to nobody, which no filter names.
fn only(filter: &Filter, group: Group, keys: Vec<String>) -> Option<Filter> {
    let mut filter = filter.clone();
    let list = match group {
        Group::Account => &mut filter.accounts,
        Group::Person => &mut filter.persons,
        Group::Team => &mut filter.teams,
        Group::Shop => &mut filter.shops,
        Group::Merchant | Group::Product | Group::Category | Group::Hour => return Some(filter),
    };
    if keys.iter().any(String::is_empty) {
        return None;
    }
    *list = keys;
    Some(filter)
}

impl Metrics {
    /// What got worse in each row of `pairs` against the row before it, in their order. `ask` is what gave the rows: its
    /// group, filter, definition, days and the day as known on which. `base` are the days before.
    pub(crate) async fn find_worsened(
        &self,
        scope: &Scope,
        ask: &AskFigures,
        base: DayRange,
        pairs: &[(&Figures, &Figures)],
        (threshold, playbook): (f64, &[Remedy]),
    ) -> Result<Vec<Vec<Worsened>>> {
        let changes: Vec<Vec<MeasureChange>> =
            pairs.iter().map(|(before, now)| worsened(before, now, threshold)).collect();
        let worse = || pairs.iter().zip(&changes).filter(|(_, changes)| !changes.is_empty());
        let keys: Vec<String> = worse().map(|((_, now), _)| now.key.clone()).collect();
        if keys.is_empty() {
            return Ok(vec![Vec::new(); pairs.len()]);
        }
        let history = self.list_like(scope, ask, keys).await?;
        let none = Vec::new();
        let mut all = Vec::with_capacity(pairs.len());
        for ((_, now), changes) in pairs.iter().zip(changes) {
            let measures: Vec<AnyMeasure> = changes.iter().map(|change| change.measure).collect();
            let mut contributors = self.find_contributors(scope, ask, base, &now.key, &measures).await?;
            let history = history.get(&now.key).unwrap_or(&none);
            let row = changes.into_iter().filter_map(|change| {
                Some(Worsened {
                    judgement: judge_row(change.measure, now, history.iter())?,
                    state: now.state(change.measure.window()),
                    contributors: contributors.remove(change.measure.name()).unwrap_or_default(),
                    remedies: remedies_for(playbook, change.measure, change.way()),
                    change,
                })
            });
            all.push(row.collect());
        }
        Ok(all)
    }

    /// The rows of the like periods before, of some keys.
    async fn list_like(
        &self,
        scope: &Scope,
        ask: &AskFigures,
        keys: Vec<String>,
    ) -> Result<BTreeMap<String, Vec<Figures>>> {
        let periods = like_periods(ask.range, self.advice.like_periods);
        let Some(range) = periods.iter().copied().reduce(DayRange::hull) else { return Ok(BTreeMap::new()) };
        let filter = only(&ask.filter, ask.group, keys).unwrap_or_else(|| ask.filter.clone());
        let ask = AskFigures {
            cut: Cut::Windows(periods),
            known_on: ask.known_on,
            ..AskFigures::new(range, ask.group, filter, ask.definition.clone())
        };
        let mut found: BTreeMap<String, Vec<Figures>> = BTreeMap::new();
        for row in self.all_rows(scope, &ask).await? {
            found.entry(row.key.clone()).or_default().push(row);
        }
        Ok(found)
    }

    /// What contributed most to the changes of some measures of one row, by the measure's name.
    async fn find_contributors(
        &self,
        scope: &Scope,
        ask: &AskFigures,
        base: DayRange,
        key: &str,
        measures: &[AnyMeasure],
    ) -> Result<BTreeMap<&'static str, Contributors>> {
        let mut found: BTreeMap<&'static str, Contributors> = BTreeMap::new();
        let Some(filter) = only(&ask.filter, ask.group, vec![key.to_owned()]) else { return Ok(found) };
        // Hours of conversations are counted from these as they are now: there are none as known on another day.
        let hourly = ask.known_on.is_none() && ask.range.days().max(base.days()) <= HOURLY_DAYS_MAX;
        for cut in PARTS {
            let has: Vec<AnyMeasure> =
                measures.iter().copied().filter(|measure| cut.has(*measure, ask.group, hourly)).collect();
            if has.is_empty() {
                continue;
            }
            let (group, step) = cut.asked();
            let rows = async |range: DayRange| {
                let ask = AskFigures {
                    cut: Cut::Step(step),
                    known_on: ask.known_on,
                    ..AskFigures::new(range, group, filter.clone(), ask.definition.clone())
                };
                self.all_rows(scope, &ask).await
            };
            let (before, now) = (rows(base).await?, rows(ask.range).await?);
            for measure in has {
                let parts = ChangeParts::of(measure, &before, &now);
                let parts = parts.map(|parts| parts.largest(self.advice.contributors)).unwrap_or_default();
                let of = found.entry(measure.name()).or_default();
                match cut {
                    Part::Persons => of.persons = parts,
                    Part::HoursOfChats | Part::HoursOfSales => of.hours = parts,
                    Part::Products => of.products = parts,
                }
            }
        }
        Ok(found)
    }

    async fn all_rows(&self, scope: &Scope, ask: &AskFigures) -> Result<Vec<Figures>> {
        let page = self.get_figures(scope, ask, &PageRequest::first(ROWS_MAX, "all")).await?.figures;
        if page.next_page_token.is_empty() { Ok(page.items) } else { Err(MetricsError::TooManyGroups) }
    }

    /// Whether the figures of `days` are unusual against the `count` like periods before them; each row's key, name and
    /// how settled it is.
    pub(crate) async fn judge_days(
        &self,
        scope: &Scope,
        measure: AnyMeasure,
        count: u32,
        ask: &AskFigures,
    ) -> Result<Vec<(Figures, Judgement)>> {
        let mut windows = vec![ask.range];
        windows.extend(like_periods(ask.range, count));
        let range = windows.iter().copied().fold(ask.range, DayRange::hull);
        let ask = AskFigures {
            cut: Cut::Windows(windows),
            ..AskFigures::new(range, ask.group, ask.filter.clone(), ask.definition.clone())
        };
        let mut keys: BTreeMap<String, (Option<Figures>, Vec<Figures>)> = BTreeMap::new();
        for row in self.all_rows(scope, &ask).await? {
            let (now, history) = keys.entry(row.key.clone()).or_default();
            match row.place {
                RowPlace::Window(0) => *now = Some(row),
                _ => history.push(row),
            }
        }
        let judged = keys.into_values().filter_map(|(now, history)| {
            let now = now?;
            let judgement = judge_row(measure, &now, history.iter())?;
            Some((now, judgement))
        });
        Ok(judged.collect())
    }
}

/// What a change is told of by, each a reading of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Persons,
    HoursOfChats,
    HoursOfSales,
    Products,
}

const PARTS: [Part; 4] = [Part::Persons, Part::HoursOfChats, Part::HoursOfSales, Part::Products];

impl Part {
    /// Whether a measure adds up over it, and there is more than one of it in a row of the group.
    fn has(self, measure: AnyMeasure, group: Group, hourly: bool) -> bool {
        let sliced = |aspect| matches!(measure, AnyMeasure::Timelines(of) if of.adds_up_over(aspect));
        match self {
            Self::Persons => measure.adds_up() && !matches!(group, Group::Account | Group::Person),
            Self::HoursOfChats => hourly && matches!(measure, AnyMeasure::Conversations(_)),
            Self::HoursOfSales => sliced(Aspect::Hour),
            Self::Products => sliced(Aspect::Product),
        }
    }

    fn asked(self) -> (Group, Step) {
        match self {
            Self::Persons => (Group::Person, Step::Whole),
            Self::HoursOfChats => (Group::Merchant, Step::Hour),
            Self::HoursOfSales => (Group::Hour, Step::Whole),
            Self::Products => (Group::Product, Step::Whole),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::explanation::Measure;
    use crate::domain::judgement::Verdict;
    use crate::domain::sums::Sum;
    use crate::domain::testing::figures;

    fn row(key: &str, rounds: i64, in_time: i64) -> Figures {
        let mut row = Figures { key: key.to_owned(), name: format!("{key} by name"), ..figures() };
        row.sums[Sum::Rounds] = rounds;
        row.sums[Sum::RoundsInTime] = in_time;
        row
    }

    #[test]
    fn contributors_are_those_whose_change_goes_the_way_of_the_whole() {
        let before = [row("a", 10, 10), row("b", 10, 10), row("c", 10, 5)];
        let now = [row("a", 10, 2), row("b", 10, 9), row("c", 10, 9)];
        let parts = || ChangeParts::of(Measure::InTimeRate.into(), &before, &now).expect("has a value");
        let keys = |parts: Vec<ChangePart>| parts.into_iter().map(|part| part.key).collect::<Vec<_>>();
        assert_eq!(keys(parts().largest(3)), ["a", "b"]);
        assert_eq!(keys(parts().largest(1)), ["a"]);
        assert!(parts().largest(3).iter().all(|part| part.effect() < 0));
        assert_eq!(parts().parts[0].name, "a by name");
    }

    #[test]
    fn counts_of_periods_of_another_length_count_by_the_day() {
        let of = |from: &str, to: &str, conversations: i64| {
            let days = DayRange { from: from.parse().expect("a day"), to: to.parse().expect("a day") };
            let mut row = Figures { days, ..figures() };
            row.sums[Sum::Conversations] = conversations;
            row
        };
        let months =
            [("2026-01-01", "2026-01-31"), ("2026-03-01", "2026-03-31"), ("2026-05-01", "2026-05-31")];
        let long: Vec<Figures> = months.iter().chain(&months).map(|(from, to)| of(from, to, 3_100)).collect();
        let judged = |now: &Figures| judge_row(Measure::Conversations.into(), now, long.iter());
        let february = judged(&of("2026-02-01", "2026-02-28", 2_800)).expect("has a value");
        assert_eq!(february.verdict, Verdict::Ordinary, "{february:?}");
        assert_eq!(february.band.map(|band| band.median), Some(2_800.0));
        let low = judged(&of("2026-02-01", "2026-02-28", 2_000)).expect("has a value");
        assert_eq!(low.verdict, Verdict::UnusuallyLow);
        assert!(judge_row(Measure::ReplyRate.into(), &figures(), long.iter()).is_none());
    }

    #[test]
    fn what_belongs_to_nobody_has_no_filter() {
        let one = |group, key: &str| only(&Filter::default(), group, vec![key.to_owned()]);
        assert_eq!(one(Group::Team, "t").map(|filter| filter.teams), Some(vec!["t".to_owned()]));
        assert_eq!(one(Group::Account, ""), None);
        assert_eq!(one(Group::Merchant, ""), Some(Filter::default()));
    }
}
