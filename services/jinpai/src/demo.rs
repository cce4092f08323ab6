//! `jinpai demo`: the first journey by itself, on a suite that is thrown away. Real chats go in; samples that verify
//! and day figures come out.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use proto::access::Role;
use runtime::clock::SystemClock;
use serde::Serialize;

use crate::anchors::Anchors;
use crate::days::Days;
use crate::session::{Session, Target};
use crate::state::TOKEN_LIFETIME;
use crate::suite::{Options as SuiteOptions, Suite, kept_for_ever};
use crate::up::{MERCHANT, Servers, ServersKind, load, telemetry};
use crate::{draw, figures, verify};

/// The business days of the demo conversations.
const FROM: &str = "2020-05-12";
const TO: &str = "2020-05-28";

/// What came out.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// Conversations that the figures count.
    pub conversations: i64,
    /// Messages that the figures count.
    pub messages: i64,
    /// Long chats.
    pub long: i64,
    /// Agent-days with a long chat.
    pub agent_days: i64,
    /// Chats drawn.
    pub drawn: i64,
    /// Agent-days with fewer long chats than the plan draws.
    pub shortfall_agent_days: i64,
    /// Days whose sample was recomputed and, if it has chats, opens the commitment that was kept before its draw.
    pub verified_days: usize,
    /// From the start of the servers to the last check.
    pub seconds: f64,
}

/// Runs the journey. Nothing is left behind.
pub async fn run(quiet: bool) -> Result<Summary> {
    let started = Instant::now();
    let folder =
        tempfile::Builder::new().prefix("jinpai-demo-").tempdir().context("make a temporary folder")?;
    // The database's user has to get to its part of the folder.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711))?;
    let _telemetry = telemetry("warn")?;
    let servers = Servers::start(folder.path(), None, None, ServersKind::Throwaway).await?;
    let suite = Suite::start(&SuiteOptions {
        database_url: servers.database_url().to_owned(),
        nats_url: servers.nats_url().to_owned(),
        event_prefix: "jinpai".to_owned(),
        folder: folder.path().to_owned(),
        listen: ([127, 0, 0, 1], 0).into(),
        clock: SystemClock::shared(),
        settings: kept_for_ever(),
    })
    .await?;
    let came_out = journey(&suite, folder.path(), quiet).await;
    let stopped = suite.stop().await;
    servers.stop().await?;
    let mut summary = came_out?;
    stopped?;
    summary.seconds = (started.elapsed().as_secs_f64() * 10.0).round() / 10.0;
    Ok(summary)
}

async fn journey(suite: &Suite, folder: &Path, quiet: bool) -> Result<Summary> {
    load(suite, folder, quiet).await?;
    let token = suite.keys().token(MERCHANT, Role::Supervisor, None, TOKEN_LIFETIME)?;
    let target = Target { gateway: Some(suite.gateway()), token: Some(token), ..Target::default() };
    let session = Session::open(&target, Role::Supervisor).await?;
    let days = Days { from: FROM.parse()?, to: Some(TO.parse()?) };

    let told = |day: &draw::DrawnDay| {
        if !quiet {
            drop(draw::print_day(&mut std::io::stderr(), day));
        }
    };
    let anchors = Anchors::below(folder);
    let drawn = draw::days(&session, &draw::Options { days, wait: 120 }, Some(&anchors), told).await?;
    let merchant = session.merchant().await?;
    let mut verified_days = 0;
    for day in days.each()? {
        let published = anchors.published(&merchant, day)?;
        let known = verify::Known { merchant: Some(merchant.clone()), day: Some(day), published };
        let report = verify::check(&verify::fetch(&session, day).await?, &known)?;
        if let Some(difference) = report.difference {
            bail!("the draw of {day} does not verify: {difference}");
        }
        // The seed of a day without a long chat is made at its draw: there is nothing that it could steer.
        ensure!(report.anchored || report.eligible == 0, "no commitment of {day} was kept before its draw");
        verified_days += 1;
    }

    let wanted = figures::Options::whole(days, figures::By::Merchant);
    let answer = figures::fetch(&session, &wanted).await?;
    let total = answer.figures.first().context("the figures are empty")?;
    Ok(Summary {
        conversations: total.conversations,
        messages: total.customer_messages + total.replies,
        long: total.long_chats,
        agent_days: drawn.agent_days,
        drawn: drawn.drawn,
        shortfall_agent_days: drawn.shortfall_agent_days,
        verified_days,
        seconds: 0.0,
    })
}
