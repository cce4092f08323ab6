//! May this caller call this method, and how far do they reach?

use http::{HeaderMap, HeaderValue};
use proto::access::MethodRule;
use status::{Kind, Problem};
use tonic::Status;

use crate::identity::{Caller, IDENTITY_KEY, Scope, TokenError, Verifier};

/// Checks the internal token and the method's rule. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AccessCheck {
    verifier: Verifier,
    rules: fn(&str) -> Option<&'static MethodRule>,
}

impl AccessCheck {
    /// By the rules beside the RPCs in `proto/`.
    pub fn new(verifier: Verifier) -> Self {
        Self { verifier, rules: proto::access::rule }
    }

    /// By other rules, for servers of methods that are not in `proto/`: tests.
    pub fn with_rules(verifier: Verifier, rules: fn(&str) -> Option<&'static MethodRule>) -> Self {
        Self { verifier, rules }
    }

    /// The rule of `/package.Service/Method`.
    pub fn rule(&self, path: &str) -> Option<&'static MethodRule> {
        (self.rules)(path)
    }

    /// Who calls and what they may touch.
    pub(super) fn check(
        &self,
        service: &'static str,
        rule: &MethodRule,
        headers: &HeaderMap,
        request_id: &str,
    ) -> Result<(Caller, Scope), Status> {
        let token = token(headers).and_then(|token| self.verifier.verify(token, request_id));
        let caller = token.map_err(|error| status::to_status(service, &error))?;
        let Some(granted) = rule.scope_for(&caller.roles) else {
            tracing::info!(merchant = %caller.merchant, roles = ?caller.roles, "refused: no role may call this");
            return Err(Problem::new(
                Kind::Denied,
                "ROLE_REQUIRED",
                "no role of the caller may call this method",
            )
            .domain(service)
            .into_status());
        };
        let scope = Scope::granted(&caller, granted)?;
        Ok((caller, scope))
    }
}

/// The token of the call. Two of them would leave open which one counts.
fn token(headers: &HeaderMap) -> Result<&str, TokenError> {
    let mut tokens = headers.get_all(IDENTITY_KEY).iter();
    match (tokens.next(), tokens.next()) {
        (Some(token), None) => token.to_str().map_err(|_| TokenError::Malformed),
        (None, _) => Err(TokenError::Missing),
        (Some(_), Some(_)) => Err(TokenError::Malformed),
    }
}

/// The request's id as it came, if it may stand in logs, or a new one.
pub(super) fn request_id(headers: &HeaderMap) -> (String, HeaderValue) {
    const LENGTH_MAX: usize = 128;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    let given = headers.get(crate::identity::REQUEST_ID_KEY).filter(|value| {
        (1..=LENGTH_MAX).contains(&value.len()) && value.as_bytes().iter().copied().all(plain)
    });
    if let Some(value) = given
        && let Ok(text) = value.to_str()
    {
        return (text.to_owned(), value.clone());
    }
    let text = uuid::Uuid::now_v7().to_string();
    // A uuid is always a header value.
    let value = HeaderValue::try_from(&text).unwrap_or_else(|_| HeaderValue::from_static("unknown"));
    (text, value)
}
