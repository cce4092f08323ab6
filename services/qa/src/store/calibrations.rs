//! Calibration sessions. A session's row is locked while a rating is taken or it is closed.

mod cases;
mod rows;

use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::AsyncPgConnection;
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::ids::{MerchantId, PersonId};
use serde_json::json;
use uuid::Uuid;

use super::{ATTEMPTS, Store, assignments, policies, raters, scorecards, team_scorecards};
use crate::domain::calibration::report::judge;
use crate::domain::calibration::{CalibrationCase, OpenSession, RateChat, SeenSession, Session};
use crate::domain::rater::RaterStanding;
use crate::error::QaError;

/// The sessions that one judgement of raters looks at are the newest of the window, at most so many.
const SESSIONS_JUDGED_MAX: i64 = 100;

fn not_found(id: Uuid) -> QaError {
    QaError::CalibrationNotFound { id: id.to_string() }
}

async fn load(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    id: Uuid,
    lock: bool,
) -> Result<Session, QaError> {
    let heads = rows::heads(conn, merchant, &rows::Which::One { id, lock }).await?;
    let sessions = rows::whole(conn, merchant, heads).await?;
    sessions.into_iter().next().ok_or_else(|| not_found(id))
}

/// Judges the raters of a session that was just closed, by all sessions of the policy's window.
async fn judge_raters(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    session: &Session,
    now: DateTime<Utc>,
) -> Result<Vec<RaterStanding>, QaError> {
    let rule = policies::newest(conn, merchant).await?.calibration;
    let since = now - TimeDelta::days(i64::from(rule.window_days));
    let which = rows::Which::ClosedSince { since, limit: SESSIONS_JUDGED_MAX };
    let heads = rows::heads(conn, merchant, &which).await?;
    let sessions = rows::whole(conn, merchant, heads).await?;
    let mut people: Vec<PersonId> = sessions.iter().flat_map(|session| session.raters.clone()).collect();
    people.sort_unstable();
    people.dedup();
    let raters = people.clone();
    let judged = tokio::task::spawn_blocking(move || judge(&sessions, &raters, rule)).await;
    // Without a chat that two of them judged there is nothing to say of anybody.
    let Ok(judged) = judged.map_err(|error| pg::Error::Internal(error.into()))? else {
        return Ok(Vec::new());
    };
    let names: Vec<&str> = session.raters.iter().map(PersonId::as_str).collect();
    let before = raters::standings(conn, merchant, &names).await?;
    let mut standings = Vec::new();
    for (person, judged) in people.iter().zip(&judged).filter(|(person, _)| session.raters.contains(person)) {
        let was_out = before.get(person).is_some_and(|standing| standing.out_of_calibration);
        let standing = RaterStanding::of(person, judged, was_out, now);
        raters::upsert(conn, merchant, &standing).await?;
        standings.push(standing);
    }
    Ok(standings)
}

impl Store {
    /// Makes a session by the card that its chats are scored by.
    pub async fn insert_session(
        &self,
        by: &By,
        now: DateTime<Utc>,
        open: &OpenSession,
    ) -> Result<Session, QaError> {
        let merchant = &by.caller.merchant;
        pg::with_retry(ATTEMPTS, async || {
            by.change(&self.pool, now, async |conn| {
                for rater in &open.raters {
                    if !assignments::is_reviewer(conn, merchant, rater).await? {
                        return Err(QaError::ReviewerUnknown { person: rater.to_string() });
                    }
                }
                let mut wanted = open.conversations.clone();
                wanted.extend(cases::chats(conn, merchant, &open.cases).await?);
                let mut chats = rows::find_chats(conn, merchant, &wanted).await?;
                chats.sort_by(|left, right| left.conversation.cmp(&right.conversation));
                let days: Vec<_> =
                    chats.iter().map(|chat| (chat.account.as_str(), chat.business_day)).collect();
                let card = match team_scorecards::card_of_all(conn, merchant, &days).await? {
                    Ok(card) => card,
                    Err(place) => return Err(open.mixes(&chats[place].conversation)),
                };
                let session = open.open(chats, &card, now)?;
                rows::insert(conn, merchant, &session, &by.caller.subject).await?;
                cases::take(conn, merchant, &open.cases, session.id).await?;
                let summary =
                    json!({ "name": session.name, "chats": session.chats.len(), "raters": session.raters });
                by.audit(conn, now, format!("calibration/{}", session.id), summary).await?;
                Ok(session)
            })
            .await
        })
        .await
    }

