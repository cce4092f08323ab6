//! Who may call what: every role × every method, as the rules beside the methods say.

use e2e::{Door, Framed, InProcess, MERCHANT};
use futures::stream::{self, StreamExt};
use proto::access::{MethodRule, role_name, rules};
use proto::metrics::v1::facts_service_client::FactsServiceClient;
use proto::metrics::v1::metrics_service_client::MetricsServiceClient;
use testkit::access::all_roles;

const PERMISSION_DENIED: i32 = 7;
const UNAUTHENTICATED: i32 = 16;
/// Requests under way.
const AT_ONCE: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn every_role_is_let_through_or_refused_as_the_rules_say() {
    let suite = InProcess::start().await;
    let asked = rules().iter().map(|rule| roles_that_differ(&suite.door, rule));
    let wrong = stream::iter(asked).buffer_unordered(AT_ONCE).concat().await;
    assert!(wrong.is_empty(), "differ from the rules:\n{}", wrong.join("\n"));
}

/// Asks with every role.
async fn roles_that_differ(door: &Door, rule: &MethodRule) -> Vec<String> {
    let mut wrong = Vec::new();
    for role in all_roles() {
        let token = door.token(MERCHANT, role, Some("matrix"));
        let code = if rule.client_streaming {
            ingest_nothing(door, rule, token).await
        } else if rule.endless {
            match door.grpc_web_open(rule.path, &token, &()).await.next().await {
                Framed::End(end) => status_of(&end),
                Framed::Message(_) => 0,
            }
        } else {
            door.grpc_web_stream(rule.path, &token, &()).await.0
        };
        let refused = code == PERMISSION_DENIED;
        if code == UNAUTHENTICATED || refused == rule.scope_for(&[role]).is_some() {
            wrong.push(format!("{} as {}: {code}", rule.path, role_name(role)));
        }
    }
    wrong
}

/// The gRPC status in the trailers of gRPC-Web.
fn status_of(trailers: &[u8]) -> i32 {
    let trailers = String::from_utf8_lossy(trailers);
    let status = trailers.lines().find_map(|line| line.strip_prefix("grpc-status:"));
    status.and_then(|code| code.trim().parse().ok()).expect("a status")
}

/// The methods that take a stream.
async fn ingest_nothing(door: &Door, rule: &MethodRule, token: String) -> i32 {
    let channel = door.session_with(token).await.channel();
    let answered = match rule.method {
        "IngestConversations" => {
            match MetricsServiceClient::new(channel).ingest_conversations(tokio_stream::empty()).await {
                Ok(answers) => answers.into_inner().message().await.map(drop),
                Err(status) => Err(status),
            }
        }
        "IngestFacts" => match FactsServiceClient::new(channel).ingest_facts(tokio_stream::empty()).await {
            Ok(answers) => answers.into_inner().message().await.map(drop),
            Err(status) => Err(status),
        },
        other => panic!("{other} takes a stream; say here how it is called"),
    };
    answered.map_or_else(|status| status.code().into(), |()| 0)
}
