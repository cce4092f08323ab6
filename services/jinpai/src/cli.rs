//! The command line: what can be typed, and what each command prints.

use std::io::Write;

use anyhow::{Context, Result};
use clap::{CommandFactory, Parser, Subcommand};
use proto::access::{Role, role_named};
use serde::Serialize;

use crate::anchors::Anchors;
use crate::session::{Session, Target};
use crate::state::State;
use crate::{audit, demo, down, draw, figures, ingest, parked, reconcile, roster, up, verify};

/// Ended well.
pub const DONE: u8 = 0;
/// Did what it should, and found something that the caller must know: refused lines, a draw that doesn't verify.
pub const FOUND: u8 = 3;

/// Jinpai, the customer-service department of an online shop: metrics, scheduling, QA, training, performance.
#[derive(Debug, Parser)]
#[command(name = "jinpai", version, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Where to.
    #[command(flatten)]
    pub target: Target,
    /// Print one JSON object instead of text.
    #[arg(long, global = true)]
    pub json: bool,
}

const EXAMPLES: &str = "\
Examples:
  jinpai up
  jinpai ingest conversations chats.jsonl.xz --shop star
  jinpai draw --from 2020-05-12 --to 2020-05-28
  jinpai verify-draw --day 2020-05-13
  jinpai figures --from 2020-05-12 --to 2020-05-28 --by team
  jinpai figures --from 2020-05-12 --to 2020-05-28 --by product
  jinpai roster solve december.json --out roster.json
  jinpai token --role lead --person agent-001
