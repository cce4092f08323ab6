//! What was published, as a follower of all subjects would see it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use events::{Event, Payload};
use futures::StreamExt;

use crate::nats::connect;
use crate::{TestNats, eventually};

/// Keeps every event published under a test's prefix from the moment it is made.
#[derive(Debug)]
pub struct EventCollector {
    events: Arc<Mutex<Vec<Event>>>,
    listening: tokio::task::JoinHandle<()>,
}

impl EventCollector {
    /// Begins to listen; events published before are not seen.
    pub async fn start(nats: &TestNats) -> Self {
        let client = connect(nats.url()).await.expect("connect to the test server");
        let mut messages = client.subscribe(format!("{}.>", nats.prefix())).await.expect("subscribe");
        // The subscription counts once the server has answered something sent after it.
        client.flush().await.expect("the server answers");
        let events = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&events);
        let listening = tokio::spawn(async move {
            // The client is kept: without it the subscription ends.
            let _client = client;
            while let Some(message) = messages.next().await {
                match events::decode(&message.payload) {
                    Ok(events) => kept.lock().unwrap_or_else(PoisonError::into_inner).extend(events),
                    Err(error) => tracing::debug!(%error, "something that is no event was published"),
                }
            }
        });
        Self { events, listening }
    }

    /// What was published so far, in the order of arrival.
    pub fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until `count` payloads were published that `wanted` picks, and returns all of these.
    pub async fn wait_for<T>(&self, count: usize, wanted: impl Fn(&Payload) -> Option<T>) -> Vec<T> {
        let picked = || -> Vec<T> {
            self.events().iter().filter_map(|event| event.payload.as_ref().and_then(&wanted)).collect()
        };
        eventually(Duration::from_secs(20), async || picked().len() >= count).await;
        picked()
    }
}

impl Drop for EventCollector {
    fn drop(&mut self) {
        self.listening.abort();
    }
}
