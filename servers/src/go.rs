//! Programs built from Go modules of our own, each pinned by its go.sum.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::process::Process;
use crate::{cache, tools};

/// Minutes of a processor; this much on a machine that is busy with other things.
const BUILD_LIMIT: Duration = Duration::from_secs(3600);

/// A module whose packages are built as they are.
pub struct Module {
    /// In the entry's name, and in what is said.
    pub name: &'static str,
    pub version: &'static str,
    /// How long it takes, for the line that says so.
    pub takes: &'static str,
    pub sources: &'static [(&'static str, &'static str)],
    pub packages: &'static [&'static str],
    pub tags: &'static str,
    /// The linker's `-X`.
    pub variables: &'static [&'static str],
}

impl Module {
    /// The folder with its programs, built when it isn't there. The name of the entry changes with the sources.
    pub async fn programs(&self) -> Result<PathBuf> {
        let sources: Vec<&[u8]> = self
            .sources
            .iter()
            .map(|(_, text)| text.as_bytes())
            .collect();
        let name = cache::name(&self.name.to_lowercase(), self.version, &sources);
        cache::entry(&cache::folder()?, &name, |folder| async move {
            tools::go().await?;
            let Self {
                name,
                version,
                takes,
                ..
            } = self;
            cache::say(&format!(
                "building {name} {version} with Go: about {takes} on 2 cores, once"
            ));
            let source = folder.join("source");
            fs::create_dir_all(&source)?;
            for (name, text) in self.sources {
                fs::write(source.join(name), text)?;
            }
            let mut flags = "-s -w".to_owned();
            for variable in self.variables {
                flags += &format!(" -X {variable}");
            }
            let mut build = command(&source);
            build
                .args(["build", "-trimpath", "-buildvcs=false", "-tags", self.tags])
                .args(["-ldflags", &flags, "-o", ".."])
                .args(self.packages);
            long(&build).await?;
            Ok(fs::remove_dir_all(&source)?)
        })
        .await
    }
}

pub fn command(source: &Path) -> Command {
    let mut command = Command::new("go");
    command
        .current_dir(source)
        // No C compiler, no surrounding workspace, no vendored modules.
        .env("CGO_ENABLED", "0")
        .env("GOWORK", "off")
        .env("GOFLAGS", "-mod=readonly");
    command
}

/// What takes minutes must not go on when this process is gone.
pub async fn long(command: &Command) -> Result<()> {
    let log = command.get_current_dir().context("no folder")?.join("log");
    Process::spawn("`go`", command, None, &log)?
        .finish(BUILD_LIMIT)
        .await
}
