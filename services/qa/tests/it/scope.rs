//! Row scope: own, same team, other team, other merchant, for each method that returns rows of accounts.

use proto::qa::v1 as pb;
use testkit::TestCaller;
use tonic::Code;

use crate::builders::{DAY, a_submission, agent, conversation, lead, long_chats, manager, only, reviewer};
use crate::support::{TestQa, refusal};

const ACCOUNTS: [&str; 3] = ["ann-account", "ben-account", "zoe-account"];

/// A drawn day of Ann, Ben (team one) and Zoe (team two), everything submitted so that agents see it.
async fn reviewed() -> TestQa {
    let chats: Vec<_> = ACCOUNTS.iter().flat_map(|account| long_chats(account, 2)).collect();
    let test = TestQa::with_day(&chats).await;
    test.draw(DAY).await;
    for review in test.reviews().await {
        let who = reviewer(&review.reviewer_person_id);
        test.client().submit_review(test.by(&who, a_submission(&review))).await.expect("submits");
    }
    test
}

/// Callers, and the accounts that each reaches.
fn reaches() -> Vec<(&'static str, TestCaller, Vec<&'static str>)> {
    vec![
        ("own", agent("ann"), vec!["ann-account"]),
        ("own, other team", agent("zoe"), vec!["zoe-account"]),
        ("a person without accounts", agent("nobody"), vec![]),
        ("the lead of team one", lead("lea"), vec!["ann-account", "ben-account"]),
        ("a lead of no team", lead("ann"), vec!["ann-account"]),
        ("the merchant", manager(), ACCOUNTS.to_vec()),
        ("a reviewer", reviewer("rita"), ACCOUNTS.to_vec()),
        ("another merchant", manager().of("other"), vec![]),
        ("the same person of another merchant", agent("ann").of("other"), vec![]),
    ]
}

fn distinct<'a>(accounts: impl Iterator<Item = &'a String>) -> Vec<String> {
    accounts.cloned().collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_show_exactly_the_reach() {
    let test = reviewed().await;
    for (name, who, reach) in reaches() {
        let reviews = test.reviews_of(&who, pb::ListReviewsRequest::default()).await;
        assert_eq!(distinct(reviews.iter().map(|review| &review.account_id)), reach, "reviews of {name}");
        let message = pb::GetCoverageRequest { days: only(DAY), ..pb::GetCoverageRequest::default() };
        let coverage = test.coverage(&who, message).await;
        assert_eq!(distinct(coverage.iter().map(|row| &row.account_id)), reach, "coverage of {name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_beyond_the_reach_is_not_found() {
    let test = reviewed().await;
    let reviews = test.reviews().await;
    for (name, who, reach) in reaches() {
        for account in ACCOUNTS {
            let expected = if reach.contains(&account) { Code::Ok } else { Code::NotFound };
            let review = reviews.iter().find(|review| review.account_id == account).expect("one of each");
            let message = pb::GetReviewRequest { review_id: review.review_id.clone() };
            let code = code(test.client().get_review(test.by(&who, message)).await);
            assert_eq!(code, expected, "review of {account} by {name}");

            let id = format!("{account}-0");
            let message = pb::GetConversationRequest { conversation: Some(conversation(&id)) };
            let code = self::code(test.client().get_conversation(test.by(&who, message)).await);
            assert_eq!(code, expected, "chat of {account} by {name}");

            let message = pb::GetDrawSliceRequest { business_day: Some(DAY), account_id: account.into() };
            let code = self::code(test.client().get_draw_slice(test.by(&who, message)).await);
            assert_eq!(code, expected, "slice of {account} by {name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_own_reviews_are_acknowledged_and_only_the_own_merchants_changed() {
    let test = reviewed().await;
    for review in test.reviews().await {
        let owner = review.person_id.clone();
        let acknowledge = |who: &TestCaller| {
            let message = pb::AcknowledgeReviewRequest {
                request_id: format!("ack {}", review.review_id),
                review_id: review.review_id.clone(),
                etag: review.etag.clone(),
                note: String::new(),
            };
            (test.client(), test.by(who, message))
        };
        // A lead's reach is a team, but acknowledging is everybody's own affair.
        for stranger in [agent("nobody"), lead("lea"), agent(&owner).of("other")] {
            let (mut client, request) = acknowledge(&stranger);
            assert_eq!(code(client.acknowledge_review(request).await), Code::NotFound);
        }
        let message = pb::ReassignReviewRequest {
            request_id: "r".into(),
            review_id: review.review_id.clone(),
            etag: review.etag.clone(),
            reviewer_person_id: String::new(),
        };
        let other = test.client().reassign_review(test.by(&manager().of("other"), message)).await;
        assert_eq!(code(other), Code::NotFound);
        let submission = a_submission(&review);
        let who = reviewer(&review.reviewer_person_id).of("other");
        assert_eq!(code(test.client().submit_review(test.by(&who, submission)).await), Code::NotFound);
        let (mut client, request) = acknowledge(&agent(&owner));
        assert_eq!(code(client.acknowledge_review(request).await), Code::Ok);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_merchant_has_nothing_of_this_one() {
    let test = reviewed().await;
    let other = manager().of("other");
    let message = pb::GetDrawRequest { business_day: Some(DAY) };
    assert_eq!(code(test.client().get_draw(test.by(&other, message)).await), Code::NotFound);
    let message = pb::GetCommitmentRequest { business_day: Some(DAY) };
    assert_eq!(code(test.client().get_commitment(test.by(&other, message)).await), Code::NotFound);
    let message = pb::GetDrawBundleRequest { business_day: Some(DAY) };
    assert_eq!(code(test.client().get_draw_bundle(test.by(&other, message)).await), Code::NotFound);
    let message = pb::ListDrawsRequest { days: only(DAY), ..Default::default() };
    let draws = test.client().list_draws(test.by(&other, message)).await.expect("lists").into_inner();
    assert!(draws.draws.is_empty());
    let message = pb::GetDayReadinessRequest { business_day: Some(DAY) };
    let ready =
        test.client().get_day_readiness(test.by(&other, message)).await.expect("answers").into_inner();
    assert_eq!(ready.readiness.expect("a readiness").conversations_here, 0);
    let reviewers = test.client().list_reviewers(test.by(&other, pb::ListReviewersRequest::default())).await;
    assert!(reviewers.expect("lists").into_inner().reviewers.is_empty());
    let reads = pb::ListConversationReadsRequest::default();
    let reads =
        test.client().list_conversation_reads(test.by(&other, reads)).await.expect("lists").into_inner();
    assert!(reads.reads.is_empty());
    let message = pb::AssignReviewsRequest { request_id: "a".into(), days: None };
    let unknown = test.client().assign_reviews(test.by(&other, message.clone())).await;
    assert_eq!(refusal(unknown), (Code::FailedPrecondition, "MERCHANT_UNKNOWN".to_owned()));
    test.sql("INSERT INTO qa.merchants VALUES ('other', '', 'Asia/Shanghai', 0, 1)").await;
    let done = test.client().assign_reviews(test.by(&other, message)).await.expect("runs").into_inner();
    assert_eq!((done.assigned, done.unassigned), (0, 0));
    let message =
        pb::SetReviewerCapacityRequest { request_id: "c".into(), person_id: "rita".into(), capacity: 1 };
    let capacity = test.client().set_reviewer_capacity(test.by(&other, message)).await;
    assert_eq!(code(capacity), Code::FailedPrecondition);
}

fn code<T>(answer: Result<T, tonic::Status>) -> Code {
    answer.map_or_else(|status| status.code(), |_| Code::Ok)
}
