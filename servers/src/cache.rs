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

/// Downloads a file of Maven Central, and refuses it when its SHA-256 isn't the pinned one.
pub async fn maven(path: &str, sha256: &str, to: &Path) -> Result<()> {
    let url = format!("{MAVEN}{path}");
    let client = reqwest::Client::builder()
        .connect_timeout(CONNECT_LIMIT)
        .timeout(DOWNLOAD_LIMIT)
        .build()?;
    let body = async {
        client
            .get(&url)
            .send()
            .await?
            .error_for_status()?
            .bytes()
            .await
    }
    .await
    .with_context(|| format!("{url} can't be fetched: is there a network?"))?;
    let found: String = Sha256::digest(&body)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if found != sha256 {
        bail!("{url} is not the pinned file: its SHA-256 is {found}, not {sha256}");
    }
    fs::write(to, &body).with_context(|| format!("{} can't be written", to.display()))
}

/// A line about work that takes a while.
pub fn say(line: &str) {
    eprintln!("{line}");
}
