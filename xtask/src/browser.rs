//! The web app's own checks and tests, and the tests in a browser against the real server.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::args::{Args, Word};
use crate::build;
use crate::guard::Guard;
use crate::tally::Tally;
use crate::web::{folder, install, npm};
use crate::workspace::{clean, program, root, run as run_command, target};
use crate::{tools, wasm_target};

const PICTURES: &str = "\
cargo xtask pictures [FOLDER]

Starts the service on data of its own, fills it, and writes pictures of the main views (dark and light, phone and wide)
into FOLDER, target/pictures without one. Three of them are in docs/pictures, for the README.";

const SPEED: &str = "\
cargo xtask speed

Measures in a browser how long a key press takes until its change is painted, and how long a change takes from one
browser to another: median and 95th percentile.";

fn e2e() -> PathBuf {
    root().join("tests/e2e")
}

/// Types and style.
pub fn check() -> Result<()> {
    install(&folder())?;
    run_command(npm(&folder()).args(["run", "--silent", "check"]))
}

/// What needs no browser.
pub fn unit_tests() -> Result<Tally> {
    install(&folder())?;
    let mut command = npm(&folder());
    command.args([
        "run",
        "--silent",
        "test",
        "--",
        "--reporter=tap-flat",
        "--reporter=default",
    ]);
    tap(&mut command)
}

/// The built app in a browser, with the real server and worker behind it.
pub fn browser_tests() -> Result<Tally> {
    install(&e2e())?;
    let mark = format!("{}-{}", std::process::id(), e2e().display());
    let guard = Guard::over_environment(&format!("PUNCTUAL_TEST_RUN={mark}"), 2)?;
    let service = Service::start(&mark)?;
    let mut command = npm(&e2e());
    command
        .args(["run", "--silent", "test", "--", "--test-reporter=tap"])
        .env("PUNCTUAL_URL", &service.url)
        .env("PUNCTUAL_TEST_RUN", &mark);
    let tally = tap(&mut command);
    drop(service);
    let mut tally = tally?;
    for line in guard.finish()? {
        tally.fail(format!("a process was left behind: {line}"));
    }
    Ok(tally)
}

/// `cargo xtask pictures`
pub fn pictures(args: &mut Args) -> Result<()> {
    let mut folder = target().join("pictures");
    while let Some(word) = args.next(PICTURES)? {
        match word {
            Word::Value(given) => folder = std::path::absolute(given)?,
            other => return Err(args.unknown(&other)),
        }
    }
    fs::create_dir_all(&folder)?;
    script("pictures.mjs", &[folder.as_os_str()])
}

/// `cargo xtask speed`
pub fn speed(args: &mut Args) -> Result<()> {
    if let Some(word) = args.next(SPEED)? {
        return Err(args.unknown(&word));
    }
    script("speed.mjs", &[])
}

/// A program of `tests/e2e` against a service of its own.
fn script(name: &str, words: &[&std::ffi::OsStr]) -> Result<()> {
    tools::check()?;
    wasm_target::ensure()?;
    build::all(3)?;
    install(&e2e())?;
    let service = Service::start("script")?;
    let mut command = Command::new("node");
    command
        .arg(name)
        .args(words)
        .current_dir(e2e())
        .env("PUNCTUAL_URL", &service.url);
    clean(&mut command);
    run_command(&mut command)
}

/// The server on an empty folder, ended and removed when this is dropped.
struct Service {
    child: Child,
    url: String,
    data: PathBuf,
}

impl Service {
    fn start(mark: &str) -> Result<Self> {
        let data = std::env::temp_dir().join(format!("punctual-web-{}", std::process::id()));
        let mut command = Command::new(program("punctual-server"));
        command
            .args(["--port", "0", "--registration", "open", "--data"])
            .arg(&data)
            .arg("--webhook-allow-private=true")
            .current_dir(root())
            .env("PUNCTUAL_TEST_RUN", mark)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        clean(&mut command);
        let mut service = Self {
            child: command.spawn().context("punctual-server does not start")?,
            url: String::new(),
            data,
        };
        let out = service
            .child
            .stdout
            .take()
            .context("the server has no output")?;
        let line = BufReader::new(out)
            .lines()
            .next()
            .context("the server ended before it was up")??;
        service.url = line
            .split_whitespace()
            .find(|word| word.starts_with("http://"))
            .with_context(|| format!("no address in: {line}"))?
            .to_owned();
        Ok(service)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.data);
    }
}

/// Runs a command that reports in TAP, and shows what it prints.
fn tap(command: &mut Command) -> Result<Tally> {
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let out = child.stdout.take().context("the tests have no output")?;
    let mut tally = Tally::default();
    for line in BufReader::new(out).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        tally.tap(&line);
    }
    tally.end(child.wait()?);
    Ok(tally)
}
