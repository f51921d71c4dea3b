//! The worker against a real Postgres and a real Kafka: the tests of `tests/it` once more, and what only several writers, a server that
//! restarts, or a network can show.

mod database;
mod jobs;
mod kafka;
mod migrations;
mod outage;
mod races;
mod secure;

#[path = "../it/admin.rs"]
mod admin;
#[path = "../it/bus.rs"]
mod bus;
#[path = "../it/consumers.rs"]
mod consumers;
#[path = "../it/email.rs"]
mod email;
#[path = "../it/firing.rs"]
mod firing;
#[path = "../it/harness.rs"]
mod harness;
#[path = "../it/hub.rs"]
mod hub;
#[path = "../it/lease.rs"]
mod lease;
#[path = "../it/node.rs"]
mod node;
#[path = "../it/ntfy.rs"]
mod ntfy;
#[path = "../it/planning.rs"]
mod planning;
#[path = "../it/push.rs"]
mod push;
#[path = "../it/quiet.rs"]
mod quiet;
#[path = "../it/relay.rs"]
mod relay;
#[path = "../it/sender.rs"]
mod sender;
#[path = "../it/sending.rs"]
mod sending;
