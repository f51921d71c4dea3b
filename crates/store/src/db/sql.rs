//! One text of a statement for both databases. It is written for SQLite, in what both understand, and what is called
//! otherwise on Postgres is renamed:
//!
//! - `?1` is `$1::bigint`, `$1::text` or `$1::text::json`, as its value is;
//! - `json_object(`, `json_array(`, `json_group_array(`, `json_quote(`, `json_each(` have other names; the last two are
//!   ours (`json_text`, `json_elements` in the migrations), of text for text, of [`Value::Json`] for its objects;
//! - `instr(` is `strpos(`;
//! - `IN (SELECT … FROM json_each(?1))` is `= ANY (ARRAY(…))`: a list to be looked up in an index, where a subquery is
//!   joined, and on a table that has just grown so that all of it is read;
//! - `LIKE` regards no case: on SQLite of ASCII letters, on Postgres of all (`COLLATE any_case ILIKE`);
//! - `/*pg FOR SHARE*/` is a comment on SQLite, which has one writer, and stands on Postgres.
//!
//! So a statement writes `IS NOT DISTINCT FROM` instead of `IS`, `CASE` where a comparison is to be a number, `CAST` where
//! JSON is to be one, and casts its JSON to TEXT. Where the bytes of an answer would differ it is a pair: [`Sql::pair`].

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::statements;

/// A value of a statement. An absent one has a type too: Postgres asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Integer(Option<i64>),
    Text(Option<String>),
    /// Something to take apart by `->` and `->>`.
    Json(String),
}

impl Value {
    fn placeholder(&self) -> &'static str {
        match self {
            Self::Integer(_) => "bigint",
            Self::Text(_) => "text",
            Self::Json(_) => "text::json",
        }
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(Some(number))
    }
}

impl From<Option<i64>> for Value {
    fn from(number: Option<i64>) -> Self {
        Self::Integer(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Self {
        Self::Text(text.map(str::to_owned))
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

/// A statement.
#[derive(Debug, Clone)]
pub struct Sql<'a> {
    sqlite: Cow<'a, str>,
    /// Where it is another one. Its placeholders are `?1` too.
    postgres: Option<Cow<'a, str>>,
}

impl<'a> Sql<'a> {
    pub fn pair(sqlite: impl Into<Cow<'a, str>>, postgres: impl Into<Cow<'a, str>>) -> Self {
        Self {
            sqlite: sqlite.into(),
            postgres: Some(postgres.into()),
        }
    }

    pub fn sqlite(&self) -> &str {
        &self.sqlite
    }

    pub fn postgres(&self, values: &[Value]) -> String {
        translate(self.postgres.as_ref().unwrap_or(&self.sqlite), values)
    }
}

impl<'a> From<&'a str> for Sql<'a> {
    fn from(both: &'a str) -> Self {
        Self {
            sqlite: both.into(),
            postgres: None,
        }
    }
}

impl<'a> From<&'a String> for Sql<'a> {
    fn from(both: &'a String) -> Self {
        both.as_str().into()
    }
}

const RENAMED: &[(&str, &str)] = &[
    ("json_object(", "json_build_object("),
    ("json_array(", "json_build_array("),
    ("json_group_array(", "json_agg("),
    ("json_each(", "json_elements("),
    ("json_quote(", "json_text("),
    ("instr(", "strpos("),
    (" LIKE ", " COLLATE any_case ILIKE "),
    ("/*pg ", ""),
    ("*/", ""),
];

fn lists(sql: &str) -> String {
    const IN: &str = " IN (SELECT ";
    let mut parts = sql.split(IN);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let list = part
            .find("))")
            .map(|end| part.split_at(end))
            .filter(|(list, _)| list.contains("value") && list.contains(" FROM json_each(?"));
        match list {
            Some((list, rest)) if !text.ends_with(" NOT") => {
                let _ = write!(text, " = ANY (ARRAY(SELECT {list}){rest}");
            }
            _ => {
                text.push_str(IN);
                text.push_str(part);
            }
        }
    }
    text
}

fn translate(sql: &str, values: &[Value]) -> String {
    let mut text = lists(sql);
    for (sqlite, postgres) in RENAMED {
        if text.contains(sqlite) {
            text = text.replace(sqlite, postgres);
        }
    }
    let mut translated = String::with_capacity(text.len() + 16 * values.len());
    let mut parts = text.split('?');
    translated.extend(parts.next());
    for part in parts {
        let digits = part.len() - part.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, rest) = part.split_at(digits);
        let value = number
            .parse::<usize>()
            .ok()
            .and_then(|number| values.get(number.checked_sub(1)?));
        match value {
            Some(value) => {
                let _ = write!(translated, "${number}::{}{rest}", value.placeholder());
            }
            // Not a placeholder, or one without a value: left for the database to refuse.
            None => {
                translated.push('?');
                translated.push_str(part);
            }
        }
    }
    translated
}

/// The page of a list, after its `WITH page AS (…)`: see [`statements::answer`].
pub(crate) fn page(with: &str, items: &str, end: &str, last: &str, limit: &str) -> Sql<'static> {
    let answer = |end| statements::answer(with, items, end, last, limit);
    Sql::pair(
        answer(&statements::hex(end)),
        answer(&format!("encode(convert_to({end}, 'UTF8'), 'hex')")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_carry_the_type_of_their_value_also_where_it_is_absent() {
        let values = [
            Value::from("a"),
            Value::from(None::<i64>),
            Value::from(None::<&str>),
            Value::Json("{}".to_owned()),
        ];
        assert_eq!(
            Sql::from("SELECT ?1, ?2 + ?12 FROM x WHERE ?3 IS NULL AND y = ?4 ->> 'z'")
                .postgres(&values),
            "SELECT $1::text, $2::bigint + ?12 FROM x WHERE $3::text IS NULL AND y = $4::text::json ->> 'z'"
        );
    }

    #[test]
    fn a_list_is_an_array_on_postgres() {
        assert_eq!(
            Sql::from("WHERE (id IN (SELECT CAST(value AS BIGINT) FROM json_each(?1)) OR b) AND c IN (SELECT d FROM e)")
                .postgres(&[Value::from("[]")]),
            "WHERE (id = ANY (ARRAY(SELECT CAST(value AS BIGINT) FROM json_elements($1::text))) OR b) AND c IN (SELECT d FROM e)"
        );
        assert_eq!(
            Sql::from("id NOT IN (SELECT value FROM json_each(?1))").postgres(&[Value::from("[]")]),
            "id NOT IN (SELECT value FROM json_elements($1::text))"
        );
    }

    #[test]
    fn locks_that_only_postgres_needs_are_a_comment_on_sqlite() {
        let sql =
            Sql::from("SELECT json_object('a', a) FROM t WHERE b LIKE '%' /*pg FOR SHARE OF t*/");
        assert_eq!(
            sql.postgres(&[]),
            "SELECT json_build_object('a', a) FROM t WHERE b COLLATE any_case ILIKE '%' FOR SHARE OF t"
        );
        assert!(sql.sqlite().ends_with("/*pg FOR SHARE OF t*/"));
    }
}
