//! A campaign, an issue, a case, a follow-up, a leave, a report, an alert, a task of an incident and a part in a target for each of some people,
//! for tests of who sees what.

use std::time::Duration;

use jinpai::session::Session;
use proto::access::Role;
use proto::common::v1::DayRange;
use proto::google::r#type::Date;
use proto::metrics::v1 as pb;
use proto::metrics::v1::campaign_service_client::CampaignServiceClient;
use proto::metrics::v1::report_service_client::ReportServiceClient;
use proto::metrics::v1::target_service_client::TargetServiceClient;
use runtime::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};
use testkit::eventually;

use crate::{Door, MERCHANT};

/// The target in which everybody has a part.
pub const TARGET: &str = "target-of-all";

/// What an issue is about, as JSON.
pub fn issue() -> Value {
    json!({
        "kind": "ISSUE_KIND_SUGGESTION",
        "title": "a suggestion",
        "department": "ROLE_OPERATIONS",
    })
}

/// What a case is about, as JSON.
pub fn case() -> Value {
    json!({
        "kind": "CASE_KIND_COMPLAINT",
        "severity": "COMPLAINT_SEVERITY_ORDINARY",
        "occurredAt": "2020-05-12T02:00:00Z",
        "event": "a complaint",
        "shopId": "shop",
    })
}

/// For each person: the draft of a campaign `campaign-<person>` with an item of theirs, an issue `issue-<person>` that
/// they filed and commented, a case `case-<person>`, a follow-up `follow-up-<person>`, a leave far off, a report
/// `report-<person>` about them, an alert `alert-<person>` that they reported, a task of an
/// incident `incident-<person>`, and a part in the target.
pub async fn fill(door: &Door, manager: &Session, people: &[&str]) {
    let mut campaigns = CampaignServiceClient::new(manager.channel());
    for who in people {
        campaigns.create_campaign(campaign(who)).await.expect("creates a campaign");
        let token = door.token(MERCHANT, Role::Agent, Some(who));
        let filed = json!({ "issueId": format!("issue-{who}"), "content": issue() });
        let answer = door.json("/jinpai.metrics.v1.IssueService/CreateIssue", &token, &filed).await;
        assert_eq!(answer.status, 200, "{}", answer.json());
        let said = json!({ "issueId": format!("issue-{who}"), "text": format!("comment of {who}") });
        let answer = door.json("/jinpai.metrics.v1.IssueService/CommentIssue", &token, &said).await;
        assert_eq!(answer.status, 200, "{}", answer.json());
        let reported = json!({
            "alertId": format!("alert-{who}"),
            "signal": "ALERT_SIGNAL_LOGISTICS",
            "shopId": format!("shop-{who}"),
            "title": format!("noticed by {who}"),
        });
        let answer = door.json("/jinpai.metrics.v1.AlertService/ReportAlert", &token, &reported).await;
        assert_eq!(answer.status, 200, "{}", answer.json());
        report(manager, who).await;
    }
    for who in people {
        work(door, who).await;
        incident(door, who).await;
    }
    let mut targets = TargetServiceClient::new(manager.channel());
    let target = targets.create_target(target()).await.expect("creates a target").into_inner().target;
    let split = pb::SplitTargetRequest {
        target_id: TARGET.to_owned(),
        split: Some(even()),
        etag: target.expect("a target").etag,
        request_id: String::new(),
    };
    targets.split_target(split).await.expect("splits the target");
}

/// What a person does by themselves.
async fn work(door: &Door, who: &str) {
    let token = door.token(MERCHANT, Role::Agent, Some(who));
    let soon = SystemClock.now() + chrono::TimeDelta::days(30);
    let day = json!({ "year": 2099, "month": 5, "day": 1 });
    let follow_up = json!({
        "followUpId": format!("follow-up-{who}"),
        "kind": "FOLLOW_UP_KIND_INQUIRY",
        "sourceId": format!("source-{who}"),
        "shopId": "shop",
        "customerId": format!("customer-{who}"),
        "deadline": soon.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
    });
    for (method, body) in [
        ("CaseService/AcceptCase", json!({ "caseId": format!("case-{who}"), "content": case() })),
        ("FollowUpService/CreateFollowUp", follow_up),
        ("WorkService/SetAbsence", json!({ "personId": who, "days": { "from": day, "to": day } })),
    ] {
        let path = format!("/jinpai.metrics.v1.{method}");
        // The service hears of people a moment after they were imported.
        eventually(Duration::from_secs(60), async || {
            let answer = door.json(&path, &token, &body).await;
            assert!([200, 404].contains(&answer.status), "{path}: {}", answer.json());
            answer.status == 200
        })
        .await;
    }
}

