//! Writes k8s/VERIFIED.md: what is claimed of the cluster, and what each claim rests on. `cargo xtask test k8s` runs it with
//! the names of the tests that have passed.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use k8s::repository;

/// From the weakest ground to the strongest.
const GROUNDS: [(&str, &str); 6] = [
    ("rendered", "the objects, as Helm renders them"),
    ("api", "a real API server, with strict validation"),
    (
        "controllers",
        "the real controllers and scheduler; pods are records (KWOK), in which nothing runs",
    ),
    (
        "processes",
        "Punctual's and Dapr's real programs on one machine; \"elsewhere\": in `cargo xtask test real`",
    ),
    ("kind", "a kind cluster in CI (its job `kind`)"),
    ("oke", "Oracle's cluster"),
];

fn main() -> ExitCode {
    match write(&std::env::args().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("verified: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn write(passed: &BTreeSet<String>) -> Result<()> {
    let claims = std::fs::read_to_string(repository("tests/k8s/claims.toml"))?;
    let claims: toml::Table = claims.parse().context("claims.toml")?;
    let unclaimed = claims.get("unclaimed").and_then(toml::Value::as_array);
    let claims = claims["claim"].as_array().context("no claims")?;
    let unclaimed = unclaimed
        .into_iter()
        .flatten()
        .filter_map(toml::Value::as_str);
    let mut named: BTreeSet<String> = unclaimed.map(str::to_owned).collect();
    let mut table = String::from("| claim |");
    for (ground, _) in GROUNDS {
        write!(table, " {ground} |")?;
    }
    table += "\n| --- |";
    table += &" --- |".repeat(GROUNDS.len());
    table.push('\n');
    for claim in claims {
        let text = claim
            .get("text")
            .and_then(toml::Value::as_str)
            .context("a claim without a text")?;
        write!(table, "| {text} |")?;
        for (ground, _) in GROUNDS {
            let tests = claim.get(ground).and_then(toml::Value::as_array);
            let tests: Vec<&str> = tests
                .into_iter()
                .flatten()
                .filter_map(toml::Value::as_str)
                .collect();
            let cell = if tests.is_empty() {
                if ["kind", "oke"].contains(&ground) {
                    "never run"
                } else {
                    ""
                }
            } else if tests.iter().any(|test| !test.contains("::")) {
                "elsewhere"
            } else if tests.iter().all(|test| passed.contains(*test)) {
                "shown"
            } else {
                "not shown"
            };
            named.extend(tests.iter().map(|test| (*test).to_owned()));
            write!(table, " {cell} |")?;
        }
        table.push('\n');
    }
    let forgotten: Vec<_> = passed
        .difference(&named)
        .filter(|name| name.contains("::"))
        .collect();
    if !forgotten.is_empty() {
        bail!("claims.toml says of no claim that it rests on {forgotten:?}");
    }
    let mut grounds = String::new();
    for (ground, meaning) in GROUNDS {
        writeln!(grounds, "- **{ground}**: {meaning}")?;
    }
    let text = format!(
        "# What is verified, and on what\n\n`cargo xtask test k8s` writes this file: tests/k8s/claims.toml has the claims, and \
         the tests that each rests on. \"shown\": all of them have passed in the run that wrote this; \"not shown\": one has failed. An empty cell claims \
         nothing.\n\n{grounds}\nNo claim about traffic, probes or containers rests on KWOK's pods.\n\n{table}"
    );
    save(&repository("k8s/VERIFIED.md"), &text)
}

fn save(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("{} can't be written", path.display()))
}
