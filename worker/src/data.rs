//! The data folder: one process at a time, secrets that only its user can read, the database file.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::error::Error;
use crate::sender::Vapid;

/// The file, and the variable of the functions.
pub const VAPID_PUBLIC_KEY: &str = "vapid_public_key";

/// A data folder, whether somebody works in it or not.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

/// The folder is ours until this is dropped, or the process ends however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Folder {
    /// Creates the folder where it is missing, for its user only.
    pub fn create(path: &Path) -> Result<Self, Error> {
        private_folder(path)?;
        Ok(Self {
            path: path.to_owned(),
        })
    }

    /// A folder that must be there, with a database in it.
    pub fn existing(path: &Path) -> Result<Self, Error> {
        let folder = Self {
            path: path.to_owned(),
        };
        if folder.database().is_file() {
            Ok(folder)
        } else {
            Err(Error::Usage(format!(
                "{} holds no Punctual database. Say where it is: --data DIR",
                path.display()
            )))
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn database(&self) -> PathBuf {
        self.path.join("punctual.db")
    }

    /// Takes the folder for this process.
    pub fn lock(&self) -> Result<Lock, Error> {
        let path = self.path.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(|error| Error::file(&path, error))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Error::InUse {
                folder: self.path.display().to_string(),
            }),
            Err(TryLockError::Error(error)) => Err(Error::file(&path, error)),
        }
    }

    /// The key pair that pushes are signed with. Its public half is written beside it, for whoever starts the functions.
    pub fn vapid(&self) -> Result<Vapid, Error> {
        let vapid = Vapid::new(&self.secret("vapid_key")?)?;
        let path = self.path.join("secrets").join(VAPID_PUBLIC_KEY);
        if std::fs::read_to_string(&path).ok().as_deref() != Some(vapid.public_key()) {
            write_private(&path, vapid.public_key().as_bytes())?;
        }
        Ok(vapid)
    }

    /// The secret of this name: 32 random bytes in base64, made when first asked for.
    pub fn secret(&self, name: &str) -> Result<String, Error> {
        let folder = self.path.join("secrets");
        private_folder(&folder)?;
        let path = folder.join(name);
        match std::fs::read_to_string(&path) {
            Ok(secret) if !secret.trim().is_empty() => return Ok(secret.trim().to_owned()),
            Ok(_) => {
                return Err(Error::Usage(format!(
                    "{} is empty. Remove it to have a new secret made.",
                    path.display()
                )));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::file(&path, error)),
        }
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).map_err(|error| Error::Random(error.to_string()))?;
        let secret = STANDARD.encode(bytes);
        write_private(&path, secret.as_bytes())?;
        Ok(secret)
    }
}

fn private_folder(path: &Path) -> Result<(), Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| Error::file(path, error))
}

/// Writes a file that appears whole or not at all.
fn write_private(path: &Path, content: &[u8]) -> Result<(), Error> {
    let part = path.with_extension("part");
    let _ = std::fs::remove_file(&part);
    let write = || {
        let mut file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&part)?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(&part, path)
    };
    write().map_err(|error| Error::file(path, error))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path)
            .expect("the file is there")
            .permissions()
            .mode()
            & 0o777
    }

    #[test]
    fn the_folder_and_its_secrets_are_for_its_user_only_and_stay_the_same() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("new/data");
        let folder = Folder::create(&path).expect("created");
        let secret = folder.secret("events_secret").expect("made");
        assert_eq!(secret.len(), 44);
        assert_eq!(folder.secret("events_secret").ok(), Some(secret.clone()));
        assert_ne!(folder.secret("token_secret").ok(), Some(secret));
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&path.join("secrets")), 0o700);
        assert_eq!(mode(&path.join("secrets/events_secret")), 0o600);
    }

    #[test]
    fn the_key_pair_for_pushes_stays_the_same_and_its_public_half_lies_beside_it() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = Folder::create(place.path()).expect("created");
        let key = folder.vapid().expect("made").public_key().to_owned();
        let file = place.path().join("secrets/vapid_public_key");
        assert_eq!(std::fs::read_to_string(&file).ok().as_ref(), Some(&key));
        std::fs::write(&file, "another").expect("written");
        assert_eq!(folder.vapid().expect("there").public_key(), key);
        assert_eq!(std::fs::read_to_string(&file).ok().as_ref(), Some(&key));
        assert_eq!(mode(&place.path().join("secrets/vapid_key")), 0o600);
    }

    #[test]
    fn a_folder_in_use_is_refused_until_it_is_free() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = Folder::create(place.path()).expect("created");
        let lock = folder.lock().expect("free");
        assert!(matches!(folder.lock(), Err(Error::InUse { .. })));
        drop(lock);
        assert!(folder.lock().is_ok());
    }
}
