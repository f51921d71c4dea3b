//! Postgres: a small pool of connections, a time limit on every statement, and the database's clock.
//!
//! Connections come and go (Neon suspends, servers restart): a statement that meets a dead one fails, and its caller
//! tries again as it does after any error. A connection that has rested is tested before it is used, and one that broke is
//! thrown away, so that the first statement after an outage works.

use std::time::Duration;

use punctual_sqlite::Value;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPool, PgPoolOptions, PgRow};
use sqlx::{
    Arguments, AssertSqlSafe, Column as _, ConnectOptions, Connection, PgConnection, Row as _,
    TypeInfo,
};
use tokio::time::error::Elapsed;
use url::Url;

use super::db::{Param, Record};
use crate::clock::{Clock, Offset};
use crate::error::Error;

const CONNECTIONS: u32 = 10;
/// How long a caller waits for a connection; a suspended database needs a few seconds to wake.
const ACQUIRE: Duration = Duration::from_secs(10);
/// How long the server works on one statement.
const STATEMENT: Duration = Duration::from_secs(10);
/// How long we wait for its answer. Longer: the server has given up before we do, so that what we try again can't run
/// beside its first try.
const ANSWER: Duration = Duration::from_secs(12);
/// A connection that has rested for longer is tested before it is used.
const RESTED: Duration = Duration::from_secs(1);
/// What such a connection is given to answer. Where a connection was forgotten on its way, nothing ever answers.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);
/// How often the clocks are compared.
const COMPARE: Duration = Duration::from_secs(30);

const BEGIN_BY_INDEX: &str =
    "BEGIN; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;
    SET LOCAL enable_bitmapscan = off; SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off";

/// A Postgres database. Clones are handles on the same pool.
#[derive(Clone, Debug)]
pub struct Postgres {
    pool: PgPool,
    address: Address,
}

/// Where a Postgres database is. `Debug` does not show the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    url: Url,
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Address({})", self.host())
    }
}

impl Address {
    /// `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…`
    pub fn parse(text: &str) -> Result<Self, Error> {
        let usage = || {
            Error::Usage(
                "the database's URL looks like postgres://USER:PASSWORD@HOST:5432/DATABASE?sslmode=require"
                    .to_owned(),
            )
        };
        let url = Url::parse(text.trim()).map_err(|_| usage())?;
        if !["postgres", "postgresql"].contains(&url.scheme()) || url.host_str().is_none() {
            return Err(usage());
        }
        Ok(Self { url })
    }

    /// With the password: for whoever connects.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// `HOST:PORT`
    pub fn host(&self) -> String {
        format!(
            "{}:{}",
            self.url.host_str().unwrap_or_default(),
            self.url.port().unwrap_or(5432)
        )
    }

    /// How a session is opened whose statements may take so long.
    fn options(&self, limit: Duration) -> Result<PgConnectOptions, Error> {
        let mut url = self.url.clone();
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        // Channel binding proves that nobody stands between. This client can't bind; a certificate that is verified
        // proves the same, so that is asked for in its place.
        let bound = pairs
            .iter()
            .any(|(name, value)| name == "channel_binding" && value == "require");
        url.set_query(None);
        let kept = pairs
            .into_iter()
            .filter(|(name, _)| name != "channel_binding" && !(bound && name == "sslmode"));
        for (name, value) in kept {
            url.query_pairs_mut().append_pair(&name, &value);
        }
        if bound {
            url.query_pairs_mut().append_pair("sslmode", "verify-full");
        }
        let milliseconds = limit.as_millis().to_string();
        Ok(PgConnectOptions::from_url(&url)?
            .application_name("punctual-worker")
            .options([
                ("statement_timeout", milliseconds.as_str()),
                ("idle_in_transaction_session_timeout", &milliseconds),
            ]))
    }

    /// One connection of one's own, for work that takes longer than a statement may.
    pub async fn connect(&self, limit: Duration) -> Result<PgConnection, Error> {
        match tokio::time::timeout(ANSWER, PgConnection::connect_with(&self.options(limit)?)).await
        {
            Ok(connected) => connected.map_err(|error| self.unreachable(&error)),
            Err(_) => Err(self.unreachable(&"no answer")),
        }
    }

