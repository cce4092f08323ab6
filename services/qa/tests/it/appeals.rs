//! Appeals: from the objection to the restated result.

use proto::events::v1::{AppealDecided, ReviewPublished};
use proto::qa::v1::appeal_service_client::AppealServiceClient;
use proto::qa::v1::calibration_service_client::CalibrationServiceClient;
use proto::qa::v1::{self as pb, AppealDecision, AppealState};
use testkit::{EventCollector, TestCaller};
use tonic::transport::Channel;
use tonic::{Code, Response, Status};

use crate::builders::{
    DAY, a_submission, agent, full_scores, lead, long_chats, manager, may, only, reviewer,
};
use crate::support::{TestQa, fields, refusal};

fn client(test: &TestQa) -> AppealServiceClient<Channel> {
    AppealServiceClient::new(test.channel.clone())
}

/// A reviewed chat of Ann's: half the points for attitude.
async fn reviewed(test: &TestQa) -> pb::Review {
    let review = test.reviews().await.into_iter().find(|r| r.account_id == "ann-account").expect("one");
    let mut submission = a_submission(&review);
    submission.scores[2].points = Some(2);
    let who = reviewer(&review.reviewer_person_id);
    let submitted = test.client().submit_review(test.by(&who, submission)).await.expect("submits");
    submitted.into_inner().review.expect("a review")
}

async fn with_review() -> (TestQa, pb::Review) {
    let test = TestQa::with_day(&long_chats("ann-account", 1)).await;
    test.draw(DAY).await;
    let review = reviewed(&test).await;
    (test, review)
}

fn objection(review: &pb::Review) -> pb::FileAppealRequest {
    let proposed = pb::CriterionScore {
        criterion_id: "attitude".into(),
        points: Some(4),
        ..pb::CriterionScore::default()
    };
    pb::FileAppealRequest {
        request_id: format!("appeal {} {}", review.review_id, review.etag),
        review_id: review.review_id.clone(),
        etag: review.etag.clone(),
        comment: "the customer was shouting".into(),
        proposed_scores: vec![proposed],
    }
}

async fn try_file(
    test: &TestQa,
    who: &TestCaller,
    message: pb::FileAppealRequest,
) -> Result<Response<pb::FileAppealResponse>, Status> {
    client(test).file_appeal(test.by(who, message)).await
}

async fn file(test: &TestQa, review: &pb::Review) -> pb::Appeal {
    let filed = try_file(test, &agent("ann"), objection(review)).await.expect("files");
    filed.into_inner().appeal.expect("an appeal")
}

fn upholding(appeal: &pb::Appeal) -> pb::DecideAppealRequest {
    pb::DecideAppealRequest {
        request_id: format!("decide {} {}", appeal.appeal_id, appeal.etag),
        appeal_id: appeal.appeal_id.clone(),
        etag: appeal.etag.clone(),
        decision: AppealDecision::Upheld.into(),
        comment: "so it was".into(),
        scores: full_scores(),
        ..pb::DecideAppealRequest::default()
    }
}

fn rejecting(appeal: &pb::Appeal) -> pb::DecideAppealRequest {
    let decision = AppealDecision::Rejected.into();
    pb::DecideAppealRequest { decision, scores: Vec::new(), ..upholding(appeal) }
}

async fn decide(
    test: &TestQa,
    who: &str,
    message: pb::DecideAppealRequest,
) -> Result<Response<pb::DecideAppealResponse>, Status> {
    client(test).decide_appeal(test.by(&reviewer(who), message)).await
}

