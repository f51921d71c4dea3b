//! The system's clock, as somebody outside of what is tested reads it.

use std::time::{SystemTime, UNIX_EPOCH};

use punctual_domain::Instant;

/// Unix microseconds.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.expect("after 1970").as_micros()).expect("before 2262")
}

/// An instant so far from now, as the API takes it: in whole milliseconds.
pub fn in_millis(millis: i64) -> String {
    Instant::from_millis(now() / 1000 + millis).to_string()
}
