//! A follower's copy of the people directory, and row scope computed from it.
//!
//! ```text
//! directory::follow(pool.clone(), bus, "qa-directory", token);                    // in the service's start
//! let visible = directory::visible(conn, &scope, from, to).await?;                // in a store function
//! let calendar = directory::calendar(conn, &merchant).await?;
//! ```
//!
//! performance owns the directory; it publishes merchants, teams and people whole, each with a version. [`apply`]
//! replaces what is older and ignores what is not newer, so events may come twice and in any order. The tables
//! (`merchants`, `shops`, `teams`, `people`, `accounts`, `memberships`) are there to be joined; nobody else writes
//! them.

mod apply;
mod error;
mod gaps;
mod merchant;
mod visible;

use diesel_async::AsyncPgConnection;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use events::{Bus, Event, HandleError, Handler};
use pg::Pool;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use apply::apply;
pub use error::Error;
pub use gaps::{Gaps, gaps};
pub use merchant::{calendar, merchants};
pub use visible::{AccountSpan, Visible, person_of_account, visible};

/// The tables that this library needs in a service's schema; for `pg::migrate`.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");

/// The last day of what lasts.
pub const LAST_DAY: chrono::NaiveDate = match chrono::NaiveDate::from_ymd_opt(9999, 12, 31) {
    Some(day) => day,
    None => chrono::NaiveDate::MAX,
};

/// Keeps the copy up to date until `token` ends, and says in the log when it has holes. `durable_name` is the service's
/// own, for example `qa-directory`.
pub fn follow(pool: Pool, bus: Bus, durable_name: &str, token: CancellationToken) -> JoinHandle<()> {
    // Its own end does not matter: nothing depends on what it says.
    drop(gaps::watch(pool.clone(), durable_name.to_owned(), token.clone()));
    events::follow(pool, bus, durable_name, events::subject::DIRECTORY, Follower, token)
}

struct Follower;

impl Handler for Follower {
    async fn handle(&self, conn: &mut AsyncPgConnection, event: &Event) -> Result<(), HandleError> {
        apply(conn, event).await?;
        Ok(())
    }
}
