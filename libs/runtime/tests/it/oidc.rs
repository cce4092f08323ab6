//! Outside tokens: keys from a file or an address, rotation, and what does not let in.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::get;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use proto::access::Role;
use runtime::clock::{Clock as _, SharedClock, SystemClock};
use runtime::identity::TokenError;
use runtime::identity::oidc::{OidcConfig, TokenVerifier};
use serde_json::{Value, json};
use status::{Failure as _, Kind};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::support::{SetClock, eventually};

const ISSUER: &str = "https://issuer.example";

/// An issuer with one key at a time, whose JWKS can be fetched.
struct Issuer {
    key: EncodingKey,
    kid: String,
}

impl Issuer {
    fn new(kid: &str) -> Self {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
        let key = EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes()).expect("PKCS#8");
        Self { key, kid: kid.to_owned() }
    }

    fn jwks(&self) -> String {
        let mut jwk = Jwk::from_encoding_key(&self.key, Algorithm::ES256).expect("a public key");
        jwk.common.key_id = Some(self.kid.clone());
        serde_json::to_string(&JwkSet { keys: vec![jwk] }).expect("JSON")
    }

    fn token(&self, change: impl FnOnce(&mut Value)) -> String {
        let now = SystemClock.now().timestamp();
        let mut claims = json!({"iss": ISSUER, "aud": "jinpai", "sub": "u-1", "merchant": "m1", "person": "p1",
            "roles": ["lead"], "nbf": now, "exp": now + 300});
        change(&mut claims);
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.kid.clone());
        encode(&header, &claims, &self.key).expect("it signs")
    }
}

/// Serves what it holds as a key set and counts how often it was asked.
#[derive(Clone, Default)]
struct KeyServer {
    jwks: Arc<Mutex<String>>,
    asked: Arc<AtomicUsize>,
}

