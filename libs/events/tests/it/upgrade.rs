//! What a release finds on a broker that an older one has set up.

use std::time::Duration;

use async_nats::jetstream::consumer::{PullConsumer, pull};
use events::subject::TEAM_CHANGED;
use futures::StreamExt;
use testkit::eventually;

use crate::support::{Noter, Suite, WITHIN, team};

/// As `follow` names the consumer of "echo".
const CONSUMER: &str = "echo--performance_team_changed";

#[tokio::test]
async fn a_consumer_of_an_older_release_gets_todays_settings_and_keeps_its_place() {
    let suite = Suite::start().await;
    for n in 0..5 {
        suite.send(TEAM_CHANGED, events::encode(&team(n, 1)).expect("encodes").payload).await;
    }
    let (older_wait, older_pending) = (Duration::from_secs(77), 7);
    let older = pull::Config {
        durable_name: Some(CONSUMER.to_owned()),
        filter_subject: format!("{}.{TEAM_CHANGED}", suite.nats.prefix()),
        ack_wait: older_wait,
        max_ack_pending: older_pending,
        ..pull::Config::default()
    };
    let stream = format!("{}_EVENTS", suite.nats.prefix().to_uppercase());
    let consumer: PullConsumer =
        suite.bus.jetstream().create_consumer_on_stream(older, &stream).await.expect("is made");
    let mut handled_before = consumer.fetch().max_messages(3).messages().await.expect("come");
    while let Some(message) = handled_before.next().await {
        message.expect("a message").double_ack().await.expect("is acknowledged");
    }

    suite.follow(Noter::default());
    suite.until("SELECT count(*) AS n FROM effects", 2).await;
    eventually(WITHIN, async || suite.unsettled(TEAM_CHANGED).await == 0).await;
    assert_eq!(suite.number("SELECT count(*) AS n FROM effects").await, 2, "the other three were done");

    let mut consumer: PullConsumer =
        suite.bus.jetstream().get_consumer_from_stream(CONSUMER, &stream).await.expect("is there");
    let config = &consumer.info().await.expect("the broker answers").config;
    assert!(config.ack_wait < older_wait, "{:?}", config.ack_wait);
    assert!(config.max_ack_pending > older_pending, "{}", config.max_ack_pending);
}
