//! Commands that build and then hand over to a program of the workspace.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};

use crate::args::{Args, Word};
use crate::build;
use crate::workspace::{clean, program, root};
use crate::{tools, wasm_target};

const PROVE: &str = "\
cargo xtask prove NAME [OPTIONS…]

Runs a long proof of a promise, the way `test` runs small ones. `cargo xtask prove NAME --help` lists its options.

  reminders   every accepted reminder fires exactly once, although the process is killed again and again
  faults      the same on the cluster's real servers, while any part of it is killed, stopped or emptied
  model       random lives of repeating tasks agree with a small model, step by step
  year        every reminder of a year rings at its instant, on a clock that is set";

const BENCH: &str = "\
cargo xtask bench NAME [OPTIONS…]

Measures on the real servers. `cargo xtask bench NAME --help` lists its options.

  relay       from a committed change to Kafka: how many a second, and how late each";

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
    named(name, args, "prove")
}

pub fn bench(args: &mut Args) -> Result<()> {
    let Some(Word::Value(name)) = args.next(BENCH)? else {
        anyhow::bail!("which measurement? `cargo xtask bench --help` lists them");
    };
    named(name, args, "punctual-bench")
}

fn named(name: String, args: &mut Args, program: &str) -> Result<()> {
    let mut words = vec![OsString::from(name)];
    words.extend(args.rest()?);
    build_all()?;
    become_program(program, words)
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
        "punctual-contracts",
        [mode, CONTRACTS_FOLDER].map(OsString::from).to_vec(),
    )
}

fn build_all() -> Result<()> {
    tools::check()?;
    wasm_target::ensure()?;
    build::all(3)
}

/// Replaces this process, so that signals and the exit code are the program's own.
fn become_program(name: &str, args: Vec<OsString>) -> Result<()> {
    let mut command = Command::new(program(name));
    command.args(args).current_dir(root());
    clean(&mut command);
    let error = command.exec();
    Err(error).with_context(|| format!("{} does not start", program(name).display()))
}
