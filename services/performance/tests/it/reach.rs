//! How far each role sees.

use proto::access::Role;
use proto::performance::v1 as pb;
use testkit::{TestCaller, caller};
use tonic::Code;

use crate::support::{TestPerformance, a_stay, ids, may, refusal};

/// Two teams: `lead` leads a, with `mate`; `other` is in b. Somebody of another merchant has the same id as `mate`.
async fn two_teams() -> TestPerformance {
    let mut test = TestPerformance::start().await;
    for team in ["a", "b"] {
        test.team(team).await;
    }
    for (person, team) in [("lead", "a"), ("mate", "a"), ("other", "b")] {
        test.person(person).await;
        test.member(person, team, person == "lead").await;
    }
    test
}

fn agent(id: &str) -> TestCaller {
    caller().person(id).roles(&[Role::Agent])
}

fn lead() -> TestCaller {
    caller().person("lead").roles(&[Role::Agent, Role::Lead])
}

async fn sees(test: &mut TestPerformance, who: &TestCaller, day: i32) -> Vec<String> {
    let message = pb::ListPeopleRequest { day: may(day), ..Default::default() };
    let listed = test.client.list_people(test.by(who, message)).await.expect("lists").into_inner();
    ids(&listed.people).into_iter().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_sees_oneself_a_lead_the_team_and_hr_all() {
    let mut test = two_teams().await;
    assert_eq!(sees(&mut test, &agent("mate"), 20).await, ["mate"]);
    assert_eq!(sees(&mut test, &lead(), 20).await, ["lead", "mate"]);
    assert_eq!(sees(&mut test, &caller().roles(&[Role::Hr]), 20).await, ["lead", "mate", "other"]);
    assert!(sees(&mut test, &caller().of("elsewhere").roles(&[Role::Hr]), 20).await.is_empty());

    let reached = [
        (agent("mate"), "mate", true),
        (agent("mate"), "lead", false),
        (lead(), "mate", true),
        (lead(), "other", false),
        (caller().roles(&[Role::Hr]), "other", true),
        (caller().of("elsewhere").roles(&[Role::Hr]), "mate", false),
    ];
    for (who, person, reached) in reached {
        let message = pb::GetPersonRequest { person_id: person.to_owned() };
        let answer = test.client.get_person(test.by(&who, message)).await;
        if reached {
            answer.expect("is reached");
        } else {
            assert_eq!(refusal(answer), (Code::NotFound, "PERSON_NOT_FOUND".to_owned()), "{who:?} {person}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_sees_who_was_in_the_team_on_the_day() {
    let mut test = two_teams().await;
    test.client.change_membership(test.by_hr(a_stay("mate", "b", 10, false))).await.expect("moves");
    assert_eq!(sees(&mut test, &lead(), 9).await, ["lead", "mate"]);
    assert_eq!(sees(&mut test, &lead(), 10).await, ["lead"]);
    test.client.change_membership(test.by_hr(a_stay("lead", "a", 15, false))).await.expect("leads no more");
    assert_eq!(sees(&mut test, &lead(), 9).await, ["lead", "mate"]);
    assert_eq!(sees(&mut test, &lead(), 20).await, ["lead"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn teams_are_listed_within_reach() {
    let mut test = two_teams().await;
    let cases = [
        (agent("other"), vec!["b"]),
        (agent("nobody"), vec![]),
        (lead(), vec!["a"]),
        (caller(), vec!["a", "b"]),
        (caller().of("elsewhere"), vec![]),
    ];
    for (who, expected) in cases {
        let listed = test.client.list_teams(test.by(&who, pb::ListTeamsRequest::default())).await;
        let teams = listed.expect("lists").into_inner().teams;
        assert_eq!(teams.iter().map(|team| team.team_id.as_str()).collect::<Vec<_>>(), expected, "{who:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_merchant_changes_nothing_here() {
    let mut test = two_teams().await;
    let stranger = caller().of("elsewhere").roles(&[Role::Hr]);
    let message = a_stay("mate", "b", 10, false);
    let refused = test.client.change_membership(test.by(&stranger, message)).await;
    assert_eq!(refusal(refused), (Code::NotFound, "PERSON_NOT_FOUND".to_owned()));
    let same_id = pb::CreatePersonRequest { name: "别家".to_owned(), ..crate::support::a_person("mate") };
    test.client.create_person(test.by(&stranger, same_id)).await.expect("ids are the merchant's own");
    assert_eq!(test.get("mate").await.expect("is there").name, "mate某");
}
