//! Small random worlds: whatever the order of arrival, figures and explanations are those of a plain recount.

use std::cell::Cell;
use std::collections::BTreeMap;

use chrono::NaiveDate;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use proto::metrics::v1 as pb;
use proto::metrics::v1::Measure as M;
use testkit::TestCaller;

use crate::explain_worlds::check_times;
use crate::support::{TestMetrics, asking, days, tell_of_merchants};
use crate::trade_arrivals::{Arrival, any_chat, any_fact, honest};
use crate::trade_recount::{Counted, World};
use crate::trade_slices::check_slices;
use crate::trade_values::{day_of, is_sliced, measures, parts_may_be_nothing, totals, value_of};

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

async fn check_figures(test: &TestMetrics, who: &TestCaller, version: i32, counted: &Counted) {
    let mut request = asking(pb::Group::Account, "2020-05-01", "2020-05-31");
    request.step = pb::Step::Day.into();
    request.page_size = if version % 2 == 0 { 5 } else { 50 };
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

async fn check_explanation(
    test: &TestMetrics,
    who: &TestCaller,
    version: i32,
    measure: M,
    counted: &Counted,
) {
    check_explanation_of(test, who, version, measure, (&pb::Filter::default(), counted)).await;
}

/// A measure's explanation under a filter, page by page, against what was recounted. Under every other version the pages are
/// short, so that much of what can go wrong at their ends does.
pub async fn check_explanation_of(
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
        page_size: if version % 2 == 0 { 7 } else { 50 },
        ..Default::default()
    };
    let mut found: BTreeMap<(String, NaiveDate), (i64, i64)> = BTreeMap::new();
    let figure = loop {
        let page = test.client.clone().explain_figure(test.by(who, request.clone())).await;
        let page = page.expect("explains").into_inner();
        assert!(page.conversations.len() + page.facts.len() <= request.page_size as usize);
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
