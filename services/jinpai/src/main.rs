//! See the library: this only starts it.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = jinpai::cli::Cli::parse();
    runtime::tls::install_provider();
    match jinpai::cli::run(cli).await {
        Ok(code) => code.into(),
        Err(error) => {
            // With stderr gone there is nobody left to tell.
            drop(writeln!(std::io::stderr(), "error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
