//! `cargo xtask wasm-target`: gives the active toolchain the target wasm32-wasip2.
//!
//! Normally that is `rustup target add`. A machine that can't reach rustup's downloads but has a Debian mirror takes
//! the way around: the standard library is compiled from Debian's `rust-src` of the same version, and the C library
//! and start files come from Debian's `libstd-rust-dev-wasm32` (whose own `.rlib`s no other rustc can read). `apt-get`
//! fetches both with its own configuration (mirror, proxy) and checks their signatures, but into lists and folders of
//! its own: nothing is installed and root isn't needed. Only the sysroot must be writable.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::args::Args;
use crate::tools::{minutes, starts};
use crate::workspace::{WASM, clean, output, run as run_command, target};

const HELP: &str = "\
cargo xtask wasm-target

Gives the active Rust toolchain the target wasm32-wasip2, if it is missing: with rustup, or, where rustup's downloads
can't be reached, from a Debian mirror's packages (about a minute; needs no root). `up`, `build` and `test` do
this by themselves.";

/// Where Debian keeps newer versions of Rust than the installed release has. A suite that the mirror doesn't have is
/// passed over.
const SUITES: [&str; 3] = ["stable-backports", "testing", "unstable"];

/// Written into a target that was made here: the rustc that it belongs to. After an update of the toolchain it doesn't
/// fit any more, and is made anew.
const MARK: &str = "made-by-punctual-for";

/// What a complete target holds. Rust's libraries carry a hash in their names.
const LIBRARIES: [&str; 4] = ["libstd-", "libcore-", "liballoc-", "libpanic_abort-"];
const START_FILES: [&str; 3] = ["crt1-command.o", "crt1-reactor.o", "libc.a"];

pub fn run(args: &mut Args) -> Result<()> {
    args.none(HELP)?;
    ensure()?;
    let toolchain = Toolchain::active()?;
    if let Err(error) = toolchain.probe() {
        bail!(
            "{WASM} is there but does not work ({error:#}). Remove {} and run `cargo xtask wasm-target` again",
            toolchain.folder().display()
        );
    }
    println!("{WASM} is there: {}", toolchain.folder().display());
    Ok(())
}

/// Brings the target if it is missing, half there, or made for another rustc. Takes 0.05 s when it is there.
pub fn ensure() -> Result<()> {
    let toolchain = Toolchain::active()?;
    if toolchain.is_complete()? {
        return Ok(());
    }
    let _lock = toolchain.lock()?;
    if toolchain.is_complete()? {
        return Ok(()); // another xtask brought it while this one waited
    }
    eprintln!("The Rust target {WASM} is missing; bringing it.");
    match toolchain.ask_rustup() {
        Ok(()) => return Ok(()),
        Err(error) => eprintln!("  not from rustup: {error:#}"),
    }
    toolchain.take_from_debian().with_context(|| {
        format!(
            "the Rust target {WASM} is missing. The normal way, `rustup target add {WASM}`, failed (see above); \
             so did the way around, through a Debian mirror"
        )
    })
}

struct Toolchain {
    sysroot: PathBuf,
}

