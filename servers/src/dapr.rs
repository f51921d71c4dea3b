//! Dapr's scheduler and sidecar, built from Go modules.
//!
//! `dapr/` is a Go module of our own with a small main for each, pinned by its go.sum. The sidecar has only the
//! components that Punctual uses (`pubsub.kafka`, `state.postgresql` v2, `secretstores.local.file`,
//! `secretstores.kubernetes`), because all of Dapr's would compile every cloud's SDK.
//!
//! What both are told, and why:
//! - every port and listen address: several run on one machine, and nothing but loopback should reach them (the
//!   scheduler's health port alone has no address to set and listens on all);
//! - `DAPR_HOST_IP`: else the sidecar looks for an outside interface, which a machine with loopback alone lacks;
//! - the sidecar gets no placement service (there are no actors), and a name resolution that finds nobody (`names.go`);
//! - the scheduler's etcd lives in the server's folder, with a peer port of its own (the default one would clash).

pub(crate) mod build;
mod daprd;
mod injector;
mod scheduler;

pub use daprd::{Daprd, DaprdOptions};
pub use injector::with_sidecar;
pub use scheduler::Scheduler;

use std::time::Duration;

use anyhow::Result;

const READY_LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn client() -> Result<reqwest::Client> {
    Ok(reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(5))
        .build()?)
}

/// Whether the address answers with a 2xx.
pub(crate) async fn healthy(client: &reqwest::Client, url: &str) -> bool {
    client
        .get(url)
        .send()
        .await
        .is_ok_and(|answer| answer.status().is_success())
}

pub(crate) fn loopback(port: u16) -> String {
    format!("127.0.0.1:{port}")
}
