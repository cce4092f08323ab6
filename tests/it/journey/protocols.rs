//! The review queue, a chat and figures are the same, field by field, by gRPC, gRPC-Web, JSON over HTTP, and to a Python
//! client that knows nothing but the gateway's address.

use std::fmt::Debug;
use std::path::Path;

use e2e::{Door, MERCHANT, contract, star};
use jinpai::session::Session;
use prost::Message;
use proto::access::Role;
use proto::metrics::v1 as metrics_v1;
use proto::metrics::v1::Group;
use proto::metrics::v1::metrics_service_client::MetricsServiceClient;
use proto::qa::v1 as qa_v1;
use proto::qa::v1::qa_service_client::QaServiceClient;
use serde_json::Value;

const QUEUE: &str = "/jinpai.qa.v1.QaService/ListReviews";
const CHAT: &str = "/jinpai.qa.v1.QaService/GetConversation";
const FIGURES: &str = "/jinpai.metrics.v1.MetricsService/GetFigures";

/// Asks in each protocol, gRPC first.
pub(super) async fn every_protocol_gives_the_same(door: &Door, supervisor: &Session) {
    let token = door.token(MERCHANT, Role::Supervisor, Some("supervisor-1"));
    let seen = in_python(door, &token).await;

    let mut qa = QaServiceClient::new(supervisor.channel());
    let request = qa_v1::ListReviewsRequest { page_size: 5, ..Default::default() };
    let queue = qa.list_reviews(request.clone()).await.expect("a queue").into_inner();
    assert_eq!(queue.reviews.len(), 5);
    same(door, &token, QUEUE, &request, &queue).await;
    same_json(QUEUE, &seen["queue"], &queue, "Python");

    let request = qa_v1::GetConversationRequest { conversation: queue.reviews[0].conversation.clone() };
    let chat = qa.get_conversation(request.clone()).await.expect("a chat").into_inner();
    assert!(chat.conversation.as_ref().is_some_and(|chat| chat.messages.len() > 10), "a long chat");
    same(door, &token, CHAT, &request, &chat).await;
    same_json(CHAT, &seen["chat"], &chat, "Python");

    let mut metrics = MetricsServiceClient::new(supervisor.channel());
    for group in [Group::Person, Group::Team, Group::Shop] {
        let request = metrics_v1::GetFiguresRequest {
            days: Some(star::days().range()),
            group: group.into(),
            page_size: 1000,
            ..Default::default()
        };
        let figures = metrics.get_figures(request.clone()).await.expect("figures").into_inner();
        everything_named_is_there(&figures.figures, group);
        same(door, &token, FIGURES, &request, &figures).await;
        same_json(FIGURES, &seen["figures"][group.as_str_name()], &figures, "Python");
    }
}

/// What gRPC answered comes by gRPC-Web and by JSON, too.
async fn same<T: Message + Default + PartialEq + Debug>(
    door: &Door,
    token: &str,
    path: &str,
    request: &impl Message,
    answer: &T,
) {
    let web: T = door.grpc_web(path, token, request).await.expect("an answer");
    assert_eq!(&web, answer, "{path} by gRPC-Web");
    let json = door.json(path, token, &contract::request(path, request)).await;
    assert_eq!(json.status, 200, "{path} by JSON: {}", json.json());
    same_json(path, &json.json(), answer, "JSON");
}

/// The JSON says what gRPC answered, field by field.
fn same_json<T: Message + Default + PartialEq + Debug>(path: &str, json: &Value, answer: &T, by: &str) {
    let seen: T = contract::answer(path, json);
    assert_eq!(seen, contract::by_json(path, answer), "{path} by {by}");
}

/// Equal answers could be equally empty.
fn everything_named_is_there(rows: &[metrics_v1::Figures], group: Group) {
    let whole = rows.iter().any(|row| {
        let times = row.first_response.is_some_and(|times| {
            times.average_seconds.is_some() && times.median_seconds.is_some() && times.p90_seconds.is_some()
        });
        let shares = [row.reply_rate, row.satisfaction];
        times
            && row.received_customers > 0
            && row.replies > 0
            && row.long_chats > 0
            && shares.iter().all(|share| share.is_some_and(|share| share.denominator > 0))
    });
    assert!(whole, "no row of {group:?} has all figures: {rows:?}");
}

/// What a client sees that has no generated code at all: grpcio asks the gateway what there is.
async fn in_python(door: &Door, token: &str) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let address = door.gateway.trim_start_matches("http://");
    let output = tokio::process::Command::new(root.join("../.tools/venv/bin/python"))
        .arg(root.join("tools/reflect.py"))
        .args([address, token, "2020-05-12", "2020-05-28"])
        .output()
        .await
        .expect("Python runs; `make tools` installs what it needs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}
