//! The frozen figures of a report: integers alone, from which every form is made. No language and no rounding is in it.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::any_measure::AnyMeasure;
use crate::domain::bucket::Bucket;
use crate::domain::explanation::Measure;
use crate::domain::figure::{DayRange, FigureState, Figures};
use crate::domain::histogram::Histogram;
use crate::domain::judgement::{self, Band, Judgement};
use crate::domain::maturity::Window;
use crate::domain::money::Currency;
use crate::domain::part::Spread;
use crate::domain::report::{ReportKind, SubjectKind};
use crate::domain::slice::Aspect;
use crate::domain::trade_measure::TradeMeasure;

/// The shape of stored documents; a later one reads this one too.
pub const FORMAT: u32 = 1;

/// A report's figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// [`FORMAT`] when it was made.
    pub format: u32,
    /// What for, by name.
    pub kind: String,
    /// Of what, by name.
    pub subject_kind: String,
    /// Its id; empty for the merchant.
    pub subject_id: String,
    /// What it was called.
    pub subject_name: String,
    /// The period.
    pub days: Days,
    /// As known at the end of this day; `None`: all that was known when it was made.
    pub known_on: Option<NaiveDate>,
    /// When it was made.
    pub made_at: DateTime<Utc>,
    /// What all amounts are in.
    pub currency: Currency,
    /// The definition that figures follow.
    pub definition_id: String,
    /// Its versions that rule days of the period, in the order of the days.
    pub versions: Vec<Version>,
    /// The subject's figures.
    pub whole: Line,
    /// The same of the period before (环比).
    pub previous: Line,
    /// The same of the year before (同比).
    pub last_year: Line,
    /// What the whole's course is cut by.
    pub course_step: String,
    /// Its course, in order.
    pub course: Vec<Line>,
    /// By shop, team, person, where the subject has several; sales by product and category.
    pub groups: Vec<Group>,
    /// What the change of sales since the period before is made of.
    pub sales: Option<SalesChange>,
    /// What to do about the factors that lost, the largest loss first; empty in documents from before that was kept.
    #[serde(default)]
    pub sales_remedies: Vec<FactorRemedies>,
    /// What got worse since then.
    pub worse: Vec<Worse>,
    /// Targets with a day in the period.
    pub targets: Vec<TargetLine>,
}

/// A run of days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Days {
    /// First.
    pub from: NaiveDate,
    /// Last.
    pub to: NaiveDate,
}

/// A version of the definition and the days it rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Its number.
    pub version: i32,
    /// What people call it.
    pub name: String,
    /// Which days.
    pub days: Days,
}

/// The figures of somebody in some days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Whose: an id; empty for the subject itself and for what belongs to nobody.
    pub key: String,
    /// What they were called.
    pub name: String,
    /// The days.
    pub days: Days,
    /// The hour of the local clock, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hour: Option<u8>,
    /// How settled it was: `provisional`, `final` or `restated`.
    pub state: String,
    /// How settled conversions were, and carts left; empty in documents from before that was kept.
    #[serde(default)]
    pub conversion_state: String,
    /// How settled refunds were, and what hangs on them; likewise.
    #[serde(default)]
    pub refund_state: String,
    /// Changes that came after their day was final.
    pub restatements: i64,
    /// Whether customers waited to be counted.
    pub pending: bool,
    /// Accounts with a conversation or reply.
    pub active_accounts: i64,
    /// By the measure's name.
    pub figures: BTreeMap<String, Figure>,
}

/// A figure as integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figure {
    /// Above the line: a count, minor units, or milliseconds.
    pub above: i64,
    /// Below the line; 0 for a count or amount.
    pub below: i64,
    /// The fixed bucket of the middle duration, for spreads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub median: Option<Bucket>,
    /// The bucket of the duration that nine tenths don't exceed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p90: Option<Bucket>,
}

/// The parts of the whole by one kind of group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// `shop`, `team`, `person`, `product` or `category`.
    pub by: String,
    /// Sorted by key; products and categories by what was paid, the most first, what has no name last.
    pub now: Vec<Line>,
    /// The same of the period before: of products and categories those that stand in `now`, in the same order.
    pub previous: Vec<Line>,
    /// All products or categories that don't stand by name, together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest: Option<Rest>,
}