async fn history(test: &TestQa, review: &pb::Review) -> pb::GetReviewHistoryResponse {
    let message = pb::GetReviewHistoryRequest { review_id: review.review_id.clone() };
    client(test).get_review_history(test.by(&agent("ann"), message)).await.expect("finds").into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upheld_appeal_restates_and_overwrites_nothing() {
    let (test, review) = with_review().await;
    assert_eq!((review.score_bp, review.assessment_version), (Some(8_750), 1));
    // Submitted on Wednesday; five working days are over on the Wednesday after.
    assert_eq!((review.appeal_until, review.counts_for_pay), (Some(may(27)), true));
    let told = EventCollector::start(&test.nats).await;
    let appeal = file(&test, &review).await;
    let other = if review.reviewer_person_id == "rita" { "rob" } else { "rita" };
    assert_eq!((appeal.second_reviewer_person_id.as_str(), appeal.due_day), (other, Some(may(22))));
    assert_eq!((appeal.state(), appeal.score_bp_after), (AppealState::Open, None));

    // The first reviewer does not decide, nor does anybody else.
    for stranger in [review.reviewer_person_id.as_str(), "manager"] {
        let refused = decide(&test, stranger, upholding(&appeal)).await;
        assert_eq!(refusal(refused), (Code::PermissionDenied, "APPEAL_NOT_YOURS".into()));
    }
    let decided = decide(&test, other, upholding(&appeal)).await.expect("decides").into_inner();
    let (ended, restated) = (decided.appeal.expect("an appeal"), decided.review.expect("a review"));
    assert_eq!((ended.state(), ended.decision_comment.as_str()), (AppealState::Upheld, "so it was"));
    assert_eq!((ended.score_bp_before, ended.score_bp_after), (Some(8_750), Some(10_000)));
    assert_eq!((restated.score_bp, restated.assessment_version), (Some(10_000), 2));
    assert_eq!(restated.submitted_at, review.submitted_at);
    // The same request again is answered alike and has one effect.
    let replayed = decide(&test, other, upholding(&appeal)).await.expect("replays").into_inner();
    assert_eq!((replayed.appeal, replayed.review), (Some(ended.clone()), Some(restated.clone())));

    let history = history(&test, &review).await;
    assert_eq!((history.review, &history.appeals[..]), (Some(restated), &[ended][..]));
    let versions: Vec<_> = history
        .assessments
        .iter()
        .map(|made| (made.version, made.reviewer_person_id.as_str(), made.score_bp, made.appeal_id.as_str()))
        .collect();
    let first = (1, review.reviewer_person_id.as_str(), Some(8_750), "");
    assert_eq!(versions, [first, (2, other, Some(10_000), appeal.appeal_id.as_str())]);
    assert_eq!(history.assessments[0].scores[2].points, Some(2));

    let restatements: Vec<ReviewPublished> = told
        .wait_for(1, |payload| match payload {
            // The first result may still be on its way.
            events::Payload::ReviewPublished(review) if review.assessment_version > 1 => Some(review.clone()),
            _ => None,
        })
        .await;
    assert_eq!((restatements[0].score_bp, restatements[0].assessment_version), (10_000, 2));
    assert_eq!(restatements[0].counts_for_pay, Some(true));
    let decisions: Vec<AppealDecided> = told
        .wait_for(1, |payload| match payload {
            events::Payload::AppealDecided(decided) => Some(decided.clone()),
            _ => None,
        })
        .await;
    assert_eq!((decisions[0].upheld, decisions[0].score_bp_after), (true, Some(10_000)));
    assert_eq!(test.count("SELECT count(*) FROM qa.outbox WHERE subject = 'qa.review_published'").await, 2);
    assert_eq!(test.count("SELECT count(*) FROM qa.audit_entries WHERE entity LIKE 'appeal/%'").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_appeal_after_which_nothing_was_applicable_takes_the_score_back() {
    let (test, review) = with_review().await;
    let told = EventCollector::start(&test.nats).await;
    let appeal = file(&test, &review).await;
    let mut scores = full_scores();
    for score in &mut scores {
        (score.points, score.not_applicable) = (None, true);
    }
    let upheld = pb::DecideAppealRequest { scores, ..upholding(&appeal) };
    let decided = decide(&test, &appeal.second_reviewer_person_id, upheld).await.expect("decides");
    let restated = decided.into_inner().review.expect("a review");
    assert_eq!((restated.score_bp, restated.assessment_version), (None, 2));
    let events: Vec<ReviewPublished> = told
        .wait_for(1, |payload| match payload {
            events::Payload::ReviewPublished(review) if review.assessment_version > 1 => Some(review.clone()),
            _ => None,
        })
        .await;
    assert_eq!((events[0].not_applicable, events[0].score_bp), (true, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upheld_appeal_is_a_case_for_calibration_and_counts_for_the_rater() {
    let (test, review) = with_review().await;
    let appeal = file(&test, &review).await;
    decide(&test, &appeal.second_reviewer_person_id, upholding(&appeal)).await.expect("decides");
    let mut calibration = CalibrationServiceClient::new(test.channel.clone());
    let message = pb::ListCalibrationCasesRequest { open: true, ..Default::default() };
    let cases = calibration.list_calibration_cases(test.by(&manager(), message)).await.expect("lists");
    let case = cases.into_inner().cases.remove(0);
    assert_eq!((&case.case_id, &case.review_id), (&appeal.appeal_id, &review.review_id));
    assert_eq!(
        (case.conversation, &case.criterion_ids[..]),
        (review.conversation, &["attitude".to_owned()][..])
    );
    let message = pb::ListRatersRequest { days: only(DAY), ..Default::default() };
    let raters = calibration.list_raters(test.by(&manager(), message)).await.expect("lists").into_inner();
    for rater in raters.raters {
        let first = rater.person_id == review.reviewer_person_id;
        let counted = (rater.reviews, rater.appeals_decided, rater.appeals_upheld);
        assert_eq!(counted, if first { (1, 1, 1) } else { (0, 0, 0) }, "{}", rater.person_id);
        let share = rater.overturned.expect("a share");
        // Wilson for 1 of 1: 20.7 to 100 %.
        assert_eq!(share.value, first.then_some(1.0));
        assert_eq!(share.low.map(|low| (low * 1000.0).round()), first.then_some(207.0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_appeal_leaves_the_review_as_it_was_and_is_final() {
    let (test, review) = with_review().await;
    let appeal = file(&test, &review).await;
    let second = appeal.second_reviewer_person_id.as_str();
    let with_scores = pb::DecideAppealRequest { scores: full_scores(), ..rejecting(&appeal) };
    assert_eq!(fields(decide(&test, second, with_scores).await), ["scores"]);
    let without = pb::DecideAppealRequest { scores: Vec::new(), ..upholding(&appeal) };
    assert_eq!(fields(decide(&test, second, without).await), ["scores"]);
    let mut same = upholding(&appeal);
    same.scores[2].points = Some(2);
    assert_eq!(fields(decide(&test, second, same).await), ["scores"]);
    let silent = pb::DecideAppealRequest { comment: String::new(), ..rejecting(&appeal) };
    assert_eq!(fields(decide(&test, second, silent).await), ["comment"]);

    let decided = decide(&test, second, rejecting(&appeal)).await.expect("decides").into_inner();
    assert_eq!(decided.review.as_ref(), Some(&review));
    assert_eq!(decided.appeal.expect("an appeal").state(), AppealState::Rejected);
    assert_eq!(history(&test, &review).await.assessments.len(), 1);
    let mut again = objection(&review);
    again.request_id = "again".into();
    let again = try_file(&test, &agent("ann"), again).await;
    assert_eq!(refusal(again), (Code::AlreadyExists, "APPEAL_EXISTS".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_appeal_has_its_time() {
    let (test, review) = with_review().await;
    let stale = pb::FileAppealRequest { etag: "review-1".into(), ..objection(&review) };
    let stale = try_file(&test, &agent("ann"), stale).await;
    assert_eq!(refusal(stale), (Code::Aborted, "ETAG_MISMATCH".into()));
    let mut wrong = objection(&review);
    wrong.proposed_scores[0].points = Some(9);
    assert_eq!(fields(try_file(&test, &agent("ann"), wrong).await), ["proposed_scores[0].points"]);
    let silent = pb::FileAppealRequest { comment: String::new(), ..objection(&review) };
    assert_eq!(fields(try_file(&test, &agent("ann"), silent).await), ["comment"]);
    test.clock.set("2020-05-28T00:00:01+08:00");
    let late = try_file(&test, &agent("ann"), objection(&review)).await;
    assert_eq!(refusal(late), (Code::FailedPrecondition, "APPEAL_LATE".into()));
    test.clock.set("2020-05-27T23:59:59+08:00");
    let appeal = file(&test, &review).await;
    let overdue = async || {
        let message = pb::ListAppealsRequest { overdue: true, ..Default::default() };
        client(&test).list_appeals(test.by(&manager(), message)).await.expect("lists").into_inner().appeals
    };
    assert!(overdue().await.is_empty());
    test.clock.set("2020-05-30T10:00:00+08:00");
    assert_eq!(overdue().await, [appeal]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_appeal_taken_back_can_be_filed_again() {
    let (test, review) = with_review().await;
    let appeal = file(&test, &review).await;
    let back = |who: TestCaller| {
        let message = pb::WithdrawAppealRequest {
            request_id: "back".into(),
            appeal_id: appeal.appeal_id.clone(),
            etag: appeal.etag.clone(),
        };
        (client(&test), test.by(&who, message))
    };
    let (mut stranger, request) = back(agent("ben"));
    let refused = stranger.withdraw_appeal(request).await;
    assert_eq!(refusal(refused), (Code::NotFound, "APPEAL_NOT_FOUND".into()));
    let (mut ann, request) = back(agent("ann"));
    let withdrawn = ann.withdraw_appeal(request).await.expect("withdraws").into_inner().appeal;
    assert_eq!(withdrawn.expect("an appeal").state(), AppealState::Withdrawn);
    let late = decide(&test, &appeal.second_reviewer_person_id, upholding(&appeal)).await;
    assert_eq!(refusal(late), (Code::Aborted, "ETAG_MISMATCH".into()));
    let mut again = objection(&review);
    again.request_id = "again".into();
    try_file(&test, &agent("ann"), again).await.expect("files again");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_reviewer_is_changed_but_never_to_the_first_or_the_agent() {
    let (test, review) = with_review().await;
    let message =
        pb::SetReviewerCapacityRequest { request_id: "c".into(), person_id: "ann".into(), capacity: 5 };
    test.client().set_reviewer_capacity(test.by(&manager(), message)).await.expect("sets");
    let appeal = file(&test, &review).await;
    let to = async |person: &str| {
        let message = pb::ReassignAppealRequest {
            request_id: format!("to {person}"),
            appeal_id: appeal.appeal_id.clone(),
            etag: appeal.etag.clone(),
            reviewer_person_id: person.into(),
        };
        client(&test).reassign_appeal(test.by(&manager(), message)).await
    };
    let first = review.reviewer_person_id.as_str();
    assert_eq!(refusal(to(first).await), (Code::FailedPrecondition, "SAME_REVIEWER".into()));
    assert_eq!(refusal(to("ann").await), (Code::FailedPrecondition, "OWN_CHAT".into()));
    assert_eq!(refusal(to("zoe").await), (Code::FailedPrecondition, "REVIEWER_UNKNOWN".into()));
    let message =
        pb::SetReviewerCapacityRequest { request_id: "m".into(), person_id: "manager".into(), capacity: 0 };
    test.client().set_reviewer_capacity(test.by(&manager(), message)).await.expect("sets");
    let given = to("manager").await.expect("gives it").into_inner().appeal.expect("an appeal");
    let decided = client(&test).decide_appeal(test.by(&manager(), rejecting(&given))).await;
    assert_eq!(decided.expect("decides").into_inner().appeal.expect("one").state(), AppealState::Rejected);
}

#[tokio::test(flavor = "multi_thread")]
async fn appeals_are_seen_by_whoever_sees_the_review() {
    let (test, review) = with_review().await;
    for stranger in [agent("ben"), agent("zoe"), lead("lea"), agent("ann").of("other")] {
        let refused = try_file(&test, &stranger, objection(&review)).await;
        assert_eq!(refusal(refused), (Code::NotFound, "REVIEW_NOT_FOUND".into()));
    }
    let appeal = file(&test, &review).await;
    for (who, seen) in [
        (agent("ann"), true),
        (agent("ben"), false),
        (lead("lea"), true),
        (lead("zoe"), false),
        (manager(), true),
        (manager().of("other"), false),
    ] {
        let message = pb::GetAppealRequest { appeal_id: appeal.appeal_id.clone() };
        let found = client(&test).get_appeal(test.by(&who, message)).await;
        assert_eq!(found.is_ok(), seen, "{found:?}");
        let listed = client(&test).list_appeals(test.by(&who, pb::ListAppealsRequest::default())).await;
        assert_eq!(listed.expect("lists").into_inner().appeals.len(), usize::from(seen));
        let message = pb::GetReviewHistoryRequest { review_id: review.review_id.clone() };
        let found = client(&test).get_review_history(test.by(&who, message)).await;
        assert_eq!(found.is_ok(), seen);
    }
}
