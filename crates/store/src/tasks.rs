//! Tasks. Every change of a task is load, decide (in `punctual_domain::lifecycle`), save: one statement that holds only
//! while the version stands.

use punctual_contract::problem::Problem;
use punctual_domain::lifecycle::{Account, TaskState};
use punctual_domain::reminders::Definition;
use serde::{Deserialize, Serialize};

use crate::db::{self, Error, Value};
use crate::statements::{self, PLACE};
use crate::values;
use crate::write::Write;

/// The answer's JSON, deleted tasks included: their owner may restore them.
pub async fn get(owner: &str, id: &str) -> Result<Option<String>, Error> {
    db::text(
        "SELECT json FROM task_json WHERE owner = ?1 AND id = ?2",
        &values![owner, id],
    )
    .await
}

/// What a list shows.
#[derive(Debug, Default)]
pub struct Filter<'a> {
    /// `None`: all.
    pub status: Option<&'a str>,
    pub project: Option<&'a str>,
    pub series: Option<&'a str>,
    pub tag: Option<&'a str>,
    /// Part of the title, any case.
    pub words: Option<&'a str>,
    /// Unix microseconds of `due_at`. What is due on a whole day ends at the next midnight, and belongs before it.
    pub due_before: Option<i64>,
    pub due_after: Option<i64>,
}

/// Where a page ended: `due_at` (the largest number where there is none), `created_at`, id.
pub type Cursor = (i64, i64, String);

/// The pattern of `LIKE … ESCAPE '\'` for what holds these words as they stand.
pub fn holding(words: &str) -> String {
    let words = words
        .replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_");
    format!("%{words}%")
}

/// A condition that grows, and the values of its placeholders.
struct Condition {
    sql: String,
    values: Vec<Value>,
}

impl Condition {
    /// The next placeholder, for a value.
    fn bind(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("?{}", self.values.len())
    }

    fn and(&mut self, sql: &str) {
        self.sql.push_str(" AND ");
        self.sql.push_str(sql);
    }

    /// `?` stands for the value, wherever it is.
    fn and_where(&mut self, sql: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            let bound = self.bind(value);
            self.and(&sql.replace('?', &bound));
        }
    }
}

impl Filter<'_> {
    fn condition(&self, owner: &str) -> Condition {
        let mut all = Condition {
            sql: "owner = ?1 AND deleted_at IS NULL".to_owned(),
            values: vec![owner.into()],
        };
        all.and_where("status = ?", self.status);
        all.and_where("project_id = ?", self.project);
        all.and_where("series_id = ?", self.series);
        // What has the text nowhere is not taken apart.
        let quoted = self.tag.map(|tag| serde_json::Value::from(tag).to_string());
        all.and_where("instr(tags, ?) > 0", quoted);
        all.and_where(
            "EXISTS (SELECT 1 FROM json_each(tags) WHERE value = ?)",
            self.tag,
        );
        all.and_where("title LIKE ? ESCAPE '\\'", self.words.map(holding));
        // As below, the first half of each is there for the index.
        all.and_where(
            &format!("{PLACE} <= ? AND (due_at < ? OR (due_at = ? AND length(due) = 10))"),
            self.due_before,
        );
        all.and_where(
            &format!("{PLACE} >= ? AND (due_at > ? OR (due_at = ? AND length(due) > 10))"),
            self.due_after,
        );
        all
    }
}

/// A limit as it stands in the statement. For a bound one Postgres expects a tenth of all rows, finds that dear, and plans
/// the statement anew at each call, which takes as long as the call itself.
fn standing(limit: i64) -> String {
    limit.to_string()
}

/// Tasks that are not deleted, by `due_at` (without one: last), then age; the page after the cursor. The ids of the page
/// come from an index, so that only its own rows are made into JSON.
pub async fn list(
    owner: &str,
    filter: &Filter<'_>,
    after: Option<&Cursor>,
    limit: i64,
) -> Result<String, Error> {
    let mut condition = filter.condition(owner);
    if let Some((place, created_at, id)) = after {
        let (place, created_at) = (condition.bind(*place), condition.bind(*created_at));
        let id = condition.bind(id.as_str());
        // The first half is there for the index.
        condition.and(&format!(
            "{PLACE} >= {place} AND ({PLACE}, created_at, id) > ({place}, {created_at}, {id})"
        ));
    }
    let limit = standing(limit);
    let page = statements::page(&condition.sql, &limit);
    let (items, end, last) = (statements::ITEMS, statements::END, statements::LAST);
    db::aggregate(db::page(&page, items, end, last, &limit), &condition.values).await
}

