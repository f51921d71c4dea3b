//! Everything that crosses a wire: what clients send and get, problem details, CloudEvents, and the signature on the
//! calls between worker and functions. Rules live in `punctual-domain`; nothing here decides.

pub mod api;
pub mod batch;
pub mod events;
pub mod problem;
pub mod signature;
