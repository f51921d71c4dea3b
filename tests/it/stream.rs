//! A person's live stream, read event by event.

use futures::StreamExt;
use futures::stream::BoxStream;
use serde_json::Value;

use crate::client::User;
use crate::wait::DEADLINE;

pub struct Events {
    chunks: BoxStream<'static, String>,
    buffer: String,
}

#[derive(Debug, Clone)]
pub struct Event {
    pub id: String,
    pub kind: String,
    pub data: Value,
}

impl Events {
    pub async fn open(user: &User, path: &str, headers: &[(&str, &str)]) -> Self {
        let response = user.stream(path, headers).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let chunks = response
            .bytes_stream()
            .map(|chunk| String::from_utf8_lossy(&chunk.unwrap_or_default()).into_owned());
        Self {
            chunks: chunks.boxed(),
            buffer: String::new(),
        }
    }

    /// The next event that is no comment, within the deadline.
    pub async fn next(&mut self) -> Event {
        loop {
            if let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let field = |name: &str| {
                    block
                        .lines()
                        .find_map(|line| line.strip_prefix(name))
                        .map(str::trim)
                };
                let event = field("data:").map(|data| Event {
                    id: field("id:").unwrap_or_default().to_owned(),
                    kind: field("event:").unwrap_or_default().to_owned(),
                    data: serde_json::from_str(data).unwrap_or_default(),
                });
                self.buffer = rest.to_owned();
                match event {
                    Some(event) => return event,
                    None => continue,
                }
            }
            let chunk = tokio::time::timeout(DEADLINE, self.chunks.next())
                .await
                .expect("an event in time");
            self.buffer.push_str(&chunk.expect("the stream goes on"));
        }
    }

    /// The next event of a type.
    pub async fn next_of(&mut self, kind: &str) -> Event {
        loop {
            let event = self.next().await;
            if event.kind == kind {
                return event;
            }
        }
    }
}
