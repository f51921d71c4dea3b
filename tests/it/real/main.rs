//! What holds on SQLite holds on the real Postgres. `cargo test --release --test real`; the first run fetches Postgres.

mod both;
mod cluster;
mod database;
mod firing;
mod functions;
mod kills;
mod lost;
mod roles;
mod rolling;
mod schema;
mod seed;
mod shared;
mod state;
mod topic;
mod views;
