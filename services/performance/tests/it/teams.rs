//! Teams.

use proto::performance::v1 as pb;
use tonic::Code;

use crate::support::{TestPerformance, a_stay, may, refusal};

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_gets_the_same_team_and_another_body_is_refused() {
    let mut test = TestPerformance::start().await;
    let create = |name: &str, request_id: &str| pb::CreateTeamRequest {
        team_id: String::new(),
        name: name.to_owned(),
        request_id: request_id.to_owned(),
    };
    let repeats = (0..16).map(|_| {
        let mut client = test.client.clone();
        let request = test.by_hr(create("一组", "r"));
        tokio::spawn(async move { client.create_team(request).await.expect("creates").into_inner().team })
    });
    let mut teams = Vec::new();
    for repeat in repeats.collect::<Vec<_>>() {
        teams.push(repeat.await.expect("ends"));
    }
    teams.dedup();
    assert_eq!(teams.len(), 1);
    assert_eq!(test.count("SELECT count(*) FROM teams").await, 1);
    assert_eq!(test.count("SELECT count(*) FROM outbox WHERE subject = 'performance.team_changed'").await, 1);

    let other = test.by_hr(create("二组", "r"));
    let reused = (Code::FailedPrecondition, "REQUEST_ID_REUSED".to_owned());
    assert_eq!(refusal(test.client.create_team(other).await), reused);
    let taken = test.by_hr(create("一组", "s"));
    assert_eq!(
        refusal(test.client.create_team(taken).await),
        (Code::AlreadyExists, "TEAM_NAME_TAKEN".to_owned())
    );
    let id = teams.remove(0).expect("a team").team_id;
    let exists = test.by_hr(pb::CreateTeamRequest { team_id: id, ..create("三组", "t") });
    assert_eq!(
        refusal(test.client.create_team(exists).await),
        (Code::AlreadyExists, "TEAM_EXISTS".to_owned())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn teams_are_listed_as_of_a_day() {
    let mut test = TestPerformance::start().await;
    for id in ["a", "b", "c"] {
        test.team(id).await;
    }
    for id in ["p", "q", "r"] {
        test.person(id).await;
    }
    test.member("p", "a", true).await;
    test.member("q", "a", false).await;
    // q moves on 10 May.
    test.client.change_membership(test.by_hr(a_stay("q", "b", 10, false))).await.expect("moves");
    let list = |day| pb::ListTeamsRequest { day: may(day), page_size: 2, ..Default::default() };
    for (day, sizes) in [(9, [2, 0]), (10, [1, 1])] {
        let page = test.client.list_teams(test.by_hr(list(day))).await.expect("lists").into_inner();
        assert_eq!(page.teams.iter().map(|team| team.members).collect::<Vec<_>>(), sizes);
        assert_eq!(page.teams[0].lead_person_ids, ["p"]);
        let next = pb::ListTeamsRequest { page_token: page.next_page_token, ..list(day) };
        let rest = test.client.list_teams(test.by_hr(next)).await.expect("lists").into_inner();
        assert_eq!((rest.teams[0].team_id.as_str(), rest.next_page_token.as_str()), ("c", ""));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_is_archived_when_nobody_is_in_it_and_then_takes_nobody() {
    let mut test = TestPerformance::start().await;
    let team = test.team("a").await;
    test.person("p").await;
    test.member("p", "a", false).await;
    let archive = pb::UpdateTeamRequest {
        team_id: "a".to_owned(),
        name: "a组".to_owned(),
        archived: true,
        etag: team.etag,
        ..Default::default()
    };
    let refused = test.client.update_team(test.by_hr(archive.clone())).await;
    assert_eq!(refusal(refused), (Code::FailedPrecondition, "TEAM_HAS_MEMBERS".to_owned()));
    let leave = pb::ChangeMembershipRequest { to: may(19), ..a_stay("p", "a", 1, false) };
    test.client.change_membership(test.by_hr(leave)).await.expect("leaves");
    test.client.update_team(test.by_hr(archive)).await.expect("is archived");
    let back = test.client.change_membership(test.by_hr(a_stay("p", "a", 21, false))).await;
    assert_eq!(refusal(back), (Code::FailedPrecondition, "TEAM_ARCHIVED".to_owned()));
    let list = pb::ListTeamsRequest::default();
    assert!(test.client.list_teams(test.by_hr(list)).await.expect("lists").into_inner().teams.is_empty());
}
