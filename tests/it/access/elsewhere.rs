//! What somebody of another merchant gets to see and to change: nothing. Every method is called with the ids of what
//! the demo merchant has, by whoever reaches furthest at another merchant, and nothing of the demo's may be in any
//! answer, nor any row of its be another afterwards. The other merchant has people with the same ids, so that no
//! method stops at those.

mod cell;
mod rows;

use std::collections::BTreeMap;

use e2e::{Answer, InProcess, MERCHANT, contract, people};
use proto::access::{MethodRule, Role, Scope, role_name, rules};
use serde_json::Value;

use super::{ELSEWHERE, Fixture, fixtures, reached};
use cell::{Cell, Known, Means};

/// Whose rows the fixtures ask about: the other merchant has nobody of that id.
const WHO: &str = "other";
/// Streams into the demo's own rows, which the batches store by the same code.
const STREAMS: [&str; 2] =
    ["/jinpai.metrics.v1.FactsService/IngestFacts", "/jinpai.metrics.v1.MetricsService/IngestConversations"];
/// Another merchant's people.
const STRANGERS: &str = "person_id,name,status,roles\n\
    agent,stranger,regular,agent\n\
    mate,stranger,regular,agent\n\
    lead,stranger,regular,agent;lead\n\
    reviewer,stranger,regular,reviewer\n\
    manager,stranger,regular,manager\n";

#[test]
fn every_method_is_asked_from_elsewhere() {
    let cells = cell::all();
    let mut here: Vec<_> = cells.iter().map(|cell| cell.path.as_str()).collect();
    here.extend(fixtures().map(|fixture| fixture.path));
    here.extend(STREAMS);
    here.sort_unstable();
    let wanted: Vec<_> = rules().iter().map(|rule| rule.path).collect();
    assert_eq!(here, wanted);
}

/// Asks everything; the demo merchant is filled, and everybody's reach in it has been looked at.
pub(super) async fn check(suite: &InProcess, reviews: &BTreeMap<&'static str, String>) {
    let stranger = suite.door.token(ELSEWHERE, Role::Manager, Some("manager"));
    people::import(&suite.door.session_with(stranger).await, STRANGERS).await;
    let client = suite.ground.look().await.expect("the database is there");
    client.batch_execute(&rows::of_the_past()).await.expect("puts rows in");
    let known = Known::furnish(&suite.door, reviews).await;
    let secrets = rows::secrets(&client).await;
    assert!(secrets.len() > 100, "{secrets:?}");
    let rows = rows::Watch::over(client).await;
    let mut look = Look { suite, rows, secrets, wrong: Vec::new() };

    let cells = cell::all();
    let (changing, reading): (Vec<_>, Vec<_>) = cells.iter().partition(|cell| rule(&cell.path).changes);
    for cell in reading {
        let body = known.fill(&cell.body);
        let (ours, theirs) =
            (ask(suite, cell, MERCHANT, &body).await, ask(suite, cell, ELSEWHERE, &body).await);
        look.judge_reading(cell, &body, &ours, &theirs);
    }
    look.rows.calm().await;
    for fixture in fixtures() {
        look.fixture(fixture, &reviews[WHO]).await;
    }
    // What strangers may do for themselves comes last: up to then nothing of theirs hides what is not.
    let (own, named): (Vec<_>, Vec<_>) =
        changing.into_iter().partition(|cell| matches!(cell.means, Means::Own(_)));
    for cell in named.iter().chain(&own) {
        look.unchanged(cell, &known.fill(&cell.body)).await;
    }
    // That the demo's own manager is answered otherwise shows that the requests are about something.
    for cell in named {
        let answer = ask(suite, cell, MERCHANT, &known.fill(&cell.body)).await;
        let code = code(&answer);
        if !["ok", "aborted", "already_exists", "failed_precondition", "permission_denied"]
            .contains(&code.as_str())
        {
            look.wrong.push(format!("{} at home: {}", cell.path, answer.json()));
        }
    }
    assert!(look.wrong.is_empty(), "{} wrong:\n{}", look.wrong.len(), look.wrong.join("\n"));
}

struct Look<'a> {
    suite: &'a InProcess,
    rows: rows::Watch,
    /// Words that stand for something of the demo's alone.
    secrets: Vec<String>,
    wrong: Vec<String>,
}

