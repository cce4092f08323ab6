//! A campaign in business days, and the days it is compared with.

use calendar::{MerchantCalendar, WorkingCalendar};
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};

use crate::domain::campaign::plan::{Phase, Window};
use crate::domain::figure::DayRange;

/// Days before and after the sale that count where no window says so.
const BESIDE_DAYS: u64 = 7;
/// A review is due within so many days after the campaign's last.
const DUE_DAYS: u64 = 7;

/// The phases of a campaign that ended at `ends_at`, in order: whole business days without a gap. A campaign that was
/// ended before its sale began has the phase before alone.
pub fn phases(
    windows: &[Window],
    ends_at: DateTime<Utc>,
    calendar: &MerchantCalendar,
) -> Vec<(Phase, DayRange)> {
    let days = |phase: Phase| -> Option<DayRange> {
        let held = windows.iter().filter(|window| window.phase == phase && window.starts_at < ends_at);
        let runs = held.map(|window| DayRange {
            from: calendar.business_day(window.starts_at),
            to: last_day(window.ends_at.min(ends_at), calendar),
        });
        runs.reduce(|one, other| DayRange { from: one.from.min(other.from), to: one.to.max(other.to) })
    };
    let Some(during) = days(Phase::During) else {
        return days(Phase::Before).map(|before| (Phase::Before, before)).into_iter().collect();
    };
    let before = days(Phase::Before).map(|preheat| preheat.from).filter(|from| *from < during.from);
    let before = DayRange {
        from: before.unwrap_or_else(|| earlier(during.from, BESIDE_DAYS)),
        to: earlier(during.from, 1),
    };
    let after = days(Phase::After).map(|aftermath| aftermath.to).filter(|to| *to > during.to);
    let after =
        DayRange { from: later(during.to, 1), to: after.unwrap_or_else(|| later(during.to, BESIDE_DAYS)) };
    vec![(Phase::Before, before), (Phase::During, during), (Phase::After, after)]
}

/// The same weekdays before: each day as many whole weeks earlier as keep the periods from overlapping.
pub fn weeks_before(phases: &[(Phase, DayRange)]) -> Vec<(Phase, DayRange)> {
    let first = phases.iter().map(|(_, days)| days.from).min();
    let last = phases.iter().map(|(_, days)| days.to).max();
    let span = first.zip(last).map_or(0, |(first, last)| DayRange { from: first, to: last }.days());
    let shift = u64::try_from((span + 6) / 7 * 7).unwrap_or(0);
    let moved = |days: DayRange| DayRange { from: earlier(days.from, shift), to: earlier(days.to, shift) };
    phases.iter().map(|(phase, days)| (*phase, moved(*days))).collect()
}

/// The day on which the review is due: the last working day of the seven days after the campaign's last day; if none of them
/// is worked, the first one after.
pub fn due_day(ends_at: DateTime<Utc>, calendar: &MerchantCalendar, working: &WorkingCalendar) -> NaiveDate {
    let last = last_day(ends_at, calendar);
    let due = working.on_or_before(later(last, DUE_DAYS));
    if due > last { due } else { working.next_working_day(last) }
}

/// The business day of the last instant before one.
fn last_day(before: DateTime<Utc>, calendar: &MerchantCalendar) -> NaiveDate {
    calendar.business_day(before - TimeDelta::nanoseconds(1))
}

fn earlier(day: NaiveDate, days: u64) -> NaiveDate {
    day.checked_sub_days(Days::new(days)).unwrap_or(NaiveDate::MIN)
}

fn later(day: NaiveDate, days: u64) -> NaiveDate {
    day.checked_add_days(Days::new(days)).unwrap_or(NaiveDate::MAX)
}

#[cfg(test)]
mod tests {
    use calendar::DayKind;

    use super::*;
    use crate::domain::campaign::testing::{at, window};

    fn calendar() -> MerchantCalendar {
        MerchantCalendar::default()
    }

    fn range(from: &str, to: &str) -> DayRange {
        DayRange { from: from.parse().expect("a day"), to: to.parse().expect("a day") }
    }

    fn check(windows: &[Window], ends_at: &str, expected: &[(Phase, &str, &str)]) {
        let expected: Vec<_> = expected.iter().map(|(phase, from, to)| (*phase, range(from, to))).collect();
        assert_eq!(phases(windows, at(ends_at), &calendar()), expected);
    }

    const SALE: (&str, &str) = ("2020-06-16T20:00:00", "2020-06-19T00:00:00");

