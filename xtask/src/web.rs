//! The web app, which the function `web` carries: built before the functions, where its sources are newer than `web/dist`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};

use crate::tools;
use crate::workspace::{clean, output, root, run as run_command};

/// `engines.node` of `web/package.json`.
const NODE: (u32, u32) = (20, 19);

/// What is made in `web/`, and so is no source of it.
const MADE: [&str; 3] = ["dist", "node_modules", "test-results"];

fn folder() -> PathBuf {
    root().join("web")
}

/// Builds `web/dist` unless it is newer than everything that it is made of.
pub fn build() -> Result<()> {
    let folder = folder();
    if is_fresh(&folder)? {
        return Ok(());
    }
    node_is_there()?;
    install(&folder)?;
    let built = run_command(npm(&folder).args(["run", "--silent", "build"]));
    if built.is_err() {
        // Half of it may be there, and newer than its sources.
        let _ = fs::remove_dir_all(folder.join("dist"));
    }
    built.context("the web app did not build")
}

fn is_fresh(folder: &Path) -> Result<bool> {
    let Ok(built) = fs::metadata(folder.join("dist/index.html")).and_then(|file| file.modified())
    else {
        return Ok(false);
    };
    Ok(newest(folder, &MADE)? <= built)
}

/// When the youngest file below a folder was written, without hidden ones.
fn newest(folder: &Path, without: &[&str]) -> Result<SystemTime> {
    let mut newest = SystemTime::UNIX_EPOCH;
    let entries =
        fs::read_dir(folder).with_context(|| format!("{} can't be read", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') || without.contains(&name.as_ref()) {
            continue;
        }
        let written = if entry.file_type()?.is_dir() {
            self::newest(&entry.path(), &[])?
        } else {
            entry.metadata()?.modified()?
        };
        newest = newest.max(written);
    }
    Ok(newest)
}

/// `npm ci`, unless what it installed last was for the very same lock file.
fn install(folder: &Path) -> Result<()> {
    let lock = fs::read(folder.join("package-lock.json"))
        .context("web/package-lock.json can't be read")?;
    let modules = folder.join("node_modules");
    let installed = modules.join(".installed-lock.json");
    if fs::read(&installed).is_ok_and(|of| of == lock) {
        return Ok(());
    }
    run_command(npm(folder).args(["ci", "--no-audit", "--no-fund"]))
        .context("the web app's packages could not be installed")?;
    fs::create_dir_all(&modules)
        .and_then(|()| fs::write(&installed, lock))
        .with_context(|| format!("{} can't be written", installed.display()))
}

fn npm(folder: &Path) -> Command {
    let mut command = Command::new("npm");
    command.current_dir(folder);
    clean(&mut command);
    command
}

fn node_is_there() -> Result<()> {
    let way_out = format!(
        "{}.{} or later builds the web app: https://nodejs.org/en/download",
        NODE.0, NODE.1
    );
    let found = output(Command::new("node").arg("--version")).ok();
    if let Some(missing) = missing(found.as_deref(), tools::starts("npm")) {
        bail!("{missing}. Node {way_out}");
    }
    Ok(())
}

/// What is wrong with the Node that was found, if anything.
fn missing(node: Option<&str>, npm: bool) -> Option<String> {
    match (node, npm) {
        (None, _) => Some("node is not on PATH".to_owned()),
        (Some(version), _) if tools::version(version).is_none_or(|found| found < NODE) => {
            Some(format!("node {} is too old", version.trim()))
        }
        (Some(_), false) => Some("npm, which comes with Node, is not on PATH".to_owned()),
        (Some(_), true) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// An empty folder of this test, removed in the end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).expect("a folder");
            Self(path)
        }

        /// Writes a file that is so many seconds old.
        fn write(&self, path: &str, age: u64) {
            let path = self.0.join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(&path, "x").expect("written");
            let written = SystemTime::now() - Duration::from_secs(age);
            let file = fs::File::options().write(true).open(&path).expect("opened");
            file.set_modified(written).expect("its time is set");
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_web_app_is_built_again_when_a_source_is_newer_and_only_then() {
        let web = Folder::new("punctual-web-freshness");
        web.write("package.json", 100);
        web.write("src/app/main.ts", 90);
        assert!(!is_fresh(&web.0).expect("read"), "it was never built");
        web.write("dist/index.html", 50);
        web.write("node_modules/react/index.js", 10);
        web.write("src/.swp", 10);
        assert!(is_fresh(&web.0).expect("read"));
        web.write("src/app/view.css", 40);
        assert!(!is_fresh(&web.0).expect("read"));
    }

    #[test]
    fn a_node_that_is_missing_or_too_old_is_named() {
        assert_eq!(missing(Some("v20.19.4\n"), true), None);
        assert_eq!(missing(Some("v24.1.0"), true), None);
        let old = missing(Some("v18.20.8"), true).expect("too old");
        assert!(old.contains("v18.20.8"), "{old}");
        assert!(missing(None, false).is_some_and(|text| text.starts_with("node ")));
        assert!(missing(Some("v22.0.0"), false).is_some_and(|text| text.starts_with("npm")));
    }
}
