//! `make bench`: our figures against a named peer or limit, measured in the same run.
//!
//! Prints a table with the sizes and writes `target/bench/report.json`; never asserts. Arguments name the rows wanted
//! (`bench draw ingest`), none means all.

mod board;
mod child;
mod draw;
mod echo;
mod edge;
mod envoy;
mod ingest;
mod load;
mod month_report;
mod quality_day;
mod relay;
mod report;
mod services;
mod text_checks;
mod verify;

use std::path::PathBuf;

use anyhow::{Context, Result};

#[tokio::main]
async fn main() -> Result<()> {
    runtime::tls::install_provider();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, address] = arguments.as_slice()
        && command == "serve-echo"
    {
        return echo::serve(address.parse().context("an address to listen on")?).await;
    }
    let wanted =
        |name: &str| arguments.is_empty() || arguments.iter().any(|argument| name.starts_with(argument));
    let mut rows = Vec::new();
    if wanted("draw_verify") {
        rows.push(verify::row()?);
    }
    if wanted("text_checks") {
        rows.push(text_checks::row()?);
    }
    if wanted("draw") {
        rows.extend(draw::rows().await?);
    }
    if wanted("ingest") {
        rows.extend(ingest::rows().await?);
    }
    if wanted("board") {
        rows.push(board::row().await?);
    }
    if wanted("month_report") {
        rows.extend(month_report::rows().await?);
    }
    if wanted("quality_day") {
        rows.push(quality_day::row().await?);
    }
    if wanted("relay") {
        rows.push(relay::row().await?);
    }
    if wanted("ready") || wanted("idle_memory") {
        rows.extend(services::rows().await?);
    }
    if wanted("gateway") {
        rows.extend(edge::rows().await?);
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    report::publish(&rows, &target.join("bench/report.json"))
}
