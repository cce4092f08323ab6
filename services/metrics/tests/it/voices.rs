//! Voice of the customer: counted, followed, handed over, answered.

use proto::access::Role;
use proto::metrics::v1 as pb;
use proto::metrics::v1::fact::Body;
use proto::metrics::v1::issue_service_client::IssueServiceClient;
use proto::metrics::v1::voice_service_client::VoiceServiceClient;
use testkit::caller;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::fact_support::{fact, order, review, yuan};
use crate::support::{TestMetrics, chat, date, days, reason};

fn client(test: &TestMetrics) -> VoiceServiceClient<Channel> {
    VoiceServiceClient::new(test.channel.clone())
}

fn refund(order: &str, reason: &str) -> Body {
    Body::Refund(pb::Refund {
        order_id: order.to_owned(),
        amount: yuan(100),
        kind: pb::RefundKind::RefundOnly.into(),
        reason: reason.to_owned(),
        ..Default::default()
    })
}

fn complaint(order: &str, cause: &str, upheld: Option<bool>) -> Body {
    Body::Complaint(pb::Complaint {
        order_id: order.to_owned(),
        conversation: Some(pb::FactConversation {
            channel: "chat".to_owned(),
            conversation_id: format!("c-{order}"),
        }),
        severity: pb::ComplaintSeverity::Ordinary.into(),
        cause: cause.to_owned(),
        upheld,
        closed_at: None,
    })
}

/// An order whose second product cost more.
fn of_two() -> Body {
    match order(&["p-1", "p-2"]) {
        Body::Order(mut order) => {
            order.lines[1].amount = yuan(15_000);
            order.lines[0].amount = yuan(5_000);
            Body::Order(order)
        }
        other => other,
    }
}

/// In May eight refunds for the size of p-2, one in April; a complaint that stands and one that was turned down; a bad
/// review of p-3 and one that was recovered; a customer who asked and left.
async fn may(test: &TestMetrics) {
    let mut facts = vec![
        fact("o-1", "2020-04-01T10:00:00", of_two()),
        fact("r-0", "2020-04-20T10:00:00", refund("o-1", "尺码不合")),
        fact("k-1", "2020-05-10T10:00:00", complaint("o-1", "发货慢", None)),
        fact("k-2", "2020-05-11T10:00:00", complaint("o-1", "发货慢", Some(false))),
        fact("v-1", "2020-05-12T10:00:00", review("o-9", pb::ReviewRating::Bad, "")),
        fact("v-2", "2020-05-12T10:00:00", review("o-1", pb::ReviewRating::Good, "")),
    ];
    if let Some(Body::BuyerReview(review)) = &mut facts[4].body {
        review.product_id = "p-3".to_owned();
    }
    for day in 1..=8 {
        facts.push(pb::Fact {
            customer_id: format!("b-{}", day % 4),
            ..fact(&format!("r-{day}"), &format!("2020-05-0{day}T10:00:00"), refund("o-1", "尺码不合"))
        });
    }
    let mut special = fact("o-7", "2020-05-01T10:00:00", order(&["p-2"]));
    if let Some(Body::Order(order)) = &mut special.body {
        order.excluded_reason = "刷单".to_owned();
    }
    facts.extend([special, fact("r-9", "2020-05-09T10:00:00", refund("o-7", "尺码不合"))]);
    test.send_facts(facts).await;
    test.send(vec![chat("c-1", "a-1", "b-7", "2020-05-13T10:00:00", &["0 C", "500 A"])]).await;
    test.counted().await;
}

fn in_may() -> pb::ListVoicesRequest {
    pb::ListVoicesRequest { days: days("2020-05-01", "2020-05-31"), page_size: 2, ..Default::default() }
}

async fn list(test: &TestMetrics, mut asked: pb::ListVoicesRequest) -> Vec<pb::Voice> {
    let mut voices = Vec::new();
    loop {
        let page =
            client(test).list_voices(test.by(&caller(), asked.clone())).await.expect("lists").into_inner();
        voices.extend(page.voices);
        if page.next_page_token.is_empty() {
            return voices;
        }
        asked.page_token = page.next_page_token;
    }
}

type Seen = (pb::VoiceSource, String, String, i64, i64, i64);

