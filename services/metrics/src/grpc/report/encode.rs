//! Reports from the domain to the wire.

use proto::metrics::v1 as pb;
use proto::time::{date, timestamp};

use crate::domain::figure::FigureState;
use crate::domain::report::{Report, ReportKind, ReportState, SubjectKind};
use crate::forms::File;
use crate::grpc::encode::day_range;

pub(super) fn report(report: &Report) -> pb::Report {
    let order = &report.order;
    let kind = match order.kind {
        ReportKind::Daily => pb::ReportKind::Daily,
        ReportKind::Weekly => pb::ReportKind::Weekly,
        ReportKind::Monthly => pb::ReportKind::Monthly,
        ReportKind::Quarterly => pb::ReportKind::Quarterly,
        ReportKind::Yearly => pb::ReportKind::Yearly,
        ReportKind::ImprovementPlan => pb::ReportKind::ImprovementPlan,
        ReportKind::MonthSummary => pb::ReportKind::MonthSummary,
    };
    let subject_kind = match order.subject.kind {
        SubjectKind::Person => pb::ReportSubjectKind::Person,
        SubjectKind::Team => pb::ReportSubjectKind::Team,
        SubjectKind::Shop => pb::ReportSubjectKind::Shop,
        SubjectKind::Merchant => pb::ReportSubjectKind::Merchant,
    };
    let state = match report.state {
        ReportState::Waiting => pb::ReportState::Waiting,
        ReportState::Making => pb::ReportState::Making,
        ReportState::Ready => pb::ReportState::Ready,
        ReportState::Failed => pb::ReportState::Failed,
    };
    let made = report.made.as_ref();
    let figure_state = match made.map(|made| made.state) {
        None => pb::FigureState::Unspecified,
        Some(FigureState::Provisional) => pb::FigureState::Provisional,
        Some(FigureState::Final) => pb::FigureState::Final,
        Some(FigureState::Restated) => pb::FigureState::Restated,
    };
    pb::Report {
        report_id: report.id.clone(),
        kind: kind.into(),
        subject: Some(pb::ReportSubject {
            kind: subject_kind.into(),
            id: order.subject.id.clone(),
            name: made.map(|made| made.name.clone()).unwrap_or_default(),
        }),
        days: Some(day_range(order.days)),
        state: state.into(),
        scheduled: order.due_day.is_some(),
        due_day: order.due_day.map(date),
        known_on: order.known_on.map(date),
        figure_state: figure_state.into(),
        definition_id: order.definition.id.clone(),
        definition_versions: made.map(|made| made.versions.clone()).unwrap_or_default(),
        failure: report.failure.clone(),
        requested_by: report.requested.0.clone(),
        requested_at: Some(timestamp(report.requested.1)),
        made_at: made.map(|made| timestamp(made.at)),
    }
}

/// A file in pieces; the first tells what it is.
pub(super) fn pieces(file: File, bytes_max: usize) -> impl Iterator<Item = pb::DownloadReportResponse> {
    let size = file.bytes.len() as i64;
    let first = pb::DownloadReportResponse {
        content_type: file.content_type.to_owned(),
        file_name: file.name,
        size,
        data: Vec::new(),
    };
    let data: Vec<Vec<u8>> = file.bytes.chunks(bytes_max).map(<[u8]>::to_vec).collect();
    let mut first = Some(first);
    data.into_iter().map(move |data| pb::DownloadReportResponse { data, ..first.take().unwrap_or_default() })
}
