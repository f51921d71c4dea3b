//! One task, lists, history, receipts.

use punctual_domain::time::{self, Instant, Local};
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

/// An instant, or a date that means the beginning of that day where the person lives.
async fn instant(call: &Call, caller: &Caller, name: &str) -> Result<Option<i64>, Problem> {
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
    let zone = tasks::account(&caller.user).await?.zone()?;
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
