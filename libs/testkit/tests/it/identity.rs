//! Tokens of the test kit, read by the checks of the product.

use proto::access::{Role, Scope as Granted};
use runtime::identity::oidc::TokenVerifier;
use runtime::identity::{Reach, Verifier};
use runtime::ids::PersonId;
use testkit::{FakeClock, Identity, Issuer, caller};
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn an_issuers_token_says_who_signed_in_until_it_is_too_old() {
    let clock = FakeClock::at("2020-05-12T10:00:00+08:00");
    let issuer = Issuer::new("https://sign-in.example", clock.shared());
    let verifier = TokenVerifier::start(issuer.config(), clock.shared(), CancellationToken::new()).unwrap();
    let lead = caller().of("other").person("p-1").roles(&[Role::Lead]);
    let token = issuer.token(&lead);
    let read = verifier.verify(&token, "request-1").await.unwrap();
    assert_eq!(read, lead.caller());
    assert!(verifier.verify(&issuer.token_for("somebody-else", &lead), "request-1").await.is_err());
    clock.advance(chrono::TimeDelta::hours(2));
    assert!(verifier.verify(&token, "request-1").await.is_err(), "an hour is over");
}

#[tokio::test]
async fn a_gateways_token_counts_only_with_its_own_key() {
    let (ours, strangers) = (Identity::new(), Identity::new());
    let verifier = Verifier::open(&ours.config(), runtime::clock::SystemClock::shared()).unwrap();
    let manager = caller();
    assert_eq!(verifier.verify(&ours.token(&manager), "request-1").unwrap(), manager.caller());
    assert!(verifier.verify(&strangers.token(&manager), "request-1").is_err());
}

#[test]
fn a_callers_scope_is_its_grant() {
    let somebody = caller().person("p-1");
    assert_eq!(somebody.scope(Granted::Merchant).reach, Reach::Merchant);
    assert_eq!(somebody.scope(Granted::Team).reach, Reach::Team(PersonId::new("p-1")));
    assert_eq!(somebody.scope(Granted::Own).reach, Reach::Own(PersonId::new("p-1")));
}
