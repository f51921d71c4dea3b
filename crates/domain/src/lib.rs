//! The rules of Punctual: times, recurrence, reminders and what a task may hold.
//!
//! Everything here is pure: no clock is read, nothing is stored, nothing waits. `now`, `today` and the zone come in as
//! arguments, so the same call gives the same answer in a test, in a WASM function and in the worker. No input makes
//! these functions panic or run without end; what can't be understood is a typed [`Error`] whose text may be shown to a
//! client.
//!
//! The section "Time, exactly" of the design is decided here; each of its lines that needs no database is a test of
//! this crate.

#![warn(missing_docs)]

pub mod activity;
pub mod channel;
pub mod digest;
mod error;
pub mod lifecycle;
pub mod quiet;
pub mod recurrence;
pub mod reminders;
pub mod series;
pub mod task;
pub mod time;
pub mod user_agent;
pub mod words;
mod zone;

pub use digest::Digest;
pub use error::Error;
pub use quiet::Quiet;
pub use recurrence::{Occurrence, Recurrence, Rule};
pub use series::{Basis, OccurrenceRef, Series};
pub use task::{Invalid, Priority};
pub use time::{Duration8601, Instant, Local, Zone};
