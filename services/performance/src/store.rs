//! What the directory keeps: merchants with shops, teams, people with their stays and accounts, and every revision
//! of a person.
//!
//! All of it is small (thousands of rows a merchant) and changes rarely, so a change takes one lock per merchant and
//! no two changes of a merchant ever race: see [`change::Change`]. Reads take no lock. Nobody else reads these
//! tables: other services follow the events that are written in the transaction of each change.

mod announcement;
mod change;
mod merchants;
mod people;
mod people_rows;
mod reach;
mod revisions;
pub(crate) mod schema;
mod teams;

pub use people::{About, Loaded};

/// The directory's tables.
#[derive(Debug, Clone)]
pub struct Store {
    pool: pg::Pool,
}

impl Store {
    /// On connections of this pool.
    pub fn new(pool: pg::Pool) -> Self {
        Self { pool }
    }
}
