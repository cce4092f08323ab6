//! Who was there: leave, how people's days went, and with it why somebody has too few chats.

use chrono::{DateTime, NaiveDate, Utc};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::clock::SharedClock;
use runtime::identity::Scope;
use runtime::ids::{MerchantId, PersonId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::QaError;
use crate::store::Store;

/// A run of days on which somebody is on leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leave {
    /// A UUIDv7.
    pub id: Uuid,
    /// Who.
    pub person: PersonId,
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// Who said so.
    pub recorded_by: String,
    /// When.
    pub recorded_at: DateTime<Utc>,
}

/// How somebody's day went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// They worked.
    Present,
    /// On leave.
    OnLeave,
    /// Not on the roster.
    Off,
    /// On the roster, and not there.
    Absent,
}

/// What scheduling said of a person's day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attended {
    /// The tenant.
    pub merchant: MerchantId,
    /// Who.
    pub person: PersonId,
    /// When.
    pub day: NaiveDate,
    /// How it went.
    pub presence: Presence,
    /// Older ones change nothing.
    pub version: i64,
}

/// Why fewer chats were drawn than the plan says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ShortfallReason {
    /// The person was on leave.
    OnLeave,
    /// The person was not on the roster.
    Off,
    /// The person did not come.
    Absent,
    /// Nobody knows of an absence, and there was no chat.
    NoChats,
    /// There were chats, none that the plan draws from.
    NoLongChats,
    /// There were fewer such chats than the plan's size.
    TooFew,
}

impl ShortfallReason {
    /// Of a drawn day with a shortfall: what is known of the person comes before what is known of chats.
    pub fn of(presence: Option<Presence>, conversations: i32, eligible: i32) -> Self {
        match (presence, conversations, eligible) {
            (Some(Presence::OnLeave), _, _) => Self::OnLeave,
            (Some(Presence::Off), _, _) => Self::Off,
            (Some(Presence::Absent), _, _) => Self::Absent,
            (Some(Presence::Present) | None, 0, 0) => Self::NoChats,
            (Some(Presence::Present) | None, _, 0) => Self::NoLongChats,
            (Some(Presence::Present) | None, _, _) => Self::TooFew,
        }
    }
}

/// Leave by hand, and what scheduling tells. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Attendance {
    store: Store,
    clock: SharedClock,
}

impl Attendance {
    /// On a store, by a clock.
    pub fn new(store: Store, clock: SharedClock) -> Self {
        Self { store, clock }
    }

    /// Takes in what scheduling said, inside the transaction that notes it as received.
    pub async fn take_in(&self, conn: &mut pg::Transaction, days: &[Attended]) -> Result<(), QaError> {
        self.store.take_in_attendance(conn, days).await
    }

    /// Notes a leave.
    pub async fn record_leave(
        &self,
        by: &By,
        person: PersonId,
        (from, to): (NaiveDate, NaiveDate),
    ) -> Result<Leave, QaError> {
        let now = self.clock.now();
        let recorded_by = by.caller.subject.clone();
        let leave = Leave { id: Uuid::now_v7(), person, from, to, recorded_by, recorded_at: now };
        self.store.insert_leave(by, now, &leave).await
    }

    /// Takes a leave back.
    pub async fn remove_leave(&self, by: &By, id: Uuid) -> Result<(), QaError> {
        self.store.delete_leave(by, self.clock.now(), id).await
    }

    /// Leaves that touch some days, of one person or of everybody.
    pub async fn list_leaves(
        &self,
        scope: &Scope,
        days: (NaiveDate, NaiveDate),
        person: &str,
        page: &PageRequest<Uuid>,
    ) -> Result<Page<Leave>, QaError> {
        self.store.list_leaves(scope.whole_merchant()?, days, person, page).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_the_person_explains_first() {
        let leave = Some(Presence::OnLeave);
        assert_eq!(ShortfallReason::of(leave, 0, 0), ShortfallReason::OnLeave);
        assert_eq!(ShortfallReason::of(leave, 5, 2), ShortfallReason::OnLeave);
        for (presence, conversations, eligible, reason) in [
            (Some(Presence::Off), 0, 0, ShortfallReason::Off),
            (Some(Presence::Absent), 0, 0, ShortfallReason::Absent),
            (Some(Presence::Present), 0, 0, ShortfallReason::NoChats),
            (None, 0, 0, ShortfallReason::NoChats),
            (None, 7, 0, ShortfallReason::NoLongChats),
            (None, 7, 3, ShortfallReason::TooFew),
        ] {
            assert_eq!(ShortfallReason::of(presence, conversations, eligible), reason, "{presence:?}");
        }
    }
}
