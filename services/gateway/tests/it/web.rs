//! gRPC-Web, binary and as text, over HTTP/1.1.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message;
use proto::metrics::v1::GetFiguresResponse;
use proto::qa::v1::GetDrawBundleResponse;
use testkit::caller;

use crate::native::{bundle_of, figures_of};
use crate::support::fakes::{FAILS, FINE};
use crate::support::{METRICS, QA, TestGateway};

const BINARY: &str = "application/grpc-web+proto";
const TEXT: &str = "application/grpc-web-text+proto";

/// A message in its frame.
pub fn framed(message: &impl Message) -> Vec<u8> {
    let bytes = message.encode_to_vec();
    let size = u32::try_from(bytes.len()).expect("a small message");
    [&[0][..], &size.to_be_bytes(), &bytes].concat()
}

/// The messages of an answer and the text of its trailers.
fn unframed(mut body: &[u8]) -> (Vec<Vec<u8>>, String) {
    let (mut messages, mut trailers) = (Vec::new(), String::new());
    while let Some((head, rest)) = body.split_first_chunk::<5>() {
        let size = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let (message, rest) = rest.split_at(size);
        match head[0] {
            0 => messages.push(message.to_vec()),
            0x80 => trailers = String::from_utf8(message.to_vec()).expect("trailers are text"),
            flag => panic!("a frame with flag {flag}"),
        }
        body = rest;
    }
    assert!(body.is_empty(), "nothing after the last frame");
    (messages, trailers)
}

/// Sends a message in one of the two forms and takes the answer apart.
async fn call(
    gateway: &TestGateway,
    form: &str,
    path: &str,
    message: &impl Message,
) -> (Vec<Vec<u8>>, String) {
    let frame = framed(message);
    let body = if form == TEXT { STANDARD.encode(&frame).into_bytes() } else { frame };
    let answer = gateway.http(&caller()).with("accept", form).post(path, form, body).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), form);
    if !answer.header("grpc-status").is_empty() {
        return (Vec::new(), format!("grpc-status:{}\r\n", answer.header("grpc-status")));
    }
    if form == TEXT { unframed(&decode_pieces(&answer.body)) } else { unframed(&answer.body) }
}

/// Each piece is encoded by itself, so padding may stand in the middle.
fn decode_pieces(text: &[u8]) -> Vec<u8> {
    let quads = text.chunks(4);
    quads.flat_map(|quad| STANDARD.decode(quad).expect("base64")).collect()
}

#[tokio::test]
async fn a_unary_call_in_both_forms() {
    let gateway = TestGateway::start(&[]).await;
    for form in [BINARY, TEXT] {
        let path = format!("{METRICS}/GetFigures");
        let (messages, trailers) = call(&gateway, form, &path, &figures_of(FINE)).await;
        let answer = GetFiguresResponse::decode(messages[0].as_slice()).expect("the answer");
        assert_eq!(answer.figures[0].conversations, 9_007_199_254_740_993);
        assert!(trailers.contains("grpc-status:0"), "{trailers}");
        let (messages, trailers) = call(&gateway, form, &path, &figures_of(FAILS)).await;
        assert!(messages.is_empty());
        assert!(trailers.contains("grpc-status:9"), "{trailers}");
    }
}

#[tokio::test]
async fn a_server_stream_in_both_forms() {
    let gateway = TestGateway::start(&[]).await;
    for form in [BINARY, TEXT] {
        let path = format!("{QA}/GetDrawBundle");
        let (messages, trailers) = call(&gateway, form, &path, &bundle_of(FINE)).await;
        let chunk = |bytes: &Vec<u8>| GetDrawBundleResponse::decode(bytes.as_slice()).expect("a piece").chunk;
        let chunks: Vec<Vec<u8>> = messages.iter().map(chunk).collect();
        assert_eq!(chunks, [b"one".to_vec(), b"two".to_vec(), b"three".to_vec()]);
        assert!(trailers.contains("grpc-status:0"), "{trailers}");
        let (messages, trailers) = call(&gateway, form, &path, &bundle_of(FAILS)).await;
        assert_eq!(messages.len(), 1);
        assert!(trailers.contains("grpc-status:9"), "{trailers}");
        assert!(trailers.contains("grpc-status-details-bin"), "{trailers}");
    }
}

#[tokio::test]
async fn bytes_that_are_no_frames_are_the_callers_mistake() {
    let gateway = TestGateway::start(&[]).await;
    let path = format!("{METRICS}/GetFigures");
    for (form, body) in
        [(BINARY, "nonsense"), (BINARY, "\u{0}\u{0}\u{0}\u{0}\u{9}x"), (TEXT, "***not base64***")]
    {
        let answer = gateway.http(&caller()).post(&path, form, body).await;
        assert_eq!(answer.header("grpc-status"), "3", "{body}: {:?}", answer.headers);
        assert!(!answer.header("grpc-message").contains("base64"), "{:?}", answer.headers);
    }
}

#[tokio::test]
async fn without_a_token_nothing_is_answered() {
    let gateway = TestGateway::start(&[]).await;
    let client = crate::support::HttpClient::new(gateway.address);
    let answer = client.post(&format!("{METRICS}/GetFigures"), BINARY, framed(&figures_of(FINE))).await;
    assert_eq!(answer.header("grpc-status"), "16");
    assert!(gateway.metrics.seen().is_empty());
}
