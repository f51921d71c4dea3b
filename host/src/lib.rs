//! Runs a Spin application: the components of a `spin.toml`, on wasmtime, in this process.
//!
//! What is and isn't implemented is in this crate's README.

mod allowed_hosts;
mod app;
mod body;
mod cache;
mod clock;
mod engine;
mod error;
mod guest;
mod instance;
mod limits;
mod load;
mod manifest;
mod outbound;
mod output;
mod problem;
mod request;
mod routes;
mod server;
mod service;
mod telemetry;
mod variables;

use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use http::{Request, Response};
use http_body_util::BodyExt as _;
use punctual_sqlite::Database;
use tokio::net::TcpListener;

pub use body::{Body, BodyError, empty, full};
pub use clock::WallClock;
pub use error::{Error, ManifestError};
pub use limits::Limits;
pub use routes::RouteInfo;
pub use variables::Variables;

/// What an application is run with.
#[derive(Clone, Debug)]
pub struct HostOptions {
    /// The `spin.toml`. Component sources are relative to its folder.
    pub manifest: PathBuf,
    /// Where compiled components are kept. What is in it is run, so nobody else may write to it.
    pub cache_dir: PathBuf,
    /// The databases behind `sqlite_databases`, by label.
    pub databases: HashMap<String, Database>,
    /// Labels that nothing is behind: a component may name one, and is refused when it opens it.
    pub absent_databases: Vec<String>,
    /// The database behind all `key_value_stores`; the table is made if it is missing.
    pub key_value: Option<Database>,
    pub variables: Variables,
    /// The wall clock components see.
    pub clock: WallClock,
    pub limits: Limits,
}

impl HostOptions {
    /// The rest as plain as possible: no databases, variables only from the manifest, the system's clock.
    pub fn new(manifest: impl Into<PathBuf>, cache_dir: impl Into<PathBuf>) -> Self {
        Self {
            manifest: manifest.into(),
            cache_dir: cache_dir.into(),
            databases: HashMap::new(),
            absent_databases: Vec::new(),
            key_value: None,
            variables: Variables::default(),
            clock: WallClock::default(),
            limits: Limits::default(),
        }
    }
}

/// The client of a request given to [`Host::handle`], as a request extension.
#[derive(Clone, Copy, Debug)]
pub struct Client(pub SocketAddr);

/// A loaded application. Clones are handles on the same one.
#[derive(Clone)]
pub struct Host {
    app: Arc<app::App>,
    limits: Limits,
}

impl Host {
    /// Reads the manifest, resolves variables, compiles components or takes them from the cache, and checks
    /// that everything they import is there.
    pub async fn load(options: HostOptions) -> Result<Self, Error> {
        let limits = options.limits.clone();
        Ok(Self {
            app: load::load(options).await?,
            limits,
        })
    }

    /// Answers requests until `shutdown` is done; then accepts no more, lets the running ones finish for
    /// [`Limits::shutdown_grace`], and cuts what is left (event streams, above all).
    pub async fn serve(
        &self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), Error> {
        server::serve(self.app.clone(), listener, shutdown, &self.limits).await
    }

    /// Answers one request in this process. It needs a host: `http://localhost/path`, say.
    pub async fn handle(&self, request: Request<Body>) -> Response<Body> {
        let client = request
            .extensions()
            .get::<Client>()
            .map_or(app::NOBODY, |client| client.0);
        let request = request.map(|body| body.map_err(body::to_wasi).boxed_unsync());
        self.app.handle(request, client).await
    }

    /// The routes, in the manifest's order.
    pub fn routes(&self) -> Vec<RouteInfo> {
        self.app.routes.clone()
    }
}
