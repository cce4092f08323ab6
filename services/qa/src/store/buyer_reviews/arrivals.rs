//! Reviews coming in, and the search for who served their buyers.

use std::collections::BTreeMap;

use calendar::MerchantCalendar;
use chrono::{DateTime, Days, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Date, Text, Timestamptz};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use pg::Transaction;
use runtime::identity::Scope;
use runtime::ids::{AccountId, MerchantId};
use sampling::ConversationId;

use super::{lists, policies, rows};
use crate::domain::buyer_review::arrival::Received;
use crate::domain::buyer_review::{BuyerReview, BuyerReviewId, Served};
use crate::error::QaError;
use crate::store::{ALL_DAYS, Store};

/// Reviews whose chat was found, taken at once.
const FOUND_AT_ONCE: i64 = 200;

#[derive(QueryableByName)]
struct ChatRow {
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
    #[diesel(sql_type = Text)]
    channel: String,
    #[diesel(sql_type = Text)]
    conversation_id: String,
}

#[derive(QueryableByName)]
struct FoundRow {
    #[diesel(sql_type = Text)]
    merchant_id: String,
    #[diesel(sql_type = Text)]
    review_id: String,
    #[diesel(sql_type = Text)]
    shop_id: String,
}

/// The buyer's last chat before the review, with the account that the platform names if it names one.
async fn look_for_chat(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    review: &mut BuyerReview,
) -> Result<(), QaError> {
    if review.served.chat.is_some() || review.erased_at.is_some() || review.customer.is_empty() {
        return Ok(());
    }
    let from = review.business_day.checked_sub_days(Days::new(review.terms.served_days.into()));
    let rows = diesel::sql_query(
        "SELECT account_id, business_day, channel, conversation_id FROM conversations \
         WHERE merchant_id = $1 AND customer_id = $2 AND customer_id <> '' AND shop_id = $3 \
            AND business_day BETWEEN $4 AND $5 AND started_at <= $6 AND ($7 = '' OR account_id = $7) \
         ORDER BY business_day DESC, started_at DESC, conversation_id DESC LIMIT 1",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(&review.customer)
    .bind::<Text, _>(&review.id.shop)
    .bind::<Date, _>(from.unwrap_or(ALL_DAYS.0))
    .bind::<Date, _>(review.business_day)
    .bind::<Timestamptz, _>(review.reviewed_at)
    .bind::<Text, _>(review.served.account.as_str())
    .load::<ChatRow>(conn)
    .await?;
    if let Some(row) = rows.into_iter().next() {
        let chat = ConversationId::new(&review.id.shop, row.channel, row.conversation_id);
        review.served =
            Served { account: AccountId::new(row.account_id), day: row.business_day, chat: Some(chat) };
    }
    Ok(())
}

async fn take_in_one(
    conn: &mut AsyncPgConnection,
    calendar: &MerchantCalendar,
    received: &Received,
) -> Result<(), QaError> {
    let merchant = &received.merchant;
    let scope = Scope::merchant(merchant.clone());
    let mut known = lists::find(conn, &scope, received.words.arrived_at, &received.id, true).await?;
    if known.is_none() {
        let terms = policies::newest(conn, merchant).await?.rules.terms;
        let mut review = received.clone().begin(terms);
        look_for_chat(conn, merchant, &mut review).await?;
        if rows::insert(conn, merchant, calendar, &review).await? {
            return Ok(());
        }
        // Another revision of it came in meanwhile.
        known = lists::find(conn, &scope, received.words.arrived_at, &received.id, true).await?;
    }
    let Some(mut review) = known.and_then(|review| review.receive(received.clone())) else { return Ok(()) };
    look_for_chat(conn, merchant, &mut review).await?;
    rows::update(conn, merchant, calendar, &review).await
}

impl Store {
    /// Takes in reviews inside the transaction that notes them as received. A revision that is known changes nothing.
    pub async fn take_in_buyer_reviews(
        &self,
        conn: &mut Transaction,
        received: &[Received],
    ) -> Result<(), QaError> {
        // In one order, so that batches of two replicas wait for each other instead of for ever.
        let mut in_order: Vec<&Received> = received.iter().collect();
        in_order.sort_by_key(|it| (it.merchant.as_str(), &it.id, it.words.revision));
        let mut calendars: BTreeMap<&str, MerchantCalendar> = BTreeMap::new();
        for received in in_order {
            let merchant = &received.merchant;
            if !calendars.contains_key(merchant.as_str()) {
                calendars.insert(merchant.as_str(), directory::calendar(conn, merchant).await?);
            }
            take_in_one(conn, &calendars[merchant.as_str()], received).await?;
        }
        Ok(())
    }

    /// Looks again for the chats of reviews that came before them; tells whether there may be more to find.
    pub async fn find_chats_of_buyer_reviews(&self, now: DateTime<Utc>) -> Result<bool, QaError> {
        let mut conn = self.connection().await?;
        diesel::sql_query("UPDATE buyer_reviews SET look_until = NULL WHERE look_until < $1")
            .bind::<Timestamptz, _>(now)
            .execute(&mut conn)
            .await?;
        let found = diesel::sql_query(
            "SELECT b.merchant_id, b.review_id, b.shop_id FROM buyer_reviews b WHERE b.look_until IS NOT NULL \
                AND b.customer_id <> '' AND EXISTS (SELECT FROM conversations c \
                    WHERE c.merchant_id = b.merchant_id AND c.customer_id = b.customer_id AND c.customer_id <> '' \
                    AND c.shop_id = b.shop_id AND c.started_at <= b.reviewed_at \
                    AND c.business_day BETWEEN b.reviewed_day - (b.content->'terms'->>'served_days')::integer \
                        AND b.reviewed_day \
                    AND (b.content->'served'->>'account' IN ('', c.account_id))) \
             ORDER BY b.merchant_id, b.review_id, b.shop_id LIMIT $1",
        )
        .bind::<BigInt, _>(FOUND_AT_ONCE)
        .load::<FoundRow>(&mut conn)
        .await?;
        let full = i64::try_from(found.len()).unwrap_or(i64::MAX) == FOUND_AT_ONCE;
        for row in found {
            let merchant = MerchantId::new(row.merchant_id);
            let id = BuyerReviewId { shop: row.shop_id, id: row.review_id };
            conn.transaction(async |conn| {
                let scope = Scope::merchant(merchant.clone());
                let review = lists::find(conn, &scope, now, &id, true).await?;
                let Some(mut review) = review else { return Ok::<_, QaError>(()) };
                let calendar = directory::calendar(conn, &merchant).await?;
                look_for_chat(conn, &merchant, &mut review).await?;
                review.edits += 1;
                rows::update(conn, &merchant, &calendar, &review).await
            })
            .await?;
        }
        Ok(full)
    }
}
