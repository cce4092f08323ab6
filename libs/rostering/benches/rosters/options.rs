//! What is measured, and how long.

use std::path::PathBuf;

use crate::Outcome;

pub(crate) const HELP: &str = "\
rosters: this crate beside CP-SAT on public instances
  --instances 1,2,…   which (default 1,2,3,4,5,6,7,9,10,11,13,15)
  --seconds N         time limit of each run (default 60)
  --seeds N           runs of ours per instance; the median counts (default 3)
  --threads N         threads of each run, and workers of CP-SAT (default 2)
  --peer-cache FILE   CP-SAT's figures of an earlier run: read if they are there, else measured and kept
  --no-peer           ours alone
  --out FILE          the report (default target/bench/rosters.json)
JINPAI_ROSTERS is the folder with instances/ and best_known.csv (default ../shared/data/rosters),
JINPAI_ROSTER_PEER the one with check.py and cpsat.py (default ../shared/bench/rostering),
JINPAI_ROSTER_PYTHON a Python with ortools (default .tools/rosters/bin/python); all from the project's folder.
";

#[derive(Debug)]
pub(crate) struct Options {
    pub instances: Vec<u32>,
    pub seconds: f64,
    pub seeds: u64,
    pub threads: usize,
    pub peer: bool,
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
            instances: vec![1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 13, 15],
            seconds: 60.0,
            seeds: 3,
            threads: 2,
            peer: true,
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
                    let numbers =
                        value()?.split(',').map(|number| number.trim().parse()).collect::<Result<_, _>>();
                    options.instances = numbers.map_err(|error| format!("--instances: {error}"))?;
                }
                "--seconds" => options.seconds = number(&option, &value()?)?,
                "--seeds" => options.seeds = number(&option, &value()?)?,
                "--threads" => options.threads = number(&option, &value()?)?,
                "--peer-cache" => options.peer_cache = Some(root.join(value()?)),
                "--no-peer" => options.peer = false,
                "--out" => options.out = root.join(value()?),
                "--help" | "-h" => return Ok(None),
                // Cargo says so to every bench.
                "--bench" => {}
                _ => return Err(format!("{option} is no option\n{HELP}").into()),
            }
        }
        if options.seconds <= 0.0 || options.seeds == 0 || options.threads == 0 {
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
