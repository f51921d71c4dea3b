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

/// `xtask`, the build and the tests ask for every dependency with the same features, so that none is compiled twice.
/// What differs is mostly a dev-dependency or a dependency of xtask that switches a feature on: then the workspace's
/// entry should have that feature for everybody.
pub fn features() -> Result<()> {
    let build = selection(&["-e", "no-dev"])?;
    let tests = selection(&[])?;
    let xtask = selection(&["-e", "no-dev", "-p", "xtask"])?;
    let mut wrong = Vec::new();
    for (what, first, second) in [("the tests", &build, &tests), ("the build", &xtask, &build)] {
        for line in first.difference(second) {
            wrong.push(format!(
                "{what} compile it again, with other features: {line}"
            ));
        }
    }
    none(&wrong, "a dependency is compiled twice")
}

/// One line `name version features` per dependency outside the workspace.
fn selection(arguments: &[&str]) -> Result<BTreeSet<String>> {
    let mut command = cargo(["tree", "--quiet", "--prefix", "none", "--format", "{p} {f}"]);
    let tree = output(command.args(arguments))?;
    Ok(tree
        .lines()
        .map(|line| line.trim_end_matches(" (*)").trim())
        .filter(|line| !line.is_empty() && !line.contains(&*root().to_string_lossy()))
        .map(str::to_owned)
        .collect())
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
}