";

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the whole suite on this machine, with a private Postgres and NATS and a demo merchant, until Ctrl-C.
    ///
    /// What it holds is kept: the next start goes on where this one stopped.
    #[command(after_help = "Examples:\n  jinpai up\n  jinpai up --no-demo --listen 127.0.0.1:9000\n  \
                            jinpai up --database-url postgres://postgres@db/jinpai --nats-url nats://nats")]
    Up(up::Options),
    /// Stop the suite that runs on this machine.
    ///
    /// Waits until calls in progress are done and the servers have written what they hold; the next `jinpai up` goes on there.
    #[command(
        after_help = "Examples:\n  jinpai down\n  jinpai down --state ./another-suite\n  jinpai down --json"
    )]
    Down,
    /// Try the first journey on a suite that is thrown away: ingest, draw, verify, figures.
    ///
    /// The last line is one JSON object.
    #[command(after_help = "Examples:\n  jinpai demo\n  jinpai demo --json | tail -n 1")]
    Demo,
    /// Look after events that a service could not handle.
    #[command(
        subcommand,
        after_help = "Examples:\n  jinpai events parked --service qa\n  jinpai events replay --service qa 0193…\n  \
                      jinpai events discard --service qa 0193… --reason 'of a shop that was closed'"
    )]
    Events(parked::Command),
    /// Send a file into the suite: conversations, orders, payments and whatever else happened around customers.
    ///
    /// A run that was cut goes on where the last acknowledgement was when it is started again. Ends with status 3 if
    /// lines were refused; the good ones are stored all the same.
    #[command(
        after_help = "Examples:\n  jinpai ingest conversations chats.jsonl.xz --shop star --rejects refused.jsonl\n  \
                      jinpai ingest conversations log.txt --format qianniu\n  jinpai ingest orders orders.csv\n  \
                      jinpai ingest mixed day.jsonl.zst"
    )]
    Ingest(ingest::Options),
    /// Compare the figures of a 赤兔 report or a pre-sales sheet with the suite's own, account by account.
    ///
    /// Nothing is stored. Ends with status 3 if figures differ.
    #[command(
        after_help = "Example:\n  jinpai reconcile 自定义报表_绩效_下单优先判定_2025-05-01至2025-05-01.xlsx"
    )]
    Reconcile(reconcile::Options),
    /// Close business days and draw the chats to be reviewed.
    ///
    /// Days drawn before keep their draw: running it again changes nothing.
    #[command(after_help = "Example:\n  jinpai draw --from 2020-05-12 --to 2020-05-28 --json")]
    Draw(draw::Options),
    /// Recompute a day's sample from what was published: commitment, revealed seed, list of eligible chats.
    ///
    /// Compares commitment and list hash with those that `jinpai draw` kept and with those that are given, and says what
    /// could not be checked. Ends with status 3 and names the first difference if anything was altered.
    #[command(after_help = "Examples:\n  jinpai verify-draw --day 2020-05-13 --save bundle.json\n  \
                      jinpai verify-draw --bundle bundle.json --anchors commitments.jsonl\n  \
                      jinpai verify-draw --day 2020-05-13 --account shop:ann")]
    VerifyDraw(verify::Options),
    /// Recompute the audit chains of the suite that runs on this machine, against the heads that its services kept outside
    /// of the database.
    ///
    /// Ends with status 3 if one was changed, cut or made anew. Services in processes of their own have the same:
    /// `qa verify-audit`.
    #[command(after_help = "Example:\n  jinpai verify-audit")]
    VerifyAudit,
    /// Show what agents, teams, shops achieved, or what was sold of which product, category, in which hour. Rows
    /// marked * may still grow: a day in them isn't closed.
    #[command(
        after_help = "Examples:\n  jinpai figures --from 2020-05-01 --to 2020-05-31 --by team --each week\n  \
                      jinpai figures --from 2020-05-01 --to 2020-05-31 --by product --shop star\n  \
                      jinpai figures --from 2020-05-12 --by hour --json\n  \
                      jinpai figures --from 2020-05-01 --to 2020-05-31 --by person --category 杯子"
    )]
    Figures(figures::Options),
    /// Solve and check rosters in files. Needs no suite.
    #[command(subcommand)]
    Roster(roster::Command),
    /// Sign a token for the suite that runs on this machine.
    #[command(
        after_help = "Example:\n  curl -H \"authorization: Bearer $(jinpai token --role supervisor)\" …"
    )]
    Token(Token),
    /// Print the completion script of a shell.
    #[command(after_help = "Example:\n  source <(jinpai completion bash)")]
    Completion {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Whom to sign a token for.
#[derive(Debug, clap::Args)]
pub struct Token {
    /// agent, lead, supervisor, reviewer, hr, manager, service_account, …
    #[arg(long, value_parser = role)]
    pub role: Role,
    /// The person who signs in; none for programs.
    #[arg(long)]
    pub person: Option<String>,
    /// Another merchant than the one that was loaded.
    #[arg(long)]
    pub merchant: Option<String>,
}

fn role(name: &str) -> Result<Role, String> {
    role_named(name).ok_or_else(|| format!("there is no role {name:?}"))
}

/// Runs a client command and says how it ended.
pub async fn run(cli: Cli) -> Result<u8> {
    let json = cli.json;
    let target = &cli.target;
    match cli.command {
        Command::Up(options) => {
            up::run(&options, target.state.as_deref(), json).await?;
            Ok(DONE)
        }
        Command::Down => {
            let stopped = down::run(target.state.as_deref()).await?;
            let told = if stopped { "stopped" } else { "no suite runs on this machine" };
            print(json, &serde_json::json!({ "stopped": stopped }), |out| Ok(writeln!(out, "{told}")?))?;
            Ok(DONE)
        }
        Command::Demo => {
            let summary = demo::run(json).await?;
            print(true, &summary, |_| Ok(()))?;
            Ok(DONE)
        }
        Command::Events(command) => {
            let session = Session::open(target, Role::Manager).await?;
            let events = parked::run(&session, &command).await?;
            print(json, &events, |out| parked::print(out, &events))?;
            Ok(DONE)
        }
        Command::Ingest(options) => {
            let session = Session::open(target, Role::ServiceAccount).await?;
            let (summary, took) = ingest::timed(&session, &options, json).await?;
            let found = if summary.rejected > 0 { FOUND } else { DONE };
            print(json, &summary, |out| ingest::print(out, &summary, took))?;
            Ok(found)
        }
        Command::Reconcile(options) => {
            let session = Session::open(target, Role::Supervisor).await?;
            let report = reconcile::run(&session, &options).await?;
            let found = if report.clean() { DONE } else { FOUND };
            print(json, &report, |out| reconcile::print(out, &report))?;
            Ok(found)
        }
        Command::Draw(options) => {
            let session = Session::open(target, Role::Supervisor).await?;
            let told = |day: &draw::DrawnDay| {
                if !json {
                    // A closed terminal must not end the draw half-way.
                    drop(draw::print_day(&mut std::io::stdout(), day));
                }
            };
            let anchors = Anchors::of(target, &session.gateway)?;
            let summary = draw::days(&session, &options, Some(&anchors), told).await?;
            print(json, &summary, |out| draw::print_total(out, &summary))?;
            Ok(DONE)
        }
        Command::VerifyDraw(options) => {
            let open = async || Session::open(target, Role::Supervisor).await;
            let report = verify::run(&options, target, open).await?;
            print(json, &report, |out| verify::print(out, &report))?;
            Ok(if report.verified { DONE } else { FOUND })
        }
        Command::VerifyAudit => {
            let checked = audit::run(target.state.as_deref()).await?;
            print(json, &checked, |out| audit::print(out, &checked))?;
            Ok(if checked.iter().all(|service| service.whole) { DONE } else { FOUND })
        }
        Command::Figures(options) => {
            let session = Session::open(target, Role::Supervisor).await?;
            let slices = options.slices();
            let answer = figures::fetch(&session, &options).await?;
            print(json, &figures::json(&answer)?, |out| {
                Ok(out.write_all(figures::table(&answer, slices)?.as_bytes())?)
            })?;
            Ok(DONE)
        }
        Command::Roster(command) => roster::run(&command, json).await,
        Command::Token(Token { role, person, merchant }) => {
            let state = State::read(target.state.as_deref())?;
            let state = state.context("no suite runs on this machine: start one with `jinpai up`")?;
            let merchant = merchant.as_deref().unwrap_or(&state.merchant);
            let token = state.token_for(merchant, role, person.as_deref())?;
            print(json, &serde_json::json!({ "token": token }), |out| Ok(writeln!(out, "{token}")?))?;
            Ok(DONE)
        }
        Command::Completion { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "jinpai", &mut std::io::stdout());
            Ok(DONE)
        }
    }
}

