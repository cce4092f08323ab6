//! How long a service takes until it says that it is ready, and what it needs when nothing is asked of it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::{Processes, SERVICES, resident_mib};
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::report::{Row, median};

const READY_LIMIT_S: f64 = 1.0;
const MEMORY_LIMIT_MIB: f64 = 60.0;
const ROUNDS: usize = 3;
/// What is set up after the start (connections, first looks at tables) is there by then.
const SETTLED: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(60);

/// The rows `ready` and `idle_memory`: the worst of the services against the limit.
pub async fn rows() -> Result<Vec<Row>> {
    let program = std::env::current_exe()?.with_file_name("member");
    ensure!(program.is_file(), "{} is not built", program.display());
    let mut suite = Processes::start(&program, None).await;
    let (mut took, mut memory) = (Vec::new(), Vec::new());
    for service in SERVICES.into_iter().chain(["gateway"]) {
        let mut rounds = Vec::new();
        let mut id = 0;
        for _ in 0..ROUNDS {
            suite.kill9(service);
            let start = Instant::now();
            let (process, ops) = suite.launch(service);
            until_ready(ops).await.with_context(|| format!("{service} does not get ready"))?;
            rounds.push(start.elapsed().as_secs_f64());
            id = process;
        }
        tokio::time::sleep(SETTLED).await;
        took.push((service, median(rounds)));
        memory.push((service, resident_mib(id, "VmRSS")));
    }
    suite.assert_running();
    Ok(vec![
        worst("ready", "s", READY_LIMIT_S, &took, "start of the process to its health check's SERVING"),
        worst("idle_memory", "MiB", MEMORY_LIMIT_MIB, &memory, "resident, a process per service"),
    ])
}

fn worst(name: &'static str, unit: &'static str, limit: f64, of: &[(&str, f64)], what: &str) -> Row {
    let list: Vec<String> = of.iter().map(|(service, value)| format!("{service} {value:.2}")).collect();
    let worst = of.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    Row::lower(name, worst, limit, unit, format!("{what}: {}; peer: the limit set", list.join(", ")))
}

async fn until_ready(ops: SocketAddr) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !is_ready(ops).await {
        ensure!(Instant::now() < deadline, "not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

async fn is_ready(ops: SocketAddr) -> bool {
    let Ok(endpoint) = Endpoint::from_shared(format!("http://{ops}")) else { return false };
    let Ok(channel) = endpoint.connect().await else { return false };
    let answer = HealthClient::new(channel).check(HealthCheckRequest { service: String::new() }).await;
    answer.is_ok_and(|answer| answer.into_inner().status() == ServingStatus::Serving)
}
