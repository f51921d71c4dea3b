//! The cluster on one machine: Postgres, Kafka, Dapr's scheduler, a sidecar for the functions and one for each worker, the
//! functions and the workers, each a process of its own. What `cargo xtask up --cluster` starts, and what tests break.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::balancer::Balancer;
use crate::dapr::{Daprd, DaprdOptions, Scheduler, client, healthy, loopback};
use crate::folder::Folder;
use crate::kafka::Kafka;
use crate::port;
use crate::postgres::{self, Postgres};
use crate::process::log_end;
use crate::proxy::Proxy;
use crate::server::Server;
use crate::tools;

const DATABASE: &str = "punctual";
const READY_LIMIT: Duration = Duration::from_secs(60);
/// Spin compiles every component at the first start of its version here.
const SPIN_LIMIT: Duration = Duration::from_secs(300);
/// Kubernetes' own way is slower and has 15.
const DRAIN_SECONDS: &str = "3";
/// The app ids that `dapr/` gives rights to.
const FUNCTIONS: &str = "punctual-functions";
const WORKER: &str = "punctual-worker";
/// The folder of the secrets, as the migrations have made them.
const OWNER: &str = "owner";
/// The file of the secret store.
const SECRETS: &str = "secrets.json";
/// The secret in it, with several values.
const SECRET: &str = "punctual";

/// What the cluster is made of.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// The project's folder: `spin.toml`, `dapr/`.
    pub root: PathBuf,
    /// The folder of `punctual-worker` and `punctual-server`.
    pub programs: PathBuf,
    /// Where the functions answer; 0 takes any free one.
    pub port: u16,
    /// The functions run under Spin (`spin` on the PATH), not under our own host.
    pub spin: bool,
    pub workers: usize,
    /// Processes that run the functions, each with its sidecar. Of several, each stops as it does on Kubernetes
    /// (`k8s/images/drain.sh`).
    pub functions: usize,
    /// Of the functions: name and value.
    pub variables: Vec<(String, String)>,
    /// Of the workers.
    pub environment: Vec<(String, String)>,
    /// Functions and workers reach Postgres through a proxy each.
    pub proxies: bool,
    /// Of functions, workers and sidecars: where their traces and metrics go, among others.
    pub telemetry: Vec<(String, String)>,
}

impl ClusterOptions {
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        Self {
            programs: root.join("target/release"),
            root,
            port: 0,
            spin: false,
            workers: 1,
            functions: 1,
            variables: Vec::new(),
            environment: Vec::new(),
            proxies: false,
            telemetry: Vec::new(),
        }
    }
}

/// A process of ours.
pub struct Program {
    server: Server,
    health: String,
}

impl Program {
    fn new(
        name: &'static str,
        command: Command,
        log: PathBuf,
        health: String,
        limit: Duration,
    ) -> Self {
        Self {
            server: Server::new(name, command, log, limit),
            health,
        }
    }

    /// Starts it (after stopping it, where it runs), and waits until it is healthy.
    pub async fn restart(&mut self) -> Result<()> {
        let client = client()?;
        let health = &self.health;
        self.server.start(|| healthy(&client, health)).await
    }

    /// An environment variable of it, from its next start on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.server.command.env(name, value);
    }

    pub async fn kill(&mut self) -> Result<()> {
        self.server.kill().await
    }

    pub async fn stop(&mut self) -> Result<()> {
        self.server.stop().await
    }

    pub fn pause(&mut self) -> Result<()> {
        self.server.pause()
    }

    pub fn resume(&mut self) -> Result<()> {
        self.server.resume()
    }

    pub fn running(&mut self) -> bool {
        self.server.running()
    }

    pub fn log(&self) -> &Path {
        &self.server.log
    }
}

/// The functions in one process, and its sidecar.
pub struct Functions {
    pub program: Program,
    pub daprd: Daprd,
    pub url: String,
}

impl Functions {
    /// A variable of the application, from its next start on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.program.set(&variable(name), value);
    }
}

/// A worker and its sidecar.
pub struct Worker {
    pub program: Program,
    pub daprd: Daprd,
    /// Where its live hub listens, and its sidecar calls.
    pub url: String,
    /// Where `/metrics`, `/livez` and `/readyz` answer.
    pub metrics: String,
}

