//! Programs that must be on the machine already.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

/// What Kafka 4 needs.
const JAVA: u32 = 17;

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
    present("python3", "--version", "Python 3", "python3").await?;
    Ok(Command::new("python3"))
}

/// Any Go since 1.21 fetches the version that go.mod names by itself.
pub async fn go() -> Result<()> {
    present("go", "version", "Go", "golang-go").await?;
    Ok(())
}

/// Where `java` is, from version 17 on: that of JAVA_HOME, else that of PATH.
pub async fn java() -> Result<PathBuf> {
    let java = match std::env::var_os("JAVA_HOME").filter(|home| !home.is_empty()) {
        Some(home) => Path::new(&home).join("bin/java"),
        None => PathBuf::from("java"),
    };
    let program = java.display().to_string();
    let text = present(&program, "-version", "Java 17", "openjdk-17-jre-headless").await?;
    match java_version(&text) {
        Some(version) if version >= JAVA => Ok(java),
        _ => bail!(
            "`{program}` is no Java {JAVA} or newer ({}), which Kafka needs: sudo apt install openjdk-17-jre-headless \
             (or your system's package), and let JAVA_HOME name it",
            text.lines().next().unwrap_or_default()
        ),
    }
}

/// `openjdk version "17.0.15" 2025-04-15` → 17; 1.8 → 1.
fn java_version(text: &str) -> Option<u32> {
    let version = text.split('"').nth(1)?;
    version.split(['.', '-', '+']).next()?.parse().ok()
}

async fn present(program: &str, version: &str, what: &str, package: &str) -> Result<String> {
    let output = Command::new(program)
        .arg(version)
        .stdin(Stdio::null())
        .output()
        .await
        .with_context(|| {
            format!("`{program}` is missing: install {what} (Debian, Ubuntu: sudo apt install {package})")
        })?;
    // Java answers on its standard error.
    Ok(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::java_version;

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
}
