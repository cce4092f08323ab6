//! Internal tokens: what counts, for how long, and everything that does not count.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use proto::access::Role;
use runtime::clock::SharedClock;
use runtime::config::{AccessConfig, SignerConfig};
use runtime::identity::{INTERNAL_AUDIENCE, Signer, TokenError, Verifier};
use serde_json::{Value, json};
use status::{Failure as _, Kind};

use crate::support::{SetClock, caller, signer};

struct Gateway {
    clock: Arc<SetClock>,
    signer: Signer,
    verifier: Verifier,
}

impl Gateway {
    fn new() -> Self {
        let clock = SetClock::new();
        let shared: SharedClock = clock.clone();
        let signer = signer(Arc::clone(&shared));
        let verifier = Verifier::of_jwks(signer.jwks(), &AccessConfig::default(), shared).expect("good keys");
        Self { clock, signer, verifier }
    }

    fn token(&self) -> String {
        self.signer.token(&caller(&[Role::Lead, Role::Reviewer])).expect("it signs")
    }

    fn refused(&self, token: &str) -> TokenError {
        self.verifier.verify(token, "r").expect_err("it must not count")
    }
}

fn part(value: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
}

fn read(part: &str) -> Value {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64")).expect("JSON")
}

/// A signer whose key the tests can also use by hand.
fn known_key(clock: SharedClock) -> (Signer, EncodingKey, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let config = SignerConfig { key_file: folder.path().join("key.pem"), ..SignerConfig::default() };
    let signer = Signer::open_or_create(&config, clock).expect("a key is made");
    let pem = std::fs::read(&config.key_file).expect("it is written");
    let jwks: Value = serde_json::from_str(signer.jwks()).expect("JSON");
    let kid = jwks["keys"][0]["kid"].as_str().expect("a name").to_owned();
    (signer, EncodingKey::from_ed_pem(&pem).expect("Ed25519"), kid)
}

#[test]
fn a_signed_caller_arrives_as_they_were() {
    let gateway = Gateway::new();
    let who = caller(&[Role::Lead, Role::Reviewer]);
    let read = gateway.verifier.verify(&gateway.token(), &who.request_id).expect("it counts");
    assert_eq!(read, who);
    let program = runtime::identity::Caller { person: None, ..caller(&[Role::ServiceAccount]) };
    let token = gateway.signer.token(&program).expect("it signs");
    assert_eq!(gateway.verifier.verify(&token, "r-1").expect("it counts"), program);
}

#[test]
fn a_token_stops_counting_when_it_expires_even_if_it_was_checked_before() {
    let gateway = Gateway::new();
    let token = gateway.token();
    gateway.verifier.verify(&token, "r").expect("it counts");
    gateway.clock.advance(60 + 29);
    gateway.verifier.verify(&token, "r").expect("within the skew");
    gateway.clock.advance(1);
    assert!(matches!(gateway.refused(&token), TokenError::Expired));
    let fresh = Verifier::of_jwks(gateway.signer.jwks(), &AccessConfig::default(), gateway.clock.clone());
    let fresh = fresh.expect("good keys");
    assert!(matches!(fresh.verify(&token, "r"), Err(TokenError::Expired)));
    assert_ne!(gateway.token(), token, "the signer does not hand out old ones either");
}

#[test]
fn a_token_does_not_count_before_its_time() {
    let gateway = Gateway::new();
    let token = gateway.token();
    gateway.clock.advance(-31);
    assert!(matches!(gateway.refused(&token), TokenError::Early));
    gateway.clock.advance(1);
    gateway.verifier.verify(&token, "r").expect("within the skew");
}

#[test]
fn one_caller_gets_one_token_for_half_its_life() {
    let gateway = Gateway::new();
    let token = gateway.token();
    gateway.clock.advance(29);
    assert_eq!(gateway.token(), token);
    let other_request =
        runtime::identity::Caller { request_id: "r-2".into(), ..caller(&[Role::Lead, Role::Reviewer]) };
    assert_eq!(gateway.signer.token(&other_request).expect("it signs"), token);
    assert_ne!(gateway.signer.token(&caller(&[Role::Lead])).expect("it signs"), token);
    gateway.clock.advance(2);
    assert_ne!(gateway.token(), token);
}

