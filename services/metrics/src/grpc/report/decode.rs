//! Reports from the wire to the domain.

use proto::access::role_name;
use proto::metrics::v1 as pb;
use runtime::identity::Caller;

use crate::domain::report::filter::ReportFilter;
use crate::domain::report::plan::{Content, Plan, Shift, SpecialDay};
use crate::domain::report::{ReportKind, ReportState, Subject, SubjectKind};
use crate::domain::reports::NewReport;
use crate::error::MetricsError;
use crate::forms::{Form, Language};
use crate::grpc::decode::{DAYS_MAX, day, definition_ref, id, invalid, optional_id, range};

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

pub(super) fn filter(message: &pb::ListReportsRequest, caller: &Caller) -> Result<ReportFilter> {
    let roles = || caller.roles.iter().map(|role| role_name(*role)).collect();
    Ok(ReportFilter {
        kinds: message.kinds().filter_map(kind).collect(),
        states: message.states().filter_map(state).collect(),
        subject_kind: subject_kind(message.subject_kind()),
        subject_id: optional_id("subject_id", &message.subject_id)?,
        days: message.days.as_ref().map(|days| range("days", Some(days), DAYS_MAX)).transpose()?,
        addressed_to: message.addressed_to_me.then(roles),
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

/// What is to be set, and the etag of what it follows.
pub(super) fn schedule(message: Option<&pb::ReportSchedule>) -> Result<(Content, &str)> {
    let message = message.ok_or_else(|| invalid("schedule", "must be given"))?;
    let plans = message.plans.iter().enumerate().map(|(at, given)| plan(at, given)).collect::<Result<_>>()?;
    let special_day = |(at, special): (usize, &pb::SpecialDay)| {
        let day = day(&format!("schedule.special_days[{at}].day"), special.day.as_ref())?;
        Ok(SpecialDay { day, working: special.working, name: special.name.clone() })
    };
    let content = Content {
        plans,
        days_off: message.days_off.iter().filter_map(|day| u8::try_from(*day).ok()).collect(),
        special_days: message.special_days.iter().enumerate().map(special_day).collect::<Result<_>>()?,
    };
    Ok((content, &message.etag))
}

fn plan(at: usize, plan: &pb::ReportPlan) -> Result<Plan> {
    let wrong = |field: &str, why: &str| invalid(format!("schedule.plans[{at}].{field}"), why);
    let kind = kind(plan.kind()).ok_or_else(|| wrong("kind", "must be given"))?;
    let shift = match plan.shift() {
        pb::ReportShift::Unspecified => return Err(wrong("shift", "must be given")),
        pb::ReportShift::Stay => Shift::Stay,
        pb::ReportShift::After => Shift::After,
        pb::ReportShift::Before => Shift::Before,
    };
    let day = match (plan.weekday, plan.day_of_month) {
        (0, 0) => None,
        (day, 0) if kind == ReportKind::Weekly => Some(day),
        (0, day) if kind != ReportKind::Weekly => Some(day),
        (0, _) => return Err(wrong("day_of_month", "must only be given for a month, a quarter or a year")),
        _ => return Err(wrong("weekday", "must only be given for a week")),
    };
    Ok(Plan {
        kind,
        subjects: plan.subjects().filter_map(subject_kind).collect(),
        day: day.and_then(|day| u8::try_from(day).ok()),
        hour: plan.hour.and_then(|hour| u8::try_from(hour).ok()),
        shift,
        recipients: plan.recipients().map(role_name).collect(),
    })
}
