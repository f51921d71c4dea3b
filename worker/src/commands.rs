//! The operator's commands, the same in both programs, and the signals that stop them.

use std::io::Read;
use std::path::PathBuf;

use clap::Subcommand;
use punctual_sqlite::{Database, Options};

use crate::admin;
use crate::clock::Clock;
use crate::config::Common;
use crate::data::Folder;
use crate::error::Error;
use crate::store::{Db, Postgres, Store};

#[derive(Subcommand, Clone, Debug)]
pub enum Operate {
    /// Accounts
    #[command(subcommand)]
    Admin(Admin),
    /// Copies the database file to a new one, also while it is in use (of a Postgres database, pg_dump makes one)
    Backup {
        /// The new file; one that is there is never written over
        file: PathBuf,
    },
    /// Puts a backup in the database file's place, and keeps what was there beside it; stop the server first (a Postgres
    /// database is brought back by pg_restore)
    Restore {
        /// A file that `backup` made
        file: PathBuf,
    },
    /// Tells a database that it was brought back to an earlier state, by other means than `restore` and before anything works on
    /// it: events get ids that none had before, and live streams of before begin anew
    AfterRestore,
}

#[derive(Subcommand, Clone, Debug)]
pub enum Admin {
    /// Gives an account a new password and ends its sessions, also while the server runs
    ResetPassword {
        email: String,
        /// Read the password from standard input instead of making one
        #[arg(long)]
        password_stdin: bool,
    },
}

/// Runs one command and prints what it did.
pub async fn operate(task: Operate, common: &Common) -> Result<(), Error> {
    let clock = Clock::system();
    let data = &common.data;
    match task {
        Operate::Admin(Admin::ResetPassword {
            email,
            password_stdin,
        }) => {
            let db = database(common)?;
            let password = if password_stdin {
                from_stdin()?
            } else {
                admin::random_password()?
            };
            admin::reset_password(&Store::new(db), &clock, &email, &password).await?;
            if !password_stdin {
                println!("New password: {password}");
            }
            println!(
                "{email} has a new password, and its sessions have ended. Its API tokens still work: \
                 the account's owner revokes them (DELETE /api/auth/tokens/ID)."
            );
        }
        Operate::Backup { file } => {
            file_only(common, "pg_dump --format=custom --file=FILE URL")?;
            admin::backup(&Folder::existing(data)?, &file).await?;
            println!(
                "Copied to {}. The secrets in {} are not in it.",
                file.display(),
                data.join("secrets").display()
            );
        }
        Operate::Restore { file } => {
            file_only(
                common,
                "pg_restore --clean --if-exists --single-transaction --dbname=URL FILE",
            )?;
            match admin::restore(&Folder::create(data)?, &file, &clock)? {
                Some(old) => println!("Restored. What was there is kept as {}.", old.display()),
                None => println!("Restored."),
            }
        }
        Operate::AfterRestore => {
            let last = Store::new(database(common)?).leap().await?;
            println!("The next event's id is {}.", last + 1);
        }
    }
    Ok(())
}

/// The database that is there.
fn database(common: &Common) -> Result<Db, Error> {
    if let Some(address) = common.address()? {
        return Ok(Postgres::open(&address)?.into());
    }
    let options = Options {
        readers: 1,
        ..Options::default()
    };
    let file = Folder::existing(&common.data)?.database();
    Ok(Database::open(&file, options)?.into())
}

/// Refuses where the database is no file.
fn file_only(common: &Common, instead: &str) -> Result<(), Error> {
    match common.database_url {
        None => Ok(()),
        Some(_) => Err(Error::Usage(format!(
            "a database on Postgres is copied and brought back by Postgres's own programs: {instead}"
        ))),
    }
}

fn from_stdin() -> Result<String, Error> {
    let mut text = String::new();
    std::io::stdin()
        .take(4096)
        .read_to_string(&mut text)
        .map_err(|error| {
            Error::Usage(format!(
                "cannot read the password from standard input: {error}"
            ))
        })?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// From this call on Ctrl-C and SIGTERM are waited for: the first one ends the waiting, the second one the process where it
/// stands. Called before anything is started, so that nothing is cut that has begun.
pub fn until_stopped() -> Result<impl Future<Output = ()>, Error> {
    use tokio::signal::unix::{SignalKind, signal};
    let refused = |error: std::io::Error| Error::Usage(format!("cannot wait for signals: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(refused)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(refused)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            std::process::exit(130);
        });
    })
}

/// Lets this process have as many files open as it is allowed to. A connection is one, and a live stream is three; many
/// systems give 1,024 to who does not ask.
pub fn raise_open_files() {
    const ENOUGH: u64 = 10_000;
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(files) if files >= ENOUGH => {}
        Ok(files) => tracing::warn!(
            files,
            "few files may be open at once, which bounds the connections; `ulimit -Hn` or LimitNOFILE= raises it"
        ),
        Err(error) => tracing::warn!(%error, "cannot raise how many files may be open"),
    }
}
