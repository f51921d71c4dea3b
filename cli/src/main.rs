//! `punctual`, the console client. It knows nothing that the API doesn't: a command is a few requests, and a table.

mod api;
mod args;
mod clock;
mod commands;
mod duration;
mod error;
mod files;
mod naming;
mod profile;
mod repeat;
mod screen;
mod sse;
mod when;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::api::Api;
use crate::args::{Cli, Command};
use crate::error::Result;
use crate::profile::Profile;
use crate::screen::Screen;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let screen = Screen::new(cli.json);
    match run(cli, &screen).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            screen.note(&if screen.json {
                error.json()
            } else {
                format!("punctual: {error}")
            });
            ExitCode::from(error.exit_code())
        }
    }
}

async fn run(cli: Cli, screen: &Screen) -> Result<()> {
    if let Command::Completions { shell } = cli.command {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "punctual", &mut script);
        screen.line(String::from_utf8_lossy(&script).trim_end());
        return Ok(());
    }
    let config = files::config_folder();
    let token = std::env::var("PUNCTUAL_TOKEN")
        .ok()
        .filter(|token| !token.is_empty());
    let profile = Profile::of(config.as_deref(), &cli.server);
    let api = Api::new(cli.server, profile, token)?;
    match cli.command {
        Command::Register(args) => commands::account::register(&api, screen, args).await,
        Command::Login(args) => commands::account::login(&api, screen, args).await,
        Command::Logout => commands::account::logout(&api, screen).await,
        Command::Add(args) => commands::add::add(&api, screen, args).await,
        Command::Edit(args) => commands::add::edit(&api, screen, args).await,
        Command::List(args) => commands::list::list(&api, screen, args).await,
        Command::Show(args) => commands::show::show(&api, screen, args).await,
        Command::Log(args) => commands::show::log(&api, screen, args).await,
        Command::Receipt(args) => commands::show::receipt(&api, screen, args).await,
        Command::Done(args) => {
            commands::act::act(&api, screen, commands::act::Act::Complete, args).await
        }
        Command::Skip(args) => {
            commands::act::act(&api, screen, commands::act::Act::Skip, args).await
        }
        Command::Reopen(args) => {
            commands::act::act(&api, screen, commands::act::Act::Reopen, args).await
        }
        Command::Delete(args) => {
            commands::act::act(&api, screen, commands::act::Act::Delete, args).await
        }
        Command::Restore(args) => {
            commands::act::act(&api, screen, commands::act::Act::Restore, args).await
        }
        Command::Undo(args) => commands::act::undo(&api, screen, args).await,
        Command::Occurrences(args) => commands::occurrences::occurrences(&api, screen, args).await,
        Command::Ack(args) => commands::snooze::acknowledge(&api, screen, args).await,
        Command::Snooze(args) => commands::snooze::snooze(&api, screen, args).await,
        Command::Notifications(args) => {
            commands::notifications::notifications(&api, screen, args).await
        }
        Command::Watch(args) => commands::watch::watch(&api, screen, args).await,
        Command::Stats => commands::stats::stats(&api, screen).await,
        Command::Projects(args) => commands::projects::projects(&api, screen, args).await,
        Command::Settings(args) => commands::settings::settings(&api, screen, args).await,
        Command::Completions { .. } => Ok(()),
    }
}
