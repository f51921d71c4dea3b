//! PostgreSQL, from binaries that Maven Central carries.

use std::fs::Permissions;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::process::Command;
use tokio::sync::OnceCell;
use tokio_postgres::NoTls;

use crate::cache;
use crate::folder::Folder;
use crate::port;
use crate::server::Server;
use crate::tools;

const VERSION: &str = "16.4.0";
/// What runs Postgres where we are root, which it refuses: `nobody`.
const NOBODY: u32 = 65534;
const SUPERUSER: &str = "postgres";
const DATA: &str = "data";
const ARCHIVE: &str = "archive";
const BACKUP: &str = "backup";
/// The data folder after a restore.
const RESTORED: &str = "restored";
/// A server that was killed replays its log first.
const READY_LIMIT: Duration = Duration::from_secs(60);
const ASK_LIMIT: Duration = Duration::from_secs(10);

/// The archive inside the jar, unpacked. `bin/`, `lib/` and `share/` are all it holds.
const UNPACK: &str = r#"
import io, sys, tarfile, zipfile
jar = zipfile.ZipFile(sys.argv[1])
name = next(name for name in jar.namelist() if name.endswith('.txz'))
tarfile.open(fileobj=io.BytesIO(jar.read(name)), mode='r:xz').extractall(sys.argv[2])
"#;

static SHARED: OnceCell<Postgres> = OnceCell::const_new();

/// A server of its own on a random port of loopback, with a superuser and passwords (SCRAM).
///
/// The collation is `C`, which orders by bytes as SQLite does; the encoding is UTF-8. `fsync` is on, as always: tests
/// kill this server. Everything is gone when this is dropped, or when this process ends in whatever way.
pub struct Postgres {
    // Dropped before its folder.
    server: Server,
    folder: Folder,
    programs: PathBuf,
    port: u16,
    password: String,
}

impl Postgres {
    pub async fn start() -> Result<Self> {
        let folder = Folder::new("postgres")?;
        let user = (folder.path().metadata()?.uid() == 0).then_some(NOBODY);
        let programs = install(user.is_some()).await?.join("bin");
        let port = port::free()?;
        let password = format!("{:016x}", port::random());
        initialize(&folder, &programs, user, &password).await?;
        let command = command(&folder, &programs, DATA, port);
        let mut server = Server::new("Postgres", command, folder.join("log"), READY_LIMIT);
        server.user = user;
        // The fast shutdown. SIGTERM would wait for every client.
        server.stop_signal = "INT";
        let mut postgres = Self {
            server,
            folder,
            programs,
            port,
            password,
        };
        postgres.restart().await?;
        Ok(postgres)
    }

    /// The one server of this process, started by whoever asks first.
    pub async fn shared() -> Result<&'static Self> {
        SHARED.get_or_try_init(Self::start).await
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Of the postmaster.
    pub fn pid(&self) -> Option<u32> {
        self.server.pid()
    }

    pub fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// For the superuser.
    pub fn url(&self, database: &str) -> String {
        self.url_as(SUPERUSER, &self.password, database)
    }

    /// Neither name nor password may hold what a URL would have to escape.
    pub fn url_as(&self, user: &str, password: &str, database: &str) -> String {
        format!(
            "postgres://{user}:{password}@127.0.0.1:{}/{database}?sslmode=disable",
            self.port
        )
    }

    /// An empty database; the error says so where the name is taken.
    pub async fn create_database(&self, name: &str) -> Result<()> {
        if name.is_empty()
            || !name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        {
            bail!("`{name}` can't name a database here: lower-case letters, digits and _ can");
        }
        let ask = async {
            let client = connect(&self.url("postgres")).await?;
            client
                .batch_execute(&format!("CREATE DATABASE \"{name}\""))
                .await
        };
        tokio::time::timeout(ASK_LIMIT, ask)
            .await
            .context("Postgres does not answer")?
            .with_context(|| format!("the database {name} can't be created"))
    }

    /// Runs statements in a database, as the superuser.
    pub async fn execute(&self, database: &str, sql: &str) -> Result<()> {
        execute(&self.url(database), sql).await
    }

    /// SIGKILL for the postmaster and all back-ends at once, as when the machine loses them.
    pub async fn kill(&mut self) -> Result<()> {
        self.server.kill().await
    }

