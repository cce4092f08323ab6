//! NATS: what was acknowledged is there after a kill.

use async_nats::jetstream;
use servers::{Nats, NatsOptions};

use crate::reachable_folder;

async fn context(url: &str) -> jetstream::Context {
    // The client takes no credentials from an address by itself.
    let address: async_nats::ServerAddr = url.parse().unwrap();
    let (user, password) = (address.username().unwrap().to_owned(), address.password().unwrap().to_owned());
    let options = async_nats::ConnectOptions::with_user_and_password(user, password);
    jetstream::new(options.connect(address).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_a_kill_and_a_new_holder() {
    let folder = reachable_folder();
    let mut nats = Nats::start(folder.path().join("nats"), NatsOptions::throwaway()).await.unwrap();
    let url = nats.url();
    let streams = context(&url).await;
    let config = jetstream::stream::Config {
        name: "words".into(),
        subjects: vec!["words".into()],
        ..Default::default()
    };
    streams.create_stream(config).await.unwrap();
    streams.publish("words", "one".into()).await.unwrap().await.unwrap();

    nats.kill9().await.unwrap();
    nats.restart().await.unwrap();
    assert_eq!(nats.url(), url, "clients find it where it was");
    let streams = context(&url).await;
    let ack = streams.publish("words", "two".into()).await.unwrap().await.unwrap();
    assert_eq!(ack.sequence, 2, "the first message is still there");

    drop(nats);
    let nats = Nats::start(folder.path().join("nats"), NatsOptions { sync_always: true }).await.unwrap();
    let mut words = context(&nats.url()).await.get_stream("words").await.unwrap();
    assert_eq!(words.info().await.unwrap().state.messages, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_is_asked_for() {
    let folder = reachable_folder();
    let nats = Nats::start(folder.path().join("nats"), NatsOptions::throwaway()).await.unwrap();
    assert!(async_nats::connect(format!("nats://127.0.0.1:{}", nats.port())).await.is_err());
}
