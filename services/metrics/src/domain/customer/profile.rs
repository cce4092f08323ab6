//! What a customer is to a shop, out of everything known of them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, Days, NaiveDate};
use serde::Serialize;

use crate::domain::conversation::Sender;
use crate::domain::customer::tier::{RuleSet, Tier, TierRules};
use crate::domain::explanation::Recorded;
use crate::domain::fact::{Body, Fact, Rating};
use crate::domain::facts::OWNER;
use crate::domain::portrait::{Told, told_on};
use crate::domain::timeline::{History, Item, Share, Topic, days_between};
use crate::domain::trade::TradeSum;

/// A paid order that is not excluded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Purchase {
    /// The order.
    pub order: String,
    /// Of the first payment.
    pub paid_day: NaiveDate,
    /// Who gets its credit; empty for nobody.
    pub account: String,
    /// Paid, without completed refunds; in the smallest unit.
    pub net_amount: i64,
}

/// Why a customer is about to be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Risk {
    /// Silent for longer than is usual with them.
    Overdue {
        /// Of the last payment.
        since: NaiveDate,
        /// The median gap between days with a payment.
        usual_gap_days: i32,
        /// More silent days than this are too many.
        limit_days: i32,
    },
    /// Something went wrong, and nothing was bought since.
    Grievance {
        /// When.
        since: NaiveDate,
    },
}

/// What a customer is to a shop as of a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Profile {
    /// The highest tier all of whose thresholds are met.
    pub tier: Tier,
    /// As the last order names it; may be empty.
    pub member_level: String,
    /// Who received the customer last; empty if nobody ever did.
    pub account: String,
    /// When.
    pub account_day: NaiveDate,
    /// Day of the first chat, order or payment.
    pub first_seen: NaiveDate,
    /// Of the last.
    pub last_seen: NaiveDate,
    /// Of the last payment.
    pub last_paid: Option<NaiveDate>,
    /// Paid orders in the window.
    pub orders: i32,
    /// Their net amount.
    pub net_amount: i64,
    /// Different months of the window with one.
    pub months: i32,
    /// Paid orders of all time.
    pub orders_ever: i32,
    /// Whether and why they are about to be lost.
    pub risk: Option<Risk>,
    /// Which version of the rules says so.
    pub rules_version: i32,
    /// The first day on which time alone may say otherwise.
    pub look_again: Option<NaiveDate>,
}

