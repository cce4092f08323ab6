//! Two clocks: what happened when, and what was known when.

use std::collections::BTreeMap;

use chrono::{NaiveDate, TimeDelta};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use proto::events::v1::AgentDayFinalised;
use proto::metrics::v1 as pb;
use testkit::{EventCollector, caller};
use tonic::Code;

use crate::analysis;
use crate::fact_support::{fact, fen, order, payment};
use crate::recount::{assert_same, by_agent_day, total};
use crate::support::{TestMetrics, asking, chat, date, finalised, reason, tell_of_merchants};
use crate::writers::{any_conversation, final_state, honest};

const DAY: &str = "2020-05-13";
const CHAT: &[&str] = &["0 C", "20 A"];

/// Sends conversations and waits until their customers are counted, so that all of it is known on the same day.
async fn send(test: &TestMetrics, conversations: Vec<pb::Conversation>) {
    test.send(conversations).await;
    test.counted().await;
}

/// Figures of the day by account, as known on a day or now.
async fn known(test: &TestMetrics, known_on: Option<&str>) -> Vec<pb::Figures> {
    let request =
        pb::GetFiguresRequest { known_on: known_on.map(date), ..asking(pb::Group::Account, DAY, DAY) };
    test.figures(request).await
}

fn counts(rows: &[pb::Figures]) -> Vec<(&str, i64, i64)> {
    let count = |row: &pb::Figures| row.response.as_ref().map_or(0, |times| times.sum_ms);
    rows.iter().map(|row| (row.key.as_str(), row.conversations, count(row))).collect()
}

/// A day that was closed, restated within its maturation, and again after it.
async fn told_late() -> TestMetrics {
    let test = TestMetrics::start_with(&[("closing.check_seconds", "1")]).await;
    let at = "2020-05-13T10:00:00";
    test.clock.set("2020-05-13T20:00:00+08:00");
    send(&test, vec![chat("c-1", "a-1", "b-1", at, CHAT), chat("c-2", "a-2", "b-2", at, CHAT)]).await;
    test.clock.set("2020-05-15T09:00:00+08:00");
    let mut revised = chat("c-1", "a-1", "b-1", at, &["0 C", "50 A", "60 C", "80 A"]);
    revised.revision = 1;
    send(&test, vec![revised, chat("c-3", "a-1", "b-1", at, CHAT)]).await;
    test.close(DAY).await;
    test
}

#[tokio::test(flavor = "multi_thread")]
async fn past_answers_stay_and_the_ledger_says_what_came_after_the_final_one() {
    let test = told_late().await;
    assert_eq!(known(&test, None).await[0].state(), pb::FigureState::Provisional, "maturation runs");
    test.clock.set("2020-05-17T12:00:00+08:00");
    assert_eq!(known(&test, None).await[0].state(), pb::FigureState::Provisional, "its last day");
    test.clock.set("2020-05-18T12:00:00+08:00");
    let final_rows = known(&test, None).await;
    assert!(final_rows.iter().all(|row| row.state() == pb::FigureState::Final && row.restatements == 0));

    let mut late = chat("c-2", "a-1", "b-2", "2020-05-13T10:00:00", &["0 C", "21 A"]);
    late.revision = 1;
    send(&test, vec![late]).await;
    assert_eq!(known(&test, None).await[0].state(), pb::FigureState::Provisional, "the day changed");
    test.close(DAY).await;
    let now = known(&test, None).await;
    assert_eq!(counts(&now), [("a-1", 3, 111_000)], "nothing is left of a-2's day");
    assert_eq!((now[0].state(), now[0].restatements), (pb::FigureState::Restated, 1));

    test.clock.set("2020-05-20T12:00:00+08:00");
    let first = known(&test, Some("2020-05-13")).await;
    assert_eq!(counts(&first), [("a-1", 1, 20_000), ("a-2", 1, 20_000)]);
    assert_eq!(first[0].state(), pb::FigureState::Provisional);
    assert_eq!(counts(&known(&test, Some("2020-05-14")).await), counts(&first), "nothing came on the 14th");
    let matured = known(&test, Some("2020-05-17")).await;
    assert_eq!(counts(&matured), counts(&final_rows));
    assert_eq!(matured[0].state(), pb::FigureState::Final);
    assert_eq!(counts(&known(&test, Some("2020-05-18")).await), counts(&now));
    assert_eq!(counts(&known(&test, Some("2020-05-12")).await), [], "nothing was known yet");

    let ledger = restatements(&test, pb::Group::Account).await;
    let entries: Vec<_> = ledger.iter().map(|e| (e.key.as_str(), e.known_day, delta(e))).collect();
    let on = Some(date("2020-05-18"));
    assert_eq!(entries, [("a-1", on, Some((1, 0))), ("a-2", on, Some((-1, 0)))]);
    let response = ledger[0].deltas.iter().find(|d| d.measure() == pb::Measure::Response);
    assert_eq!(response.map(|d| (d.numerator, d.denominator)), Some((21_000, 1)));
    let shop = restatements(&test, pb::Group::Shop).await;
    assert_eq!(shop.iter().map(delta).collect::<Vec<_>>(), [None], "the shop has as many as before");
}

