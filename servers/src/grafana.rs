//! Grafana's own schema of dashboards, as its SDK for Go has it.

use std::path::Path;

use anyhow::Result;
use tokio::process::Command;

use crate::go::Module;
use crate::tools;

pub(crate) const MODULE: Module = Module {
    name: "grafana-schema",
    version: "0.0.22",
    takes: "half a minute",
    sources: &[
        ("go.mod", include_str!("../grafana/go.mod")),
        ("go.sum", include_str!("../grafana/go.sum")),
        ("main.go", include_str!("../grafana/main.go")),
    ],
    packages: &["."],
    tags: "",
    variables: &[],
};

/// The error says which field of a dashboard Grafana does not know, or misses.
pub async fn check_dashboard(path: &Path) -> Result<()> {
    let program = MODULE.programs().await?.join("grafana");
    tools::run(Command::new(program).arg(path)).await?;
    Ok(())
}
