//! The real binary and its disk: killed under load, its power cut, its disk full or read-only,
//! its file removed, cut off or damaged.
//!
//! What a machine can't do is SKIPPED, with the reason, and was not run.

#![allow(clippy::unwrap_used, reason = "clippy sees no test in a test's own functions")]

mod client;
mod damage;
mod database;
mod journal;
mod kill;
mod mount;
mod power;
mod trouble;
