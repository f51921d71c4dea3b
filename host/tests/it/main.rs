//! The host, driven through a component that does on request what components do (`tests/guest`).

mod http;
mod lifecycle;
mod limits;
mod loading;
mod outbound;
mod storage;
mod support;
mod wit;
