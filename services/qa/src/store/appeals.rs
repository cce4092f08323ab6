//! Appeals. Locked after their review.

mod rows;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Integer, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use runtime::ids::{MerchantId, PersonId};
use serde_json::json;
use uuid::Uuid;

use super::people::REVIEWERS;
use super::{ALL_DAYS, ATTEMPTS, Store, assessments, assignments, policies, reviews, scorecards};
use crate::domain::appeal::{
    Appeal, AppealFilter, AppealState, DecideAppeal, FileAppeal, ReviewHistory, SecondDesk, criteria_changed,
    second_reviewer,
};
use crate::domain::review::{Assessment, Review};
use crate::domain::scorecard::Scorecard;
use crate::error::QaError;
use crate::outgoing;
use rows::{find, insert, list, update};

#[derive(QueryableByName)]
struct DeskRow {
    #[diesel(sql_type = Text)]
    person_id: String,
    #[diesel(sql_type = BigInt)]
    appeals: i64,
    #[diesel(sql_type = BigInt)]
    reviews: i64,
}

fn not_found(id: Uuid) -> QaError {
    QaError::AppealNotFound { id: id.to_string() }
}

fn entity(appeal: &Appeal) -> String {
    format!("appeal/{}", appeal.id)
}

/// Gives the open appeals of a second reviewer that are due on some days to others; answers with how many found one. The
/// rest has nobody.
pub(super) async fn hand_over(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    person: &PersonId,
    due: (NaiveDate, NaiveDate),
    default_capacity: i32,
) -> Result<usize, QaError> {
    let scope = Scope::merchant(merchant.clone());
    let states = vec![AppealState::Open];
    let filter = AppealFilter { states, second_reviewer: person.to_string(), ..AppealFilter::default() };
    let appeals = list(conn, &scope, &filter, ALL_DAYS.0, (Uuid::nil(), 10_000)).await?;
    let mut desks = desks(conn, merchant, default_capacity).await?;
    desks.retain(|desk| desk.person != *person);
    let mut given = 0;
    for appeal in appeals.into_iter().filter(|appeal| (due.0..=due.1).contains(&appeal.due_day)) {
        // Decided meanwhile by somebody who was quicker: then it stays theirs.
        let Some(mut appeal) = find(conn, &scope, appeal.id, true).await? else { continue };
        if appeal.state != AppealState::Open {
            continue;
        }
        let agent = appeal.person.as_ref();
        appeal.second_reviewer = second_reviewer(&desks, &appeal.first_reviewer, agent, &appeal.filed_by);
        appeal.revision += 1;
        if let Some(desk) =
            desks.iter_mut().find(|desk| Some(&desk.person) == appeal.second_reviewer.as_ref())
        {
            desk.appeals += 1;
            given += 1;
        }
        update(conn, merchant, &appeal).await?;
    }
    Ok(given)
}

/// Who could review a second time, with what waits for each.
async fn desks(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    default_capacity: i32,
) -> Result<Vec<SecondDesk>, QaError> {
    let rows = diesel::sql_query(format!(
        "SELECT w.person_id, \
            (SELECT count(*) FROM appeals a WHERE a.merchant_id = $1 AND a.second_reviewer_person_id = w.person_id \
                AND a.state = 1) AS appeals, \
            (SELECT count(*) FROM reviews r WHERE r.merchant_id = $1 AND r.reviewer_person_id = w.person_id \
                AND r.state = 2) AS reviews \
         FROM ({REVIEWERS}) w WHERE w.capacity > 0 ORDER BY w.person_id LIMIT 10000"
    ))
    .bind::<Text, _>(merchant.as_str())
    .bind::<Integer, _>(default_capacity)
    .load::<DeskRow>(conn)
    .await?;
    let desk = |row: DeskRow| SecondDesk {
        person: PersonId::new(row.person_id),
        appeals: row.appeals,
        reviews: row.reviews,
    };
    Ok(rows.into_iter().map(desk).collect())
}

