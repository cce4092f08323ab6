//! The authorisation matrix: every method of a service as every role, against the rule in its proto.

use bytes::{Buf, BufMut, Bytes};
use proto::access::{MethodRule, Role, role_name, rules};
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::{Identity, TestCaller, caller};

/// Calls every method of `package` (for example `jinpai.qa.v1`) as every role, with a person and an empty message,
/// and panics with the cells that differ from the rules: a role without a grant gets PERMISSION_DENIED, one with a
/// grant anything but that or UNAUTHENTICATED; nobody at all gets UNAUTHENTICATED. Returns the number of cells.
///
/// What a granted role then reaches (own, team, merchant) is about rows and has to be tested with rows.
pub async fn check_roles(channel: Channel, package: &str, identity: &Identity) -> usize {
    let mut wrong = Vec::new();
    let mut cells = 0;
    let methods = rules().iter().filter(|rule| package_of(rule) == package);
    for rule in methods {
        let anonymous = call(channel.clone(), rule, None).await;
        expect(&mut wrong, rule, "nobody", anonymous.code() == Code::Unauthenticated, &anonymous);
        cells += 1;
        for role in all_roles() {
            let somebody = caller().person("matrix").roles(&[role]);
            let status = call(channel.clone(), rule, Some((identity, &somebody))).await;
            let denied = status.code() == Code::PermissionDenied;
            let granted = rule.scope_for(&[role]).is_some();
            let right = if granted { !denied && status.code() != Code::Unauthenticated } else { denied };
            expect(&mut wrong, rule, &role_name(role), right, &status);
            cells += 1;
        }
    }
    assert!(cells > 0, "{package} has no method");
    assert!(wrong.is_empty(), "differ from the access rules:\n{}", wrong.join("\n"));
    cells
}

/// Every role there is.
pub fn all_roles() -> impl Iterator<Item = Role> {
    (1..).map_while(|number| Role::try_from(number).ok())
}

fn package_of(rule: &MethodRule) -> &'static str {
    rule.service.rsplit_once('.').map_or(rule.service, |(package, _)| package)
}

fn expect(wrong: &mut Vec<String>, rule: &MethodRule, who: &str, right: bool, status: &Status) {
    if !right {
        wrong.push(format!("{} as {who}: {:?} {}", rule.path, status.code(), status.message()));
    }
}

/// One call with one empty message. On the wire all four kinds of call look the same, so one kind of client does.
async fn call(channel: Channel, rule: &MethodRule, who: Option<(&Identity, &TestCaller)>) -> Status {
    let message = tokio_stream::once(Bytes::new());
    let request = match who {
        Some((identity, caller)) => identity.request(caller, message),
        None => tonic::Request::new(message),
    };
    let mut client = Grpc::new(channel);
    if let Err(error) = client.ready().await {
        return Status::unavailable(format!("the service is not there: {error}"));
    }
    let path = http::uri::PathAndQuery::from_static(rule.path);
    match client.streaming(request, path, RawCodec).await {
        Err(status) => status,
        Ok(response) => {
            // One answer tells; a method may go on answering for ever.
            match response.into_inner().message().await {
                Ok(_) => Status::ok(""),
                Err(status) => status,
            }
        }
    }
}

/// Passes messages as they are.
struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
