//! What a task may hold. Each rule answers the value as it is kept, or [`Invalid`] with the field's path.

use serde::{Deserialize, Serialize};

use crate::error::quoted;
use crate::reminders::Definition;

/// The longest title, in characters.
pub const MAX_TITLE: usize = 500;
/// The longest notes, in bytes.
pub const MAX_NOTES: usize = 64 * 1024;
/// The most tags of a task.
pub const MAX_TAGS: usize = 32;
/// The longest tag, in characters.
pub const MAX_TAG: usize = 64;
/// The most reminders of a task.
pub const MAX_REMINDERS: usize = 20;
/// The longest reminder id taken from a client, in bytes.
pub const MAX_REMINDER_ID: usize = 64;

/// A field that can't be accepted, and why, in words for the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct Invalid {
    /// JSON path from the root of the request, such as `reminders[1].before`.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Invalid {
    /// That field, for that reason.
    pub fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Invalid {
            field: field.into(),
            reason: reason.into(),
        }
    }
}

/// How much a task presses.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Nothing said.
    #[default]
    None,
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
}

impl Priority {
    /// The word on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Priority::None => "none",
            Priority::Low => "low",
            Priority::Medium => "medium",
            Priority::High => "high",
        }
    }

    /// From its word.
    pub fn parse(word: &str) -> Result<Priority, Invalid> {
        [
            Priority::None,
            Priority::Low,
            Priority::Medium,
            Priority::High,
        ]
        .into_iter()
        .find(|priority| priority.as_str() == word)
        .ok_or_else(|| Invalid::new("priority", "must be none, low, medium or high"))
    }
}

/// The longest rank, in characters.
pub const MAX_RANK: usize = 64;

/// A place in an order by hand: digits and small letters, compared as bytes, none of them so that it comes last. It does
/// not end in `0`, so that there is always room before it.
pub fn rank(text: &str) -> Result<String, Invalid> {
    let fits = text.len() <= MAX_RANK
        && !text.ends_with('0')
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || b.is_ascii_lowercase());
    if fits {
        Ok(text.to_owned())
    } else {
        Err(Invalid::new(
            "rank",
            format!("must have at most {MAX_RANK} digits and small letters and not end in 0"),
        ))
    }
}

/// A title without the space around it: 1 to [`MAX_TITLE`] characters, none of them a control character.
pub fn title(text: &str) -> Result<String, Invalid> {
    let text = text.trim();
    let wrong = |reason: String| Err(Invalid::new("title", reason));
    if text.is_empty() {
        return wrong("must not be empty".to_owned());
    }
    if text.chars().nth(MAX_TITLE).is_some() {
        return wrong(format!("must have at most {MAX_TITLE} characters"));
    }
    if text.chars().any(char::is_control) {
        return wrong("must be one line without control characters".to_owned());
    }
    Ok(text.to_owned())
}

/// Notes as they are: at most [`MAX_NOTES`] bytes, no NUL (Postgres stores none).
pub fn notes(text: &str) -> Result<String, Invalid> {
    if text.len() > MAX_NOTES {
        return Err(Invalid::new(
            "notes",
            format!("must have at most {MAX_NOTES} bytes"),
        ));
    }
    if text.contains('\0') {
        return Err(Invalid::new("notes", "must not contain a NUL character"));
    }
    Ok(text.to_owned())
}

/// Tags without the space around them, each once, in the order given: at most [`MAX_TAGS`] of 1 to [`MAX_TAG`]
/// characters. Upper and lower case differ.
pub fn tags<S: AsRef<str>>(given: &[S]) -> Result<Vec<String>, Invalid> {
    let mut tags: Vec<String> = Vec::new();
    for (n, tag) in given.iter().enumerate() {
        let tag = tag.as_ref().trim();
        let wrong = |reason: String| Err(Invalid::new(format!("tags[{n}]"), reason));
        if tag.is_empty() {
            return wrong("must not be empty".to_owned());
        }
        if tag.chars().nth(MAX_TAG).is_some() {
            return wrong(format!("must have at most {MAX_TAG} characters"));
        }
        if tag.chars().any(char::is_control) {
            return wrong("must not contain control characters".to_owned());
        }
        if tags.iter().any(|known| known == tag) {
            continue;
        }
        if tags.len() == MAX_TAGS {
            return Err(Invalid::new("tags", format!("must be at most {MAX_TAGS}")));
        }
        tags.push(tag.to_owned());
    }
    Ok(tags)
}

/// Reminders: at most [`MAX_REMINDERS`], no id twice, ids of at most [`MAX_REMINDER_ID`] visible ASCII characters.
pub fn reminders(given: &[Definition]) -> Result<(), Invalid> {
    if given.len() > MAX_REMINDERS {
        return Err(Invalid::new(
            "reminders",
            format!("must be at most {MAX_REMINDERS}"),
        ));
    }
    for (n, one) in given.iter().enumerate() {
        let id = one.id.as_str();
        if id.is_empty() {
            continue;
        }
        let wrong = |reason: String| Err(Invalid::new(format!("reminders[{n}].id"), reason));
        if id.len() > MAX_REMINDER_ID || !id.bytes().all(|b| b.is_ascii_graphic()) {
            return wrong(format!(
                "must be 1 to {MAX_REMINDER_ID} visible ASCII characters"
            ));
        }
        if given.iter().take(n).any(|earlier| earlier.id == id) {
            return wrong(format!("{} is there twice", quoted(id)));
        }
    }
    Ok(())
}

/// Reminders from JSON, with the path of the item and member that can't be read.
pub fn reminders_from_json(value: &serde_json::Value) -> Result<Vec<Definition>, Invalid> {
    let items = value
        .as_array()
        .ok_or_else(|| Invalid::new("reminders", "must be a list"))?;
    if items.len() > MAX_REMINDERS {
        return Err(Invalid::new(
            "reminders",
            format!("must be at most {MAX_REMINDERS}"),
        ));
    }
    let mut list = Vec::with_capacity(items.len());
    for (n, item) in items.iter().enumerate() {
        let path = format!("reminders[{n}]");
        let object = item
            .as_object()
            .ok_or_else(|| Invalid::new(path.as_str(), "must be an object"))?;
        for member in ["before", "at", "again", "id"] {
            let Some(value) = object.get(member).filter(|value| !value.is_null()) else {
                continue;
            };
            let path = format!("{path}.{member}");
            let text = value
                .as_str()
                .ok_or_else(|| Invalid::new(path.as_str(), "must be a string"))?;
            match member {
                "before" | "again" => drop(
                    text.parse::<crate::Duration8601>()
                        .map_err(|e| e.at(path))?,
                ),
                "at" => drop(text.parse::<crate::Instant>().map_err(|e| e.at(path))?),
                _ => {}
            }
        }
        list.push(
            serde_json::from_value(item.clone()).map_err(|e| Invalid::new(path, e.to_string()))?,
        );
    }
    reminders(&list)?;
    Ok(list)
}
