//! What holds on SQLite holds on the real Postgres. `cargo test --release --test real`; the first run fetches Postgres.

mod both;
mod cluster;
mod functions;
mod roles;
mod schema;
mod seed;
mod state;
mod views;
