//! Business days across zones and changes of the clocks.

use calendar::{CalendarError, MerchantCalendar, Period, PeriodKind};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use proptest::prelude::*;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// The bounds of a day are these, and its first and last second belong to it, the neighbours don't.
fn check(zone: &str, hour: i32, date: &str, start: &str, end: &str) {
    let calendar = MerchantCalendar::new(zone, hour).unwrap();
    let (from, to) = calendar.day_bounds(day(date));
    assert_eq!((from, to), (at(start), at(end)), "{zone} {hour}:00 {date}");
    let second = TimeDelta::seconds(1);
    assert_eq!(calendar.business_day(from), day(date));
    assert_eq!(calendar.business_day(to - second), day(date));
    assert!(calendar.business_day(from - second) < day(date));
    assert!(calendar.business_day(to) > day(date));
}

#[test]
fn the_default_is_midnight_in_shanghai() {
    let calendar = MerchantCalendar::default();
    assert_eq!((calendar.zone_name(), calendar.cut_over_hour()), ("Asia/Shanghai", 0));
    check("Asia/Shanghai", 0, "2020-05-13", "2020-05-12T16:00:00Z", "2020-05-13T16:00:00Z");
    assert_eq!(calendar.local_hour(at("2020-05-12T16:30:00Z")), 0);
    assert_eq!(calendar.local_hour(at("2020-05-12T15:59:59Z")), 23);
}

#[test]
fn a_cut_over_hour_gives_the_small_hours_to_the_day_before() {
    check("Asia/Shanghai", 4, "2020-05-13", "2020-05-12T20:00:00Z", "2020-05-13T20:00:00Z");
    let calendar = MerchantCalendar::new("Asia/Shanghai", 4).unwrap();
    assert_eq!(calendar.business_day(at("2020-05-12T19:59:59.999Z")), day("2020-05-12"));
}

#[test]
fn days_have_23_or_25_hours_when_the_clocks_change() {
    check("Europe/Berlin", 0, "2026-03-29", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z");
    check("Europe/Berlin", 0, "2026-10-25", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
    check("America/New_York", 0, "2026-03-08", "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z");
    check("America/New_York", 0, "2026-11-01", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z");
    // A quarter and half an hour: Lord Howe moves its clocks by 30 minutes.
    check("Australia/Lord_Howe", 0, "2026-10-04", "2026-10-03T13:30:00Z", "2026-10-04T13:00:00Z");
}

#[test]
fn a_cut_over_that_the_clocks_skip_or_repeat_still_happens_once() {
    // New York skips 02:00–03:00 on 8 March 2026: the day begins at 03:00 summer time.
    check("America/New_York", 2, "2026-03-08", "2026-03-08T07:00:00Z", "2026-03-09T06:00:00Z");
    // It shows 01:00–02:00 twice on 1 November 2026: the first one counts.
    check("America/New_York", 1, "2026-11-01", "2026-11-01T05:00:00Z", "2026-11-02T06:00:00Z");
    // Midnight itself is skipped in Havana on 8 March 2026.
    check("America/Havana", 0, "2026-03-08", "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z");
}

#[test]
fn a_date_that_a_zone_left_out_has_no_hours() {
    let samoa = MerchantCalendar::new("Pacific/Apia", 0).unwrap();
    let (start, end) = samoa.day_bounds(day("2011-12-30"));
    assert_eq!(start, end);
    assert_eq!(samoa.business_day(start), day("2011-12-31"));
    assert_eq!(samoa.business_day(start - TimeDelta::seconds(1)), day("2011-12-29"));
}

#[test]
fn wrong_settings_are_named() {
    let error = MerchantCalendar::new("Asia/Shangai", 0).unwrap_err();
    assert_eq!(error, CalendarError::UnknownZone { name: "Asia/Shangai".to_owned() });
    assert!(error.to_string().contains("\"Asia/Shangai\""));
    assert_eq!(MerchantCalendar::new("UTC", 24), Err(CalendarError::CutOverHour { hour: 24 }));
    assert_eq!(MerchantCalendar::new("UTC", -1), Err(CalendarError::CutOverHour { hour: -1 }));
    assert_eq!(MerchantCalendar::new("UTC", 256), Err(CalendarError::CutOverHour { hour: 256 }));
}

#[test]
fn far_dates_do_not_panic() {
    let calendar = MerchantCalendar::default();
    for date in [NaiveDate::MIN, NaiveDate::MAX] {
        let (start, end) = calendar.day_bounds(date);
        assert!(start <= end);
    }
    for instant in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
        calendar.business_day(instant);
    }
}

const ZONES: [&str; 8] = [
    "Asia/Shanghai",
    "Europe/Berlin",
    "America/New_York",
    "America/Havana",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Asia/Kathmandu",
    "America/St_Johns",
];

proptest! {
    #[test]
    fn every_instant_lies_in_its_business_day_and_in_no_other(
        zone in 0..ZONES.len(),
        hour in 0..24_i32,
        seconds in 0_i64..4_102_444_800,
    ) {
        let calendar = MerchantCalendar::new(ZONES[zone], hour).unwrap();
        let at = DateTime::from_timestamp(seconds, 0).unwrap();
        let day = calendar.business_day(at);
        let (start, end) = calendar.day_bounds(day);
        prop_assert!(start <= at && at < end);
        prop_assert_eq!(calendar.day_bounds(day.succ_opt().unwrap()).0, end);
        prop_assert_eq!(calendar.day_bounds(day.pred_opt().unwrap()).1, start);
    }

    #[test]
    fn periods_follow_each_other(days in -200_000_i64..200_000, kind in 0..5_usize) {
        let kinds = [PeriodKind::Day, PeriodKind::Week, PeriodKind::Month, PeriodKind::Quarter, PeriodKind::Year];
        let day = day("2026-11-21") + TimeDelta::days(days);
        let period = Period::containing(kinds[kind], day);
        prop_assert!(period.contains(day));
        prop_assert_eq!(period.next().previous(), period);
        prop_assert_eq!(period.last().succ_opt().unwrap(), period.next().first());
        prop_assert_eq!(period.to_string().parse::<Period>(), Ok(period));
        prop_assert!(period.days().all(|day| Period::containing(kinds[kind], day) == period));
    }
}
