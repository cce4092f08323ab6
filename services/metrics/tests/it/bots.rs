//! What becomes of questions to the bot, and the ranking of those it cannot answer.

use proto::access::Role;
use proto::metrics::v1 as pb;
use proto::metrics::v1::bot_service_client::BotServiceClient;
use proto::metrics::v1::fact::Body;
use testkit::caller;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::fact_support::{fact, parts};
use crate::support::{TestMetrics, asking, days};

use pb::BotOutcome::{Accepted, Answered, Transferred, Unanswered};
use pb::BotQuestionClass::{General, Industry, Own};

fn client(test: &TestMetrics) -> BotServiceClient<Channel> {
    BotServiceClient::new(test.channel.clone())
}

struct Asked {
    at: &'static str,
    customer: &'static str,
    outcome: pb::BotOutcome,
    class: pb::BotQuestionClass,
    question: &'static str,
    product: &'static str,
    scene: &'static str,
}

fn asked(
    at: &'static str,
    customer: &'static str,
    outcome: pb::BotOutcome,
    class: pb::BotQuestionClass,
    (question, product, scene): (&'static str, &'static str, &'static str),
) -> Asked {
    Asked { at, customer, outcome, class, question, product, scene }
}

/// Two weeks of questions: 9 in the second, 2 in the first.
async fn shop() -> TestMetrics {
    let test = TestMetrics::start().await;
    let events = [
        asked("2020-05-11T10:00:00", "a", Answered, General, ("怎么退货", "", "after-sale")),
        asked("2020-05-11T10:01:00", "a", Accepted, General, ("怎么退货？", "", "after-sale")),
        asked("2020-05-11T10:02:00", "b", Transferred, Own, ("能改地址吗", "p1", "shipping")),
        asked("2020-05-12T10:00:00", "a", Unanswered, Own, ("能机洗吗", "p1", "before-sale")),
        asked("2020-05-13T10:00:00", "a", Unanswered, Own, ("能机洗吗？", "p2", "before-sale")),
        asked("2020-05-14T10:00:00", "b", Unanswered, Own, ("能机洗吗！", "p1", "before-sale")),
        asked("2020-05-14T11:00:00", "c", Unanswered, Industry, ("身高165穿多大", "p1", "before-sale")),
        asked("2020-05-15T11:00:00", "d", Unanswered, Industry, ("身高 170 穿多大？", "p1", "before-sale")),
        asked("2020-05-15T12:00:00", "d", Unanswered, Industry, ("？？", "", "")),
        asked("2020-05-05T10:00:00", "a", Unanswered, Own, ("能机洗吗", "p1", "before-sale")),
        asked("2020-05-06T10:00:00", "a", Accepted, General, ("怎么退货", "", "after-sale")),
    ];
    let facts = events.into_iter().enumerate().map(|(at, event)| pb::Fact {
        customer_id: event.customer.to_owned(),
        account_id: "bot".to_owned(),
        ..fact(
            &format!("e{at}"),
            event.at,
            Body::BotEvent(pb::BotEvent {
                outcome: event.outcome.into(),
                question_class: event.class.into(),
                question: event.question.to_owned(),
                product_id: event.product.to_owned(),
                scene: event.scene.to_owned(),
                ..Default::default()
            }),
        )
    });
    test.send_facts(facts.collect()).await;
    test.counted().await;
    test
}

fn week(facet: pb::BotFacet) -> pb::GetBotFiguresRequest {
    pb::GetBotFiguresRequest {
        days: days("2020-05-11", "2020-05-17"),
        facet: facet.into(),
        ..Default::default()
    }
}

async fn figures(test: &TestMetrics, message: pb::GetBotFiguresRequest) -> pb::GetBotFiguresResponse {
    client(test).get_bot_figures(test.by(&caller(), message)).await.expect("answers").into_inner()
}

/// Key, questions, answered, accepted, transferred, unanswered.
fn counts(figures: Option<&pb::BotFigures>) -> (String, [i64; 5]) {
    let f = figures.expect("figures");
    (f.key.clone(), [f.questions, f.answered, f.accepted, f.transferred, f.unanswered])
}

async fn open(
    test: &TestMetrics,
    message: pb::ListUnansweredQuestionsRequest,
) -> pb::ListUnansweredQuestionsResponse {
    let answer = client(test).list_unanswered_questions(test.by(&caller(), message)).await;
    answer.expect("answers").into_inner()
}

/// The row as explained, and all pages of the events behind it.
async fn behind(test: &TestMetrics, filter: pb::BotFilter) -> (pb::BotFigures, Vec<pb::ExplainedBotEvent>) {
    let mut message = pb::ExplainBotFiguresRequest {
        days: days("2020-05-11", "2020-05-17"),
        filter: Some(filter),
        page_size: 2,
        page_token: String::new(),
    };
    let mut events = Vec::new();
    loop {
        let page = client(test).explain_bot_figures(test.by(&caller(), message.clone())).await;
        let page = page.expect("explains").into_inner();
        events.extend(page.events);
        if page.next_page_token.is_empty() {
            return (page.figures.expect("figures"), events);
        }
        message.page_token = page.next_page_token;
    }
}

/// Questions, answered, accepted, transferred, unanswered.
fn recount(events: &[pb::ExplainedBotEvent]) -> [i64; 5] {
    let of = |outcome: pb::BotOutcome| {
        let outcomes = events.iter().filter_map(|event| event.event.as_ref()).map(pb::BotEvent::outcome);
        outcomes.filter(|found| *found == outcome).count() as i64
    };
    [events.len() as i64, of(Answered), of(Accepted), of(Transferred), of(Unanswered)]
}

fn this_week() -> pb::ListUnansweredQuestionsRequest {
    pb::ListUnansweredQuestionsRequest { days: days("2020-05-11", "2020-05-17"), ..Default::default() }
}

fn mark(text: &str, state: pb::BotQuestionState, note: &str) -> pb::MarkQuestionRequest {
    pb::MarkQuestionRequest {
        text: text.to_owned(),
        state: state.into(),
        note: note.to_owned(),
        request_id: String::new(),
    }
}

async fn put(
    test: &TestMetrics,
    message: pb::MarkQuestionRequest,
) -> Result<pb::MarkQuestionResponse, Status> {
    Ok(client(test).mark_question(test.by(&caller(), message)).await?.into_inner())
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_by_facet_add_up_to_those_of_the_api() {
    let test = shop().await;
    let all = figures(&test, week(pb::BotFacet::All)).await;
    let whole = all.whole.expect("a whole");
    assert_eq!(counts(whole.figures.as_ref()), (String::new(), [9, 1, 1, 1, 6]));
    assert_eq!(counts(whole.previous.as_ref()), (String::new(), [2, 0, 1, 0, 1]));
    // The same as the figures of the bot's account.
    let api = test.figures(asking(pb::Group::Merchant, "2020-05-11", "2020-05-17")).await.remove(0);
    let bot = whole.figures.expect("figures");
    assert_eq!(bot.questions, api.bot_questions);
    assert_eq!(parts(bot.handling_rate), parts(api.bot_handling_rate));
    assert_eq!(parts(bot.acceptance_rate), parts(api.bot_acceptance_rate));
    assert_eq!(parts(bot.transfer_rate), parts(api.bot_transfer_rate));
    assert_eq!(parts(bot.unanswered_rate), parts(api.bot_unanswered_rate));

    for (facet, expected) in [
        (
            pb::BotFacet::Class,
            vec![
                ("BOT_QUESTION_CLASS_OWN", 4),
                ("BOT_QUESTION_CLASS_INDUSTRY", 3),
                ("BOT_QUESTION_CLASS_GENERAL", 2),
            ],
        ),
        (pb::BotFacet::Product, vec![("p1", 5), ("", 3), ("p2", 1)]),
        (pb::BotFacet::Scene, vec![("before-sale", 5), ("after-sale", 2), ("", 1), ("shipping", 1)]),
        (pb::BotFacet::Campaign, vec![("", 9)]),
        (pb::BotFacet::Shop, vec![("star", 9)]),
    ] {
        // A page at a time.
        let (mut message, mut rows) = (pb::GetBotFiguresRequest { page_size: 2, ..week(facet) }, Vec::new());
        loop {
            let page = figures(&test, message.clone()).await;
            assert_eq!(counts(page.whole.expect("a whole").figures.as_ref()).1[0], 9);
            rows.extend(page.rows.iter().map(|row| counts(row.figures.as_ref())));
            if page.next_page_token.is_empty() {
                break;
            }
            message.page_token = page.next_page_token;
        }
        let told: Vec<_> = rows.iter().map(|(key, counts)| (key.as_str(), counts[0])).collect();
        assert_eq!(told, expected, "{facet:?}");
    }
    let filter =
        pb::BotFilter { product_ids: vec!["p1".to_owned()], classes: vec![Own.into()], ..Default::default() };
    let narrow = pb::GetBotFiguresRequest { filter: Some(filter.clone()), ..week(pb::BotFacet::All) };
    let narrow = figures(&test, narrow).await.whole.expect("a whole").figures.expect("figures");
    assert_eq!(counts(Some(&narrow)).1, [3, 0, 0, 1, 2]);

    // What is behind each row, counted again.
    let (told, events) = behind(&test, filter).await;
    assert_eq!(told, narrow);
    assert_eq!(recount(&events), counts(Some(&narrow)).1);
    let nothing = pb::BotFilter { product_ids: vec![String::new()], ..Default::default() };
    let (told, events) = behind(&test, nothing).await;
    assert_eq!((recount(&events), told.questions), (counts(Some(&told)).1, 3));
    let (told, events) = behind(&test, pb::BotFilter::default()).await;
    assert_eq!((recount(&events), told.questions), (counts(Some(&told)).1, 9));
    let asked: Vec<_> = events.iter().map(|event| event.occurred_at.expect("a time").seconds).collect();
    assert!(asked.is_sorted());
    assert!(events.iter().all(|event| event.account_id == "bot" && event.shop_id == "star"));
}

#[tokio::test(flavor = "multi_thread")]
async fn unanswered_questions_are_ranked_and_marked() {
    let test = shop().await;
    let found = open(&test, this_week()).await;
    assert_eq!(found.without_text, 1);
    let [wash, size] = found.questions.as_slice() else { panic!("{found:?}") };
    assert_eq!((wash.count, wash.customers, wash.previous_count), (3, 2, 1));
    assert_eq!((size.count, size.customers, size.previous_count), (2, 2, 0));
    let products: Vec<_> = wash.products.iter().map(|p| (p.product_id.as_str(), p.count)).collect();
    assert_eq!(products, [("p1", 2), ("p2", 1)]);
    let with = pb::ListUnansweredQuestionsRequest { include_transferred: true, ..this_week() };
    assert_eq!(open(&test, with).await.questions.len(), 3);
    let first = open(&test, pb::ListUnansweredQuestionsRequest { page_size: 1, ..this_week() }).await;
    let next =
        pb::ListUnansweredQuestionsRequest { page_size: 1, page_token: first.next_page_token, ..this_week() };
    assert_eq!(open(&test, next).await.questions[0].question_id, size.question_id);

    // In any wording; the note goes without the buyer's number.
    test.clock.set("2020-06-30T10:00:00+08:00");
    let note = "已加入知识库，问过13812345678";
    let marked = put(&test, mark("能 机洗 吗???", pb::BotQuestionState::Handled, note)).await.expect("marks");
    assert_eq!(marked.question_id, wash.question_id);
    assert!(!marked.mark.expect("a mark").note.contains("13812345678"));
    let found = open(&test, this_week()).await.questions;
    let kept = found[0].mark.as_ref().expect("a mark");
    assert_eq!((kept.state(), kept.marked_by.as_str()), (pb::BotQuestionState::Handled, "somebody"));
    assert_eq!(found[0].count_since_mark, 0, "it was asked before it was handled");
    let states = |state: pb::BotQuestionState| pb::ListUnansweredQuestionsRequest {
        states: vec![state.into()],
        ..this_week()
    };
    let ids = |found: pb::ListUnansweredQuestionsResponse| {
        found.questions.into_iter().map(|question| question.question_id).collect::<Vec<_>>()
    };
    assert_eq!(ids(open(&test, states(pb::BotQuestionState::Open)).await), [size.question_id.as_str()]);
    assert_eq!(ids(open(&test, states(pb::BotQuestionState::Handled)).await), [wash.question_id.as_str()]);
    // Taken back.
    let open_again = mark("能机洗吗", pb::BotQuestionState::Open, "");
    assert!(put(&test, open_again).await.expect("takes it back").mark.is_none());
    assert_eq!(open(&test, states(pb::BotQuestionState::Open)).await.questions.len(), 2);
    let audited =
        format!("SELECT count(*) FROM audit_entries WHERE entity = 'bot_question/{}'", wash.question_id);
    assert_eq!(test.count(&audited).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_comes_back_after_it_was_handled_is_told() {
    let test = shop().await;
    let sql =
        "INSERT INTO bot_question_marks SELECT 'demo', $1, 'handled', '', 'u', '2020-05-13T12:00:00+08:00'";
    let id = open(&test, this_week()).await.questions[0].question_id.clone();
    let client = test.pool.side_client().await.expect("connects");
    client.execute(sql, &[&id]).await.expect("puts the mark in");
    assert_eq!(open(&test, this_week()).await.questions[0].count_since_mark, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_callers_and_wrong_requests_are_refused() {
    let test = shop().await;
    let other = caller().of("other");
    let found = self::client(&test).list_unanswered_questions(test.by(&other, this_week())).await;
    assert!(found.expect("answers").into_inner().questions.is_empty());
    for role in [Role::Agent, Role::Hr, Role::Warehouse] {
        let who = caller().person("p1").roles(&[role]);
        let refused = client(&test).get_bot_figures(test.by(&who, week(pb::BotFacet::All))).await;
        assert_eq!(refused.expect_err("is refused").code(), Code::PermissionDenied);
    }
    let reviewer = caller().person("p1").roles(&[Role::Reviewer]);
    let refused = client(&test)
        .mark_question(test.by(&reviewer, mark("能机洗吗", pb::BotQuestionState::Handled, "")))
        .await;
    assert_eq!(refused.expect_err("may only read").code(), Code::PermissionDenied);
    for (message, field) in [
        (mark("？？", pb::BotQuestionState::Handled, ""), "text"),
        (mark("能机洗吗", pb::BotQuestionState::Open, "why"), "note"),
        (mark("能机洗吗", pb::BotQuestionState::Unspecified, ""), "state"),
    ] {
        let status = put(&test, message).await.expect_err("is refused");
        let problem = status::Problem::from_status(&status);
        assert!(problem.violations.iter().any(|violation| violation.field == field), "{field}: {status:?}");
    }
    let long = pb::GetBotFiguresRequest { days: days("2018-01-01", "2020-01-01"), ..week(pb::BotFacet::All) };
    let refused = client(&test).get_bot_figures(test.by(&caller(), long)).await.expect_err("is too long");
    assert_eq!(refused.code(), Code::InvalidArgument);
    // One request id, one mark.
    let once = pb::MarkQuestionRequest {
        request_id: "r".to_owned(),
        ..mark("能机洗吗", pb::BotQuestionState::Planned, "")
    };
    let first = put(&test, once.clone()).await.expect("marks");
    assert_eq!(put(&test, once).await.expect("is the same").question_id, first.question_id);
    assert_eq!(test.count("SELECT count(*) FROM audit_entries WHERE entity LIKE 'bot_question/%'").await, 1);
}
