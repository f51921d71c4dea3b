use crate::task::Invalid;

/// Why a text is not what it should be. Every message is made for the person or program that sent the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Neither a local date nor a local date-time.
    #[error("not a date like 2026-12-01 or a date-time like 2026-12-01T09:00 (without zone): {0}")]
    Local(String),
    /// Not an RFC 3339 instant.
    #[error("not an instant like 2026-11-30T18:00:00Z (RFC 3339): {0}")]
    Instant(String),
    /// No zone of that name in the IANA database ([`crate::time::TZDATA_VERSION`]).
    #[error("unknown time zone \"{0}\": give an IANA name like Europe/Berlin")]
    Zone(String),
    /// Not a duration of the form this crate takes (see [`crate::Duration8601`]).
    #[error("not a duration like PT30M, P1D or P1W: {0}")]
    Duration(String),
    /// Not a time of day.
    #[error("not a time of day like 22:30: {0}")]
    TimeOfDay(String),
    /// A recurrence rule that is wrong, or right but not supported.
    #[error("{part}: {reason}")]
    Rule {
        /// The rule part as RFC 5545 names it, such as `BYDAY`; `RRULE` where the rule as a whole is meant.
        part: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A rule that is right by itself and can't be used with this start.
    #[error("{0}")]
    Recurrence(String),
}

impl Error {
    /// The same error as the answer for the field at `path` (a JSON path such as `repeat.rrule`).
    pub fn at(&self, path: impl Into<String>) -> Invalid {
        Invalid::new(path, self.to_string())
    }

    pub(crate) fn rule(part: &str, reason: impl Into<String>) -> Self {
        Error::Rule {
            part: part.to_owned(),
            reason: reason.into(),
        }
    }
}

/// At most 60 characters of a client's text, quoted, without control characters: fit for an error message.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for (n, c) in text.chars().enumerate() {
        if n == 60 {
            out.push('…');
            break;
        }
        out.push(if c.is_control() { '\u{fffd}' } else { c });
    }
    out.push('"');
    out
}
