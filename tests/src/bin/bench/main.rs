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

use anyhow::{Context, Result, ensure};

use crate::report::Row;

#[tokio::main]
async fn main() -> Result<()> {
    runtime::tls::install_provider();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, address] = arguments.as_slice()
        && command == "serve-echo"
    {
        return echo::serve(address.parse().context("an address to listen on")?).await;
    }
    let mut bench = Bench { wanted: arguments, rows: Vec::new(), failed: Vec::new() };
    bench.take(&["draw_verify"], async { Ok(vec![verify::row()?]) }).await;
    bench.take(&["text_checks"], async { Ok(vec![text_checks::row()?]) }).await;
    bench.take(&["draw", "draw_flat"], draw::rows()).await;
    bench.take(&["ingest", "ingest_followed", "ingest_memory"], ingest::rows()).await;
    bench.take(&["board"], async { Ok(vec![board::row().await?]) }).await;
    bench.take(&["month_report"], month_report::rows()).await;
    bench.take(&["quality_day"], async { Ok(vec![quality_day::row().await?]) }).await;
    bench.take(&["relay"], async { Ok(vec![relay::row().await?]) }).await;
    bench.take(&["ready", "idle_memory"], services::rows()).await;
    bench.take(&["gateway"], edge::rows()).await;
    bench.publish()
}

struct Bench {
    /// Beginnings of the names of rows; none means all.
    wanted: Vec<String>,
    rows: Vec<Row>,
    failed: Vec<&'static str>,
}

impl Bench {
    /// Measures the rows of these names if one of them is wanted. They are shown at once: the next ones take minutes. What
    /// can't be measured costs no other row.
    async fn take(&mut self, names: &[&'static str], rows: impl Future<Output = Result<Vec<Row>>>) {
        let wanted = |name: &str| self.wanted.iter().any(|wanted| name.starts_with(wanted));
        if !self.wanted.is_empty() && !names.iter().copied().any(wanted) {
            return;
        }
        match rows.await {
            Ok(rows) => {
                for row in &rows {
                    eprintln!("{}: {:.2}", row.name, row.ratio);
                }
                self.rows.extend(rows);
            }
            Err(error) => {
                eprintln!("{}: {error:#}", names.join(", "));
                self.failed.extend(names);
            }
        }
    }

    fn publish(self) -> Result<()> {
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
        report::publish(&self.rows, &target.join("bench/report.json"))?;
        ensure!(self.failed.is_empty(), "could not be measured: {}", self.failed.join(", "));
        Ok(())
    }
}
