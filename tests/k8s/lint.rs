//! The scripts, the workflows and the Dockerfile, as their linters read them: each finding fails.

use std::path::{Path, PathBuf};
use std::process::Command;

use k8s::{repository, skipped};
use punctual_servers::Linters;

/// They may be missing, and it says so then.
async fn linters(test: &str) -> Option<Linters> {
    let linters = Linters::fetch().await.unwrap();
    if linters.is_none() {
        skipped(
            &format!("lint::{test}"),
            "there is no shellcheck for Linux on arm64 on PyPI",
        );
    }
    linters
}

/// The files of a folder whose names end so.
fn files(folder: &str, end: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(repository(folder)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.to_string_lossy().ends_with(end));
    files.sort();
    assert!(!files.is_empty(), "{folder} has none that end with {end}");
    files
}

fn workflows() -> Vec<PathBuf> {
    files(".github/workflows", ".yml")
}

/// What a linter says of these files. A linter that could not do its work has not found nothing.
fn findings(program: &Path, options: &[&str], files: &[PathBuf]) -> String {
    let output = Command::new(program)
        .args(options)
        .args(files)
        .current_dir(repository(""))
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert_eq!(output.status.success(), said.is_empty(), "{said}");
    said
}

fn shellcheck(linters: &Linters, files: &[PathBuf]) -> String {
    findings(&linters.shellcheck, &["--external-sources"], files)
}

/// With shellcheck for what the steps run, and without what else this machine may have.
fn actionlint(linters: &Linters, files: &[PathBuf]) -> String {
    let shellcheck = linters.shellcheck.display().to_string();
    let options = ["-no-color", "-shellcheck", &shellcheck, "-pyflakes", ""];
    findings(&linters.actionlint, &options, files)
}

fn hadolint(linters: &Linters, files: &[PathBuf]) -> String {
    findings(&linters.hadolint, &["--no-color"], files)
}

#[tokio::test]
async fn shellcheck_finds_nothing_in_the_scripts() {
    let Some(linters) = linters("shellcheck_finds_nothing_in_the_scripts").await else {
        return;
    };
    let mut scripts = files("scripts", ".sh");
    scripts.extend([".ci/run", "k8s/images/drain.sh"].map(repository));
    assert_eq!(shellcheck(&linters, &scripts), "");
}

#[tokio::test]
async fn actionlint_finds_nothing_in_the_workflows() {
    let Some(linters) = linters("actionlint_finds_nothing_in_the_workflows").await else {
        return;
    };
    assert_eq!(actionlint(&linters, &workflows()), "");
}

#[tokio::test]
async fn hadolint_finds_nothing_in_the_dockerfile() {
    let Some(linters) = linters("hadolint_finds_nothing_in_the_dockerfile").await else {
        return;
    };
    let dockerfile = repository("k8s/images/Dockerfile");
    assert_eq!(hadolint(&linters, &[dockerfile]), "");
}

#[tokio::test]
async fn each_linter_finds_what_is_wrong() {
    let Some(linters) = linters("each_linter_finds_what_is_wrong").await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        [path]
    };
    // Not quoted.
    let script = file("script.sh", "#!/bin/sh\nrm $1\n");
    assert!(shellcheck(&linters, &script).contains("SC2086"));
    let workflow = "on: push\njobs:\n  one:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: rm $1\n        whenever: always\n";
    let said = actionlint(&linters, &file("workflow.yml", workflow));
    assert!(
        said.contains("SC2086") && said.contains("\"whenever\""),
        "{said}"
    );
    let dockerfile = file("Dockerfile", "FROM debian:latest\n");
    assert!(hadolint(&linters, &dockerfile).contains("DL3007"));
}

#[test]
fn every_action_is_pinned_by_its_commit_and_says_of_which_release() {
    let mut actions = 0;
    for path in workflows() {
        let text = std::fs::read_to_string(&path).unwrap();
        for line in text.lines().filter(|line| line.contains("uses: ")) {
            let pinned = line.split_once('@').and_then(|(_, rest)| {
                let (commit, release) = rest.split_once(" # ")?;
                Some(commit.len() == 40 && !release.is_empty())
            });
            assert_eq!(pinned, Some(true), "{}: {line}", path.display());
            actions += 1;
        }
    }
    assert!(actions > 10, "{actions}");
}
