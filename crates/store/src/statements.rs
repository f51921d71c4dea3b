//! The busiest statements on tasks, in SQLite's dialect. The bench's native peer runs them, too.

/// Where a task stands in the order of lists: those without a due are last.
pub const PLACE: &str = "COALESCE(due_at, 9223372036854775807)";

/// The ids of a page of a list. The condition has what was asked for and nothing else, so that it can be answered from the
/// index that fits it.
pub fn page(condition: &str, limit: &str) -> String {
    format!(
        "WITH page AS (
             SELECT id, {PLACE} AS place, created_at FROM tasks WHERE {condition}
             ORDER BY {PLACE}, created_at, id LIMIT {limit})"
    )
}

/// A page's tasks, where it ends, and what orders its last one first: for [`answer`].
pub const ITEMS: &str = "SELECT string_agg((SELECT json FROM task_json t WHERE t.id = page.id), ',' ORDER BY place, created_at, id) FROM page";
pub const END: &str = "concat('[', place, ',', created_at, ',', json_quote(id), ']')";
pub const LAST: &str = "place DESC, created_at DESC, id DESC";

/// What follows a `WITH page AS (…)` and makes it the answer's JSON. The items' texts are JSON already, so they are joined
/// and not read again.
///
/// `items` gives them, joined by commas; `end` is where the page ends, of the row that `last` orders first. There is a
/// next page where this one has `limit` rows.
pub fn answer(with: &str, items: &str, end: &str, last: &str, limit: &str) -> String {
    format!(
        "{with} SELECT concat('{{\"items\":[', ({items}), '],\"next\":', CASE WHEN count(*) = {limit} THEN (
             SELECT concat('\"', {end}, '\"') FROM page ORDER BY {last} LIMIT 1)
             ELSE 'null' END, '}}') FROM page"
    )
}

/// A cursor, from its JSON.
pub fn hex(json: &str) -> String {
    format!("lower(hex({json}))")
}

/// Tasks with what deciding about them needs, before a `WHERE`.
const LOADED: &str = "SELECT CAST(json_object('task', json_object(
             'id', t.id, 'owner', t.owner, 'project_id', t.project_id, 'title', t.title, 'notes', t.notes,
             'priority', t.priority, 'tags', json(t.tags), 'status', t.status, 'start', t.start, 'due', t.due,
             'timezone', t.timezone, 'due_at', t.due_at, 'repeat', json(t.repeat), 'reminders', json(t.reminders),
             'later', json(t.later), 'series_id', t.series_id,
             'series_start', t.series_start, 'occurrence', t.occurrence, 'number', t.number,
             'previous_id', t.previous_id, 'touched', t.touched, 'next', json(t.next),
             'completed_at', t.completed_at, 'generation', t.generation, 'generation_at', t.generation_at,
             'deleted_at', t.deleted_at, 'rank', t.rank, 'version', t.version),
             'account', json_object('timezone', s.timezone, 'morning', s.morning, 'inbox_id', u.inbox_id),
             'wanted', p.wanted, 'planned', p.planned,
             'successors', (SELECT count(*) FROM tasks next WHERE next.previous_id = t.id),
             'reminders', (SELECT count(*) FROM reminders r WHERE r.task_id = t.id)) AS TEXT) AS loaded
         FROM tasks t JOIN settings s ON s.user_id = t.owner JOIN users u ON u.id = t.owner
         JOIN plans p ON p.task_id = t.id";

pub fn load(condition: &str) -> String {
    format!("{LOADED} WHERE {condition}")
}

pub const CREATE: &str = "INSERT INTO tasks (id, owner, project_id, title, notes, priority, tags, status, start, due, timezone, due_at,
             repeat, reminders, series_id, series_start, occurrence, number, touched, rank, generation, generation_at,
             version, op, body_hash, actor, via, trace, created_at, updated_at)
         SELECT j ->> 'id', p.owner, p.id, j ->> 'title', j ->> 'notes', j ->> 'priority', j -> 'tags', 'open',
             j ->> 'start', j ->> 'due', j ->> 'timezone', CAST(j ->> 'due_at' AS BIGINT), NULLIF(CAST(j -> 'repeat' AS TEXT), 'null'),
             j -> 'reminders', j ->> 'series_id', j ->> 'series_start', j ->> 'occurrence',
             CAST(j ->> 'number' AS BIGINT), 1, j ->> 'rank', 1, ?2, 1, ?3, ?4, ?5, ?6, ?7, ?2, ?2
         FROM (SELECT ?1 AS j) AS input JOIN projects p ON p.id = j ->> 'project_id'
         WHERE p.owner = ?5 AND p.deleted_at IS NULL AND p.archived_at IS NULL
         ON CONFLICT (id) DO NOTHING RETURNING id";

pub const SAVE: &str = "UPDATE tasks SET project_id = j ->> 'project_id', title = j ->> 'title', notes = j ->> 'notes',
             priority = j ->> 'priority', tags = j -> 'tags', status = j ->> 'status', start = j ->> 'start', due = j ->> 'due',
             timezone = j ->> 'timezone', due_at = CAST(j ->> 'due_at' AS BIGINT),
             repeat = NULLIF(CAST(j -> 'repeat' AS TEXT), 'null'), reminders = j -> 'reminders',
             later = NULLIF(CAST(j -> 'later' AS TEXT), 'null'), series_id = j ->> 'series_id', series_start = j ->> 'series_start', occurrence = j ->> 'occurrence',
             number = CAST(j ->> 'number' AS BIGINT), touched = CAST(j ->> 'touched' AS BIGINT),
             next = NULLIF(CAST(j -> 'next' AS TEXT), 'null'), completed_at = CAST(j ->> 'completed_at' AS BIGINT),
             rank = j ->> 'rank', generation = CAST(j ->> 'generation' AS BIGINT),
             generation_at = CAST(j ->> 'generation_at' AS BIGINT), deleted_at = CAST(j ->> 'deleted_at' AS BIGINT),
             version = version + 1, op = ?2, body_hash = ?3, actor = ?4, via = ?5, trace = ?6, updated_at = ?7
         FROM (SELECT ?1 AS j) AS input
         WHERE id = j ->> 'id' AND owner = j ->> 'owner' AND version = CAST(j ->> 'version' AS BIGINT)
           AND EXISTS (SELECT 1 FROM projects p WHERE p.id = j ->> 'project_id' AND p.owner = tasks.owner
                       AND p.deleted_at IS NULL)
         RETURNING id";
