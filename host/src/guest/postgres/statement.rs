//! What a statement is, as far as that has to be known before it runs: told by its first word.

/// A statement's effect on the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// A transaction is open afterwards.
    Opens,
    /// None is open afterwards.
    Closes,
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub effect: Effect,
    /// Worth keeping prepared, and safe to begin a second time when its preparation is out of date: not `CALL`,
    /// which may commit half-way, and not DDL, which runs once.
    pub cached: bool,
    /// It may make the server forget what is kept prepared.
    pub forgets: bool,
}

/// A prepared statement is a single one, so nothing hides behind a semicolon.
pub(super) fn classify(sql: &str) -> Statement {
    let sql = skip(sql);
    let mut words = sql
        .split(|character: char| !character.is_ascii_alphabetic())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_uppercase);
    let first = words.next().unwrap_or_default();
    let effect = match first.as_str() {
        "BEGIN" | "START" => Effect::Opens,
        // To a savepoint, into the next transaction, or of a prepared one: the transaction may go on.
        "COMMIT" | "END" | "ROLLBACK" | "ABORT"
            if !words.any(|word| matches!(word.as_str(), "TO" | "CHAIN" | "PREPARED")) =>
        {
            Effect::Closes
        }
        _ => Effect::None,
    };
    Statement {
        effect,
        cached: sql.starts_with('(')
            || effect != Effect::None
            || matches!(
                first.as_str(),
                "SELECT" | "INSERT" | "UPDATE" | "DELETE" | "MERGE" | "WITH" | "VALUES" | "TABLE"
            ),
        forgets: matches!(first.as_str(), "DEALLOCATE" | "DISCARD"),
    }
}

/// Without leading space, comments (which nest in Postgres) and empty statements.
fn skip(mut sql: &str) -> &str {
    loop {
        sql =
            sql.trim_start_matches(|character: char| character.is_whitespace() || character == ';');
        if let Some(rest) = sql.strip_prefix("--") {
            sql = rest.split_once(['\n', '\r']).map_or("", |(_, rest)| rest);
        } else if let Some(mut rest) = sql.strip_prefix("/*") {
            let mut depth = 1;
            while depth > 0 {
                let Some(at) = rest.find(['*', '/']) else {
                    return "";
                };
                rest = rest.get(at..).unwrap_or_default();
                let step = if rest.starts_with("*/") {
                    depth -= 1;
                    2
                } else if rest.starts_with("/*") {
                    depth += 1;
                    2
                } else {
                    1
                };
                rest = rest.get(step..).unwrap_or_default();
            }
            sql = rest;
        } else {
            return sql;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_told_by_its_first_word() {
        for (sql, effect, cached) in [
            ("SELECT 1", Effect::None, true),
            ("(SELECT 1)", Effect::None, true),
            ("select begin from t", Effect::None, true),
            ("begin", Effect::Opens, true),
            (
                " ;\n-- note\n/* a /* nested */ one */BEGIN;",
                Effect::Opens,
                true,
            ),
            ("START TRANSACTION READ ONLY", Effect::Opens, true),
            ("COMMIT", Effect::Closes, true),
            ("end work", Effect::Closes, true),
            ("ROLLBACK", Effect::Closes, true),
            ("ROLLBACK TO SAVEPOINT a", Effect::None, false),
            ("COMMIT AND CHAIN", Effect::None, false),
            ("COMMIT PREPARED 'x'", Effect::None, false),
            ("SAVEPOINT a", Effect::None, false),
            ("CALL work()", Effect::None, false),
            ("CREATE TABLE begin (a int)", Effect::None, false),
            ("beginning", Effect::None, false),
            ("/* never ends", Effect::None, false),
            ("-- BEGIN", Effect::None, false),
            ("", Effect::None, false),
        ] {
            let statement = classify(sql);
            assert_eq!(
                (statement.effect, statement.cached),
                (effect, cached),
                "{sql}"
            );
            assert!(!statement.forgets, "{sql}");
        }
        assert!(classify("deallocate all").forgets);
        assert!(classify("DISCARD PLANS").forgets);
    }
}
