//! A service to test, and somebody who publishes what metrics and performance would.

use std::time::Duration;

use diesel_async::AsyncConnection;
use events::{Bus, Event};
use proto::events::v1::ConversationClosed;
use proto::google::r#type::Date;
use proto::qa::v1 as pb;
use proto::qa::v1::qa_service_client::QaServiceClient;
use qa::config::{ChecksConfig, DrawConfig, ReadyMade, RetentionConfig, ReviewConfig};
use runtime::config::{ServerConfig, TelemetryConfig};
use sampling::Bundle;
use testkit::{FakeClock, Identity, Scratch, TestCaller, TestDatabase, TestNats, eventually};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::Channel;
use tonic::{Response, Status};

use crate::builders::{DAY, closed, day_closed, manager, only, staff};

/// The schema of whoever publishes.
const OTHERS: &str = "others";
const OTHERS_MIGRATIONS: &[diesel_migrations::EmbeddedMigrations] = &[events::MIGRATIONS];
/// What a busy machine may take to deliver some thousand events.
const DELIVERED_WITHIN: Duration = Duration::from_secs(90);

/// qa with a database, a broker prefix and a clock of its own. Stops with the value.
pub struct TestQa {
    pub client: QaServiceClient<Channel>,
    pub channel: Channel,
    pub identity: Identity,
    pub database: TestDatabase,
    pub nats: TestNats,
    pub clock: FakeClock,
    pub folder: Scratch,
    others: pg::Pool,
    _stop: DropGuard,
}

pub fn schemas() -> [testkit::Schema; 2] {
    [
        testkit::schema(qa::SCHEMA, |owner| async move { qa::migrate(&owner).await.map(drop) }),
        testkit::schema(OTHERS, |owner| async move {
            pg::migrate(OTHERS, &owner, OTHERS_MIGRATIONS).await.map(drop).map_err(Into::into)
        }),
    ]
}

impl TestQa {
    /// An empty service, on Wednesday 20 May 2020 at ten in the morning in Shanghai.
    pub async fn start() -> Self {
        let database = testkit::database(&schemas()).await;
        let nats = testkit::nats().await;
        let clock = FakeClock::at("2020-05-20T10:00:00+08:00");
        let identity = Identity::with_clock(clock.shared());
        let folder = Scratch::new();
        let config = qa::Config {
            server: ServerConfig::default(),
            telemetry: TelemetryConfig::default(),
            access: identity.config(),
            database: database.config(qa::SCHEMA),
            events: nats.config(),
            review: ReviewConfig { default_capacity: 60 },
            draw: DrawConfig { commitment_file: folder.path().join("commitments.jsonl") },
            checks: ChecksConfig { rules: ReadyMade::Chinese },
            retention: RetentionConfig { months: 24 },
        };
        let token = CancellationToken::new();
        let running = qa::start(config, clock.shared(), token.clone()).await.expect("starts");
        let others = pg::connect(OTHERS, &database.config(OTHERS)).await.expect("connects");
        let bus = Bus::connect(&nats.config()).await.expect("connects");
        events::relay(others.clone(), bus, token.clone());
        others_tell_of_the_merchant(&database).await;
        let channel =
            Channel::from_shared(format!("http://{}", running.address)).expect("an address").connect_lazy();
        let client = QaServiceClient::new(channel.clone());
        Self { client, channel, identity, database, nats, clock, folder, others, _stop: token.drop_guard() }
    }

    /// With the staff of [`staff`].
    pub async fn with_staff() -> Self {
        let test = Self::start().await;
        let staff = staff();
        test.publish(&staff).await;
        let people = i64::try_from(staff.len()).expect("few");
        eventually(DELIVERED_WITHIN, async || test.count("SELECT count(*) FROM qa.people").await == people)
            .await;
        test
    }

    /// With the staff, chats of the day delivered, and the day closed.
    pub async fn with_day(chats: &[ConversationClosed]) -> Self {
        let test = Self::with_staff().await;
        test.deliver(chats).await;
        test.close(DAY, 1, chats).await;
        test
    }

    /// Publishes events as other services do: by an outbox.
    pub async fn publish(&self, events: &[Event]) {
        for chunk in events.chunks(500) {
            let mut conn = self.others.get().await.expect("a connection");
            let done = conn.transaction(async |conn| events::publish_all(conn, chunk).await).await;
            done.expect("publishes");
        }
    }

