//! Risks: their register, assessments, matrix and reviews.

use chrono::TimeDelta;
use proto::access::Role;
use proto::metrics::v1 as pb;
use proto::metrics::v1::risk_service_client::RiskServiceClient;
use testkit::{TestCaller, caller};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::support::{TestMetrics, date, reason};

fn client(test: &TestMetrics) -> RiskServiceClient<Channel> {
    RiskServiceClient::new(test.channel.clone())
}

async fn shop() -> TestMetrics {
    let test = TestMetrics::start().await;
    test.person("p1", "a1", None).await;
    test.person("p2", "a2", None).await;
    test
}

fn supervisor() -> TestCaller {
    caller().person("p9").roles(&[Role::Supervisor])
}

fn lead() -> TestCaller {
    caller().person("p2").roles(&[Role::Lead])
}

fn content(likelihood: i32, impact: i32) -> pb::RiskContent {
    pb::RiskContent {
        kind: pb::RiskKind::Logistics.into(),
        title: "快递停运, call 13812345678".to_owned(),
        likelihood,
        impact,
        owner_person_id: "p1".to_owned(),
        prevention: "a second courier".to_owned(),
        response: "tell everyone who waits".to_owned(),
        alert_rule_id: "builtin-1-logistics".to_owned(),
        review_due_day: Some(date("2020-09-30")),
        ..Default::default()
    }
}

async fn create(test: &TestMetrics, id: &str, content: pb::RiskContent) -> Result<pb::Risk, Status> {
    let message = pb::CreateRiskRequest {
        risk_id: id.to_owned(),
        content: Some(content),
        request_id: format!("create {id}"),
    };
    Ok(client(test).create_risk(test.by(&supervisor(), message)).await?.into_inner().risk.expect("a risk"))
}

async fn assess(test: &TestMetrics, at: &pb::Risk, content: pb::RiskContent) -> Result<pb::Risk, Status> {
    let message = pb::AssessRiskRequest {
        risk_id: at.risk_id.clone(),
        content: Some(content),
        etag: at.etag.clone(),
        request_id: String::new(),
    };
    Ok(client(test).assess_risk(test.by(&supervisor(), message)).await?.into_inner().risk.expect("a risk"))
}

