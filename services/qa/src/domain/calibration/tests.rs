//! Who sees what, and until when a rating changes.

use super::*;
use crate::domain::review::{CriterionScore, Rating};

fn person(name: &str) -> PersonId {
    PersonId::new(name)
}

fn card() -> Scorecard {
    Scorecard::ready_made(DateTime::UNIX_EPOCH)
}

fn chat(id: &str, agent: &str) -> SessionChat {
    SessionChat {
        conversation: ConversationId::new("s", "chat", id),
        business_day: NaiveDate::default(),
        account: AccountId::new(format!("{agent}-account")),
        person: Some(person(agent)),
    }
}

fn opening() -> OpenSession {
    OpenSession {
        name: "June".to_owned(),
        conversations: Vec::new(),
        cases: Vec::new(),
        raters: vec![person("rob"), person("rita")],
        expert: Some(person("rita")),
        due_day: NaiveDate::default(),
    }
}

fn session() -> Session {
    let chats = vec![chat("2", "ann"), chat("1", "ann"), chat("2", "ann")];
    opening().open(chats, &card(), DateTime::UNIX_EPOCH).unwrap()
}

fn judgement(id: &str, points: i32) -> RateChat {
    let scores = card().content.criteria.into_iter().map(|criterion| CriterionScore {
        criterion_id: criterion.id,
        rating: Rating::Points(points),
        reasons: Vec::new(),
    });
    RateChat {
        session: Uuid::nil(),
        conversation: ConversationId::new("s", "chat", id),
        assessment: Assessment { scores: scores.collect(), ..Assessment::default() },
    }
}

fn rated(session: &mut Session, by: &str, id: &str) -> Result<(), QaError> {
    let rating = session.rate(&person(by), &judgement(id, 3), &card(), DateTime::UNIX_EPOCH)?;
    session.ratings.retain(|old| (old.place, &old.rater) != (rating.place, &rating.rater));
    session.ratings.push(rating);
    Ok(())
}

#[test]
fn ratings_are_hidden_until_all_are_in_and_then_they_stand() {
    let mut session = session();
    assert_eq!(session.chats.len(), 2, "a chat named twice is judged once");
    for (by, id) in [("rita", "1"), ("rita", "2"), ("rob", "2"), ("rob", "2")] {
        rated(&mut session, by, id).unwrap();
    }
    assert_eq!(session.state(), SessionState::Open);
    let seen = |who: Option<&str>| {
        let who = who.map(person);
        let seen = session.clone().seen_by(who.as_ref());
        assert_eq!((seen.state, &seen.rated[..]), (SessionState::Open, &[2, 1][..]));
        seen.session.ratings.len()
    };
    assert_eq!((seen(Some("rita")), seen(Some("rob")), seen(Some("manager")), seen(None)), (2, 1, 0, 0));
    rated(&mut session, "rob", "1").unwrap();
    assert_eq!(session.state(), SessionState::Complete);
    assert_eq!(session.clone().seen_by(None).session.ratings.len(), 4);
    assert!(matches!(rated(&mut session, "rob", "1"), Err(QaError::CalibrationClosed)));
}

#[test]
fn a_closed_session_shows_everything_and_takes_nothing() {
    let mut session = session();
    rated(&mut session, "rita", "1").unwrap();
    assert!(matches!(
        session.clone().close("calibration-0", DateTime::UNIX_EPOCH),
        Err(QaError::EtagMismatch)
    ));
    let etag = session.etag();
    let mut closed = session.close(&etag, DateTime::UNIX_EPOCH).unwrap();
    assert_eq!(
        (closed.state(), closed.clone().seen_by(None).session.ratings.len()),
        (SessionState::Closed, 1)
    );
    assert!(matches!(rated(&mut closed, "rob", "1"), Err(QaError::CalibrationClosed)));
    let etag = closed.etag();
    assert!(matches!(closed.close(&etag, DateTime::UNIX_EPOCH), Err(QaError::CalibrationClosed)));
}

#[test]
fn only_raters_judge_and_never_their_own_chats() {
    let mut session = session();
    assert!(matches!(rated(&mut session, "manager", "1"), Err(QaError::CalibrationNotYours)));
    assert!(matches!(rated(&mut session, "rita", "9"), Err(QaError::ConversationNotFound { .. })));
    let own = opening().open(vec![chat("1", "rob")], &card(), DateTime::UNIX_EPOCH);
    assert!(matches!(own, Err(QaError::OwnChat)));
    assert!(opening().open(Vec::new(), &card(), DateTime::UNIX_EPOCH).is_err());
    let expert = OpenSession { expert: Some(person("manager")), ..opening() };
    assert!(expert.open(vec![chat("1", "ann")], &card(), DateTime::UNIX_EPOCH).is_err());
}
