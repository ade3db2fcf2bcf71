//! Power loss, a disk that fills up and a sync that fails, under the real store. First of all
//! the disk itself is tested: a check that can't find a loss proves nothing.

#![allow(clippy::unwrap_used, reason = "clippy sees no test in a test's own functions")]

mod clients;
mod self_test;
mod store;

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use crash_vfs::Disk;

/// How long connections may take to close.
const CLOSE_LIMIT: Duration = Duration::from_secs(60);

/// Waits until every connection is closed.
async fn closed(disk: &Disk) {
    let began = Instant::now();
    while !disk.is_closed() {
        assert!(began.elapsed() < CLOSE_LIMIT, "a connection is never closed");
        tokio::time::sleep(Duration::from_micros(50)).await;
    }
}

/// The power fails, and comes back when nothing runs any more.
async fn lose_power(disk: &Disk) {
    disk.cut_power();
    closed(disk).await;
    disk.restore_power();
}

/// The seeds that a test of the store runs: as many as it likes, unless `CRASH_RUNS` says how
/// many and `CRASH_SEED` which is the first.
fn seeds(unless_told: u64) -> RangeInclusive<u64> {
    let told =
        |name| std::env::var(name).ok().and_then(|number: String| number.parse::<u64>().ok());
    let first = told("CRASH_SEED").unwrap_or(1);
    first..=first + told("CRASH_RUNS").unwrap_or(unless_told) - 1
}
