//! People in a shop that has a crisis, and what they do.

use std::time::Duration;

use proto::access::Role;
use proto::metrics::v1 as pb;
use proto::metrics::v1::incident_service_client::IncidentServiceClient;
use testkit::{TestCaller, caller, eventually};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::support::{TestMetrics, date, reason};

pub const LIMIT: Duration = Duration::from_secs(20);
/// A number that no text may keep.
pub const PHONE: &str = "13812345678";

pub fn refused(error: &Status) -> (Code, String) {
    (error.code(), reason(error))
}

pub fn client(test: &TestMetrics) -> IncidentServiceClient<Channel> {
    IncidentServiceClient::new(test.channel.clone())
}

/// p1 and p2 in a team that p2 leads, p3 in another.
pub async fn shop() -> TestMetrics {
    let test = TestMetrics::start_with(&[("incidents.check_ms", "50")]).await;
    test.person("p1", "a1", Some(("t1", false))).await;
    test.person("p2", "a2", Some(("t1", true))).await;
    test.person("p3", "a3", Some(("t2", false))).await;
    test
}

pub fn agent(person: &str) -> TestCaller {
    caller().person(person).subject(person).roles(&[Role::Agent])
}

pub fn lead() -> TestCaller {
    caller().person("p2").subject("p2").roles(&[Role::Lead])
}

pub fn supervisor() -> TestCaller {
    caller().person("p9").subject("p9").roles(&[Role::Supervisor])
}

pub fn content() -> pb::IncidentContent {
    pb::IncidentContent {
        title: format!("记者来电{PHONE}"),
        description: "late parcels".to_owned(),
        level: pb::AlertLevel::Local.into(),
        signal: pb::AlertSignal::Media.into(),
        owner_person_id: "p2".to_owned(),
        duties: vec![pb::IncidentDuty {
            person_id: "p3".to_owned(),
            kind: pb::IncidentDutyKind::Spokesperson.into(),
            note: String::new(),
        }],
        resources: vec![pb::IncidentResource {
            name: "优惠券".to_owned(),
            extent: "200 of 10 yuan".to_owned(),
            released: true,
        }],
        shop_ids: vec!["star".to_owned()],
        product_ids: vec!["sku-1".to_owned()],
        order_ids: vec!["o-1".to_owned()],
        ..Default::default()
    }
}

pub fn opening(id: &str) -> pb::OpenIncidentRequest {
    pb::OpenIncidentRequest { incident_id: id.to_owned(), content: Some(content()), ..Default::default() }
}

pub async fn open_as(
    test: &TestMetrics,
    who: &TestCaller,
    message: pb::OpenIncidentRequest,
) -> Result<pb::Incident, Status> {
    Ok(client(test).open_incident(test.by(who, message)).await?.into_inner().incident.expect("an incident"))
}

pub async fn open(test: &TestMetrics, id: &str) -> pb::Incident {
    open_as(test, &supervisor(), opening(id)).await.expect("opens")
}

pub async fn get(test: &TestMetrics, id: &str) -> pb::Incident {
    let message = pb::GetIncidentRequest { incident_id: id.to_owned() };
    let found = client(test).get_incident(test.by(&caller(), message)).await.expect("is there");
    found.into_inner().incident.expect("an incident")
}

/// Waits until the incident is as wanted.
pub async fn incident_that(
    test: &TestMetrics,
    id: &str,
    wanted: impl Fn(&pb::Incident) -> bool,
) -> pb::Incident {
    eventually(LIMIT, async || wanted(&get(test, id).await)).await;
    get(test, id).await
}

pub async fn update(
    test: &TestMetrics,
    at: &pb::Incident,
    content: pb::IncidentContent,
) -> Result<pb::Incident, Status> {
    let message = pb::UpdateIncidentRequest {
        incident_id: at.incident_id.clone(),
        content: Some(content),
        etag: at.etag.clone(),
        request_id: String::new(),
    };
    let updated = client(test).update_incident(test.by(&supervisor(), message)).await?;
    Ok(updated.into_inner().incident.expect("an incident"))
}

pub fn to(at: &pb::Incident, state: pb::IncidentState) -> pb::MoveIncidentRequest {
    pb::MoveIncidentRequest {
        incident_id: at.incident_id.clone(),
        state: state.into(),
        note: "as the recorder says".to_owned(),
        etag: at.etag.clone(),
        ..Default::default()
    }
}

pub async fn move_by(test: &TestMetrics, message: pb::MoveIncidentRequest) -> Result<pb::Incident, Status> {
    let moved = client(test).move_incident(test.by(&supervisor(), message)).await?;
    Ok(moved.into_inner().incident.expect("an incident"))
}

pub async fn move_to(
    test: &TestMetrics,
    at: &pb::Incident,
    state: pb::IncidentState,
) -> Result<pb::Incident, Status> {
    move_by(test, to(at, state)).await
}

pub async fn word(test: &TestMetrics, at: &pb::Incident, text: &str) -> Result<pb::Incident, Status> {
    let message = pb::AgreeIncidentWordingRequest {
        incident_id: at.incident_id.clone(),
        topic: "晚到的包裹".to_owned(),
        text: text.to_owned(),
        etag: at.etag.clone(),
        request_id: String::new(),
    };
    let agreed = client(test).agree_incident_wording(test.by(&supervisor(), message)).await?;
    Ok(agreed.into_inner().incident.expect("an incident"))
}

