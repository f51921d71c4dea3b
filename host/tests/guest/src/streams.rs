//! Bodies that go on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use spin_sdk::http::{BoxBody, Response, body, box_body};

static STARTED: AtomicU64 = AtomicU64::new(0);
static ENDED: AtomicU64 = AtomicU64::new(0);

/// Server-sent events, one every `ms` milliseconds, for as long as there is a client.
pub fn events(ms: u64) -> Response<BoxBody> {
    STARTED.fetch_add(1, Ordering::Relaxed);
    let (mut sender, body) = body::stream::<Bytes>();
    spin_sdk::wasip3::spawn(async move {
        for number in 1_u64.. {
            let event = Bytes::from(format!("id: {number}\ndata: event {number}\n\n"));
            if futures::SinkExt::send(&mut sender, event).await.is_err() {
                break;
            }
            spin_sdk::time::sleep(Duration::from_millis(ms)).await;
        }
        ENDED.fetch_add(1, Ordering::Relaxed);
        println!("a stream ended");
    });
    let mut response = Response::new(box_body(body));
    response.headers_mut().insert(
        "content-type",
        http::HeaderValue::from_static("text/event-stream"),
    );
    response
}

/// Streams of this instance: begun, ended.
pub fn counts() -> String {
    format!(
        "{} {}",
        STARTED.load(Ordering::Relaxed),
        ENDED.load(Ordering::Relaxed)
    )
}