impl Toolchain {
    fn active() -> Result<Toolchain> {
        let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]))?;
        Ok(Toolchain {
            sysroot: sysroot.trim().into(),
        })
    }

    fn rustlib(&self) -> PathBuf {
        self.sysroot.join("lib/rustlib")
    }

    fn folder(&self) -> PathBuf {
        self.rustlib().join(WASM)
    }

    fn is_complete(&self) -> Result<bool> {
        let folder = self.folder();
        if !has_everything(&folder.join("lib")) {
            return Ok(false);
        }
        match fs::read_to_string(folder.join(MARK)) {
            Ok(made_for) => Ok(made_for == rustc_version()?),
            Err(_) => Ok(true),
        }
    }

    /// Held while the target is brought, so that two commands at once don't do it twice.
    fn lock(&self) -> Result<fs::File> {
        let path = self.rustlib().join("punctual.lock");
        let file = match fs::File::create(&path) {
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
                ) =>
            {
                bail!(
                    "the Rust target {WASM} is missing, and this user can't write to {}. Either run \
                 `cargo xtask wasm-target` once as the owner of that folder, or use a toolchain of your own \
                 (https://rustup.rs)",
                    self.sysroot.display()
                )
            }
            other => other.with_context(|| format!("{} can't be made", path.display()))?,
        };
        file.lock()?;
        Ok(file)
    }

    fn ask_rustup(&self) -> Result<()> {
        if !starts("rustup") {
            bail!("there is no rustup here");
        }
        let manifest = self.rustlib().join(format!("manifest-rust-std-{WASM}"));
        if let Ok(manifest) = fs::read_to_string(manifest) {
            // Rustup believes that it is there and would do nothing; and it removes only what is whole.
            for file in manifest
                .lines()
                .filter_map(|line| line.strip_prefix("file:"))
            {
                let file = self.sysroot.join(file);
                if let Some(folder) = file.parent().filter(|_| !file.exists()) {
                    fs::create_dir_all(folder)?;
                    fs::write(&file, "")?;
                }
            }
            rustup(&["target", "remove", WASM])?;
        }
        remove(&self.folder())?; // rustup refuses to write over files that it doesn't know
        eprintln!("  rustup target add {WASM}");
        rustup(&["target", "add", WASM])?;
        if !self.is_complete()? {
            bail!(
                "it reported success but {} is not complete",
                self.folder().display()
            );
        }
        Ok(())
    }

    fn take_from_debian(&self) -> Result<()> {
        for tool in ["apt-get", "dpkg-deb"] {
            if !starts(tool) {
                bail!("this is no Debian-like machine (there is no `{tool}`)");
            }
        }
        let start = Instant::now();
        let work = Work::create()?;
        let release = rustc_release()?;

        eprintln!("  [1/3] looking for rust-src {release} in the Debian mirror that apt uses");
        let apt = Apt::over(&work.0)?;
        let sources = apt.versions("rust-src")?;
        let Some(source) = sources.iter().find(|version| is_version(version, &release)) else {
            bail!(
                "Debian's mirror has no rust-src {release}; it has {}. `rustup default VERSION` chooses one of those, \
                 if it is installed and at least 1.95",
                list(&sources)
            );
        };
        // Only the C library is taken, so another version serves too; the newest has all that std may call.
        let libraries = apt.versions("libstd-rust-dev-wasm32")?;
        let Some(library) = libraries
            .iter()
            .find(|version| is_version(version, &release))
            .or(libraries.first())
        else {
            bail!("Debian's mirror has no libstd-rust-dev-wasm32");
        };

        eprintln!("  [2/3] downloading rust-src {source} and libstd-rust-dev-wasm32 {library}");
        let files = work.0.join("files");
        apt.unpack("rust-src", source, &files)?;
        apt.unpack("libstd-rust-dev-wasm32", library, &files)?;

        eprintln!("  [3/3] compiling the standard library for {WASM}");
        let made = self.compile(&work.0, &files)?;
        fs::write(made.join(MARK), rustc_version()?)?;
        remove(&self.folder())?;
        fs::rename(&made, self.folder())?;
        if let Err(error) = self.probe() {
            remove(&self.folder())?;
            return Err(error.context("what was made does not work, and was removed again"));
        }
        eprintln!(
            "  {WASM} is there, after {}",
            minutes(start.elapsed().as_secs())
        );
        Ok(())
    }

    /// Makes the target's folder beside its final place (on the same disk, for the rename) and gives its path.
    fn compile(&self, work: &Path, files: &Path) -> Result<PathBuf> {
        let release = rustc_release()?;
        let library = files.join(format!("usr/src/rustc-{release}/library"));
        if !library.join("std").is_dir() {
            bail!("Debian's rust-src has no usr/src/rustc-{release}/library");
        }
        // Debian's vendored crates are cut down, and cargo would prefer them.
        remove(&library.join("vendor"))?;
        let _source = SourceLink::put(&self.rustlib().join("src/rust"), &library)?;

        let seed = work.join("seed");
        fs::create_dir_all(seed.join("src"))?;
        fs::write(seed.join("src/lib.rs"), "")?;
        fs::write(
            seed.join("Cargo.toml"),
            "[package]\nname = \"seed\"\nedition = \"2024\"\n[workspace]\n",
        )?;
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .args([
                "build",
                "--release",
                "--target",
                WASM,
                "-Zbuild-std=std,panic_abort",
            ])
            .current_dir(&seed)
            .env("CARGO_TARGET_DIR", seed.join("target"))
            .env("RUSTFLAGS", "-Cembed-bitcode=yes") // or a program with LTO could not be linked
            .env("RUSTC_BOOTSTRAP", "1")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env_remove("CARGO_BUILD_TARGET");
        clean(&mut cargo);
        run_command(&mut cargo).context("the standard library did not build")?;

        let made = self.rustlib().join(format!("{WASM}.new"));
        remove(&made)?;
        let lib = made.join("lib");
        fs::create_dir_all(lib.join("self-contained"))?;
        copy_libraries(&seed.join("target").join(WASM).join("release"), &lib)?;
        let start_files = files.join(format!("usr/lib/rustlib/{WASM}/lib/self-contained"));
        for name in START_FILES {
            fs::copy(
                start_files.join(name),
                lib.join("self-contained").join(name),
            )
            .with_context(|| format!("Debian's libstd-rust-dev-wasm32 has no {name} for {WASM}"))?;
        }
        if !has_everything(&lib) {
            bail!(
                "the standard library was built, but {} is not complete",
                lib.display()
            );
        }
        Ok(made)
    }

    /// Compiles and links a program of one line.
    fn probe(&self) -> Result<()> {
        let out = target().join("wasm-probe.wasm");
        fs::create_dir_all(target())?;
        let mut child = Command::new("rustc")
            .args([
                "--target",
                WASM,
                "--crate-name",
                "probe",
                "--edition",
                "2024",
                "-o",
            ])
            .arg(&out)
            .arg("-")
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let source = b"fn main() { println!(\"{}\", std::env::args().count()); }";
        child.stdin.take().expect("it is piped").write_all(source)?;
        let output = child.wait_with_output()?;
        let _ = fs::remove_file(&out);
        if !output.status.success() {
            bail!(
                "a program for {WASM} does not build: {}",
                first_line(&String::from_utf8_lossy(&output.stderr))
            );
        }
        Ok(())
    }
}

