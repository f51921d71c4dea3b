//! The command line.

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use punctual_domain::Zone;
use reqwest::Url;

use crate::api::parse_server;
use crate::clock::parse_zone;
use crate::repeat::Repeat;
use crate::when::{Remind, When};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const EXAMPLES: &str = "\
Examples:
  punctual register ada@example.org
  punctual add Pay rent --due 'tomorrow 09:00' --remind 30m
  punctual add Water the plants --repeat 'every monday' --due 'monday 18:00'
  punctual list                        what is open, numbered
  punctual done 2                      number 2 of that list
  punctual snooze 1 10m                ring again in ten minutes
  punctual watch                       see everything as it happens
  punctual list --json | jq '.items[].title'

A TASK is its number in the last list, the end (or start) of its id, or the whole id.
Exit codes: 0 done, 1 it could not be done, 2 the words can't be meant.";

/// To-dos and reminders on the console.
#[derive(Debug, Parser)]
#[command(name = "punctual", version, styles = STYLES, after_help = EXAMPLES, disable_help_subcommand = true, max_term_width = 100)]
pub struct Cli {
    /// The server's address
    #[arg(long, global = true, env = "PUNCTUAL_URL", value_name = "URL", default_value = "http://127.0.0.1:3000", value_parser = parse_server, help_heading = "Everywhere")]
    pub server: Url,
    /// Print the API's JSON, for programs; errors go to stderr as problem documents
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make an account, and log in
    Register(Register),
    /// Log in
    Login(Login),
    /// End this computer's session
    Logout,
    /// Add a task
    #[command(after_help = ADD_HELP)]
    Add(Add),
    /// Show tasks, open ones unless said otherwise
    #[command(visible_alias = "ls", after_help = LIST_HELP)]
    List(List),
    /// Show everything about a task
    Show(One),
    /// Change a task
    #[command(after_help = EDIT_HELP)]
    Edit(Edit),
    /// Complete tasks
    Done(Many),
    /// Skip this occurrence of a repeating task
    Skip(Many),
    /// Show what a series was and will be; skip or move one occurrence to come
    #[command(visible_alias = "series", after_help = OCCURRENCES_HELP)]
    Occurrences(Occurrences),
    /// Open tasks again
    Reopen(Many),
    /// Delete tasks; a repeating one ends
    #[command(visible_alias = "rm")]
    Delete(Many),
    /// Bring deleted tasks back
    Restore(Many),
    /// Take back the last change of a task; a second undo takes back the first
    Undo(Undo),
    /// Acknowledge what rings: it rings no more
    Ack(Ack),
    /// Ring again later
    #[command(after_help = SNOOZE_HELP)]
    Snooze(Snooze),
    /// Show the history of a task
    Log(Log),
    /// Show a task's reminders: when they ring or rang, and what became of each delivery
    Receipt(One),
    /// See reminders and changes as they happen, until Ctrl-C
    #[command(after_help = WATCH_HELP)]
    Watch(Watch),
    /// Show what has rung
    Notifications(Notifications),
    /// Show what you got done: the last seven days, the streak, how much was in time
    Stats,
    /// Show and change projects
    Projects(Projects),
    /// Show your settings and channels, or change settings
    #[command(after_help = SETTINGS_HELP)]
    Settings(Settings),
    /// Print completions for a shell
    #[command(after_help = COMPLETIONS_HELP)]
    Completions {
        /// Which shell
        shell: Shell,
    },
}

const ADD_HELP: &str = "\
WHEN is a day (today, tomorrow, friday, +3d, 2026-12-01), a time (18:00: the next one), both
('tomorrow 09:00', 2026-12-01T09:00), or so long from now (+2h, +90s). A weekday is the next one,
never today.

Examples:
  punctual add Call Bob --due +90s --remind 60s
  punctual add Pay rent --due 2026-12-01T09:00 --remind 1d --remind 30m --repeat monthly
  punctual add Team call --due 'mon 10:00' --zone America/New_York --repeat weekly --remind 10m
  punctual add Change the filter --due today --repeat 'every 3 months' --from completion
  punctual add Buy stamps --remind 'at 18:00' --project Errands --tag post --priority high";

const SETTINGS_HELP: &str = "\
Examples:
  punctual settings
  punctual settings --zone Europe/Berlin --morning 8:30
  punctual settings --digest 7:30 --quiet 22:00-7:00
  punctual settings --digest off";

const LIST_HELP: &str = "\
Examples:
  punctual list                        what is open
  punctual list --before tomorrow      what is due today or overdue
  punctual list rent --all --project Home
  punctual list --status completed --json";

