//! Cases: complaints, after-sale, questions left open.

use prost_types::Timestamp;
use proto::access::Role;
use proto::metrics::v1 as pb;
use proto::metrics::v1::case_service_client::CaseServiceClient;
use testkit::{TestCaller, caller};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::fact_support::{fen, local, yuan};
use crate::support::{TestMetrics, days, reason};

fn client(test: &TestMetrics) -> CaseServiceClient<Channel> {
    CaseServiceClient::new(test.channel.clone())
}

/// p1 and p2 in a team that p2 leads, p3 in another, p4 in none.
pub async fn shop() -> TestMetrics {
    let test = TestMetrics::start().await;
    test.person("p1", "a1", Some(("t1", false))).await;
    test.person("p2", "a2", Some(("t1", true))).await;
    test.person("p3", "a3", Some(("t2", false))).await;
    test.person("p4", "a4", None).await;
    test
}

pub fn agent(person: &str) -> TestCaller {
    caller().person(person).roles(&[Role::Agent])
}

fn lead() -> TestCaller {
    caller().person("p2").roles(&[Role::Lead])
}

fn specialist() -> TestCaller {
    caller().person("p4").roles(&[Role::CrisisSpecialist])
}

pub fn broken_parcel() -> pb::CaseContent {
    pb::CaseContent {
        kind: pb::CaseKind::Complaint.into(),
        severity: pb::ComplaintSeverity::Ordinary.into(),
        cause_id: "parcel".to_owned(),
        occurred_at: Some(local("2020-06-29T20:00:00")),
        place: "菜鸟驿站".to_owned(),
        contact_name: "王小明".to_owned(),
        event: "包裹破损，请打13812345678联系".to_owned(),
        phone: "+86 138-1234-5678".to_owned(),
        shop_id: "star".to_owned(),
        customer_id: "b-1".to_owned(),
        order_id: "o-1".to_owned(),
        conversations: vec![],
    }
}

pub async fn accept_as(
    test: &TestMetrics,
    who: &TestCaller,
    id: &str,
    content: pb::CaseContent,
) -> Result<pb::Case, Status> {
    let message = pb::AcceptCaseRequest {
        case_id: id.to_owned(),
        content: Some(content),
        owner_person_id: String::new(),
        request_id: format!("accept-{id}"),
    };
    Ok(client(test).accept_case(test.by(who, message)).await?.into_inner().case.expect("a case"))
}

pub async fn get_as(test: &TestMetrics, who: &TestCaller, id: &str) -> Result<pb::Case, Status> {
    let message = pb::GetCaseRequest { case_id: id.to_owned() };
    Ok(client(test).get_case(test.by(who, message)).await?.into_inner().case.expect("a case"))
}

async fn step_as(
    test: &TestMetrics,
    who: &TestCaller,
    at: &pb::Case,
    step: pb::CaseStep,
) -> Result<pb::Case, Status> {
    step_again(test, who, at, step, "").await
}

async fn step_again(
    test: &TestMetrics,
    who: &TestCaller,
    at: &pb::Case,
    step: pb::CaseStep,
    request_id: &str,
) -> Result<pb::Case, Status> {
    let message = pb::TakeCaseStepRequest {
        case_id: at.case_id.clone(),
        step: Some(step),
        etag: at.etag.clone(),
        request_id: request_id.to_owned(),
    };
    Ok(client(test).take_case_step(test.by(who, message)).await?.into_inner().case.expect("a case"))
}

async fn update_as(
    test: &TestMetrics,
    who: &TestCaller,
    at: &pb::Case,
    content: pb::CaseContent,
) -> Result<pb::Case, Status> {
    let message = pb::UpdateCaseRequest {
        case_id: at.case_id.clone(),
        content: Some(content),
        etag: at.etag.clone(),
        request_id: String::new(),
    };
    Ok(client(test).update_case(test.by(who, message)).await?.into_inner().case.expect("a case"))
}

pub async fn list_as(test: &TestMetrics, who: &TestCaller, mut asked: pb::ListCasesRequest) -> Vec<String> {
    asked.page_size = 2;
    let mut ids = Vec::new();
    loop {
        let page = client(test).list_cases(test.by(who, asked.clone())).await.expect("lists").into_inner();
        ids.extend(page.cases.into_iter().map(|case| case.case_id));
        if page.next_page_token.is_empty() {
            return ids;
        }
        asked.page_token = page.next_page_token;
    }
}

