//! Teams with cards of their own: by the chat's day, on request back to the merchant's, and told in reports.

use proto::qa::v1::quality_service_client::QualityServiceClient;
use proto::qa::v1::{self as pb, ScorecardState};
use tonic::Code;

use crate::builders::{a_submission, agent, chat, full_scores, long_chats, manager, may, reviewer};
use crate::scorecards::{create, draft, publication};
use crate::support::{TestQa, fields, refusal};

fn choice(etag: &str, from: i32, card: Option<&pb::Scorecard>) -> pb::PutTeamScorecardRequest {
    pb::PutTeamScorecardRequest {
        request_id: format!("{etag} {from}"),
        etag: etag.into(),
        team_id: "one".into(),
        effective_from: Some(may(from)),
        scorecard_id: card.map(|card| card.scorecard_id.clone()).unwrap_or_default(),
        scorecard_version: card.map_or(0, |card| card.version),
    }
}

async fn put(test: &TestQa, message: pb::PutTeamScorecardRequest) -> pb::TeamScorecard {
    let put = test.client().put_team_scorecard(test.by(&manager(), message)).await.expect("puts");
    put.into_inner().team_scorecard.expect("a choice")
}

async fn card_of(test: &TestQa, review: &pb::Review) -> pb::Scorecard {
    let message = pb::GetScorecardRequest { review_id: review.review_id.clone(), ..Default::default() };
    let found = test.client().get_scorecard(test.by(&reviewer("rita"), message)).await.expect("finds");
    found.into_inner().scorecard.expect("a card")
}

async fn state(test: &TestQa, card: &pb::Scorecard) -> pb::Scorecard {
    let message = pb::GetScorecardRequest {
        scorecard_id: card.scorecard_id.clone(),
        version: card.version,
        ..Default::default()
    };
    let found = test.client().get_scorecard(test.by(&agent("ann"), message)).await.expect("finds");
    found.into_inner().scorecard.expect("a card")
}

fn own_scores() -> Vec<pb::CriterionScore> {
    let score = |id: &str| pb::CriterionScore {
        criterion_id: id.into(),
        points: Some(2),
        ..pb::CriterionScore::default()
    };
    vec![score("speed"), score("tone")]
}

