//! A shop with alerts: what is asked of it, and waiting until rules have looked.

use std::time::Duration;

use proto::access::Role;
use proto::metrics::v1 as pb;
use proto::metrics::v1::alert_service_client::AlertServiceClient;
use testkit::{TestCaller, caller, eventually};
use tonic::Status;
use tonic::transport::Channel;

use crate::support::TestMetrics;

pub const LIMIT: Duration = Duration::from_secs(20);

pub fn client(test: &TestMetrics) -> AlertServiceClient<Channel> {
    AlertServiceClient::new(test.channel.clone())
}

/// p1 and p2 in a team that p2 leads, p3 in another.
pub async fn shop() -> TestMetrics {
    let quick = [("alerts.check_ms", "50"), ("alerts.hourly_seconds", "0"), ("board.gather_ms", "20")];
    let test = TestMetrics::start_with(&quick).await;
    test.person("p1", "a1", Some(("t1", false))).await;
    test.person("p2", "a2", Some(("t1", true))).await;
    test.person("p3", "a3", Some(("t2", false))).await;
    test
}

pub fn agent(person: &str) -> TestCaller {
    caller().person(person).roles(&[Role::Agent])
}

pub fn lead() -> TestCaller {
    caller().person("p2").roles(&[Role::Lead])
}

pub fn supervisor() -> TestCaller {
    caller().person("p9").roles(&[Role::Supervisor])
}

pub async fn list_as(
    test: &TestMetrics,
    who: &TestCaller,
    mut asked: pb::ListAlertsRequest,
) -> Vec<pb::Alert> {
    asked.page_size = 2;
    let mut alerts = Vec::new();
    loop {
        let page = client(test).list_alerts(test.by(who, asked.clone())).await.expect("lists").into_inner();
        alerts.extend(page.alerts);
        if page.next_page_token.is_empty() {
            return alerts;
        }
        asked.page_token = page.next_page_token;
    }
}

pub async fn of_rule(test: &TestMetrics, who: &TestCaller, rule: &str) -> Vec<pb::Alert> {
    list_as(test, who, pb::ListAlertsRequest { rule_id: rule.to_owned(), ..Default::default() }).await
}

/// Waits for an alert of a rule that is as wanted; there is never more than one that is not resolved.
pub async fn alert_that(test: &TestMetrics, rule: &str, wanted: impl Fn(&pb::Alert) -> bool) -> pb::Alert {
    let mut found = None;
    eventually(LIMIT, async || {
        let open = of_rule(test, &caller(), rule).await;
        let open: Vec<_> = open.into_iter().filter(|a| a.state() != pb::AlertState::Resolved).collect();
        assert!(open.len() < 2, "{open:?}");
        found = open.into_iter().next().filter(|alert| wanted(alert));
        found.is_some()
    })
    .await;
    found.expect("was found")
}

/// Waits until rules have looked at everything that came in.
pub async fn looked_at(test: &TestMetrics) {
    test.counted().await;
    let waits = "SELECT (SELECT count(*) FROM figure_changes) \
        + (SELECT count(*) FROM figure_versions WHERE alerted_version < version)";
    eventually(LIMIT, async || test.count(waits).await == 0).await;
}

pub async fn entries(test: &TestMetrics, who: &TestCaller, id: &str) -> Vec<pb::AlertEntry> {
    let mut asked =
        pb::ListAlertEntriesRequest { alert_id: id.to_owned(), page_size: 2, ..Default::default() };
    let mut entries = Vec::new();
    loop {
        let page = client(test).list_alert_entries(test.by(who, asked.clone())).await.expect("lists");
        let page = page.into_inner();
        entries.extend(page.entries);
        if page.next_page_token.is_empty() {
            return entries;
        }
        asked.page_token = page.next_page_token;
    }
}

pub async fn resolve_as(test: &TestMetrics, who: &TestCaller, at: &pb::Alert) -> Result<pb::Alert, Status> {
    let message = pb::ResolveAlertRequest {
        alert_id: at.alert_id.clone(),
        outcome: pb::AlertOutcome::Handled.into(),
        note: "called everyone, also 13812345678".to_owned(),
        etag: at.etag.clone(),
        request_id: String::new(),
    };
    Ok(client(test).resolve_alert(test.by(who, message)).await?.into_inner().alert.expect("an alert"))
}

pub async fn acknowledge_as(test: &TestMetrics, who: &TestCaller, id: &str) -> Result<pb::Alert, Status> {
    let message = pb::AcknowledgeAlertRequest {
        alert_id: id.to_owned(),
        note: "on it".to_owned(),
        request_id: String::new(),
    };
    Ok(client(test).acknowledge_alert(test.by(who, message)).await?.into_inner().alert.expect("an alert"))
}
