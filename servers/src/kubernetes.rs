//! A real Kubernetes control plane on random ports of loopback: etcd, kube-apiserver, kube-controller-manager,
//! kube-scheduler, and KWOK, whose nodes and pods are only records: no container runs anywhere. And Helm.
//!
//! `kubernetes/` is a Go module of our own with one program in which all of them are.

pub(crate) mod build;
mod definitions;
mod strimzi;

pub use definitions::{definitions, published, version_of};
pub use strimzi::{VERSION as STRIMZI_VERSION, strimzi_definitions};

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use reqwest::{Certificate, Client, header};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::folder::Folder;
use crate::server::Server;
use crate::{port, process, tools};

/// The API server first makes all of its own objects.
const READY_LIMIT: Duration = Duration::from_secs(120);
/// Of the one user, who may do everything. The servers listen on loopback only, and their data is gone with them.
const TOKEN: &str = "punctual-test-admin";

/// Beside KWOK's own stages: a pod with an image whose tag is `fails` does so as soon as it is started. The weight puts it
/// before those.
const FAILS: &str = r#"---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata:
  name: pod-fails
spec:
  resourceRef: { apiGroup: v1, kind: Pod }
  selector:
    matchExpressions:
      - { key: .metadata.deletionTimestamp, operator: DoesNotExist }
      - { key: .status.phase, operator: In, values: [Pending] }
      - { key: '.spec.containers.[] | select( .image | endswith(":fails") ) | .name', operator: Exists }
  weight: 1
  next:
    statusTemplate: |
      {{ $now := Now }}
      phase: Failed
      containerStatuses:
      {{ range .spec.containers }}
      - image: {{ .image | Quote }}
        name: {{ .name | Quote }}
        ready: false
        restartCount: 0
        started: false
        state:
          terminated: { exitCode: 1, reason: Error, startedAt: {{ $now | Quote }}, finishedAt: {{ $now | Quote }} }
      {{ end }}
"#;
/// In the folder: the API server's own, and the authority that signed it.
const CERTIFICATE: &str = "certificates/apiserver.crt";

static SHARED: OnceCell<Kubernetes> = OnceCell::const_new();

/// Everything is gone when this is dropped, or when this process ends in whatever way.
pub struct Kubernetes {
    // Dropped before their folder, the API server's clients first.
    clients: Vec<Server>,
    apiserver: Server,
    etcd: Server,
    folder: Folder,
    program: PathBuf,
    port: u16,
}

impl Kubernetes {
    pub async fn start() -> Result<Self> {
        let program = build::program().await?;
        let folder = Folder::new("kubernetes")?;
        let key = tools::run(&mut command(&program, &folder, "key").into()).await?;
        folder.write("key.pem", &key)?;
        let stages = tools::run(&mut command(&program, &folder, "stages").into()).await?;
        folder.write("stages.yaml", &(stages + FAILS))?;
        folder.write(
            "tokens.csv",
            &format!("{TOKEN},admin,admin,system:masters\n"),
        )?;
        let etcd_url = format!("http://127.0.0.1:{}", port::free()?);
        let port = port::free()?;
        let server = |name, command| {
            Server::new(
                name,
                command,
                folder.join(&format!("{name}.log")),
                READY_LIMIT,
            )
        };

        let mut etcd = server("etcd", etcd(&program, &folder, &etcd_url)?);
        let plain = Client::builder().no_proxy().build()?;
        let health = format!("{etcd_url}/health");
        etcd.start(|| crate::dapr::healthy(&plain, &health)).await?;

        let mut apiserver = server(
            "kube-apiserver",
            apiserver(&program, &folder, &etcd_url, port),
        );
        let ready = format!("https://127.0.0.1:{port}/readyz");
        let certificate = folder.join(CERTIFICATE);
        // Its certificate is its own, made at its first start.
        apiserver
            .start(|| async {
                match client(&certificate, TOKEN) {
                    Ok(client) => crate::dapr::healthy(&client, &ready).await,
                    Err(_) => false,
                }
            })
            .await?;
        let client = client(&certificate, TOKEN)?;
        folder.write("kubeconfig", &kubeconfig(port, &certificate, TOKEN))?;

        let mut clients = Vec::new();
        for (name, command, health) in [
            controllers(&program, &folder)?,
            scheduler(&program, &folder)?,
            kwok(&program, &folder)?,
        ] {
            let mut started = server(name, command);
            started
                .start(|| crate::dapr::healthy(&client, &health))
                .await?;
            clients.push(started);
        }
        Ok(Self {
            clients,
            apiserver,
            etcd,
            folder,
            program,
            port,
        })
    }

