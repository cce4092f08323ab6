//! JSON and protobuf over HTTP, as the Connect protocol has it.

use prost::Message;
use proto::metrics::v1::{GetFiguresResponse, IngestConversationsResponse};
use serde_json::{Value, json};
use testkit::caller;

use crate::native::{figures_of, line};
use crate::support::fakes::{FAILS, FINE, HANGS, IS_LARGE};
use crate::support::{METRICS, QA, TestGateway};

fn figures(script: i32) -> String {
    let day = json!({ "year": 2020, "month": 5, "day": script });
    json!({ "days": { "from": day, "to": day }, "group": "GROUP_PERSON", "filter": { "personIds": ["p1"] } })
        .to_string()
}

/// A message in its envelope.
fn envelope(message: &[u8]) -> Vec<u8> {
    let size = u32::try_from(message.len()).expect("a small message");
    [&[0][..], &size.to_be_bytes(), message].concat()
}

/// The messages of a stream and the document at its end.
fn opened(mut body: &[u8]) -> (Vec<Vec<u8>>, Value) {
    let mut messages = Vec::new();
    while let Some((head, rest)) = body.split_first_chunk::<5>() {
        let size = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let (message, rest) = rest.split_at(size);
        if head[0] == 2 {
            assert!(rest.is_empty(), "nothing after the end");
            return (messages, serde_json::from_slice(message).expect("the end is JSON"));
        }
        messages.push(message.to_vec());
        body = rest;
    }
    panic!("a stream without an end");
}

#[tokio::test]
async fn a_call_by_json_and_by_protobuf() {
    let gateway = TestGateway::start(&[]).await;
    let path = format!("{METRICS}/GetFigures");
    let answer = gateway.http(&caller()).json(&path, &figures(FINE)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/json");
    assert!(!answer.header("x-request-id").is_empty());
    let expected = json!({ "figures": [{ "key": "p1", "conversations": "9007199254740993" }] });
    assert_eq!(answer.json(), expected, "64-bit numbers keep all their digits");

    let answer =
        gateway.http(&caller()).post(&path, "application/proto", figures_of(FINE).encode_to_vec()).await;
    assert_eq!(answer.header("content-type"), "application/proto");
    let decoded = GetFiguresResponse::decode(answer.body).expect("the answer");
    assert_eq!(decoded.figures[0].conversations, 9_007_199_254_740_993);
}

#[tokio::test]
async fn reading_methods_take_get_and_changing_ones_do_not() {
    let gateway = TestGateway::start(&[]).await;
    let message = figures(FINE).replace('"', "%22").replace('{', "%7B").replace('}', "%7D");
    let query = format!("{METRICS}/GetFigures?connect=v1&encoding=json&message={message}");
    let answer = gateway.http(&caller()).send("GET", &query, "").await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert_eq!(answer.json()["figures"][0]["key"], "p1");
    assert_eq!(answer.header("cache-control"), "no-store");

    let query = format!("{METRICS}/CloseDay?connect=v1&encoding=json&message=%7B%7D");
    let answer = gateway.http(&caller()).send("GET", &query, "").await;
    assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, "POST"));
    let answer = gateway.http(&caller()).send("DELETE", &query, "").await;
    assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, "GET, POST"));
    assert_eq!(gateway.metrics.seen().len(), 1);
}

#[tokio::test]
async fn an_error_is_a_document_with_its_details() {
    let gateway = TestGateway::start(&[]).await;
    let answer = gateway.http(&caller()).json(&format!("{METRICS}/GetFigures"), &figures(FAILS)).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["code"], "failed_precondition");
    assert_eq!(answer.json()["message"], "the definition is being built");
    assert_eq!(answer.detail("google.rpc.ErrorInfo")["reason"], "DEFINITION_BUILDING");
    assert_eq!(answer.detail("google.rpc.BadRequest")["fieldViolations"][0]["field"], "days.from");
}

