//! The aggregated views: each part says where it stands.

use chrono::TimeDelta;
use proto::access::Role;
use proto::gateway::v1 as pb;
use proto::gateway::v1::SectionState;
use proto::gateway::v1::gateway_service_client::GatewayServiceClient;
use status::Problem;
use testkit::{FakeClock, Fault, FaultProxy, TestCaller, caller};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::support::fakes::{FAILS, FINE, HANGS, REFUSES};
use crate::support::{Fake, TestGateway, day};

fn client(gateway: &TestGateway) -> GatewayServiceClient<Channel> {
    GatewayServiceClient::new(gateway.channel())
}

async fn agent_day(
    gateway: &TestGateway,
    who: &TestCaller,
    person: &str,
    script: i32,
) -> Result<pb::GetAgentDayResponse, Status> {
    let request = pb::GetAgentDayRequest { business_day: day(script), person_id: person.to_owned() };
    client(gateway).get_agent_day(gateway.request(who, request)).await.map(tonic::Response::into_inner)
}

async fn board(gateway: &TestGateway, script: i32) -> pb::GetTeamBoardResponse {
    let request = pb::GetTeamBoardRequest { business_day: day(script), team_id: "t1".to_owned() };
    client(gateway).get_team_board(gateway.request(&caller(), request)).await.expect("a board").into_inner()
}

/// State and reason.
fn stands(status: Option<&pb::SectionStatus>) -> (SectionState, &str) {
    let status = status.expect("every part says where it stands");
    assert_eq!(status.as_of.is_some(), status.state() != SectionState::Unavailable);
    (status.state(), &status.reason)
}

#[tokio::test]
async fn who_am_i_says_what_the_token_says() {
    let gateway = TestGateway::start(&[]).await;
    let lead = caller().person("p7").roles(&[Role::Lead]);
    let request = gateway.request(&lead, pb::WhoAmIRequest {});
    let answer = client(&gateway).who_am_i(request).await.expect("an answer").into_inner();
    assert_eq!((answer.merchant_id.as_str(), answer.person_id.as_str()), ("demo", "p7"));
    assert_eq!(answer.roles().collect::<Vec<_>>(), [Role::Lead]);
    let opened: Vec<&str> = answer.methods.iter().map(|method| method.path.as_str()).collect();
    let expected: Vec<&str> = proto::access::rules()
        .iter()
        .filter(|rule| rule.scope_for(&[Role::Lead]).is_some())
        .map(|rule| rule.path)
        .collect();
    assert_eq!(opened, expected);
}

#[tokio::test]
async fn an_agents_day_comes_from_three_services() {
    let gateway = TestGateway::start(&[]).await;
    let agent = caller().person("p1").roles(&[Role::Agent]);
    let answer = agent_day(&gateway, &agent, "", FINE).await.expect("a view");
    assert_eq!(answer.person_id, "p1");
    let (person, figures, reviews) =
        (answer.person.expect("a part"), answer.figures.expect("a part"), answer.reviews.expect("a part"));
    for status in [&person.status, &figures.status, &reviews.status] {
        assert_eq!(stands(status.as_ref()), (SectionState::Fresh, ""));
    }
    assert_eq!(person.person.expect("a person").person_id, "p1");
    assert_eq!(figures.figures[0].key, "p1");
    assert_eq!(reviews.coverage.len(), 2);
    let ids: Vec<&str> = reviews.reviews.iter().map(|review| review.review_id.as_str()).collect();
    assert_eq!(ids, ["review-of-a1", "review-of-a2"]);
    // Each service is told who really asks.
    for fake in [&gateway.people, &gateway.metrics, &gateway.qa] {
        let seen = fake.seen();
        assert!(!seen.is_empty());
        for headers in seen {
            assert_eq!(gateway.identity(&headers).subject, "p1");
            assert!(runtime::deadline::parse(&headers).is_some());
        }
    }
}

#[tokio::test]
async fn whose_day_it_is_has_to_be_clear_and_within_reach() {
    let gateway = TestGateway::start(&[]).await;
    let agent = caller().person("p1").roles(&[Role::Agent]);
    let status = agent_day(&gateway, &agent, "p2", FINE).await.expect_err("somebody else's");
    assert_eq!(
        (status.code(), Problem::from_status(&status).reason.as_str()),
        (Code::PermissionDenied, "OUT_OF_REACH")
    );
    let status = agent_day(&gateway, &caller(), "", FINE).await.expect_err("a program has no day");
    assert_eq!(Problem::from_status(&status).reason, "PERSON_MISSING");
    let status = agent_day(&gateway, &caller(), "p2", 31 + 1).await.expect_err("no such day");
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(gateway.people.seen().is_empty() && gateway.metrics.seen().is_empty());
}

