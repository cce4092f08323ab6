//! Business days, periods, time zones, working days.
