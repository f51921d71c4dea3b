//! Puts every file of `web/dist` into the component: as it is, and compressed where that is smaller.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

const DIST: &str = "../../web/dist";

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed={DIST}");
    println!("cargo::rerun-if-changed=build.rs");
    if !Path::new(DIST).join("index.html").is_file() {
        println!(
            "cargo::error=web/dist holds no built web app. `cargo xtask build` makes it; by hand: npm ci && npm run build in web/"
        );
        return ExitCode::FAILURE;
    }
    match embed() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("cargo::error=web/dist can't be embedded: {error}");
            ExitCode::FAILURE
        }
    }
}

fn embed() -> io::Result<()> {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    let mut paths = Vec::new();
    collect(Path::new(DIST), "", &mut paths)?;
    // By their bytes, as they are looked for.
    paths.sort();
    let mut table = String::from("pub const FILES: &[File] = &[\n");
    for (number, path) in paths.iter().enumerate() {
        let bytes = fs::read(Path::new(DIST).join(path))?;
        let etag = URL_SAFE_NO_PAD.encode(&Sha256::digest(&bytes)[..12]);
        let keep = |kind: &str, content: Option<Vec<u8>>| -> io::Result<String> {
            let Some(content) = content else {
                return Ok("None".to_owned());
            };
            let file = out.join(format!("{number}.{kind}"));
            fs::write(&file, content)?;
            Ok(format!("Some(include_bytes!({file:?}))"))
        };
        let smaller = |packed: Vec<u8>| (packed.len() < bytes.len()).then_some(packed);
        let brotli = keep("br", smaller(brotli(&bytes)?))?;
        let gzip = keep("gz", smaller(gzip(&bytes)?))?;
        let plain = out.join(format!("{number}.plain"));
        fs::write(&plain, &bytes)?;
        // Writing to a String can't fail.
        let _ = writeln!(
            table,
            "    File {{ path: {path:?}, etag: {etag:?}, plain: include_bytes!({plain:?}), brotli: {brotli}, gzip: {gzip} }},"
        );
    }
    table.push_str("];\n");
    fs::write(out.join("files.rs"), table)
}

/// The files below a folder, with slashes, without what a system leaves behind (`.DS_Store`).
fn collect(folder: &Path, prefix: &str, paths: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{prefix}{name}/"), paths)?;
        } else {
            paths.push(format!("{prefix}{name}"));
        }
    }
    Ok(())
}

fn brotli(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut packed = Vec::new();
    let parameters = brotli::enc::BrotliEncoderParams {
        quality: 11,
        size_hint: bytes.len(),
        ..Default::default()
    };
    brotli::BrotliCompress(&mut io::Cursor::new(bytes), &mut packed, &parameters)?;
    Ok(packed)
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}
