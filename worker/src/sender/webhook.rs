//! Signed webhooks (Standard Webhooks).

use punctual_contract::signature;
use reqwest::StatusCode;
use serde_json::json;

use super::outside::{Outcome, Outside};
use crate::clock::{SECOND, rfc3339};
use crate::store::{About, Pending};

pub(super) async fn send(outside: &Outside, delivery: &Pending, now: i64) -> Outcome {
    let body = body(delivery, outside.links.public_url());
    let timestamp = now / SECOND;
    let signature = signature::sign(&delivery.secret, &delivery.id, timestamp, body.as_bytes());
    let request = |client: &reqwest::Client, url| {
        client
            .post(url)
            .header("content-type", "application/json")
            .header(signature::ID, &delivery.id)
            .header(signature::TIMESTAMP, timestamp.to_string())
            .header(signature::SIGNATURE, signature)
            .body(body)
    };
    match outside.call(&delivery.target, request).await {
        Ok(answer) if answer.status() == StatusCode::GONE => {
            Outcome::Never("the receiver answered 410 Gone".to_owned())
        }
        Ok(answer) => Outcome::of(&answer, now),
        Err(outcome) => outcome,
    }
}

/// What is sent (Standard Webhooks' payload).
fn body(delivery: &Pending, public_url: &str) -> String {
    let (kind, data) = match &delivery.about {
        About::Task(task) => (
            "reminder.fired",
            json!({
                "reminder_id": delivery.reminder_id,
                "task_id": task.id,
                "task_url": format!("{public_url}/api/tasks/{}", task.id),
                "title": task.title,
                "due": task.due,
                "due_for": rfc3339(delivery.due_for),
                "fired_at": rfc3339(delivery.fired_at),
            }),
        ),
        About::Day(day) => (
            "digest.fired",
            json!({
                "reminder_id": delivery.reminder_id,
                "day": day.day,
                "due_for": rfc3339(delivery.due_for),
                "fired_at": rfc3339(delivery.fired_at),
                "digest": day.holds,
            }),
        ),
    };
    json!({ "type": kind, "timestamp": rfc3339(delivery.fired_at), "data": data }).to_string()
}
