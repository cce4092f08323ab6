//! Reports: asked for by people and by the calendar, and seen by whom they are about.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::TimeDelta;
use proto::access::Role;
use proto::metrics::v1 as pb;
use serde_json::Value;
use testkit::{TestCaller, caller, eventually};
use tonic::Code;

use crate::fact_support::{fact, order, payment};
use crate::report_support::{asking_for, client, create_as, download, download_as, get_as, made, ready};
use crate::support::{TestMetrics, chat, date, days, reason};

const CHAT: &[&str] = &["0 C", "20 A"];
const MERCHANT: (pb::ReportSubjectKind, &str) = (pb::ReportSubjectKind::Merchant, "");

fn person(id: &str) -> (pb::ReportSubjectKind, &str) {
    (pb::ReportSubjectKind::Person, id)
}

fn team(id: &str) -> (pb::ReportSubjectKind, &str) {
    (pb::ReportSubjectKind::Team, id)
}

fn agent(id: &str) -> TestCaller {
    caller().person(id).roles(&[Role::Agent])
}

fn lead(id: &str) -> TestCaller {
    caller().person(id).roles(&[Role::Lead])
}

/// Two in team t1 with their lead p9, one in t2.
async fn shop(overrides: &[(&str, &str)]) -> TestMetrics {
    let test = TestMetrics::start_with(overrides).await;
    test.person("p1", "a1", Some(("t1", false))).await;
    test.person("p2", "a2", Some(("t1", false))).await;
    test.person("p9", "a9", Some(("t1", true))).await;
    test.person("p3", "a3", Some(("t2", false))).await;
    test
}

async fn list_as(
    test: &TestMetrics,
    who: &TestCaller,
    mut message: pb::ListReportsRequest,
) -> Vec<pb::Report> {
    let mut all = Vec::new();
    loop {
        let page =
            client(test).list_reports(test.by(who, message.clone())).await.expect("lists").into_inner();
        all.extend(page.reports);
        if page.next_page_token.is_empty() {
            return all;
        }
        message.page_token = page.next_page_token;
    }
}

