//! SQL from functions. One statement changes one thing; a read answers one row, the JSON of the answer (see
//! ARCHITECTURE.md). One file per noun, the SQL beside what it is for.

pub mod db;
pub mod write;

pub mod activity;
pub mod digests;
pub mod notifications;
pub mod projects;
pub mod reminders;
pub mod settings;
mod statements;
pub mod tasks;
pub mod users;
