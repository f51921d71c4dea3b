//! The chart, as Helm renders it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use punctual_servers::kubernetes::helm_alone;
use serde_json::Value;

use crate::{repository, yaml};

/// The name of the release, and of its namespace where nothing else is said.
pub const RELEASE: &str = "punctual";
/// The value sets that the chart comes with.
pub const SETS: [&str; 2] = ["minikube", "oke"];

/// All objects of the chart with these values, in Helm's order; `more` are further options, such as `--set x=y`.
pub async fn rendered(set: &str, more: &[&str]) -> Result<Vec<Value>> {
    match try_rendered(set, more).await? {
        Ok(objects) => Ok(objects),
        Err(error) => bail!("values-{set}.yaml is not rendered: {error}"),
    }
}

/// The same, or Helm's complaint.
pub async fn try_rendered(set: &str, more: &[&str]) -> Result<Result<Vec<Value>, String>> {
    template(&present(), set, more).await
}

/// The objects of the chart's package, as `helm push` sends it to a registry.
pub async fn rendered_from_package(set: &str) -> Result<Vec<Value>> {
    let home = tempfile::tempdir()?;
    let mut command = helm_alone(home.path()).await?;
    command.arg("package").arg(present());
    let output = command
        .current_dir(home.path())
        .output()
        .context("helm does not start")?;
    if !output.status.success() {
        bail!(
            "the chart is not packed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let packed = std::fs::read_dir(home.path())?.filter_map(|entry| Some(entry.ok()?.path()));
    let packed = packed
        .into_iter()
        .find(|path| path.extension().is_some_and(|extension| extension == "tgz"));
    match template(&packed.context("there is no package")?, set, &[]).await? {
        Ok(objects) => Ok(objects),
        Err(error) => bail!("the package is not rendered: {error}"),
    }
}

async fn template(chart: &Path, set: &str, more: &[&str]) -> Result<Result<Vec<Value>, String>> {
    let home = tempfile::tempdir()?;
    let mut command = helm_alone(home.path()).await?;
    command.args(["template", RELEASE]).arg(chart).args([
        "--namespace",
        RELEASE,
        "--kube-version",
        "1.37.0",
    ]);
    values(&mut command, &present(), set);
    command.args(more);
    let output = command.output().context("helm does not start")?;
    if !output.status.success() {
        return Ok(Err(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    yaml::documents(std::str::from_utf8(&output.stdout)?).map(Ok)
}

/// What `helm lint --strict` prints.
pub async fn lint(set: &str) -> Result<String> {
    let home = tempfile::tempdir()?;
    let mut command = helm_alone(home.path()).await?;
    command.args(["lint", "--strict"]).arg(present());
    values(&mut command, &present(), set);
    let output = command.output().context("helm does not start")?;
    let text = [output.stdout, output.stderr].concat();
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The chart as it is.
pub fn present() -> PathBuf {
    repository("k8s/chart")
}

/// The chart of the release before, unpacked into this folder. A release puts its own package in that one's place.
pub fn previous(folder: &Path) -> Result<PathBuf> {
    let mut packages = std::fs::read_dir(repository("tests/k8s/previous"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    let (Some(package), true) = (packages.pop(), packages.is_empty()) else {
        bail!("tests/k8s/previous holds one package");
    };
    let status = Command::new("tar")
        .args(["--extract", "--gzip", "--file"])
        .arg(&package)
        .arg("--directory")
        .arg(folder)
        .status()
        .context("tar does not start")?;
    if !status.success() {
        bail!("{} is not unpacked", package.display());
    }
    Ok(folder.join("punctual"))
}

/// What `Chart.yaml` calls this version of the chart.
pub fn version(chart: &Path) -> Result<String> {
    let text = std::fs::read_to_string(chart.join("Chart.yaml"))?;
    let document = yaml::documents(&text)?.into_iter().next();
    let version = document.as_ref().and_then(|one| one["version"].as_str());
    version.map(str::to_owned).context("no version")
}

pub fn values(command: &mut Command, chart: &Path, set: &str) {
    let file = chart.join(format!("values-{set}.yaml"));
    command.arg("--values").arg(file);
}
