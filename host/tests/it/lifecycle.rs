//! Clients that go, servers that stop, clocks that move.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use punctual_host::WallClock;

use crate::support::{Application, EVERYTHING, logged, open, piece, until};

#[tokio::test]
async fn a_stream_ends_when_its_client_has_gone() {
    let server = Application::new(EVERYTHING).serve().await;
    let mut response = server.open("/sse?ms=10").await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert!(
        piece(response.body_mut())
            .await
            .expect("an event")
            .starts_with(b"id: 1")
    );
    assert_eq!(server.loaded.get("/sse/counts").await.text(), "1 0");
    drop(response);
    until("the function noticed", || async {
        server.loaded.get("/sse/counts").await.text() == "1 1"
    })
    .await;
}

#[tokio::test]
async fn stopping_lets_requests_finish_and_cuts_streams() {
    let mut server = Application::new(EVERYTHING)
        .limits(|limits| limits.shutdown_grace = Duration::from_millis(800))
        .serve()
        .await;
    let mut stream = server.open("/sse?ms=10").await.into_body();
    assert!(piece(&mut stream).await.is_some());
    let address = server.address;
    let slow = tokio::spawn(async move {
        let response = open(address, "/slow?ms=300").await;
        http_body_util::BodyExt::collect(response.into_body())
            .await
            .expect("the body")
            .to_bytes()
    });
    until("it has begun", || async {
        server.loaded.get("/slow/begun").await.text() == "1"
    })
    .await;
    server.stop();
    let start = Instant::now();
    server.ended().await;
    assert!(
        start.elapsed() >= Duration::from_millis(700),
        "the stream has its grace"
    );
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(slow.await.expect("joined"), "at last");
    while piece(&mut stream).await.is_some() {}
    assert!(
        tokio::net::TcpStream::connect(address).await.is_err(),
        "nobody listens any more"
    );
    assert!(logged(&["cutting connections"]));
}

#[tokio::test]
async fn components_see_the_injected_clock() {
    let micros = Arc::new(AtomicI64::new(1_800_000_000_123_456));
    let clock = WallClock::manual(micros.clone());
    let app = Application::new(EVERYTHING)
        .options(|options| options.clock = clock.clone())
        .load()
        .await;
    let seen = app.get("/clock").await.json();
    assert_eq!(seen["p2"], 1_800_000_000_123_456_i64);
    assert_eq!(seen["p3"], 1_800_000_000_123_456_i64);
    micros.fetch_add(86_400_000_000, Ordering::AcqRel);
    assert_eq!(
        app.get("/clock").await.json()["p2"],
        1_800_086_400_123_456_i64
    );
    assert_eq!(clock.now_micros(), 1_800_086_400_123_456);
    assert_eq!(
        app.get("/slow?ms=20").await.text(),
        "at last",
        "timers go on"
    );
}
