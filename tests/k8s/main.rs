//! The chart's tests. What each claim rests on is in claims.toml, and k8s/VERIFIED.md is made of that.

mod applied;
mod controllers;
mod definitions;
mod lint;
mod network;
mod policies;
mod recorded;
mod setup;
mod sidecars;
