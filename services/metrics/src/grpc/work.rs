//! `jinpai.metrics.v1.WorkService`: parse, call, encode. No rule lives here.

use pg::By;
use proto::common::v1::DayRange;
use proto::metrics::v1 as pb;
use proto::metrics::v1::work_service_server::WorkService;
use proto::time::{date, timestamp};
use runtime::identity::{Admitted, admitted};
use tonic::{Request, Response};

use crate::domain::work::{Absence, Work};
use crate::error::MetricsError;
use crate::grpc::decode::{EXPLAINED_DAYS_MAX, check_no_nul, id, range};
use crate::grpc::{Reply, page};

/// The path of one of our RPCs.
macro_rules! rpc {
    ($method:literal) => {
        concat!("/jinpai.metrics.v1.WorkService/", $method)
    };
}

/// The service on the wire.
#[derive(Debug, Clone)]
pub struct WorkApi {
    work: Work,
}

impl WorkApi {
    /// In front of these use cases.
    pub fn new(work: Work) -> Self {
        Self { work }
    }
}

#[tonic::async_trait]
impl WorkService for WorkApi {
    async fn hand_over_work(
        &self,
        request: Request<pb::HandOverWorkRequest>,
    ) -> Reply<pb::HandOverWorkResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let from = id("from_person_id", &message.from_person_id)?;
        let to = message.to_person_ids.iter().enumerate();
        let to = to.map(|(at, person)| id(&format!("to_person_ids[{at}]"), person));
        let to = to.collect::<Result<Vec<String>, MetricsError>>()?;
        check_no_nul("note", &message.note)?;
        let by = By::new(&request, rpc!("HandOverWork"), &message.request_id);
        let handed_over = self.work.hand_over(&by, &request.scope, &from, &to, &message.note).await?;
        Ok(Response::new(pb::HandOverWorkResponse {
            cases: handed_over.cases,
            follow_ups: handed_over.follow_ups,
            left: handed_over.left,
        }))
    }

    async fn set_absence(&self, request: Request<pb::SetAbsenceRequest>) -> Reply<pb::SetAbsenceResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let person = id("person_id", &message.person_id)?;
        let days = message.days.as_ref().map(|days| range("days", Some(days), EXPLAINED_DAYS_MAX));
        let by = By::new(&request, rpc!("SetAbsence"), &message.request_id);
        let absence =
            self.work.set_absence(&by, &request.scope, &person, days.transpose()?, &message.etag).await?;
        Ok(Response::new(pb::SetAbsenceResponse { absence: absence.map(encode) }))
    }

    async fn list_absences(
        &self,
        request: Request<pb::ListAbsencesRequest>,
    ) -> Reply<pb::ListAbsencesResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let list = format!("absences {}", message.with_work);
        let page = page(message.page_size, &message.page_token, list)?;
        let found = self.work.list_absences(&scope, message.with_work, &page).await?.map(encode);
        Ok(Response::new(pb::ListAbsencesResponse {
            absences: found.items,
            next_page_token: found.next_page_token,
        }))
    }
}

fn encode(absence: Absence) -> pb::Absence {
    let etag = absence.etag();
    pb::Absence {
        person_id: absence.person,
        days: Some(DayRange { from: Some(date(absence.days.from)), to: Some(date(absence.days.to)) }),
        open_cases: absence.open_cases,
        open_follow_ups: absence.open_follow_ups,
        changed_by: absence.changed.0,
        changed_at: Some(timestamp(absence.changed.1)),
        etag,
    }
}