/// Tasks that were completed or skipped, the latest first; the page after `(completed_at, id)`.
pub async fn list_done(
    owner: &str,
    filter: &Filter<'_>,
    after: Option<&(i64, String)>,
    limit: i64,
) -> Result<String, Error> {
    let mut condition = filter.condition(owner);
    condition.and("completed_at IS NOT NULL");
    if let Some((at, id)) = after {
        let (at, id) = (condition.bind(*at), condition.bind(id.as_str()));
        condition.and(&format!("(completed_at, id) < ({at}, {id})"));
    }
    let limit = standing(limit);
    let page = format!(
        "WITH page AS (SELECT id, completed_at FROM tasks WHERE {}
             ORDER BY completed_at DESC, id DESC LIMIT {limit})",
        condition.sql
    );
    let sql = db::page(
        &page,
        "SELECT string_agg((SELECT json FROM task_json t WHERE t.id = page.id), ',' ORDER BY completed_at DESC, id DESC)
         FROM page",
        "concat('[', completed_at, ',', json_quote(id), ']')",
        "completed_at, id",
        &limit,
    );
    db::aggregate(sql, &condition.values).await
}

/// What a change was, and what it touched.
#[derive(Debug, Clone, Deserialize)]
pub struct PastChange {
    pub id: String,
    pub kind: String,
    /// `{"title": {"before": …, "after": …}}`
    pub fields: serde_json::Value,
}

/// The newest change that a person made, or the one named.
pub async fn change(
    owner: &str,
    id: &str,
    change: Option<i64>,
) -> Result<Option<PastChange>, Error> {
    db::read(
        "SELECT json FROM change_json WHERE owner = ?1 AND seq = COALESCE(?3, (
             SELECT max(seq) FROM changes WHERE tbl = 'tasks' AND row_id = ?2 AND actor <> 'punctual'))
           AND tbl = 'tasks' AND row_id = ?2",
        &values![owner, id, change],
    )
    .await
}

/// The history, newest first; the page after a change's number.
pub async fn history(
    owner: &str,
    id: &str,
    after: Option<i64>,
    limit: i64,
) -> Result<String, Error> {
    let page = "WITH page AS (
             SELECT seq, json FROM change_json WHERE tbl = 'tasks' AND row_id = ?2 AND owner = ?1
               AND (?3 IS NULL OR seq < ?3) ORDER BY seq DESC LIMIT ?4)";
    let sql = db::page(
        page,
        "SELECT string_agg(json, ',' ORDER BY seq DESC) FROM page",
        "concat(seq)",
        "seq",
        "?4",
    );
    db::aggregate(sql, &values![owner, id, after, limit]).await
}

/// A person's zone, morning and language, and their Inbox.
#[derive(Debug, Clone, Deserialize)]
pub struct AccountRow {
    pub timezone: String,
    pub morning: String,
    /// `en`, `de`; `None` while they have chosen none.
    pub language: Option<String>,
    pub inbox_id: String,
}

impl AccountRow {
    pub fn account(&self) -> Result<Account, Problem> {
        Account::read(&self.timezone, &self.morning)
            .map_err(|error| Problem::new(500, error.to_string()))
    }

    pub fn zone(&self) -> Result<punctual_domain::Zone, Problem> {
        Ok(self.account()?.zone)
    }
}

pub async fn account(user: &str) -> Result<AccountRow, Problem> {
    let row = db::read(
        "SELECT CAST(json_object('timezone', s.timezone, 'morning', s.morning, 'language', s.language,
                'inbox_id', u.inbox_id) AS TEXT)
         FROM settings s JOIN users u ON u.id = s.user_id WHERE s.user_id = ?1",
        &values![user],
    )
    .await?;
    row.ok_or_else(|| Problem::new(401, "The account is gone."))
}

/// A task with what deciding about it needs.
#[derive(Debug, Clone, Deserialize)]
pub struct Loaded {
    pub task: TaskState,
    pub account: AccountRow,
    /// How often this task has been wanted planned; see `plans`.
    pub wanted: i64,
    /// The wish that the present plan was made for.
    pub planned: i64,
    /// Occurrences that followed this one.
    pub successors: u32,
    pub reminders: u32,
}

/// Those of these tasks that there are, whoever owns them: for the event handlers.
pub async fn load_all(ids: &[&str]) -> Result<Vec<Loaded>, Error> {
    let ids = db::json(ids)?;
    let each = statements::load("t.id IN (SELECT value FROM json_each(?1))");
    let all = format!("SELECT concat('[', string_agg(loaded, ','), ']') FROM ({each}) AS found");
    let loaded = db::read(&all, &values![ids]).await?;
    Ok(loaded.unwrap_or_default())
}