async fn events(test: &TestMetrics, who: &TestCaller, id: &str) -> Vec<pb::CaseEvent> {
    let mut asked =
        pb::ListCaseEventsRequest { case_id: id.to_owned(), page_size: 3, page_token: String::new() };
    let mut events = Vec::new();
    loop {
        let page = client(test).list_case_events(test.by(who, asked.clone())).await.expect("lists");
        let page = page.into_inner();
        events.extend(page.events);
        if page.next_page_token.is_empty() {
            return events;
        }
        asked.page_token = page.next_page_token;
    }
}

fn notice(agreed: &str) -> pb::CaseStep {
    pb::CaseStep {
        notice: Some(pb::CaseNotice {
            progress: "仓库在查，13812345678".to_owned(),
            apology: "抱歉让您久等".to_owned(),
            agreed_at: Some(local(agreed)),
        }),
        ..Default::default()
    }
}

fn grant(amount: i64) -> pb::CaseStep {
    let kind = pb::GrantKind::Compensation.into();
    let grant = pb::CaseGrant { kind, amount: yuan(amount), note: String::new() };
    pb::CaseStep { grant: Some(grant), ..Default::default() }
}

fn escalation(to: &str) -> pb::CaseStep {
    let escalation = pb::CaseEscalation { to_person_id: to.to_owned(), reason: "超出权限".to_owned() };
    pb::CaseStep { escalation: Some(escalation), ..Default::default() }
}

fn solution(known_at: Option<Timestamp>) -> pb::CaseStep {
    let solution = pb::CaseSolution {
        solution: "补发".to_owned(),
        answer: "今天补发".to_owned(),
        known_at,
        recovered: yuan(9_900),
    };
    pb::CaseStep { solution: Some(solution), ..Default::default() }
}

fn call_back(result: pb::CallBackResult) -> pb::CaseStep {
    let call_back = pb::CaseCallBack { result: result.into(), note: String::new() };
    pb::CaseStep { call_back: Some(call_back), ..Default::default() }
}

fn archiving() -> pb::CaseStep {
    pb::CaseStep { archiving: Some(pb::CaseArchiving::default()), ..Default::default() }
}

