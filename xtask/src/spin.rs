//! `cargo xtask spin`: the same `spin.toml` and `.wasm` files under Spin, the worker beside it, on the same database.

use std::ffi::OsString;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::args::{Args, Word};
use crate::build;
use crate::guard::Guard;
use crate::tools::version;
use crate::up::{data_folder, port_is_free};
use crate::workspace::{clean, output, program, root, run as run_command};
use crate::{tools, wasm_target};

const HELP: &str = "\
cargo xtask spin [--port 3000] [--data .punctual] [--postgres URL]

Starts the application under Spin (4.1 or later, which must be on PATH) with the worker beside it, on the data folder
that `cargo xtask up` uses too (one of both at a time). Ctrl-C stops both.

  --port N        where it listens, on 127.0.0.1
  --data DIR      the data folder
  --postgres URL  keeps its data in Postgres instead: postgres://USER:PASSWORD@HOST:5432/DATABASE
                  (DATABASE_URL in the environment does the same, and stays out of your shell's history)";

const SPIN: (u32, u32) = (4, 1);

/// `punctual-worker migrate` makes them in DATA/secrets/. Variables of the same names in `spin.toml`.
const SECRETS: [&str; 3] = ["token_secret", "events_secret", "vapid_public_key"];

/// The server's settings that are variables of the functions: given the same way here, as `PUNCTUAL_…`.
const SETTINGS: [&str; 3] = ["REGISTRATION", "TRUSTED_PROXIES", "WEBHOOK_ALLOW_PRIVATE"];

pub fn run(args: &mut Args) -> Result<()> {
    let mut port = 3000;
    let mut data = None;
    let mut postgres = None;
    while let Some(word) = args.next(HELP)? {
        match word {
            Word::Option(name) if name == "port" => port = args.port()?,
            Word::Option(name) if name == "data" => data = Some(args.value()?),
            Word::Option(name) if name == "postgres" => postgres = Some(args.value()?),
            other => return Err(args.unknown(&other)),
        }
    }
    if let Some(missing) = missing() {
        bail!(
            "{missing}. `cargo xtask up` needs no Spin; how to install it: https://spinframework.dev/install"
        );
    }
    let postgres = postgres
        .or_else(|| std::env::var_os("DATABASE_URL"))
        .map(Postgres::parse)
        .transpose()?;
    let data = root().join(data_folder(data)?);
    port_is_free(port)?;
    tools::check()?;
    tools::announce_first_build();
    wasm_target::ensure()?;
    build::all(4)?;
    eprintln!("[4/4] starting the worker and Spin");
    fs::create_dir_all(&data).with_context(|| format!("{} can't be made", data.display()))?;
    start(port, &data, postgres.as_ref())
}

/// Why nothing can run under Spin on this machine, in a few words.
pub fn missing() -> Option<String> {
    match output(Command::new("spin").arg("--version")) {
        Err(_) => Some(format!(
            "no `spin` on the PATH ({}.{} or later is needed)",
            SPIN.0, SPIN.1
        )),
        Ok(line) if version(&line).is_none_or(|found| found < SPIN) => Some(format!(
            "{} is too old ({}.{} or later is needed)",
            line.trim(),
            SPIN.0,
            SPIN.1
        )),
        Ok(_) => None,
    }
}

/// Where the database is: for the worker and the functions, and what the functions may reach.
struct Postgres {
    url: String,
    host: String,
}

impl Postgres {
    fn parse(url: OsString) -> Result<Self> {
        let url = url.to_string_lossy().trim().to_owned();
        let host = host(&url)
            .context("the database's URL looks like postgres://USER:PASSWORD@HOST:5432/DATABASE")?;
        Ok(Self { host, url })
    }
}

/// `HOST:PORT` of a database's URL.
fn host(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    let name_ends = host.rfind(']').unwrap_or(0);
    let known = ["postgres", "postgresql"].contains(&scheme);
    match host[name_ends..].contains(':') {
        _ if !known || host.is_empty() => None,
        true => Some(host.to_owned()),
        false => Some(format!("{host}:5432")),
    }
}

fn start(port: u16, data: &Path, postgres: Option<&Postgres>) -> Result<()> {
    // The schema and the secrets, which Spin needs from the start.
    run_command(worker(data, postgres).arg("migrate"))
        .context("the database could not be prepared")?;

    let hub_port = free_port()?;
    let mut guard = Guard::over_processes()?;
    let mut worker = worker(data, postgres)
        .args([
            "run",
            "--functions-url",
            &format!("http://127.0.0.1:{port}"),
        ])
        .args(["--listen", &format!("127.0.0.1:{hub_port}")])
        .spawn()
        .context("punctual-worker does not start")?;
    guard.watch(&worker)?;
    let mut spin = spin(port, hub_port, data, postgres)?
        .spawn()
        .context("spin does not start")?;
    guard.watch(&spin)?;
    let ended = loop {
        if let Some(status) = spin.try_wait()? {
            break format!("spin ended ({status})");
        }
        if let Some(status) = worker.try_wait()? {
            break format!("punctual-worker ended ({status})");
        }
        sleep(Duration::from_millis(200));
    };
    guard.finish()?;
    bail!("{ended}, so both were stopped")
}

fn worker(data: &Path, postgres: Option<&Postgres>) -> Command {
    let mut command = Command::new(program("punctual-worker"));
    command.arg("--data").arg(data).current_dir(root());
    if let Some(postgres) = postgres {
        // Not on the command line: everybody on this machine can read that, and a password is in it.
        command.env("DATABASE_URL", &postgres.url);
    }
    clean(&mut command);
    command
}

fn spin(port: u16, hub_port: u16, data: &Path, postgres: Option<&Postgres>) -> Result<Command> {
    let config = data.join("spin-runtime.toml");
    let database = data.join("punctual.db");
    fs::write(
        &config,
        format!("[sqlite_database.default]\ntype = \"spin\"\npath = {database:?}\n"),
    )?;
    let mut command = Command::new("spin");
    command
        .args([
            "up",
            "--file",
            "spin.toml",
            "--listen",
            &format!("127.0.0.1:{port}"),
        ])
        .arg("--runtime-config-file")
        .arg(&config)
        .arg("--state-dir")
        .arg(data.join("spin"))
        .env(
            "SPIN_VARIABLE_HUB_URL",
            format!("http://127.0.0.1:{hub_port}"),
        )
        .env(
            "SPIN_VARIABLE_FUNCTIONS_URL",
            format!("http://127.0.0.1:{port}"),
        )
        .env(
            "SPIN_VARIABLE_EMAIL_ENABLED",
            std::env::var_os("SMTP_URL").is_some().to_string(),
        )
        .current_dir(root());
    if let Some(Postgres { url, host }) = postgres {
        command
            .env("SPIN_VARIABLE_DATABASE_URL", url)
            .env("SPIN_VARIABLE_DATABASE_HOST", host);
    }
    for name in SECRETS {
        let secret = fs::read_to_string(data.join("secrets").join(name))?;
        command.env(
            format!("SPIN_VARIABLE_{}", name.to_uppercase()),
            secret.trim(),
        );
    }
    if let Some(value) = std::env::var_os("PUBLIC_URL") {
        command.env("SPIN_VARIABLE_PUBLIC_URL", value);
    }
    for name in SETTINGS {
        if let Some(value) = std::env::var_os(format!("PUNCTUAL_{name}")) {
            command.env(format!("SPIN_VARIABLE_{name}"), value);
        }
    }
    clean(&mut command);
    Ok(command)
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_functions_may_reach_is_the_databases_host_and_port() {
        for (url, expected) in [
            (
                "postgres://ann:a%40b@db.example.org/punctual?sslmode=require",
                Some("db.example.org:5432"),
            ),
            ("postgresql://ann@127.0.0.1:6432", Some("127.0.0.1:6432")),
            ("postgres://ann:x@[::1]/punctual", Some("[::1]:5432")),
            ("postgres://ann:x@[::1]:6432/punctual", Some("[::1]:6432")),
            ("postgres://ann:x@/punctual", None),
            ("mysql://ann:x@db/punctual", None),
            ("db.example.org", None),
        ] {
            assert_eq!(host(url).as_deref(), expected, "{url}");
        }
    }
}
