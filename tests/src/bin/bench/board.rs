//! How long a commit takes until it is on the live board of who watches it through the gateway.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use e2e::{Processes, people, small};
use proto::access::Role;
use proto::metrics::v1::board_service_client::BoardServiceClient;
use proto::metrics::v1::{BoardRowKind, WatchBoardRequest, WatchBoardResponse};
use tokio::time::timeout;

use crate::report::Row;

/// What the board promises from the commit on (M10).
const LIMIT_S: f64 = 2.0;
const COMMITS: i64 = 40;
const PATIENCE: Duration = Duration::from_secs(60);

/// The row `board`: the slowest of some commits against the limit.
pub async fn row() -> Result<Row> {
    let program = std::env::current_exe()?.with_file_name("member");
    ensure!(program.is_file(), "{} is not built", program.display());
    let mut suite = Processes::start(&program, None).await;
    let manager = suite.door.session(Role::Manager, Some("manager")).await;
    people::set_up(&manager).await;
    let mut client = BoardServiceClient::new(manager.channel());
    let mut updates = client.watch_board(WatchBoardRequest::default()).await?.into_inner();
    let mut took = Vec::new();
    for number in 1..=COMMITS {
        small::ingest(&manager, vec![small::chat_now(&format!("c-{number}"), "a-1")]).await;
        let committed = Instant::now();
        while timeout(PATIENCE, updates.message())
            .await?
            .map(|update| update.as_ref().map(conversations))?
            .context("the board ended")?
            < number
        {}
        took.push(committed.elapsed().as_secs_f64());
    }
    suite.assert_running();
    took.sort_by(f64::total_cmp);
    let [.., slowest] = took[..] else { bail!("nothing was committed") };
    let middle = took[took.len() / 2];
    let size = format!(
        "slowest of {COMMITS} commits, acknowledged to seen through the gateway, median {middle:.2} s; peer: the limit set"
    );
    Ok(Row::lower("board", slowest, LIMIT_S, "s", size))
}

/// Conversations of the whole shop, if the update tells of them.
fn conversations(update: &WatchBoardResponse) -> i64 {
    let whole = update.rows.iter().filter(|row| row.kind() == BoardRowKind::Whole);
    whole.filter_map(|row| row.figures.as_ref()).map(|figures| figures.conversations).max().unwrap_or(0)
}
