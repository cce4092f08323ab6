//! Which business day an instant belongs to, which period a day belongs to, and which days are worked.
//!
//! Pure: no clock and no storage. Time zones come from the bundled IANA database (`jiff`); at the border stand `chrono`'s
//! `NaiveDate` and `DateTime<Utc>`, as in rows and messages.
//!
//! Start with [`MerchantCalendar`] for business days, [`Period`] for weeks to years, [`WorkingCalendar`] for working
//! days, [`MonthlyDue`] for what is due on the 28th or the 5th.
//!
//! Invariants: business days follow each other without gap or overlap, whatever the clocks do; `business_day(t)` is the
//! one day whose bounds hold `t`.

mod due;
mod merchant;
mod period;
mod working;

pub use due::{MonthlyDue, Shift};
pub use merchant::{CalendarError, DEFAULT_ZONE, MerchantCalendar};
pub use period::{ParsePeriodError, Period, PeriodKind};
pub use working::{DayKind, NoWorkingDay, WorkingCalendar};
