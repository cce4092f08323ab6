//! CP-SAT and the instances' own checker: Python scripts that are no part of this project.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use rostering::{Model, check, read_roster};
use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::options::{Options, PEER_SUBSOLVERS};

/// What CP-SAT reached.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PeerResult {
    /// `None` if it found no roster.
    pub cost: Option<i64>,
    #[serde(skip)]
    pub cached: bool,
}

pub(crate) struct Peer {
    python: PathBuf,
    scripts: PathBuf,
    solutions: PathBuf,
    subsolvers: String,
    threads: usize,
    wanted: bool,
    cache: Option<PathBuf>,
    /// By instance, seconds, threads, and subsolvers that are not the usual ones.
    cached: BTreeMap<String, PeerResult>,
}

#[derive(Deserialize)]
struct Told {
    objective: Option<i64>,
}

#[derive(Deserialize)]
struct Checked {
    feasible: bool,
    objective: i64,
}

impl Peer {
    pub(crate) fn new(options: &Options) -> Outcome<Self> {
        let cached = match &options.peer_cache {
            Some(path) if path.exists() => serde_json::from_slice(&std::fs::read(path)?)
                .map_err(|error| format!("{}: {error}", path.display()))?,
            _ => BTreeMap::new(),
        };
        Ok(Self {
            python: options.python.clone(),
            scripts: options.scripts.clone(),
            solutions: options.solutions.clone(),
            subsolvers: options.peer_subsolvers.clone(),
            threads: options.threads,
            wanted: options.peer,
            cache: options.peer_cache.clone(),
            cached,
        })
    }

    fn python(&self, script: &str) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(self.scripts.join(script));
        command
    }

    /// Runs CP-SAT with its first seed, unless the cache has it.
    pub(crate) fn solve(
        &mut self,
        instance: u32,
        seconds: f64,
        file: &Path,
        model: &Model,
    ) -> Outcome<Option<PeerResult>> {
        if !self.wanted {
            return Ok(None);
        }
        let mut key = format!("{instance} {seconds} s {} workers", self.threads);
        if self.subsolvers != PEER_SUBSOLVERS {
            key = format!("{key} {:?}", self.subsolvers);
        }
        if let Some(known) = self.cached.get(&key) {
            return Ok(Some(PeerResult { cached: true, ..known.clone() }));
        }
        let path = self.solutions.join(format!("Instance{instance}-cpsat.txt"));
        let mut command = self.python("cpsat.py");
        command.arg(file).arg(&path).args(["--time", &seconds.to_string(), "--subsolvers", &self.subsolvers]);
        command.args(["--workers", &self.threads.to_string()]);
        let output = command.output().map_err(|error| format!("{}: {error}", self.python.display()))?;
        let told: Told = serde_json::from_slice(&output.stdout).map_err(|error| {
            format!("cpsat.py on instance {instance}: {error}\n{}", String::from_utf8_lossy(&output.stderr))
        })?;
        let mut cost = None;
        if let Some(told) = told.objective {
            let roster = read_roster(model, &std::fs::read_to_string(&path)?)?;
            let report = check(model, &roster);
            // Where it is far from the best, its counts of missing heads may be higher than they need be: its roster is
            // what counts.
            if !report.feasible || report.objective > told {
                return Err(format!("instance {instance}: CP-SAT's roster is not what it says").into());
            }
            self.verify(file, &path, report.objective)?;
            cost = Some(report.objective);
        }
        let result = PeerResult { cost, cached: false };
        self.cached.insert(key, result.clone());
        if let Some(path) = &self.cache {
            std::fs::write(path, serde_json::to_string_pretty(&self.cached)? + "\n")?;
        }
        Ok(Some(result))
    }

    /// Asks the instances' own checker whether a roster breaks no rule and costs what this crate's checker says.
    pub(crate) fn verify(&self, file: &Path, solution: &Path, cost: i64) -> Outcome<()> {
        let output = self.python("check.py").arg(file).arg(solution).arg("--json").output();
        let output = output.map_err(|error| format!("{}: {error}", self.python.display()))?;
        let checked: Checked = serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("check.py: {error}: {}", String::from_utf8_lossy(&output.stdout)))?;
        if checked.feasible && checked.objective == cost {
            return Ok(());
        }
        Err(format!("{}: the two checkers differ, or a rule is broken", solution.display()).into())
    }
}
