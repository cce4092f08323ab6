//! The use cases of analysis: what a change is made of, whether it is unusual, what to do about it.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use uuid::Uuid;

use crate::domain::Metrics;
use crate::domain::advice::{Advice, gaming_signs, worsened};
use crate::domain::any_measure::AnyMeasure;
use crate::domain::asking::AskFigures;
use crate::domain::change::{Effects, Sales, SalesEffects, Sides, split, split_sales};
use crate::domain::comparison::Against;
use crate::domain::figure::{
    Cut, DayRange, DefinitionRef, FigureState, Figures, Filter, Group, RowPlace, Step,
};
use crate::domain::judgement::{Judgement, judge};
use crate::domain::money::Currency;
use crate::domain::playbook::{Entry, REMEDIES_MAX, Remedy, playbook};
use crate::domain::restatement::Restatement;
use crate::domain::slice::Aspect;
use crate::domain::sums::Sum;
use crate::domain::trade::TradeSum;
use crate::error::MetricsError;
use crate::store::{FigureCursor, RestatementCursor};

type Result<T, E = MetricsError> = std::result::Result<T, E>;

/// Groups that a change is split by, or that are judged, at most.
const GROUPS_MAX: u32 = 10_000;
/// Judgements of an answer.
const JUDGEMENTS_MAX: usize = 1_000;

/// The use cases. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Analysis {
    metrics: Metrics,
}

/// What a change is split by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Facet {
    /// Groups, or slices of sales.
    Group(Group),
    /// Hours of the local clock, of conversations.
    Hour,
}

/// Whose figures, under which definition.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Narrowed to these.
    pub filter: Filter,
    /// Under this definition.
    pub definition: DefinitionRef,
}

/// Sales of a period in a group, and how they changed.
#[derive(Debug)]
pub struct SalesChange {
    /// The group's id; empty for the whole.
    pub key: String,
    /// Its name, if known.
    pub name: String,
    /// Before and now.
    pub sides: [Sales; 2],
    /// What the change is made of.
    pub effects: SalesEffects,
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

/// A part of a change.
#[derive(Debug)]
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

/// A judgement about a group.
#[derive(Debug)]
pub struct GroupJudgement {
    /// The group's id.
    pub key: String,
    /// Its name, if known.
    pub name: String,
    /// What is said.
    pub judgement: Judgement,
    /// How settled the judged figure is.
    pub state: FigureState,
}

impl Analysis {
    /// Over the figures of metrics.
    pub fn new(metrics: Metrics) -> Self {
        Self { metrics }
    }

    /// See [`Metrics::list_restatements`].
    pub async fn list_restatements(
        &self,
        scope: &Scope,
        (range, group): (DayRange, Group),
        subject: Subject,
        page: &PageRequest<RestatementCursor>,
    ) -> Result<Page<Restatement>> {
        let what = (range, group, subject.filter);
        self.metrics.list_restatements(scope, what, &subject.definition, page).await
    }

    /// What the change of a measure from `base` to `days` is made of.
    pub async fn explain_change(
        &self,
        scope: &Scope,
        measure: AnyMeasure,
        (base, days): (DayRange, DayRange),
        facet: Facet,
        subject: &Subject,
    ) -> Result<ChangeParts> {
        let mut keys: BTreeMap<String, (String, Sides)> = BTreeMap::new();
        for (is_now, range) in [(false, base), (true, days)] {
            for row in self.rows(scope, range, facet, subject).await? {
                let key = row.hour.map_or_else(|| row.key.clone(), |hour| hour.to_string());
                let sides = &mut keys.entry(key).or_insert_with(|| (row.name.clone(), Sides::default())).1;
                let side = if is_now { &mut sides.now } else { &mut sides.before };
                let (above, below) = measure.of(&row);
                *side = (side.0 + above, side.1 + below);
            }
        }
        let sides: Vec<Sides> = keys.values().map(|(_, sides)| *sides).collect();
        let nothing = MetricsError::NothingToCompare { measure: measure.name() };
        let (difference, effects) = split(measure.unit(), &sides).ok_or(nothing)?;
        let whole = sides.iter().fold(Sides::default(), |sum, part| Sides {
            before: (sum.before.0 + part.before.0, sum.before.1 + part.before.1),
            now: (sum.now.0 + part.now.0, sum.now.1 + part.now.1),
        });
        let parts = keys.into_iter().zip(sides).zip(effects);
        let mut parts: Vec<ChangePart> = parts
            .map(|(((key, (name, _)), sides), effects)| ChangePart { key, name, sides, effects })
            .collect();
        parts.sort_by_key(|part| std::cmp::Reverse((part.effects.mix + part.effects.rate).unsigned_abs()));
        Ok(ChangeParts { whole, difference, parts })
    }