/// An incident with a task of a person, by a supervisor. Metrics knows the person by now.
async fn incident(door: &Door, who: &str) {
    let token = door.token(MERCHANT, Role::Supervisor, Some("supervisor"));
    let content = json!({
        "title": "a crisis",
        "level": "ALERT_LEVEL_LOCAL",
        "signal": "ALERT_SIGNAL_MEDIA",
        "ownerPersonId": who,
    });
    let task = json!({ "title": format!("task of {who}"), "ownerPersonId": who });
    let id = format!("incident-{who}");
    for (method, body) in [
        ("OpenIncident", json!({ "incidentId": id, "content": content })),
        ("AddIncidentTask", json!({ "incidentId": id, "taskId": "task", "content": task })),
    ] {
        let path = format!("/jinpai.metrics.v1.IncidentService/{method}");
        let answer = door.json(&path, &token, &body).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.json());
    }
}

/// A daily report about a person, ready to be read.
async fn report(manager: &Session, who: &str) {
    let mut reports = ReportServiceClient::new(manager.channel());
    let id = format!("report-{who}");
    let request = pb::CreateReportRequest {
        report_id: id.clone(),
        kind: pb::ReportKind::Daily.into(),
        subject_kind: pb::ReportSubjectKind::Person.into(),
        subject_id: (*who).to_owned(),
        day: Some(Date { year: 2020, month: 5, day: 12 }),
        ..Default::default()
    };
    reports.create_report(request).await.expect("asks for a report");
    eventually(Duration::from_secs(60), async || {
        let request = pb::GetReportRequest { report_id: id.clone() };
        let found = reports.clone().get_report(request).await.expect("is there").into_inner();
        found.report.is_some_and(|report| report.state() == pb::ReportState::Ready)
    })
    .await;
}

fn campaign(who: &str) -> pb::CreateCampaignRequest {
    let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    let item = pb::ChecklistItem {
        item_id: "item".to_owned(),
        phase: pb::CampaignPhase::Before.into(),
        title: "prepare".to_owned(),
        owner_person_id: who.to_owned(),
        ..Default::default()
    };
    let window = pb::CampaignWindow {
        phase: pb::CampaignPhase::During.into(),
        starts_at: at(4_000_000_000),
        ends_at: at(4_000_086_400),
        arrivals_percent: 0,
    };
    let plan = pb::CampaignPlan {
        name: "a sale".to_owned(),
        windows: vec![window],
        strength: pb::CampaignStrength::Small.into(),
        checklist: vec![item],
        ..Default::default()
    };
    pb::CreateCampaignRequest {
        campaign_id: format!("campaign-{who}"),
        plan: Some(plan),
        request_id: String::new(),
    }
}

fn target() -> pb::CreateTargetRequest {
    let day = Date { year: 2020, month: 5, day: 12 };
    pb::CreateTargetRequest {
        target_id: TARGET.to_owned(),
        name: "chats".to_owned(),
        days: Some(DayRange { from: Some(day), to: Some(day) }),
        indicator: Some(pb::IndicatorGoal {
            measure: pb::Measure::Conversations.into(),
            direction: pb::GoalDirection::AtLeast.into(),
            value: 40.0,
        }),
        ..Default::default()
    }
}

fn even() -> pb::Split {
    let level = || Some(pb::SplitLevel { basis: pb::SplitBasis::HeadCount.into(), ..Default::default() });
    pb::Split { include_leads: true, teams: level(), people: level(), days: level(), ..Default::default() }
}
