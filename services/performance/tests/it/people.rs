//! People: creating, changing, finding.

use proto::access::Role;
use proto::performance::v1 as pb;
use tonic::Code;

use crate::support::{TestPerformance, a_person, a_stay, fields, ids, may, refusal};

fn details(person: &pb::Person) -> pb::UpdatePersonRequest {
    pb::UpdatePersonRequest {
        person_id: person.person_id.clone(),
        name: "新名".to_owned(),
        status: pb::PersonStatus::Left.into(),
        position: String::new(),
        roles: vec![Role::Lead.into(), Role::Agent.into()],
        etag: person.etag.clone(),
        ..Default::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_created_once_and_changed_by_etag() {
    let mut test = TestPerformance::start().await;
    let person = test.person("p").await;
    assert_eq!(test.person("p").await, person, "the same request id gets the same answer");
    let exists = pb::CreatePersonRequest { request_id: "other".to_owned(), ..a_person("p") };
    let refused = test.client.create_person(test.by_hr(exists)).await;
    assert_eq!(refusal(refused), (Code::AlreadyExists, "PERSON_EXISTS".to_owned()));

    let change = details(&person);
    let changed = test.client.update_person(test.by_hr(change.clone())).await.expect("changes");
    let changed = changed.into_inner().person.expect("a person");
    assert_eq!(
        (changed.name.as_str(), changed.status(), changed.etag.as_str()),
        ("新名", pb::PersonStatus::Left, "2")
    );
    assert_eq!(changed.roles, [Role::Agent, Role::Lead].map(i32::from));
    let late = test.client.update_person(test.by_hr(change)).await;
    assert_eq!(refusal(late), (Code::Aborted, "ETAG_MISMATCH".to_owned()));
    assert_eq!(test.get("p").await.expect("is there"), changed);
    assert_eq!(test.person("p").await, person, "the first answer is kept even though the person has changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_person_can_be_is_refused_with_its_field() {
    let mut test = TestPerformance::start().await;
    type Spoil = fn(&mut pb::CreatePersonRequest);
    let cases: [(Spoil, &str); 7] = [
        (|m| m.name = "\u{7}".to_owned(), "name"),
        (|m| m.name = "长".repeat(201), "name"),
        (|m| m.person_id = "a\0b".to_owned(), "person_id"),
        (|m| m.status = pb::PersonStatus::Unconfirmed.into(), "status"),
        (|m| m.status = 77, "status"),
        (|m| m.roles = vec![0], "roles"),
        (|m| m.request_id.clear(), "request_id"),
    ];
    for (change, field) in cases {
        let mut message = a_person("p");
        change(&mut message);
        assert_eq!(fields(test.client.create_person(test.by_hr(message)).await), [field]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_is_a_revision_an_audit_entry_and_an_event() {
    let mut test = TestPerformance::start().await;
    test.team("a").await;
    test.person("p").await;
    test.member("p", "a", false).await;
    test.member("p", "a", false).await;
    test.account("p", "x").await;
    let latest = test.get("p").await.expect("is there");
    test.client.update_person(test.by_hr(details(&latest))).await.expect("changes");

    let list = pb::ListPersonHistoryRequest { person_id: "p".to_owned(), page_size: 3, ..Default::default() };
    let history =
        test.client.list_person_history(test.by_hr(list.clone())).await.expect("lists").into_inner();
    let versions: Vec<_> = history.revisions.iter().map(|revision| revision.version).collect();
    assert_eq!(versions, [4, 3, 2], "a repeat that changes nothing is no revision");
    assert_eq!(history.revisions[0].actor, "hr-1");
    assert_eq!(history.revisions[1].person.as_ref().map(|person| person.accounts.len()), Some(1));
    let rest = pb::ListPersonHistoryRequest { page_token: history.next_page_token, ..list };
    let rest = test.client.list_person_history(test.by_hr(rest)).await.expect("lists").into_inner();
    assert_eq!((rest.revisions.len(), rest.next_page_token.as_str()), (1, ""));

    assert_eq!(test.count("SELECT count(*) FROM audit_entries WHERE entity = 'person/p'").await, 4);
    assert_eq!(
        test.count("SELECT count(*) FROM outbox WHERE subject = 'performance.person_changed'").await,
        4
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_in_one_team_on_a_day() {
    let mut test = TestPerformance::start().await;
    for team in ["a", "b"] {
        test.team(team).await;
    }
    test.person("p").await;
    let stay = pb::ChangeMembershipRequest { to: may(15), ..a_stay("p", "a", 5, false) };
    test.client.change_membership(test.by_hr(stay)).await.expect("joins");
    let clash = test.client.change_membership(test.by_hr(a_stay("p", "b", 15, false))).await;
    assert_eq!(refusal(clash), (Code::AlreadyExists, "MEMBERSHIP_OVERLAPS".to_owned()));
    let unknown = test.client.change_membership(test.by_hr(a_stay("p", "c", 16, false))).await;
    assert_eq!(refusal(unknown), (Code::NotFound, "TEAM_NOT_FOUND".to_owned()));
    test.client
        .change_membership(test.by_hr(a_stay("p", "b", 16, true)))
        .await
        .expect("the next day is free");

    let remove = pb::RemoveMembershipRequest {
        person_id: "p".to_owned(),
        team_id: "b".to_owned(),
        from: may(16),
        ..Default::default()
    };
    let without =
        test.client.remove_membership(test.by_hr(remove.clone())).await.expect("takes back").into_inner();
    assert_eq!(without.person.expect("a person").memberships.len(), 1);
    let twice = test.client.remove_membership(test.by_hr(remove)).await;
    assert_eq!(refusal(twice), (Code::NotFound, "MEMBERSHIP_NOT_FOUND".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_found_by_status_team_day_and_text() {
    let mut test = TestPerformance::start().await;
    test.team("a").await;
    for id in ["p%1", "p_2", "q3"] {
        test.person(id).await;
    }
    test.member("p_2", "a", false).await;
    test.client
        .change_membership(
            test.by_hr(pb::ChangeMembershipRequest { to: may(9), ..a_stay("p_2", "a", 1, false) }),
        )
        .await
        .expect("leaves");
    test.account("q3", "ACC-77").await;
    let all = pb::ListPeopleRequest::default;
    let in_team = |day| pb::ListPeopleRequest { team_id: "a".to_owned(), day: may(day), ..all() };
    assert_eq!(ids(&test.list(in_team(9)).await), ["p_2"]);
    assert!(test.list(in_team(10)).await.is_empty());
    let text = |text: &str| pb::ListPeopleRequest { text: text.to_owned(), ..all() };
    assert_eq!(ids(&test.list(text("p%")).await), ["p%1"], "the sign is meant literally");
    assert_eq!(ids(&test.list(text("P_")).await), ["p_2"]);
    assert_eq!(ids(&test.list(text("acc-7")).await), ["q3"]);
    assert_eq!(ids(&test.list(text("某")).await), ["p%1", "p_2", "q3"]);
    let left = pb::ListPeopleRequest { statuses: vec![pb::PersonStatus::Left.into()], ..all() };
    assert!(test.list(left).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_each_other_without_gap_and_tokens_are_checked() {
    let mut test = TestPerformance::start().await;
    for n in 0..5 {
        test.person(&format!("p{n}")).await;
    }
    let mut seen = Vec::new();
    let mut message = pb::ListPeopleRequest { page_size: 2, ..Default::default() };
    loop {
        let page = test.client.list_people(test.by_hr(message.clone())).await.expect("lists").into_inner();
        seen.extend(page.people.into_iter().map(|person| person.person_id));
        if page.next_page_token.is_empty() {
            break;
        }
        message.page_token = page.next_page_token;
    }
    assert_eq!(seen, ["p0", "p1", "p2", "p3", "p4"]);
    let other_list = pb::ListPeopleRequest { text: "p".to_owned(), ..message.clone() };
    assert_eq!(fields(test.client.list_people(test.by_hr(other_list)).await), ["page_token"]);
    let negative = pb::ListPeopleRequest { page_size: -1, ..Default::default() };
    assert_eq!(fields(test.client.list_people(test.by_hr(negative)).await), ["page_size"]);
    let huge = pb::ListPeopleRequest { page_size: i32::MAX, ..Default::default() };
    assert_eq!(test.list(huge).await.len(), 5);
}
