//! Incidents: opened, told of, worded, contained, closed, learnt from; who sees what of them.

use chrono::TimeDelta;
use events::Payload;
use proto::access::Role;
use proto::events::v1::{IncidentCaseFiled, IncidentChanged};
use proto::metrics::v1 as pb;
use proto::metrics::v1::alert_service_client::AlertServiceClient;
use runtime::clock::Clock as _;
use testkit::{EventCollector, caller, eventually};
use tonic::Code;

use crate::incident_support::{
    LIMIT, PHONE, add_task, agent, client, content, entries, file, get, incident_that, lead, learnt, mark_as,
    measure, move_by, move_to, open, open_as, opening, refused, shop, submit, supervisor, task, to, update,
    word, wordings_for,
};
use crate::support::{TestMetrics, date, instant, reason};

async fn report(test: &TestMetrics, id: &str) -> pb::Alert {
    let message = pb::ReportAlertRequest {
        alert_id: id.to_owned(),
        signal: pb::AlertSignal::Media.into(),
        shop_id: "star".to_owned(),
        title: "a paper calls".to_owned(),
        ..Default::default()
    };
    let mut alerts = AlertServiceClient::new(test.channel.clone());
    let raised = alerts.report_alert(test.by(&agent("p1"), message)).await.expect("reports");
    raised.into_inner().alert.expect("an alert")
}

async fn get_alert(test: &TestMetrics, id: &str) -> pb::Alert {
    let message = pb::GetAlertRequest { alert_id: id.to_owned() };
    let mut alerts = AlertServiceClient::new(test.channel.clone());
    let found = alerts.get_alert(test.by(&caller(), message)).await.expect("is there");
    found.into_inner().alert.expect("an alert")
}

