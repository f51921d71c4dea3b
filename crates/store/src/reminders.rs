//! Reminders: planned, fired, snoozed, and their receipts.

use serde::{Deserialize, Serialize};

use crate::db::{self, Error, Value};
use crate::values;
use crate::write::Write;

/// The receipt.
pub async fn get(owner: &str, id: &str) -> Result<Option<String>, Error> {
    db::text(
        "SELECT json FROM reminder_json WHERE owner = ?1 AND id = ?2",
        &values![owner, id],
    )
    .await
}

/// The receipts of one task, the last to ring first; the page after `(fire_at, id)`.
pub async fn of_task(
    owner: &str,
    task: &str,
    after: Option<&(i64, String)>,
    limit: i64,
) -> Result<String, Error> {
    let page = "WITH page AS (
             SELECT id, fire_at, json FROM reminder_json
             WHERE owner = ?1 AND task_id = ?2 AND (?3 IS NULL OR (fire_at, id) < (?3, ?4))
             ORDER BY fire_at DESC, id DESC LIMIT ?5)";
    let sql = db::page(
        page,
        "SELECT string_agg(json, ',' ORDER BY fire_at DESC, id DESC) FROM page",
        "concat('[', fire_at, ',', json_quote(id), ']')",
        "fire_at, id",
        "?5",
    );
    db::aggregate(
        sql,
        &values![
            owner,
            task,
            after.map(|(at, _)| *at),
            after.map(|(_, id)| id.as_str()),
            limit
        ],
    )
    .await
}

/// Puts a reminder off until `fire_at`: a new one in its place, while its task is open. The old one is read (fired) or
/// cancelled (planned) by trigger. `false`: it is not theirs, was cancelled, or its task is no longer open.
pub async fn snooze(id: &str, source: &str, fire_at: i64, write: &Write) -> Result<bool, Error> {
    db::touched(
        "INSERT INTO reminders (id, owner, task_id, kind, definition_id, occurrence, due, fire_at, generation, state,
             again_every, again_left, version, op, body_hash, actor, via, trace, created_at, updated_at)
         SELECT ?1, r.owner, r.task_id, 'snooze', r.id, r.occurrence, t.due, ?2, t.generation, 'planned',
             r.again_every, r.again_left + r.repetition, 1, ?3, ?4, ?5, ?6, ?7, ?8, ?8
         FROM reminders r JOIN tasks t ON t.id = r.task_id
         WHERE r.id = ?9 AND r.owner = ?5 AND r.state IN ('planned', 'fired')
           AND t.status = 'open' AND t.deleted_at IS NULL
         /*pg FOR SHARE OF t*/
         ON CONFLICT (id) DO NOTHING RETURNING id",
        &values![
            id,
            fire_at,
            write.op.as_str(),
            write.body_hash.as_deref(),
            write.actor.as_str(),
            write.via.as_str(),
            write.trace.as_deref(),
            write.now,
            source
        ],
    )
    .await
}

/// Fires those of `ids` (a JSON array) that are due by `write.now`, still planned, and of their task's present
/// generation. Deliveries come by trigger. A repetition matches nothing.
pub async fn fire(ids: &[&str], write: &Write) -> Result<(), Error> {
    let ids = db::json(ids)?;
    db::execute(
        "UPDATE reminders SET state = 'fired', fired_at = ?1, version = version + 1, op = ?2, body_hash = NULL,
             actor = ?3, via = ?4, trace = ?5, updated_at = ?1
         WHERE id IN (SELECT value FROM json_each(?6)) AND state = 'planned' AND fire_at <= ?1
           AND EXISTS (SELECT 1 FROM tasks t WHERE t.id = reminders.task_id AND t.generation = reminders.generation
                       AND t.status = 'open' AND t.deleted_at IS NULL /*pg FOR SHARE*/)
         RETURNING id",
        &values![
            write.now,
            write.op.as_str(),
            write.actor.as_str(),
            write.via.as_str(),
            write.trace.as_deref(),
            ids
        ],
    )
    .await
}

/// One reminder as the plan wants it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    pub id: String,
    pub definition_id: String,
    pub occurrence: String,
    pub fire_at: i64,
    /// `planned` or `skipped`
    pub state: String,
    /// Microseconds until it rings again.
    pub again_every: Option<i64>,
    /// How often it does.
    pub again_left: i64,
}

