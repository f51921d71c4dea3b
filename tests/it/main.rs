//! One binary of integration tests. Each file is a part of the API or a promise; each name the sentence that it proves.

mod accounts;
mod activity;
mod authorisation;
mod cli;
mod contracts;
mod crash;
mod deliveries;
mod digest;
mod events;
mod idempotency;
mod life;
mod limits;
mod links;
mod live;
mod mail;
mod occurrences;
mod projects;
mod quick_add;
mod recurrence;
mod reminders;
mod rings;
mod sessions;
mod settings;
mod tasks;
mod web;