#[tokio::test(flavor = "multi_thread")]
async fn from_an_alert_to_a_case_of_the_knowledge_base() {
    let test = shop().await;
    let collector = EventCollector::start(&test.nats).await;
    report(&test, "a").await;
    let of_alert = pb::OpenIncidentRequest { alert_id: "a".to_owned(), ..opening("i") };
    let opened = open_as(&test, &supervisor(), of_alert.clone()).await.expect("opens");
    assert_eq!((opened.state(), opened.alert_id.as_str()), (pb::IncidentState::Open, "a"));
    let alert = get_alert(&test, "a").await;
    assert_eq!((alert.state(), alert.incident_id.as_str()), (pb::AlertState::Acknowledged, "i"));
    let again = pb::OpenIncidentRequest { incident_id: "j".to_owned(), ..of_alert };
    let again = open_as(&test, &supervisor(), again).await.expect_err("has one");
    assert_eq!(refused(&again), (Code::FailedPrecondition, "ALERT_HAS_INCIDENT".to_owned()));
    let of_alert = pb::ListIncidentsRequest { alert_id: "a".to_owned(), ..Default::default() };
    let listed = client(&test).list_incidents(test.by(&lead(), of_alert)).await.expect("lists").into_inner();
    assert_eq!(listed.incidents, std::slice::from_ref(&opened));

    let worded = word(&test, &opened, &format!("明天到, not {PHONE}")).await.expect("agrees");
    let added = add_task(&test, "i", "t", task("p1")).await.expect("adds");
    assert_eq!(get(&test, "i").await.etag, worded.etag, "a task is in nobody's way");
    let note = pb::NoteIncidentRequest {
        incident_id: "i".to_owned(),
        text: "the paper called again".to_owned(),
        happened_at: Some(instant("2020-06-30T09:50:00+08:00".parse().expect("an instant"))),
        request_id: String::new(),
    };
    let noted = client(&test).note_incident(test.by(&lead(), note)).await.expect("notes").into_inner();
    let noted = noted.entry.expect("a line");
    assert_eq!((noted.number, noted.person_id.as_str()), (5, "p2"));
    assert!(noted.happened_at.expect("a time").seconds < noted.written_at.expect("a time").seconds);

    test.clock.advance(TimeDelta::minutes(10));
    let contained = move_to(&test, &worded, pb::IncidentState::Contained).await.expect("is contained");
    test.clock.advance(TimeDelta::minutes(50));
    let busy = move_to(&test, &contained, pb::IncidentState::Closed).await.expect_err("a task waits");
    assert_eq!(refused(&busy), (Code::FailedPrecondition, "INCIDENT_TASKS_OPEN".to_owned()));
    mark_as(&test, &agent("p1"), &added, true).await.expect("is theirs");
    let closed = move_to(&test, &contained, pb::IncidentState::Closed).await.expect("closes");
    assert_eq!(closed.retrospective_due_day, Some(date("2020-07-07")), "five working days");
    let early = file(&test, &closed).await.expect_err("nothing was learnt");
    assert_eq!(refused(&early), (Code::FailedPrecondition, "RETROSPECTIVE_MISSING".to_owned()));
    let learnt =
        submit(&test, &closed, learnt(vec![measure("a second courier", "p3")])).await.expect("learns");
    let filed = file(&test, &learnt).await.expect("files");
    assert!(filed.case_filed_at.is_some());
    let cases = pb::ListIncidentsRequest { cases: true, ..Default::default() };
    let listed = client(&test).list_incidents(test.by(&lead(), cases)).await.expect("lists").into_inner();
    assert_eq!(listed.incidents.len(), 1);

    use pb::IncidentEntryKind as Kind;
    let lines = entries(&test, "i").await;
    let kinds: Vec<_> = lines.iter().map(pb::IncidentEntry::kind).collect();
    let wanted = [
        Kind::Opened,
        Kind::Told,
        Kind::Worded,
        Kind::TaskAdded,
        Kind::Noted,
        Kind::Contained,
        Kind::TaskDone,
        Kind::Closed,
        Kind::Reviewed,
        Kind::Filed,
    ];
    assert_eq!(kinds, wanted);
    assert_eq!((lines[6].task_id.as_str(), lines[6].person_id.as_str()), ("t", "p1"));

    let told: Vec<IncidentChanged> = collector
        .wait_for(4, |payload| match payload {
            Payload::IncidentChanged(changed) => Some(changed.clone()),
            _ => None,
        })
        .await;
    let find = |change| told.iter().find(|event| event.change() == change).expect("is told");
    let first = find(pb::IncidentChange::Opened);
    assert_eq!(first.roles, [Role::Supervisor, Role::CrisisSpecialist].map(i32::from));
    assert_eq!(first.person_ids, ["p2", "p3"]);
    assert_eq!(find(pb::IncidentChange::Worded).wording.as_ref().map(|wording| wording.number), Some(1));
    assert_eq!(find(pb::IncidentChange::Closed).retrospective_due_day, Some(date("2020-07-07")));
    let cases: Vec<IncidentCaseFiled> = collector
        .wait_for(1, |payload| match payload {
            Payload::IncidentCaseFiled(filed) => Some(filed.clone()),
            _ => None,
        })
        .await;
    assert_eq!(cases[0].case, filed.case);
    assert_eq!(cases[0].retrospective, filed.retrospective);
    assert!(cases[0].wording.as_ref().is_some_and(|wording| !wording.in_force));
    assert_eq!(
        (cases[0].product_ids.as_slice(), cases[0].level()),
        (&["sku-1".to_owned()][..], pb::AlertLevel::Local)
    );
    assert!(!format!("{told:?}{cases:?}{lines:?}").contains(PHONE), "is redacted");
    let raw = format!(
        "SELECT (SELECT count(*) FROM incidents i WHERE i::text LIKE '%{PHONE}%') \
            + (SELECT count(*) FROM incident_entries e WHERE e::text LIKE '%{PHONE}%') \
            + (SELECT count(*) FROM incident_wordings w WHERE w::text LIKE '%{PHONE}%') \
            + (SELECT count(*) FROM incident_tasks t WHERE t::text LIKE '%{PHONE}%')"
    );
    assert_eq!(test.count(&raw).await, 0);
    let audited = test.count("SELECT count(*) FROM audit_entries WHERE entity = 'incident/i'").await;
    assert_eq!(audited, 9, "one for each change");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_climbs_by_itself_until_it_is_contained() {
    let test = shop().await;
    let roles =
        |incident: &pb::Incident| -> Vec<i32> { incident.told.iter().map(|told| told.role).collect() };
    let opened = open(&test, "i").await;
    assert_eq!(roles(&opened), [Role::Supervisor, Role::CrisisSpecialist].map(i32::from));
    test.clock.advance(TimeDelta::minutes(29));
    assert!(opened.escalates_at.expect("somebody is left").seconds > test.clock.now().timestamp());
    test.clock.advance(TimeDelta::minutes(2));
    let told = incident_that(&test, "i", |incident| incident.told.len() == 3).await;
    let last = told.told.last().expect("was told");
    assert_eq!(last.role(), Role::Operations);
    let (due, at) = (last.due_at.expect("a time").seconds, last.told_at.expect("a time").seconds);
    assert_eq!(at - due, 60);
    assert_eq!(told.etag, opened.etag, "being told is in nobody's way");

    let contained = move_to(&test, &told, pb::IncidentState::Contained).await.expect("is contained");
    assert_eq!(contained.escalates_at, None);
    assert_eq!(test.count("SELECT count(*) FROM incidents WHERE escalates_at IS NOT NULL").await, 0);
    test.clock.advance(TimeDelta::days(1));
    let again = move_to(&test, &contained, pb::IncidentState::Open).await.expect("is open again");
    assert_eq!((again.told.len(), again.contained_at), (5, None));
    test.clock.advance(TimeDelta::hours(3));
    let told = incident_that(&test, "i", |incident| incident.told.len() == 7).await;
    assert_eq!((told.told[6].role(), told.escalates_at), (Role::Manager, None));

    let graver = pb::IncidentContent { level: pb::AlertLevel::Major.into(), ..content() };
    let minor = pb::IncidentContent { level: pb::AlertLevel::Potential.into(), ..content() };
    let minor = pb::OpenIncidentRequest { content: Some(minor), ..opening("j") };
    let minor = open_as(&test, &supervisor(), minor).await.expect("opens");
    test.clock.advance(TimeDelta::minutes(10));
    let graver = update(&test, &minor, graver).await.expect("updates");
    assert_eq!(roles(&graver), [Role::Supervisor, Role::CrisisSpecialist, Role::Operations].map(i32::from));
    assert!(entries(&test, "j").await[2].text.contains("level: 1 → 3"));
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_sees_what_is_to_be_said_and_nothing_else() {
    let test = shop().await;
    let opened = open(&test, "i").await;
    assert_eq!(wordings_for(&test, &agent("p1"), "").await, []);
    let first = word(&test, &opened, "tomorrow").await.expect("agrees");
    let second = word(&test, &first, "on Friday").await.expect("agrees");
    test.clock.advance(TimeDelta::minutes(1));
    let drill = pb::OpenIncidentRequest { drill: true, ..opening("d") };
    let drill = open_as(&test, &supervisor(), drill).await.expect("opens");
    word(&test, &drill, "an exercise").await.expect("agrees");
    let said = wordings_for(&test, &agent("p1"), "sku-1").await;
    let texts: Vec<_> = said.iter().map(|w| (w.text.as_str(), w.number, w.drill, w.in_force)).collect();
    assert_eq!(texts, [("an exercise", 1, true, true), ("on Friday", 2, false, true)]);
    assert_eq!(
        (said[1].product_ids.as_slice(), said[1].topic.as_str()),
        (&["sku-1".to_owned()][..], "晚到的包裹")
    );
    assert_eq!(wordings_for(&test, &agent("p1"), "sku-2").await, [], "is about another product");
    assert_eq!(wordings_for(&test, &agent("p1").of("other"), "").await, []);

    let get = || pb::GetIncidentRequest { incident_id: "i".to_owned() };
    let denied = client(&test).get_incident(test.by(&agent("p1"), get())).await.expect_err("is for others");
    assert_eq!(denied.code(), Code::PermissionDenied);
    let versions = || pb::ListIncidentWordingsRequest { incident_id: "i".to_owned(), ..Default::default() };
    let denied = client(&test).list_incident_wordings(test.by(&agent("p1"), versions())).await;
    assert_eq!(denied.expect_err("is for others").code(), Code::PermissionDenied);
    let all = client(&test).list_incident_wordings(test.by(&lead(), versions())).await.expect("lists");
    let all: Vec<_> = all.into_inner().wordings.iter().map(|w| (w.number, w.in_force)).collect();
    assert_eq!(all, [(2, true), (1, false)]);
    let elsewhere = client(&test).get_incident(test.by(&supervisor().of("other"), get())).await;
    assert_eq!(
        refused(&elsewhere.expect_err("is another's")),
        (Code::NotFound, "INCIDENT_NOT_FOUND".to_owned())
    );
    let edit = pb::UpdateIncidentRequest {
        incident_id: "i".to_owned(),
        content: Some(content()),
        etag: second.etag.clone(),
        request_id: String::new(),
    };
    let denied = client(&test).update_incident(test.by(&lead(), edit.clone())).await.expect_err("leads read");
    assert_eq!(denied.code(), Code::PermissionDenied);
    let elsewhere = client(&test).update_incident(test.by(&supervisor().of("other"), edit)).await;
    assert_eq!(elsewhere.expect_err("is another's").code(), Code::NotFound);

    move_to(&test, &second, pb::IncidentState::Closed).await.expect("closes");
    let left = wordings_for(&test, &agent("p1"), "").await;
    assert_eq!((left.len(), left[0].drill), (1, true), "what is over is not said any more");
    let closed = word(&test, &second, "late").await.expect_err("the etag is old");
    assert_eq!(refused(&closed), (Code::Aborted, "INCIDENT_CHANGED".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_edit_one_reads_again() {
    let test = shop().await;
    let opened = open(&test, "i").await;
    let edit = |title: &str| pb::IncidentContent { title: title.to_owned(), ..content() };
    let (a, b) = tokio::join!(update(&test, &opened, edit("a")), update(&test, &opened, edit("b")));
    let (kept, lost) = match (a, b) {
        (Ok(kept), Err(lost)) | (Err(lost), Ok(kept)) => (kept, lost),
        other => panic!("one wins: {other:?}"),
    };
    assert_eq!(refused(&lost), (Code::Aborted, "INCIDENT_CHANGED".to_owned()));
    assert_eq!(get(&test, "i").await.content, kept.content);
    let same = update(&test, &kept, kept.content.clone().expect("content")).await.expect("is no change");
    assert_eq!((same.etag, same.entries), (kept.etag.clone(), kept.entries));

    let note = |n: usize| {
        let (test, n) = (&test, n);
        async move {
            let message = pb::NoteIncidentRequest {
                incident_id: "i".to_owned(),
                text: format!("note {n}"),
                ..Default::default()
            };
            client(test).note_incident(test.by(&lead(), message)).await.expect("notes").into_inner().entry
        }
    };
    let mut numbers: Vec<_> = futures::future::join_all((0..8).map(note))
        .await
        .into_iter()
        .map(|entry| entry.expect("a line").number)
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (kept.entries + 1..kept.entries + 9).collect::<Vec<_>>());

    // Nothing is closed under a task that is just being added.
    for n in 0..6 {
        let id = format!("race-{n}");
        let at = open(&test, &id).await;
        let (closed, added) = tokio::join!(
            move_to(&test, &at, pb::IncidentState::Closed),
            add_task(&test, &id, "t", task("p1"))
        );
        assert_ne!(closed.is_ok(), added.is_ok(), "{closed:?} {added:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_has_one_effect() {
    let test = shop().await;
    let message = pb::OpenIncidentRequest { request_id: "r-1".to_owned(), ..opening("") };
    let first = open_as(&test, &supervisor(), message.clone()).await.expect("opens");
    let again = open_as(&test, &supervisor(), message.clone()).await.expect("answers again");
    assert_eq!(again.incident_id, first.incident_id);
    let other = pb::OpenIncidentRequest { drill: true, ..message };
    let reused = open_as(&test, &supervisor(), other).await.expect_err("is another request");
    assert_eq!(reason(&reused), "REQUEST_ID_REUSED");
    let note = pb::NoteIncidentRequest {
        incident_id: first.incident_id.clone(),
        text: "once".to_owned(),
        request_id: "n-1".to_owned(),
        ..Default::default()
    };
    let one = client(&test).note_incident(test.by(&lead(), note.clone())).await.expect("notes").into_inner();
    let two = client(&test).note_incident(test.by(&lead(), note)).await.expect("repeats").into_inner();
    assert_eq!(one, two);
    let step =
        pb::MoveIncidentRequest { request_id: "m-1".to_owned(), ..to(&first, pb::IncidentState::Contained) };
    let one = move_by(&test, step.clone()).await.expect("moves");
    assert_eq!(move_by(&test, step).await.expect("answers again"), one);
    let add = pb::AddIncidentTaskRequest {
        incident_id: first.incident_id.clone(),
        task_id: String::new(),
        content: Some(task("p1")),
        request_id: "t-1".to_owned(),
    };
    let one = client(&test).add_incident_task(test.by(&supervisor(), add.clone())).await.expect("adds");
    let two = client(&test).add_incident_task(test.by(&supervisor(), add)).await.expect("answers again");
    assert_eq!(one.into_inner(), two.into_inner());
    assert_eq!(get(&test, &first.incident_id).await.open_tasks, 1);
    let taken = open_as(&test, &supervisor(), opening(&first.incident_id)).await.expect_err("is taken");
    assert_eq!(refused(&taken), (Code::AlreadyExists, "INCIDENT_EXISTS".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_meant_is_refused_with_its_field() {
    let test = shop().await;
    let check = async |edit: fn(&mut pb::OpenIncidentRequest), field: &str| {
        let mut message = opening("x");
        edit(&mut message);
        let refused = open_as(&test, &supervisor(), message).await.expect_err(field);
        let violations = status::Problem::from_status(&refused).violations;
        assert_eq!((refused.code(), violations[0].field.as_str()), (Code::InvalidArgument, field));
    };
    fn at(message: &mut pb::OpenIncidentRequest) -> &mut pb::IncidentContent {
        message.content.as_mut().expect("content")
    }
    check(|message| message.content = None, "content").await;
    check(|message| at(message).level = 0, "content.level").await;
    check(|message| at(message).title = "\0".to_owned(), "content").await;
    check(|message| at(message).title = " ".to_owned(), "content.title").await;
    check(|message| at(message).duties[0].kind = 0, "content.duties[0].kind").await;
    check(|message| at(message).duties[0].kind = 8, "content.duties[0].note").await;
    let agents: fn(&mut pb::OpenIncidentRequest) = |message| {
        at(message).escalation_path = vec![pb::IncidentStep { role: Role::Agent.into(), after_minutes: 1 }];
    };
    check(agents, "content.escalation_path[0].role").await;
    let drill: fn(&mut pb::OpenIncidentRequest) =
        |message| (message.drill, message.alert_id) = (true, "a".to_owned());
    check(drill, "alert_id").await;
    let future: fn(&mut pb::OpenIncidentRequest) =
        |message| message.opened_at = Some(prost_types::Timestamp { seconds: 4_000_000_000, nanos: 0 });
    check(future, "opened_at").await;
    let unknown = pb::OpenIncidentRequest { alert_id: "none".to_owned(), ..opening("x") };
    let unknown = open_as(&test, &supervisor(), unknown).await.expect_err("there is none");
    assert_eq!(refused(&unknown), (Code::NotFound, "ALERT_NOT_FOUND".to_owned()));
    let stranger = pb::IncidentContent { owner_person_id: "nobody".to_owned(), ..content() };
    let stranger = pb::OpenIncidentRequest { content: Some(stranger), ..opening("x") };
    let stranger = open_as(&test, &supervisor(), stranger).await.expect_err("nobody knows them");
    assert_eq!(refused(&stranger), (Code::NotFound, "PERSON_NOT_FOUND".to_owned()));
    assert_eq!(test.count("SELECT count(*) FROM incidents").await, 0);

    let opened = open(&test, "i").await;
    let wrong = submit(&test, &opened, learnt(Vec::new())).await.expect_err("no measure");
    let field = status::Problem::from_status(&wrong).violations[0].field.clone();
    assert_eq!((wrong.code(), field.as_str()), (Code::InvalidArgument, "retrospective.measures"));
    let same = move_to(&test, &opened, pb::IncidentState::Open).await.expect_err("is open");
    assert_eq!(refused(&same), (Code::FailedPrecondition, "INCIDENT_STATE".to_owned()));
    eventually(LIMIT, async || test.count("SELECT count(*) FROM incident_entries").await == 2).await;
}
