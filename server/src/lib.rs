//! The embedded edition: the functions (on the host) and the worker in one process, on one SQLite file or on Postgres.

mod bundle;
pub mod config;
pub mod functions;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use punctual_host::{Host, HostOptions, Limits, Variables, WallClock};
use punctual_sqlite::{Database, Options};
use punctual_worker::bus::kafka::KafkaOptions;
use punctual_worker::clock::Clock;
use punctual_worker::dapr::DaprOptions;
use punctual_worker::data::{Folder, Lock, VAPID_PUBLIC_KEY};
use punctual_worker::metrics::{self, Health};
use punctual_worker::migrations::migrate;
use punctual_worker::sender::Mail;
use punctual_worker::store::{Address, Db, Postgres};
use punctual_worker::{RunningWorker, Worker, WorkerOptions};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use config::Registration;

const MANIFEST: &str = "spin.toml";
/// The label of the SQLite database in it.
const DATABASE: &str = "default";

/// Why the server does not start. `Display` is one line, with the way out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("port {} is taken. Choose another with --port N, or 0 for any free one.", .0.port())]
    PortTaken(SocketAddr),
    #[error("cannot listen on {address}: {source}")]
    Listen {
        address: SocketAddr,
        source: std::io::Error,
    },
    #[error("there is no {}. Start from the project's folder, or name it with --app DIR.", .0.display())]
    NoApp(PathBuf),
    #[error("the application can't be laid out in {}: {source}", .folder.display())]
    Unpack {
        folder: PathBuf,
        source: std::io::Error,
    },
    #[error(transparent)]
    Worker(#[from] punctual_worker::Error),
    #[error("database: {0}")]
    Database(#[from] punctual_sqlite::Error),
    #[error("functions: {0}")]
    Host(#[from] punctual_host::Error),
}

/// Where the Postgres database is.
#[derive(Clone, Debug)]
pub struct PostgresAt {
    /// For the worker, which keeps sessions.
    pub direct: Address,
    /// For the functions, perhaps through a transaction pooler; where left out, `direct`.
    pub pooled: Option<Address>,
}

/// How a server is started. [`ServerOptions::new`] suits a test.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// The database file, the secrets, and the compiled functions where `cache` is not given.
    pub data: PathBuf,
    /// `None`: the database is a file in `data`.
    pub postgres: Option<PostgresAt>,
    /// `None`: the bus is in process.
    pub kafka: Option<KafkaOptions>,
    /// `None`: the timer is in process.
    pub dapr: Option<DaprOptions>,
    /// Where the live hub listens, and the sidecar calls.
    pub hub: SocketAddr,
    /// The folder that `spin.toml` is in; where left out, what the program carries, or else the present folder.
    pub app: Option<PathBuf>,
    pub cache: Option<PathBuf>,
    /// Port 0: any free one.
    pub listen: SocketAddr,
    /// How the world reaches this server, where that is not the address it listens on.
    pub public_url: Option<String>,
    pub registration: Registration,
    /// CIDR ranges, comma-separated.
    pub trusted_proxies: String,
    pub webhook_allow_private: bool,
    /// `None`: no e-mail is sent.
    pub mail: Option<Mail>,
    /// `None`: the system's, or the database's where it has its own.
    pub clock: Option<Clock>,
    pub limits: Limits,
    /// `None`: nobody watches.
    pub metrics: Option<SocketAddr>,
}

impl ServerOptions {
    /// Loopback, any free port, the system's clock, registration closed after the first account.
    pub fn new(data: impl Into<PathBuf>, app: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            postgres: None,
            kafka: None,
            dapr: None,
            hub: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            app: Some(app.into()),
            cache: None,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            public_url: None,
            registration: Registration::Closed,
            trusted_proxies: String::new(),
            webhook_allow_private: false,
            mail: None,
            clock: None,
            limits: Limits::default(),
            metrics: None,
        }
    }
}

/// A server that runs until [`Server::stop`], or until this is dropped.
pub struct Server {
    address: SocketAddr,
    database: Db,
    worker: RunningWorker,
    functions: JoinHandle<()>,
    stop: DropGuard,
    /// Let go last.
    _lock: Lock,
}

