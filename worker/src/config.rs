//! The settings that both programs share, and the table of a program's settings in Markdown.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::PathBuf;

use clap::{Arg, Args, Command, ValueEnum};
use punctual_telemetry::{Log, Service, Telemetry};

use crate::error::Error;
use crate::sender::Mail;
use crate::store::Address;

#[derive(Args, Clone, Debug)]
pub struct Common {
    /// Folder of the database, where it is a file, and of the secrets; made where it is missing, for your user only
    #[arg(
        long,
        env = "PUNCTUAL_DATA",
        value_name = "DIR",
        default_value = ".punctual",
        global = true
    )]
    pub data: PathBuf,

    /// Postgres in place of the database file: postgres://USER:PASSWORD@HOST:5432/DATABASE?sslmode=require, directly and not
    /// through a transaction pooler. Better given as the variable: a command line can be read by everybody
    #[arg(
        long,
        env = "DATABASE_URL",
        value_name = "URL",
        global = true,
        hide_env_values = true
    )]
    pub database_url: Option<Hidden>,

    /// How the world reaches this server, for links in what it sends; where left out, the address it listens on
    #[arg(long, env = "PUBLIC_URL", value_name = "URL", global = true, value_parser = public_url)]
    pub public_url: Option<String>,

    /// Mail server for e-mail: smtps://USER:PASSWORD@HOST:465 or smtp://USER:PASSWORD@HOST:587?tls=required; where left
    /// out, no e-mail is sent
    #[arg(
        long,
        env = "SMTP_URL",
        value_name = "URL",
        global = true,
        hide_env_values = true
    )]
    pub smtp_url: Option<Hidden>,

    /// From whom e-mail comes, such as Punctual <punctual@example.org>; needed with the mail server
    #[arg(long, env = "SMTP_FROM", value_name = "ADDRESS", global = true)]
    pub smtp_from: Option<String>,

    /// Certificate (PEM) that the mail server is trusted by, beside those of the system
    #[arg(long, env = "SMTP_CA", value_name = "FILE", global = true)]
    pub smtp_ca: Option<PathBuf>,

    /// Let webhooks, ntfy and pushes go to http and to private addresses, as tests and home networks need
    #[arg(
        long, env = "PUNCTUAL_WEBHOOK_ALLOW_PRIVATE", value_name = "BOOL", default_value = "false", global = true,
        default_missing_value = "true", num_args = 0..=1, require_equals = true
    )]
    pub webhook_allow_private: bool,

    /// What is logged, as tracing's filter directives
    #[arg(
        long,
        env = "PUNCTUAL_LOG",
        value_name = "FILTER",
        default_value = "warn,punctual=info",
        global = true
    )]
    pub log: String,

    /// How it is logged, on standard error
    #[arg(
        long,
        env = "PUNCTUAL_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text",
        global = true
    )]
    pub log_format: LogFormat,
}

/// A setting that holds a password: whoever prints it sees that there is one.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(String);

