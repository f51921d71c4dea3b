//! Files that only their owner may read, written whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where the system keeps a person's configuration: `$XDG_CONFIG_HOME/punctual`, `~/.config/punctual`, on macOS
/// `~/Library/Application Support/punctual`, on Windows `%APPDATA%\punctual`. None where there is no home.
pub fn config_folder() -> Option<PathBuf> {
    let absolute = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let base = absolute("XDG_CONFIG_HOME").or_else(|| {
        if cfg!(windows) {
            absolute("APPDATA")
        } else {
            let home = absolute("HOME")?;
            Some(if cfg!(target_os = "macos") {
                home.join("Library/Application Support")
            } else {
                home.join(".config")
            })
        }
    })?;
    Some(base.join("punctual"))
}

/// Makes the folder, and those above it that are missing, with mode 0700 (as the XDG specification wants), and takes
/// rights away from one that gives more.
pub fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
        builder.mode(0o700).create(path)?;
        if fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
            fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
        }
        Ok(())
    }
    #[cfg(not(unix))]
    builder.create(path)
}

fn open_private(path: &Path, options: &mut fs::OpenOptions) -> io::Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options.open(path)
}

/// Puts the content there in one step: a reader, or a crash, sees the old file or the new one.
pub fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path
        .parent()
        .ok_or_else(|| io::Error::other("a file without a folder"))?;
    private_folder(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = folder.join(format!(".{name}.{}", uuid::Uuid::new_v4()));
    let written = (|| {
        let mut file = open_private(
            &temporary,
            fs::OpenOptions::new().write(true).create_new(true),
        )?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// None where there is no such file.
pub fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Held until dropped: among all processes of this person, one at a time. The system frees it when a process dies.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "closing the file ends the lock")] File);

impl Lock {
    pub async fn take(path: &Path, patience: Duration) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            private_folder(folder)?;
        }
        let file = open_private(
            path,
            fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false),
        )?;
        let deadline = Instant::now() + patience;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self(file)),
                Err(fs::TryLockError::WouldBlock) if Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(fs::TryLockError::WouldBlock) => {
                    return Err(io::Error::new(
                        io::ErrorKind::TimedOut,
                        "another punctual holds it",
                    ));
                }
                Err(fs::TryLockError::Error(error)) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    fn mode(path: &Path) -> u32 {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[cfg(unix)]
    #[test]
    fn a_file_and_its_folder_are_for_their_owner_alone() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("punctual/server/session.json");
        write_private(&path, b"{}").unwrap();
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_others_may_read_is_closed_and_a_loose_file_is_replaced_by_a_tight_one() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("punctual/session.json");
        fs::create_dir(path.parent().unwrap()).unwrap();
        fs::set_permissions(path.parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        write_private(&path, b"new").unwrap();
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        assert_eq!(read(&path).unwrap().unwrap(), b"new");
    }

    #[test]
    fn a_write_that_fails_leaves_the_old_content_and_no_litter() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("punctual");
        // A folder in the file's place: the last step, the rename, fails.
        let path = folder.join("session.json");
        fs::create_dir_all(path.join("inside")).unwrap();
        assert!(write_private(&path, b"new").is_err());
        let names: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["session.json"]);
    }

    #[test]
    fn a_reader_never_sees_half_a_file() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("session.json");
        write_private(&path, &[b'a'; 100_000]).unwrap();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for byte in *b"bcdefghij" {
                    write_private(&path, &[byte; 100_000]).unwrap();
                }
            });
            while !writer.is_finished() {
                let content = read(&path).unwrap().unwrap();
                assert!(content.len() == 100_000 && content.iter().all(|byte| *byte == content[0]));
            }
        });
    }

    #[tokio::test]
    async fn a_lock_is_held_by_one_at_a_time() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("lock");
        let first = Lock::take(&path, Duration::from_secs(5)).await.unwrap();
        let refused = Lock::take(&path, Duration::from_millis(50))
            .await
            .unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::TimedOut);
        drop(first);
        Lock::take(&path, Duration::from_secs(5)).await.unwrap();
    }
}
