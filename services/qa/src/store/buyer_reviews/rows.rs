//! A review as a row: its content, and the columns that repeat what is looked for.

use calendar::MerchantCalendar;
use chrono::TimeDelta;
use diesel::QueryableByName;
use diesel::sql_types::{Array, Bool, Date, Jsonb, Nullable, SmallInt, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use runtime::ids::{MerchantId, PersonId};

use crate::domain::buyer_review::collection::{Collection, UseKind};
use crate::domain::buyer_review::{BuyerReview, Duty, Kind, State};
use crate::error::QaError;

/// For so long after its arrival a review's chat is looked for: chats and facts come by different ways.
const LOOK_DAYS: i64 = 2;

const COLUMNS: &str = "merchant_id, review_id, shop_id, reviewed_at, reviewed_day, account_id, served_day, channel, \
     conversation_id, look_until, product_id, order_id, customer_id, kind, worst, state, cause_id, stage_id, owner_person_id, \
     comment_unjudged, runs_until, reply_due_at, replied_at, comment_due_at, comment_replied_at, duty, due_at, collected_at, \
     tags, allowed_uses, words, erased_at, content";
const VALUES: &str = "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, \
     $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33";

/// What every query of reviews gives.
#[derive(QueryableByName)]
pub(super) struct ReviewRow {
    #[diesel(sql_type = Text)]
    review_id: String,
    #[diesel(sql_type = Nullable<Text>)]
    person_id: Option<String>,
    #[diesel(sql_type = Jsonb)]
    content: serde_json::Value,
}

impl TryFrom<ReviewRow> for BuyerReview {
    type Error = QaError;

    fn try_from(row: ReviewRow) -> Result<Self, QaError> {
        let unreadable = |why: String| pg::Error::unreadable("buyer_reviews", &row.review_id, why);
        let review: Self = serde_json::from_value(row.content).map_err(|e| unreadable(e.to_string()))?;
        // Whatever a review is, its first and its newest revision say.
        if review.revisions.is_empty() {
            return Err(unreadable("it has no revision".to_owned()).into());
        }
        Ok(Self { served_by: row.person_id.map(PersonId::new), ..review })
    }
}

/// Reviews `r`, with the day on which they were served as their business day: that is what row scope looks at.
pub(super) const REVIEWS: &str = "(SELECT b.*, b.served_day AS business_day FROM buyer_reviews b) r";

pub(super) fn kind_code(kind: Kind) -> i16 {
    match kind {
        Kind::Good => 1,
        Kind::Neutral => 2,
        Kind::Bad => 3,
    }
}

pub(super) fn state_code(state: State) -> i16 {
    match state {
        State::Idle => 0,
        State::Open => 1,
        State::Analysed => 2,
        State::Planned => 3,
        State::Ended => 4,
    }
}

pub(super) fn duty_code(duty: Duty) -> i16 {
    match duty {
        Duty::Reply => 1,
        Duty::CommentReply => 2,
        Duty::Plan => 3,
        Duty::Outcome => 4,
    }
}

pub(super) fn use_code(kind: UseKind) -> i16 {
    match kind {
        UseKind::Chat => 1,
        UseKind::Advertising => 2,
        UseKind::Training => 3,
        UseKind::CallBack => 4,
    }
}

/// Writes a new review; tells whether it was new.
pub(super) async fn insert(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    calendar: &MerchantCalendar,
    review: &BuyerReview,
) -> Result<bool, QaError> {
    let sql = format!("INSERT INTO buyer_reviews ({COLUMNS}) VALUES ({VALUES}) ON CONFLICT DO NOTHING");
    Ok(write(conn, sql, merchant, calendar, review).await? == 1)
}

/// Writes a review that is there.
pub(super) async fn update(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    calendar: &MerchantCalendar,
    review: &BuyerReview,
) -> Result<(), QaError> {
    let sql = format!(
        "UPDATE buyer_reviews SET ({COLUMNS}) = ROW ({VALUES}) \
         WHERE merchant_id = $1 AND review_id = $2 AND shop_id = $3"
    );
    write(conn, sql, merchant, calendar, review).await.map(drop)
}

async fn write(
    conn: &mut AsyncPgConnection,
    sql: String,
    merchant: &MerchantId,
    calendar: &MerchantCalendar,
    review: &BuyerReview,
) -> Result<usize, QaError> {
    let content = serde_json::to_value(review).map_err(|error| pg::Error::Internal(error.into()))?;
    let (served, newest) = (&review.served, review.newest());
    let chat = served.chat.as_ref();
    let looked_for = served.chat.is_none() && review.erased_at.is_none();
    let look_until = looked_for.then(|| review.arrived_at() + TimeDelta::days(LOOK_DAYS));
    let analysis = review.analysis.as_ref();
    let (reply, comment) = (review.reply_deadline(calendar), review.comment_deadline(calendar));
    let duty = review.duty(calendar);
    let collection = review.collection.as_ref().filter(|place| place.collected);
    let words = collection.map(|_| format!("{}\n{}", newest.text, newest.append_text)).unwrap_or_default();
    let allowed = collection.map_or(&[][..], Collection::allowed);
    let written = diesel::sql_query(sql)
        .bind::<Text, _>(merchant.as_str())
        .bind::<Text, _>(&review.id.id)
        .bind::<Text, _>(&review.id.shop)
        .bind::<Timestamptz, _>(review.reviewed_at)
        .bind::<Date, _>(review.business_day)
        .bind::<Text, _>(served.account.as_str())
        .bind::<Date, _>(served.day)
        .bind::<Text, _>(chat.map(|chat| chat.channel.as_str()).unwrap_or_default())
        .bind::<Text, _>(chat.map(|chat| chat.id.as_str()).unwrap_or_default())
        .bind::<Nullable<Timestamptz>, _>(look_until)
        .bind::<Text, _>(&review.product)
        .bind::<Text, _>(&review.order)
        .bind::<Text, _>(&review.customer)
        .bind::<SmallInt, _>(kind_code(review.kind()))
        .bind::<SmallInt, _>(kind_code(review.worst()))
        .bind::<SmallInt, _>(state_code(review.state()))
        .bind::<Text, _>(analysis.map(|analysis| analysis.cause.as_str()).unwrap_or_default())
        .bind::<Text, _>(analysis.map(|analysis| analysis.stage.as_str()).unwrap_or_default())
        .bind::<Nullable<Text>, _>(review.owner.as_ref().map(PersonId::as_str))
        .bind::<Bool, _>(newest.appended_at.is_some() && review.comment_kind().is_none())
        .bind::<Date, _>(review.runs_until())
        .bind::<Nullable<Timestamptz>, _>(reply.map(|deadline| deadline.due_at))
        .bind::<Nullable<Timestamptz>, _>(reply.and_then(|deadline| deadline.replied_at))
        .bind::<Nullable<Timestamptz>, _>(comment.map(|deadline| deadline.due_at))
        .bind::<Nullable<Timestamptz>, _>(comment.and_then(|deadline| deadline.replied_at))
        .bind::<Nullable<SmallInt>, _>(duty.map(|duty| duty_code(duty.0)))
        .bind::<Nullable<Timestamptz>, _>(duty.map(|duty| duty.1))
        .bind::<Nullable<Timestamptz>, _>(collection.map(|place| place.done.at))
        .bind::<Array<Text>, _>(collection.map_or(&[][..], |place| place.tags.as_slice()))
        .bind::<Array<SmallInt>, _>(allowed.iter().map(|kind| use_code(*kind)).collect::<Vec<_>>())
        .bind::<Text, _>(words)
        .bind::<Nullable<Timestamptz>, _>(review.erased_at)
        .bind::<Jsonb, _>(content)
        .execute(conn)
        .await?;
    Ok(written)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(revisions: &serde_json::Value) -> Result<BuyerReview, QaError> {
        let at = "2020-05-20T02:00:00Z";
        let terms = json!({
            "version": 0, "good_stars_min": 4, "bad_stars_max": 2, "comment_decides": true, "reply_hours": [72, 72, 24],
            "service_hours": [0, 0], "plan_days": 1, "effect_days": 30, "served_days": 30, "history_days": 7,
        });
        let content = json!({
            "id": { "shop": "star", "id": "r-1" }, "order": "", "product": "", "customer": "",
            "served": { "account": "ann-account", "day": "2020-05-20" }, "reviewed_at": at, "business_day": "2020-05-20",
            "terms": terms, "revisions": revisions, "replies": [], "entries": [], "edits": 1,
        });
        ReviewRow { review_id: "r-1".to_owned(), person_id: Some("ann".to_owned()), content }.try_into()
    }

    #[test]
    fn a_review_without_revisions_is_unreadable() {
        let words = json!({
            "revision": 0, "rating": "bad", "text": "", "append_text": "", "arrived_at": "2020-05-20T02:00:00Z",
        });
        let whole = read(&json!([words])).expect("is whole");
        assert_eq!((whole.kind(), whole.served_by), (Kind::Bad, Some(PersonId::new("ann"))));
        let refused = read(&json!([])).expect_err("says nothing");
        let QaError::Database(pg::Error::Internal(why)) = refused else { panic!("{refused:?}") };
        assert_eq!(why.to_string(), "buyer_reviews r-1 cannot be read: it has no revision");
    }
}
