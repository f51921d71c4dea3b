use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::process::Process;
use crate::{cache, tools};

const VERSION: &str = "1.37.2";
/// Twelve minutes of a processor; this much on a machine that is busy with other things.
const BUILD_LIMIT: Duration = Duration::from_secs(3600);
const SOURCES: [(&str, &str); 3] = [
    ("go.mod", include_str!("../../kubernetes/go.mod")),
    ("go.sum", include_str!("../../kubernetes/go.sum")),
    ("main.go", include_str!("../../kubernetes/main.go")),
];

/// The program, built when it isn't there. The name of the entry changes with the sources, so a change of them builds anew.
pub async fn program() -> Result<PathBuf> {
    let sources: Vec<&[u8]> = SOURCES.iter().map(|(_, text)| text.as_bytes()).collect();
    let name = cache::name("kubernetes", VERSION, &sources);
    let cache = cache::folder()?;
    let entry = cache::entry(&cache, &name, |folder| async move {
        tools::go().await?;
        cache::say(&format!(
            "building Kubernetes {VERSION}, etcd, KWOK and Helm with Go: about 7 minutes on 2 cores, once"
        ));
        let source = folder.join("source");
        fs::create_dir(&source)?;
        for (name, text) in SOURCES {
            fs::write(source.join(name), text)?;
        }
        let log = source.join("log");
        Process::spawn("`go`", &build(&source), None, &log)?
            .finish(BUILD_LIMIT)
            .await?;
        Ok(fs::remove_dir_all(&source)?)
    });
    Ok(entry.await?.join("kubernetes"))
}

fn build(source: &Path) -> Command {
    let mut command = Command::new("go");
    command
        .current_dir(source)
        // No C compiler, no surrounding workspace, no vendored modules.
        .env("CGO_ENABLED", "0")
        .env("GOWORK", "off")
        .env("GOFLAGS", "-mod=readonly")
        .args(["build", "-trimpath", "-buildvcs=false", "-ldflags"])
        // Without the tables for a debugger. Helm and kubectl want to know the server's version.
        .arg(format!(
            "-s -w -X k8s.io/component-base/version.gitVersion=v{VERSION}"
        ))
        .args(["-o", "../kubernetes", "."]);
    command
}