    fn unreachable(&self, why: &dyn std::fmt::Display) -> Error {
        Error::Unreachable {
            host: self.host(),
            why: why.to_string(),
        }
    }
}

impl Postgres {
    /// A pool that connects when it is first needed.
    pub fn open(address: &Address) -> Result<Self, Error> {
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE)
            .test_before_acquire(false)
            .before_acquire(|connection, rest| {
                Box::pin(async move {
                    if rest.idle_for > RESTED {
                        let answer = tokio::time::timeout(SIGN_OF_LIFE, connection.ping());
                        answer.await.map_err(|_| sqlx::Error::WorkerCrashed)??;
                    }
                    Ok(true)
                })
            })
            .connect_lazy_with(address.options(STATEMENT)?);
        Ok(Self {
            pool,
            address: address.clone(),
        })
    }

    pub fn address(&self) -> &Address {
        &self.address
    }

    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// `sql` is in Postgres's dialect.
    pub async fn query(&self, sql: &str, params: Vec<Param>) -> Result<Vec<Record>, Error> {
        let mut session = self.session().await?;
        let work = async {
            sqlx::query_with(AssertSqlSafe(sql.to_owned()), arguments(params)?)
                .fetch_all(session.connection()?)
                .await
        };
        let rows = tokio::time::timeout(ANSWER, work).await;
        session.done(rows)?.iter().map(record).collect()
    }

    pub async fn execute(&self, sql: &str, params: Vec<Param>) -> Result<u64, Error> {
        let mut session = self.session().await?;
        let work = async {
            let done = sqlx::query_with(AssertSqlSafe(sql.to_owned()), arguments(params)?)
                .execute(session.connection()?)
                .await?;
            Ok(done.rows_affected())
        };
        let touched = tokio::time::timeout(ANSWER, work).await;
        session.done(touched)
    }

    /// One transaction; how many rows its first statement touched.
    pub async fn together(&self, steps: Vec<(String, Vec<Param>)>) -> Result<u64, Error> {
        let mut session = self.session().await?;
        let work = async {
            let mut transaction = session.connection()?.begin().await?;
            let mut first = None;
            for (sql, params) in steps {
                let done = sqlx::query_with(AssertSqlSafe(sql), arguments(params)?)
                    .execute(&mut *transaction)
                    .await?;
                first.get_or_insert(done.rows_affected());
            }
            transaction.commit().await?;
            Ok(first.unwrap_or(0))
        };
        let touched = tokio::time::timeout(ANSWER, work).await;
        session.done(touched)
    }

    /// Takes a row's lock, and runs a second statement while it is held. Two statements, because under READ COMMITTED
    /// each sees what was committed when it began: only one that begins with the lock in hand sees all that its last
    /// holder did.
    ///
    /// The second one is planned to go by indexes alone. It works on a queue, which is empty whenever the planner takes its
    /// statistics: with them it would sort and hash all that waits, in each round.
    pub async fn locked(
        &self,
        lock: (&'static str, Vec<Param>),
        then: (&'static str, Vec<Param>),
    ) -> Result<Option<Vec<Record>>, Error> {
        let mut session = self.session().await?;
        let work = async {
            let mut transaction = session.connection()?.begin_with(BEGIN_BY_INDEX).await?;
            let held = sqlx::query_with(lock.0, arguments(lock.1)?)
                .fetch_optional(&mut *transaction)
                .await?;
            if held.is_none() {
                transaction.rollback().await?;
                return Ok(None);
            }
            let rows = sqlx::query_with(then.0, arguments(then.1)?)
                .fetch_all(&mut *transaction)
                .await?;
            transaction.commit().await?;
            Ok(Some(rows))
        };
        let rows = tokio::time::timeout(ANSWER, work).await;
        let rows = session.done(rows)?;
        rows.map(|rows| rows.iter().map(record).collect())
            .transpose()
    }

    async fn session(&self) -> Result<Session, Error> {
        Ok(Session {
            connection: Some(self.pool.acquire().await?),
        })
    }

    /// A clock that goes as the database's does, compared every half minute for as long as the pool is open. Workers on
    /// several machines so agree on who holds a lease and which claim has ended, and every statement can take the time
    /// as a parameter.
    pub async fn clock(&self) -> Result<Clock, Error> {
        let offset = Offset::default();
        self.compare(&offset).await?;
        let (postgres, kept) = (self.clone(), offset.clone());
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = postgres.pool.close_event() => return,
                    () = tokio::time::sleep(COMPARE) => {}
                }
                if kept.is_alone() {
                    return;
                }
                if let Err(error) = postgres.compare(&kept).await {
                    tracing::debug!(%error, "the database's clock could not be read");
                }
            }
        });
        Ok(Clock::shifted(offset))
    }

    async fn compare(&self, offset: &Offset) -> Result<(), Error> {
        const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
        // The first answer may include a connection's making.
        for _ in 0..3 {
            let before = Clock::system().now();
            let answer = self.query(NOW, Vec::new()).await?;
            let after = Clock::system().now();
            if let Some(mut row) = answer.into_iter().next() {
                offset.measured(before, row.get(0)?, after);
            }
        }
        Ok(())
    }
}