/// `owner` `None`: for the event handlers, which act for whoever owns it.
pub async fn load(owner: Option<&str>, id: &str) -> Result<Option<Loaded>, Error> {
    let one = statements::load("t.id = ?2 AND (?1 IS NULL OR t.owner = ?1)");
    db::read(&one, &values![owner, id]).await
}

/// Inserts a new task; its project must be the owner's own and not be archived. A repetition with the same id changes
/// nothing. `false`: no such project.
pub async fn create(task: &TaskState, write: &Write) -> Result<bool, Error> {
    let json = state_json(task)?;
    db::touched(
        statements::CREATE,
        &values![
            json,
            write.now,
            write.op.as_str(),
            write.body_hash.as_deref(),
            write.actor.as_str(),
            write.via.as_str(),
            write.trace.as_deref()
        ],
    )
    .await
}

fn state_json(task: &TaskState) -> Result<Value, Error> {
    db::json(task).map(Value::Json)
}

/// Writes a changed task over the version it was decided from. `false`: that version is gone, or its new project is not
/// the owner's.
pub async fn save(task: &TaskState, write: &Write) -> Result<bool, Error> {
    let json = state_json(task)?;
    db::touched(
        statements::SAVE,
        &values![
            json,
            write.op.as_str(),
            write.body_hash.as_deref(),
            write.actor.as_str(),
            write.via.as_str(),
            write.trace.as_deref(),
            write.now
        ],
    )
    .await
}

/// What new tasks in a project are reminded by where they say nothing; `None` where there is no such project of theirs.
pub async fn project_reminders(owner: &str, id: &str) -> Result<Option<Vec<Definition>>, Error> {
    db::read(
        "SELECT reminders FROM projects WHERE owner = ?1 AND id = ?2 AND deleted_at IS NULL",
        &values![owner, id],
    )
    .await
}

/// A past occurrence of a series.
#[derive(Debug, Clone, Deserialize)]
pub struct PastOccurrence {
    pub id: String,
    pub occurrence: String,
    pub number: i64,
    pub due: String,
    /// Unix microseconds.
    pub due_at: i64,
    pub status: String,
    pub completed_at: Option<i64>,
}

/// The occurrences of a series that have a task, due from `from` and before `until`, at most `most`, in that order.
pub async fn occurrences(
    owner: &str,
    series: &str,
    from: i64,
    until: i64,
    most: i64,
) -> Result<Vec<PastOccurrence>, Error> {
    let found = db::read(
        "SELECT CAST(json_object('items', COALESCE(json_group_array(json_object('id', id, 'occurrence', occurrence,
             'number', number, 'due', due, 'due_at', due_at, 'status', status, 'completed_at', completed_at)), json('[]'))) AS TEXT)
         FROM (SELECT * FROM tasks WHERE owner = ?1 AND series_id = ?2 AND deleted_at IS NULL AND occurrence IS NOT NULL
             AND due_at >= ?3 AND due_at < ?4 ORDER BY due_at, occurrence LIMIT ?5) AS found",
        &values![owner, series, from, until, most],
    )
    .await?;
    #[derive(Deserialize)]
    struct Found {
        items: Vec<PastOccurrence>,
    }
    Ok(found.map_or_else(Vec::new, |found: Found| found.items))
}

/// Whether a project is there, theirs, and open for new tasks.
pub async fn has_project(owner: &str, id: &str) -> Result<bool, Error> {
    db::touched(
        "SELECT 1 FROM projects WHERE owner = ?1 AND id = ?2 AND deleted_at IS NULL AND archived_at IS NULL",
        &values![owner, id],
    )
    .await
}