    /// The fast shutdown: connections are cut, the data is checkpointed.
    pub async fn stop(&mut self) -> Result<()> {
        self.server.stop().await
    }

    /// On the same port and data. Stops it first where it runs.
    pub async fn restart(&mut self) -> Result<()> {
        let url = self.url("postgres");
        self.server
            .start(|| async { connect(&url).await.is_ok() })
            .await
    }

    /// SIGSTOP: connections stay open and nothing answers.
    pub fn pause(&mut self) -> Result<()> {
        self.server.pause()
    }

    pub fn resume(&mut self) -> Result<()> {
        self.server.resume()
    }

    /// Each write fails as on a full disk, until it is started anew. Linux alone.
    pub async fn fill_disk(&self) -> Result<()> {
        self.server.fill_disk().await
    }

    /// Starts it anew so that the archive keeps its log from now on: what a base backup is brought forward with.
    pub async fn archive(&mut self) -> Result<()> {
        let archive = self.folder.join(ARCHIVE);
        std::fs::create_dir(&archive)?;
        self.give(&archive)?;
        let keep = format!(
            "archive_command=test ! -f {0}/%f && cp %p {0}/%f",
            archive.display()
        );
        self.server
            .command
            .args(["-c", "archive_mode=on", "-c", &keep]);
        self.restart().await
    }

    /// Copies its data while it is in use, as `pg_basebackup` does, which these binaries lack: between `pg_backup_start` and
    /// `pg_backup_stop`, in one session.
    pub async fn base_backup(&self) -> Result<()> {
        let client = connect(&self.url("postgres")).await?;
        let start = "SELECT pg_backup_start('base backup', fast => true)";
        client.simple_query(start).await?;
        let backup = self.folder.join(BACKUP);
        self.copy(&self.folder.join(DATA), &backup)?;
        // Waits for the archive to have all that the copy needs.
        let stop = client
            .query_one("SELECT labelfile FROM pg_backup_stop()", &[])
            .await?;
        let label = backup.join("backup_label");
        std::fs::write(&label, stop.get::<_, &str>(0))?;
        self.give(&label)
    }

    /// Brings a copy of the base backup forward to an instant, and works on that from then on, on the same port. It must have
    /// been stopped: then the archive has all of its log.
    pub async fn restore(&mut self, to: &str) -> Result<()> {
        if self.server.running() {
            bail!("Postgres is running: stop it before it is restored");
        }
        self.copy(&self.folder.join(BACKUP), &self.folder.join(RESTORED))?;
        let signal = self.folder.join(RESTORED).join("recovery.signal");
        std::fs::write(&signal, "")?;
        self.give(&signal)?;
        let archive = self.folder.join(ARCHIVE);
        let mut command = command(&self.folder, &self.programs, RESTORED, self.port);
        for setting in [
            format!("restore_command=cp {}/%f %p", archive.display()),
            format!("recovery_target_time={to}"),
            "recovery_target_action=promote".to_owned(),
        ] {
            command.args(["-c", &setting]);
        }
        self.server.command = command;
        // Until it is there, it only reads.
        let url = self.url("postgres");
        let arrived = async || -> Result<bool, tokio_postgres::Error> {
            let client = connect(&url).await?;
            let row = client.query_one("SELECT pg_is_in_recovery()", &[]);
            Ok(!row.await?.get::<_, bool>(0))
        };
        self.server
            .start(|| async { arrived().await.unwrap_or(false) })
            .await
    }

