//! Add a task, change one.

use std::collections::BTreeMap;

use punctual_contract::api::{NewTask, Reminder, Repeat, RepeatPatch, Task, TaskPatch};

use crate::api::{Api, escape};
use crate::args::{Add, Edit, OrNone};
use crate::clock::Clock;
use crate::commands::{changed, changed_json, numbered};
use crate::error::{Error, Result};
use crate::naming::{self, Among};
use crate::screen::{self, Screen, Style};
use crate::when::{Remind, rfc3339};

pub async fn add(api: &Api, screen: &Screen, args: Add) -> Result<()> {
    let before = args
        .remind
        .iter()
        .any(|remind| matches!(remind, Remind::Before(_)));
    if before && args.due.is_none() && args.repeat.is_none() {
        return Err(Error::usage(
            "--remind with a length counts back from the due time: add --due, or say when, as in --remind 'at 18:00'.",
        ));
    }
    let mut clock = api.clock().await?;
    let shown = clock;
    clock.zone = args.zone.unwrap_or(clock.zone);
    let due = args
        .due
        .map(|due| due.due(&clock))
        .transpose()
        .map_err(|why| Error::usage(format!("--due: {why}")))?;
    let first = due.map_or_else(|| clock.today(), |due| due.date());
    let project_id = match &args.project {
        Some(name) => Some(naming::project(api, name, Among::InUse).await?.id),
        None => None,
    };
    let task = NewTask {
        title: args.title.join(" "),
        notes: args.notes.unwrap_or_default(),
        project_id,
        priority: args.priority.name().to_owned(),
        tags: args.tag,
        start: args
            .start
            .map(|start| start.due(&clock).map(|start| start.to_string()))
            .transpose()
            .map_err(|why| Error::usage(format!("--start: {why}")))?,
        due: due.map(|due| due.to_string()),
        timezone: args.zone.map(|zone| zone.to_string()),
        repeat: args.repeat.map(|repeat| Repeat {
            rrule: repeat.rrule(first),
            from: args.from.name().to_owned(),
            exdates: Vec::new(),
            rdates: Vec::new(),
            moved: BTreeMap::new(),
        }),
        reminders: match args.remind.as_slice() {
            [] => None, // The project's, if it has some.
            all => Some(
                all.iter()
                    .map(|remind| Ok(again(reminder(*remind, &clock)?, &args.again, args.times)))
                    .collect::<Result<_>>()?,
            ),
        },
        rank: String::new(),
    };
    let answer = api.post("/api/tasks", &task).await?;
    if screen.json {
        changed_json(api, screen, &answer.json::<Task>()?.id, &answer);
        return Ok(());
    }
    tell(api, screen, &answer.json()?, "Added", &shown);
    Ok(())
}

/// With a pause it rings until it is acknowledged.
fn again(reminder: Reminder, again: &Option<String>, times: Option<u32>) -> Reminder {
    Reminder {
        again: again.clone(),
        times,
        ..reminder
    }
}

fn reminder(remind: Remind, clock: &Clock) -> Result<Reminder> {
    Ok(match remind {
        Remind::Before(span) => Reminder {
            before: Some(span.iso()),
            ..Reminder::default()
        },
        Remind::At(when) => {
            let at = when
                .instant(clock)
                .map_err(|why| Error::usage(format!("--remind: {why}")))?;
            Reminder {
                at: Some(rfc3339(at)),
                ..Reminder::default()
            }
        }
    })
}

/// "Added 3  Pay rent  tomorrow 09:00 (in 15 h)", and what became of reminders that are past.
fn tell(api: &Api, screen: &Screen, task: &Task, did: &str, clock: &Clock) {
    let number = numbered(changed(api, task));
    let mut cell = screen::task_cell(task, None);
    if let Some(due) = &task.due {
        let due = screen::due(due, task.timezone.as_deref(), clock);
        let style = if due.past && task.status == "open" {
            Style::Red
        } else {
            Style::Bold
        };
        cell.add(style, format!("· {}", due.when));
        if !due.relative.is_empty() {
            cell.add(Style::Dim, format!("({})", due.relative));
        }
    }
    screen.line(format!("{did} {number}{}", cell.render(screen, usize::MAX)));
    let past = match (task.skipped_reminders.len(), task.reminders.len()) {
        (0, _) => return,
        (1, 1) => "Its reminder is".to_owned(),
        (1, _) => "One of its reminders is".to_owned(),
        (past, all) if past == all => "All its reminders are".to_owned(),
        (past, _) => format!("{past} of its reminders are"),
    };
    screen.line(screen.paint(
        Style::Yellow,
        &format!("{past} already past and will not ring."),
    ));
}

