//! Writes the generated contracts, or checks that those in a folder are the generated ones.
//!
//! `punctual-contracts --write DIR` and `punctual-contracts --check DIR`, in
//! `specs/005-cloud-deployment/contracts`.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [mode, folder] = arguments.as_slice() else {
        return usage();
    };
    let done = match mode.as_str() {
        "--write" => write(Path::new(folder)),
        "--check" => check(Path::new(folder)),
        _ => return usage(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: punctual-contracts --write DIR | --check DIR");
    ExitCode::from(2)
}

fn write(folder: &Path) -> Result<(), String> {
    for (name, text) in punctual_contract::documents() {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        println!("{}", path.display());
    }
    Ok(())
}

fn check(folder: &Path) -> Result<(), String> {
    for (name, text) in punctual_contract::documents() {
        let path = folder.join(name);
        let found = std::fs::read_to_string(&path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        if found != text {
            return Err(format!(
                "{} is not what the code says. Make it anew: {}",
                path.display(),
                punctual_contract::REGENERATE
            ));
        }
    }
    Ok(())
}
