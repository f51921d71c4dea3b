//! The worker's call to an event function: a JSON array of CloudEvents, answered with one status per event.

use serde::{Deserialize, Serialize};

/// `application/cloudevents-batch+json`
pub const CONTENT_TYPE: &str = "application/cloudevents-batch+json";

/// The most events that one call carries.
pub const MAX_EVENTS: usize = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "documents", derive(schemars::JsonSchema))]
pub enum Status {
    /// Done, or nothing was to do.
    Ok,
    /// Not now: hold back this key and send it again.
    Retry,
    /// Never: it can't be understood.
    Drop,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "documents", derive(schemars::JsonSchema))]
pub struct Outcome {
    /// The event's id.
    pub id: String,
    pub status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The 200 answer: outcomes in the order of the events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "documents", derive(schemars::JsonSchema))]
pub struct Outcomes {
    pub outcomes: Vec<Outcome>,
}
