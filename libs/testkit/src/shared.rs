//! The servers that all tests of a run share.

use std::sync::OnceLock;

use servers::{Nats, NatsOptions, Postgres, PostgresOptions};

use crate::{DATABASE_VARIABLE, NATS_VARIABLE, Scratch};

/// A superuser's URL of the shared Postgres; started for this process when none is named.
pub fn database_url() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| {
        std::env::var(DATABASE_VARIABLE).unwrap_or_else(|_| {
            own(async |folder| {
                let server = Postgres::start(folder, PostgresOptions::throwaway()).await?;
                Ok((server.url(), server))
            })
        })
    })
}

/// The URL of the shared NATS; started for this process when none is named.
pub fn nats_url() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| {
        std::env::var(NATS_VARIABLE).unwrap_or_else(|_| {
            own(async |folder| {
                let server = Nats::start(folder, NatsOptions::throwaway()).await?;
                Ok((server.url(), server))
            })
        })
    })
}

/// Starts a server that lives as long as this process. It gets a thread and a runtime of its own, because each
/// test's runtime ends with that test; the guardian stops the server when the process ends.
fn own<S: 'static>(
    start: impl AsyncFnOnce(std::path::PathBuf) -> Result<(String, S), servers::Error> + Send + 'static,
) -> String {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let folder = Scratch::in_memory();
            let (url, server) = start(folder.path().join("server")).await.unwrap_or_else(|e| panic!("{e}"));
            tell.send(url).expect("the test waits for its server");
            std::future::pending::<()>().await;
            drop(server);
        });
    });
    told.recv().expect("the server's thread says above why it could not start")
}

/// Runs clean-up that outlives its test's runtime, and waits for it.
pub(crate) fn in_background(work: impl Future<Output = ()> + Send + 'static) {
    let worker = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(work);
    });
    let _ = worker.join();
}
