//! What holds on SQLite holds on the real Postgres. `cargo test --release --test real`; the first run fetches Postgres.

mod both;
mod chaos;
mod cluster;
mod database;
mod doctor;
mod firing;
mod functions;
mod kills;
mod lost;
mod monitoring;
mod restore;
mod roles;
mod rolling;
mod rotation;
mod schema;
mod seed;
mod shared;
mod state;
mod topic;
mod trace;
mod views;
