//! Reports from the domain to the wire.

use proto::access::role_named;
use proto::metrics::v1 as pb;
use proto::time::{date, timestamp};

use crate::domain::figure::FigureState;
use crate::domain::maturity::Window;
use crate::domain::report::plan::{Plan, Schedule, Shift, SpecialDay};
use crate::domain::report::schedule::Upcoming;
use crate::domain::report::{Report, ReportKind, ReportState, SubjectKind};
use crate::forms::File;
use crate::grpc::encode::day_range;

fn kind(kind: ReportKind) -> pb::ReportKind {
    match kind {
        ReportKind::Daily => pb::ReportKind::Daily,
        ReportKind::Weekly => pb::ReportKind::Weekly,
        ReportKind::Monthly => pb::ReportKind::Monthly,
        ReportKind::Quarterly => pb::ReportKind::Quarterly,
        ReportKind::Yearly => pb::ReportKind::Yearly,
        ReportKind::ImprovementPlan => pb::ReportKind::ImprovementPlan,
        ReportKind::MonthSummary => pb::ReportKind::MonthSummary,
    }
}

fn subject_kind(kind: SubjectKind) -> pb::ReportSubjectKind {
    match kind {
        SubjectKind::Person => pb::ReportSubjectKind::Person,
        SubjectKind::Team => pb::ReportSubjectKind::Team,
        SubjectKind::Shop => pb::ReportSubjectKind::Shop,
        SubjectKind::Merchant => pb::ReportSubjectKind::Merchant,
    }
}

fn figure_state(state: Option<FigureState>) -> i32 {
    let state = match state {
        None => pb::FigureState::Unspecified,
        Some(FigureState::Provisional) => pb::FigureState::Provisional,
        Some(FigureState::Final) => pb::FigureState::Final,
        Some(FigureState::Restated) => pb::FigureState::Restated,
    };
    state.into()
}

/// Names of roles that were checked when they were stored.
fn roles(names: &[String]) -> Vec<i32> {
    names.iter().filter_map(|name| role_named(name)).map(i32::from).collect()
}

pub(super) fn report(report: &Report) -> pb::Report {
    let order = &report.order;
    let state = match report.state {
        ReportState::Waiting => pb::ReportState::Waiting,
        ReportState::Making => pb::ReportState::Making,
        ReportState::Ready => pb::ReportState::Ready,
        ReportState::Failed => pb::ReportState::Failed,
    };
    let made = report.made.as_ref();
    let settled = |window: Window| figure_state(made.and_then(|made| made.states[window as usize]));
    pb::Report {
        report_id: report.id.clone(),
        kind: kind(order.kind).into(),
        subject: Some(pb::ReportSubject {
            kind: subject_kind(order.subject.kind).into(),
            id: order.subject.id.clone(),
            name: made.map(|made| made.name.clone()).unwrap_or_default(),
        }),
        days: Some(day_range(order.days)),
        state: state.into(),
        scheduled: order.due_day.is_some(),
        due_day: order.due_day.map(date),
        known_on: order.known_on.map(date),
        figure_state: settled(Window::Usual),
        definition_id: order.definition.id.clone(),
        definition_versions: made.map(|made| made.versions.clone()).unwrap_or_default(),
        failure: report.failure.clone(),
        requested_by: report.requested.0.clone(),
        requested_at: Some(timestamp(report.requested.1)),
        made_at: made.map(|made| timestamp(made.at)),
        recipients: roles(&order.recipients),
        conversion_state: settled(Window::Conversions),
        refund_state: settled(Window::Refunds),
    }
}

pub(super) fn schedule(schedule: Schedule) -> pb::ReportSchedule {
    let etag = schedule.etag();
    let (updated_by, updated_at) = schedule.updated.unzip();
    let special_day = |special: SpecialDay| pb::SpecialDay {
        day: Some(date(special.day)),
        working: special.working,
        name: special.name,
    };
    pb::ReportSchedule {
        version: schedule.version,
        plans: schedule.content.plans.iter().map(plan).collect(),
        days_off: schedule.content.days_off.into_iter().map(i32::from).collect(),
        special_days: schedule.content.special_days.into_iter().map(special_day).collect(),
        etag,
        updated_by: updated_by.unwrap_or_default(),
        updated_at: updated_at.map(timestamp),
    }
}

fn plan(plan: &Plan) -> pb::ReportPlan {
    let day = plan.day.map(i32::from).unwrap_or_default();
    let weekly = plan.kind == ReportKind::Weekly;
    let shift = match plan.shift {
        Shift::Stay => pb::ReportShift::Stay,
        Shift::After => pb::ReportShift::After,
        Shift::Before => pb::ReportShift::Before,
    };
    pb::ReportPlan {
        kind: kind(plan.kind).into(),
        subjects: plan.subjects.iter().map(|subject| subject_kind(*subject).into()).collect(),
        weekday: if weekly { day } else { 0 },
        day_of_month: if weekly { 0 } else { day },
        hour: plan.hour.map(i32::from),
        shift: shift.into(),
        recipients: roles(&plan.recipients),
    }
}

pub(super) fn upcoming(next: &Upcoming) -> pb::UpcomingReport {
    pb::UpcomingReport {
        kind: kind(next.kind).into(),
        days: Some(day_range(next.days)),
        due_day: Some(date(next.day)),
        at: Some(timestamp(next.at)),
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
