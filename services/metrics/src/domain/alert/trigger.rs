//! Whether a figure gives alarm: what is to be read for a rule, and what it says. Pure.

use chrono::{DateTime, Days, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::alert::like::LikeComplaints;
use crate::domain::alert::rule::{Basis, Condition, FigureTrigger, Side, Window};
use crate::domain::any_measure::AnyMeasure;
use crate::domain::explanation::Unit;
use crate::domain::figure::DayRange;
use crate::domain::judgement::{DAYS_MIN, judge, median};

/// A run of days, or of hours from one on its first day to one on its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// First and last hour, counted from the days' cut-over.
    pub hours: Option<(u8, u8)>,
}

impl Period {
    /// The days.
    pub fn days(self) -> DayRange {
        DayRange { from: self.from, to: self.to }
    }

    /// The same weekdays of some weeks before.
    pub fn weeks_before(self, weeks: u64) -> Self {
        let back = |day: NaiveDate| day.checked_sub_days(Days::new(7 * weeks)).unwrap_or(NaiveDate::MIN);
        Self { from: back(self.from), to: back(self.to), ..self }
    }

    /// Whether an hour of a day lies in it.
    pub fn holds(self, day: NaiveDate, hour: u8) -> bool {
        let (first, last) = self.hours.unwrap_or((0, 23));
        ((self.from, first)..=(self.to, last)).contains(&(day, hour))
    }

    /// Whether it begins after the other ended.
    fn is_after(self, other: Self) -> bool {
        let first = (self.from, self.hours.map_or(0, |hours| hours.0));
        first > (other.to, other.hours.map_or(23, |hours| hours.1))
    }
}

/// Where the clock stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The business day.
    pub today: NaiveDate,
    /// Whole hours of it that are over.
    pub hours_over: u8,
}

/// The periods to read for a trigger: the present one, then those before it that it is held against.
pub fn periods(trigger: &FigureTrigger, now: Now) -> Vec<Period> {
    let back = |day: NaiveDate, days: u32| day.checked_sub_days(Days::new(days.into())).unwrap_or(day);
    let (present, stride) = match trigger.window {
        Window::Days(days) => {
            let to = if trigger.needs_whole_days() { back(now.today, 1) } else { now.today };
            (Period { from: back(to, days - 1), to, hours: None }, u64::from(days.div_ceil(7)))
        }
        Window::Hours(hours) => {
            // Before the first hour of a day is over, the last hour is yesterday's.
            let hour_before = |day: NaiveDate, over: i64| match over {
                over if over > 0 => (day, (over - 1) as u8),
                over => (back(day, 1), (24 + over - 1) as u8),
            };
            let over = i64::from(now.hours_over);
            let (to, last) = hour_before(now.today, over);
            let (from, first) = hour_before(now.today, over - i64::from(hours) + 1);
            (Period { from, to, hours: Some((first, last)) }, 1)
        }
    };
    let before = (1..=u64::from(trigger.condition.weeks())).map(|week| present.weeks_before(week * stride));
    std::iter::once(present).chain(before).collect()
}

/// Above and below the line of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sample {
    /// Above.
    pub above: i64,
    /// Below; 0 for counts and amounts.
    pub below: i64,
}

impl Sample {
    /// The count, the quotient, or the mean in seconds; `None` for a rate or mean of nothing.
    pub fn value(self, unit: Unit) -> Option<f64> {
        let quotient = || (self.below != 0).then(|| self.above as f64 / self.below as f64);
        match unit {
            Unit::Count => Some(self.above as f64),
            Unit::Rate => quotient(),
            Unit::Milliseconds => quotient().map(|ms| ms / 1_000.0),
        }
    }
}

/// The figures of a key in the periods of a trigger, in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The person, team or shop.
    pub key: String,
    /// Its name, if known.
    pub name: String,
    /// The present and those before it.
    pub samples: Vec<Sample>,
}

/// What a figure was held against.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// The middle of the periods before.
    pub median: f64,
    /// How many had anything to say.
    pub windows: i32,
    /// value ÷ median − 1.
    pub change: Option<f64>,
    /// Robust z.
    pub z: Option<f64>,
}