pub(crate) fn print(
    json: bool,
    value: &impl Serialize,
    text: impl FnOnce(&mut dyn Write) -> Result<()>,
) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        serde_json::to_writer(&mut out, value)?;
        writeln!(out)?;
        return Ok(());
    }
    text(&mut out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn completion_offers_every_group_of_figures() {
        let mut script = Vec::new();
        clap_complete::generate(clap_complete::Shell::Bash, &mut Cli::command(), "jinpai", &mut script);
        let script = String::from_utf8(script).expect("is text");
        assert!(script.contains("account person team shop merchant product category hour"));
    }

    #[test]
    fn every_command_takes_json_and_a_target() {
        let cli = Cli::try_parse_from([
            "jinpai",
            "draw",
            "--from",
            "2020-05-12",
            "--json",
            "--gateway",
            "http://g",
        ]);
        let cli = cli.expect("it parses");
        assert!(cli.json);
        assert_eq!(cli.target.gateway.as_deref(), Some("http://g"));
        let wrong = Cli::try_parse_from(["jinpai", "token", "--role", "king"]).expect_err("no such role");
        assert!(wrong.to_string().contains("king"));
        assert!(
            Cli::try_parse_from(["jinpai", "verify-draw"]).is_err(),
            "one of --day and --bundle is needed"
        );
    }
}
