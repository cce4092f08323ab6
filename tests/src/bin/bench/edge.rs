//! The gateway against a bare tonic echo, and against Envoy.
//!
//! All servers have one worker thread and a process of their own; the client shares the machine with them, the same for
//! all. Targets take turns within each round, and the median round counts.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use proto::access::Role;
use runtime::clock::SystemClock;
use runtime::config::SignerConfig;
use runtime::identity::Signer;
use testkit::{Issuer, Scratch};

use crate::child::{Server, free_address};
use crate::load::{self, Pressure, Shot};
use crate::report::{Row, median};
use crate::{echo, envoy};

const ROUNDS: usize = 5;
const PRESSURE: Pressure = Pressure {
    connections: 10,
    streams: 10,
    warm_up: Duration::from_millis(500),
    measure: Duration::from_millis(2_500),
};

struct Target {
    name: &'static str,
    server: Server,
    shot: Shot,
    rates: Vec<f64>,
    cpu_micros: Vec<f64>,
}

/// The rows `gateway_echo`, `gateway_envoy`, `gateway_json_envoy` and `gateway_cpu`.
pub async fn rows() -> Result<Vec<Row>> {
    let scratch = Scratch::new();
    let issuer = Issuer::new("https://issuer.bench", SystemClock::shared());
    let backend = backend()?;
    let mut targets = targets(scratch.path(), &issuer, backend.address)?;
    for target in &targets {
        let answer = load::once(target.server.address, &target.shot).await;
        let answer = answer.with_context(|| format!("{} does not answer", target.name))?;
        ensure!(!answer.is_empty(), "{} answered nothing", target.name);
    }
    for _ in 0..ROUNDS {
        for target in &mut targets {
            let before = target.server.cpu_seconds()?;
            let rate = load::rate(target.server.address, &target.shot, PRESSURE).await?;
            let cpu = target.server.cpu_seconds()? - before;
            // The warm-up used CPU too, at about the same rate.
            let calls = rate * (PRESSURE.warm_up + PRESSURE.measure).as_secs_f64();
            target.rates.push(rate);
            target.cpu_micros.push(cpu / calls * 1e6);
        }
    }
    drop(backend);
    let [bare, gateway, envoy, gateway_json, envoy_json] =
        targets.map(|target| (median(target.rates), median(target.cpu_micros)));
    let size = format!(
        "{} connections x {} calls, {ROUNDS} rounds of {} s, one worker a server, token and rate limit checked",
        PRESSURE.connections,
        PRESSURE.streams,
        PRESSURE.measure.as_secs_f64()
    );
    Ok(vec![
        Row::higher("gateway_echo", gateway.0, bare.0, "calls/s", size.clone()),
        Row::lower("gateway_cpu", gateway.1, bare.1, "us/call", size.clone()),
        Row::higher("gateway_envoy", gateway.0, envoy.0, "calls/s", size.clone()),
        Row::lower("gateway_envoy_cpu", gateway.1, envoy.1, "us/call", size.clone()),
        Row::higher("gateway_json_envoy", gateway_json.0, envoy_json.0, "calls/s", size),
    ])
}

/// The echo server behind all the others: this program again.
fn backend() -> Result<Server> {
    let address = free_address()?;
    let own = std::env::current_exe().context("this program's file")?;
    Server::start(own, &["serve-echo".to_owned(), address.to_string()], address)
}

fn targets(folder: &Path, issuer: &Issuer, backend: SocketAddr) -> Result<[Target; 5]> {
    let token = issuer.token(&testkit::caller().of("bench").roles(&[Role::Supervisor]));
    let grpc = shot(&token, "application/grpc", Bytes::from_static(&[0, 0, 0, 0, 0]), true)?;
    let json = shot(&token, "application/json", Bytes::from_static(b"{}"), false)?;
    let target = |name, server, shot: &Shot| Target {
        name,
        server,
        shot: shot.clone(),
        rates: Vec::new(),
        cpu_micros: Vec::new(),
    };
    let settings = issuer.config();
    let jwks = serde_json::from_str(issuer.jwks()).context("the issuer's keys")?;
    let peer = |services| {
        envoy::start(&envoy::Setup {
            folder,
            backend,
            issuer: &settings.issuer,
            audience: &settings.audience,
            jwks: &jwks,
            json_services: services,
        })
    };
    let gateway = || gateway(folder, issuer, backend);
    Ok([
        target("bare echo", self::backend()?, &grpc),
        target("gateway", gateway()?, &grpc),
        target("Envoy", peer(&[])?, &grpc),
        target("gateway, JSON", gateway()?, &json),
        target("Envoy, JSON", peer(&["jinpai.performance.v1.PeopleService"])?, &json),
    ])
}

fn shot(token: &str, content: &'static str, body: Bytes, grpc: bool) -> Result<Shot> {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static(content));
    headers.insert("authorization", format!("Bearer {token}").parse()?);
    if grpc {
        headers.insert("te", HeaderValue::from_static("trailers"));
    }
    Ok(Shot { path: echo::PATH.to_owned(), headers, body, grpc })
}

/// The real gateway binary with everything on that it has on in production, and limits that a bench doesn't reach.
fn gateway(folder: &Path, issuer: &Issuer, backend: SocketAddr) -> Result<Server> {
    let address = free_address()?;
    let ops = free_address()?;
    let keys = folder.join("issuer.json");
    std::fs::write(&keys, issuer.jwks())?;
    let identity = folder.join("identity.pem");
    let signer = SignerConfig { key_file: identity.clone(), ..SignerConfig::default() };
    Signer::open_or_create(&signer, SystemClock::shared())?;
    let settings = issuer.config();
    let config = folder.join(format!("gateway-{}.toml", address.port()));
    std::fs::write(
        &config,
        format!(
            "[server]\nlisten = '{address}'\nops_listen = '{ops}'\n\
             [telemetry]\nlog = 'warn'\n\
             [sign_in]\nissuer = '{}'\naudience = '{}'\njwks_file = '{}'\n\
             [identity]\nkey_file = '{}'\n\
             [limits.per_caller]\nper_second = 10000000\nburst = 10000000\n\
             [limits.per_merchant]\nper_second = 10000000\nburst = 10000000\n\
             [upstreams.performance]\nurl = 'http://{backend}'\n",
            settings.issuer,
            settings.audience,
            keys.display(),
            identity.display(),
        ),
    )?;
    let program = std::env::current_exe()?.with_file_name("gateway");
    let args = ["serve", "--config", &config.to_string_lossy()].map(str::to_owned);
    Server::start(program, &args, address)
}
