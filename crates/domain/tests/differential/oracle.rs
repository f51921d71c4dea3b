//! The other voice: `../oracle/main.py`, one process, asked in batches.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use punctual_domain::time::TZDATA_VERSION;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub struct Oracle {
    process: Child,
    /// Closed to end the process.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// The zones of its database.
    pub zones: Vec<String>,
}

#[derive(Deserialize)]
struct Hello {
    tzdata: String,
    zones: Vec<String>,
}

impl Oracle {
    /// Makes its environment the first time, which fetches three packages from PyPI.
    pub fn start() -> Oracle {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/main.py");
        let mut process = Command::new("python3")
            .arg(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("python3, 3.11 or later, does not start: {e}"));
        let (input, output) = (process.stdin.take(), process.stdout.take().unwrap());
        let mut oracle = Oracle {
            process,
            input,
            output: BufReader::new(output),
            zones: Vec::new(),
        };
        let hello: Hello = oracle.read();
        assert_eq!(
            hello.tzdata, TZDATA_VERSION,
            "the oracle has another release of the time zones (left) than this build (right): \
             name the tzdata of that release in crates/domain/tests/oracle/requirements.txt"
        );
        oracle.zones = hello.zones;
        oracle
    }

    /// Sends a batch. Its answer must be read before the next one is sent: then no pipe is ever full on both sides.
    pub fn send<Q: Serialize>(&mut self, batch: &[Q]) {
        let mut line = serde_json::to_vec(batch).unwrap();
        line.push(b'\n');
        let input = self.input.as_mut().unwrap();
        input
            .write_all(&line)
            .and_then(|()| input.flush())
            .unwrap_or_else(|e| panic!("the oracle has ended: {e}"));
    }

    pub fn read<A: DeserializeOwned>(&mut self) -> A {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert!(
            !line.is_empty(),
            "the oracle has ended; its last words are above"
        );
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"))
    }

    pub fn ask<Q: Serialize, A: DeserializeOwned>(&mut self, batch: &[Q]) -> Vec<A> {
        self.send(batch);
        self.read()
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
