//! Programs that must be on the machine already.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

/// What Kafka 4 needs.
const JAVA: u32 = 17;
const JAVA_WAY_OUT: &str = "sudo apt install openjdk-17-jre-headless, or your system's package";
/// The first that fetches newer ones.
const GO: (u32, u32) = (1, 21);
const GO_WAY_OUT: &str = "https://go.dev/dl has it, many systems' packages are too old";

/// Runs a program to its end and gives what it printed. The error shows what it complained about.
pub async fn run(command: &mut Command) -> Result<String> {
    let name = Path::new(command.as_std().get_program())
        .display()
        .to_string();
    let output = command
        .stdin(Stdio::null())
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
        "Python 3",
        "sudo apt install python3, or your system's package",
    )
    .await?;
    Ok(Command::new("python3"))
}

/// Any Go from 1.21 on fetches the version that go.mod names by itself.
pub async fn go() -> Result<()> {
    let text = present("go", "version", "Go", GO_WAY_OUT).await?;
    match go_version(&text) {
        Some(version) if version >= GO => Ok(()),
        _ => bail!(
            "`go` is too old ({}), {}.{} is needed: {GO_WAY_OUT}",
            text.trim(),
            GO.0,
            GO.1
        ),
    }
}

/// Where `java` is, from version 17 on (that of JAVA_HOME, else that of PATH), and what it says of itself.
pub async fn java() -> Result<(PathBuf, String)> {
    let java = match std::env::var_os("JAVA_HOME").filter(|home| !home.is_empty()) {
        Some(home) => Path::new(&home).join("bin/java"),
        None => PathBuf::from("java"),
    };
    let program = java.display().to_string();
    let text = present(&program, "-version", "Java 17", JAVA_WAY_OUT).await?;
    match java_version(&text) {
        Some(version) if version >= JAVA => Ok((java, text)),
        _ => bail!(
            "`{program}` is too old ({}), Java {JAVA} is needed: {JAVA_WAY_OUT}, and let JAVA_HOME name it",
            text.lines().next().unwrap_or_default()
        ),
    }
}

/// A Java from this version on, which may stand beside the one that [`java`] finds.
pub async fn java_from(wanted: u32) -> Option<PathBuf> {
    let beside = std::fs::read_dir("/usr/lib/jvm")
        .into_iter()
        .flatten()
        .flatten();
    let beside = beside.map(|entry| entry.path().join("bin/java"));
    let home = std::env::var_os("JAVA_HOME").map(|home| Path::new(&home).join("bin/java"));
    let candidates = home
        .into_iter()
        .chain([PathBuf::from("java")])
        .chain(beside);
    for java in candidates {
        let output = Command::new(&java)
            .arg("-version")
            .stdin(Stdio::null())
            .output()
            .await;
        let text = output
            .map(|output| [output.stdout, output.stderr].concat())
            .unwrap_or_default();
        if java_version(&String::from_utf8_lossy(&text)) >= Some(wanted) {
            return Some(java);
        }
    }
    None
}

/// `openjdk version "17.0.15" 2025-04-15` → 17; 1.8 → 1.
fn java_version(text: &str) -> Option<u32> {
    let version = text.split('"').nth(1)?;
    version.split(['.', '-', '+']).next()?.parse().ok()
}

/// `go version go1.26.8 linux/amd64` → (1, 26).
fn go_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split("go1.").nth(1)?.split(['.', ' ', '-', 'r', 'b']);
    Some((1, parts.next()?.parse().ok()?))
}

async fn present(program: &str, version: &str, what: &str, way_out: &str) -> Result<String> {
    let Ok(output) = Command::new(program)
        .arg(version)
        .stdin(Stdio::null())
        .output()
        .await
    else {
        bail!("`{program}` is missing, install {what}: {way_out}");
    };
    // Java answers on its standard error.
    Ok(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn javas_version_is_found_in_what_it_prints() {
        assert_eq!(
            java_version("openjdk version \"17.0.15\" 2025-04-15\nOpenJDK"),
            Some(17)
        );
        assert_eq!(java_version("openjdk version \"25\" 2025-09-16"), Some(25));
        assert_eq!(
            java_version("openjdk version \"26-ea\" 2026-03-17"),
            Some(26)
        );
        assert_eq!(java_version("java version \"1.8.0_402\""), Some(1));
        assert_eq!(java_version("Unable to locate a Java Runtime."), None);
    }

    #[test]
    fn gos_version_is_found_in_what_it_prints() {
        assert_eq!(go_version("go version go1.26.8 linux/amd64"), Some((1, 26)));
        assert_eq!(
            go_version("go version go1.27rc1 linux/arm64"),
            Some((1, 27))
        );
        assert_eq!(go_version("nothing"), None);
    }
}
