//! Closing days.

use chrono::TimeDelta;
use events::Payload;
use proto::events::v1::DayClosed;
use proto::metrics::v1 as pb;
use std::time::Duration;
use testkit::{EventCollector, caller, eventually};
use tonic::{Code, Status};

use crate::support::{TestMetrics, chat, date, reason};

const CHAT: &[&str] = &["0 C", "20 A"];

async fn close(test: &TestMetrics, day: &str, request_id: &str) -> Result<pb::Day, Status> {
    let message = pb::CloseDayRequest { business_day: Some(date(day)), request_id: request_id.to_owned() };
    let closed = test.client.clone().close_day(test.by(&caller(), message)).await?;
    Ok(closed.into_inner().day.expect("a day"))
}

async fn get(test: &TestMetrics, day: &str) -> pb::GetDayResponse {
    let message = pb::GetDayRequest { business_day: Some(date(day)) };
    test.client.clone().get_day(test.by(&caller(), message)).await.expect("answers").into_inner()
}

async fn closings(collector: &EventCollector, count: usize) -> Vec<DayClosed> {
    collector
        .wait_for(count, |payload| match payload {
            Payload::DayClosed(closed) => Some(closed.clone()),
            _ => None,
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_closed_once_and_again_only_after_it_changed() {
    let test = TestMetrics::start().await;
    let collector = EventCollector::start(&test.nats).await;
    let at = "2020-05-13T10:00:00";
    test.send(vec![chat("c-1", "a-1", "b", at, CHAT), chat("c-2", "a-2", "b", at, CHAT)]).await;
    assert_eq!(get(&test, "2020-05-13").await.day.expect("a day").state(), pb::DayState::Open);

    let first = close(&test, "2020-05-13", "r-1").await.expect("closes");
    assert_eq!((first.state(), first.version, first.conversations), (pb::DayState::Closed, 1, 2));
    assert_eq!(close(&test, "2020-05-13", "r-1").await.expect("closes"), first, "the same request");
    assert_eq!(close(&test, "2020-05-13", "").await.expect("closes"), first, "nothing changed");

    test.send(vec![chat("c-3", "a-2", "b", at, CHAT)]).await;
    let changed = get(&test, "2020-05-13").await;
    assert_eq!(changed.day.expect("a day").state(), pb::DayState::Changed);
    assert_eq!(changed.agents.iter().map(|agent| agent.conversations).collect::<Vec<_>>(), [1, 2]);
    let second = close(&test, "2020-05-13", "r-2").await.expect("closes");
    assert_eq!((second.state(), second.version, second.conversations), (pb::DayState::Closed, 2, 3));

    let mut told = closings(&collector, 2).await;
    told.sort_by_key(|closed| closed.version);
    assert_eq!(told.iter().map(|closed| closed.version).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(told[1].agents.iter().map(|agent| agent.conversations).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(told[1].long_chat_threshold, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_is_not_over_cannot_be_closed() {
    let test = TestMetrics::start().await;
    test.clock.set("2020-05-13T23:59:59+08:00");
    let refused = close(&test, "2020-05-13", "").await.expect_err("is refused");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "DAY_NOT_OVER"));
    test.clock.set("2020-05-14T00:00:00+08:00");
    let empty = close(&test, "2020-05-13", "").await.expect("an empty day closes too");
    assert_eq!((empty.state(), empty.version, empty.conversations), (pb::DayState::Closed, 1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn days_close_by_themselves_after_grace_and_quiet() {
    let test = TestMetrics::start_with(&[("closing.check_seconds", "1")]).await;
    let collector = EventCollector::start(&test.nats).await;
    test.clock.set("2020-05-14T00:30:00+08:00");
    test.send(vec![chat("c-1", "a-1", "b", "2020-05-13T10:00:00", CHAT)]).await;
    test.send(vec![chat("c-2", "a-1", "b", "2020-05-14T00:10:00", CHAT)]).await;
    test.clock.advance(TimeDelta::hours(2));
    eventually(Duration::from_secs(20), async || {
        get(&test, "2020-05-13").await.day.expect("a day").state() == pb::DayState::Closed
    })
    .await;
    let told = closings(&collector, 1).await;
    assert_eq!(told[0].business_day, Some(date("2020-05-13")));
    assert_eq!(get(&test, "2020-05-14").await.day.expect("a day").state(), pb::DayState::Open);
    let by_itself =
        test.count("SELECT count(*) FROM audit_entries WHERE rpc = 'background/close_days'").await;
    assert_eq!(by_itself, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_stop_being_provisional_when_their_days_are_closed() {
    let test = TestMetrics::start().await;
    test.send(vec![chat("c-1", "a-1", "b", "2020-05-13T10:00:00", CHAT)]).await;
    let ask = || test.figures(crate::support::asking(pb::Group::Merchant, "2020-05-01", "2020-05-31"));
    assert!(ask().await[0].provisional);
    close(&test, "2020-05-13", "").await.expect("closes");
    assert!(!ask().await[0].provisional);
    test.send(vec![chat("c-2", "a-1", "b", "2020-05-13T10:00:00", CHAT)]).await;
    assert!(ask().await[0].provisional);
}
