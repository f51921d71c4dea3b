//! Accounts as they come by registration, which costs a password hash each. So they are kept, and each measurement gets a
//! copy; their sessions are refreshed, which costs no hash.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::time::sleep;

use crate::http::{Ask, Connection, connect, json, text};
use crate::placement::Placement;
use crate::server::{PASSWORD, Running, Server, copy, folder};

/// Registered at once.
const AT_ONCE: usize = 8;
/// The server counts registrations by network address, 200 in a quarter of an hour.
const PER_ADDRESS: usize = 100;
/// Those addresses stand in `X-Forwarded-For`, as a proxy writes it.
pub const OPEN: &[(&str, &str)] = &[
    ("PUNCTUAL_REGISTRATION", "open"),
    ("PUNCTUAL_TRUSTED_PROXIES", "127.0.0.0/8"),
    ("PUNCTUAL_WEBHOOK_ALLOW_PRIVATE", "true"),
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Account {
    pub id: String,
    pub inbox: String,
    refresh: String,
}

impl Account {
    /// An access token, as a browser gets it that comes back; the refresh token is another one afterwards.
    pub async fn token(&mut self, connection: &mut Connection) -> Result<String> {
        let body = json!({ "refresh_token": self.refresh });
        let answer = json(connection, "", Ask::post("/api/auth/refresh", &body)).await?;
        self.refresh = text(&answer, "refresh_token")?;
        text(&answer, "access_token")
    }
}

/// A data folder of its own, with so many accounts.
pub struct Accounts {
    pub data: TempDir,
    pub all: Vec<Account>,
}

impl Accounts {
    pub async fn prepare(count: usize, placement: Option<&Placement>) -> Result<Self> {
        let kept = folder().join("accounts");
        let (data, list) = (kept.join("data"), kept.join("accounts.json"));
        let schema = schema()?;
        let mut all = read(&list, &schema);
        if all.is_empty() && kept.exists() {
            fs::remove_dir_all(&kept)?;
        }
        if all.len() < count {
            eprintln!(
                "  registering {} accounts, once: they are kept in {}",
                count - all.len(),
                kept.display()
            );
            fs::create_dir_all(&data)?;
            let mut running = Running::start(Server::Punctual, &data, placement, OPEN).await?;
            // In parts, so that what was done is kept.
            while all.len() < count {
                let until = count.min(all.len() + 1000);
                let new = register(running.address, all.len(), until).await?;
                all.extend(new);
                let document = json!({ "schema": schema, "accounts": all });
                fs::write(&list, document.to_string())?;
            }
            // The worker has to do with what came of it.
            sleep(Duration::from_secs(3)).await;
            running.stop().await?;
        }
        all.truncate(count);
        Ok(Self {
            data: copy(&data)?,
            all,
        })
    }

    /// A session of its own for the first one.
    pub async fn login(&self, address: SocketAddr) -> Result<String> {
        let body = json!({ "email": email(0), "password": PASSWORD });
        let ask = Ask::post("/api/auth/login", &body);
        text(
            &json(&mut connect(address).await?, "", ask).await?,
            "access_token",
        )
    }

    pub fn database(&self) -> PathBuf {
        self.data.path().join("punctual.db")
    }
}

/// Access tokens of them all, once for each copy.
pub async fn tokens(address: SocketAddr, accounts: &[Account]) -> Result<Vec<Arc<str>>> {
    let each = accounts.iter().map(|account| async move {
        let mut connection = connect(address).await?;
        let token = account.clone().token(&mut connection).await?;
        anyhow::Ok(Arc::from(token))
    });
    stream::iter(each).buffered(AT_ONCE).try_collect().await
}

async fn register(address: SocketAddr, from: usize, until: usize) -> Result<Vec<Account>> {
    let each = (from..until).map(|number| async move {
        let body = json!({
            "email": email(number), "password": PASSWORD, "timezone": "Europe/Berlin",
        });
        let block = number / PER_ADDRESS;
        let ask = Ask {
            from: Some(format!("10.0.{}.{}", block / 250, block % 250 + 1)),
            ..Ask::post("/api/auth/register", &body)
        };
        let session = json(&mut connect(address).await?, "", ask).await?;
        anyhow::Ok(Account {
            id: text(&session["user"], "id")?,
            inbox: text(&session["user"], "inbox_id")?,
            refresh: text(&session, "refresh_token")?,
        })
    });
    stream::iter(each).buffered(AT_ONCE).try_collect().await
}

fn email(number: usize) -> String {
    format!("user-{number}@example.org")
}

fn read(list: &Path, schema: &str) -> Vec<Account> {
    #[derive(Deserialize)]
    struct Kept {
        schema: String,
        accounts: Vec<Account>,
    }
    fs::read(list)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .filter(|kept: &Kept| kept.schema == schema)
        .map_or_else(Vec::new, |kept| kept.accounts)
}

/// What the migrations are.
fn schema() -> Result<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations/sqlite");
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .with_context(|| folder.display().to_string())?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        hash.update(fs::read(file)?);
    }
    Ok(hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}
