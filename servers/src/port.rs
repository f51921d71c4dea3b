//! Ports for servers that must be told theirs.

use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Result, bail};

/// Below the range that Linux takes for outgoing connections (32768 and up): a server that is down for a moment finds
/// its port free when it comes back, however many connections its clients try meanwhile.
const FIRST: u32 = 15_000;
const COUNT: u32 = 17_000;

static NEXT: LazyLock<AtomicU32> = LazyLock::new(|| AtomicU32::new(random() as u32 % COUNT));

/// A port of loopback that nothing listens on. Within a process none is given twice before all were given; two processes
/// start at random places.
pub fn free() -> Result<u16> {
    for _ in 0..COUNT {
        let port = FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        if let Ok(port) = u16::try_from(port)
            && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
        {
            return Ok(port);
        }
    }
    bail!("no port between {FIRST} and {} is free", FIRST + COUNT);
}

/// Not for cryptography.
pub fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}
