use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::build;

/// What Dapr's sidecar injector makes of this pod, by its own code.
pub async fn with_sidecar(pod: &Value) -> Result<Value> {
    let program = build::programs().await?.join("inject");
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("the injector does not start")?;
    // It reads all before it writes.
    let mut input = child.stdin.take().context("the injector has no input")?;
    input.write_all(pod.to_string().as_bytes())?;
    drop(input);
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("the injector: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
