//! What a series was and will be, and one occurrence of it to come.

use punctual_contract::api::{Occurrence, OccurrencePatch, Occurrences, Task};

use crate::api::{Api, escape, with_query};
use crate::args;
use crate::commands::{changed, changed_json};
use crate::error::{Error, Result};
use crate::naming;
use crate::screen::{self, Cell, Screen, Style};

pub async fn occurrences(api: &Api, screen: &Screen, args: args::Occurrences) -> Result<()> {
    let id = naming::task(api, &args.task).await?;
    let path = format!("/api/tasks/{}/occurrences", escape(&id));
    let clock = api.clock().await?;
    let change = match (&args.skip, &args.r#move, &args.restore) {
        (Some(day), _, _) => Some((
            day,
            OccurrencePatch {
                skipped: Some(true),
                ..OccurrencePatch::default()
            },
        )),
        (_, Some(day), _) => {
            let to = args.to.ok_or_else(|| Error::usage("--move needs --to"))?;
            let due = to
                .due(&clock)
                .map_err(|why| Error::usage(format!("--to: {why}")))?;
            Some((
                day,
                OccurrencePatch {
                    due: Some(Some(due.to_string())),
                    ..OccurrencePatch::default()
                },
            ))
        }
        (_, _, Some(day)) => Some((
            day,
            OccurrencePatch {
                due: Some(None),
                ..OccurrencePatch::default()
            },
        )),
        (None, None, None) => None,
    };
    if let Some((day, patch)) = change {
        let one = named(api, &path, day).await?;
        let path = format!("{path}/{}", escape(&one.occurrence));
        let mut answer = api.patch(&path, &patch, None).await?;
        if args.restore.is_some() && one.state == "skipped" {
            let back = OccurrencePatch {
                skipped: Some(false),
                ..OccurrencePatch::default()
            };
            answer = api.patch(&path, &back, None).await?;
        }
        if screen.json {
            changed_json(api, screen, &id, &answer);
            return Ok(());
        }
        changed(api, &answer.json::<Task>()?);
    }
    // A local date or time: the server knows where the person lives.
    let from = args
        .from
        .map(|when| when.due(&clock).map(|from| from.to_string()))
        .transpose()
        .map_err(|why| Error::usage(format!("--from: {why}")))?;
    let query = [("limit", Some(args.limit.to_string())), ("from", from)];
    let answer = api.get(with_query(&path, &query)).await?;
    if screen.json {
        screen.document(&answer.text);
        return Ok(());
    }
    let page: Occurrences = answer.json()?;
    let task: Task = api
        .get(format!("/api/tasks/{}", escape(&id)))
        .await?
        .json()?;
    if page.items.is_empty() {
        screen.line(if task.repeat.is_some() {
            "Nothing is to come in this series."
        } else {
            "This task does not repeat."
        });
    }
    let rows = page
        .items
        .iter()
        .map(|one| {
            let due = screen::due(&one.due, task.timezone.as_deref(), &clock);
            let style = match one.state.as_str() {
                "completed" => Style::Green,
                "skipped" => Style::Yellow,
                "open" => Style::Bold,
                _ => Style::Plain,
            };
            let moved = if one.due == one.occurrence || one.occurrence.ends_with('Z') {
                String::new()
            } else {
                format!("moved from {}", one.occurrence)
            };
            vec![
                Cell::styled(Style::Dim, format!("{}.", one.number)),
                Cell::styled(style, due.when),
                Cell::styled(style, one.state.clone()),
                Cell::styled(Style::Dim, moved),
            ]
        })
        .collect::<Vec<_>>();
    screen.table(&["", "due", "state", ""], &rows);
    if page.next.is_some() {
        screen.line(screen.paint(Style::Dim, "… more with --limit or --from"));
    }
    Ok(())
}

/// The open occurrence, or one to come, that a day or a day and time names.
async fn named(api: &Api, path: &str, day: &str) -> Result<Occurrence> {
    let page: Occurrences = api.get(format!("{path}?limit=200")).await?.json()?;
    let mut hits = page.items.into_iter().filter(|one| {
        one.occurrence == day || one.occurrence.get(..10) == Some(day) && day.len() == 10
    });
    match (hits.next(), hits.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => Err(Error::usage(format!(
            "{day} has several occurrences; say the time too, as in {day}T09:00"
        ))),
        (None, _) => Err(Error::failed(format!(
            "The series has no occurrence on {day}. `punctual occurrences TASK` shows them."
        ))),
    }
}
