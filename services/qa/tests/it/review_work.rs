//! Weeks, absences, handing over, and what is late.

use std::collections::BTreeMap;

use proto::common::v1::DayRange;
use proto::google::r#type::Date;
use proto::qa::v1::appeal_service_client::AppealServiceClient;
use proto::qa::v1::review_work_service_client::ReviewWorkServiceClient;
use proto::qa::v1::{self as pb, ReviewState};
use tonic::Code;
use tonic::transport::Channel;

use crate::builders::{DAY, a_submission, agent, long_chats, manager, may, only};
use crate::support::{TestQa, fields, refusal};

fn client(test: &TestQa) -> ReviewWorkServiceClient<Channel> {
    ReviewWorkServiceClient::new(test.channel.clone())
}

/// How many reviews each has, by due day.
fn desks(reviews: &[pb::Review]) -> BTreeMap<(String, Option<i32>), usize> {
    let mut desks = BTreeMap::new();
    for review in reviews {
        let due = review.due_day.map(|day| day.day);
        *desks.entry((review.reviewer_person_id.clone(), due)).or_default() += 1;
    }
    desks
}

fn counted<const N: usize>(of: [(&str, i32, usize); N]) -> BTreeMap<(String, Option<i32>), usize> {
    of.map(|(person, due, count)| ((person.to_owned(), (due > 0).then_some(due)), count)).into()
}

async fn week(test: &TestQa, person: &str, week: Option<pb::ReviewerWeek>) {
    let message = pb::SetReviewerWeekRequest {
        request_id: format!("week of {person}"),
        person_id: person.into(),
        week,
    };
    client(test).set_reviewer_week(test.by(&manager(), message)).await.expect("sets");
}

async fn absent(test: &TestQa, person: &str, from: Date, to: Date) -> pb::AddReviewerAbsenceResponse {
    let message = pb::AddReviewerAbsenceRequest {
        request_id: format!("absent {person} {}", from.day),
        person_id: person.into(),
        from: Some(from),
        to: Some(to),
    };
    client(test).add_reviewer_absence(test.by(&manager(), message)).await.expect("notes").into_inner()
}

async fn assign(test: &TestQa, request_id: &str) -> pb::AssignReviewsResponse {
    let message = pb::AssignReviewsRequest { request_id: request_id.into(), days: None };
    test.client().assign_reviews(test.by(&manager(), message)).await.expect("assigns").into_inner()
}