impl KeyServer {
    async fn start(&self) -> String {
        let (jwks, asked) = (Arc::clone(&self.jwks), Arc::clone(&self.asked));
        let answer = move || {
            asked.fetch_add(1, Ordering::Relaxed);
            let text = jwks.lock().expect("not poisoned").clone();
            async move { text }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/keys", listener.local_addr().expect("bound"));
        let router = Router::new().route("/keys", get(answer));
        let stop = CancellationToken::new();
        let limits = (&runtime::config::ServerConfig::default()).into();
        let limits = runtime::server::connections::ConnectionLimits { http1: true, ..limits };
        tokio::spawn(runtime::server::connections::serve(listener, None, limits, stop, move |request| {
            let router = router.clone();
            async move {
                let request = request.map(axum::body::Body::new);
                tower::ServiceExt::oneshot(router, request).await.expect("infallible")
            }
        }));
        url
    }

    fn serve(&self, jwks: String) {
        *self.jwks.lock().expect("not poisoned") = jwks;
    }
}

fn verifier(change: impl FnOnce(&mut OidcConfig)) -> TokenVerifier {
    verifier_at(SystemClock::shared(), change)
}

fn verifier_at(clock: SharedClock, change: impl FnOnce(&mut OidcConfig)) -> TokenVerifier {
    let mut config = OidcConfig { issuer: ISSUER.to_owned(), refresh_seconds: 3600, ..OidcConfig::default() };
    change(&mut config);
    TokenVerifier::start(config, clock, CancellationToken::new()).expect("good settings")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_the_issuer_lets_in() {
    let (issuer, keys) = (Issuer::new("k1"), KeyServer::default());
    keys.serve(issuer.jwks());
    let url = keys.start().await;
    let verifier = verifier(|config| config.jwks_url = Some(url));
    let caller = verifier.verify(&issuer.token(|_| ()), "r-7").await.expect("it counts");
    assert_eq!((caller.merchant.as_str(), caller.subject.as_str()), ("m1", "u-1"));
    assert_eq!((caller.roles.as_slice(), caller.request_id.as_str()), (&[Role::Lead][..], "r-7"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_for_us_does_not_let_in() {
    let (issuer, keys) = (Issuer::new("k1"), KeyServer::default());
    keys.serve(issuer.jwks());
    let url = keys.start().await;
    let verifier = verifier(|config| config.jwks_url = Some(url));
    let now = SystemClock.now().timestamp();
    let tokens = [
        issuer.token(|claims| claims["aud"] = json!("another")),
        issuer.token(|claims| claims["aud"] = json!("jinpai-internal")),
        issuer.token(|claims| claims["iss"] = json!("https://issuer.example.evil")),
        issuer.token(|claims| claims["exp"] = json!(now - 60)),
        issuer.token(|claims| claims["nbf"] = json!(now + 60)),
        issuer.token(|claims| claims["nonce"] = json!("an ID token has one")),
        issuer.token(|claims| claims["at_hash"] = json!("an ID token has one")),
        issuer.token(|claims| claims["merchant"] = json!(null)),
        Issuer::new("k1").token(|_| ()),
        Issuer::new("k2").token(|_| ()),
    ];
    for (number, token) in tokens.iter().enumerate() {
        let error = verifier.verify(token, "r").await.expect_err("it must not count");
        assert_eq!(error.kind(), Kind::Unauthenticated, "token {number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_pinned_algorithms_count() {
    let (issuer, keys) = (Issuer::new("k1"), KeyServer::default());
    keys.serve(issuer.jwks());
    let url = keys.start().await;
    let verifier = verifier(|config| {
        config.jwks_url = Some(url);
        config.algorithms = vec!["RS256".to_owned()];
    });
    let error = verifier.verify(&issuer.token(|_| ()), "r").await.expect_err("ES256 is not pinned");
    assert_eq!(error.kind(), Kind::Unavailable, "the set holds no key that counts");
    for name in ["HS256", "none", ""] {
        let config = OidcConfig {
            issuer: ISSUER.to_owned(),
            jwks_file: Some("keys".into()),
            algorithms: vec![name.to_owned()],
            ..OidcConfig::default()
        };
        let made = TokenVerifier::start(config, SystemClock::shared(), CancellationToken::new());
        made.expect_err("no algorithm that a shared secret would do");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_is_fetched_when_a_token_needs_it_and_not_for_every_made_up_name() {
    let keys = KeyServer::default();
    let (old, new) = (Issuer::new("k1"), Issuer::new("k2"));
    keys.serve(old.jwks());
    let url = keys.start().await;
    let verifier = verifier(|config| config.jwks_url = Some(url));
    let old_token = old.token(|_| ());
    verifier.verify(&old_token, "r").await.expect("it counts");

    keys.serve(new.jwks());
    let new_token = new.token(|_| ());
    eventually("the new key is fetched", || async { verifier.verify(&new_token, "r").await.is_ok() }).await;
    let error = verifier.verify(&old_token, "r").await.expect_err("its key is gone");
    assert!(matches!(error, TokenError::UnknownKey));

    let asked = keys.asked.load(Ordering::Relaxed);
    for number in 0..200 {
        let made_up = Issuer { kid: format!("k-{number}"), key: new.key.clone() };
        verifier.verify(&made_up.token(|_| ()), "r").await.expect_err("it names no key");
    }
    assert!(keys.asked.load(Ordering::Relaxed) <= asked + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_is_away_keeps_people_out_until_it_is_back() {
    let (issuer, keys) = (Issuer::new("k1"), KeyServer::default());
    keys.serve("not there yet".to_owned());
    let url = keys.start().await;
    let verifier = verifier(|config| config.jwks_url = Some(url));
    let token = issuer.token(|_| ());
    let error = verifier.verify(&token, "r").await.expect_err("no keys");
    assert_eq!((error.kind(), error.reason()), (Kind::Unavailable, "KEYS_UNAVAILABLE"));
    keys.serve(issuer.jwks());
    verifier.refresh().await.expect("it is back");
    verifier.verify(&token, "r").await.expect("it counts");

    keys.serve("gone again".to_owned());
    verifier.refresh().await.expect_err("no keys");
    verifier.verify(&token, "r").await.expect("what is known stays known");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remembered_token_still_expires() {
    let clock = SetClock::new();
    let issuer = Issuer::new("k1");
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), issuer.jwks()).expect("written");
    let verifier = verifier_at(clock.clone(), |config| config.jwks_file = Some(file.path().to_owned()));
    let token = issuer.token(|_| ());
    verifier.verify(&token, "r").await.expect("it counts");
    clock.advance(300 + 30);
    assert!(matches!(verifier.verify(&token, "r").await, Err(TokenError::Expired)));
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused() {
    let start = |config| TokenVerifier::start(config, SystemClock::shared(), CancellationToken::new());
    let good = OidcConfig { issuer: ISSUER.into(), jwks_file: Some("keys".into()), ..OidcConfig::default() };
    start(OidcConfig { issuer: String::new(), ..good.clone() }).expect_err("no issuer");
    start(OidcConfig { jwks_file: None, ..good.clone() }).expect_err("no keys");
    start(OidcConfig { jwks_url: Some("http://issuer/keys".into()), ..good }).expect_err("two sources");
}
