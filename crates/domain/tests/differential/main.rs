//! Recurrence and zones compared with voices that share no line with the engine; what differs, and who is right, is in
//! `specs/005-cloud-deployment/recurrence.md`. `cargo xtask prove recurrence` runs the same tests over more rules.

mod generator;
mod hostile;
mod oracle;
mod rrule_crate;
mod rules;
mod zones;

use std::time::{Duration, Instant};

/// How many rules, and which.
struct Settings {
    rules: usize,
    seed: u64,
    /// The whole proof, not the slice of every test run.
    whole: bool,
}

/// `PUNCTUAL_RECURRENCE=RULES,SEED`, as `cargo xtask prove recurrence` sets it; else a slice.
fn settings() -> Settings {
    let Ok(text) = std::env::var("PUNCTUAL_RECURRENCE") else {
        return Settings {
            rules: 2_000,
            seed: 5545,
            whole: false,
        };
    };
    let numbers = text
        .split_once(',')
        .and_then(|(rules, seed)| Some((rules.parse().ok()?, seed.parse().ok()?)));
    let (rules, seed) =
        numbers.unwrap_or_else(|| panic!("PUNCTUAL_RECURRENCE is not RULES,SEED: {text}"));
    Settings {
        rules,
        seed,
        whole: true,
    }
}

/// A line now and then.
struct Progress {
    begun: Instant,
    said: Instant,
}

impl Progress {
    fn new() -> Progress {
        let begun = Instant::now();
        Progress { begun, said: begun }
    }

    fn say(&mut self, done: usize, of: usize, what: &str) {
        if self.said.elapsed() > Duration::from_secs(5) {
            self.said = Instant::now();
            let seconds = self.begun.elapsed().as_secs();
            println!("  {done} of {of} {what}, {seconds} s");
        }
    }
}
