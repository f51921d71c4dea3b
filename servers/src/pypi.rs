//! What PyPI has: packages in an environment of their own.

use std::fs;
use std::path::Path;

use anyhow::Result;
use tokio::process::Command;

use crate::tools;

/// Makes an environment in a folder, with exactly what the requirements name, hashes included. It may be moved afterwards, but
/// for what lies in its `bin` beside `python3`.
pub async fn environment(folder: &Path, requirements: &str) -> Result<()> {
    let file = folder.with_extension("txt");
    fs::write(&file, requirements)?;
    let mut python = tools::python().await?;
    tools::run(python.args(["-m", "venv"]).arg(folder)).await?;
    let mut pip = Command::new(folder.join("bin/python3"));
    pip.args(["-m", "pip", "install", "--quiet"])
        .args(["--disable-pip-version-check", "--require-hashes"])
        .args(["--only-binary", ":all:", "--requirement"])
        .arg(&file);
    tools::run(&mut pip).await?;
    Ok(fs::remove_file(&file)?)
}