/// The version of the card that a review was scored by.
async fn card_of(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    review: &Review,
) -> Result<Scorecard, QaError> {
    let verdict = review.verdict.as_ref().ok_or(QaError::ReviewNotSubmitted)?;
    let card = scorecards::version(conn, merchant, &verdict.scorecard_id, verdict.scorecard_version).await?;
    card.ok_or(QaError::ScorecardNotFound)
}

/// Notes a chat for the raters to talk about.
async fn insert_case(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    appeal: &Appeal,
    (before, after): (&Assessment, &Assessment),
    now: DateTime<Utc>,
) -> Result<(), QaError> {
    diesel::sql_query(
        "INSERT INTO calibration_cases (merchant_id, case_id, review_id, criteria, opened_at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<SqlUuid, _>(appeal.id)
    .bind::<SqlUuid, _>(appeal.review_id)
    .bind::<Array<Text>, _>(criteria_changed(before, after))
    .bind::<Timestamptz, _>(now)
    .execute(conn)
    .await?;
    Ok(())
}

impl Store {
    /// Files an appeal and gives it to the second reviewer with the least to do.
    pub async fn insert_appeal(
        &self,
        by: &By,
        scope: &Scope,
        person: &PersonId,
        now: DateTime<Utc>,
        file: &FileAppeal,
    ) -> Result<Appeal, QaError> {
        let merchant = &scope.merchant;
        pg::with_retry(ATTEMPTS, async || {
            by.change(&self.pool, now, async |conn| {
                let review = reviews::find(conn, scope, file.review_id, true).await?;
                let review = review.ok_or_else(|| reviews::not_found(file.review_id))?;
                let calendar = directory::calendar(conn, merchant).await?;
                let policy = policies::newest(conn, merchant).await?;
                let days = (calendar.business_day(now), policy.decision_due(&calendar, now));
                let card = card_of(conn, merchant, &review).await?;
                let mut appeal = Appeal::file(&review, file, person, &card, days, now)?;
                let desks = desks(conn, merchant, self.default_capacity).await?;
                let agent = appeal.person.as_ref();
                appeal.second_reviewer = second_reviewer(&desks, &appeal.first_reviewer, agent, person);
                insert(conn, merchant, &appeal).await?;
                let second = appeal.second_reviewer.as_ref().map(PersonId::as_str);
                let summary = json!({ "filed_against": appeal.review_id, "second_reviewer": second });
                by.audit(conn, now, entity(&appeal), summary).await?;
                Ok(appeal)
            })
            .await
        })
        .await
    }

    /// Changes an appeal by `decide`.
    pub async fn update_appeal(
        &self,
        by: &By,
        scope: &Scope,
        now: DateTime<Utc>,
        id: Uuid,
        decide: impl Fn(Appeal) -> Result<Appeal, QaError>,
    ) -> Result<Appeal, QaError> {
        pg::with_retry(ATTEMPTS, async || {
            by.change(&self.pool, now, async |conn| {
                let appeal = find(conn, scope, id, true).await?.ok_or_else(|| not_found(id))?;
                let appeal = decide(appeal)?;
                update(conn, &scope.merchant, &appeal).await?;
                by.audit(conn, now, entity(&appeal), json!({ "state": appeal.state })).await?;
                Ok(appeal)
            })
            .await
        })
        .await
    }

    /// Gives an appeal to another second reviewer.
    pub async fn reassign_appeal(
        &self,
        by: &By,
        scope: &Scope,
        now: DateTime<Utc>,
        id: Uuid,
        etag: &str,
        to: &PersonId,
    ) -> Result<Appeal, QaError> {
        let merchant = &scope.merchant;
        pg::with_retry(ATTEMPTS, async || {
            by.change(&self.pool, now, async |conn| {
                let appeal = find(conn, scope, id, true).await?.ok_or_else(|| not_found(id))?;
                if !assignments::is_reviewer(conn, merchant, to).await? {
                    return Err(QaError::ReviewerUnknown { person: to.to_string() });
                }
                let appeal = appeal.reassign(etag, to)?;
                update(conn, merchant, &appeal).await?;
                by.audit(conn, now, entity(&appeal), json!({ "second_reviewer": to })).await?;
                Ok(appeal)
            })
            .await
        })
        .await
    }

    /// The second review. Where it upholds the appeal, the review is restated, told of, and kept for calibration.
    pub async fn decide_appeal(
        &self,
        by: &By,
        scope: &Scope,
        person: &PersonId,
        now: DateTime<Utc>,
        decide: &DecideAppeal,
    ) -> Result<(Appeal, Review), QaError> {
        let merchant = &scope.merchant;
        pg::with_retry(ATTEMPTS, async || {
            by.change(&self.pool, now, async |conn| {
                let appeal =
                    find(conn, scope, decide.id, false).await?.ok_or_else(|| not_found(decide.id))?;
                let review = reviews::find(conn, scope, appeal.review_id, true).await?;
                let review = review.ok_or_else(|| reviews::not_found(appeal.review_id))?;
                let appeal = find(conn, scope, decide.id, true).await?.ok_or_else(|| not_found(decide.id))?;
                let card = card_of(conn, merchant, &review).await?;
                let messages = reviews::message_count(conn, merchant, &review).await?;
                let before = review.verdict.clone();
                let (appeal, review) = appeal.decide(review, person, decide, &card, messages, now)?;
                update(conn, merchant, &appeal).await?;
                if appeal.state.restates()
                    && let (Some(before), Some(after)) = (&before, &review.verdict)
                {
                    reviews::update(conn, merchant, &review).await?;
                    assessments::insert(conn, merchant, &review, person, Some(appeal.id), now).await?;
                    reviews::publish(conn, merchant, &review, now).await?;
                    let assessments = (&before.assessment, &after.assessment);
                    insert_case(conn, merchant, &appeal, assessments, now).await?;
                }
                if let Some(ending) = &appeal.ending {
                    events::publish(conn, outgoing::appeal_decided(merchant, &appeal, ending)).await?;
                    let scores = [ending.score_bp_before, ending.score_bp_after];
                    let summary = json!({ "state": appeal.state, "score_bp": scores });
                    by.audit(conn, now, entity(&appeal), summary).await?;
                }
                Ok((appeal, review))
            })
            .await
        })
        .await
    }

    /// One appeal within `scope`.
    pub async fn find_appeal(&self, scope: &Scope, id: Uuid) -> Result<Option<Appeal>, QaError> {
        find(&mut *self.connection().await?, scope, id, false).await
    }

    /// The appeals within `scope`, in the order in which they were filed.
    pub async fn list_appeals(
        &self,
        scope: &Scope,
        filter: &AppealFilter,
        now: DateTime<Utc>,
        page: &PageRequest<Uuid>,
    ) -> Result<Page<Appeal>, QaError> {
        let mut conn = self.connection().await?;
        let today = if filter.overdue {
            directory::calendar(&mut conn, &scope.merchant).await?.business_day(now)
        } else {
            ALL_DAYS.0
        };
        let part = (page.after.unwrap_or_default(), page.limit());
        let appeals = list(&mut conn, scope, filter, today, part).await?;
        Ok(page.page(appeals, |appeal| appeal.id)?)
    }

    /// A review within `scope` with all its assessments and appeals, as they were at one moment.
    pub async fn find_review_history(
        &self,
        scope: &Scope,
        id: Uuid,
    ) -> Result<Option<ReviewHistory>, QaError> {
        let mut conn = self.connection().await?;
        conn.build_transaction()
            .read_only()
            .repeatable_read()
            .run(async |conn| {
                let Some(review) = reviews::find(conn, scope, id, false).await? else { return Ok(None) };
                let assessments = assessments::list(conn, &scope.merchant, id).await?;
                let filter = AppealFilter { review: Some(id), ..AppealFilter::default() };
                let appeals = list(conn, scope, &filter, ALL_DAYS.0, (Uuid::nil(), 1_000)).await?;
                Ok(Some(ReviewHistory { review, assessments, appeals }))
            })
            .await
    }
}
