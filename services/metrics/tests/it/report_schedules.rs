//! When reports are made, and for whom: as it is built in, and as merchants put it.

use std::time::Duration;

use proto::access::Role;
use proto::metrics::v1 as pb;
use testkit::{TestCaller, caller, eventually};
use tonic::{Code, Status};

use crate::incident_support;
use crate::report_support::client;
use crate::support::{TestMetrics, chat, date, days, instant, reason};

const CHAT: &[&str] = &["0 C", "20 A"];

async fn get_as(
    test: &TestMetrics,
    who: &TestCaller,
    version: Option<i32>,
) -> Result<pb::GetReportScheduleResponse, Status> {
    let message = pb::GetReportScheduleRequest { version };
    Ok(client(test).get_report_schedule(test.by(who, message)).await?.into_inner())
}

pub async fn get(test: &TestMetrics) -> pb::ReportSchedule {
    get_as(test, &caller(), None).await.expect("answers").schedule.expect("a schedule")
}

pub async fn put_as(
    test: &TestMetrics,
    who: &TestCaller,
    schedule: pb::ReportSchedule,
    request_id: &str,
) -> Result<pb::PutReportScheduleResponse, Status> {
    let message =
        pb::PutReportScheduleRequest { schedule: Some(schedule), request_id: request_id.to_owned() };
    Ok(client(test).put_report_schedule(test.by(who, message)).await?.into_inner())
}

fn of(schedule: &mut pb::ReportSchedule, kind: pb::ReportKind) -> &mut pb::ReportPlan {
    schedule.plans.iter_mut().find(|plan| plan.kind() == kind).expect("a plan")
}

