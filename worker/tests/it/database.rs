use std::path::Path;

use punctual_sqlite::{Database, Options};
use punctual_worker::clock::Clock;
use punctual_worker::migrations::migrate;
use punctual_worker::store::Db;

/// A new SQLite file in a folder.
pub async fn migrated(folder: &Path, clock: &Clock) -> Db {
    let file = folder.join("punctual.db");
    let db = Database::open(&file, Options::default())
        .expect("opened")
        .into();
    migrate(&db, clock).await.expect("migrated");
    db
}