#[tokio::test]
async fn a_part_that_fails_leaves_the_others_whole() {
    let gateway = TestGateway::start(&[("views.section_ms_max", "300")]).await;
    for (script, reason) in
        [(FAILS, "DEFINITION_BUILDING"), (HANGS, "DEADLINE_EXCEEDED"), (REFUSES, "OUT_OF_REACH")]
    {
        let answer = agent_day(&gateway, &caller(), "p1", script).await.expect("a view");
        assert_eq!(stands(answer.person.expect("a part").status.as_ref()), (SectionState::Fresh, ""));
        let figures = answer.figures.expect("a part");
        assert_eq!(stands(figures.status.as_ref()), (SectionState::Unavailable, reason));
        assert!(figures.figures.is_empty() && figures.definition.is_none(), "a gap is not filled");
    }
}

#[tokio::test]
async fn a_team_board_has_four_parts_and_says_which_are_cut() {
    let gateway = TestGateway::start(&[]).await;
    let answer = board(&gateway, FINE).await;
    let people = answer.people.expect("a part");
    assert_eq!(people.people[0].person_id, "of-t1");
    assert!(people.status.expect("a status").truncated, "the fake has another page");
    let (team, agents) = (answer.team.expect("a part"), answer.agents.expect("a part"));
    assert_eq!((team.figures.len(), agents.figures.len()), (1, 1));
    assert!(!team.status.expect("a status").truncated);
    assert_eq!(answer.coverage.expect("a part").coverage.len(), 2);
}

#[tokio::test]
async fn a_part_of_a_service_that_is_away_is_shown_stale_to_the_same_caller_only() {
    let clock = FakeClock::at("2026-01-01T00:00:00Z");
    let metrics = Fake::start().await;
    let proxy = FaultProxy::start(metrics.address.to_string()).await;
    let gateway = TestGateway::start_with(&[("views.stale_seconds_max", "600")], clock.shared(), |config| {
        config.upstreams.get_mut("metrics").expect("a default upstream").url =
            format!("http://{}", proxy.address());
    })
    .await;
    let first = board(&gateway, FINE).await.team.expect("a part");
    let told_at = first.status.clone().expect("a status").as_of;
    proxy.set(Fault::Cut);
    clock.advance(TimeDelta::seconds(60));

    let stale = board(&gateway, FINE).await;
    let team = stale.team.expect("a part");
    assert_eq!(stands(team.status.as_ref()).0, SectionState::Stale);
    assert_eq!(team.status.clone().expect("a status").as_of, told_at, "since when it may be out of date");
    assert!(!team.status.expect("a status").reason.is_empty());
    assert_eq!(team.figures, first.figures);
    assert_eq!(stands(stale.people.expect("a part").status.as_ref()).0, SectionState::Fresh);

    let other = board(&gateway, FINE + 9).await.team.expect("a part");
    assert_eq!(stands(other.status.as_ref()).0, SectionState::Unavailable, "another day was never told");
    let somebody = caller().subject("somebody else");
    let request = pb::GetTeamBoardRequest { business_day: day(FINE), team_id: "t1".to_owned() };
    let answer = client(&gateway).get_team_board(gateway.request(&somebody, request)).await.expect("a board");
    let team = answer.into_inner().team.expect("a part");
    assert_eq!(stands(team.status.as_ref()).0, SectionState::Unavailable, "another caller was never told");

    clock.advance(TimeDelta::seconds(600));
    let old = board(&gateway, FINE).await.team.expect("a part");
    assert_eq!(stands(old.status.as_ref()).0, SectionState::Unavailable, "too old to be shown");
}

#[tokio::test]
async fn views_are_there_by_json_too() {
    let gateway = TestGateway::start(&[]).await;
    let body = r#"{"businessDay":{"year":2020,"month":5,"day":1},"personId":"p1"}"#;
    let answer = gateway.http(&caller()).json("/jinpai.gateway.v1.GatewayService/GetAgentDay", body).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["person"]["person"]["name"], "王芳");
    assert_eq!(answer.json()["person"]["status"]["state"], "SECTION_STATE_FRESH");
    let answer = gateway.http(&caller()).json("/jinpai.gateway.v1.GatewayService/GetAgentDay", "{}").await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.detail("google.rpc.BadRequest")["fieldViolations"][0]["field"], "business_day");
}
