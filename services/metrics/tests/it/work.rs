//! Handing work over before a leave.

use proto::access::Role;
use proto::metrics::v1 as pb;
use proto::metrics::v1::work_service_client::WorkServiceClient;
use testkit::{TestCaller, caller};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::cases::{accept_as, agent, broken_parcel, get_as};
use crate::fact_support::{fact, of, order};
use crate::follow_ups::{by_hand, create_as, shop, until};
use crate::support::{TestMetrics, days, reason};

fn client(test: &TestMetrics) -> WorkServiceClient<Channel> {
    WorkServiceClient::new(test.channel.clone())
}

async fn hand_over_as(
    test: &TestMetrics,
    who: &TestCaller,
    from: &str,
    to: &[&str],
) -> Result<(i32, i32, i32), Status> {
    let message = pb::HandOverWorkRequest {
        from_person_id: from.to_owned(),
        to_person_ids: to.iter().map(|id| (*id).to_owned()).collect(),
        note: "休假，有事打13812345678".to_owned(),
        request_id: String::new(),
    };
    let done = client(test).hand_over_work(test.by(who, message)).await?.into_inner();
    Ok((done.cases, done.follow_ups, done.left))
}

async fn set_as(
    test: &TestMetrics,
    who: &TestCaller,
    person: &str,
    leave: Option<(&str, &str)>,
    etag: &str,
) -> Result<Option<pb::Absence>, Status> {
    let message = pb::SetAbsenceRequest {
        person_id: person.to_owned(),
        days: leave.and_then(|(from, to)| days(from, to)),
        etag: etag.to_owned(),
        request_id: String::new(),
    };
    Ok(client(test).set_absence(test.by(who, message)).await?.into_inner().absence)
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_open_is_handed_over_evenly_before_a_leave() {
    let test = shop().await;
    for id in ["c1", "c2", "c3"] {
        accept_as(&test, &agent("p1"), id, broken_parcel()).await.expect("accepts");
    }
    for id in ["f1", "f2"] {
        create_as(&test, &agent("p1"), by_hand(id, id)).await.expect("makes");
    }
    accept_as(&test, &agent("p3"), "theirs", broken_parcel()).await.expect("accepts");
    let leave = Some(("2020-07-01", "2020-07-03"));
    let absence = set_as(&test, &agent("p1"), "p1", leave, "").await.expect("is set").expect("an absence");
    assert_eq!((absence.open_cases, absence.open_follow_ups), (3, 2));
    let waiting = async |with_work| {
        let asked = pb::ListAbsencesRequest { with_work, ..Default::default() };
        let lead = caller().person("p2").roles(&[Role::Lead]);
        let list = client(&test).list_absences(test.by(&lead, asked)).await.expect("lists").into_inner();
        list.absences.into_iter().map(|absence| absence.person_id).collect::<Vec<_>>()
    };
    assert_eq!(waiting(true).await, ["p1"]);

    let due = get_as(&test, &caller(), "c1").await.expect("answers").due_at;
    assert_eq!(hand_over_as(&test, &agent("p1"), "p1", &["p3", "p4"]).await.expect("hands over"), (3, 2, 0));
    // p3 had a case already.
    let cases = "SELECT count(*) FROM cases WHERE owner_person_id =";
    assert_eq!(test.count(&format!("{cases} 'p3'")).await, 2);
    assert_eq!(test.count(&format!("{cases} 'p4'")).await, 2);
    assert_eq!(test.count("SELECT count(DISTINCT owner_person_id) FROM follow_ups").await, 2);
    let handed = get_as(&test, &agent("p1"), "c1").await.expect("still sees it");
    assert_eq!((handed.due_at, handed.events), (due, 2), "no clock changes");
    assert_eq!((waiting(true).await, waiting(false).await), (vec![], vec!["p1".to_owned()]));
    assert_eq!(test.count("SELECT count(*) FROM case_events WHERE happening::text ~ '13812345678'").await, 0);
    let nothing = hand_over_as(&test, &agent("p1"), "p1", &["p3"]).await.expect("has nothing left");
    assert_eq!(nothing, (0, 0, 0));

    // Nothing new comes while they are away.
    test.clock.set("2020-07-01T10:00:00+08:00");
    let unpaid = (1..=3)
        .map(|n| of(&format!("b-{n}"), fact(&format!("o-{n}"), "2020-07-01T09:00:00", order(&["sku-1"]))));
    test.send_facts(unpaid.collect()).await;
    until(&test, "open", 5).await;
    assert_eq!(test.count("SELECT count(*) FROM follow_ups WHERE owner_person_id = 'p1'").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn work_and_leave_are_those_of_people_within_reach() {
    let test = shop().await;
    let refused = async |who: TestCaller, from: &str, to: &[&str]| {
        hand_over_as(&test, &who, from, to).await.expect_err("is refused")
    };
    let lead = || caller().person("p2").roles(&[Role::Lead]);
    for (who, from, to) in [(agent("p1"), "p3", "p1"), (lead(), "p3", "p1"), (lead(), "p1", "px")] {
        let far = refused(who, from, &[to]).await;
        assert_eq!((far.code(), reason(&far).as_str()), (Code::NotFound, "PERSON_NOT_FOUND"), "{from} {to}");
    }
    let same = refused(agent("p1"), "p1", &["p3", "p1"]).await;
    assert_eq!(same.code(), Code::InvalidArgument);
    let leave = Some(("2020-07-01", "2020-07-03"));
    let far = set_as(&test, &agent("p1"), "p3", leave, "").await.expect_err("is not theirs");
    assert_eq!(reason(&far), "PERSON_NOT_FOUND");

    let set = set_as(&test, &lead(), "p1", leave, "").await.expect("is set").expect("an absence");
    let longer = Some(("2020-07-01", "2020-07-05"));
    let stale = set_as(&test, &lead(), "p1", longer, "").await.expect_err("there is one");
    assert_eq!((stale.code(), reason(&stale).as_str()), (Code::Aborted, "ABSENCE_CHANGED"));
    let next = set_as(&test, &lead(), "p1", longer, &set.etag).await.expect("is set").expect("an absence");
    assert_eq!(next.days, days("2020-07-01", "2020-07-05"));
    assert_eq!(set_as(&test, &lead(), "p1", None, &next.etag).await.expect("is ended"), None);
    assert_eq!(test.count("SELECT count(*) FROM absences").await, 0);
}
