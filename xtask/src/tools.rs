//! What has to be on the machine before a build can succeed, and the way out where it is not.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::available_parallelism;

use anyhow::{Result, bail};

use crate::workspace::{output, program, root};

/// The workspace's `rust-version`.
const RUST: (u32, u32) = (1, 95);
/// `target/` after `up` and after the first `test` (measured; see DISK_TEST).
const DISK_BUILD_GB: f64 = 4.0;
/// The first build took about this many minutes on one core of the machine it was measured on.
const FIRST_BUILD_CORE_MINUTES: usize = 20;

/// Names everything that is missing at once, one line each. Quick (0.1 s), so it runs before every build.
pub fn check() -> Result<()> {
    let mut missing = Vec::new();
    match output(Command::new("rustc").arg("--version")) {
        Err(_) => missing.push("rustc is not on PATH: https://rustup.rs installs it".to_owned()),
        Ok(line) => {
            if version(&line).is_none_or(|found| found < RUST) {
                missing.push(format!(
                    "{} is too old, {}.{} is needed: rustup update stable",
                    line.trim(),
                    RUST.0,
                    RUST.1
                ));
            }
        }
    }
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    if !starts(&compiler) {
        missing.push(format!(
            "there is no C compiler (`{compiler}`; SQLite is compiled from C): {}",
            way_out("build-essential", "gcc", "xcode-select --install")
        ));
    }
    for program in ["make", "perl"] {
        if !starts(program) {
            missing.push(format!(
                "there is no {program} (Kafka's client and its TLS are compiled with it): {}",
                way_out(
                    "build-essential perl",
                    "make perl",
                    "xcode-select --install"
                )
            ));
        }
    }
    if first_build()
        && let Some(free) = free_gb(root())
        && free < DISK_BUILD_GB
    {
        missing.push(format!(
            "{free:.1} GB are free here and the first build takes {DISK_BUILD_GB} GB: \
             make room, or put a link to another disk at {}/target",
            root().display()
        ));
    }
    if !missing.is_empty() {
        bail!("something is missing\n  {}", missing.join("\n  "));
    }
    Ok(())
}

pub fn first_build() -> bool {
    !program("punctual-server").exists()
}

/// A line before the first build, which is long.
pub fn announce_first_build() {
    if first_build() {
        let cores = available_parallelism().map_or(1, usize::from);
        let minutes = FIRST_BUILD_CORE_MINUTES.div_ceil(cores).max(2);
        eprintln!(
            "The first build takes about {minutes} minutes on {cores} cores; later ones take seconds."
        );
    }
}

/// `75` → `1 min 15 s`.
pub fn minutes(seconds: u64) -> String {
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

/// The command that installs a package on this kind of machine.
pub fn way_out(debian: &str, fedora: &str, mac: &str) -> String {
    if cfg!(target_os = "macos") {
        mac.to_owned()
    } else if starts("apt-get") {
        format!("sudo apt install {debian}")
    } else if starts("dnf") {
        format!("sudo dnf install {fedora}")
    } else {
        format!("install {fedora} with your system's package manager")
    }
}

/// Whether a program of that name can be started (it is asked for its version).
pub fn starts(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok()
}

/// The first `major.minor` in a line such as `rustc 1.95.0 (…)`.
pub fn version(line: &str) -> Option<(u32, u32)> {
    line.split_whitespace().find_map(|word| {
        let mut parts = word.trim_start_matches('v').split('.');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    })
}

/// Free space on the disk that holds `path`, by `df`; nothing where there is no `df`.
fn free_gb(path: &Path) -> Option<f64> {
    let text = output(Command::new("df").arg("-Pk").arg(path)).ok()?;
    let kib: f64 = text
        .lines()
        .nth(1)?
        .split_whitespace()
        .nth(3)?
        .parse()
        .ok()?;
    Some(kib * 1024.0 / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_in_what_tools_print() {
        assert_eq!(
            version("rustc 1.95.0 (59807616e 2026-04-14)"),
            Some((1, 95))
        );
        assert_eq!(version("spin 4.1.0-pre0 (abc 2026-01-01)"), Some((4, 1)));
        assert_eq!(version("v3.2.1"), Some((3, 2)));
        assert_eq!(version("no number here"), None);
    }

    #[test]
    fn the_free_space_of_this_disk_is_known() {
        assert!(free_gb(root()).is_some_and(|gb| gb > 0.0));
    }
}
