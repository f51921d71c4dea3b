//! Many rows quickly: the product's own statement, with its triggers at work, on the file while no server has it. What the
//! worker would do behind the answers, to plan and to publish, is written beside it as the worker writes it.

use std::path::Path;

use anyhow::{Context as _, Result};
use punctual_domain::time::{Local, Zone, due_instant};
use punctual_sqlite::rusqlite::{Connection, Transaction, params};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::accounts::Account;
use crate::api::task;
use crate::figures::micros;
use crate::statements;

/// Tasks of one transaction.
const AT_ONCE: usize = 20_000;

/// One of so many tasks has a tag, and a word in its title, that the others have not.
const RARE: u64 = 1000;
pub const RARE_TAG: &str = "seldom";
pub const RARE_WORD: &str = "needle";

/// A reminder of one task, as it is planned.
const PLAN: &str = "INSERT INTO reminders (id, owner, task_id, kind, definition_id, occurrence, due, fire_at, generation, state,
        again_left, version, op, actor, via, created_at, updated_at)
    SELECT ?1, owner, id, 'definition', ?2, '', due, ?3, generation, 'planned', 0, 1, ?4, 'punctual', 'planner', ?5, ?5
    FROM tasks WHERE id = ?6";
/// What follows: it is planned, published, and every consumer has seen it.
const SETTLE: &str = "UPDATE plans SET planned = wanted WHERE planned < wanted;
    UPDATE watermarks SET position = (SELECT max(position) FROM changes);";

/// A task with a number, and when it rings.
pub struct New<'a> {
    pub account: &'a Account,
    pub number: u64,
    pub rings: Option<i64>,
}

/// Writes them; answers with their ids.
pub fn fill<'a>(database: &Path, tasks: impl Iterator<Item = New<'a>>) -> Result<Vec<String>> {
    let mut connection = Connection::open(database)?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    connection.pragma_update(None, "cache_size", -262_144)?;
    let mut tasks = tasks.peekable();
    let mut ids = Vec::new();
    while tasks.peek().is_some() {
        let transaction = connection.transaction()?;
        for new in tasks.by_ref().take(AT_ONCE) {
            ids.push(add(&transaction, &new)?);
        }
        transaction.execute_batch(SETTLE)?;
        transaction.commit()?;
    }
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(ids)
}

fn add(transaction: &Transaction<'_>, new: &New<'_>) -> Result<String> {
    let now = micros();
    let (id, op) = (Uuid::now_v7().to_string(), Uuid::now_v7().to_string());
    let mut state = task(new.number);
    if new.number % RARE == RARE / 2 {
        state["title"] = json!(format!("Task {} with a {RARE_WORD}", new.number));
        state["tags"] = json!(["home", RARE_TAG]);
    }
    let zone: Zone = state["timezone"]
        .as_str()
        .and_then(|zone| zone.parse().ok())
        .context("a zone")?;
    let due: Local = state["due"]
        .as_str()
        .and_then(|due| due.parse().ok())
        .context("a due")?;
    let definition = Uuid::now_v7().to_string();
    let own = json!({
        "id": id, "project_id": new.account.inbox, "due_at": due_instant(due, zone).micros(), "repeat": null,
        "reminders": new.rings.map_or_else(Vec::new, |at| vec![json!({
            "id": definition, "at": punctual_domain::Instant::from_micros(at).to_string(),
        })]),
        "rank": "",
    });
    if let (Value::Object(state), Value::Object(own)) = (&mut state, own) {
        state.extend(own);
    }
    transaction
        .prepare_cached(statements::CREATE)?
        .query_row(
            params![
                state.to_string(),
                now,
                op,
                None::<String>,
                new.account.id,
                "api",
                None::<String>
            ],
            |_| Ok(()),
        )
        .context("a task")?;
    if let Some(at) = new.rings {
        // Theirs are made of a hash.
        let reminder = Uuid::new_v4().to_string();
        transaction
            .prepare_cached(PLAN)?
            .execute(params![reminder, definition, at, op, now, id])?;
    }
    Ok(id)
}
