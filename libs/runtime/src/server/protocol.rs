//! Statuses that tonic's own decoding answers with, put right.
//!
//! tonic says INTERNAL where a client sends bytes that are no gRPC, and OUT_OF_RANGE to a message that is too large.
//! Both would count as our failure or as none, and the texts tell how we decode. What our handlers answer passes.

use http::HeaderMap;
use status::{Kind, Problem};
use tonic::{Code, Status};

/// How the texts of tonic 0.14's decoder begin. A text that changes there makes the tests of this crate fail.
const MALFORMED: [&str; 6] = [
    "protocol error:",
    "Unexpected EOF decoding stream",
    "Error decompressing:",
    "Missing request message",
    "failed to decode Protobuf message",
    "unexpected EOF",
];

const STATUS: &str = "grpc-status";
const MESSAGE: &str = "grpc-message";
const DETAILS: &str = "grpc-status-details-bin";

/// Replaces the status in `headers` if the decoder made it.
pub(super) fn mend(headers: &mut HeaderMap) {
    let code = headers.get(STATUS).map(|code| Code::from_bytes(code.as_bytes()));
    if !matches!(code, Some(Code::Internal | Code::OutOfRange | Code::ResourceExhausted)) {
        return;
    }
    // Our own statuses have details, the decoder's have none.
    if headers.contains_key(DETAILS) {
        return;
    }
    let Some(status) = Status::from_header_map(headers) else { return };
    let Some(better) = better(&status) else { return };
    for name in [STATUS, MESSAGE] {
        headers.remove(name);
    }
    // Our own statuses always fit into headers.
    let _ = better.add_header(headers);
}

fn better(status: &Status) -> Option<Status> {
    match status.code() {
        Code::OutOfRange => Some(too_large()),
        Code::ResourceExhausted if status.message().starts_with("Error decompressing:") => Some(too_large()),
        Code::Internal if MALFORMED.iter().any(|text| status.message().starts_with(text)) => {
            Some(malformed())
        }
        _ => None,
    }
}

/// RESOURCE_EXHAUSTED for a message above the limit.
pub(super) fn too_large() -> Status {
    Problem::new(Kind::Exhausted, "MESSAGE_TOO_LARGE", "the message is larger than the server takes")
        .into_status()
}

fn malformed() -> Status {
    Problem::new(Kind::Invalid, "MALFORMED_MESSAGE", "the request is not a valid gRPC message").into_status()
}
