//! What the chart's tests are made of: the rendered chart, and an API server to show it to.

pub mod api;
pub mod chart;
pub mod objects;
pub mod operator;
pub mod yaml;

use std::io::Write;
use std::path::{Path, PathBuf};

/// A file or folder of the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

/// Says that a test (`module::name`) has found nothing to work on here. The harness keeps what `println` prints; this reaches
/// whoever counts.
pub fn skipped(test: &str, reason: &str) {
    let line = format!("\nskipped: {test}: {reason}\n");
    std::io::stdout()
        .write_all(line.as_bytes())
        .expect("standard output takes a line");
}