async fn json(test: &TestMetrics, id: &str) -> Value {
    serde_json::from_slice(&download(test, id, pb::ReportForm::Json).await).expect("is JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_seen_by_whom_it_is_about_and_who_led_them_on_its_last_day() {
    let test = shop(&[]).await;
    test.send(vec![chat("c", "a1", "b", "2020-05-13T10:00:00", CHAT)]).await;
    let mut ids = Vec::new();
    for subject in [person("p1"), person("p2"), person("p3"), team("t1"), team("t2"), MERCHANT] {
        ids.push(made(&test, asking_for(pb::ReportKind::Weekly, subject, "2020-05-13")).await.report_id);
    }
    let readers = [
        (caller(), vec![0, 1, 2, 3, 4, 5]),
        (agent("p1"), vec![0]),
        (agent("p3"), vec![2]),
        (lead("p9"), vec![0, 1, 3]),
        // Whoever leads nobody sees what is about themselves.
        (lead("p3"), vec![2]),
        (caller().of("other"), vec![]),
    ];
    for (who, seen) in readers {
        let listed =
            list_as(&test, &who, pb::ListReportsRequest { page_size: 2, ..Default::default() }).await;
        let listed: BTreeSet<_> = listed.into_iter().map(|report| report.report_id).collect();
        let expected: BTreeSet<_> = seen.iter().map(|at| ids[*at].clone()).collect();
        assert_eq!(listed, expected);
        for (at, id) in ids.iter().enumerate() {
            let message = pb::DownloadReportRequest {
                report_id: id.clone(),
                form: pb::ReportForm::Html.into(),
                ..Default::default()
            };
            let answers =
                [get_as(&test, &who, id).await.map(drop), download_as(&test, &who, message).await.map(drop)];
            for answer in answers {
                match answer {
                    Ok(()) => assert!(seen.contains(&at)),
                    Err(status) => {
                        assert!(!seen.contains(&at));
                        assert_eq!(
                            (status.code(), reason(&status).as_str()),
                            (Code::NotFound, "REPORT_NOT_FOUND")
                        );
                    }
                }
            }
        }
    }
    // Who may see a report may ask for it.
    let ask = |subject| asking_for(pb::ReportKind::Monthly, subject, "2020-05-13");
    create_as(&test, &agent("p1"), ask(person("p1"))).await.expect("their own");
    create_as(&test, &lead("p9"), ask(team("t1"))).await.expect("their team's");
    for (who, subject) in [
        (agent("p1"), person("p2")),
        (agent("p1"), team("t1")),
        (lead("p9"), team("t2")),
        (lead("p9"), MERCHANT),
    ] {
        let refused = create_as(&test, &who, ask(subject)).await.expect_err("is out of reach");
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::NotFound, "REPORT_SUBJECT_NOT_FOUND"));
    }
    // Who led them when the report ended, not who leads them today.
    let client = test.pool.side_client().await.expect("connects");
    let sql = "UPDATE memberships SET from_day = '2020-06-01' WHERE person_id = 'p9'";
    client.batch_execute(sql).await.expect("moves the lead");
    let seen = list_as(&test, &lead("p9"), pb::ListReportsRequest::default()).await;
    assert!(seen.is_empty(), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_reported_is_refused_with_its_field_and_reason() {
    let test = shop(&[]).await;
    let good = asking_for(pb::ReportKind::Weekly, person("p1"), "2020-05-13");
    let refusals = [
        (
            pb::CreateReportRequest { subject_id: String::new(), ..good.clone() },
            Code::InvalidArgument,
            "subject_id",
        ),
        (
            asking_for(pb::ReportKind::Weekly, (MERCHANT.0, "x"), "2020-05-13"),
            Code::InvalidArgument,
            "subject_id",
        ),
        (
            asking_for(pb::ReportKind::MonthSummary, team("t1"), "2020-05-13"),
            Code::InvalidArgument,
            "subject_kind",
        ),
        (pb::CreateReportRequest { kind: 0, ..good.clone() }, Code::InvalidArgument, "kind"),
        (pb::CreateReportRequest { day: None, ..good.clone() }, Code::InvalidArgument, "day"),
        (
            asking_for(pb::ReportKind::Weekly, person("nobody"), "2020-05-13"),
            Code::NotFound,
            "REPORT_SUBJECT_NOT_FOUND",
        ),
        (
            asking_for(pb::ReportKind::Daily, person("p1"), "2020-07-01"),
            Code::FailedPrecondition,
            "REPORT_PERIOD_AHEAD",
        ),
        (
            pb::CreateReportRequest { known_on: Some(date("2020-06-30")), ..good.clone() },
            Code::FailedPrecondition,
            "DAY_NOT_OVER",
        ),
        (
            pb::CreateReportRequest {
                definition: Some(pb::DefinitionRef { definition_id: "none".to_owned(), version: 0 }),
                ..good.clone()
            },
            Code::NotFound,
            "DEFINITION_NOT_FOUND",
        ),
    ];
    for (message, code, told) in refusals {
        let status = create_as(&test, &caller(), message).await.expect_err("is refused");
        let problem = status::Problem::from_status(&status);
        let field = problem.violations.iter().any(|violation| violation.field == told);
        assert!(status.code() == code && (field || problem.reason == told), "{told}: {status:?}");
    }
    let named = pb::CreateReportRequest {
        report_id: "mine".to_owned(),
        request_id: "once".to_owned(),
        ..good.clone()
    };
    let first = create_as(&test, &caller(), named.clone()).await.expect("asks");
    assert_eq!(
        create_as(&test, &caller(), named.clone()).await.expect("is the same").report_id,
        first.report_id
    );
    let again = pb::CreateReportRequest { request_id: "twice".to_owned(), ..named };
    let status = create_as(&test, &caller(), again).await.expect_err("is taken");
    assert_eq!(reason(&status), "REPORT_EXISTS");
    assert_eq!(test.count("SELECT count(*) FROM reports").await, 1);
    assert_eq!(test.count("SELECT count(*) FROM audit_entries WHERE entity = 'report/mine'").await, 1);
    let mark = pb::DownloadReportRequest {
        report_id: "mine".to_owned(),
        form: pb::ReportForm::Html.into(),
        byte_order_mark: true,
        ..Default::default()
    };
    ready(&test, "mine").await;
    let status = download_as(&test, &caller(), mark).await.expect_err("is for CSV alone");
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_calendar_asks_for_what_is_due_once() {
    let test = shop(&[("reports.schedule_seconds", "1"), ("reports.check_seconds", "1")]).await;
    test.send(vec![
        chat("c1", "a1", "b1", "2020-06-29T10:00:00", CHAT),
        chat("c2", "a3", "b2", "2020-06-29T11:00:00", CHAT),
    ])
    .await;
    let all = |state: Option<pb::ReportState>| {
        let states = state.map(i32::from).into_iter().collect();
        list_as_manager(&test, pb::ListReportsRequest { states, page_size: 100, ..Default::default() })
    };
    // Day by day for the merchant and its two teams.
    eventually(Duration::from_secs(30), async || all(Some(pb::ReportState::Ready)).await.len() == 3).await;
    for report in all(None).await {
        assert_eq!((report.kind(), report.scheduled), (pb::ReportKind::Daily, true));
        assert_eq!((report.due_day, report.requested_by.as_str()), (Some(date("2020-06-30")), "metrics"));
    }
    // The 5th of July is a Sunday: the month's reports are due with the week's. Nothing happened in the days between.
    test.clock.set("2020-07-06T06:01:00+08:00");
    let subjects = 1 + 2 + 4;
    let wanted = [
        (pb::ReportKind::Daily, 3),
        (pb::ReportKind::Weekly, subjects),
        (pb::ReportKind::Monthly, subjects),
        (pb::ReportKind::Quarterly, subjects),
        (pb::ReportKind::ImprovementPlan, subjects),
        (pb::ReportKind::MonthSummary, 4),
    ];
    let expected: usize = wanted.iter().map(|(_, count)| count).sum();
    eventually(Duration::from_secs(60), async || all(Some(pb::ReportState::Ready)).await.len() == expected)
        .await;
    let listed = all(None).await;
    for (kind, count) in wanted {
        let of_kind: Vec<_> = listed.iter().filter(|report| report.kind() == kind).collect();
        assert_eq!(of_kind.len(), count, "{kind:?}");
        let due = if kind == pb::ReportKind::Daily { "2020-06-30" } else { "2020-07-06" };
        assert!(of_kind.iter().all(|report| report.due_day == Some(date(due))));
    }
    // Each is asked for once, however often is looked.
    let looked = test.count("SELECT count(*) FROM reports").await;
    test.clock.set("2020-07-06T09:00:00+08:00");
    let later = asking_for(pb::ReportKind::Daily, MERCHANT, "2020-06-29");
    made(&test, later).await;
    assert_eq!(test.count("SELECT count(*) FROM reports WHERE scheduled").await, looked);
    assert_eq!(test.count("SELECT count(*) FROM audit_entries WHERE entity = 'reports/monthly'").await, 1);
}

async fn list_as_manager(test: &TestMetrics, message: pb::ListReportsRequest) -> Vec<pb::Report> {
    list_as(test, &caller(), message).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_its_maker_left_is_made_by_another_and_one_that_cannot_be_is_given_up() {
    let test = shop(&[("reports.check_seconds", "1")]).await;
    let client = test.pool.side_client().await.expect("connects");
    let put = "INSERT INTO reports (merchant_id, report_id, kind, subject_kind, subject_id, from_day, to_day, scheduled, \
            definition_id, state, lease, attempts, held_until, requested_by, requested_at) \
         VALUES ('demo', 'left', 'daily', 'merchant', '', '2020-05-13', '2020-05-13', false, 'standard', 'making', \
            '00000000-0000-0000-0000-000000000001', 1, '2020-06-30T10:04:00+08:00', 'somebody', '2020-06-30T09:59:00+08:00'), \
            ('demo', 'wrong', 'daily', 'merchant', '', '2020-05-13', '2020-05-13', false, 'gone', 'waiting', \
            NULL, 0, '2020-06-30T09:59:00+08:00', 'somebody', '2020-06-30T09:59:00+08:00')";
    client.batch_execute(put).await.expect("puts the reports in");
    // While somebody holds it nobody else makes it; what comes after it is made.
    made(&test, asking_for(pb::ReportKind::Daily, MERCHANT, "2020-05-13")).await;
    assert_eq!(get_as(&test, &caller(), "left").await.expect("is there").state(), pb::ReportState::Making);
    let form = pb::ReportForm::Json.into();
    let early = pb::DownloadReportRequest { report_id: "left".to_owned(), form, ..Default::default() };
    let status = download_as(&test, &caller(), early).await.expect_err("is not ready");
    assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "REPORT_NOT_READY"));
    test.clock.advance(TimeDelta::minutes(5));
    ready(&test, "left").await;
    eventually(Duration::from_secs(60), async || {
        test.clock.advance(TimeDelta::minutes(2));
        get_as(&test, &caller(), "wrong").await.expect("is there").state() == pb::ReportState::Failed
    })
    .await;
    let failed = get_as(&test, &caller(), "wrong").await.expect("is there");
    assert_eq!(failed.failure, "there is no definition gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_stays_as_it_was_made() {
    let test = shop(&[]).await;
    test.send(vec![chat("c1", "a1", "b1", "2020-05-13T10:00:00", CHAT)]).await;
    let message = asking_for(pb::ReportKind::Daily, person("p1"), "2020-05-13");
    let report = made(&test, message.clone()).await;
    assert_eq!(report.figure_state(), pb::FigureState::Provisional);
    assert_eq!(report.subject.expect("a subject").name, "p1某");
    let forms = [pb::ReportForm::Json, pb::ReportForm::Csv, pb::ReportForm::Xlsx, pb::ReportForm::Html];
    let mut before = Vec::new();
    for form in forms {
        before.push(download(&test, &report.report_id, form).await);
    }
    test.send(vec![chat("c2", "a1", "b2", "2020-05-13T11:00:00", CHAT)]).await;
    for (form, before) in forms.into_iter().zip(before) {
        assert!(download(&test, &report.report_id, form).await == before, "{form:?} changed");
    }
    let value = |report: &Value| report["whole"]["figures"]["CONVERSATIONS"]["value"].as_i64();
    let next = made(&test, message).await;
    assert_eq!(value(&json(&test, &report.report_id).await), Some(1));
    assert_eq!(value(&json(&test, &next.report_id).await), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_summary_tells_of_targets_and_a_plan_of_what_to_do() {
    let test = shop(&[]).await;
    let slow: &[&str] = &["0 C", "600 A"];
    test.send(vec![
        chat("c1", "a1", "b-1", "2020-05-13T10:00:00", CHAT),
        chat("c2", "a2", "b-2", "2020-05-13T10:00:00", CHAT),
        chat("c3", "a1", "b-3", "2020-06-10T10:00:00", slow),
        chat("c4", "a2", "b-4", "2020-06-10T10:00:00", CHAT),
        chat("c5", "a1", "b-1", "2020-06-12T10:00:00", CHAT),
    ])
    .await;
    let sold = [
        fact("o", "2020-06-12T10:05:00", order(&["x"])),
        fact("pay", "2020-06-12T10:06:00", payment("o", 10_000)),
    ];
    test.send_facts(sold.to_vec()).await;
    test.counted().await;
    let mut targets =
        proto::metrics::v1::target_service_client::TargetServiceClient::new(test.channel.clone());
    let target = pb::CreateTargetRequest {
        target_id: "june".to_owned(),
        name: "六月".to_owned(),
        days: days("2020-06-01", "2020-06-20"),
        sales: Some(pb::SalesGoal {
            amount: crate::fact_support::yuan(60_000),
            basis: pb::SalesBasis::Paid.into(),
        }),
        ..Default::default()
    };
    let etag = targets.create_target(test.by(&caller(), target)).await.expect("sets").into_inner();
    let level = || Some(pb::SplitLevel { basis: pb::SplitBasis::HeadCount.into(), ..Default::default() });
    let split = pb::Split { teams: level(), people: level(), days: level(), ..Default::default() };
    let message = pb::SplitTargetRequest {
        target_id: "june".to_owned(),
        split: Some(split),
        etag: etag.target.expect("a target").etag,
        request_id: String::new(),
    };
    targets.split_target(test.by(&caller(), message)).await.expect("splits");

    let summary = made(&test, asking_for(pb::ReportKind::MonthSummary, person("p1"), "2020-06-15")).await;
    let told = json(&test, &summary.report_id).await;
    let [target] = told["targets"].as_array().expect("targets").as_slice() else { panic!("{told}") };
    // 600 yuan by head: 200 for each of three; their one order came to 100.
    assert_eq!((target["wanted"].as_i64(), target["actual"][0].as_i64()), (Some(20_000), Some(10_000)));
    assert_eq!(target["attainment_millionths"].as_i64(), Some(500_000));
    assert_eq!(told["sales"]["now_minor"].as_i64(), Some(10_000));

    let plan = made(&test, asking_for(pb::ReportKind::ImprovementPlan, team("t1"), "2020-06-15")).await;
    let told = json(&test, &plan.report_id).await;
    let worse = told["worse"].as_array().expect("what got worse");
    let response = worse.iter().find(|worse| worse["measure"] == "RESPONSE").expect("response got worse");
    assert_eq!(response["people"][0]["key"], "p1");
    assert!(response["hours"].as_array().is_some_and(|hours| !hours.is_empty()));
    assert_eq!(response["verdict"]["verdict"], "too_few", "there is one month before");
    assert!(!response["remedies"].as_array().expect("remedies").is_empty());
    let page = String::from_utf8(download(&test, &plan.report_id, pb::ReportForm::Html).await).expect("text");
    assert!(page.contains("data-measure=\"RESPONSE\"") && page.contains("p1某"));
}
