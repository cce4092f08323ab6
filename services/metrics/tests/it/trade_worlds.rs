//! Small random worlds: whatever the order of arrival, figures and explanations are those of a plain recount.

use std::cell::Cell;
use std::collections::{BTreeMap, HashSet};

use chrono::{NaiveDate, TimeDelta};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use proto::metrics::v1 as pb;
use proto::metrics::v1::Measure as M;
use proto::metrics::v1::fact::Body;
use testkit::TestCaller;

use crate::explain_worlds::check_times;
use crate::fact_support::{fen, local, yuan};
use crate::slice_recount::Sliced;
use crate::support::{TestMetrics, asking, chat, days, tell_of_merchants};
use crate::trade_recount::{Counted, World};

#[derive(Debug, Clone)]
enum Arrival {
    Chat(pb::Conversation),
    Fact(pb::Fact),
}

/// A local time within eight days.
fn clock(minute: i64) -> String {
    let midnight =
        NaiveDate::from_ymd_opt(2020, 5, 10).and_then(|day| day.and_hms_opt(0, 0, 0)).expect("a time");
    (midnight + TimeDelta::minutes(minute)).format("%Y-%m-%dT%H:%M:%S").to_string()
}

const MINUTES: i64 = 8 * 1_440;

fn any_chat() -> impl Strategy<Value = Arrival> {
    let messages = prop::collection::vec(
        (0..4_000_u32, prop::sample::select(vec!["C", "A", "Q", "B", "S", "H", "I"])),
        1..6,
    );
    let answers = (any::<Option<bool>>(), any::<Option<bool>>());
    (0..8_u32, 0..3_i64, 0..2_u32, 0..2_u32, 0..MINUTES, messages, answers).prop_map(
        |(id, revision, account, customer, minute, messages, (satisfied, completed))| {
            let mut at = 0;
            let messages: Vec<String> = messages
                .into_iter()
                .map(|(step, who)| {
                    at += step;
                    format!("{at} {who}")
                })
                .collect();
            let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
            let (account, customer) = (format!("a-{account}"), format!("b-{customer}"));
            let mut chat = chat(&format!("c-{id}"), &account, &customer, &clock(minute), &messages);
            // Colleagues answer too: one who has chats of their own, and one who has none.
            for (message, text) in chat.messages.iter_mut().zip(&messages) {
                message.account_id = match text.chars().last() {
                    Some('H') => if account == "a-0" { "a-1" } else { "a-0" }.to_owned(),
                    Some('I') => "a-2".to_owned(),
                    _ => String::new(),
                };
            }
            Arrival::Chat(pb::Conversation { revision, satisfied, completed, ..chat })
        },
    )
}

fn any_fact() -> impl Strategy<Value = Arrival> {
    // Orders and payments are what everything hangs on: half of all facts.
    let kind = prop_oneof![Just(0_u32), Just(0), Just(1), Just(1), Just(2), 3..12_u32];
    let who = (0..2_u32, 0..6_u32);
    (kind, 0..5_u32, 0..3_i64, who, 0..MINUTES, 0..4_u32, 0..60_i32, any::<Option<bool>>()).prop_map(
        |(kind, id, revision, (customer, account), minute, order, variant, mark)| {
            let fact = pb::Fact {
                shop_id: "star".to_owned(),
                fact_id: format!("k-{id}"),
                revision,
                occurred_at: Some(local(&clock(minute))),
                customer_id: format!("b-{customer}"),
                // One in three names somebody.
                account_id: if account < 2 { format!("a-{account}") } else { String::new() },
                body: Some(body(kind, &format!("k-{order}"), minute, variant, mark)),
            };
            Arrival::Fact(fact)
        },
    )
}

