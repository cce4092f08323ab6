//! Issues between departments.

use events::Payload;
use proto::access::Role;
use proto::common::v1::ConversationRef;
use proto::events::v1::IssueChanged;
use proto::metrics::v1 as pb;
use proto::metrics::v1::issue_service_client::IssueServiceClient;
use testkit::{EventCollector, TestCaller, caller};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::support::{TestMetrics, date, reason};

fn client(test: &TestMetrics) -> IssueServiceClient<Channel> {
    IssueServiceClient::new(test.channel.clone())
}

/// p1 and p2 in a team that p2 leads, p3 in another, p4 in none.
async fn shop() -> TestMetrics {
    let test = TestMetrics::start().await;
    test.person("p1", "a1", Some(("t1", false))).await;
    test.person("p2", "a2", Some(("t1", true))).await;
    test.person("p3", "a3", Some(("t2", false))).await;
    test.person("p4", "a4", None).await;
    test
}

fn agent(person: &str) -> TestCaller {
    caller().person(person).roles(&[Role::Agent])
}

fn lead() -> TestCaller {
    caller().person("p2").roles(&[Role::Lead])
}

fn operations() -> TestCaller {
    caller().person("p4").roles(&[Role::Operations])
}

fn wrong_price() -> pb::IssueContent {
    pb::IssueContent {
        kind: pb::IssueKind::PageError.into(),
        title: "价格不符".to_owned(),
        description: "买家13812345678说页面写着99元".to_owned(),
        shop_id: "star".to_owned(),
        page_fault: pb::PageFault::Price.into(),
        page_url: "https://example.com/item?id=611111111111".to_owned(),
        conversations: vec![ConversationRef {
            shop_id: "star".to_owned(),
            channel: "chat".to_owned(),
            conversation_id: "c-1".to_owned(),
        }],
        department: Role::Operations.into(),
        due_day: Some(date("2020-07-01")),
        ..Default::default()
    }
}

async fn create_as(
    test: &TestMetrics,
    who: &TestCaller,
    id: &str,
    content: pb::IssueContent,
    request_id: &str,
) -> Result<pb::Issue, Status> {
    let message = pb::CreateIssueRequest {
        issue_id: id.to_owned(),
        content: Some(content),
        watcher_person_ids: vec![],
        request_id: request_id.to_owned(),
    };
    Ok(client(test).create_issue(test.by(who, message)).await?.into_inner().issue.expect("an issue"))
}

async fn get_as(test: &TestMetrics, who: &TestCaller, id: &str) -> Result<pb::Issue, Status> {
    let message = pb::GetIssueRequest { issue_id: id.to_owned() };
    Ok(client(test).get_issue(test.by(who, message)).await?.into_inner().issue.expect("an issue"))
}

async fn move_as(
    test: &TestMetrics,
    who: &TestCaller,
    at: &pb::Issue,
    state: pb::IssueState,
    resolution: &str,
) -> Result<pb::Issue, Status> {
    let message = pb::MoveIssueRequest {
        issue_id: at.issue_id.clone(),
        state: state.into(),
        resolution: resolution.to_owned(),
        etag: at.etag.clone(),
        request_id: String::new(),
    };
    Ok(client(test).move_issue(test.by(who, message)).await?.into_inner().issue.expect("an issue"))
}

async fn update_as(
    test: &TestMetrics,
    who: &TestCaller,
    at: &pb::Issue,
    content: pb::IssueContent,
) -> Result<pb::Issue, Status> {
    let message = pb::UpdateIssueRequest {
        issue_id: at.issue_id.clone(),
        content: Some(content),
        etag: at.etag.clone(),
        request_id: String::new(),
    };
    Ok(client(test).update_issue(test.by(who, message)).await?.into_inner().issue.expect("an issue"))
}

async fn comment_as(
    test: &TestMetrics,
    who: &TestCaller,
    text: &str,
    request_id: &str,
) -> Result<pb::IssueComment, Status> {
    let message = pb::CommentIssueRequest {
        issue_id: "i".to_owned(),
        text: text.to_owned(),
        request_id: request_id.to_owned(),
    };
    Ok(client(test).comment_issue(test.by(who, message)).await?.into_inner().comment.expect("a comment"))
}

async fn notices(
    test: &TestMetrics,
    who: &TestCaller,
) -> Vec<(String, pb::IssueChange, pb::IssueState, i32)> {
    let message = pb::ListIssueNoticesRequest::default();
    let page = client(test).list_issue_notices(test.by(who, message)).await.expect("lists").into_inner();
    let notice = |n: pb::IssueNotice| (n.issue_id.clone(), n.change(), n.state(), n.changes);
    page.notices.into_iter().map(notice).collect()
}

