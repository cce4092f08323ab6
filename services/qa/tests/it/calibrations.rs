//! Calibration sessions: hidden ratings, agreement, and what follows for pay.

use proto::qa::v1::calibration_service_client::CalibrationServiceClient;
use proto::qa::v1::review_work_service_client::ReviewWorkServiceClient;
use proto::qa::v1::{self as pb, CalibrationState, RaterCalibration};
use testkit::TestCaller;
use tonic::transport::Channel;
use tonic::{Code, Response, Status};

use crate::builders::{
    DAY, a_submission, conversation, full_scores, long_chats, manager, may, only, reviewer,
};
use crate::support::{TestQa, fields, refusal};

const CHATS: usize = 12;

fn client(test: &TestQa) -> CalibrationServiceClient<Channel> {
    CalibrationServiceClient::new(test.channel.clone())
}

/// A drawn day with chats to judge, and three reviewers.
async fn with_chats() -> TestQa {
    let test = TestQa::with_day(&long_chats("ann-account", CHATS)).await;
    let message =
        pb::SetReviewerCapacityRequest { request_id: "c".into(), person_id: "lea".into(), capacity: 9 };
    test.client().set_reviewer_capacity(test.by(&manager(), message)).await.expect("sets");
    test.draw(DAY).await;
    test
}

fn opening(name: &str, chats: usize) -> pb::OpenCalibrationRequest {
    pb::OpenCalibrationRequest {
        request_id: format!("open {name}"),
        name: name.into(),
        conversations: (0..chats).map(|n| conversation(&format!("ann-account-{n}"))).collect(),
        case_ids: Vec::new(),
        rater_person_ids: vec!["rob".into(), "rita".into(), "lea".into()],
        expert_person_id: "lea".into(),
        due_day: Some(may(22)),
    }
}

async fn try_open(
    test: &TestQa,
    message: pb::OpenCalibrationRequest,
) -> Result<Response<pb::OpenCalibrationResponse>, Status> {
    client(test).open_calibration(test.by(&manager(), message)).await
}

async fn open(test: &TestQa, name: &str, chats: usize) -> pb::CalibrationSession {
    let opened = try_open(test, opening(name, chats)).await.expect("opens");
    opened.into_inner().session.expect("a session")
}

async fn rate(
    test: &TestQa,
    session: &pb::CalibrationSession,
    who: &str,
    chat: usize,
    points: i32,
) -> Result<pb::CalibrationSession, Status> {
    let mut scores = full_scores();
    for score in &mut scores {
        score.points = Some(points);
    }
    let message = pb::RateCalibrationRequest {
        request_id: format!("rate {} {chat} {points}", session.name),
        session_id: session.session_id.clone(),
        conversation: Some(conversation(&format!("ann-account-{chat}"))),
        scores,
        ..pb::RateCalibrationRequest::default()
    };
    let rated = client(test).rate_calibration(test.by(&reviewer(who), message)).await?;
    Ok(rated.into_inner().session.expect("a session"))
}

async fn get(test: &TestQa, who: &TestCaller, session: &pb::CalibrationSession) -> pb::CalibrationSession {
    let message = pb::GetCalibrationRequest { session_id: session.session_id.clone() };
    let found = client(test).get_calibration(test.by(who, message)).await.expect("finds");
    found.into_inner().session.expect("a session")
}

async fn close(test: &TestQa, session: &pb::CalibrationSession) -> pb::CalibrationSession {
    let message = pb::CloseCalibrationRequest {
        request_id: format!("close {}", session.name),
        session_id: session.session_id.clone(),
        etag: session.etag.clone(),
    };
    let closed = client(test).close_calibration(test.by(&manager(), message)).await.expect("closes");
    closed.into_inner().session.expect("a session")
}

async fn report(test: &TestQa, session: &pb::CalibrationSession) -> Result<pb::CalibrationReport, Status> {
    let message = pb::GetCalibrationReportRequest { session_id: session.session_id.clone() };
    let answer = client(test).get_calibration_report(test.by(&manager(), message)).await?;
    Ok(answer.into_inner().report.expect("a report"))
}

async fn rater(test: &TestQa, person: &str) -> pb::Rater {
    let message = pb::ListRatersRequest { days: only(DAY), ..Default::default() };
    let raters = client(test).list_raters(test.by(&manager(), message)).await.expect("lists").into_inner();
    raters.raters.into_iter().find(|rater| rater.person_id == person).expect("a rater")
}

