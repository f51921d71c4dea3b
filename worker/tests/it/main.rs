//! The worker against a real database, real HTTP servers and a clock that the test moves.

mod admin;
mod backup;
mod bus;
mod consumers;
mod database;
mod email;
mod firing;
mod harness;
mod hub;
mod lease;
mod migrations;
mod node;
mod ntfy;
mod planning;
mod push;
mod quiet;
mod relay;
mod sender;
mod sending;
