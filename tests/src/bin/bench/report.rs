//! What a bench says: a table for people, `target/bench/report.json` for programs.

use std::path::Path;
use std::{fs, io::Write};

use anyhow::Result;
use serde::Serialize;

/// One comparison. `ratio` above 1 means that ours is better, whatever the unit.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Stable name, for example `gateway_echo`.
    pub name: &'static str,
    /// Our figure.
    pub ours: f64,
    /// The peer's figure of the same run.
    pub peer: f64,
    /// Unit of both.
    pub unit: &'static str,
    /// Ours against the peer; above 1 is better.
    pub ratio: f64,
    /// What was worked on, in words.
    pub size: String,
}

impl Row {
    /// A row whose unit is better when higher.
    pub fn higher(name: &'static str, ours: f64, peer: f64, unit: &'static str, size: String) -> Self {
        Self { name, ours, peer, unit, ratio: ours / peer, size }
    }

    /// A row whose unit is better when lower.
    pub fn lower(name: &'static str, ours: f64, peer: f64, unit: &'static str, size: String) -> Self {
        Self { name, ours, peer, unit, ratio: peer / ours, size }
    }
}

/// Prints the table and writes the list.
pub fn publish(rows: &[Row], into: &Path) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{:<22} {:>14} {:>14} {:>8}  {:<12} size", "bench", "ours", "peer", "ratio", "unit")?;
    for row in rows {
        let Row { name, ours, peer, unit, ratio, size } = row;
        writeln!(out, "{name:<22} {ours:>14.3} {peer:>14.3} {ratio:>8.2}  {unit:<12} {size}")?;
    }
    if let Some(folder) = into.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(into, serde_json::to_vec_pretty(rows)?)?;
    Ok(())
}

/// The middle of an odd number of measurements.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
