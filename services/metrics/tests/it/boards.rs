//! The live board through its real stream.

use std::time::{Duration, Instant};

use proto::access::Role;
use proto::metrics::v1 as pb;
use proto::metrics::v1::board_service_client::BoardServiceClient;
use testkit::{TestCaller, caller};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};

use crate::support::{TestMetrics, chat, reason};

const LIMIT: Duration = Duration::from_secs(20);
/// What the board promises from the commit on.
const PROMISED: Duration = Duration::from_secs(2);
/// Series of commits of which one is to be on the board in time as a whole.
const SERIES: i64 = 3;
/// Reads that many clients may share: far fewer than they are.
const SHARED_MAX: i64 = 50;

/// How much longer than promised it may take on a machine that is busy with other things.
const BUSY_MAX: f64 = 4.0;

/// The promise as it can be kept on this machine now: where more wants to run than there are cores, everything takes longer.
fn promised() -> Duration {
    let load = std::fs::read_to_string("/proc/loadavg").ok();
    let load = load.and_then(|text| text.split(' ').next()?.parse::<f64>().ok()).unwrap_or(0.0);
    let cores = std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64);
    PROMISED.mul_f64((load / cores).clamp(1.0, BUSY_MAX))
}

/// p1 and p2 in a team that p2 leads, p3 in another.
async fn shop() -> TestMetrics {
    let test = TestMetrics::start().await;
    test.person("p1", "a1", Some(("t1", false))).await;
    test.person("p2", "a2", Some(("t1", true))).await;
    test.person("p3", "a3", Some(("t2", false))).await;
    test
}

async fn watch_on(
    channel: &Channel,
    test: &TestMetrics,
    who: &TestCaller,
    asked: pb::WatchBoardRequest,
) -> Result<Streaming<pb::WatchBoardResponse>, Status> {
    let mut client = BoardServiceClient::new(channel.clone());
    Ok(client.watch_board(test.by(who, asked)).await?.into_inner())
}

async fn watch(test: &TestMetrics, who: &TestCaller, cursor: &str) -> Streaming<pb::WatchBoardResponse> {
    let asked = pb::WatchBoardRequest { shop_id: String::new(), cursor: cursor.to_owned() };
    watch_on(&test.channel, test, who, asked).await.expect("watches")
}

async fn next(stream: &mut Streaming<pb::WatchBoardResponse>) -> pb::WatchBoardResponse {
    let message = timeout(LIMIT, stream.message()).await.expect("in time").expect("goes on");
    message.expect("does not end")
}

/// The next update that shows so many conversations in all.
async fn until(stream: &mut Streaming<pb::WatchBoardResponse>, conversations: i64) -> pb::WatchBoardResponse {
    loop {
        let update = next(stream).await;
        if rows(&update).contains(&(pb::BoardRowKind::Whole, "", conversations)) {
            return update;
        }
    }
}

/// Kind, key and conversations of each row.
fn rows(update: &pb::WatchBoardResponse) -> Vec<(pb::BoardRowKind, &str, i64)> {
    let figures = update.rows.iter().filter_map(|row| Some((row.kind(), row.figures.as_ref()?)));
    figures.map(|(kind, figures)| (kind, figures.key.as_str(), figures.conversations)).collect()
}

async fn talk(test: &TestMetrics, id: &str, account: &str) {
    test.send(vec![chat(id, account, id, "2020-06-30T09:00:00", &["0 C", "9 A"])]).await;
}

