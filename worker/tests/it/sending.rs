//! A sender by itself, without the rest of the worker.

use std::sync::Arc;

use punctual_worker::sender::{Mail, Sender, SenderOptions};
use serde_json::Value as Json;
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::harness::{Fixture, SECRET, eventually, vapid};

/// What a browser gives away when it subscribes: the receiver of RFC 8291's example.
pub const BROWSER: &str = r#"{"p256dh":"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4","auth":"BTBZMqHH6r4Tts7J_aSIgg"}"#;

/// A sender, and a user in Berlin with one task, `t`, who gets reminders nowhere yet.
pub struct Running {
    pub fixture: Fixture,
    _stop: DropGuard,
}

/// State, next try and log of a delivery.
pub type Receipt = (String, Option<i64>, Vec<Json>);

impl Running {
    /// Without a mail server. `allow_private`: given addresses may be on this machine.
    pub async fn new(allow_private: bool) -> Self {
        Self::with(allow_private, None).await
    }

    pub async fn with(allow_private: bool, mail: Option<Mail>) -> Self {
        let fixture = Fixture::new().await;
        fixture.user("ann").await;
        fixture.task("ann", "t").await;
        // Nothing is published here, so what goes to the app alone would wait for ever.
        fixture.run("DELETE FROM channels", Vec::new()).await;
        let sender = Sender::new(SenderOptions {
            store: fixture.store.clone(),
            clock: fixture.clock.clone(),
            public_url: "https://todo.example.org".to_owned(),
            events_secret: SECRET.to_owned(),
            allow_private,
            mail,
            vapid: vapid(),
            nudged: Arc::new(Notify::new()),
        });
        let stop = CancellationToken::new();
        tokio::spawn(sender.expect("a sender").run(stop.clone()));
        let _stop = stop.drop_guard();
        Self { fixture, _stop }
    }

    /// A channel of Ann's; an e-mail address has said yes already.
    pub async fn channel(&self, id: &str, kind: &str, target: &str, secret: &str) {
        // Made an e-mail channel only afterwards: nobody has to be asked.
        let first = if kind == "email" { "webhook" } else { kind };
        self.fixture.channel("ann", id, first, target, secret).await;
        let sql = "UPDATE channels SET kind = ?2, confirmed_at = created_at WHERE id = ?1";
        self.fixture.run(sql, vec![id.into(), kind.into()]).await;
    }

    /// Changes Ann's settings: `language = 'de'`.
    pub async fn set(&self, what: &str) {
        let sql = format!(
            "UPDATE settings SET {what}, version = version + 1, op = 'settings-' || version WHERE user_id = 'ann'"
        );
        self.fixture.run(&sql, Vec::new()).await;
    }

    /// Changes the task: `title = 'Tea'`.
    pub async fn change(&self, what: &str) {
        let sql = format!(
            "UPDATE tasks SET {what}, version = version + 1, op = 'task-' || version WHERE id = 't'"
        );
        self.fixture.run(&sql, Vec::new()).await;
    }

    pub async fn fired(&self, reminder: &str) {
        let now = self.fixture.clock.now();
        self.fixture.reminder("t", reminder, now).await;
        self.fixture.fire(reminder).await;
    }

    pub async fn delivery(&self, id: &str) -> Receipt {
        let sql = "SELECT state, next_try, log FROM deliveries WHERE id = ?1";
        let row = self.fixture.run(sql, vec![id.into()]).await.remove(0);
        let text = |index: usize| row[index].as_text().unwrap_or_default().to_owned();
        let log = serde_json::from_str(&text(2)).expect("a log");
        (text(0), row[1].as_integer(), log)
    }

    /// Waits until a delivery has been tried so often.
    pub async fn tried(&self, id: &str, times: usize) -> Receipt {
        eventually(&format!("try {times} of {id}"), async || {
            let delivery = self.delivery(id).await;
            (delivery.2.len() >= times).then_some(delivery)
        })
        .await
    }

    /// Waits until a delivery that is not tried is put off to this instant.
    pub async fn held_until(&self, id: &str, instant: i64) {
        eventually(&format!("{id} to be held"), async || {
            let (state, next_try, log) = self.delivery(id).await;
            (state == "pending" && next_try == Some(instant) && log.is_empty()).then_some(())
        })
        .await;
    }
}

/// The last try's outcome.
pub fn outcome(receipt: &Receipt) -> &str {
    receipt
        .2
        .last()
        .and_then(|entry| entry["outcome"].as_str())
        .unwrap_or_default()
}
