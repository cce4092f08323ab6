//! Which pieces stand behind a figure of customers' timelines, each with its part in it.

use std::collections::{BTreeSet, HashMap};

use chrono::NaiveDate;

use crate::domain::bucket::Bucket;
use crate::domain::explanation::{Reason, Recorded};
use crate::domain::fact::Fact;
use crate::domain::figure::{DayRange, Filter};
use crate::domain::slice::Slices;
use crate::domain::timeline::Share;
use crate::domain::trade::{TradeSpread, TradeSum, TradeSums};
use crate::domain::trade_measure::{Activity, Below, Beside, Formula, TradeMeasure};

/// Which figure is to be explained.
#[derive(Debug, Clone)]
pub struct TradeExplainQuery {
    /// Which.
    pub measure: TradeMeasure,
    /// Of these days.
    pub range: DayRange,
    /// Of these agents and shops, and of these slices.
    pub filter: Filter,
}

/// A conversation or fact.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "they say it")]
pub enum Piece {
    Chat(Box<Recorded>),
    Fact(Box<Fact>),
}

impl Piece {
    /// The shop and the customer.
    pub fn owner(&self) -> (&str, &str) {
        match self {
            Self::Chat(chat) => (&chat.key.shop, &chat.customer),
            Self::Fact(fact) => (&fact.key.shop, &fact.customer),
        }
    }
}

/// A piece's part in a figure, and where it counts.
#[derive(Debug, Clone)]
pub struct ExplainedTrade {
    /// The piece.
    pub piece: Piece,
    /// The business day.
    pub day: NaiveDate,
    /// The account; empty for nobody.
    pub account: String,
    /// Its place among all that the customer has to say about this day of the account.
    pub place: usize,
    /// Its part.
    pub part: TradePart,
}

/// One piece's part in a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TradePart {
    /// What it adds above the line.
    pub numerator: i64,
    /// What it adds below the line.
    pub denominator: i64,
    /// Why not more.
    pub reason: Option<Reason>,
}

impl TradePart {
    /// What is credited to another account than those asked about stands below the line alone.
    pub fn leave_to_another(&mut self) {
        if self.numerator != 0 {
            (self.numerator, self.reason) = (0, Some(Reason::AnotherAccount));
        }
    }
}

/// Explains shares one after the other. They must come in the order of the list, each account's day in a shop from its
/// first share on: who opens an hour is decided by that order.
#[derive(Debug)]
pub struct TradeExplainer {
    measure: TradeMeasure,
    slices: Option<Slices>,
    open: HashMap<(String, NaiveDate, String), BTreeSet<Bucket>>,
}

impl TradeExplainer {
    /// For one measure, of some slices only if so.
    pub fn new(measure: TradeMeasure, slices: Option<Slices>) -> Self {
        Self { measure, slices, open: HashMap::new() }
    }

    /// The share's part; `None` if it has nothing to do with the measure.
    pub fn explain(&mut self, shop: &str, share: &Share) -> Option<TradePart> {
        if self.measure.topics() & share.topic.bit() == 0 {
            return None;
        }
        let mut sums = TradeSums::default();
        match &self.slices {
            None => share.sums.iter().for_each(|(sum, value)| sums[*sum] += value),
            Some(slices) => {
                let mut here = share.slices.iter().filter(|(slice, _)| slices.hold(slice)).peekable();
                here.peek()?;
                here.flat_map(|(_, sums)| sums).for_each(|(sum, value)| sums[*sum] += value);
            }
        }
        let beside = Beside { activity: self.opened(shop, share), whole_paid: sums[TradeSum::PaidAmount] };
        let (numerator, denominator) = self.measure.of(&sums, beside);
        let Formula { plus, minus, below } = self.measure.formula();
        let why = |sum: TradeSum| share.missing.iter().find(|(s, _)| *s == sum).map(|(_, reason)| *reason);
        let below = match below {
            Below::Sum(sum) if denominator == 0 => why(sum),
            _ => None,
        };
        let above = || (numerator == 0).then(|| why(plus).or_else(|| minus.and_then(why))).flatten();
        let reason = below.or_else(above);
        Some(TradePart { numerator, denominator, reason })
    }

    /// The days and hours of activity that this share opens.
    fn opened(&mut self, shop: &str, share: &Share) -> Activity {
        let hours = share.buckets.iter().filter(|(spread, _)| *spread == TradeSpread::ActiveHour);
        let hours: Vec<Bucket> = hours.map(|(_, hour)| *hour).collect();
        if hours.is_empty() {
            return Activity::default();
        }
        let open = self.open.entry((shop.to_owned(), share.day, share.account.clone())).or_default();
        let days = i64::from(open.is_empty());
        let before = open.len();
        open.extend(hours);
        Activity { days, hours: (open.len() - before) as i64 }
    }
}