    /// One session with all its ratings.
    pub async fn find_session(&self, merchant: &MerchantId, id: Uuid) -> Result<Option<Session>, QaError> {
        match load(&mut *self.connection().await?, merchant, id, false).await {
            Err(QaError::CalibrationNotFound { .. }) => Ok(None),
            found => found.map(Some),
        }
    }

    /// Sessions with all their ratings, newest first.
    pub async fn list_sessions(
        &self,
        merchant: &MerchantId,
        open: bool,
        page: &PageRequest<Uuid>,
    ) -> Result<Page<Session>, QaError> {
        let mut conn = self.connection().await?;
        let which = rows::Which::Page { open, before: page.after, limit: page.limit() };
        let heads = rows::heads(&mut conn, merchant, &which).await?;
        let sessions = rows::whole(&mut conn, merchant, heads).await?;
        Ok(page.page(sessions, |session| session.id)?)
    }

    /// Takes a judgement, in place of an earlier one of the same rater.
    pub async fn rate_session(
        &self,
        by: &By,
        now: DateTime<Utc>,
        person: &PersonId,
        rate: &RateChat,
    ) -> Result<SeenSession, QaError> {
        let merchant = &by.caller.merchant;
        pg::with_retry(ATTEMPTS, async || {
            by.change(&self.pool, now, async |conn| {
                let mut session = load(conn, merchant, rate.session, true).await?;
                let version = session.scorecard_version;
                let card = scorecards::version(conn, merchant, &session.scorecard_id, version).await?;
                let rating = session.rate(person, rate, &card.ok_or(QaError::ScorecardNotFound)?, now)?;
                rows::upsert_rating(conn, merchant, session.id, &rating).await?;
                session.ratings.retain(|old| (old.place, &old.rater) != (rating.place, &rating.rater));
                let summary = json!({ "rated": rating.place });
                session.ratings.push(rating);
                by.audit(conn, now, format!("calibration/{}", session.id), summary).await?;
                // What is kept for a repeat of the request must not hold what the caller may not see.
                Ok(session.seen_by(Some(person)))
            })
            .await
        })
        .await
    }

    /// Ends a session and judges its raters.
    pub async fn close_session(
        &self,
        by: &By,
        now: DateTime<Utc>,
        id: Uuid,
        etag: &str,
    ) -> Result<Session, QaError> {
        let merchant = &by.caller.merchant;
        pg::with_retry(ATTEMPTS, async || {
            by.change(&self.pool, now, async |conn| {
                let session = load(conn, merchant, id, true).await?.close(etag, now)?;
                rows::close(conn, merchant, &session).await?;
                let standings = judge_raters(conn, merchant, &session, now).await?;
                let out = standings.iter().filter(|standing| standing.out_of_calibration);
                let out: Vec<&PersonId> = out.map(|standing| &standing.person).collect();
                let summary = json!({ "closed": true, "out_of_calibration": out });
                by.audit(conn, now, format!("calibration/{id}"), summary).await?;
                Ok(session)
            })
            .await
        })
        .await
    }

    /// Chats on which appeals were upheld, oldest first.
    pub async fn list_calibration_cases(
        &self,
        merchant: &MerchantId,
        open: bool,
        page: &PageRequest<Uuid>,
    ) -> Result<Page<CalibrationCase>, QaError> {
        let mut conn = self.connection().await?;
        let after = page.after.unwrap_or_default();
        let cases = cases::list(&mut conn, merchant, open, after, page.limit()).await?;
        Ok(page.page(cases, |case| case.id)?)
    }
}