async fn hand_over(test: &TestQa, person: &str) -> pb::HandOverReviewsResponse {
    let message = pb::HandOverReviewsRequest {
        request_id: format!("hand over {person}"),
        person_id: person.into(),
        due_days: None,
    };
    client(test).hand_over_reviews(test.by(&manager(), message)).await.expect("hands over").into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn work_is_due_when_its_reviewer_works_next() {
    let test = TestQa::with_day(&long_chats("ann-account", 12)).await;
    // It is Wednesday the 20th. Rita reviews four on Saturdays only, Rob is away until Thursday.
    week(&test, "rita", Some(pb::ReviewerWeek { saturday: 4, ..Default::default() })).await;
    absent(&test, "rob", may(19), may(21)).await;
    test.draw(DAY).await;
    assert_eq!(desks(&test.reviews().await), counted([("rita", 23, 4), ("rob", 22, 8)]));
    let message = pb::ListReviewerAbsencesRequest { days: only(may(20)), ..Default::default() };
    let absences = client(&test).list_reviewer_absences(test.by(&manager(), message)).await.expect("lists");
    let absence = absences.into_inner().absences.remove(0);
    assert_eq!((absence.person_id.as_str(), absence.to), ("rob", Some(may(21))));
    let remove = |id: &str, request_id: &str| {
        let (absence_id, request_id) = (id.to_owned(), request_id.to_owned());
        test.by(&manager(), pb::RemoveReviewerAbsenceRequest { request_id, absence_id })
    };
    client(&test).remove_reviewer_absence(remove(&absence.absence_id, "r")).await.expect("removes");
    let gone = client(&test).remove_reviewer_absence(remove(&absence.absence_id, "s")).await;
    assert_eq!(refusal(gone), (Code::NotFound, "ABSENCE_NOT_FOUND".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_of_the_same_day_wants_reviews_on_the_day_of_the_draw() {
    let test = TestQa::with_day(&long_chats("ann-account", 4)).await;
    let asked = client(&test).get_review_policy(test.by(&manager(), pb::GetReviewPolicyRequest {})).await;
    let policy = asked.expect("finds").into_inner().policy.expect("a policy");
    assert_eq!((policy.version, policy.same_day, policy.appeal_days), (0, false, 5));
    let message = pb::PutReviewPolicyRequest {
        request_id: "p".into(),
        etag: policy.etag,
        same_day: true,
        same_day_until_minute: 0,
        appeal_days: 0,
        decision_days: 2,
        calibration: policy.calibration,
    };
    let put = client(&test).put_review_policy(test.by(&manager(), message)).await.expect("puts");
    assert_eq!(put.into_inner().policy.expect("a policy").version, 1);
    absent(&test, "rob", may(20), may(20)).await;
    test.draw(DAY).await;
    let reviews = test.reviews().await;
    assert_eq!(desks(&reviews), counted([("rita", 20, 2), ("rob", 21, 2)]));
    // And of no appeals allows none.
    let who = crate::builders::reviewer(&reviews[0].reviewer_person_id);
    let submitted = test.client().submit_review(test.by(&who, a_submission(&reviews[0]))).await;
    assert_eq!(submitted.expect("submits").into_inner().review.expect("a review").appeal_until, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn work_is_handed_over_in_balance_and_never_to_whose_chats_they_are() {
    let mut chats = long_chats("rita-account", 3);
    chats.extend(long_chats("ann-account", 9));
    let test = TestQa::with_day(&chats).await;
    let message =
        pb::SetReviewerCapacityRequest { request_id: "c".into(), person_id: "lea".into(), capacity: 60 };
    test.client().set_reviewer_capacity(test.by(&manager(), message)).await.expect("sets");
    test.draw(DAY).await;
    assert_eq!(desks(&test.reviews().await), counted([("lea", 21, 4), ("rita", 21, 4), ("rob", 21, 4)]));
    let noted = absent(&test, "rob", may(21), may(25)).await;
    assert_eq!(noted.open_due, 4);
    let done = hand_over(&test, "rob").await;
    assert_eq!((done.handed_over, done.unassigned, done.appeals_handed_over), (4, 0, 0));
    let reviews = test.reviews().await;
    assert_eq!(desks(&reviews), counted([("lea", 21, 6), ("rita", 21, 6)]));
    assert!(reviews.iter().all(|review| review.person_id != review.reviewer_person_id));
    // Among what Lea has now are Rita's own chats: they wait for Rob, who works again from the 26th on.
    let done = hand_over(&test, "lea").await;
    assert_eq!((done.handed_over, done.unassigned), (6, 0));
    let reviews = test.reviews().await;
    let ritas: Vec<_> = reviews.iter().filter(|review| review.person_id == "rita").collect();
    assert_eq!(ritas.len(), 3);
    assert!(ritas.iter().all(|review| review.reviewer_person_id == "rob" && review.due_day == Some(may(26))));
    let nobody =
        pb::HandOverReviewsRequest { request_id: "n".into(), person_id: "zoe".into(), due_days: None };
    let refused = client(&test).hand_over_reviews(test.by(&manager(), nobody)).await;
    assert_eq!(refusal(refused), (Code::FailedPrecondition, "REVIEWER_UNKNOWN".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_has_room_for_is_unassigned_and_handed_out_later() {
    let test = TestQa::with_day(&long_chats("ann-account", 10)).await;
    for (person, capacity) in [("rita", 6), ("rob", 6)] {
        let request_id = format!("capacity {person}");
        let message = pb::SetReviewerCapacityRequest { request_id, person_id: person.into(), capacity };
        test.client().set_reviewer_capacity(test.by(&manager(), message)).await.expect("sets");
    }
    test.draw(DAY).await;
    let done = hand_over(&test, "rob").await;
    assert_eq!((done.handed_over, done.unassigned), (1, 4));
    let unassigned = test.reviews().await.into_iter().filter(|r| r.state() == ReviewState::Unassigned);
    assert_eq!(unassigned.count(), 4);
    test.clock.set("2020-05-21T10:00:00+08:00");
    absent(&test, "rob", may(21), may(25)).await;
    let next = assign(&test, "later").await;
    assert_eq!((next.assigned, next.unassigned, next.due_day), (4, 0, Some(may(26))));
}

#[tokio::test(flavor = "multi_thread")]
async fn open_second_reviews_are_handed_over_too() {
    let test = TestQa::with_day(&long_chats("ann-account", 1)).await;
    let message =
        pb::SetReviewerCapacityRequest { request_id: "c".into(), person_id: "manager".into(), capacity: 1 };
    test.draw(DAY).await;
    let review = test.reviews().await.remove(0);
    let who = crate::builders::reviewer(&review.reviewer_person_id);
    let submitted = test.client().submit_review(test.by(&who, a_submission(&review))).await.expect("submits");
    let review = submitted.into_inner().review.expect("a review");
    let objection = pb::FileAppealRequest {
        request_id: "a".into(),
        review_id: review.review_id.clone(),
        etag: review.etag.clone(),
        comment: "no".into(),
        proposed_scores: Vec::new(),
    };
    let mut appeals = AppealServiceClient::new(test.channel.clone());
    let filed = appeals.file_appeal(test.by(&agent("ann"), objection)).await.expect("files").into_inner();
    let second = filed.appeal.expect("an appeal").second_reviewer_person_id;
    test.client().set_reviewer_capacity(test.by(&manager(), message)).await.expect("sets");
    assert_eq!(hand_over(&test, &second).await.appeals_handed_over, 1);
    let listed = appeals.list_appeals(test.by(&manager(), pb::ListAppealsRequest::default())).await;
    let appeal = listed.expect("lists").into_inner().appeals.remove(0);
    assert_eq!(appeal.second_reviewer_person_id, "manager");
}

#[tokio::test(flavor = "multi_thread")]
async fn late_reviews_are_listed_by_due_day() {
    let test = TestQa::with_day(&long_chats("ann-account", 5)).await;
    test.draw(DAY).await;
    let overdue = async |page_size: i32, page_token: String| {
        let message = pb::ListOverdueReviewsRequest { page_size, page_token };
        client(&test).list_overdue_reviews(test.by(&manager(), message)).await.expect("lists").into_inner()
    };
    test.clock.set("2020-05-21T23:59:00+08:00");
    assert!(overdue(0, String::new()).await.reviews.is_empty());
    test.clock.set("2020-05-22T00:01:00+08:00");
    let first = overdue(3, String::new()).await;
    let rest = overdue(3, first.next_page_token.clone()).await;
    assert_eq!((first.reviews.len(), rest.reviews.len(), rest.next_page_token.as_str()), (3, 2, ""));
    let reviews = test.reviews().await;
    let who = crate::builders::reviewer(&reviews[0].reviewer_person_id);
    test.client().submit_review(test.by(&who, a_submission(&reviews[0]))).await.expect("submits");
    assert_eq!(overdue(0, String::new()).await.reviews.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absence_runs_forward() {
    let test = TestQa::with_staff().await;
    let message = pb::AddReviewerAbsenceRequest {
        request_id: "a".into(),
        person_id: "rita".into(),
        from: Some(may(22)),
        to: Some(may(21)),
    };
    let refused = client(&test).add_reviewer_absence(test.by(&manager(), message)).await;
    assert_eq!(fields(refused), ["to"]);
    let days = Some(DayRange { from: Some(may(1)), to: Some(may(31)) });
    let message = pb::ListReviewerAbsencesRequest { days, ..Default::default() };
    let none = client(&test).list_reviewer_absences(test.by(&manager(), message)).await.expect("lists");
    assert!(none.into_inner().absences.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_business_day_that_ends_early_is_reviewed_on_the_same_afternoon() {
    let test = TestQa::with_day(&long_chats("ann-account", 4)).await;
    // The 19th now ends at 14:00 on the 20th, a Wednesday; later chats belong to the next draw.
    test.sql("UPDATE qa.merchants SET cut_over_hour = 14").await;
    let policy = |request_id: &str, etag: &str, until: i32, same_day| pb::PutReviewPolicyRequest {
        request_id: request_id.into(),
        etag: etag.into(),
        same_day,
        same_day_until_minute: until,
        appeal_days: 5,
        decision_days: 2,
        calibration: Some(pb::CalibrationRule {
            chats_min: 10,
            severity_bp_max: 1_000,
            agreement_min: 0.2,
            window_days: 90,
        }),
    };
    let refused =
        client(&test).put_review_policy(test.by(&manager(), policy("w", "policy-0", 900, false))).await;
    assert_eq!(fields(refused), ["same_day_until_minute"]);
    let put = client(&test).put_review_policy(test.by(&manager(), policy("p", "policy-0", 900, true))).await;
    let put = put.expect("puts").into_inner().policy.expect("a policy");
    assert_eq!((put.version, put.same_day_until_minute), (1, 900));
    test.clock.set("2020-05-20T13:59:00+08:00");
    let early = test.try_draw(DAY, "early").await;
    assert_eq!(refusal(early), (Code::FailedPrecondition, "DAY_NOT_CLOSED".into()));
    test.clock.set("2020-05-20T14:10:00+08:00");
    test.draw(DAY).await;
    assert_eq!(desks(&test.reviews().await), counted([("rita", 20, 2), ("rob", 20, 2)]));
    // What is handed out after three o'clock has until tomorrow.
    test.clock.set("2020-05-20T15:00:00+08:00");
    let moved = hand_over(&test, "rita").await;
    assert_eq!(moved.handed_over, 2);
    assert_eq!(desks(&test.reviews().await), counted([("rob", 20, 2), ("rob", 21, 2)]));
}