const EDIT_HELP: &str = "\
What is not named stays. 'none' clears: --due none, --repeat none, --remind none, --tag none.
A new title or due is for this occurrence, all else for this one and all later ones; --once and --later
say otherwise. A --due for all later ones moves the series.

Examples:
  punctual edit 2 --due 'friday 10:00'
  punctual edit 2 --title 'Pay the rent' --remind 1h --remind due
  punctual edit 2 --due 'tue 10:00' --later
  punctual edit 2 --repeat none";

const OCCURRENCES_HELP: &str = "\
An occurrence is named by its day (2026-12-07), or by its day and time where there are several.

Examples:
  punctual occurrences 2                        what is open and to come
  punctual occurrences 2 --from 2026-01-01      what was done too
  punctual occurrences 2 --skip 2026-12-07
  punctual occurrences 2 --move 2026-12-07 --to '2026-12-08 10:00'
  punctual occurrences 2 --restore 2026-12-07   neither left out nor moved";

const SNOOZE_HELP: &str = "\
Examples:
  punctual snooze                      what rang last, for 10 minutes
  punctual snooze 2 1h
  punctual snooze 2 --until 'tomorrow 09:00'";

const WATCH_HELP: &str = "\
A broken connection is taken up again where it ended: nothing is missed.
With --json each line is one event (CloudEvents 1.0); its `id` is a position for --after.";

const COMPLETIONS_HELP: &str = "\
Examples:
  punctual completions bash > ~/.local/share/bash-completion/completions/punctual
  punctual completions zsh > ~/.zfunc/_punctual
  punctual completions fish > ~/.config/fish/completions/punctual.fish";

#[derive(Debug, Args)]
pub struct Register {
    /// Asked for where left out
    pub email: Option<String>,
    /// Your time zone [default: this computer's]
    #[arg(long, value_parser = parse_zone)]
    pub zone: Option<Zone>,
    /// The invitation, where the server wants one
    #[arg(long)]
    pub invite: Option<String>,
    /// Read the password from standard input (one line)
    #[arg(long)]
    pub password_stdin: bool,
}

#[derive(Debug, Args)]
pub struct Login {
    /// Asked for where left out
    pub email: Option<String>,
    /// Read the password from standard input (one line)
    #[arg(long)]
    pub password_stdin: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Priority {
    None,
    Low,
    Medium,
    High,
}

impl Priority {
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Basis {
    Due,
    Completion,
}

impl Basis {
    pub fn name(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Completion => "completion",
        }
    }
}

/// What the reminders of a command line do until they are acknowledged.
#[derive(Debug, Args)]
pub struct Again {
    /// Ring again so long after it rang, until it is acknowledged: 5m
    #[arg(long = "again", requires = "remind", value_name = "PAUSE", value_parser = pause, id = "again")]
    pub every: Option<String>,
    /// How often at most [default: 5]
    #[arg(long, requires = "again", value_parser = clap::value_parser!(u32).range(1..=50))]
    pub times: Option<u32>,
}

#[derive(Debug, Args)]
pub struct Add {
    /// What is to be done, in as many words as you like; "tomorrow 9am", "every friday", "remind me 1 day before", !1, #project and
    /// @tag in them are read
    #[arg(required = true)]
    pub title: Vec<String>,
    /// When it can be begun
    #[arg(long, value_name = "WHEN")]
    pub start: Option<When>,
    /// Take the words as they are
    #[arg(long)]
    pub plain: bool,
    /// When it is due
    #[arg(long, value_name = "WHEN")]
    pub due: Option<When>,
    /// How long before the due time (10m, 1d, "due"), or when ("at 18:00"); may be repeated
    #[arg(long, value_name = "BEFORE|AT")]
    pub remind: Vec<Remind>,
    #[command(flatten)]
    pub again: Again,
    /// daily, weekdays, weekly, monthly, yearly, "every monday", "every 2 weeks" or an RRULE
    #[arg(long, value_name = "RULE")]
    pub repeat: Option<Repeat>,
    /// The next one is counted from the due time, or from when it was done
    #[arg(
        long,
        requires = "repeat",
        value_enum,
        default_value = "due",
        hide_default_value = true
    )]
    pub from: Basis,
    /// A project's name or id [default: the Inbox]
    #[arg(long)]
    pub project: Option<String>,
    /// May be repeated
    #[arg(long)]
    pub tag: Vec<String>,
    /// How much it matters
    #[arg(long, value_enum, hide_default_value = true, default_value = "none")]
    pub priority: Priority,
    /// Text of any length
    #[arg(long)]
    pub notes: Option<String>,
    /// Fix the due time to a time zone [default: it moves along with you]
    #[arg(long, value_parser = parse_zone)]
    pub zone: Option<Zone>,
}