fn body(kind: u32, order: &str, minute: i64, variant: i32, mark: Option<bool>) -> Body {
    let (order_id, amount) = (order.to_owned(), yuan(i64::from(variant) * 777));
    let product_id = format!("p-{}", variant % 3);
    let later = || Some(local(&clock(minute + i64::from(variant) * 90)));
    let conversation = (variant % 2 == 0).then(|| pb::FactConversation {
        channel: "chat".to_owned(),
        conversation_id: format!("c-{}", variant % 10),
    });
    match kind {
        0 => Body::Order(pb::Order {
            lines: lines(variant),
            amount,
            excluded_reason: if variant % 5 == 0 { "special".to_owned() } else { String::new() },
            ..Default::default()
        }),
        1 => Body::Payment(pb::Payment { order_id, amount }),
        2 => Body::Refund(pb::Refund {
            order_id,
            amount,
            kind: 1 + variant % 2,
            completed_at: if variant % 3 == 0 { None } else { later() },
            platform_help: mark,
            judged_against_shop: (mark == Some(true) && variant % 4 > 0).then_some(variant % 4 == 1),
            ..Default::default()
        }),
        3 => Body::Cart(pb::Cart { product_id, quantity: 1, amount }),
        4 => Body::Complaint(pb::Complaint {
            order_id,
            conversation,
            severity: 1 + variant % 4,
            upheld: mark,
            ..Default::default()
        }),
        5 => Body::Satisfaction(pb::Satisfaction { conversation, score: 1 + variant % 5 }),
        6 => Body::StoreRating(pb::StoreRating {
            order_id,
            item_score: 1 + variant % 5,
            service_score: 1 + variant % 4,
            delivery_score: 1 + variant % 3,
        }),
        7 => Body::BuyerReview(pb::BuyerReview { order_id, rating: 1 + variant % 3, ..Default::default() }),
        8 => Body::BotEvent(pb::BotEvent {
            outcome: 1 + variant % 4,
            question_class: 1 + variant % 3,
            conversation,
            ..Default::default()
        }),
        9 => Body::Handling(pb::Handling {
            kind: 1 + variant % 2,
            task_id: order_id,
            opened_at: Some(local(&clock(minute - i64::from(variant)))),
            accurate: mark,
        }),
        10 => Body::MemberSignup(pb::MemberSignup {}),
        _ => Body::Recommendation(pb::Recommendation { product_id, kind: 1 + variant % 2, conversation }),
    }
}

/// One to three lines that need not cost what is to be paid; a product twice, gifts, and none with a category.
fn lines(variant: i32) -> Vec<pb::OrderLine> {
    let line = |at: i32| {
        let product = (variant + at) % 4;
        pb::OrderLine {
            product_id: format!("p-{product}"),
            category: ["knit", "coat", ""][(product % 3) as usize].to_owned(),
            quantity: 1 + (variant + at) % 3,
            amount: yuan(i64::from((variant + at) % 5) * 333),
            ..Default::default()
        }
    };
    (0..=variant % 3).map(|at| line(at * (1 + variant % 2))).collect()
}

/// One content per name and revision: what a platform would send.
fn honest(arrivals: Vec<Arrival>) -> Vec<Arrival> {
    let mut seen = HashSet::new();
    let name = |arrival: &Arrival| match arrival {
        Arrival::Chat(chat) => (String::new(), chat.conversation_id.clone(), chat.revision),
        Arrival::Fact(fact) => {
            let kind = format!("{:?}", std::mem::discriminant(fact.body.as_ref().expect("a body")));
            (kind, fact.fact_id.clone(), fact.revision)
        }
    };
    arrivals.into_iter().filter(|arrival| seen.insert(name(arrival))).collect()
}

/// The rules of version 1 to 4; the first are the built-in ones.
fn rules(most: bool) -> [pb::TradeRules; 4] {
    use pb::{Attribution as A, CreditTo as C, FirstContact as F};
    [
        pb::TradeRules::default(),
        pb::TradeRules {
            attribution: A::Payment.into(),
            credit_to: C::LastReply.into(),
            attribution_days: Some(2),
            first_contact: F::OneAnswer.into(),
            satisfied_from: Some(3),
            ..Default::default()
        },
        pb::TradeRules {
            attribution: A::Order.into(),
            credit_to: if most { C::MostReplies } else { C::FirstReply }.into(),
            attribution_days: Some(0),
            after_sale_days: Some(0),
            first_contact: F::Survey.into(),
            first_contact_days: Some(1),
            ..Default::default()
        },
        pb::TradeRules { attribution: A::Platform.into(), after_sale_days: Some(2), ..Default::default() },
    ]
}

