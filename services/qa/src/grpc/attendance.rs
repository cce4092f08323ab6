//! `jinpai.qa.v1.AttendanceService`: parse, call, encode. No rule lives here.

use pg::By;
use proto::common::v1::DayRange;
use proto::qa::v1 as pb;
use proto::qa::v1::attendance_service_server::AttendanceService;
use proto::time::{date, timestamp};
use runtime::identity::{Admitted, admitted};
use runtime::ids::PersonId;
use tonic::{Request, Response};
use uuid::Uuid;

use super::decode::{days, id, text, without_range};
use super::{Reply, converted, page};
use crate::domain::attendance::{Attendance, Leave, ShortfallReason};
use crate::error::QaError;

/// The path of one of our RPCs.
macro_rules! rpc {
    ($method:literal) => {
        concat!("/jinpai.qa.v1.AttendanceService/", $method)
    };
}

/// The service on the wire.
#[derive(Debug, Clone)]
pub struct AttendanceApi {
    attendance: Attendance,
}

impl AttendanceApi {
    /// In front of these use cases.
    pub fn new(attendance: Attendance) -> Self {
        Self { attendance }
    }
}

#[tonic::async_trait]
impl AttendanceService for AttendanceApi {
    async fn record_leave(&self, request: Request<pb::RecordLeaveRequest>) -> Reply<pb::RecordLeaveResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("RecordLeave"), &request.message.request_id);
        let pb::RecordLeaveRequest { person_id, from, to, .. } = &request.message;
        let person = PersonId::new(id("person_id", person_id)?);
        let days = days("days", Some(DayRange { from: *from, to: *to })).map_err(without_range)?;
        let leave = self.attendance.record_leave(&by, person, days).await?;
        Ok(Response::new(pb::RecordLeaveResponse { leave: Some(leave.into()) }))
    }

    async fn remove_leave(&self, request: Request<pb::RemoveLeaveRequest>) -> Reply<pb::RemoveLeaveResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("RemoveLeave"), &request.message.request_id);
        let id = &request.message.leave_id;
        // What is no UUID is the id of no leave.
        let id = Uuid::parse_str(id).map_err(|_| QaError::LeaveNotFound { id: id.clone() })?;
        self.attendance.remove_leave(&by, id).await?;
        Ok(Response::new(pb::RemoveLeaveResponse {}))
    }

    async fn list_leaves(&self, request: Request<pb::ListLeavesRequest>) -> Reply<pb::ListLeavesResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let days = days("days", message.days)?;
        let person = text("person_id", &message.person_id)?;
        let page = page(message.page_size, &message.page_token, format!("leaves {days:?} {person}"))?;
        let listed = self.attendance.list_leaves(&scope, days, person, &page).await?;
        let leaves = converted(listed.items);
        Ok(Response::new(pb::ListLeavesResponse { leaves, next_page_token: listed.next_page_token }))
    }
}

impl From<Leave> for pb::Leave {
    fn from(leave: Leave) -> Self {
        Self {
            leave_id: leave.id.to_string(),
            person_id: leave.person.into_string(),
            from: Some(date(leave.from)),
            to: Some(date(leave.to)),
            recorded_by: leave.recorded_by,
            recorded_at: Some(timestamp(leave.recorded_at)),
        }
    }
}

impl From<ShortfallReason> for pb::ShortfallReason {
    fn from(reason: ShortfallReason) -> Self {
        match reason {
            ShortfallReason::OnLeave => Self::OnLeave,
            ShortfallReason::Off => Self::Off,
            ShortfallReason::Absent => Self::Absent,
            ShortfallReason::NoChats => Self::NoChats,
            ShortfallReason::NoLongChats => Self::NoLongChats,
            ShortfallReason::TooFew => Self::TooFew,
        }
    }
}