async fn list_as(test: &TestMetrics, who: &TestCaller, mut asked: pb::ListIssuesRequest) -> Vec<String> {
    asked.page_size = 2;
    let mut ids = Vec::new();
    loop {
        let page = client(test).list_issues(test.by(who, asked.clone())).await.expect("lists").into_inner();
        ids.extend(page.issues.into_iter().map(|issue| issue.issue_id));
        if page.next_page_token.is_empty() {
            return ids;
        }
        asked.page_token = page.next_page_token;
    }
}

fn field(status: &Status) -> String {
    let violations = status::Problem::from_status(status).violations;
    violations.into_iter().map(|violation| violation.field).next().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_price_is_filed_assigned_solved_and_everyone_concerned_told() {
    let test = shop().await;
    let collector = EventCollector::start(&test.nats).await;
    let filed = create_as(&test, &agent("p1"), "i", wrong_price(), "r-1").await.expect("files");
    assert_eq!((filed.state(), filed.reporter_person_id.as_str()), (pb::IssueState::Open, "p1"));
    let again = create_as(&test, &agent("p1"), "i", wrong_price(), "r-1").await.expect("the same request");
    assert_eq!(again, filed);
    let content = filed.content.clone().expect("content");
    assert!(!content.description.contains("13812345678"), "{}", content.description);
    assert_eq!(
        (&content.page_url, &content.conversations),
        (&wrong_price().page_url, &wrong_price().conversations)
    );

    let owned = pb::IssueContent { owner_person_id: "p3".to_owned(), ..wrong_price() };
    let assigned = update_as(&test, &operations(), &filed, owned.clone()).await.expect("assigns");
    assert_eq!(assigned.watcher_person_ids, ["p1", "p3"]);
    assert_eq!(
        notices(&test, &agent("p1")).await,
        [("i".to_owned(), pb::IssueChange::Assigned, pb::IssueState::Open, 1)]
    );
    let said = comment_as(&test, &agent("p3"), "已联系美工，电话13812345678", "m-1").await.expect("says");
    assert_eq!((said.number, said.author_person_id.as_str()), (1, "p3"));
    assert!(!said.text.contains("13812345678"));
    let repeated = comment_as(&test, &agent("p3"), "已联系美工，电话13812345678", "m-1")
        .await
        .expect("the same request");
    assert_eq!(repeated, said);
    let current = get_as(&test, &agent("p3"), "i").await.expect("owns it");
    let unsaid =
        move_as(&test, &agent("p3"), &current, pb::IssueState::Solved, "").await.expect_err("says nothing");
    assert_eq!(field(&unsaid), "resolution");
    let solved =
        move_as(&test, &agent("p3"), &current, pb::IssueState::Solved, "已改价").await.expect("solves");
    assert_eq!((solved.state(), solved.resolution.as_str()), (pb::IssueState::Solved, "已改价"));
    assert_eq!(
        notices(&test, &agent("p1")).await,
        [("i".to_owned(), pb::IssueChange::Moved, pb::IssueState::Solved, 3)]
    );
    // Whoever made the last change is not told of it.
    assert_eq!(
        notices(&test, &agent("p3")).await,
        [("i".to_owned(), pb::IssueChange::Assigned, pb::IssueState::Solved, 1)]
    );
    let read = || pb::ReadIssueNoticesRequest { issue_ids: vec!["i".to_owned()], request_id: String::new() };
    let read_by = async |who: TestCaller| {
        client(&test).read_issue_notices(test.by(&who, read())).await.expect("reads").into_inner().read
    };
    assert_eq!((read_by(agent("p1")).await, read_by(agent("p1")).await), (1, 0));
    assert_eq!(notices(&test, &agent("p1")).await, []);

    let told: Vec<IssueChanged> = collector
        .wait_for(4, |payload| match payload {
            Payload::IssueChanged(changed) => Some(changed.clone()),
            _ => None,
        })
        .await;
    let solved = told.iter().find(|changed| changed.state() == pb::IssueState::Solved).expect("is told");
    assert_eq!(
        (solved.change(), &solved.watcher_person_ids),
        (pb::IssueChange::Moved, &vec!["p1".to_owned(), "p3".to_owned()])
    );
    assert_eq!((solved.department(), solved.owner_person_id.as_str()), (Role::Operations, "p3"));
    let raw =
        "SELECT count(*) FROM issues i, issue_comments c WHERE (i::text || c::text) LIKE '%13812345678%'";
    assert_eq!(test.count(raw).await, 0);
    let audited = test.count("SELECT count(*) FROM audit_entries WHERE entity = 'issue/i'").await;
    assert_eq!(audited, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_legal_steps_are_taken_and_scripts_change_first() {
    let test = shop().await;
    let script = |changed| pb::ScriptChange { script: "推荐 sku-1".to_owned(), changed };
    let stock = |changed| pb::IssueContent {
        kind: pb::IssueKind::Stock.into(),
        page_fault: 0,
        page_url: String::new(),
        stock_trouble: pb::StockTrouble::Discontinued.into(),
        product_ids: vec!["sku-1".to_owned()],
        substitute_product_ids: vec!["sku-2".to_owned()],
        scripts_to_change: vec![script(changed)],
        department: Role::Warehouse.into(),
        ..wrong_price()
    };
    let filed = create_as(&test, &caller(), "i", stock(false), "").await.expect("files");
    let refused = move_as(&test, &caller(), &filed, pb::IssueState::Closed, "").await.expect_err("is open");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "ISSUE_STATE"));
    let waits =
        move_as(&test, &caller(), &filed, pb::IssueState::Solved, "done").await.expect_err("a script waits");
    assert_eq!(reason(&waits), "SCRIPTS_NOT_CHANGED");
    let begun = move_as(&test, &caller(), &filed, pb::IssueState::InProgress, "").await.expect("begins");
    let old = update_as(&test, &caller(), &filed, stock(true)).await.expect_err("the etag is old");
    assert_eq!((old.code(), reason(&old).as_str()), (Code::Aborted, "ISSUE_CHANGED"));
    let changed = update_as(&test, &caller(), &begun, stock(true)).await.expect("updates");
    let solved = move_as(&test, &caller(), &changed, pb::IssueState::Solved, "done").await.expect("solves");
    update_as(&test, &caller(), &solved, stock(true)).await.expect_err("is solved");
    let closed = move_as(&test, &caller(), &solved, pb::IssueState::Closed, "").await.expect("closes");
    let reopened = move_as(&test, &caller(), &closed, pb::IssueState::Open, "").await.expect("opens again");
    assert_eq!((reopened.version, reopened.resolution.as_str()), (6, "done"));
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_sees_what_concerns_them() {
    let test = shop().await;
    create_as(&test, &agent("p1"), "i", wrong_price(), "").await.expect("files");
    let process = pb::IssueContent {
        kind: pb::IssueKind::Process.into(),
        page_fault: 0,
        page_url: String::new(),
        due_day: Some(date("2020-06-29")),
        owner_person_id: "p3".to_owned(),
        ..wrong_price()
    };
    create_as(&test, &caller(), "late", process, "").await.expect("files");
    let idea = pb::IssueContent {
        kind: pb::IssueKind::Suggestion.into(),
        page_fault: 0,
        page_url: String::new(),
        due_day: None,
        department: Role::Warehouse.into(),
        shop_id: String::new(),
        ..wrong_price()
    };
    create_as(&test, &agent("p3"), "idea", idea, "").await.expect("files");

    let all = pb::ListIssuesRequest::default;
    assert_eq!(list_as(&test, &caller(), all()).await, ["late", "i", "idea"], "what has no day comes last");
    assert_eq!(list_as(&test, &operations(), all()).await.len(), 3);
    assert_eq!(list_as(&test, &agent("p1"), all()).await, ["i"]);
    assert_eq!(list_as(&test, &agent("p3"), all()).await, ["late", "idea"]);
    assert_eq!(list_as(&test, &lead(), all()).await, ["i"]);
    assert_eq!(list_as(&test, &caller().of("other"), all()).await, Vec::<String>::new());
    let hidden = get_as(&test, &agent("p3"), "i").await.expect_err("does not concern them");
    assert_eq!((hidden.code(), reason(&hidden).as_str()), (Code::NotFound, "ISSUE_NOT_FOUND"));
    comment_as(&test, &agent("p3"), "?", "").await.expect_err("does not concern them");

    let overdue = pb::ListIssuesRequest { overdue: true, ..all() };
    assert_eq!(list_as(&test, &caller(), overdue.clone()).await, ["late"]);
    assert!(get_as(&test, &caller(), "late").await.expect("answers").overdue);
    test.clock.set("2020-07-02T00:00:00+08:00");
    assert_eq!(list_as(&test, &caller(), overdue).await, ["late", "i"]);
    let pages = pb::ListIssuesRequest { kinds: vec![pb::IssueKind::PageError.into()], ..all() };
    assert_eq!(list_as(&test, &caller(), pages).await, ["i"]);
    let warehouse = pb::ListIssuesRequest { department: Role::Warehouse.into(), ..all() };
    assert_eq!(list_as(&test, &caller(), warehouse).await, ["idea"]);
    let owned = pb::ListIssuesRequest { owner_person_id: "p3".to_owned(), ..all() };
    assert_eq!(list_as(&test, &caller(), owned).await, ["late"]);
    let shop = pb::ListIssuesRequest { shop_id: "star".to_owned(), ..all() };
    assert_eq!(list_as(&test, &caller(), shop).await, ["late", "i"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn watchers_come_and_go_within_reach() {
    let test = shop().await;
    create_as(&test, &agent("p1"), "i", wrong_price(), "").await.expect("files");
    let watch = async |who: &TestCaller, people: &[&str], stop: bool| {
        let message = pb::WatchIssueRequest {
            issue_id: "i".to_owned(),
            person_ids: people.iter().map(|id| (*id).to_owned()).collect(),
            stop,
            request_id: String::new(),
        };
        let watched = client(&test).watch_issue(test.by(who, message)).await?;
        Ok::<_, Status>(watched.into_inner().issue.expect("an issue").watcher_person_ids)
    };
    let far = watch(&agent("p1"), &["p3"], false).await.expect_err("reaches only themselves");
    assert_eq!((far.code(), reason(&far).as_str()), (Code::NotFound, "PERSON_NOT_FOUND"));
    assert_eq!(watch(&lead(), &[], false).await.expect("watches"), ["p1", "p2"]);
    assert_eq!(watch(&caller(), &["p3", "p4"], false).await.expect("watches"), ["p1", "p2", "p3", "p4"]);
    let nobody = watch(&caller(), &["px"], false).await.expect_err("nobody knows them");
    assert_eq!(reason(&nobody), "PERSON_NOT_FOUND");
    assert_eq!(watch(&agent("p3"), &[], true).await.expect("stops"), ["p1", "p2", "p4"]);
    get_as(&test, &agent("p3"), "i").await.expect_err("does not concern them any more");
    assert_eq!(
        watch(&caller(), &["p1", "p2"], true).await.expect("stops"),
        ["p1", "p4"],
        "the reporter stays"
    );
    let list = pb::ListIssueNoticesRequest::default();
    let program = caller().roles(&[Role::Supervisor]);
    let refused = client(&test).list_issue_notices(test.by(&program, list)).await.expect_err("is nobody");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::PermissionDenied, "NO_PERSON"));
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_are_listed_page_by_page() {
    let test = shop().await;
    create_as(&test, &agent("p1"), "i", wrong_price(), "").await.expect("files");
    for text in ["一", "二", "三"] {
        comment_as(&test, &operations(), text, "").await.expect("says");
    }
    let mut asked =
        pb::ListIssueCommentsRequest { issue_id: "i".to_owned(), page_size: 2, ..Default::default() };
    let page = client(&test).list_issue_comments(test.by(&agent("p1"), asked.clone())).await.expect("lists");
    let page = page.into_inner();
    assert_eq!(page.comments.iter().map(|comment| comment.text.as_str()).collect::<Vec<_>>(), ["一", "二"]);
    asked.page_token = page.next_page_token;
    let page =
        client(&test).list_issue_comments(test.by(&agent("p1"), asked)).await.expect("lists").into_inner();
    assert_eq!((page.comments[0].number, page.next_page_token.as_str()), (3, ""));
    let issue = get_as(&test, &agent("p1"), "i").await.expect("answers");
    assert_eq!((issue.comments, issue.watcher_person_ids), (3, vec!["p1".to_owned(), "p4".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_refused_with_its_field() {
    let test = shop().await;
    let check = async |edit: fn(&mut pb::IssueContent), expected: &str| {
        let mut content = wrong_price();
        edit(&mut content);
        let refused = create_as(&test, &agent("p1"), "", content, "").await.expect_err(expected);
        assert_eq!((refused.code(), field(&refused).as_str()), (Code::InvalidArgument, expected));
    };
    check(|content| content.kind = 0, "content.kind").await;
    check(|content| content.title.clear(), "content.title").await;
    check(|content| content.page_fault = 0, "content.page_fault").await;
    check(|content| content.kind = pb::IssueKind::Process.into(), "content.page_fault").await;
    check(|content| content.stock_trouble = 1, "content.stock_trouble").await;
    check(|content| content.page_url.clear(), "content.page_url").await;
    check(|content| content.department = 0, "content.department").await;
    check(|content| content.department = Role::ServiceAccount.into(), "content.department").await;
    check(|content| content.description = "\0".to_owned(), "content").await;
    check(|content| content.due_day = Some(Default::default()), "content.due_day").await;
    let unknown = pb::IssueContent { owner_person_id: "px".to_owned(), ..wrong_price() };
    let refused = create_as(&test, &agent("p1"), "", unknown, "").await.expect_err("nobody knows them");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::NotFound, "PERSON_NOT_FOUND"));
}
