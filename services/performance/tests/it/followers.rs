//! What the directory learns by events, and what others learn from it.

use std::time::Duration;

use events::{Bus, Payload};
use prost::Message;
use proto::events::v1 as events_v1;
use proto::performance::v1 as pb;
use testkit::{EventCollector, caller, eventually};
use tokio_stream::StreamExt;
use tokio_util::sync::CancellationToken;
use tonic::Code;

use crate::support::{TestPerformance, may, refusal};

/// As metrics would tell of an account.
async fn tell(test: &TestPerformance, account: &str, day: i32) {
    let seen =
        events_v1::AgentSeen { account_id: account.to_owned(), shop_id: "s".to_owned(), first_day: may(day) };
    let now = runtime::clock::Clock::now(&test.clock);
    let event =
        events::event("demo", format!("account/{}", account.trim()), 1, now, Payload::AgentSeen(seen));
    let encoded = events::encode(&event).expect("encodes");
    let bus = Bus::connect(&test.nats.config()).await.expect("connects");
    assert!(bus.ready(&CancellationToken::new()).await);
    let subject = format!("{}.{}", bus.prefix(), encoded.subject);
    let sent = bus.jetstream().publish(subject, encoded.payload.into()).await.expect("publishes");
    sent.await.expect("is acknowledged");
}

async fn unconfirmed(test: &mut TestPerformance) -> Vec<pb::Person> {
    let statuses = vec![pb::PersonStatus::Unconfirmed.into()];
    test.list(pb::ListPeopleRequest { statuses, ..Default::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_nobody_knows_becomes_an_unconfirmed_person() {
    let mut test = TestPerformance::start().await;
    test.person("p").await;
    test.account("p", "known").await;
    // Twice the same account by different events, and one that is somebody's.
    for (account, day) in [("x", 12), ("x", 13), ("known", 12), ("y", 12)] {
        tell(&test, account, day).await;
    }
    eventually(Duration::from_secs(20), async || test.count("SELECT count(*) FROM inbox").await == 4).await;
    let people = unconfirmed(&mut test).await;
    let mut accounts: Vec<_> = people.iter().map(|person| person.accounts[0].account_id.as_str()).collect();
    accounts.sort_unstable();
    assert_eq!((people.len(), accounts), (2, vec!["x", "y"]));
    assert_eq!(test.get("p").await.expect("is there").etag, "2", "whoever has the account is left alone");

    test.account("p", "x").await;
    assert_eq!(unconfirmed(&mut test).await.len(), 1, "the account found its owner");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_makes_no_sense_is_parked_and_blocks_nobody() {
    let mut test = TestPerformance::start().await;
    // Blank once it is trimmed.
    tell(&test, "  ", 12).await;
    tell(&test, "good", 12).await;
    eventually(Duration::from_secs(20), async || unconfirmed(&mut test).await.len() == 1).await;
    eventually(Duration::from_secs(20), async || test.count("SELECT count(*) FROM parked_events").await == 1)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_builds_the_same_directory_as_the_snapshot() {
    let mut test = TestPerformance::start().await;
    let collector = EventCollector::start(&test.nats).await;
    test.team("a").await;
    for id in ["p", "q"] {
        test.person(id).await;
    }
    test.member("p", "a", true).await;
    test.account("p", "x").await;
    let told = collector
        .wait_for(4, |payload| match payload {
            Payload::PersonChanged(person) => Some(person.clone()),
            _ => None,
        })
        .await;
    let newest = |id: &str| {
        let of_person = told.iter().filter(|person| person.person_id == id);
        of_person.max_by_key(|person| person.memberships.len() + person.accounts.len()).cloned()
    };

    let service = caller().roles(&[proto::access::Role::ServiceAccount]);
    let request = test.by(&service, pb::StreamDirectoryRequest {});
    let mut stream = test.client.stream_directory(request).await.expect("streams").into_inner();
    let mut snapshot = Vec::new();
    while let Some(answer) = stream.next().await {
        let event = answer.expect("an event").event;
        snapshot.push(events_v1::Event::decode(event.as_slice()).expect("decodes"));
    }
    let entities: Vec<_> = snapshot.iter().map(|event| (event.entity.as_str(), event.version)).collect();
    assert_eq!(entities, [("team/a", 1), ("person/p", 3), ("person/q", 1)]);
    for event in &snapshot {
        if let Some(Payload::PersonChanged(person)) = &event.payload {
            assert_eq!(newest(&person.person_id).as_ref(), Some(person));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_is_told_once_more_with_the_versions_it_has() {
    let mut test = TestPerformance::start().await;
    let collector = EventCollector::start(&test.nats).await;
    let service = caller().roles(&[proto::access::Role::ServiceAccount]);
    let announce = pb::AnnounceDirectoryRequest { request_id: "once".to_owned() };
    let early = test.client.announce_directory(test.by(&service, announce.clone())).await;
    assert_eq!(refusal(early), (Code::FailedPrecondition, "MERCHANT_UNSET".to_owned()));

    let settings = pb::UpdateMerchantRequest {
        name: "示范".to_owned(),
        time_zone: "Asia/Shanghai".to_owned(),
        etag: "0".to_owned(),
        ..Default::default()
    };
    test.client.update_merchant(test.by(&caller(), settings)).await.expect("sets up");
    test.team("a").await;
    test.person("p").await;
    test.member("p", "a", true).await;
    let told = "SELECT count(*) FROM outbox";
    let before = test.count(told).await;
    for _ in 0..2 {
        let answer = test.client.announce_directory(test.by(&service, announce.clone())).await;
        let answer = answer.expect("announces").into_inner();
        assert_eq!((answer.teams, answer.people), (1, 1));
    }
    assert_eq!(test.count(told).await, before + 3, "the merchant, the team and the person, once");
    assert_eq!(test.count("SELECT count(*) FROM audit_entries WHERE entity = 'directory'").await, 1);

    let people = collector
        .wait_for(3, |payload| match payload {
            Payload::PersonChanged(person) => Some(person.clone()),
            _ => None,
        })
        .await;
    assert_eq!(people[2], people[1], "as it was told when it changed last");
}