/// The ways to Postgres, to be cut.
pub struct Proxies {
    pub functions: Proxy,
    pub workers: Proxy,
}

/// What a gateway and a Service are on Kubernetes.
pub struct Balancers {
    pub functions: Balancer,
    pub hubs: Balancer,
}

/// Everything is gone when this is dropped, or when this process ends in whatever way.
pub struct Cluster {
    // Dropped in this order: who depends on others first, the folder last.
    pub workers: Vec<Worker>,
    pub functions: Vec<Functions>,
    /// Before the functions and before the workers' hubs, where there are several.
    pub balancers: Option<Balancers>,
    pub scheduler: Scheduler,
    pub kafka: Kafka,
    pub postgres: Postgres,
    pub proxies: Option<Proxies>,
    url: String,
    app_token: String,
    api_token: String,
    folder: Folder,
    options: ClusterOptions,
}

impl Cluster {
    /// How the log of each part ends.
    pub fn log_ends(&self) -> String {
        let workers = self.workers.iter();
        let workers = workers.flat_map(|one| [one.program.log().to_owned(), one.daprd.log()]);
        let functions = self.functions.iter();
        let functions = functions.flat_map(|one| [one.program.log().to_owned(), one.daprd.log()]);
        let servers = [self.scheduler.log(), self.kafka.log(), self.postgres.log()];
        workers
            .chain(functions)
            .chain(servers)
            .map(|log| format!("{} ends with:\n{}\n", log.display(), log_end(&log)))
            .collect()
    }

