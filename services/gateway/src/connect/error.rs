//! A gRPC status as the Connect protocol's JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use http::{HeaderValue, Response, StatusCode, header};
use prost::Message;
use serde_json::{Value, json};
use status::Problem;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::pb;

use super::unary::copy_metadata;

/// The error document: `code`, `message`, `details`.
pub fn document(status: &Status) -> Value {
    let mut error = json!({ "code": name(status.code()) });
    if !status.message().is_empty() {
        error["message"] = status.message().into();
    }
    let details = details(status);
    if !details.is_empty() {
        error["details"] = details.into();
    }
    error
}

/// An answer with nothing but the error, and the metadata that it carries, such as the request id.
pub fn response(status: &Status) -> Response<Body> {
    let mut response = Response::new(Body::new(http_body_util::Full::from(document(status).to_string())));
    *response.status_mut() = http_status(status.code());
    let headers = response.headers_mut();
    copy_metadata(status.metadata().as_ref(), "", headers);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if status.code() == Code::Unauthenticated {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(wait) = Problem::from_status(status).retry_after {
        // The header knows whole seconds only; rounding up never invites too early.
        headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_millis().div_ceil(1000) as u64));
    }
    response
}

/// `google.rpc` details, each as its type and bytes, and readable in `debug` where we know the type.
fn details(status: &Status) -> Vec<Value> {
    // Details that are no google.rpc.Status came from elsewhere and say nothing that we could pass on.
    let Ok(decoded) = pb::Status::decode(status.details()) else { return Vec::new() };
    let detail = |any: prost_types::Any| {
        let name = any.type_url.rsplit('/').next().unwrap_or_default().to_owned();
        let mut detail = json!({ "type": name, "value": STANDARD_NO_PAD.encode(&any.value) });
        if let Some(readable) = readable(&name, &any.value) {
            detail["debug"] = readable;
        }
        detail
    };
    decoded.details.into_iter().map(detail).collect()
}

fn readable(name: &str, bytes: &[u8]) -> Option<Value> {
    match name {
        "google.rpc.ErrorInfo" => {
            let info = pb::ErrorInfo::decode(bytes).ok()?;
            Some(json!({ "reason": info.reason, "domain": info.domain, "metadata": info.metadata }))
        }
        "google.rpc.BadRequest" => {
            let bad = pb::BadRequest::decode(bytes).ok()?;
            let fields = bad.field_violations.iter();
            let fields: Vec<Value> =
                fields.map(|at| json!({ "field": at.field, "description": at.description })).collect();
            Some(json!({ "fieldViolations": fields }))
        }
        "google.rpc.RetryInfo" => {
            let wait = pb::RetryInfo::decode(bytes).ok()?.retry_delay?;
            let seconds = wait.seconds as f64 + f64::from(wait.nanos) / 1e9;
            Some(json!({ "retryDelay": format!("{seconds}s") }))
        }
        _ => None,
    }
}

/// The code's name in the Connect protocol.
pub fn name(code: Code) -> &'static str {
    match code {
        // An error is never OK; the protocol has no name for it.
        Code::Ok | Code::Unknown => "unknown",
        Code::Cancelled => "canceled",
        Code::InvalidArgument => "invalid_argument",
        Code::DeadlineExceeded => "deadline_exceeded",
        Code::NotFound => "not_found",
        Code::AlreadyExists => "already_exists",
        Code::PermissionDenied => "permission_denied",
        Code::ResourceExhausted => "resource_exhausted",
        Code::FailedPrecondition => "failed_precondition",
        Code::Aborted => "aborted",
        Code::OutOfRange => "out_of_range",
        Code::Unimplemented => "unimplemented",
        Code::Internal => "internal",
        Code::Unavailable => "unavailable",
        Code::DataLoss => "data_loss",
        Code::Unauthenticated => "unauthenticated",
    }
}

/// The HTTP status that the Connect protocol gives the code.
fn http_status(code: Code) -> StatusCode {
    match code {
        Code::Cancelled => StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => StatusCode::BAD_REQUEST,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::Ok | Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use status::Kind;

    use super::*;

    #[test]
    fn details_are_readable_and_whole() {
        let status = Problem::new(Kind::Exhausted, "CALLER_RATE_LIMIT", "too many calls")
            .domain("gateway")
            .with("limit", "5")
            .violation("days.from", "is missing")
            .retry_after(Duration::from_millis(1500))
            .into_status();
        let response = response(&status);
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
        let document = document(&status);
        assert_eq!(document["code"], "resource_exhausted");
        let details = document["details"].as_array().expect("a list");
        let debug = |name: &str| {
            let detail = details.iter().find(|detail| detail["type"] == name).expect("the detail is there");
            assert!(STANDARD_NO_PAD.decode(detail["value"].as_str().expect("text")).is_ok());
            detail["debug"].clone()
        };
        assert_eq!(
            debug("google.rpc.ErrorInfo"),
            json!({ "reason": "CALLER_RATE_LIMIT", "domain": "gateway", "metadata": { "limit": "5" } })
        );
        assert_eq!(
            debug("google.rpc.BadRequest"),
            json!({ "fieldViolations": [{ "field": "days.from", "description": "is missing" }] })
        );
        assert_eq!(debug("google.rpc.RetryInfo"), json!({ "retryDelay": "1.5s" }));
    }
}
