//! Who runs on which cores: what is measured on one half, what measures on the other, so that neither takes the other's.

use std::process::Command;
use std::thread::available_parallelism;

use anyhow::{Result, ensure};

/// `taskset`'s lists of cores.
pub struct Placement {
    servers: String,
    ours: String,
}

impl Placement {
    /// `None`: one core, or no `taskset`.
    fn halves() -> Option<Self> {
        let cores = available_parallelism().ok()?.get();
        let works = Command::new("taskset").arg("--version").output().is_ok();
        (works && cores > 1).then(|| {
            let half = cores / 2;
            let list = |from: usize, until: usize| match until - from {
                1 => from.to_string(),
                _ => format!("{from}-{}", until - 1),
            };
            Self {
                servers: list(0, half),
                ours: list(half, cores),
            }
        })
    }

    /// Those halves, with this process moved to its own.
    pub fn take() -> Option<Self> {
        let placement = Self::halves()?;
        placement.move_here();
        Some(placement)
    }

    /// Moves this process, with every thread that it will start.
    fn move_here(&self) {
        let id = std::process::id().to_string();
        let _ = Command::new("taskset")
            .args(["-acp", &self.ours, &id])
            .output();
    }
}

/// Moves a server that runs, with its processes, to its place. Those that it starts later come there by themselves.
pub fn move_server(placement: Option<&Placement>, id: u32) {
    let Some(placement) = placement else { return };
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
    let children = children.unwrap_or_default();
    for id in children.split_whitespace().chain([id.to_string().as_str()]) {
        let _ = Command::new("taskset")
            .args(["-acp", &placement.servers, id])
            .output();
    }
}

/// The command of a server, in its place.
pub fn server(placement: Option<&Placement>, program: impl AsRef<std::ffi::OsStr>) -> Command {
    match placement {
        None => Command::new(program),
        Some(placement) => {
            let mut command = Command::new("taskset");
            command.args(["-c", &placement.servers]).arg(program);
            command
        }
    }
}

pub fn stated(placement: Option<&Placement>) -> String {
    match placement {
        None => "every process on every core".to_owned(),
        Some(Placement { servers, ours }) => {
            format!("the server on core {servers}, the load on core {ours}")
        }
    }
}

/// Lets this process, and those that it starts, have so many files open.
pub fn open_files(count: usize) -> Result<()> {
    let wanted = u64::try_from(count)?;
    let (allowed, most) = rlimit::Resource::NOFILE.get()?;
    if allowed >= wanted {
        return Ok(());
    }
    ensure!(
        most >= wanted,
        "{wanted} open files are needed and {most} are allowed: raise the limit first (`ulimit -Hn {wanted}` as root, or LimitNOFILE)"
    );
    Ok(rlimit::Resource::NOFILE.set(most, most)?)
}
