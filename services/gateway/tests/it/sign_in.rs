//! Only a good token lets in, and nothing but it says who calls.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use proto::access::Role;
use proto::metrics::v1::CloseDayRequest;
use rand::Rng;
use serde_json::{Value, json};
use status::Problem;
use testkit::{FakeClock, Issuer, caller};
use tonic::Code;

use crate::native::figures_of;
use crate::support::fakes::FINE;
use crate::support::{ISSUER, METRICS, SOON, TestGateway, with_token};

/// The claims that a good token of the test issuer would have.
fn claims() -> Value {
    let now = jsonwebtoken::get_current_timestamp();
    json!({ "iss": ISSUER, "aud": "jinpai", "sub": "mallory", "exp": now + 600, "merchant": "demo", "roles": ["manager"] })
}

async fn code(gateway: &TestGateway, token: &str) -> Code {
    let answer = gateway.metrics_client().get_figures(with_token(token, figures_of(FINE))).await;
    answer.map_or_else(|status| status.code(), |_| Code::Ok)
}

#[tokio::test]
async fn the_service_learns_who_calls_from_the_gateway_alone() {
    let gateway = TestGateway::start(&[]).await;
    let lead = caller().of("shop-1").person("p-lead").roles(&[Role::Lead, Role::Reviewer]);
    let mut request = gateway.request(&lead, figures_of(FINE));
    for (name, value) in [
        ("x-jinpai-identity", "forged"),
        ("x-jinpai-merchant", "other"),
        ("x-user-id", "root"),
        ("x-tenant", "other"),
        ("x-forwarded-for", "10.0.0.1"),
        ("forwarded", "for=10.0.0.1"),
        ("cookie", "session=1"),
        ("x-request-id", "my-request-1"),
    ] {
        request.metadata_mut().insert(name, value.parse().expect("text"));
    }
    let answer = gateway.metrics_client().get_figures(request).await.expect("an answer");
    assert_eq!(answer.metadata().get("x-request-id").expect("it is told"), "my-request-1");

    let seen = gateway.metrics.seen_once();
    let told = gateway.identity(&seen);
    assert_eq!((told.merchant.as_str(), told.subject.as_str()), ("shop-1", "p-lead"));
    assert_eq!(told.person.expect("a person").as_str(), "p-lead");
    assert_eq!(told.roles, [Role::Lead, Role::Reviewer]);
    assert_eq!(seen["x-request-id"], "my-request-1");
    for absent in [
        "authorization",
        "x-jinpai-merchant",
        "x-user-id",
        "x-tenant",
        "x-forwarded-for",
        "forwarded",
        "cookie",
    ] {
        assert!(!seen.contains_key(absent), "{absent} got through");
    }
}

#[tokio::test]
async fn a_request_id_that_could_disturb_logs_is_replaced() {
    let gateway = TestGateway::start(&[]).await;
    for bad in ["", "a b", "a\"b", &"x".repeat(129)] {
        let mut request = gateway.request(&caller(), figures_of(FINE));
        request.metadata_mut().insert("x-request-id", bad.parse().expect("text"));
        gateway.metrics_client().get_figures(request).await.expect("an answer");
    }
    for seen in gateway.metrics.seen() {
        let id = seen["x-request-id"].to_str().expect("text");
        assert!(uuid::Uuid::parse_str(id).is_ok(), "{id}");
    }
}

