//! Many histories on all cores.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use crate::{Coverage, Options, Violation, simulate};

/// How far to go.
pub enum Goal<'a> {
    /// So many histories.
    Histories(u64),
    /// Until this says so; it is asked before each history.
    Until(&'a (dyn Fn() -> bool + Sync)),
}

/// What many histories add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many there were.
    pub histories: u64,
    /// Their steps.
    pub steps: u64,
    /// Their crashes.
    pub crashes: u64,
    /// What happened in them.
    pub coverage: Coverage,
}

/// A seed whose history must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The seed.
    pub seed: u64,
    /// What is wrong.
    pub violation: Violation,
}

/// Keeps the calling thread, and those that it starts, to one core: the threads of a history take
/// turns, and to wake one on another core costs more than what most of them do then.
#[cfg(target_os = "linux")]
fn keep_to_core(number: usize) {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    let Ok(allowed) = sched_getaffinity(None) else { return };
    let cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
    let Some(core) = cores.cycle().nth(number) else { return };
    let mut one = CpuSet::new();
    one.set(core);
    // It only goes faster.
    sched_setaffinity(None, &one).ok();
}

#[cfg(not(target_os = "linux"))]
const fn keep_to_core(_number: usize) {}

/// Makes the histories of the seeds from `from` on, up to the goal or to the first violation
/// that is found.
#[must_use]
pub fn search(from: u64, goal: &Goal<'_>, options: &Options) -> (Tally, Option<Found>) {
    let (next, is_over) = (AtomicU64::new(from), AtomicBool::new(false));
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let search_some = |number| {
        keep_to_core(number);
        let (mut tally, mut found) = (Tally::default(), None);
        while found.is_none() && !is_over.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if goal.is_reached(seed - from) {
                break;
            }
            let report = simulate(seed, options);
            tally.histories += 1;
            tally.steps += report.steps;
            tally.crashes += report.crashes;
            tally.coverage.add(&report.coverage);
            found = report.violation.map(|violation| Found { seed, violation });
        }
        if found.is_some() {
            is_over.store(true, Ordering::Relaxed);
        }
        (tally, found)
    };
    thread::scope(|scope| {
        let searches: Vec<_> =
            (0..cores).map(|number| scope.spawn(move || search_some(number))).collect();
        let mut all = (Tally::default(), None::<Found>);
        for search in searches {
            let (tally, found) = search.join().expect("a panic in a history is a find");
            all.0.add(&tally);
            all.1 = all.1.into_iter().chain(found).min_by_key(|found| found.seed);
        }
        all
    })
}

impl Goal<'_> {
    fn is_reached(&self, begun: u64) -> bool {
        match self {
            Self::Histories(count) => begun >= *count,
            Self::Until(is_over) => is_over(),
        }
    }
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.histories += other.histories;
        self.steps += other.steps;
        self.crashes += other.crashes;
        self.coverage.add(&other.coverage);
    }
}
