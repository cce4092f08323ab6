//! `jinpai draw` and `jinpai verify-draw` as people type them: what is kept before a draw, what it is worth afterwards, and
//! an agent who checks the own slice.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jinpai::session::{Session, Target};
use proto::access::Role;
use proto::performance::v1::ImportPeopleRequest;
use proto::performance::v1::people_service_client::PeopleServiceClient;
use serde_json::Value;
use testkit::{Scratch, eventually};

use crate::ingest::set_up;
use crate::up::{Up, jinpai};

const DAY: &str = "2026-05-13";
const WITHIN: Duration = Duration::from_secs(30);
const PEOPLE: &str = "person_id,name,status,roles,account_id,account_from\n\
                      ann,Ann,regular,agent,ann-account,2026-05-01\n\
                      ben,Ben,regular,agent,ben-account,2026-05-01\n";

/// Long chats of two accounts: more than are drawn, and fewer.
fn chats() -> String {
    let mut lines = String::new();
    for (account, count) in [("ann-account", 20), ("ben-account", 4)] {
        for n in 0..count {
            let message = |second: u32, sender: &str| {
                format!(
                    "{{\"sentAt\":\"{DAY}T09:{n:02}:{second:02}+08:00\",\"sender\":\"{sender}\",\"text\":\"hello\"}}"
                )
            };
            let mut messages = vec![message(0, "CUSTOMER")];
            messages.extend((1..12).map(|second| message(second, "AGENT")));
            lines.push_str(&format!(
                "{{\"conversationId\":\"{account}-{n}\",\"agentId\":\"{account}\",\"customerId\":\"k-{n}\",\"channel\":\"chat\",\
                 \"startedAt\":\"{DAY}T09:{n:02}:00+08:00\",\"closedAt\":\"{DAY}T09:{n:02}:30+08:00\",\"messages\":[{}]}}\n",
                messages.join(",")
            ));
        }
    }
    lines
}

/// A suite that is asked through its program.
struct Asked {
    state: PathBuf,
    home: PathBuf,
    /// Of an agent; without it the suite's own key signs for a supervisor.
    token: Option<String>,
}

impl Asked {
    /// How it ended, what it said, what it complained of.
    fn run(&self, words: &[&str]) -> (i32, String, String) {
        let mut command = jinpai(&self.state);
        command.env("XDG_STATE_HOME", &self.home).args(words);
        if let Some(token) = &self.token {
            command.args(["--token", token]);
        }
        let output = command.output().expect("runs");
        let text = |bytes| String::from_utf8(bytes).expect("is text");
        (output.status.code().expect("ends"), text(output.stdout), text(output.stderr))
    }

    /// The JSON of a run that ends so.
    fn json(&self, status: i32, words: &[&str]) -> Value {
        let (ended, out, err) = self.run(&[&["--json"], words].concat());
        assert_eq!(ended, status, "{words:?}: {out}{err}");
        serde_json::from_str(&out).unwrap_or_else(|_| panic!("{words:?}: {out}{err}"))
    }

    fn anchor(&self, name: &str) -> PathBuf {
        self.state.join("anchors").join(name)
    }

    async fn import_people(&self) {
        let target = Target { state: Some(self.state.clone()), ..Target::default() };
        let session = Session::open(&target, Role::Manager).await.expect("signs in");
        let request = ImportPeopleRequest { csv: PEOPLE.into(), dry_run: false };
        let answer = PeopleServiceClient::new(session.channel()).import_people(request).await;
        let answer = answer.expect("imports").into_inner();
        assert!(answer.errors.is_empty(), "{:?}", answer.errors);
    }
}

