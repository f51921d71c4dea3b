//! The worker against a real database, real HTTP servers and a clock that the test moves.

mod admin;
mod bus;
mod consumers;
mod firing;
mod harness;
mod hub;
mod lease;
mod migrations;
mod planning;
mod relay;
mod sender;
