//! The two databases with Punctual's schema, and what a statement answers, as text.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use it::process::root;
use punctual_servers::Postgres;
use punctual_sqlite::{Database, Options, Value};
use tokio_postgres::{Client, Error, NoTls, SimpleQueryMessage};

/// Rows of texts; `None` is NULL.
pub type Table = Vec<Vec<Option<String>>>;

/// The files of `migrations/<dialect>/`, in order.
pub fn migrations(dialect: &str) -> Vec<String> {
    let folder = root().join("migrations").join(dialect);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("migrations")
        .map(|file| file.expect("a file").path())
        .collect();
    files.sort();
    files
        .iter()
        .map(|file| std::fs::read_to_string(file).expect("a text"))
        .collect()
}

/// What the programs that migrate make before the first file.
const MIGRATIONS: &str = "CREATE TABLE migrations (
    version BIGINT PRIMARY KEY, name TEXT NOT NULL, hash TEXT NOT NULL, applied_at BIGINT NOT NULL)";

pub struct Sqlite {
    database: Database,
    _folder: tempfile::TempDir,
}

impl Sqlite {
    pub async fn migrated() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let database =
            Database::open(&folder.path().join("x.db"), Options::default()).expect("opened");
        database
            .write(|connection| {
                connection.execute_batch(MIGRATIONS)?;
                connection.pragma_update(None, "foreign_keys", false)?;
                for file in migrations("sqlite") {
                    connection.execute_batch(&file)?;
                }
                Ok(connection.pragma_update(None, "foreign_keys", true)?)
            })
            .await
            .expect("migrated");
        Self {
            database,
            _folder: folder,
        }
    }

    pub async fn all(&self, sql: &str) -> Table {
        let answer = self.try_all(sql).await;
        answer.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Or what it was refused with.
    pub async fn try_all(&self, sql: &str) -> Result<Table, String> {
        let answer = self.database.query(sql, Vec::new()).await;
        let rows = answer.map_err(|error| error.to_string())?.rows;
        let text = |value| match value {
            Value::Null => None,
            Value::Integer(number) => Some(number.to_string()),
            Value::Text(text) => Some(text),
            other => panic!("neither a number nor a text: {other:?}"),
        };
        Ok(rows
            .into_iter()
            .map(|row| row.into_iter().map(text).collect())
            .collect())
    }
}

/// A database of its own on the server that the tests share.
pub struct Fresh {
    pub name: String,
    pub server: &'static Postgres,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl Fresh {
    pub async fn empty() -> Self {
        let server = Postgres::shared().await.expect("Postgres starts");
        let name = format!("real_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        server.create_database(&name).await.expect("a database");
        Self { name, server }
    }

    pub async fn migrated() -> Self {
        let fresh = Self::empty().await;
        migrate(&fresh.connect().await).await;
        fresh
    }

    pub fn url(&self) -> String {
        self.server.url(&self.name)
    }

    /// As the owner.
    pub async fn connect(&self) -> Client {
        connect(&self.url()).await
    }
}

pub async fn migrate(owner: &Client) {
    owner.batch_execute(MIGRATIONS).await.expect("made");
    for file in migrations("postgres") {
        owner
            .batch_execute(&format!("BEGIN; {file}; COMMIT"))
            .await
            .expect("migrated");
    }
}

pub async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .expect("a connection");
    tokio::spawn(connection);
    client
}

pub async fn try_all(client: &Client, sql: &str) -> Result<Table, Error> {
    let messages = client.simple_query(sql).await?;
    Ok(messages
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(
                (0..row.len())
                    .map(|column| row.get(column).map(str::to_owned))
                    .collect(),
            ),
            _ => None,
        })
        .collect())
}

pub async fn all(client: &Client, sql: &str) -> Table {
    try_all(client, sql)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error:?}"))
}

/// The same seed in both.
pub async fn seeded(statements: &[String]) -> (Sqlite, Client) {
    let sqlite = Sqlite::migrated().await;
    let postgres = Fresh::migrated().await.connect().await;
    for statement in statements {
        sqlite.all(statement).await;
        all(&postgres, statement).await;
    }
    (sqlite, postgres)
}
