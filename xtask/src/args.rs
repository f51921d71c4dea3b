//! The command line: a thin layer over lexopt that knows `--help`.

use std::ffi::OsString;
use std::process::exit;

use anyhow::{Context, Result, bail};
use lexopt::{Arg, Parser, ValueExt};

pub struct Args {
    parser: Parser,
    /// `up`, `test` …: for error messages.
    command: String,
}

impl Args {
    pub fn from_env() -> Args {
        Args {
            parser: Parser::from_env(),
            command: String::new(),
        }
    }

    /// The first word. Without one, and with `--help`, prints `help` and exits.
    pub fn command(&mut self, help: &str) -> Result<String> {
        match self.parser.next()? {
            None => {
                eprintln!("{help}");
                exit(2)
            }
            Some(Arg::Long("help") | Arg::Short('h')) => print_and_exit(help),
            Some(Arg::Value(word)) => {
                self.command = word.string()?;
                Ok(self.command.clone())
            }
            Some(other) => {
                bail!(
                    "{}; `cargo xtask --help` lists the commands",
                    other.unexpected()
                )
            }
        }
    }

    /// The next option or word. With `--help`, prints `help` and exits.
    pub fn next(&mut self, help: &str) -> Result<Option<Word>> {
        Ok(match self.parser.next()? {
            None => None,
            Some(Arg::Long("help") | Arg::Short('h')) => print_and_exit(help),
            Some(Arg::Long(name)) => Some(Word::Option(name.to_owned())),
            Some(Arg::Short(letter)) => Some(Word::Option(letter.to_string())),
            Some(Arg::Value(word)) => Some(Word::Value(word.string()?)),
        })
    }

    /// The value of the option just read.
    pub fn value(&mut self) -> Result<OsString> {
        Ok(self.parser.value()?)
    }

    pub fn port(&mut self) -> Result<u16> {
        let value = self.value()?.string()?;
        value
            .parse()
            .with_context(|| format!("`--port {value}`: a port is a number from 0 to 65535"))
    }

    /// The value of the option just read, as a whole number.
    pub fn number(&mut self, option: &str) -> Result<u64> {
        let value = self.value()?.string()?;
        value
            .parse()
            .with_context(|| format!("`{option} {value}`: a whole number is wanted"))
    }

    /// Everything that was not read yet, as it stands.
    pub fn rest(&mut self) -> Result<Vec<OsString>> {
        Ok(self.parser.raw_args()?.collect())
    }

    /// The error for an option or word that the command doesn't know.
    pub fn unknown(&self, word: &Word) -> anyhow::Error {
        let command = &self.command;
        let word = match word {
            Word::Option(name) if name.len() == 1 => format!("-{name}"),
            Word::Option(name) => format!("--{name}"),
            Word::Value(value) => value.clone(),
        };
        anyhow::anyhow!(
            "`{command}` doesn't know `{word}`; `cargo xtask {command} --help` says more"
        )
    }

    /// For a command without options: only `--help` is allowed.
    pub fn none(&mut self, help: &str) -> Result<()> {
        match self.next(help)? {
            None => Ok(()),
            Some(word) => Err(self.unknown(&word)),
        }
    }
}

pub enum Word {
    Option(String),
    Value(String),
}

fn print_and_exit(help: &str) -> ! {
    println!("{help}");
    exit(0)
}