#[test]
fn no_flipped_bit_is_forgiven() {
    let gateway = Gateway::new();
    let token = gateway.token();
    gateway.verifier.verify(&token, "r").expect("the token itself counts");
    for at in 0..token.len() {
        for bit in 0..7 {
            let mut bytes = token.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let Ok(flipped) = String::from_utf8(bytes) else { continue };
            let error = gateway.refused(&flipped);
            assert_eq!(error.kind(), Kind::Unauthenticated, "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn unsigned_and_wrongly_signed_tokens_do_not_count() {
    let gateway = Gateway::new();
    let token = gateway.token();
    let [head, claims, signature]: [&str; 3] =
        token.split('.').collect::<Vec<_>>().try_into().expect("three parts");
    let head = read(head);

    for alg in ["none", "None", "NONE", ""] {
        let mut none = head.clone();
        none["alg"] = alg.into();
        for signature in ["", signature] {
            gateway.refused(&format!("{}.{claims}.{signature}", part(&none)));
        }
    }
    // The public key as a shared secret: the classic confusion.
    let jwks: Value = serde_json::from_str(gateway.signer.jwks()).expect("JSON");
    let public =
        BASE64_URL_SAFE_NO_PAD.decode(jwks["keys"][0]["x"].as_str().expect("a key")).expect("base64");
    let mut header = Header::new(Algorithm::HS256);
    header.kid = head["kid"].as_str().map(str::to_owned);
    let confused = encode(&header, &read(claims), &EncodingKey::from_secret(&public)).expect("it signs");
    assert_eq!(gateway.refused(&confused).kind(), Kind::Unauthenticated);
    let confused =
        encode(&header, &read(claims), &EncodingKey::from_secret(gateway.signer.jwks().as_bytes()));
    gateway.refused(&confused.expect("it signs"));

    for nonsense in
        ["", ".", "..", "a.b.c", &"x".repeat(100_000), "ey.ey.ey", &format!("{token}.x"), "😀.😀.😀"]
    {
        assert_eq!(gateway.refused(nonsense).kind(), Kind::Unauthenticated, "{nonsense:.20}");
    }
}

#[test]
fn a_strangers_key_does_not_count_whatever_it_is_called() {
    let gateway = Gateway::new();
    let [head, claims, _]: [String; 3] =
        gateway.token().split('.').map(str::to_owned).collect::<Vec<_>>().try_into().expect("three parts");
    let kid = read(&head)["kid"].as_str().map(str::to_owned);
    let (_, stranger, stranger_kid) = known_key(gateway.clock.clone());
    for named in [kid, Some(stranger_kid), Some("nobody".to_owned()), None] {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = named;
        // Headers that point at keys are never followed.
        header.jku = Some("http://127.0.0.1:1/keys".to_owned());
        let token = encode(&header, &read(&claims), &stranger).expect("it signs");
        assert_eq!(gateway.refused(&token).kind(), Kind::Unauthenticated, "{:?}", header.kid);
    }
}

#[test]
fn issuer_audience_and_claims_must_be_right() {
    let clock = SetClock::new();
    let (signer, key, kid) = known_key(clock.clone());
    let verifier =
        Verifier::of_jwks(signer.jwks(), &AccessConfig::default(), clock.clone()).expect("good keys");
    let now = runtime::clock::Clock::now(&*clock).timestamp();
    let good = json!({"iss": "jinpai-gateway", "aud": INTERNAL_AUDIENCE, "sub": "s", "merchant": "m1",
        "roles": ["lead", "astronaut"], "iat": now, "nbf": now, "exp": now + 60});
    let signed = |claims: &Value, crit: Option<Vec<String>>| {
        let mut header = Header::new(Algorithm::EdDSA);
        (header.kid, header.crit) = (Some(kid.clone()), crit);
        encode(&header, claims, &key).expect("it signs")
    };
    let read = verifier.verify(&signed(&good, None), "r").expect("it counts");
    assert_eq!(read.roles, [Role::Lead], "a role we don't know grants nothing");

    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    let without = |name: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().expect("an object").remove(name);
        claims
    };
    let bad = [
        with("iss", json!("jinpai-gateway2")),
        with("iss", json!(["other"])),
        with("aud", json!("jinpai")),
        with("aud", json!([])),
        with("exp", json!(now - 31)),
        with("exp", json!("soon")),
        with("exp", json!(-1)),
        with("nbf", json!(now + 31)),
        with("nbf", json!("soon")),
        with("merchant", json!(7)),
        with("roles", json!("supervisor")),
        without("iss"),
        without("aud"),
        without("exp"),
        without("sub"),
        without("merchant"),
    ];
    for claims in &bad {
        let error = verifier.verify(&signed(claims, None), "r").expect_err("it must not count");
        assert_eq!(error.kind(), Kind::Unauthenticated, "{claims}");
    }
    let critical = signed(&good, Some(vec!["b64".to_owned()]));
    assert!(matches!(verifier.verify(&critical, "r"), Err(TokenError::Malformed)));
}

#[test]
fn keys_rotate_without_a_restart_and_old_ones_stop_at_once() {
    let clock = SetClock::new();
    let shared: SharedClock = clock.clone();
    let file = tempfile::NamedTempFile::new().expect("a file");
    let (old, new) = (signer(shared.clone()), signer(shared.clone()));
    std::fs::write(file.path(), old.jwks()).expect("written");
    let config = AccessConfig { jwks_file: file.path().to_owned(), ..AccessConfig::default() };
    let verifier = Verifier::open(&config, shared).expect("good keys");
    let who = caller(&[Role::Lead]);
    let (old_token, new_token) = (old.token(&who).expect("it signs"), new.token(&who).expect("it signs"));
    verifier.verify(&old_token, "r").expect("it counts");

    std::fs::write(file.path(), new.jwks()).expect("written");
    // Files are not read again for every unknown key: wait until the next read is allowed.
    let began = std::time::Instant::now();
    while verifier.verify(&new_token, "r").is_err() {
        assert!(began.elapsed() < std::time::Duration::from_secs(20), "the new key is never read");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(
        matches!(verifier.verify(&old_token, "r"), Err(TokenError::UnknownKey)),
        "checked before, gone now"
    );
}

#[test]
fn a_made_key_is_kept_and_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().expect("a folder");
    let config = SignerConfig { key_file: folder.path().join("deep/key.pem"), ..SignerConfig::default() };
    let clock: SharedClock = SetClock::new();
    let first = Signer::open_or_create(&config, clock.clone()).expect("it is made");
    let again = Signer::open_or_create(&config, clock.clone()).expect("it is read");
    assert_eq!(first.jwks(), again.jwks());
    let mode = std::fs::metadata(&config.key_file).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let pem = std::fs::read_to_string(&config.key_file).expect("readable");
    let secret = pem.lines().nth(1).expect("a body");
    assert!(!format!("{first:?}").contains(secret) && !first.jwks().contains(secret));

    std::fs::write(&config.key_file, "no key").expect("written");
    Signer::open_or_create(&config, clock).expect_err("a broken key is never replaced");
}

#[test]
fn es256_keys_serve_as_well() {
    let clock: SharedClock = SetClock::new();
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), pair.serialize_pem()).expect("written");
    let config = SignerConfig { key_file: file.path().to_owned(), ..SignerConfig::default() };
    let signer = Signer::open(&config, clock.clone()).expect("P-256 in PKCS#8");
    let verifier = Verifier::of_jwks(signer.jwks(), &AccessConfig::default(), clock).expect("good keys");
    let token = signer.token(&caller(&[Role::Lead])).expect("it signs");
    verifier.verify(&token, "r").expect("it counts");
}

#[test]
fn shared_secrets_are_no_keys() {
    let clock: SharedClock = SetClock::new();
    let oct = json!({"keys": [{"kty": "oct", "kid": "k", "alg": "HS256", "k": "c2VjcmV0"}]}).to_string();
    Verifier::of_jwks(&oct, &AccessConfig::default(), clock.clone()).expect_err("no usable key");
    Verifier::of_jwks("{}", &AccessConfig::default(), clock).expect_err("no keys");
}