    /// The one of this process, started by whoever asks first.
    pub async fn shared() -> Result<&'static Self> {
        SHARED.get_or_try_init(Self::start).await
    }

    /// The API server's, such as `https://127.0.0.1:20000`.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// A new client (its connections belong to the runtime that uses it), which trusts the API server's certificate and
    /// shows the token of a user who may do everything.
    pub fn client(&self) -> Result<Client> {
        client(&self.certificate(), TOKEN)
    }

    /// The same with another token, such as a service account's.
    pub fn client_of(&self, token: &str) -> Result<Client> {
        client(&self.certificate(), token)
    }

    fn certificate(&self) -> PathBuf {
        self.folder.join(CERTIFICATE)
    }

    /// For `kubectl --kubeconfig`, as the user who may do everything.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    /// The same with another token, such as a service account's, for a program that a test starts.
    pub fn kubeconfig_of(&self, name: &str, token: &str) -> Result<PathBuf> {
        let text = kubeconfig(self.port, &self.certificate(), token);
        self.folder.write(&format!("kubeconfig-{name}"), &text)
    }

    /// Helm against this cluster, with a home of its own.
    pub fn helm(&self) -> Command {
        let mut command = helm(&self.program, self.folder.path());
        command.env("KUBECONFIG", self.kubeconfig());
        command
    }

    /// Where the log of a program is, such as `kube-apiserver`.
    pub fn log(&self, name: &str) -> PathBuf {
        self.folder.join(&format!("{name}.log"))
    }

    pub fn pids(&self) -> Vec<u32> {
        let servers = self.clients.iter().chain([&self.apiserver, &self.etcd]);
        servers.filter_map(Server::pid).collect()
    }

    /// A node that KWOK keeps ready: a record, on which pods are Running at once, and nothing runs.
    pub async fn add_node(&self, name: &str, zone: &str) -> Result<()> {
        let resources = json!({"cpu": "8", "memory": "32Gi", "pods": "110"});
        let node = json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": name,
                "labels": {
                    "kubernetes.io/hostname": name,
                    "kubernetes.io/os": "linux",
                    "kubernetes.io/arch": "amd64",
                    "topology.kubernetes.io/zone": zone,
                },
            },
            "status": {"allocatable": resources, "capacity": resources},
        });
        let nodes = format!("{}/api/v1/nodes", self.url());
        let client = self.client()?;
        let answer = client.post(&nodes).json(&node).send().await?;
        answer.error_for_status().context("the node was refused")?;
        let deadline = tokio::time::Instant::now() + READY_LIMIT;
        loop {
            let node = client.get(format!("{nodes}/{name}")).send().await?;
            let node: Value = node.json().await?;
            let ready = node["status"]["conditions"].as_array().is_some_and(|all| {
                all.iter()
                    .any(|one| one["type"] == "Ready" && one["status"] == "True")
            });
            // The controllers take the taint away that every node begins with.
            if ready && node["spec"]["taints"].is_null() {
                return Ok(());
            }
            anyhow::ensure!(
                tokio::time::Instant::now() < deadline,
                "node {name} is not ready: {}",
                node["status"]["conditions"]
            );
            tokio::time::sleep(process::POLL).await;
        }
    }
}

/// Helm without a cluster, which renders charts. It keeps what it keeps in `home`.
pub async fn helm_alone(home: &Path) -> Result<Command> {
    Ok(helm(&build::program().await?, home))
}

fn helm(program: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg("helm");
    for (name, folder) in [
        ("HELM_CACHE_HOME", "helm/cache"),
        ("HELM_CONFIG_HOME", "helm/config"),
        ("HELM_DATA_HOME", "helm/data"),
    ] {
        command.env(name, home.join(folder));
    }
    command
}

fn command(program: &Path, folder: &Folder, name: &str) -> Command {
    let mut command = Command::new(program);
    command
        .arg(name)
        .current_dir(folder.path())
        .env("TMPDIR", folder.path())
        .env("HOME", folder.path())
        .env_remove("KUBECONFIG");
    command
}