#[tokio::test]
async fn forged_tokens_are_refused_as_such() {
    let gateway = TestGateway::start(&[]).await;
    let good = gateway.issuer.token(&caller());
    assert_eq!(code(&gateway, &good).await, Code::Ok);
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let none = format!("{}.{}.", part(&json!({ "alg": "none", "typ": "JWT" })), part(&claims()));
    // The public key used as a shared secret: the classic confusion of algorithms.
    let jwks: Value = serde_json::from_str(gateway.issuer.jwks()).expect("a key set");
    let public = jwks["keys"][0]["x"].as_str().expect("the public key");
    let key_id = jwks["keys"][0]["kid"].as_str().expect("its name").to_owned();
    let shared = |secret: &[u8]| {
        let header = Header { kid: Some(key_id.clone()), ..Header::new(Algorithm::HS256) };
        encode(&header, &claims(), &EncodingKey::from_secret(secret)).expect("it signs")
    };
    let raw = URL_SAFE_NO_PAD.decode(public).expect("base64");
    let stranger = Issuer::new(ISSUER, runtime::clock::SystemClock::shared());
    let other = Issuer::new("https://elsewhere.test", runtime::clock::SystemClock::shared());
    let signature = good.rsplit_once('.').expect("three parts").1;
    for (what, token) in [
        ("no algorithm", none),
        (
            "no algorithm, signed",
            format!("{}.{}.{signature}", part(&json!({ "alg": "none" })), part(&claims())),
        ),
        ("public key as secret", shared(&raw)),
        ("key document as secret", shared(gateway.issuer.jwks().as_bytes())),
        ("a stranger's key", stranger.token(&caller())),
        ("another issuer", other.token(&caller())),
        ("another audience", gateway.issuer.token_for("billing", &caller())),
        ("the internal audience", gateway.issuer.token_for("jinpai-internal", &caller())),
        ("no token at all", "x".to_owned()),
        ("empty", String::new()),
        ("very long", format!("{good}{}", "A".repeat(9000))),
    ] {
        assert_eq!(code(&gateway, &token).await, Code::Unauthenticated, "{what}");
    }
    assert_eq!(gateway.metrics.seen().len(), 1, "only the good one got through");
}

#[tokio::test]
async fn a_token_with_a_flipped_bit_is_never_good_and_never_our_failure() {
    let gateway = TestGateway::start(&[]).await;
    let good = gateway.issuer.token(&caller());
    let (client, seed) = (gateway.metrics_client(), rand::rng().random::<u64>());
    let mut random: rand::rngs::StdRng = rand::SeedableRng::seed_from_u64(seed);
    for _ in 0..500 {
        let mut bytes = good.clone().into_bytes();
        let at = random.random_range(0..bytes.len());
        bytes[at] ^= 1 << random.random_range(0..6);
        let Ok(token) = String::from_utf8(bytes) else { continue };
        // Bits that carry nothing may flip: the last character of each base64 part has some.
        let same = |a: &str, b: &str| URL_SAFE_NO_PAD.decode(a).ok() == URL_SAFE_NO_PAD.decode(b).ok();
        let changed =
            token.split('.').count() != 3 || !token.split('.').zip(good.split('.')).all(|(a, b)| same(a, b));
        if !changed || token.parse::<tonic::metadata::AsciiMetadataValue>().is_err() {
            continue;
        }
        let status =
            client.clone().get_figures(with_token(&token, figures_of(FINE))).await.expect_err(&token);
        assert_eq!(status.code(), Code::Unauthenticated, "seed {seed}: {token}");
    }
}

#[tokio::test]
async fn the_header_has_to_be_one_bearer_token() {
    let gateway = TestGateway::start(&[]).await;
    let token = gateway.issuer.token(&caller());
    let plain = crate::support::HttpClient::new(gateway.address);
    let path = format!("{METRICS}/GetFigures");
    for client in [
        plain.clone(),
        plain.clone().with("authorization", &token),
        plain.clone().with("authorization", &format!("Basic {token}")),
        plain.clone().with("authorization", "Bearer"),
        gateway.http(&caller()).with("authorization", "Bearer x"),
    ] {
        let answer = client.json(&path, "{}").await;
        assert_eq!((answer.status.as_u16(), answer.header("www-authenticate")), (401, "Bearer"));
    }
    let answer = plain.with("authorization", &format!("bEaReR {token}")).json(&path, "{}").await;
    assert_ne!(answer.status, 401, "the scheme's case does not matter");
}

