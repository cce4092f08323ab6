//! What is asked: one request for each method that no narrow grant is in, written down in JSON beside this file.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{SecondsFormat, TimeDelta};
use e2e::{Door, MERCHANT, plans, small};
use proto::access::{Role, role_named};
use runtime::clock::{Clock as _, SystemClock};
use serde::Deserialize;
use serde_json::{Value, json};
use testkit::eventually;

use super::super::qa::appeal;
use super::super::{days, on_day};
use super::{furthest, person, rows, rule};

const CELLS: [&str; 3] = [include_str!("metrics.json"), include_str!("people.json"), include_str!("qa.json")];
/// What the demo merchant does beforehand, so that there is something to be asked for.
const FURNISH: &str = include_str!("furnish.json");

/// What an answer to strangers has to be.
pub(super) enum Means {
    /// NOT_FOUND: the request names something of the demo's.
    Named,
    /// The strangers' own list, in which nothing of the demo's is.
    Lists,
    /// About the caller's own merchant, for this reason: another answer than at home.
    Own(String),
    /// The same for everybody, for this reason.
    Same(String),
    /// A refusal with this reason.
    Refused(String),
}

impl Means {
    /// What is expected, for who reads that it isn't so.
    pub(super) fn said(&self) -> String {
        match self {
            Self::Named => "names something of the demo's".to_owned(),
            Self::Lists => "lists what is the strangers' own".to_owned(),
            Self::Own(why) | Self::Same(why) => why.clone(),
            Self::Refused(reason) => format!("is refused with {reason}"),
        }
    }
}

/// One method and how to ask it about something of the demo's.
pub(super) struct Cell {
    /// `/package.Service/Method`.
    pub path: String,
    /// Who asks; whoever reaches furthest, unless said.
    pub role: Option<Role>,
    /// The service that is meant, where several have the method.
    pub to: Option<String>,
    /// The request, with `$names` for what is known only when the suite runs.
    pub body: Value,
    /// What strangers get.
    pub means: Means,
}

/// A line of the files.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// `qa.v1.QaService/GetDraw`.
    call: String,
    #[serde(rename = "as")]
    role: Option<String>,
    to: Option<String>,
    body: Value,
    #[serde(default)]
    lists: bool,
    own: Option<String>,
    same: Option<String>,
    refused: Option<String>,
}

/// A line of what is done beforehand.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    call: String,
    /// Another merchant than the demo.
    of: Option<String>,
    #[serde(rename = "as")]
    role: Option<String>,
    body: Value,
    /// Whether the service has to hear of something first.
    #[serde(default)]
    heard: bool,
    /// What of the answer is remembered: names and JSON pointers.
    #[serde(default)]
    keep: BTreeMap<String, String>,
}

/// All cells.
pub(super) fn all() -> Vec<Cell> {
    let lines = CELLS.iter().flat_map(|file| serde_json::from_str::<Vec<Line>>(file).expect("cells"));
    lines.map(Line::cell).collect()
}

impl Line {
    fn cell(self) -> Cell {
        let means = match (self.lists, self.own, self.same, self.refused) {
            (false, None, None, None) => Means::Named,
            (true, None, None, None) => Means::Lists,
            (false, Some(why), None, None) => Means::Own(why),
            (false, None, Some(why), None) => Means::Same(why),
            (false, None, None, Some(reason)) => Means::Refused(reason),
            _ => panic!("{} means one thing", self.call),
        };
        Cell { path: path(&self.call), role: role(self.role), to: self.to, body: self.body, means }
    }
}

/// What `$names` stand for.
pub(super) struct Known(BTreeMap<String, Value>);

impl Known {
    /// Does what is to be done beforehand, and remembers what came of it.
    pub(super) async fn furnish(door: &Door, reviews: &BTreeMap<&'static str, String>) -> Self {
        let mut known = Self(beforehand(reviews));
        let steps: Vec<Step> = serde_json::from_str(FURNISH).expect("steps");
        for step in steps {
            let path = path(&step.call);
            let role = role(step.role).unwrap_or_else(|| furthest(rule(&path)));
            let token = door.token(step.of.as_deref().unwrap_or(MERCHANT), role, Some(&person(role)));
            let body = known.fill(&step.body);
            if step.heard {
                eventually(Duration::from_secs(60), async || {
                    door.json(&path, &token, &body).await.status == 200
                })
                .await;
            }
            let answer = door.json(&path, &token, &body).await;
            let json = answer.json();
            assert!(answer.status == 200 || step.heard, "{path}: {json}");
            for (name, pointer) in step.keep {
                let kept =
                    json.pointer(&pointer).unwrap_or_else(|| panic!("{path} has no {pointer}: {json}"));
                known.0.insert(name, kept.clone());
            }
        }
        known
    }

