//! The use cases of analysis: what a change is made of, whether it is unusual, what to do about it.

use std::collections::BTreeMap;

use pg::By;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use uuid::Uuid;

use crate::domain::Metrics;
use crate::domain::advice::{Advice, gaming_signs};
use crate::domain::any_measure::AnyMeasure;
use crate::domain::asking::AskFigures;
use crate::domain::change::{Sales, SalesEffects, SalesFactor, split_sales};
use crate::domain::comparison::Against;
use crate::domain::figure::{Cut, DayRange, DefinitionRef, FigureState, Figures, Filter, Group, Step};
use crate::domain::judgement::Judgement;
use crate::domain::money::Currency;
use crate::domain::playbook::{Direction, Entry, REMEDIES_MAX, Remedy, playbook, remedies_for};
use crate::domain::quality::{ScoreChange, Scores};
use crate::domain::restatement::Restatement;
use crate::domain::slice::Aspect;
use crate::domain::sums::Sum;
use crate::domain::trade::TradeSum;
use crate::domain::worsening::ChangeParts;
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
        let before = self.rows(scope, base, facet, subject).await?;
        let now = self.rows(scope, days, facet, subject).await?;
        let nothing = || MetricsError::NothingToCompare { measure: measure.name() };
        ChangeParts::of(measure, &before, &now).ok_or_else(nothing)
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

    /// Whether the figures of some days are unusual against the `count` like periods before, the most unusual first.
    pub async fn judge_figures(
        &self,
        scope: &Scope,
        (measure, days, group): (AnyMeasure, DayRange, Group),
        count: Option<u32>,
        subject: Subject,
    ) -> Result<Vec<GroupJudgement>> {
        let count = count.unwrap_or(self.metrics.advice.like_periods);
        let ask = AskFigures::new(days, group, subject.filter, subject.definition);
        let judged = self.metrics.judge_days(scope, measure, count, &ask).await?;
        let mut judged: Vec<GroupJudgement> = judged
            .into_iter()
            .map(|(row, judgement)| GroupJudgement {
                state: row.state(measure.window()),
                key: row.key,
                name: row.name,
                judgement,
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
        threshold: Option<f64>,
        subject: Subject,
        page: &PageRequest<FigureCursor>,
    ) -> Result<Page<Advice>> {
        let rules = self.metrics.advice;
        let threshold = threshold.unwrap_or(rules.threshold);
        let ask = AskFigures {
            compare: vec![against],
            ..AskFigures::new(days, group, subject.filter, subject.definition)
        };
        let found = self.metrics.get_figures(scope, &ask, page).await?;
        let playbook = playbook(self.metrics.store.list_remedies(&scope.merchant).await?);
        // One comparison was asked for, and there is one for each row.
        let pairs: Vec<(&Figures, &Figures)> =
            found.comparisons.iter().map(|comparison| &comparison.other).zip(&found.figures.items).collect();
        let base = against.days(days, Step::Whole);
        let worsened =
            self.metrics.find_worsened(scope, &ask, base, &pairs, (threshold, playbook.as_slice())).await?;
        let keys: Vec<&str> = pairs.iter().map(|(_, now)| now.key.as_str()).collect();
        let scores = self.score_changes(scope, &ask, base, &keys).await?;
        let signs: Vec<_> = pairs
            .iter()
            .map(|pair| gaming_signs(*pair, scores.get(&pair.1.key).copied(), threshold, &rules))
            .collect();
        let mut said = worsened.into_iter().zip(signs);
        Ok(found.figures.map(|row| {
            let (worsened, signs) = said.next().unwrap_or_default();
            Advice { worsened, signs, key: row.key, name: row.name }
        }))
    }

    /// How the QA scores of some groups changed, by key; without those of too few reviews. Reviews are of chats: no slice of
    /// sales has any.
    async fn score_changes(
        &self,
        scope: &Scope,
        ask: &AskFigures,
        base: DayRange,
        keys: &[&str],
    ) -> Result<BTreeMap<String, ScoreChange>> {
        if keys.is_empty() || ask.group.slices(&ask.filter).is_some() {
            return Ok(BTreeMap::new());
        }
        let store = &self.metrics.store;
        let before = store.list_review_scores(scope, (base, ask.group), &ask.filter, keys).await?;
        let now = store.list_review_scores(scope, (ask.range, ask.group), &ask.filter, keys).await?;
        let reviews_min = self.metrics.advice.reviews_min;
        let change = |(key, now): (String, Scores)| {
            let before = before.get(&key).copied().unwrap_or_default();
            Some((key, ScoreChange::of(before, now, reviews_min)?))
        };
        Ok(now.into_iter().filter_map(change).collect())
    }

    /// How many groups a page of advice holds at most.
    pub fn advice_groups_max(&self) -> u32 {
        self.metrics.advice.groups_max
    }

    /// What the playbook says about each factor of sales that lost in any of the changes.
    pub async fn factor_remedies<'a>(
        &self,
        scope: &Scope,
        changes: impl Iterator<Item = &'a SalesChange>,
    ) -> Result<Vec<(SalesFactor, Vec<Remedy>)>> {
        let mut fallen = [false; SalesFactor::ALL.len()];
        for change in changes {
            for (fell, factor) in fallen.iter_mut().zip(SalesFactor::ALL) {
                *fell |= change.effects.of(factor) < 0;
            }
        }
        if fallen == [false; SalesFactor::ALL.len()] {
            return Ok(Vec::new());
        }
        let playbook = playbook(self.metrics.store.list_remedies(&scope.merchant).await?);
        let said = SalesFactor::ALL.into_iter().zip(fallen).filter(|(_, fell)| *fell);
        Ok(said
            .map(|(factor, _)| (factor, remedies_for(&playbook, factor.measure(), Direction::Fallen)))
            .collect())
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
