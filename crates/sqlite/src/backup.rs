//! A copy of a database that is in use.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::Error;
use crate::connection::private_file;

/// Copies in one step: in WAL mode a reader stops nobody, and one step is one snapshot.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    let part = beside(to);
    let result = copy_into(from, &part).and_then(|()| {
        let on_disk = |error| Error::File {
            path: to.display().to_string(),
            source: error,
        };
        File::open(&part)
            .and_then(|file| file.sync_all())
            .map_err(on_disk)?;
        std::fs::rename(&part, to).map_err(on_disk)?;
        if let Some(folder) = to.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            File::open(folder)
                .and_then(|file| file.sync_all())
                .map_err(on_disk)?;
        }
        Ok(())
    });
    if result.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    result
}

fn copy_into(from: &Path, part: &Path) -> Result<(), Error> {
    let _ = std::fs::remove_file(part);
    let source = Connection::open_with_flags(
        from,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    source.busy_timeout(Duration::from_secs(30))?;
    private_file(part)?;
    let mut target = Connection::open(part)?;
    let backup = Backup::new(&source, &mut target)?;
    for _ in 0..100 {
        match backup.step(-1)? {
            StepResult::Done => {
                drop(backup);
                // One file, without a log beside it.
                target.execute_batch("PRAGMA journal_mode = DELETE")?;
                return target.close().map_err(|(_, error)| error.into());
            }
            _ => std::thread::sleep(Duration::from_millis(50)),
        }
    }
    Err(Error::Sqlite {
        code: rusqlite::ffi::SQLITE_BUSY,
        message: "the database stayed locked".into(),
    })
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(".part");
    path.with_file_name(name)
}
