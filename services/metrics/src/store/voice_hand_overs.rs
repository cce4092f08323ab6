//! `voice_hand_overs`, with the answers that stand in `issues`.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::sql_types::{Array, BigInt, Bool, Date, Integer, Nullable, Text, Timestamptz};
use diesel::{OptionalExtension, QueryableByName};
use diesel_async::RunQueryDsl;
use directory::LAST_DAY;
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::domain::figure::DayRange;
use crate::domain::issue::{Issue, IssueState};
use crate::domain::voice::{Answer, HandOver, Source, Topic};
use crate::error::MetricsError;
use crate::store::{Result, Store, issues};

const ROWS: &str = "SELECT h.issue_id, h.source, h.reason, h.product_id, h.from_day, h.to_day, h.count, h.previous, \
        h.handed_over_by, h.handed_over_at, i.state, i.resolution, i.department, i.owner_person_id, i.due_day, i.changed_at \
     FROM voice_hand_overs h JOIN issues i ON i.merchant_id = h.merchant_id AND i.issue_id = h.issue_id";

/// The hand-over that a page begins after: when it was made, and its issue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandOverCursor(DateTime<Utc>, String);

impl Store {
    /// Files the issue of a hand-over and keeps what it is about; gives the issue's id.
    pub async fn insert_voice_hand_over(
        &self,
        by: &By,
        issue: &Issue,
        hand_over: &HandOver,
    ) -> Result<String> {
        let merchant = &by.caller.merchant;
        by.change(&self.pool, hand_over.handed_over.1, async |conn| {
            issues::file(conn, by, issue).await?;
            let topic = &hand_over.topic;
            diesel::sql_query(
                "INSERT INTO voice_hand_overs (merchant_id, issue_id, source, reason, product_id, from_day, to_day, count, \
                    previous, handed_over_by, handed_over_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            )
            .bind::<Text, _>(merchant.as_str())
            .bind::<Text, _>(&hand_over.issue)
            .bind::<Text, _>(topic.source.name())
            .bind::<Text, _>(&topic.reason)
            .bind::<Text, _>(&topic.product)
            .bind::<Date, _>(hand_over.days.from)
            .bind::<Date, _>(hand_over.days.to)
            .bind::<BigInt, _>(hand_over.count)
            .bind::<BigInt, _>(hand_over.previous)
            .bind::<Text, _>(&hand_over.handed_over.0)
            .bind::<Timestamptz, _>(hand_over.handed_over.1)
            .execute(conn)
            .await?;
            let summary = json!({ "source": topic.source.name(), "count": hand_over.count });
            let entity = format!("voice_hand_over/{}", hand_over.issue);
            by.audit(conn, hand_over.handed_over.1, entity, summary).await?;
            Ok::<_, MetricsError>(hand_over.issue.clone())
        })
        .await
    }

    /// A hand-over by its issue, with the answer so far.
    pub async fn find_voice_hand_over(
        &self,
        scope: &Scope,
        issue: &str,
    ) -> Result<Option<(HandOver, Answer)>> {
        let merchant = scope.whole_merchant()?;
        let mut conn = self.pool.get().await?;
        let row = diesel::sql_query(format!("{ROWS} WHERE h.merchant_id = $1 AND h.issue_id = $2"))
            .bind::<Text, _>(merchant.as_str())
            .bind::<Text, _>(issue)
            .get_result::<HandOverRow>(&mut conn)
            .await
            .optional()?;
        row.map(HandOverRow::read).transpose()
    }

    /// A page of hand-overs, the newest first; or only of those that nobody answered.
    pub async fn list_voice_hand_overs(
        &self,
        scope: &Scope,
        unanswered: bool,
        page: &PageRequest<HandOverCursor>,
    ) -> Result<Page<(HandOver, Answer)>> {
        let merchant = scope.whole_merchant()?;
        let mut conn = self.pool.get().await?;
        let sql = format!(
            "{ROWS} WHERE h.merchant_id = $1 AND (NOT $2 OR i.state = ANY ($3)) \
                AND ($4::timestamptz IS NULL OR (h.handed_over_at, h.issue_id) < ($4, $5)) \
             ORDER BY h.handed_over_at DESC, h.issue_id DESC LIMIT $6"
        );
        let pending: Vec<_> =
            IssueState::ALL.iter().filter(|s| s.is_pending()).map(|state| state.name()).collect();
        let rows = diesel::sql_query(sql)
            .bind::<Text, _>(merchant.as_str())
            .bind::<Bool, _>(unanswered)
            .bind::<Array<Text>, _>(pending)
            .bind::<Nullable<Timestamptz>, _>(page.after.as_ref().map(|cursor| cursor.0))
            .bind::<Nullable<Text>, _>(page.after.as_ref().map(|cursor| cursor.1.as_str()))
            .bind::<BigInt, _>(page.limit())
            .load::<HandOverRow>(&mut conn)
            .await?;
        let found = rows.into_iter().map(HandOverRow::read).collect::<Result<Vec<_>>>()?;
        let after = |(hand_over, _): &(HandOver, Answer)| {
            HandOverCursor(hand_over.handed_over.1, hand_over.issue.clone())
        };
        Ok(page.page(found, after)?)
    }
}

#[derive(QueryableByName)]
struct HandOverRow {
    #[diesel(sql_type = Text)]
    issue_id: String,
    #[diesel(sql_type = Text)]
    source: String,
    #[diesel(sql_type = Text)]
    reason: String,
    #[diesel(sql_type = Text)]
    product_id: String,
    #[diesel(sql_type = Date)]
    from_day: NaiveDate,
    #[diesel(sql_type = Date)]
    to_day: NaiveDate,
    #[diesel(sql_type = BigInt)]
    count: i64,
    #[diesel(sql_type = BigInt)]
    previous: i64,
    #[diesel(sql_type = Text)]
    handed_over_by: String,
    #[diesel(sql_type = Timestamptz)]
    handed_over_at: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Text)]
    resolution: String,
    #[diesel(sql_type = Integer)]
    department: i32,
    #[diesel(sql_type = Nullable<Text>)]
    owner_person_id: Option<String>,
    #[diesel(sql_type = Date)]
    due_day: NaiveDate,
    #[diesel(sql_type = Timestamptz)]
    changed_at: DateTime<Utc>,
}

impl HandOverRow {
    fn read(self) -> Result<(HandOver, Answer)> {
        let broken = |why: &str| pg::Error::unreadable("voice_hand_overs", &self.issue_id, why.to_owned());
        let source = Source::of(&self.source).ok_or_else(|| broken("unknown source"))?;
        let state = IssueState::of(&self.state).ok_or_else(|| broken("unknown state"))?;
        let hand_over = HandOver {
            topic: Topic { source, reason: self.reason, product: self.product_id },
            days: DayRange { from: self.from_day, to: self.to_day },
            count: self.count,
            previous: self.previous,
            issue: self.issue_id,
            handed_over: (self.handed_over_by, self.handed_over_at),
        };
        let answer = Answer {
            state,
            resolution: self.resolution,
            department: self.department,
            owner: self.owner_person_id,
            due_day: Some(self.due_day).filter(|day| *day != LAST_DAY),
            changed_at: self.changed_at,
        };
        Ok((hand_over, answer))
    }
}