    /// A body with its names filled in.
    pub(super) fn fill(&self, body: &Value) -> Value {
        match body {
            Value::String(text) => match text.strip_prefix('$') {
                Some(name) => self.0.get(name).unwrap_or_else(|| panic!("nobody knows ${name}")).clone(),
                None => body.clone(),
            },
            Value::Array(items) => items.iter().map(|item| self.fill(item)).collect(),
            Value::Object(fields) => {
                let filled = fields.iter().map(|(name, value)| (name.clone(), self.fill(value)));
                Value::Object(filled.collect())
            }
            _ => body.clone(),
        }
    }
}

fn path(call: &str) -> String {
    format!("/jinpai.{call}")
}

fn role(name: Option<String>) -> Option<Role> {
    name.map(|name| role_named(&name).unwrap_or_else(|| panic!("{name} is a role")))
}

fn beforehand(reviews: &BTreeMap<&'static str, String>) -> BTreeMap<String, Value> {
    let far = json!({ "year": 2099, "month": 5, "day": 1 });
    let now = SystemClock.now();
    let hence = |hours| (now + TimeDelta::hours(hours)).to_rfc3339_opts(SecondsFormat::Secs, true);
    let window = |from, to| {
        let phase = "CAMPAIGN_PHASE_DURING";
        let windows = json!([{ "phase": phase, "startsAt": hence(from), "endsAt": hence(to) }]);
        json!({ "name": rows::MARK, "strength": "CAMPAIGN_STRENGTH_SMALL", "windows": windows })
    };
    let scores = ["professionalism", "compliance", "attitude", "solution"]
        .map(|criterion| json!({ "criterionId": criterion, "points": 4 }));
    let words = json!({ "forbidden_words": { "words": ["word"] } });
    let rules = json!({ "rules": [{ "id": "word", "severity": "critical", "check": words }] });
    let known = json!({
        "day": on_day(),
        "days": days(),
        "far": far,
        "fars": { "from": far, "to": far },
        "always": { "from": { "year": 2020, "month": 1, "day": 1 }, "to": { "year": 2029, "month": 1, "day": 1 } },
        "soon": hence(24),
        "chat": { "shopId": small::SHOP, "channel": small::CHANNEL, "conversationId": "c-mate" },
        "review": reviews["mate"],
        "appeal": appeal("mate"),
        "parked": rows::PARKED,
        "scores": scores,
        "rulesJson": rules.to_string(),
        "goal": { "measure": "MEASURE_CONVERSATIONS", "direction": "GOAL_DIRECTION_AT_LEAST", "value": 40 },
        "issue": plans::issue(),
        "case": plans::case(),
        "incident": {
            "title": rows::MARK, "level": "ALERT_LEVEL_LOCAL", "signal": "ALERT_SIGNAL_MEDIA", "ownerPersonId": "mate",
        },
        "risk": {
            "kind": "RISK_KIND_STAFF", "title": rows::MARK, "likelihood": 3, "impact": 3, "ownerPersonId": "mate",
            "prevention": "p", "response": "r", "reviewDueDay": far,
        },
        "alertRule": alert_rule("MEASURE_FIRST_RESPONSE", 60.0),
        "manyChats": alert_rule("MEASURE_CONVERSATIONS", 0.5),
        "plan": window(24, 48),
        "runningPlan": window(-1, 1),
    });
    serde_json::from_value(known).expect("names")
}

fn alert_rule(measure: &str, above: f64) -> Value {
    json!({
        "name": rows::MARK,
        "level": "ALERT_LEVEL_POTENTIAL",
        "scope": "ALERT_SCOPE_AGENT",
        "figure": {
            "measure": measure,
            "window": { "days": 1 },
            "threshold": { "direction": "ALERT_DIRECTION_HIGH", "value": above },
        },
        "steps": [{ "role": "ROLE_AGENT" }],
        "enabled": true,
    })
}