/// Makes the occurrence that follows a completed or skipped one, under the unique key (series, occurrence): however
/// often this is called, there is one. (The completed one stays locked: whoever comes second finds it.) One that was
/// withdrawn untouched comes back as it would be made now. Does nothing where the completed one has been reopened meanwhile, or where another
/// successor stands. What may change without a new generation is taken from the row as it is now.
pub async fn make_successor(
    done: &TaskState,
    successor: &TaskState,
    write: &Write,
) -> Result<(), Error> {
    let json = state_json(successor)?;
    db::execute(
        "WITH t AS (SELECT * FROM tasks WHERE id = ?7 AND generation = ?8 AND next IS NOT NULL /*pg FOR NO KEY UPDATE*/)
         INSERT INTO tasks (id, owner, project_id, title, notes, priority, tags, status, start, due, timezone, due_at,
             repeat, reminders, series_id, series_start, occurrence, number, previous_id, touched, rank, generation, generation_at,
             version, op, actor, via, trace, created_at, updated_at)
         SELECT j ->> 'id', t.owner, COALESCE(t.later/*pg ::json*/ ->> 'project_id', t.project_id),
             COALESCE(t.later/*pg ::json*/ ->> 'title', t.title), COALESCE(t.later/*pg ::json*/ ->> 'notes', t.notes),
             COALESCE(t.later/*pg ::json*/ ->> 'priority', t.priority),
             COALESCE(CAST(t.later/*pg ::json*/ -> 'tags' AS TEXT), t.tags), 'open', j ->> 'start', j ->> 'due',
             t.timezone, CAST(j ->> 'due_at' AS BIGINT), CAST(j -> 'repeat' AS TEXT), j -> 'reminders', t.series_id, j ->> 'series_start',
             j ->> 'occurrence', CAST(j ->> 'number' AS BIGINT), t.id, 0, t.rank, 1,
             CAST(j ->> 'generation_at' AS BIGINT), 1, ?2, ?3, ?4, ?5, ?6, ?6
         FROM t, (SELECT ?1 AS j) AS input
         WHERE NOT EXISTS (SELECT 1 FROM tasks other WHERE other.previous_id = t.id AND other.deleted_at IS NULL)
         ON CONFLICT (series_id, occurrence) DO UPDATE SET
             project_id = excluded.project_id, title = excluded.title, notes = excluded.notes, priority = excluded.priority,
             tags = excluded.tags, start = excluded.start, due = excluded.due, timezone = excluded.timezone,
             due_at = excluded.due_at, repeat = excluded.repeat, reminders = excluded.reminders,
             series_start = excluded.series_start, number = excluded.number, rank = excluded.rank,
             deleted_at = NULL, generation = tasks.generation + 1, generation_at = excluded.generation_at,
             version = tasks.version + 1, op = excluded.op, body_hash = NULL, actor = excluded.actor,
             via = excluded.via, trace = excluded.trace, updated_at = excluded.updated_at
         WHERE tasks.deleted_at IS NOT NULL AND tasks.touched = 0 AND tasks.previous_id = excluded.previous_id
         RETURNING id",
        &values![
            json,
            write.op.as_str(),
            write.actor.as_str(),
            write.via.as_str(),
            write.trace.as_deref(),
            write.now,
            done.id.as_str(),
            done.generation
        ],
    )
    .await
}

/// Takes back the successor of a task that is open again, where nobody has touched it.
pub async fn withdraw_successor(open: &TaskState, write: &Write) -> Result<(), Error> {
    db::execute(
        "UPDATE tasks SET deleted_at = ?2, generation = generation + 1, generation_at = ?2,
             version = version + 1, op = ?3, body_hash = NULL, actor = ?4, via = ?5, trace = ?6, updated_at = ?2
         WHERE previous_id = ?1 AND touched = 0 AND status = 'open' AND deleted_at IS NULL
           AND EXISTS (SELECT 1 FROM tasks t WHERE t.id = ?1 AND t.status = 'open' AND t.deleted_at IS NULL
                       /*pg FOR SHARE*/)
         RETURNING id",
        &values![
            open.id.as_str(),
            write.now,
            write.op.as_str(),
            write.actor.as_str(),
            write.via.as_str(),
            write.trace.as_deref()
        ],
    )
    .await
}

/// A task whose time zone moved under it: only the instant of its due changes.
pub async fn move_due_at(
    task: &TaskState,
    due_at: Option<i64>,
    write: &Write,
) -> Result<(), Error> {
    db::execute(
        "UPDATE tasks SET due_at = ?3, generation = generation + 1,
             version = version + 1, op = ?4, body_hash = NULL, actor = ?5, via = ?6, trace = ?7, updated_at = ?8
         WHERE id = ?1 AND version = ?2 RETURNING id",
        &values![
            task.id.as_str(),
            task.version,
            due_at,
            write.op.as_str(),
            write.actor.as_str(),
            write.via.as_str(),
            write.trace.as_deref(),
            write.now
        ],
    )
    .await
}

/// What a task's plan came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Planned {
    pub task: String,
    /// As it was read when this was planned.
    pub wanted: i64,
    pub next_at: Option<i64>,
    pub missed: i64,
}

/// Records that tasks were planned as they were wanted. A newer wish stays open.
pub async fn planned(planned: &[Planned]) -> Result<(), Error> {
    let planned = db::json(planned)?;
    db::execute(
        "UPDATE plans SET planned = CASE WHEN planned > d.wanted THEN planned ELSE d.wanted END,
             next_at = d.next_at, missed = d.missed
         FROM (SELECT value ->> 'task' AS task, CAST(value ->> 'wanted' AS BIGINT) AS wanted,
                   CAST(value ->> 'next_at' AS BIGINT) AS next_at, CAST(value ->> 'missed' AS BIGINT) AS missed
               FROM json_each(?1)) AS d
         WHERE task_id = d.task RETURNING task_id",
        &values![Value::Json(planned)],
    )
    .await
}
