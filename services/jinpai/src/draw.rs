//! `jinpai draw`: closes days, waits until qa has them whole, draws.

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use chrono::NaiveDate;
use clap::Args;
use proto::metrics::v1::CloseDayRequest;
use proto::metrics::v1::metrics_service_client::MetricsServiceClient;
use proto::qa::v1 as pb;
use proto::qa::v1::qa_service_client::QaServiceClient;
use proto::qa::v1::{
    DayReadiness, DayState, Draw, DrawDayRequest, GetCommitmentRequest, GetDayReadinessRequest,
};
use proto::time::date;
use runtime::clock::{Clock, SystemClock};
use sampling::{Commitment, ListHash};
use serde::Serialize;
use tonic::Code;

use crate::anchors::{Anchors, Line};
use crate::days::Days;
use crate::session::{Session, Signed, explain};

/// What to draw.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// The days.
    #[command(flatten)]
    pub days: Days,
    /// How long to wait for each day to arrive in qa whole, in seconds.
    #[arg(long, default_value_t = 120, value_name = "SECONDS")]
    pub wait: u64,
}

/// What was drawn.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Agent-days with at least one long chat.
    pub agent_days: i64,
    /// Long chats to draw from.
    pub eligible: i64,
    /// Chats drawn.
    pub drawn: i64,
    /// Agent-days with fewer long chats than the plan draws; all of them were drawn.
    pub shortfall_agent_days: i64,
    /// Drawn chats that no reviewer had capacity for.
    pub unassigned: i64,
    /// Day by day.
    pub days: Vec<DrawnDay>,
    /// The file that keeps what was published, for `jinpai verify-draw`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_in: Option<PathBuf>,
}

/// One day's draw.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct DrawnDay {
    /// The business day.
    pub day: NaiveDate,
    /// Agents with at least one long chat.
    pub agents: i32,
    /// Long chats.
    pub eligible: i32,
    /// Chats drawn.
    pub drawn: i32,
    /// Agents with fewer long chats than the plan draws.
    pub shortfall_agents: i32,
    /// Reviews without a reviewer.
    pub unassigned: i32,
    /// False if it had been drawn before.
    pub drawn_now: bool,
}

/// Draws every day of the range; `told` hears of each. Each commitment goes to `anchors` before its day is drawn, and the
/// list's hash afterwards, so that [`crate::verify`] has something to compare with that qa can't change; without `anchors`
/// nothing is kept.
pub async fn days(
    session: &Session,
    options: &Options,
    anchors: Option<&Anchors>,
    told: impl Fn(&DrawnDay),
) -> Result<Summary> {
    let merchant = session.merchant().await?;
    let mut metrics = MetricsServiceClient::new(session.channel());
    let mut qa = QaServiceClient::new(session.channel());
    let days = options.days.each()?;
    // Closing all of them first lets their events travel while the first ones are drawn.
    for &day in &days {
        let close = CloseDayRequest { business_day: Some(date(day)), request_id: String::new() };
        metrics.close_day(close).await.map_err(|s| explain(&s, &format!("{day} can't be closed")))?;
    }
    let mut summary = Summary { kept_in: anchors.map(Anchors::draws), ..Summary::default() };
    for day in days {
        let state = wait_until_whole(&mut qa, day, Duration::from_secs(options.wait)).await?;
        if let Some(anchors) = anchors
            && let Some(published) = find_commitment(&mut qa, day).await?
        {
            anchors.keep(&line(&merchant, day, &published, None, state == DayState::Drawn)?)?;
        }
        let request =
            DrawDayRequest { request_id: uuid::Uuid::now_v7().to_string(), business_day: Some(date(day)) };
        let answer = qa.draw_day(request).await.map_err(|s| explain(&s, &format!("{day} can't be drawn")))?;
        let answer = answer.into_inner();
        let draw = answer.draw.context("the answer lacks the draw")?;
        if let Some(anchors) = anchors {
            let published = draw.commitment.as_ref().context("the answer lacks the commitment")?;
            anchors.keep(&line(&merchant, day, published, Some(&draw.list_hash), true)?)?;
        }
        let drawn = drawn_day(day, &draw, answer.drawn_now);
        told(&drawn);
        summary.add(drawn);
    }
    Ok(summary)
}

