//! schemathesis, which makes requests of a contract and judges the answers by it.

use std::path::PathBuf;

use anyhow::Result;

use crate::{cache, pypi};

const VERSION: &str = "4.32.5";
const REQUIREMENTS: &str = include_str!("../schemathesis/requirements.txt");

/// A Python that has it, 3.11 or later: `python3 -m schemathesis.cli`. Fetched when it isn't there.
pub async fn schemathesis() -> Result<PathBuf> {
    let name = cache::name("schemathesis", VERSION, &[REQUIREMENTS.as_bytes()]);
    let folder = cache::entry(&cache::folder()?, &name, |folder| async move {
        cache::say("fetching schemathesis (20 MB)");
        pypi::environment(&folder.join("environment"), REQUIREMENTS).await
    })
    .await?;
    Ok(folder.join("environment/bin/python3"))
}
