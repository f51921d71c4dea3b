//! Compiled components on disk, so that a second start compiles nothing.

use std::collections::HashSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

/// Files that no start has used for this long are deleted.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
const EXTENSION: &str = "cwasm";
const DIGEST: usize = 32;

/// A folder of compiled components. What is in it is run as machine code: nobody else may write to it.
pub(crate) struct Cache {
    folder: PathBuf,
    /// What the compiled code depends on beside the component: wasmtime's version and settings, the CPU.
    engine_key: u64,
}

impl Cache {
    pub(crate) fn open(folder: &Path, engine: &Engine) -> io::Result<Self> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Self {
            folder: folder.to_owned(),
            engine_key: hasher.finish(),
        })
    }

    /// The compiled component for these bytes, compiled now where it is not there yet.
    pub(crate) fn load(
        &self,
        engine: &Engine,
        wasm: &[u8],
    ) -> wasmtime::Result<(Component, PathBuf)> {
        let path = self.path(wasm);
        match read(&path) {
            Ok(Some(code)) => match deserialize(engine, &code) {
                Ok(component) => {
                    // Keeps it from being swept out.
                    let _ =
                        fs::File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
                    return Ok((component, path));
                }
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "cannot use a cached component")
                }
            },
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "cannot read a cached component")
            }
        }
        let component = Component::new(engine, wasm)?;
        let code = component.serialize()?;
        if let Err(error) = self.write(&path, &code) {
            // Not being able to cache costs time, nothing else.
            tracing::warn!(path = %path.display(), %error, "cannot cache a compiled component");
        }
        Ok((component, path))
    }

    fn path(&self, wasm: &[u8]) -> PathBuf {
        let digest = Sha256::digest(wasm);
        let mut name = String::with_capacity(64);
        for byte in digest.iter().take(16) {
            name.push_str(&format!("{byte:02x}"));
        }
        self.folder
            .join(format!("{name}-{:016x}.{EXTENSION}", self.engine_key))
    }

    /// Writes code and its digest under a name of its own first: a file is complete or not there.
    fn write(&self, path: &Path, code: &[u8]) -> io::Result<()> {
        let part = path.with_extension(format!("{}.part", std::process::id()));
        let result = (|| {
            let mut file = fs::File::create(&part)?;
            file.write_all(code)?;
            file.write_all(&Sha256::digest(code))?;
            file.sync_all()?;
            fs::rename(&part, path)
        })();
        if result.is_err() {
            let _ = fs::remove_file(&part);
        }
        result
    }

    /// Deletes what no start has used for long.
    pub(crate) fn sweep(&self, used: &HashSet<PathBuf>) {
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return;
        };
        for entry in entries.flatten() {
            let path = entry.path();
            let ours = path
                .extension()
                .is_some_and(|ending| ending == EXTENSION || ending == "part");
            let old = entry
                .metadata()
                .and_then(|metadata| metadata.modified())
                .is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age > KEPT));
            if ours && old && !used.contains(&path) {
                let _ = fs::remove_file(path);
            }
        }
    }
}

/// The code in a file, or nothing where there is no file or its digest is wrong.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let Some(length) = bytes.len().checked_sub(DIGEST) else {
        return Ok(None);
    };
    let digest = bytes.split_off(length);
    Ok((digest == Sha256::digest(&bytes).as_slice()).then_some(bytes))
}

fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes were written by `Cache::write` from `Component::serialize`, into a folder that only
    // this user can write to, and their digest shows that the disk gave back what was written. Wasmtime
    // checks by itself that the engine's version and settings fit.
    #[expect(
        unsafe_code,
        reason = "running compiled code is the purpose of the cache"
    )]
    unsafe {
        Component::deserialize(engine, code)
    }
}
