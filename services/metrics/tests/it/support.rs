//! A service to test, conversations to send to it, and the people in its directory.

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use diesel_async::SimpleAsyncConnection;
use events::Payload;
use proto::common::v1::{DayRange, Sender};
use proto::events::v1::AgentDayFinalised;
use proto::google::r#type::Date;
use proto::metrics::v1 as pb;
use proto::metrics::v1::metrics_service_client::MetricsServiceClient;
use runtime::ids::MerchantId;
use testkit::{EventCollector, FakeClock, Identity, TestCaller, TestDatabase, TestNats, caller};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::Channel;
use tonic::{Request, Status};

/// Metrics with a database, a broker prefix and a clock of its own. Stops with the value.
pub struct TestMetrics {
    pub client: MetricsServiceClient<Channel>,
    pub channel: Channel,
    pub url: String,
    pub identity: Identity,
    pub database: TestDatabase,
    pub nats: TestNats,
    pub clock: FakeClock,
    pub stop: CancellationToken,
    pub pool: pg::Pool,
    _stop: DropGuard,
}

pub fn schema() -> testkit::Schema {
    testkit::schema(metrics::SCHEMA, |owner| async move { metrics::migrate(&owner).await.map(drop) })
}

impl TestMetrics {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// With settings of the test's own.
    pub async fn start_with(overrides: &[(&str, &str)]) -> Self {
        let database = testkit::database(&[schema()]).await;
        let nats = testkit::nats().await;
        let clock = FakeClock::at("2020-06-30T10:00:00+08:00");
        let identity = Identity::with_clock(clock.shared());
        let mut config = metrics::default_config(overrides).expect("settings");
        config.server.listen = "127.0.0.1:0".parse().expect("an address");
        config.server.ops_listen = "127.0.0.1:0".parse().expect("an address");
        config.access = identity.config();
        config.database = database.config(metrics::SCHEMA);
        config.events = nats.config();
        let stop = CancellationToken::new();
        let running = metrics::start(config, clock.shared(), stop.clone()).await.expect("starts");
        let url = format!("http://{}", running.address);
        let channel = Channel::from_shared(url.clone()).expect("an address").connect_lazy();
        let client = MetricsServiceClient::new(channel.clone()).max_decoding_message_size(64 << 20);
        let pool = pg::connect(metrics::SCHEMA, &database.config(metrics::SCHEMA)).await.expect("connects");
        tell_of_merchants(&pool, &["demo", "other"]).await;
        let guard = stop.clone().drop_guard();
        Self { client, channel, url, identity, database, nats, clock, stop, pool, _stop: guard }
    }

    pub fn by<T>(&self, who: &TestCaller, message: T) -> Request<T> {
        self.identity.request(who, message)
    }

    /// One batch by the merchant's manager.
    pub async fn send(&self, conversations: Vec<pb::Conversation>) -> pb::BatchIngestConversationsResponse {
        self.send_as(&caller(), conversations).await.expect("takes the batch")
    }

    pub async fn send_as(
        &self,
        who: &TestCaller,
        conversations: Vec<pb::Conversation>,
    ) -> Result<pb::BatchIngestConversationsResponse, Status> {
        let message =
            pb::BatchIngestConversationsRequest { lines: lines(conversations), request_id: String::new() };
        Ok(self.client.clone().batch_ingest_conversations(self.by(who, message)).await?.into_inner())
    }

    /// A stream with `per_frame` lines in each frame; gives all acknowledgements.
    pub async fn stream(
        &self,
        lines: Vec<pb::ConversationLine>,
        per_frame: usize,
    ) -> Result<Vec<pb::IngestConversationsResponse>, Status> {
        let (send, frames) = tokio::sync::mpsc::channel(4);
        tokio::spawn(async move {
            for lines in lines.chunks(per_frame) {
                let frame = pb::IngestConversationsRequest { lines: lines.to_vec() };
                if send.send(frame).await.is_err() {
                    return;
                }
            }
        });
        let request = self.by(&caller(), ReceiverStream::new(frames));
        let mut answers = self.client.clone().ingest_conversations(request).await?.into_inner();
        let mut acks = Vec::new();
        while let Some(ack) = answers.message().await? {
            acks.push(ack);
        }
        Ok(acks)
    }

    pub async fn figures(&self, message: pb::GetFiguresRequest) -> Vec<pb::Figures> {
        self.figures_as(&caller(), message).await.expect("answers")
    }

    /// All pages.
    pub async fn figures_as(
        &self,
        who: &TestCaller,
        mut message: pb::GetFiguresRequest,
    ) -> Result<Vec<pb::Figures>, Status> {
        let mut all = Vec::new();
        loop {
            let page = self.client.clone().get_figures(self.by(who, message.clone())).await?.into_inner();
            all.extend(page.figures);
            if page.next_page_token.is_empty() {
                return Ok(all);
            }
            message.page_token = page.next_page_token;
        }
    }