#[test]
fn any_order_of_arrival_gives_the_figures_and_explanations_of_a_plain_recount() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut runner = TestRunner::new(Config { cases: 10, failure_persistence: None, ..Config::default() });
    let chats = prop::collection::vec(any_chat(), 1..25);
    let facts = prop::collection::vec(any_fact(), 1..80);
    let worlds = (chats, facts)
        .prop_map(|(chats, facts)| honest(chats.into_iter().chain(facts).collect()))
        .prop_shuffle();
    let settings = [("definitions.check_seconds", "1"), ("timelines.settle_ms", "5")];
    let test = runtime.block_on(TestMetrics::start_with(&settings));
    // A merchant per case: a database each would cost more than the test.
    let case = Cell::new(0);
    runner
        .run(&worlds, |arrivals| {
            case.set(case.get() + 1);
            runtime.block_on(check(&test, case.get(), arrivals));
            Ok(())
        })
        .expect("holds for all worlds");
}

async fn check(test: &TestMetrics, case: i32, arrivals: Vec<Arrival>) {
    let merchant = format!("m-{case}");
    tell_of_merchants(&test.pool, &[&merchant]).await;
    let who = testkit::caller().of(&merchant);
    // Worlds take turns with what there are more rules for than versions.
    let most = case % 2 == 0;
    for (at, rules) in rules(most).into_iter().enumerate().skip(1) {
        // The last version is put when half is there already: it has to be built from that.
        if at < 3 {
            test.put_rules_as(&who, at as i32, rules).await;
        }
    }
    let (before, after) = arrivals.split_at(arrivals.len() / 2);
    send(test, &who, before).await;
    let [.., last] = rules(most);
    test.put_rules_as(&who, 3, last).await;
    send(test, &who, after).await;
    test.built().await;
    test.counted().await;

    let (mut chats, mut facts) = (Vec::new(), Vec::new());
    for arrival in arrivals {
        match arrival {
            Arrival::Chat(chat) => chats.push(chat),
            Arrival::Fact(fact) => facts.push(fact),
        }
    }
    let (mut counts, mut slices) = (Vec::new(), Vec::new());
    for rules in rules(most) {
        let world = World::of(&chats, &facts, test.calendar().await, rules);
        counts.push(world.count());
        slices.push(world.count_slices());
    }
    for (version, counted) in (1..).zip(&counts) {
        check_figures(test, &who, version, counted).await;
    }
    // Every world explains every figure, under one of the versions.
    let version = 1 + case % 4;
    for measure in measures() {
        check_explanation(test, &who, version, measure, &counts[version as usize - 1]).await;
    }
    check_handling_times(test, &who, version).await;
    check_hours(test, &who, version, &counts[version as usize - 1]).await;
    let (counted, sliced) = (&counts[version as usize - 1], &slices[version as usize - 1]);
    for group in [pb::Group::Product, pb::Group::Category, pb::Group::Hour] {
        check_slices(test, &who, version, group, (counted, sliced)).await;
    }
}

/// Several writers at once, each with small batches of either kind.
async fn send(test: &TestMetrics, who: &TestCaller, arrivals: &[Arrival]) {
    let writers = arrivals.chunks(arrivals.len().div_ceil(4).max(1)).map(|chunk| async move {
        for batch in chunk.chunks(6) {
            let (mut chats, mut facts) = (Vec::new(), Vec::new());
            for arrival in batch {
                match arrival {
                    Arrival::Chat(chat) => chats.push(chat.clone()),
                    Arrival::Fact(fact) => facts.push(fact.clone()),
                }
            }
            if !chats.is_empty() {
                assert_eq!(test.send_as(who, chats).await.expect("no deadlock").rejects, []);
            }
            if !facts.is_empty() {
                assert_eq!(test.send_facts_as(who, facts).await.expect("no deadlock").rejects, []);
            }
        }
    });
    futures::future::join_all(writers).await;
}

fn measures() -> impl Iterator<Item = M> {
    (20..).map_while(|number| M::try_from(number).ok())
}

