//! Done, skip, reopen, delete, restore, undo.

use punctual_contract::api;
use punctual_contract::api::Task;

use crate::api::{Api, escape};
use crate::args::{Many, Undo};
use crate::commands::{changed, changed_json, numbered};
use crate::error::{Error, Result};
use crate::naming;
use crate::screen::{self, Screen, Style, clean};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Complete,
    Skip,
    Reopen,
    Delete,
    Restore,
}

impl Act {
    fn route(self) -> &'static str {
        match self {
            Self::Complete => "/complete",
            Self::Skip => "/skip",
            Self::Reopen => "/reopen",
            Self::Restore => "/restore",
            Self::Delete => "",
        }
    }

    fn word(self) -> (Style, &'static str) {
        match self {
            Self::Complete => (Style::Green, "Done"),
            Self::Skip => (Style::Yellow, "Skipped"),
            Self::Reopen => (Style::Cyan, "Reopened"),
            Self::Delete => (Style::Red, "Deleted"),
            Self::Restore => (Style::Cyan, "Restored"),
        }
    }
}

pub async fn act(api: &Api, screen: &Screen, act: Act, args: Many) -> Result<()> {
    // All names first: a wrong one changes nothing.
    let mut ids = Vec::new();
    for name in &args.tasks {
        let id = naming::task(api, name).await?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    let clock = if screen.json {
        None
    } else {
        Some(api.clock().await?)
    };
    for id in ids {
        let path = format!("/api/tasks/{}", escape(&id));
        let Some(clock) = &clock else {
            let answer = match act {
                Act::Delete => api.delete(&path).await?,
                _ => api.act(format!("{path}{}", act.route())).await?,
            };
            changed_json(api, screen, &id, &answer);
            continue;
        };
        let task: Task = if act == Act::Delete {
            let task = api.get(&path).await?.json()?;
            api.delete(&path).await?;
            task
        } else {
            api.act(format!("{path}{}", act.route())).await?.json()?
        };
        let number = changed(api, &task);
        let (style, word) = act.word();
        screen.line(format!(
            "{} {}{}",
            screen.paint(style, word),
            numbered(number),
            clean(&task.title)
        ));
        match (act, &task.next, &task.repeat) {
            (Act::Complete | Act::Skip, Some(next), _) => {
                screen.line(format!("  {}", screen.paint(Style::Bold, &screen::next(next, task.timezone.as_deref(), clock))));
            }
            (Act::Complete | Act::Skip, None, Some(_)) => screen.line("  This was the last of its series."),
            (Act::Delete, _, Some(_)) => screen.line("  Its series ends. `punctual undo` brings it back; `punctual skip` would have skipped this one only."),
            _ => {}
        }
    }
    Ok(())
}

pub async fn undo(api: &Api, screen: &Screen, args: Undo) -> Result<()> {
    let id = match &args.task {
        Some(name) => naming::task(api, name).await?,
        None => api.profile.numbers().last_changed.ok_or_else(|| {
            Error::failed("Nothing was changed from here yet. Say which task: punctual undo TASK")
        })?,
    };
    let answer = api
        .post(
            format!("/api/tasks/{}/undo", escape(&id)),
            &api::Undo {
                change: args.change,
            },
        )
        .await?;
    if screen.json {
        changed_json(api, screen, &id, &answer);
        return Ok(());
    }
    let task: Task = answer.json()?;
    let number = changed(api, &task);
    let clock = api.clock().await?;
    let mut cell = screen::task_cell(&task, None);
    if let Some(due) = &task.due {
        cell.add(
            Style::Bold,
            format!(
                "· {}",
                screen::due(due, task.timezone.as_deref(), &clock).when
            ),
        );
    }
    screen.line(format!(
        "{} {}{}",
        screen.paint(Style::Cyan, "Undone"),
        numbered(number),
        cell.render(screen, usize::MAX)
    ));
    Ok(())
}
