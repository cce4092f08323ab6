//! How long incidents took (危机处理周期): from opened to contained, from contained to closed, from opened to closed.

use chrono::{DateTime, Utc};

use crate::domain::alert::rule::Level;

/// When an incident began, was contained, and ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Course {
    /// Which.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// How bad it is.
    pub level: Level,
    /// Whether it was an exercise.
    pub drill: bool,
    /// When it began.
    pub opened_at: DateTime<Utc>,
    /// When it was contained; `None` too if it was closed without anybody saying when.
    pub contained_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub closed_at: Option<DateTime<Utc>>,
}

/// Why an incident gives nothing to a spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOut {
    /// It was an exercise.
    Drill,
    /// Nobody said when it was contained.
    NotContained,
    /// It is not closed.
    NotClosed,
}

/// What an incident gives to a spread, in seconds, or why nothing.
pub type Span = Result<f64, LeftOut>;

/// The three spreads, in this order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spans<T> {
    /// From opened to contained.
    pub opened_to_contained: T,
    /// From contained to closed.
    pub contained_to_closed: T,
    /// From opened to closed.
    pub opened_to_closed: T,
}

/// A spread of durations in seconds; nothing has none.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Spread {
    /// How many.
    pub count: usize,
    /// Their mean.
    pub mean: Option<f64>,
    /// The lower of the two middle ones.
    pub median: Option<f64>,
    /// Nine of ten are no longer.
    pub p90: Option<f64>,
}

/// The spreads of a level, or of all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Times {
    /// `None`: of all.
    pub level: Option<Level>,
    /// How long it took.
    pub spans: Spans<Spread>,
}

impl Course {
    /// What it gives to each spread, in seconds, or why not.
    pub fn spans(&self) -> Spans<Span> {
        let contained = self.contained_at.ok_or(LeftOut::NotContained);
        let closed = self.closed_at.ok_or(LeftOut::NotClosed);
        let span = |from: Result<DateTime<Utc>, LeftOut>, to: Result<DateTime<Utc>, LeftOut>| {
            if self.drill {
                return Err(LeftOut::Drill);
            }
            let (from, to) = (from?, to?);
            Ok((to - from).as_seconds_f64())
        };
        Spans {
            opened_to_contained: span(Ok(self.opened_at), contained),
            contained_to_closed: span(contained, closed),
            opened_to_closed: span(Ok(self.opened_at), closed),
        }
    }
}

impl Spread {
    fn of(seconds: impl Iterator<Item = f64>) -> Self {
        let mut seconds: Vec<f64> = seconds.collect();
        seconds.sort_by(f64::total_cmp);
        let count = seconds.len();
        if count == 0 {
            return Self::default();
        }
        // Nearest rank: the smallest that at least so many percent do not exceed.
        let rank = |percent: usize| Some(seconds[(count * percent).div_ceil(100) - 1]);
        let mean = seconds.iter().sum::<f64>() / count as f64;
        Self { count, mean: Some(mean), median: rank(50), p90: rank(90) }
    }
}

/// How long these took: all together, then each level that there is.
pub fn times(courses: &[Course]) -> Vec<Times> {
    let of = |level: Option<Level>| {
        let spans: Vec<_> = courses
            .iter()
            .filter(|course| level.is_none_or(|level| course.level == level))
            .map(Course::spans)
            .collect();
        let spread =
            |pick: fn(&Spans<Span>) -> Span| Spread::of(spans.iter().filter_map(|spans| pick(spans).ok()));
        let spans = Spans {
            opened_to_contained: spread(|spans| spans.opened_to_contained),
            contained_to_closed: spread(|spans| spans.contained_to_closed),
            opened_to_closed: spread(|spans| spans.opened_to_closed),
        };
        Times { level, spans }
    };
    let levels = [Level::Potential, Level::Local, Level::Major];
    let there = levels.into_iter().filter(|level| courses.iter().any(|c| c.level == *level && !c.drill));
    std::iter::once(None).chain(there.map(Some)).map(of).collect()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes)
    }

    fn course(level: Level, contained: Option<i64>, closed: Option<i64>) -> Course {
        Course {
            id: "i".to_owned(),
            title: String::new(),
            level,
            drill: false,
            opened_at: at(0),
            contained_at: contained.map(at),
            closed_at: closed.map(at),
        }
    }

    #[test]
    fn times_are_of_those_that_got_so_far() {
        let courses = [
            course(Level::Major, Some(10), Some(30)),
            course(Level::Major, Some(20), None),
            course(Level::Local, None, None),
            course(Level::Local, None, Some(50)),
            course(Level::Major, Some(60), Some(100)),
            Course { drill: true, ..course(Level::Potential, Some(1), Some(2)) },
        ];
        let found = times(&courses);
        let levels: Vec<_> = found.iter().map(|times| times.level).collect();
        assert_eq!(levels, [None, Some(Level::Local), Some(Level::Major)]);
        let spread = |minutes: [f64; 3], count| Spread {
            count,
            mean: Some(minutes[0] * 60.0),
            median: Some(minutes[1] * 60.0),
            p90: Some(minutes[2] * 60.0),
        };
        let all = found[0].spans;
        assert_eq!(all.opened_to_contained, spread([30.0, 20.0, 60.0], 3));
        assert_eq!(all.contained_to_closed, spread([30.0, 20.0, 40.0], 2));
        assert_eq!(all.opened_to_closed, spread([60.0, 50.0, 100.0], 3));
        assert_eq!(found[1].spans.opened_to_contained, Spread::default());
        assert_eq!(times(&[])[0].spans.opened_to_closed, Spread::default());
    }

    #[test]
    fn whatever_is_left_out_has_a_reason() {
        let spans = course(Level::Local, None, Some(40)).spans();
        assert_eq!(spans.opened_to_contained, Err(LeftOut::NotContained));
        assert_eq!(
            (spans.contained_to_closed, spans.opened_to_closed),
            (Err(LeftOut::NotContained), Ok(2_400.0))
        );
        let spans = course(Level::Local, Some(1), None).spans();
        assert_eq!((spans.opened_to_contained, spans.opened_to_closed), (Ok(60.0), Err(LeftOut::NotClosed)));
        let drill = Course { drill: true, ..course(Level::Local, Some(1), Some(2)) };
        assert_eq!(drill.spans().opened_to_closed, Err(LeftOut::Drill));
    }

    proptest! {
        #[test]
        fn ranks_are_values_that_leave_so_many_behind(mut seconds in prop::collection::vec(0.0..1e6, 1..200)) {
            let spread = Spread::of(seconds.clone().into_iter());
            seconds.sort_by(f64::total_cmp);
            for (percent, value) in [(50, spread.median), (90, spread.p90)] {
                let value = value.expect("there are some");
                let no_longer = seconds.iter().filter(|other| **other <= value).count();
                let shorter = seconds.iter().filter(|other| **other < value).count();
                prop_assert!(seconds.contains(&value));
                prop_assert!(no_longer * 100 >= seconds.len() * percent);
                prop_assert!(shorter * 100 < seconds.len() * percent);
            }
        }
    }
}
