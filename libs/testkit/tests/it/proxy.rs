//! A connection that fails on command.

use std::time::{Duration, Instant};

use testkit::{Fault, FaultProxy, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Sends everything back.
async fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                tokio::io::copy(&mut from, &mut to).await
            });
        }
    });
    address
}

async fn ask(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"ping").await?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await?;
    assert_eq!(&answer, b"ping");
    Ok(())
}

#[tokio::test]
async fn bytes_pass_wait_hang_and_break_as_told() {
    let proxy = FaultProxy::start(echo().await).await;
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    ask(&mut stream).await.unwrap();

    proxy.set(Fault::Delay(Duration::from_millis(60)));
    let asked_at = Instant::now();
    ask(&mut stream).await.unwrap();
    assert!(asked_at.elapsed() >= Duration::from_millis(120), "both ways wait");

    proxy.set(Fault::Stall);
    assert!(timeout(Duration::from_millis(100), ask(&mut stream)).await.is_err(), "nothing passes");
    proxy.set(Fault::None);
    let mut late = [0; 4];
    stream.read_exact(&mut late).await.unwrap();

    proxy.set(Fault::Cut);
    assert!(ask(&mut stream).await.is_err(), "the open connection is closed");
    eventually(Duration::from_secs(5), async || match TcpStream::connect(proxy.address()).await {
        Ok(mut fresh) => ask(&mut fresh).await.is_err(),
        Err(_) => true,
    })
    .await;
}

#[tokio::test]
async fn a_url_keeps_everything_but_the_address() {
    let proxy = FaultProxy::start("127.0.0.1:1").await;
    let address = proxy.address();
    assert_eq!(proxy.url("postgres://a:b@host:1/db?x=1"), format!("postgres://a:b@{address}/db?x=1"));
    assert_eq!(proxy.url("nats://host:4222"), format!("nats://{address}"));
}
