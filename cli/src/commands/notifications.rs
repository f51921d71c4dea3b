//! What has rung.

use chrono::DateTime;
use punctual_contract::api::{Notification, Page};

use crate::api::{Api, with_query};
use crate::args::Notifications;
use crate::error::Result;
use crate::screen::{Cell, Screen, Style, clean, instant, relative};

pub async fn notifications(api: &Api, screen: &Screen, args: Notifications) -> Result<()> {
    let query = [
        ("unread", args.unread.then(|| "true".to_owned())),
        ("limit", Some(args.limit.to_string())),
        ("cursor", args.cursor),
    ];
    let answer = api.get(with_query("/api/notifications", &query)).await?;
    if screen.json {
        screen.document(&answer.text);
    } else {
        let page: Page<Notification> = answer.json()?;
        table(api, screen, &page).await?;
    }
    if args.read {
        api.act("/api/notifications/read").await?;
    }
    Ok(())
}

async fn table(api: &Api, screen: &Screen, page: &Page<Notification>) -> Result<()> {
    let clock = api.clock().await?;
    if page.items.is_empty() {
        screen.line("Nothing has rung.");
        return Ok(());
    }
    let mut numbers = api.profile.numbers();
    let mut rows = Vec::new();
    for notification in &page.items {
        let unread = notification.read_at.is_none();
        let number = notification
            .task_id
            .as_deref()
            .and_then(|task| numbers.give(task))
            .map(|number| number.to_string())
            .unwrap_or_default();
        let fired = DateTime::parse_from_rfc3339(&notification.fired_at).map(|at| at.to_utc());
        let ago = fired
            .map(|fired| relative(fired.signed_duration_since(clock.now)))
            .unwrap_or_default();
        let mut title = Cell::styled(
            if unread { Style::Bold } else { Style::Plain },
            headline(notification),
        );
        match notification.task_status.as_deref() {
            None | Some("open") => {}
            Some(status) => title.add(Style::Green, clean(status)),
        }
        rows.push(vec![
            Cell::styled(Style::Bold, format!("{number:>2}")),
            Cell::plain(if unread { "●" } else { " " }),
            Cell::plain(instant(&notification.fired_at, &clock)),
            Cell::styled(Style::Dim, ago),
            title,
        ]);
    }
    api.profile.keep_numbers(&numbers);
    screen.table(&[" #", " ", "RANG", "", "TASK"], &rows);
    if let Some(next) = &page.next {
        screen.line(screen.paint(
            Style::Dim,
            &format!("There are more: --cursor {}", clean(next)),
        ));
    }
    Ok(())
}

/// The task's title, or what a digest told: "3 tasks due that day, 1 overdue".
pub(super) fn headline(notification: &Notification) -> String {
    match (&notification.title, &notification.digest) {
        (Some(title), _) => clean(title),
        (None, Some(digest)) => {
            let tasks = |count: i64| match count {
                1 => "1 task".to_owned(),
                count => format!("{count} tasks"),
            };
            match (digest.due, digest.overdue) {
                (0, overdue) => format!("{} overdue", tasks(overdue)),
                (due, 0) => format!("{} due that day", tasks(due)),
                (due, overdue) => format!("{} due that day, {overdue} overdue", tasks(due)),
            }
        }
        (None, None) => String::new(),
    }
}
