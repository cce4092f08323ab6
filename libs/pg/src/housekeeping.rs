//! What a service's schema needs done from time to time.

use std::time::Duration;

use runtime::clock::SharedClock;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::audit::Head;
use crate::{Error, Pool, audit, idempotency};

const CHAIN_EVERY: Duration = Duration::from_secs(1);
const PRUNE_EVERY: Duration = Duration::from_secs(600);

/// Starts what runs until `token` ends: links new audit entries every second and deletes request ids past their
/// 24 hours. Each replica of a service may run it: locks keep them apart.
pub fn housekeeping(pool: Pool, clock: SharedClock, token: CancellationToken) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut chain = tokio::time::interval(CHAIN_EVERY);
        let mut prune = tokio::time::interval(PRUNE_EVERY);
        let mut head = Head::EMPTY;
        loop {
            let done = tokio::select! {
                () = token.cancelled() => return,
                _ = chain.tick() => link(&pool, &mut head).await,
                _ = prune.tick() => prune_keys(&pool, &clock).await,
            };
            if let Err(error) = done {
                // The next tick tries again; nothing is lost by waiting.
                tracing::warn!(schema = pool.schema(), error = status::chain(&error), "housekeeping failed");
            }
        }
    })
}

async fn link(pool: &Pool, known: &mut Head) -> Result<(), Error> {
    if let Some(head) = audit::chain_pending(pool).await?
        && head != *known
    {
        // The log is kept elsewhere than the database: this line is what shows a cut or rewritten chain.
        tracing::info!(
            schema = pool.schema(),
            audit.link = head.link,
            audit.head = hex::encode(head.hash),
            "audit chained"
        );
        *known = head;
    }
    Ok(())
}

async fn prune_keys(pool: &Pool, clock: &SharedClock) -> Result<(), Error> {
    let mut conn = pool.get().await?;
    while idempotency::prune(&mut conn, clock.now()).await? > 0 {}
    Ok(())
}
