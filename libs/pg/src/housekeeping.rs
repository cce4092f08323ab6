//! What a service's schema needs done from time to time.

use std::time::Duration;

use runtime::clock::SharedClock;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::audit::{Head, Keeper};
use crate::{DatabaseConfig, Error, Pool, audit, idempotency};

const CHAIN_EVERY: Duration = Duration::from_secs(1);
const PRUNE_EVERY: Duration = Duration::from_secs(600);

/// Starts what runs until `token` ends: links new audit entries every second and deletes request ids past their
/// 24 hours. Each replica of a service may run it: locks keep them apart. The chain's heads go to the log and to
/// `config.audit_head_file`.
pub fn housekeeping(
    pool: Pool,
    config: &DatabaseConfig,
    clock: SharedClock,
    token: CancellationToken,
) -> JoinHandle<()> {
    let mut keeper = Keeper::new(pool.schema(), config.audit_head_file());
    tokio::spawn(async move {
        let mut chain = tokio::time::interval(CHAIN_EVERY);
        let mut prune = tokio::time::interval(PRUNE_EVERY);
        let mut head = Head::EMPTY;
        loop {
            let done = tokio::select! {
                () = token.cancelled() => break,
                _ = chain.tick() => link(&pool, &clock, &mut head, &mut keeper).await,
                _ = prune.tick() => prune_keys(&pool, &clock).await,
            };
            if let Err(error) = done {
                // The next tick tries again; nothing is lost by waiting.
                tracing::warn!(schema = pool.schema(), error = status::chain(&error), "housekeeping failed");
            }
            warn_unkept(&pool, keeper.keep().await);
        }
        warn_unkept(&pool, keeper.flush().await);
    })
}

fn warn_unkept(pool: &Pool, kept: std::io::Result<()>) {
    if let Err(error) = kept {
        tracing::warn!(
            schema = pool.schema(),
            error = status::chain(&error),
            "audit head not kept in its file"
        );
    }
}

async fn link(pool: &Pool, clock: &SharedClock, known: &mut Head, keeper: &mut Keeper) -> Result<(), Error> {
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
        keeper.take(&head, clock.now());
        *known = head;
    }
    Ok(())
}

async fn prune_keys(pool: &Pool, clock: &SharedClock) -> Result<(), Error> {
    let mut conn = pool.get().await?;
    while idempotency::prune(&mut conn, clock.now()).await? > 0 {}
    Ok(())
}
