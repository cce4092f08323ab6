//! Reports from the wire to the domain.

use proto::metrics::v1 as pb;

use crate::domain::report::{ReportKind, ReportState, Subject, SubjectKind};
use crate::domain::reports::NewReport;
use crate::error::MetricsError;
use crate::forms::{Form, Language};
use crate::grpc::decode::{DAYS_MAX, day, definition_ref, id, invalid, optional_id, range};
use crate::store::ReportFilter;

type Result<T> = std::result::Result<T, MetricsError>;

fn kind(kind: pb::ReportKind) -> Option<ReportKind> {
    match kind {
        pb::ReportKind::Unspecified => None,
        pb::ReportKind::Daily => Some(ReportKind::Daily),
        pb::ReportKind::Weekly => Some(ReportKind::Weekly),
        pb::ReportKind::Monthly => Some(ReportKind::Monthly),
        pb::ReportKind::Quarterly => Some(ReportKind::Quarterly),
        pb::ReportKind::Yearly => Some(ReportKind::Yearly),
        pb::ReportKind::ImprovementPlan => Some(ReportKind::ImprovementPlan),
        pb::ReportKind::MonthSummary => Some(ReportKind::MonthSummary),
    }
}

fn subject_kind(kind: pb::ReportSubjectKind) -> Option<SubjectKind> {
    match kind {
        pb::ReportSubjectKind::Unspecified => None,
        pb::ReportSubjectKind::Person => Some(SubjectKind::Person),
        pb::ReportSubjectKind::Team => Some(SubjectKind::Team),
        pb::ReportSubjectKind::Shop => Some(SubjectKind::Shop),
        pb::ReportSubjectKind::Merchant => Some(SubjectKind::Merchant),
    }
}

fn state(state: pb::ReportState) -> Option<ReportState> {
    match state {
        pb::ReportState::Unspecified => None,
        pb::ReportState::Waiting => Some(ReportState::Waiting),
        pb::ReportState::Making => Some(ReportState::Making),
        pb::ReportState::Ready => Some(ReportState::Ready),
        pb::ReportState::Failed => Some(ReportState::Failed),
    }
}

pub(super) fn new_report(message: &pb::CreateReportRequest) -> Result<NewReport> {
    let kind = kind(message.kind()).ok_or_else(|| invalid("kind", "must be given"))?;
    let subject_kind =
        subject_kind(message.subject_kind()).ok_or_else(|| invalid("subject_kind", "must be given"))?;
    let known_on = message.known_on.as_ref().map(|date| day("known_on", Some(date))).transpose()?;
    Ok(NewReport {
        id: id("report_id", &message.report_id)?,
        kind,
        subject: Subject { kind: subject_kind, id: id("subject_id", &message.subject_id)? },
        day: day("day", message.day.as_ref())?,
        known_on,
        definition: definition_ref(message.definition.as_ref()),
    })
}

pub(super) fn filter(message: &pb::ListReportsRequest) -> Result<ReportFilter> {
    Ok(ReportFilter {
        kinds: message.kinds().filter_map(kind).collect(),
        states: message.states().filter_map(state).collect(),
        subject_kind: subject_kind(message.subject_kind()),
        subject_id: optional_id("subject_id", &message.subject_id)?,
        days: message.days.as_ref().map(|days| range("days", Some(days), DAYS_MAX)).transpose()?,
    })
}

pub(super) fn form(message: &pb::DownloadReportRequest) -> Result<(Form, Language)> {
    let byte_order_mark = message.byte_order_mark;
    let form = match message.form() {
        pb::ReportForm::Unspecified => return Err(invalid("form", "must be given")),
        pb::ReportForm::Csv => Form::Csv { byte_order_mark },
        _ if byte_order_mark => return Err(invalid("byte_order_mark", "must only be given for CSV")),
        pb::ReportForm::Json => Form::Json,
        pb::ReportForm::Xlsx => Form::Xlsx,
        pb::ReportForm::Html => Form::Html,
    };
    let language = match message.language() {
        pb::ReportLanguage::Unspecified | pb::ReportLanguage::Chinese => Language::Chinese,
        pb::ReportLanguage::English => Language::English,
    };
    Ok((form, language))
}
