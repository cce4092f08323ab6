//! The use cases of reading figures: what rules the days, the rows, what they are held against, what is behind them.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{NaiveDate, TimeDelta};
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use runtime::ids::MerchantId;

use crate::domain::Metrics;
use crate::domain::any_measure::AnyMeasure;
use crate::domain::comparison::{Against, Comparison};
use crate::domain::explainer::{ExplainQuery, Explained, Explainer};
use crate::domain::figure::{Cut, DayRange, DefinitionRef, Figures, Filter, Group, Step};
use crate::domain::restatement::Restatement;
use crate::domain::ruling::Ruling;
use crate::domain::summary::{MeasureSummary, Summary};
use crate::domain::trade_explainer::{ExplainedTrade, TradeExplainQuery};
use crate::error::MetricsError;
use crate::store::{
    ExplainCursor, FigureCursor, FigureQuery, FigureSums, RestatementCursor, RestatementQuery, TradeCursor,
    place,
};

type Result<T, E = MetricsError> = std::result::Result<T, E>;

/// How long after a day's end figures can be asked for as they were known then: the commits that began before it are
/// over by then.
pub(super) const SETTLED_AFTER: TimeDelta = TimeDelta::minutes(1);
/// Rows that a page can be held against at most.
const COMPARED_MAX: u32 = 100_000;

/// Which figures are asked for.
#[derive(Debug, Clone)]
pub struct AskFigures {
    /// Of these days; with windows, a range that holds them all.
    pub range: DayRange,
    /// Added up by this.
    pub group: Group,
    /// Cut like this.
    pub cut: Cut,
    /// Narrowed to these.
    pub filter: Filter,
    /// Under this definition.
    pub definition: DefinitionRef,
    /// As known at the end of this day.
    pub known_on: Option<NaiveDate>,
    /// Whether to count different customers too.
    pub distinct_customers: bool,
    /// For how many seconds to count the answers within them.
    pub within_seconds: Vec<i32>,
    /// Whether to say how measures spread over all members of the group.
    pub summarize: bool,
    /// Held against these other days.
    pub compare: Vec<Against>,
    /// Held against this other definition.
    pub compare_definition: Option<DefinitionRef>,
}

impl AskFigures {
    /// The plainest: figures of some days by group under a definition.
    pub fn new(range: DayRange, group: Group, filter: Filter, definition: DefinitionRef) -> Self {
        Self {
            range,
            group,
            cut: Cut::Step(Step::Whole),
            filter,
            definition,
            known_on: None,
            distinct_customers: false,
            within_seconds: Vec::new(),
            summarize: false,
            compare: Vec::new(),
            compare_definition: None,
        }
    }
}

/// A page of figures.
#[derive(Debug)]
pub struct FigurePage {
    /// What rules the days.
    pub ruling: Ruling,
    /// The rows.
    pub figures: Page<Figures>,
    /// What they are held against.
    pub comparisons: Vec<Comparison>,
    /// How measures spread over all members, by step or window.
    pub summaries: Vec<Summary>,
}

/// A figure and a page of what is behind it.
#[derive(Debug)]
pub struct Explanation {
    /// What rules the days.
    pub ruling: Ruling,
    /// The figure.
    pub figure: (i64, i64),
    /// The page.
    pub conversations: Page<Explained>,
}

/// A figure of customers' timelines and a page of what is behind it.
#[derive(Debug)]
pub struct TradeExplanation {
    /// What rules the days.
    pub ruling: Ruling,
    /// The figure.
    pub figure: (i64, i64),
    /// The page.
    pub pieces: Page<ExplainedTrade>,
}