fn field(status: &Status) -> String {
    let violations = status::Problem::from_status(status).violations;
    violations.into_iter().map(|violation| violation.field).next().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_complaint_is_accepted_put_off_once_escalated_solved_called_back_and_archived() {
    let test = shop().await;
    let accepted = accept_as(&test, &agent("p1"), "c", broken_parcel()).await.expect("accepts");
    assert_eq!((accepted.state(), accepted.owner_person_id.as_str()), (pb::CaseState::Accepted, "p1"));
    assert_eq!(accepted.due_at, Some(local("2020-07-02T10:00:00")), "two days after it was taken up");
    let again = accept_as(&test, &agent("p1"), "c", broken_parcel()).await.expect("the same request");
    assert_eq!(again, accepted);
    let content = accepted.content.clone().expect("content");
    assert_eq!((content.phone.as_str(), content.contact_name.as_str()), ("138****5678", "王**"));
    assert!(
        !content.event.contains("13812345678") && content.event.contains("包裹破损"),
        "{}",
        content.event
    );

    test.clock.set("2020-07-02T09:00:00+08:00");
    let told = step_as(&test, &agent("p1"), &accepted, notice("2020-07-03T18:00:00")).await.expect("tells");
    assert_eq!((told.due_at, told.notices, told.missed), (Some(local("2020-07-03T18:00:00")), 1, 0));
    test.clock.set("2020-07-03T19:00:00+08:00");
    assert!(get_as(&test, &agent("p1"), "c").await.expect("answers").overdue);
    let above = step_as(&test, &agent("p1"), &told, grant(20_000)).await.expect_err("50 yuan are allowed");
    assert_eq!((above.code(), reason(&above).as_str()), (Code::FailedPrecondition, "GRANT_ABOVE_LIMIT"));
    for named in ["200.00 CNY", "50.00 CNY", "lead", "supervisor"] {
        assert!(above.message().contains(named), "{}", above.message());
    }
    let escalated = step_as(&test, &agent("p1"), &told, escalation("p2")).await.expect("escalates");
    assert_eq!((escalated.state(), escalated.owner_person_id.as_str()), (pb::CaseState::Escalated, "p2"));
    assert_eq!(escalated.person_ids, ["p1", "p2"]);
    let granted = step_as(&test, &lead(), &escalated, grant(20_000)).await.expect("may grant 300 yuan");
    let known = Some(local("2020-07-03T18:30:00"));
    let solved = step_again(&test, &lead(), &granted, solution(known), "s-1").await.expect("solves");
    let repeated =
        step_again(&test, &lead(), &granted, solution(known), "s-1").await.expect("the same request");
    assert_eq!(repeated, solved);
    assert_eq!((solved.state(), solved.missed, solved.overdue), (pb::CaseState::Solved, 1, false));
    assert_eq!((fen(solved.granted.as_ref()), fen(solved.recovered.as_ref())), (20_000, 9_900));
    assert_eq!(solved.due_at, Some(local("2020-07-05T19:00:00")), "the call back is owed");
    let early = step_as(&test, &lead(), &solved, archiving()).await.expect_err("nobody called back");
    assert_eq!(reason(&early), "CALL_BACK_MISSING");
    let content = pb::CallBackResult::Content;
    let called = step_as(&test, &agent("p1"), &solved, call_back(content)).await.expect("still sees it");
    let archived = step_as(&test, &lead(), &called, archiving()).await.expect("archives");
    assert_eq!((archived.state(), archived.due_at), (pb::CaseState::Archived, None));

    let timeline = events(&test, &lead(), "c").await;
    let numbers: Vec<_> = timeline.iter().map(|event| (event.number, event.person_id.as_str())).collect();
    assert_eq!(numbers, [(1, "p1"), (2, "p1"), (3, "p1"), (4, "p2"), (5, "p2"), (6, "p1"), (7, "p2")]);
    let late: Vec<_> = timeline.iter().map(|event| event.late).collect();
    assert_eq!(late, [false, false, false, false, true, false, false]);
    let told = timeline[1].step.as_ref().and_then(|step| step.notice.as_ref()).expect("the notice");
    assert!(
        told.progress.contains("仓库在查") && !told.progress.contains("13812345678"),
        "{}",
        told.progress
    );
    assert_eq!(timeline[0].acceptance.as_ref().expect("the acceptance").cause_id, "parcel");
    let raw = "SELECT count(*) FROM cases c, case_events e WHERE (c::text || e::text) ~ '13812345678|1234-5678|王小明'";
    assert_eq!(test.count(raw).await, 0);
    assert_eq!(test.count("SELECT count(*) FROM audit_entries WHERE entity = 'case/c'").await, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_sees_the_cases_they_have_or_had() {
    let test = shop().await;
    accept_as(&test, &agent("p1"), "b", broken_parcel()).await.expect("accepts");
    let question = pb::CaseContent {
        kind: pb::CaseKind::Question.into(),
        phone: "13887654321".to_owned(),
        customer_id: String::new(),
        shop_id: "other".to_owned(),
        ..broken_parcel()
    };
    test.clock.set("2020-06-30T11:00:00+08:00");
    accept_as(&test, &agent("p3"), "a", question).await.expect("accepts");
    let all = pb::ListCasesRequest::default;
    assert_eq!(list_as(&test, &caller(), all()).await, ["b", "a"], "the nearest deadline first");
    assert_eq!(list_as(&test, &agent("p1"), all()).await, ["b"]);
    assert_eq!(list_as(&test, &agent("p3"), all()).await, ["a"]);
    assert_eq!(list_as(&test, &lead(), all()).await, ["b"]);
    assert_eq!(list_as(&test, &caller().of("other"), all()).await, Vec::<String>::new());
    let hidden = get_as(&test, &agent("p3"), "b").await.expect_err("is not theirs");
    assert_eq!((hidden.code(), reason(&hidden).as_str()), (Code::NotFound, "CASE_NOT_FOUND"));
    let found = get_as(&test, &caller(), "b").await.expect("answers");
    let far = step_as(&test, &agent("p3"), &found, archiving()).await.expect_err("is not theirs");
    assert_eq!(reason(&far), "CASE_NOT_FOUND");
    let list = pb::ListCaseEventsRequest { case_id: "b".to_owned(), ..Default::default() };
    let far = client(&test).list_case_events(test.by(&agent("p3"), list)).await.expect_err("is not theirs");
    assert_eq!(reason(&far), "CASE_NOT_FOUND");

    let token = found.phone_token;
    let same = pb::ListCasesRequest { phone_token: token, ..all() };
    assert_eq!(list_as(&test, &caller(), same).await, ["b"]);
    for (narrowed, expected) in [
        (pb::ListCasesRequest { kinds: vec![pb::CaseKind::Question.into()], ..all() }, "a"),
        (pb::ListCasesRequest { owner_person_id: "p3".to_owned(), ..all() }, "a"),
        (pb::ListCasesRequest { shop_id: "star".to_owned(), ..all() }, "b"),
        (pb::ListCasesRequest { customer_id: "b-1".to_owned(), ..all() }, "b"),
    ] {
        assert_eq!(list_as(&test, &caller(), narrowed).await, [expected]);
    }
    let overdue = || pb::ListCasesRequest { overdue: true, ..all() };
    test.clock.set("2020-07-02T10:30:00+08:00");
    assert_eq!(list_as(&test, &caller(), overdue()).await, ["b"]);
    test.clock.set("2020-07-02T11:30:00+08:00");
    assert_eq!(list_as(&test, &caller(), overdue()).await, ["b", "a"]);
    let grave = pb::ListCasesRequest { severities: vec![pb::ComplaintSeverity::Mass.into()], ..all() };
    assert_eq!(list_as(&test, &caller(), grave).await, Vec::<String>::new());

    let asked = pb::ListCaseResultsRequest { days: days("2020-06-30", "2020-06-30"), ..Default::default() };
    let results = client(&test).list_case_results(test.by(&lead(), asked.clone())).await.expect("lists");
    let results = results.into_inner().results;
    let rows: Vec<_> =
        results.iter().map(|r| (r.person_id.as_str(), r.open, r.overdue, r.accepted)).collect();
    assert_eq!(rows, [("p1", 1, 1, 1)]);
    let all = client(&test).list_case_results(test.by(&caller(), asked)).await.expect("lists").into_inner();
    assert_eq!(all.results.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_refused_with_its_reason() {
    let test = shop().await;
    let program = caller();
    let homeless = accept_as(&test, &program, "c", broken_parcel()).await.expect_err("is nobody's");
    assert_eq!((homeless.code(), field(&homeless).as_str()), (Code::InvalidArgument, "owner_person_id"));
    let refused = async |content: pb::CaseContent| {
        accept_as(&test, &agent("p1"), &content.event, content.clone()).await.expect_err("is refused")
    };
    let phone = refused(pb::CaseContent { phone: "no".to_owned(), ..broken_parcel() }).await;
    assert_eq!(field(&phone), "content.phone");
    let later = Some(local("2020-06-30T10:00:01"));
    assert_eq!(
        field(&refused(pb::CaseContent { occurred_at: later, ..broken_parcel() }).await),
        "content.occurred_at"
    );
    let cause = refused(pb::CaseContent { cause_id: "moon".to_owned(), ..broken_parcel() }).await;
    assert_eq!(reason(&cause), "CAUSE_UNKNOWN");

    let accepted = accept_as(&test, &agent("p1"), "c", broken_parcel()).await.expect("accepts");
    let message = pb::AcceptCaseRequest {
        case_id: "c".to_owned(),
        content: Some(broken_parcel()),
        ..Default::default()
    };
    let taken = client(&test).accept_case(test.by(&agent("p1"), message)).await.expect_err("is there");
    assert_eq!((taken.code(), reason(&taken).as_str()), (Code::AlreadyExists, "CASE_EXISTS"));
    let none = step_as(&test, &agent("p1"), &accepted, pb::CaseStep::default()).await.expect_err("no step");
    assert_eq!(field(&none), "step");
    let two = pb::CaseStep { grant: grant(1).grant, ..archiving() };
    assert_eq!(field(&step_as(&test, &agent("p1"), &accepted, two).await.expect_err("two steps")), "step");
    let far =
        step_as(&test, &agent("p1"), &accepted, notice("2020-07-03T10:00:00")).await.expect_err("too far");
    assert_eq!(field(&far), "step.notice.agreed_at");
    let gift = step_as(&test, &agent("p1"), &accepted, grant(0)).await.expect_err("is nothing");
    assert_eq!(field(&gift), "step.grant.amount");
    let nobody =
        step_as(&test, &agent("p1"), &accepted, escalation("px")).await.expect_err("nobody knows them");
    assert_eq!((nobody.code(), reason(&nobody).as_str()), (Code::NotFound, "PERSON_NOT_FOUND"));
    let solved = step_as(&test, &agent("p1"), &accepted, solution(None)).await.expect("solves");
    let stale = step_as(&test, &agent("p1"), &accepted, archiving()).await.expect_err("the etag is old");
    assert_eq!((stale.code(), reason(&stale).as_str()), (Code::Aborted, "CASE_CHANGED"));
    let shown = solved.content.clone().expect("content");
    let graver = pb::CaseContent { severity: pb::ComplaintSeverity::Authority.into(), ..shown };
    let changed =
        update_as(&test, &agent("p1"), &solved, graver).await.expect("what was shown may come back");
    assert_eq!(changed.phone_token, solved.phone_token);
    let cross = step_as(&test, &agent("p1"), &changed, call_back(pb::CallBackResult::NotContent)).await;
    let cross = cross.expect("opens again");
    let waits = step_as(&test, &agent("p1"), &cross, solution(None)).await.expect_err("is grave now");
    assert_eq!(reason(&waits), "CASE_NOT_ESCALATED");
    let up = step_as(&test, &agent("p1"), &cross, escalation("p4")).await.expect("escalates");
    step_as(&test, &specialist(), &up, solution(None)).await.expect("solves");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merchant_sets_causes_limits_and_hours() {
    let test = shop().await;
    let get = async |version| {
        let message = pb::GetCasePolicyRequest { version };
        let found = client(&test).get_case_policy(test.by(&agent("p1"), message)).await?;
        Ok::<_, Status>(found.into_inner().policy.expect("a policy"))
    };
    let boss = caller().person("p4").roles(&[Role::Supervisor]);
    let put = async |policy: pb::CasePolicy| {
        let message = pb::PutCasePolicyRequest { policy: Some(policy), request_id: String::new() };
        let put = client(&test).put_case_policy(test.by(&boss, message)).await?;
        Ok::<_, Status>(put.into_inner().policy.expect("a policy"))
    };
    let built_in = get(None).await.expect("answers");
    assert_eq!((built_in.version, built_in.causes.len(), built_in.limits.len()), (0, 11, 7));
    let mut own = built_in.clone();
    own.causes =
        vec![pb::CaseCause { cause_id: "parcel".to_owned(), name: "快递".to_owned(), retired: false }];
    own.limits.retain(|limit| limit.role() == Role::Manager);
    own.severities.iter_mut().for_each(|rule| rule.answer_hours = 4);
    let first = put(own.clone()).await.expect("puts");
    assert_eq!((first.version, first.updated_by.is_empty()), (1, false));
    assert_eq!(get(None).await.expect("answers"), first);
    assert_eq!(get(Some(0)).await.expect("answers"), built_in);
    assert_eq!(reason(&get(Some(2)).await.expect_err("is none yet")), "CASE_POLICY_NOT_FOUND");
    let stale = put(own.clone()).await.expect_err("the etag is old");
    assert_eq!((stale.code(), reason(&stale).as_str()), (Code::Aborted, "CASE_POLICY_CHANGED"));
    own.etag.clone_from(&first.etag);
    own.severities[3].severity = pb::ComplaintSeverity::Ordinary.into();
    assert_eq!(field(&put(own).await.expect_err("one is missing")), "policy.severities");

    let accepted = accept_as(&test, &agent("p1"), "c", broken_parcel()).await.expect("accepts");
    assert_eq!(accepted.due_at, Some(local("2020-06-30T14:00:00")));
    let refused = step_as(&test, &lead(), &accepted, grant(1)).await.expect_err("only the manager may");
    assert!(refused.message().contains("0.00 CNY; manager may"), "{}", refused.message());
    let gone = pb::CaseContent { cause_id: "price".to_owned(), ..broken_parcel() };
    assert_eq!(
        reason(&update_as(&test, &agent("p1"), &accepted, gone).await.expect_err("is not in the list")),
        "CAUSE_UNKNOWN"
    );
}