    #[test]
    fn without_other_windows_a_week_counts_on_either_side() {
        let sale = [window(Phase::During, SALE.0, SALE.1)];
        let expected = [
            (Phase::Before, "2020-06-09", "2020-06-15"),
            (Phase::During, "2020-06-16", "2020-06-18"),
            (Phase::After, "2020-06-19", "2020-06-25"),
        ];
        check(&sale, SALE.1, &expected);
    }

    #[test]
    fn preheat_and_aftermath_say_how_far_the_sides_reach() {
        let windows = [
            window(Phase::Before, "2020-06-01T00:00:00", "2020-06-03T00:00:00"),
            window(Phase::During, SALE.0, SALE.1),
            window(Phase::During, "2020-06-20T00:00:00", "2020-06-21T00:00:00"),
            window(Phase::After, "2020-06-21T00:00:00", "2020-06-23T12:00:00"),
        ];
        let expected = [
            (Phase::Before, "2020-06-01", "2020-06-15"),
            (Phase::During, "2020-06-16", "2020-06-20"),
            (Phase::After, "2020-06-21", "2020-06-23"),
        ];
        check(&windows, "2020-06-23T12:00:00", &expected);
        // A preheat of the evening before the sale's own midnight is no day of its own.
        let evening = [window(Phase::Before, "2020-06-16T10:00:00", SALE.0), windows[1]];
        check(
            &evening,
            SALE.1,
            &[
                (Phase::Before, "2020-06-09", "2020-06-15"),
                (Phase::During, "2020-06-16", "2020-06-18"),
                (Phase::After, "2020-06-19", "2020-06-25"),
            ],
        );
    }

    #[test]
    fn what_was_ended_early_has_no_days_after() {
        let windows = [
            window(Phase::Before, "2020-06-10T00:00:00", SALE.0),
            window(Phase::During, SALE.0, SALE.1),
            window(Phase::After, SALE.1, "2020-06-30T00:00:00"),
        ];
        check(
            &windows,
            "2020-06-17T08:00:00",
            &[
                (Phase::Before, "2020-06-10", "2020-06-15"),
                (Phase::During, "2020-06-16", "2020-06-17"),
                (Phase::After, "2020-06-18", "2020-06-24"),
            ],
        );
        check(&windows, "2020-06-12T08:00:00", &[(Phase::Before, "2020-06-10", "2020-06-12")]);
    }

    #[test]
    fn days_are_the_merchants() {
        let early = MerchantCalendar::new("Asia/Shanghai", 4).expect("a calendar");
        let sale = [window(Phase::During, "2020-06-17T00:00:00", "2020-06-18T04:00:00")];
        let found = phases(&sale, at("2020-06-18T04:00:00"), &early);
        assert_eq!(found[1], (Phase::During, range("2020-06-16", "2020-06-17")));
    }

    #[test]
    fn the_like_period_has_the_same_weekdays_and_touches_nothing() {
        let sale = [window(Phase::During, SALE.0, SALE.1)];
        let found = phases(&sale, at(SALE.1), &calendar());
        // 17 days: three weeks.
        let like = weeks_before(&found);
        assert_eq!(like[1], (Phase::During, range("2020-05-26", "2020-05-28")));
        assert!(like[2].1.to < found[0].1.from);
    }

    #[test]
    fn reviews_are_due_on_a_working_day_within_a_week() {
        let check = |ends_at: &str, due: &str| {
            let found = due_day(at(ends_at), &calendar(), &WorkingCalendar::default());
            assert_eq!(found.to_string(), due, "{ends_at}");
        };
        // The last day is the one before midnight: Thursday 18 June, so Thursday 25 June.
        check("2020-06-19T00:00:00", "2020-06-25");
        // Saturday the 20th: the 27th is a Saturday, so Friday. Sunday the 21st: Friday too.
        check("2020-06-20T12:00:00", "2020-06-26");
        check("2020-06-22T00:00:00", "2020-06-26");
    }

    #[test]
    fn reviews_are_due_beside_holidays_and_after_them_if_they_are_long() {
        let check = |off: std::ops::RangeInclusive<u32>, worked: &[&str], due: &str| {
            let off = off.map(|day| (NaiveDate::from_ymd_opt(2020, 6, day).expect("a day"), DayKind::Off));
            let worked = worked.iter().map(|day| (day.parse().expect("a day"), DayKind::Working));
            let working = WorkingCalendar::default().with(off).with(worked);
            let found = due_day(at("2020-06-19T00:00:00"), &calendar(), &working);
            assert_eq!(found.to_string(), due);
        };
        // The last day is Thursday the 18th. The week after is off, and the Sunday before it is worked for that.
        check(22..=26, &["2020-06-21"], "2020-06-21");
        check(25..=26, &[], "2020-06-24");
        check(19..=26, &[], "2020-06-29");
    }
}
