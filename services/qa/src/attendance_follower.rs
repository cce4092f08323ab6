//! What qa follows of scheduling: how people's days went.

use std::collections::BTreeMap;

use events::{Event, HandleError, Handler, Payload};
use pg::Transaction;
use proto::events::v1::{AttendanceRecorded, AttendanceState};
use proto::time::day;
use runtime::ids::{MerchantId, PersonId};

use crate::domain::attendance::{Attendance, Attended, Presence};
use crate::follower::failed;

/// Subjects that [`Days`] handles.
pub const SUBJECTS: &[&str] = &[events::subject::ATTENDANCE_RECORDED];

/// Follows scheduling.
#[derive(Debug, Clone)]
pub struct Days {
    attendance: Attendance,
}

impl Days {
    /// Into this service.
    pub fn new(attendance: Attendance) -> Self {
        Self { attendance }
    }
}

impl Handler for Days {
    async fn handle(&self, conn: &mut Transaction, event: &Event) -> Result<(), HandleError> {
        self.handle_batch(conn, &[event]).await
    }

    async fn handle_batch(&self, conn: &mut Transaction, events: &[&Event]) -> Result<(), HandleError> {
        // One row a person and day, the newest, in the order in which rows are locked.
        let mut days: BTreeMap<_, Attended> = BTreeMap::new();
        for event in events {
            let Some(Payload::AttendanceRecorded(recorded)) = &event.payload else {
                return Err(HandleError::poison("an event of another kind than was asked for"));
            };
            let attended = attended(event, recorded)?;
            let key = (attended.merchant.clone(), attended.person.clone(), attended.day);
            let slot = days.entry(key).or_insert_with(|| attended.clone());
            if slot.version < attended.version {
                *slot = attended;
            }
        }
        let days: Vec<Attended> = days.into_values().collect();
        self.attendance.take_in(conn, &days).await.map_err(failed)
    }

    /// The version of a person's day tells what came before.
    fn notes_events(&self) -> bool {
        false
    }

    fn batch_size(&self) -> usize {
        1_000
    }
}

fn attended(event: &Event, recorded: &AttendanceRecorded) -> Result<Attended, HandleError> {
    let lacks = |what: &str| HandleError::poison(format!("an attendance without {what}"));
    let presence = match recorded.state() {
        AttendanceState::Present => Presence::Present,
        AttendanceState::OnLeave => Presence::OnLeave,
        AttendanceState::Off => Presence::Off,
        AttendanceState::Absent => Presence::Absent,
        AttendanceState::Unspecified => return Err(lacks("a state")),
    };
    if recorded.person_id.is_empty() {
        return Err(lacks("a person"));
    }
    Ok(Attended {
        merchant: MerchantId::new(event.merchant_id.as_str()),
        person: PersonId::new(recorded.person_id.as_str()),
        day: recorded.business_day.as_ref().and_then(day).ok_or_else(|| lacks("a day"))?,
        presence,
        version: event.version,
    })
}
