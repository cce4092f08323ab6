//! `jinpai verify-audit`: the audits of the suite that runs on this machine, against the heads that its services kept.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use runtime::process::{Audited, KeptHeads};
use serde::Serialize;

use crate::anchors::Anchors;
use crate::state::{State, folder_of};
use crate::suite::{SCHEMAS, runtime_config};

/// What was found of one service.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// The service.
    pub service: &'static str,
    /// Whether its audit contradicts neither itself nor what was kept.
    pub whole: bool,
    /// In words.
    pub told: String,
}

/// Recomputes the audit of every service.
pub async fn run(state: Option<&Path>) -> Result<Vec<Checked>> {
    let running = State::read(state)?.context("no suite runs on this machine: start one with `jinpai up`")?;
    let folder = folder_of(state)?;
    let anchors = Anchors::below(&folder);
    let mut checked = Vec::new();
    for service in SCHEMAS {
        let heads = Some(anchors.audit_heads(service)).filter(|path| path.exists());
        let kept = KeptHeads { files: heads.into_iter().collect(), ..KeptHeads::default() };
        let config = runtime_config(&folder, &running.database, service)?;
        let found = pg::audit::check(service, &config, &kept).await;
        let (whole, told) = match found.with_context(|| format!("{service} can't be checked"))? {
            Audited::Whole(told) => (true, told),
            Audited::Broken(told) => (false, told),
        };
        checked.push(Checked { service, whole, told });
    }
    Ok(checked)
}

/// A line for each service.
pub fn print(out: &mut dyn Write, checked: &[Checked]) -> Result<()> {
    for Checked { told, .. } in checked {
        writeln!(out, "{told}")?;
    }
    Ok(())
}
