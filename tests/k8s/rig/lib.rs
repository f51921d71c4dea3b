//! What the chart's tests are made of: the rendered chart, and an API server to show it to.

pub mod api;
pub mod chart;
pub mod objects;
pub mod yaml;

use std::path::{Path, PathBuf};

/// A file or folder of the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}
