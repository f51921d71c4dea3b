//! `cargo xtask fuzz`: the targets of `fuzz/`, as cargo-fuzz runs them without a sanitizer. That needs nothing but stable Rust
//! and a C++ compiler, which libFuzzer is compiled with.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::args::{Args, Word};
use crate::workspace::{cargo, output, root, target};

const HELP: &str = "\
cargo xtask fuzz [TARGET…] [--seconds N]

Gives what strangers send (typed lines, rules, events, tokens, signatures, addresses, cursors, searches), and manifests, to the
code that reads it, mutated by libFuzzer towards what was not reached yet. Each target asserts what must hold, and says it in its first
line: fuzz/fuzz_targets/. What reached something new is kept in target/fuzz/corpus.

  TARGET       only these
  --seconds N  each for so long (120)";

/// What cargo-fuzz sets (`-Cpasses` and on), so that libFuzzer sees which edges were reached and what was compared.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1";

pub fn run(args: &mut Args) -> Result<()> {
    let (mut chosen, mut seconds) = (Vec::new(), 120);
    while let Some(word) = args.next(HELP)? {
        match word {
            Word::Option(name) if name == "seconds" => seconds = args.number("--seconds")?,
            Word::Value(name) => chosen.push(name),
            other => return Err(args.unknown(&other)),
        }
    }
    let all = targets()?;
    if let Some(unknown) = chosen.iter().find(|name| !all.contains(name)) {
        bail!(
            "there is no target `{unknown}`; these are: {}",
            all.join(", ")
        );
    }
    let programs = build()?;
    let mut broken = Vec::new();
    for name in all
        .iter()
        .filter(|name| chosen.is_empty() || chosen.contains(name))
    {
        if !fuzz(&programs.join(name), name, seconds)? {
            broken.push(name.as_str());
        }
    }
    if !broken.is_empty() {
        bail!("broken: {}", broken.join(", "));
    }
    Ok(())
}

/// The files of `fuzz/fuzz_targets/`, sorted.
fn targets() -> Result<Vec<String>> {
    let folder = root().join("fuzz/fuzz_targets");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("{}", folder.display()))? {
        let path = entry?.path();
        names.extend(
            path.file_stem()
                .map(|name| name.to_string_lossy().into_owned()),
        );
    }
    names.sort();
    Ok(names)
}

/// Their folder. With `--target`, so that build scripts and macros are built without the marks.
fn build() -> Result<PathBuf> {
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".into());
    if Command::new(&compiler).arg("--version").output().is_err() {
        bail!(
            "libFuzzer is compiled with `{compiler}`, which is missing: install a C++ compiler (Debian: apt install g++)"
        );
    }
    let version = output(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.context("rustc does not say its host")?;
    let folder = target().join("fuzz");
    let mut command = cargo(["build", "--release", "--bins", "--target", host]);
    command
        .current_dir(root().join("fuzz"))
        .env("CARGO_TARGET_DIR", &folder)
        .env("RUSTFLAGS", FLAGS);
    crate::workspace::run(&mut command)?;
    Ok(folder.join(host).join("release"))
}

/// Whether the target held. Its last figures are printed, or what broke it.
fn fuzz(program: &Path, name: &str, seconds: u64) -> Result<bool> {
    let corpus = target().join("fuzz/corpus").join(name);
    let artifacts = target().join("fuzz/artifacts").join(name);
    for folder in [&corpus, &artifacts] {
        fs::create_dir_all(folder)?;
    }
    seed(&corpus, name)?;
    let mut child = Command::new(program)
        .arg(&corpus)
        .arg(format!("-max_total_time={seconds}"))
        .args([
            "-timeout=10",
            "-rss_limit_mb=2048",
            "-max_len=4096",
            "-print_final_stats=1",
        ])
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("{} does not start", program.display()))?;
    let heard = child.stderr.take().context("no output")?;
    let (mut tail, mut reached, mut executed) = (Vec::new(), String::new(), String::new());
    for line in BufReader::new(heard).lines() {
        let line = line?;
        if let Some(at) = line.find(" cov: ") {
            let words: Vec<&str> = line[at..].split_whitespace().take(6).collect();
            reached = words.join(" ");
        }
        if let Some((_, count)) = line.split_once("number_of_executed_units:") {
            executed = count.trim().to_owned();
        }
        tail.push(line);
        if tail.len() > 400 {
            tail.drain(..200);
        }
    }
    let held = child.wait()?.success();
    println!(
        "{name:<12} {executed:>10} executed, {reached}: {}",
        if held { "held" } else { "BROKEN" }
    );
    if !held {
        let said = tail.iter().filter(|line| {
            [
                "panicked",
                "ERROR",
                "Test unit written",
                "assertion",
                " left:",
                "right:",
            ]
            .iter()
            .any(|word| line.contains(word))
        });
        said.for_each(|line| println!("    {line}"));
        println!("    again: {} FILE", program.display());
    }
    Ok(held)
}

/// What the repository has of its kind, as the first inputs.
fn seed(corpus: &Path, name: &str) -> Result<()> {
    // Of a tuple, libFuzzer's reader takes numbers from the front and a last text as it stands.
    let prefixed = |text: &str, zeros: usize| [vec![0; zeros], text.as_bytes().to_vec()].concat();
    let tests = root().join("crates/domain/tests");
    let read = |path: &str| fs::read_to_string(tests.join(path));
    let mut seeds: Vec<Vec<u8>> = Vec::new();
    match name {
        "words" => {
            for language in ["english", "german"] {
                let text = read(&format!("corpus/{language}.txt"))?;
                let lines = text.lines().filter_map(|line| line.split_once(" => "));
                seeds.extend(lines.map(|(sentence, _)| prefixed(sentence, 5)));
            }
        }
        "rule" | "occurrences" => {
            let zeros = if name == "rule" { 0 } else { 6 };
            for file in ["it/recurrence.rs", "it/words.rs"] {
                let text = read(file)?;
                let texts = text.split('"').filter(|text| text.starts_with("FREQ="));
                seeds.extend(texts.map(|rule| prefixed(rule, zeros)));
            }
        }
        "events" => seeds.push(EVENT.as_bytes().to_vec()),
        "manifest" => seeds.push(fs::read(root().join("host/src/manifest/every_key.toml"))?),
        "channel" => seeds.extend(CHANNELS.map(|text| text.as_bytes().to_vec())),
        _ => {}
    }
    for (number, seed) in seeds.iter().enumerate() {
        fs::write(corpus.join(format!("seed-{number}")), seed)?;
    }
    Ok(())
}

const EVENT: &str = r#"[{"specversion":"1.0","id":"812","source":"/punctual","type":"punctual.task.completed.v1","subject":"t","time":"2026-11-23T09:50:00.000Z","datacontenttype":"application/json","partitionkey":"u","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","data":{"version":3,"actor":"u","via":"web","changed":{"title":"x","due":null}}}]"#;
const CHANNELS: [&str; 5] = [
    "https://ntfy.sh/my-topic",
    "https://[2606:4700::1111]:8443/t",
    "https://updates.push.services.mozilla.com/wpush/v2/gAAAA",
    "ada.lovelace+todo@mail.example.co.uk",
    "https://127.0.0.1/t",
];
