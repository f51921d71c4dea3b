//! However a process that holds servers ends, neither they nor their folders outlive it.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use punctual_servers::{Kafka, Postgres};

/// Set for the process that a test starts: itself, again. The value says what that does at the end.
const VICTIM: &str = "PUNCTUAL_SERVERS_VICTIM";

#[tokio::test]
async fn nothing_outlives_a_process_that_is_killed() {
    nothing_is_left("nothing_outlives_a_process_that_is_killed", "wait").await;
}

#[tokio::test]
async fn nothing_outlives_a_process_that_exits_without_dropping_anything() {
    nothing_is_left(
        "nothing_outlives_a_process_that_exits_without_dropping_anything",
        "exit",
    )
    .await;
}

async fn nothing_is_left(test: &str, end: &str) {
    if let Ok(end) = std::env::var(VICTIM) {
        return hold_servers(&end).await;
    }
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("ends::{test}"), "--nocapture"])
        .env(VICTIM, end)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pids = Vec::new();
    let mut folders = Vec::new();
    let mut bystander = String::new();
    for line in BufReader::new(victim.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["pid", pid] => pids.push(pid.to_owned()),
            ["folder", folder] => folders.push(PathBuf::from(folder)),
            ["bystander", pid] => {
                bystander = pid.to_owned();
                break;
            }
            _ => {}
        }
    }
    // Three servers, and the children of two postmasters, which are in process groups of their own.
    assert!(pids.len() > 3 + 2 * 3, "{pids:?}");
    assert_eq!(folders.len(), 3);
    victim.kill().unwrap();
    victim.wait().unwrap();
    eventually("a process is left", || !pids.iter().any(|pid| alive(pid)));
    eventually("a folder is left", || {
        !folders.iter().any(|folder| folder.exists())
    });
    assert!(
        alive(&bystander),
        "the servers ended only when the bystander did"
    );
    let killed = Command::new("kill").arg(&bystander).status().unwrap();
    assert!(killed.success());
}

async fn hold_servers(end: &str) {
    // One in a static, which is never dropped; one paused; one as a plain value.
    let shared = Postgres::shared().await.unwrap();
    let mut paused = Postgres::start().await.unwrap();
    let kafka = Kafka::start().await.unwrap();
    for (pid, log) in [
        (shared.pid(), shared.log()),
        (paused.pid(), paused.log()),
        (kafka.pid(), kafka.log()),
    ] {
        println!("\nfolder {}", log.parent().unwrap().display());
        let pid = pid.unwrap();
        println!("pid {pid}");
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        for child in children.split_whitespace() {
            println!("pid {child}");
        }
    }
    paused.pause().unwrap();
    // A child that outlives this process must not hold the servers' pipes open.
    // It outlives this process, which nobody waits in.
    #[expect(clippy::zombie_processes)]
    let bystander = Command::new("sleep")
        .arg("60")
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    println!("bystander {}", bystander.id());
    if end == "exit" {
        std::process::exit(0);
    }
    std::future::pending().await
}

/// A zombie waits for whoever adopted it, and runs no more.
fn alive(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn eventually(otherwise: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "{otherwise}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
