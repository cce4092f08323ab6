//! A figure of conversations alone, or of customers' timelines.

use serde::{Deserialize, Serialize};

use crate::domain::explanation::{Measure, Unit};
use crate::domain::figure::{Figures, TradeFigures};
use crate::domain::playbook::Direction;
use crate::domain::sums::Sums;
use crate::domain::trade_measure::{Below, TradeMeasure};

/// A measure of either kind; stored by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
pub enum AnyMeasure {
    /// Of conversations alone.
    Conversations(Measure),
    /// Of customers' timelines.
    Timelines(TradeMeasure),
}

impl From<Measure> for AnyMeasure {
    fn from(measure: Measure) -> Self {
        Self::Conversations(measure)
    }
}

impl From<TradeMeasure> for AnyMeasure {
    fn from(measure: TradeMeasure) -> Self {
        Self::Timelines(measure)
    }
}

impl From<AnyMeasure> for &'static str {
    fn from(measure: AnyMeasure) -> Self {
        measure.name()
    }
}

impl TryFrom<String> for AnyMeasure {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Self::by_name(&name).ok_or_else(|| format!("there is no measure {name}"))
    }
}

impl AnyMeasure {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        let trade = TradeMeasure::ALL.into_iter().map(Self::Timelines);
        Measure::ALL.into_iter().map(Self::Conversations).chain(trade)
    }

    /// Its name on the wire and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Conversations(measure) => measure.name(),
            Self::Timelines(measure) => measure.name(),
        }
    }

    /// The measure of a name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::all().find(|measure| measure.name() == name)
    }

    /// Above and below the line.
    pub fn of(self, figures: &Figures) -> (i64, i64) {
        self.of_sums(&figures.sums, &figures.trade)
    }

    /// The same, out of sums.
    pub fn of_sums(self, sums: &Sums, trade: &TradeFigures) -> (i64, i64) {
        match self {
            Self::Conversations(measure) => measure.of(sums),
            Self::Timelines(measure) => measure.of(&trade.sums, trade.beside()),
        }
    }

    /// What a value of it is. Amounts are counts of the currency's smallest unit.
    pub fn unit(self) -> Unit {
        match self {
            Self::Conversations(measure) => measure.unit(),
            Self::Timelines(
                TradeMeasure::OrderHandling
                | TradeMeasure::AfterSaleHandling
                | TradeMeasure::RefundOnlyCompletion
                | TradeMeasure::ReturnCompletion,
            ) => Unit::Milliseconds,
            Self::Timelines(measure) if measure.formula().below == Below::Nothing => Unit::Count,
            Self::Timelines(_) => Unit::Rate,
        }
    }

    /// Whether it is made of sums alone: activity and what the whole shop was paid are none, and so are known only of whole
    /// rows.
    pub fn adds_up(self) -> bool {
        match self {
            Self::Conversations(_) => true,
            Self::Timelines(measure) => {
                let below = measure.formula().below;
                !matches!(below, Below::ActiveDays | Below::ActiveHours | Below::WholePaid)
            }
        }
    }

    /// A figure's value: the count, the quotient, or the mean in seconds; `None` for a rate or mean of nothing.
    pub fn value(self, figures: &Figures) -> Option<f64> {
        self.value_of(self.of(figures))
    }

    /// The same, of the numbers above and below the line.
    pub fn value_of(self, (numerator, denominator): (i64, i64)) -> Option<f64> {
        match self.unit() {
            Unit::Count => Some(numerator as f64),
            _ if denominator == 0 => None,
            Unit::Rate => Some(numerator as f64 / denominator as f64),
            Unit::Milliseconds => Some(numerator as f64 / 1_000.0 / denominator as f64),
        }
    }

    /// Which way is better; `None` where more is neither better nor worse.
    pub fn better(self) -> Option<Direction> {
        match self {
            Self::Conversations(measure) => measure.better(),
            Self::Timelines(measure) => measure.better(),
        }
    }
}

impl TradeMeasure {
    /// Which way is better; `None` where more is neither better nor worse.
    pub fn better(self) -> Option<Direction> {
        match self {
            Self::PayingBuyers
            | Self::PaidAmount
            | Self::NetAmount
            | Self::AverageOrderValue
            | Self::OrderConversionNextDay
            | Self::OrderConversion
            | Self::PaymentConversionNextDay
            | Self::PaymentConversion
            | Self::SatisfactionScore
            | Self::ScoreSatisfaction
            | Self::ItemScore
            | Self::ServiceScore
            | Self::DeliveryScore
            | Self::PositiveReviewRate
            | Self::BadReviewRecoveredRate
            | Self::FirstContactResolution
            | Self::RecommendationSuccess
            | Self::CrossSellSuccess
            | Self::MemberSignups
            | Self::OrderHandlingAccuracy
            | Self::AfterSaleHandlingAccuracy
            | Self::BotHandlingRate
            | Self::BotAcceptanceRate
            | Self::CartPurchaseRate
            | Self::AgentsShareOfSales => Some(Direction::Risen),
            Self::RefundRate
            | Self::ReturnRate
            | Self::ComplaintRate
            | Self::NegativeReviewRate
            | Self::OrderHandling
            | Self::AfterSaleHandling
            | Self::BotUnansweredRate
            | Self::RefundOnlyCompletion
            | Self::ReturnCompletion
            | Self::PlatformHelpRate
            | Self::PlatformJudgedRate => Some(Direction::Fallen),
            Self::Inquiries
            | Self::OrderingBuyers
            | Self::Orders
            | Self::PaidOrders
            | Self::OrderedAmount
            | Self::RefundedAmount
            | Self::CompletedRefunds
            | Self::CompletedRefundAmount
            | Self::Complaints
            | Self::Reviews
            | Self::ReceivedPerHead
            | Self::ConversationsPerHour
            | Self::BotQuestions
            | Self::BotTransferRate
            | Self::OrderedUnits
            | Self::Carts
            | Self::CartAmount
            | Self::CartsLeft
            | Self::CartLeftAmount
            | Self::InitiatedCustomers
            | Self::ReplyCharacters
            | Self::AssistedCustomers
            | Self::ReceivedCustomers => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_measure_has_a_name_of_its_own_on_the_wire() {
        let mut names: Vec<&str> = AnyMeasure::all().map(AnyMeasure::name).collect();
        for name in &names {
            let wire = proto::metrics::v1::Measure::from_str_name(&format!("MEASURE_{name}"));
            assert!(wire.is_some(), "{name} is not in figure.proto");
        }
        for measure in AnyMeasure::all() {
            let kept = serde_json::to_value(measure).expect("is a name");
            assert_eq!(kept, measure.name());
            assert_eq!(serde_json::from_value::<AnyMeasure>(kept).expect("is known"), measure);
        }
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        let on_the_wire = (1..1_000).filter(|n| proto::metrics::v1::Measure::try_from(*n).is_ok()).count();
        // Four can only be explained.
        assert_eq!(count + 4, on_the_wire, "a measure of figure.proto is missing here");
    }
}