async fn submit(test: &TestQa, review: &pb::Review, scores: Vec<pb::CriterionScore>) -> pb::Review {
    let submission = pb::SubmitReviewRequest { scores, ..a_submission(review) };
    let who = reviewer(&review.reviewer_person_id);
    let scored = test.client().submit_review(test.by(&who, submission)).await.expect("submits");
    scored.into_inner().review.expect("a review")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_teams_chats_are_scored_by_its_card_from_the_day_on_and_reports_say_so() {
    let test = TestQa::with_staff().await;
    let own = create(&test, draft("")).await;
    let first = put(&test, choice("team-card-0", 21, Some(&own))).await;
    assert_eq!((first.version, first.inherits), (1, false));
    assert_eq!(state(&test, &own).await.state(), ScorecardState::InTeams);

    // Ann is in team one, Zoe in team two. The 20th still has the merchant's card, the 21st the team's.
    let on = |day: i32, account: &str| {
        let mut chats = long_chats(account, 1);
        for chat in &mut chats {
            chat.business_day = Some(may(day));
            chat.conversation.as_mut().expect("an id").conversation_id += &format!(" of {day}");
        }
        chats
    };
    let chats = [on(20, "ann-account"), on(21, "ann-account"), on(21, "zoe-account")].concat();
    test.deliver(&chats).await;
    test.clock.set("2020-05-22T10:00:00+08:00");
    test.close_all(&[may(20), may(21)], 1, &chats).await;
    for day in [20, 21] {
        test.try_draw(may(day), &format!("draw {day}")).await.expect("draws");
    }
    let message = pb::ListReviewsRequest::default();
    let listed = test.client().list_reviews(test.by(&manager(), message)).await.expect("lists");
    let reviews = listed.into_inner().reviews;
    let of = |day: i32, account: &str| {
        let found = reviews.iter().find(|r| r.business_day == Some(may(day)) && r.account_id == account);
        found.expect("a review")
    };
    let (before, after, other) = (of(20, "ann-account"), of(21, "ann-account"), of(21, "zoe-account"));
    assert_eq!(card_of(&test, before).await.scorecard_id, "standard");
    assert_eq!(card_of(&test, after).await.scorecard_id, own.scorecard_id);
    assert_eq!(card_of(&test, other).await.scorecard_id, "standard");

    // The merchant's card is not the one that was to be seen for this chat.
    let wrong = pb::SubmitReviewRequest {
        scorecard_id: "standard".into(),
        scorecard_version: 1,
        ..a_submission(after)
    };
    let refused = test.client().submit_review(test.by(&reviewer(&after.reviewer_person_id), wrong)).await;
    assert_eq!(refusal(refused), (Code::FailedPrecondition, "SCORECARD_NOT_PUBLISHED".into()));
    let scored = submit(&test, after, own_scores()).await;
    assert_eq!((scored.scorecard_id.as_str(), scored.score_bp), (own.scorecard_id.as_str(), Some(10_000)));
    assert_eq!(submit(&test, before, full_scores()).await.scorecard_id, "standard");
    assert_eq!(submit(&test, other, full_scores()).await.scorecard_id, "standard");

    let question = pb::GetQualityRequest {
        days: Some(proto::common::v1::DayRange { from: Some(may(20)), to: Some(may(21)) }),
        group: pb::QualityGroup::Person.into(),
        ..Default::default()
    };
    let mut quality = QualityServiceClient::new(test.channel.clone());
    let rows = quality.get_quality(test.by(&manager(), question)).await.expect("answers").into_inner().rows;
    let cards: Vec<(&str, usize)> = rows.iter().map(|row| (row.key.as_str(), row.cards.len())).collect();
    assert_eq!(cards, [("ann", 2), ("zoe", 1)]);

    // What was scored stays scored by that version, whatever the team has later.
    let back = put(&test, choice("team-card-1", 25, None)).await;
    assert_eq!((back.version, back.inherits), (2, true));
    assert_eq!(card_of(&test, after).await.scorecard_id, own.scorecard_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_stays_while_a_team_uses_it() {
    let test = TestQa::with_staff().await;
    let own = create(&test, draft("")).await;
    put(&test, choice("team-card-0", 22, Some(&own))).await;
    let retire = |card: &pb::Scorecard| pb::RetireScorecardRequest {
        request_id: format!("retire {}", card.etag),
        scorecard_id: card.scorecard_id.clone(),
        version: card.version,
        etag: card.etag.clone(),
    };
    let in_teams = state(&test, &own).await;
    let refused = test.client().retire_scorecard(test.by(&manager(), retire(&in_teams))).await;
    assert_eq!(refusal(refused), (Code::FailedPrecondition, "SCORECARD_IN_USE".into()));

    // In use for everybody, and replaced again: the team keeps it.
    test.client().publish_scorecard(test.by(&manager(), publication(&in_teams))).await.expect("publishes");
    let next = create(&test, pb::CreateScorecardRequest { request_id: "next".into(), ..draft("") }).await;
    test.client().publish_scorecard(test.by(&manager(), publication(&next))).await.expect("publishes");
    let in_teams = state(&test, &own).await;
    assert_eq!(in_teams.state(), ScorecardState::InTeams);

    // Given back, it can go once the days are over on which it holds.
    put(&test, choice("team-card-1", 25, None)).await;
    let refused = test.client().retire_scorecard(test.by(&manager(), retire(&in_teams))).await;
    assert_eq!(refusal(refused).1, "SCORECARD_IN_USE");
    test.clock.set("2020-05-27T10:00:00+08:00");
    let again = pb::RetireScorecardRequest { request_id: "again".into(), ..retire(&in_teams) };
    let retired = test.client().retire_scorecard(test.by(&manager(), again)).await.expect("retires");
    assert_eq!(retired.into_inner().scorecard.expect("a card").state(), ScorecardState::Retired);
    let gone =
        test.client().put_team_scorecard(test.by(&manager(), choice("team-card-2", 30, Some(&own)))).await;
    assert_eq!(refusal(gone), (Code::FailedPrecondition, "SCORECARD_RETIRED".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn choices_that_make_no_sense_name_what_is_wrong() {
    let test = TestQa::with_staff().await;
    let own = create(&test, draft("")).await;
    let call = async |message| test.client().put_team_scorecard(test.by(&manager(), message)).await;
    let early = call(choice("team-card-0", 20, Some(&own))).await;
    assert_eq!(refusal(early), (Code::FailedPrecondition, "SCORECARD_DAY_BEGUN".into()));
    let stale = call(choice("team-card-7", 22, Some(&own))).await;
    assert_eq!(refusal(stale), (Code::Aborted, "ETAG_MISMATCH".into()));
    let none = pb::PutTeamScorecardRequest {
        request_id: "none".into(),
        scorecard_id: "none".into(),
        scorecard_version: 1,
        ..choice("team-card-0", 22, None)
    };
    assert_eq!(refusal(call(none).await), (Code::NotFound, "SCORECARD_NOT_FOUND".into()));
    let half = pb::PutTeamScorecardRequest { scorecard_version: 0, ..choice("team-card-0", 22, Some(&own)) };
    assert_eq!(fields(call(half).await), ["scorecard_version"]);
    let both = pb::GetScorecardRequest { review_id: "x".into(), version: 1, ..Default::default() };
    assert_eq!(fields(test.client().get_scorecard(test.by(&manager(), both)).await), ["review_id"]);
    let message = pb::GetTeamScorecardRequest { team_id: "one".into(), business_day: Some(may(20)) };
    let found = test.client().get_team_scorecard(test.by(&agent("ann"), message)).await.expect("answers");
    let found = found.into_inner().team_scorecard.expect("a choice");
    assert_eq!((found.version, found.inherits, found.etag.as_str()), (0, true, "team-card-0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calibration_has_one_card() {
    let test = TestQa::with_staff().await;
    let own = create(&test, draft("")).await;
    put(&test, choice("team-card-0", 21, Some(&own))).await;
    let mut ann = chat("ann's", "ann-account", 11);
    let mut zoe = chat("zoe's", "zoe-account", 11);
    for chat in [&mut ann, &mut zoe] {
        chat.business_day = Some(may(21));
    }
    test.deliver(&[ann, zoe]).await;
    let open = |request: &str, of: &[&str]| pb::OpenCalibrationRequest {
        request_id: request.into(),
        name: "May".into(),
        conversations: of.iter().map(|id| crate::builders::conversation(id)).collect(),
        rater_person_ids: vec!["rita".into(), "rob".into()],
        due_day: Some(may(29)),
        ..Default::default()
    };
    let mut calibration = pb::calibration_service_client::CalibrationServiceClient::new(test.channel.clone());
    let mixed = calibration.open_calibration(test.by(&manager(), open("mixed", &["ann's", "zoe's"]))).await;
    assert_eq!(fields(mixed), ["conversations[1]"]);
    let opened = calibration.open_calibration(test.by(&manager(), open("one", &["ann's"]))).await;
    let session = opened.expect("opens").into_inner().session.expect("a session");
    assert_eq!(session.scorecard_id, own.scorecard_id);
}
