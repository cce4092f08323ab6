//! The live board through the gateway, in each of its protocols.

use std::time::Duration;

use e2e::{Framed, Frames, InProcess, MERCHANT, people, small};
use prost::Message;
use proto::access::Role;
use proto::metrics::v1::board_service_client::BoardServiceClient;
use proto::metrics::v1::{WatchBoardRequest, WatchBoardResponse};
use serde_json::{Value, json};
use testkit::eventually;
use tokio::time::{Instant, timeout};

const PATH: &str = "/jinpai.metrics.v1.BoardService/WatchBoard";
const PEOPLE: &str = "person_id,name,status,roles,team_id,team_name,lead,team_from,account_id,account_from\n\
    agent,name-agent,regular,agent,team-a,A,no,2020-05-01,acc-agent,2020-05-01\n";
const LIMIT: Duration = Duration::from_secs(20);
/// From the commit to the caller.
const PROMISED: Duration = Duration::from_secs(2);

async fn message(frames: &mut Frames) -> bytes::Bytes {
    match timeout(LIMIT, frames.next()).await.expect("in time") {
        Framed::Message(message) => message,
        Framed::End(end) => panic!("ended: {}", String::from_utf8_lossy(&end)),
    }
}

fn conversations_of(update: &WatchBoardResponse, key: &str) -> i64 {
    let figures = update.rows.iter().filter_map(|row| row.figures.as_ref());
    figures.filter(|figures| figures.key == key).map(|figures| figures.conversations).max().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_is_pushed_through_every_protocol() {
    let suite = InProcess::start().await;
    let manager = suite.door.session(Role::Manager, Some("manager")).await;
    people::import(&manager, PEOPLE).await;
    small::ingest(&manager, vec![small::chat_now("c-1", "acc-agent")]).await;
    let token = suite.door.token(MERCHANT, Role::Agent, Some("agent"));

    // The agent's row is there as soon as metrics knows whose account it is.
    let day = |year, month, day| json!({ "year": year, "month": month, "day": day });
    let days = json!({ "from": day(2020, 5, 12), "to": day(2029, 12, 31) });
    let figures = json!({ "days": days, "group": "GROUP_PERSON" });
    eventually(LIMIT, async || {
        let answer = suite.door.json("/jinpai.metrics.v1.MetricsService/GetFigures", &token, &figures).await;
        answer.status == 200 && answer.json().to_string().contains("name-agent")
    })
    .await;

    let mut native = BoardServiceClient::new(suite.door.session_with(token.clone()).await.channel());
    let mut native = native.watch_board(WatchBoardRequest::default()).await.expect("watches").into_inner();
    let mut web = suite.door.grpc_web_open(PATH, &token, &WatchBoardRequest::default()).await;
    let mut connect = suite.door.connect_open(PATH, &token, &json!({})).await;
    let first = native.message().await.expect("goes on").expect("a board");
    let known = conversations_of(&first, "agent");
    let wanted = known + 1;
    let by_web = WatchBoardResponse::decode(message(&mut web).await).expect("decodes");
    let by_connect: Value = serde_json::from_slice(&message(&mut connect).await).expect("is JSON");
    assert!(by_web.complete && by_connect["complete"] == json!(true));

    small::ingest(&manager, vec![small::chat_now("c-last", "acc-agent")]).await;
    let committed = Instant::now();
    let natively = async {
        loop {
            let update = timeout(LIMIT, native.message()).await.expect("in time").expect("goes on");
            if conversations_of(&update.expect("no end"), "agent") == wanted {
                return committed.elapsed();
            }
        }
    };
    let by_web = async {
        loop {
            let update = WatchBoardResponse::decode(message(&mut web).await).expect("decodes");
            if conversations_of(&update, "agent") == wanted {
                return committed.elapsed();
            }
        }
    };
    let by_connect = async {
        loop {
            let update: Value = serde_json::from_slice(&message(&mut connect).await).expect("is JSON");
            let rows = update["rows"].as_array().cloned().unwrap_or_default();
            // 64-bit numbers are text in JSON.
            if rows.iter().any(|row| row["figures"]["conversations"] == json!(wanted.to_string())) {
                return committed.elapsed();
            }
        }
    };
    let (native, web, connect) = tokio::join!(natively, by_web, by_connect);
    // All three get it; a busy machine may be late with some.
    let quickest = [native, web, connect].into_iter().min().expect("three");
    assert!(quickest < PROMISED, "gRPC {native:?}, gRPC-Web {web:?}, Connect {connect:?}");
}
