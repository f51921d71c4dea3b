//! `cargo xtask spin`: the same `spin.toml` and `.wasm` files under Spin, the worker beside it, on the same database file.

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
cargo xtask spin [--port 3000] [--data .punctual]

Starts the application under Spin (4.1 or later, which must be on PATH) with the worker beside it, on the data folder
that `cargo xtask up` uses too (one of both at a time). Ctrl-C stops both.

  --port N     where it listens, on 127.0.0.1
  --data DIR   the data folder";

const SPIN: (u32, u32) = (4, 1);

/// `punctual-worker migrate` makes them in DATA/secrets/. Variables of the same names in `spin.toml`.
const SECRETS: [&str; 3] = ["token_secret", "events_secret", "vapid_public_key"];

/// The server's settings that are variables of the functions: given the same way here, as `PUNCTUAL_…`.
const SETTINGS: [&str; 3] = ["REGISTRATION", "TRUSTED_PROXIES", "WEBHOOK_ALLOW_PRIVATE"];

pub fn run(args: &mut Args) -> Result<()> {
    let mut port = 3000;
    let mut data = None;
    while let Some(word) = args.next(HELP)? {
        match word {
            Word::Option(name) if name == "port" => port = args.port()?,
            Word::Option(name) if name == "data" => data = Some(args.value()?),
            other => return Err(args.unknown(&other)),
        }
    }
    spin_is_there()?;
    let data = root().join(data_folder(data)?);
    port_is_free(port)?;
    tools::check()?;
    tools::announce_first_build();
    wasm_target::ensure()?;
    build::all(4)?;
    eprintln!("[4/4] starting the worker and Spin");
    fs::create_dir_all(&data).with_context(|| format!("{} can't be made", data.display()))?;
    start(port, &data)
}

fn spin_is_there() -> Result<()> {
    let way_out =
        "`cargo xtask up` needs no Spin; how to install it: https://spinframework.dev/install";
    match output(Command::new("spin").arg("--version")) {
        Err(_) => bail!(
            "there is no `spin` on PATH, and {}.{} or later is needed. {way_out}",
            SPIN.0,
            SPIN.1
        ),
        Ok(line) if version(&line).is_none_or(|found| found < SPIN) => bail!(
            "{} is too old, {}.{} or later is needed. {way_out}",
            line.trim(),
            SPIN.0,
            SPIN.1
        ),
        Ok(_) => Ok(()),
    }
}

fn start(port: u16, data: &Path) -> Result<()> {
    // The schema and the secrets, which Spin needs from the start.
    run_command(worker(data).arg("migrate")).context("the database could not be prepared")?;

    let hub_port = free_port()?;
    let mut guard = Guard::over_processes()?;
    let mut worker = worker(data)
        .args([
            "run",
            "--functions-url",
            &format!("http://127.0.0.1:{port}"),
        ])
        .args(["--listen", &format!("127.0.0.1:{hub_port}")])
        .spawn()
        .context("punctual-worker does not start")?;
    guard.watch(&worker)?;
    let mut spin = spin(port, hub_port, data)?
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

fn worker(data: &Path) -> Command {
    let mut command = Command::new(program("punctual-worker"));
    command.arg("--data").arg(data).current_dir(root());
    clean(&mut command);
    command
}

fn spin(port: u16, hub_port: u16, data: &Path) -> Result<Command> {
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
