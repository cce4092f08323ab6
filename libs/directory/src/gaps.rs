//! Whether the copy has holes: events that were published before this service began to follow.

use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::BigInt;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use opentelemetry::{KeyValue, global};
use pg::Pool;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longer than events take, so that what is under way is not called missing.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// What is missing in the copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, QueryableByName)]
pub struct Gaps {
    /// Merchants that the directory has told of.
    #[diesel(sql_type = BigInt)]
    pub merchants: i64,
    /// Merchants that have teams or people here but never were told of themselves.
    #[diesel(sql_type = BigInt)]
    pub merchants_missing: i64,
    /// Teams that people are in but that never were told of.
    #[diesel(sql_type = BigInt)]
    pub teams_missing: i64,
}

impl Gaps {
    /// Whether nothing shows that anything is missing. An empty copy is not whole: it may be that nobody is set up yet,
    /// or that all was told before anybody listened.
    pub fn is_whole(&self) -> bool {
        self.merchants > 0 && self.merchants_missing == 0 && self.teams_missing == 0
    }
}

/// Looks for what is missing.
pub async fn gaps(conn: &mut AsyncPgConnection) -> Result<Gaps, pg::Error> {
    let found = diesel::sql_query(
        "SELECT (SELECT count(*) FROM merchants) AS merchants, \
            (SELECT count(*) FROM (SELECT merchant_id FROM people UNION SELECT merchant_id FROM teams) AS k \
             WHERE NOT EXISTS (SELECT FROM merchants m WHERE m.merchant_id = k.merchant_id)) AS merchants_missing, \
            (SELECT count(*) FROM (SELECT DISTINCT merchant_id, team_id FROM memberships) AS s \
             WHERE NOT EXISTS (SELECT FROM teams t WHERE t.merchant_id = s.merchant_id AND t.team_id = s.team_id)) \
                AS teams_missing",
    )
    .get_result(conn)
    .await?;
    Ok(found)
}

/// Keeps the figures of what is missing, and says in the log when the copy has holes and when they are filled, once
/// each, until `token` ends.
pub(crate) fn watch(pool: Pool, durable_name: String, token: CancellationToken) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut known = None;
        let figures = Figures::of(&durable_name);
        while token.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
            let looked = look(&pool).await;
            if let Ok(gaps) = &looked {
                figures.tell(gaps);
            }
            match looked {
                Ok(gaps) if known != Some(gaps) => {
                    tell(&durable_name, &gaps, known.is_some_and(|before: Gaps| !before.is_whole()));
                    known = Some(gaps);
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(error = status::chain(&error), "cannot look at the directory now");
                }
            }
        }
    })
}

/// `directory.merchants` and `directory.missing` (with `kind`): 0 merchants is an empty copy, which also is a hole.
struct Figures {
    merchants: opentelemetry::metrics::Gauge<u64>,
    missing: opentelemetry::metrics::Gauge<u64>,
    name: KeyValue,
}

impl Figures {
    fn of(durable_name: &str) -> Self {
        let meter = global::meter("jinpai.directory");
        Self {
            merchants: meter
                .u64_gauge("directory.merchants")
                .with_description("Merchants that a copy of the directory was told of")
                .build(),
            missing: meter
                .u64_gauge("directory.missing")
                .with_description("What a copy of the directory has traces of but was never told of")
                .build(),
            name: KeyValue::new("name", durable_name.to_owned()),
        }
    }

    fn tell(&self, gaps: &Gaps) {
        self.merchants.record(gaps.merchants.unsigned_abs(), std::slice::from_ref(&self.name));
        for (kind, missing) in [("merchant", gaps.merchants_missing), ("team", gaps.teams_missing)] {
            self.missing.record(missing.unsigned_abs(), &[self.name.clone(), KeyValue::new("kind", kind)]);
        }
    }
}

async fn look(pool: &Pool) -> Result<Gaps, pg::Error> {
    gaps(&mut *pool.get().await?).await
}

fn tell(follower: &str, gaps: &Gaps, had_holes: bool) {
    let Gaps { merchants, merchants_missing, teams_missing } = *gaps;
    if !gaps.is_whole() {
        tracing::warn!(
            follower,
            merchants,
            merchants_missing,
            teams_missing,
            "the copy of the directory is empty or has holes; AnnounceDirectory sends a merchant's again"
        );
    } else if had_holes {
        tracing::info!(follower, merchants, "the copy of the directory is whole");
    }
}
