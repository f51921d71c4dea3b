//! Ring again later, or no more.

use std::time::Duration;

use punctual_contract::api::{self, Notification, Page, Receipt, Task};

use crate::api::{Api, escape};
use crate::args::{Ack, Snooze};
use crate::duration;
use crate::error::{Error, Result};
use crate::naming;
use crate::screen::{Screen, Style, clean, instant};
use crate::when::rfc3339;

pub async fn snooze(api: &Api, screen: &Screen, args: Snooze) -> Result<()> {
    let (task, length) = meant(args.task, args.length, args.until.is_some())?;
    let mut request = api::Snooze::default();
    match args.until {
        Some(when) => {
            let clock = api.clock().await?;
            let until = when
                .instant(&clock)
                .map_err(|why| Error::usage(format!("--until: {why}")))?;
            request.until = Some(rfc3339(until));
        }
        None => request.duration = Some(length),
    }
    let task = match task {
        Some(name) => Some(naming::task(api, &name).await?),
        None => None,
    };
    let (reminder, replaced) = match &task {
        Some(id) => of_task(api, id).await?,
        None => (last(api).await?, None),
    };
    let path = format!("/api/reminders/{}/snooze", escape(&reminder));
    let answer = match (api.post(path, &request).await, task) {
        (Err(error), Some(id)) if error.status() == Some(409) => {
            return Err(nothing_to_snooze(api, &id).await);
        }
        (answer, _) => answer?,
    };
    if screen.json {
        screen.document(&answer.text);
        return Ok(());
    }
    let receipt: Receipt = answer.json()?;
    let (task, clock) = tokio::join!(
        api.get(format!(
            "/api/tasks/{}",
            escape(receipt.task_id.as_deref().unwrap_or_default())
        )),
        api.clock()
    );
    let (task, clock): (Task, _) = (task?.json()?, clock?);
    let at = screen.paint(Style::Bold, &instant(&receipt.due_for, &clock));
    let title = clean(&task.title);
    screen.line(match replaced {
        None => format!("{title} rings again {at}"),
        // It has not rung yet: this moves it, and may be to an earlier time.
        Some(before) => format!(
            "{title} rings {at} in place of {}",
            instant(&before, &clock)
        ),
    });
    Ok(())
}

pub async fn acknowledge(api: &Api, screen: &Screen, args: Ack) -> Result<()> {
    let reminder = match args.task {
        Some(name) => {
            let id = naming::task(api, &name).await?;
            let path = format!("/api/tasks/{}/reminders?limit=200", escape(&id));
            let receipts: Page<Receipt> = api.get(&path).await?.json()?;
            receipts
                .items
                .into_iter()
                .filter(|receipt| receipt.state == "fired")
                .max_by(|a, b| a.fired_at.cmp(&b.fired_at))
                .map(|receipt| receipt.id)
                .ok_or_else(|| Error::failed("Nothing of this task has rung."))?
        }
        None => last(api).await?,
    };
    let path = format!("/api/reminders/{}/acknowledge", escape(&reminder));
    let answer = api.act(path).await?;
    if screen.json {
        screen.document(&answer.text);
        return Ok(());
    }
    let receipt: Receipt = answer.json()?;
    let task: Task = api
        .get(format!(
            "/api/tasks/{}",
            escape(receipt.task_id.as_deref().unwrap_or_default())
        ))
        .await?
        .json()?;
    screen.line(format!(
        "{} {}",
        screen.paint(Style::Green, "Acknowledged"),
        clean(&task.title)
    ));
    Ok(())
}

/// `snooze 10m` means what rang last; a length is never a task's name.
fn meant(
    task: Option<String>,
    length: Option<String>,
    until: bool,
) -> Result<(Option<String>, String)> {
    let iso = |text: &str| {
        duration::parse(text)
            .or_else(|| duration::parse_iso(text))
            .map(duration::Span::iso)
    };
    match (task, length) {
        (task, Some(length)) => iso(&length)
            .map(|iso| (task, iso))
            .ok_or_else(|| Error::usage(format!("I don't understand \"{length}\"; say for how long: 10m, 2h, 1d, or --until 'tomorrow 09:00'"))),
        (Some(only), None) => match iso(&only) {
            Some(iso) if !until => Ok((None, iso)),
            _ => Ok((Some(only), "PT10M".to_owned())),
        },
        (None, None) => Ok((None, "PT10M".to_owned())),
    }
}