/// What is not among the largest parts. Amounts, pieces and carts of these and of the rest add up to the whole; orders and
/// buyers count under each product that they have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    /// How many parts of the period are in it.
    pub count: i64,
    /// All together.
    pub now: Line,
    /// The period before, of all parts that don't stand by name in the period.
    pub previous: Line,
}

/// What a change of sales is made of, in minor units; the effects add up to the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SalesChange {
    /// Paid before.
    pub before_minor: i64,
    /// Paid now.
    pub now_minor: i64,
    /// From more or fewer persons received.
    pub receptions_minor: i64,
    /// From a higher or lower share of buyers.
    pub conversion_minor: i64,
    /// From what each of them spent.
    pub order_value_minor: i64,
}

/// A measure that got worse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worse {
    /// Which, by name.
    pub measure: String,
    /// How unusual it is; `None` in documents from before that was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Who contributed most to that, the largest first.
    pub people: Vec<Contributor>,
    /// Which hours of the local clock did, by their number; likewise.
    #[serde(default)]
    pub hours: Vec<Contributor>,
    /// Which products did.
    #[serde(default)]
    pub products: Vec<Contributor>,
    /// What the playbook says.
    pub remedies: Vec<RemedyLine>,
}

/// A figure held against the like periods before it, in millionths of what figures are shown in: a count or minor unit, 1
/// for rates, a second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// `too_few`, `ordinary`, `unusually_low` or `unusually_high`.
    pub verdict: String,
    /// Like periods with a value.
    pub periods: i64,
    /// The middle of them and the ends of the ordinary band; `None` with `too_few`.
    pub median_millionths: Option<i64>,
    /// Lowest ordinary value.
    pub low_millionths: Option<i64>,
    /// Highest ordinary value.
    pub high_millionths: Option<i64>,
    /// How far away the figure is; `None` too if the history never varied.
    pub z_millionths: Option<i64>,
}

impl Verdict {
    /// Of a judgement.
    pub fn of(judged: &Judgement) -> Self {
        let millionths = |value: f64| (value * 1e6).round() as i64;
        let of = |value: fn(&Band) -> f64| judged.band.as_ref().map(|band| millionths(value(band)));
        Self {
            verdict: verdict_name(judged.verdict).to_owned(),
            periods: i64::try_from(judged.days).unwrap_or(i64::MAX),
            median_millionths: of(|band| band.median),
            low_millionths: of(|band| band.ends.0),
            high_millionths: of(|band| band.ends.1),
            z_millionths: judged.band.and_then(|band| band.z).map(millionths),
        }
    }
}

fn verdict_name(verdict: judgement::Verdict) -> &'static str {
    match verdict {
        judgement::Verdict::TooFew => "too_few",
        judgement::Verdict::Ordinary => "ordinary",
        judgement::Verdict::UnusuallyLow => "unusually_low",
        judgement::Verdict::UnusuallyHigh => "unusually_high",
    }
}

/// What to do about a factor of sales.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactorRemedies {
    /// `receptions`, `conversion` or `order_value`.
    pub factor: String,
    /// What the playbook says.
    pub remedies: Vec<RemedyLine>,
}

/// A part in a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contributor {
    /// Who or what.
    pub key: String,
    /// What it was called.
    pub name: String,
    /// In billionths of the measure's unit.
    pub effect_billionths: i64,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemedyLine {
    /// Why it is likely.
    pub cause: String,
    /// What to do.
    pub text: String,
    /// Who does it: the number of the role.
    pub owner: i32,
    /// The owner's department, if it is another one.
    pub department: String,
}

