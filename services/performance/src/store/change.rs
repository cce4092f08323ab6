//! One change of a merchant's directory: what is inside of [`By::change`].

use chrono::{DateTime, Utc};
use diesel::{ExpressionMethods, QueryDsl};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use events::Event;
use pg::By;
use runtime::ids::MerchantId;

use crate::domain::merchant::Merchant;
use crate::error::PerformanceError;
use crate::store::schema::merchants;

/// An open transaction that holds the merchant's lock: whatever it reads of the merchant stays so until it ends.
pub(super) struct Change<'c> {
    pub(super) conn: &'c mut AsyncPgConnection,
    pub(super) merchant: MerchantId,
    /// Absent for changes that follow from an event.
    by: Option<&'c By>,
    pub(super) now: DateTime<Utc>,
}

impl<'c> Change<'c> {
    /// Takes the lock, and first makes the merchant's row if this is its first change.
    pub(super) async fn begin(
        conn: &'c mut AsyncPgConnection,
        merchant: &MerchantId,
        by: Option<&'c By>,
        now: DateTime<Utc>,
    ) -> Result<Self, PerformanceError> {
        let unset = Merchant::unset(merchant.clone());
        diesel::insert_into(merchants::table)
            .values((
                merchants::merchant_id.eq(merchant.as_str()),
                merchants::name.eq(&unset.settings.name),
                merchants::time_zone.eq(&unset.settings.time_zone),
                merchants::cut_over_hour.eq(i16::from(unset.settings.cut_over_hour)),
                merchants::version.eq(unset.version),
                merchants::changed_at.eq(now),
            ))
            .on_conflict_do_nothing()
            .execute(conn)
            .await?;
        merchants::table
            .find(merchant.as_str())
            .select(merchants::version)
            .for_update()
            .first::<i64>(conn)
            .await?;
        Ok(Self { conn, merchant: merchant.clone(), by, now })
    }

    /// Who shows as the author in a person's history.
    pub(super) fn actor(&self) -> &str {
        self.by.map_or("event", |by| by.caller.subject.as_str())
    }

    /// Records who changed what. What follows from an event is recorded by the event's own service.
    pub(super) async fn audit(
        &mut self,
        entity: String,
        summary: serde_json::Value,
    ) -> Result<(), PerformanceError> {
        let Some(by) = self.by else { return Ok(()) };
        Ok(by.audit(self.conn, self.now, entity, summary).await?)
    }

    /// Tells the other services.
    pub(super) async fn publish(&mut self, event: Event) -> Result<(), PerformanceError> {
        Ok(events::publish(self.conn, event).await?)
    }
}