    /// `tell` is given a line for each part that has started.
    pub async fn start(options: ClusterOptions, mut tell: impl FnMut(&str)) -> Result<Self> {
        let mut since = Instant::now();
        let mut up = |name: &str, place: &str| {
            let ms = since.elapsed().as_millis();
            since = Instant::now();
            tell(&format!(
                "{name:<22} {place:<42} {:>4}.{} s",
                ms / 1000,
                ms % 1000 / 100
            ));
        };
        let folder = Folder::new("cluster")?;
        let postgres = Postgres::start().await?;
        up("Postgres", &loopback(postgres.port()));
        let kafka = Kafka::start().await?;
        up("Kafka", &kafka.bootstrap());
        let scheduler = Scheduler::start().await?;
        up("Dapr scheduler", &loopback(scheduler.port()));

        // The owner makes schema and roles; everybody else gets no more than is needed.
        postgres.create_database(DATABASE).await?;
        let (functions_password, worker_password) = (random(), random());
        let owner = postgres.url(DATABASE);
        let data = folder.join(OWNER);
        run(worker_command(&options, &data)
            .arg("migrate")
            .env("DATABASE_URL", &owner))
        .await?;
        postgres::execute(
            &owner,
            &format!(
                "ALTER ROLE punctual_functions LOGIN PASSWORD '{functions_password}';
                 ALTER ROLE punctual_worker LOGIN PASSWORD '{worker_password}'"
            ),
        )
        .await?;
        up("schema and roles", "migrated");
        run(worker_command(&options, &data).args([
            "topics",
            "--apply",
            "--kafka",
            &kafka.bootstrap(),
        ]))
        .await?;
        up("topics", "k8s/kafka/topics");

        let secret = |name: &str| secret(&folder, name);
        let events_secret = secret("events_secret")?;
        let (api_token, app_token) = (random(), random());
        let mut functions_url =
            postgres.url_as("punctual_functions", &functions_password, DATABASE);
        let mut worker_url = postgres.url_as("punctual_worker", &worker_password, DATABASE);
        let mut database_host = loopback(postgres.port());
        let mut proxies = None;
        if options.proxies {
            let both = Proxies {
                functions: Proxy::start(database_host.clone()).await?,
                workers: Proxy::start(database_host).await?,
            };
            functions_url = both.functions.url(&functions_url);
            worker_url = both.workers.url(&worker_url);
            database_host = loopback(both.functions.port());
            proxies = Some(both);
        }
        let secrets = json!({ SECRET: {
            "events_secret": &events_secret,
            "vapid_key": secret("vapid_key")?,
            "database_url": worker_url,
            "state_database_url": state_url(&postgres).await?,
        } });
        folder.write(SECRETS, &secrets.to_string())?;
        let resources = resources(&options.root, &folder)?;
        let daprd = |app_id: &str, app_port| DaprdOptions {
            app_id: app_id.to_owned(),
            app_port: Some(app_port),
            app_later: true,
            resources: resources.clone(),
            config: Some(options.root.join("dapr/config.yaml")),
            scheduler_port: Some(scheduler.port()),
            app_api_token: Some(app_token.clone()),
            dapr_api_token: Some(api_token.clone()),
            env: vec![
                ("KAFKA_BOOTSTRAP_SERVERS".to_owned(), kafka.bootstrap()),
                (
                    "PUNCTUAL_SECRETS_FILE".to_owned(),
                    folder.join(SECRETS).display().to_string(),
                ),
            ]
            .into_iter()
            .chain(options.telemetry.clone())
            .collect(),
            // Not of the functions, see dapr/components/pubsub.yaml.
            app_health_path: None,
        };

        let port = match options.port {
            0 => port::free()?,
            port => port,
        };
        let url = format!("http://{}", loopback(port));
        let balancers = match options.functions {
            ..=1 => None,
            _ => Some(Balancers {
                functions: Balancer::start(port).await?,
                hubs: Balancer::start(port::free()?).await?,
            }),
        };
        let mut sidecars = Vec::new();
        for _ in 0..options.functions.max(1) {
            let port = match balancers {
                None => port,
                Some(_) => port::free()?,
            };
            let daprd = Daprd::start(daprd(FUNCTIONS, port)).await?;
            up("Dapr, functions", &loopback(daprd.http_port()));
            sidecars.push((port, daprd));
        }
        let mut workers = Vec::new();
        for number in 0..options.workers {
            let hub = port::free()?;
            let daprd = Daprd::start(DaprdOptions {
                config: Some(options.root.join("dapr/components/jobs.yaml")),
                app_health_path: Some("/healthz".to_owned()),
                ..daprd(WORKER, hub)
            })
            .await?;
            up(
                &format!("Dapr, worker {number}"),
                &loopback(daprd.http_port()),
            );
            workers.push((hub, daprd));
        }

        let hub = match &balancers {
            None => {
                let first = workers.first().context("a cluster has a worker")?;
                format!("http://{}", loopback(first.0))
            }
            Some(balancers) => balancers.hubs.url(),
        };
        let mut functions = Vec::new();
        for (number, (port, daprd)) in sidecars.into_iter().enumerate() {
            let sidecar = format!("http://{}", loopback(daprd.http_port()));
            let mut command = functions_command(&options, &folder, number, port);
            for (name, value) in [
                ("token_secret", secret("token_secret")?),
                ("events_secret", events_secret.clone()),
                ("vapid_public_key", secret("vapid_public_key")?),
                ("hub_url", hub.clone()),
                ("functions_url", url.clone()),
                ("database_url", functions_url.clone()),
                ("database_host", database_host.clone()),
                ("dapr_url", sidecar),
                ("dapr_host", loopback(daprd.http_port())),
                ("dapr_api_token", api_token.clone()),
                ("app_api_token", app_token.clone()),
            ] {
                command.env(variable(name), value);
            }
            for (name, value) in &options.variables {
                command.env(variable(name), value);
            }
            command.envs(options.telemetry.clone());
            let url = format!("http://{}", loopback(port));
            let mut program = Program::new(
                "the functions",
                command,
                folder.join(&format!("functions-{number}.log")),
                format!("{url}/healthz"),
                if options.spin {
                    SPIN_LIMIT
                } else {
                    READY_LIMIT
                },
            );
            program.restart().await?;
            up("functions", &url);
            if let Some(balancers) = &balancers {
                balancers.functions.add(&url)?;
            }
            functions.push(Functions {
                program,
                daprd,
                url,
            });
        }

        let mut running = Vec::new();
        for (number, (hub, daprd)) in workers.into_iter().enumerate() {
            let sidecar = format!("http://{}", loopback(daprd.http_port()));
            let metrics = port::free()?;
            let mut command = worker_command(&options, &folder.join(&format!("worker-{number}")));
            command
                .args(["run", "--functions-url", &url, "--listen", &loopback(hub)])
                .args(["--kafka", &kafka.bootstrap(), "--dapr", &sidecar])
                .args(["--secret-store", "secretstore"])
                .args(["--metrics-listen", &loopback(metrics)])
                .env("DAPR_API_TOKEN", &api_token)
                .env("APP_API_TOKEN", &app_token)
                .envs(options.telemetry.clone())
                .envs(options.environment.clone());
            let log = folder.join(&format!("worker-{number}.log"));
            let url = format!("http://{}", loopback(hub));
            let health = format!("{url}/healthz");
            let mut program = Program::new("a worker", command, log, health, READY_LIMIT);
            program.restart().await?;
            up(&format!("worker {number}"), &loopback(hub));
            if let Some(balancers) = &balancers {
                balancers.hubs.add(&url)?;
            }
            running.push(Worker {
                program,
                daprd,
                url,
                metrics: format!("http://{}", loopback(metrics)),
            });
        }
        Ok(Self {
            workers: running,
            functions,
            balancers,
            scheduler,
            kafka,
            postgres,
            proxies,
            url,
            app_token,
            api_token,
            folder,
            options,
        })
    }

