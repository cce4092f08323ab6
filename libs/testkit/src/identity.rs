//! Callers and their tokens.

use std::time::Duration;

use proto::access::{Role, Scope as Granted};
use runtime::clock::{SharedClock, SystemClock};
use runtime::config::{AccessConfig, SignerConfig};
use runtime::identity::{Caller, IDENTITY_KEY, REQUEST_ID_KEY, Scope, Signer};
use runtime::ids::{MerchantId, PersonId};
use tonic::Request;
use tonic::metadata::MetadataValue;

use crate::Scratch;

/// The merchant that callers belong to unless a test is about another.
const MERCHANT: &str = "demo";
/// How long an outside token of a test counts.
const LIFETIME: Duration = Duration::from_secs(3600);

/// Somebody who calls: a manager of the merchant `demo` unless told otherwise.
#[derive(Debug, Clone)]
pub struct TestCaller(Caller);

/// A manager of the merchant `demo` without a person, who may do nearly everything.
pub fn caller() -> TestCaller {
    TestCaller(Caller {
        merchant: MerchantId::new(MERCHANT),
        subject: "somebody".to_owned(),
        person: None,
        roles: vec![Role::Manager],
        request_id: "request-1".to_owned(),
    })
}

impl TestCaller {
    /// Of another merchant.
    #[must_use]
    pub fn of(mut self, merchant: &str) -> Self {
        self.0.merchant = MerchantId::new(merchant);
        self
    }

    /// A person of the directory, who signs in under the same name.
    #[must_use]
    pub fn person(mut self, person: &str) -> Self {
        self.0.person = Some(PersonId::new(person));
        person.clone_into(&mut self.0.subject);
        self
    }

    /// With these roles and no others.
    #[must_use]
    pub fn roles(mut self, roles: &[Role]) -> Self {
        self.0.roles = roles.to_vec();
        self
    }

    /// Under another subject, the name that signs in.
    #[must_use]
    pub fn subject(mut self, subject: &str) -> Self {
        subject.clone_into(&mut self.0.subject);
        self
    }

    /// As handlers get it.
    pub fn caller(&self) -> Caller {
        self.0.clone()
    }

    /// The rows this caller sees with a grant; panics for a grant about a person when there is none.
    pub fn scope(&self, granted: Granted) -> Scope {
        Scope::granted(&self.0, granted).unwrap_or_else(|status| panic!("{status}"))
    }
}

/// The gateway's side of the internal token: signs it, and tells services how to check it.
#[derive(Debug)]
pub struct Identity {
    signer: Signer,
    // Keeps the key file where the settings say it is.
    folder: Scratch,
    config: SignerConfig,
}

impl Identity {
    /// A key of its own, by the machine's clock.
    pub fn new() -> Self {
        Self::with_clock(SystemClock::shared())
    }

    /// A key of its own, by the same clock as the service under test.
    pub fn with_clock(clock: SharedClock) -> Self {
        let folder = Scratch::new();
        let config = SignerConfig { lifetime_seconds: 3600, ..SignerConfig::default() };
        let signer = Signer::generate(&config, clock).expect("a key");
        std::fs::write(folder.path().join("jwks.json"), signer.jwks()).expect("write the public key");
        Self { signer, folder, config }
    }

    /// The `[access]` settings of a service that accepts these tokens.
    pub fn config(&self) -> AccessConfig {
        AccessConfig {
            jwks_file: self.folder.path().join("jwks.json"),
            issuer: self.config.issuer.clone(),
            ..AccessConfig::default()
        }
    }

    /// The public key, as JSON.
    pub fn jwks(&self) -> &str {
        self.signer.jwks()
    }

    /// The token that the gateway would pass on for this caller.
    pub fn token(&self, caller: &TestCaller) -> String {
        self.signer.token(&caller.0).expect("sign the token")
    }

    /// A call to a service as the gateway would make it for this caller.
    pub fn request<T>(&self, caller: &TestCaller, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let value = |text: &str| MetadataValue::try_from(text).expect("tokens and ids are plain text");
        request.metadata_mut().insert(IDENTITY_KEY, value(&self.token(caller)));
        request.metadata_mut().insert(REQUEST_ID_KEY, value(&caller.0.request_id));
        request
    }
}

impl Default for Identity {
    fn default() -> Self {
        Self::new()
    }
}

/// An identity provider: mints the outside tokens that people sign in with at the gateway.
#[derive(Debug)]
pub struct Issuer {
    signer: Signer,
    folder: Scratch,
    name: String,
}

impl Issuer {
    /// An issuer of this name with a key of its own.
    pub fn new(name: &str, clock: SharedClock) -> Self {
        let folder = Scratch::new();
        let config = SignerConfig { issuer: name.to_owned(), ..SignerConfig::default() };
        let signer = Signer::generate(&config, clock).expect("a key");
        std::fs::write(folder.path().join("jwks.json"), signer.jwks()).expect("write the public key");
        Self { signer, folder, name: name.to_owned() }
    }

    /// Its public keys, as JSON.
    pub fn jwks(&self) -> &str {
        self.signer.jwks()
    }

    /// The `[sign_in]` settings of a gateway that accepts its tokens.
    pub fn config(&self) -> runtime::identity::oidc::OidcConfig {
        runtime::identity::oidc::OidcConfig {
            issuer: self.name.clone(),
            jwks_file: Some(self.folder.path().join("jwks.json")),
            ..runtime::identity::oidc::OidcConfig::default()
        }
    }

    /// A token for the gateway, good for an hour of the issuer's clock.
    pub fn token(&self, caller: &TestCaller) -> String {
        self.token_for("jinpai", caller)
    }

    /// A token for somebody else.
    pub fn token_for(&self, audience: &str, caller: &TestCaller) -> String {
        self.signer.token_for(audience, &caller.0, LIFETIME).expect("sign the token")
    }
}