pub async fn edit(api: &Api, screen: &Screen, args: Edit) -> Result<()> {
    let id = naming::task(api, &args.task).await?;
    let path = format!("/api/tasks/{}", escape(&id));
    let (read, clock) = tokio::join!(api.get(&path), api.clock());
    let (read, clock) = (read?, clock?);
    let task: Task = read.json()?;
    let zone = match &args.zone {
        Some(OrNone::Some(zone)) => *zone,
        Some(OrNone::None) => clock.zone,
        None => task
            .timezone
            .as_deref()
            .and_then(|zone| zone.parse().ok())
            .unwrap_or(clock.zone),
    };
    let own = Clock { zone, ..clock };
    let due = match args.due {
        Some(OrNone::Some(when)) => Some(Some(
            when.due(&own)
                .map_err(|why| Error::usage(format!("--due: {why}")))?,
        )),
        Some(OrNone::None) => Some(None),
        None => None,
    };
    let start = match args.start {
        Some(OrNone::Some(when)) => Some(Some(
            when.due(&own)
                .map_err(|why| Error::usage(format!("--start: {why}")))?
                .to_string(),
        )),
        Some(OrNone::None) => Some(None),
        None => None,
    };
    let first = match due.flatten() {
        Some(due) => due.date(),
        None => task
            .due
            .as_deref()
            .and_then(|due| due.get(..10)?.parse().ok())
            .unwrap_or_else(|| own.today()),
    };
    let repeat = match (args.repeat, args.from) {
        (Some(OrNone::Some(repeat)), from) => Some(Some(RepeatPatch {
            rrule: Some(repeat.rrule(first)),
            from: from.map(|from| Some(from.name().to_owned())),
            ..RepeatPatch::default()
        })),
        (Some(OrNone::None), _) => Some(None),
        (None, Some(_)) if task.repeat.is_none() => {
            return Err(Error::usage(
                "--from needs --repeat: this task does not repeat.",
            ));
        }
        (None, Some(from)) => Some(Some(RepeatPatch {
            from: Some(Some(from.name().to_owned())),
            ..RepeatPatch::default()
        })),
        (None, None) => None,
    };
    let project_id = match &args.project {
        Some(name) => Some(Some(naming::project(api, name, Among::InUse).await?.id)),
        None => None,
    };
    let reminders = match args.remind.as_slice() {
        [] => None,
        all => {
            let wanted = all.iter().filter_map(|remind| remind.clone().into_option());
            Some(Some(
                wanted
                    .map(|remind| {
                        let remind = again(reminder(remind, &own)?, &args.again, args.times);
                        Ok(kept(&task, remind))
                    })
                    .collect::<Result<Vec<_>>>()?,
            ))
        }
    };
    let patch = TaskPatch {
        title: args.title,
        notes: args
            .notes
            .map(|notes| if notes == "none" { None } else { Some(notes) }),
        project_id,
        priority: args
            .priority
            .map(|priority| Some(priority.name().to_owned())),
        tags: (!args.tag.is_empty())
            .then(|| Some(args.tag.into_iter().filter(|tag| tag != "none").collect())),
        start,
        due: due.map(|due| due.map(|due| due.to_string())),
        apply: match (args.once, args.later) {
            (true, _) => Some("this".to_owned()),
            (_, true) => Some("later".to_owned()),
            _ => None,
        },
        timezone: args
            .zone
            .map(|zone| zone.into_option().map(|zone| zone.to_string())),
        repeat,
        reminders,
        ..TaskPatch::default()
    };
    if patch == TaskPatch::default() {
        return Err(Error::usage(
            "Say what to change: --title, --due, --remind, --repeat … (punctual edit --help).",
        ));
    }
    let answer = api.patch(&path, &patch, read.etag).await?;
    if screen.json {
        changed_json(api, screen, &id, &answer);
        return Ok(());
    }
    tell(api, screen, &answer.json()?, "Changed", &clock);
    Ok(())
}

/// The same reminder sent again keeps its id, and with it its state: it does not ring a second time. The server writes
/// equal lengths and instants its own way (`PT60S` as `PT1M`), so they are compared by what they mean.
fn kept(task: &Task, wanted: Reminder) -> Reminder {
    task.reminders
        .iter()
        .find(|known| meaning(known) == meaning(&wanted))
        .cloned()
        .unwrap_or(wanted)
}

fn meaning(reminder: &Reminder) -> impl PartialEq + std::fmt::Debug + use<> {
    let before = reminder
        .before
        .as_deref()
        .and_then(crate::duration::parse_iso);
    let at = reminder
        .at
        .as_deref()
        .and_then(|at| at.parse::<chrono::DateTime<chrono::Utc>>().ok());
    (
        before.map(|span| {
            (
                span.days,
                span.hours * 3600 + span.minutes * 60 + span.seconds,
            )
        }),
        at,
        reminder.of.clone().filter(|of| of != "due"),
        (reminder.again.clone(), reminder.times),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn before(id: Option<&str>, before: &str) -> Reminder {
        Reminder {
            id: id.map(str::to_owned),
            before: Some(before.to_owned()),
            ..Reminder::default()
        }
    }

    #[test]
    fn reminders_that_mean_the_same_are_the_same() {
        assert_eq!(
            meaning(&before(None, "PT60S")),
            meaning(&before(Some("a"), "PT1M"))
        );
        assert_eq!(meaning(&before(None, "P7D")), meaning(&before(None, "P1W")));
        assert_ne!(
            meaning(&before(None, "P1D")),
            meaning(&before(None, "PT24H")),
            "a day is not always 24 hours long"
        );
        let at = |at: &str| Reminder {
            at: Some(at.to_owned()),
            ..Reminder::default()
        };
        assert_eq!(
            meaning(&at("2026-11-30T18:00:00Z")),
            meaning(&at("2026-11-30T18:00:00.000Z"))
        );
    }
}
