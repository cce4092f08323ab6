use chrono::{DateTime, NaiveDate};
use prost_types::Timestamp;
use proto::google::r#type::Date;
use proto::time::{date, day, instant, timestamp};

#[test]
fn days_come_back_as_they_went() {
    for (y, m, d) in [(1, 1, 1), (2020, 2, 29), (9999, 12, 31)] {
        let there = NaiveDate::from_ymd_opt(y, m, d);
        assert_eq!(there.map(date).as_ref().and_then(day), there);
    }
}

#[test]
fn only_days_of_the_calendar_are_days() {
    let wire = |year, month, day| Date { year, month, day };
    let none = [
        wire(2021, 2, 29),
        wire(0, 1, 1),
        wire(10_000, 1, 1),
        wire(2020, -1, 1),
        wire(2020, 13, 1),
        wire(2020, 1, 0),
        wire(2020, 0, 1),
    ];
    for bad in none {
        assert_eq!(day(&bad), None, "{bad:?}");
    }
}

#[test]
fn moments_come_back_as_they_went() {
    for (seconds, nanos) in [(0, 0), (-1, 999_999_999), (1_589_333_333, 1)] {
        let there = DateTime::from_timestamp(seconds, nanos);
        assert_eq!(there.map(timestamp).as_ref().and_then(instant), there);
    }
    for (seconds, nanos) in [(0, -1), (0, 1_000_000_000), (i64::MAX, 0)] {
        assert_eq!(instant(&Timestamp { seconds, nanos }), None);
    }
    let leap = DateTime::from_timestamp(1_483_228_799, 1_500_000_000).map(timestamp);
    assert_eq!(leap, Some(Timestamp { seconds: 1_483_228_799, nanos: 999_999_999 }));
}
