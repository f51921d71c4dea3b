//! What is fetched or built once for all runs.
//!
//! It lies in `$PUNCTUAL_CACHE/servers`, else `$XDG_CACHE_HOME/punctual/servers`, else `~/.cache/punctual/servers`. An
//! entry's name holds its version, so a new version is a new entry; old ones may be deleted at any time.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

const CONNECT_LIMIT: Duration = Duration::from_secs(20);
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(600);
const MAVEN: &str = "https://repo1.maven.org/maven2/";

pub fn folder() -> Result<PathBuf> {
    let given = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let punctual = given("PUNCTUAL_CACHE")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(given("XDG_CACHE_HOME")?).join("punctual")))
        .or_else(|| Some(std::env::home_dir()?.join(".cache/punctual")))
        .context("none of HOME, XDG_CACHE_HOME and PUNCTUAL_CACHE is set: set one, what is fetched is kept there")?;
    Ok(std::path::absolute(punctual)?.join("servers"))
}

/// The entry of that name, made by `make` in an empty folder when it isn't there. The folder gets its name only when it
/// is whole, and one process at a time makes it: others wait for that one.
pub async fn entry<F>(cache: &Path, name: &str, make: impl FnOnce(PathBuf) -> F) -> Result<PathBuf>
where
    F: Future<Output = Result<()>>,
{
    let whole = cache.join(name);
    if whole.is_dir() {
        return Ok(whole);
    }
    fs::create_dir_all(cache).with_context(|| format!("{} can't be written", cache.display()))?;
    let _lock = lock(cache, name).await?;
    if whole.is_dir() {
        return Ok(whole);
    }
    // Only what a killed process left behind can be here: we hold the lock.
    let part = cache.join(format!("{name}.part"));
    if part.exists() {
        fs::remove_dir_all(&part)?;
    }
    fs::create_dir(&part)?;
    make(part.clone()).await?;
    fs::rename(&part, &whole)?;
    Ok(whole)
}

/// Held until the file is closed, and given back by the kernel when the process dies.
async fn lock(cache: &Path, name: &str) -> Result<File> {
    let file = File::create(cache.join(format!("{name}.lock")))?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => say(&format!("{name}: another process is at it; waiting")),
        Err(TryLockError::Error(error)) => return Err(error.into()),
    }
    Ok(tokio::task::spawn_blocking(move || file.lock().map(|()| file)).await??)
}

/// An entry's name: it changes with the version and with what the entry is made from.
pub fn name(what: &str, version: &str, made_from: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in made_from {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    format!("{what}-{version}-{}", &hex(&hash.finalize())[..12])
}

/// Maven Central.
pub struct Maven(reqwest::Client);

impl Maven {
    pub fn new() -> Result<Self> {
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_LIMIT)
            .timeout(DOWNLOAD_LIMIT)
            .build()?;
        Ok(Self(client))
    }

    /// Downloads a file, and refuses it when its SHA-256 isn't the pinned one.
    pub async fn fetch(&self, path: &str, sha256: &str, to: &Path) -> Result<()> {
        let url = format!("{MAVEN}{path}");
        let answer = async {
            self.0
                .get(&url)
                .send()
                .await?
                .error_for_status()?
                .bytes()
                .await
        };
        let body = answer
            .await
            .with_context(|| format!("{url} can't be fetched: is there a network?"))?;
        let found = hex(&Sha256::digest(&body));
        if found != sha256 {
            bail!("{url} is not the pinned file: its SHA-256 is {found}, not {sha256}");
        }
        fs::write(to, &body).with_context(|| format!("{} can't be written", to.display()))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A line about work that takes a while.
pub fn say(line: &str) {
    eprintln!("{line}");
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn two_that_need_an_entry_at_once_make_it_once() {
        let cache = tempfile::tempdir().unwrap();
        let made = AtomicUsize::new(0);
        let make = async |folder: PathBuf| {
            made.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ok(fs::write(folder.join("file"), "whole")?)
        };
        let (one, two) = tokio::join!(
            entry(cache.path(), "e", make),
            entry(cache.path(), "e", make)
        );
        assert_eq!(
            fs::read_to_string(one.unwrap().join("file")).unwrap(),
            "whole"
        );
        assert_eq!(two.unwrap(), cache.path().join("e"));
        assert_eq!(made.into_inner(), 1);
    }

    #[tokio::test]
    async fn an_entry_that_failed_is_made_anew_from_nothing() {
        let cache = tempfile::tempdir().unwrap();
        let fail = async |folder: PathBuf| {
            fs::write(folder.join("half"), "")?;
            bail!("no network")
        };
        entry(cache.path(), "e", fail).await.unwrap_err();
        let whole = entry(cache.path(), "e", async |_| Ok(())).await.unwrap();
        assert!(!whole.join("half").exists());
    }
}
