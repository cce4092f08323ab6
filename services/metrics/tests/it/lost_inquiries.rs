//! Lost inquiries: who asked and did not buy, why, and what people decide of it.

use proto::access::Role;
use proto::metrics::v1 as pb;
use proto::metrics::v1::fact::Body;
use proto::metrics::v1::lost_inquiry_service_client::LostInquiryServiceClient;
use testkit::{TestCaller, caller};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::fact_support::{fact, fen, of, order, payment, refund, review, revised, yuan};
use crate::support::{TestMetrics, asking, chat, date, days, reason};

pub const CHAT: &[&str] = &["0 C", "20 A", "40 C", "60 A"];

pub fn client(test: &TestMetrics) -> LostInquiryServiceClient<Channel> {
    LostInquiryServiceClient::new(test.channel.clone())
}

pub fn cart(product: &str, amount: i64) -> Body {
    Body::Cart(pb::Cart { product_id: product.to_owned(), quantity: 1, amount: yuan(amount) })
}

pub fn in_may() -> pb::ListLostInquiriesRequest {
    pb::ListLostInquiriesRequest {
        days: days("2020-05-01", "2020-05-31"),
        page_size: 2,
        ..Default::default()
    }
}

/// All pages, when everything is counted.
pub async fn list_as(
    test: &TestMetrics,
    who: &TestCaller,
    mut asked: pb::ListLostInquiriesRequest,
) -> Vec<pb::LostInquiry> {
    test.counted().await;
    let mut all = Vec::new();
    loop {
        let page =
            client(test).list_lost_inquiries(test.by(who, asked.clone())).await.expect("lists").into_inner();
        assert!(!page.pending);
        all.extend(page.lost_inquiries);
        if page.next_page_token.is_empty() {
            return all;
        }
        asked.page_token = page.next_page_token;
    }
}

pub async fn list(test: &TestMetrics, asked: pb::ListLostInquiriesRequest) -> Vec<pb::LostInquiry> {
    list_as(test, &caller(), asked).await
}

fn customer(inquiry: &pb::LostInquiry) -> &str {
    inquiry.key.as_ref().map(|key| key.customer_id.as_str()).expect("a key")
}

pub fn customers(inquiries: &[pb::LostInquiry]) -> Vec<&str> {
    inquiries.iter().map(customer).collect()
}

fn signals(inquiry: &pb::LostInquiry) -> Vec<pb::LossSignal> {
    inquiry.evidence.iter().map(pb::LossEvidence::signal).collect()
}

pub async fn decide_as(
    test: &TestMetrics,
    who: &TestCaller,
    at: &pb::LostInquiry,
    reason: &str,
    request_id: &str,
) -> Result<pb::LostInquiry, Status> {
    let message = pb::DecideLostInquiryRequest {
        key: at.key.clone(),
        reason_id: reason.to_owned(),
        note: "买家13812345678嫌贵".to_owned(),
        etag: at.etag.clone(),
        request_id: request_id.to_owned(),
    };
    let decided = client(test).decide_lost_inquiry(test.by(who, message)).await?;
    Ok(decided.into_inner().lost_inquiry.expect("a lost inquiry"))
}

pub async fn report(test: &TestMetrics, by: &[pb::LossDimension]) -> pb::GetLossReportResponse {
    report_as(test, &caller(), by).await
}

/// All pages in one.
pub async fn report_as(
    test: &TestMetrics,
    who: &TestCaller,
    by: &[pb::LossDimension],
) -> pb::GetLossReportResponse {
    test.counted().await;
    let mut asked = pb::GetLossReportRequest {
        days: days("2020-05-01", "2020-05-31"),
        by: by.iter().map(|dimension| (*dimension).into()).collect(),
        page_size: 2,
        ..Default::default()
    };
    let mut rows = Vec::new();
    loop {
        let page =
            client(test).get_loss_report(test.by(who, asked.clone())).await.expect("reports").into_inner();
        rows.extend(page.rows.clone());
        if page.next_page_token.is_empty() {
            return pb::GetLossReportResponse { rows, ..page };
        }
        asked.page_token = page.next_page_token;
    }
}

pub fn field(status: &Status) -> String {
    let violations = status::Problem::from_status(status).violations;
    violations.into_iter().map(|violation| violation.field).next().unwrap_or_default()
}

