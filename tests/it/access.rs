//! How far each role reaches: every role × every method with a narrow grant × (own, same team, other team, other
//! merchant), as the rules beside the methods say. Who may call what at all is in `roles`.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::NaiveDate;
use e2e::{Answer, Door, Framed, InProcess, MERCHANT, customers, people, plans, small};
use http::HeaderMap;
use jinpai::days::Days;
use jinpai::draw;
use jinpai::session::Session;
use proto::access::{MethodRule, Role, Scope, role_name, rules};
use proto::qa::v1 as qa_v1;
use proto::qa::v1::qa_service_client::QaServiceClient;
use serde_json::{Value, json};
use testkit::access::all_roles;
use testkit::eventually;

const ELSEWHERE: &str = "elsewhere";
/// `agent` and `mate` are in team a, which `lead` leads; `other` is in team b. Each has an account and a long chat.
const PEOPLE: &str = "person_id,name,status,roles,team_id,team_name,lead,team_from,account_id,account_from\n\
    agent,name-agent,regular,agent,team-a,A,no,2020-05-01,acc-agent,2020-05-01\n\
    mate,name-mate,regular,agent,team-a,A,no,2020-05-01,acc-mate,2020-05-01\n\
    lead,name-lead,regular,agent;lead,team-a,A,yes,2020-05-01,acc-lead,2020-05-01\n\
    other,name-other,regular,agent,team-b,B,no,2020-05-01,acc-other,2020-05-01\n\
    reviewer,name-reviewer,regular,reviewer,,,,,,\n";

/// How to ask a method about one agent, and how to tell that the answer is about them.
struct Fixture {
    path: &'static str,
    /// For an agent and the review of their chat.
    body: fn(&str, &str) -> Value,
    /// What an answer about them holds; without it, whatever is not refused as missing is about them.
    holds: Option<fn(&str, &str) -> String>,
}