impl Hidden {
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Hidden {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(hidden)")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// `https://todo.example.org`, without the slash at its end.
fn public_url(text: &str) -> Result<String, String> {
    let url = url::Url::parse(text).map_err(|error| error.to_string())?;
    if !["http", "https"].contains(&url.scheme())
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return Err("it looks like https://todo.example.org".to_owned());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

impl Common {
    /// The Postgres database, where one is set.
    pub fn address(&self) -> Result<Option<Address>, Error> {
        self.database_url
            .as_ref()
            .map(|url| Address::parse(url.reveal()))
            .transpose()
    }

    /// Takes what is not set from a secret store.
    pub fn fill(&mut self, values: &HashMap<String, String>) {
        for (setting, name) in [
            (&mut self.database_url, "database_url"),
            (&mut self.smtp_url, "smtp_url"),
        ] {
            if setting.is_none() {
                *setting = values.get(name).cloned().map(Hidden);
            }
        }
    }

    /// The mail server, where one is set.
    pub fn mail(&self) -> Result<Option<Mail>, Error> {
        let Some(Hidden(url)) = &self.smtp_url else {
            return Ok(None);
        };
        let from = self.smtp_from.as_deref().ok_or_else(|| {
            Error::Usage("SMTP_URL needs SMTP_FROM: from whom e-mail comes".to_owned())
        })?;
        let authority = self
            .smtp_ca
            .as_deref()
            .map(|path| std::fs::read(path).map_err(|error| Error::file(path, error)))
            .transpose()?;
        Mail::new(url, from, authority.as_deref()).map(Some)
    }

    /// Sends the log to standard error and, where a collector is named, traces and metrics there.
    pub fn start_log(&self, service: Service) -> Result<Telemetry, Error> {
        let log = Log {
            filter: &self.log,
            json: self.log_format == LogFormat::Json,
        };
        punctual_telemetry::start(service, log).map_err(|error| Error::Usage(error.to_string()))
    }
}

/// Every setting of a program, made from what the program itself reads.
pub fn table(command: &Command) -> String {
    let mut table = String::from(
        "| setting | environment | default | what it does |\n| --- | --- | --- | --- |\n",
    );
    let settings = command
        .get_arguments()
        .filter(|arg| arg.get_env().is_some());
    for arg in settings {
        // Writing to a String can't fail.
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} |",
            flag(arg),
            environment(arg),
            default(arg),
            meaning(arg)
        );
    }
    table
}

fn flag(arg: &Arg) -> String {
    let name = arg
        .get_long()
        .map_or_else(String::new, |long| format!("--{long}"));
    let value = arg
        .get_value_names()
        .and_then(|names| names.first())
        .map_or("", |name| name.as_str());
    format!("`{} {value}`", name)
}

fn environment(arg: &Arg) -> String {
    arg.get_env()
        .map_or_else(String::new, |name| format!("`{}`", name.to_string_lossy()))
}

fn default(arg: &Arg) -> String {
    let values: Vec<_> = arg
        .get_default_values()
        .iter()
        .map(|value| format!("`{}`", value.to_string_lossy()))
        .collect();
    values.join(", ")
}

fn meaning(arg: &Arg) -> String {
    let mut text = arg
        .get_help()
        .map(ToString::to_string)
        .unwrap_or_default()
        .replace('|', "\\|");
    let choices: Vec<_> = arg
        .get_possible_values()
        .iter()
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if !choices.is_empty() && choices != ["`true`", "`false`"] {
        let _ = write!(text, ": {}", choices.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[derive(Parser, Debug)]
    struct Program {
        #[command(flatten)]
        common: Common,
    }

    fn program(arguments: &[&str]) -> Program {
        Program::parse_from([&["program"], arguments].concat())
    }

    #[test]
    fn a_mail_server_needs_somebody_whom_the_mail_comes_from() {
        let url = "--smtp-url=smtps://ann:secret@mail.example.org";
        let mail = |arguments: &[&str]| program(arguments).common.mail();
        assert!(matches!(mail(&[]), Ok(None)));
        assert!(matches!(mail(&["--smtp-from=a@example.org"]), Ok(None)));
        let error = mail(&[url]).expect_err("no sender").to_string();
        assert!(error.contains("SMTP_FROM"), "{error}");
        assert!(matches!(
            mail(&[url, "--smtp-from=a@example.org"]),
            Ok(Some(_))
        ));
    }

    #[test]
    fn the_mail_servers_password_is_not_printed() {
        let program = program(&["--smtp-url=smtps://ann:secret@mail.example.org"]);
        assert!(!format!("{program:?}").contains("secret"));
        let hidden = Program::command()
            .get_arguments()
            .find(|arg| arg.get_long() == Some("smtp-url"))
            .is_some_and(clap::Arg::is_hide_env_values_set);
        assert!(hidden, "help shows the environment's value");
    }
}