    /// Where the functions answer.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The database, as its owner reaches it.
    pub fn database_url(&self) -> String {
        self.postgres.url(DATABASE)
    }

    /// The database, as another login reaches it.
    pub fn database_url_of(&self, user: &str, password: &str) -> String {
        self.postgres.url_as(user, password, DATABASE)
    }

    /// Brings the database to the schema of the programs that are in the folder now.
    pub async fn migrate(&self) -> Result<()> {
        let data = self.folder.join(OWNER);
        run(worker_command(&self.options, &data)
            .arg("migrate")
            .env("DATABASE_URL", self.database_url()))
        .await
    }

    /// `punctual-worker` with the first worker's place in the cluster, for an operator's command.
    pub fn operator(&self) -> Option<Command> {
        let sidecar = loopback(self.workers.first()?.daprd.http_port());
        let mut command = worker_command(&self.options, &self.folder.join("operator"));
        command
            .env("PUNCTUAL_FUNCTIONS_URL", &self.url)
            .env("KAFKA_BOOTSTRAP_SERVERS", self.kafka.bootstrap())
            .env("DAPR_HTTP_ENDPOINT", format!("http://{sidecar}"))
            .env("DAPR_SECRET_STORE", "secretstore")
            .env("DAPR_API_TOKEN", &self.api_token);
        Some(command)
    }

    /// What a sidecar shows when it calls.
    pub fn app_token(&self) -> &str {
        &self.app_token
    }

    /// A secret that the cluster began with: `token_secret`, `events_secret`, `vapid_key`.
    pub fn secret(&self, name: &str) -> Result<String> {
        secret(&self.folder, name)
    }

    /// Puts a value into the workers' secret, for each sidecar that starts from now on.
    pub fn keep_secret(&self, name: &str, value: &str) -> Result<()> {
        let path = self.folder.join(SECRETS);
        let mut secrets: Value = serde_json::from_str(&std::fs::read_to_string(&path)?)?;
        secrets[SECRET][name] = value.into();
        self.folder.write(SECRETS, &secrets.to_string())?;
        Ok(())
    }

    /// The folder of all logs but the servers' own.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The part that has ended by itself, and where its log is.
    pub fn ended(&mut self) -> Option<(&'static str, PathBuf)> {
        let workers = self.workers.iter_mut().map(|worker| &mut worker.program);
        let functions = self.functions.iter_mut().map(|one| &mut one.program);
        let mut programs = functions.chain(workers);
        let ended = programs.find_map(|program| (!program.running()).then_some(program));
        ended.map(|program| (program.server.name, program.server.log.clone()))
    }

