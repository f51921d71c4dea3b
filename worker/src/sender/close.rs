//! Read anywhere, closed everywhere: browsers that show a reminder are told when it was read, or when its task is done.
//!
//! This listens to what clients are told (`task-updates`) without an offset of its own: it can hold nobody up, and what it
//! misses is a notification that stays until it is dismissed. It also hears here that a reminder has fired, and wakes the
//! rest of the sender, which looks once a second in any case.

use std::collections::VecDeque;

use futures::StreamExt;
use punctual_contract::events::route;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio_util::sync::CancellationToken;

use super::outside::Outcome;
use super::{Sender, origin, push};
use crate::bus::Tail;
use crate::store::{Over, Pushed};

/// Calls under way at once.
const AT_ONCE: usize = 8;
/// Deliveries that are remembered as closed.
const REMEMBERED: usize = 4096;

/// Which deliveries were closed lately, so that each is closed once although a task may be done and its reminder then be
/// read.
#[derive(Debug, Default)]
pub(super) struct Closed(VecDeque<String>);

impl Closed {
    /// False where it is there already.
    fn add(&mut self, delivery: &str) -> bool {
        if self.0.iter().any(|known| known == delivery) {
            return false;
        }
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(delivery.to_owned());
        true
    }
}

impl Sender {
    /// Runs until stopped. `updates` is the tail of `task-updates`.
    pub async fn close_what_is_read(self, mut updates: Receiver<Tail>, stop: CancellationToken) {
        let kind = |table, kind| route(table, kind).0;
        let (fired, read) = (kind("reminders", "fired"), kind("reminders", "read"));
        let done = ["completed", "skipped", "deleted"].map(|name| kind("tasks", name));
        loop {
            let message = tokio::select! {
                () = stop.cancelled() => return,
                message = updates.recv() => message,
            };
            let over = match message {
                Ok(Tail::Message(message)) if message.event.kind == fired => {
                    self.nudged.notify_one();
                    continue;
                }
                Ok(Tail::Message(message)) if message.event.kind == read => {
                    Over::Reminder(message.event.subject.clone())
                }
                Ok(Tail::Message(message)) if done.contains(&message.event.kind) => {
                    Over::Task(message.event.subject.clone())
                }
                Ok(_) => continue,
                Err(RecvError::Lagged(missed)) => {
                    tracing::debug!(missed, "some notifications may stay open");
                    continue;
                }
                Err(RecvError::Closed) => return,
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.close(over) => {}
            }
        }
    }

    /// A push that was under way while its reminder was read had no delivery to close yet.
    pub(super) async fn close_if_read(&self, reminder: &str) {
        self.close(Over::ReminderIfSettled(reminder.to_owned()))
            .await;
    }

    async fn close(&self, over: Over) {
        let pushed = match self.store.pushed(over).await {
            Ok(pushed) => pushed,
            Err(error) => {
                tracing::warn!(%error, "cannot look up what to close");
                return;
            }
        };
        futures::stream::iter(pushed)
            .for_each_concurrent(AT_ONCE, |pushed| async move {
                if self.state().closed.add(&pushed.delivery_id) {
                    self.close_one(&pushed).await;
                }
            })
            .await;
    }

    async fn close_one(&self, pushed: &Pushed) {
        let now = self.clock.now();
        let rests = self
            .state()
            .destinations
            .get(&origin(&pushed.target))
            .is_some_and(|known| known.rests_until > now);
        if rests {
            return;
        }
        match push::close(&self.outside, pushed, now).await {
            Outcome::Sent => {}
            Outcome::Gone(_) => self.remove(&pushed.channel_id).await,
            Outcome::NotNow { reason, .. } | Outcome::Never(reason) => {
                tracing::debug!(
                    reason,
                    delivery = pushed.delivery_id,
                    "a notification may stay open"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_closed_is_remembered_within_bounds() {
        let mut closed = Closed::default();
        assert!(closed.add("first"));
        assert!(!closed.add("first"));
        for n in 0..REMEMBERED {
            assert!(closed.add(&n.to_string()));
        }
        assert_eq!(closed.0.len(), REMEMBERED);
        assert!(closed.add("first"), "forgotten, because there is an end");
    }
}