/// How far a target is that has a day in the period, through the period's end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetLine {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Its period.
    pub days: Days,
    /// Through this day.
    pub through: NaiveDate,
    /// The figure that is to be reached, by name.
    pub measure: String,
    /// In the goal's units: minor units, a count, or millionths.
    pub wanted: i64,
    /// Of that, by then.
    pub wanted_to_date: i64,
    /// Numerator and denominator.
    pub actual: (i64, i64),
    /// Actual ÷ what was wanted by then, in millionths.
    pub attainment_to_date_millionths: Option<i64>,
    /// Actual ÷ what is wanted, in millionths.
    pub attainment_millionths: Option<i64>,
    /// At the end of the target's period, in the goal's units.
    pub forecast: Option<i64>,
}

impl From<DayRange> for Days {
    fn from(range: DayRange) -> Self {
        Self { from: range.from, to: range.to }
    }
}

impl Group {
    /// By what it cuts sales, if it does.
    pub fn aspect(&self) -> Option<Aspect> {
        match self.by.as_str() {
            "product" => Some(Aspect::Product),
            "category" => Some(Aspect::Category),
            _ => None,
        }
    }

    /// Its lines of the period, and that of the rest.
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        self.now.iter().chain(self.rest.as_ref().map(|rest| &rest.now))
    }
}

impl Document {
    /// What it is for.
    pub fn kind(&self) -> Option<ReportKind> {
        ReportKind::of(&self.kind)
    }

    /// What it is about.
    pub fn subject_kind(&self) -> Option<SubjectKind> {
        SubjectKind::of(&self.subject_kind)
    }

    /// The group of a kind, if the subject has several.
    pub fn group(&self, by: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.by == by)
    }
}

/// The name of a state in documents.
pub fn state_name(state: FigureState) -> &'static str {
    match state {
        FigureState::Provisional => "provisional",
        FigureState::Final => "final",
        FigureState::Restated => "restated",
    }
}

/// The state of a name.
pub fn state_of(name: &str) -> Option<FigureState> {
    [FigureState::Provisional, FigureState::Final, FigureState::Restated]
        .into_iter()
        .find(|state| state_name(*state) == name)
}

impl Line {
    /// Every figure of a row. An hour has those that are known of parts of a day.
    pub fn of(row: &Figures) -> Self {
        let by_hour = row.hour.is_some();
        Self::with(row, |measure| match measure {
            AnyMeasure::Conversations(_) => true,
            AnyMeasure::Timelines(measure) => !by_hour || measure.is_sliced_by(Aspect::Hour),
        })
    }

    /// What a slice of sales has.
    pub fn of_slice(row: &Figures, aspect: Aspect) -> Self {
        Self::with(row, |measure| match measure {
            AnyMeasure::Timelines(measure) => measure.is_sliced_by(aspect),
            AnyMeasure::Conversations(_) => false,
        })
    }

    fn with(row: &Figures, counted: impl Fn(&AnyMeasure) -> bool) -> Self {
        let state = |window| state_name(row.state(window)).to_owned();
        let figure = |measure: AnyMeasure| (measure.name().to_owned(), figure(measure, row));
        Self {
            key: row.key.clone(),
            name: row.name.clone(),
            days: row.days.into(),
            hour: row.hour,
            state: state(Window::Usual),
            conversion_state: state(Window::Conversions),
            refund_state: state(Window::Refunds),
            restatements: row.restatements,
            pending: row.pending,
            active_accounts: row.active_accounts,
            figures: AnyMeasure::all().filter(counted).map(figure).collect(),
        }
    }

    /// How settled the figures of a window were; `None` if that wasn't kept.
    pub fn state_of(&self, window: Window) -> Option<&str> {
        let state = match window {
            Window::Usual => &self.state,
            Window::Conversions => &self.conversion_state,
            Window::Refunds => &self.refund_state,
        };
        (!state.is_empty()).then_some(state)
    }

    /// A figure, if the line has it.
    pub fn figure(&self, measure: AnyMeasure) -> Option<Figure> {
        self.figures.get(measure.name()).copied()
    }
}