/// The figure behind an alert, or the complaints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Which.
    pub measure: AnyMeasure,
    /// What of it.
    pub basis: Basis,
    /// What ruled the last day; 0 where no definition has a say.
    pub definition_version: i32,
    /// When.
    pub period: Period,
    /// Above and below the line.
    pub sample: Sample,
    /// Its value.
    pub value: Option<f64>,
    /// Beyond which there is alarm.
    pub limit: Option<f64>,
    /// On which side of the limit that is.
    pub side: Side,
    /// What it was held against.
    pub baseline: Option<Baseline>,
    /// The complaints that were counted, where a rule goes by those that are alike. Releases from before leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub like: Option<LikeComplaints>,
    /// When it was read.
    pub read_at: DateTime<Utc>,
}

impl Evidence {
    /// Whether it is about a time after the other's. Windows of complaints overlap from look to look, so of them it is that no
    /// complaint is an old one.
    pub fn is_after(&self, other: &Self) -> bool {
        match (&self.like, &other.like) {
            (Some(like), Some(other)) => like.first_at > other.last_at,
            _ => self.period.is_after(other.period),
        }
    }

    /// Whether it is further from what is ordinary, on the side of the other.
    pub fn is_worse_than(&self, other: &Self) -> bool {
        let (Some(value), Some(before)) = (self.value, other.value) else { return false };
        match other.side {
            Side::High => value > before,
            Side::Low => value < before,
        }
    }

    /// Whether it says the same.
    pub fn repeats(&self, other: &Self) -> bool {
        (self.sample, self.period, &self.like) == (other.sample, other.period, &other.like)
    }
}

/// What a rule says of a key.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The person, team or shop.
    pub key: String,
    /// Its name, if known.
    pub name: String,
    /// What of the key's it is about, where the rule can find several things at once; else empty.
    pub topic: String,
    /// The figure.
    pub evidence: Evidence,
    /// Whether there is alarm.
    pub alarm: bool,
}

/// Holds a reading against the trigger. `version` is that of the definition, `present` the first of the trigger's periods.
pub fn find(
    trigger: &FigureTrigger,
    (present, version): (Period, i32),
    reading: Reading,
    read_at: DateTime<Utc>,
) -> Finding {
    let unit = trigger.unit();
    let sample = reading.samples.first().copied().unwrap_or_default();
    let value = sample.value(unit);
    let is_enough = |sample: &Sample| unit == Unit::Count || sample.below >= trigger.sample_min.max(1);
    let before = reading.samples.iter().skip(1).filter(|sample| is_enough(sample));
    let history: Vec<f64> = before.filter_map(|sample| sample.value(unit)).collect();
    let judged = value.filter(|_| is_enough(&sample)).map(|value| Judged::of(trigger, value, &history));
    let judged = judged.unwrap_or_default();
    // A count is enough if it is, or usually is, as large as asked for.
    let size = judged.baseline.map_or(0.0, |baseline| baseline.median).max(sample.above as f64);
    let counts = match (unit, trigger.condition) {
        (Unit::Count, Condition::Threshold { side: Side::Low, .. }) => true,
        (Unit::Count, _) => size >= trigger.sample_min as f64,
        _ => true,
    };
    Finding {
        key: reading.key,
        name: reading.name,
        topic: String::new(),
        alarm: counts && judged.alarm,
        evidence: Evidence {
            measure: trigger.measure,
            basis: trigger.basis,
            definition_version: version,
            period: present,
            sample,
            value,
            limit: judged.limit,
            side: judged.side.or(trigger.condition.side()).unwrap_or(Side::High),
            baseline: judged.baseline,
            like: None,
            read_at,
        },
    }
}

#[derive(Debug, Default)]
struct Judged {
    alarm: bool,
    limit: Option<f64>,
    side: Option<Side>,
    baseline: Option<Baseline>,
}

