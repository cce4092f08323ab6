//! Who may appeal, who may decide, and what it does to the review.

use super::*;
use crate::domain::review::{Assignment, Rating};

fn person(name: &str) -> PersonId {
    PersonId::new(name)
}

fn card() -> Scorecard {
    Scorecard::ready_made(DateTime::UNIX_EPOCH)
}

fn assessment(points: i32) -> Assessment {
    let scores = card().content.criteria.into_iter().map(|criterion| CriterionScore {
        criterion_id: criterion.id,
        rating: Rating::Points(points),
        reasons: Vec::new(),
    });
    Assessment { scores: scores.collect(), ..Assessment::default() }
}

fn today() -> NaiveDate {
    "2020-05-21".parse().unwrap()
}

fn reviewed() -> Review {
    let verdict = Verdict {
        scorecard_id: "standard".to_owned(),
        scorecard_version: 1,
        assessment: assessment(2),
        score_bp: Some(5_000),
        critical_failure: false,
        submitted_at: DateTime::UNIX_EPOCH,
    };
    Review {
        id: Uuid::nil(),
        business_day: today(),
        conversation: ConversationId::new("s", "chat", "1"),
        account: AccountId::new("ann-account"),
        person: Some(person("ann")),
        late: false,
        inclusion: (1, 1),
        assignment: Some(Assignment { reviewer: person("rita"), due_day: today() }),
        verdict: Some(verdict),
        acknowledgement: None,
        assessment_version: 1,
        appeal_until: Some(today()),
        counts_for_pay: true,
        revision: 3,
    }
}

fn request() -> FileAppeal {
    FileAppeal {
        review_id: Uuid::nil(),
        etag: reviewed().etag(),
        comment: "the customer asked for it".to_owned(),
        proposed: vec![assessment(4).scores.remove(0)],
    }
}

fn file(review: &Review, request: &FileAppeal) -> Result<Appeal, QaError> {
    Appeal::file(review, request, &person("ann"), &card(), (today(), today()), DateTime::UNIX_EPOCH)
}

fn with(second: &str) -> Appeal {
    let appeal = file(&reviewed(), &request()).unwrap();
    let etag = appeal.etag();
    appeal.reassign(&etag, &person(second)).unwrap()
}

fn decision(appeal: &Appeal, state: AppealState, assessment: Assessment) -> DecideAppeal {
    let comment = "listened again".to_owned();
    DecideAppeal { id: appeal.id, etag: appeal.etag(), state, comment, assessment }
}

fn decide(by: &str, state: AppealState, revised: Assessment) -> Result<(Appeal, Review), QaError> {
    let appeal = with("rob");
    let decision = decision(&appeal, state, revised);
    appeal.decide(reviewed(), &person(by), &decision, &card(), 10, DateTime::UNIX_EPOCH)
}

#[test]
fn an_appeal_is_filed_in_time_against_what_was_read() {
    assert_eq!(file(&reviewed(), &request()).unwrap().first_reviewer, person("rita"));
    for until in [today().pred_opt(), None] {
        let late = Review { appeal_until: until, ..reviewed() };
        assert!(matches!(file(&late, &request()), Err(QaError::AppealLate { .. })));
    }
    let stale = FileAppeal { etag: "review-2".to_owned(), ..request() };
    assert!(matches!(file(&reviewed(), &stale), Err(QaError::EtagMismatch)));
    let open = Review { verdict: None, ..reviewed() };
    assert!(matches!(file(&open, &request()), Err(QaError::ReviewNotSubmitted)));
    let mut beyond = request();
    beyond.proposed[0].rating = Rating::Points(5);
    let Err(QaError::Invalid { violations }) = file(&reviewed(), &beyond) else { panic!("not refused") };
    assert_eq!(violations[0].field, "proposed_scores[0].points");
}

#[test]
fn the_second_reviewer_is_neither_the_first_nor_the_agent() {
    let desk = |name: &str, appeals, reviews| SecondDesk { person: person(name), appeals, reviews };
    let desks =
        [desk("ann", 0, 0), desk("rita", 0, 0), desk("rob", 2, 0), desk("ron", 1, 9), desk("rue", 1, 3)];
    let choose =
        |desks: &[SecondDesk]| second_reviewer(desks, &person("rita"), Some(&person("ann")), &person("ann"));
    assert_eq!(choose(&desks), Some(person("rue")));
    assert_eq!(choose(&desks[..2]), None);
    let appeal = file(&reviewed(), &request()).unwrap();
    let etag = appeal.etag();
    assert!(matches!(appeal.clone().reassign(&etag, &person("rita")), Err(QaError::SameReviewer)));
    assert!(matches!(appeal.reassign(&etag, &person("ann")), Err(QaError::OwnChat)));
}

#[test]
fn only_the_second_reviewer_decides_and_only_once() {
    for stranger in ["rita", "ann", "ron"] {
        let refused = decide(stranger, AppealState::Rejected, Assessment::default());
        assert!(matches!(refused, Err(QaError::AppealNotYours)), "{stranger}");
    }
    let (rejected, review) = decide("rob", AppealState::Rejected, Assessment::default()).unwrap();
    assert_eq!((rejected.state, &review), (AppealState::Rejected, &reviewed()));
    let again = decision(&rejected, AppealState::Rejected, Assessment::default());
    let again = rejected.decide(review, &person("rob"), &again, &card(), 10, DateTime::UNIX_EPOCH);
    assert!(matches!(again, Err(QaError::AppealNotOpen)));
}

#[test]
fn upholding_restates_the_review_and_rejecting_does_not() {
    for state in [AppealState::Upheld, AppealState::PartlyUpheld] {
        let (appeal, review) = decide("rob", state, assessment(4)).unwrap();
        assert_eq!((review.assessment_version, review.revision), (2, 4));
        assert_eq!(review.verdict.unwrap().score_bp, Some(10_000));
        let ending = appeal.ending.unwrap();
        assert_eq!((ending.score_bp_before, ending.score_bp_after), (Some(5_000), Some(10_000)));
        // What changes nothing is no upholding.
        for same in [assessment(2), Assessment::default()] {
            assert!(matches!(decide("rob", state, same), Err(QaError::Invalid { .. })));
        }
    }
    let scored = decide("rob", AppealState::Rejected, assessment(4));
    assert!(matches!(scored, Err(QaError::Invalid { .. })));
}

#[test]
fn only_who_filed_it_takes_it_back() {
    let appeal = with("rob");
    let etag = appeal.etag();
    assert!(matches!(
        appeal.clone().withdraw(&person("rob"), &etag, DateTime::UNIX_EPOCH),
        Err(QaError::AppealNotYours)
    ));
    let back = appeal.withdraw(&person("ann"), &etag, DateTime::UNIX_EPOCH).unwrap();
    assert_eq!(back.state, AppealState::Withdrawn);
}

#[test]
fn the_criteria_that_changed_are_named() {
    let mut after = assessment(2);
    after.scores[3].rating = Rating::NotApplicable;
    after.scores[1].rating = Rating::Points(4);
    assert_eq!(criteria_changed(&assessment(2), &after), ["compliance", "solution"]);
    assert!(criteria_changed(&after, &after).is_empty());
}
