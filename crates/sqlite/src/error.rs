use rusqlite::ffi;

/// Why a database call failed. `Display` is SQLite's own message, so that a caller can hand it on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// SQLite said no. `code` is the extended result code (`SQLITE_CONSTRAINT_UNIQUE` is 2067).
    #[error("{message}")]
    Sqlite { code: i32, message: String },
    /// The values don't fit the statement: their number, their type, text that is not UTF-8.
    #[error("{0}")]
    Usage(String),
    /// The statement may not run on a shared connection.
    #[error("{0}")]
    Refused(&'static str),
    /// The result of one query is larger than `Options::max_result_bytes`.
    #[error("query result exceeds limit of {limit} bytes")]
    TooLarge { limit: usize },
    /// An `Exclusive` held the writer too long; its transaction was rolled back.
    #[error("the transaction took too long and was rolled back")]
    Expired,
    /// The job panicked. Its transaction was rolled back, the connection lives on.
    #[error("a database job panicked: {0}")]
    Panicked(String),
    /// The database's threads have ended.
    #[error("the database is closed")]
    Closed,
    /// The operating system refused a thread.
    #[error("cannot start a database thread: {0}")]
    Thread(#[source] std::io::Error),
    /// A file operation around the database (a backup) failed.
    #[error("{path}: {source}")]
    File {
        path: String,
        source: std::io::Error,
    },
}

impl Error {
    /// SQLite's extended result code, where the error is SQLite's.
    pub fn code(&self) -> Option<i32> {
        match self {
            Self::Sqlite { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// The same for another caller.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Sqlite { code, message } => Self::Sqlite {
                code: *code,
                message: message.clone(),
            },
            other => Self::Usage(other.to_string()),
        }
    }

    fn primary(&self) -> Option<i32> {
        self.code().map(|code| code & 0xff)
    }

    /// A UNIQUE or PRIMARY KEY constraint stood in the way.
    pub fn is_unique_violation(&self) -> bool {
        matches!(
            self.code(),
            Some(
                ffi::SQLITE_CONSTRAINT_UNIQUE
                    | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
                    | ffi::SQLITE_CONSTRAINT_ROWID
            )
        )
    }

    /// Any constraint stood in the way: unique, foreign key, check, not null, a trigger's `RAISE`.
    pub fn is_constraint(&self) -> bool {
        self.primary() == Some(ffi::SQLITE_CONSTRAINT)
    }

    /// The message a trigger gave to `RAISE(ABORT, …)`.
    pub fn raised(&self) -> Option<&str> {
        match self {
            Self::Sqlite {
                code: ffi::SQLITE_CONSTRAINT_TRIGGER,
                message,
            } => Some(message),
            _ => None,
        }
    }

    /// Another process held a lock for longer than the busy time-out.
    pub fn is_busy(&self) -> bool {
        matches!(self.primary(), Some(ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED))
    }

    /// A progress handler ended it.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.primary() == Some(ffi::SQLITE_INTERRUPT)
    }

    /// The disk (or the database's page limit) is full.
    pub fn is_full(&self) -> bool {
        self.primary() == Some(ffi::SQLITE_FULL)
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        let message = error.to_string();
        match error {
            rusqlite::Error::SqliteFailure(inner, _) => Self::Sqlite {
                code: inner.extended_code,
                message,
            },
            rusqlite::Error::SqlInputError { error: inner, .. } => Self::Sqlite {
                code: inner.extended_code,
                message,
            },
            _ => Self::Usage(message),
        }
    }
}