fn delta(entry: &pb::Restatement) -> Option<(i64, i64)> {
    let found = entry.deltas.iter().find(|delta| delta.measure() == pb::Measure::Conversations);
    found.map(|delta| (delta.numerator, delta.denominator))
}

async fn restatements(test: &TestMetrics, group: pb::Group) -> Vec<pb::Restatement> {
    let mut client = analysis::client(test);
    let mut request = pb::ListRestatementsRequest {
        days: crate::support::days("2020-05-01", "2020-05-31"),
        group: group.into(),
        page_size: 1,
        ..Default::default()
    };
    let mut all = Vec::new();
    loop {
        let page = client.list_restatements(test.by(&caller(), request.clone())).await;
        let page = page.expect("lists").into_inner();
        all.extend(page.restatements);
        if page.next_page_token.is_empty() {
            return all;
        }
        request.page_token = page.next_page_token;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn final_days_are_told_once_and_restated_ones_with_a_higher_version() {
    let test = told_late().await;
    let collector = EventCollector::start(&test.nats).await;
    let told = async |count| finalised(&collector, count).await;
    let response = |told: &AgentDayFinalised| {
        let figure = told.figures.iter().find(|figure| figure.measure == "RESPONSE");
        figure.map(|figure| (figure.numerator, figure.denominator))
    };
    test.clock.set("2020-05-18T12:00:00+08:00");
    let first = told(2).await;
    assert_eq!(
        first.iter().map(|t| (t.account_id.as_str(), t.version)).collect::<Vec<_>>(),
        [("a-1", 1), ("a-2", 1)]
    );
    assert_eq!((response(&first[0]), response(&first[1])), (Some((90_000, 3)), Some((20_000, 1))));
    assert_eq!((first[0].known_day, first[0].definition_version), (Some(date("2020-05-15")), 1));

    send(&test, vec![chat("c-4", "a-2", "b-9", "2020-05-13T11:00:00", CHAT)]).await;
    test.close(DAY).await;
    // It is told when the day on which it became known is over.
    test.clock.advance(TimeDelta::days(1));
    let again = told(3).await.pop().expect("a third");
    assert_eq!((again.account_id.as_str(), again.version), ("a-2", 2));
    assert_eq!(response(&again), Some((40_000, 2)));
    assert_eq!(test.count("SELECT count(*) FROM final_days WHERE version = 2").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_of_old_days_is_final_when_the_day_of_the_import_is_over() {
    let test = TestMetrics::start().await;
    send(&test, vec![chat("c-1", "a-1", "b-1", "2020-05-13T10:00:00", CHAT)]).await;
    test.close(DAY).await;
    let state = async || known(&test, None).await[0].state();
    assert_eq!(state().await, pb::FigureState::Provisional);
    test.clock.advance(TimeDelta::days(1));
    assert_eq!(state().await, pb::FigureState::Final);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_known_yet_is_refused() {
    let test = TestMetrics::start().await;
    let ask = async |request: pb::GetFiguresRequest| test.figures_as(&caller(), request).await;
    let today =
        pb::GetFiguresRequest { known_on: Some(date("2020-06-30")), ..asking(pb::Group::Shop, DAY, DAY) };
    let refused = ask(today.clone()).await.expect_err("the day is not over");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "DAY_NOT_OVER"));
    let distinct = pb::GetFiguresRequest {
        known_on: Some(date("2020-06-29")),
        distinct_customers: true,
        ..asking(pb::Group::Shop, DAY, DAY)
    };
    let refused = ask(distinct).await.expect_err("nobody knows");
    assert_eq!(refused.code(), Code::InvalidArgument);
}

#[test]
fn late_news_in_any_order_ends_in_the_same_figures_and_leaves_past_answers_alone() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut runner = TestRunner::new(Config { cases: 8, failure_persistence: None, ..Config::default() });
    let news = prop::collection::vec(any_conversation(), 4..60).prop_map(honest).prop_shuffle();
    let test = runtime.block_on(TestMetrics::start());
    let case = std::cell::Cell::new(0);
    runner
        .run(&news, |conversations| {
            case.set(case.get() + 1);
            runtime.block_on(check(&test, &format!("m-{}", case.get()), conversations));
            Ok(())
        })
        .expect("holds for all cases");
}

async fn check(test: &TestMetrics, merchant: &str, conversations: Vec<pb::Conversation>) {
    tell_of_merchants(&test.pool, &[merchant]).await;
    let who = caller().of(merchant);
    let calendar = test.calendar().await;
    let daily = pb::GetFiguresRequest {
        step: pb::Step::Day.into(),
        within_seconds: vec![30],
        ..asking(pb::Group::Account, "2020-05-01", "2020-05-31")
    };
    let mut answers: BTreeMap<NaiveDate, Vec<pb::Figures>> = BTreeMap::new();
    for news in conversations.chunks(conversations.len().div_ceil(4)) {
        let today = calendar.business_day(test.clock.shared().now());
        for batch in news.chunks(7) {
            let answer = test.send_as(&who, batch.to_vec()).await.expect("takes the batch");
            assert_eq!(answer.rejects, []);
        }
        test.counted().await;
        answers.insert(today, test.figures_as(&who, daily.clone()).await.expect("answers"));
        test.clock.advance(TimeDelta::days(1));
    }
    let recount = by_agent_day(&final_state(&conversations), &calendar);
    let last = answers.values().next_back().expect("an answer");
    for row in last {
        let day = row.from.expect("a day");
        let day = NaiveDate::from_ymd_opt(day.year, day.month as u32, day.day as u32).expect("a day");
        assert_same(row, &recount[&(row.key.clone(), day)]);
    }
    assert_eq!(last.len(), recount.len());
    let whole = test.figures_as(&who, asking(pb::Group::Shop, "2020-05-01", "2020-05-31")).await;
    assert_same(&whole.expect("answers")[0], &total(recount.values()));

    for (day, answer) in answers {
        let known_on = Some(date(&day.to_string()));
        let past = test.figures_as(&who, pb::GetFiguresRequest { known_on, ..daily.clone() }).await;
        let settled = |mut row: pb::Figures| {
            // How settled a row is depends on the day that it is seen from.
            (row.state, row.restatements, row.provisional) = (0, 0, false);
            (row.conversion_state, row.refund_state) = (0, 0);
            row
        };
        let past: Vec<_> = past.expect("answers").into_iter().map(settled).collect();
        assert_eq!(past, answer.into_iter().map(settled).collect::<Vec<_>>(), "as known on {day}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn late_payments_restate_a_day_and_leave_its_past_alone() {
    let test = TestMetrics::start_with(&[("closing.check_seconds", "1")]).await;
    let collector = EventCollector::start(&test.nats).await;
    test.clock.set("2020-05-13T20:00:00+08:00");
    send(&test, vec![chat("c-1", "a-1", "b-1", "2020-05-13T10:00:00", CHAT)]).await;
    test.send_facts(vec![
        fact("o-1", "2020-05-13T11:00:00", order(&["p"])),
        fact("pay-1", "2020-05-13T11:05:00", payment("o-1", 4_000)),
    ])
    .await;
    test.counted().await;
    test.clock.set("2020-05-18T12:00:00+08:00");
    test.close(DAY).await;
    let paid = |rows: &[pb::Figures]| {
        rows.iter()
            .map(|row| (row.key.clone(), fen(row.paid_amount.as_ref()), row.state()))
            .collect::<Vec<_>>()
    };
    let on = |fen: i64, state: pb::FigureState| vec![("a-1".to_owned(), fen, state)];
    assert_eq!(paid(&known(&test, None).await), on(4_000, pb::FigureState::Final));

    let told = async |count| {
        let told = finalised(&collector, count).await;
        let amount = |told: &AgentDayFinalised| {
            told.figures.iter().find(|figure| figure.measure == "PAID_AMOUNT").map(|figure| figure.numerator)
        };
        told.iter().map(|told| (told.version, amount(told))).collect::<Vec<_>>()
    };
    assert_eq!(told(1).await, [(1, Some(4_000))]);

    test.send_facts(vec![fact("pay-2", "2020-05-13T23:00:00", payment("o-1", 6_000))]).await;
    test.counted().await;
    assert_eq!(paid(&known(&test, None).await), on(10_000, pb::FigureState::Restated));
    let ledger = restatements(&test, pb::Group::Account).await;
    let found: Vec<_> = ledger[0].deltas.iter().map(|d| (d.measure(), d.numerator)).collect();
    assert!(found.contains(&(pb::Measure::PaidAmount, 6_000)), "{found:?}");
    assert_eq!((ledger.len(), ledger[0].known_day), (1, Some(date("2020-05-18"))));
    test.clock.set("2020-05-19T12:00:00+08:00");
    assert_eq!(paid(&known(&test, Some("2020-05-17")).await), on(4_000, pb::FigureState::Final));
    assert_eq!(told(2).await, [(1, Some(4_000)), (2, Some(10_000))]);
}
