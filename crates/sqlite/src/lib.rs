//! One SQLite file, one writer, several readers.
//!
//! SQLite lets one connection write at a time. Connections that race for that place wait in a loop of
//! sleeps (the busy handler), which is neither fair nor fast. A [`Database`] has exactly one writing
//! connection per process, on a thread of its own, fed by a bounded queue: writes wait in memory, in order.
//! Reads run on other connections at the same time and see the last commit (WAL).
//!
//! Other processes may have the file open too; between processes the busy time-out still does its work.

mod backup;
mod connection;
mod error;
mod exclusive;
mod reader;
mod statement;
mod value;
mod writer;

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

pub use connection::private_file;
pub use error::Error;
pub use exclusive::Exclusive;
pub use rusqlite;
pub use statement::{Kind, kind};
pub use value::{Rows, Value};

/// How a [`Database`] is opened. `Options::default()` suits a server.
#[derive(Clone, Debug)]
pub struct Options {
    /// Threads for reading, each with a connection, and as many connections for callers that read by themselves.
    pub readers: usize,
    /// How long a statement waits for another *process* that holds a lock.
    pub busy_timeout: Duration,
    /// The longest time an [`Exclusive`] may keep the writer from everybody else.
    pub exclusive_timeout: Duration,
    /// After so long a transaction takes in nobody else, so that the first of those who share it does not wait for all.
    pub gathering: Duration,
    /// Jobs that may wait in each queue; callers beyond it wait before they queue.
    pub queue: usize,
    /// The largest result of one [`Database::query`], in bytes of values.
    pub max_result_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        // One more than can run at once, so that a long one does not keep all others waiting.
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self {
            readers: (cores + 1).min(8),
            busy_timeout: Duration::from_secs(5),
            exclusive_timeout: Duration::from_secs(5),
            gathering: Duration::from_millis(5),
            queue: 1024,
            max_result_bytes: 64 << 20,
        }
    }
}

/// A SQLite database file, shared by everything in this process that uses it. Clones are handles.
///
/// A caller that stops waiting (drops the future) before its job has begun withdraws the job; a job that
/// has begun runs to its end.
#[derive(Clone)]
pub struct Database {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    options: Options,
    writer: mpsc::Sender<writer::Job>,
    readers: reader::Readers,
    kinds: statement::Cache,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database")
            .field("path", &self.inner.path)
            .finish_non_exhaustive()
    }
}

impl Database {
    /// Opens the file, creates it where it is missing (not its folder), and turns on WAL, which stays
    /// in the file. Blocks for the few file operations that takes.
    pub fn open(path: &Path, options: Options) -> Result<Self, Error> {
        // The writer comes first: it creates the file and sets the journal mode the readers need.
        let writer = writer::start(connection::open_writer(path, &options)?, &options)?;
        let readers = reader::Readers::start(path, &options)?;
        Ok(Self {
            inner: Arc::new(Inner {
                path: path.to_owned(),
                options,
                writer,
                readers,
                kinds: statement::Cache::default(),
            }),
        })
    }

    /// Runs one statement with positional parameters and returns all it yields.
    ///
    /// A statement that changes nothing is read at once, by the caller's own thread; where that takes more than a
    /// millisecond, it begins anew on a reader's. Any other goes to the writer, where it holds or fails by itself,
    /// although those that wait at the same time share one commit. Statements that only make sense on a connection of one's own are refused
    /// (`BEGIN`, see [`Database::exclusive`]; `ATTACH`; `VACUUM INTO`), and a `PRAGMA` that would set
    /// something on a shared connection reports the present value instead.
    pub async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Rows, Error> {
        let limit = self.inner.options.max_result_bytes;
        let sql = match statement::kind(sql) {
            Kind::Transaction => {
                return Err(Error::Refused(
                    "a transaction needs the writer for itself: use `exclusive`",
                ));
            }
            Kind::Attach => return Err(Error::Refused("not authorized")),
            Kind::SettingPragma { reading } => reading,
            Kind::Plain => sql.to_owned(),
        };
        let mut params = params;
        let reads = self.inner.kinds.reads(&sql);
        if reads == Some(true) {
            let outcome = self
                .inner
                .readers
                .at_once(|connection| connection::query(connection, &sql, &params, limit));
            if let Some(outcome) = outcome {
                return outcome;
            }
        }
        if reads != Some(false) {
            let (text, kinds) = (sql.clone(), self.clone());
            let outcome = self
                .read(move |connection| {
                    let mut statement = connection.prepare_cached(&text)?;
                    let reads = statement.readonly();
                    kinds.inner.kinds.learn(&text, reads);
                    if !reads {
                        return Ok(Err(params));
                    }
                    connection::run(connection, &mut statement, &params, limit).map(Ok)
                })
                .await?;
            match outcome {
                Ok(rows) => return Ok(rows),
                Err(given_back) => params = given_back,
            }
        }
        if statement::may_share(&sql) {
            let job = move |connection: &rusqlite::Connection| {
                connection::query(connection, &sql, &params, limit)
            };
            return self.share(job, true).await;
        }
        self.write(move |connection| connection::query(connection, &sql, &params, limit))
            .await
    }

    /// Runs several statements that hold together, all or none. They may share their commit with others', and `job` runs
    /// again where that commit failed.
    pub async fn transaction<T: Send + 'static>(
        &self,
        job: impl FnMut(&rusqlite::Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.share(job, false).await
    }

    async fn share<T: Send + 'static>(
        &self,
        job: impl FnMut(&rusqlite::Connection) -> Result<T, Error> + Send + 'static,
        single: bool,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let work = writer::Work {
            job,
            single,
            outcome: None,
            reply,
        };
        self.inner
            .writer
            .send(writer::Job::Share(Box::new(work)))
            .await
            .map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }

    /// Runs `job` on a reading connection. It can't write.
    pub async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&rusqlite::Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let job: reader::Job = Box::new(move |connection| {
            if !reply.is_closed() {
                let _ = reply.send(connection::guarded(|| job(connection)));
            }
        });
        self.inner.readers.send(job).await?;
        answer.await.map_err(|_| Error::Closed)?
    }

    /// Runs `job` on the writing connection, with nobody else's work beside it. Each statement commits by itself unless the
    /// job opens a transaction; one it leaves open is rolled back.
    pub async fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut rusqlite::Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let job = writer::Job::Run(Box::new(move |connection| {
            if reply.is_closed() {
                return;
            }
            let result = connection::guarded(|| job(connection));
            connection::roll_back(connection);
            let _ = reply.send(result);
        }));
        self.inner
            .writer
            .send(job)
            .await
            .map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }

    /// Waits for the writer and keeps it, so that `BEGIN … COMMIT` can be spread over several calls.
    /// Nobody else writes meanwhile, so it ends by itself after [`Options::exclusive_timeout`].
    pub async fn exclusive(&self) -> Result<Exclusive, Error> {
        exclusive::take(&self.inner.writer, self.inner.options.max_result_bytes).await
    }

    /// Copies the database, as it is at one instant, to `path` while it stays in use. The copy appears
    /// under its name only when it is complete and on disk.
    pub async fn backup_to(&self, path: &Path) -> Result<(), Error> {
        let (from, to) = (self.inner.path.clone(), path.to_owned());
        let (reply, answer) = oneshot::channel();
        std::thread::Builder::new()
            .name("sqlite-backup".into())
            .spawn(move || {
                let _ = reply.send(connection::guarded(|| backup::copy(&from, &to)));
            })
            .map_err(Error::Thread)?;
        answer.await.map_err(|_| Error::Closed)?
    }

    /// The file this database is in.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }
}
