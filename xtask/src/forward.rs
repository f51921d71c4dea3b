//! Commands that build and then hand over to a program of the workspace.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::args::{Args, Word};
use crate::workspace::{cargo, clean, program, root, run, target};
use crate::{build, dist, tools, wasm_target};

const PROVE: &str = "\
cargo xtask prove NAME [OPTIONS…]

Runs a long proof of a promise, the way `test` runs small ones. `cargo xtask prove NAME --help` lists its options.

  reminders   every accepted reminder fires exactly once, although the process is killed again and again
  faults      the same on the cluster's real servers, while any part of it is killed, stopped or emptied
  chaos       people at work and random faults, full disks and stepped clocks among them, for so many minutes
  api         schemathesis makes requests of the contract, right and wrong ones: the API is as it is described
  rolling     every process is replaced under load: no request fails, no reminder is lost
  rotation    every secret and login is replaced under load: nobody is refused, no reminder is lost
  recurrence  rules and zones are what python-dateutil, zoneinfo and the RFCs' text make of them
  model       random lives of repeating tasks agree with a small model, step by step
  year        every reminder of a year rings at its instant, on a clock that is set";

const RECURRENCE: &str = "\
cargo xtask prove recurrence [--count N] [--seed S]

Compares generated rules with python-dateutil, with RFC 5545 by its text and with the crate rrule, and every change of
every zone's clocks from 2020 to 2037 with Python's zoneinfo. Needs Python 3.11 or later with its venv; what else it needs
comes from PyPI, once. specs/005-cloud-deployment/recurrence.md says what the differences are.

  --count N   so many rules (60000)
  --seed S    which ones (1)";

const BENCH: &str = "\
cargo xtask bench NAME [OPTIONS…]

Measures what is shipped (`cargo xtask dist`, whose build takes several minutes) on the real servers.
`cargo xtask bench NAME --help` lists its options.

  api         the API's busiest requests, beside FastAPI and a native service: how many a second within a bound
  users       many users at once, with a connection and an account each, who think between requests
  reminders   very many reminders at one moment, and a few all the time, beside APScheduler: how late, lost, doubled, early
  cold        what a start, a function's first call and an idle server cost, beside FastAPI and a native service
  live        very many live streams: from a change to each client
  growth      one account with a thousand to a million tasks: how long its requests take
  cli         the console client as a process, beside its requests and curl
  relay       from a committed change to Kafka: how many a second, and how late each, beside a polling publisher
  plots       draw bench/plots/*.svg and write the tables of bench/README.md, of what was measured";

const CONTRACTS: &str = "\
cargo xtask contracts [--check]

Writes specs/005-cloud-deployment/contracts/{openapi.json,asyncapi.yaml} from the code.

  --check   write nothing; fail if one of them differs from the code";

/// Where the contracts lie.
const CONTRACTS_FOLDER: &str = "specs/005-cloud-deployment/contracts";

pub fn prove(args: &mut Args) -> Result<()> {
    let Some(Word::Value(name)) = args.next(PROVE)? else {
        anyhow::bail!("which proof? `cargo xtask prove --help` lists them");
    };
    if name == "recurrence" {
        return recurrence(args);
    }
    named(name, args, "prove")
}

/// `chaos`, as if it were `prove chaos`.
pub fn chaos(args: &mut Args) -> Result<()> {
    named("chaos".to_owned(), args, "prove")
}

/// The tests of the domain's target `differential`, which take the number of rules from the environment. Built as `cargo
/// xtask test` builds them, so nothing is compiled twice.
fn recurrence(args: &mut Args) -> Result<()> {
    let (mut count, mut seed) = (60_000, 1);
    while let Some(word) = args.next(RECURRENCE)? {
        match word {
            Word::Option(name) if name == "count" => count = args.number("--count")?,
            Word::Option(name) if name == "seed" => seed = args.number("--seed")?,
            other => return Err(args.unknown(&other)),
        }
    }
    let words = "test --release --test differential -- --nocapture --test-threads 1";
    let mut command = cargo(words.split(' '));
    command.env("PUNCTUAL_RECURRENCE", format!("{count},{seed}"));
    run(&mut command)
}

pub fn bench(args: &mut Args) -> Result<()> {
    let Some(Word::Value(name)) = args.next(BENCH)? else {
        anyhow::bail!("which measurement? `cargo xtask bench --help` lists them");
    };
    if name == "plots" {
        return named(name, args, "punctual-bench");
    }
    let mut words = vec![OsString::from(name)];
    words.extend(args.rest()?);
    dist::build(&["punctual-bench"])?;
    become_program(&target().join("dist/punctual-bench"), words)
}

fn named(name: String, args: &mut Args, with: &str) -> Result<()> {
    let mut words = vec![OsString::from(name)];
    words.extend(args.rest()?);
    build_all()?;
    become_program(&program(with), words)
}

pub fn contracts(args: &mut Args) -> Result<()> {
    let mut mode = "--write";
    while let Some(word) = args.next(CONTRACTS)? {
        match word {
            Word::Option(name) if name == "check" => mode = "--check",
            other => return Err(args.unknown(&other)),
        }
    }
    build_all()?;
    become_program(
        &program("punctual-contracts"),
        [mode, CONTRACTS_FOLDER].map(OsString::from).to_vec(),
    )
}

fn build_all() -> Result<()> {
    tools::check()?;
    wasm_target::ensure()?;
    build::all(3)
}

/// Replaces this process, so that signals and the exit code are the program's own.
fn become_program(program: &Path, args: Vec<OsString>) -> Result<()> {
    let mut command = Command::new(program);
    command.args(args).current_dir(root());
    clean(&mut command);
    let error = command.exec();
    Err(error).with_context(|| format!("{} does not start", program.display()))
}
