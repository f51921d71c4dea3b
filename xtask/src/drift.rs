//! Checks that two places which must agree do agree.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result, bail};

use crate::workspace::{WASM, cargo, components, functions, output, root};

/// `spin.toml` and `functions/` name the same components, and each one's file is there after the build.
pub fn spin_toml() -> Result<()> {
    let path = root().join("spin.toml");
    let text =
        fs::read_to_string(&path).with_context(|| format!("{} can't be read", path.display()))?;
    let mut wrong = differences(&text, &functions()?);
    for (component, source) in sources(&text) {
        if !root().join(&source).is_file() {
            wrong.push(format!(
                "component `{component}`: its source {source} was not built"
            ));
        }
    }
    none(&wrong, "spin.toml and functions/ differ")
}

fn differences(spin_toml: &str, functions: &[String]) -> Vec<String> {
    let sources = sources(spin_toml);
    let mut wrong = Vec::new();
    for function in functions {
        let expected = format!("target/{WASM}/release/{}.wasm", function.replace('-', "_"));
        match sources.get(function) {
            None => wrong.push(format!(
                "functions/{function} has no [component.{function}] with a source"
            )),
            Some(source) if *source != expected => {
                wrong.push(format!(
                    "component `{function}`: its source is {source}, not {expected}"
                ));
            }
            Some(_) => {}
        }
    }
    for component in sources
        .keys()
        .filter(|component| !functions.contains(component))
    {
        wrong.push(format!(
            "component `{component}` has no folder in functions/"
        ));
    }
    wrong
}

/// Component → source. Reads the manifest line by line (a TOML parser would double this program's size): a
/// `[component.NAME]` header and, in its table, `source = "…"`. A component without such a line gets an empty source.
fn sources(spin_toml: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut component = None;
    for line in spin_toml.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            component = header
                .strip_prefix("component.")
                .and_then(|rest| rest.split(']').next())
                .map(|name| name.trim_matches('"').to_owned())
                .filter(|name| !name.contains('.'));
            if let Some(name) = &component {
                found.insert(name.clone(), String::new());
            }
        } else if let Some(name) = &component
            && let Some((key, value)) = line.split_once('=')
            && key.trim() == "source"
        {
            let source = value.split('"').nth(1).unwrap_or_default();
            found.insert(name.clone(), source.to_owned());
        }
    }
    found
}

/// `xtask` is compiled apart, before everything else: what it depends on must have the features that the build gives it,
/// or it is compiled twice. (That the build and the tests agree is [`crate::build::native`]'s doing.)
pub fn features() -> Result<()> {
    let xtask = selection(&["-e", "no-dev", "-p", "xtask"])?;
    let all = selection(&[])?;
    let mut wrong = Vec::new();
    for (package, features) in &xtask {
        let also = all.get(package);
        for set in features
            .iter()
            .filter(|set| !also.is_some_and(|also| also.contains(*set)))
        {
            let also = also
                .into_iter()
                .flatten()
                .cloned()
                .collect::<Vec<_>>()
                .join("] or [");
            wrong.push(format!(
                "{package}: [{set}] for xtask, [{also}] for the build"
            ));
        }
    }
    none(
        &wrong,
        "a dependency of xtask is compiled twice, because its features differ",
    )
}

/// Name and version → the sets of features with which it is compiled: more than one where a build script or a proc
/// macro needs it too. Without the workspace's own packages.
fn selection(arguments: &[&str]) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let mut command = cargo(["tree", "--quiet", "--prefix", "none", "--format", "{p}|{f}"]);
    let tree = output(command.args(arguments))?;
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in tree
        .lines()
        .filter(|line| !line.contains(&*root().to_string_lossy()))
    {
        if let Some((package, features)) = line.trim_end_matches(" (*)").split_once('|') {
            found
                .entry(package.trim().to_owned())
                .or_default()
                .insert(features.to_owned());
        }
    }
    Ok(found)
}

fn none(wrong: &[String], what: &str) -> Result<()> {
    if !wrong.is_empty() {
        bail!("{what}\n  {}", wrong.join("\n  "));
    }
    Ok(())
}

/// Every component lies in the folder that its name says.
pub fn components_are_named_like_their_folder() -> Result<()> {
    let metadata = output(&mut cargo([
        "tree",
        "--quiet",
        "--workspace",
        "--depth",
        "0",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]))?;
    let members: BTreeSet<&str> = metadata
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    let wrong: Vec<String> = components()?
        .into_iter()
        .filter(|name| !members.contains(name.as_str()))
        .map(|name| format!("functions/{name} holds a package of another name"))
        .collect();
    none(
        &wrong,
        "a folder in functions/ is named differently from its package",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
[[trigger.http]]
route = "/api/tasks/..."
component = "tasks"

[component.tasks]
source = "target/wasm32-wasip2/release/tasks.wasm"
allowed_outbound_hosts = ["http://127.0.0.1:3001"]
[component.tasks.variables]
source = "not this one"

[component."on-reminders"]
source = "target/wasm32-wasip2/release/on_reminders.wasm"
"#;

    #[test]
    fn a_manifest_that_matches_the_folders_is_accepted() {
        let functions = ["on-reminders".to_owned(), "tasks".to_owned()];
        assert_eq!(differences(MANIFEST, &functions), Vec::<String>::new());
    }

    #[test]
    fn a_missing_component_a_missing_folder_and_a_wrong_source_are_named() {
        let functions = ["live".to_owned(), "tasks".to_owned()];
        let manifest = MANIFEST.replace("release/tasks.wasm", "debug/tasks.wasm");
        let wrong = differences(&manifest, &functions).join("\n");
        assert!(
            wrong.contains("functions/live has no [component.live]"),
            "{wrong}"
        );
        assert!(wrong.contains("debug/tasks.wasm"), "{wrong}");
        assert!(wrong.contains("`on-reminders` has no folder"), "{wrong}");
    }

    /// The backticked words of the threat model that name a file of tests, or a test in it.
    #[test]
    fn every_test_that_the_threat_model_names_is_there() {
        let model = root().join("specs/005-cloud-deployment/threat-model.md");
        let model = std::fs::read_to_string(model).unwrap();
        let (mut named, mut wrong) = (0, Vec::new());
        for word in model.split('`').skip(1).step_by(2) {
            let (path, test) = match word.split_once("::") {
                Some((path, test)) => (path, Some(test)),
                None if word.contains("/") && word.ends_with(".rs") => (word, None),
                None => continue,
            };
            let text = std::fs::read_to_string(root().join(path)).unwrap_or_default();
            let is_there = match test {
                None => !text.is_empty(),
                Some(test) if path.ends_with(".rs") => text
                    .split_once(&format!("fn {test}("))
                    .is_some_and(|(before, _)| before.lines().rev().take(4).any(is_a_test)),
                Some(test) => text.contains(test),
            };
            named += usize::from(test.is_some());
            if !is_there {
                wrong.push(word);
            }
        }
        assert!(named > 50, "only {named} tests are named");
        assert!(wrong.is_empty(), "not there: {wrong:#?}");
    }

    fn is_a_test(line: &str) -> bool {
        ["#[test]", "#[tokio::test"]
            .iter()
            .any(|mark| line.trim().starts_with(mark))
    }
}
