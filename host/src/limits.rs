//! How much of the machine components get.

use std::time::Duration;

/// Limits; each is there so that one component, or one client, can't take everything.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Requests to one component that are being worked on, up to their response's head.
    pub concurrent_requests: usize,
    /// Requests to one component that wait for a place among those; more are answered 503.
    pub waiting_requests: usize,
    /// The longest such a wait; then 503.
    pub waiting_time: Duration,
    /// Response bodies of one component that are still being sent (SSE); more are answered 503.
    pub open_responses: usize,
    /// From the start of the work to the response's head; then 504. The body may take for ever.
    pub response_head: Duration,
    /// How long a guest may compute without once waiting for something; then its instance is stopped.
    pub cpu: Duration,
    /// Linear memory of one instance, in bytes.
    pub memory: usize,
    /// Instances of all components together.
    pub instances: u32,
    /// Requests an instance serves before a fresh one takes its place.
    pub requests_per_instance: usize,
    /// Requests an instance works on at once.
    pub requests_per_instance_at_once: usize,
    /// How long an instance without work is kept.
    pub instance_idle: Duration,
    /// Connections open at once; further ones wait to be accepted.
    pub connections: usize,
    /// From the end of `serve`'s shutdown signal until connections that are still busy are cut.
    pub shutdown_grace: Duration,
    /// Establishing an outbound connection.
    pub outbound_connect: Duration,
    /// Outbound: from the request to the response's head, where the guest sets nothing.
    pub outbound_first_byte: Duration,
    /// Outbound: between two pieces of a response's body, where the guest sets nothing. Long, so that
    /// event streams can be passed on.
    pub outbound_between_bytes: Duration,
    /// Connections to one Postgres address, for each component that uses it.
    pub postgres_connections: usize,
    /// The longest wait for one of them to become free; then the guest gets an error.
    pub postgres_wait: Duration,
    /// Establishing one, with TLS and login. Long, because a database that sleeps wakes up meanwhile.
    pub postgres_connect: Duration,
    /// The largest result of one Postgres query that is held in memory, and the largest row of one that is
    /// streamed, in bytes; beyond it the guest gets an error.
    pub postgres_result: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrent_requests: 256,
            // As many as there may be connections: what bounds the wait is its time.
            waiting_requests: 20_000,
            waiting_time: Duration::from_secs(10),
            open_responses: 20_000,
            response_head: Duration::from_secs(30),
            cpu: Duration::from_secs(10),
            memory: 128 << 20,
            instances: 1000,
            requests_per_instance: 128,
            requests_per_instance_at_once: 16,
            instance_idle: Duration::from_secs(1),
            // A browser's event stream has one of its own: two for each of 10,000 people.
            connections: 20_000,
            shutdown_grace: Duration::from_secs(5),
            outbound_connect: Duration::from_secs(5),
            outbound_first_byte: Duration::from_secs(30),
            outbound_between_bytes: Duration::from_secs(600),
            postgres_connections: 64,
            postgres_wait: Duration::from_secs(5),
            postgres_connect: Duration::from_secs(15),
            postgres_result: 64 << 20,
        }
    }
}
