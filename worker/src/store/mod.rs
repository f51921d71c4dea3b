//! Every SQL statement of the worker, one file per job. The rest of the crate speaks in these methods only; which database
//! is behind them is said in `db.rs`.

mod admin;
mod backlog;
mod changes;
mod db;
mod deliveries;
mod groups;
mod leases;
mod plans;
mod postgres;
mod reminders;

use std::sync::{Arc, Mutex};

use changes::Waiting;
use punctual_sqlite::rusqlite::hooks::Action;

use crate::error::Error;

pub(crate) use admin::LEAP;
pub use changes::Row;
pub use db::{Column, Db, Param, Record};
pub use deliveries::{About, Confirmation, Day, Over, Pending, Pushed, Task};
pub use postgres::{Address, Postgres};
pub use reminders::{Claimed, Instant};

/// The worker's database.
#[derive(Clone, Debug)]
pub struct Store {
    db: Db,
    waiting: Arc<Mutex<Waiting>>,
}

impl Store {
    pub fn new(db: impl Into<Db>) -> Self {
        Self {
            db: db.into(),
            waiting: Arc::default(),
        }
    }

    /// Calls `nudge` whenever this process writes a change. That happens within the writing transaction, so whoever is
    /// nudged sees the change once it gets its own turn on the writer. Changes by other processes come without a nudge,
    /// and so do all changes on Postgres.
    pub async fn on_change(&self, nudge: impl Fn() + Send + 'static) -> Result<(), Error> {
        let Db::Sqlite(db) = &self.db else {
            return Ok(());
        };
        let hook = move |action: Action, _: &str, table: &str, _: i64| {
            if action == Action::SQLITE_INSERT && table == "changes" {
                nudge();
            }
        };
        Ok(db
            .write(move |connection| Ok(connection.update_hook(Some(hook))?))
            .await?)
    }
}
