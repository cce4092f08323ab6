//! The first journey on real input: conversations in, verifiable samples and day figures out, the same in every
//! protocol.

use e2e::star::{self, AgentDays};
use e2e::{Door, InProcess, MERCHANT};
use jinpai::session::Session;
use jinpai::{draw, figures, ingest, verify};
use proto::access::Role;
use proto::metrics::v1 as metrics_v1;
use proto::metrics::v1::metrics_service_client::MetricsServiceClient;
use proto::performance::v1 as people_v1;
use proto::performance::v1::people_service_client::PeopleServiceClient;
use proto::qa::v1 as qa_v1;
use proto::qa::v1::qa_service_client::QaServiceClient;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn real_chats_go_in_and_verifiable_samples_and_figures_come_out() {
    let suite = InProcess::start().await;
    let file = star::file_in(suite.ground.folder());
    let expected = star::recount(&star::conversations(&file));
    let supervisor = suite.door.session(Role::Supervisor, Some("supervisor-1")).await;

    let loaded = jinpai::up::load(&suite.suite, suite.ground.folder(), true).await.expect("loads the demo");
    assert_eq!((loaded.people, loaded.conversations), (120, 6205));
    let again = ingest::run(&supervisor, &star::ingest_options(file), true).await.expect("ingests");
    assert_eq!((again.read, again.accepted, again.unchanged, again.rejected), (6205, 0, 6205, 0));

    figures_are_those_of_the_file(&supervisor, &expected).await;
    unknown_accounts_are_listed(&supervisor).await;
    samples_verify_and_tampering_shows(&supervisor).await;
    every_protocol_gives_the_same(&suite.door, &supervisor).await;
    a_python_client_through_reflection_gives_the_same(&suite.door, &supervisor).await;
}

async fn figures_by(session: &Session, by: figures::By, each: figures::Each) -> Vec<metrics_v1::Figures> {
    let options = figures::Options { each, ..figures::Options::whole(star::days(), by) };
    figures::fetch(session, &options).await.expect("figures").figures
}

/// Each agent-day, and what they add up to.
pub async fn figures_are_those_of_the_file(session: &Session, expected: &AgentDays) {
    let mut found = AgentDays::new();
    for row in figures_by(session, figures::By::Account, figures::Each::Day).await {
        let day = jinpai::days::day(row.from).expect("a day");
        // The demo's made-up orders are credited on days without chats too.
        if row.conversations == 0 {
            continue;
        }
        found.insert((day, row.key.clone()), star::counts_of(&row));
    }
    assert_eq!(expected.len(), 582);
    for (key, counts) in expected {
        assert_eq!(found.get(key), Some(counts), "{key:?}");
    }
    assert_eq!(found.len(), expected.len(), "nobody else has figures");
    let shop = figures_by(session, figures::By::Shop, figures::Each::Whole).await;
    assert_eq!(shop.len(), 1);
    let total = star::sum(expected.values());
    assert_eq!(star::counts_of(&shop[0]), total);
    let messages = total.replies + total.customer_messages;
    assert_eq!((total.conversations, messages, total.long_chats), (6205, 108_137, 1507));
}

/// The demo's directory leaves eight accounts out.
async fn unknown_accounts_are_listed(session: &Session) {
    let mut people = PeopleServiceClient::new(session.channel());
    let statuses = vec![people_v1::PersonStatus::Unconfirmed.into()];
    testkit::eventually(std::time::Duration::from_secs(30), async || {
        let request = people_v1::ListPeopleRequest { statuses: statuses.clone(), ..Default::default() };
        people.list_people(request).await.expect("lists").into_inner().people.len() == 8
    })
    .await;
}

async fn samples_verify_and_tampering_shows(session: &Session) {
    let options = draw::Options { days: star::days(), wait: 300 };
    let drawn = draw::days(session, &options, |_| ()).await.expect("draws");
    assert_eq!((drawn.agent_days, drawn.drawn, drawn.shortfall_agent_days), (353, 1432, 338));
    let again = draw::days(session, &options, |_| ()).await.expect("draws");
    assert!(again.days.iter().all(|day| !day.drawn_now), "a day is drawn once");
    assert_eq!(again.drawn, 1432);

    for day in star::days().each().expect("days") {
        let bundle = verify::fetch(session, day).await.expect("a bundle");
        let report = verify::check(&bundle, Some(day), &verify::Kept::default()).expect("a bundle");
        assert_eq!(report.difference, None, "{day}");

        let mut altered: Value = serde_json::from_slice(&bundle).expect("JSON");
        let agents = altered["agents"].as_array_mut().expect("agents");
        let Some(agent) = agents.iter_mut().find(|agent| agent["drawn"] != json!([])) else { continue };
        agent["drawn"].as_array_mut().expect("a sample").pop();
        let bytes = serde_json::to_vec(&altered).expect("JSON");
        let report = verify::check(&bytes, Some(day), &verify::Kept::default()).expect("a bundle");
        assert!(report.difference.is_some(), "a chat taken out of the sample of {day} must show");
    }
}

