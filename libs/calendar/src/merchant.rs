//! The merchant's clock: time zone and cut-over hour.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use jiff::{Timestamp, civil, tz::TimeZone};

/// The zone of a merchant that has said nothing else.
pub const DEFAULT_ZONE: &str = "Asia/Shanghai";

/// Why settings don't make a calendar.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// The zone's name is not in the IANA database.
    #[error("{name:?} is not a known time zone; expected an IANA name such as \"Asia/Shanghai\"")]
    UnknownZone {
        /// The name as it was given.
        name: String,
    },
    /// The hour is not an hour of the day.
    #[error("the cut-over hour must be from 0 to 23, not {hour}")]
    CutOverHour {
        /// The hour as it was given.
        hour: i64,
    },
}

/// When a merchant's business days begin: at the cut-over hour, in the merchant's time zone. Default: midnight in
/// Asia/Shanghai.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MerchantCalendar {
    zone: TimeZone,
    zone_name: String,
    cut_over_hour: i8,
}

impl MerchantCalendar {
    /// A calendar for an IANA zone, with days beginning at `cut_over_hour` (0 to 23).
    ///
    /// # Errors
    /// A zone that isn't known, an hour that isn't one.
    pub fn new(zone_name: &str, cut_over_hour: impl Into<i64>) -> Result<Self, CalendarError> {
        let hour = cut_over_hour.into();
        let cut_over_hour = i8::try_from(hour)
            .ok()
            .filter(|hour| (0..24).contains(hour))
            .ok_or(CalendarError::CutOverHour { hour })?;
        let zone = TimeZone::get(zone_name)
            .map_err(|_| CalendarError::UnknownZone { name: zone_name.to_owned() })?;
        Ok(Self { zone, zone_name: zone_name.to_owned(), cut_over_hour })
    }

    /// The IANA name of the zone, as it was given.
    pub fn zone_name(&self) -> &str {
        &self.zone_name
    }

    /// The hour at which a business day begins, 0 to 23.
    pub fn cut_over_hour(&self) -> u8 {
        self.cut_over_hour.unsigned_abs()
    }

    /// The business day that holds an instant.
    pub fn business_day(&self, at: DateTime<Utc>) -> NaiveDate {
        let local = self.zone.to_datetime(timestamp(at));
        let date = to_chrono(local.date());
        let day = if local.hour() < self.cut_over_hour { before(date) } else { date };
        // The local clock alone is wrong within a change of the clocks; the bounds are right by definition.
        let (start, end) = self.day_bounds(day);
        if at < start {
            before(day)
        } else if at >= end {
            after(day)
        } else {
            day
        }
    }

    /// The first instant of a business day and the first after it. 24 hours apart, 23 or 25 when the clocks change, 0
    /// for a date that a zone left out (Samoa, 30 December 2011).
    ///
    /// A cut-over that the clocks skip happens when they have been set forward; one that they show twice, the first
    /// time. Dates outside the years 1 to 9998 are taken as the nearest inside.
    pub fn day_bounds(&self, day: NaiveDate) -> (DateTime<Utc>, DateTime<Utc>) {
        (self.day_start(day), self.day_start(after(day)))
    }

    /// The first instant of a business day.
    pub fn day_start(&self, day: NaiveDate) -> DateTime<Utc> {
        let local = to_jiff(day).at(self.cut_over_hour, 0, 0, 0);
        let ambiguous = self.zone.to_ambiguous_timestamp(local);
        let start = ambiguous.compatible().expect("years 1 to 9999 are within range");
        DateTime::from_timestamp(start.as_second(), 0).expect("chrono reaches further than jiff")
    }

    /// The hour of the day on the merchant's clock, 0 to 23; for counts by hour.
    pub fn local_hour(&self, at: DateTime<Utc>) -> u8 {
        self.zone.to_datetime(timestamp(at)).hour().unsigned_abs()
    }

    /// What the merchant's clock shows, as whole seconds after midnight, 0 to 86,399; for service hours.
    pub fn local_seconds(&self, at: DateTime<Utc>) -> i64 {
        let time = self.zone.to_datetime(timestamp(at)).time();
        i64::from(time.hour()) * 3_600 + i64::from(time.minute()) * 60 + i64::from(time.second())
    }
}

impl Default for MerchantCalendar {
    fn default() -> Self {
        Self::new(DEFAULT_ZONE, 0).expect("the zone is in the bundled database")
    }
}

fn before(day: NaiveDate) -> NaiveDate {
    day.pred_opt().unwrap_or(day)
}

fn after(day: NaiveDate) -> NaiveDate {
    day.succ_opt().unwrap_or(day)
}

fn timestamp(at: DateTime<Utc>) -> Timestamp {
    // Sub-second parts don't matter for days and hours; a leap second counts as the second before.
    Timestamp::from_second(at.timestamp()).unwrap_or(if at.timestamp() < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

fn to_jiff(day: NaiveDate) -> civil::Date {
    match day.year() {
        ..1 => civil::date(1, 1, 1),
        9999.. => civil::date(9999, 1, 1),
        year => {
            let (year, month, day) =
                (i16::try_from(year), i8::try_from(day.month()), i8::try_from(day.day()));
            civil::Date::new(
                year.expect("1 to 9998 fits"),
                month.expect("a month fits"),
                day.expect("a day of the month fits"),
            )
            .expect("both calendars are Gregorian")
        }
    }
}

fn to_chrono(date: civil::Date) -> NaiveDate {
    let (month, day) = (u32::from(date.month().unsigned_abs()), u32::from(date.day().unsigned_abs()));
    NaiveDate::from_ymd_opt(i32::from(date.year()), month, day).expect("both calendars are Gregorian")
}
