//! Submitting and acknowledging.

use proto::events::v1::ReviewPublished;
use proto::qa::v1::{self as pb, ReviewState};
use testkit::EventCollector;
use tonic::Code;

use crate::builders::{DAY, a_submission, agent, long_chats, manager, reviewer};
use crate::support::{TestQa, fields, refusal};

/// A drawn day of Ann's, with the first of its reviews.
async fn drawn(chats: usize) -> (TestQa, pb::Review) {
    let test = TestQa::with_day(&long_chats("ann-account", chats)).await;
    test.draw(DAY).await;
    let review = test.reviews().await.remove(0);
    (test, review)
}

fn acknowledgement(review: &pb::Review) -> pb::AcknowledgeReviewRequest {
    pb::AcknowledgeReviewRequest {
        request_id: format!("ack {}", review.etag),
        review_id: review.review_id.clone(),
        etag: review.etag.clone(),
        note: "谢谢".into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_is_submitted_published_and_acknowledged() {
    let (test, review) = drawn(3).await;
    let published = EventCollector::start(&test.nats).await;
    let (rita, ann) = (reviewer(&review.reviewer_person_id), agent("ann"));
    let hidden = test.reviews_of(&ann, pb::ListReviewsRequest::default()).await;
    assert!(hidden.is_empty(), "an agent sees a review from the moment it is submitted");
    let early = test.client().acknowledge_review(test.by(&ann, acknowledgement(&review))).await;
    assert_eq!(refusal(early), (Code::NotFound, "REVIEW_NOT_FOUND".into()));

    let mut submission = a_submission(&review);
    submission.scores[0].points = Some(2);
    submission.scores[3] = pb::CriterionScore {
        criterion_id: "solution".into(),
        points: None,
        not_applicable: true,
        reason_ids: Vec::new(),
    };
    let submitted = test.client().submit_review(test.by(&rita, submission.clone())).await.expect("submits");
    let submitted = submitted.into_inner().review.expect("a review");
    assert_eq!((submitted.state(), submitted.score_bp), (ReviewState::Submitted, Some(8333)));
    assert_eq!((submitted.scorecard_id.as_str(), submitted.scorecard_version), ("standard", 1));
    assert_eq!((&submitted.scores, &submitted.comments), (&submission.scores, &submission.comments));
    // The same request again is answered alike and published once.
    let replayed = test.client().submit_review(test.by(&rita, submission)).await.expect("replays");
    assert_eq!(replayed.into_inner().review, Some(submitted.clone()));

    let seen = test.reviews_of(&ann, pb::ListReviewsRequest::default()).await;
    assert_eq!(seen, std::slice::from_ref(&submitted));
    let acknowledged = test.client().acknowledge_review(test.by(&ann, acknowledgement(&submitted))).await;
    let acknowledged = acknowledged.expect("acknowledges").into_inner().review.expect("a review");
    assert_eq!(
        (acknowledged.state(), acknowledged.acknowledgement_note.as_str()),
        (ReviewState::Acknowledged, "谢谢")
    );
    let again = test.client().acknowledge_review(test.by(&ann, acknowledgement(&acknowledged))).await;
    assert_eq!(refusal(again), (Code::FailedPrecondition, "REVIEW_NOT_SUBMITTED".into()));

    let events: Vec<ReviewPublished> = published
        .wait_for(1, |payload| match payload {
            events::Payload::ReviewPublished(review) => Some(review.clone()),
            _ => None,
        })
        .await;
    assert_eq!((events[0].score_bp, events[0].account_id.as_str()), (8333, "ann-account"));
    let sql = "SELECT count(*) FROM qa.outbox WHERE subject = 'qa.review_published'";
    assert_eq!(test.count(sql).await, 1);
    let audited = "SELECT count(*) FROM qa.audit_entries WHERE entity LIKE 'review/%'";
    assert_eq!(test.count(audited).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_assigned_reviewer_submits() {
    let (test, review) = drawn(1).await;
    let other = if review.reviewer_person_id == "rita" { "rob" } else { "rita" };
    for who in [reviewer(other), manager()] {
        let refused = test.client().submit_review(test.by(&who, a_submission(&review))).await;
        assert_eq!(refusal(refused), (Code::PermissionDenied, "REVIEW_NOT_YOURS".into()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_submissions_at_once_one_wins() {
    let (test, review) = drawn(1).await;
    let who = reviewer(&review.reviewer_person_id);
    let mut calls = Vec::new();
    for n in 0..6 {
        let mut submission = a_submission(&review);
        submission.request_id = format!("submission {n}");
        submission.summary = format!("summary {n}");
        let (mut client, request) = (test.client(), test.by(&who, submission));
        calls.push(tokio::spawn(async move { client.submit_review(request).await }));
    }
    let mut won = Vec::new();
    for call in calls {
        match call.await.expect("runs") {
            Ok(answer) => won.push(answer.into_inner().review.expect("a review")),
            Err(status) => assert_eq!(status.code(), Code::Aborted, "{status}"),
        }
    }
    assert_eq!(won.len(), 1);
    let message = pb::GetReviewRequest { review_id: review.review_id.clone() };
    let kept =
        test.client().get_review(test.by(&manager(), message)).await.expect("finds").into_inner().review;
    assert_eq!(kept.expect("a review").summary, won[0].summary);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_that_does_not_fit_the_card_or_the_chat_names_its_fields() {
    let (test, review) = drawn(1).await;
    let who = reviewer(&review.reviewer_person_id);
    let submit = async |submission: pb::SubmitReviewRequest| {
        test.client().submit_review(test.by(&who, submission)).await
    };
    let mut wrong = a_submission(&review);
    wrong.scores[1].points = Some(5);
    wrong.critical_error_ids = vec!["nothing".into()];
    assert_eq!(fields(submit(wrong).await), ["scores[1].points", "critical_error_ids[0]"]);
    let mut wrong = a_submission(&review);
    wrong.scores.pop();
    assert_eq!(fields(submit(wrong).await), ["scores"]);
    let mut wrong = a_submission(&review);
    wrong.scores[0].not_applicable = true;
    assert_eq!(fields(submit(wrong).await), ["scores[0].points"]);
    // The chat has 22 messages.
    let mut wrong = a_submission(&review);
    wrong.comments[0].message_index = Some(22);
    assert_eq!(fields(submit(wrong).await), ["comments[0].message_index"]);
    let mut wrong = a_submission(&review);
    (wrong.scorecard_id, wrong.scorecard_version) = ("standard".into(), 9);
    assert_eq!(refusal(submit(wrong).await), (Code::FailedPrecondition, "SCORECARD_NOT_PUBLISHED".into()));

    let mut fatal = a_submission(&review);
    fatal.critical_error_ids = vec!["privacy".into()];
    let fatal = submit(fatal).await.expect("submits").into_inner().review.expect("a review");
    assert_eq!((fatal.score_bp, fatal.critical_failure), (Some(0), true));
    let later = submit(pb::SubmitReviewRequest { request_id: "later".into(), ..a_submission(&fatal) }).await;
    assert_eq!(refusal(later), (Code::FailedPrecondition, "REVIEW_NOT_OPEN".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_is_filtered_and_paged() {
    let (test, review) = drawn(9).await;
    let who = reviewer(&review.reviewer_person_id);
    test.client().submit_review(test.by(&who, a_submission(&review))).await.expect("submits");
    let list = async |message: pb::ListReviewsRequest| test.reviews_of(&manager(), message).await;
    let open = pb::ListReviewsRequest { states: vec![ReviewState::Assigned.into()], ..Default::default() };
    assert_eq!(list(open).await.len(), 8);
    let done = pb::ListReviewsRequest { states: vec![ReviewState::Submitted.into()], ..Default::default() };
    assert_eq!(list(done).await.len(), 1);
    let none = pb::ListReviewsRequest { account_id: "ben-account".into(), ..Default::default() };
    assert!(list(none).await.is_empty());

    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let message = pb::ListReviewsRequest { page_size: 4, page_token: token, ..Default::default() };
        let page =
            test.client().list_reviews(test.by(&manager(), message)).await.expect("lists").into_inner();
        assert!(page.reviews.len() <= 4);
        seen.extend(page.reviews.into_iter().map(|review| review.review_id));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert!(seen.is_sorted() && seen.len() == 9);
    let strange = pb::ListReviewsRequest { page_token: "strange".into(), ..Default::default() };
    let refused = test.client().list_reviews(test.by(&manager(), strange)).await;
    assert_eq!(fields(refused), ["page_token"]);
    let unknown = pb::GetReviewRequest { review_id: "no uuid".into() };
    let refused = test.client().get_review(test.by(&manager(), unknown)).await;
    assert_eq!(refusal(refused), (Code::NotFound, "REVIEW_NOT_FOUND".into()));
}