async fn ids(test: &TestMetrics, who: &TestCaller, asked: pb::ListRisksRequest) -> Vec<String> {
    let (mut asked, mut ids) = (pb::ListRisksRequest { page_size: 1, ..asked }, Vec::new());
    loop {
        let page = client(test).list_risks(test.by(who, asked.clone())).await.expect("lists").into_inner();
        ids.extend(page.risks.into_iter().map(|risk| risk.risk_id));
        if page.next_page_token.is_empty() {
            return ids;
        }
        asked.page_token = page.next_page_token;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn assessments_follow_each_other_and_none_is_lost() {
    let test = shop().await;
    let first = create(&test, "r", content(2, 3)).await.expect("creates");
    assert_eq!((first.version, first.score, first.band()), (1, 6, pb::RiskBand::Medium));
    assert!(!first.content.as_ref().expect("content").title.contains("13812345678"), "is redacted");
    assert_eq!(create(&test, "r", content(2, 3)).await.expect("the same request"), first);
    let (a, b) = tokio::join!(assess(&test, &first, content(5, 4)), assess(&test, &first, content(5, 5)));
    let (kept, lost) = match (a, b) {
        (Ok(kept), Err(lost)) | (Err(lost), Ok(kept)) => (kept, lost),
        other => panic!("one wins: {other:?}"),
    };
    assert_eq!((lost.code(), reason(&lost).as_str()), (Code::Aborted, "RISK_CHANGED"));
    assert_eq!((kept.version, kept.band()), (2, pb::RiskBand::Extreme));
    let versions =
        pb::ListRiskVersionsRequest { risk_id: "r".to_owned(), page_size: 1, ..Default::default() };
    let page = client(&test).list_risk_versions(test.by(&lead(), versions.clone())).await.expect("lists");
    let page = page.into_inner();
    assert_eq!(page.versions, [kept]);
    let next = pb::ListRiskVersionsRequest { page_token: page.next_page_token, ..versions };
    let page = client(&test).list_risk_versions(test.by(&lead(), next)).await.expect("lists").into_inner();
    assert_eq!((page.versions, page.next_page_token.as_str()), (vec![first], ""));
    let audited = test.count("SELECT count(*) FROM audit_entries WHERE entity = 'risk/r'").await;
    assert_eq!(audited, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_matrix_lays_them_out_and_late_reviews_are_listed() {
    let test = shop().await;
    let soon = |likelihood, impact, day: &str| pb::RiskContent {
        review_due_day: Some(date(day)),
        ..content(likelihood, impact)
    };
    create(&test, "b", soon(4, 2, "2020-07-31")).await.expect("creates");
    create(&test, "a", soon(4, 2, "2020-08-31")).await.expect("creates");
    let gone = create(&test, "c", soon(5, 5, "2020-06-30")).await.expect("creates");
    let staff = pb::RiskContent {
        kind: pb::RiskKind::Staff.into(),
        owner_person_id: "p2".to_owned(),
        ..soon(1, 1, "2020-07-01")
    };
    create(&test, "d", staff).await.expect("creates");
    assess(&test, &gone, pb::RiskContent { retired: true, ..soon(5, 5, "2020-06-30") })
        .await
        .expect("retires");
    let all = pb::ListRisksRequest::default;
    assert_eq!(ids(&test, &lead(), all()).await, ["d", "b", "a"], "by when they are to be assessed");
    assert_eq!(
        ids(&test, &lead(), pb::ListRisksRequest { retired: true, ..all() }).await,
        ["c", "d", "b", "a"]
    );
    assert_eq!(ids(&test, &lead(), pb::ListRisksRequest { score_min: 8, ..all() }).await, ["b", "a"]);
    let of_kind = pb::ListRisksRequest { kinds: vec![pb::RiskKind::Staff.into()], ..all() };
    assert_eq!(ids(&test, &lead(), of_kind).await, ["d"]);
    let of_owner = pb::ListRisksRequest { owner_person_id: "p2".to_owned(), ..all() };
    assert_eq!(ids(&test, &lead(), of_owner).await, ["d"]);
    assert_eq!(ids(&test, &supervisor().of("other"), all()).await, Vec::<String>::new());
    let late = || pb::ListRisksRequest { overdue: true, ..all() };
    assert_eq!(ids(&test, &lead(), late()).await, Vec::<String>::new());
    test.clock.advance(TimeDelta::days(32));
    assert_eq!(ids(&test, &lead(), late()).await, ["d", "b"]);
    let matrix = client(&test).get_risk_matrix(test.by(&lead(), pb::GetRiskMatrixRequest::default())).await;
    let matrix = matrix.expect("lays out").into_inner();
    assert_eq!((matrix.cells.len(), matrix.risks, matrix.overdue), (25, 3, 2));
    let full: Vec<_> = matrix.cells.iter().filter(|cell| cell.count > 0).collect();
    assert_eq!((full[0].score, full[0].band()), (1, pb::RiskBand::Low));
    assert_eq!(
        (full[1].likelihood, full[1].impact, full[1].risk_ids.as_slice()),
        (4, 2, &["a".to_owned(), "b".to_owned()][..])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_refused_with_its_reason() {
    let test = shop().await;
    let refused = async |edit: fn(&mut pb::RiskContent)| {
        let mut content = content(1, 1);
        edit(&mut content);
        create(&test, "x", content).await.expect_err("is wrong")
    };
    let field = |status: &Status| status::Problem::from_status(status).violations[0].field.clone();
    assert_eq!(field(&refused(|content| content.likelihood = 6).await), "content.likelihood");
    assert_eq!(field(&refused(|content| content.kind = 0).await), "content.kind");
    assert_eq!(field(&refused(|content| content.response.clear()).await), "content.response");
    let over: fn(&mut pb::RiskContent) = |content| content.review_due_day = Some(date("2020-06-29"));
    assert_eq!(field(&refused(over).await), "content.review_due_day");
    let rule: fn(&mut pb::RiskContent) = |content| content.alert_rule_id = "none".to_owned();
    assert_eq!(reason(&refused(rule).await), "ALERT_RULE_NOT_FOUND");
    let owner: fn(&mut pb::RiskContent) = |content| content.owner_person_id = "nobody".to_owned();
    assert_eq!(reason(&refused(owner).await), "PERSON_NOT_FOUND");
    let made = create(&test, "r", content(1, 1)).await.expect("creates");
    let message = pb::CreateRiskRequest {
        risk_id: "r".to_owned(),
        content: Some(content(1, 2)),
        request_id: String::new(),
    };
    let taken =
        client(&test).create_risk(test.by(&supervisor(), message.clone())).await.expect_err("is taken");
    assert_eq!((taken.code(), reason(&taken).as_str()), (Code::AlreadyExists, "RISK_EXISTS"));
    let denied = client(&test).create_risk(test.by(&lead(), message)).await.expect_err("leads read");
    assert_eq!(denied.code(), Code::PermissionDenied);
    let get = pb::GetRiskRequest { risk_id: "r".to_owned() };
    let hidden =
        client(&test).get_risk(test.by(&supervisor().of("other"), get)).await.expect_err("is another's");
    assert_eq!((hidden.code(), reason(&hidden).as_str()), (Code::NotFound, "RISK_NOT_FOUND"));
    let elsewhere = pb::AssessRiskRequest {
        risk_id: "r".to_owned(),
        content: Some(content(1, 2)),
        etag: made.etag,
        request_id: String::new(),
    };
    let hidden = client(&test).assess_risk(test.by(&supervisor().of("other"), elsewhere)).await;
    assert!([Code::NotFound].contains(&hidden.expect_err("is another's").code()));
}