fn etcd(program: &Path, folder: &Folder, url: &str) -> Result<Command> {
    let peers = format!("http://127.0.0.1:{}", port::free()?);
    let mut command = command(program, folder, "etcd");
    command
        .args(["--listen-client-urls", url, "--advertise-client-urls", url])
        .args(["--listen-peer-urls", &peers])
        .args(["--initial-advertise-peer-urls", &peers])
        .args(["--initial-cluster", &format!("default={peers}")])
        // Its data outlives nothing.
        .arg("--unsafe-no-fsync")
        .arg("--data-dir")
        .arg(folder.join("etcd"));
    Ok(command)
}

fn apiserver(program: &Path, folder: &Folder, etcd: &str, port: u16) -> Command {
    let mut command = command(program, folder, "kube-apiserver");
    command
        .args(["--etcd-servers", etcd])
        .args([
            "--bind-address",
            "127.0.0.1",
            "--advertise-address",
            "127.0.0.1",
        ])
        .args(["--secure-port", &port.to_string()])
        // A loopback address may not be an endpoint, and nothing here reaches the Service `kubernetes`.
        .args(["--endpoint-reconciler-type", "none"])
        .arg("--cert-dir")
        .arg(folder.join("certificates"))
        .arg("--service-account-key-file")
        .arg(folder.join("key.pem"))
        .arg("--service-account-signing-key-file")
        .arg(folder.join("key.pem"))
        .args(["--service-account-issuer", "https://kubernetes.default.svc"])
        .arg("--token-auth-file")
        .arg(folder.join("tokens.csv"))
        .args(["--authorization-mode", "RBAC"])
        .args(["--service-cluster-ip-range", "10.0.0.0/16"]);
    command
}

fn controllers(program: &Path, folder: &Folder) -> Result<(&'static str, Command, String)> {
    let (mut command, health) = of_the_control_plane(program, folder, "kube-controller-manager")?;
    command
        .arg("--service-account-private-key-file")
        .arg(folder.join("key.pem"))
        .arg("--root-ca-file")
        .arg(folder.join("certificates/apiserver.crt"));
    Ok(("kube-controller-manager", command, health))
}

fn scheduler(program: &Path, folder: &Folder) -> Result<(&'static str, Command, String)> {
    let (command, health) = of_the_control_plane(program, folder, "kube-scheduler")?;
    Ok(("kube-scheduler", command, health))
}

fn of_the_control_plane(program: &Path, folder: &Folder, name: &str) -> Result<(Command, String)> {
    let port = port::free()?;
    let mut command = command(program, folder, name);
    command
        .arg("--kubeconfig")
        .arg(folder.join("kubeconfig"))
        .args(["--leader-elect=false", "--bind-address", "127.0.0.1"])
        .args(["--secure-port", &port.to_string()])
        // They answer with the API server's certificate, so that its clients can ask them how they are.
        .arg("--tls-cert-file")
        .arg(folder.join("certificates/apiserver.crt"))
        .arg("--tls-private-key-file")
        .arg(folder.join("certificates/apiserver.key"));
    Ok((command, format!("https://127.0.0.1:{port}/healthz")))
}

fn kwok(program: &Path, folder: &Folder) -> Result<(&'static str, Command, String)> {
    let port = port::free()?;
    let mut command = command(program, folder, "kwok");
    command
        .arg("--kubeconfig")
        .arg(folder.join("kubeconfig"))
        .arg("--config")
        .arg(folder.join("stages.yaml"))
        .arg("--manage-all-nodes=true")
        .args(["--server-address", &format!("127.0.0.1:{port}")]);
    Ok(("kwok", command, format!("http://127.0.0.1:{port}/healthz")))
}

fn kubeconfig(port: u16, certificate: &Path, token: &str) -> String {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": "test",
            "cluster": {"server": format!("https://127.0.0.1:{port}"), "certificate-authority": certificate},
        }],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
        "current-context": "test",
    })
    .to_string()
}

/// A client that trusts the authorities in this file alone.
fn client(certificate: &Path, token: &str) -> Result<Client> {
    let authorities = Certificate::from_pem_bundle(&std::fs::read(certificate)?)?;
    let mut headers = header::HeaderMap::new();
    headers.insert(header::AUTHORIZATION, format!("Bearer {token}").parse()?);
    Ok(Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(60))
        .tls_certs_only(authorities)
        .default_headers(headers)
        .build()?)
}
