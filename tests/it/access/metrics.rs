//! How to ask about figures, and about the work that metrics hands out.

use e2e::{plans, small};
use serde_json::{Value, json};

use super::{Fixture, days, on_day};

pub(super) const FIXTURES: &[Fixture] = &[
    Fixture {
        path: "/jinpai.metrics.v1.MetricsService/GetFigures",
        body: |_, _| json!({ "days": days(), "group": "GROUP_ACCOUNT" }),
        holds: Some(|who, _| format!("acc-{who}")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.MetricsService/ExplainFigure",
        body: |_, _| json!({ "days": days(), "measure": "MEASURE_CONVERSATIONS" }),
        holds: Some(|who, _| format!("c-{who}")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.AnalysisService/ListRestatements",
        body: |_, _| json!({ "days": days(), "group": "GROUP_ACCOUNT" }),
        holds: Some(|who, _| format!("acc-{who}")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.AnalysisService/ExplainChange",
        body: |_, _| json!({ "days": days(), "measure": "MEASURE_CONVERSATIONS", "facet": "FACET_ACCOUNT" }),
        holds: Some(|who, _| format!("acc-{who}")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.AnalysisService/ExplainSales",
        body: |_, _| json!({ "days": days(), "group": "GROUP_ACCOUNT" }),
        holds: Some(|who, _| format!("acc-{who}")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.AnalysisService/JudgeFigures",
        body: |_, _| json!({ "businessDay": on_day(), "measure": "MEASURE_CONVERSATIONS", "group": "GROUP_ACCOUNT" }),
        holds: Some(|who, _| format!("acc-{who}")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.AnalysisService/GetAdvice",
        body: |_, _| json!({ "days": days(), "group": "GROUP_ACCOUNT" }),
        holds: Some(|who, _| format!("acc-{who}")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.CampaignService/GetCampaign",
        body: |who, _| json!({ "campaignId": format!("campaign-{who}") }),
        holds: Some(|who, _| format!("campaign-{who}")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.CampaignService/ListCampaigns",
        body: |_, _| json!({}),
        holds: Some(|who, _| format!("campaign-{who}")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.CampaignService/MarkChecklistItem",
        body: |who, _| json!({ "campaignId": format!("campaign-{who}"), "itemId": "item", "done": true }),
        holds: Some(|who, _| format!("campaign-{who}")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.TargetService/GetTarget",
        body: |_, _| json!({ "targetId": plans::TARGET }),
        holds: Some(|who, _| format!("\"personId\":\"{who}\"")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.TargetService/ListTargets",
        body: |_, _| json!({}),
        holds: Some(|who, _| format!("\"personId\":\"{who}\"")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.TargetService/GetTargetProgress",
        body: |_, _| json!({ "targetId": plans::TARGET }),
        holds: Some(|who, _| format!("\"personId\":\"{who}\"")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.IssueService/GetIssue",
        body: |who, _| json!({ "issueId": format!("issue-{who}") }),
        holds: Some(|who, _| format!("issue-{who}")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.IssueService/ListIssues",
        body: |_, _| json!({}),
        holds: Some(|who, _| format!("issue-{who}")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.IssueService/UpdateIssue",
        // With an etag that is none, as below: who sees the issue is told so.
        body: |who, _| json!({ "issueId": format!("issue-{who}"), "content": plans::issue(), "etag": "none" }),
        holds: None,
    },
    Fixture {
        path: "/jinpai.metrics.v1.IssueService/MoveIssue",
        body: |who, _| json!({ "issueId": format!("issue-{who}"), "state": "ISSUE_STATE_IN_PROGRESS", "etag": "none" }),
        holds: None,
    },
    Fixture {
        path: "/jinpai.metrics.v1.IssueService/ListIssueComments",
        body: |who, _| json!({ "issueId": format!("issue-{who}") }),
        holds: Some(|who, _| format!("comment of {who}")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.IssueService/WatchIssue",
        // Who filed it stays a watcher, so nobody sees less afterwards.
        body: |who, _| json!({ "issueId": format!("issue-{who}"), "stop": true }),
        holds: Some(|who, _| format!("issue-{who}")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.IssueService/CommentIssue",
        // Whoever comments watches from then on: after all other methods that ask who sees an issue.
        body: |who, _| json!({ "issueId": format!("issue-{who}"), "text": "once more" }),
        holds: Some(|_, _| "\"number\"".to_owned()),
    },
    Fixture {
        path: "/jinpai.metrics.v1.CaseService/GetCase",
        body: |who, _| json!({ "caseId": format!("case-{who}") }),
        holds: Some(|who, _| format!("case-{who}")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.CaseService/ListCases",
        body: |_, _| json!({}),
        holds: Some(|who, _| format!("case-{who}")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.CaseService/ListCaseEvents",
        body: |who, _| json!({ "caseId": format!("case-{who}") }),
        holds: Some(|_, _| "\"number\"".to_owned()),
    },
    Fixture {
        path: "/jinpai.metrics.v1.CaseService/UpdateCase",
        // With etags that are none, here and below: who sees the case is told so.
        body: |who, _| json!({ "caseId": format!("case-{who}"), "content": plans::case(), "etag": "none" }),
        holds: None,
    },
    Fixture {
        path: "/jinpai.metrics.v1.CaseService/TakeCaseStep",
        body: |who, _| json!({ "caseId": format!("case-{who}"), "step": { "note": { "text": "?" } }, "etag": "none" }),
        holds: None,
    },
    Fixture {
        path: "/jinpai.metrics.v1.CaseService/ListCaseResults",
        body: |_, _| json!({ "days": days() }),
        holds: Some(|who, _| format!("\"personId\":\"{who}\"")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.FollowUpService/GetFollowUp",
        body: |who, _| json!({ "followUpId": format!("follow-up-{who}") }),
        holds: Some(|who, _| format!("follow-up-{who}")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.FollowUpService/ListFollowUps",
        body: |_, _| json!({}),
        holds: Some(|who, _| format!("follow-up-{who}")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.FollowUpService/ListFollowUpEvents",
        body: |who, _| json!({ "followUpId": format!("follow-up-{who}") }),
        holds: Some(|_, _| "\"number\"".to_owned()),
    },
    Fixture {
        path: "/jinpai.metrics.v1.FollowUpService/ContactFollowUp",
        body: |who, _| json!({ "followUpId": format!("follow-up-{who}"), "contact": { "channel": "CONTACT_CHANNEL_PHONE" }, "etag": "none" }),
        holds: None,
    },
    Fixture {
        path: "/jinpai.metrics.v1.FollowUpService/CloseFollowUp",
        body: |who, _| json!({ "followUpId": format!("follow-up-{who}"), "end": { "state": "FOLLOW_UP_STATE_LOST" }, "etag": "none" }),
        holds: None,
    },
    Fixture {
        path: "/jinpai.metrics.v1.FollowUpService/AssignFollowUps",
        // To who has it already, so that nobody sees more afterwards.
        body: |who, _| json!({ "followUpIds": [format!("follow-up-{who}")], "toPersonIds": [who] }),
        holds: None,
    },
    Fixture {
        path: "/jinpai.metrics.v1.FollowUpService/ListFollowUpResults",
        body: |_, _| json!({ "days": days() }),
        holds: Some(|who, _| format!("\"personId\":\"{who}\"")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.WorkService/HandOverWork",
        // Nobody hands over to themselves: who reaches the person is told so.
        body: |who, _| json!({ "fromPersonId": who, "toPersonIds": [who] }),
        holds: None,
    },
    Fixture {
        path: "/jinpai.metrics.v1.WorkService/SetAbsence",
        body: |who, _| json!({ "personId": who, "etag": "none" }),
        holds: None,
    },
    Fixture {
        path: "/jinpai.metrics.v1.WorkService/ListAbsences",
        body: |_, _| json!({}),
        holds: Some(|who, _| format!("\"personId\":\"{who}\"")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.LostInquiryService/ListLostInquiries",
        body: |_, _| json!({ "days": days() }),
        holds: Some(|who, _| format!("customer of c-{who}")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.LostInquiryService/GetLostInquiry",
        body: |who, _| json!({ "key": lost_inquiry(who) }),
        holds: Some(|who, _| format!("customer of c-{who}")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.LostInquiryService/DecideLostInquiry",
        // With an etag that is none, as above.
        body: |who, _| json!({ "key": lost_inquiry(who), "reasonId": "other", "etag": "none" }),
        holds: None,
    },
    Fixture {
        path: "/jinpai.metrics.v1.LostInquiryService/GetLossReport",
        body: |_, _| json!({ "days": days(), "by": ["LOSS_DIMENSION_ACCOUNT"] }),
        holds: Some(|who, _| format!("acc-{who}")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.CustomerService/GetCustomer",
        body: |who, _| json!({ "shopId": small::SHOP, "customerId": format!("customer of c-{who}") }),
        holds: Some(|who, _| format!("customer of c-{who}")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.CustomerService/ListCustomers",
        body: |_, _| json!({}),
        holds: Some(|who, _| format!("customer of c-{who}")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.CustomerService/CountTiers",
        body: |who, _| json!({ "filter": { "accountIds": [format!("acc-{who}")] } }),
        // Who asked, and who bought.
        holds: Some(|_, _| "\"customers\":\"2\"".to_owned()),
    },
    Fixture {
        path: "/jinpai.metrics.v1.CustomerService/ShareOutCare",
        body: |who, _| json!({ "personIds": [who], "limit": 1, "purpose": "call" }),
        holds: Some(|who, _| format!("\"personId\":\"{who}\"")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.CustomerService/ListCareTasks",
        body: |_, _| json!({}),
        holds: Some(|who, _| format!("care-{who}")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.CustomerService/RecordCare",
        body: |who, _| json!({ "careId": format!("care-{who}"), "state": "CARE_STATE_SKIPPED", "note": "no", "etag": "none" }),
        holds: None,
    },
    Fixture {
        path: "/jinpai.metrics.v1.CustomerService/ReassignCare",
        body: |who, _| json!({ "careId": format!("care-{who}"), "personId": who, "etag": "none" }),
        holds: None,
    },
    Fixture {
        path: "/jinpai.metrics.v1.CustomerService/GetRepurchase",
        body: |_, _| json!({ "days": days(), "group": "GROUP_ACCOUNT" }),
        holds: Some(|who, _| format!("acc-{who}")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.CustomerService/ExplainRepurchase",
        body: |_, _| json!({ "days": days() }),
        holds: Some(|who, _| format!("acc-{who}")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.ReportService/CreateReport",
        body: |who, _| {
            json!({
                "kind": "REPORT_KIND_DAILY",
                "subjectKind": "REPORT_SUBJECT_KIND_PERSON",
                "subjectId": who,
                "day": on_day(),
            })
        },
        holds: Some(|who, _| format!("\"id\":\"{who}\"")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.AlertService/GetAlert",
        body: |who, _| json!({ "alertId": format!("alert-{who}") }),
        holds: Some(|who, _| format!("noticed by {who}")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.AlertService/ListAlerts",
        body: |_, _| json!({}),
        holds: Some(|who, _| format!("noticed by {who}")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.AlertService/ListAlertEntries",
        body: |who, _| json!({ "alertId": format!("alert-{who}") }),
        holds: Some(|_, _| "ALERT_ENTRY_KIND_RAISED".to_owned()),
    },
    Fixture {
        path: "/jinpai.metrics.v1.AlertService/AcknowledgeAlert",
        body: |who, _| json!({ "alertId": format!("alert-{who}") }),
        holds: Some(|who, _| format!("noticed by {who}")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.AlertService/CommentAlert",
        body: |who, _| json!({ "alertId": format!("alert-{who}"), "text": "once more" }),
        holds: Some(|_, _| "\"number\"".to_owned()),
    },
    Fixture {
        path: "/jinpai.metrics.v1.AlertService/ResolveAlert",
        // With an etag that is none: who sees the alert is told so.
        body: |who, _| {
            let outcome = "ALERT_OUTCOME_HANDLED";
            json!({ "alertId": format!("alert-{who}"), "outcome": outcome, "note": "done", "etag": "none" })
        },
        holds: None,
    },
    Fixture {
        path: "/jinpai.metrics.v1.IncidentService/ListIncidentTasks",
        body: |_, _| json!({}),
        holds: Some(|who, _| format!("task of {who}")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.IncidentService/MarkIncidentTask",
        body: |who, _| json!({ "incidentId": format!("incident-{who}"), "taskId": "task", "done": true }),
        holds: Some(|who, _| format!("task of {who}")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.ReportService/GetReport",
        body: |who, _| json!({ "reportId": format!("report-{who}") }),
        holds: Some(|who, _| format!("report-{who}")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.ReportService/ListReports",
        body: |_, _| json!({}),
        holds: Some(|who, _| format!("report-{who}")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.ReportService/DownloadReport",
        body: |who, _| json!({ "reportId": format!("report-{who}"), "form": "REPORT_FORM_JSON" }),
        holds: Some(|who, _| format!("daily-person-{who}-")),
    },
    Fixture {
        path: "/jinpai.metrics.v1.BoardService/WatchBoard",
        body: |_, _| json!({}),
        holds: Some(|who, _| format!("\"key\":\"{who}\"")),
    },
];

fn lost_inquiry(who: &str) -> Value {
    json!({
        "shopId": small::SHOP,
        "customerId": format!("customer of c-{who}"),
        "businessDay": on_day(),
        "accountId": format!("acc-{who}"),
    })
}
