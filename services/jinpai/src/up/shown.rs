//! What `jinpai up` says: steps on standard error while it starts, then what to do with it.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use anyhow::Result;
use proto::access::{Role, role_name};
use serde::Serialize;

use super::{Folder, Loaded};
use crate::state::{State, folder_of};

/// Every role, as somebody of the demo merchant who has it.
const PEOPLE: [(Role, Option<&str>); 15] = [
    (Role::Agent, Some("agent-013")),
    (Role::SeniorAgent, Some("agent-050")),
    (Role::Lead, Some("agent-001")),
    (Role::DeputySupervisor, Some("deputy-1")),
    (Role::Supervisor, Some("supervisor-1")),
    (Role::Manager, Some("manager-1")),
    (Role::Reviewer, Some("reviewer-1")),
    (Role::Trainer, Some("trainer-1")),
    (Role::CrisisSpecialist, Some("crisis-1")),
    (Role::Analyst, Some("analyst-1")),
    (Role::Hr, Some("hr-1")),
    (Role::Administration, Some("administration-1")),
    (Role::Operations, Some("operations-1")),
    (Role::Warehouse, Some("warehouse-1")),
    (Role::ServiceAccount, None),
];

#[derive(Serialize)]
struct Ready<'a> {
    gateway: &'a str,
    merchant: &'a str,
    state: String,
    seconds: f64,
    /// What was loaded just now; absent when it was there already.
    #[serde(skip_serializing_if = "Option::is_none")]
    loaded: Option<&'a Loaded>,
    /// By role.
    tokens: BTreeMap<String, String>,
}

/// Tells that a step begins.
pub(super) fn step(quiet: bool, what: &str) {
    if !quiet {
        say(&format!("starting: {what}"));
    }
}

/// Tells that the end has begun.
pub(super) fn stopping() {
    say("stopping; Ctrl-C again to hurry");
}

/// Progress must not end the suite because a terminal was closed.
fn say(text: &str) {
    drop(writeln!(std::io::stderr(), "{text}"));
}

/// Tells how to use the running suite.
pub(super) fn ready(
    state: &State,
    loaded: Option<&Loaded>,
    folder: &Folder,
    took: Duration,
    json: bool,
) -> Result<()> {
    let tokens: BTreeMap<String, String> = PEOPLE
        .into_iter()
        .map(|(role, person)| Ok((role_name(role), state.token(role, person)?)))
        .collect::<Result<_>>()?;
    let ready = Ready {
        gateway: &state.gateway,
        merchant: &state.merchant,
        state: folder.path().display().to_string(),
        seconds: (took.as_secs_f64() * 10.0).round() / 10.0,
        loaded,
        tokens,
    };
    let mut out = std::io::stdout().lock();
    if json {
        serde_json::to_writer(&mut out, &ready)?;
        writeln!(out)?;
    } else {
        out.write_all(text(&ready).as_bytes())?;
    }
    Ok(out.flush()?)
}

fn text(ready: &Ready<'_>) -> String {
    let mut text = String::from("\nTokens (12 hours; `jinpai token --role ROLE --person ID` signs more):\n");
    for (role, person) in PEOPLE {
        let name = role_name(role);
        let token = ready.tokens.get(&name).map_or("", String::as_str);
        text.push_str(&format!("  {name:<18} {:<17} {token}\n", person.unwrap_or("-")));
    }
    text.push_str(&format!(
        "\nJinpai is ready: {gateway}   (merchant {merchant}, started in {seconds} s, state in {state})\n",
        gateway = ready.gateway,
        merchant = ready.merchant,
        seconds = ready.seconds,
        state = ready.state,
    ));
    if let Some(loaded) = ready.loaded {
        text.push_str(&format!(
            "Loaded {} people and {} conversations.\n",
            loaded.people, loaded.conversations
        ));
    }
    text.push_str(&format!(
        "\nTry in another terminal ({program}):\n\
         \x20 jinpai draw --from 2020-05-12 --to 2020-05-28\n\
         \x20 jinpai figures --from 2020-05-12 --to 2020-05-28 --by team\n\
         \x20 curl -s -H \"authorization: Bearer $(jinpai token --role supervisor)\" -H 'content-type: application/json' \\\n\
         \x20      -d '{{}}' {gateway}/jinpai.gateway.v1.GatewayService/WhoAmI\n\
         \nCtrl-C stops it; nothing is lost.\n",
        program = program(&ready.state),
        gateway = ready.gateway,
    ));
    text
}

/// How to call this very program as `jinpai`, so that it finds this suite.
fn program(state: &str) -> String {
    let usual = folder_of(None).is_ok_and(|usual| usual.display().to_string() == state);
    let found = if usual { String::new() } else { format!(" --state {state}") };
    std::env::current_exe().map_or_else(
        |_| "jinpai is this program".to_owned(),
        |path| format!("alias jinpai='{}{found}'", path.display()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_has_somebody() {
        let shown: Vec<Role> = PEOPLE.iter().map(|(role, _)| *role).collect();
        for number in 1.. {
            let Ok(role) = Role::try_from(number) else { break };
            assert!(shown.contains(&role), "{role:?}");
        }
        let people = include_str!("../../demo/people.csv");
        for (role, person) in PEOPLE {
            let Some(person) = person else { continue };
            let line = people.lines().find(|line| line.starts_with(&format!("{person},")));
            let roles = line.and_then(|line| line.split(',').nth(4)).unwrap_or_default();
            assert!(roles.split(';').any(|name| name == role_name(role)), "{person} is no {role:?}");
        }
    }
}