fn figure(measure: AnyMeasure, row: &Figures) -> Figure {
    let (above, below) = measure.of(row);
    let (median, p90) = match measure {
        AnyMeasure::Conversations(Measure::FirstResponse) => ranks(row, Spread::FirstResponse),
        AnyMeasure::Conversations(Measure::Response) => ranks(row, Spread::Response),
        AnyMeasure::Conversations(Measure::Length) => ranks(row, Spread::Length),
        AnyMeasure::Timelines(TradeMeasure::OrderHandling) => ranks_of(&row.trade.order_handling),
        AnyMeasure::Timelines(TradeMeasure::AfterSaleHandling) => ranks_of(&row.trade.after_sale_handling),
        AnyMeasure::Timelines(TradeMeasure::RefundOnlyCompletion) => ranks_of(&row.trade.money_refunds),
        AnyMeasure::Timelines(TradeMeasure::ReturnCompletion) => ranks_of(&row.trade.returns),
        _ => (None, None),
    };
    Figure { above, below, median, p90 }
}

fn ranks(row: &Figures, spread: Spread) -> (Option<Bucket>, Option<Bucket>) {
    let found = row.spreads.iter().find(|ranks| ranks.spread == spread);
    (found.map(|ranks| ranks.median), found.map(|ranks| ranks.p90))
}

fn ranks_of(histogram: &Histogram) -> (Option<Bucket>, Option<Bucket>) {
    (histogram.nearest_rank(5), histogram.nearest_rank(9))
}

impl Figure {
    /// Whether it says anything: a count of something, or a quotient.
    pub fn is_something(self) -> bool {
        self.above != 0 || self.below != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sums::Sum;
    use crate::domain::testing::figures;
    use crate::domain::trade::TradeSum;

    #[test]
    fn a_line_has_every_figure_and_an_hour_those_of_parts_of_a_day() {
        let mut row = figures();
        row.sums[Sum::RoundsAnswered] = 3;
        row.sums[Sum::Rounds] = 4;
        row.trade.sums[TradeSum::PaidAmount] = 12_345;
        let line = Line::of(&row);
        assert_eq!(line.figures.len(), AnyMeasure::all().count());
        let rate = line.figure(Measure::AnsweredRate.into()).expect("a figure");
        assert_eq!((rate.above, rate.below), (3, 4));
        let paid = line.figure(TradeMeasure::PaidAmount.into()).expect("a figure");
        assert_eq!((paid.above, paid.below), (12_345, 0));
        row.hour = Some(9);
        let hour = Line::of(&row);
        let of_whole_days = [
            TradeMeasure::ReceivedPerHead,
            TradeMeasure::ConversationsPerHour,
            TradeMeasure::AgentsShareOfSales,
        ];
        assert_eq!(hour.figures.len(), AnyMeasure::all().count() - of_whole_days.len());
        assert!(of_whole_days.iter().all(|measure| hour.figure((*measure).into()).is_none()));
        assert_eq!(hour.figure(TradeMeasure::PaidAmount.into()), Some(paid));
        let slice = Line::of_slice(&figures(), Aspect::Product);
        assert!(slice.figure(TradeMeasure::NetAmount.into()).is_some());
        assert_eq!(slice.figure(TradeMeasure::Inquiries.into()), None);
        assert_eq!(slice.figure(Measure::Replies.into()), None);
        let kept = serde_json::to_value(&hour).expect("is JSON");
        assert_eq!(serde_json::from_value::<Line>(kept).expect("is read"), hour);
    }

    #[test]
    fn windows_have_states_of_their_own_and_old_documents_lack_them() {
        let mut row = figures();
        row.states = [FigureState::Final, FigureState::Restated, FigureState::Provisional];
        let line = Line::of(&row);
        let states = Window::ALL.map(|window| line.state_of(window).map(str::to_owned));
        assert_eq!(states, ["final", "restated", "provisional"].map(|state| Some(state.to_owned())));
        let mut old = serde_json::to_value(&line).expect("is JSON");
        let fields = old.as_object_mut().expect("an object");
        fields.remove("conversion_state");
        fields.remove("refund_state");
        let old: Line = serde_json::from_value(old).expect("is read");
        assert_eq!((old.state_of(Window::Usual), old.state_of(Window::Refunds)), (Some("final"), None));
    }
}
