//! cargo-deny: licences, sources and banned crates, by `deny.toml`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::workspace::{cargo, output, root, run};

/// The one that is tested here; others read deny.toml differently.
const VERSION: &str = "0.20.2";

/// Advisories are not among them: their database is fetched from the network, and a new one would make a commit red that
/// was green. CI asks for them apart.
pub fn check() -> Result<()> {
    let program = installed()?;
    let mut command = cargo([] as [&str; 0]);
    command.args([
        "deny",
        "--workspace",
        "check",
        "--hide-inclusion-graph",
        "bans",
        "licenses",
        "sources",
    ]);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folder = program.parent().context("it lies in a folder")?.to_owned();
    let folders = std::iter::once(folder).chain(std::env::split_paths(&path));
    command.env("PATH", std::env::join_paths(folders)?);
    run(&mut command)
}

/// The cached one; installs it first where it is missing (2 minutes on 2 cores).
fn installed() -> Result<PathBuf> {
    let tools = tools_folder()?;
    let program = tools.join("bin/cargo-deny");
    if output(Command::new(&program).arg("--version"))
        .is_ok_and(|version| version.trim().ends_with(VERSION))
    {
        return Ok(program);
    }
    eprintln!(
        "installing cargo-deny {VERSION} into {} (about 2 minutes, once)",
        tools.display()
    );
    let build = tools.join("build");
    let mut command = cargo([
        "install",
        "cargo-deny",
        "--locked",
        "--no-default-features",
        "--force",
        "--version",
        VERSION,
    ]);
    command
        .arg("--root")
        .arg(&tools)
        .current_dir(root())
        // Its own profile links for minutes with LTO; it only runs for a second here.
        .env("CARGO_TARGET_DIR", &build)
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
    run(&mut command).context("cargo-deny did not install")?;
    fs::remove_dir_all(&build).ok();
    Ok(program)
}

fn tools_folder() -> Result<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .filter(|folder| !folder.is_empty())
        .map(PathBuf::from)
        .or_else(|| Some(std::env::home_dir()?.join(".cache")))
        .context("neither HOME nor XDG_CACHE_HOME is set")?;
    Ok(cache.join("punctual/tools"))
}