/// Writes what the plan wants for the task's `generation`. Does nothing when the task has moved on. A reminder that
/// stands already keeps its state, and only a cancelled one that was not put off comes back.
/// One that has rung for its occurrence does not ring again at another past instant. `wish` is `plans.wanted` as it was
/// read: a plan from older settings does not overwrite a newer one. The task is locked before its plan, and both until the
/// end: what plans it at the same time, or changes it or its owner's settings, comes before or after.
/// (`0 = (SELECT count(*) …)`: of NOT EXISTS beside an OR, Postgres reads everybody's reminders into a hash table.)
pub async fn plan(
    task: &str,
    generation: i64,
    wish: i64,
    wanted: &[Wanted],
    write: &Write,
) -> Result<(), Error> {
    let wanted = db::json(wanted)?;
    db::execute(
        "WITH t AS (SELECT * FROM tasks WHERE id = ?7 AND generation = ?8 /*pg FOR NO KEY UPDATE*/)
         INSERT INTO reminders (id, owner, task_id, kind, definition_id, occurrence, due, fire_at, generation, state,
             again_every, again_left, version, op, actor, via, trace, created_at, updated_at)
         SELECT w.value ->> 'id', t.owner, t.id, 'definition', w.value ->> 'definition_id', w.value ->> 'occurrence',
             t.due, CAST(w.value ->> 'fire_at' AS BIGINT), t.generation, w.value ->> 'state',
             CAST(w.value ->> 'again_every' AS BIGINT), CAST(w.value ->> 'again_left' AS BIGINT), 1, ?1, ?2, ?3, ?4, ?5, ?5
         FROM t, json_each(?6) AS w
         WHERE (SELECT wanted FROM plans WHERE task_id = t.id /*pg FOR SHARE*/) = ?9
           AND (CAST(w.value ->> 'fire_at' AS BIGINT) > ?5 OR 0 = (
               SELECT count(*) FROM reminders rung WHERE rung.task_id = t.id AND rung.state = 'fired'
                 AND rung.definition_id = w.value ->> 'definition_id' AND rung.occurrence = w.value ->> 'occurrence'))
         ON CONFLICT (task_id, definition_id, occurrence, fire_at) DO UPDATE SET
             generation = excluded.generation, due = excluded.due, again_every = excluded.again_every,
             again_left = CASE reminders.repetition WHEN 0 THEN excluded.again_left ELSE reminders.again_left END,
             state = CASE reminders.state WHEN 'cancelled' THEN excluded.state ELSE reminders.state END,
             version = reminders.version + 1, op = excluded.op, body_hash = NULL, actor = excluded.actor,
             via = excluded.via, trace = excluded.trace, updated_at = excluded.updated_at
         WHERE (reminders.state = 'planned' AND reminders.generation < excluded.generation)
            OR (reminders.state = 'cancelled' AND excluded.state = 'planned' AND 0 = (
                SELECT count(*) FROM reminders snooze WHERE snooze.task_id = reminders.task_id
                  AND snooze.kind = 'snooze' AND snooze.definition_id = reminders.id))
         RETURNING id",
        &values![
            write.op.as_str(),
            write.actor.as_str(),
            write.via.as_str(),
            write.trace.as_deref(),
            write.now,
            Value::Json(wanted),
            task,
            generation,
            wish
        ],
    )
    .await
}

/// Carries over to the new generation what follows from a ring that was: snoozes, and the next ring of what nobody has
/// acknowledged, as long as its definition is there. Where the due they were made for still stands and the task is open.
pub async fn keep_following(task: &str, generation: i64, write: &Write) -> Result<(), Error> {
    db::execute(
        "UPDATE reminders SET generation = ?2, version = version + 1, op = ?3 || '.keep', body_hash = NULL, actor = ?4,
             via = ?5, trace = ?6, updated_at = ?7
         WHERE task_id = ?1 AND (kind = 'snooze' OR repetition > 0) AND state = 'planned' AND generation < ?2
           AND EXISTS (SELECT 1 FROM tasks t WHERE t.id = ?1 AND t.generation = ?2 AND t.status = 'open'
                       AND t.deleted_at IS NULL AND t.due IS NOT DISTINCT FROM reminders.due
                       AND (reminders.kind = 'snooze' OR EXISTS (SELECT 1 FROM json_each(t.reminders/*pg ::json*/) AS d
                            WHERE d.value ->> 'id' = reminders.definition_id)) /*pg FOR SHARE*/)
         RETURNING id",
        &bookkeeping(task, generation, write),
    )
    .await
}

/// Cancels what an older generation had planned, and what this one no longer wants at an instant that is still to come.
pub async fn cancel_unwanted(
    task: &str,
    generation: i64,
    wish: i64,
    wanted: &[Wanted],
    write: &Write,
) -> Result<(), Error> {
    let kept: Vec<&str> = wanted.iter().map(|ring| ring.id.as_str()).collect();
    let kept = db::json(&kept)?;
    let mut values = bookkeeping(task, generation, write).to_vec();
    values.extend(values![kept, wish]);
    db::execute(
        "UPDATE reminders SET state = 'cancelled', version = version + 1, op = ?3 || '.cancel', body_hash = NULL,
             actor = ?4, via = ?5, trace = ?6, updated_at = ?7
         WHERE task_id = ?1 AND state = 'planned' AND (generation < ?2 OR (
             kind = 'definition' AND repetition = 0 AND generation = ?2 AND fire_at > ?7 AND id NOT IN (SELECT value FROM json_each(?8))
             AND (SELECT wanted FROM plans WHERE task_id = ?1 /*pg FOR SHARE*/) = ?9))
         RETURNING id",
        &values,
    )
    .await
}

fn bookkeeping(task: &str, generation: i64, write: &Write) -> [Value; 7] {
    values![
        task,
        generation,
        write.op.as_str(),
        write.actor.as_str(),
        write.via.as_str(),
        write.trace.as_deref(),
        write.now
    ]
}
