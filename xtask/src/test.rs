//! `cargo xtask test`: the one answer to "does this hold?".

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::args::{Args, Word};
use crate::build;
use crate::guard::Guard;
use crate::tally::Tally;
use crate::workspace::{WASM, cargo, components, program, root, run as run_command};
use crate::{browser, deny, drift, spin, tools, wasm_target};

const HELP: &str = "\
cargo xtask test [quick] [web] [real] [k8s]

Without a name: all of them.

  quick   format, build, lints, docs, licences, and every test that needs nothing but this repository; recurrence is
          compared with python-dateutil, fetched once (Python 3.11 or later)
  web     the browser client, with its own tests, and in a browser against the real server
  real    against the real servers, fetched and built once: Kafka (Java 17), Dapr (Go), Postgres; the integration tests
          once more, on Postgres, Kafka and Dapr, and a third time with Spin in the place of our host, where `spin` is
          on the PATH
  k8s     the chart, rendered by Helm, against a real Kubernetes control plane, built once (Go); what is shown goes into
          k8s/VERIFIED.md

The last line is `N passed, N failed`; each check counts as one. What was skipped is named.";

/// A test that hangs must fail, not stop everything. Compiling everything anew is silent too.
const SILENCE: Duration = Duration::from_secs(15 * 60);

/// In the order that they run in.
const AREAS: [&str; 4] = ["quick", "web", "real", "k8s"];

pub fn run(args: &mut Args) -> Result<ExitCode> {
    let mut chosen = Vec::new();
    while let Some(word) = args.next(HELP)? {
        match word {
            Word::Value(name) if AREAS.contains(&name.as_str()) => chosen.push(name),
            other => return Err(args.unknown(&other)),
        }
    }
    if chosen.is_empty() {
        chosen = AREAS.map(str::to_owned).to_vec();
    }
    let mut report = Report::default();
    let built = report.check("build", || {
        tools::check()?;
        tools::announce_first_build();
        wasm_target::ensure()?;
        drift::components_are_named_like_their_folder()?;
        build::all(3)
    });
    if !built {
        return Ok(report.print()); // everything else would only fail for the same reason
    }
    let servers = prepare_servers(&chosen)?;
    for name in &chosen {
        match name.as_str() {
            "quick" => quick(&mut report),
            "web" => in_browser(&mut report),
            "real" => on_real_servers(&mut report),
            _ => on_kubernetes(&mut report),
        }
    }
    servers.finish()?;
    Ok(report.print())
}

/// The first time, minutes of Go. Most of it fits into what the tests before leave of the processor: hence a niceness, and the
/// order of the areas. Who needs a server before it is there waits for it.
fn prepare_servers(chosen: &[String]) -> Result<Guard> {
    let mut guard = Guard::over_processes()?;
    let areas = ["real", "k8s"].map(str::to_owned);
    let child = Command::new("nice")
        .args(["-n", "19"])
        .arg(program("punctual-cluster"))
        .arg("prepare")
        .args(areas.iter().filter(|area| chosen.contains(area)))
        .spawn()
        .context("`nice` does not start")?;
    guard.watch(&child)?;
    Ok(guard)
}

fn quick(report: &mut Report) {
    report.check("fmt", || {
        run_command(&mut cargo(["fmt", "--all", "--check"]))
    });
    report.check("spin.toml", drift::spin_toml);
    report.check("features", drift::features);
    report.check("clippy", clippy);
    report.check("doc", doc);
    report.check("deny", deny::check);
    // One more than there are small machines' cores: many tests wait for an instant.
    report.tests("tests", || tests(&[], &["--test-threads", "3"], "embedded"));
}

/// The targets called `real`, which need the servers of `servers/`.
fn on_real_servers(report: &mut Report) {
    report.check("real clippy", || {
        run_command(&mut cargo([
            "clippy",
            "--release",
            "--test",
            "real",
            "--",
            "-D",
            "warnings",
        ]))
    });
    // They share two cores with the servers that they start.
    report.tests("real", || {
        tests(&["--test", "real"], &["--test-threads", "3"], "embedded")
    });
    report.tests("cluster", || {
        tests(&["--test", "editions"], &["--test-threads", "3"], "cluster")
    });
    report.tests("spin", || match spin::missing() {
        None => tests(&["--test", "editions"], &["--test-threads", "3"], "spin"),
        Some(missing) => Ok(Tally {
            skipped: 1,
            skipped_names: vec![format!("spin: {missing}")],
            ..Tally::default()
        }),
    });
}

/// The chart: the target called `k8s`. What it has shown is then written down.
fn on_kubernetes(report: &mut Report) {
    report.check("k8s clippy", || {
        run_command(&mut cargo([
            "clippy",
            "--release",
            "--test",
            "k8s",
            "--bin",
            "verified",
            "--",
            "-D",
            "warnings",
        ]))
    });
    let mut shown = Vec::new();
    report.tests("k8s", || {
        // The servers that they share take much of two cores.
        let tally = tests(&["--test", "k8s"], &["--test-threads", "4"], "embedded")?;
        shown.clone_from(&tally.passed_names);
        Ok(tally)
    });
    report.check("verified", || {
        let mut command = cargo(["run", "--release", "--quiet", "--bin", "verified", "--"]);
        run_command(command.args(&shown))
    });
}

fn in_browser(report: &mut Report) {
    report.check("web check", browser::check);
    report.tests("web unit", browser::unit_tests);
    report.tests("web e2e", browser::browser_tests);
}