/// The reminder that rang last, else the one that will ring next, and for when that was planned.
async fn of_task(api: &Api, task: &str) -> Result<(String, Option<String>)> {
    let path = format!("/api/tasks/{}/reminders?limit=200", escape(task));
    // Right after a change of the task its reminders are being planned anew.
    let mut pauses = [100, 200, 400, 800].into_iter().map(Duration::from_millis);
    loop {
        let receipts: Page<Receipt> = api.get(&path).await?.json()?;
        if let Some(chosen) = choose(&receipts.items) {
            return Ok((
                chosen.id.clone(),
                (chosen.state == "planned").then(|| chosen.due_for.clone()),
            ));
        }
        let waits = receipts
            .items
            .iter()
            .any(|receipt| receipt.state == "cancelled");
        match pauses.next().filter(|_| waits) {
            Some(pause) => tokio::time::sleep(pause).await,
            None => return Err(nothing_to_snooze(api, task).await),
        }
    }
}

async fn nothing_to_snooze(api: &Api, task: &str) -> Error {
    let task = api
        .get(format!("/api/tasks/{}", escape(task)))
        .await
        .and_then(|answer| answer.json::<Task>());
    match task {
        Err(error) => error,
        Ok(task) if task.deleted_at.is_some() => {
            Error::failed("This task is deleted. Bring it back first: punctual restore TASK")
        }
        Ok(task) if task.status != "open" => Error::failed(format!(
            "This task is {}. Open it first: punctual reopen TASK",
            clean(&task.status)
        )),
        Ok(_) => Error::failed(
            "This task has no reminder to put off. Add one: punctual edit TASK --remind 'at 18:00'",
        ),
    }
}

fn choose(receipts: &[Receipt]) -> Option<&Receipt> {
    let planned = receipts
        .iter()
        .filter(|receipt| receipt.state == "planned")
        .min_by_key(|receipt| &receipt.due_for);
    // A snooze that still waits is what is put off again, not what it followed.
    if let Some(snooze) = planned.filter(|receipt| receipt.kind == "snooze") {
        return Some(snooze);
    }
    receipts
        .iter()
        .filter(|receipt| receipt.state == "fired")
        .max_by_key(|receipt| &receipt.fired_at)
        .or(planned)
}

async fn last(api: &Api) -> Result<String> {
    let page: Page<Notification> = api.get("/api/notifications?limit=20").await?.json()?;
    let open = page
        .items
        .into_iter()
        .find(|notification| notification.task_status.as_deref() == Some("open"));
    open.map(|notification| notification.id).ok_or_else(|| {
        Error::failed("Nothing has rung for an open task. Say which task: punctual snooze TASK 10m")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(task: Option<&str>, length: Option<&str>, until: bool) -> (Option<String>, String) {
        meant(task.map(str::to_owned), length.map(str::to_owned), until).unwrap()
    }

    #[test]
    fn a_length_alone_is_for_what_rang_last() {
        assert_eq!(said(Some("1h"), None, false), (None, "PT1H".to_owned()));
        assert_eq!(
            said(Some("2"), None, false),
            (Some("2".to_owned()), "PT10M".to_owned())
        );
        assert_eq!(
            said(Some("2"), Some("1d"), false),
            (Some("2".to_owned()), "P1D".to_owned())
        );
        assert_eq!(said(None, None, true), (None, "PT10M".to_owned()));
        assert_eq!(
            meant(Some("2".into()), Some("soon".into()), false)
                .unwrap_err()
                .exit_code(),
            2
        );
    }

    fn receipt(id: &str, kind: &str, state: &str, due_for: &str) -> Receipt {
        Receipt {
            id: id.to_owned(),
            task_id: None,
            kind: kind.to_owned(),
            definition_id: String::new(),
            repetition: 0,
            again_left: 0,
            occurrence: None,
            state: state.to_owned(),
            digest: None,
            planned_at: String::new(),
            due_for: due_for.to_owned(),
            fired_at: (state == "fired").then(|| due_for.to_owned()),
            lateness_ms: None,
            read_at: None,
            deliveries: Vec::new(),
            version: 1,
        }
    }

    #[test]
    fn what_rang_last_is_put_off_and_else_what_rings_next() {
        let chosen = |receipts: &[Receipt]| choose(receipts).map(|receipt| receipt.id.clone());
        let (a, b) = (
            receipt("a", "definition", "fired", "T1"),
            receipt("b", "definition", "fired", "T2"),
        );
        let (c, d) = (
            receipt("c", "definition", "planned", "T3"),
            receipt("d", "definition", "planned", "T4"),
        );
        assert_eq!(
            chosen(&[a.clone(), b.clone(), d.clone(), c.clone()]).as_deref(),
            Some("b")
        );
        assert_eq!(chosen(&[d.clone(), c.clone()]).as_deref(), Some("c"));
        assert_eq!(
            chosen(&[b, receipt("s", "snooze", "planned", "T3"), d]).as_deref(),
            Some("s"),
            "a waiting snooze"
        );
        assert_eq!(
            chosen(&[receipt("x", "definition", "cancelled", "T1")]),
            None
        );
    }
}
