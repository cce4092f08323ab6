//! The service as a process: `performance serve`, `performance migrate`, `performance verify-audit`.

use std::process::ExitCode;

use performance::Config;
use runtime::process::Program;

fn main() -> ExitCode {
    Program::new(performance::SCHEMA, "The people directory", Config::load, |config| &config.telemetry)
        .migrate(|config| Box::pin(async move { performance::migrate(&config.database).await }))
        .verify_audit(|config, kept| {
            Box::pin(async move { Ok(pg::audit::check(performance::SCHEMA, &config.database, &kept).await?) })
        })
        .main(performance::start)
}
