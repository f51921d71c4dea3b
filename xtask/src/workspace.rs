//! Where things are, and how a command is run.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

pub const WASM: &str = "wasm32-wasip2";

/// The repository's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask/ lies in the repository's root")
}

/// Always `target/` in the root: `spin.toml` names its files by that path.
pub fn target() -> PathBuf {
    root().join("target")
}

/// A native program that [`crate::build::native`] makes.
pub fn program(name: &str) -> PathBuf {
    target().join("release").join(name)
}

/// Cargo in the root, without what `cargo run` put into the environment for this program.
pub fn cargo<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .args(args)
        .current_dir(root())
        .env("CARGO_TARGET_DIR", target())
        .env_remove("CARGO_BUILD_TARGET");
    clean(&mut command);
    command
}

/// Takes away the variables that `cargo run` sets for the program it starts: build scripts may look at them, and would
/// then run again whenever somebody calls cargo without xtask.
pub fn clean(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_BIN_",
            "CARGO_CRATE_",
            "CARGO_PRIMARY_",
        ]
        .iter()
        .any(|prefix| text.starts_with(prefix))
        {
            command.env_remove(&name);
        }
    }
}

/// Runs it with our standard streams; anything but exit code 0 is an error.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("{} does not start", show(command)))?;
    if !status.success() {
        bail!("`{}` failed ({status})", show(command));
    }
    Ok(())
}

/// Runs it and gives its standard output; an error carries what it said on standard error.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{} does not start", show(command)))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` failed: {}", show(command), said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The command in short, for messages: the program's name and its first arguments.
fn show(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or(command.get_program());
    let mut words = vec![program.to_string_lossy().into_owned()];
    words.extend(
        command
            .get_args()
            .map(|arg| arg.to_string_lossy().into_owned())
            .take(6),
    );
    if command.get_args().count() > 6 {
        words.push("…".into());
    }
    words.join(" ")
}

/// The packages under `functions/`, sorted; the folder's name is the package's (the test area `spin.toml` checks it).
pub fn functions() -> Result<Vec<String>> {
    let folder = root().join("functions");
    let mut names = Vec::new();
    for entry in
        fs::read_dir(&folder).with_context(|| format!("{} can't be read", folder.display()))?
    {
        let entry = entry?;
        if entry.path().join("Cargo.toml").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Everything that is built for [`WASM`]: the functions, and the guest that the host's own tests run.
pub fn components() -> Result<Vec<String>> {
    let mut names = functions()?;
    if root().join("host/tests/guest/Cargo.toml").is_file() {
        names.push("host-guest".into());
    }
    Ok(names)
}
