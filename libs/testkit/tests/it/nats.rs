//! Event streams per test, and what was published on them.

use chrono::DateTime;
use events::{Event, Payload};
use proto::events::v1::TeamChanged;
use testkit::EventCollector;

fn team_changed(name: &str) -> Event {
    let payload = TeamChanged { team_id: "t".into(), name: name.into(), archived: false };
    events::event("demo", "team/t", 1, DateTime::UNIX_EPOCH, Payload::TeamChanged(payload))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_sees_the_events_of_its_test_and_no_others() {
    let (ours, others) = (testkit::nats().await, testkit::nats().await);
    let collector = EventCollector::start(&ours).await;
    for (nats, name) in [(&others, "theirs"), (&ours, "one"), (&ours, "two")] {
        let encoded = events::encode(&team_changed(name)).unwrap();
        let client = nats.client().await;
        let subject = format!("{}.{}", nats.prefix(), encoded.subject);
        client.publish(subject, encoded.payload.into()).await.unwrap();
        client.flush().await.unwrap();
    }
    let mut names = collector
        .wait_for(2, |payload| match payload {
            Payload::TeamChanged(team) => Some(team.name.clone()),
            _ => None,
        })
        .await;
    // Two clients published them: no order is promised.
    names.sort();
    assert_eq!(names, ["one", "two"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_a_test_go_with_it() {
    let nats = testkit::nats().await;
    let context = async_nats::jetstream::new(nats.client().await);
    let (name, subjects) = (format!("{}_EVENTS", nats.prefix()), vec![format!("{}.>", nats.prefix())]);
    let config = async_nats::jetstream::stream::Config { name: name.clone(), subjects, ..Default::default() };
    context.create_stream(config).await.unwrap();
    drop(nats);
    assert!(context.get_stream(&name).await.is_err());
}
