//! A cluster on the real servers, and the people who use it.

use punctual_servers::ClusterOptions;
use serde_json::json;

use crate::client::{Client, User};
use crate::process::{program, root};
use crate::receiver::Receiver;

/// Of this build. Everybody may register, and webhooks may come to this machine.
pub fn options() -> ClusterOptions {
    let worker = program("punctual-worker");
    let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    ClusterOptions {
        programs: worker.parent().expect("a folder").to_owned(),
        variables: vec![
            set("registration", "open"),
            set("webhook_allow_private", "true"),
        ],
        environment: vec![set("PUNCTUAL_WEBHOOK_ALLOW_PRIVATE", "true")],
        ..ClusterOptions::new(root())
    }
}

/// Somebody new, who is told everything by webhook.
pub async fn person(url: &str, email: &str, receiver: &Receiver) -> User {
    let user = User::register(&Client::new(url), email, "UTC").await;
    let hook = json!({ "kind": "webhook", "target": receiver.url });
    user.post("/api/settings/channels", hook).await.expect(201);
    user
}

/// So many of them, one at least, all with one receiver.
pub async fn people(url: &str, count: usize, receiver: &Receiver) -> Vec<User> {
    let mut people = Vec::new();
    for number in 0..count.max(1) {
        let email = format!("user-{number}@example.com");
        people.push(person(url, &email, receiver).await);
    }
    people
}