impl Judged {
    fn of(trigger: &FigureTrigger, value: f64, history: &[f64]) -> Self {
        match trigger.condition {
            Condition::Threshold { side, value: limit } => Self {
                alarm: is_beyond(value, limit, side),
                limit: Some(limit),
                side: Some(side),
                baseline: None,
            },
            Condition::Change { side, ratio, .. } => {
                if history.is_empty() {
                    return Self::default();
                }
                let baseline = Baseline::of(value, history);
                let limit = match side {
                    Side::High => baseline.median * (1.0 + ratio),
                    Side::Low => baseline.median * (1.0 - ratio),
                };
                // Without anything before, nothing has changed by a share of it.
                let alarm = baseline.median > 0.0 && is_beyond(value, limit, side);
                Self { alarm, limit: Some(limit), side: Some(side), baseline: Some(baseline) }
            }
            Condition::Anomaly { side, z: z_max, .. } => {
                if history.len() < DAYS_MIN {
                    let baseline = (!history.is_empty()).then(|| Baseline::of(value, history));
                    return Self { baseline, ..Self::default() };
                }
                let band = judge(value, history).band;
                let z = band.and_then(|band| band.z);
                let baseline = Baseline { z, ..Baseline::of(value, history) };
                // The value tells the side that it is on.
                let on = if value < baseline.median { Side::Low } else { Side::High };
                let scale = z.filter(|z| *z != 0.0).map_or(0.0, |z| (value - baseline.median) / z);
                let looked_at = side.unwrap_or(on);
                let limit = match looked_at {
                    Side::High => baseline.median + z_max * scale,
                    Side::Low => baseline.median - z_max * scale,
                };
                let is_unusual = z.map_or(value != baseline.median, |z| z.abs() > z_max);
                let alarm = is_unusual && looked_at == on;
                Self { alarm, limit: Some(limit), side: Some(looked_at), baseline: Some(baseline) }
            }
        }
    }
}

impl Baseline {
    fn of(value: f64, history: &[f64]) -> Self {
        let middle = median(history.to_vec());
        let change = (middle != 0.0).then(|| value / middle - 1.0);
        Self { median: middle, windows: i32::try_from(history.len()).unwrap_or(i32::MAX), change, z: None }
    }
}

