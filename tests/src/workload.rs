//! A made-up shop: customers who ask, order, pay, send back and complain, and what all that amounts to.
//!
//! [`generate`] writes mixed JSON Lines, in order of time, and gives the [`Truth`] that it planted: what each account
//! achieved on each business day, counted while it was made up and not from the file. The same [`Plan`] gives the same
//! bytes. Customers come back only after the windows of the default rules are over, so that no two journeys of one
//! customer interfere and the truth needs no attribution of its own. [`around`] makes facts up around chats that are
//! there already.

mod journey;
mod lines;
mod shape;
mod truth;

use std::io::{self, Write};

use chrono::{DateTime, Days, Duration, NaiveDate, Utc};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use journey::{Journey, Seller};
use lines::Lines;
pub use truth::{Achieved, Truth};

/// After so many days a customer may come back: past every window of the default rules.
const RETURN_AFTER_DAYS: usize = 30;
/// One in so many journeys is a known customer's.
const RETURNING: f64 = 0.15;

/// What to make up.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Decides everything that is left to chance.
    pub seed: u64,
    /// The shop's id.
    pub shop: String,
    /// Agents, in two shifts.
    pub agents: usize,
    /// The first business day, in Shanghai.
    pub from: NaiveDate,
    /// Days on which customers come; what they do may reach up to four weeks beyond.
    pub days: usize,
    /// Customers on an ordinary day.
    pub customers_per_day: usize,
    /// Days, from 0, of a campaign: more customers, of whom more order.
    pub campaign: Option<std::ops::Range<usize>>,
}

impl Plan {
    /// A shop of six agents for a fortnight, with a campaign of two days.
    pub fn small(seed: u64) -> Self {
        Self {
            seed,
            shop: "generated".to_owned(),
            agents: 6,
            from: NaiveDate::from_ymd_opt(2026, 3, 2).expect("a Monday"),
            days: 14,
            customers_per_day: 40,
            campaign: Some(8..10),
        }
    }
}

/// Writes the shop's mixed JSON Lines and gives what they amount to.
///
/// # Errors
///
/// What `out` answers.
pub fn generate(plan: &Plan, out: &mut dyn Write) -> io::Result<Truth> {
    let mut rng = StdRng::seed_from_u64(plan.seed);
    let mut lines = Lines::default();
    let mut truth = Truth::default();
    let mut customers = 0;
    let mut per_day = Vec::with_capacity(plan.days);
    for n in 0..plan.days {
        let day = plan.from + Days::new(n as u64);
        let busy = plan.campaign.as_ref().is_some_and(|days| days.contains(&n));
        let first = customers;
        for _ in 0..shape::arrivals(&mut rng, day, plan.customers_per_day, busy) {
            let known = n.checked_sub(RETURN_AFTER_DAYS).map(|earlier| per_day[earlier]);
            let customer = match known {
                // Each at most once: those of a day come back on one day.
                Some((from, until)) if from < until && rng.random_bool(RETURNING) => {
                    per_day[n - RETURN_AFTER_DAYS] = (from + 1, until);
                    from
                }
                _ => {
                    customers += 1;
                    customers - 1
                }
            };
            let at = shape::moment(&mut rng, day);
            let mut journey = Journey {
                rng: &mut rng,
                lines: &mut lines,
                truth: &mut truth,
                shop: &plan.shop,
                agents: plan.agents,
                bot: "generated:bot",
                customer: format!("buyer-{customer:07}"),
                campaign: busy,
                number: 0,
            };
            journey.whole(at);
        }
        per_day.push((first, customers));
        shape::handlings(&mut rng, &mut lines, &mut truth, plan, day);
        // Nothing of a later day can come before its midnight.
        lines.write_before(shape::midnight(day + Days::new(1)), out)?;
    }
    lines.write_before(DateTime::<Utc>::MAX_UTC, out)?;
    Ok(truth)
}

/// A chat that somebody really had.
#[derive(Debug, Clone)]
pub struct Chat {
    /// Its channel.
    pub channel: String,
    /// Its id.
    pub id: String,
    /// The agent's account.
    pub account: String,
    /// The customer.
    pub customer: String,
    /// Its last message.
    pub ended_at: DateTime<Utc>,
}

/// Makes facts up around chats: orders and what follows from them, for one in `one_in` of them.
///
/// # Errors
///
/// What `out` answers.
pub fn around(seed: u64, shop: &str, chats: &[Chat], one_in: f64, out: &mut dyn Write) -> io::Result<()> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut lines = Lines::default();
    // Who is credited with what is not ours to say: the customers' other chats may come between.
    let mut truth = Truth::default();
    for chat in chats {
        if !rng.random_bool(one_in) {
            continue;
        }
        let mut journey = Journey {
            rng: &mut rng,
            lines: &mut lines,
            truth: &mut truth,
            shop,
            agents: 1,
            bot: "",
            customer: chat.customer.clone(),
            campaign: false,
            number: 0,
        };
        let seller = Seller {
            account: chat.account.clone(),
            channel: chat.channel.clone(),
            chat: chat.id.clone(),
            ended_at: chat.ended_at,
            day: shape::business_day(chat.ended_at),
        };
        journey.after_chat(&[seller]);
    }
    lines.write_before(DateTime::<Utc>::MAX_UTC, out)
}

fn minutes(rng: &mut StdRng, range: std::ops::Range<i64>) -> Duration {
    Duration::seconds(rng.random_range(range.start * 60..range.end * 60))
}

#[cfg(test)]
mod tests {
    use importers::{JsonLines, Options};

    use super::*;

    fn written(plan: &Plan) -> (Vec<u8>, Truth) {
        let mut out = Vec::new();
        let truth = generate(plan, &mut out).expect("memory takes it");
        (out, truth)
    }

    #[test]
    fn the_same_plan_gives_the_same_bytes() {
        let (first, truth) = written(&Plan::small(7));
        let (again, same) = written(&Plan::small(7));
        assert!(first == again && truth == same);
        let (other, _) = written(&Plan::small(8));
        assert!(first != other);
    }

    #[test]
    fn every_line_is_a_record_and_they_come_in_order() {
        let (bytes, truth) = written(&Plan { days: 40, ..Plan::small(1) });
        let mut last = None;
        let mut conversations = 0;
        for row in JsonLines::new(bytes.as_slice(), None, Options::default()) {
            let row = row.expect("a good line");
            let at = match &row.record {
                importers::Record::Conversation(chat) => {
                    conversations += 1;
                    chat.started_at
                }
                importers::Record::Fact(fact) => fact.occurred_at,
            };
            assert!(last <= Some(at), "line {}", row.line);
            last = Some(at);
        }
        assert_eq!(truth.total().conversations, conversations);
    }

    #[test]
    fn what_was_planted_is_what_a_shop_has() {
        let (_, truth) = written(&Plan { days: 30, ..Plan::small(3) });
        let total = truth.total();
        assert!(total.inquiries > 800 && total.inquiries < total.conversations, "{total:?}");
        assert!(total.paying_inquiries_next_day < total.paying_inquiries, "{total:?}");
        assert!(total.paying_inquiries < total.ordering_inquiries, "{total:?}");
        assert!(
            total.completed_refund_cents > 0 && total.completed_refund_cents < total.paid_cents,
            "{total:?}"
        );
        assert!(total.recovered_reviews > 0 && total.recovered_reviews < total.once_bad_reviews, "{total:?}");
        let silent: i64 =
            truth.days.iter().filter(|((_, account), _)| account.is_empty()).map(|(_, a)| a.orders).sum();
        assert!(silent > 0 && silent < total.orders / 5, "{silent} of {total:?}");
    }
}
