//! Prometheus and promtool, built from Go modules, without the discovery of any cloud.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::dapr::{client, healthy, loopback};
use crate::folder::Folder;
use crate::go::Module;
use crate::server::Server;
use crate::{port, tools};

const READY_LIMIT: Duration = Duration::from_secs(60);
pub(crate) const MODULE: Module = Module {
    name: "Prometheus",
    version: "3.16.0",
    takes: "3 minutes",
    sources: &[
        ("go.mod", include_str!("../prometheus/go.mod")),
        ("go.sum", include_str!("../prometheus/go.sum")),
    ],
    packages: &[
        "github.com/prometheus/prometheus/cmd/prometheus",
        "github.com/prometheus/prometheus/cmd/promtool",
    ],
    tags: "remove_all_sd",
    variables: &["github.com/prometheus/common/version.Version=3.16.0"],
};

/// A Prometheus on a random port of loopback. Gone when this is dropped, or when this process ends in whatever way.
pub struct Prometheus {
    // Dropped before its folder.
    server: Server,
    folder: Folder,
    port: u16,
}

impl Prometheus {
    /// Before it has a configuration: who it is to scrape may have to know its address first. It takes OTLP metrics too.
    pub fn new() -> Result<Self> {
        let folder = Folder::new("prometheus")?;
        let command = Command::new("prometheus");
        Ok(Self {
            server: Server::new("Prometheus", command, folder.join("log"), READY_LIMIT),
            folder,
            port: port::free()?,
        })
    }

    pub fn url(&self) -> String {
        format!("http://{}", loopback(self.port))
    }

    /// Where it takes metrics over OTLP.
    pub fn otlp(&self) -> String {
        format!("{}/api/v1/otlp/v1/metrics", self.url())
    }

    /// Starts with this `prometheus.yml`, whose rule files are absolute.
    pub async fn start(&mut self, config: &str) -> Result<()> {
        let program = MODULE.programs().await?.join("prometheus");
        let config = self.folder.write("prometheus.yml", config)?;
        let mut command = Command::new(program);
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--web.listen-address={}", loopback(self.port)))
            .arg(format!(
                "--storage.tsdb.path={}",
                self.folder.join("data").display()
            ))
            .arg("--web.enable-otlp-receiver")
            .current_dir(self.folder.path());
        self.server.command = command;
        let client = client()?;
        let ready = format!("{}/-/ready", self.url());
        self.server.start(|| healthy(&client, &ready)).await
    }

    /// The result of an instant query: series with their values. An error is Prometheus's own sentence.
    pub async fn query(&self, expression: &str) -> Result<Vec<Value>> {
        let answer = self.api("query", &[("query", expression)]).await?;
        let result = answer["result"].as_array();
        Ok(result.context("no result")?.clone())
    }

    /// The `data` of an answer of its API.
    pub async fn api(&self, path: &str, query: &[(&str, &str)]) -> Result<Value> {
        let url = format!("{}/api/v1/{path}", self.url());
        let mut url = reqwest::Url::parse(&url)?;
        url.query_pairs_mut().extend_pairs(query);
        let mut answer: Value = client()?.get(url).send().await?.json().await?;
        if answer["status"] != "success" {
            anyhow::bail!("{}", answer["error"].as_str().unwrap_or("no answer"));
        }
        Ok(answer["data"].take())
    }
}

/// Runs promtool to its end and gives what it printed. The error shows what it complained about.
pub async fn promtool(folder: &Path, arguments: &[&str]) -> Result<String> {
    let program: PathBuf = MODULE.programs().await?.join("promtool");
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder);
    tools::run(&mut command.into()).await
}
