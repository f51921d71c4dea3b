//! Programs that must be on the machine already.

use std::path::Path;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

/// Runs a program to its end and gives what it printed. The error shows what it complained about.
pub async fn run(command: &mut Command) -> Result<String> {
    let name = Path::new(command.as_std().get_program())
        .display()
        .to_string();
    let output = command
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("`{name}` does not start"))?;
    if !output.status.success() {
        bail!(
            "`{name}` failed ({}): {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Python 3, which unpacks archives the same way on every machine.
pub async fn python() -> Result<Command> {
    present(
        "python3",
        "--version",
        "install Python 3 (Debian: sudo apt install python3)",
    )
    .await?;
    Ok(Command::new("python3"))
}

async fn present(program: &str, version: &str, way_out: &str) -> Result<String> {
    run(Command::new(program).arg(version))
        .await
        .with_context(|| format!("`{program}` is missing: {way_out}"))
}
