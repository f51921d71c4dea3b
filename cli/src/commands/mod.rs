//! One file per command, or per family of them.

pub mod account;
pub mod act;
pub mod add;
pub mod list;
pub mod notifications;
pub mod projects;
pub mod show;
pub mod snooze;
pub mod watch;

use punctual_contract::api::Task;

use crate::api::Api;
use crate::error::Result;

/// Gives the task a number where it had none, and remembers that it was changed last.
fn changed(api: &Api, task: &Task) -> Result<Option<usize>> {
    let mut numbers = api.profile.numbers()?;
    let number = numbers.give(&task.id);
    numbers.last_changed = Some(task.id.clone());
    api.profile.keep_numbers(&numbers)?;
    Ok(number)
}

/// "3 " of a numbered task.
fn numbered(number: Option<usize>) -> String {
    number
        .map(|number| format!("{number}  "))
        .unwrap_or_default()
}
