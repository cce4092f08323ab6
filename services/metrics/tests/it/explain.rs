//! Every figure can say where it comes from.

use std::collections::HashSet;

use proto::access::Role;
use proto::metrics::v1 as pb;
use testkit::{TestCaller, caller};

use crate::support::{TestMetrics, chat, days};

/// Chats with something to say about every measure: repeats, silence, lateness, marks.
fn chats() -> Vec<pb::Conversation> {
    let mut all = vec![
        chat("c-1", "a1", "b-1", "2020-05-13T10:00:00", &["0 C", "20 A", "60 C", "400 Q"]),
        chat("c-2", "a1", "b-1", "2020-05-13T11:00:00", &["0 C", "10 A"]),
        chat("c-3", "a1", "b-2", "2020-05-13T11:30:00", &["0 C"]),
        chat("c-4", "a1", "b-3", "2020-05-13T12:00:00", &["0 A", "5 S"]),
        chat("c-5", "a2", "b-1", "2020-05-13T12:00:00", &["0 A", "5 C", "6 B"]),
        chat("c-6", "a2", "b-4", "2020-05-14T12:00:00", &["0 C", "300 A"]),
        chat("c-7", "a2", "b-2", "2020-05-14T13:00:00", &["0 C", "200 Q"]),
        chat("c-8", "a1", "b-2", "2020-05-13T13:00:00", &["0 C", "30 A"]),
    ];
    let long: Vec<String> =
        (0..30).map(|n| format!("{} {}", n * 10, if n % 2 == 0 { "C" } else { "A" })).collect();
    let long: Vec<&str> = long.iter().map(String::as_str).collect();
    all.push(chat("c-9", "a1", "b-5", "2020-05-14T09:00:00", &long));
    for (at, chat) in all.iter_mut().enumerate() {
        chat.satisfied = [None, Some(true), Some(false)][at % 3];
        chat.completed = [Some(true), None, Some(false), Some(true)][at % 4];
    }
    all
}

fn ask(measure: pb::Measure) -> pb::ExplainFigureRequest {
    pb::ExplainFigureRequest {
        measure: measure.into(),
        days: days("2020-05-01", "2020-05-31"),
        page_size: 2,
        ..Default::default()
    }
}

/// The figure and all pages of what is behind it.
async fn explain(
    test: &TestMetrics,
    who: &TestCaller,
    mut request: pb::ExplainFigureRequest,
) -> ((i64, i64), Vec<pb::ExplainedConversation>) {
    let mut all = Vec::new();
    loop {
        let page = test.client.clone().explain_figure(test.by(who, request.clone())).await;
        let page = page.expect("explains").into_inner();
        all.extend(page.conversations);
        if page.next_page_token.is_empty() {
            return ((page.numerator, page.denominator), all);
        }
        request.page_token = page.next_page_token;
    }
}