    /// Publishes chats and waits until they are here.
    pub async fn deliver(&self, chats: &[ConversationClosed]) {
        let before =
            self.count("SELECT coalesce(sum(revision + 1), 0)::bigint FROM qa.conversation_keys").await;
        self.publish(&chats.iter().map(closed).collect::<Vec<_>>()).await;
        let more = i64::try_from(chats.len()).expect("few");
        eventually(DELIVERED_WITHIN, async || {
            self.count("SELECT coalesce(sum(revision + 1), 0)::bigint FROM qa.conversation_keys").await
                >= before + more
        })
        .await;
    }

    /// Publishes what metrics says of a day and waits until it is here.
    pub async fn close(&self, day: Date, version: i64, chats: &[ConversationClosed]) {
        self.close_all(&[day], version, chats).await;
    }

    /// The same for many days.
    pub async fn close_all(&self, days: &[Date], version: i64, chats: &[ConversationClosed]) {
        self.publish(&days.iter().map(|day| day_closed(*day, version, chats)).collect::<Vec<_>>()).await;
        let names: Vec<String> =
            days.iter().map(|day| format!("'{}-{}-{}'", day.year, day.month, day.day)).collect();
        let sql = format!(
            "SELECT count(*) FROM qa.day_closings WHERE version >= {version} AND business_day IN ({})",
            names.join(", ")
        );
        let closed = i64::try_from(days.len()).expect("few");
        eventually(DELIVERED_WITHIN, async || self.count(&sql).await == closed).await;
    }

    pub fn by<T>(&self, who: &TestCaller, message: T) -> tonic::Request<T> {
        self.identity.request(who, message)
    }

    /// A client to call with while another call of the test runs.
    pub fn client(&self) -> QaServiceClient<Channel> {
        self.client.clone()
    }

    pub async fn try_draw(
        &self,
        day: Date,
        request_id: &str,
    ) -> Result<Response<pb::DrawDayResponse>, Status> {
        let message = pb::DrawDayRequest { request_id: request_id.into(), business_day: Some(day) };
        self.client().draw_day(self.by(&manager(), message)).await
    }

    pub async fn draw(&self, day: Date) -> pb::Draw {
        let drawn = self.try_draw(day, "draw").await.expect("draws").into_inner();
        drawn.draw.expect("a draw")
    }

    pub async fn bundle(&self, day: Date) -> Bundle {
        let message = pb::GetDrawBundleRequest { business_day: Some(day) };
        let mut chunks =
            self.client().get_draw_bundle(self.by(&manager(), message)).await.expect("drawn").into_inner();
        let mut json = Vec::new();
        while let Some(answer) = chunks.message().await.expect("a chunk") {
            json.extend(answer.chunk);
        }
        serde_json::from_slice(&json).expect("a bundle")
    }

    pub async fn readiness(&self, day: Date) -> pb::DayReadiness {
        let message = pb::GetDayReadinessRequest { business_day: Some(day) };
        let answer = self.client().get_day_readiness(self.by(&manager(), message)).await.expect("answers");
        answer.into_inner().readiness.expect("a readiness")
    }

    /// The reviews of the day that somebody sees.
    pub async fn reviews_of(&self, who: &TestCaller, filter: pb::ListReviewsRequest) -> Vec<pb::Review> {
        let message = pb::ListReviewsRequest { days: only(DAY), page_size: 500, ..filter };
        self.client().list_reviews(self.by(who, message)).await.expect("lists").into_inner().reviews
    }

    pub async fn reviews(&self) -> Vec<pb::Review> {
        self.reviews_of(&manager(), pb::ListReviewsRequest::default()).await
    }

    pub async fn coverage(&self, who: &TestCaller, message: pb::GetCoverageRequest) -> Vec<pb::Coverage> {
        self.client().get_coverage(self.by(who, message)).await.expect("answers").into_inner().coverage
    }

    /// Runs something in the database with a superuser's eyes and hands.
    pub async fn sql(&self, sql: &str) {
        self.database.admin(qa::SCHEMA).await.batch_execute(sql).await.expect("runs");
    }

    /// One number from the database.
    pub async fn count(&self, sql: &str) -> i64 {
        self.database.count(qa::SCHEMA, sql).await
    }
}

/// The directory has told of the merchant `demo` before the test begins.
async fn others_tell_of_the_merchant(database: &TestDatabase) {
    let client = database.admin(qa::SCHEMA).await;
    let sql = "INSERT INTO merchants VALUES ('demo', '示范', 'Asia/Shanghai', 0, 1)";
    client.batch_execute(sql).await.expect("puts the merchant in");
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