/// A value, or `none` to clear it.
#[derive(Debug, Clone)]
pub enum OrNone<T> {
    None,
    Some(T),
}

impl<T: std::str::FromStr> std::str::FromStr for OrNone<T> {
    type Err = T::Err;

    fn from_str(text: &str) -> Result<Self, T::Err> {
        if text == "none" {
            Ok(Self::None)
        } else {
            text.parse().map(Self::Some)
        }
    }
}

impl<T> OrNone<T> {
    pub fn into_option(self) -> Option<T> {
        match self {
            Self::None => None,
            Self::Some(value) => Some(value),
        }
    }
}

#[derive(Debug, Args)]
pub struct Edit {
    /// Its number in the last list, or the end of its id
    pub task: String,
    /// A new title
    #[arg(long)]
    pub title: Option<String>,
    /// When it is due, or `none`
    #[arg(long, value_name = "WHEN")]
    pub due: Option<OrNone<When>>,
    /// When it can be begun, or `none`
    #[arg(long, value_name = "WHEN")]
    pub start: Option<OrNone<When>>,
    /// For this occurrence alone
    #[arg(long, conflicts_with = "later")]
    pub once: bool,
    /// For this occurrence and all later ones
    #[arg(long)]
    pub later: bool,
    /// In place of all reminders it has; may be repeated
    #[arg(long, value_name = "BEFORE|AT")]
    pub remind: Vec<OrNone<Remind>>,
    #[command(flatten)]
    pub again: Again,
    /// How it repeats, or `none`
    #[arg(long, value_name = "RULE")]
    pub repeat: Option<OrNone<Repeat>>,
    /// The next one is counted from the due time, or from when it was done
    #[arg(long, value_enum)]
    pub from: Option<Basis>,
    /// A project's name or id
    #[arg(long)]
    pub project: Option<String>,
    /// In place of all tags it has; may be repeated
    #[arg(long)]
    pub tag: Vec<String>,
    /// How much it matters
    #[arg(long, value_enum)]
    pub priority: Option<Priority>,
    /// Text of any length, or `none`
    #[arg(long)]
    pub notes: Option<String>,
    /// A time zone, or `none`: it moves along with you
    #[arg(long)]
    pub zone: Option<OrNone<Zone>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Status {
    Open,
    Completed,
    Skipped,
    All,
}

impl Status {
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Completed => "completed",
            Self::Skipped => "skipped",
            Self::All => "all",
        }
    }
}

#[derive(Debug, Args)]
pub struct List {
    /// Words of the title
    pub words: Vec<String>,
    /// Which ones [default: open]
    #[arg(long, value_enum, default_value = "open", hide_default_value = true)]
    pub status: Status,
    /// Open, completed and skipped
    #[arg(long, short, conflicts_with = "status")]
    pub all: bool,
    /// A project's name or id
    #[arg(long)]
    pub project: Option<String>,
    /// With this tag
    #[arg(long)]
    pub tag: Option<String>,
    /// Due before this
    #[arg(long, value_name = "WHEN")]
    pub before: Option<When>,
    /// Due then or later
    #[arg(long, value_name = "WHEN")]
    pub after: Option<When>,
    /// How many at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=200))]
    pub limit: u16,
    /// The `next` of an earlier page
    #[arg(long)]
    pub cursor: Option<String>,
}

#[derive(Debug, Args)]
pub struct One {
    /// Its number in the last list, or the end of its id
    pub task: String,
}

