//! `jinpai up` and `jinpai down`: what went in is there after a stop and after a kill.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use jinpai::session::{Session, Target};
use proto::access::Role;
use proto::performance::v1::people_service_client::PeopleServiceClient;
use proto::performance::v1::{CreateTeamRequest, ListTeamsRequest};
use testkit::Scratch;

/// A suite of its own: private servers below `folder`, no demo merchant, a free port.
pub struct Up {
    process: Child,
    gateway: String,
}

/// The program, told which suite.
pub fn jinpai(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jinpai"));
    command.arg("--state").arg(folder).env_remove("JINPAI_DATABASE_URL").env_remove("JINPAI_NATS_URL");
    command
}

impl Up {
    pub fn start(folder: &Path) -> Self {
        let mut command = jinpai(folder);
        command.args(["up", "--no-demo", "--json", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: serde_json::Value = serde_json::from_str(&line).expect("it tells that it is ready");
        assert!(ready["tokens"]["supervisor"].as_str().is_some_and(|token| token.split('.').count() == 3));
        Self { process, gateway: ready["gateway"].as_str().unwrap().to_owned() }
    }

    async fn people(&self, folder: &Path) -> PeopleServiceClient<jinpai::session::Signed> {
        let target = Target { state: Some(folder.to_owned()), ..Target::default() };
        let session = Session::open(&target, Role::Manager).await.unwrap();
        assert_eq!(session.gateway, self.gateway, "the running suite is found");
        PeopleServiceClient::new(session.channel())
    }

    async fn add_team(&self, folder: &Path, team: &str) {
        let request = CreateTeamRequest {
            team_id: team.to_owned(),
            name: team.to_owned(),
            request_id: format!("make-{team}"),
        };
        self.people(folder).await.create_team(request).await.unwrap();
    }

    async fn teams(&self, folder: &Path) -> Vec<String> {
        let answer = self.people(folder).await.list_teams(ListTeamsRequest::default()).await.unwrap();
        let mut teams: Vec<String> = answer.into_inner().teams.into_iter().map(|team| team.team_id).collect();
        teams.sort();
        teams
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // A test that failed half-way must not leave a suite behind.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_went_in_survives_a_stop_and_a_kill() {
    let scratch = Scratch::new();
    let folder = scratch.path().join("state");
    let mut first = Up::start(&folder);
    first.add_team(&folder, "before-the-kill").await;

    let second = jinpai(&folder).args(["up", "--no-demo"]).output().unwrap();
    let told = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(!second.status.success() && told.contains(&first.gateway), "one suite at a time: {told}");

    // The servers are left to their guardians, and the next start takes over.
    first.process.kill().unwrap();
    first.process.wait().unwrap();
    let mut next = Up::start(&folder);
    assert_eq!(next.teams(&folder).await, ["before-the-kill"]);
    next.add_team(&folder, "before-the-stop").await;

    let down = jinpai(&folder).args(["down", "--json"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&down.stdout).trim(), r#"{"stopped":true}"#);
    assert!(next.process.wait().unwrap().success(), "a stop is no failure");
    let again = jinpai(&folder).args(["down", "--json"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&again.stdout).trim(), r#"{"stopped":false}"#);

    let last = Up::start(&folder);
    assert_eq!(last.teams(&folder).await, ["before-the-kill", "before-the-stop"]);
}

#[test]
fn without_a_suite_the_commands_say_what_to_do() {
    let scratch = Scratch::new();
    let output = jinpai(scratch.path()).args(["token", "--role", "agent"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("jinpai up"), "{told}");
}
