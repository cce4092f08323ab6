//! The service as a process: `qa serve`, `qa migrate`, `qa verify-audit`.

use std::process::ExitCode;

use qa::Config;
use runtime::process::Program;

fn main() -> ExitCode {
    Program::new(qa::SCHEMA, "Quality assurance of chats", Config::load, |config| &config.telemetry)
        .migrate(|config| Box::pin(async move { qa::migrate(&config.database).await }))
        .verify_audit(|config, kept| {
            Box::pin(async move { Ok(pg::audit::check(qa::SCHEMA, &config.database, &kept).await?) })
        })
        .main(qa::start)
}
