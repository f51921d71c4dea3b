//! Fetches, builds and starts the real servers: Kafka, Dapr, Postgres. Without root, on random ports, stopped by id.

mod cache;
mod folder;
mod port;
mod postgres;
mod process;
mod tools;

pub use postgres::Postgres;