    /// How sales changed from `base` to `days`: of the whole, and of each group, the largest change first. The groups'
    /// changes add up to the whole's, and each one's effects to its own. Whoever is received may buy any product, so a
    /// product's receptions, and a category's, are those of the whole.
    pub async fn explain_sales(
        &self,
        scope: &Scope,
        (base, days): (DayRange, DayRange),
        group: Group,
        subject: &Subject,
    ) -> Result<(SalesChange, Vec<SalesChange>)> {
        let mut keys: BTreeMap<String, (String, [Sales; 2])> = BTreeMap::new();
        for (side, range) in [base, days].into_iter().enumerate() {
            for row in self.rows(scope, range, Facet::Group(group), subject).await? {
                keys.entry(row.key.clone()).or_insert_with(|| (row.name.clone(), Default::default())).1
                    [side] = sales(&row);
            }
        }
        let change = |key: String, name: String, sides: [Sales; 2]| {
            let effects = split_sales(sides[0], sides[1]);
            SalesChange { key, name, sides, effects }
        };
        let mut whole = [Sales::default(); 2];
        match group.aspect() {
            None => {
                for (_, sides) in keys.values() {
                    whole.iter_mut().zip(sides).for_each(|(whole, side)| *whole = whole.plus(side));
                }
            }
            Some(aspect) => {
                for (whole, range) in whole.iter_mut().zip([base, days]) {
                    let rows = self.rows(scope, range, Facet::Group(Group::Merchant), subject).await?;
                    *whole = rows.first().map(sales).unwrap_or_default();
                }
                if aspect != Aspect::Hour {
                    let receptions = whole.map(|whole| whole.receptions);
                    for side in keys.values_mut().flat_map(|(_, sides)| sides.iter_mut().zip(receptions)) {
                        side.0.receptions = side.1;
                    }
                }
            }
        }
        let mut parts: Vec<SalesChange> =
            keys.into_iter().map(|(key, (name, sides))| change(key, name, sides)).collect();
        let size = |part: &SalesChange| (part.sides[1].amount - part.sides[0].amount).unsigned_abs();
        parts.sort_by_key(|part| std::cmp::Reverse(size(part)));
        Ok((change(String::new(), String::new(), whole), parts))
    }

    /// The currency of all amounts.
    pub fn currency(&self) -> &Currency {
        self.metrics.currency()
    }

    async fn rows(
        &self,
        scope: &Scope,
        range: DayRange,
        facet: Facet,
        subject: &Subject,
    ) -> Result<Vec<Figures>> {
        let (group, step) = match facet {
            Facet::Group(group) => (group, Step::Whole),
            Facet::Hour => (Group::Merchant, Step::Hour),
        };
        let ask = AskFigures {
            cut: Cut::Step(step),
            ..AskFigures::new(range, group, subject.filter.clone(), subject.definition.clone())
        };
        self.all(scope, &ask).await
    }

    async fn all(&self, scope: &Scope, ask: &AskFigures) -> Result<Vec<Figures>> {
        let page =
            self.metrics.get_figures(scope, ask, &PageRequest::first(GROUPS_MAX, "all")).await?.figures;
        if page.next_page_token.is_empty() { Ok(page.items) } else { Err(MetricsError::TooManyGroups) }
    }

    /// Whether a day's figures are unusual against the same weekday of the `weeks` before, the most unusual first.
    pub async fn judge_figures(
        &self,
        scope: &Scope,
        (measure, day, group): (AnyMeasure, NaiveDate, Group),
        weeks: u32,
        subject: Subject,
    ) -> Result<Vec<GroupJudgement>> {
        let week = |back: u32| day.checked_sub_days(Days::new(7 * u64::from(back))).unwrap_or(NaiveDate::MIN);
        let days: Vec<DayRange> =
            (0..=weeks).map(|back| DayRange { from: week(back), to: week(back) }).collect();
        let range = DayRange { from: week(weeks), to: day };
        let ask = AskFigures {
            cut: Cut::Windows(days),
            ..AskFigures::new(range, group, subject.filter, subject.definition)
        };
        let mut keys: BTreeMap<String, (String, Option<Judged>, Vec<f64>)> = BTreeMap::new();
        for row in self.all(scope, &ask).await? {
            let (value, state) = (measure.value(&row), row.state(measure.window()));
            let (_, today, history) = keys.entry(row.key).or_insert_with(|| (row.name, None, Vec::new()));
            match row.place {
                RowPlace::Window(0) => *today = value.map(|value| (value, state)),
                _ => history.extend(value),
            }
        }
        let mut judged: Vec<GroupJudgement> = keys
            .into_iter()
            .filter_map(|(key, (name, today, history))| {
                let (today, state) = today?;
                Some(GroupJudgement { key, name, judgement: judge(today, &history), state })
            })
            .collect();
        judged.sort_by(|a, b| b.judgement.distance().total_cmp(&a.judgement.distance()));
        judged.truncate(JUDGEMENTS_MAX);
        Ok(judged)
    }

