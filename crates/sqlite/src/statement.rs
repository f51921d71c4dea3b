//! What has to be known about a statement before it may run on a connection that others share.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

/// What a statement asks of its connection, judged by its first words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing special: whether it reads or writes is for `sqlite3_stmt_readonly` to say.
    Plain,
    /// `BEGIN`, `COMMIT`, `SAVEPOINT` and the like: needs the connection for more than one statement.
    Transaction,
    /// Reaches for files by name: `ATTACH`, `DETACH`, `VACUUM INTO`.
    Attach,
    /// A `PRAGMA` that sets something which belongs to a connection; `reading` is the form that only asks.
    SettingPragma { reading: String },
}

/// Pragmas whose argument selects what is read and sets nothing.
const READING: [&str; 11] = [
    "foreign_key_check",
    "foreign_key_list",
    "function_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "quick_check",
    "table_info",
    "table_list",
    "table_xinfo",
];

/// Pragmas that set something which belongs to the database file.
const STORED: [&str; 2] = ["application_id", "user_version"];

/// Judges `sql`. Only the first statement counts: SQLite refuses to prepare a second one.
pub fn kind(sql: &str) -> Kind {
    let start = skip_blank(sql);
    let (word, rest) = split_word(start);
    match word.to_ascii_uppercase().as_str() {
        "BEGIN" | "COMMIT" | "END" | "ROLLBACK" | "SAVEPOINT" | "RELEASE" => Kind::Transaction,
        "ATTACH" | "DETACH" => Kind::Attach,
        // `VACUUM main INTO 'file'`; a plain VACUUM names at most a schema.
        "VACUUM" if rest.to_ascii_uppercase().contains("INTO") => Kind::Attach,
        "PRAGMA" => pragma(rest),
        _ => Kind::Plain,
    }
}

/// Whether the statement means the same within a transaction: `VACUUM` and some pragmas don't.
pub(crate) fn may_share(sql: &str) -> bool {
    let (word, _) = split_word(skip_blank(sql));
    ["INSERT", "UPDATE", "DELETE", "REPLACE", "WITH", "SELECT"]
        .iter()
        .any(|name| word.eq_ignore_ascii_case(name))
}

/// Whether the statement opens a transaction without saying that it will write.
pub(crate) fn is_deferred_begin(sql: &str) -> bool {
    let (word, rest) = split_word(skip_blank(sql));
    let (mode, _) = split_word(skip_blank(rest));
    word.eq_ignore_ascii_case("BEGIN")
        && !mode.eq_ignore_ascii_case("IMMEDIATE")
        && !mode.eq_ignore_ascii_case("EXCLUSIVE")
}

fn pragma(rest: &str) -> Kind {
    let (first, after) = split_word(skip_blank(rest));
    let after = skip_blank(after);
    let (name, qualified, after) = match after.strip_prefix('.') {
        Some(more) => {
            let (name, after) = split_word(skip_blank(more));
            (name, format!("{first}.{name}"), skip_blank(after))
        }
        None => (first, first.to_owned(), after),
    };
    let lower = name.to_ascii_lowercase();
    if !after.starts_with(['=', '('])
        || READING.contains(&lower.as_str())
        || STORED.contains(&lower.as_str())
    {
        return Kind::Plain;
    }
    Kind::SettingPragma {
        reading: format!("PRAGMA {qualified}"),
    }
}

fn split_word(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .unwrap_or(text.len());
    text.split_at(end)
}

/// Skips white space, comments and empty statements.
fn skip_blank(mut text: &str) -> &str {
    loop {
        text = text
            .trim_start_matches(|c: char| c.is_ascii_whitespace() || c == ';' || c == '\u{feff}');
        if let Some(comment) = text.strip_prefix("--") {
            text = comment.split_once('\n').map_or("", |(_, rest)| rest);
        } else if let Some(comment) = text.strip_prefix("/*") {
            text = comment.split_once("*/").map_or("", |(_, rest)| rest);
        } else {
            return text;
        }
    }
}

/// Remembers which statements only read, so that a write is not prepared on a reader each time.
#[derive(Default)]
pub(crate) struct Cache {
    reads: RwLock<HashMap<String, bool>>,
}

impl Cache {
    /// Statements are few where parameters are used; this bounds the damage where they are not.
    const CAPACITY: usize = 1024;

    pub(crate) fn reads(&self, sql: &str) -> Option<bool> {
        self.reads
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(sql)
            .copied()
    }

    pub(crate) fn learn(&self, sql: &str, reads: bool) {
        if self.reads(sql) == Some(reads) {
            return;
        }
        let mut known = self.reads.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= Self::CAPACITY {
            known.clear();
        }
        known.insert(sql.to_owned(), reads);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_behind_comments_and_semicolons_are_seen() {
        assert_eq!(kind("select 1"), Kind::Plain);
        assert_eq!(kind(" ; -- hello\n /* x */ begin"), Kind::Transaction);
        assert_eq!(kind("/**/ATTACH'x'AS y"), Kind::Attach);
        assert_eq!(kind("vacuum main into 'x'"), Kind::Attach);
        assert_eq!(kind("VACUUM"), Kind::Plain);
        assert_eq!(kind(""), Kind::Plain);
        assert_eq!(kind("/*"), Kind::Plain);
    }

    #[test]
    fn a_pragma_that_sets_a_connection_becomes_one_that_asks() {
        assert_eq!(
            kind("PRAGMA journal_mode = WAL"),
            Kind::SettingPragma {
                reading: "PRAGMA journal_mode".into()
            }
        );
        assert_eq!(
            kind("pragma main . foreign_keys(off)"),
            Kind::SettingPragma {
                reading: "PRAGMA main.foreign_keys".into()
            }
        );
        assert_eq!(kind("PRAGMA table_info(tasks)"), Kind::Plain);
        assert_eq!(kind("PRAGMA user_version = 3"), Kind::Plain);
        assert_eq!(kind("PRAGMA user_version"), Kind::Plain);
    }

    #[test]
    fn what_changes_rows_may_share_a_transaction() {
        assert!(may_share(" -- one\n insert into t values (1)"));
        assert!(may_share("WITH a AS (SELECT 1) UPDATE t SET b = 1"));
        assert!(!may_share("VACUUM"));
        assert!(!may_share("PRAGMA user_version = 3"));
        assert!(!may_share("CREATE TABLE t (a)"));
    }

    #[test]
    fn a_begin_without_a_mode_is_deferred() {
        assert!(is_deferred_begin("begin"));
        assert!(is_deferred_begin("BEGIN DEFERRED TRANSACTION"));
        assert!(!is_deferred_begin("BEGIN IMMEDIATE"));
        assert!(!is_deferred_begin("COMMIT"));
    }
}
