//! Who reviews what.

use std::collections::BTreeMap;

use proto::qa::v1::{self as pb, ReviewState};
use tonic::Code;

use crate::builders::{DAY, long_chats, manager, may, reviewer};
use crate::support::{TestQa, refusal};

async fn capacity(test: &TestQa, person: &str, capacity: i32) -> pb::Reviewer {
    let message = pb::SetReviewerCapacityRequest {
        request_id: format!("capacity {person} {capacity}"),
        person_id: person.into(),
        capacity,
    };
    let set = test.client().set_reviewer_capacity(test.by(&manager(), message)).await.expect("sets");
    set.into_inner().reviewer.expect("a reviewer")
}

fn loads(reviews: &[pb::Review]) -> BTreeMap<&str, usize> {
    let mut loads = BTreeMap::new();
    for review in reviews {
        *loads.entry(review.reviewer_person_id.as_str()).or_default() += 1;
    }
    loads
}

#[tokio::test(flavor = "multi_thread")]
async fn work_is_balanced_due_the_next_working_day_and_never_ones_own() {
    let mut chats = long_chats("rita-account", 6);
    for account in ["ann-account", "ben-account"] {
        chats.extend(long_chats(account, 15));
    }
    let test = TestQa::with_day(&chats).await;
    test.draw(DAY).await;
    let reviews = test.reviews().await;
    assert_eq!(loads(&reviews), BTreeMap::from([("rita", 18), ("rob", 18)]));
    for review in &reviews {
        assert_ne!(review.person_id, review.reviewer_person_id, "{review:?}");
        assert_eq!((review.state(), review.due_day), (ReviewState::Assigned, Some(may(21))));
    }
    // Not by hand either.
    let own = reviews.iter().find(|review| review.person_id == "rita").expect("one of Rita's");
    let message = pb::ReassignReviewRequest {
        request_id: "r".into(),
        review_id: own.review_id.clone(),
        etag: own.etag.clone(),
        reviewer_person_id: "rita".into(),
    };
    let refused = test.client().reassign_review(test.by(&manager(), message)).await;
    assert_eq!(refusal(refused), (Code::FailedPrecondition, "OWN_CHAT".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn over_a_weekend_work_is_due_on_monday() {
    let test = TestQa::with_staff().await;
    let chats = long_chats("ann-account", 2);
    test.deliver(&chats).await;
    test.close(DAY, 1, &chats).await;
    test.clock.set("2020-05-22T10:00:00+08:00");
    test.draw(DAY).await;
    let due: Vec<_> = test.reviews().await.into_iter().map(|review| review.due_day).collect();
    assert_eq!(due, [Some(may(25)), Some(may(25))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_exceeds_capacity_stays_visible_and_is_handed_out_later() {
    let mut chats = long_chats("ann-account", 15);
    chats.extend(long_chats("ben-account", 15));
    let test = TestQa::with_staff().await;
    assert!(capacity(&test, "rita", 7).await.capacity_set);
    capacity(&test, "rob", 5).await;
    test.deliver(&chats).await;
    test.close(DAY, 1, &chats).await;
    let draw = test.draw(DAY).await;
    assert_eq!((draw.drawn, draw.assigned, draw.unassigned), (30, 12, 18));
    let reviews = test.reviews().await;
    assert_eq!(loads(&reviews), BTreeMap::from([("", 18), ("rita", 7), ("rob", 5)]));
    // The lack takes from both agents alike.
    let assigned = |account: &str| {
        let of = |review: &&pb::Review| review.account_id == account && !review.reviewer_person_id.is_empty();
        reviews.iter().filter(of).count()
    };
    assert_eq!((assigned("ann-account"), assigned("ben-account")), (6, 6));

    // The desks of that due day are full; the next day has room again.
    let assign = |request_id: &str| pb::AssignReviewsRequest { request_id: request_id.into(), days: None };
    let full = test
        .client()
        .assign_reviews(test.by(&manager(), assign("same day")))
        .await
        .expect("tries")
        .into_inner();
    assert_eq!((full.assigned, full.unassigned, full.due_day), (0, 18, None));
    test.clock.set("2020-05-21T10:00:00+08:00");
    let next = test
        .client()
        .assign_reviews(test.by(&manager(), assign("next day")))
        .await
        .expect("does")
        .into_inner();
    assert_eq!((next.assigned, next.unassigned, next.due_day), (12, 6, Some(may(22))));

    let listed = test.client().list_reviewers(test.by(&manager(), pb::ListReviewersRequest::default())).await;
    let open: Vec<_> =
        listed.expect("lists").into_inner().reviewers.into_iter().map(|r| (r.person_id, r.open)).collect();
    assert_eq!(open, [("rita".to_owned(), 14), ("rob".to_owned(), 10)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_is_given_to_somebody_else_or_to_nobody() {
    let test = TestQa::with_day(&long_chats("ann-account", 1)).await;
    test.draw(DAY).await;
    let review = test.reviews().await.remove(0);
    let to = |review: &pb::Review, person: &str| pb::ReassignReviewRequest {
        request_id: format!("to {person} {}", review.etag),
        review_id: review.review_id.clone(),
        etag: review.etag.clone(),
        reviewer_person_id: person.into(),
    };
    let refused = test.client().reassign_review(test.by(&manager(), to(&review, "ann"))).await;
    assert_eq!(refusal(refused), (Code::FailedPrecondition, "REVIEWER_UNKNOWN".into()));
    let freed = test.client().reassign_review(test.by(&manager(), to(&review, ""))).await.expect("frees it");
    let freed = freed.into_inner().review.expect("a review");
    assert_eq!((freed.state(), freed.due_day), (ReviewState::Unassigned, None));
    let stale = test.client().reassign_review(test.by(&manager(), to(&review, "rob"))).await;
    assert_eq!(refusal(stale), (Code::Aborted, "ETAG_MISMATCH".into()));
    let robs = test.client().reassign_review(test.by(&manager(), to(&freed, "rob"))).await.expect("gives it");
    assert_eq!(robs.into_inner().review.expect("a review").reviewer_person_id, "rob");
    let queue =
        pb::ListReviewsRequest { reviewer_person_id: "rob".into(), ..pb::ListReviewsRequest::default() };
    assert_eq!(test.reviews_of(&reviewer("rob"), queue).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_people_of_the_directory_review() {
    let test = TestQa::with_staff().await;
    let message =
        pb::SetReviewerCapacityRequest { request_id: "r".into(), person_id: "nobody".into(), capacity: 5 };
    let refused = test.client().set_reviewer_capacity(test.by(&manager(), message)).await;
    assert_eq!(refusal(refused), (Code::FailedPrecondition, "REVIEWER_UNKNOWN".into()));
}
