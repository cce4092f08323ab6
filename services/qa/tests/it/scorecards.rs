//! Scorecards: drafts, one in use at a time, the old ones kept.

use proto::qa::v1::{self as pb, ScorecardState};
use tonic::Code;

use crate::builders::{DAY, a_submission, agent, long_chats, manager, reviewer};
use crate::support::{TestQa, fields, refusal};

pub fn criterion(id: &str, weight: i32) -> pb::Criterion {
    pb::Criterion {
        criterion_id: id.into(),
        name: id.into(),
        description: String::new(),
        weight,
        min_points: 0,
        max_points: 2,
        ..pb::Criterion::default()
    }
}

pub fn draft(of: &str) -> pb::CreateScorecardRequest {
    pb::CreateScorecardRequest {
        request_id: format!("draft of {of}"),
        scorecard_id: of.into(),
        name: "新评分表".into(),
        criteria: vec![criterion("speed", 1), criterion("tone", 3)],
        ..pb::CreateScorecardRequest::default()
    }
}

pub async fn create(test: &TestQa, message: pb::CreateScorecardRequest) -> pb::Scorecard {
    let created = test.client().create_scorecard(test.by(&manager(), message)).await.expect("creates");
    created.into_inner().scorecard.expect("a card")
}

pub fn publication(card: &pb::Scorecard) -> pb::PublishScorecardRequest {
    pb::PublishScorecardRequest {
        request_id: format!("publish {} {}", card.scorecard_id, card.etag),
        scorecard_id: card.scorecard_id.clone(),
        version: card.version,
        etag: card.etag.clone(),
    }
}

async fn published(test: &TestQa) -> pb::Scorecard {
    let message = pb::GetScorecardRequest::default();
    let found = test.client().get_scorecard(test.by(&agent("ann"), message)).await.expect("finds");
    found.into_inner().scorecard.expect("a card")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_merchant_has_a_ready_made_card() {
    let test = TestQa::start().await;
    let card = published(&test).await;
    let ids: Vec<_> = card.criteria.iter().map(|criterion| criterion.criterion_id.as_str()).collect();
    assert_eq!(ids, ["professionalism", "compliance", "attitude", "solution"]);
    assert_eq!((card.version, card.state()), (1, ScorecardState::Published));
}

#[tokio::test(flavor = "multi_thread")]
async fn publishing_a_draft_retires_the_card_in_use_and_scores_what_comes_after() {
    let test = TestQa::with_day(&long_chats("ann-account", 2)).await;
    test.draw(DAY).await;
    test.clock.advance(chrono::TimeDelta::minutes(1));
    let new = create(&test, draft("")).await;
    assert_eq!((new.version, new.state()), (1, ScorecardState::Draft));
    let next = create(&test, draft(&new.scorecard_id)).await;
    assert_eq!((&next.scorecard_id, next.version), (&new.scorecard_id, 2));
    test.client().publish_scorecard(test.by(&manager(), publication(&next))).await.expect("publishes");
    assert_eq!(published(&test).await.scorecard_id, new.scorecard_id);

    let list = pb::ListScorecardsRequest::default();
    let listed = test
        .client()
        .list_scorecards(test.by(&manager(), list))
        .await
        .expect("lists")
        .into_inner()
        .scorecards;
    let states: Vec<_> = listed.iter().map(|card| (card.version, card.state())).collect();
    // Newest first; the ready-made one came first.
    assert_eq!(states[2], (1, ScorecardState::Retired));
    assert_eq!(states.iter().filter(|(_, state)| *state == ScorecardState::Published).count(), 1);

    let review = test.reviews().await.remove(0);
    let mut submission = a_submission(&review);
    let score = |id: &str, points| pb::CriterionScore {
        criterion_id: id.into(),
        points: Some(points),
        ..pb::CriterionScore::default()
    };
    submission.scores = vec![score("speed", 0), score("tone", 2)];
    let who = reviewer(&review.reviewer_person_id);
    let scored = test.client().submit_review(test.by(&who, submission)).await.expect("submits").into_inner();
    let scored = scored.review.expect("a review");
    assert_eq!((scored.score_bp, scored.scorecard_version), (Some(7500), 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_draft_is_published_or_dropped() {
    let test = TestQa::start().await;
    let in_use = published(&test).await;
    let again = test.client().publish_scorecard(test.by(&manager(), publication(&in_use))).await;
    assert_eq!(refusal(again), (Code::FailedPrecondition, "SCORECARD_NOT_DRAFT".into()));
    let retire = |card: &pb::Scorecard| pb::RetireScorecardRequest {
        request_id: format!("retire {} {}", card.scorecard_id, card.etag),
        scorecard_id: card.scorecard_id.clone(),
        version: card.version,
        etag: card.etag.clone(),
    };
    let refused = test.client().retire_scorecard(test.by(&manager(), retire(&in_use))).await;
    assert_eq!(refusal(refused), (Code::FailedPrecondition, "SCORECARD_IN_USE".into()));
    let draft = create(&test, draft("")).await;
    let dropped = test.client().retire_scorecard(test.by(&manager(), retire(&draft))).await.expect("drops");
    assert_eq!(dropped.into_inner().scorecard.expect("a card").state(), ScorecardState::Retired);
    let stale = test.client().publish_scorecard(test.by(&manager(), publication(&draft))).await;
    assert_eq!(refusal(stale), (Code::Aborted, "ETAG_MISMATCH".into()));
    let message = pb::GetScorecardRequest { scorecard_id: "none".into(), ..Default::default() };
    let none = test.client().get_scorecard(test.by(&manager(), message)).await;
    assert_eq!(refusal(none), (Code::NotFound, "SCORECARD_NOT_FOUND".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_cannot_be_scored_names_its_fields() {
    let test = TestQa::start().await;
    let mut wrong = draft("");
    wrong.criteria[1].criterion_id = "speed".into();
    wrong.criteria[1].min_points = 2;
    let refused = test.client().create_scorecard(test.by(&manager(), wrong)).await;
    assert_eq!(fields(refused), ["criteria[1].criterion_id", "criteria[1].max_points"]);
    let mut wrong = draft("");
    wrong.criteria[0].weight = 0;
    let refused = test.client().create_scorecard(test.by(&manager(), wrong)).await;
    assert_eq!(fields(refused), ["criteria[0].weight"]);
}