/// b-1 does not order, b-2 does not pay, b-3 buys, b-4 meets only a bot, b-5 asks about an order of the day before.
async fn a_day(test: &TestMetrics) {
    let asks = |id: &str, customer: &str| chat(id, "a-1", customer, "2020-05-13T10:00:00", CHAT);
    test.send(vec![
        asks("c-1", "b-1"),
        asks("c-2", "b-2"),
        asks("c-3", "b-3"),
        chat("c-4", "a-2", "b-4", "2020-05-13T10:00:00", &["0 C", "5 B", "9 C"]),
        asks("c-5", "b-5"),
    ])
    .await;
    test.send_facts(vec![
        of("b-2", fact("o-2", "2020-05-14T12:00:00", order(&["p-1", "p-2"]))),
        of("b-3", fact("o-3", "2020-05-13T12:00:00", order(&["p-1"]))),
        of("b-3", fact("y-3", "2020-05-17T23:00:00", payment("o-3", 10_000))),
        of("b-5", fact("o-5", "2020-05-12T12:00:00", order(&["p-1"]))),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_did_not_buy_is_listed_and_goes_when_it_is_paid_after_all() {
    let test = TestMetrics::start().await;
    a_day(&test).await;
    let lost = list(&test, in_may()).await;
    assert_eq!(customers(&lost), ["b-1", "b-2", "b-4"]);
    let kinds: Vec<_> = lost.iter().map(pb::LostInquiry::kind).collect();
    assert_eq!(kinds, [pb::LossKind::NotOrdered, pb::LossKind::NotPaid, pb::LossKind::NotAnswered]);
    let unpaid = &lost[1];
    assert_eq!(
        (unpaid.order_id.as_str(), unpaid.product_id.as_str(), fen(unpaid.amount.as_ref())),
        ("o-2", "p-1", 20_000)
    );
    assert_eq!(
        (unpaid.window_ends, unpaid.open, unpaid.definition_version),
        (Some(date("2020-05-17")), false, 1)
    );
    assert_eq!(unpaid.conversation.as_ref().map(|c| c.conversation_id.as_str()), Some("c-2"));

    let figures = test.figures(asking(pb::Group::Merchant, "2020-05-01", "2020-05-31")).await;
    let told = report(&test, &[pb::LossDimension::Kind]).await;
    assert_eq!((figures[0].inquiries, told.inquiries), (3, 3), "b-4 was not received, b-5 ordered before");
    let counts: Vec<_> = told.rows.iter().map(|row| (row.kind(), row.lost)).collect();
    assert_eq!(
        counts,
        [(pb::LossKind::NotAnswered, 1), (pb::LossKind::NotOrdered, 1), (pb::LossKind::NotPaid, 1)]
    );
    assert_eq!(told.total.map(|total| (total.lost, fen(total.amount.as_ref()))), Some((3, 20_000)));

    // One is paid in time after all, one orders and pays when the window is over.
    test.send_facts(vec![
        of("b-2", fact("y-2", "2020-05-17T12:00:00", payment("o-2", 20_000))),
        fact("o-1", "2020-05-18T12:00:00", order(&["p-3"])),
        fact("y-1", "2020-05-18T13:00:00", payment("o-1", 10_000)),
    ])
    .await;
    let lost = list(&test, in_may()).await;
    assert_eq!(customers(&lost), ["b-1", "b-4"]);
    assert_eq!(lost[0].later_paid_day, Some(date("2020-05-18")));
    assert_eq!(report(&test, &[]).await.total.map(|total| total.later_paid), Some(1));

    // A customer who was told to be somebody else has nothing here any more.
    let moved = pb::Conversation { revision: 1, ..chat("c-1", "a-1", "b-9", "2020-05-13T10:00:00", CHAT) };
    test.send(vec![moved]).await;
    assert_eq!(customers(&list(&test, in_may()).await), ["b-9", "b-4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_excluded_order_is_no_loss_and_a_window_may_still_be_open() {
    let test = TestMetrics::start().await;
    test.send(vec![
        chat("c-1", "a-1", "b-1", "2020-05-13T10:00:00", CHAT),
        chat("c-2", "a-1", "b-2", "2020-06-28T10:00:00", CHAT),
    ])
    .await;
    let mut special = fact("o-1", "2020-05-13T12:00:00", order(&["p-1"]));
    if let Some(Body::Order(order)) = &mut special.body {
        order.excluded_reason = "刷单".to_owned();
    }
    test.send_facts(vec![special.clone()]).await;
    assert_eq!(list(&test, in_may()).await, []);
    test.send_facts(vec![revised(fact("o-1", "2020-05-13T12:00:00", order(&["p-1"])), 1)]).await;
    assert_eq!(customers(&list(&test, in_may()).await), ["b-1"]);

    let june = pb::ListLostInquiriesRequest { days: days("2020-06-01", "2020-06-30"), ..in_may() };
    assert_eq!(list(&test, june.clone()).await, []);
    let open = pb::ListLostInquiriesRequest { include_open: true, ..june.clone() };
    assert!(list(&test, open).await[0].open);
    test.clock.set("2020-07-03T00:00:00+08:00");
    assert_eq!(customers(&list(&test, june).await), ["b-2"], "time alone makes it lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rule_that_fires_is_named_with_its_numbers() {
    let test = TestMetrics::start().await;
    let on_13 = |id: &str, messages: &[&str]| chat(id, "a-1", id, "2020-05-13T10:00:00", messages);
    let at = "2020-05-13T11:00:00";
    let conversation =
        |id: &str| Some(pb::FactConversation { channel: "chat".to_owned(), conversation_id: id.to_owned() });
    test.send(vec![
        on_13("silence", &["0 C", "60 C"]),
        on_13("bot", &["0 C", "5 B"]),
        on_13("waiting", &["0 C", "20 A", "40 C", "50 C"]),
        on_13("slow", &["0 C", "500 A"]),
        on_13("asked", &["0 C", "20 A"]),
        on_13("talked", CHAT),
        on_13("talked-more", &["0 C", "20 A", "40 C", "60 A", "80 C", "90 A"]),
        on_13("cart", CHAT),
        on_13("score", CHAT),
        on_13("unknown", CHAT),
        on_13("offered", CHAT),
        on_13("trouble", CHAT),
        on_13("left-alone", CHAT),
        on_13("dear", CHAT),
        chat("chased", "a-2", "dear", "2020-05-14T10:00:00", CHAT),
    ])
    .await;
    test.send_facts(vec![
        of("cart", fact("k-1", at, cart("p-7", 5_000))),
        of("cart", fact("k-2", at, cart("p-8", 7_000))),
        of(
            "score",
            fact(
                "s-1",
                at,
                Body::Satisfaction(pb::Satisfaction { conversation: conversation("score"), score: 2 }),
            ),
        ),
        of(
            "unknown",
            fact(
                "q-1",
                at,
                Body::BotEvent(pb::BotEvent {
                    outcome: pb::BotOutcome::Unanswered.into(),
                    question_class: pb::BotQuestionClass::Own.into(),
                    product_id: "p-9".to_owned(),
                    conversation: conversation("unknown"),
                    ..Default::default()
                }),
            ),
        ),
        of(
            "offered",
            fact(
                "n-1",
                at,
                Body::Recommendation(pb::Recommendation {
                    product_id: "p-6".to_owned(),
                    kind: pb::RecommendationKind::Recommend.into(),
                    conversation: conversation("offered"),
                }),
            ),
        ),
        of("trouble", fact("r-1", "2020-04-20T10:00:00", refund("o-0", 1, pb::RefundKind::Return, None))),
        of("trouble", fact("v-1", "2020-01-20T10:00:00", review("o-0", pb::ReviewRating::Bad, ""))),
        of("left-alone", fact("o-1", at, order(&["p-1"]))),
        of("dear", fact("o-2", "2020-03-01T10:00:00", order(&["p-1"]))),
        of("dear", fact("y-2", "2020-03-01T10:00:00", payment("o-2", 10_000))),
        of("dear", fact("o-3", "2020-03-02T10:00:00", order(&["p-1"]))),
        of("dear", fact("y-3", "2020-03-02T10:00:00", payment("o-3", 10_000))),
        of("dear", fact("o-4", at, order(&["p-1", "p-2"]))),
    ])
    .await;
    let lost = list(&test, in_may()).await;
    let check = |customer: &str, expected: &[pb::LossSignal], numbers: (i64, i64, i32)| {
        let found = lost.iter().find(|inquiry| self::customer(inquiry) == customer).expect(customer);
        assert_eq!(signals(found), expected, "{customer}");
        let surest = &found.evidence[0];
        assert_eq!((surest.value, surest.limit, surest.confidence), numbers, "{customer}");
    };
    use pb::LossSignal as S;
    check("silence", &[S::NoReply], (2, 0, 95));
    check("bot", &[S::BotOnly], (1, 0, 80));
    check("waiting", &[S::LeftWaiting], (2, 0, 75));
    check("slow", &[S::SlowReply], (500_000, 180_000, 65));
    check("asked", &[S::LeftAfterAnswer], (1, 0, 40));
    check("talked", &[S::LeftAfterAnswer], (2, 0, 40));
    check("talked-more", &[S::TalkEnded], (3, 0, 20));
    check("cart", &[S::CartLeft, S::LeftAfterAnswer], (12_000, 0, 60));
    check("score", &[S::Dissatisfied, S::LeftAfterAnswer], (2, 4, 70));
    check("unknown", &[S::UnknownAnswer, S::LeftAfterAnswer], (1, 0, 60));
    check("offered", &[S::RecommendationDeclined, S::LeftAfterAnswer], (1, 0, 50));
    check("trouble", &[S::EarlierTrouble, S::LeftAfterAnswer], (1, 0, 45));
    check("left-alone", &[S::NotChased], (4, 0, 60));
    check("dear", &[S::AboveUsual, S::UnpaidThoughChased], (20_000, 10_000, 65));
    let product = |customer: &str| {
        let found = lost.iter().find(|inquiry| self::customer(inquiry) == customer);
        found.map(|inquiry| inquiry.product_id.clone()).expect(customer)
    };
    assert_eq!(["cart", "offered", "unknown", "slow"].map(product), ["p-8", "p-6", "p-9", ""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_sees_and_decides_what_is_theirs() {
    let test = TestMetrics::start().await;
    test.person("p1", "a-1", Some(("t1", false))).await;
    test.person("p2", "a-2", Some(("t1", true))).await;
    test.person("p3", "a-3", Some(("t2", false))).await;
    let asks = |account: &str| {
        chat(&format!("c-{account}"), account, &format!("b-{account}"), "2020-05-13T10:00:00", CHAT)
    };
    test.send(["a-1", "a-2", "a-3"].map(asks).to_vec()).await;
    let agent = |person: &str| caller().person(person).roles(&[Role::Agent]);
    let lead = caller().person("p2").roles(&[Role::Lead]);
    assert_eq!(customers(&list(&test, in_may()).await), ["b-a-1", "b-a-2", "b-a-3"]);
    assert_eq!(customers(&list_as(&test, &agent("p1"), in_may()).await), ["b-a-1"]);
    assert_eq!(customers(&list_as(&test, &lead, in_may()).await), ["b-a-1", "b-a-2"]);
    assert_eq!(list_as(&test, &caller().of("other"), in_may()).await, []);
    let of_p3 = pb::ListLostInquiriesRequest {
        filter: Some(pb::Filter { person_ids: vec!["p3".to_owned()], ..Default::default() }),
        ..in_may()
    };
    let others = list(&test, of_p3.clone()).await;
    assert_eq!(customers(&others), ["b-a-3"]);
    assert_eq!(list_as(&test, &lead, of_p3).await, []);
    assert_eq!(report_as(&test, &lead, &[]).await.total.map(|total| total.lost), Some(2));

    let far = decide_as(&test, &lead, &others[0], "price", "").await.expect_err("is another team's");
    assert_eq!((far.code(), reason(&far).as_str()), (Code::NotFound, "LOST_INQUIRY_NOT_FOUND"));
    let get = pb::GetLostInquiryRequest { key: others[0].key.clone() };
    let hidden = client(&test).get_lost_inquiry(test.by(&agent("p1"), get)).await.expect_err("is another's");
    assert_eq!(reason(&hidden), "LOST_INQUIRY_NOT_FOUND");
    decide_as(&test, &agent("p3"), &others[0], "price", "").await.expect("is theirs");
    let reviewer = caller().person("p9").roles(&[Role::Reviewer]);
    let refused = decide_as(&test, &reviewer, &others[0], "price", "").await.expect_err("only reads");
    assert_eq!(refused.code(), Code::PermissionDenied);
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_refused_with_its_field() {
    let test = TestMetrics::start().await;
    let check = async |edit: fn(&mut pb::ListLostInquiriesRequest), expected: &str| {
        let mut asked = in_may();
        edit(&mut asked);
        let refused = client(&test).list_lost_inquiries(test.by(&caller(), asked)).await.expect_err(expected);
        assert_eq!((refused.code(), field(&refused).as_str()), (Code::InvalidArgument, expected));
    };
    check(|asked| asked.days = None, "days").await;
    check(|asked| asked.days = days("2020-05-02", "2020-05-01"), "days.to").await;
    check(|asked| asked.days = days("2018-05-02", "2020-05-01"), "days.to").await;
    check(|asked| asked.kinds = vec![0], "kinds[0]").await;
    check(|asked| asked.product_ids = vec!["\0".to_owned()], "product_ids").await;
    check(|asked| asked.page_size = -1, "page_size").await;
    let key = pb::LostInquiryKey { business_day: Some(date("2020-05-13")), ..Default::default() };
    let get = pb::GetLostInquiryRequest { key: Some(key) };
    let refused = client(&test).get_lost_inquiry(test.by(&caller(), get)).await.expect_err("names nobody");
    assert_eq!(field(&refused), "key.shop_id");
}