async fn check_figures(test: &TestMetrics, who: &TestCaller, version: i32, counted: &Counted) {
    let mut request = asking(pb::Group::Account, "2020-05-01", "2020-05-31");
    request.step = pb::Step::Day.into();
    request.page_size = 5;
    request.definition = Some(pb::DefinitionRef { definition_id: String::new(), version });
    let rows = test.figures_as(who, request.clone()).await.expect("answers");
    let mut found = Counted::new();
    for row in &rows {
        let day = day_of(row.from.as_ref());
        for measure in measures().filter(|measure| *measure != M::AgentsShareOfSales) {
            let value = value_of(measure, row);
            if value != (0, 0) {
                found.insert((measure, row.key.clone(), day), value);
            }
        }
        // All of a shop's day share what was paid on it.
        let shares = counted.iter().filter(|((measure, ..), _)| *measure == M::AgentsShareOfSales);
        let on_day = || shares.clone().filter(|((.., on), _)| *on == day);
        let own: i64 = on_day().filter(|((_, key, _), _)| *key == row.key).map(|(_, parts)| parts.0).sum();
        let whole: i64 = on_day().map(|(_, parts)| parts.1).sum();
        assert_eq!(value_of(M::AgentsShareOfSales, row), (own, whole), "{row:?}");
    }
    let mut wanted = counted.clone();
    wanted.retain(|(measure, ..), _| *measure != M::AgentsShareOfSales);
    assert_eq!(found, wanted, "version {version}");

    request.group = pb::Group::Merchant.into();
    request.step = pb::Step::Whole.into();
    let whole = test.figures_as(who, request).await.expect("answers");
    let totals = totals(counted);
    for measure in measures() {
        let value = whole.first().map_or((0, 0), |row| value_of(measure, row));
        assert_eq!(value, totals.get(&measure).copied().unwrap_or_default(), "{measure:?} of the merchant");
    }
}

/// Slices by day, of an item by account, their sum, and what explains an item.
async fn check_slices(
    test: &TestMetrics,
    who: &TestCaller,
    version: i32,
    group: pb::Group,
    (counted, sliced): (&Counted, &Sliced),
) {
    let here = || sliced.iter().filter(|((of, ..), _)| *of == group);
    let mut request = asking(group, "2020-05-01", "2020-05-31");
    request.step = pb::Step::Day.into();
    request.page_size = 6;
    request.definition = Some(pb::DefinitionRef { definition_id: String::new(), version });
    let mut found: BTreeMap<(M, String, NaiveDate), (i64, i64)> = BTreeMap::new();
    for row in test.figures_as(who, request.clone()).await.expect("answers") {
        let day = day_of(row.from.as_ref());
        for measure in measures() {
            let value = value_of(measure, &row);
            if value != (0, 0) {
                found.insert((measure, row.key.clone(), day), value);
            }
        }
    }
    let mut wanted: BTreeMap<(M, String, NaiveDate), (i64, i64)> = BTreeMap::new();
    for ((_, measure, item, _, day), parts) in here() {
        let entry = wanted.entry((*measure, item.clone(), *day)).or_default();
        *entry = (entry.0 + parts.0, entry.1 + parts.1);
    }
    wanted.retain(|_, parts| *parts != (0, 0));
    assert_eq!(found, wanted, "{group:?} under version {version}");

    let totals = totals(counted);
    for measure in measures().filter(|measure| adds_up(*measure, group)) {
        let of_measure = found.iter().filter(|((m, ..), _)| *m == measure);
        let sum = of_measure.fold((0, 0), |sum, (_, parts)| (sum.0 + parts.0, sum.1 + parts.1));
        assert_eq!(sum, totals.get(&measure).copied().unwrap_or_default(), "{measure:?} over {group:?}");
    }

    // One item of each world, and the accounts that it counts for.
    let Some(item) = here().map(|((.., item, _, _), _)| item.clone()).nth(here().count() / 2) else { return };
    let mut filter = pb::Filter::default();
    match group {
        pb::Group::Product => filter.product_ids.push(item.clone()),
        pb::Group::Category => filter.categories.push(item.clone()),
        _ => filter.hours.push(item.parse().expect("an hour")),
    }
    request.group = pb::Group::Account.into();
    request.filter = Some(filter.clone());
    let mut found = Counted::new();
    let mut received = 0;
    for row in test.figures_as(who, request).await.expect("answers") {
        received += row.received_customers;
        let day = day_of(row.from.as_ref());
        let values = measures().map(|measure| (measure, value_of(measure, &row)));
        found.extend(values.filter(|(_, v)| *v != (0, 0)).map(|(m, v)| ((m, row.key.clone(), day), v)));
    }
    let of_item = here().filter(|((.., of, _, _), _)| *of == item);
    let wanted: Counted = of_item
        .map(|((_, measure, _, account, day), parts)| ((*measure, account.clone(), *day), *parts))
        .collect();
    assert_eq!(found, wanted, "{item} of {group:?} under version {version}");
    for measure in measures().filter(|measure| is_sliced(*measure, group)) {
        check_explanation_of(test, who, version, measure, (&filter, &wanted)).await;
    }
    if group == pb::Group::Hour {
        let request = pb::ExplainFigureRequest {
            measure: M::ReceivedCustomers.into(),
            days: days("2020-05-01", "2020-05-31"),
            filter: Some(filter),
            definition: Some(pb::DefinitionRef { definition_id: String::new(), version }),
            page_size: 1_000,
            ..Default::default()
        };
        let page = test.client.clone().explain_figure(test.by(who, request)).await;
        let page = page.expect("explains").into_inner();
        let listed: i64 = page.conversations.iter().map(|row| row.numerator).sum();
        assert_eq!((page.numerator, listed), (received, received), "received in hour {item}");
    }
}

