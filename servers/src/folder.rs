//! A server's own folder under the system's temporary one.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

/// Waits for the end of its standard input, then removes the folder. A server that is being killed at the same moment
/// may still write into it, hence the repetition.
const REMOVE: &str = r#"
trap '' INT TERM HUP
cat > /dev/null
for i in 1 2 3 4 5 6 7 8 9 10; do
    rm -rf -- "$1" 2>/dev/null && exit
    sleep 0.3
done"#;

/// Removed when this is dropped, and also when this process ends without dropping it (a static, a SIGKILL).
pub struct Folder {
    path: PathBuf,
    keeper: Child,
}

impl Folder {
    pub fn new(name: &str) -> Result<Self> {
        let prefix = format!("punctual-{name}-");
        let folder = tempfile::Builder::new()
            .prefix(&prefix)
            .tempdir()
            .context("the temporary folder can't be written")?;
        let keeper = Command::new("sh")
            .args(["-c", REMOVE, "remove"])
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("`sh` does not start")?;
        Ok(Self {
            path: folder.keep(),
            keeper,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file into it and gives its path.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.join(name);
        std::fs::File::create(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .with_context(|| format!("{} can't be written", path.display()))?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        // Reaps it.
        let _ = self.keeper.wait();
    }
}
