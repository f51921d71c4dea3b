//! Fetches, builds and starts the real servers: Kafka, Dapr, Postgres, the OpenTelemetry Collector, Prometheus, Kubernetes.
//! Without root, on random ports, stopped by id.
//!
//! ```no_run
//! # async fn test() -> anyhow::Result<()> {
//! let postgres = punctual_servers::Postgres::start().await?;
//! let database = postgres.url("postgres");
//! # Ok(())
//! # }
//! ```
//!
//! The first start of a kind fetches or builds it into the cache (see `cache.rs`), with pinned versions and checksums;
//! that takes seconds for Postgres and Kafka and minutes for what Go builds, and a line on standard error says so. Python 3 must be
//! there for Postgres, Java 17 for Kafka, Go for the rest.
//!
//! Every server has a folder of its own under the system's temporary one, with its data and its `log`. Both the processes
//! and the folder are gone when the value is dropped, and also when the process that holds it ends without dropping it.

mod balancer;
mod cache;
pub mod cluster;
pub mod dapr;
mod folder;
mod go;
mod grafana;
mod kafka;
pub mod kubernetes;
mod linters;
mod otelcol;
mod port;
mod postgres;
mod process;
mod prometheus;
mod proxy;
mod pypi;
mod schemathesis;
mod server;
mod tools;

use anyhow::{Result, bail};

pub use balancer::Balancer;
pub use cluster::{Cluster, ClusterOptions, Program};
pub use dapr::{Daprd, DaprdOptions, Scheduler};
pub use grafana::check_dashboard;
pub use kafka::{AclRule, Kafka};
pub use kubernetes::Kubernetes;
pub use linters::Linters;
pub use otelcol::{CollectedSpan, Collector};
pub use postgres::Postgres;
pub use prometheus::{Prometheus, promtool};
pub use proxy::Proxy;
pub use schemathesis::schemathesis;

/// Builds what Go builds for these tests (`real`, `k8s`), one after the other, so that they find it when they need it.
pub async fn prepare(tests: &[String]) -> Result<()> {
    for name in tests {
        match name.as_str() {
            "real" => {
                dapr::build::programs().await?;
                for module in [otelcol::MODULE, prometheus::MODULE, grafana::MODULE] {
                    module.programs().await?;
                }
            }
            "k8s" => {
                dapr::build::programs().await?;
                kubernetes::build::program().await?;
            }
            other => bail!("there are no servers for `{other}`"),
        }
    }
    Ok(())
}
