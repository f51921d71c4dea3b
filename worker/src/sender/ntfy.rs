//! ntfy (docs.ntfy.sh/publish): one JSON message to the server that the topic's address names.

use reqwest::Url;
use serde_json::{Value, json};

use super::links::Links;
use super::messages::{Messages, line};
use super::outside::{Outcome, Outside};
use crate::store::{About, Pending};

/// Longer titles make a message that ntfy would send as an attachment.
const TITLE: usize = 250;

pub(super) async fn send(outside: &Outside, delivery: &Pending, now: i64) -> Outcome {
    let Some((server, topic)) = server_and_topic(&delivery.target) else {
        return Outcome::Never("the address names no topic".to_owned());
    };
    let message = message(delivery, &topic, &outside.links, now);
    let request = |client: &reqwest::Client, url| {
        let request = client.post(url).json(&message);
        match delivery.secret.as_str() {
            "" => request,
            token => request.bearer_auth(token),
        }
    };
    match outside.call(&server, request).await {
        Ok(answer) => Outcome::of_strict(&answer, now),
        Err(outcome) => outcome,
    }
}

/// `https://ntfy.sh/topic` as `https://ntfy.sh/` and `topic`: JSON is published to the server's root, because headers,
/// the other way to say more than a text, hold ASCII only.
fn server_and_topic(target: &str) -> Option<(String, String)> {
    let mut url = Url::parse(target).ok()?;
    let path = url.path().trim_end_matches('/').to_owned();
    let (root, topic) = path.rsplit_once('/')?;
    if topic.is_empty() {
        return None;
    }
    url.set_path(&format!("{root}/"));
    url.set_query(None);
    url.set_fragment(None);
    Some((url.into(), topic.to_owned()))
}

fn message(delivery: &Pending, topic: &str, links: &Links, now: i64) -> Value {
    let messages = Messages::of(delivery.language.as_deref());
    let action = |label: &str, url: String| json!({ "action": "http", "label": label, "url": url, "method": "POST", "clear": true });
    match &delivery.about {
        About::Task(task) => json!({
            "topic": topic,
            "title": line(&task.title, TITLE),
            "message": messages.due(task, delivery, now),
            "click": links.task(&task.id),
            "tags": ["alarm_clock"],
            "priority": priority(&task.priority),
            "actions": [
                action(messages.done, links.done(task, delivery, messages)),
                action(messages.snooze_minutes, links.snooze(task, delivery, messages, 10)),
                action(messages.snooze_hour, links.snooze(task, delivery, messages, 60)),
            ],
        }),
        About::Day(day) => json!({
            "topic": topic,
            "title": messages.holds(&day.holds),
            "message": messages.lines(&day.holds, delivery, usize::MAX),
            "click": links.today(),
            "tags": ["calendar"],
        }),
    }
}

/// ntfy's 1 (lowest) to 5; 3 is its default.
fn priority(task: &str) -> u8 {
    match task {
        "high" => 5,
        "medium" => 4,
        "low" => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topics_address_is_taken_apart_into_server_and_topic() {
        let parts = |target: &str| {
            server_and_topic(target).map(|(server, topic)| format!("{server} {topic}"))
        };
        for (target, expected) in [
            ("https://ntfy.sh/mine", Some("https://ntfy.sh/ mine")),
            (
                "https://ntfy.example.org:8443/mine/?x=1#y",
                Some("https://ntfy.example.org:8443/ mine"),
            ),
            (
                "https://example.org/ntfy/mine",
                Some("https://example.org/ntfy/ mine"),
            ),
            ("https://ntfy.sh/", None),
            ("https://ntfy.sh", None),
            ("mine", None),
        ] {
            assert_eq!(parts(target).as_deref(), expected, "{target}");
        }
    }
}
