//! What is measured, and how long.

use std::fmt::{self, Display};
use std::path::PathBuf;
use std::str::FromStr;

use serde::Serialize;

use crate::Outcome;

pub(crate) const HELP: &str = "\
rosters: this crate beside CP-SAT on public instances, and on problems of our own, which CP-SAT's model can't say
  --instances 1,2,…   which: numbers of public ones, december and service of our own (default: those of 1-7, 9-11, 13, 15,
                      17, 19, 21, 23 that are there, and our own)
  --seconds 10,60     time limits of each run: all instances with the first, then with the next (default 60)
  --seeds N           runs of ours per instance; the median counts (default 3)
  --threads N         threads of each run, and workers of CP-SAT (default 2)
  --peer-subsolvers L what replaces CP-SAT's full-problem subsolvers: a comma list, or \"\" for its own choice (default
                      max_lp: with few workers CP-SAT runs few of them, and max_lp is the one that uses the linear
                      relaxation most, which these problems' bounds come from; it was not measured which is the stronger)
  --peer-cache FILE   CP-SAT's figures of an earlier run: read if they are there, else measured and kept
  --no-peer           ours alone
  --out FILE          the report (default target/bench/rosters.json)
JINPAI_ROSTERS is the folder with instances/ and best_known.csv (default ../shared/data/rosters),
JINPAI_ROSTER_PEER the one with check.py and cpsat.py (default ../shared/bench/rostering),
JINPAI_ROSTER_PYTHON a Python with ortools (default .tools/rosters/bin/python); all from the project's folder.
";

/// Public instances that are measured unless others are named.
const INSTANCES: [u32; 16] = [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 13, 15, 17, 19, 21, 23];

/// Problems of our own: a shop's month, and a service's four weeks around the clock.
const OWN: [(&str, &str); 2] = [
    ("december", include_str!("../../testdata/december.json")),
    ("service", include_str!("../../testdata/service.json")),
];

/// What is solved: a public instance by its number, or a problem of our own by its name.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(untagged)]
pub(crate) enum Instance {
    Public(u32),
    Own(&'static str),
}

impl Instance {
    /// The problem as JSON, if it is one of our own.
    pub(crate) fn json(self) -> Option<&'static str> {
        let Self::Own(wanted) = self else { return None };
        OWN.iter().find(|(name, _)| *name == wanted).map(|(_, text)| *text)
    }
}

impl Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public(number) => write!(f, "{number}"),
            Self::Own(name) => f.write_str(name),
        }
    }
}

impl FromStr for Instance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match OWN.iter().find(|(name, _)| *name == text) {
            Some((name, _)) => Ok(Self::Own(name)),
            None => text.parse().map(Self::Public).map_err(|error| error.to_string()),
        }
    }
}

/// The peer's subsolvers unless others are named.
pub(crate) const PEER_SUBSOLVERS: &str = "max_lp";

#[derive(Debug)]
pub(crate) struct Options {
    pub instances: Vec<Instance>,
    /// Whether these are the default ones, of which some may not be there.
    pub default_instances: bool,
    pub seconds: Vec<f64>,
    pub seeds: u64,
    pub threads: usize,
    pub peer: bool,
    pub peer_subsolvers: String,
    pub peer_cache: Option<PathBuf>,
    pub out: PathBuf,
    /// Where rosters are kept.
    pub solutions: PathBuf,
    pub folder: PathBuf,
    pub scripts: PathBuf,
    pub python: PathBuf,
}

impl Options {
    /// `None` if only help is wanted.
    pub(crate) fn from_args(mut args: impl Iterator<Item = String>) -> Outcome<Option<Self>> {
        let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        let place = |variable: &str, default: &str| {
            root.join(
                std::env::var_os(variable)
                    .filter(|value| !value.is_empty())
                    .map_or_else(|| default.into(), PathBuf::from),
            )
        };
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir));
        let mut options = Self {
            instances: INSTANCES
                .map(Instance::Public)
                .into_iter()
                .chain(OWN.map(|(name, _)| Instance::Own(name)))
                .collect(),
            default_instances: true,
            seconds: vec![60.0],
            seeds: 3,
            threads: 2,
            peer: true,
            peer_subsolvers: PEER_SUBSOLVERS.to_owned(),
            peer_cache: None,
            out: root.join("target/bench/rosters.json"),
            solutions: target.join("bench/rosters"),
            folder: place("JINPAI_ROSTERS", "../shared/data/rosters"),
            scripts: place("JINPAI_ROSTER_PEER", "../shared/bench/rostering"),
            python: place("JINPAI_ROSTER_PYTHON", ".tools/rosters/bin/python"),
        };
        while let Some(option) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{option} takes a value"));
            match option.as_str() {
                "--instances" => {
                    options.instances = numbers(&option, &value()?)?;
                    options.default_instances = false;
                }
                "--seconds" => options.seconds = numbers(&option, &value()?)?,
                "--seeds" => options.seeds = number(&option, &value()?)?,
                "--threads" => options.threads = number(&option, &value()?)?,
                "--peer-cache" => options.peer_cache = Some(root.join(value()?)),
                "--peer-subsolvers" => options.peer_subsolvers = value()?,
                "--no-peer" => options.peer = false,
                "--out" => options.out = root.join(value()?),
                "--help" | "-h" => return Ok(None),
                // Cargo says so to every bench.
                "--bench" => {}
                _ => return Err(format!("{option} is no option\n{HELP}").into()),
            }
        }
        if options.seconds.iter().any(|seconds| *seconds <= 0.0) || options.seeds == 0 || options.threads == 0
        {
            return Err("--seconds, --seeds and --threads take more than 0".into());
        }
        if let Some(folder) = options.out.parent() {
            std::fs::create_dir_all(folder)?;
        }
        Ok(Some(options))
    }
}

fn number<T: std::str::FromStr<Err: std::fmt::Display>>(option: &str, value: &str) -> Outcome<T> {
    value.parse().map_err(|error| format!("{option}: {value:?}: {error}").into())
}

fn numbers<T: std::str::FromStr<Err: std::fmt::Display>>(option: &str, value: &str) -> Outcome<Vec<T>> {
    value.split(',').map(|one| number(option, one.trim())).collect()
}
