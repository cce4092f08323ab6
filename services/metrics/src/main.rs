//! The service as a process: `metrics serve`, `metrics migrate`, `metrics verify-audit`.

use std::process::ExitCode;

use metrics::Config;
use runtime::process::Program;

fn main() -> ExitCode {
    Program::new(
        metrics::SCHEMA,
        "What every agent achieves: conversations in, figures out",
        Config::load,
        |config| &config.telemetry,
    )
    .migrate(|config| Box::pin(async move { metrics::migrate(&config.database).await }))
    .verify_audit(|config, kept| {
        Box::pin(async move { Ok(pg::audit::check(metrics::SCHEMA, &config.database, &kept).await?) })
    })
    .main(metrics::start)
}