fn is_beyond(value: f64, limit: f64, side: Side) -> bool {
    match side {
        Side::High => value >= limit,
        Side::Low => value <= limit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::explanation::Measure;

    fn day(n: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2020, 6, n).expect("a day")
    }

    fn trigger(measure: Measure, sample_min: i64, condition: Condition) -> FigureTrigger {
        let (basis, window) = (Basis::Value, Window::Days(1));
        FigureTrigger { measure: measure.into(), basis, window, sample_min, condition }
    }

    fn finding(trigger: &FigureTrigger, samples: &[(i64, i64)]) -> Finding {
        let samples = samples.iter().map(|(above, below)| Sample { above: *above, below: *below }).collect();
        let reading = Reading { key: "k".to_owned(), name: String::new(), samples };
        let present = Period { from: day(30), to: day(30), hours: None };
        find(trigger, (present, 1), reading, DateTime::UNIX_EPOCH)
    }

    fn alarms(trigger: &FigureTrigger, samples: &[(i64, i64)]) -> bool {
        finding(trigger, samples).alarm
    }

    const fn counts<const N: usize>(values: [i64; N]) -> [(i64, i64); N] {
        let mut samples = [(0, 0); N];
        let mut at = 0;
        while at < N {
            samples[at].0 = values[at];
            at += 1;
        }
        samples
    }

    #[test]
    fn thresholds_give_alarm_at_their_value() {
        let high = trigger(Measure::Conversations, 0, Condition::Threshold { side: Side::High, value: 5.0 });
        assert!(alarms(&high, &counts([5])) && !alarms(&high, &counts([4])));
        let low = trigger(Measure::ReplyRate, 10, Condition::Threshold { side: Side::Low, value: 0.9 });
        assert!(alarms(&low, &[(9, 10)]) && !alarms(&low, &[(10, 11)]));
        assert!(!alarms(&low, &[(0, 9)]), "too few to say");
        assert!(!alarms(&low, &[(0, 0)]), "a rate of nothing");
        let quiet = trigger(Measure::Conversations, 7, Condition::Threshold { side: Side::Low, value: 3.0 });
        assert!(alarms(&quiet, &counts([0])), "nothing at all is low, whatever the sample");
    }

    #[test]
    fn changes_are_held_against_the_median_of_the_weeks_before() {
        let rise =
            trigger(Measure::Conversations, 10, Condition::Change { side: Side::High, ratio: 1.0, weeks: 4 });
        let found = finding(&rise, &counts([20, 10, 12, 500, 8]));
        let baseline = found.evidence.baseline.expect("weeks before");
        assert_eq!((found.alarm, baseline.median, baseline.windows), (false, 11.0, 4));
        assert_eq!(found.evidence.limit, Some(22.0));
        assert!(alarms(&rise, &counts([22, 10, 12, 500, 8])));
        assert!(!alarms(&rise, &counts([9, 1, 1, 1, 1])), "few are no rise");
        assert!(!alarms(&rise, &counts([50, 0, 0, 0, 0])), "nothing cannot be doubled");
        assert!(!alarms(&rise, &counts([50])), "no weeks before");
        let fall =
            trigger(Measure::ReplyRate, 10, Condition::Change { side: Side::Low, ratio: 0.5, weeks: 2 });
        assert!(alarms(&fall, &[(5, 20), (16, 20), (1, 2)]), "a week with too few says nothing");
        assert!(!alarms(&fall, &[(9, 20), (16, 20)]));
    }

    #[test]
    fn anomalies_need_a_history_and_a_side() {
        let weeks = [20, 21, 19, 20, 22, 18, 500];
        let with = |side, now: i64| {
            let unusual = trigger(Measure::Conversations, 5, Condition::Anomaly { side, z: 3.5, weeks: 8 });
            let samples: Vec<_> = std::iter::once(now).chain(weeks).map(|count| (count, 0)).collect();
            finding(&unusual, &samples)
        };
        assert!(with(Some(Side::High), 40).alarm && with(None, 40).alarm && with(None, 2).alarm);
        assert!(!with(Some(Side::High), 2).alarm && !with(Some(Side::Low), 40).alarm);
        assert!(!with(None, 21).alarm);
        let found = with(None, 40).evidence;
        let limit = found.limit.expect("a history");
        assert!(limit > 22.0 && limit < 40.0, "{limit}");
        assert_eq!(found.baseline.expect("a history").windows, 7);
        let short = trigger(Measure::Conversations, 5, Condition::Anomaly { side: None, z: 3.5, weeks: 8 });
        assert!(!alarms(&short, &counts([99, 1, 1, 1, 1])), "four weeks say nothing");
    }

    #[test]
    fn a_window_ends_today_or_with_the_last_whole_day_or_hour() {
        let now = Now { today: day(30), hours_over: 2 };
        let change = |side| Condition::Change { side, ratio: 0.5, weeks: 2 };
        let with = |measure, window, side| {
            let trigger = FigureTrigger { window, ..trigger(measure, 0, change(side)) };
            let period = |p: Period| (p.from.to_string(), p.to.to_string(), p.hours);
            periods(&trigger, now).into_iter().map(period).collect::<Vec<_>>()
        };
        let days = |from: &str, to: &str| (from.to_owned(), to.to_owned(), None);
        assert_eq!(
            with(Measure::Conversations, Window::Days(1), Side::High),
            [
                days("2020-06-30", "2020-06-30"),
                days("2020-06-23", "2020-06-23"),
                days("2020-06-16", "2020-06-16")
            ]
        );
        assert_eq!(
            with(Measure::Conversations, Window::Days(2), Side::Low)[0],
            days("2020-06-28", "2020-06-29")
        );
        let long = with(Measure::ReplyRate, Window::Days(10), Side::Low);
        assert_eq!(long[..2], [days("2020-06-21", "2020-06-30"), days("2020-06-07", "2020-06-16")]);
        let hours = with(Measure::Conversations, Window::Hours(3), Side::High);
        assert_eq!(hours[0], ("2020-06-29".to_owned(), "2020-06-30".to_owned(), Some((23, 1))));
        assert_eq!(hours[1], ("2020-06-22".to_owned(), "2020-06-23".to_owned(), Some((23, 1))));
        let night = Period { from: day(29), to: day(30), hours: Some((23, 1)) };
        assert!(night.holds(day(29), 23) && night.holds(day(30), 0) && night.holds(day(30), 1));
        assert!(!night.holds(day(29), 22) && !night.holds(day(30), 2));
        let midnight = Now { today: day(30), hours_over: 0 };
        let trigger = FigureTrigger {
            window: Window::Hours(1),
            ..trigger(Measure::Conversations, 0, change(Side::High))
        };
        assert_eq!(
            periods(&trigger, midnight)[0],
            Period { from: day(29), to: day(29), hours: Some((23, 23)) }
        );
    }

    #[test]
    fn worse_is_further_on_the_side_that_gave_alarm() {
        let at = |side, value: i64| {
            let condition = Condition::Threshold { side, value: 5.0 };
            finding(&trigger(Measure::Conversations, 0, condition), &counts([value])).evidence
        };
        assert!(at(Side::High, 7).is_worse_than(&at(Side::High, 6)));
        assert!(!at(Side::High, 6).is_worse_than(&at(Side::High, 6)));
        assert!(at(Side::Low, 1).is_worse_than(&at(Side::Low, 5)));
        assert!(at(Side::High, 6).repeats(&at(Side::High, 6)));
    }
}
