//! One service of the suite as a process: `member metrics`. What the service's own program does on `serve`, in a
//! binary that Cargo builds with these tests.

use anyhow::{Context, Result, bail};
use runtime::clock::SystemClock;

#[tokio::main]
async fn main() -> Result<()> {
    runtime::tls::install_provider();
    let service = std::env::args().nth(1).context("member SERVICE")?;
    let stop = runtime::server::stop_on_signals()?;
    let clock = SystemClock::shared();
    let telemetry;
    match service.as_str() {
        "metrics" => {
            let config = metrics::default_config(&[])?;
            telemetry = runtime::telemetry::init(&service, &config.telemetry)?;
            metrics::start(config, clock, stop).await?.ended().await?;
        }
        "qa" => {
            let config = qa::default_config(&[])?;
            telemetry = runtime::telemetry::init(&service, &config.telemetry)?;
            qa::start(config, clock, stop).await?.ended().await?;
        }
        "performance" => {
            let config = performance::default_config(&[])?;
            telemetry = runtime::telemetry::init(&service, &config.telemetry)?;
            performance::start(config, clock, stop).await?.ended().await?;
        }
        "gateway" => {
            let config = gateway::default_config(&[])?;
            telemetry = runtime::telemetry::init(&service, &config.telemetry)?;
            gateway::start(config, clock, stop).await?.task.await??;
        }
        other => bail!("{other} is no service"),
    }
    telemetry.shutdown();
    Ok(())
}
