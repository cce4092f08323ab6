//! When customers come: by hour, weekday and campaign; and the work beside the chats.

use chrono::{DateTime, Datelike, Duration, FixedOffset, NaiveDate, NaiveTime, TimeZone, Utc};
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::json;

use super::lines::{Lines, stamp};
use super::truth::Truth;
use super::{Plan, minutes};

/// How busy an hour is, from 08:00 to 23:00: a morning's and an evening's peak, a dip at noon and at supper.
const HOURS: [(u32, u32); 15] = [
    (8, 3),
    (9, 6),
    (10, 9),
    (11, 8),
    (12, 5),
    (13, 6),
    (14, 8),
    (15, 8),
    (16, 7),
    (17, 5),
    (18, 5),
    (19, 8),
    (20, 11),
    (21, 10),
    (22, 5),
];
/// How busy a weekday is, from Monday, in percent.
const WEEKDAYS: [usize; 7] = [105, 100, 98, 97, 100, 112, 115];
/// Shanghai has had no other offset since 1991.
const OFFSET_S: i32 = 8 * 3600;

fn shanghai() -> FixedOffset {
    FixedOffset::east_opt(OFFSET_S).expect("an offset")
}

/// The day's beginning.
pub(super) fn midnight(day: NaiveDate) -> DateTime<Utc> {
    let local = day.and_time(NaiveTime::MIN);
    shanghai().from_local_datetime(&local).single().expect("a fixed offset has no gaps").to_utc()
}

/// The business day of a moment.
pub(super) fn business_day(at: DateTime<Utc>) -> NaiveDate {
    at.with_timezone(&shanghai()).date_naive()
}

/// How many customers come on a day.
pub(super) fn arrivals(rng: &mut StdRng, day: NaiveDate, ordinary: usize, campaign: bool) -> usize {
    let expected = ordinary * WEEKDAYS[day.weekday().num_days_from_monday() as usize] / 100;
    let expected = if campaign { expected * 2 } else { expected };
    rng.random_range(expected * 9 / 10..=expected * 11 / 10)
}

/// When one of them comes.
pub(super) fn moment(rng: &mut StdRng, day: NaiveDate) -> DateTime<Utc> {
    let whole: u32 = HOURS.iter().map(|(_, weight)| weight).sum();
    let mut left = rng.random_range(0..whole);
    let hour = HOURS.iter().find_map(|(hour, weight)| {
        let here = left < *weight;
        left = left.saturating_sub(*weight);
        here.then_some(*hour)
    });
    let hour = i64::from(hour.expect("the draw is below the sum"));
    midnight(day) + Duration::seconds(hour * 3600 + rng.random_range(0..3600))
}

/// An agent who is on duty: the first half until 16:00, the second half from 15:00.
pub(super) fn on_duty(rng: &mut StdRng, agents: usize, at: DateTime<Utc>, not: Option<&str>) -> String {
    let seconds = (at - midnight(business_day(at))).num_seconds();
    let early = agents.div_ceil(2);
    let range = match seconds {
        ..54_000 => 0..early,
        54_000..57_600 => 0..agents,
        _ => agents / 2..agents,
    };
    loop {
        let agent = format!("generated:agent-{:03}", rng.random_range(range.clone()) + 1);
        if not != Some(&agent) || agents < 2 || range.len() < 2 {
            return agent;
        }
    }
}

/// Orders and after-sale tasks that agents handle beside their chats.
pub(super) fn handlings(rng: &mut StdRng, lines: &mut Lines, truth: &mut Truth, plan: &Plan, day: NaiveDate) {
    for _ in 0..plan.agents * 2 {
        let at = moment(rng, day);
        let account = on_duty(rng, plan.agents, at, None);
        let after_sale = rng.random_bool(0.3);
        let number = lines.next_id();
        let mut record = json!({
            "kind": "handling",
            "handlingId": format!("handling-{number}"),
            "shop": plan.shop,
            "occurredAt": stamp(at),
            "customerId": format!("handled-{number}"),
            "accountId": account,
            "type": if after_sale { "AFTER_SALE" } else { "ORDER" },
            "taskId": format!("task-{number}"),
            "openedAt": stamp(at - minutes(rng, 2..240)),
        });
        if rng.random_bool(0.5) {
            record["accurate"] = rng.random_bool(0.95).into();
        }
        lines.push(at, &record);
        let achieved = truth.of(business_day(at), &account);
        if after_sale {
            achieved.after_sale_handlings += 1;
        } else {
            achieved.order_handlings += 1;
        }
    }
}
