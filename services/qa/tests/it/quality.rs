//! Reports over real draws and reviews.

use proto::qa::v1::quality_service_client::QualityServiceClient;
use proto::qa::v1::{self as pb, QualityGroup};
use testkit::TestCaller;
use tonic::transport::Channel;
use tonic::{Code, Response, Status};

use crate::builders::{DAY, a_submission, agent, lead, long_chats, manager, may, only, reviewer};
use crate::support::{TestQa, fields, refusal};

fn client(test: &TestQa) -> QualityServiceClient<Channel> {
    QualityServiceClient::new(test.channel.clone())
}

/// Ann has 20 long chats and does well, Ben has 4 and does badly, Zoe has 3 and nobody reviews them.
async fn reviewed() -> TestQa {
    let mut chats = long_chats("ann-account", 20);
    chats.extend(long_chats("ben-account", 4));
    chats.extend(long_chats("zoe-account", 3));
    let test = TestQa::with_day(&chats).await;
    test.draw(DAY).await;
    for review in test.reviews().await {
        let mut submission = a_submission(&review);
        match review.account_id.as_str() {
            "zoe-account" => continue,
            "ben-account" => {
                for score in &mut submission.scores {
                    score.points = Some(1);
                }
                submission.critical_error_ids = vec!["privacy".into()];
            }
            _ => submission.scores[3].points = Some(2),
        }
        let who = reviewer(&review.reviewer_person_id);
        test.client().submit_review(test.by(&who, submission)).await.expect("submits");
    }
    test
}

fn question(group: QualityGroup) -> pb::GetQualityRequest {
    pb::GetQualityRequest { days: only(DAY), group: group.into(), ..pb::GetQualityRequest::default() }
}

async fn rows(test: &TestQa, who: &TestCaller, message: pb::GetQualityRequest) -> Vec<pb::QualityRow> {
    client(test).get_quality(test.by(who, message)).await.expect("answers").into_inner().rows
}