pub async fn withdraw(test: &TestMetrics, at: &pb::Incident, because: &str) -> Result<pb::Incident, Status> {
    let message = pb::WithdrawIncidentWordingRequest {
        incident_id: at.incident_id.clone(),
        because: because.to_owned(),
        etag: at.etag.clone(),
        request_id: format!("withdraw-{}", at.etag),
    };
    let withdrawn = client(test).withdraw_incident_wording(test.by(&supervisor(), message)).await?;
    Ok(withdrawn.into_inner().incident.expect("an incident"))
}

pub async fn wordings_for(test: &TestMetrics, who: &TestCaller, product: &str) -> Vec<pb::IncidentWording> {
    let asked = pb::ListWordingsInForceRequest { product_id: product.to_owned(), ..Default::default() };
    wordings(test, who, asked).await
}

/// All pages, of one each.
pub async fn wordings(
    test: &TestMetrics,
    who: &TestCaller,
    asked: pb::ListWordingsInForceRequest,
) -> Vec<pb::IncidentWording> {
    let mut asked = pb::ListWordingsInForceRequest { page_size: 1, ..asked };
    let mut wordings = Vec::new();
    loop {
        let page = client(test).list_wordings_in_force(test.by(who, asked.clone())).await.expect("lists");
        let page = page.into_inner();
        wordings.extend(page.wordings);
        if page.next_page_token.is_empty() {
            return wordings;
        }
        asked.page_token = page.next_page_token;
    }
}

pub fn task(owner: &str) -> pb::IncidentTaskContent {
    pb::IncidentTaskContent {
        title: format!("call everyone who waits, first {PHONE}"),
        owner_person_id: owner.to_owned(),
        ..Default::default()
    }
}

pub async fn add_task(
    test: &TestMetrics,
    incident: &str,
    id: &str,
    content: pb::IncidentTaskContent,
) -> Result<pb::IncidentTask, Status> {
    let message = pb::AddIncidentTaskRequest {
        incident_id: incident.to_owned(),
        task_id: id.to_owned(),
        content: Some(content),
        request_id: String::new(),
    };
    let added = client(test).add_incident_task(test.by(&supervisor(), message)).await?;
    Ok(added.into_inner().task.expect("a task"))
}

pub async fn mark_as(
    test: &TestMetrics,
    who: &TestCaller,
    at: &pb::IncidentTask,
    done: bool,
) -> Result<pb::IncidentTask, Status> {
    let message = pb::MarkIncidentTaskRequest {
        incident_id: at.incident_id.clone(),
        task_id: at.task_id.clone(),
        done,
        note: String::new(),
        request_id: String::new(),
    };
    Ok(client(test).mark_incident_task(test.by(who, message)).await?.into_inner().task.expect("a task"))
}

pub async fn tasks_of(
    test: &TestMetrics,
    who: &TestCaller,
    asked: pb::ListIncidentTasksRequest,
) -> Vec<pb::IncidentTask> {
    let (mut asked, mut tasks) = (pb::ListIncidentTasksRequest { page_size: 1, ..asked }, Vec::new());
    loop {
        let page = client(test).list_incident_tasks(test.by(who, asked.clone())).await.expect("lists");
        let page = page.into_inner();
        tasks.extend(page.tasks);
        if page.next_page_token.is_empty() {
            return tasks;
        }
        asked.page_token = page.next_page_token;
    }
}

pub async fn entries(test: &TestMetrics, id: &str) -> Vec<pb::IncidentEntry> {
    let mut asked =
        pb::ListIncidentEntriesRequest { incident_id: id.to_owned(), page_size: 2, ..Default::default() };
    let mut entries = Vec::new();
    loop {
        let page = client(test).list_incident_entries(test.by(&lead(), asked.clone())).await.expect("lists");
        let page = page.into_inner();
        entries.extend(page.entries);
        if page.next_page_token.is_empty() {
            return entries;
        }
        asked.page_token = page.next_page_token;
    }
}

pub fn measure(title: &str, owner: &str) -> pb::IncidentMeasure {
    pb::IncidentMeasure {
        title: title.to_owned(),
        owner_person_id: owner.to_owned(),
        due_day: Some(date("2020-07-20")),
    }
}

pub fn learnt(measures: Vec<pb::IncidentMeasure>) -> pb::Retrospective {
    pb::Retrospective {
        cause: format!("the courier {PHONE} was closed"),
        worked: "one voice".to_owned(),
        failed: "nobody called".to_owned(),
        effect: "forty refunds".to_owned(),
        measures,
    }
}

pub async fn submit(
    test: &TestMetrics,
    at: &pb::Incident,
    retrospective: pb::Retrospective,
) -> Result<pb::Incident, Status> {
    let message = pb::SubmitRetrospectiveRequest {
        incident_id: at.incident_id.clone(),
        retrospective: Some(retrospective),
        etag: at.etag.clone(),
        request_id: String::new(),
    };
    let submitted = client(test).submit_retrospective(test.by(&supervisor(), message)).await?;
    Ok(submitted.into_inner().incident.expect("an incident"))
}

pub async fn file(test: &TestMetrics, at: &pb::Incident) -> Result<pb::Incident, Status> {
    let case = pb::IncidentCase {
        outcome: pb::IncidentCaseOutcome::Success.into(),
        title: "记者来电".to_owned(),
        lesson: "call back within the hour".to_owned(),
        keywords: vec!["媒体".to_owned()],
    };
    let message = pb::FileIncidentCaseRequest {
        incident_id: at.incident_id.clone(),
        case: Some(case),
        etag: at.etag.clone(),
        request_id: String::new(),
    };
    let filed = client(test).file_incident_case(test.by(&supervisor(), message)).await?;
    Ok(filed.into_inner().incident.expect("an incident"))
}
