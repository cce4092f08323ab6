//! What goes on by itself: each is a task that looks again and again whether there is something to do, says what it did, and
//! tries again at the next look what went wrong.

use std::time::Duration;

use runtime::background::every;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::UseCases;
use crate::config::Config;
use crate::domain::Metrics;
use crate::domain::campaigns::Campaigns;
use crate::domain::customers::Customers;
use crate::domain::follow_ups::FollowUps;
use crate::domain::incidents::Incidents;
use crate::domain::reports::Reports;

/// Starts all of it; it ends with `token`.
pub(crate) fn start(uses: UseCases, config: &Config, token: &CancellationToken) -> Vec<JoinHandle<()>> {
    let UseCases { metrics, alerts, campaigns, customers, follow_ups, incidents, reports } = uses;
    vec![
        close_days(metrics.clone(), config, token.clone()),
        finalise_days(metrics.clone(), config, token.clone()),
        build_definitions(metrics.clone(), config, token.clone()),
        end_campaigns(campaigns, config, token.clone()),
        look_for_follow_ups(follow_ups, config, token.clone()),
        look_again(customers, config, token.clone()),
        schedule_reports(reports.clone(), config, token.clone()),
        make_reports(reports, config, token.clone()),
        gather_figure_changes(metrics.clone(), config, token.clone()),
        escalate_incidents(incidents, config, token.clone()),
        tokio::spawn(async move { alerts.watch().await }),
        tokio::spawn(async move { metrics.count_timelines().await }),
    ]
}

fn close_days(metrics: Metrics, config: &Config, token: CancellationToken) -> JoinHandle<()> {
    every("metrics.close_days", Duration::from_secs(config.closing.check_seconds), token, move || {
        let metrics = metrics.clone();
        async move {
            match metrics.close_quiet_days().await {
                Ok(0) => {}
                Ok(days) => tracing::info!(days, "closed days"),
                Err(error) => tracing::warn!(error.chain = status::chain(&error), "cannot close days now"),
            }
        }
    })
}

fn finalise_days(metrics: Metrics, config: &Config, token: CancellationToken) -> JoinHandle<()> {
    every("metrics.finalise_days", Duration::from_secs(config.closing.check_seconds), token, move || {
        let metrics = metrics.clone();
        async move {
            match metrics.finalise_days().await {
                Ok(0) => {}
                Ok(days) => tracing::info!(days, "told of final days"),
                Err(error) => {
                    tracing::warn!(error.chain = status::chain(&error), "cannot tell of final days now");
                }
            }
        }
    })
}

fn build_definitions(metrics: Metrics, config: &Config, token: CancellationToken) -> JoinHandle<()> {
    every(
        "metrics.build_definitions",
        Duration::from_secs(config.definitions.check_seconds),
        token,
        move || {
            let metrics = metrics.clone();
            async move {
                match metrics.recount_older_days().await {
                    Ok(0) => {}
                    Ok(days) => tracing::info!(days, "counted days again that an older release wrote to"),
                    Err(error) => {
                        tracing::warn!(
                            error.chain = status::chain(&error),
                            "cannot count older days again now"
                        );
                    }
                }
                if let Err(error) = metrics.build_definitions().await {
                    tracing::warn!(error.chain = status::chain(&error), "cannot build definitions now");
                }
            }
        },
    )
}

fn end_campaigns(campaigns: Campaigns, config: &Config, token: CancellationToken) -> JoinHandle<()> {
    let every_seconds = Duration::from_secs(config.campaigns.check_seconds);
    every("metrics.end_campaigns", every_seconds, token, move || {
        let campaigns = campaigns.clone();
        async move {
            match campaigns.end_campaigns().await {
                Ok(0) => {}
                Ok(ended) => tracing::info!(ended, "ended campaigns"),
                Err(error) => tracing::warn!(error.chain = status::chain(&error), "cannot end campaigns now"),
            }
        }
    })
}

fn look_for_follow_ups(follow_ups: FollowUps, config: &Config, token: CancellationToken) -> JoinHandle<()> {
    let every_seconds = Duration::from_secs(config.follow_ups.check_seconds);
    every("metrics.look_for_follow_ups", every_seconds, token, move || {
        let follow_ups = follow_ups.clone();
        async move {
            match follow_ups.look().await {
                Ok(looked) if looked.created + looked.ended + looked.assigned + looked.cases == 0 => {}
                Ok(looked) => tracing::info!(
                    looked.customers,
                    looked.created,
                    looked.ended,
                    looked.assigned,
                    looked.cases,
                    "looked for follow-ups"
                ),
                Err(error) => {
                    tracing::warn!(error.chain = status::chain(&error), "cannot look for follow-ups now");
                }
            }
        }
    })
}

fn look_again(customers: Customers, config: &Config, token: CancellationToken) -> JoinHandle<()> {
    let every_seconds = Duration::from_secs(config.timelines.look_again_seconds);
    every("metrics.look_again", every_seconds, token, move || {
        let customers = customers.clone();
        async move {
            match customers.look_again().await {
                Ok(0) => {}
                Ok(counted) => tracing::info!(counted, "looked at customers again for the time that passed"),
                Err(error) => {
                    tracing::warn!(error.chain = status::chain(&error), "cannot look at customers again now");
                }
            }
        }
    })
}

fn schedule_reports(reports: Reports, config: &Config, token: CancellationToken) -> JoinHandle<()> {
    let every_seconds = Duration::from_secs(config.reports.schedule_seconds);
    every("metrics.schedule_reports", every_seconds, token, move || {
        let reports = reports.clone();
        async move {
            match reports.schedule_reports().await {
                Ok(0) => {}
                Ok(asked) => tracing::info!(asked, "asked for reports that are due"),
                Err(error) => {
                    tracing::warn!(error.chain = status::chain(&error), "cannot ask for reports now");
                }
            }
        }
    })
}

/// Makes reports as they are asked for here, and looks now and then for what others asked for.
fn make_reports(reports: Reports, config: &Config, token: CancellationToken) -> JoinHandle<()> {
    let pause = Duration::from_secs(config.reports.check_seconds);
    tokio::spawn(async move {
        while !token.is_cancelled() {
            match reports.make_reports().await {
                Ok(0) => {}
                Ok(made) => tracing::info!(made, "made reports"),
                Err(error) => tracing::warn!(error.chain = status::chain(&error), "cannot make reports now"),
            }
            tokio::select! {
                () = token.cancelled() => {}
                () = reports.asked() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    })
}

fn gather_figure_changes(metrics: Metrics, config: &Config, token: CancellationToken) -> JoinHandle<()> {
    let every_ms = Duration::from_millis(config.board.gather_ms);
    every("metrics.gather_figure_changes", every_ms, token, move || {
        let metrics = metrics.clone();
        async move {
            if let Err(error) = metrics.gather_figure_changes().await {
                tracing::warn!(error.chain = status::chain(&error), "cannot gather changes of figures now");
            }
        }
    })
}

fn escalate_incidents(incidents: Incidents, config: &Config, token: CancellationToken) -> JoinHandle<()> {
    let every_ms = Duration::from_millis(config.incidents.check_ms);
    every("metrics.escalate_incidents", every_ms, token, move || {
        let incidents = incidents.clone();
        async move {
            match incidents.escalate().await {
                Ok(0) => {}
                Ok(told) => tracing::info!(told, "told of incidents that are not contained"),
                Err(error) => {
                    tracing::warn!(error.chain = status::chain(&error), "cannot tell of incidents now");
                }
            }
        }
    })
}
