//! Fetches, builds and starts the real servers: Kafka, Dapr, Postgres. Without root, on random ports, stopped by id.
