//! One task, lists, history, receipts.

use punctual_contract::api::{Occurrence, Occurrences};
use punctual_domain::time::{self, Instant, Local, Zone};
use punctual_function::{Answer, Call, Caller, Problem, Scope};
use punctual_store::tasks::{self, Cursor, Filter};

pub async fn shown(owner: &str, id: &str) -> Result<Answer, Problem> {
    Answer::versioned(
        tasks::get(owner, id)
            .await?
            .ok_or_else(|| Problem::not_found("task"))?,
    )
}

pub async fn get(call: &Call, id: &str) -> Result<Answer, Problem> {
    shown(&Caller::of(call, Scope::Read).await?.user, id).await
}

pub async fn list(call: &Call) -> Result<Answer, Problem> {
    let caller = Caller::of(call, Scope::Read).await?;
    call.only_queries(&[
        "status",
        "project_id",
        "series_id",
        "tag",
        "q",
        "due_before",
        "due_after",
        "sort",
        "limit",
        "cursor",
    ])?;
    let by_completion = match call.query("sort") {
        None | Some("due") => false,
        Some("completed") => true,
        Some(_) => return Err(Problem::field("sort", "takes due or completed")),
    };
    let status = match call.query("status") {
        None if by_completion => None,
        None => Some("open"),
        Some("all") => None,
        Some(status @ ("open" | "completed" | "skipped")) => Some(status),
        Some(_) => {
            return Err(Problem::field(
                "status",
                "takes open, completed, skipped or all",
            ));
        }
    };
    let filter = Filter {
        status,
        project: call.query("project_id"),
        series: call.query("series_id"),
        tag: call.query("tag"),
        words: call.query("q"),
        due_before: instant(call, &caller, "due_before").await?,
        due_after: instant(call, &caller, "due_after").await?,
    };
    let limit = call.limit()?;
    let page = if by_completion {
        let after: Option<(i64, String)> = call.cursor()?;
        tasks::list_done(&caller.user, &filter, after.as_ref(), limit).await?
    } else {
        let after: Option<Cursor> = call.cursor()?;
        tasks::list(&caller.user, &filter, after.as_ref(), limit).await?
    };
    Ok(Answer::json(page))
}

/// The farthest that one request looks, in microseconds: ten years.
const SPAN: i64 = 3_660 * 24 * 3_600 * 1_000_000;

/// The occurrences of a task's series: those that have a task, and those that come after the open one.
pub async fn occurrences(call: &Call, id: &str) -> Result<Answer, Problem> {
    let caller = Caller::of(call, Scope::Read).await?;
    call.only_queries(&["from", "to", "limit"])?;
    let limit = call.limit()?;
    let loaded = tasks::load(Some(&caller.user), id)
        .await?
        .ok_or_else(|| Problem::not_found("task"))?;
    let account = loaded.account.account()?;
    let from = instant_in(call, "from", account.zone)?.unwrap_or(call.now);
    let until = match instant_in(call, "to", account.zone)? {
        Some(until) if until <= from => {
            return Err(Problem::field("to", "must be later than from"));
        }
        Some(until) => until.min(from.saturating_add(SPAN)),
        None => from.saturating_add(SPAN),
    };
    let task = &loaded.task;
    let mut items = Vec::new();
    if let Some(series) = &task.series_id {
        let past = tasks::occurrences(&caller.user, series, from, until, limit + 1).await?;
        items.extend(past.into_iter().map(|one| {
            let item = Occurrence {
                occurrence: one.occurrence,
                number: one.number,
                due: one.due,
                due_at: Instant::from_micros(one.due_at).to_string(),
                state: one.status,
                task_id: Some(one.id),
                completed_at: one
                    .completed_at
                    .map(|at| Instant::from_micros(at).to_string()),
            };
            (one.due_at, item)
        }));
    }
    let most = usize::try_from(limit).unwrap_or_default() + 1;
    let (begin, end) = (Instant::from_micros(from), Instant::from_micros(until));
    let upcoming = task
        .upcoming(&account, begin, end, most)
        .map_err(|error| Problem::new(500, error.to_string()))?;
    items.extend(upcoming.into_iter().map(|(one, left_out)| {
        let item = Occurrence {
            occurrence: one.key,
            number: one.number.into(),
            due: one.at.to_string(),
            due_at: one.due_at.to_string(),
            state: if left_out { "skipped" } else { "planned" }.to_owned(),
            task_id: None,
            completed_at: None,
        };
        (one.due_at.micros(), item)
    }));
    items.sort_by(|(a, one), (b, other)| (a, &one.occurrence).cmp(&(b, &other.occurrence)));
    let next = items
        .get(most - 1)
        .map(|(at, _)| Instant::from_micros(*at).to_string());
    items.truncate(most - 1);
    Answer::of(&Occurrences {
        items: items.into_iter().map(|(_, item)| item).collect(),
        next,
    })
}

/// What [`instant_in`] reads, where the person lives. An instant needs no look at their settings.
async fn instant(call: &Call, caller: &Caller, name: &str) -> Result<Option<i64>, Problem> {
    match call.query(name) {
        Some(text) if text.parse::<Instant>().is_err() => {
            instant_in(call, name, tasks::account(&caller.user).await?.zone()?)
        }
        _ => instant_in(call, name, Zone::UTC),
    }
}

/// An instant, or a date that means the beginning of that day in a zone.
fn instant_in(call: &Call, name: &str, zone: Zone) -> Result<Option<i64>, Problem> {
    let Some(text) = call.query(name) else {
        return Ok(None);
    };
    if let Ok(instant) = text.parse::<Instant>() {
        return Ok(Some(instant.micros()));
    }
    let wrong = || {
        Problem::field(
            name,
            "takes a date (2026-12-01), a local time or an RFC 3339 instant",
        )
    };
    Ok(Some(match text.parse::<Local>().map_err(|_| wrong())? {
        Local::Date(date) => time::day_start(date, zone).micros(),
        Local::DateTime(at) => time::resolve(at, zone).micros(),
    }))
}

pub async fn history(call: &Call, id: &str) -> Result<Answer, Problem> {
    let caller = Caller::of(call, Scope::Read).await?;
    call.only_queries(&["limit", "cursor"])?;
    shown(&caller.user, id).await?;
    Ok(Answer::json(
        tasks::history(&caller.user, id, call.cursor()?, call.limit()?).await?,
    ))
}

pub async fn reminders(call: &Call, id: &str) -> Result<Answer, Problem> {
    let caller = Caller::of(call, Scope::Read).await?;
    call.only_queries(&["limit", "cursor"])?;
    let after: Option<(i64, String)> = call.cursor()?;
    shown(&caller.user, id).await?;
    Ok(Answer::json(
        punctual_store::reminders::of_task(&caller.user, id, after.as_ref(), call.limit()?).await?,
    ))
}
