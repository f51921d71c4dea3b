//! What an operator does by hand: `admin reset-password`, `backup`, `restore`, `after-restore`.

use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use punctual_sqlite::rusqlite::{Connection, OpenFlags};
use punctual_sqlite::{Database, Options};

use crate::clock::{Clock, rfc3339};
use crate::data::Folder;
use crate::error::Error;
use crate::migrations::SQLITE;
use crate::store::{LEAP, Store};

/// Argon2id with the functions' parameters: 19 MiB, two passes, one lane (OWASP's first choice).
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Without the letters and digits that are mistaken for each other.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// A new random password: 20 of 32 characters are 100 bits.
pub fn random_password() -> Result<String, Error> {
    let mut bytes = [0_u8; 20];
    getrandom::fill(&mut bytes).map_err(|error| Error::Random(error.to_string()))?;
    Ok(bytes
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte % 32)]))
        .collect())
}

/// Sets a password and ends the account's sessions. API tokens stay. Works while the server runs.
pub async fn reset_password(
    store: &Store,
    clock: &Clock,
    email: &str,
    password: &str,
) -> Result<(), Error> {
    if !(10..=256).contains(&password.chars().count()) {
        return Err(Error::Usage(
            "a password has 10 to 256 characters".to_owned(),
        ));
    }
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)
        .map_err(|error| Error::Password(error.to_string()))?;
    let hash = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password(password.as_bytes())
        .map_err(|error| Error::Password(error.to_string()))?
        .to_string();
    let email = email.trim().to_lowercase();
    if store.set_password(&email, hash, clock.now()).await? {
        Ok(())
    } else {
        Err(Error::Usage(format!("there is no account {email}")))
    }
}

/// Copies the database while it is in use.
pub async fn backup(folder: &Folder, to: &Path) -> Result<(), Error> {
    if to.exists() {
        return Err(Error::Usage(format!(
            "{} exists already; name a new file",
            to.display()
        )));
    }
    let db = Database::open(
        &folder.database(),
        Options {
            readers: 1,
            ..Options::default()
        },
    )?;
    Ok(db.backup_to(to).await?)
}

/// Puts a backup in the database's place, its positions beyond all that were given since ([`Store::leap`]). The database
/// that was there is kept beside it; its new name is the answer. Blocks, and refuses while a process works in the folder.
pub fn restore(folder: &Folder, from: &Path, clock: &Clock) -> Result<Option<PathBuf>, Error> {
    let _lock = folder.lock()?;
    check_backup(from)?;
    let database = folder.database();
    let part = folder.path().join("punctual.db.part");
    let _ = std::fs::remove_file(&part);
    let mut target = punctual_sqlite::private_file(&part)?;
    let copied = std::fs::File::open(from)
        .and_then(|mut from| std::io::copy(&mut from, &mut target))
        .and_then(|_| target.sync_all());
    copied.map_err(|error| Error::file(&part, error))?;
    Connection::open(&part)
        .and_then(|connection| {
            let leap = "UPDATE watermarks SET position = position + ?1 WHERE name = 'positions'";
            connection.execute(leap, [LEAP])
        })
        .map_err(punctual_sqlite::Error::from)?;

    let mut kept = None;
    if database.exists() {
        let stamp = rfc3339(clock.now()).replace([':', '.'], "-");
        let old = folder
            .path()
            .join(format!("punctual.db.before-restore-{stamp}"));
        // The log goes with its database: without it, the last commits would be missing.
        for suffix in ["-wal", "-shm", ""] {
            let (from, to) = (with_suffix(&database, suffix), with_suffix(&old, suffix));
            if from.exists() {
                std::fs::rename(&from, &to).map_err(|error| Error::file(&from, error))?;
            }
        }
        kept = Some(old);
    }
    std::fs::rename(&part, &database).map_err(|error| Error::file(&database, error))?;
    std::fs::File::open(folder.path())
        .and_then(|folder| folder.sync_all())
        .map_err(|error| Error::file(folder.path(), error))?;
    Ok(kept)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// A whole database, of Punctual, that this program can read.
fn check_backup(path: &Path) -> Result<(), Error> {
    let not_ours = |why: String| {
        Error::Usage(format!(
            "{} is not a backup of Punctual: {why}",
            path.display()
        ))
    };
    if !path.is_file() {
        return Err(Error::Usage(format!("there is no file {}", path.display())));
    }
    let look = || -> Result<(String, i64), punctual_sqlite::rusqlite::Error> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let check = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        let version = connection.query_row(
            "SELECT COALESCE(MAX(version), 0) FROM migrations",
            [],
            |row| row.get(0),
        )?;
        Ok((check, version))
    };
    let (check, version) = look().map_err(|error| not_ours(error.to_string()))?;
    let newest = SQLITE.last().map_or(0, |migration| migration.version);
    if check != "ok" {
        return Err(not_ours(format!("it is damaged: {check}")));
    }
    if version > newest {
        return Err(not_ours(format!(
            "it is of a newer version (schema {version}, this program knows {newest})"
        )));
    }
    Ok(())
}
