//! Event streams per test.

use async_nats::jetstream;
use futures::TryStreamExt;

use crate::{nats_url, shared};

/// Streams that no other test sees, on the shared server: a subject prefix of one's own. Removed with the value.
#[derive(Debug)]
pub struct TestNats {
    url: &'static str,
    prefix: String,
}

/// A new prefix on the shared server.
pub async fn nats() -> TestNats {
    let url = tokio::task::spawn_blocking(nats_url).await.expect("the test server starts");
    TestNats { url, prefix: format!("test{}", hex::encode(rand::random::<[u8; 8]>())) }
}

impl TestNats {
    /// The settings of a service.
    pub fn config(&self) -> events::EventsConfig {
        self.config_at(self.url)
    }

    /// The same settings at another address, for example a [`FaultProxy`](crate::FaultProxy)'s.
    pub fn config_at(&self, url: &str) -> events::EventsConfig {
        events::EventsConfig { prefix: self.prefix.clone(), ..events::EventsConfig::new(url) }
    }

    /// The server's URL, with user and password.
    pub fn url(&self) -> &str {
        self.url
    }

    /// What the subjects of this test begin with.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// A plain client.
    pub async fn client(&self) -> async_nats::Client {
        connect(self.url).await.expect("connect to the test server")
    }
}

impl Drop for TestNats {
    fn drop(&mut self) {
        let (url, prefix) = (self.url, self.prefix.clone());
        shared::in_background(async move {
            let Ok(client) = connect(url).await else { return };
            let context = jetstream::new(client);
            let Ok(names) = context.stream_names().try_collect::<Vec<_>>().await else { return };
            for name in names.iter().filter(|name| name.to_lowercase().contains(&prefix)) {
                let _ = context.delete_stream(name).await;
            }
        });
    }
}

/// Connects with the user and password of the URL; the client library does not take them from there by itself.
pub(crate) async fn connect(url: &str) -> Result<async_nats::Client, async_nats::ConnectError> {
    let address: async_nats::ServerAddr = url.parse()?;
    let options = match (address.username(), address.password()) {
        (Some(user), Some(password)) => {
            async_nats::ConnectOptions::with_user_and_password(user.to_owned(), password.to_owned())
        }
        _ => async_nats::ConnectOptions::new(),
    };
    options.connect(address).await
}
