//! Cases of complaints that come in as facts.

use std::time::Duration;

use proto::metrics::v1 as pb;
use proto::metrics::v1::case_service_client::CaseServiceClient;
use proto::metrics::v1::fact::Body;
use testkit::{caller, eventually};

use crate::cases::agent;
use crate::fact_support::{fact, local, revised};
use crate::follow_ups::{looked, shop};
use crate::support::TestMetrics;

fn complaint(severity: pb::ComplaintSeverity, cause: &str) -> pb::Complaint {
    pb::Complaint {
        order_id: "o-1".to_owned(),
        severity: severity.into(),
        cause: cause.to_owned(),
        ..Default::default()
    }
}

async fn all(test: &TestMetrics) -> Vec<pb::Case> {
    let mut client = CaseServiceClient::new(test.channel.clone());
    let asked = pb::ListCasesRequest::default();
    client.list_cases(test.by(&caller(), asked)).await.expect("lists").into_inner().cases
}

/// Waits until there are as many cases.
async fn until(test: &TestMetrics, count: i64) {
    eventually(Duration::from_secs(30), async || test.count("SELECT count(*) FROM cases").await == count)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_complaint_opens_one_case_that_follows_its_corrections() {
    let test = shop().await;
    let ordinary = || complaint(pb::ComplaintSeverity::Ordinary, "破损丢件");
    let made = || fact("k-1", "2020-06-29T20:00:00", Body::Complaint(ordinary()));
    let turned_down = pb::Complaint { upheld: Some(false), ..ordinary() };
    let closed = pb::Complaint { closed_at: Some(local("2020-06-29T21:00:00")), ..ordinary() };
    test.send_facts(vec![
        made(),
        fact("k-2", "2020-06-29T20:00:00", Body::Complaint(turned_down)),
        fact("k-3", "2020-06-29T20:00:00", Body::Complaint(closed)),
        fact("k-4", "2020-06-01T20:00:00", Body::Complaint(ordinary())),
    ])
    .await;
    until(&test, 1).await;
    let found = all(&test).await;
    let [case] = found.as_slice() else { panic!("{found:?}") };
    let content = case.content.as_ref().expect("content");
    assert_eq!(
        (case.complaint_id.as_str(), case.state(), case.accepted_by_person_id.as_str()),
        ("k-1", pb::CaseState::Accepted, "")
    );
    assert_eq!((content.cause_id.as_str(), content.order_id.as_str()), ("parcel", "o-1"));
    assert_eq!((content.severity(), content.customer_id.as_str()), (pb::ComplaintSeverity::Ordinary, "b-1"));
    assert_eq!(case.due_at, Some(local("2020-07-01T20:00:00")), "48 hours after it was made");
    assert!(["p1", "p3"].contains(&case.owner_person_id.as_str()), "an agent who leads nobody: {case:?}");
    let mut client = CaseServiceClient::new(test.channel.clone());
    let own = pb::ListCasesRequest { owner_person_id: case.owner_person_id.clone(), ..Default::default() };
    let listed = client.list_cases(test.by(&agent(&case.owner_person_id), own)).await.expect("lists");
    assert_eq!(listed.into_inner().cases, found, "it is on their work list");

    // Sent again it changes nothing; corrected it changes the case.
    test.send_facts(vec![made()]).await;
    looked(&test).await;
    assert_eq!(all(&test).await, found);
    let graver = complaint(pb::ComplaintSeverity::Authority, "价格与优惠");
    test.send_facts(vec![revised(fact("k-1", "2020-06-29T20:00:00", Body::Complaint(graver)), 2)]).await;
    eventually(Duration::from_secs(30), async || all(&test).await[0].version == 2).await;
    let corrected = all(&test).await;
    assert_eq!((corrected.len(), corrected[0].case_id.as_str()), (1, case.case_id.as_str()));
    let content = corrected[0].content.as_ref().expect("content");
    assert_eq!(
        (content.severity(), content.cause_id.as_str(), content.event.as_str()),
        (pb::ComplaintSeverity::Authority, "price", "价格与优惠")
    );
    let audited = format!("SELECT count(*) FROM audit_entries WHERE entity = 'case/{}'", case.case_id);
    assert_eq!(test.count(&audited).await, 2);
}
