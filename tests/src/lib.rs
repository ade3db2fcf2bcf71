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

use std::io::{Write as _, stderr};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

/// How long a test waits for something that takes a second at most, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How long to let others work before a condition is looked at again.
const LOOK_EVERY: Duration = Duration::from_millis(4);

/// An address of this machine at which nobody listens, nor will anybody until the caller does:
/// at 127.0.0.1, another test or a connection may be given the port that was found free.
///
/// # Panics
/// When there are no more of them.
pub fn free_address() -> SocketAddr {
    static LAST: AtomicU8 = AtomicU8::new(1);
    let last = LAST.fetch_add(1, Ordering::Relaxed);
    assert!(last < u8::MAX, "a test process needs no 254 addresses");
    TcpListener::bind((Ipv4Addr::new(127, 0, 1, last), 0)).unwrap().local_addr().unwrap()
}

/// Waits until `condition` gives something.
///
/// # Panics
/// When it has given nothing for `limit`; the text names `what` was waited for.
pub fn wait_until<T>(limit: Duration, what: &str, condition: impl FnMut() -> Option<T>) -> T {
    within(limit, condition).unwrap_or_else(|| panic!("waited {limit:?} in vain: {what}"))
}

/// Says that something was not run, and why, where the test's own output is not swallowed.
pub fn skipped(what: &str, why: &str) {
    let _ = writeln!(stderr(), "SKIPPED: {what}; not run, as {why}");
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