/// A connection of the pool that goes back to it only after an answer. One that was given up before, by us or by whoever
/// waits for us, is closed: the pool would wait for that answer, without end where none comes.
struct Session {
    connection: Option<PoolConnection<sqlx::Postgres>>,
}

impl Session {
    fn connection(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        self.connection
            .as_deref_mut()
            .ok_or(sqlx::Error::PoolClosed)
    }

    fn done<T>(mut self, answer: Result<Result<T, sqlx::Error>, Elapsed>) -> Result<T, Error> {
        let answer = answer.map_err(|_| Error::Silent)?;
        drop(self.connection.take());
        Ok(answer?)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(mut unanswered) = self.connection.take() {
            unanswered.close_on_drop();
        }
    }
}

fn arguments(params: Vec<Param>) -> Result<PgArguments, sqlx::Error> {
    let mut arguments = PgArguments::default();
    for param in params {
        match param {
            Param::Integer(integer) => arguments.add(integer),
            Param::Text(text) => arguments.add(text),
            Param::Flag(flag) => arguments.add(flag),
            Param::Texts(texts) => arguments.add(texts),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

fn record(row: &PgRow) -> Result<Record, Error> {
    let value = |index: usize| -> Result<Value, Error> {
        Ok(match row.column(index).type_info().name() {
            "INT8" => row.try_get::<Option<i64>, _>(index)?.into(),
            "INT4" => row.try_get::<Option<i32>, _>(index)?.into(),
            "BOOL" => row.try_get::<Option<bool>, _>(index)?.into(),
            _ => row.try_get::<Option<String>, _>(index)?.into(),
        })
    };
    (0..row.columns().len())
        .map(value)
        .collect::<Result<_, _>>()
        .map(Record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_shows_its_host_and_never_its_password() {
        let address =
            Address::parse("postgresql://ann:secret@db.example.org/punctual").expect("a URL");
        assert_eq!(address.host(), "db.example.org:5432");
        assert!(!format!("{address:?}").contains("secret"));
        for wrong in ["", "mysql://h/d", "postgres:", "db.example.org"] {
            let error = Address::parse(wrong).expect_err(wrong).to_string();
            assert!(error.contains("postgres://USER"), "{error}");
        }
    }

    #[test]
    fn channel_binding_is_asked_for_as_a_verified_certificate() {
        let options = |query: &str| {
            let url = format!("postgres://ann:secret@db.example.org/punctual?{query}");
            let address = Address::parse(&url).expect("a URL");
            address.options(STATEMENT).expect("options")
        };
        let mode = |query| format!("{:?}", options(query).get_ssl_mode());
        assert_eq!(
            mode("sslmode=require&channel_binding=require"),
            "VerifyFull"
        );
        assert_eq!(mode("sslmode=require&channel_binding=prefer"), "Require");
        assert_eq!(mode("sslmode=require"), "Require");
        let session = options("").get_options().unwrap_or_default().to_owned();
        assert!(session.contains("statement_timeout=10000"), "{session}");
    }
}