    /// A page of advice: what got worse in each group against other days, and what to do about it.
    pub async fn get_advice(
        &self,
        scope: &Scope,
        (days, group, against): (DayRange, Group, Against),
        threshold: f64,
        subject: Subject,
        page: &PageRequest<FigureCursor>,
    ) -> Result<Page<Advice>> {
        let ask = AskFigures {
            compare: vec![against],
            ..AskFigures::new(days, group, subject.filter, subject.definition)
        };
        let found = self.metrics.get_figures(scope, &ask, page).await?;
        let playbook = playbook(self.metrics.store.list_remedies(&scope.merchant).await?);
        let mut comparisons = found.comparisons.into_iter();
        Ok(found.figures.map(|row| {
            // One comparison was asked for, and there is one for each row.
            let before = comparisons.next().map(|comparison| comparison.other);
            let before = before.unwrap_or_else(|| Figures::nothing(row.key.clone(), row.name.clone(), days));
            Advice {
                worsened: worsened(&before, &row, threshold, &playbook),
                signs: gaming_signs(&before, &row, threshold),
                key: row.key,
                name: row.name,
            }
        }))
    }

    /// A page of the playbook, or of what it says about one measure. Everybody of the merchant may read it.
    pub async fn list_remedies(
        &self,
        scope: &Scope,
        measure: Option<AnyMeasure>,
        page: &PageRequest<String>,
    ) -> Result<Page<Remedy>> {
        let mut remedies = playbook(self.metrics.store.list_remedies(scope.whole_merchant()?).await?);
        remedies.retain(|remedy| measure.is_none_or(|measure| remedy.entry.measure == measure));
        remedies.retain(|remedy| page.after.as_ref().is_none_or(|after| remedy.id > *after));
        Ok(page.page(remedies, |remedy| remedy.id.clone())?)
    }

    /// A remedy of the playbook.
    pub async fn get_remedy(&self, scope: &Scope, id: &str) -> Result<Remedy> {
        find(self.metrics.store.list_remedies(scope.whole_merchant()?).await?, id)
    }

    /// Adds a remedy.
    pub async fn create_remedy(&self, by: &By, entry: Entry) -> Result<Remedy> {
        let now = self.metrics.clock.now();
        let remedy = Remedy {
            id: Uuid::now_v7().to_string(),
            version: 1,
            entry: entry.check().map_err(MetricsError::Invalid)?,
            updated_by: by.caller.subject.clone(),
            updated_at: Some(now),
            deleted: false,
        };
        let decide = |put: Vec<Remedy>| {
            if put.len() < REMEDIES_MAX { Ok(remedy) } else { Err(MetricsError::TooManyRemedies) }
        };
        self.metrics.store.put_remedy(by, now, decide).await
    }

    /// Replaces what a remedy says.
    pub async fn update_remedy(&self, by: &By, id: &str, etag: &str, entry: Entry) -> Result<Remedy> {
        let entry = entry.check().map_err(MetricsError::Invalid)?;
        self.put_next(by, id, etag, Some(entry)).await
    }

    /// Takes a remedy out of the playbook.
    pub async fn delete_remedy(&self, by: &By, id: &str, etag: &str) -> Result<()> {
        self.put_next(by, id, etag, None).await.map(drop)
    }

    async fn put_next(&self, by: &By, id: &str, etag: &str, change: Option<Entry>) -> Result<Remedy> {
        let now = self.metrics.clock.now();
        let who = (by.caller.subject.as_str(), now);
        let decide = |put: Vec<Remedy>| find(put, id)?.next(etag, change, who);
        self.metrics.store.put_remedy(by, now, decide).await
    }
}

/// The figure that is judged, and how settled it is.
type Judged = (f64, FigureState);

/// What a row sold. Receptions are those of conversations, buyers and amounts what is credited.
fn sales(row: &Figures) -> Sales {
    let trade = &row.trade.sums;
    Sales {
        receptions: row.sums[Sum::ReceivedCustomers],
        buyers: trade[TradeSum::PayingBuyers],
        amount: trade[TradeSum::PaidAmount],
    }
}

fn find(put: Vec<Remedy>, id: &str) -> Result<Remedy> {
    let found = playbook(put).into_iter().find(|remedy| remedy.id == id);
    found.ok_or_else(|| MetricsError::RemedyNotFound { id: id.to_owned() })
}