    /// In order: who depends on others first.
    pub async fn stop(mut self) -> Result<()> {
        for worker in &mut self.workers {
            worker.program.stop().await?;
            worker.daprd.stop().await?;
        }
        for functions in &mut self.functions {
            functions.program.stop().await?;
            functions.daprd.stop().await?;
        }
        self.scheduler.stop().await?;
        self.kafka.stop().await?;
        self.postgres.stop().await
    }
}

/// A secret that the migration has made.
fn secret(folder: &Folder, name: &str) -> Result<String> {
    let path = folder.join(OWNER).join("secrets").join(name);
    std::fs::read_to_string(&path).with_context(|| format!("{}", path.display()))
}

fn variable(name: &str) -> String {
    format!("SPIN_VARIABLE_{}", name.to_uppercase())
}

fn random() -> String {
    format!("{:016x}{:016x}", port::random(), port::random())
}

/// The application on this port, under our own host or under Spin, before its variables.
fn functions_command(
    options: &ClusterOptions,
    folder: &Folder,
    number: usize,
    port: u16,
) -> Command {
    let state = folder.join(&format!("functions-{number}"));
    let program = match options.spin {
        true => PathBuf::from("spin"),
        false => options.programs.join("punctual-server"),
    };
    let mut command = Command::new(&program);
    if options.functions > 1 {
        command = Command::new(options.root.join("k8s/images/drain.sh"));
        command
            .env("DRAIN_PROGRAM", &program)
            .env("DRAIN_SECONDS", DRAIN_SECONDS);
    }
    if options.spin {
        command
            .arg("up")
            .arg("--file")
            .arg(options.root.join("spin.toml"))
            // In its own temporary folder it would leave files behind when it is killed.
            .arg("--temp")
            .arg(folder.path())
            .args(["--listen", &loopback(port)])
            .arg("--state-dir")
            .arg(state);
    } else {
        command
            .arg("--app")
            .arg(&options.root)
            .arg("--data")
            .arg(state)
            .args(["--port", &port.to_string(), "--cache"])
            .arg(options.root.join("target/test-modules"))
            .arg("functions");
    }
    command.current_dir(folder.path());
    command
}

fn worker_command(options: &ClusterOptions, data: &Path) -> Command {
    let mut command = Command::new(options.programs.join("punctual-worker"));
    command.arg("--data").arg(data);
    // What the caller's shell has set for another Punctual is not meant for this one.
    for name in ["DATABASE_URL", "PUBLIC_URL", "SMTP_URL", "SMTP_FROM"] {
        command.env_remove(name);
    }
    command
}

async fn run(command: &mut Command) -> Result<()> {
    let command = std::mem::replace(command, Command::new("true"));
    tools::run(&mut command.into()).await.map(drop)
}

/// A database of its own for Dapr's state, as its component wants to be its owner.
async fn state_url(postgres: &Postgres) -> Result<String> {
    postgres.create_database("dapr_state").await?;
    let password = random();
    let owner = postgres.url("dapr_state");
    postgres::execute(
        &owner,
        &format!(
            "CREATE ROLE dapr_state LOGIN PASSWORD '{password}';
             ALTER DATABASE dapr_state OWNER TO dapr_state; ALTER SCHEMA public OWNER TO dapr_state"
        ),
    )
    .await?;
    Ok(postgres.url_as("dapr_state", &password, "dapr_state"))
}

/// The components, subscriptions and policies of `dapr/`, in one folder as a sidecar reads them.
fn resources(root: &Path, folder: &Folder) -> Result<PathBuf> {
    let all = folder.join("dapr");
    std::fs::create_dir(&all)?;
    for part in ["components", "subscriptions", "."] {
        let from = root.join("dapr").join(part);
        let entries = std::fs::read_dir(&from).with_context(|| format!("{}", from.display()))?;
        for entry in entries {
            let path = entry?.path();
            let text = match path.extension() {
                Some(extension) if extension == "yaml" => std::fs::read_to_string(&path)?,
                _ => continue,
            };
            // A `Configuration` is given by its own flag.
            if !text.contains("kind: Configuration") {
                let name = path.file_name().context("a name")?;
                std::fs::write(all.join(name), text)?;
            }
        }
    }
    Ok(all)
}
