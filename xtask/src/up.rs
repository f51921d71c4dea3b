//! `cargo xtask up`: build what changed, then become the server.

use std::ffi::OsString;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::args::{Args, Word};
use crate::build;
use crate::workspace::{clean, program, root};
use crate::{tools, wasm_target};

const HELP: &str = "\
cargo xtask up [--port 3000] [--data .punctual] [--postgres URL] [-- OPTIONS…]
cargo xtask up --cluster [--port 3000]

Builds what changed and starts the service in one process on this machine, on SQLite. It listens on 127.0.0.1 only
and keeps everything, its secrets too, in the data folder. Ctrl-C stops it.

  --port N        where it listens (0 chooses a free port)
  --data DIR      the data folder
  --postgres URL  keeps its data in Postgres instead: postgres://USER:PASSWORD@HOST:5432/DATABASE
                  (DATABASE_URL in the environment does the same, and stays out of your shell's history)
  OPTIONS         for the server itself; `cargo xtask up -- --help` lists them
  --cluster       the cluster in small: a real Kafka, Postgres and Dapr (fetched and built once, for which Python 3, Java 17 and
                  Go are needed), the functions and the worker as processes of their own. Its data is gone when
                  it stops";

pub fn run(args: &mut Args) -> Result<()> {
    let mut port = 3000;
    let mut data = None;
    let mut postgres = None;
    let mut cluster = false;
    let mut rest = Vec::new();
    while let Some(word) = args.next(HELP)? {
        match word {
            Word::Option(name) if name == "port" => port = args.port()?,
            Word::Option(name) if name == "data" => data = Some(args.value()?),
            Word::Option(name) if name == "postgres" => postgres = Some(args.value()?),
            Word::Option(name) if name == "cluster" => cluster = true,
            Word::Value(first) => {
                rest.push(OsString::from(first));
                rest.extend(args.rest()?);
            }
            other => return Err(args.unknown(&other)),
        }
    }
    if cluster && (data.is_some() || postgres.is_some() || !rest.is_empty()) {
        bail!("`--cluster` brings its own database and folders: only `--port` goes with it");
    }
    let data = data_folder(data)?;
    port_is_free(port)?;
    tools::check()?;
    tools::announce_first_build();
    wasm_target::ensure()?;
    build::all(4)?;
    eprintln!("[4/4] starting");
    if cluster {
        let mut command = Command::new(program("punctual-cluster"));
        command
            .arg(root())
            .arg(port.to_string())
            .current_dir(root());
        clean(&mut command);
        return Err(command.exec()).context("punctual-cluster does not start");
    }
    let mut server = Command::new(program("punctual-server"));
    server
        .arg("--data")
        .arg(data)
        .args(["--port", &port.to_string()])
        .args(rest)
        .current_dir(root());
    if let Some(url) = postgres {
        // Not on the command line: everybody on this machine can read that, and a password is in it.
        server.env("DATABASE_URL", url);
    }
    clean(&mut server);
    let error = server.exec();
    Err(error).with_context(|| format!("{} does not start", program("punctual-server").display()))
}

/// A given folder counts from where the command was typed, the default one from the root.
pub fn data_folder(given: Option<OsString>) -> Result<PathBuf> {
    Ok(match given {
        Some(folder) => std::path::absolute(folder)?,
        None => PathBuf::from(".punctual"),
    })
}

/// Asked before the build as well as by the server itself: nobody wants to hear it only after ten minutes.
pub fn port_is_free(port: u16) -> Result<()> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Ok(()),
        Err(error) => bail!("port {port} can't be used ({error}): choose another with --port"),
    }
}