fn measures() -> impl Iterator<Item = pb::Measure> {
    (1..).map_while(|number| pb::Measure::try_from(number).ok())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_parts_add_up_to_every_figure_and_those_left_out_say_why() {
    let test = TestMetrics::start().await;
    test.send(chats()).await;
    let mut reasons = HashSet::new();
    for measure in measures() {
        let (figure, rows) = explain(&test, &caller(), ask(measure)).await;
        assert_eq!(rows.len(), chats().len(), "{measure:?} lists every conversation once");
        let parts = rows.iter().fold((0, 0), |sum, row| (sum.0 + row.numerator, sum.1 + row.denominator));
        assert_eq!(parts, figure, "{measure:?}");
        for row in &rows {
            assert_eq!(row.counted, row.numerator != 0 || row.denominator != 0);
            assert!(row.counted || row.reason() != pb::ExplainReason::Unspecified, "{measure:?} {row:?}");
            reasons.insert(row.reason());
        }
        assert_ne!(figure.0, 0, "{measure:?} has something to explain");
    }
    // All but the one that only a definition with service hours gives.
    assert_eq!(reasons.len(), 13, "{reasons:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_before_the_cursor_on_its_day_is_not_counted_again_the_day_after() {
    let test = TestMetrics::start().await;
    let answered = &["0 C", "10 A"];
    test.send(vec![
        chat("c-1", "a1", "b-1", "2020-05-13T10:00:00", answered),
        chat("c-2", "a2", "b-2", "2020-05-13T10:00:00", answered),
        chat("c-3", "a1", "b-3", "2020-05-14T10:00:00", answered),
    ])
    .await;
    // The first page ends with the second account; the first one comes back on the next page.
    let (figure, rows) = explain(&test, &caller(), ask(pb::Measure::ActiveAccounts)).await;
    assert_eq!(figure, (2, 0));
    assert_eq!(rows.iter().map(|row| row.numerator).collect::<Vec<_>>(), [1, 1, 0]);
    assert_eq!(rows[2].reason(), pb::ExplainReason::RepeatAccount);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_figure_is_that_of_get_figures_for_any_filter() {
    let test = TestMetrics::start().await;
    test.send(chats()).await;
    let filter = Some(pb::Filter { account_ids: vec!["a1".to_owned()], ..Default::default() });
    let figures = pb::GetFiguresRequest {
        filter: filter.clone(),
        ..crate::support::asking(pb::Group::Account, "2020-05-01", "2020-05-31")
    };
    let figures = test.figures(figures).await;
    let row = &figures[0];
    let check = async |measure, expected| {
        let request = pb::ExplainFigureRequest { filter: filter.clone(), ..ask(measure) };
        assert_eq!(explain(&test, &caller(), request).await.0, expected, "{measure:?}");
    };
    let rate =
        |rate: &Option<proto::common::v1::Rate>| rate.map(|r| (r.numerator, r.denominator)).expect("a rate");
    let response = row.response.as_ref().expect("times");
    check(pb::Measure::ReceivedCustomers, (row.received_customers, 0)).await;
    check(pb::Measure::ReplyRate, rate(&row.reply_rate)).await;
    check(pb::Measure::InTimeRate, rate(&row.in_time_rate)).await;
    check(pb::Measure::Response, (response.sum_ms, response.count)).await;
    check(pb::Measure::LongChats, (row.long_chats, 0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_see_only_their_own_conversations() {
    let test = TestMetrics::start().await;
    test.send(chats()).await;
    test.person("p2", "a2", Some(("t1", false))).await;
    let agent = caller().person("p2").roles(&[Role::Agent]);
    let (figure, rows) = explain(&test, &agent, ask(pb::Measure::Conversations)).await;
    assert_eq!((figure.0, rows.len()), (3, 3));
    assert!(rows.iter().all(|row| row.account_id == "a2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_figure_does_not_have_is_refused_by_its_field() {
    let test = TestMetrics::start().await;
    let may = || ask(pb::Measure::Conversations);
    let hours = Some(pb::Filter { hours: vec![10], ..Default::default() });
    for (request, field) in [
        (ask(pb::Measure::Within), "within_seconds"),
        (pb::ExplainFigureRequest { within_seconds: Some(30), ..may() }, "within_seconds"),
        (pb::ExplainFigureRequest { within_seconds: Some(0), ..ask(pb::Measure::Within) }, "within_seconds"),
        (pb::ExplainFigureRequest { hour: Some(10), ..may() }, "days.to"),
        (pb::ExplainFigureRequest { hour: Some(24), ..may() }, "hour"),
        (pb::ExplainFigureRequest { hour: Some(10), ..ask(pb::Measure::Orders) }, "days.to"),
        (pb::ExplainFigureRequest { hour: Some(10), ..ask(pb::Measure::DistinctCustomers) }, "hour"),
        (pb::ExplainFigureRequest { filter: hours, ..may() }, "measure"),
    ] {
        let status = test.client.clone().explain_figure(test.by(&caller(), request)).await;
        let status = status.expect_err("is refused");
        let problem = status::Problem::from_status(&status);
        assert!(problem.violations.iter().any(|violation| violation.field == field), "{field}: {status:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_bot_did_alone_is_left_out_where_the_definition_says_so_and_listed_with_that_reason() {
    let test = TestMetrics::start_with(&[("definitions.check_seconds", "1")]).await;
    test.send(vec![
        chat("c-1", "a1", "b-1", "2020-05-13T10:00:00", &["0 C", "2 B"]),
        chat("c-2", "a1", "b-2", "2020-05-13T10:00:00", &["0 C", "2 B", "60 A"]),
        chat("c-3", "a1", "b-3", "2020-05-13T10:00:00", &["0 C"]),
    ])
    .await;
    let rules = pb::Rules {
        quick_replies_count: true,
        in_time_seconds: 180,
        long_chat_threshold: 10,
        bot_only: pb::BotOnly::LeftOut.into(),
        ..Default::default()
    };
    let definition = pb::Definition {
        definition_id: "persons".to_owned(),
        name: "persons who reached a human".to_owned(),
        rules: Some(rules),
        ..Default::default()
    };
    let put = pb::PutDefinitionRequest { definition: Some(definition), ..Default::default() };
    test.client.clone().put_definition(test.by(&caller(), put)).await.expect("puts");
    test.built().await;
    let of = |id: &str| Some(pb::DefinitionRef { definition_id: id.to_owned(), version: 1 });
    let rate = |rate: Option<proto::common::v1::Rate>| rate.map(|r| (r.numerator, r.denominator));
    for (id, answered) in [("standard", Some((1, 3))), ("persons", Some((1, 2)))] {
        let request = pb::GetFiguresRequest {
            definition: of(id),
            ..crate::support::asking(pb::Group::Shop, "2020-05-13", "2020-05-13")
        };
        let row = test.figures(request).await.remove(0);
        assert_eq!(rate(row.reply_rate), answered, "{id}");
        assert_eq!(rate(row.in_time_rate), answered, "{id}");
        assert_eq!(rate(row.in_time_customers), answered, "{id}");
        assert_eq!((row.conversations, row.customer_messages), (3, 3), "{id}");
    }
    for measure in [pb::Measure::ReplyRate, pb::Measure::InTimeRate, pb::Measure::InTimeCustomers] {
        let request = pb::ExplainFigureRequest { definition: of("persons"), ..ask(measure) };
        let (figure, rows) = explain(&test, &caller(), request).await;
        assert_eq!(figure, (1, 2), "{measure:?}");
        assert_eq!((rows[0].counted, rows[0].reason()), (false, pb::ExplainReason::BotOnly), "{measure:?}");
        assert!(rows[2].counted, "whom nobody served stays in: {measure:?}");
    }
}
