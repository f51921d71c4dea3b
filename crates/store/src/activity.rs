//! What was completed on which day.

use serde::Deserialize;

use crate::db::{self, Error, Sql, Value};
use crate::values;

/// What a change did that a day's count may depend on. Instants in a row's images are RFC 3339.
#[derive(Debug, Clone, Deserialize)]
pub struct Change {
    pub tbl: String,
    pub owner: String,
    /// Unix microseconds.
    pub at: i64,
    pub before: Image,
    pub after: Image,
}

/// The fields of an image that count here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Image {
    pub status: Option<String>,
    pub due_at: Option<String>,
    pub completed_at: Option<String>,
    pub deleted_at: Option<String>,
    pub timezone: Option<String>,
}

/// The changes at these positions, in order. What is not there any more is left out. Which of them concern tasks and
/// settings is for the caller to look at: asked for here, the index by table would tempt Postgres to walk all of it.
pub async fn changes(positions: &[i64]) -> Result<Vec<Change>, Error> {
    let field = |image: &str, name: &str| format!("'{name}', {image} ->> '{name}'");
    let image = |image: &str| {
        let names = ["status", "due_at", "completed_at", "deleted_at", "timezone"];
        let fields = names.map(|name| field(image, name)).join(", ");
        format!("json_object({fields})")
    };
    let statement = |before: &str, after: &str| {
        format!(
            "SELECT CAST(COALESCE(json_group_array(json_object('tbl', tbl, 'owner', owner, 'at', at,
                 'before', {}, 'after', {})), json('[]')) AS TEXT)
             FROM (SELECT * FROM changes WHERE position IN (SELECT CAST(value AS BIGINT) FROM json_each(?1))
                   ORDER BY position) AS c",
            image(before),
            image(after)
        )
    };
    read_list(
        Sql::pair(
            statement("before", "after"),
            statement("before::json", "after::json"),
        ),
        &values![db::json(positions)?],
    )
    .await
}

/// The zones that a person has had: each with the instant of its choice, in order; those that were chosen again too.
pub async fn zones(owner: &str) -> Result<Vec<(i64, String)>, Error> {
    let statement = |after: &str| {
        format!(
            "SELECT CAST(COALESCE(json_group_array(json_array(at, {after} ->> 'timezone')), json('[]')) AS TEXT)
             FROM (SELECT at, after FROM changes WHERE tbl = 'settings' AND row_id = ?1 ORDER BY seq) AS c"
        )
    };
    read_list(
        Sql::pair(statement("after"), statement("after::json")),
        &values![owner],
    )
    .await
}

/// Counts a day again from the tasks as they are now: the same result however often, and in whatever order, this is
/// called. `spans` are what belongs to the day, each from its first microsecond to just before its second.
pub async fn count(owner: &str, day: &str, spans: &[(i64, i64)]) -> Result<(), Error> {
    let sqlite = "INSERT INTO activity (owner, day, completed, with_due, on_time)
         SELECT ?1, ?2, count(t.id), count(t.due_at), count(CASE WHEN t.completed_at <= t.due_at THEN 1 END)
         FROM json_each(?3) AS span
             JOIN tasks t ON t.owner = ?1 AND t.deleted_at IS NULL AND t.status = 'completed'
                 AND t.completed_at >= span.value ->> 0 AND t.completed_at < span.value ->> 1
         WHERE true
         ON CONFLICT (owner, day) DO UPDATE SET
             completed = excluded.completed, with_due = excluded.with_due, on_time = excluded.on_time
         WHERE (activity.completed, activity.with_due, activity.on_time)
             IS NOT (excluded.completed, excluded.with_due, excluded.on_time)";
    db::execute(
        Sql::pair(sqlite, "SELECT activity_count(?1, ?2, ?3)"),
        &values![owner, day, Value::Json(db::json(spans)?)],
    )
    .await
}

/// What a person got done, and in which zone they live now.
#[derive(Debug, Clone, Deserialize)]
pub struct Lived {
    pub timezone: String,
    /// Local date, completed, with a due, on time; in order. Days without a completion are left out.
    pub days: Vec<(String, u32, u32, u32)>,
}

/// `None`: there is no such account any more.
pub async fn of(owner: &str) -> Result<Option<Lived>, Error> {
    let rows = "json_group_array(json_array(day, completed, with_due, on_time))
         FROM (SELECT * FROM activity WHERE owner = ?1 AND completed > 0 ORDER BY day) AS lived";
    let statement = |days: String| {
        format!(
            "SELECT CAST(json_object('timezone', s.timezone, 'days', {days}) AS TEXT)
             FROM settings s WHERE s.user_id = ?1"
        )
    };
    db::read(
        Sql::pair(
            statement(format!("json((SELECT {rows}))")),
            statement(format!("COALESCE((SELECT {rows}), '[]')")),
        ),
        &values![owner],
    )
    .await
}

async fn read_list<T: serde::de::DeserializeOwned>(
    sql: Sql<'_>,
    values: &[Value],
) -> Result<Vec<T>, Error> {
    db::read(sql, values)
        .await?
        .ok_or_else(|| Error::Shape("an aggregate gave no row".to_owned()))
}
