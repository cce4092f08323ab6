//! Reading what rules look at, and what they find in it.

use std::collections::{BTreeMap, HashMap};

use pg::page::PageRequest;
use runtime::identity::Scope;
use runtime::ids::MerchantId;

use crate::domain::Result;
use crate::domain::alert::like::{LikeTrigger, find_like};
use crate::domain::alert::rule::{Basis, Content, FigureTrigger, Rule, Trigger, Window};
use crate::domain::alert::trigger::{Finding, Period, Reading, Sample, find, periods};
use crate::domain::alerts::Alerts;
use crate::domain::alerts::evaluation::Moment;
use crate::domain::asking::AskFigures;
use crate::domain::definition::STANDARD;
use crate::domain::figure::{Cut, DayRange, DefinitionRef, Figures, RowPlace, Step};
use crate::error::MetricsError;
use crate::store::FigureCursor;

/// Rows that a rule can look at.
const ROWS_MAX: u32 = 100_000;

impl Alerts {
    /// What each rule finds that isn't by reports. Rules of days with the same group and filter read together.
    pub(super) async fn read_rules<'a>(
        &self,
        merchant: &MerchantId,
        rules: &[&'a Rule],
        moment: &Moment,
    ) -> Result<Vec<(&'a Rule, Vec<Finding>)>> {
        let mut by_days: BTreeMap<_, Vec<(&'a Rule, FigureTrigger)>> = BTreeMap::new();
        let mut found = Vec::new();
        for rule in rules {
            let content = &rule.content;
            let trigger = match content.trigger {
                Trigger::Figure(trigger) => trigger,
                Trigger::LikeComplaints(trigger) => {
                    found.push((*rule, self.read_complaints(merchant, content, &trigger, moment).await?));
                    continue;
                }
                Trigger::Reported(_) => continue,
            };
            if is_hourly(content) {
                let findings = self.read_hours(merchant, content, &trigger, moment).await?;
                found.push((*rule, findings));
            } else {
                let together = (content.scope.name(), &content.keys, &content.shops);
                by_days.entry(together).or_default().push((rule, trigger));
            }
        }
        for rules in by_days.into_values() {
            found.extend(self.read_days(merchant, &rules, moment).await?);
        }
        Ok(found)
    }

    /// `rules` have the same group and filter.
    async fn read_days<'a>(
        &self,
        merchant: &MerchantId,
        rules: &[(&'a Rule, FigureTrigger)],
        moment: &Moment,
    ) -> Result<Vec<(&'a Rule, Vec<Finding>)>> {
        let Some(content) = rules.first().map(|(rule, _)| &rule.content) else { return Ok(Vec::new()) };
        let wanted: Vec<Vec<Period>> =
            rules.iter().map(|(_, trigger)| periods(trigger, moment.now)).collect();
        let mut windows: Vec<DayRange> = wanted.iter().flatten().map(|period| period.days()).collect();
        windows.sort_unstable_by_key(|days| (days.from, days.to));
        windows.dedup();
        let Some(range) = windows.iter().copied().reduce(DayRange::hull) else { return Ok(Vec::new()) };
        let ask = AskFigures { cut: Cut::Windows(windows.clone()), ..self.asking(content, range) };
        let (rows, versions) = self.rows(merchant, &ask).await?;
        let mut keys = named(content);
        let mut figures: HashMap<(String, usize), Figures> = HashMap::new();
        for row in rows.into_iter().filter(|row| !row.key.is_empty()) {
            keys.entry(row.key.clone()).or_default().clone_from(&row.name);
            if let RowPlace::Window(at) = row.place {
                figures.insert((row.key.clone(), at), row);
            }
        }
        let mut found = Vec::new();
        for ((rule, trigger), periods) in rules.iter().zip(wanted) {
            let places: Vec<Option<usize>> =
                periods.iter().map(|period| windows.iter().position(|days| *days == period.days())).collect();
            let reading = |(key, name): (&String, &String)| {
                let sample = |place: &Option<usize>| {
                    let row = place.and_then(|at| figures.get(&(key.clone(), at)));
                    row.map_or_else(Sample::default, |row| sample(trigger, row))
                };
                Reading { key: key.clone(), name: name.clone(), samples: places.iter().map(sample).collect() }
            };
            let present = periods[0];
            let version = versions(present);
            let findings =
                keys.iter().map(reading).map(|reading| find(trigger, (present, version), reading, moment.at));
            found.push((*rule, findings.collect()));
        }
        Ok(found)
    }

    async fn read_hours(
        &self,
        merchant: &MerchantId,
        content: &Content,
        trigger: &FigureTrigger,
        moment: &Moment,
    ) -> Result<Vec<Finding>> {
        let periods = periods(trigger, moment.now);
        let (present, mut version) = (periods[0], 1);
        let mut readings: BTreeMap<String, Reading> = BTreeMap::new();
        let empty = |key: &str, name: &str| Reading {
            key: key.to_owned(),
            name: name.to_owned(),
            samples: vec![Sample::default(); periods.len()],
        };
        for (key, name) in named(content) {
            readings.insert(key.clone(), empty(&key, &name));
        }
        for (place, period) in periods.iter().enumerate() {
            let ask = AskFigures { cut: Cut::Step(Step::Hour), ..self.asking(content, period.days()) };
            let (rows, versions) = self.rows(merchant, &ask).await?;
            if place == 0 {
                version = versions(present);
            }
            for row in rows.into_iter().filter(|row| !row.key.is_empty()) {
                let RowPlace::Hour(day, hour) = row.place else { continue };
                if !period.holds(day, hour) {
                    continue;
                }
                let reading = readings.entry(row.key.clone()).or_insert_with(|| empty(&row.key, &row.name));
                let more = sample(trigger, &row);
                let sum = &mut reading.samples[place];
                (sum.above, sum.below) = (sum.above + more.above, sum.below + more.below);
            }
        }
        let finding = |reading| find(trigger, (present, version), reading, moment.at);
        Ok(readings.into_values().map(finding).collect())
    }

    async fn read_complaints(
        &self,
        merchant: &MerchantId,
        content: &Content,
        trigger: &LikeTrigger,
        moment: &Moment,
    ) -> Result<Vec<Finding>> {
        let since = trigger.since(moment.at);
        let days = DayRange { from: moment.calendar.business_day(since), to: moment.now.today };
        let made = (since, moment.at);
        let complaints = self.metrics.store.list_made_complaints(merchant, &content.keys, days, made).await?;
        Ok(find_like(trigger, complaints, moment.at))
    }

    fn asking(&self, content: &Content, range: DayRange) -> AskFigures {
        let standard = DefinitionRef { id: STANDARD.to_owned(), version: None };
        AskFigures::new(range, content.scope.group(), content.filter(), standard)
    }

    /// All rows, and which version ruled the last day of a period.
    async fn rows(
        &self,
        merchant: &MerchantId,
        ask: &AskFigures,
    ) -> Result<(Vec<Figures>, impl Fn(Period) -> i32)> {
        let scope = Scope::merchant(merchant.clone());
        let page: PageRequest<FigureCursor> = PageRequest::first(ROWS_MAX, "alerts");
        let found = self.metrics.get_figures(&scope, ask, &page).await?;
        if !found.figures.next_page_token.is_empty() {
            return Err(MetricsError::TooManyGroups);
        }
        let ruling = found.ruling;
        Ok((found.figures.items, move |period: Period| ruling.on(period.to).version))
    }
}

/// The keys that a rule names: they are looked at even if nothing is known of them.
fn named(content: &Content) -> BTreeMap<String, String> {
    content.keys.iter().map(|key| (key.clone(), String::new())).collect()
}

fn sample(trigger: &FigureTrigger, row: &Figures) -> Sample {
    let (above, below) = trigger.measure.of(row);
    match trigger.basis {
        Basis::Value => Sample { above, below },
        Basis::Numerator => Sample { above, below: 0 },
    }
}

/// Whether its figures are counted on demand.
pub(super) fn is_hourly(content: &Content) -> bool {
    matches!(content.trigger, Trigger::Figure(FigureTrigger { window: Window::Hours(_), .. }))
}
