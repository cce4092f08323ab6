//! The service as a process: `performance serve`, `performance migrate`.

use std::process::ExitCode;

use performance::Config;
use runtime::process::Program;

fn main() -> ExitCode {
    Program::new(performance::SCHEMA, "The people directory", Config::load, |config| &config.telemetry)
        .migrate(|config| Box::pin(async move { performance::migrate(&config.database).await }))
        .main(performance::start)
}