impl Metrics {
    /// A page of figures, what they mean, and what they are held against.
    pub async fn get_figures(
        &self,
        scope: &Scope,
        ask: &AskFigures,
        page: &PageRequest<FigureCursor>,
    ) -> Result<FigurePage> {
        let (calendar, now) = (self.store.find_calendar(&scope.merchant).await?, self.clock.now());
        if let Some(day) = ask.known_on
            && calendar.day_bounds(day).1 + SETTLED_AFTER > now
        {
            return Err(MetricsError::DayNotOver { day });
        }
        let ruling = self.find_ruling(&scope.merchant, &ask.definition, ask.range).await?;
        let query = FigureQuery {
            range: ask.range,
            group: ask.group,
            cut: ask.cut.clone(),
            filter: ask.filter.clone(),
            ruling: ruling.clone(),
            known_on: ask.known_on,
            today: calendar.business_day(now),
            distinct_customers: ask.distinct_customers,
            within_seconds: ask.within_seconds.clone(),
            keys: None,
        };
        if ask.cut == Cut::Step(Step::Hour) {
            let mut figures = self.store.list_hour_figures(scope, &query, calendar.cut_over_hour()).await?;
            let place = |row: &Figures| {
                let FigureCursor(key, day, hours) = FigureCursor::after(row);
                (key, day, hours)
            };
            figures
                .retain(|row| page.after.as_ref().is_none_or(|at| place(row) > (at.0.clone(), at.1, at.2)));
            let figures = page.page(figures, FigureCursor::after)?;
            return Ok(FigurePage { ruling, figures, comparisons: Vec::new(), summaries: Vec::new() });
        }
        let page = self.store.list_figures(scope, &query, page).await?;
        let figures = page.items.as_slice();
        let mut comparisons = Vec::new();
        for against in &ask.compare {
            comparisons.extend(self.hold_against(scope, &query, figures, *against, &ask.definition).await?);
        }
        if let Some(definition) = &ask.compare_definition {
            let windows = figures.iter().map(|row| row.days).collect();
            let rows = self.list_others(scope, &query, figures, windows, definition).await?;
            let held = rows.into_iter().enumerate();
            comparisons.extend(held.map(|(row, other)| Comparison { row, against: None, other }));
        }
        let summaries = if ask.summarize { self.summarize(scope, &query).await? } else { Vec::new() };
        Ok(FigurePage { ruling, figures: page, comparisons, summaries })
    }

    /// How measures spread over all members, in the order of steps or windows.
    async fn summarize(&self, scope: &Scope, query: &FigureQuery) -> Result<Vec<Summary>> {
        let mut steps: BTreeMap<NaiveDate, Vec<FigureSums>> = BTreeMap::new();
        for row in self.store.list_sums(scope, query).await? {
            // The merchant's one row has no key and is its own member.
            if !row.key.is_empty() || query.group == Group::Merchant {
                steps.entry(row.step).or_default().push(row);
            }
        }
        let summary = |(step, rows): (NaiveDate, Vec<FigureSums>)| {
            let (place, days) = place(&query.cut, query.range, step);
            let of = |measure: AnyMeasure| {
                let members = rows.iter().map(|row| measure.of_sums(&row.sums, &row.trade));
                MeasureSummary::of(measure, members)
            };
            let measures = AnyMeasure::all().map(of).collect();
            Summary { place, days, members: rows.len() as i64, measures }
        };
        Ok(steps.into_iter().map(summary).collect())
    }

    async fn hold_against(
        &self,
        scope: &Scope,
        query: &FigureQuery,
        figures: &[Figures],
        against: Against,
        definition: &DefinitionRef,
    ) -> Result<Vec<Comparison>> {
        let step = match query.cut {
            Cut::Step(step) => step,
            Cut::Windows(_) => Step::Whole,
        };
        let windows = figures.iter().map(|row| against.days(row.days, step)).collect();
        let others = self.list_others(scope, query, figures, windows, definition).await?;
        let held = others.into_iter().enumerate();
        Ok(held.map(|(row, other)| Comparison { row, against: Some(against), other }).collect())
    }