/// One for each method that grants somebody less than the merchant.
const FIXTURES: &[Fixture] = &[
    Fixture {
        path: "/jinpai.performance.v1.PeopleService/GetPerson",
        body: |who, _| json!({ "personId": who }),
        holds: Some(|who, _| format!("name-{who}")),
    },
    Fixture {
        path: "/jinpai.performance.v1.PeopleService/ListPeople",
        body: |_, _| json!({ "day": on_day() }),
        holds: Some(|who, _| format!("name-{who}")),
    },
    Fixture {
        path: "/jinpai.performance.v1.PeopleService/ListTeams",
        body: |_, _| json!({ "day": on_day() }),
        holds: Some(|who, _| team(who).to_owned()),
    },
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
    Fixture {
        path: "/jinpai.qa.v1.CheckService/ListHits",
        body: |_, _| json!({ "days": days() }),
        holds: Some(|who, _| format!("acc-{who}")),
    },
    Fixture {
        path: "/jinpai.qa.v1.CheckService/GetConversationHits",
        body: |who, _| json!({ "conversation": chat(who) }),
        holds: Some(|who, _| format!("c-{who}")),
    },
    Fixture {
        path: "/jinpai.qa.v1.CheckService/GetCheckFigures",
        body: |_, _| json!({ "days": days(), "group": "CHECK_FIGURE_GROUP_ACCOUNT", "pageSize": 1000 }),
        holds: Some(|who, _| format!("acc-{who}")),
    },
    Fixture {
        path: "/jinpai.qa.v1.RiskService/ListRiskReviews",
        body: |_, _| json!({ "days": days() }),
        holds: Some(|who, _| format!("acc-{who}")),
    },
    Fixture {
        path: "/jinpai.qa.v1.WeaknessService/ListWeaknesses",
        body: |_, _| json!({}),
        holds: Some(|who, _| format!("\"personId\":\"{who}\"")),
    },
    Fixture {
        path: "/jinpai.qa.v1.QaService/GetConversation",
        body: |who, _| json!({ "conversation": chat(who) }),
        holds: Some(|who, _| format!("question 0 of c-{who}")),
    },
    Fixture {
        path: "/jinpai.qa.v1.QaService/GetDrawSlice",
        body: |who, _| json!({ "businessDay": on_day(), "accountId": format!("acc-{who}") }),
        holds: Some(|who, _| format!("c-{who}")),
    },
    Fixture {
        path: "/jinpai.qa.v1.QaService/GetCoverage",
        body: |_, _| json!({ "days": days() }),
        holds: Some(|who, _| format!("acc-{who}")),
    },
    Fixture {
        path: "/jinpai.qa.v1.QaService/ListReviews",
        body: |_, _| json!({ "days": days() }),
        holds: Some(|_, review| review.to_owned()),
    },
    Fixture {
        path: "/jinpai.qa.v1.QaService/GetReview",
        body: |_, review| json!({ "reviewId": review }),
        holds: Some(|who, _| format!("c-{who}")),
    },
    Fixture {
        path: "/jinpai.qa.v1.QaService/AcknowledgeReview",
        // With an etag that is none: who sees the review is told so, who doesn't is told that there is none.
        body: |_, review| json!({ "reviewId": review, "etag": "none", "requestId": review }),
        holds: None,
    },
    Fixture {
        path: "/jinpai.qa.v1.AppealService/FileAppeal",
        // With an etag that is none, as above.
        body: |_, review| json!({ "reviewId": review, "etag": "none", "requestId": review, "comment": "why" }),
        holds: None,
    },
    Fixture {
        path: "/jinpai.qa.v1.AppealService/WithdrawAppeal",
        body: |who, _| json!({ "appealId": appeal(who), "etag": "none", "requestId": who }),
        holds: None,
    },
    Fixture {
        path: "/jinpai.qa.v1.AppealService/GetAppeal",
        body: |who, _| json!({ "appealId": appeal(who) }),
        holds: Some(|who, _| format!("appeal of {who}")),
    },
    Fixture {
        path: "/jinpai.qa.v1.AppealService/ListAppeals",
        body: |_, _| json!({}),
        holds: Some(|who, _| format!("appeal of {who}")),
    },
    Fixture {
        path: "/jinpai.qa.v1.AppealService/GetReviewHistory",
        body: |_, review| json!({ "reviewId": review }),
        holds: Some(|who, _| format!("c-{who}")),
    },
    Fixture {
        path: "/jinpai.qa.v1.QualityService/GetQuality",
        body: |_, _| json!({ "days": days(), "group": "QUALITY_GROUP_ACCOUNT" }),
        holds: Some(|who, _| format!("acc-{who}")),
    },
    Fixture {
        path: "/jinpai.qa.v1.QualityService/GetFeedbackSheet",
        body: |who, _| json!({ "personId": who, "day": on_day() }),
        holds: Some(|who, _| format!("\"personId\":\"{who}\"")),
    },
    Fixture {
        path: "/jinpai.qa.v1.BuyerReviewService/GetBuyerReview",
        body: |who, _| json!({ "shopId": small::SHOP, "reviewId": format!("review-{who}") }),
        holds: Some(|who, _| format!("acc-{who}")),
    },
    Fixture {
        path: "/jinpai.qa.v1.BuyerReviewService/ListBuyerReviews",
        body: |_, _| json!({ "days": days() }),
        holds: Some(|who, _| format!("acc-{who}")),
    },
    Fixture {
        path: "/jinpai.qa.v1.BuyerReviewService/ListOverdueBuyerReviews",
        body: |_, _| json!({}),
        holds: Some(|who, _| format!("acc-{who}")),
    },
    Fixture {
        path: "/jinpai.qa.v1.BuyerReviewService/TakeBuyerReviewStep",
        // With etags that are none, here and below, as above.
        body: |who, _| with(buyer_review(who), json!({ "reopen": { "note": "?" } })),
        holds: None,
    },
    Fixture {
        path: "/jinpai.qa.v1.BuyerReviewService/AssignBuyerReview",
        body: |who, _| buyer_review(who),
        holds: None,
    },
    Fixture {
        path: "/jinpai.qa.v1.BuyerReviewService/CollectBuyerReview",
        body: |who, _| buyer_review(who),
        holds: None,
    },
    Fixture {
        path: "/jinpai.qa.v1.BuyerReviewService/RecordBuyerReviewConsent",
        body: |who, _| {
            let asked =
                json!({ "state": "BUYER_CONSENT_STATE_ASKED", "channel": "BUYER_CONTACT_CHANNEL_CHAT" });
            with(buyer_review(who), asked)
        },
        holds: None,
    },
    Fixture {
        path: "/jinpai.qa.v1.BuyerReviewService/GetBuyerReviewFigures",
        body: |_, _| json!({ "days": days(), "group": "BUYER_REVIEW_GROUP_AGENT" }),
        holds: Some(|who, _| format!("\"key\":\"{who}\"")),
    },
    Fixture {
        path: "/jinpai.qa.v1.BuyerReviewService/GetBuyerReviewWeek",
        body: |_, _| json!({ "day": on_day() }),
        holds: Some(|who, _| format!("\"key\":\"{who}\"")),
    },
    Fixture {
        path: "/jinpai.gateway.v1.GatewayService/GetAgentDay",
        body: |who, _| json!({ "personId": who, "businessDay": on_day() }),
        holds: Some(|who, _| format!("name-{who}")),
    },
    Fixture {
        path: "/jinpai.gateway.v1.GatewayService/GetTeamBoard",
        body: |who, _| json!({ "teamId": team(who), "businessDay": on_day() }),
        holds: Some(|who, _| format!("name-{who}")),
    },
];

