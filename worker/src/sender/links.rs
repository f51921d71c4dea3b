//! The addresses that what is sent leads to.

use punctual_contract::action::{Action, Deed, LINK_SECONDS, PATH};

use super::messages::Messages;
use crate::clock::SECOND;
use crate::store::{Confirmation, Pending, Task};

/// Where the world reaches the server, and what signs the links that act.
#[derive(Clone)]
pub(super) struct Links {
    public_url: String,
    events_secret: String,
}

impl std::fmt::Debug for Links {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Links")
            .field("public_url", &self.public_url)
            .finish_non_exhaustive()
    }
}

impl Links {
    /// `public_url` has no slash at its end.
    pub fn new(public_url: String, events_secret: String) -> Self {
        Self {
            public_url,
            events_secret,
        }
    }

    pub fn public_url(&self) -> &str {
        &self.public_url
    }

    /// The server's name, as people and message ids know it.
    pub fn host(&self) -> String {
        url::Url::parse(&self.public_url)
            .ok()
            .and_then(|url| url.host_str().map(str::to_owned))
            .unwrap_or_else(|| "localhost".to_owned())
    }

    /// A task in the web app.
    pub fn task(&self, id: &str) -> String {
        format!("{}{}", self.public_url, task_path(id))
    }

    /// Today in the web app.
    pub fn today(&self) -> String {
        format!("{}{TODAY}", self.public_url)
    }

    pub fn settings(&self) -> String {
        format!("{}/settings", self.public_url)
    }

    /// Completes the task.
    pub fn done(&self, task: &Task, delivery: &Pending, messages: &Messages) -> String {
        let deed = Deed::Done {
            task: task.id.clone(),
        };
        self.acts(task, delivery, messages, deed)
    }

    /// Rings again so many minutes later.
    pub fn snooze(
        &self,
        task: &Task,
        delivery: &Pending,
        messages: &Messages,
        minutes: u32,
    ) -> String {
        let reminder = delivery.reminder_id.clone();
        self.acts(task, delivery, messages, Deed::Snooze { reminder, minutes })
    }

    /// Counted from the firing, so that every try sends the same link, which acts once.
    fn acts(&self, task: &Task, delivery: &Pending, messages: &Messages, deed: Deed) -> String {
        self.signed(Action {
            deed,
            user: delivery.owner.clone(),
            language: messages.code.to_owned(),
            title: task.title.clone(),
            expires: delivery.fired_at / SECOND + LINK_SECONDS,
        })
    }

    /// Says that the address may get reminders.
    pub fn confirm(&self, confirmation: &Confirmation, messages: &Messages) -> String {
        self.signed(Action {
            deed: Deed::Confirm {
                channel: confirmation.channel_id.clone(),
            },
            user: confirmation.owner.clone(),
            language: messages.code.to_owned(),
            title: confirmation.target.clone(),
            expires: confirmation.created_at / SECOND + LINK_SECONDS,
        })
    }

    fn signed(&self, action: Action) -> String {
        format!(
            "{}{PATH}{}",
            self.public_url,
            action.token(&self.events_secret)
        )
    }
}

/// Today in the web app, as a path.
pub(super) const TODAY: &str = "/today";

/// A task in the web app, as a path.
pub(super) fn task_path(id: &str) -> String {
    format!("/task/{id}")
}
