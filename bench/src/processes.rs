//! What processes use: the processor's time of this process's descendants, by program; one's memory. Linux only, elsewhere
//! there is none.

use std::collections::{BTreeMap, HashMap};
use std::fs;

/// Linux counts in hundredths of a second (`USER_HZ`).
const TICKS: f64 = 100.0;

/// Seconds of processor time, by program.
#[derive(Debug, Clone, Default)]
pub struct Times(BTreeMap<String, f64>);

struct Process {
    parent: u32,
    name: String,
    seconds: f64,
}

impl Times {
    pub fn now() -> Self {
        let all: HashMap<u32, Process> = fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter_map(|id| Some((id, process(id)?)))
            .collect();
        let mut times = BTreeMap::new();
        for (id, process) in &all {
            if descends(*id, &all) {
                *times.entry(process.name.clone()).or_default() += process.seconds;
            }
        }
        Self(times)
    }

    /// What was used since, of how many cores: `worker 0.52, postgres 0.48, …`.
    pub fn shares_since(&self, before: &Self, seconds: f64) -> String {
        let mut shares: Vec<(f64, &str)> = self
            .0
            .iter()
            .map(|(name, now)| {
                let used = now - before.0.get(name).copied().unwrap_or(0.0);
                (used / seconds, name.as_str())
            })
            .filter(|(share, _)| *share >= 0.01)
            .collect();
        shares.sort_by(|a, b| b.0.total_cmp(&a.0));
        let shown: Vec<String> = shares
            .iter()
            .map(|(share, name)| format!("{name} {share:.2}"))
            .collect();
        shown.join(", ")
    }
}

/// `pid (name) state ppid …`, with utime and stime as fields 14 and 15: proc_pid_stat(5).
fn process(id: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (head, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field)?.parse::<f64>().ok();
    Some(Process {
        parent: fields.get(1)?.parse().ok()?,
        name: head.split_once('(')?.1.to_owned(),
        seconds: (ticks(11)? + ticks(12)?) / TICKS,
    })
}

fn descends(mut id: u32, all: &HashMap<u32, Process>) -> bool {
    while let Some(process) = all.get(&id) {
        if id == std::process::id() {
            return true;
        }
        id = process.parent;
    }
    false
}

/// In MB, of a million bytes.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    pub rss: f64,
    /// What is shared with others counts in parts.
    pub pss: f64,
}

/// proc_pid_smaps(5)
pub fn memory(id: u32) -> Option<Memory> {
    let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok()?;
    let field = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kib * 1024.0 / 1e6)
    };
    Some(Memory {
        rss: field("Rss:")?,
        pss: field("Pss:")?,
    })
}