/// The paid orders of a customer, by the day of their first payments, then by id. A day's credit follows the version of
/// the standard definition that rules it.
pub fn purchases(history: &History, told: &[Told<'_>]) -> Vec<Purchase> {
    let (mut paid, mut refunded): (BTreeMap<&str, i64>, BTreeMap<&str, i64>) = Default::default();
    for fact in history.facts() {
        match &fact.body {
            Body::Payment { order, amount } => *paid.entry(order).or_default() += amount,
            Body::Refund(refund) if refund.completed_at.is_some() => {
                *refunded.entry(&refund.order).or_default() += refund.amount;
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    for here in told {
        let first_payment = |share: &&Share| {
            share.topic == Topic::Payment
                && share.sums.contains(&(TradeSum::PaidOrders, 1))
                && told_on(told, share.day).is_some_and(|told| told.seq() == here.seq())
        };
        for share in here.shares.iter().filter(first_payment) {
            let Item::Fact(at) = share.item else { continue };
            let Some(order) = history.facts()[at].body.order() else { continue };
            let net_amount =
                paid.get(order).copied().unwrap_or(0) - refunded.get(order).copied().unwrap_or(0);
            let (order, account) = (order.to_owned(), share.account.clone());
            found.push(Purchase { order, paid_day: share.day, account, net_amount });
        }
    }
    found.sort_by(|a, b| (a.paid_day, &a.order).cmp(&(b.paid_day, &b.order)));
    found
}

impl Profile {
    /// The profile as of a business day; `None` of whom there is neither chat nor order nor payment.
    pub fn of(
        history: &History,
        purchases: &[Purchase],
        rules: &TierRules,
        today: NaiveDate,
    ) -> Option<Self> {
        let content = &rules.content;
        let seen = days_seen(history);
        let (first_seen, last_seen) = (*seen.first()?, *seen.last()?);
        let since = before(today, content.window_days - 1);
        let counted: Vec<&Purchase> =
            purchases.iter().filter(|p| (since..=today).contains(&p.paid_day)).collect();
        let months: BTreeSet<(i32, u32)> =
            counted.iter().map(|p| (p.paid_day.year(), p.paid_day.month())).collect();
        let mut levels = history.facts().iter().filter_map(|fact| match &fact.body {
            Body::Order(order) => Some(order.member_level.as_str()),
            _ => None,
        });
        let (account, account_day) = receiver(history).unwrap_or_default();
        let mut profile = Self {
            tier: Tier::New,
            member_level: levels.rfind(|level| !level.is_empty()).unwrap_or_default().to_owned(),
            account: account.to_owned(),
            account_day: if account.is_empty() { last_seen } else { account_day },
            first_seen,
            last_seen,
            last_paid: purchases.last().map(|purchase| purchase.paid_day),
            orders: count(counted.len()),
            net_amount: counted.iter().map(|purchase| purchase.net_amount).sum(),
            months: count(months.len()),
            orders_ever: count(purchases.len()),
            risk: None,
            rules_version: rules.version,
            look_again: None,
        };
        let grievance = grievance(history, purchases);
        let gap = usual_gap(purchases);
        profile.tier = profile.tier_under(content, today);
        profile.risk = risk(&profile, content, gap, grievance, today);
        profile.look_again = look_again(&profile, purchases, content, gap, grievance, today);
        Some(profile)
    }

    fn tier_under(&self, rules: &RuleSet, today: NaiveDate) -> Tier {
        let silent_days = days_between(self.last_seen, today);
        let meets = rules.thresholds.iter().rev().find(|threshold| {
            self.orders >= threshold.orders_min
                && self.net_amount >= threshold.net_amount_min
                && self.months >= threshold.months_min
                && silent_days <= i64::from(threshold.active_days_max)
        });
        meets.map_or(Tier::New, |threshold| threshold.tier)
    }
}

fn count(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

fn before(day: NaiveDate, days: i32) -> NaiveDate {
    day.checked_sub_days(Days::new(u64::try_from(days).unwrap_or(0))).unwrap_or(NaiveDate::MIN)
}

fn after(day: NaiveDate, days: i32) -> NaiveDate {
    day.checked_add_days(Days::new(u64::try_from(days).unwrap_or(0))).unwrap_or(NaiveDate::MAX)
}

/// Days with a chat in which the customer wrote, an order or a payment.
fn days_seen(history: &History) -> BTreeSet<NaiveDate> {
    let wrote = |chat: &&Recorded| chat.facts.messages.iter().any(|m| m.sender == Sender::Customer);
    let chats = history.chats().iter().filter(wrote).map(|chat| chat.agent_day.day);
    let acts = |fact: &&Fact| matches!(fact.body, Body::Order(_) | Body::Payment { .. });
    chats.chain(history.facts().iter().filter(acts).map(|fact| fact.day)).collect()
}

/// Who wrote last to the customer from their own account, in which the customer wrote too.
fn receiver(history: &History) -> Option<(&str, NaiveDate)> {
    let received = |chat: &&Recorded| {
        let wrote = |sender: Sender| {
            chat.facts.messages.iter().any(|message| message.sender == sender && message.who == OWNER)
        };
        wrote(Sender::Customer) && wrote(Sender::Agent)
    };
    let last = history.chats().iter().rfind(received)?;
    Some((last.agent_day.account.as_str(), last.agent_day.day))
}

/// The median gap between days with a payment: of two middle ones the shorter. `None` with fewer than two days.
fn usual_gap(purchases: &[Purchase]) -> Option<i32> {
    let days: BTreeSet<NaiveDate> = purchases.iter().map(|purchase| purchase.paid_day).collect();
    let days: Vec<NaiveDate> = days.into_iter().collect();
    let mut gaps: Vec<i64> = days.windows(2).map(|pair| days_between(pair[0], pair[1])).collect();
    gaps.sort_unstable();
    let middle = gaps.get(gaps.len().checked_sub(1)? / 2)?;
    i32::try_from(*middle).ok()
}

/// The last day on which something went wrong after which nothing was paid.
fn grievance(history: &History, purchases: &[Purchase]) -> Option<NaiveDate> {
    let wrong = history.facts().iter().filter_map(|fact| match &fact.body {
        Body::Complaint(complaint) if complaint.upheld != Some(false) => Some(fact.day),
        Body::BuyerReview(review) if review.rating == Rating::Bad => Some(fact.day),
        Body::Refund(refund) => refund.completed_day,
        _ => None,
    });
    let last = wrong.max()?;
    let bought_since = purchases.last().is_some_and(|purchase| purchase.paid_day > last);
    (!bought_since).then_some(last)
}

/// How many silent days are too many.
fn silence_limit(rules: &RuleSet, gap_days: i32) -> i32 {
    let usual = i64::from(gap_days) * i64::from(rules.risk.gap_percent) / 100;
    i32::try_from(usual).unwrap_or(i32::MAX).max(rules.risk.silent_days_min)
}

fn risk(
    profile: &Profile,
    rules: &RuleSet,
    gap_days: Option<i32>,
    grievance: Option<NaiveDate>,
    today: NaiveDate,
) -> Option<Risk> {
    let lasts = |since: &NaiveDate| days_between(*since, today) < i64::from(rules.risk.grievance_days);
    if let Some(since) = grievance.filter(lasts) {
        return Some(Risk::Grievance { since });
    }
    let (since, usual_gap_days) = (profile.last_paid?, gap_days?);
    let limit_days = silence_limit(rules, usual_gap_days);
    let silent = days_between(since, today) > i64::from(limit_days);
    (silent && profile.orders_ever >= rules.risk.orders_min).then_some(Risk::Overdue {
        since,
        usual_gap_days,
        limit_days,
    })
}

/// The first day after today on which an order enters or leaves the window, an activity is too long ago, a silence too long, or a
/// grievance is over.
fn look_again(
    profile: &Profile,
    purchases: &[Purchase],
    rules: &RuleSet,
    gap_days: Option<i32>,
    grievance: Option<NaiveDate>,
    today: NaiveDate,
) -> Option<NaiveDate> {
    let enter = purchases.iter().map(|purchase| purchase.paid_day);
    let leave = purchases.iter().map(|purchase| after(purchase.paid_day, rules.window_days));
    // Whoever bought nothing in the window is NEW, however active.
    let bought = profile.orders > 0;
    let idle = rules.thresholds.iter().filter(|_| bought);
    let idle = idle.map(|threshold| after(profile.last_seen, threshold.active_days_max.saturating_add(1)));
    let silent = profile.last_paid.zip(gap_days);
    let silent = silent.map(|(since, gap)| after(since, silence_limit(rules, gap).saturating_add(1)));
    let over = grievance.map(|since| after(since, rules.risk.grievance_days));
    enter.chain(leave).chain(idle).chain(silent).chain(over).filter(|day| *day > today).min()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::fact::{Complaint, FactKey, Severity};
    use crate::domain::money::Currency;

    fn day(number: i32) -> NaiveDate {
        NaiveDate::from_num_days_from_ce_opt(737_000 + number).expect("a day")
    }

    fn fact(id: usize, on: i32, body: Body) -> Fact {
        Fact {
            key: FactKey { id: id.to_string(), kind: body.kind(), shop: "s".to_owned() },
            revision: 0,
            occurred_at: day(on).and_hms_opt(12, 0, 0).expect("noon").and_utc(),
            day: day(on),
            customer: "b".to_owned(),
            account: String::new(),
            body,
        }
    }

    fn complaint() -> Body {
        Body::Complaint(Complaint {
            order: String::new(),
            conversation: None,
            severity: Severity::Ordinary,
            cause: String::new(),
            upheld: None,
            closed_at: None,
        })
    }

    /// Whoever paid so much on these days, and complained on that one.
    fn profile(paid: &[(i32, i64)], complained: Option<i32>, today: i32) -> Option<Profile> {
        let mut paid = paid.to_vec();
        paid.sort_unstable();
        let payment = |(id, (on, amount)): (usize, &(i32, i64))| {
            fact(id, *on, Body::Payment { order: id.to_string(), amount: *amount })
        };
        let mut facts: Vec<Fact> = paid.iter().enumerate().map(payment).collect();
        facts.extend(complained.map(|on| fact(99, on, complaint())));
        let purchase = |(id, (on, amount)): (usize, &(i32, i64))| Purchase {
            order: id.to_string(),
            paid_day: day(*on),
            account: String::new(),
            net_amount: *amount,
        };
        let purchases: Vec<Purchase> = paid.iter().enumerate().map(purchase).collect();
        let rules = TierRules::built_in(&Currency { code: "CNY".to_owned(), decimals: 2 });
        Profile::of(&History::new(Vec::new(), facts), &purchases, &rules, day(today))
    }

    #[test]
    fn nobody_is_a_customer_who_did_nothing() {
        assert_eq!(profile(&[], Some(3), 5), None);
    }

    #[test]
    fn the_usual_gap_is_the_shorter_of_two_middle_ones() {
        let overdue = |paid: &[i32], today| {
            let paid: Vec<_> = paid.iter().map(|on| (*on, 100)).collect();
            profile(&paid, None, today).and_then(|profile| profile.risk)
        };
        let risk = |since, usual_gap_days, limit_days| {
            Some(Risk::Overdue { since: day(since), usual_gap_days, limit_days })
        };
        assert_eq!(overdue(&[0, 40, 90], 90 + 80), None);
        assert_eq!(overdue(&[0, 40, 90], 90 + 81), risk(90, 40, 80));
        assert_eq!(overdue(&[0, 3, 6], 6 + 61), risk(6, 3, 60), "sixty days at the least");
        assert_eq!(overdue(&[0], 400), None, "once is no habit");
        assert_eq!(overdue(&[0, 0], 400), None, "nor is one day");
    }

    #[test]
    fn a_grievance_lasts_a_month_or_until_something_is_bought() {
        let grieved = |paid: &[(i32, i64)], today| {
            profile(paid, Some(10), today).is_some_and(|p| p.risk == Some(Risk::Grievance { since: day(10) }))
        };
        assert!(grieved(&[(0, 1)], 10) && grieved(&[(0, 1)], 39) && !grieved(&[(0, 1)], 40));
        assert!(grieved(&[(10, 1)], 11) && !grieved(&[(11, 1)], 11));
    }

    proptest! {
        #[test]
        fn nothing_changes_before_the_day_to_look_again(
            paid in prop::collection::vec((0..700_i32, 0..200_000_i64), 1..14),
            complained in prop::option::of(0..700_i32),
            today in 0..900_i32,
        ) {
            let seen = |on: i32| {
                profile(&paid, complained, on).map(|p| (p.tier, p.risk, p.orders, p.net_amount, p.months))
            };
            let now = profile(&paid, complained, today).expect("paid something");
            let again = now.look_again.map_or(2_000, |again| i32::try_from(days_between(day(0), again)).expect("a day"));
            prop_assert!(again > today);
            for on in today..again {
                prop_assert_eq!(seen(on), seen(today), "day {} of {}..{}", on, today, again);
            }
        }
    }
}