/// Judges all chats: everybody alike, but for one who takes off `off` points.
async fn judge(test: &TestQa, session: &pb::CalibrationSession, strict: &str, off: i32) {
    for chat in 0..session.chats.len() {
        let points = 2 + i32::try_from(chat % 3).expect("small");
        for who in ["rita", "rob", "lea"] {
            let off = if who == strict { off } else { 0 };
            rate(test, session, who, chat, points - off).await.expect("rates");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ratings_stay_hidden_until_all_are_in() {
    let test = with_chats().await;
    let session = open(&test, "May", 2).await;
    assert_eq!((session.state(), session.scorecard_id.as_str()), (CalibrationState::Open, "standard"));
    rate(&test, &session, "rita", 0, 3).await.expect("rates");
    rate(&test, &session, "rita", 0, 4).await.expect("rates anew");
    for (who, seen) in [(reviewer("rita"), 1), (reviewer("rob"), 0), (manager(), 0)] {
        let session = get(&test, &who, &session).await;
        assert_eq!(session.ratings.len(), seen);
        let rated: Vec<_> = session.raters.iter().map(|r| (r.person_id.as_str(), r.rated)).collect();
        assert_eq!(rated, [("lea", 0), ("rita", 1), ("rob", 0)], "how many is no secret");
    }
    let early = report(&test, &session).await.expect_err("is refused");
    assert_eq!(status::Problem::from_status(&early).reason, "CALIBRATION_OPEN");
    let stranger = rate(&test, &session, "manager", 0, 3).await.expect_err("is refused");
    assert_eq!(status::Problem::from_status(&stranger).reason, "CALIBRATION_NOT_YOURS");

    for (who, chat) in [("rita", 1), ("rob", 0), ("rob", 1), ("lea", 0), ("lea", 1)] {
        rate(&test, &session, who, chat, 3).await.expect("rates");
    }
    let whole = get(&test, &reviewer("rob"), &session).await;
    assert_eq!((whole.state(), whole.ratings.len()), (CalibrationState::Complete, 6));
    let late = rate(&test, &session, "rob", 0, 1).await.expect_err("is refused");
    assert_eq!(status::Problem::from_status(&late).reason, "CALIBRATION_CLOSED");
    let report = report(&test, &session).await.expect("reports");
    let rita = report.raters.iter().find(|rater| rater.person_id == "rita").expect("Rita");
    // One point of four apart on one of two chats.
    assert_eq!(rita.alignment, Some(0.875));
    let message = pb::ListCalibrationsRequest { open: true, ..Default::default() };
    let listed = client(&test).list_calibrations(test.by(&manager(), message)).await.expect("lists");
    let listed = listed.into_inner().sessions;
    assert!(listed.len() == 1 && listed[0].ratings.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_out_of_calibration_does_not_count_for_pay_until_calibrated() {
    let test = with_chats().await;
    let session = open(&test, "strict Rita", CHATS).await;
    judge(&test, &session, "rita", 1).await;
    assert_eq!(rater(&test, "rita").await.calibration(), RaterCalibration::NeverJudged);
    let closed = close(&test, &get(&test, &manager(), &session).await).await;
    assert_eq!((closed.state(), closed.ratings.len()), (CalibrationState::Closed, CHATS * 3));

    let report = report(&test, &session).await.expect("reports");
    let rita = report.raters.iter().find(|rater| rater.person_id == "rita").expect("Rita");
    // Twenty-five points of a hundred below the two others: two thirds of it below the three's mean.
    let severity = rita.severity_bp.clone().expect("a severity");
    assert!((severity.value.expect("a value") + 1_666.7).abs() < 1.0, "{severity:?}");
    assert_eq!((report.criteria.len(), rita.alignment), (4, Some(0.75)));
    let attitude = &report.criteria[2];
    assert!(attitude.weighted_kappa.is_none() && attitude.kappa.as_ref().is_some_and(|k| k.value.is_some()));

    let standing = rater(&test, "rita").await;
    assert_eq!((standing.calibration(), standing.out_of_calibration), (RaterCalibration::Out, true));
    assert_eq!(standing.shared_chats, 12);
    assert!(!pays(&test, "rita").await);
    assert!(pays(&test, "rob").await);

    // A window later only the new session counts, and Rita rates as the others do.
    test.clock.set("2020-10-20T10:00:00+08:00");
    let session = open(&test, "calm Rita", CHATS).await;
    judge(&test, &session, "rita", 0).await;
    close(&test, &get(&test, &manager(), &session).await).await;
    let standing = rater(&test, "rita").await;
    assert_eq!((standing.calibration(), standing.out_of_calibration), (RaterCalibration::Calibrated, false));
    assert!(pays(&test, "rita").await);
}

/// Whether what somebody submits now counts for pay.
async fn pays(test: &TestQa, who: &str) -> bool {
    let open = pb::ListReviewsRequest {
        reviewer_person_id: who.into(),
        states: vec![pb::ReviewState::Assigned.into()],
        ..Default::default()
    };
    let review = test.reviews_of(&manager(), open).await.remove(0);
    let submitted = test.client().submit_review(test.by(&reviewer(who), a_submission(&review))).await;
    submitted.expect("submits").into_inner().review.expect("a review").counts_for_pay
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_session_is_refused() {
    let test = with_chats().await;
    let with = |change: fn(&mut pb::OpenCalibrationRequest)| {
        let mut message = opening("wrong", 1);
        change(&mut message);
        try_open(&test, message)
    };
    assert_eq!(fields(with(|m| m.conversations.clear()).await), ["conversations"]);
    assert_eq!(fields(with(|m| m.expert_person_id = "manager".into()).await), ["expert_person_id"]);
    assert_eq!(fields(with(|m| m.rater_person_ids.truncate(1)).await), ["rater_person_ids"]);
    let unknown = with(|m| m.conversations[0].conversation_id = "none".into()).await;
    assert_eq!(refusal(unknown), (Code::NotFound, "CONVERSATION_NOT_FOUND".into()));
    let case = with(|m| m.case_ids.push("none".into())).await;
    assert_eq!(refusal(case), (Code::NotFound, "CALIBRATION_CASE_NOT_FOUND".into()));
    let zoe = with(|m| m.rater_person_ids.push("zoe".into())).await;
    assert_eq!(refusal(zoe), (Code::FailedPrecondition, "REVIEWER_UNKNOWN".into()));
    let message =
        pb::SetReviewerCapacityRequest { request_id: "a".into(), person_id: "ann".into(), capacity: 9 };
    test.client().set_reviewer_capacity(test.by(&manager(), message)).await.expect("sets");
    let own = with(|m| m.rater_person_ids.push("ann".into())).await;
    assert_eq!(refusal(own), (Code::FailedPrecondition, "OWN_CHAT".into()));
    let session = open(&test, "ours", 1).await;
    let message = pb::GetCalibrationRequest { session_id: session.session_id };
    let other = client(&test).get_calibration(test.by(&manager().of("other"), message)).await;
    assert_eq!(refusal(other), (Code::NotFound, "CALIBRATION_NOT_FOUND".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_sets_what_is_out_of_calibration() {
    let test = with_chats().await;
    let mut work = ReviewWorkServiceClient::new(test.channel.clone());
    let asked = work.get_review_policy(test.by(&manager(), pb::GetReviewPolicyRequest {})).await;
    let policy = asked.expect("finds").into_inner().policy.expect("a policy");
    let rule = pb::CalibrationRule { severity_bp_max: 6_000, ..policy.calibration.expect("a rule") };
    let message = pb::PutReviewPolicyRequest {
        same_day_until_minute: 0,
        request_id: "p".into(),
        etag: policy.etag.clone(),
        same_day: false,
        appeal_days: 5,
        decision_days: 2,
        calibration: Some(rule),
    };
    work.put_review_policy(test.by(&manager(), message.clone())).await.expect("puts");
    let stale = pb::PutReviewPolicyRequest { request_id: "q".into(), ..message };
    let stale = work.put_review_policy(test.by(&manager(), stale)).await;
    assert_eq!(refusal(stale), (Code::Aborted, "ETAG_MISMATCH".into()));
    let session = open(&test, "mild", CHATS).await;
    judge(&test, &session, "rita", 1).await;
    close(&test, &get(&test, &manager(), &session).await).await;
    assert!(!rater(&test, "rita").await.out_of_calibration);
}
