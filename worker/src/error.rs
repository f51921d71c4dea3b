/// Why the worker could not do something. `Display` is a line for an operator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("database: {0}")]
    Database(#[from] punctual_sqlite::Error),
    #[error("database: {0}")]
    Postgres(#[from] sqlx::Error),
    /// Neither the statement's own limit nor the connection's end has freed us.
    #[error("database: no answer in time")]
    Silent,
    #[error(
        "the database at {host} can't be reached: {why}. Look at the host, the port and the password of --database-url."
    )]
    Unreachable { host: String, why: String },
    /// The database and this program don't belong together.
    #[error("{0}")]
    Schema(String),
    /// A row holds what it must not hold.
    #[error("{0}")]
    Corrupt(String),
    /// Another process works in the data folder.
    #[error(
        "{folder} is in use by another process. Stop that one, or choose another folder with --data DIR."
    )]
    InUse { folder: String },
    #[error("{path}: {source}")]
    File {
        path: String,
        source: std::io::Error,
    },
    #[error("{0}")]
    Usage(String),
    #[error("HTTP client: {0}")]
    Http(#[from] reqwest::Error),
    #[error("Kafka: {0}")]
    Kafka(#[from] rdkafka::error::KafkaError),
    #[error("Dapr: {0}")]
    Dapr(String),
    #[error("password hash: {0}")]
    Password(String),
    #[error("the system's random numbers are not there: {0}")]
    Random(String),
}

impl Error {
    pub(crate) fn file(path: &std::path::Path, source: std::io::Error) -> Self {
        Self::File {
            path: path.display().to_string(),
            source,
        }
    }
}