#[derive(Debug, Args)]
pub struct Many {
    /// Their numbers in the last list, or the ends of their ids
    #[arg(required = true, value_name = "TASK")]
    pub tasks: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Undo {
    /// [default: what you changed last from here]
    pub task: Option<String>,
    /// A change's id, from `punctual log` [default: the last one]
    #[arg(long, requires = "task")]
    pub change: Option<String>,
}

#[derive(Debug, Args)]
pub struct Snooze {
    /// [default: what rang last]
    pub task: Option<String>,
    /// 10m, 1h, 1d [default: 10m]
    #[arg(value_name = "FOR", conflicts_with = "until")]
    pub length: Option<String>,
    /// In place of a length
    #[arg(long, value_name = "WHEN")]
    pub until: Option<When>,
}

#[derive(Debug, Args)]
pub struct Ack {
    /// [default: what rang last]
    pub task: Option<String>,
}

#[derive(Debug, Args)]
pub struct Occurrences {
    /// Its number in the last list, or the end of its id
    pub task: String,
    /// Due then or later [default: now]
    #[arg(long, value_name = "WHEN")]
    pub from: Option<When>,
    /// How many at most
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=200))]
    pub limit: u16,
    /// Leave this one out
    #[arg(long, value_name = "DAY", conflicts_with_all = ["move", "restore"])]
    pub skip: Option<String>,
    /// Move this one
    #[arg(long, value_name = "DAY", requires = "to", conflicts_with = "restore")]
    pub r#move: Option<String>,
    /// When it is due then
    #[arg(long, value_name = "WHEN", requires = "move")]
    pub to: Option<When>,
    /// Bring this one back to where the rule has it
    #[arg(long, value_name = "DAY")]
    pub restore: Option<String>,
}

/// A length, as ISO 8601.
fn pause(text: &str) -> Result<String, String> {
    crate::duration::parse(text)
        .or_else(|| crate::duration::parse_iso(text))
        .map(crate::duration::Span::iso)
        .ok_or_else(|| format!("I don't understand \"{text}\"; say 5m, 1h"))
}

#[derive(Debug, Args)]
pub struct Log {
    /// Its number in the last list, or the end of its id
    pub task: String,
    /// How many at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=200))]
    pub limit: u16,
    /// The `next` of an earlier page
    #[arg(long)]
    pub cursor: Option<String>,
}

#[derive(Debug, Args)]
pub struct Watch {
    /// Reminders only
    #[arg(long)]
    pub reminders: bool,
    /// Everything after this position too
    #[arg(long, value_name = "POSITION")]
    pub after: Option<u64>,
}

#[derive(Debug, Args)]
pub struct Notifications {
    /// Those you have not read
    #[arg(long)]
    pub unread: bool,
    /// Mark all as read, after showing them
    #[arg(long)]
    pub read: bool,
    /// How many at most
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=200))]
    pub limit: u16,
    /// The `next` of an earlier page
    #[arg(long)]
    pub cursor: Option<String>,
}

#[derive(Debug, Default, Args)]
pub struct Settings {
    /// Your time zone
    #[arg(long)]
    pub zone: Option<String>,
    /// When reminders of all-day tasks ring
    #[arg(long, value_name = "HH:MM")]
    pub morning: Option<String>,
    /// Between which times nothing is sent to the channels outside
    #[arg(long, value_name = "HH:MM-HH:MM|off")]
    pub quiet: Option<String>,
    /// When you are told what is due that day
    #[arg(long, value_name = "HH:MM|off")]
    pub digest: Option<String>,
    /// What you are written to in; off: what the browser says, English in e-mails
    #[arg(long, value_name = "en|de|off")]
    pub language: Option<String>,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Projects {
    /// Those put away
    #[arg(long)]
    pub archived: bool,
    #[command(subcommand)]
    pub command: Option<ProjectCommand>,
}

#[derive(Debug, Subcommand)]
pub enum ProjectCommand {
    /// Add a project
    Add { name: String },
    /// Give a project another name
    Rename { project: String, name: String },
    /// Put a project away
    Archive { project: String },
    /// Bring a project back
    Restore { project: String },
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_wrong_word_is_an_error_of_usage_that_says_what_is_understood() {
        let error = Cli::try_parse_from(["punctual", "add", "x", "--due", "someday"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("tomorrow"), "{error}");
    }

    #[test]
    fn there_is_no_way_to_give_a_password_as_an_argument() {
        for line in [
            ["punctual", "login", "--password=x"],
            ["punctual", "register", "--password=x"],
        ] {
            assert!(Cli::try_parse_from(line).is_err());
        }
    }

    #[test]
    fn from_completion_is_only_for_what_repeats() {
        assert!(Cli::try_parse_from(["punctual", "add", "x"]).is_ok());
        assert!(Cli::try_parse_from(["punctual", "add", "x", "--from", "completion"]).is_err());
        assert!(
            Cli::try_parse_from([
                "punctual",
                "add",
                "x",
                "--repeat",
                "daily",
                "--from",
                "completion"
            ])
            .is_ok()
        );
    }

    #[test]
    fn every_command_and_every_argument_has_help() {
        for command in Cli::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                assert!(
                    argument.get_help().is_some(),
                    "{} {}",
                    command.get_name(),
                    argument.get_id()
                );
            }
        }
    }
}