#[tokio::test]
async fn time_ends_a_token_also_for_a_session() {
    let clock = FakeClock::at("2026-01-01T00:00:00Z");
    let gateway = TestGateway::start_with(&[], clock.shared(), |_| ()).await;
    let token = gateway.issuer.token(&caller());
    assert_eq!(code(&gateway, &token).await, Code::Ok);
    clock.advance(TimeDelta::minutes(59));
    assert_eq!(code(&gateway, &token).await, Code::Ok, "an hour has not passed");
    // The skew and the time until a session is looked at again.
    clock.advance(TimeDelta::seconds(60 + 30 + 5));
    assert_eq!(code(&gateway, &token).await, Code::Unauthenticated);
    clock.set("2025-12-31T23:00:00Z");
    let early = gateway.issuer.token(&caller());
    clock.set("2025-12-31T22:00:00Z");
    assert_eq!(code(&gateway, &early).await, Code::Unauthenticated, "not valid yet");
}

#[tokio::test]
async fn new_keys_count_and_old_ones_stop_without_a_restart() {
    let folder = testkit::Scratch::new();
    let file = folder.path().join("jwks.json");
    let old = Issuer::new(ISSUER, runtime::clock::SystemClock::shared());
    let new = Issuer::new(ISSUER, runtime::clock::SystemClock::shared());
    std::fs::write(&file, old.jwks()).expect("write the keys");
    let settings = [("sessions.recheck_seconds", "1")];
    let gateway = TestGateway::start_with(&settings, runtime::clock::SystemClock::shared(), |config| {
        config.sign_in.jwks_file = Some(file.clone());
    })
    .await;
    let (old_token, new_token) = (old.token(&caller()), new.token(&caller()));
    assert_eq!(code(&gateway, &old_token).await, Code::Ok);
    assert_eq!(code(&gateway, &new_token).await, Code::Unauthenticated);
    std::fs::write(&file, new.jwks()).expect("write the keys");
    testkit::eventually(SOON, async || code(&gateway, &new_token).await == Code::Ok).await;
    testkit::eventually(SOON, async || code(&gateway, &old_token).await == Code::Unauthenticated).await;
}

#[tokio::test]
async fn a_role_without_a_grant_is_turned_away_at_the_door() {
    let gateway = TestGateway::start(&[]).await;
    let agent = caller().person("p1").roles(&[Role::Agent]);
    let mut client = gateway.metrics_client();
    let status = client.close_day(gateway.request(&agent, CloseDayRequest::default())).await.expect_err("no");
    assert_eq!(
        (status.code(), Problem::from_status(&status).reason.as_str()),
        (Code::PermissionDenied, "ROLE_REQUIRED")
    );
    let nobody = caller().roles(&[]);
    let status = client.get_figures(gateway.request(&nobody, figures_of(FINE))).await.expect_err("no");
    assert_eq!(status.code(), Code::PermissionDenied);
    let no_person = caller().roles(&[Role::Agent]);
    let status = client.get_figures(gateway.request(&no_person, figures_of(FINE))).await.expect_err("no");
    assert_eq!(Problem::from_status(&status).reason, "NO_PERSON");
    assert!(gateway.metrics.seen().is_empty());
}

#[tokio::test]
async fn every_method_is_open_to_the_roles_of_its_rule_and_to_no_others() {
    let settings = [("limits.per_caller.burst", "100000"), ("limits.per_merchant.burst", "100000")];
    let gateway = TestGateway::start(&settings).await;
    let mut wrong = Vec::new();
    for rule in proto::access::rules() {
        for role in testkit::access::all_roles() {
            let somebody = caller().person("p1").roles(&[role]);
            let status = gateway
                .grpc_as(&somebody, rule.path, &[("x-jinpai-target", "qa")], crate::web::framed(&()))
                .await;
            let refused = matches!(status.code(), Code::PermissionDenied | Code::Unauthenticated);
            if refused == rule.scope_for(&[role]).is_some() {
                wrong.push(format!("{} as {role:?}: {:?}", rule.path, status.code()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