/// What is published of a day's seed; nothing if it is made only when it is drawn, as that of a day without chats is.
async fn find_commitment(qa: &mut QaServiceClient<Signed>, day: NaiveDate) -> Result<Option<pb::Commitment>> {
    match qa.get_commitment(GetCommitmentRequest { business_day: Some(date(day)) }).await {
        Ok(answer) => Ok(answer.into_inner().commitment),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(explain(&status, &format!("the commitment of {day} can't be had"))),
    }
}

/// What is published of a day, as it is kept.
fn line(
    merchant: &str,
    day: NaiveDate,
    published: &pb::Commitment,
    list_hash: Option<&[u8]>,
    after_draw: bool,
) -> Result<Line> {
    let commitment =
        Commitment::from_slice(&published.commitment).context("the commitment has not 32 bytes")?;
    let list_hash =
        list_hash.map(|hash| ListHash::from_slice(hash).context("the list hash has not 32 bytes"));
    let (merchant, list_hash, kept_at) = (merchant.to_owned(), list_hash.transpose()?, SystemClock.now());
    Ok(Line { merchant, day, commitment, list_hash, kept_at, after_draw })
}

/// A day's line for people.
pub fn print_day(out: &mut dyn Write, drawn: &DrawnDay) -> Result<()> {
    let DrawnDay { day, agents, eligible, drawn, shortfall_agents, unassigned, drawn_now } = drawn;
    let before = if *drawn_now { "" } else { " (drawn before)" };
    let waiting = if *unassigned > 0 { format!(", {unassigned} without a reviewer") } else { String::new() };
    Ok(writeln!(
        out,
        "{day}  {drawn:>5} of {eligible} long chats of {agents} agents, {shortfall_agents} short{waiting}{before}"
    )?)
}

/// The last line for people.
pub fn print_total(out: &mut dyn Write, summary: &Summary) -> Result<()> {
    let Summary { agent_days, eligible, drawn, shortfall_agent_days, .. } = summary;
    writeln!(
        out,
        "drawn {drawn} of {eligible} long chats of {agent_days} agent-days; {shortfall_agent_days} had fewer than the plan draws"
    )?;
    if let Some(file) = &summary.kept_in {
        writeln!(out, "commitments and list hashes are kept in {}", file.display())?;
    }
    Ok(())
}

async fn wait_until_whole(
    qa: &mut QaServiceClient<Signed>,
    day: NaiveDate,
    patience: Duration,
) -> Result<DayState> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(20);
    loop {
        let request = GetDayReadinessRequest { business_day: Some(date(day)) };
        let answer = qa.get_day_readiness(request).await;
        let answer = answer.map_err(|s| explain(&s, &format!("qa can't say whether it has {day}")))?;
        let readiness = answer.into_inner().readiness.context("the answer lacks the readiness")?;
        if matches!(readiness.state(), DayState::Ready | DayState::Drawn) {
            return Ok(readiness.state());
        }
        if start.elapsed() >= patience {
            bail!(
                "{day}: {}\n  Run the command again later, or give it a longer --wait.",
                missing(&readiness)
            );
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}

fn missing(readiness: &DayReadiness) -> String {
    if readiness.state() == DayState::NotClosed {
        return "qa has not heard yet that metrics closed the day".to_owned();
    }
    format!(
        "qa has {} of {} conversations and {} of {} long chats; {} accounts differ, the first is {}",
        readiness.conversations_here,
        readiness.conversations_expected,
        readiness.long_chats_here,
        readiness.long_chats_expected,
        readiness.gap_count,
        readiness.gaps.first().map_or("not named", |gap| gap.account_id.as_str()),
    )
}

fn drawn_day(day: NaiveDate, draw: &Draw, drawn_now: bool) -> DrawnDay {
    let &Draw { agents, eligible, drawn, shortfall_agents, unassigned, .. } = draw;
    DrawnDay { day, agents, eligible, drawn, shortfall_agents, unassigned, drawn_now }
}

impl Summary {
    fn add(&mut self, day: DrawnDay) {
        self.agent_days += i64::from(day.agents);
        self.eligible += i64::from(day.eligible);
        self.drawn += i64::from(day.drawn);
        self.shortfall_agent_days += i64::from(day.shortfall_agents);
        self.unassigned += i64::from(day.unassigned);
        self.days.push(day);
    }
}