impl Server {
    pub async fn start(options: ServerOptions) -> Result<Self, Error> {
        let ServerOptions { data, postgres, .. } = &options;
        let app = match &options.app {
            None if bundle::is_there() => None,
            app => Some(app.clone().unwrap_or_else(|| PathBuf::from("."))),
        };
        if let Some(missing) = app
            .as_ref()
            .map(|app| app.join(MANIFEST))
            .filter(|manifest| !manifest.is_file())
        {
            return Err(Error::NoApp(missing));
        }
        let folder = Folder::create(data)?;
        let lock = folder.lock()?;
        let health = Health::default();
        if let Some(address) = options.metrics {
            metrics::listen(address, health.clone()).await?;
        }
        let listener = listen(options.listen)?;
        let address = listener.local_addr().map_err(|source| Error::Listen {
            address: options.listen,
            source,
        })?;
        let hub_listener = listen(options.hub)?;
        let hub = hub_listener
            .local_addr()
            .map_err(|source| Error::Listen { address, source })?;

        let cache = options
            .cache
            .clone()
            .unwrap_or_else(|| folder.path().join("cache"));
        let manifest = match app {
            Some(app) => app.join(MANIFEST),
            None => {
                let app = folder.path().join("app");
                bundle::unpack(&app).map_err(|source| Error::Unpack {
                    folder: app.clone(),
                    source,
                })?;
                app.join(MANIFEST)
            }
        };
        let events_secret = folder.secret("events_secret")?;
        let vapid = folder.vapid()?;
        let (database, file): (Db, _) = match postgres {
            Some(at) => (Postgres::open(&at.direct)?.into(), None),
            None => {
                let file = Database::open(&folder.database(), Options::default())?;
                (file.clone().into(), Some(file))
            }
        };
        migrate(&database, &Clock::system()).await?;
        let clock = match options.clock.clone() {
            Some(clock) => clock,
            None => database.clock().await?,
        };

        let functions_url = format!("http://{}", reachable(address));
        let variables = Variables::new()
            .set("token_secret", folder.secret("token_secret")?)
            .set("events_secret", &events_secret)
            .set("registration", options.registration.to_string())
            .set("hub_url", format!("http://{hub}"))
            .set("functions_url", &functions_url)
            .set(
                "public_url",
                options.public_url.as_deref().unwrap_or_default(),
            )
            .set("trusted_proxies", &options.trusted_proxies)
            .set(
                "webhook_allow_private",
                options.webhook_allow_private.to_string(),
            )
            .set(VAPID_PUBLIC_KEY, vapid.public_key());
        let variables = match postgres {
            Some(PostgresAt { direct, pooled }) => {
                let theirs = pooled.as_ref().unwrap_or(direct);
                variables
                    .set("database_url", theirs.url())
                    .set("database_host", theirs.host())
            }
            None => variables,
        };
        let variables = match options.mail {
            Some(_) => variables.set("email_enabled", "true"),
            None => variables,
        };
        let wall = clock.clone();
        let host = Host::load(HostOptions {
            absent_databases: match file {
                Some(_) => Vec::new(),
                None => vec![DATABASE.to_owned()],
            },
            databases: file
                .map(|file| (DATABASE.to_owned(), file))
                .into_iter()
                .collect(),
            key_value: Some(Database::open(
                &folder.path().join("key-value.db"),
                Options::default(),
            )?),
            variables,
            clock: WallClock(Arc::new(move || wall.system_time())),
            limits: options.limits.clone(),
            ..HostOptions::new(manifest, cache)
        })
        .await?;

        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let functions = tokio::spawn(async move {
            if let Err(error) = host
                .serve(listener, async move { stopped.cancelled().await })
                .await
            {
                tracing::error!(%error, "the server has stopped answering");
            }
        });
        let worker = Worker::start(WorkerOptions {
            db: database.clone(),
            clock,
            public_url: options
                .public_url
                .clone()
                .unwrap_or_else(|| functions_url.clone()),
            functions_url,
            kafka: options.kafka.clone(),
            dapr: options.dapr.clone(),
            events_secret,
            hub_listener,
            webhook_allow_private: options.webhook_allow_private,
            mail: options.mail.clone(),
            vapid,
            // The folder's lock says that nobody else works on the file in it, and nothing about Postgres.
            alone: postgres.is_none(),
            health,
        })
        .await?;
        Ok(Self {
            address,
            database,
            worker,
            functions,
            stop: stop.drop_guard(),
            _lock: lock,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", reachable(self.address))
    }

    /// For tests, which look at what no route shows.
    pub fn database(&self) -> &Db {
        &self.database
    }

    /// Lets what is under way finish, for a few seconds; then all is stopped.
    pub async fn stop(self) {
        // The worker goes first: its calls need the functions, and its hub ends the event streams.
        self.worker.stop().await;
        drop(self.stop);
        if let Err(error) = self.functions.await {
            tracing::error!(%error, "the functions' host broke");
        }
    }
}

/// Connections that may wait to be accepted: after a restart all come back at once.
const BACKLOG: u32 = 4096;

fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    let listening = || {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listening().map_err(|source| match source.kind() {
        std::io::ErrorKind::AddrInUse => Error::PortTaken(address),
        _ => Error::Listen { address, source },
    })
}

/// Where this machine reaches a listener that may be on all its addresses.
fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        SocketAddr::from((Ipv4Addr::LOCALHOST, address.port()))
    } else {
        address
    }
}
