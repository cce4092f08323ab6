//! What is to be done in incidents, what is learnt of them, how long they took.

use chrono::TimeDelta;
use proto::metrics::v1 as pb;
use runtime::clock::Clock as _;
use tonic::{Code, Status};

use crate::incident_support::{
    add_task, agent, client, content, file, get, lead, learnt, mark_as, measure, move_by, move_to, open,
    open_as, opening, refused, shop, submit, supervisor, task, tasks_of, to,
};
use crate::support::{date, instant, reason};

#[tokio::test(flavor = "multi_thread")]
async fn people_see_and_mark_their_own_tasks() {
    let test = shop().await;
    open(&test, "i").await;
    let due = |minutes| Some(instant(test.clock.now() + TimeDelta::minutes(minutes)));
    let own = pb::IncidentTaskContent { due_at: due(30), ..task("p1") };
    let own = add_task(&test, "i", "t1", own).await.expect("adds");
    let leads = pb::IncidentTaskContent { due_at: due(10), ..task("p2") };
    let leads = add_task(&test, "i", "t2", leads).await.expect("adds");
    add_task(&test, "i", "t3", task("p3")).await.expect("adds");
    let ids = async |who, asked: pb::ListIncidentTasksRequest| -> Vec<String> {
        tasks_of(&test, &who, asked).await.into_iter().map(|task| task.task_id).collect()
    };
    let all = pb::ListIncidentTasksRequest::default;
    assert_eq!(ids(agent("p1"), all()).await, ["t1"]);
    assert_eq!(ids(lead(), all()).await, ["t2", "t1", "t3"], "by when they are due");
    let of_p3 = pb::ListIncidentTasksRequest { owner_person_id: "p3".to_owned(), ..all() };
    assert_eq!(ids(agent("p1"), of_p3.clone()).await, Vec::<String>::new());
    assert_eq!(ids(lead(), of_p3).await, ["t3"]);
    assert_eq!(ids(agent("p1").of("other"), all()).await, Vec::<String>::new());
    test.clock.advance(TimeDelta::minutes(11));
    let late = pb::ListIncidentTasksRequest { overdue: true, ..all() };
    assert_eq!(ids(lead(), late).await, ["t2"]);

    let hidden = mark_as(&test, &agent("p1"), &leads, true).await.expect_err("is another's");
    assert_eq!(refused(&hidden), (Code::NotFound, "INCIDENT_TASK_NOT_FOUND".to_owned()));
    let hidden = mark_as(&test, &lead(), &own, true).await.expect_err("leads mark their own");
    assert_eq!(hidden.code(), Code::NotFound);
    let nowhere = pb::IncidentTask { incident_id: "none".to_owned(), ..own.clone() };
    let hidden = mark_as(&test, &agent("p1"), &nowhere, true).await.expect_err("there is none");
    assert_eq!(reason(&hidden), "INCIDENT_TASK_NOT_FOUND");
    let done = mark_as(&test, &agent("p1"), &own, true).await.expect("is theirs");
    assert_eq!((done.done_by.as_str(), done.version), ("p1", 2));
    let again = mark_as(&test, &agent("p1"), &own, true).await.expect("changes nothing");
    assert_eq!(again, done);
    mark_as(&test, &lead(), &leads, true).await.expect("is theirs");
    assert_eq!(get(&test, "i").await.open_tasks, 1);
    let open_ones = pb::ListIncidentTasksRequest { open: true, incident_id: "i".to_owned(), ..all() };
    assert_eq!(ids(supervisor(), open_ones).await, ["t3"]);

    let change = |etag: &str, dropped| pb::UpdateIncidentTaskRequest {
        incident_id: "i".to_owned(),
        task_id: "t3".to_owned(),
        content: Some(pb::IncidentTaskContent { dropped, ..task("p1") }),
        etag: etag.to_owned(),
        request_id: String::new(),
    };
    let old = client(&test).update_incident_task(test.by(&supervisor(), change("v0", true))).await;
    assert_eq!(refused(&old.expect_err("is old")), (Code::Aborted, "INCIDENT_TASK_CHANGED".to_owned()));
    let denied = client(&test).update_incident_task(test.by(&agent("p1"), change("v1", true))).await;
    assert_eq!(denied.expect_err("only marks").code(), Code::PermissionDenied);
    let dropped = client(&test).update_incident_task(test.by(&supervisor(), change("v1", true))).await;
    let dropped = dropped.expect("drops").into_inner().task.expect("a task");
    let marked = mark_as(&test, &agent("p1"), &dropped, true).await.expect_err("is dropped");
    assert_eq!(refused(&marked), (Code::FailedPrecondition, "INCIDENT_TASK_DROPPED".to_owned()));
    let taken = add_task(&test, "i", "t1", task("p1")).await.expect_err("is taken");
    assert_eq!(refused(&taken), (Code::AlreadyExists, "INCIDENT_TASK_EXISTS".to_owned()));
    let unknown = add_task(&test, "i", "t9", task("nobody")).await.expect_err("nobody knows them");
    assert_eq!(refused(&unknown), (Code::NotFound, "PERSON_NOT_FOUND".to_owned()));

    let closed = move_to(&test, &get(&test, "i").await, pb::IncidentState::Closed).await.expect("closes");
    let late = mark_as(&test, &agent("p1"), &own, false).await.expect_err("is over");
    assert_eq!(refused(&late), (Code::FailedPrecondition, "INCIDENT_STATE".to_owned()));
    let late = add_task(&test, "i", "t8", task("p1")).await.expect_err("is over");
    assert_eq!(reason(&late), "INCIDENT_STATE");
    assert_eq!(closed.open_tasks, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_learnt_is_due_and_its_measures_are_tasks() {
    let test = shop().await;
    let opened = open(&test, "i").await;
    let early = submit(&test, &opened, learnt(vec![measure("m", "p1")])).await.expect_err("is not over");
    assert_eq!(refused(&early), (Code::FailedPrecondition, "INCIDENT_STATE".to_owned()));
    let closed = move_to(&test, &opened, pb::IncidentState::Closed).await.expect("closes");
    let overdue = async || {
        let asked = pb::ListIncidentsRequest { retrospective_overdue: true, ..Default::default() };
        let found = client(&test).list_incidents(test.by(&lead(), asked)).await.expect("lists").into_inner();
        found.incidents.len()
    };
    test.clock.set("2020-07-07T23:59:00+08:00");
    assert_eq!(overdue().await, 0);
    test.clock.set("2020-07-08T00:01:00+08:00");
    assert_eq!(overdue().await, 1);
    assert!(get(&test, "i").await.retrospective_overdue);
    let unknown =
        submit(&test, &closed, learnt(vec![measure("m", "nobody")])).await.expect_err("no such person");
    assert_eq!(refused(&unknown), (Code::NotFound, "PERSON_NOT_FOUND".to_owned()));
    assert_eq!(get(&test, "i").await.retrospective, None, "nothing of it was kept");
    let measures = vec![measure("a second courier", "p1"), measure("a better page", "p3")];
    let first = submit(&test, &closed, learnt(measures)).await.expect("learns");
    assert_eq!((overdue().await, first.open_tasks), (0, 0));
    let own = tasks_of(&test, &agent("p1"), pb::ListIncidentTasksRequest::default()).await;
    assert_eq!((own.len(), own[0].kind()), (1, pb::IncidentTaskKind::Measure));
    let day_over = own[0].content.as_ref().and_then(|content| content.due_at).expect("a time");
    assert_eq!(day_over, instant("2020-07-21T00:00:00+08:00".parse().expect("an instant")));
    mark_as(&test, &agent("p1"), &own[0], true).await.expect("is done after it was closed");

    let measures = vec![measure("a second courier", "p1"), measure("another page", "p3")];
    submit(&test, &first, learnt(measures)).await.expect("learns more");
    let of_incident = pb::ListIncidentTasksRequest { incident_id: "i".to_owned(), ..Default::default() };
    let tasks = tasks_of(&test, &supervisor(), of_incident).await;
    let mut titles: Vec<_> = tasks
        .iter()
        .map(|task| (task.content.as_ref().expect("content").title.as_str(), task.done_at.is_some()))
        .collect();
    titles.sort_unstable();
    assert_eq!(titles, [("a second courier", true), ("another page", false)]);

    let asked =
        pb::ListRetrospectivesRequest { incident_id: "i".to_owned(), page_size: 1, ..Default::default() };
    let mut page = client(&test).list_retrospectives(test.by(&lead(), asked.clone())).await.expect("lists");
    let newest = page.get_mut().retrospectives.pop().expect("the second");
    assert_eq!((newest.number, newest.retrospective), (2, get(&test, "i").await.retrospective));
    assert_eq!(newest.handed_in_by, "p9");
    let asked = pb::ListRetrospectivesRequest { page_token: page.into_inner().next_page_token, ..asked };
    let page = client(&test).list_retrospectives(test.by(&lead(), asked)).await.expect("lists").into_inner();
    assert_eq!(page.next_page_token, "");
    let before: Vec<_> =
        page.retrospectives.into_iter().map(|kept| (kept.number, kept.retrospective)).collect();
    assert_eq!(before, [(1, first.retrospective)], "what it said before is kept");
    let asked = pb::ListRetrospectivesRequest { incident_id: "i".to_owned(), ..Default::default() };
    let elsewhere = client(&test).list_retrospectives(test.by(&supervisor().of("other"), asked)).await;
    assert_eq!(elsewhere.expect_err("is another's").code(), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_release_without_versions_replaced_is_kept_from_then_on() {
    let test = shop().await;
    let opened = open(&test, "i").await;
    let closed = move_to(&test, &opened, pb::IncidentState::Closed).await.expect("closes");
    let first = submit(&test, &closed, learnt(vec![measure("m", "p1")])).await.expect("learns");
    // As that release leaves it.
    let rows = test.pool.side_client().await.expect("connects");
    rows.batch_execute("DELETE FROM incident_retrospectives").await.expect("forgets");
    let second = pb::Retrospective { cause: "the warehouse".to_owned(), ..learnt(vec![measure("m", "p1")]) };
    submit(&test, &first, second).await.expect("learns more");
    let asked = pb::ListRetrospectivesRequest { incident_id: "i".to_owned(), ..Default::default() };
    let kept = client(&test).list_retrospectives(test.by(&lead(), asked)).await.expect("lists").into_inner();
    let kept: Vec<_> = kept.retrospectives.into_iter().map(|kept| kept.retrospective).collect();
    assert_eq!(kept, [get(&test, "i").await.retrospective, first.retrospective]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merchant_sets_when_exercises_and_retrospectives_are_due() {
    let test = shop().await;
    let policy = async |version| {
        let asked = pb::GetIncidentPolicyRequest { version };
        let found = client(&test).get_incident_policy(test.by(&lead(), asked)).await?;
        Ok::<_, Status>(found.into_inner().policy.expect("a policy"))
    };
    let put = async |policy: pb::IncidentPolicy| {
        let message = pb::PutIncidentPolicyRequest { policy: Some(policy), request_id: String::new() };
        let put = client(&test).put_incident_policy(test.by(&supervisor(), message)).await?;
        Ok::<_, Status>(put.into_inner().policy.expect("a policy"))
    };
    let built_in = policy(None).await.expect("answers");
    assert_eq!(
        (built_in.version, built_in.drill_interval_days, built_in.retrospective_working_days),
        (0, 90, 5)
    );
    let drill = pb::OpenIncidentRequest { drill: true, ..opening("d") };
    let drill = open_as(&test, &supervisor(), drill).await.expect("opens");
    let next_due = async || {
        let asked = pb::ListDrillsRequest::default();
        let drills = client(&test).list_drills(test.by(&lead(), asked)).await.expect("lists");
        drills.into_inner().next_due_day
    };
    assert_eq!(next_due().await, Some(date("2020-09-28")));
    let own =
        pb::IncidentPolicy { drill_interval_days: 30, retrospective_working_days: 2, ..built_in.clone() };
    let first = put(own.clone()).await.expect("puts");
    assert_eq!((first.version, first.updated_by.as_str()), (1, "p9"));
    assert_eq!(policy(None).await.expect("answers"), first);
    assert_eq!(policy(Some(0)).await.expect("answers"), built_in);
    assert_eq!(next_due().await, Some(date("2020-07-30")));
    let closed = move_to(&test, &drill, pb::IncidentState::Closed).await.expect("closes");
    assert_eq!(closed.retrospective_due_day, Some(date("2020-07-02")), "two working days");

    let stale = put(own.clone()).await.expect_err("the etag is old");
    assert_eq!(refused(&stale), (Code::Aborted, "INCIDENT_POLICY_CHANGED".to_owned()));
    let unknown = policy(Some(2)).await.expect_err("is none yet");
    assert_eq!(refused(&unknown), (Code::NotFound, "INCIDENT_POLICY_NOT_FOUND".to_owned()));
    let never = pb::IncidentPolicy { drill_interval_days: 0, etag: first.etag.clone(), ..own };
    let wrong = put(never).await.expect_err("is out of bounds");
    let field = status::Problem::from_status(&wrong).violations[0].field.clone();
    assert_eq!((wrong.code(), field.as_str()), (Code::InvalidArgument, "policy.drill_interval_days"));
    let audited = test.count("SELECT count(*) FROM audit_entries WHERE entity = 'incident_policy'").await;
    assert_eq!(audited, 1);
    let asked = pb::GetIncidentPolicyRequest { version: None };
    let other = client(&test).get_incident_policy(test.by(&lead().of("other"), asked)).await;
    assert_eq!(other.expect("answers").into_inner().policy.expect("a policy"), built_in);
}

#[tokio::test(flavor = "multi_thread")]
async fn exercises_are_listed_with_what_was_found_and_the_next_is_due() {
    let test = shop().await;
    let list = async || {
        let asked = pb::ListDrillsRequest::default();
        client(&test).list_drills(test.by(&lead(), asked)).await.expect("lists").into_inner()
    };
    let none = list().await;
    assert_eq!((none.drills.len(), none.next_due_day, none.overdue), (0, None, true));
    open(&test, "real").await;
    let drill = pb::OpenIncidentRequest { drill: true, ..opening("d") };
    let drill = open_as(&test, &supervisor(), drill).await.expect("opens");
    let closed = move_to(&test, &drill, pb::IncidentState::Closed).await.expect("closes");
    let found = submit(&test, &closed, learnt(vec![measure("m", "p1")])).await.expect("learns");
    let case = file(&test, &found).await.expect_err("it never happened");
    assert_eq!(refused(&case), (Code::FailedPrecondition, "INCIDENT_DRILL".to_owned()));
    let drills = list().await;
    assert_eq!((drills.next_due_day, drills.overdue), (Some(date("2020-09-28")), false));
    assert_eq!((drills.drills.len(), &drills.drills[0].retrospective), (1, &found.retrospective));
    let real = pb::ListIncidentsRequest::default();
    let listed = client(&test).list_incidents(test.by(&lead(), real)).await.expect("lists").into_inner();
    assert_eq!(listed.incidents.iter().map(|i| i.incident_id.as_str()).collect::<Vec<_>>(), ["real"]);
    test.clock.set("2020-09-29T10:00:00+08:00");
    assert!(list().await.overdue);
    let own = tasks_of(&test, &agent("p1"), pb::ListIncidentTasksRequest::default()).await;
    assert!(own[0].drill, "people know that it is an exercise");
}

#[tokio::test(flavor = "multi_thread")]
async fn cycle_times_are_those_of_the_incidents_that_they_explain() {
    let test = shop().await;
    let began = "2020-06-30T08:00:00+08:00".parse::<chrono::DateTime<chrono::Utc>>().expect("an instant");
    let after = |minutes| Some(instant(began + TimeDelta::minutes(minutes)));
    let course =
        async |id: &str, level: pb::AlertLevel, drill, contained: Option<i64>, closed: Option<i64>| {
            let content = pb::IncidentContent { level: level.into(), ..content() };
            let opening =
                pb::OpenIncidentRequest { content: Some(content), drill, opened_at: after(0), ..opening(id) };
            let mut at = open_as(&test, &supervisor(), opening).await.expect("opens");
            for (state, minutes) in
                [(pb::IncidentState::Contained, contained), (pb::IncidentState::Closed, closed)]
            {
                if let Some(minutes) = minutes {
                    let step = pb::MoveIncidentRequest { happened_at: after(minutes), ..to(&at, state) };
                    at = move_by(&test, step).await.expect("moves");
                }
            }
        };
    let (local, major) = (pb::AlertLevel::Local, pb::AlertLevel::Major);
    course("a", major, false, Some(10), Some(30)).await;
    course("b", major, false, Some(20), None).await;
    course("c", local, false, None, Some(60)).await;
    course("d", local, false, None, None).await;
    course("e", local, true, Some(1), Some(2)).await;
    let asked = |from: &str, to: &str, levels: Vec<i32>| pb::GetIncidentTimesRequest {
        days: crate::support::days(from, to),
        levels,
    };
    let times = async |message| {
        client(&test).get_incident_times(test.by(&lead(), message)).await.expect("counts").into_inner()
    };
    let all = times(asked("2020-06-30", "2020-06-30", Vec::new())).await;
    assert_eq!((all.incidents, all.drills), (5, 1));
    let levels: Vec<_> = all.times.iter().map(pb::IncidentTimes::level).collect();
    assert_eq!(levels, [pb::AlertLevel::Unspecified, local, major]);
    let minutes = |spread: &Option<pb::IncidentSpread>| {
        let spread = spread.as_ref().expect("a spread");
        let in_minutes = |seconds: Option<f64>| seconds.map(|seconds| seconds / 60.0);
        (
            spread.count,
            in_minutes(spread.mean_seconds),
            in_minutes(spread.median_seconds),
            in_minutes(spread.p90_seconds),
        )
    };
    assert_eq!(minutes(&all.times[0].opened_to_contained), (2, Some(15.0), Some(10.0), Some(20.0)));
    assert_eq!(minutes(&all.times[0].contained_to_closed), (1, Some(20.0), Some(20.0), Some(20.0)));
    assert_eq!(minutes(&all.times[0].opened_to_closed), (2, Some(45.0), Some(30.0), Some(60.0)));
    assert_eq!(minutes(&all.times[1].opened_to_contained), (0, None, None, None));
    let none = times(asked("2020-06-29", "2020-06-29", Vec::new())).await;
    assert_eq!((none.incidents, none.times.len()), (0, 1));
    assert_eq!(times(asked("2020-06-30", "2020-07-01", vec![major.into()])).await.incidents, 2);

    let mut explain = pb::ExplainIncidentTimesRequest {
        days: crate::support::days("2020-06-30", "2020-06-30"),
        page_size: 2,
        ..Default::default()
    };
    let mut courses = Vec::new();
    loop {
        let page = client(&test).explain_incident_times(test.by(&lead(), explain.clone())).await;
        let page = page.expect("explains").into_inner();
        courses.extend(page.incidents);
        if page.next_page_token.is_empty() {
            break;
        }
        explain.page_token = page.next_page_token;
    }
    use pb::IncidentLeftOut as Out;
    let reasons: Vec<_> = courses
        .iter()
        .map(|course| {
            let out = |span: &Option<pb::IncidentSpan>| span.as_ref().expect("a span").left_out();
            (course.incident_id.as_str(), out(&course.opened_to_contained), out(&course.opened_to_closed))
        })
        .collect();
    let counted = Out::Unspecified;
    assert_eq!(
        reasons,
        [
            ("a", counted, counted),
            ("b", counted, Out::NotClosed),
            ("c", Out::NotContained, counted),
            ("d", Out::NotContained, Out::NotClosed),
            ("e", Out::Drill, Out::Drill),
        ]
    );
    let seconds = courses.iter().filter_map(|course| course.opened_to_closed.as_ref()?.seconds);
    assert_eq!(seconds.sum::<f64>() / 60.0, 90.0, "the mean times the count");
    let elsewhere = asked("2020-06-30", "2020-06-30", Vec::new());
    let elsewhere = client(&test).get_incident_times(test.by(&supervisor().of("other"), elsewhere)).await;
    assert_eq!(elsewhere.expect("counts nothing").into_inner().incidents, 0);
}