/// How long handling and refunds took, recounted from the facts that are listed.
async fn check_handling_times(test: &TestMetrics, who: &TestCaller, version: i32) {
    let mut request = asking(pb::Group::Merchant, "2020-05-01", "2020-05-31");
    request.definition = Some(pb::DefinitionRef { definition_id: String::new(), version });
    let whole = test.figures_as(who, request.clone()).await.expect("answers");
    for measure in [M::OrderHandling, M::AfterSaleHandling, M::RefundOnlyCompletion, M::ReturnCompletion] {
        let request = pb::ExplainFigureRequest {
            measure: measure.into(),
            days: request.days,
            definition: request.definition.clone(),
            page_size: 1_000,
            ..Default::default()
        };
        let page = test.client.clone().explain_figure(test.by(who, request.clone())).await;
        let facts = page.expect("explains").into_inner().facts;
        let mut durations_ms: Vec<i64> =
            facts.iter().filter(|fact| fact.denominator == 1).map(|fact| fact.numerator).collect();
        let times = whole.first().map(|row| match measure {
            M::OrderHandling => row.order_handling.expect("times"),
            M::AfterSaleHandling => row.after_sale_handling.expect("times"),
            M::RefundOnlyCompletion => row.refund_only_completion.expect("times"),
            _ => row.return_completion.expect("times"),
        });
        check_times(&request, &times.unwrap_or_default(), &mut durations_ms);
    }
}

/// Rows of an account's day and hour add up to the account's day, for all that hours have.
async fn check_hours(test: &TestMetrics, who: &TestCaller, version: i32, counted: &Counted) {
    let mut request = asking(pb::Group::Account, "2020-05-01", "2020-05-31");
    request.step = pb::Step::Hour.into();
    request.page_size = 50;
    request.definition = Some(pb::DefinitionRef { definition_id: String::new(), version });
    let mut found = Counted::new();
    for row in test.figures_as(who, request).await.expect("answers") {
        assert!(row.hour.is_some() && row.agents_share_of_sales.is_none() && row.received_per_head.is_none());
        let day = day_of(row.from.as_ref());
        for measure in measures().filter(|measure| is_sliced(*measure, pb::Group::Hour)) {
            let (value, sum) =
                (value_of(measure, &row), found.entry((measure, row.key.clone(), day)).or_default());
            *sum = (sum.0 + value.0, sum.1 + value.1);
        }
    }
    found.retain(|_, parts| *parts != (0, 0));
    let mut wanted = counted.clone();
    wanted.retain(|(measure, ..), parts| is_sliced(*measure, pb::Group::Hour) && *parts != (0, 0));
    assert_eq!(found, wanted, "by day and hour under version {version}");
}

/// Measures that orders, payments, refunds and carts make; hours have all but what is known of whole days only.
fn is_sliced(measure: M, group: pb::Group) -> bool {
    let sales = matches!(
        measure,
        M::OrderingBuyers
            | M::PayingBuyers
            | M::Orders
            | M::PaidOrders
            | M::RefundRate
            | M::ReturnRate
            | M::AverageOrderValue
            | M::CompletedRefunds
            | M::CartPurchaseRate
    );
    let whole_days = matches!(measure, M::ReceivedPerHead | M::ConversationsPerHour | M::AgentsShareOfSales);
    sales || adds_up_over_goods(measure) || (group == pb::Group::Hour && !whole_days)
}

