//! The harness: starts an edition, speaks HTTP to it as a client would, and receives its webhooks.

pub mod app;
pub mod client;
pub mod clock;
pub mod cluster;
pub mod edition;
pub mod model;
#[path = "../../worker/tests/it/node.rs"]
pub mod node;
pub mod process;
pub mod receiver;
pub mod schemathesis;
pub mod stream;
pub mod wait;

pub use app::App;
pub use client::{Reply, User};
pub use receiver::Receiver;
pub use wait::eventually;