#[test]
fn every_method_with_a_narrow_grant_has_a_fixture() {
    let narrow = |rule: &&MethodRule| rule.grants.iter().any(|(_, scope)| *scope != Scope::Merchant);
    let mut wanted: Vec<_> = rules().iter().filter(narrow).map(|rule| rule.path).collect();
    let mut here: Vec<_> = FIXTURES.iter().map(|fixture| fixture.path).collect();
    wanted.sort_unstable();
    here.sort_unstable();
    assert_eq!(here, wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_reaches_own_team_and_merchant_as_the_rules_say() {
    let suite = InProcess::start().await;
    let reviews = fill(&suite).await;
    let mut wrong = Vec::new();
    let mut cells = 0;
    for fixture in FIXTURES {
        let rule = proto::access::rule(fixture.path).expect("a method");
        for role in all_roles() {
            let own = if role == Role::Lead { "lead" } else { "agent" };
            for (merchant, target) in
                [(MERCHANT, own), (MERCHANT, "mate"), (MERCHANT, "other"), (ELSEWHERE, own)]
            {
                let expected = match rule.scope_for(&[role]) {
                    _ if merchant == ELSEWHERE => false,
                    None | Some(Scope::Unspecified) => false,
                    // A team is seen by who is in it.
                    Some(Scope::Own) => {
                        target == own || (fixture.path.ends_with("/ListTeams") && target == "mate")
                    }
                    Some(Scope::Team) => target != "other",
                    Some(Scope::Merchant) => true,
                };
                let token = suite.door.token(merchant, role, Some(own));
                let body = (fixture.body)(target, &reviews[target]);
                let answer = if rule.endless {
                    first(&suite.door, fixture.path, &token, &body).await
                } else if rule.server_streaming {
                    suite.door.json_stream(fixture.path, &token, &body).await
                } else {
                    suite.door.json(fixture.path, &token, &body).await
                };
                cells += 1;
                if reached(fixture, target, &reviews[target], &answer) != expected {
                    let (role, seen) = (role_name(role), answer.json());
                    wrong.push(format!("{} as {role} of {merchant} about {target}: {seen}", fixture.path));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {cells} differ from the rules:\n{}", wrong.len(), wrong.join("\n"));
}

/// The first message of an endless stream; one that ends without any is refused.
async fn first(door: &Door, path: &str, token: &str, body: &Value) -> Answer {
    match door.connect_open(path, token, body).await.next().await {
        Framed::Message(body) => Answer { status: 200, headers: HeaderMap::new(), body },
        Framed::End(body) => Answer { status: 403, headers: HeaderMap::new(), body },
    }
}

fn reached(fixture: &Fixture, who: &str, review: &str, answer: &Answer) -> bool {
    match fixture.holds {
        Some(holds) => answer.status == 200 && answer.json().to_string().contains(&holds(who, review)),
        None => ![403, 404].contains(&answer.status),
    }
}

/// People, a drawn day with a long chat of each agent, and a submitted review of each chat, by agent.
async fn fill(suite: &InProcess) -> BTreeMap<&'static str, String> {
    let manager = suite.door.session(Role::Manager, Some("manager")).await;
    people::import(&manager, PEOPLE).await;
    let agents = ["agent", "mate", "lead", "other"];
    let day = NaiveDate::from_ymd_opt(2020, 5, 12).expect("a day");
    let chats = agents.map(|who| small::chat(&format!("c-{who}"), &format!("acc-{who}"), day, 12));
    // The customers of the day's chats come back today.
    let today = agents.map(|who| proto::metrics::v1::Conversation {
        customer_id: format!("customer of c-{who}"),
        ..small::chat_now(&format!("today-{who}"), &format!("acc-{who}"))
    });
    small::ingest(&manager, chats.into_iter().chain(today).collect()).await;
    services_know_the_people(&suite.door).await;
    plans::fill(&suite.door, &manager, &agents).await;
    customers::fill(&manager, &agents, day).await;
    let mut qa = QaServiceClient::new(manager.channel());
    eventually(Duration::from_secs(60), async || {
        let listed = qa.list_reviewers(qa_v1::ListReviewersRequest::default()).await.expect("lists");
        !listed.into_inner().reviewers.is_empty()
    })
    .await;
    // As if something had been known on the day itself: then all that came now restates it.
    let known = format!("INSERT INTO metrics.day_knowledge VALUES ('{MERCHANT}', '{day}', '{day}')");
    let client = suite.ground.look().await.expect("the database is there");
    client.batch_execute(&known).await.expect("puts the knowledge in");
    client.batch_execute(&customers::care_tasks(&agents)).await.expect("puts the tasks in");
    client.batch_execute(&risks_and_weaknesses(day)).await.expect("puts risks and weaknesses in");
    client.batch_execute(&buyer_reviews(day)).await.expect("puts buyers' reviews in");
    eventually(Duration::from_secs(60), async || {
        let waiting = client.query_one("SELECT count(*) FROM qa.check_queue", &[]).await.expect("counts");
        waiting.get::<_, i64>(0) == 0
    })
    .await;
    let options = draw::Options { days: Days { from: day, to: None }, wait: 60 };
    let drawn = draw::days(&manager, &options, |_| ()).await.expect("draws");
    assert_eq!(drawn.drawn, 4);
    let listed = qa.list_reviews(qa_v1::ListReviewsRequest::default()).await.expect("lists").into_inner();
    let mut reviews = BTreeMap::new();
    for review in listed.reviews {
        let who = agents.into_iter().find(|who| review.account_id == format!("acc-{who}")).expect("an agent");
        reviews.insert(who, review.review_id.clone());
        let reviewer = suite.door.session(Role::Reviewer, Some(&review.reviewer_person_id)).await;
        submit(&reviewer, review).await;
    }
    assert_eq!(reviews.len(), 4);
    let appeals = reviews.iter().map(|(who, review)| {
        format!(
            "INSERT INTO qa.appeals (merchant_id, appeal_id, review_id, assessment_version, filed_by_person_id, filed_at, \
                comment, proposed, first_reviewer_person_id, due_day, state, revision) \
             VALUES ('{MERCHANT}', '{}', '{review}', 1, '{who}', now(), 'appeal of {who}', '[]', 'reviewer', '{day}', 1, 1)",
            appeal(who)
        )
    });
    client.batch_execute(&appeals.collect::<Vec<_>>().join(";")).await.expect("puts the appeals in");
    reviews
}

/// A submitted risk review and a weakness of each agent.
fn risks_and_weaknesses(day: NaiveDate) -> String {
    let figure = "{\"value\":0.5,\"low\":0.4,\"high\":0.6,\"sample\":40}";
    let finding = format!("{{\"from\":\"{day}\",\"to\":\"{day}\",\"own\":{figure},\"others\":{figure}}}");
    let agents = "unnest(ARRAY['agent', 'mate', 'lead', 'other']) AS who";
    let assessment = "{\"scores\":[],\"critical_errors\":[],\"comments\":[],\"summary\":\"\"}";
    format!(
        "INSERT INTO qa.risk_reviews (merchant_id, review_id, business_day, account_id, shop_id, channel, conversation_id, \
            place, critical, major, minor, rule_ids, picked_at, reviewer_person_id, scorecard_id, scorecard_version, \
            assessment, score_bp, submitted_at) \
         SELECT '{MERCHANT}', gen_random_uuid(), '{day}', 'acc-' || who, 'shop', 'chat', 'c-' || who, 1, 0, 1, 0, '{{}}', now(), \
            'reviewer', 'standard', 1, '{assessment}', 10000, now() FROM {agents}; \
         INSERT INTO qa.weaknesses (merchant_id, weakness_id, person_id, kind, subject_id, finding, evidence, found_at) \
         SELECT '{MERCHANT}', gen_random_uuid(), who, 1, 'rule', '{finding}', '[]', now() FROM {agents}"
    )
}

/// A bad review of each agent's, whose reply is overdue.
fn buyer_reviews(day: NaiveDate) -> String {
    let at = format!("{day}T04:00:00Z");
    let terms = json!({
        "version": 0, "good_stars_min": 4, "bad_stars_max": 2, "comment_decides": true, "reply_hours": [72, 72, 24],
        "service_hours": [0, 0], "plan_days": 1, "effect_days": 30, "served_days": 30, "history_days": 7,
    });
    let rows = ["agent", "mate", "lead", "other"].map(|who| {
        let words = json!({ "revision": 0, "rating": "bad", "text": "", "append_text": "", "arrived_at": at });
        let content = json!({
            "id": { "shop": small::SHOP, "id": format!("review-{who}") }, "order": "", "product": "", "customer": "",
            "served": { "account": format!("acc-{who}"), "day": day }, "reviewed_at": at, "business_day": day,
            "terms": terms, "revisions": [words], "replies": [], "entries": [], "edits": 1,
        });
        format!(
            "('{MERCHANT}', 'review-{who}', '{}', '{at}', '{day}', 'acc-{who}', '{day}', '', '', '', '', '', 3, 3, 1, '', '', \
             false, '{day}', '{at}', 1, '{at}', '{{}}', '{{}}', '', '{content}')",
            small::SHOP
        )
    });
    format!(
        "INSERT INTO qa.buyer_reviews (merchant_id, review_id, shop_id, reviewed_at, reviewed_day, account_id, served_day, \
            channel, conversation_id, product_id, order_id, customer_id, kind, worst, state, cause_id, stage_id, \
            comment_unjudged, runs_until, reply_due_at, duty, due_at, tags, allowed_uses, words, content) VALUES {}",
        rows.join(", ")
    )
}

/// The id of the appeal of an agent.
fn appeal(who: &str) -> String {
    let number = ["agent", "mate", "lead", "other"].iter().position(|agent| *agent == who);
    format!("01900000-0000-7000-8000-00000000000{}", number.expect("an agent"))
}

/// Full marks on everything.
async fn submit(session: &Session, review: qa_v1::Review) {
    let mut qa = QaServiceClient::new(session.channel());
    let card = qa.get_scorecard(qa_v1::GetScorecardRequest::default()).await.expect("a card").into_inner();
    let card = card.scorecard.expect("a card");
    let scores = card.criteria.iter().map(|criterion| qa_v1::CriterionScore {
        criterion_id: criterion.criterion_id.clone(),
        points: Some(criterion.max_points),
        not_applicable: false,
        reason_ids: Vec::new(),
    });
    let request = qa_v1::SubmitReviewRequest {
        request_id: review.review_id.clone(),
        review_id: review.review_id,
        etag: review.etag,
        scorecard_id: card.scorecard_id,
        scorecard_version: card.version,
        scores: scores.collect(),
        ..Default::default()
    };
    qa.submit_review(request).await.expect("submits");
}

/// Waits until metrics and qa have followed the directory.
async fn services_know_the_people(door: &Door) {
    let lead = door.token(MERCHANT, Role::Lead, Some("lead"));
    eventually(Duration::from_secs(60), async || {
        let asked = FIXTURES.iter().filter(|fixture| {
            fixture.path.ends_with("/GetFigures") || fixture.path.ends_with("/GetConversation")
        });
        for fixture in asked {
            let answer = door.json(fixture.path, &lead, &(fixture.body)("mate", "")).await;
            if !reached(fixture, "mate", "", &answer) {
                return false;
            }
        }
        true
    })
    .await;
}

fn team(who: &str) -> &'static str {
    if who == "other" { "team-b" } else { "team-a" }
}

fn chat(who: &str) -> Value {
    json!({ "shopId": small::SHOP, "channel": small::CHANNEL, "conversationId": format!("c-{who}") })
}

fn lost_inquiry(who: &str) -> Value {
    json!({
        "shopId": small::SHOP,
        "customerId": format!("customer of c-{who}"),
        "businessDay": on_day(),
        "accountId": format!("acc-{who}"),
    })
}

fn buyer_review(who: &str) -> Value {
    let (request, review) = (format!("to {who}"), format!("review-{who}"));
    json!({ "requestId": request, "shopId": small::SHOP, "reviewId": review, "etag": "none" })
}

/// An object with the fields of another.
fn with(mut object: Value, more: Value) -> Value {
    if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
        object.extend(more);
    }
    object
}

fn on_day() -> Value {
    json!({ "year": 2020, "month": 5, "day": 12 })
}

fn days() -> Value {
    json!({ "from": on_day(), "to": on_day() })
}