fn seen(voices: &[pb::Voice]) -> Vec<Seen> {
    let voice = |voice: &pb::Voice| {
        let topic = voice.topic.clone().expect("a topic");
        (topic.source(), topic.reason, topic.product_id, voice.count, voice.customers, voice.previous)
    };
    voices.iter().map(voice).collect()
}

fn row(source: pb::VoiceSource, reason: &str, product: &str, counts: (i64, i64, i64)) -> Seen {
    (source, reason.to_owned(), product.to_owned(), counts.0, counts.1, counts.2)
}

fn field(status: &Status) -> String {
    let violations = status::Problem::from_status(status).violations;
    violations.into_iter().map(|violation| violation.field).next().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_customers_found_wrong_is_counted_by_reason_and_product() {
    let test = TestMetrics::start().await;
    may(&test).await;
    use pb::VoiceSource as S;
    let voices = list(&test, in_may()).await;
    assert_eq!(
        seen(&voices),
        [
            row(S::Refund, "尺码不合", "p-2", (8, 4, 1)),
            row(S::Complaint, "发货慢", "p-2", (1, 1, 0)),
            row(S::LostInquiry, "slow_reply", "", (1, 1, 0)),
            row(S::BadReview, "", "p-3", (1, 1, 0)),
        ]
    );
    assert_eq!(voices[0].trend(), pb::VoiceTrend::Steady, "8 against 1 is 2.33 standard scores");
    let reviews = pb::ListVoicesRequest { sources: vec![S::BadReview.into()], ..in_may() };
    assert_eq!(list(&test, reviews).await.len(), 1);
    let of_p2 = pb::ListVoicesRequest { product_ids: vec!["p-2".to_owned()], ..in_may() };
    assert_eq!(list(&test, of_p2).await.len(), 2);
    let elsewhere = pb::ListVoicesRequest { shop_ids: vec!["moon".to_owned()], ..in_may() };
    assert_eq!(list(&test, elsewhere).await, []);
    let more = (10..13).map(|day| {
        let at = format!("2020-05-{day}T10:00:00");
        fact(&format!("r-{day}"), &at, refund("o-1", "尺码不合"))
    });
    test.send_facts(more.collect()).await;
    let rising = pb::ListVoicesRequest { rising: true, ..in_may() };
    let found = list(&test, rising).await;
    assert_eq!((found.len(), found[0].count, found[0].trend()), (1, 11, pb::VoiceTrend::Rising));

    let asked = pb::GetVoiceTrendRequest {
        source: S::Refund.into(),
        reason: Some("尺码不合".to_owned()),
        product_id: None,
        days: days("2020-04-20", "2020-05-31"),
        shop_ids: Vec::new(),
        step: pb::Step::Month.into(),
    };
    let trend = async |asked: pb::GetVoiceTrendRequest| {
        let answer = client(&test).get_voice_trend(test.by(&caller(), asked)).await.expect("answers");
        let points = answer.into_inner().points.into_iter();
        points.map(|point| (point.days.and_then(|days| days.from), point.count)).collect::<Vec<_>>()
    };
    let points = trend(asked.clone()).await;
    assert_eq!(points, [(Some(date("2020-04-20")), 1), (Some(date("2020-05-01")), 11)]);
    let weekly = trend(pb::GetVoiceTrendRequest { step: pb::Step::Week.into(), ..asked }).await;
    assert_eq!(weekly.iter().map(|(_, count)| count).collect::<Vec<_>>(), [&1, &3, &6, &2, &0, &0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_is_handed_over_with_evidence_and_answered() {
    let test = TestMetrics::start().await;
    test.person("p1", "a-1", Some(("t1", true))).await;
    test.person("p4", "a-4", None).await;
    may(&test).await;
    let lead = caller().person("p1").roles(&[Role::Lead]);
    let operations = caller().person("p4").roles(&[Role::Operations]);
    let asked = pb::ListVoiceEvidenceRequest {
        source: pb::VoiceSource::Complaint.into(),
        reason: "发货慢".to_owned(),
        product_id: "p-2".to_owned(),
        days: days("2020-05-01", "2020-05-31"),
        ..Default::default()
    };
    let evidence = client(&test).list_voice_evidence(test.by(&operations, asked)).await.expect("lists");
    let evidence = evidence.into_inner().evidence;
    assert_eq!(
        (evidence.len(), evidence[0].fact_id.as_str(), evidence[0].order_id.as_str()),
        (1, "k-1", "o-1")
    );

    let hand_over = |request_id: &str| pb::HandOverVoiceRequest {
        source: pb::VoiceSource::Complaint.into(),
        reason: "发货慢".to_owned(),
        product_id: "p-2".to_owned(),
        days: days("2020-05-01", "2020-05-31"),
        department: Role::Warehouse.into(),
        owner_person_id: "p4".to_owned(),
        due_day: Some(date("2020-07-10")),
        note: "请仓库缩短发货时间，买家13812345678".to_owned(),
        request_id: request_id.to_owned(),
    };
    let message = hand_over("r-1");
    let handed = client(&test).hand_over_voice(test.by(&lead, message.clone())).await.expect("hands over");
    let handed = handed.into_inner().hand_over.expect("a hand-over");
    assert_eq!((handed.count, handed.previous, handed.state()), (1, 0, pb::IssueState::Open));
    assert_eq!((handed.owner_person_id.as_str(), handed.answered_at), ("p4", None));
    let again = client(&test).hand_over_voice(test.by(&lead, message)).await.expect("the same request");
    assert_eq!(again.into_inner().hand_over.expect("a hand-over"), handed);

    let mut issues = IssueServiceClient::new(test.channel.clone());
    let get = pb::GetIssueRequest { issue_id: handed.issue_id.clone() };
    let issue = issues.get_issue(test.by(&operations, get)).await.expect("answers").into_inner();
    let issue = issue.issue.expect("an issue");
    let content = issue.content.clone().expect("content");
    assert_eq!(
        (content.title.as_str(), content.product_ids),
        ("客户之声：投诉 · 发货慢 · p-2", vec!["p-2".to_owned()])
    );
    assert!(content.description.contains("1 次") && !content.description.contains("13812345678"));
    assert_eq!(content.conversations[0].conversation_id, "c-o-1");
    assert_eq!(issue.watcher_person_ids, ["p1", "p4"]);

    let list = async |unanswered: bool| {
        let message = pb::ListVoiceHandOversRequest { unanswered, ..Default::default() };
        let page = client(&test).list_voice_hand_overs(test.by(&lead, message)).await.expect("lists");
        page.into_inner().hand_overs
    };
    assert_eq!(list(true).await, [handed]);
    let solve = pb::MoveIssueRequest {
        issue_id: issue.issue_id,
        state: pb::IssueState::Solved.into(),
        resolution: "改为当天发货".to_owned(),
        etag: issue.etag,
        request_id: String::new(),
    };
    issues.move_issue(test.by(&operations, solve)).await.expect("solves");
    assert_eq!(list(true).await, []);
    let answered = list(false).await;
    assert_eq!(
        (answered[0].state(), answered[0].resolution.as_str()),
        (pb::IssueState::Solved, "改为当天发货")
    );
    assert!(answered[0].answered_at.is_some());

    let silent = pb::HandOverVoiceRequest { reason: "气味".to_owned(), ..hand_over("") };
    let refused = client(&test).hand_over_voice(test.by(&lead, silent)).await.expect_err("nobody said so");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "NOTHING_SAID"));
    let unknown = pb::HandOverVoiceRequest { owner_person_id: "px".to_owned(), ..hand_over("") };
    let refused =
        client(&test).hand_over_voice(test.by(&lead, unknown)).await.expect_err("nobody knows them");
    assert_eq!(reason(&refused), "PERSON_NOT_FOUND");
    let blank = pb::HandOverVoiceRequest { note: " ".to_owned(), ..hand_over("") };
    let refused = client(&test).hand_over_voice(test.by(&lead, blank)).await.expect_err("wants nothing");
    assert_eq!((refused.code(), field(&refused).as_str()), (Code::InvalidArgument, "note"));
    let agent = caller().person("p1").roles(&[Role::Agent]);
    let refused = client(&test).hand_over_voice(test.by(&agent, hand_over(""))).await.expect_err("an agent");
    assert_eq!(refused.code(), Code::PermissionDenied);
}