/// `--release`, so that proc macros and build scripts (and with them the C libraries) are those of the build.
fn clippy() -> Result<()> {
    run_command(&mut cargo([
        "clippy",
        "--release",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))?;
    let mut command = cargo(["clippy", "--release", "--target", WASM]);
    command
        .args(wasm_packages()?)
        .args(["--", "-D", "warnings"]);
    run_command(&mut command)
}

/// With `--examples` for the same reason as in [`build::native`]: clippy's checks of the dependencies then serve here too.
/// The programs beside a library of the same name are left out, as cargo does by itself.
fn doc() -> Result<()> {
    let mut native = cargo(["doc", "--release", "--no-deps", "--lib", "--examples"]);
    native.args(["--bin", "punctual", "--bin", "xtask"]);
    let mut wasm = cargo(["doc", "--release", "--no-deps", "--target", WASM]);
    wasm.args(wasm_packages()?);
    for command in [&mut native, &mut wasm] {
        run_command(command.env("RUSTDOCFLAGS", "-D warnings"))?;
    }
    Ok(())
}

/// `-p` for what exists in WASM only: the components, and the crates that they alone use.
fn wasm_packages() -> Result<Vec<String>> {
    let mut packages = components()?;
    packages.extend(["punctual-function", "punctual-store"].map(str::to_owned));
    Ok(packages
        .into_iter()
        .flat_map(|name| ["-p".to_owned(), name])
        .collect())
}

/// Every test of the native members, or those of some targets. A process that a test leaves behind is killed, and is a failure.
fn tests(targets: &[&str], options: &[&str], edition: &str) -> Result<Tally> {
    let mark = format!("{}-{}", std::process::id(), root().display());
    // The real servers' folders are removed after their processes have ended.
    let patience = if targets.is_empty() { 2 } else { 20 };
    let guard = Guard::over_environment(&format!("PUNCTUAL_TEST_RUN={mark}"), patience)?;
    let mut child = cargo(["test", "--release", "--no-fail-fast"])
        .args(targets)
        .arg("--")
        .args(options)
        .env("PUNCTUAL_TEST_RUN", &mark)
        .env("PUNCTUAL_EDITION", edition)
        .stdout(Stdio::piped())
        .spawn()
        .context("cargo does not start")?;
    let mut tally = Tally::default();
    let out = child.stdout.take().context("cargo has no output")?;
    let (heard, lines) = mpsc::channel();
    let reader = thread::spawn(move || {
        BufReader::new(out)
            .split(b'\n')
            .try_for_each(|line| heard.send(line).map_err(drop))
    });
    let hangs = loop {
        match lines.recv_timeout(SILENCE) {
            Ok(line) => {
                let line = line?;
                let line = String::from_utf8_lossy(&line);
                println!("{line}");
                tally.line(&line);
            }
            Err(RecvTimeoutError::Disconnected) => break false,
            Err(RecvTimeoutError::Timeout) => break true,
        }
    };
    if hangs {
        tally.fail(format!(
            "a test program said nothing for {} minutes and was killed",
            SILENCE.as_secs() / 60
        ));
        child.kill()?;
    }
    let status = child.wait()?;
    let left = guard.finish()?;
    let _ = reader.join();
    if hangs {
        return Ok(tally);
    }
    tally.end(status);
    if left.is_empty() {
        tally.passed += 1;
    } else {
        tally.fail(format!("processes left behind: {}", left.join("; ")));
    }
    Ok(tally)
}

#[derive(Default)]
struct Report {
    areas: Vec<(String, Duration, Tally)>,
}

impl Report {
    /// One check, which counts as one test. Says whether it passed.
    fn check(&mut self, name: &str, check: impl FnOnce() -> Result<()>) -> bool {
        self.tests(name, || {
            check()?;
            Ok(Tally {
                passed: 1,
                ..Tally::default()
            })
        })
    }

    /// An area with tests of its own; an error counts as a failed one.
    fn tests(&mut self, name: &str, tests: impl FnOnce() -> Result<Tally>) -> bool {
        println!("── {name}");
        let start = Instant::now();
        let tally = tests().unwrap_or_else(|error| {
            println!("{error:#}");
            Tally {
                failed: 1,
                failed_names: vec![name.to_owned()],
                ..Tally::default()
            }
        });
        let passed = tally.failed == 0;
        self.add(name, start.elapsed(), tally);
        passed
    }

    fn add(&mut self, name: &str, took: Duration, tally: Tally) {
        self.areas.push((name.to_owned(), took, tally));
    }

    /// The times, the names of what failed or was skipped, and the line that counts.
    fn print(&self) -> ExitCode {
        println!("──");
        let (mut passed, mut failed, mut skipped) = (0, 0, 0);
        let mut total = Duration::ZERO;
        for (name, took, tally) in &self.areas {
            let verdict = match tally.passed + tally.failed + tally.skipped {
                0 => "0 tests".to_owned(),
                _ if tally.failed > 0 => {
                    format!("{} passed, {} FAILED", tally.passed, tally.failed)
                }
                _ => format!("{} passed", tally.passed),
            };
            println!("{name:<10} {:>8.1} s  {verdict}", took.as_secs_f64());
            passed += tally.passed;
            failed += tally.failed;
            skipped += tally.skipped;
            total += *took;
        }
        println!("{:<10} {:>8.1} s", "all", total.as_secs_f64());
        for (_, _, tally) in &self.areas {
            for name in &tally.skipped_names {
                println!("skipped: {name}");
            }
        }
        for (area, _, tally) in &self.areas {
            for name in &tally.failed_names {
                println!(
                    "FAILED: {}",
                    if name == area {
                        name.clone()
                    } else {
                        format!("{area}: {name}")
                    }
                );
            }
        }
        print!("{passed} passed, {failed} failed");
        if skipped > 0 {
            print!(", {skipped} skipped");
        }
        println!();
        if failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}
