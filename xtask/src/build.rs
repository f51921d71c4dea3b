//! `cargo xtask build`. Every command builds through here, with the same two selections of packages, so that cargo's
//! unification of features gives the same result each time and no dependency is compiled a second time.

use std::time::Instant;

use anyhow::{Context, Result};

use crate::args::Args;
use crate::workspace::{WASM, cargo, components, run as run_command};
use crate::{tools, wasm_target, web};

const HELP: &str = "\
cargo xtask build

Builds the web app to web/dist/ where its sources are newer, the functions (the web app inside one of them) to
target/wasm32-wasip2/release/*.wasm, and the native programs to target/release/.";

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    Release,
    Dist,
}

impl Profile {
    pub fn flag(self) -> &'static str {
        match self {
            Profile::Release => "--release",
            Profile::Dist => "--profile=dist",
        }
    }
}

pub fn run(args: &mut Args) -> Result<()> {
    if let Some(word) = args.next(HELP)? {
        return Err(args.unknown(&word));
    }
    tools::check()?;
    wasm_target::ensure()?;
    all(3)
}

/// The three steps of a build, as the first ones of so many.
pub fn all(of: usize) -> Result<()> {
    step(1, of, "web app", web::build)?;
    step(2, of, "functions", || functions(Profile::Release))?;
    step(3, of, "native programs", native)
}

/// Names a step before its output, so that a long one is seen to be one of a few.
pub fn step(number: usize, of: usize, what: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    eprintln!("[{number}/{of}] {what}");
    let start = Instant::now();
    work()?;
    let seconds = start.elapsed().as_secs();
    if seconds >= 5 {
        eprintln!("[{number}/{of}] {what}: {}", tools::minutes(seconds));
    }
    Ok(())
}

pub fn functions(profile: Profile) -> Result<()> {
    let mut command = cargo(["build", profile.flag(), "--target", WASM]);
    for name in components()? {
        command.args(["-p", &name]);
    }
    run_command(&mut command).context("the functions did not build")
}

/// The workspace's default members, always all of them.
pub fn native() -> Result<()> {
    let mut command = cargo(["build", Profile::Release.flag()]);
    // For tests, cargo lets dev-dependencies have a say in the features of everything. Naming an example (it is
    // empty) makes it choose the same features here: without it, `test` compiles again what `up` compiled.
    command.args(["--lib", "--bins", "--example", "with_dev_features"]);
    run_command(&mut command).context("the native programs did not build")
}
