//! The application inside the program, as `cargo xtask dist` makes it: `spin.toml` and the components (with the web app
//! in one of them). The host reads files, so they are laid out beside the compiled functions at the start.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

include!(concat!(env!("OUT_DIR"), "/bundle.rs"));

/// Whether this program carries its application.
pub fn is_there() -> bool {
    !FILES.is_empty()
}

/// Lays the application out in `folder`, which becomes exactly that. Files that are there already stay.
pub fn unpack(folder: &Path) -> io::Result<()> {
    lay_out(FILES, folder)
}

fn lay_out(files: &[(&str, &[u8])], folder: &Path) -> io::Result<()> {
    let wanted: Vec<PathBuf> = files.iter().map(|(name, _)| folder.join(name)).collect();
    sweep(folder, &wanted)?;
    for ((_, bytes), path) in files.iter().zip(&wanted) {
        if fs::read(path).is_ok_and(|found| found == *bytes) {
            continue;
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        // Renamed into place: a start that is cut off leaves no half of a file under its name.
        let half = path.with_extension("half");
        fs::write(&half, bytes)?;
        fs::rename(&half, path)?;
    }
    Ok(())
}

/// Removes what an earlier version left.
fn sweep(folder: &Path, wanted: &[PathBuf]) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            sweep(&path, wanted)?;
        } else if !wanted.contains(&path) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_becomes_exactly_the_bundle_whatever_an_earlier_version_left() {
        let folder = tempfile::tempdir().expect("a folder");
        let app = folder.path().join("app");
        lay_out(&[("spin.toml", b"1"), ("target/old.wasm", b"old")], &app).expect("the first");
        let files: &[(&str, &[u8])] = &[("spin.toml", b"2"), ("target/new.wasm", b"new")];
        lay_out(files, &app).expect("the second");
        lay_out(files, &app).expect("the same again");
        assert_eq!(fs::read(app.join("spin.toml")).ok(), Some(b"2".to_vec()));
        assert_eq!(
            fs::read(app.join("target/new.wasm")).ok(),
            Some(b"new".to_vec())
        );
        assert!(!app.join("target/old.wasm").exists());
    }
}
