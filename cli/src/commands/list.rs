//! The list, numbered.

use punctual_domain::Zone;
use std::collections::HashMap;

use punctual_contract::api::{Page, Task};

use crate::api::{Api, with_query};
use crate::args::{List, Status};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::naming::{self, Among};
use crate::screen::{self, Cell, Screen, Style, short};
use crate::when::{When, rfc3339};

pub async fn list(api: &Api, screen: &Screen, args: List) -> Result<()> {
    // A program that names no time needs no zone.
    let zoneless = screen.json && args.before.is_none() && args.after.is_none();
    let clock = if zoneless {
        Clock::system(Zone::UTC)
    } else {
        api.clock().await?
    };
    let status = if args.all { Status::All } else { args.status };
    let project_id = match &args.project {
        Some(name) => Some(naming::project(api, name, Among::All).await?.id),
        None => None,
    };
    let query = [
        ("status", Some(status.name().to_owned())),
        ("project_id", project_id.clone()),
        ("tag", args.tag.clone()),
        ("q", (!args.words.is_empty()).then(|| args.words.join(" "))),
        (
            "due_before",
            edge(args.before.as_ref(), "--before", &clock)?,
        ),
        ("due_after", edge(args.after.as_ref(), "--after", &clock)?),
        ("limit", Some(args.limit.to_string())),
        ("cursor", args.cursor.clone()),
    ];
    let answer = api.get(with_query("/api/tasks", &query)).await?;
    if screen.json {
        screen.document(&answer.text);
        return Ok(());
    }
    let page: Page<Task> = answer.json()?;
    if page.items.is_empty() {
        let filtered = !args.words.is_empty()
            || project_id.is_some()
            || args.tag.is_some()
            || args.before.is_some()
            || args.after.is_some();
        screen.line(match (status, filtered) {
            (_, true) => "Nothing fits. `punctual list` shows all that is open.",
            (Status::Open, false) => "Nothing to do. Add a task: punctual add 'Call Bob' --due 'tomorrow 09:00' --remind 30m",
            (_, false) => "Nothing here.",
        });
    }
    let projects = project_names(api, &page.items, project_id.is_some()).await?;
    let mut numbers = api.profile.numbers();
    // A further page goes on counting.
    if args.cursor.is_none() {
        numbers.ids.clear();
    }
    let mut rows = Vec::new();
    for task in &page.items {
        let number = numbers
            .give(&task.id)
            .map(|number| number.to_string())
            .unwrap_or_default();
        let mut row = vec![
            Cell::styled(Style::Bold, format!("{number:>2}")),
            Cell::styled(Style::Dim, short(&task.id)),
        ];
        row.extend(due_cells(task, &clock));
        row.push(screen::task_cell(
            task,
            projects.get(&task.project_id).map(String::as_str),
        ));
        rows.push(row);
    }
    api.profile.keep_numbers(&numbers);
    if !rows.is_empty() {
        screen.table(&[" #", "ID", "DUE", "", "TASK"], &rows);
    }
    if let Some(next) = page.next {
        screen.line(screen.paint(Style::Dim, &more(&args.limit, &next)));
    }
    Ok(())
}

fn more(limit: &u16, next: &str) -> String {
    if *limit < 200 {
        "There are more: --limit 200".to_owned()
    } else {
        format!("There are more: --cursor {next}")
    }
}

fn due_cells(task: &Task, clock: &Clock) -> [Cell; 2] {
    let Some(due) = &task.due else {
        return [Cell::default(), Cell::default()];
    };
    let due = screen::due(due, task.timezone.as_deref(), clock);
    let (style, relative) = match (task.status.as_str(), due.past) {
        ("open", true) => (
            Style::Red,
            if due.relative.is_empty() {
                "overdue".to_owned()
            } else {
                format!("overdue, {}", due.relative)
            },
        ),
        ("open", false) => (Style::Plain, due.relative),
        _ => (Style::Dim, String::new()),
    };
    [
        Cell::styled(style, due.when),
        Cell::styled(if due.past { style } else { Style::Dim }, relative),
    ]
}

/// Names by id, of all but the Inbox; of none where all are in one project anyway.
async fn project_names(api: &Api, tasks: &[Task], one: bool) -> Result<HashMap<String, String>> {
    if one || tasks.is_empty() {
        return Ok(HashMap::new());
    }
    let projects = naming::projects(api, false).await?;
    Ok(projects
        .into_iter()
        .filter(|project| project.kind != "inbox")
        .map(|project| (project.id, project.name))
        .collect())
}

/// A day means its beginning.
fn edge(when: Option<&When>, option: &str, clock: &Clock) -> Result<Option<String>> {
    let Some(when) = when else { return Ok(None) };
    let instant = when
        .beginning(clock)
        .map_err(|why| Error::usage(format!("{option}: {why}")))?;
    Ok(Some(rfc3339(instant)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::tests::at;

    #[test]
    fn a_day_means_its_beginning() {
        let clock = at("2026-11-23T09:50:00", "Europe/Berlin");
        let edge = |text: &str| {
            edge(Some(&text.parse().unwrap()), "--before", &clock)
                .unwrap()
                .unwrap()
        };
        // The `due_at` of a task that is due on the 23rd, without a time, is 2026-11-23T23:00:00Z.
        assert_eq!(edge("tomorrow"), "2026-11-23T23:00:00Z");
        assert_eq!(edge("tomorrow 09:00"), "2026-11-24T08:00:00Z");
    }
}