/// `apt-get` with the machine's mirrors and settings, but with package lists, suites and cache of our own.
struct Apt {
    folder: PathBuf,
}

impl Apt {
    fn over(work: &Path) -> Result<Apt> {
        let apt = Apt {
            folder: work.join("apt"),
        };
        for folder in ["state/lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(apt.folder.join(folder))?;
        }
        // Asked from apt itself, so that every form in which sources can be written is understood.
        let configured = output(Command::new("apt-get").args([
            "indextargets",
            "--format",
            "$(COMPONENT) $(REPO_URI)",
            "Created-By: Packages",
        ]))?;
        let mut mirrors: Vec<&str> = configured
            .lines()
            .filter_map(|line| line.strip_prefix("main "))
            .collect();
        mirrors.sort_unstable();
        mirrors.dedup();
        if mirrors.is_empty() {
            bail!("apt has no package source with a component `main`");
        }
        fs::write(apt.folder.join("sources.list"), sources_list(&mirrors))?;
        // A mirror without one of the suites makes this fail although the others were read: what counts is what the
        // lists then hold.
        let update = apt
            .command("apt-get")
            .args([
                "-o",
                "Acquire::Retries=2",
                "-o",
                "Acquire::http::Timeout=20",
                "update",
            ])
            .stdin(Stdio::null())
            .output()?;
        if apt.versions("rust-src")?.is_empty() {
            let said = String::from_utf8_lossy(&update.stderr);
            bail!(
                "no suite of {} offers rust-src; apt-get says: {}",
                mirrors.join(", "),
                first_line(&said)
            );
        }
        Ok(apt)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for (name, value) in [
            ("Dir::Etc::SourceList", self.folder.join("sources.list")),
            ("Dir::Etc::SourceParts", "-".into()),
            ("Dir::State", self.folder.join("state")),
            ("Dir::Cache", self.folder.join("cache")),
            ("Acquire::Languages", "none".into()),
            ("APT::Sandbox::User", "root".into()), // no change of user: `_apt` could not write to our folder
        ] {
            command.arg("-o").arg(format!("{name}={}", value.display()));
        }
        command.env("LC_ALL", "C");
        command
    }

