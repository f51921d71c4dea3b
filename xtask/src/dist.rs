//! `cargo xtask dist`: one server program that carries its application.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::args::Args;
use crate::build::{self, Profile, step};
use crate::workspace::{WASM, cargo, functions, root, run as run_command};
use crate::{tools, wasm_target, web};

const PROGRAMS: [&str; 3] = ["punctual-server", "punctual-worker", "punctual"];

const HELP: &str = "\
cargo xtask dist

Builds what is shipped, into target/dist/: `punctual-server`, one file with the functions, the web app and the migrations
inside; `punctual`, the console client; `punctual-worker`, for a cluster, whose functions are in target/dist-bundle/. The
server needs nothing beside it:

  punctual-server --data DIR

It is optimised as a whole, which takes several minutes.";

pub fn run(args: &mut Args) -> Result<()> {
    if let Some(word) = args.next(HELP)? {
        return Err(args.unknown(&word));
    }
    build(&[])?;
    for name in PROGRAMS {
        let program = root().join("target/dist").join(name);
        let size = fs::metadata(&program)
            .with_context(|| format!("{} was not made", program.display()))?
            .len();
        println!("{} ({:.1} MB)", program.display(), size as f64 / 1e6);
    }
    Ok(())
}

/// What is shipped, and what else is asked for, in one build.
pub fn build(more: &[&str]) -> Result<()> {
    tools::check()?;
    wasm_target::ensure()?;
    step(1, 3, "web app", web::build)?;
    step(2, 3, "functions", || build::functions(Profile::Dist))?;
    let bundle = bundle()?;
    step(3, 3, "native programs", || {
        let mut command = cargo(["build", Profile::Dist.flag()]);
        for name in PROGRAMS.iter().chain(more) {
            command.args(["-p", name]);
        }
        run_command(command.env("PUNCTUAL_BUNDLE", &bundle))
    })
}

/// The manifest and its components in a folder, each where the manifest looks for it.
fn bundle() -> Result<PathBuf> {
    let folder = root().join("target/dist-bundle");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let components = Path::new("target").join(WASM).join("release");
    fs::create_dir_all(folder.join(&components))?;
    fs::copy(root().join("spin.toml"), folder.join("spin.toml"))?;
    for name in functions()? {
        let file = format!("{}.wasm", name.replace('-', "_"));
        let from = root().join("target").join(WASM).join("dist").join(&file);
        fs::copy(&from, folder.join(&components).join(&file))
            .with_context(|| format!("{} can't be copied", from.display()))?;
    }
    Ok(folder)
}
