//! A TCP connection that fails on command: put it between a service and what it depends on.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the proxy does to the bytes that pass through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// Every chunk waits this long, in both directions.
    Delay(Duration),
    /// Connections are accepted and stay open, and not a byte passes: the peer hangs.
    Stall,
    /// Open connections are closed at once and new ones right after they were accepted: the peer is down.
    Cut,
}

/// A proxy in front of one address. It ends when dropped.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    fault: watch::Sender<Fault>,
    accepting: tokio::task::JoinHandle<()>,
}

impl FaultProxy {
    /// Listens on a free port of 127.0.0.1 and passes everything to `upstream`, for example `127.0.0.1:5432`.
    pub async fn start(upstream: impl Into<String>) -> Self {
        let upstream = upstream.into();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listen on a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let (fault, watched) = watch::channel(Fault::None);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, upstream.clone(), watched.clone()));
            }
        });
        Self { address, fault, accepting }
    }

    /// Where to connect instead of the upstream.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `url` with its host and port replaced by the proxy's.
    pub fn url(&self, url: &str) -> String {
        let host_starts = url.rfind('@').or_else(|| url.find("://").map(|at| at + 2)).map_or(0, |at| at + 1);
        let host_ends = url[host_starts..].find('/').map_or(url.len(), |at| host_starts + at);
        format!("{}{}{}", &url[..host_starts], self.address, &url[host_ends..])
    }

    /// Sets what happens from now on, to open connections too.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.fault.send_replace(Fault::Cut);
    }
}

async fn serve(client: TcpStream, upstream: String, mut fault: watch::Receiver<Fault>) {
    if *fault.borrow_and_update() == Fault::Cut {
        return;
    }
    let Ok(server) = TcpStream::connect(&upstream).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut cut = fault.clone();
    // Whatever ends first ends both directions: dropping the halves closes the sockets.
    tokio::select! {
        () = pass(from_client, to_server, fault.clone()) => {}
        () = pass(from_server, to_client, fault) => {}
        _ = cut.wait_for(|fault| *fault == Fault::Cut) => {}
    }
}

async fn pass(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut fault: watch::Receiver<Fault>,
) {
    let mut chunk = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        let now = *fault.borrow_and_update();
        if let Fault::Delay(by) = now {
            tokio::time::sleep(by).await;
        }
        if now == Fault::Stall && fault.wait_for(|fault| *fault != Fault::Stall).await.is_err() {
            return;
        }
        if to.write_all(&chunk[..length]).await.is_err() {
            return;
        }
    }
}