impl Look<'_> {
    fn judge_reading(&mut self, cell: &Cell, body: &Value, ours: &Answer, theirs: &Answer) {
        let (here, there) = (code(ours), code(theirs));
        let right = match &cell.means {
            Means::Named => there == "not_found" && ["ok", "failed_precondition"].contains(&here.as_str()),
            Means::Lists => {
                here == "ok" && there == "ok" && !self.told(&cell.path, &Value::Null, ours).is_empty()
            }
            Means::Own(_) => here == "ok" && there == "ok" && ours.body != theirs.body,
            Means::Same(_) => here == "ok" && ours.body == theirs.body,
            Means::Refused(_) => false,
        };
        if !right {
            let (ours, theirs) = (ours.json(), theirs.json());
            let said = cell.means.said();
            self.wrong.push(format!("{} {said}: at home {ours}\n    elsewhere {theirs}", cell.path));
        }
        self.silent(&cell.path, body, theirs);
    }

    /// A change from elsewhere that names something of the demo's is refused, and any leaves the demo's rows alone.
    async fn unchanged(&mut self, cell: &Cell, body: &Value) {
        let answer = ask(self.suite, cell, ELSEWHERE, body).await;
        self.same_rows(&cell.path).await;
        let right = match &cell.means {
            Means::Named => code(&answer) == "not_found",
            Means::Own(_) => code(&answer) == "ok",
            Means::Refused(reason) => code(&answer) != "ok" && answer.json().to_string().contains(reason),
            Means::Lists | Means::Same(_) => false,
        };
        if !right {
            let said = cell.means.said();
            self.wrong.push(format!("{} {said}: from elsewhere {}", cell.path, answer.json()));
        }
        self.silent(&cell.path, body, &answer);
    }

    /// Who sees what a fixture asks for is looked at by role; here is what comes back beside it, and what is changed.
    async fn fixture(&mut self, fixture: &Fixture, review: &str) {
        let rule = rule(fixture.path);
        let role = furthest(rule);
        let token = self.suite.door.token(ELSEWHERE, role, Some(&person(role)));
        let body = (fixture.body)(WHO, review);
        let answer = super::ask(&self.suite.door, fixture, &token, &body).await;
        if rule.changes {
            self.same_rows(fixture.path).await;
        }
        if reached(fixture, WHO, review, &answer) || answer.status >= 500 {
            self.wrong.push(format!("{} from elsewhere: {}", fixture.path, answer.json()));
        }
        self.silent(fixture.path, &body, &answer);
    }

    async fn same_rows(&mut self, path: &str) {
        let mut changed = self.rows.changed().await;
        // Services have schemas of their own: in another's, somebody else was at work.
        let service = path.split('.').nth(1).filter(|service| e2e::SERVICES.contains(service));
        changed.retain(|table| service.is_none_or(|service| table.starts_with(&format!("{service}."))));
        if !changed.is_empty() {
            self.wrong.push(format!("{path} from elsewhere changed {changed:?}"));
        }
    }

    /// Nothing of the demo's is in an answer, but what was in the request.
    fn silent(&mut self, path: &str, body: &Value, answer: &Answer) {
        let told = self.told(path, body, answer);
        if !told.is_empty() {
            self.wrong.push(format!("{path} tells strangers {told:?}: {}", answer.json()));
        }
    }

    /// What an answer holds of the demo's that the request did not.
    fn told(&self, path: &str, body: &Value, answer: &Answer) -> Vec<String> {
        let asked = body.to_string();
        let text = encoded(path, answer);
        let told = self.secrets.iter().filter(|secret| text.contains(*secret) && !asked.contains(*secret));
        told.cloned().collect()
    }
}

async fn ask(suite: &InProcess, cell: &Cell, merchant: &str, body: &Value) -> Answer {
    let rule = rule(&cell.path);
    let role = cell.role.unwrap_or_else(|| furthest(rule));
    let token = suite.door.token(merchant, role, Some(&person(role)));
    if rule.server_streaming {
        return suite.door.json_stream(&cell.path, &token, body).await;
    }
    let to: Vec<_> = cell.to.iter().map(|service| ("x-jinpai-target", service.as_str())).collect();
    suite.door.json_with(&cell.path, &token, body, &to).await
}

fn rule(path: &str) -> &'static MethodRule {
    proto::access::rule(path).unwrap_or_else(|| panic!("{path} is a method"))
}

/// The protobuf messages of an answer, so that what JSON writes in base64 is seen too; a refusal as it is.
fn encoded(path: &str, answer: &Answer) -> String {
    let json = answer.json();
    if answer.status != 200 {
        return json.to_string();
    }
    let messages = match json {
        Value::Array(messages) => messages,
        message => vec![message],
    };
    let encoded = messages.iter().map(|message| contract::encoded(path, message));
    encoded.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect()
}

/// The role that reaches furthest; a manager where that is one of them.
fn furthest(rule: &MethodRule) -> Role {
    let reach = |role: Role| rule.scope_for(&[role]).unwrap_or(Scope::Unspecified) as i32;
    let widest = rule.grants.iter().map(|(role, _)| *role).max_by_key(|role| reach(*role));
    let widest = widest.expect("somebody may call it");
    if reach(Role::Manager) == reach(widest) { Role::Manager } else { widest }
}

/// Who has the role at both merchants.
fn person(role: Role) -> String {
    match role {
        Role::Agent | Role::Lead | Role::Reviewer => role_name(role),
        _ => "manager".to_owned(),
    }
}

/// `ok`, or Connect's name of the gRPC status.
fn code(answer: &Answer) -> String {
    match (answer.status, answer.json()["code"].as_str()) {
        (200, _) => "ok".to_owned(),
        (_, Some(code)) => code.to_owned(),
        // The end of a stream has been read already.
        (404, None) => "not_found".to_owned(),
        (status, None) => status.to_string(),
    }
}
