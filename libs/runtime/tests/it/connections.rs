//! What a client can do without making a call, and how connections end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use runtime::config::ServerConfig;
use runtime::server::ops::{LIVENESS, READINESS};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::support::echo::Echo;
use crate::support::{Ask, Fixture, eventually, upstream};

const SOON: Duration = Duration::from_secs(10);

/// Waits for the server to close; how long that took.
async fn closed(stream: &mut TcpStream) -> Duration {
    let began = Instant::now();
    let mut rest = Vec::new();
    // A reset is a close as well.
    let _ = timeout(SOON, stream.read_to_end(&mut rest)).await.expect("it is closed in time");
    began.elapsed()
}

async fn health(fixture: &Fixture, service: &str) -> Option<ServingStatus> {
    let url = format!("http://{}", fixture.running.health);
    let mut client = HealthClient::new(upstream(&url));
    let answer = client.check(HealthCheckRequest { service: service.to_owned() }).await.ok()?;
    Some(answer.into_inner().status())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_connection_is_closed() {
    let fixture = Fixture::start(ServerConfig { handshake_ms_max: 150, ..ServerConfig::default() }).await;
    let mut silent = TcpStream::connect(fixture.running.address).await.expect("connected");
    assert!(closed(&mut silent).await >= Duration::from_millis(100));

    let mut half = TcpStream::connect(fixture.running.address).await.expect("connected");
    half.write_all(b"PRI * HTTP/2.0").await.expect("sent");
    closed(&mut half).await;
    assert!(
        ServerConfig::default().handshake_ms_max < 10_000,
        "operations.md asks for less than ten seconds"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_greeted_stays_and_one_that_died_goes() {
    let config = ServerConfig {
        handshake_ms_max: 100,
        keepalive_ms: 300,
        keepalive_timeout_ms: 100,
        ..ServerConfig::default()
    };
    let fixture = Fixture::start(config).await;
    let mut client = fixture.client();
    client.unary(Ask::default()).await.expect("told");
    // Greets and then reads, but never answers a ping.
    let mut dead = TcpStream::connect(fixture.running.address).await.expect("connected");
    dead.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.expect("sent");
    let took = closed(&mut dead).await;
    assert!(took >= Duration::from_millis(250), "the greeting was enough for the handshake: {took:?}");
    client.unary(Ask::default()).await.expect("a living one is still there");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_above_the_cap_are_closed_at_once() {
    let config = ServerConfig { connections_max: 2, handshake_ms_max: 5_000, ..ServerConfig::default() };
    let fixture = Fixture::start(config).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        held.push(TcpStream::connect(fixture.running.address).await.expect("connected"));
    }
    let mut third = TcpStream::connect(fixture.running.address).await.expect("connected");
    assert!(closed(&mut third).await < Duration::from_secs(2));

    held.clear();
    let fixture = &fixture;
    eventually(
        "a place is free again",
        || async move { fixture.client().unary(Ask::default()).await.is_ok() },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_connection_goes_without_losing_a_call() {
    let config =
        ServerConfig { connection_age_ms_max: 60, connection_age_grace_ms: 5_000, ..ServerConfig::default() };
    let echo = Echo::default();
    let fixture = Fixture::start_with(config, echo.clone(), |server| server).await;
    let mut slow = fixture.client();
    let waiting = tokio::spawn(async move { slow.unary(Ask::to("wait")).await });
    let mut client = fixture.client();
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(400) {
        client.unary(Ask::default()).await.expect("a connection that goes takes no call with it");
    }
    echo.gate.add_permits(1);
    waiting.await.expect("no panic").expect("a call from before the connection aged is answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_the_server_has_taken_is_not_sent_again() {
    let config =
        ServerConfig { connection_age_ms_max: 50, connection_age_grace_ms: 50, ..ServerConfig::default() };
    let echo = Echo::default();
    let fixture = Fixture::start_with(config, echo.clone(), |server| server).await;
    for calls in 1..=5 {
        // Told to go, then cut off while the handler works: nobody knows how far it got.
        let status = fixture.client().unary(Ask::to("wait")).await.expect_err("its connection is cut");
        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(echo.arrived.available_permits(), calls, "each call arrives once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_drains_what_is_in_flight_and_says_so() {
    let echo = Echo::default();
    let fixture = Fixture::start_with(ServerConfig::default(), echo.clone(), |server| server).await;
    eventually("it is ready", || async { health(&fixture, READINESS).await == Some(ServingStatus::Serving) })
        .await;
    let mut client = fixture.client();
    let waiting = tokio::spawn(async move { client.unary(Ask::to("wait")).await });
    let _ = echo.arrived.acquire().await.expect("it arrives");

    fixture.stop.cancel();
    eventually("not ready any more", || async {
        health(&fixture, READINESS).await == Some(ServingStatus::NotServing)
    })
    .await;
    assert_eq!(health(&fixture, LIVENESS).await, Some(ServingStatus::Serving), "alive to the end");
    eventually("no new connections", || async { TcpStream::connect(fixture.running.address).await.is_err() })
        .await;
    assert!(!fixture.running.task.is_finished());

    echo.gate.add_permits(1);
    waiting.await.expect("no panic").expect("the call in flight is answered");
    timeout(SOON, fixture.running.task).await.expect("it ends").expect("no panic");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_does_not_wait_for_ever() {
    let echo = Echo::default();
    let config = ServerConfig { drain_ms_max: 100, ..ServerConfig::default() };
    let fixture = Fixture::start_with(config, echo.clone(), |server| server).await;
    let mut client = fixture.client();
    let waiting = tokio::spawn(async move { client.unary(Ask::to("wait")).await });
    let _ = echo.arrived.acquire().await.expect("it arrives");
    fixture.stop.cancel();
    timeout(SOON, fixture.running.task).await.expect("it ends").expect("no panic");
    let status = waiting.await.expect("no panic").expect_err("it was cut off");
    assert_eq!(status.code(), Code::Unavailable);
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_follows_its_probes_and_liveness_does_not() {
    let there = Arc::new(AtomicBool::new(true));
    let probed = Arc::clone(&there);
    let fixture = Fixture::start_with(ServerConfig::default(), Echo::default(), |server| {
        server.probe("database", move || {
            let found = if probed.load(Ordering::Relaxed) { Ok(()) } else { Err("away".to_owned()) };
            async move { found }
        })
    })
    .await;
    for (up, expected) in
        [(true, ServingStatus::Serving), (false, ServingStatus::NotServing), (true, ServingStatus::Serving)]
    {
        there.store(up, Ordering::Relaxed);
        for service in [READINESS, ""] {
            eventually("readiness follows", || async { health(&fixture, service).await == Some(expected) })
                .await;
        }
        assert_eq!(health(&fixture, LIVENESS).await, Some(ServingStatus::Serving));
    }
    assert_eq!(health(&fixture, "another").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_without_an_answer_is_a_failed_one() {
    let fixture = Fixture::start_with(ServerConfig::default(), Echo::default(), |server| {
        server.probe("hung", std::future::pending::<Result<(), String>>)
    })
    .await;
    assert_eq!(health(&fixture, READINESS).await, Some(ServingStatus::NotServing));
    assert_eq!(health(&fixture, LIVENESS).await, Some(ServingStatus::Serving));
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_figures_are_answered_when_no_call_is_and_only_there() {
    let fixture = Fixture::start(ServerConfig { in_flight_max: 0, ..ServerConfig::default() }).await;
    eventually("it is ready", || async { health(&fixture, READINESS).await == Some(ServingStatus::Serving) })
        .await;

    let mut scrape = TcpStream::connect(fixture.running.health).await.expect("connected");
    scrape.write_all(b"GET /metrics HTTP/1.1\r\nhost: ops\r\nconnection: close\r\n\r\n").await.expect("sent");
    let mut page = String::new();
    timeout(SOON, scrape.read_to_string(&mut page)).await.expect("in time").expect("text");
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("target_info"), "{page}");

    let url = fixture.url();
    let mut client = HealthClient::new(upstream(&url));
    let status =
        client.check(HealthCheckRequest::default()).await.expect_err("not on the listener for calls");
    assert_eq!(status.code(), Code::Unimplemented);
}