/// The review queue, a chat and figures: by gRPC, by JSON over HTTP and by gRPC-Web.
async fn every_protocol_gives_the_same(door: &Door, supervisor: &Session) {
    let token = door.token(MERCHANT, Role::Supervisor, Some("supervisor-1"));
    let request = qa_v1::ListReviewsRequest { page_size: 5, ..Default::default() };
    let path = "/jinpai.qa.v1.QaService/ListReviews";
    let mut qa = QaServiceClient::new(supervisor.channel());
    let queue = qa.list_reviews(request.clone()).await.expect("a queue").into_inner();
    assert_eq!(queue.reviews.len(), 5);
    let web: qa_v1::ListReviewsResponse = door.grpc_web(path, &token, &request).await.expect("a queue");
    assert_eq!(web, queue);
    let answer = door.json(path, &token, &json!({ "pageSize": 5 })).await;
    let ids = |value: &Value| -> Vec<String> {
        let reviews = value["reviews"].as_array().expect("reviews");
        reviews.iter().filter_map(|review| review["reviewId"].as_str().map(str::to_owned)).collect()
    };
    let expected: Vec<_> = queue.reviews.iter().map(|review| review.review_id.clone()).collect();
    assert_eq!((answer.status, ids(&answer.json())), (200, expected));

    let chat = queue.reviews[0].conversation.clone().expect("a chat");
    let request = qa_v1::GetConversationRequest { conversation: Some(chat.clone()) };
    let path = "/jinpai.qa.v1.QaService/GetConversation";
    let read = qa.get_conversation(request.clone()).await.expect("a chat").into_inner();
    let web: qa_v1::GetConversationResponse = door.grpc_web(path, &token, &request).await.expect("a chat");
    assert_eq!(web, read);
    let body = json!({ "conversation": {
        "shopId": chat.shop_id, "channel": chat.channel, "conversationId": chat.conversation_id } });
    let answer = door.json(path, &token, &body).await;
    let texts = |value: &Value| -> Vec<String> {
        let messages = value["conversation"]["messages"].as_array().expect("messages");
        messages.iter().map(|message| message["text"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let expected: Vec<_> =
        read.conversation.expect("a chat").messages.into_iter().map(|message| message.text).collect();
    assert_eq!((answer.status, texts(&answer.json())), (200, expected));

    let groups = [("GROUP_PERSON", 2), ("GROUP_TEAM", 3), ("GROUP_SHOP", 4)];
    for (name, group) in groups {
        let request = metrics_v1::GetFiguresRequest {
            days: Some(star::days().range()),
            group,
            page_size: 3,
            ..Default::default()
        };
        let path = "/jinpai.metrics.v1.MetricsService/GetFigures";
        let mut metrics = MetricsServiceClient::new(supervisor.channel());
        let figures = metrics.get_figures(request.clone()).await.expect("figures").into_inner();
        assert!(!figures.figures.is_empty(), "{name}");
        let web: metrics_v1::GetFiguresResponse =
            door.grpc_web(path, &token, &request).await.expect("figures");
        assert_eq!(web, figures, "{name}");
        let days = json!({ "from": { "year": 2020, "month": 5, "day": 12 },
            "to": { "year": 2020, "month": 5, "day": 28 } });
        let answer = door.json(path, &token, &json!({ "days": days, "group": name, "pageSize": 3 })).await;
        let counts: Vec<_> = answer.json()["figures"]
            .as_array()
            .expect("figures")
            .iter()
            // Connect writes 64-bit integers as text.
            .map(|row| row["conversations"].as_str().and_then(|text| text.parse::<i64>().ok()).unwrap_or(0))
            .collect();
        let expected: Vec<_> = figures.figures.iter().map(|row| row.conversations).collect();
        assert_eq!((answer.status, counts), (200, expected), "{name}");
    }
}

/// No generated code at all: grpcio asks the gateway what there is.
async fn a_python_client_through_reflection_gives_the_same(door: &Door, supervisor: &Session) {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let token = door.token(MERCHANT, Role::Supervisor, Some("supervisor-1"));
    let address = door.gateway.trim_start_matches("http://");
    let output = tokio::process::Command::new(root.join("../.tools/venv/bin/python"))
        .arg(root.join("tools/reflect.py"))
        .args([address, &token, "2020-05-12", "2020-05-28"])
        .output()
        .await
        .expect("Python runs; `make tools` installs what it needs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let seen: Value = serde_json::from_slice(&output.stdout).expect("JSON");

    let mut qa = QaServiceClient::new(supervisor.channel());
    let request = qa_v1::ListReviewsRequest { page_size: 5, ..Default::default() };
    let reviews = qa.list_reviews(request).await.expect("a queue").into_inner().reviews;
    let ids: Vec<&str> = reviews.iter().map(|review| review.review_id.as_str()).collect();
    assert_eq!(seen["reviews"], json!(ids));
    let request = qa_v1::GetConversationRequest { conversation: reviews[0].conversation.clone() };
    let chat = qa.get_conversation(request).await.expect("a chat").into_inner().conversation.expect("a chat");
    let texts: Vec<&str> = chat.messages.iter().map(|message| message.text.as_str()).collect();
    assert_eq!(seen["texts"], json!(texts));
    let shops = figures_by(supervisor, figures::By::Shop, figures::Each::Whole).await;
    let conversations: Vec<i64> = shops.iter().map(|row| row.conversations).collect();
    assert_eq!(seen["conversations"], json!(conversations));
}