/// A file that is out of the way for a while.
fn aside<T>(path: &Path, meanwhile: impl FnOnce() -> T) -> T {
    let away = path.with_extension("away");
    fs::rename(path, &away).expect("is moved");
    let found = meanwhile();
    fs::rename(&away, path).expect("is moved back");
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draw_is_checked_against_what_was_kept_before_it() {
    let scratch = Scratch::new();
    let (state, home) = (scratch.path().join("state"), scratch.path().join("home"));
    let _up = Up::start(&state);
    let supervisor = Asked { state, home, token: None };
    set_up(&supervisor.state).await;
    supervisor.import_people().await;
    let file = scratch.path().join("chats.jsonl");
    fs::write(&file, chats()).expect("a file");
    let read = supervisor.json(0, &["ingest", "conversations", file.to_str().expect("is text")]);
    assert_eq!(read["accepted"], 24);

    // qa hears of the merchant within a moment.
    eventually(WITHIN, async || supervisor.run(&["draw", "--from", DAY]).0 == 0).await;
    let drawn = supervisor.json(0, &["draw", "--from", DAY]);
    assert_eq!(
        (&drawn["agent_days"], &drawn["drawn"], &drawn["shortfall_agent_days"]),
        (&2.into(), &19.into(), &1.into())
    );
    assert_eq!(drawn["kept_in"], supervisor.anchor("draws.jsonl").to_str().expect("is text"));
    let kept = fs::read_to_string(supervisor.anchor("draws.jsonl")).expect("is kept");
    let lines: Vec<Value> = kept.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 2, "before the draw, and after it: {kept}");
    assert_eq!((&lines[0]["after_draw"], &lines[0]["list_hash"]), (&false.into(), &Value::Null));
    assert_eq!(supervisor.json(0, &["draw", "--from", DAY])["drawn"], 19);
    assert_eq!(fs::read_to_string(supervisor.anchor("draws.jsonl")).expect("is kept"), kept, "nothing new");

    the_whole_day(&supervisor, &lines[0]);
    qa_keeps_by_itself(&supervisor).await;
    an_own_slice(&supervisor, scratch.path()).await;
    another_seed_shows(&supervisor, &kept);
}

fn the_whole_day(supervisor: &Asked, before: &Value) {
    let verified = supervisor.json(0, &["verify-draw", "--day", DAY]);
    let named = |name: &str| verified[name].clone();
    assert_eq!((named("verified"), named("anchored")), (true.into(), true.into()), "{verified}");
    assert_eq!((named("eligible"), named("drawn"), named("merchant")), (24.into(), 19.into(), "demo".into()));
    assert_eq!(named("commitment"), before["commitment"]);
    assert_eq!(named("unchecked"), Value::Array(Vec::new()), "{verified}");
    let kept = verified["kept"].as_str().expect("a source");
    assert!(kept.contains("draws.jsonl"), "{kept}");
}

/// Commitments and audit heads leave the database without anybody asking, and nothing is claimed without them.
async fn qa_keeps_by_itself(supervisor: &Asked) {
    let (draws, commitments) = (supervisor.anchor("draws.jsonl"), supervisor.anchor("commitments.jsonl"));
    let of_the_day = || fs::read_to_string(&commitments).is_ok_and(|text| text.contains(DAY));
    eventually(WITHIN, async || of_the_day()).await;
    aside(&draws, || {
        let verified = supervisor.json(0, &["verify-draw", "--day", DAY]);
        assert_eq!(verified["anchored"], true, "{verified}");
        assert!(verified["kept"].as_str().expect("a source").contains("commitments.jsonl"), "{verified}");
        aside(&commitments, || {
            assert_eq!(supervisor.json(0, &["verify-draw", "--day", DAY])["anchored"], false);
            let (_, told, _) = supervisor.run(&["verify-draw", "--day", DAY]);
            assert!(
                told.contains("not checked: that its commitment is the one that was published"),
                "{told}"
            );
        });
    });
    for service in ["performance", "qa", "metrics"] {
        let heads = supervisor.anchor(&format!("audit-{service}.jsonl"));
        eventually(WITHIN, async || heads.exists()).await;
        let line = fs::read_to_string(&heads).expect("heads");
        assert!(line.contains(&format!("\"schema\":\"{service}\"")), "{line}");
    }
    the_audits_are_checked(supervisor);
}

