//! The real servers start, answer, keep their data when they are killed, and leave nothing behind.

mod postgres;