fn adds_up_over_goods(measure: M) -> bool {
    let amount = matches!(
        measure,
        M::OrderedAmount
            | M::PaidAmount
            | M::RefundedAmount
            | M::NetAmount
            | M::CompletedRefundAmount
            | M::CartAmount
            | M::CartLeftAmount
    );
    amount || matches!(measure, M::OrderedUnits | M::Carts | M::CartsLeft)
}

fn adds_up(measure: M, group: pb::Group) -> bool {
    if group == pb::Group::Hour { is_sliced(measure, group) } else { adds_up_over_goods(measure) }
}

fn totals(counted: &Counted) -> BTreeMap<M, (i64, i64)> {
    let mut totals: BTreeMap<M, (i64, i64)> = BTreeMap::new();
    for ((measure, ..), parts) in counted {
        let total = totals.entry(*measure).or_default();
        *total = (total.0 + parts.0, total.1 + parts.1);
    }
    totals
}

async fn check_explanation(
    test: &TestMetrics,
    who: &TestCaller,
    version: i32,
    measure: M,
    counted: &Counted,
) {
    check_explanation_of(test, who, version, measure, (&pb::Filter::default(), counted)).await;
}

async fn check_explanation_of(
    test: &TestMetrics,
    who: &TestCaller,
    version: i32,
    measure: M,
    (filter, counted): (&pb::Filter, &Counted),
) {
    let mut request = pb::ExplainFigureRequest {
        measure: measure.into(),
        days: days("2020-05-01", "2020-05-31"),
        filter: Some(filter.clone()),
        definition: Some(pb::DefinitionRef { definition_id: String::new(), version }),
        page_size: 7,
        ..Default::default()
    };
    let mut found: BTreeMap<(String, NaiveDate), (i64, i64)> = BTreeMap::new();
    let figure = loop {
        let page = test.client.clone().explain_figure(test.by(who, request.clone())).await;
        let page = page.expect("explains").into_inner();
        assert!(page.conversations.len() + page.facts.len() <= 7);
        let chats = page.conversations.iter().map(|row| {
            (&row.account_id, row.business_day, (row.numerator, row.denominator), row.counted, row.reason())
        });
        let facts = page.facts.iter().map(|row| {
            (&row.account_id, row.business_day, (row.numerator, row.denominator), row.counted, row.reason())
        });
        for (account, day, parts, counted, reason) in chats.chain(facts) {
            let entry = found.entry((account.clone(), day_of(day.as_ref()))).or_default();
            *entry = (entry.0 + parts.0, entry.1 + parts.1);
            assert_eq!(counted, parts != (0, 0), "{measure:?}");
            assert!(
                counted || reason != pb::ExplainReason::Unspecified || parts_may_be_nothing(measure),
                "{measure:?}"
            );
        }
        if page.next_page_token.is_empty() {
            break (page.numerator, page.denominator);
        }
        request.page_token = page.next_page_token;
    };
    assert_eq!(
        figure,
        totals(counted).get(&measure).copied().unwrap_or_default(),
        "{measure:?} as explained"
    );
    found.retain(|_, parts| *parts != (0, 0));
    let of_measure = counted.iter().filter(|((m, ..), _)| *m == measure);
    let wanted: BTreeMap<_, _> =
        of_measure.map(|((_, account, day), parts)| ((account.clone(), *day), *parts)).collect();
    assert_eq!(found, wanted, "{measure:?} under version {version}");
}

/// An amount may be 0 yuan.
fn parts_may_be_nothing(measure: M) -> bool {
    format!("{measure:?}").ends_with("Amount") || measure == M::AgentsShareOfSales
}

fn day_of(date: Option<&proto::google::r#type::Date>) -> NaiveDate {
    let date = date.expect("a day");
    NaiveDate::from_ymd_opt(date.year, date.month as u32, date.day as u32).expect("a day")
}

