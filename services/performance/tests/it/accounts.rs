//! Whose account it is.

use proto::performance::v1 as pb;
use tonic::Code;

use crate::support::{TestPerformance, an_assignment, ids, may, refusal};

#[tokio::test(flavor = "multi_thread")]
async fn an_account_has_one_owner_on_a_day() {
    let mut test = TestPerformance::start().await;
    for id in ["p", "q"] {
        test.person(id).await;
    }
    let until = pb::AssignAccountRequest { to: may(9), ..an_assignment("p", "x", 1) };
    test.client.assign_account(test.by_hr(until)).await.expect("assigns");
    let clash = test.client.assign_account(test.by_hr(an_assignment("q", "x", 9))).await;
    assert_eq!(refusal(clash), (Code::AlreadyExists, "ACCOUNT_TAKEN".to_owned()));
    test.client.assign_account(test.by_hr(an_assignment("q", "x", 10))).await.expect("the next day is free");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_want_an_account_at_once_one_gets_it() {
    let mut test = TestPerformance::start().await;
    for n in 0..12 {
        test.person(&format!("p{n}")).await;
    }
    let wishes = (0..12).map(|n| {
        let mut client = test.client.clone();
        let request = test.by_hr(an_assignment(&format!("p{n}"), "x", 1 + n));
        tokio::spawn(async move { client.assign_account(request).await })
    });
    let mut got = 0;
    for wish in wishes.collect::<Vec<_>>() {
        match wish.await.expect("ends") {
            Ok(_) => got += 1,
            Err(status) => assert_eq!(status.code(), Code::AlreadyExists, "{status}"),
        }
    }
    assert_eq!((got, test.count("SELECT count(*) FROM accounts").await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_taken_back_is_somebody_unknowns() {
    let mut test = TestPerformance::start().await;
    test.person("p").await;
    test.account("p", "x").await;
    let remove = pb::RemoveAccountRequest {
        person_id: "p".to_owned(),
        account_id: "x".to_owned(),
        from: may(1),
        ..Default::default()
    };
    let without =
        test.client.remove_account(test.by_hr(remove.clone())).await.expect("takes back").into_inner();
    assert_eq!(without.person.expect("a person").accounts, []);
    let unconfirmed =
        pb::ListPeopleRequest { statuses: vec![pb::PersonStatus::Unconfirmed.into()], ..Default::default() };
    let unknown = test.list(unconfirmed.clone()).await;
    assert_eq!((unknown.len(), unknown[0].name.as_str()), (1, "x"));
    let twice = test.client.remove_account(test.by_hr(remove)).await;
    assert_eq!(refusal(twice), (Code::NotFound, "ACCOUNT_NOT_FOUND".to_owned()));

    test.account("p", "x").await;
    assert!(test.list(unconfirmed).await.is_empty());
    let merged = test.get(&unknown[0].person_id).await.expect("is kept as a record");
    assert_eq!(merged.merged_into, "p");
    let with_merged = pb::ListPeopleRequest { include_merged: true, ..Default::default() };
    assert_eq!(test.list(with_merged).await.len(), 2);
    assert_eq!(ids(&test.list(pb::ListPeopleRequest::default()).await), ["p"]);
    let late = test.client.assign_account(test.by_hr(an_assignment(&merged.person_id, "y", 1))).await;
    assert_eq!(refusal(late), (Code::FailedPrecondition, "PERSON_MERGED".to_owned()));
}
