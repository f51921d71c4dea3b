//! spin:postgres against a real Postgres, driven through the component of `tests/guest`.

mod database;
mod errors;
mod faults;
mod pool;
#[path = "../it/support.rs"]
#[expect(dead_code, reason = "shared with the tests that need no server")]
mod support;
mod tls;
mod values;
