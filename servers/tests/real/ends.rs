//! A process that holds servers is killed: neither they nor their folders outlive it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use punctual_servers::{Kafka, Postgres};

/// Set for the process that this test starts: itself, again.
const VICTIM: &str = "PUNCTUAL_SERVERS_VICTIM";

#[tokio::test]
async fn no_process_and_no_folder_outlives_a_test_process_that_is_killed() {
    if std::env::var_os(VICTIM).is_some() {
        return hold_servers_and_wait().await;
    }
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "ends::no_process_and_no_folder_outlives_a_test_process_that_is_killed",
            "--nocapture",
        ])
        .env(VICTIM, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pids = Vec::new();
    let mut folders = Vec::new();
    for line in BufReader::new(victim.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        match line.split_once(' ') {
            Some(("server", rest)) => {
                let (pid, folder) = rest.split_once(' ').unwrap();
                pids.push(pid.to_owned());
                folders.push(PathBuf::from(folder));
            }
            Some(("ready", _)) => break,
            _ => {}
        }
    }
    assert_eq!(pids.len(), 3);
    // The postmaster's children too: they are in process groups of their own.
    let all: Vec<String> = pids.iter().flat_map(|pid| with_children(pid)).collect();
    assert!(all.len() > 6, "{all:?}");

    victim.kill().unwrap();
    victim.wait().unwrap();
    eventually("a process is left", || !all.iter().any(|pid| alive(pid)));
    eventually("a folder is left", || {
        !folders.iter().any(|folder| folder.exists())
    });
}

async fn hold_servers_and_wait() {
    // One in a static, which is never dropped; one paused; one as a plain value.
    let shared = Postgres::shared().await.unwrap();
    let mut paused = Postgres::start().await.unwrap();
    let kafka = Kafka::start().await.unwrap();
    for (pid, log) in [
        (shared.pid(), shared.log()),
        (paused.pid(), paused.log()),
        (kafka.pid(), kafka.log()),
    ] {
        println!(
            "\nserver {} {}",
            pid.unwrap(),
            log.parent().unwrap().display()
        );
    }
    paused.pause().unwrap();
    println!("ready .");
    std::future::pending().await
}

fn with_children(pid: &str) -> Vec<String> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    std::iter::once(pid.to_owned())
        .chain(children.split_whitespace().map(str::to_owned))
        .collect()
}

/// A zombie waits for whoever adopted it, and runs no more.
fn alive(pid: &str) -> bool {
    Path::new("/proc/self").exists()
        && std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .is_ok_and(|stat| !stat.contains(") Z "))
}

fn eventually(otherwise: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "{otherwise}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
