use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::go::{command as go, long};
use crate::{cache, tools};

const VERSION: &str = "1.18.2";
const MODULE: &str = "github.com/dapr/dapr";
const SOURCES: [(&str, &str); 6] = [
    ("go.mod", include_str!("../../dapr/go.mod")),
    ("go.sum", include_str!("../../dapr/go.sum")),
    ("inject/main.go", include_str!("../../dapr/inject/main.go")),
    ("daprd/main.go", include_str!("../../dapr/daprd/main.go")),
    ("daprd/names.go", include_str!("../../dapr/daprd/names.go")),
    (
        "scheduler/main.go",
        include_str!("../../dapr/scheduler/main.go"),
    ),
];
/// Upstream's file that panics where none of upstream's sets of components is compiled in.
const PANICS: &str = "cmd/daprd/components/zz_notag.go";

/// The folder with `daprd`, `inject` and `scheduler` in it, built when it isn't there. The name of the entry changes with the
/// sources, so a change of them builds anew.
pub async fn programs() -> Result<PathBuf> {
    let sources: Vec<&[u8]> = SOURCES.iter().map(|(_, text)| text.as_bytes()).collect();
    let name = cache::name("dapr", VERSION, &sources);
    cache::entry(&cache::folder()?, &name, |folder| async move {
        tools::go().await?;
        cache::say(&format!(
            "building Dapr {VERSION} with Go: about 4 minutes on 2 cores, once"
        ));
        let source = folder.join("source");
        for (name, text) in SOURCES {
            let path = source.join(name);
            fs::create_dir_all(path.parent().context("a source has no folder")?)?;
            fs::write(path, text)?;
        }
        own_copy(&source).await?;
        let mut build = go(&source);
        build.args([
            "build",
            "-trimpath",
            "-ldflags",
            &flags(),
            "-o",
            "..",
            "./daprd",
            "./inject",
            "./scheduler",
        ]);
        long(&build).await?;
        Ok(fs::remove_dir_all(&source)?)
    })
    .await
}

/// Go refuses to overlay a file of its module cache, so the build reads a copy of Dapr's module, checked against go.sum
/// on its way into Go's cache, where that one file is empty.
async fn own_copy(source: &Path) -> Result<()> {
    long(go(source).args(["mod", "download", MODULE])).await?;
    let mut list = go(source);
    list.args(["list", "-m", "-f", "{{.Dir}}", MODULE]);
    let upstream = tools::run(&mut list.into()).await?;
    copy(Path::new(upstream.trim()), &source.join("upstream"))?;
    let panics = source.join("upstream").join(PANICS);
    fs::remove_file(&panics)?;
    fs::write(&panics, "package components\n")?;
    let mut edit = go(source);
    edit.args(["mod", "edit", "-replace", &format!("{MODULE}=./upstream")]);
    tools::run(&mut edit.into()).await?;
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Without the tables for a debugger, and with the version that the program reports.
fn flags() -> String {
    format!("-s -w -X github.com/dapr/dapr/pkg/buildinfo.version={VERSION}")
}