#[tokio::test]
async fn json_that_does_not_fit_is_refused_with_its_field() {
    let gateway = TestGateway::start(&[]).await;
    let path = format!("{METRICS}/GetFigures");
    for (body, field) in [
        (r#"{"days":{"form":{}}}"#, "days.form"),
        (r#"{"pageSize":"many"}"#, "pageSize"),
        (r#"{"pageSize":1,"pageSize":2}"#, ""),
        (r#"{"pageSize":"#, ""),
        ("\u{feff}{}", ""),
    ] {
        let answer = gateway.http(&caller()).json(&path, body).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["code"]),
            (400, &json!("invalid_argument")),
            "{body}"
        );
        assert_eq!(answer.detail("google.rpc.ErrorInfo")["reason"], "BAD_JSON", "{body}");
        assert_eq!(answer.detail("google.rpc.BadRequest")["fieldViolations"][0]["field"], field, "{body}");
    }
    assert!(gateway.metrics.seen().is_empty(), "the service is not bothered");
}

#[tokio::test]
async fn what_is_not_connect_gets_an_http_status_that_says_so() {
    let gateway = TestGateway::start(&[]).await;
    let path = format!("{METRICS}/GetFigures");
    for content_type in ["text/plain", "application/xml", "application/connect+json", "application/jsonx"] {
        let answer = gateway.http(&caller()).post(&path, content_type, "{}").await;
        assert_eq!(answer.status, 415, "{content_type}");
    }
    let answer = gateway.http(&caller()).post(&format!("{QA}/GetDrawBundle"), "application/json", "{}").await;
    assert_eq!(answer.status, 415, "a stream has envelopes");
    let answer = gateway.http(&caller()).with("content-encoding", "gzip").json(&path, "{}").await;
    assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (501, &json!("unimplemented")));
    let answer = gateway.http(&caller()).json("/jinpai.metrics.v1.MetricsService/Nothing", "{}").await;
    assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (501, &json!("unimplemented")));
    let answer = gateway.http(&caller()).json("/admin", "{}").await;
    assert_eq!(answer.status, 501);
    let answer = gateway.http(&caller()).post(&path, "application/json; charset=utf-8", figures(FINE)).await;
    assert_eq!(answer.status, 200, "a parameter does not matter");
}

#[tokio::test]
async fn a_server_stream_by_json() {
    let gateway = TestGateway::start(&[]).await;
    let path = format!("{QA}/GetDrawBundle");
    let ask = |script: i32| {
        envelope(json!({ "businessDay": { "year": 2020, "month": 5, "day": script } }).to_string().as_bytes())
    };
    let answer = gateway.http(&caller()).post(&path, "application/connect+json", ask(FINE)).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/connect+json"));
    let (messages, end) = opened(&answer.body);
    let chunks: Vec<Value> =
        messages.iter().map(|message| serde_json::from_slice(message).expect("JSON")).collect();
    assert_eq!(
        chunks,
        [json!({ "chunk": "b25l" }), json!({ "chunk": "dHdv" }), json!({ "chunk": "dGhyZWU=" })]
    );
    assert_eq!(end.get("error"), None);

    let answer = gateway.http(&caller()).post(&path, "application/connect+json", ask(FAILS)).await;
    let (messages, end) = opened(&answer.body);
    assert_eq!((answer.status.as_u16(), messages.len()), (200, 1));
    assert_eq!(end["error"]["code"], "failed_precondition");
    assert!(!end["error"]["details"].as_array().expect("details").is_empty());

    for bad in [envelope(b"{\"colour\":1}"), envelope(b"{")] {
        let answer = gateway.http(&caller()).post(&path, "application/connect+json", bad).await;
        let (messages, end) = opened(&answer.body);
        assert!(messages.is_empty());
        assert_eq!(end["error"]["code"], "invalid_argument", "{end}");
    }
    let stranger = crate::support::HttpClient::new(gateway.address);
    let answer = stranger.post(&path, "application/connect+json", ask(FINE)).await;
    assert_eq!(opened(&answer.body).1["error"]["code"], "unauthenticated");
}

#[tokio::test]
async fn a_bidirectional_stream_by_protobuf() {
    let gateway = TestGateway::start(&[]).await;
    let body: Vec<u8> = (1..=3).flat_map(|number| envelope(&line(number).encode_to_vec())).collect();
    let path = format!("{METRICS}/IngestConversations");
    let answer = gateway.http(&caller()).post(&path, "application/connect+proto", body).await;
    let (messages, end) = opened(&answer.body);
    let through = |message: &Vec<u8>| {
        IngestConversationsResponse::decode(message.as_slice()).expect("an acknowledgement").through_line
    };
    assert_eq!(messages.iter().map(through).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(end, json!({}));
}

#[tokio::test]
async fn deadlines_and_sizes_hold_here_too() {
    let gateway =
        TestGateway::start(&[("limits.answer_bytes_max", "100000"), ("server.message_bytes_max", "1000")])
            .await;
    let path = format!("{METRICS}/GetFigures");
    let answer = gateway.http(&caller()).with("connect-timeout-ms", "200").json(&path, &figures(HANGS)).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (504, &json!("deadline_exceeded")));
    let answer = gateway.http(&caller()).json(&path, &figures(IS_LARGE)).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (429, &json!("resource_exhausted")));
    let long = json!({ "pageToken": "x".repeat(1000) }).to_string();
    let answer = gateway.http(&caller()).json(&path, &long).await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.detail("google.rpc.ErrorInfo")["reason"], "MESSAGE_TOO_LARGE");
}