fn value_of(measure: M, row: &pb::Figures) -> (i64, i64) {
    let rate = |rate: &Option<proto::common::v1::Rate>| {
        rate.as_ref().map_or((0, 0), |r| (r.numerator, r.denominator))
    };
    let amount = |money: &Option<proto::google::r#type::Money>| (fen(money.as_ref()), 0);
    let times = |times: &Option<pb::Times>| times.as_ref().map_or((0, 0), |t| (t.sum_ms, t.count));
    match measure {
        M::Inquiries => (row.inquiries, 0),
        M::OrderingBuyers => (row.ordering_buyers, 0),
        M::PayingBuyers => (row.paying_buyers, 0),
        M::Orders => (row.orders, 0),
        M::PaidOrders => (row.paid_orders, 0),
        M::OrderedAmount => amount(&row.ordered_amount),
        M::PaidAmount => amount(&row.paid_amount),
        M::RefundedAmount => amount(&row.refunded_amount),
        M::NetAmount => amount(&row.net_amount),
        M::AverageOrderValue => {
            row.average_order_value.as_ref().map_or((0, 0), |a| (fen(a.amount.as_ref()), a.count))
        }
        M::OrderConversionNextDay => rate(&row.order_conversion_next_day),
        M::OrderConversion => rate(&row.order_conversion),
        M::PaymentConversionNextDay => rate(&row.payment_conversion_next_day),
        M::PaymentConversion => rate(&row.payment_conversion),
        M::RefundRate => rate(&row.refund_rate),
        M::ReturnRate => rate(&row.return_rate),
        M::CompletedRefunds => (row.completed_refunds, 0),
        M::CompletedRefundAmount => amount(&row.completed_refund_amount),
        M::Complaints => (row.complaints, 0),
        M::ComplaintRate => rate(&row.complaint_rate),
        M::SatisfactionScore => rate(&row.satisfaction_score),
        M::ScoreSatisfaction => rate(&row.score_satisfaction),
        M::ItemScore => rate(&row.item_score),
        M::ServiceScore => rate(&row.service_score),
        M::DeliveryScore => rate(&row.delivery_score),
        M::Reviews => (row.reviews, 0),
        M::PositiveReviewRate => rate(&row.positive_review_rate),
        M::NegativeReviewRate => rate(&row.negative_review_rate),
        M::BadReviewRecoveredRate => rate(&row.bad_review_recovered_rate),
        M::FirstContactResolution => rate(&row.first_contact_resolution),
        M::ReceivedPerHead => rate(&row.received_per_head),
        M::ConversationsPerHour => rate(&row.conversations_per_hour),
        M::RecommendationSuccess => rate(&row.recommendation_success),
        M::CrossSellSuccess => rate(&row.cross_sell_success),
        M::MemberSignups => (row.member_signups, 0),
        M::OrderHandling => times(&row.order_handling),
        M::AfterSaleHandling => times(&row.after_sale_handling),
        M::OrderHandlingAccuracy => rate(&row.order_handling_accuracy),
        M::AfterSaleHandlingAccuracy => rate(&row.after_sale_handling_accuracy),
        M::BotQuestions => (row.bot_questions, 0),
        M::BotHandlingRate => rate(&row.bot_handling_rate),
        M::BotTransferRate => rate(&row.bot_transfer_rate),
        M::BotUnansweredRate => rate(&row.bot_unanswered_rate),
        M::BotAcceptanceRate => rate(&row.bot_acceptance_rate),
        M::OrderedUnits => (row.ordered_units, 0),
        M::Carts => (row.carts, 0),
        M::CartAmount => amount(&row.cart_amount),
        M::CartsLeft => (row.carts_left, 0),
        M::CartLeftAmount => amount(&row.cart_left_amount),
        M::CartPurchaseRate => rate(&row.cart_purchase_rate),
        M::InitiatedCustomers => (row.initiated_customers, 0),
        M::ReplyCharacters => (row.reply_characters, 0),
        M::AssistedCustomers => (row.assisted_customers, 0),
        M::RefundOnlyCompletion => times(&row.refund_only_completion),
        M::ReturnCompletion => times(&row.return_completion),
        M::PlatformHelpRate => rate(&row.platform_help_rate),
        M::PlatformJudgedRate => rate(&row.platform_judged_rate),
        M::AgentsShareOfSales => rate(&row.agents_share_of_sales),
        other => panic!("{other:?} is made of conversations alone"),
    }
}