fn agent(person: &str) -> TestCaller {
    caller().person(person).roles(&[Role::Agent])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_is_on_the_board_within_two_seconds() {
    let test = shop().await;
    let mut stream = watch(&test, &caller(), "").await;
    let first = next(&mut stream).await;
    assert!(first.complete && first.rows.is_empty(), "nothing happened today");
    let mut late = Vec::new();
    // A machine that is busy with other things may spoil a series, but not all of them.
    for series in 0..SERIES {
        let mut took = Vec::new();
        for number in series * 5 + 1..=series * 5 + 5 {
            talk(&test, &format!("c-{number}"), "a1").await;
            let committed = Instant::now();
            // A row that was told before is not told again.
            let (mut whole, mut own) = (false, false);
            while !(whole && own) {
                let update = next(&mut stream).await;
                assert_eq!(update.definition_version, 1);
                whole |= rows(&update).contains(&(pb::BoardRowKind::Whole, "", number));
                own |= rows(&update).contains(&(pb::BoardRowKind::Person, "p1", number));
            }
            took.push(committed.elapsed());
        }
        let promised = promised();
        if took.iter().all(|took| *took < promised) {
            return;
        }
        late.push(took);
    }
    panic!("no series of commits was on the board in time: {late:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_sees_their_rows_alone() {
    let test = shop().await;
    for (id, account) in [("c-1", "a1"), ("c-2", "a2"), ("c-3", "a3"), ("c-4", "nobodys")] {
        talk(&test, id, account).await;
    }
    let mut all = watch(&test, &caller(), "").await;
    let update = until(&mut all, 4).await;
    let kinds =
        |kind| rows(&update).into_iter().filter(|row| row.0 == kind).map(|row| row.1).collect::<Vec<_>>();
    assert_eq!(kinds(pb::BoardRowKind::Shop), ["star"]);
    assert_eq!(kinds(pb::BoardRowKind::Team), ["", "t1", "t2"]);
    assert_eq!(kinds(pb::BoardRowKind::Person), ["", "p1", "p2", "p3"]);
    let seen = async |who: TestCaller| {
        let mut stream = watch(&test, &who, "").await;
        let first = next(&mut stream).await;
        assert!(first.complete);
        let rows = rows(&first).into_iter().map(|row| (row.0, row.1.to_owned()));
        rows.collect::<Vec<_>>()
    };
    assert_eq!(seen(agent("p1")).await, [(pb::BoardRowKind::Person, "p1".to_owned())]);
    assert_eq!(seen(agent("p9")).await, []);
    let led =
        [(pb::BoardRowKind::Team, "t1"), (pb::BoardRowKind::Person, "p1"), (pb::BoardRowKind::Person, "p2")];
    let led = led.map(|(kind, key)| (kind, key.to_owned()));
    assert_eq!(seen(caller().person("p2").roles(&[Role::Lead])).await, led);
    assert_eq!(seen(caller().of("other")).await, []);

    let elsewhere = pb::WatchBoardRequest { shop_id: "moon".to_owned(), cursor: String::new() };
    let mut stream = watch_on(&test.channel, &test, &caller(), elsewhere).await.expect("watches");
    assert_eq!(next(&mut stream).await.rows, [], "nothing happened in that shop");
    // The agent hears nothing of what happens to others.
    let mut own = watch(&test, &agent("p1"), "").await;
    let before = next(&mut own).await.cursor;
    talk(&test, "c-5", "a3").await;
    until(&mut all, 5).await;
    talk(&test, "c-6", "a1").await;
    loop {
        let update = next(&mut own).await;
        assert!(rows(&update).iter().all(|row| (row.0, row.1) == (pb::BoardRowKind::Person, "p1")));
        assert!(update.cursor != before || update.rows.is_empty());
        if rows(&update).iter().any(|row| row.2 == 2) {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_misses_nothing_and_hears_nothing_twice() {
    let test = shop().await;
    talk(&test, "c-1", "a1").await;
    let mut stream = watch(&test, &caller(), "").await;
    let mut last = until(&mut stream, 1).await.cursor;
    // What customers' timelines say of it comes a moment later.
    test.counted().await;
    loop {
        let mut again = watch(&test, &caller(), &last).await;
        let update = next(&mut again).await;
        if update.cursor == last {
            assert!(!update.complete && update.rows.is_empty() && update.gone.is_empty(), "was told");
            break;
        }
        last = update.cursor;
    }
    drop(stream);
    talk(&test, "c-2", "a3").await;
    let mut resumed = watch(&test, &caller(), &last).await;
    let mut known = last.clone();
    loop {
        let update = next(&mut resumed).await;
        if update.rows.is_empty() {
            continue;
        }
        assert_ne!(update.cursor, known);
        known = update.cursor.clone();
        if rows(&update).contains(&(pb::BoardRowKind::Person, "p3", 1)) {
            break;
        }
    }
    let wrong = pb::WatchBoardRequest { shop_id: String::new(), cursor: "yesterday".to_owned() };
    let refused = watch_on(&test.channel, &test, &caller(), wrong).await.expect_err("is no cursor");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, "INVALID_REQUEST"));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_replica_goes_on_where_the_first_left_off() {
    let test = shop().await;
    let mut stream = watch(&test, &caller(), "").await;
    talk(&test, "c-1", "a1").await;
    let cursor = until(&mut stream, 1).await.cursor;
    let mut config = metrics::default_config(&[]).expect("settings");
    config.server.listen = "127.0.0.1:0".parse().expect("an address");
    config.server.ops_listen = "127.0.0.1:0".parse().expect("an address");
    config.access = test.identity.config();
    config.database = test.database.config(metrics::SCHEMA);
    config.events = test.nats.config();
    let stop = CancellationToken::new();
    let _stop = stop.clone().drop_guard();
    let other = metrics::start(config, test.clock.shared(), stop.clone()).await.expect("starts");
    let url = format!("http://{}", other.address);
    let channel = Channel::from_shared(url).expect("an address").connect_lazy();
    let asked = pb::WatchBoardRequest { shop_id: String::new(), cursor };
    let mut there = watch_on(&channel, &test, &caller(), asked).await.expect("watches");
    talk(&test, "c-2", "a1").await;
    let (here, there) = tokio::join!(until(&mut stream, 2), until(&mut there, 2));
    assert_eq!(here.business_day, there.business_day);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_with_a_word_when_the_service_drains() {
    let test = shop().await;
    let mut stream = watch(&test, &caller(), "").await;
    assert!(next(&mut stream).await.complete);
    test.stop.cancel();
    let end = loop {
        match timeout(LIMIT, stream.message()).await.expect("in time") {
            Ok(update) => assert!(update.is_some_and(|update| update.rows.is_empty()), "ends with an error"),
            Err(end) => break end,
        }
    };
    assert_eq!((end.code(), reason(&end).as_str()), (Code::Unavailable, "STOPPING"));
}

/// Counts who looks at memberships outside of figures: whoever reads a board does once, and a client that is told must not.
const COUNTED: &str = "
    CREATE SEQUENCE looks;
    ALTER TABLE memberships RENAME TO memberships_kept;
    CREATE VIEW memberships AS
        SELECT m.* FROM (SELECT CASE current_setting('transaction_read_only')
            WHEN 'off' THEN nextval('looks') ELSE 1 END AS look OFFSET 0) l, memberships_kept m WHERE l.look > 0;
    GRANT ALL ON SEQUENCE looks TO PUBLIC;
    GRANT SELECT ON memberships TO PUBLIC";

/// One of many who watch, and the row that both agents and supervisors see.
struct Watcher {
    who: TestCaller,
    channel: Channel,
    stream: Streaming<pb::WatchBoardResponse>,
    cursor: String,
}

impl Watcher {
    async fn come(test: &TestMetrics, channel: &Channel, who: TestCaller, cursor: String) -> Self {
        let asked = pb::WatchBoardRequest { shop_id: String::new(), cursor };
        let stream = watch_on(channel, test, &who, asked).await.expect("watches");
        Self { who, channel: channel.clone(), stream, cursor: String::new() }
    }

    /// Waits until p1's row shows so many conversations.
    async fn sees(&mut self, conversations: i64) {
        let wanted = (pb::BoardRowKind::Person, "p1", conversations);
        loop {
            let update = next(&mut self.stream).await;
            self.cursor.clone_from(&update.cursor);
            if rows(&update).contains(&wanted) {
                return;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_clients_see_every_commit_and_share_what_is_read() {
    const CLIENTS: usize = 500;
    let test = shop().await;
    let owner =
        pg::connect(metrics::SCHEMA, &test.database.owner_config(metrics::SCHEMA)).await.expect("connects");
    owner.side_client().await.expect("connects").batch_execute(COUNTED).await.expect("counts");
    let looks = async || test.count("SELECT last_value FROM looks").await;
    // A connection carries so many streams.
    let connect = |_| Channel::from_shared(test.url.clone()).expect("an address").connect_lazy();
    let channels: Vec<Channel> = (0..CLIENTS / 100).map(connect).collect();
    let mut watchers = Vec::new();
    for at in 0..CLIENTS {
        let who = if at % 2 == 0 { agent("p1") } else { caller() };
        let mut watcher = Watcher::come(&test, &channels[at / 100], who, String::new()).await;
        assert!(next(&mut watcher.stream).await.complete);
        watchers.push(watcher);
    }
    let mut before = looks().await;
    assert!(before < SHARED_MAX, "{before} looks for the first boards");
    for commit in 1..=2 {
        talk(&test, &format!("c-{commit}"), "a1").await;
        for watcher in &mut watchers {
            watcher.sees(commit).await;
        }
        let after = looks().await;
        let count = after - before;
        assert!((1..SHARED_MAX).contains(&count), "{count} looks for commit {commit} and {CLIENTS} clients");
        before = after;
    }
    // All of them lose the stream, and come back with what they had.
    let lost: Vec<_> = watchers.into_iter().map(|lost| (lost.who, lost.channel, lost.cursor)).collect();
    talk(&test, "c-3", "a1").await;
    before = looks().await;
    let mut watchers = Vec::new();
    for (who, channel, cursor) in lost {
        watchers.push(Watcher::come(&test, &channel, who, cursor).await);
    }
    for watcher in &mut watchers {
        watcher.sees(3).await;
    }
    let count = looks().await - before;
    assert!(count < SHARED_MAX, "{count} looks for {CLIENTS} clients who come back");
}
