//! Takes up parked events whose replay was asked for, and keeps the inbox and what was parked small.

use std::time::Duration;

use diesel_async::AsyncConnection;
use tokio::time::Instant;
use uuid::Uuid;

use super::settle::Settler;
use crate::{HandleError, Handler, envelope, inbox, parked};

const LOOK_EVERY: Duration = Duration::from_millis(500);
const PRUNE_EVERY: Duration = Duration::from_secs(600);
const FIGURES_EVERY: Duration = Duration::from_secs(10);

/// Looks for replays until the follower's token ends.
pub async fn replay_until_ended<H: Handler>(settler: Settler<H>) {
    let (mut prune_due, mut figures_due) = (Instant::now(), Instant::now());
    loop {
        tokio::select! {
            () = settler.token().cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let now = Instant::now();
        let done = async {
            replay_all(&settler).await?;
            if now >= figures_due {
                let mut conn = settler.pool().get().await?;
                settler.figures().parked(parked::count(&mut conn, settler.consumer()).await?);
                figures_due = now + FIGURES_EVERY;
            }
            if now >= prune_due {
                let mut conn = settler.pool().get().await?;
                while inbox::prune(&mut conn).await? > 0 {}
                while parked::prune(&mut conn).await? > 0 {}
                prune_due = now + PRUNE_EVERY;
            }
            Ok::<_, pg::Error>(())
        };
        if let Err(error) = done.await {
            tracing::debug!(
                consumer = settler.consumer(),
                error = status::chain(&error),
                "looking for replays failed"
            );
        }
    }
}

async fn replay_all<H: Handler>(settler: &Settler<H>) -> Result<(), pg::Error> {
    let mut after = Uuid::nil();
    while let Some(id) = replay_next(settler, after).await? {
        after = id;
    }
    Ok(())
}

/// Replays the next event behind `after`: its effect and the note of it are one transaction. Returns its id.
async fn replay_next<H: Handler>(settler: &Settler<H>, after: Uuid) -> Result<Option<Uuid>, pg::Error> {
    let mut conn = settler.pool().get().await?;
    let mut found = None;
    let done = conn
        .transaction::<_, HandleError, _>(async |conn| {
            let Some(row) = parked::next_replay(conn, settler.consumer(), after).await? else {
                return Ok(());
            };
            found = Some(row.parked_id);
            // One event, or a bundle that an older release could not read.
            let events = envelope::decode(&row.payload)?;
            settler.effect(conn, &events.iter().collect::<Vec<_>>()).await?;
            Ok(parked::replayed(conn, row.parked_id).await?)
        })
        .await;
    match (found, done) {
        (Some(id), Ok(())) => {
            tracing::info!(consumer = settler.consumer(), parked.id = %id, "parked event replayed");
        }
        (Some(id), Err(error)) => parked::park_again(&mut conn, id, &error.text()).await?,
        (None, Err(error)) => return Err(pg::Error::Unavailable(error.into())),
        (None, Ok(())) => {}
    }
    Ok(found)
}
