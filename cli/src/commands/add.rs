//! Add a task, change one.

use punctual_contract::api::{
    NewTask, QuickAdd, QuickAddSpan, QuickAddTask, QuickAddText, Reminder, Repeat, RepeatPatch,
    Task, TaskPatch,
};

use crate::api::{Api, escape};
use crate::args::{Add, Again, Basis, Edit, OrNone, Priority};
use crate::clock::Clock;
use crate::commands::{changed, changed_json, numbered};
use crate::error::{Error, Result};
use crate::naming::{self, Among};
use crate::screen::{self, Screen, Style};
use crate::when::{Remind, rfc3339};

pub async fn add(api: &Api, screen: &Screen, args: Add) -> Result<()> {
    let text = args.title.join(" ");
    let said = if args.plain {
        None
    } else {
        Some(read(api, &text, &args).await?)
    };
    let said_due = said.as_ref().and_then(|said| said.due.clone());
    let said_repeat = said.as_ref().and_then(|said| said.repeat.clone());
    let before = args
        .remind
        .iter()
        .any(|remind| matches!(remind, Remind::Before(_)));
    if before
        && args.due.is_none()
        && args.repeat.is_none()
        && said_due.is_none()
        && said_repeat.is_none()
    {
        return Err(Error::usage(
            "--remind with a length counts back from the due time: add --due, or say when, as in --remind 'at 18:00'.",
        ));
    }
    let mut clock = api.clock().await?;
    let shown = clock;
    clock.zone = args.zone.unwrap_or(clock.zone);
    let given = args
        .due
        .as_ref()
        .map(|due| due.due(&clock))
        .transpose()
        .map_err(|why| Error::usage(format!("--due: {why}")))?
        .map(|due| due.to_string())
        .or(said_due)
        .or_else(|| Some(args.repeat.as_ref()?.time(&clock)?.to_string()));
    let first = given
        .as_deref()
        .and_then(|due| due.get(..10)?.parse().ok())
        .unwrap_or_else(|| clock.today());
    let repeat = match &args.repeat {
        None => said_repeat,
        Some(repeat) => Some(Repeat::new(
            repeat
                .rrule(first, &clock)
                .map_err(|why| Error::usage(format!("--repeat: {why}")))?,
            match repeat.counts_from_completion(&clock) {
                true => Basis::Completion.name(),
                false => args.from.name(),
            },
        )),
    };
    let project_id = match &args.project {
        Some(name) => Some(naming::project(api, name, Among::InUse).await?.id),
        None => said.as_ref().and_then(|said| said.project_id.clone()),
    };
    let said = said.unwrap_or_else(|| QuickAddTask {
        title: text,
        project_id: None,
        priority: Priority::None.name().to_owned(),
        tags: Vec::new(),
        due: None,
        repeat: None,
        reminders: Vec::new(),
    });
    let reminders = match args.remind.as_slice() {
        [] => said.reminders,
        all => all
            .iter()
            .map(|remind| Ok(again(reminder(remind.clone(), &clock)?, &args.again)))
            .collect::<Result<Vec<_>>>()?,
    };
    let mut tags = args.tag;
    tags.extend(said.tags);
    let task = NewTask {
        title: said.title,
        notes: args.notes.unwrap_or_default(),
        project_id,
        priority: match args.priority {
            Priority::None => said.priority,
            priority => priority.name().to_owned(),
        },
        tags,
        start: args
            .start
            .map(|start| start.due(&clock).map(|start| start.to_string()))
            .transpose()
            .map_err(|why| Error::usage(format!("--start: {why}")))?,
        due: given,
        timezone: args.zone.map(|zone| zone.to_string()),
        repeat,
        // None at all: the project's, if it has some.
        reminders: Some(reminders).filter(|reminders| !reminders.is_empty()),
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
fn again(reminder: Reminder, again: &Again) -> Reminder {
    Reminder {
        again: again.every.clone(),
        times: again.times,
        ..reminder
    }
}

/// What the words say, but for what an option says: those words stay in the title.
async fn read(api: &Api, text: &str, args: &Add) -> Result<QuickAddTask> {
    let request = QuickAddText {
        text: text.to_owned(),
        timezone: args.zone.map(|zone| zone.to_string()),
        language: None,
    };
    let read: QuickAdd = api.post("/api/quick-add", &request).await?.json()?;
    let mut task = read.task;
    let given = |field: &str| match field {
        "due" => args.due.is_some(),
        "repeat" => args.repeat.is_some(),
        "reminder" => !args.remind.is_empty(),
        "priority" => args.priority != Priority::None,
        "project" => args.project.is_some(),
        _ => false,
    };
    if read.spans.iter().any(|span| given(&span.field)) {
        task.title = without(text, read.spans.iter().filter(|span| !given(&span.field)));
    }
    if args.due.is_some() {
        task.due = None;
    }
    if args.repeat.is_some() {
        task.repeat = None;
    }
    Ok(task)
}

/// A text without some of its words, and without the signs that joined them to the rest.
fn without<'a>(text: &str, spans: impl Iterator<Item = &'a QuickAddSpan>) -> String {
    let units: Vec<u16> = text.encode_utf16().collect();
    let (mut left, mut from) = (Vec::new(), 0);
    let place = |at: u32| usize::try_from(at).unwrap_or(usize::MAX).min(units.len());
    for span in spans.filter(|span| !span.stays) {
        left.extend(units.get(from..place(span.start)).unwrap_or_default());
        from = place(span.end);
    }
    left.extend(units.get(from..).unwrap_or_default());
    let left = String::from_utf16_lossy(&left);
    let words: Vec<&str> = left.split_whitespace().collect();
    words
        .join(" ")
        .replace(" ,", ",")
        .trim_matches([',', ';', ':', '-', ' '])
        .to_owned()
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
    let no_due = due.flatten().is_none();
    let first = match due.flatten() {
        Some(due) => due.date(),
        None => task
            .due
            .as_deref()
            .and_then(|due| due.get(..10)?.parse().ok())
            .unwrap_or_else(|| own.today()),
    };
    let repeat = match (args.repeat, args.from) {
        (Some(OrNone::Some(repeat)), from) => {
            if repeat.time(&own).is_some() && no_due {
                return Err(Error::usage(
                    "--repeat says a time here: say it with --due.",
                ));
            }
            let from = match repeat.counts_from_completion(&own) {
                true => Some(Basis::Completion),
                false => from,
            };
            Some(Some(RepeatPatch {
                rrule: Some(
                    repeat
                        .rrule(first, &own)
                        .map_err(|why| Error::usage(format!("--repeat: {why}")))?,
                ),
                from: from.map(|from| Some(from.name().to_owned())),
                ..RepeatPatch::default()
            }))
        }
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
                        let remind = again(reminder(remind, &own)?, &args.again);
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
    fn words_that_an_option_says_otherwise_stay_in_the_title() {
        let span = |start, end| QuickAddSpan {
            start,
            end,
            field: "tag".to_owned(),
            words: String::new(),
            stays: false,
        };
        let spans = [span(9, 13), span(25, 27)];
        assert_eq!(
            without("🏠 Paint @diy, tomorrow, !1", spans.iter()),
            "🏠 Paint, tomorrow"
        );
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