/// Off on these days of 2020.
fn off(days: &[&str]) -> Vec<pb::SpecialDay> {
    let special =
        |day: &&str| pb::SpecialDay { day: Some(date(day)), working: false, name: "端午节".to_owned() };
    days.iter().map(special).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_is_put_in_versions_and_each_stays_readable() {
    let test = TestMetrics::start().await;
    let built_in = get(&test).await;
    assert_eq!(
        (built_in.version, built_in.plans.len(), built_in.days_off.as_slice()),
        (0, 7, [6, 7].as_slice())
    );
    let monthly = built_in.plans.iter().find(|plan| plan.kind() == pb::ReportKind::Monthly).expect("a plan");
    assert_eq!((monthly.day_of_month, monthly.weekday, monthly.shift()), (5, 0, pb::ReportShift::After));

    let mut changed = built_in.clone();
    let plan = of(&mut changed, pb::ReportKind::Monthly);
    (plan.day_of_month, plan.hour) = (8, Some(9));
    plan.set_shift(pb::ReportShift::Before);
    changed.plans.retain(|plan| plan.kind() != pb::ReportKind::Yearly);
    changed.special_days = off(&["2020-07-08", "2020-07-07"]);
    let answer = put_as(&test, &caller(), changed.clone(), "once").await.expect("puts");
    let put = answer.schedule.expect("a schedule");
    assert_eq!((put.version, put.plans.len(), put.updated_by.is_empty()), (1, 6, false));
    assert_eq!(put.special_days, off(&["2020-07-07", "2020-07-08"]), "in order");
    // The 8th and the 7th are off, so the month is reported on the 6th, at nine.
    let next = answer.upcoming.iter().find(|next| next.kind() == pb::ReportKind::Monthly).expect("comes");
    assert_eq!((next.days, next.due_day), (days("2020-06-01", "2020-06-30"), Some(date("2020-07-06"))));
    assert_eq!(next.at, Some(instant("2020-07-06T09:00:00+08:00".parse().expect("an instant"))));

    let again = put_as(&test, &caller(), changed.clone(), "once").await.expect("is the same");
    assert_eq!(again.schedule.expect("a schedule"), put);
    let status = put_as(&test, &caller(), changed, "twice").await.expect_err("is old");
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Aborted, "REPORT_SCHEDULE_CHANGED"));
    let cleared = pb::ReportSchedule { plans: Vec::new(), ..get(&test).await };
    let none = put_as(&test, &caller(), cleared, "").await.expect("puts");
    assert_eq!((none.schedule.expect("a schedule").version, none.upcoming.len()), (2, 0));

    let read = async |version| {
        let answer = get_as(&test, &caller(), version).await.expect("answers");
        answer.schedule.expect("a schedule")
    };
    assert_eq!(read(Some(0)).await, built_in);
    assert_eq!(read(Some(1)).await, put);
    assert_eq!(read(None).await.version, 2);
    let status = get_as(&test, &caller(), Some(3)).await.expect_err("is ahead");
    assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "REPORT_SCHEDULE_NOT_FOUND"));
    assert_eq!(test.count("SELECT count(*) FROM audit_entries WHERE entity = 'report_schedule'").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_change_it_at_once_do_not_undo_each_other() {
    let test = TestMetrics::start().await;
    let built_in = get(&test).await;
    let change = |hour| {
        let mut schedule = built_in.clone();
        of(&mut schedule, pb::ReportKind::Daily).hour = Some(hour);
        schedule
    };
    let caller = caller();
    let (first, second) =
        tokio::join!(put_as(&test, &caller, change(7), "a"), put_as(&test, &caller, change(8), "b"));
    let refused: Vec<String> =
        [&first, &second].into_iter().filter_map(|one| one.as_ref().err()).map(reason).collect();
    assert_eq!(refused, ["REPORT_SCHEDULE_CHANGED"]);
    assert_eq!(get(&test).await.version, 1);
}

/// What makes a schedule wrong.
type Change = fn(&mut pb::ReportSchedule);

#[tokio::test(flavor = "multi_thread")]
async fn what_a_schedule_cannot_say_is_refused_with_its_field() {
    let test = TestMetrics::start().await;
    let built_in = get(&test).await;
    let refusals: [(&str, Change); 12] = [
        ("schedule.plans[0].weekday", |s| s.plans[0].weekday = 3),
        ("schedule.plans[1].weekday", |s| s.plans[1].weekday = 8),
        ("schedule.plans[1].weekday", |s| s.plans[1].weekday = 0),
        ("schedule.plans[1].day_of_month", |s| (s.plans[1].weekday, s.plans[1].day_of_month) = (0, 4)),
        ("schedule.plans[2].day_of_month", |s| s.plans[2].day_of_month = 29),
        ("schedule.plans[2].hour", |s| s.plans[2].hour = Some(24)),
        ("schedule.plans[2].shift", |s| s.plans[2].shift = 0),
        ("schedule.plans[3].kind", |s| s.plans[3].kind = s.plans[2].kind),
        ("schedule.plans[6].subjects[0]", |s| s.plans[6].subjects = vec![pb::ReportSubjectKind::Team.into()]),
        ("schedule.plans[0].recipients[0]", |s| s.plans[0].recipients = vec![Role::Warehouse.into()]),
        ("schedule.days_off", |s| s.days_off = (1..=7).collect()),
        ("schedule.special_days[1].day", |s| s.special_days = off(&["2020-06-25", "2020-06-25"])),
    ];
    for (field, change) in refusals {
        let mut schedule = built_in.clone();
        change(&mut schedule);
        let status = put_as(&test, &caller(), schedule, "").await.expect_err(field);
        let problem = status::Problem::from_status(&status);
        let named: Vec<&str> = problem.violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(
            (status.code(), named.as_slice()),
            (Code::InvalidArgument, [field].as_slice()),
            "{status:?}"
        );
    }
    assert_eq!(get(&test).await, built_in);
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_lead_a_merchant_change_its_schedule_and_all_who_read_reports_see_it() {
    let test = TestMetrics::start().await;
    let built_in = get(&test).await;
    for role in [Role::Agent, Role::Lead, Role::DeputySupervisor, Role::Analyst, Role::ServiceAccount] {
        let who = caller().person("p1").roles(&[role]);
        let seen = get_as(&test, &who, None).await.expect("reads").schedule.expect("a schedule");
        assert_eq!(seen, built_in);
        let refused = put_as(&test, &who, built_in.clone(), "").await.expect_err("may not");
        assert_eq!(refused.code(), Code::PermissionDenied, "{role:?}");
    }
    let warehouse = caller().person("p1").roles(&[Role::Warehouse]);
    assert_eq!(get_as(&test, &warehouse, None).await.expect_err("may not").code(), Code::PermissionDenied);
    put_as(&test, &caller().roles(&[Role::Supervisor]), built_in, "").await.expect("puts");
    // Another merchant has its own.
    let others = get_as(&test, &caller().of("other"), None).await.expect("answers");
    assert_eq!(others.schedule.expect("a schedule").version, 0);
}

async fn listed(test: &TestMetrics, who: &TestCaller, addressed_to_me: bool) -> Vec<pb::Report> {
    let message = pb::ListReportsRequest { addressed_to_me, page_size: 100, ..Default::default() };
    client(test).list_reports(test.by(who, message)).await.expect("lists").into_inner().reports
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_follow_the_schedule_and_its_holidays_and_name_whom_they_are_for() {
    let settings = [("reports.schedule_seconds", "1"), ("reports.check_seconds", "1")];
    let test = TestMetrics::start_with(&settings).await;
    test.clock.set("2020-06-27T20:00:00+08:00");
    test.person("p1", "a1", Some(("t1", false))).await;
    let mut schedule = get(&test).await;
    schedule.plans.retain(|plan| plan.kind() == pb::ReportKind::Daily);
    let daily = of(&mut schedule, pb::ReportKind::Daily);
    daily.subjects = vec![pb::ReportSubjectKind::Team.into(), pb::ReportSubjectKind::Merchant.into()];
    daily.recipients = vec![Role::Lead.into(), Role::Analyst.into()];
    daily.hour = Some(9);
    daily.set_shift(pb::ReportShift::After);
    // The Dragon Boat Festival: Thursday to Saturday off, and the Sunday after is worked.
    schedule.special_days = off(&["2020-06-25", "2020-06-26", "2020-06-27"]);
    schedule.special_days.push(pb::SpecialDay {
        day: Some(date("2020-06-28")),
        working: true,
        name: "调休".to_owned(),
    });
    put_as(&test, &caller(), schedule, "").await.expect("puts");
    test.send(vec![
        chat("c1", "a1", "b1", "2020-06-24T10:00:00", CHAT),
        chat("c2", "a1", "b2", "2020-06-26T10:00:00", CHAT),
    ])
    .await;
    // Until nine o'clock on the Sunday nothing is due.
    test.clock.set("2020-06-28T08:59:00+08:00");
    let looked = "SELECT count(*) FROM reports";
    test.send(vec![chat("c3", "a1", "b3", "2020-06-26T11:00:00", CHAT)]).await;
    test.counted().await;
    assert_eq!(test.count(looked).await, 0);
    test.clock.set("2020-06-28T09:00:00+08:00");
    let ready = async || {
        let all = listed(&test, &caller(), false).await;
        all.iter().filter(|report| report.state() == pb::ReportState::Ready).count()
    };
    eventually(Duration::from_secs(60), async || ready().await == 4).await;
    let all = listed(&test, &caller(), false).await;
    assert_eq!(all.len(), 4, "two days, each about the merchant and the team");
    for report in &all {
        assert_eq!((report.kind(), report.due_day), (pb::ReportKind::Daily, Some(date("2020-06-28"))));
        assert_eq!(report.recipients().collect::<Vec<_>>(), [Role::Lead, Role::Analyst]);
        let day = report.days.expect("a day").from.expect("a day");
        assert!([date("2020-06-24"), date("2020-06-26")].contains(&day));
    }
    assert_eq!(listed(&test, &caller().roles(&[Role::Analyst]), true).await.len(), 4);
    assert_eq!(listed(&test, &caller().roles(&[Role::Manager]), true).await.len(), 0);
    assert_eq!(listed(&test, &caller().roles(&[Role::Manager, Role::Analyst]), true).await.len(), 4);
    // What a lead doesn't reach isn't theirs to read because it is addressed to leads.
    assert!(listed(&test, &caller().person("p1").roles(&[Role::Lead]), true).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_in_working_days_goes_by_the_merchants_holidays() {
    let test = incident_support::shop().await;
    let special =
        |day: &str, working| pb::SpecialDay { day: Some(date(day)), working, name: "调休".to_owned() };
    let mut schedule = get(&test).await;
    // Wednesday to Friday off, and the Sunday after worked for it.
    schedule.special_days = vec![
        special("2020-07-01", false),
        special("2020-07-02", false),
        special("2020-07-03", false),
        special("2020-07-05", true),
    ];
    put_as(&test, &caller(), schedule, "").await.expect("puts");
    let opened = incident_support::open(&test, "i").await;
    let closed = incident_support::move_to(&test, &opened, pb::IncidentState::Closed).await.expect("closes");
    assert_eq!(closed.retrospective_due_day, Some(date("2020-07-09")), "five days from Tuesday the 30th");
}
