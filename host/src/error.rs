use std::path::PathBuf;

pub use crate::manifest::ManifestError;

/// Why an application can't be loaded or served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The manifest is wrong.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A file can't be read or written.
    #[error("{}: {source}", path.display())]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    /// Required variables without a value.
    #[error(
        "no value for required variable(s): {} (set SPIN_VARIABLE_<NAME> or put a file of that name \
         into the secrets' folder)",
        .0.join(", ")
    )]
    Missing(Vec<String>),
    /// A database for what a component asks for was not given.
    #[error("component `{component}` asks for {kind} `{label}`, which is not configured")]
    NoBackend {
        component: String,
        kind: &'static str,
        label: String,
    },
    /// A component can't be compiled or linked.
    #[error("component `{component}`: {reason}")]
    Component { component: String, reason: String },
    /// The WebAssembly engine can't be set up.
    #[error("the WebAssembly engine: {0}")]
    Engine(String),
    /// A database failed.
    #[error("the key-value database: {0}")]
    KeyValue(#[from] punctual_sqlite::Error),
    /// The listener failed.
    #[error("cannot accept connections: {0}")]
    Listener(#[source] std::io::Error),
}
