//! The state machine, driven by random actions.

use proptest::prelude::*;

use super::*;

const CHAT_MESSAGES: i32 = 12;

#[derive(Debug, Clone)]
enum Action {
    Submit { by: &'static str, fresh: bool },
    Acknowledge { fresh: bool },
    Reassign { to: Option<&'static str>, fresh: bool },
}

fn people() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("rita"), Just("rob"), Just("agent")]
}

fn actions() -> impl Strategy<Value = Action> {
    let fresh = || prop::bool::weighted(0.8);
    prop_oneof![
        (people(), fresh()).prop_map(|(by, fresh)| Action::Submit { by, fresh }),
        fresh().prop_map(|fresh| Action::Acknowledge { fresh }),
        (prop::option::of(people()), fresh()).prop_map(|(to, fresh)| Action::Reassign { to, fresh }),
    ]
}

fn review() -> Review {
    Review {
        id: Uuid::nil(),
        business_day: NaiveDate::default(),
        conversation: ConversationId::new("s", "chat", "1"),
        account: AccountId::new("a"),
        person: Some(PersonId::new("agent")),
        late: false,
        inclusion: (15, 60),
        assignment: None,
        verdict: None,
        acknowledgement: None,
        assessment_version: 0,
        appeal_until: None,
        counts_for_pay: true,
        revision: 1,
    }
}

fn assessment() -> Assessment {
    let card = Scorecard::ready_made(DateTime::UNIX_EPOCH);
    let scores = card.content.criteria.iter().map(|criterion| CriterionScore {
        criterion_id: criterion.id.clone(),
        rating: Rating::Points(criterion.max_points),
        reasons: Vec::new(),
    });
    Assessment { scores: scores.collect(), ..Assessment::default() }
}

/// Submits on Friday 22 May 2020 at 23:00 in Shanghai, under the built-in policy.
fn submit_under(
    review: Review,
    by: &str,
    submit: SubmitReview,
    out_of_calibration: bool,
) -> Result<Review, QaError> {
    let under = SubmittedUnder {
        card: &Scorecard::ready_made(DateTime::UNIX_EPOCH),
        message_count: CHAT_MESSAGES,
        policy: &ReviewPolicy::built_in(),
        calendar: &MerchantCalendar::new("Asia/Shanghai", 0).unwrap(),
        out_of_calibration,
    };
    review.submit(&PersonId::new(by), submit, under, "2020-05-22T15:00:00Z".parse().unwrap())
}

fn apply(review: Review, action: &Action) -> Result<Review, QaError> {
    let etag = |fresh: bool| if fresh { review.etag() } else { "review-0".to_owned() };
    let now = DateTime::UNIX_EPOCH;
    match action {
        Action::Submit { by, fresh } => {
            let submit =
                SubmitReview { id: review.id, etag: etag(*fresh), scorecard: None, assessment: assessment() };
            submit_under(review, by, submit, false)
        }
        Action::Acknowledge { fresh } => {
            let etag = etag(*fresh);
            review.acknowledge(&etag, "seen".to_owned(), now)
        }
        Action::Reassign { to, fresh } => {
            let etag = etag(*fresh);
            let to = to.map(|to| Assignment { reviewer: PersonId::new(to), due_day: NaiveDate::default() });
            review.reassign(&etag, to)
        }
    }
}