    /// Puts a person with one account, and perhaps a team, into the directory's copy.
    pub async fn person(&self, person: &str, account: &str, team: Option<(&str, bool)>) {
        let mut sql = format!(
            "INSERT INTO people VALUES ('demo', '{person}', '{person}某', 4, '{{}}', 1) ON CONFLICT DO NOTHING;
             INSERT INTO accounts VALUES ('demo', '{account}', '{person}', '2020-01-01', '9999-12-31');"
        );
        if let Some((team, lead)) = team {
            sql += &format!(
                "INSERT INTO teams VALUES ('demo', '{team}', '{team}组', false, 1) ON CONFLICT DO NOTHING;
                 INSERT INTO memberships VALUES ('demo', '{person}', '{team}', {lead}, '2020-01-01', '9999-12-31');"
            );
        }
        let mut conn = self.pool.get().await.expect("connects");
        conn.batch_execute(&sql).await.expect("puts the person in");
    }

    /// Closes a day by hand.
    pub async fn close(&self, day: &str) {
        let message = pb::CloseDayRequest { business_day: Some(date(day)), request_id: String::new() };
        self.client.clone().close_day(self.by(&caller(), message)).await.expect("closes");
    }

    /// One number from the database.
    pub async fn count(&self, sql: &str) -> i64 {
        self.database.count(metrics::SCHEMA, sql).await
    }

    /// The calendar of the merchant `demo`.
    pub async fn calendar(&self) -> calendar::MerchantCalendar {
        let mut conn = self.pool.get().await.expect("connects");
        directory::calendar(&mut conn, &MerchantId::new("demo")).await.expect("a calendar")
    }
}

/// Puts merchants with Chinese days into the directory's copy.
pub async fn tell_of_merchants(pool: &pg::Pool, merchants: &[&str]) {
    let mut conn = pool.get().await.expect("connects");
    for merchant in merchants {
        let sql = format!("INSERT INTO merchants VALUES ('{merchant}', '', 'Asia/Shanghai', 0, 1)");
        conn.batch_execute(&sql).await.expect("puts the merchant in");
    }
}

/// As many days of accounts as are to be told of as final, by version and account.
pub async fn finalised(collector: &EventCollector, count: usize) -> Vec<AgentDayFinalised> {
    let mut told = collector
        .wait_for(count, |payload| match payload {
            Payload::AgentDayFinalised(told) => Some(told.clone()),
            _ => None,
        })
        .await;
    told.sort_by(|a, b| (a.version, &a.account_id).cmp(&(b.version, &b.account_id)));
    told
}

/// Numbers the conversations from 1.
pub fn lines(conversations: Vec<pb::Conversation>) -> Vec<pb::ConversationLine> {
    let numbered = (1..).zip(conversations);
    numbered.map(|(line, c)| pb::ConversationLine { line, conversation: Some(c) }).collect()
}

/// A conversation that starts at a local (Shanghai) time, with messages as `"0 C"`, `"15 A"`: seconds after the
/// start, and who wrote (`C`ustomer, `A`gent, `Q`uick reply, `P`roposed by the
/// bot and sent by the agent, `B`ot, `S`ystem).
pub fn chat(id: &str, account: &str, customer: &str, start: &str, messages: &[&str]) -> pb::Conversation {
    let start: DateTime<Utc> = format!("{start}+08:00").parse().expect("a local time");
    let message = |text: &&str| {
        let (seconds, who) = text.split_once(' ').expect("seconds and sender");
        let at = start + TimeDelta::seconds(seconds.parse().expect("seconds"));
        pb::Message {
            sent_at: Some(instant(at)),
            sender: match who {
                "C" => Sender::Customer,
                "B" => Sender::Bot,
                "S" => Sender::System,
                _ => Sender::Agent,
            }
            .into(),
            text: format!("message at {seconds}"),
            quick_reply: who == "Q",
            assisted: who == "P",
            account_id: String::new(),
        }
    };
    let messages: Vec<_> = messages.iter().map(message).collect();
    pb::Conversation {
        shop_id: "star".to_owned(),
        channel: "chat".to_owned(),
        conversation_id: id.to_owned(),
        revision: 0,
        account_id: account.to_owned(),
        customer_id: customer.to_owned(),
        started_at: Some(instant(start)),
        closed_at: messages.last().and_then(|m| m.sent_at),
        messages,
        ..Default::default()
    }
}

/// Messages for [`chat`] of seconds since the one before and who wrote.
pub fn timed(steps: Vec<(u32, &str)>) -> Vec<String> {
    let mut at = 0;
    let message = |(step, who)| {
        at += step;
        format!("{at} {who}")
    };
    steps.into_iter().map(message).collect()
}

pub fn instant(at: DateTime<Utc>) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.timestamp(), nanos: at.timestamp_subsec_nanos() as i32 }
}

pub fn date(text: &str) -> Date {
    let day: NaiveDate = text.parse().expect("a day");
    Date { year: day.year(), month: day.month() as i32, day: day.day() as i32 }
}

pub fn days(from: &str, to: &str) -> Option<DayRange> {
    Some(DayRange { from: Some(date(from)), to: Some(date(to)) })
}

/// The figures of a range by group, as whole rows.
pub fn asking(group: pb::Group, from: &str, to: &str) -> pb::GetFiguresRequest {
    pb::GetFiguresRequest { days: days(from, to), group: group.into(), ..Default::default() }
}

/// The reason in a status' details.
pub fn reason(status: &Status) -> String {
    status::Problem::from_status(status).reason
}
