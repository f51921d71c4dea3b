//! `cargo xtask k8s`: the cluster edition on a cluster of one's own.

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};

use crate::args::{Args, Word};
use crate::workspace::{clean, root};

const HELP: &str = "\
cargo xtask k8s up [OPTIONS…]

Installs Punctual, built from here, on minikube or kind, with all that a cluster needs for it. `cargo xtask k8s up --help` lists
the options.";

pub fn run(args: &mut Args) -> Result<()> {
    match args.next(HELP)? {
        Some(Word::Value(name)) if name == "up" => {}
        Some(other) => return Err(args.unknown(&other)),
        None => anyhow::bail!("what with it? `cargo xtask k8s --help` says more"),
    }
    let script = root().join("scripts/setup-local.sh");
    let mut command = Command::new(&script);
    command.args(args.rest()?);
    clean(&mut command);
    Err(command.exec()).with_context(|| format!("{} does not start", script.display()))
}