    /// The versions on offer, newest first.
    fn versions(&self, package: &str) -> Result<Vec<String>> {
        let table = output(self.command("apt-cache").args(["madison", package]))?;
        let mut versions: Vec<String> = table
            .lines()
            .filter_map(|line| Some(line.split('|').nth(1)?.trim().to_owned()))
            .collect();
        versions.dedup();
        Ok(versions)
    }

    /// Downloads a package (apt checks its signature and checksum) and unpacks it, without installing it.
    fn unpack(&self, package: &str, version: &str, into: &Path) -> Result<()> {
        let folder = self.folder.join(package);
        fs::create_dir_all(&folder)?;
        output(
            self.command("apt-get")
                .current_dir(&folder)
                .args(["download", &format!("{package}={version}")]),
        )?;
        let file = fs::read_dir(&folder)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
            .with_context(|| format!("apt-get downloaded no {package}"))?;
        output(Command::new("dpkg-deb").arg("-x").arg(file).arg(into))?;
        Ok(())
    }
}

fn sources_list(mirrors: &[&str]) -> String {
    // Debian's own keys only, where they have a place: a third party's repository is then passed over.
    let keys = "/usr/share/keyrings/debian-archive-keyring.gpg";
    let signed_by = if Path::new(keys).is_file() {
        format!(" signed-by={keys}")
    } else {
        String::new()
    };
    let mut text = String::new();
    for mirror in mirrors {
        for suite in SUITES {
            text += &format!("deb [target=Packages{signed_by}] {mirror} {suite} main\n");
        }
    }
    text
}

/// The folder for everything temporary. Removed at the end, and before the next run if this one was killed.
struct Work(PathBuf);

impl Work {
    fn create() -> Result<Work> {
        let folder = target().join("wasm-target");
        remove(&folder)?;
        fs::create_dir_all(&folder)?;
        Ok(Work(folder))
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let _ = remove(&self.0);
    }
}

/// `-Zbuild-std` looks for std's source in the sysroot only. So a link is put there for as long as it compiles, and
/// what rustup's component rust-src may have there is moved aside meanwhile.
struct SourceLink {
    folder: PathBuf,
}

impl SourceLink {
    fn put(folder: &Path, library: &Path) -> Result<SourceLink> {
        fs::create_dir_all(folder)?;
        let link = folder.join("library");
        if link.is_symlink() {
            fs::remove_file(&link)?; // left by a run that was killed
        }
        let aside = folder.join("library.aside");
        if link.exists() && !aside.exists() {
            fs::rename(&link, &aside)?;
        }
        let put = SourceLink {
            folder: folder.to_owned(),
        };
        std::os::unix::fs::symlink(library, &link)
            .with_context(|| format!("{} can't be made", link.display()))?;
        Ok(put)
    }
}

impl Drop for SourceLink {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.folder.join("library"));
        let _ = fs::rename(
            self.folder.join("library.aside"),
            self.folder.join("library"),
        );
        // Empty if nothing of rustup's was there.
        let _ = fs::remove_dir(&self.folder);
        let _ = self.folder.parent().map(fs::remove_dir);
    }
}

