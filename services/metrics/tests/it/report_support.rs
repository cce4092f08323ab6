//! Asking for reports, and the figures that they must have.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, ReflectMessage, Value};
use proto::google::r#type::Money;
use proto::metrics::v1 as pb;
use proto::metrics::v1::report_service_client::ReportServiceClient;
use testkit::{TestCaller, caller, eventually};
use tonic::Status;
use tonic::transport::Channel;

use crate::support::{TestMetrics, date};

pub fn client(test: &TestMetrics) -> ReportServiceClient<Channel> {
    ReportServiceClient::new(test.channel.clone())
}

/// Asks for a report about the period that holds a day.
pub fn asking_for(
    kind: pb::ReportKind,
    subject: (pb::ReportSubjectKind, &str),
    day: &str,
) -> pb::CreateReportRequest {
    pb::CreateReportRequest {
        kind: kind.into(),
        subject_kind: subject.0.into(),
        subject_id: subject.1.to_owned(),
        day: Some(date(day)),
        ..Default::default()
    }
}

pub async fn create_as(
    test: &TestMetrics,
    who: &TestCaller,
    message: pb::CreateReportRequest,
) -> Result<pb::Report, Status> {
    Ok(client(test).create_report(test.by(who, message)).await?.into_inner().report.expect("a report"))
}

pub async fn get_as(test: &TestMetrics, who: &TestCaller, id: &str) -> Result<pb::Report, Status> {
    let message = pb::GetReportRequest { report_id: id.to_owned() };
    Ok(client(test).get_report(test.by(who, message)).await?.into_inner().report.expect("a report"))
}

/// Waits until it is made.
pub async fn ready(test: &TestMetrics, id: &str) -> pb::Report {
    eventually(Duration::from_secs(120), async || {
        let report = get_as(test, &caller(), id).await.expect("is there");
        assert_ne!(report.state(), pb::ReportState::Failed, "{}", report.failure);
        report.state() == pb::ReportState::Ready
    })
    .await;
    get_as(test, &caller(), id).await.expect("is there")
}

/// Asks for a report as the manager, and waits for it.
pub async fn made(test: &TestMetrics, message: pb::CreateReportRequest) -> pb::Report {
    let report = create_as(test, &caller(), message).await.expect("asks");
    ready(test, &report.report_id).await
}

/// A file: what its first piece says of it, and all its bytes.
pub async fn download_as(
    test: &TestMetrics,
    who: &TestCaller,
    message: pb::DownloadReportRequest,
) -> Result<(pb::DownloadReportResponse, Vec<u8>), Status> {
    let mut pieces = client(test).download_report(test.by(who, message)).await?.into_inner();
    let first = pieces.message().await?.expect("a piece");
    let mut bytes = first.data.clone();
    while let Some(piece) = pieces.message().await? {
        assert!(piece.content_type.is_empty() && piece.size == 0 && piece.data.len() <= 64 << 10);
        bytes.extend(piece.data);
    }
    assert_eq!(first.size, bytes.len() as i64);
    Ok((first, bytes))
}

pub async fn download(test: &TestMetrics, id: &str, form: pb::ReportForm) -> Vec<u8> {
    let message = pb::DownloadReportRequest {
        report_id: id.to_owned(),
        form: form.into(),
        language: pb::ReportLanguage::English.into(),
        ..Default::default()
    };
    download_as(test, &caller(), message).await.expect("downloads").1
}

/// What the API says of one figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Told {
    pub above: i64,
    pub below: i64,
    pub value: Option<f64>,
    pub median: Option<f64>,
    pub p90: Option<f64>,
}

static FIGURES: LazyLock<MessageDescriptor> = LazyLock::new(|| {
    let pool = DescriptorPool::decode(proto::DESCRIPTOR_SET).expect("descriptors");
    pool.get_message_by_name("jinpai.metrics.v1.Figures").expect("a message")
});

/// Every figure of a row, by its measure's name: each is the field of the same name.
pub fn figures_of(row: &pb::Figures) -> BTreeMap<String, Told> {
    let row = DynamicMessage::decode(FIGURES.clone(), row.encode_to_vec().as_slice()).expect("a row");
    let measures = (1..1_000).filter_map(|number| pb::Measure::try_from(number).ok());
    // Those that are no sums are told of rows alone.
    let alone = [
        pb::Measure::ActiveAccounts,
        pb::Measure::DistinctCustomers,
        pb::Measure::Within,
        pb::Measure::FirstWithin,
    ];
    measures
        .filter(|measure| !alone.contains(measure))
        .map(|measure| {
            let name = measure.as_str_name().trim_start_matches("MEASURE_").to_owned();
            let field = row.get_field_by_name(&name.to_lowercase()).expect("the figure's field");
            (name, told(&field))
        })
        .collect()
}

fn told(field: &Value) -> Told {
    let nothing = Told { above: 0, below: 0, value: None, median: None, p90: None };
    let message = match field {
        Value::I64(count) => return Told { above: *count, value: Some(*count as f64), ..nothing },
        Value::Message(message) => message,
        other => panic!("no figure: {other:?}"),
    };
    let whole = |name: &str| {
        message.get_field_by_name(name).and_then(|value| value.as_i64()).expect("a whole number")
    };
    let number = |name: &str| {
        let given = message.has_field_by_name(name);
        given.then(|| message.get_field_by_name(name).and_then(|value| value.as_f64()).expect("a number"))
    };
    let money = |name: &str| {
        let given = message.has_field_by_name(name);
        given.then(|| {
            let value = message.get_field_by_name(name).expect("a field").into_owned();
            value.as_message().expect("an amount").transcode_to::<Money>().expect("money")
        })
    };
    let yuan = |money: Money| money.units as f64 + f64::from(money.nanos) / 1e9;
    let fen = |money: &Money| money.units * 100 + i64::from(money.nanos) / 10_000_000;
    match message.descriptor().name() {
        "Rate" => Told {
            above: whole("numerator"),
            below: whole("denominator"),
            value: number("quotient"),
            ..nothing
        },
        "Times" => Told {
            above: whole("sum_ms"),
            below: whole("count"),
            value: number("average_seconds"),
            median: number("median_seconds"),
            p90: number("p90_seconds"),
        },
        "Money" => {
            let money = message.transcode_to::<Money>().expect("money");
            Told { above: fen(&money), value: Some(yuan(money)), ..nothing }
        }
        "AmountPerHead" => Told {
            above: money("amount").as_ref().map_or(0, fen),
            below: whole("count"),
            value: money("average").map(yuan),
            ..nothing
        },
        other => panic!("no figure: {other}"),
    }
}
