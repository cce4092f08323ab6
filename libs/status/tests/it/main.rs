//! Errors to statuses and back.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use status::{Failure, Kind, Problem, Violation};
use tonic::Code;
use tracing_subscriber::fmt::MakeWriter;

#[derive(Debug, thiserror::Error)]
enum ShopError {
    #[error("shop {shop} is closed")]
    Closed { shop: String },
    #[error("two fields are wrong")]
    Fields,
    #[error("too many openings")]
    Busy,
    #[error("cannot load secret-table")]
    Broken(#[source] io::Error),
}

impl Failure for ShopError {
    fn kind(&self) -> Kind {
        match self {
            Self::Closed { .. } => Kind::Precondition,
            Self::Fields => Kind::Invalid,
            Self::Busy => Kind::Exhausted,
            Self::Broken(_) => Kind::Internal,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Closed { .. } => "SHOP_CLOSED",
            Self::Fields => "FIELDS",
            Self::Busy => "BUSY",
            Self::Broken(_) => "SECRET_REASON",
        }
    }

    fn metadata(&self) -> Vec<(String, String)> {
        match self {
            Self::Closed { shop } => vec![("shop".to_owned(), shop.clone())],
            Self::Broken(_) => vec![("table".to_owned(), "secret-table".to_owned())],
            Self::Fields | Self::Busy => Vec::new(),
        }
    }

    fn violations(&self) -> Vec<Violation> {
        let violation = |field: &str, text: &str| Violation { field: field.into(), description: text.into() };
        match self {
            Self::Fields => {
                vec![violation("range.from", "must be a day"), violation("shop_id", "must not be empty")]
            }
            _ => Vec::new(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        matches!(self, Self::Busy).then_some(Duration::from_millis(1500))
    }
}

#[test]
fn a_failure_arrives_as_it_was_sent() {
    let sent = status::to_status("shops", &ShopError::Closed { shop: "s1".into() });
    let problem = Problem::from_status(&sent);
    assert_eq!(problem.kind, Kind::Precondition);
    assert_eq!((problem.domain.as_str(), problem.reason.as_str()), ("shops", "SHOP_CLOSED"));
    assert_eq!(problem.message, "shop s1 is closed");
    assert_eq!(problem.metadata.get("shop").map(String::as_str), Some("s1"));
    assert_eq!(Problem::from_status(&problem.clone().into_status()), problem);
}

#[test]
fn every_field_at_fault_is_named() {
    let problem = Problem::from_status(&status::to_status("shops", &ShopError::Fields));
    assert_eq!(problem.violations, ShopError::Fields.violations());
    let one = Problem::from_status(&status::invalid("page_token", "must come from an answer"));
    assert_eq!((one.code, one.violations.len()), (Code::InvalidArgument, 1));
    assert_eq!(one.violations[0].field, "page_token");
}

#[test]
fn a_limit_says_when_to_come_back() {
    let problem = Problem::from_status(&status::to_status("shops", &ShopError::Busy));
    assert_eq!(problem.retry_after, Some(Duration::from_millis(1500)));
    assert!(problem.kind.retryable());
}

#[test]
fn an_internal_error_tells_the_caller_nothing_and_the_log_everything() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt().with_writer(lines.clone()).with_ansi(false).finish();
    let broken = ShopError::Broken(io::Error::other("disk 7 is gone"));
    let sent = tracing::subscriber::with_default(subscriber, || status::to_status("shops", &broken));

    let told = format!("{sent:?} {:?}", Problem::from_status(&sent));
    for secret in ["secret-table", "disk 7", "SECRET_REASON"] {
        assert!(!told.contains(secret), "{secret} was told");
    }
    assert_eq!((sent.code(), sent.message()), (Code::Internal, "internal error"));
    let logged = lines.text();
    assert!(
        logged.contains("ERROR") && logged.contains("cannot load secret-table: disk 7 is gone"),
        "{logged}"
    );
    assert_eq!(logged.lines().count(), 1, "logged once");
}

#[test]
fn foreign_statuses_are_read_without_details() {
    for (code, kind) in [
        (Code::Unimplemented, Kind::Internal),
        (Code::OutOfRange, Kind::Invalid),
        (Code::Cancelled, Kind::Timeout),
        (Code::Unavailable, Kind::Unavailable),
    ] {
        let problem = Problem::from_status(&tonic::Status::new(code, "text"));
        assert_eq!((problem.kind, problem.code), (kind, code));
        assert!(problem.reason.is_empty() && problem.violations.is_empty());
    }
    let garbled = tonic::Status::with_details(Code::NotFound, "text", vec![0xff; 9].into());
    assert_eq!(Problem::from_status(&garbled).kind, Kind::NotFound);
}

#[test]
fn a_request_is_held_against_its_proto() {
    use proto::common::v1::ConversationRef;
    let good = ConversationRef { shop_id: "s1".into(), channel: "chat".into(), conversation_id: "c1".into() };
    let mut request = tonic::Request::new(good.clone());
    request.extensions_mut().insert(7_u8);
    let (message, extensions) = status::checked(request).expect("it is valid");
    assert_eq!((message, extensions.get::<u8>()), (good.clone(), Some(&7)));

    let bad = ConversationRef { shop_id: String::new(), channel: "x".repeat(33), ..good };
    let refused = status::checked(tonic::Request::new(bad)).expect_err("two rules are broken");
    let problem = Problem::from_status(&refused);
    assert_eq!(problem.kind, Kind::Invalid);
    let fields: Vec<&str> = problem.violations.iter().map(|at| at.field.as_str()).collect();
    assert_eq!(fields, ["shop_id", "channel"]);
    assert!(problem.violations.iter().all(|at| !at.description.is_empty()));
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("not poisoned")).into_owned()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("not poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
