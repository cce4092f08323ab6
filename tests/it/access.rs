//! How far each role reaches: every role that may call it × every method with a narrow grant × (own, same team, other
//! team, other merchant), as the rules beside the methods say; and every method from another merchant in `elsewhere`. Who
//! may call what at all is in `roles`: whoever may not is refused there, whatever it is about.

mod elsewhere;
mod ground;
mod metrics;
mod people;
mod qa;

use std::collections::BTreeMap;

use e2e::{Answer, Door, Framed, InProcess, MERCHANT};
use futures::stream::{self, StreamExt};
use http::HeaderMap;
use proto::access::{MethodRule, Role, Scope, role_name, rules};
use serde_json::{Value, json};
use testkit::access::all_roles;

const ELSEWHERE: &str = "elsewhere";
/// Requests under way.
const AT_ONCE: usize = 4;

/// How to ask a method about one agent, and how to tell that the answer is about them.
struct Fixture {
    path: &'static str,
    /// For an agent and the review of their chat.
    body: fn(&str, &str) -> Value,
    /// What an answer about them holds; without it, whatever is not refused as missing is about them.
    holds: Option<fn(&str, &str) -> String>,
}

/// One for each method that grants somebody less than the merchant.
fn fixtures() -> impl Iterator<Item = &'static Fixture> {
    [people::FIXTURES, metrics::FIXTURES, qa::FIXTURES].into_iter().flatten()
}

#[test]
fn every_method_with_a_narrow_grant_has_a_fixture() {
    let narrow = |rule: &&MethodRule| rule.grants.iter().any(|(_, scope)| *scope != Scope::Merchant);
    let mut wanted: Vec<_> = rules().iter().filter(narrow).map(|rule| rule.path).collect();
    let mut here: Vec<_> = fixtures().map(|fixture| fixture.path).collect();
    wanted.sort_unstable();
    here.sort_unstable();
    assert_eq!(here, wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_reaches_own_team_and_merchant_as_the_rules_say() {
    let suite = InProcess::start().await;
    let reviews = ground::fill(&suite).await;
    // What changes something is asked alone, so that nothing is looked at in the middle of it.
    let (changing, reading): (Vec<_>, Vec<_>) = fixtures().partition(|fixture| rule(fixture).changes);
    let asked = reading.into_iter().map(|fixture| cells_of(&suite.door, fixture, &reviews));
    let mut cells: Vec<_> = stream::iter(asked).buffer_unordered(AT_ONCE).concat().await;
    for fixture in changing {
        cells.extend(cells_of(&suite.door, fixture, &reviews).await);
    }
    let (cells, wrong): (usize, Vec<_>) = (cells.len(), cells.into_iter().filter_map(Result::err).collect());
    assert!(wrong.is_empty(), "{} of {cells} differ from the rules:\n{}", wrong.len(), wrong.join("\n"));
    // Here, because filling a suite takes longer than asking it.
    elsewhere::check(&suite, &reviews).await;
}

/// Asks as every role that may call it about everybody; a cell that differs from the rules says how.
async fn cells_of(
    door: &Door,
    fixture: &Fixture,
    reviews: &BTreeMap<&'static str, String>,
) -> Vec<Result<(), String>> {
    let rule = rule(fixture);
    let mut cells = Vec::new();
    for (role, scope) in all_roles().filter_map(|role| Some((role, rule.scope_for(&[role])?))) {
        let own = if role == Role::Lead { "lead" } else { "agent" };
        for (merchant, target) in [(MERCHANT, own), (MERCHANT, "mate"), (MERCHANT, "other"), (ELSEWHERE, own)]
        {
            let expected = match scope {
                _ if merchant == ELSEWHERE => false,
                Scope::Unspecified => false,
                // A team is seen by who is in it.
                Scope::Own => target == own || (fixture.path.ends_with("/ListTeams") && target == "mate"),
                Scope::Team => target != "other",
                Scope::Merchant => true,
            };
            let token = door.token(merchant, role, Some(own));
            let answer = ask(door, fixture, &token, &(fixture.body)(target, &reviews[target])).await;
            cells.push(if reached(fixture, target, &reviews[target], &answer) == expected {
                Ok(())
            } else {
                let (role, seen) = (role_name(role), answer.json());
                Err(format!("{} as {role} of {merchant} about {target}: {seen}", fixture.path))
            });
        }
    }
    cells
}

fn rule(fixture: &Fixture) -> &'static MethodRule {
    proto::access::rule(fixture.path).expect("a method")
}

/// What a fixture's method answers; of a stream without an end its first message.
async fn ask(door: &Door, fixture: &Fixture, token: &str, body: &Value) -> Answer {
    let rule = rule(fixture);
    if rule.endless {
        first(door, fixture.path, token, body).await
    } else if rule.server_streaming {
        door.json_stream(fixture.path, token, body).await
    } else {
        door.json(fixture.path, token, body).await
    }
}

/// The first message of an endless stream; one that ends without any is refused.
async fn first(door: &Door, path: &str, token: &str, body: &Value) -> Answer {
    match door.connect_open(path, token, body).await.next().await {
        Framed::Message(body) => Answer { status: 200, headers: HeaderMap::new(), body },
        Framed::End(body) => Answer { status: 403, headers: HeaderMap::new(), body },
    }
}

fn reached(fixture: &Fixture, who: &str, review: &str, answer: &Answer) -> bool {
    match fixture.holds {
        Some(holds) => answer.status == 200 && answer.json().to_string().contains(&holds(who, review)),
        None => ![403, 404].contains(&answer.status),
    }
}

fn on_day() -> Value {
    json!({ "year": 2020, "month": 5, "day": 12 })
}

fn days() -> Value {
    json!({ "from": on_day(), "to": on_day() })
}
