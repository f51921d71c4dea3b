//! An application in a temporary folder, and ways to talk to it.

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use ::http::{HeaderMap, Request, StatusCode};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use punctual_host::{Body, Host, HostOptions, Limits, full};
use punctual_sqlite::{Database, Options};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The whole of a manifest whose one component gets everything.
pub const EVERYTHING: &str = r#"
[[trigger.http]]
route = "/..."
component = "guest"

[component.guest]
source = "GUEST"
sqlite_databases = ["default"]
key_value_stores = ["default"]
"#;

/// The guest's `.wasm`, or a line that says how to make it.
pub fn guest() -> PathBuf {
    // `CARGO_TARGET_TMPDIR` is `tmp` in the target folder.
    let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .with_file_name("wasm32-wasip2/release/host_guest.wasm");
    assert!(
        path.is_file(),
        "the test component is missing: cargo build --release --target wasm32-wasip2 -p host-guest"
    );
    path
}

/// An application that is about to be loaded.
pub struct Application {
    pub folder: tempfile::TempDir,
    pub options: HostOptions,
}

impl Application {
    /// `manifest` without its head; `GUEST` stands for the path of the guest.
    pub fn new(manifest: &str) -> Self {
        log();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let text = format!(
            "spin_manifest_version = 2\n[application]\nname = \"test\"\n{}",
            manifest.replace("GUEST", &guest().display().to_string())
        );
        let path = folder.path().join("spin.toml");
        std::fs::write(&path, text).expect("the manifest is written");
        // All tests share the compiled guest.
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("host-cache");
        let mut options = HostOptions::new(path, cache);
        let open = |name: &str| {
            Database::open(&folder.path().join(name), Options::default()).expect("a database")
        };
        options
            .databases
            .insert("default".to_owned(), open("default.db"));
        options.key_value = Some(open("key-value.db"));
        // Each engine reserves address space for all the instances it may have.
        options.limits = Limits {
            instances: 30,
            ..Limits::default()
        };
        Self { folder, options }
    }

    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.options.limits);
        self
    }

    pub fn options(mut self, change: impl FnOnce(&mut HostOptions)) -> Self {
        change(&mut self.options);
        self
    }

    pub async fn load(self) -> Loaded {
        let database = self.options.databases["default"].clone();
        let host = Host::load(self.options)
            .await
            .expect("the application loads");
        Loaded {
            host,
            database,
            _folder: self.folder,
        }
    }

    /// Loads, and serves on a free port.
    pub async fn serve(self) -> Server {
        let loaded = self.load().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel::<()>();
        let host = loaded.host.clone();
        let task = tokio::spawn(async move {
            host.serve(listener, async move { drop(stopped.await) })
                .await
                .expect("it serves");
        });
        Server {
            loaded,
            address,
            stop: Some(stop),
            task: Some(task),
        }
    }
}

/// The application with everything granted, in this process.
pub async fn loaded() -> Loaded {
    Application::new(EVERYTHING).load().await
}

pub struct Loaded {
    pub host: Host,
    pub database: Database,
    _folder: tempfile::TempDir,
}

impl Loaded {
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.host.handle(request).await;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes());
        Answer {
            status: head.status,
            headers: head.headers,
            broken: body.is_err(),
            body: body.unwrap_or_default(),
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(request("GET", path, "")).await
    }

    pub async fn post(&self, path: &str, body: impl Into<Bytes>) -> Answer {
        self.send(request("POST", path, body)).await
    }

    /// Runs statements on one connection of the guest.
    pub async fn sql(&self, statements: serde_json::Value) -> serde_json::Value {
        let job = serde_json::json!({ "statements": statements });
        self.post("/sql", job.to_string()).await.json()
    }
}

pub fn request(method: &str, path: &str, body: impl Into<Bytes>) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(path)
        .header("host", "test.example")
        .body(full(body))
        .expect("a request")
}

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// The body did not come to its proper end.
    pub broken: bool,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// It is a problem of the host's own, of this status.
    #[track_caller]
    pub fn is_problem(&self, status: u16) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.json()["status"], status);
    }
}

pub struct Server {
    pub loaded: Loaded,
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<()>>,
}

impl Server {
    /// A request over the network; the answer's body is still to be read.
    pub async fn open(&self, path: &str) -> ::http::Response<Incoming> {
        open(self.address, path).await
    }

    pub fn stop(&mut self) {
        drop(self.stop.take());
    }

    pub async fn ended(&mut self) {
        self.task
            .take()
            .expect("not waited for before")
            .await
            .expect("it ends well");
    }
}

pub async fn open(address: SocketAddr, path: &str) -> ::http::Response<Incoming> {
    let request = Request::get(format!("http://{address}{path}"))
        .body(http_body_util::Empty::<Bytes>::new())
        .expect("a request");
    let client = Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(0)
        .build_http();
    client.request(request).await.expect("an answer")
}

/// The next piece of a body.
pub async fn piece(body: &mut Incoming) -> Option<Bytes> {
    loop {
        match body.frame().await? {
            Ok(frame) => {
                if let Ok(data) = frame.into_data() {
                    return Some(data);
                }
            }
            Err(_) => return None,
        }
    }
}

/// Waits until `done` says so, for at most ten seconds.
pub async fn until<F: Future<Output = bool>>(what: &str, mut done: impl FnMut() -> F) {
    let start = Instant::now();
    while !done().await {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "waited too long until {what}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// What was logged so far by all tests, a line an event.
pub fn log() -> Arc<Mutex<Vec<u8>>> {
    #[derive(Clone)]
    struct Writer(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Writer {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    static LOG: OnceLock<Arc<Mutex<Vec<u8>>>> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = Arc::<Mutex<Vec<u8>>>::default();
        let writer = Writer(log.clone());
        tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(tracing::Level::INFO)
            .with_writer(move || writer.clone())
            .init();
        log
    })
    .clone()
}

/// A line of the log with all these words.
pub fn logged(words: &[&str]) -> bool {
    let log = log();
    let log = log.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&log)
        .lines()
        .any(|line| words.iter().all(|word| line.contains(word)))
}
