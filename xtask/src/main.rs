//! `cargo xtask`: the one door to every developer command. `cargo xtask --help` lists them.

mod args;
mod browser;
mod build;
mod deny;
mod dist;
mod drift;
mod forward;
mod fuzz;
mod guard;
mod k8s;
mod spin;
mod tally;
mod test;
mod tools;
mod up;
mod wasm_target;
mod web;
mod workspace;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::args::Args;

const HELP: &str = "\
cargo xtask COMMAND: every developer command of Punctual

  up             build what changed and start the service here, on SQLite
  build          build the web app, the functions (WASM) and the native programs
  dist           build what is shipped: one server file with everything inside
  test           every check and test that holds for a commit
  spin           start the same application under Spin, the worker beside it
  k8s            install it on minikube or kind, with all that it needs there
  prove          a long proof, such as `prove reminders`
  chaos          people at work on the real servers, and random faults (`prove chaos`)
  fuzz           what strangers send, mutated by libFuzzer
  bench          a measurement, such as `bench relay`
  contracts      write (or check) the API's contracts
  pictures       pictures of the web app's main views
  speed          how fast the web app paints a change, here and in another browser
  wasm-target    give the Rust toolchain the target wasm32-wasip2 where it is missing

`cargo xtask COMMAND --help` says more.";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    let mut args = Args::from_env();
    let done = |()| ExitCode::SUCCESS;
    match args.command(HELP)?.as_str() {
        "up" => up::run(&mut args).map(done),
        "build" => build::run(&mut args).map(done),
        "dist" => dist::run(&mut args).map(done),
        "test" => test::run(&mut args),
        "spin" => spin::run(&mut args).map(done),
        "k8s" => k8s::run(&mut args).map(done),
        "prove" => forward::prove(&mut args).map(done),
        "chaos" => forward::chaos(&mut args).map(done),
        "fuzz" => fuzz::run(&mut args).map(done),
        "bench" => forward::bench(&mut args).map(done),
        "contracts" => forward::contracts(&mut args).map(done),
        "pictures" => browser::pictures(&mut args).map(done),
        "speed" => browser::speed(&mut args).map(done),
        "wasm-target" => wasm_target::run(&mut args).map(done),
        other => bail!("there is no command `{other}`; `cargo xtask --help` lists them"),
    }
}