    /// For each row the row of the same key over other days, given by `windows` in the order of the rows.
    async fn list_others(
        &self,
        scope: &Scope,
        query: &FigureQuery,
        figures: &[Figures],
        windows: Vec<DayRange>,
        definition: &DefinitionRef,
    ) -> Result<Vec<Figures>> {
        let (Some(first), Some(last)) = (figures.first(), figures.last()) else { return Ok(Vec::new()) };
        let mut distinct: Vec<DayRange> = windows.clone();
        distinct.sort_unstable_by_key(|days| (days.from, days.to));
        distinct.dedup();
        let range = distinct.iter().copied().reduce(DayRange::hull).unwrap_or(query.range);
        let query = FigureQuery {
            range,
            cut: Cut::Windows(distinct.clone()),
            ruling: self.find_ruling(&scope.merchant, definition, range).await?,
            distinct_customers: false,
            keys: Some((first.key.clone(), last.key.clone())),
            ..query.clone()
        };
        let all = PageRequest::first(COMPARED_MAX, "others");
        let others = self.store.list_figures(scope, &query, &all).await?.items;
        let mut found: HashMap<(String, DayRange), Figures> =
            others.into_iter().map(|row| ((row.key.clone(), row.days), row)).collect();
        let other = |(row, days): (&Figures, DayRange)| {
            found.get_mut(&(row.key.clone(), days)).map_or_else(
                || Figures::nothing(row.key.clone(), row.name.clone(), days),
                |other| other.clone(),
            )
        };
        Ok(figures.iter().zip(windows).map(other).collect())
    }

    /// A figure, and a page of the conversations behind it.
    pub async fn explain_figure(
        &self,
        scope: &Scope,
        query: &ExplainQuery,
        definition: &DefinitionRef,
        page: &PageRequest<ExplainCursor>,
    ) -> Result<Explanation> {
        let ruling = self.find_ruling(&scope.merchant, definition, query.range).await?;
        if let Some(hour) = query.hour {
            let behind = self.store.list_behind_hour(scope, &ruling, query, hour).await?;
            let mut explainer = Explainer::new(query.subject, ruling.clone(), HashSet::new());
            let explained = behind.conversations.into_iter().map(|c| explainer.explain(c));
            let place = |explained: &Explained| ExplainCursor::after(&explained.conversation);
            let left =
                explained.filter(|explained| page.after.as_ref().is_none_or(|at| place(explained) > *at));
            let conversations = page.page(left.collect(), place)?;
            return Ok(Explanation { figure: behind.figure, ruling, conversations });
        }
        let today = self.store.find_calendar(&scope.merchant).await?.business_day(self.clock.now());
        let behind = self.store.list_behind(scope, &ruling, query, page, today).await?;
        let mut explainer = Explainer::new(query.subject, ruling.clone(), behind.seen);
        for conversation in behind.before {
            explainer.explain(conversation);
        }
        let conversations = behind.page.map(|c| explainer.explain(c));
        Ok(Explanation { figure: behind.figure, ruling, conversations })
    }

    /// A figure of customers' timelines, and a page of what is behind it.
    pub async fn explain_trade(
        &self,
        scope: &Scope,
        query: &TradeExplainQuery,
        definition: &DefinitionRef,
        page: &PageRequest<TradeCursor>,
    ) -> Result<TradeExplanation> {
        let ruling = self.find_ruling(&scope.merchant, definition, query.range).await?;
        let behind = self.store.list_trade_behind(scope, &ruling, query, page).await?;
        Ok(TradeExplanation { ruling, figure: behind.figure, pieces: behind.page })
    }

    /// A page of the ledger of what became known about days after they were final.
    pub async fn list_restatements(
        &self,
        scope: &Scope,
        (range, group, filter): (DayRange, Group, Filter),
        definition: &DefinitionRef,
        page: &PageRequest<RestatementCursor>,
    ) -> Result<Page<Restatement>> {
        let ruling = self.find_ruling(&scope.merchant, definition, range).await?;
        let query = RestatementQuery { range, group, filter, ruling };
        self.store.list_restatements(scope, &query, page).await
    }

    pub(crate) async fn find_ruling(
        &self,
        merchant: &MerchantId,
        wanted: &DefinitionRef,
        range: DayRange,
    ) -> Result<Ruling> {
        let versions = self.store.list_definitions(merchant).await?;
        Ruling::of(&versions, wanted, range)
    }
}