    /// A copy of a data folder that may be in use, without its log, which the archive has. What goes away meanwhile is
    /// nothing that is needed.
    fn copy(&self, from: &Path, to: &Path) -> Result<()> {
        std::fs::create_dir(to).with_context(|| format!("{} can't be made", to.display()))?;
        std::fs::set_permissions(to, Permissions::from_mode(0o700))?;
        self.give(to)?;
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            let (from, to) = (entry.path(), to.join(entry.file_name()));
            if entry.file_type()?.is_dir() {
                if from.ends_with("pg_wal") {
                    std::fs::create_dir(&to)?;
                    self.give(&to)?;
                } else {
                    self.copy(&from, &to)?;
                }
            } else if !from.ends_with("postmaster.pid") {
                match std::fs::copy(&from, &to) {
                    Ok(_) => self.give(&to)?,
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    /// To the user that the server runs as.
    fn give(&self, path: &Path) -> Result<()> {
        Ok(chown(path, self.server.user, self.server.user)?)
    }
}

/// The server on one of the data folders.
fn command(folder: &Folder, programs: &Path, data: &str, port: u16) -> std::process::Command {
    let mut command = std::process::Command::new(programs.join("postgres"));
    command
        .arg("-D")
        .arg(folder.join(data))
        .args(["-p", &port.to_string()])
        .current_dir(folder.path());
    command
}

async fn initialize(
    folder: &Folder,
    programs: &Path,
    user: Option<u32>,
    password: &str,
) -> Result<()> {
    let password = folder.write("password", password)?;
    if let Some(user) = user {
        chown(folder.path(), Some(user), Some(user))?;
        chown(&password, Some(user), Some(user))?;
    }
    let mut command = Command::new(programs.join("initdb"));
    command
        // What initdb writes need not survive a power cut, only what the server writes.
        .args([
            "--no-sync",
            "--no-instructions",
            "--encoding=UTF8",
            "--locale=C",
        ])
        .args(["--auth=scram-sha-256", "--username", SUPERUSER])
        .arg("--pwfile")
        .arg(&password)
        .arg("--pgdata")
        .arg(folder.join(DATA))
        .args(["--set", "max_connections=200"])
        .args(["--set", "listen_addresses=127.0.0.1"])
        .args(["--set", "unix_socket_directories="])
        // In its folder: in /dev/shm it stays behind when the server is killed.
        .args(["--set", "dynamic_shared_memory_type=mmap"])
        .current_dir(folder.path());
    if let Some(user) = user {
        command.uid(user).gid(user);
    }
    tools::run(&mut command).await?;
    Ok(())
}

/// Runs statements as whoever the URL names.
pub(crate) async fn execute(url: &str, sql: &str) -> Result<()> {
    let ask = async { connect(url).await?.batch_execute(sql).await };
    tokio::time::timeout(ASK_LIMIT, ask)
        .await
        .context("Postgres does not answer")?
        .context("Postgres refuses")
}

async fn connect(url: &str) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Where root runs this, root's home is closed to the user that Postgres runs as: it lies in `/var/cache` then.
async fn install(root: bool) -> Result<PathBuf> {
    let cache = if root && std::env::var_os("PUNCTUAL_CACHE").is_none() {
        PathBuf::from("/var/cache/punctual/servers")
    } else {
        cache::folder()?
    };
    let (platform, sha256) = jar()?;
    cache::entry(
        &cache,
        &format!("postgres-{VERSION}"),
        |folder| async move {
            cache::say(&format!("fetching PostgreSQL {VERSION} (15 MB)"));
            let artifact = format!("embedded-postgres-binaries-{platform}");
            let jar = folder.join("postgres.jar");
            let path =
                format!("io/zonky/test/postgres/{artifact}/{VERSION}/{artifact}-{VERSION}.jar");
            cache::Maven::new()?.fetch(&path, sha256, &jar).await?;
            unpack(&jar, &folder).await?;
            Ok(std::fs::remove_file(&jar)?)
        },
    )
    .await
}

async fn unpack(jar: &Path, folder: &Path) -> Result<()> {
    let mut python = tools::python().await?;
    tools::run(python.args(["-c", UNPACK]).arg(jar).arg(folder)).await?;
    Ok(())
}

/// The build for this machine, with the SHA-256 of its jar.
fn jar() -> Result<(&'static str, &'static str)> {
    Ok(match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => (
            "linux-amd64",
            "14a5cf546aee7d327a2f5b46be6c571f2f724a2b485c270d46f3e44a1ac3df18",
        ),
        ("linux", "aarch64") => (
            "linux-arm64v8",
            "5a281952dd35191be97809ce657d6cb1a7b42a8d8ca6195125dd368d47eb8c42",
        ),
        ("macos", "x86_64") => (
            "darwin-amd64",
            "e9a4d0de025426978d39087e2dfad265cb22a70ad19aa388857e4dcf6cf55f25",
        ),
        ("macos", "aarch64") => (
            "darwin-arm64v8",
            "ad810a174664012341f1c9c1ff9667f61930d054f34bd650ceb2bc0c8796ccf9",
        ),
        (system, machine) => bail!(
            "there is no PostgreSQL to fetch for {system} on {machine}: Linux and macOS have one"
        ),
    })
}
