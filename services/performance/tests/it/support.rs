//! A service to test, and the people in it.

use proto::access::Role;
use proto::google::r#type::Date;
use proto::performance::v1 as pb;
use proto::performance::v1::people_service_client::PeopleServiceClient;
use runtime::config::{ServerConfig, TelemetryConfig};
use testkit::{FakeClock, Identity, TestCaller, TestDatabase, TestNats, caller};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::Channel;
use tonic::{Response, Status};

/// The people directory with a database, a broker prefix and a clock of its own. Stops with the value.
pub struct TestPerformance {
    pub client: PeopleServiceClient<Channel>,
    pub channel: Channel,
    pub identity: Identity,
    pub database: TestDatabase,
    pub nats: TestNats,
    pub clock: FakeClock,
    _stop: DropGuard,
}

/// The day on which tests happen.
pub const TODAY: (i32, i32, i32) = (2020, 5, 20);

impl TestPerformance {
    pub async fn start() -> Self {
        let migrated = testkit::schema(performance::SCHEMA, |owner| async move {
            performance::migrate(&owner).await.map(drop)
        });
        let database = testkit::database(&[migrated]).await;
        let nats = testkit::nats().await;
        let clock = FakeClock::at("2020-05-20T10:00:00+08:00");
        let identity = Identity::with_clock(clock.shared());
        let config = performance::Config {
            server: ServerConfig::default(),
            telemetry: TelemetryConfig::default(),
            access: identity.config(),
            database: database.config(performance::SCHEMA),
            events: nats.config(),
        };
        let token = CancellationToken::new();
        let running = performance::start(config, clock.shared(), token.clone()).await.expect("starts");
        let url = format!("http://{}", running.address);
        let channel = Channel::from_shared(url).expect("an address").connect_lazy();
        let client = PeopleServiceClient::new(channel.clone());
        Self { client, channel, identity, database, nats, clock, _stop: token.drop_guard() }
    }

    /// The request as the merchant's HR would send it.
    pub fn by_hr<T>(&self, message: T) -> tonic::Request<T> {
        self.identity.request(&hr(), message)
    }

    pub fn by<T>(&self, who: &TestCaller, message: T) -> tonic::Request<T> {
        self.identity.request(who, message)
    }

    pub async fn team(&mut self, id: &str) -> pb::Team {
        let message = pb::CreateTeamRequest {
            team_id: id.to_owned(),
            name: format!("{id}组"),
            request_id: format!("team {id}"),
        };
        let created = self.client.create_team(self.by_hr(message)).await.expect("creates the team");
        created.into_inner().team.expect("a team")
    }

    pub async fn person(&mut self, id: &str) -> pb::Person {
        let message = a_person(id);
        let created = self.client.create_person(self.by_hr(message)).await.expect("creates the person");
        created.into_inner().person.expect("a person")
    }

    /// Into a team from 1 May 2020 on.
    pub async fn member(&mut self, person: &str, team: &str, lead: bool) {
        let message = a_stay(person, team, 1, lead);
        self.client.change_membership(self.by_hr(message)).await.expect("joins the team");
    }

    /// An account from 1 May 2020 on.
    pub async fn account(&mut self, person: &str, account: &str) -> pb::Person {
        let message = an_assignment(person, account, 1);
        let assigned = self.client.assign_account(self.by_hr(message)).await.expect("assigns the account");
        assigned.into_inner().person.expect("a person")
    }

    pub async fn get(&mut self, id: &str) -> Result<pb::Person, Status> {
        let message = pb::GetPersonRequest { person_id: id.to_owned() };
        let found = self.client.get_person(self.by_hr(message)).await?;
        Ok(found.into_inner().person.expect("a person"))
    }

    pub async fn list(&mut self, message: pb::ListPeopleRequest) -> Vec<pb::Person> {
        self.client.list_people(self.by_hr(message)).await.expect("lists").into_inner().people
    }

    pub async fn import(&mut self, csv: &str, dry_run: bool) -> pb::ImportPeopleResponse {
        let message = pb::ImportPeopleRequest { csv: csv.as_bytes().to_vec(), dry_run };
        self.client.import_people(self.by_hr(message)).await.expect("imports").into_inner()
    }

    /// One number from the database, with a superuser's eyes.
    pub async fn count(&self, sql: &str) -> i64 {
        self.database.count(performance::SCHEMA, sql).await
    }
}

pub fn hr() -> TestCaller {
    caller().person("hr-1").roles(&[Role::Hr])
}

pub fn a_person(id: &str) -> pb::CreatePersonRequest {
    pb::CreatePersonRequest {
        person_id: id.to_owned(),
        name: format!("{id}某"),
        status: pb::PersonStatus::Regular.into(),
        position: "客服".to_owned(),
        roles: vec![Role::Agent.into()],
        request_id: format!("person {id}"),
    }
}

pub fn a_stay(person: &str, team: &str, from: i32, lead: bool) -> pb::ChangeMembershipRequest {
    pb::ChangeMembershipRequest {
        person_id: person.to_owned(),
        team_id: team.to_owned(),
        lead,
        from: may(from),
        to: None,
        ..Default::default()
    }
}

pub fn an_assignment(person: &str, account: &str, from: i32) -> pb::AssignAccountRequest {
    pb::AssignAccountRequest {
        person_id: person.to_owned(),
        account_id: account.to_owned(),
        from: may(from),
        to: None,
        ..Default::default()
    }
}

pub fn may(day: i32) -> Option<Date> {
    Some(Date { year: TODAY.0, month: TODAY.1, day })
}

/// The stable name of a refusal, behind its code.
pub fn refusal<T: std::fmt::Debug>(answer: Result<Response<T>, Status>) -> (tonic::Code, String) {
    let status = answer.expect_err("is refused");
    let problem = status::Problem::from_status(&status);
    (status.code(), problem.reason)
}

/// The fields that an INVALID_ARGUMENT names.
pub fn fields<T: std::fmt::Debug>(answer: Result<Response<T>, Status>) -> Vec<String> {
    let status = answer.expect_err("is refused");
    assert_eq!(status.code(), tonic::Code::InvalidArgument, "{status}");
    status::Problem::from_status(&status).violations.into_iter().map(|violation| violation.field).collect()
}

pub fn ids(people: &[pb::Person]) -> Vec<&str> {
    people.iter().map(|person| person.person_id.as_str()).collect()
}