fn rustup(args: &[&str]) -> Result<()> {
    match output(Command::new("rustup").args(args).env("RUST_BACKTRACE", "0")) {
        Ok(_) => Ok(()),
        Err(error) => bail!("{}", first_line(&format!("{error:#}"))),
    }
}

fn has_everything(lib: &Path) -> bool {
    let names: Vec<String> = fs::read_dir(lib)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .collect();
    LIBRARIES.iter().all(|prefix| {
        names
            .iter()
            .any(|name| name.starts_with(prefix) && name.ends_with(".rlib"))
    }) && START_FILES
        .iter()
        .all(|name| lib.join("self-contained").join(name).is_file())
}

/// Every `.rlib` below `from` except that of the seed, whichever folder this version of cargo puts them in.
fn copy_libraries(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("{} can't be read", from.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            copy_libraries(&path, to)?;
        } else if let Some(name) = path.file_name().and_then(|name| name.to_str())
            && name.ends_with(".rlib")
            && !name.starts_with("libseed")
        {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} can't be removed", folder.display()))
        }
        _ => Ok(()),
    }
}

/// `1.95.0`.
fn rustc_release() -> Result<String> {
    let text = rustc_version()?;
    text.lines()
        .find_map(|line| line.strip_prefix("release: "))
        .map(str::to_owned)
        .context("`rustc -vV` names no release")
}

fn rustc_version() -> Result<String> {
    output(Command::new("rustc").arg("-vV"))
}

/// Whether a Debian version (`1.95.0+dfsg1-2~bpo13+1`) is of that release of Rust.
fn is_version(debian: &str, release: &str) -> bool {
    debian
        .strip_prefix(release)
        .is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_digit() || next == '.'))
}

fn list(versions: &[String]) -> String {
    let short: Vec<&str> = versions
        .iter()
        .map(|version| version.split(['+', '-']).next().unwrap_or(version))
        .collect();
    short.join(", ")
}

/// The first line that says something, preferring errors over progress, and not more than fits on two lines.
fn first_line(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let line = lines
        .iter()
        .find(|line| line.starts_with("error") || line.starts_with("E:"))
        .or(lines.first());
    match line {
        None => "it gave no reason".into(),
        Some(line) if line.chars().count() > 200 => line.chars().take(200).chain(['…']).collect(),
        Some(line) => (*line).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_debian_version_belongs_to_its_release_of_rust_only() {
        assert!(is_version("1.95.0+dfsg1-2~bpo13+1", "1.95.0"));
        assert!(is_version("1.95.0-1", "1.95.0"));
        assert!(!is_version("1.95.01-1", "1.95.0"));
        assert!(!is_version("1.95.1+dfsg1-2", "1.95.0"));
        assert!(!is_version("1.95.0.1-1", "1.95.0"));
    }

    #[test]
    fn an_error_is_shown_rather_than_the_progress_before_it() {
        let said = "info: downloading\nerror: could not reach the server\ncaused by: …";
        assert_eq!(first_line(said), "error: could not reach the server");
        assert_eq!(first_line("  \n"), "it gave no reason");
    }

    #[test]
    fn half_a_target_is_not_complete() {
        let folder = target().join(format!("half-a-target-{}", std::process::id()));
        fs::create_dir_all(folder.join("self-contained")).unwrap();
        for name in [
            "libstd-1.rlib",
            "libcore-1.rlib",
            "liballoc-1.rlib",
            "libpanic_abort-1.rlib",
        ] {
            fs::write(folder.join(name), "").unwrap();
        }
        for name in ["crt1-command.o", "crt1-reactor.o"] {
            fs::write(folder.join("self-contained").join(name), "").unwrap();
        }
        assert!(!has_everything(&folder));
        fs::write(folder.join("self-contained/libc.a"), "").unwrap();
        assert!(has_everything(&folder));
        fs::remove_dir_all(&folder).unwrap();
    }
}