proptest! {
    #[test]
    fn no_sequence_of_actions_breaks_a_rule(actions in prop::collection::vec(actions(), 1..40)) {
        let mut review = review();
        for action in actions {
            let before = review.clone();
            let Ok(after) = apply(review.clone(), &action) else { continue };
            prop_assert_eq!(after.revision, before.revision + 1, "every change changes the etag");
            let reviewer = after.assignment.as_ref().map(|a| a.reviewer.as_str());
            prop_assert_ne!(reviewer, Some("agent"), "nobody gets their own chat");
            match (before.state(), after.state()) {
                (ReviewState::Unassigned | ReviewState::Assigned, ReviewState::Unassigned | ReviewState::Assigned) => {
                    prop_assert!(matches!(action, Action::Reassign { .. }), "only reassigning keeps it open");
                }
                (ReviewState::Assigned, ReviewState::Submitted) => {
                    let Action::Submit { by, fresh: true } = action else { panic!("{action:?} submitted it") };
                    prop_assert_eq!(reviewer, Some(by), "only its reviewer submits it");
                    prop_assert_eq!(after.verdict.as_ref().unwrap().score_bp, Some(10_000));
                }
                (ReviewState::Submitted, ReviewState::Acknowledged) => {
                    prop_assert_eq!(&after.verdict, &before.verdict, "a verdict never changes");
                }
                (from, to) => panic!("{action:?} moved it from {from:?} to {to:?}"),
            }
            review = after;
        }
    }
}

#[test]
fn a_stale_etag_loses_whatever_the_state() {
    let assigned = apply(review(), &Action::Reassign { to: Some("rita"), fresh: true }).unwrap();
    let submitted = apply(assigned.clone(), &Action::Submit { by: "rita", fresh: true }).unwrap();
    let again = apply(submitted.clone(), &Action::Submit { by: "rita", fresh: false });
    assert!(matches!(again, Err(QaError::EtagMismatch)));
    let again = apply(submitted, &Action::Submit { by: "rita", fresh: true });
    assert!(matches!(again, Err(QaError::ReviewNotOpen)));
}

#[test]
fn a_chat_found_to_be_ones_own_cannot_be_submitted() {
    let assigned = apply(review(), &Action::Reassign { to: Some("rita"), fresh: true }).unwrap();
    let own = Review { person: Some(PersonId::new("rita")), ..assigned };
    assert!(matches!(apply(own, &Action::Submit { by: "rita", fresh: true }), Err(QaError::ReviewNotYours)));
}

#[test]
fn only_the_card_in_use_is_submitted() {
    let card = Scorecard::ready_made(DateTime::UNIX_EPOCH);
    let assigned = apply(review(), &Action::Reassign { to: Some("rita"), fresh: true }).unwrap();
    let named = |id: &str, version: i32| {
        let scorecard = Some((id.to_owned(), version));
        let (id, etag) = (assigned.id, assigned.etag());
        submit_under(
            assigned.clone(),
            "rita",
            SubmitReview { id, etag, scorecard, assessment: assessment() },
            false,
        )
    };
    assert!(named(&card.id, card.version).is_ok());
    for (id, version) in [(card.id.as_str(), card.version + 1), ("another", card.version)] {
        assert!(matches!(named(id, version), Err(QaError::ScorecardNotPublished)), "{id} {version}");
    }
}

#[test]
fn submitting_fixes_the_last_day_of_an_appeal_and_whether_it_counts_for_pay() {
    let assigned = apply(review(), &Action::Reassign { to: Some("rita"), fresh: true }).unwrap();
    for out in [false, true] {
        let (id, etag) = (assigned.id, assigned.etag());
        let submit = SubmitReview { id, etag, scorecard: None, assessment: assessment() };
        let submitted = submit_under(assigned.clone(), "rita", submit, out).unwrap();
        assert_eq!(submitted.counts_for_pay, !out);
        // Five working days after Friday.
        assert_eq!(submitted.appeal_until, Some("2020-05-29".parse().unwrap()));
    }
}

#[test]
fn a_comment_points_into_the_chat() {
    let comment = |index| Comment { message_index: index, text: "look".to_owned() };
    let comments = [comment(None), comment(Some(0)), comment(Some(CHAT_MESSAGES - 1))];
    assert!(check_comments(&comments, CHAT_MESSAGES).is_ok());
    let Err(QaError::Invalid { violations }) = check_comments(&[comment(Some(-1)), comment(Some(12))], 12)
    else {
        panic!("not refused");
    };
    let fields: Vec<_> = violations.iter().map(|v| v.field.as_str()).collect();
    assert_eq!(fields, ["comments[0].message_index", "comments[1].message_index"]);
}
