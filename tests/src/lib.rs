//! What the end-to-end tests and the benchmarks share: the real binary as a process, the
//! sandbox beside it, and a provider that only records.
//!
//! It tells a test what happened and judges nothing. It never looks inside the database: what
//! a test knows, a user of the binary could know, too.

#![allow(clippy::unwrap_used, reason = "a broken assumption of the harness ends the test")]

mod api;
mod chance;
mod collector;
mod gangway;
mod people;
pub mod planted;
mod recorder;
pub mod roads;
mod sandbox;
mod scrape;
mod worker;

pub use api::{Api, Response};
pub use chance::Chance;
pub use collector::Collector;
pub use gangway::{Ended, Gangway, binary, breakable_binary};
pub use people::{PASSPORT, complete_profile, days_from_now, demo_file};
pub use recorder::{Answer, Recorder, Request};
pub use sandbox::Sandbox;
pub use scrape::Scrape;
pub use worker::Worker;

use std::time::{Duration, Instant};

/// How long a test waits for something that takes a second at most, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How long to let others work before a condition is looked at again.
const LOOK_EVERY: Duration = Duration::from_millis(4);

/// Waits until `condition` gives something.
///
/// # Panics
/// When it has given nothing for `limit`; the text names `what` was waited for.
pub fn wait_until<T>(limit: Duration, what: &str, condition: impl FnMut() -> Option<T>) -> T {
    within(limit, condition).unwrap_or_else(|| panic!("waited {limit:?} in vain: {what}"))
}

/// What `condition` gives within `limit`.
fn within<T>(limit: Duration, mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let began = Instant::now();
    while began.elapsed() < limit {
        if let Some(found) = condition() {
            return Some(found);
        }
        std::thread::sleep(LOOK_EVERY);
    }
    None
}
