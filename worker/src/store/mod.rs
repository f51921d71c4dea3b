//! Every SQL statement of the worker, one file per job. The rest of the crate speaks in these methods only, so that a
//! second database is a second `store`.

mod admin;
mod changes;
mod deliveries;
mod groups;
mod leases;
mod plans;
mod reminders;

use punctual_sqlite::Database;
use punctual_sqlite::rusqlite::hooks::Action;

use crate::error::Error;

pub use changes::Row;
pub use deliveries::{Confirmation, Over, Pending, Pushed};
pub use reminders::{Claimed, Instant};

/// The worker's database.
#[derive(Clone, Debug)]
pub struct Store {
    db: Database,
}

impl Store {
    pub fn new(db: Database) -> Self {
        Self { db }
    }

    pub fn database(&self) -> &Database {
        &self.db
    }

    /// Calls `nudge` whenever this process writes a change. That happens within the writing transaction, so whoever is
    /// nudged sees the change once it gets its own turn on the writer. Changes by other processes come without a nudge.
    pub async fn on_change(&self, nudge: impl Fn() + Send + 'static) -> Result<(), Error> {
        let hook = move |action: Action, _: &str, table: &str, _: i64| {
            if action == Action::SQLITE_INSERT && table == "changes" {
                nudge();
            }
        };
        Ok(self
            .db
            .write(move |connection| Ok(connection.update_hook(Some(hook))?))
            .await?)
    }
}

/// A JSON array for `json_each(?)`: how a list of ids travels as one parameter.
fn list(ids: &[String]) -> String {
    serde_json::Value::from(ids.to_vec()).to_string()
}