fn value(estimate: &Option<pb::Estimate>) -> Option<f64> {
    estimate.as_ref().expect("an estimate").value
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_say_how_sure_they_are() {
    let test = reviewed().await;
    let by_account = rows(&test, &manager(), question(QualityGroup::Account)).await;
    let keys: Vec<_> = by_account.iter().map(|row| row.key.as_str()).collect();
    assert_eq!(keys, ["ann-account", "ben-account", "zoe-account"]);
    let [ann, ben, zoe] = &by_account[..] else { panic!("three rows") };
    assert_eq!((ann.reviewed, ann.covered, ann.uncovered, value(&ann.score_bp)), (15, 20, 0, Some(8_750.0)));
    // All of Ben's chats were reviewed: what they were is certain, how good he is isn't.
    let score = ben.score_bp.as_ref().expect("a score");
    assert_eq!((score.value, score.low, score.high), (Some(0.0), Some(0.0), Some(0.0)));
    assert!(ben.ability.as_ref().expect("an ability").high.expect("an end") > 0.4);
    assert_eq!((value(&ben.critical_rate), ben.place_best, ben.place_worst), (Some(1.0), 2, 2));
    assert_eq!((ann.place_best, ann.place_worst), (1, 1));
    assert_eq!((zoe.reviewed, zoe.uncovered, zoe.place_best), (0, 3, 0));
    assert_eq!(value(&zoe.score_bp), None);
    assert!(!zoe.score_bp.as_ref().expect("a reason").undefined.is_empty());
    assert!((ann.detection - 0.140).abs() < 5e-4);

    let one = rows(&test, &manager(), question(QualityGroup::Team)).await;
    assert_eq!(
        one.iter().map(|row| (row.key.as_str(), row.reviewed)).collect::<Vec<_>>(),
        [("one", 19), ("two", 0)]
    );
    // Twenty chats of 87.5 % and four of 0.
    assert!((value(&one[0].score_bp).expect("a score") - 8_750.0 * 20.0 / 24.0).abs() < 1e-6);
    let criteria = rows(&test, &manager(), question(QualityGroup::Criterion)).await;
    assert_eq!(criteria.len(), 4);
    let solution = criteria.iter().find(|row| row.key == "solution").expect("a row");
    assert!(
        (value(&solution.score_bp).expect("a share") - (5_000.0 * 20.0 + 2_500.0 * 4.0) / 24.0).abs() < 1e-6
    );
    let week = rows(&test, &manager(), question(QualityGroup::Week)).await;
    assert_eq!(week.iter().map(|row| row.key.as_str()).collect::<Vec<_>>(), ["2020-05-18"]);
    let strict = pb::GetQualityRequest { pass_bp: 9_000, ..question(QualityGroup::Person) };
    let strict = rows(&test, &manager(), strict).await;
    assert_eq!((strict[0].key.as_str(), value(&strict[0].pass_rate)), ("ann", Some(0.0)));
    let team = pb::GetQualityRequest { team_id: "two".into(), ..question(QualityGroup::Account) };
    assert_eq!(rows(&test, &manager(), team).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_show_exactly_the_reach() {
    let test = reviewed().await;
    for (who, keys) in [
        (agent("ann"), &["ann-account"][..]),
        (lead("lea"), &["ann-account", "ben-account"]),
        (manager(), &["ann-account", "ben-account", "zoe-account"]),
        (manager().of("other"), &[]),
    ] {
        let seen = rows(&test, &who, question(QualityGroup::Account)).await;
        assert_eq!(seen.iter().map(|row| row.key.as_str()).collect::<Vec<_>>(), keys);
    }
    let sheet = async |who: &TestCaller, person: &str| {
        let message = pb::GetFeedbackSheetRequest { person_id: person.into(), day: Some(DAY) };
        client(&test).get_feedback_sheet(test.by(who, message)).await
    };
    for (who, person, seen) in [
        (agent("ann"), "", true),
        (agent("ann"), "ben", false),
        (lead("lea"), "ben", true),
        (lead("lea"), "zoe", false),
        (manager(), "zoe", true),
        (manager(), "nobody", false),
        (manager().of("other"), "ann", false),
    ] {
        let found = sheet(&who, person).await;
        assert_eq!(found.is_ok(), seen, "{person}: {found:?}");
        if !seen {
            assert_eq!(refusal(found), (Code::NotFound, "PERSON_NOT_FOUND".into()));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sheet_tells_an_agent_their_week() {
    let test = reviewed().await;
    let message = pb::GetFeedbackSheetRequest { person_id: String::new(), day: Some(may(24)) };
    let asked: Result<Response<pb::GetFeedbackSheetResponse>, Status> =
        client(&test).get_feedback_sheet(test.by(&agent("ben"), message)).await;
    let sheet = asked.expect("answers").into_inner().sheet.expect("a sheet");
    assert_eq!((sheet.person_id.as_str(), sheet.week), ("ben", Some(may(18))));
    assert_eq!((sheet.row.expect("a row").reviewed, sheet.criteria.len()), (4, 4));
    assert_eq!((sheet.comments.len(), sheet.critical_error_ids.len()), (4, 4));
    assert_eq!((sheet.unacknowledged_review_ids.len(), sheet.appeals_open), (4, 0));
    assert!(sheet.change.is_none(), "nothing was drawn in the week before");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_asked_names_its_field() {
    let test = TestQa::start().await;
    let ask = async |message| client(&test).get_quality(test.by(&manager(), message)).await;
    assert_eq!(
        fields(ask(pb::GetQualityRequest { group: 0, ..question(QualityGroup::Day) }).await),
        ["group"]
    );
    let mut long = question(QualityGroup::Day);
    long.days.as_mut().expect("days").to = Some(proto::google::r#type::Date { year: 2021, ..DAY });
    long.days.as_mut().expect("days").to.as_mut().expect("a day").month = 7;
    assert_eq!(fields(ask(long).await), ["days.to"]);
    let beyond = pb::GetQualityRequest { fault_rate: 1.5, ..question(QualityGroup::Day) };
    assert_eq!(fields(ask(beyond).await), ["fault_rate"]);
}
