//! One file per command, or per family of them.

pub mod account;
pub mod act;
pub mod add;
pub mod list;
pub mod notifications;
pub mod occurrences;
pub mod projects;
pub mod settings;
pub mod show;
pub mod snooze;
pub mod stats;
pub mod watch;

use punctual_contract::api::Task;

use crate::api::{Answer, Api};
use crate::screen::Screen;

/// Gives the task a number where it had none, and remembers that it was changed last.
fn changed(api: &Api, task: &Task) -> Option<usize> {
    let mut numbers = api.profile.numbers();
    let number = numbers.give(&task.id);
    numbers.last_changed = Some(task.id.clone());
    api.profile.keep_numbers(&numbers);
    number
}

/// With `--json`: prints the answer, and remembers that this task was changed last. Its numbers are a person's.
fn changed_json(api: &Api, screen: &Screen, id: &str, answer: &Answer) {
    let mut numbers = api.profile.numbers();
    numbers.last_changed = Some(id.to_owned());
    api.profile.keep_numbers(&numbers);
    screen.document(&answer.text);
}

/// "3 " of a numbered task.
fn numbered(number: Option<usize>) -> String {
    number
        .map(|number| format!("{number}  "))
        .unwrap_or_default()
}