/// A chain that was made anew leads through none of the heads that were kept; here the head is another one instead.
fn the_audits_are_checked(supervisor: &Asked) {
    let checked = supervisor.json(0, &["verify-audit"]);
    let services: Vec<_> = checked.as_array().expect("a list").iter().map(|one| &one["service"]).collect();
    assert_eq!(services, ["metrics", "qa", "performance"]);
    assert!(checked[1]["told"].as_str().is_some_and(|told| told.contains("leads through")), "{checked}");
    let path = supervisor.anchor("audit-qa.jsonl");
    let heads = fs::read_to_string(&path).expect("heads");
    let digits = heads.split("\"hash\":\"").nth(1).expect("a hash");
    let other: String = digits[..64].chars().rev().collect();
    fs::write(&path, heads.replacen(&digits[..64], &other, 1)).expect("is written");
    let (status, told, _) = supervisor.run(&["verify-audit"]);
    assert_eq!(status, 3, "{told}");
    assert!(
        told.contains("the audit of qa does not hold") && told.contains("the audit of metrics is whole"),
        "{told}"
    );
}

/// As an agent: the own account's slice, nobody else's, and nothing of the whole day.
async fn an_own_slice(supervisor: &Asked, scratch: &Path) {
    let (_, token, _) = supervisor.run(&["token", "--role", "agent", "--person", "ann"]);
    let token = Some(token.trim().to_owned());
    let agent = Asked { token, state: supervisor.state.clone(), home: supervisor.home.clone() };
    let file = scratch.join("slice.json");
    let slice = file.to_str().expect("is text");
    let own = ["verify-draw", "--day", DAY, "--account", "ann-account", "--save", slice];
    // qa hears who Ann is within a moment.
    eventually(WITHIN, async || agent.run(&own).0 == 0).await;
    let verified = agent.json(0, &own);
    assert_eq!(
        (&verified["anchored"], &verified["account"]),
        (&true.into(), &"ann-account".into()),
        "{verified}"
    );
    assert_eq!((&verified["eligible"], &verified["drawn"]), (&20.into(), &15.into()));
    let (status, _, told) = agent.run(&["verify-draw", "--day", DAY, "--account", "ben-account"]);
    assert!(status == 1 && told.contains("DRAW_NOT_FOUND"), "{told}");
    let (status, _, told) = agent.run(&["verify-draw", "--day", DAY]);
    assert!(status == 1 && told.contains("This role may not do that"), "{told}");

    // Kept as a file it needs no suite.
    let draws = supervisor.anchor("draws.jsonl");
    let offline = ["verify-draw", "--bundle", slice, "--anchors", draws.to_str().expect("is text")];
    assert_eq!(agent.json(0, &offline)["anchored"], true);
    let mut altered: Value = serde_json::from_slice(&fs::read(&file).expect("a file")).expect("JSON");
    altered["drawn"].as_array_mut().expect("a sample").pop();
    fs::write(&file, altered.to_string()).expect("is written");
    let found = agent.json(3, &offline)["difference"].to_string();
    assert!(found.contains("should have been drawn"), "{found}");
}

/// What was kept is of another seed than what is published: the day neither verifies nor is drawn.
fn another_seed_shows(supervisor: &Asked, kept: &str) {
    let digits = kept.split("\"commitment\":\"").nth(1).expect("a commitment");
    let other: String = digits[..64].chars().rev().collect();
    let draws = supervisor.anchor("draws.jsonl");
    fs::write(&draws, kept.replace(&digits[..64], &other)).expect("is written");
    let found = supervisor.json(3, &["verify-draw", "--day", DAY]);
    let told = found["difference"].as_str().expect("a difference");
    assert!(told.contains(&format!("published was {other}")), "{told}");
    let (status, _, told) = supervisor.run(&["draw", "--from", DAY]);
    assert!(status == 1 && told.contains(&format!("the commitment of {DAY} has changed")), "{told}");
}
