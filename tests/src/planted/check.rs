//! What may catch a planted fault: the tests of one package.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::gangway::cargo;
use crate::within;

/// Tests that take longer than this hang: they take a minute at most on a machine that is free.
const LIMIT: Duration = Duration::from_secs(1_800);

/// The tests of one package, run by cargo-nextest. The first that fails ends all the others: a
/// property that fails as well may take for ever to find its shortest example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// Of the rules: the state machine's behaviour, and what is read and said.
    Onboarding,
    /// Of the rules: what takes a hundred times as long, exploration and properties.
    Exploration,
    /// Of what is checked of documents.
    Documents,
    /// Of the client, against a server that answers as it is told.
    Crossmint,
    /// Of the store: the conformance suite, and the tests of SQLite.
    Store,
    /// Of the worker and the intake, over both stores.
    Engine,
    /// Of what tells others, against receivers that fail.
    Notifications,
    /// Of the API's own parts: its limits, its places, its document.
    Server,
    /// Of the binary's settings, and of the commands that need no provider.
    Gangway,
    /// The fixed set of histories.
    Simulation,
    /// The real binary against the sandbox.
    EndToEnd,
}

/// What became of a check.
pub enum Outcome {
    /// Everything is as it should be.
    Passed,
    /// It caught something: the first test that failed.
    Failed(String),
    /// It did not end in time: a fault that makes a test hang, or a machine that is too busy.
    NoEnd,
    /// It was not built, or ended before any test did: nothing was caught.
    NotRun,
}

impl Check {
    const ALL: [Self; 11] = [
        Self::Onboarding,
        Self::Exploration,
        Self::Documents,
        Self::Crossmint,
        Self::Store,
        Self::Engine,
        Self::Notifications,
        Self::Server,
        Self::Gangway,
        Self::Simulation,
        Self::EndToEnd,
    ];

    /// The word in the list.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Onboarding => "onboarding",
            Self::Exploration => "exploration",
            Self::Documents => "documents",
            Self::Crossmint => "crossmint",
            Self::Store => "store",
            Self::Engine => "engine",
            Self::Notifications => "notifications",
            Self::Server => "server",
            Self::Gangway => "gangway",
            Self::Simulation => "simulation",
            Self::EndToEnd => "end-to-end",
        }
    }

    /// The check that a word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|check| check.as_str() == word)
    }

    /// What Cargo is to test, and of it which tests.
    const fn selection(self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Self::Onboarding => (UNOPTIMISED, &["-E", "not test(/table::|page::|properties::/)"]),
            Self::Exploration => (UNOPTIMISED, &["-E", "test(/table::|page::|properties::/)"]),
            Self::Documents => (&["--package", "documents"], &[]),
            Self::Crossmint => (&["--package", "crossmint"], &[]),
            Self::Store => (&["--package", "store"], &[]),
            Self::Engine => (&["--package", "engine"], &[]),
            Self::Notifications => (&["--package", "notifications"], &[]),
            Self::Server => (&["--package", "server"], &[]),
            Self::Gangway => (&["--package", "gangway"], &[]),
            // Its other tests plant faults of their own.
            Self::Simulation => {
                (&["--package", "simulation", "--test", "simulation"], &[HISTORIES])
            }
            Self::EndToEnd => (&["--package", "gangway-tests", "--test", "end_to_end"], &[]),
        }
    }

    /// Builds the tests in `tree` and runs them until one fails; the time is that of the run.
    /// What was said goes to `log`.
    pub fn run(self, tree: &Path, target: &Path, log: &Path) -> (Outcome, Duration) {
        let (packages, names) = self.selection();
        let start = |last: &[&str]| {
            let said = File::create(log).unwrap();
            cargo()
                .args(["nextest", "run", "--locked", "--status-level=fail"])
                .args(packages)
                .args(last)
                .current_dir(tree)
                .env("CARGO_TARGET_DIR", target)
                // What is built once and run once: nobody steps through it.
                .env("CARGO_PROFILE_DEV_DEBUG", "false")
                // No fault is caught by what was found with another.
                .env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1")
                .stdin(Stdio::null())
                .stdout(said.try_clone().unwrap())
                .stderr(said)
                .process_group(0)
                .spawn()
                .unwrap()
        };
        if !start(&["--no-run"]).wait().unwrap().success() {
            return (Outcome::NotRun, Duration::ZERO);
        }
        let began = Instant::now();
        let mut running = start(&[&["--max-fail=1:immediate"], names].concat());
        let ended = within(LIMIT, || running.try_wait().unwrap());
        let took = began.elapsed();
        (outcome(ended, &mut running, log), took)
    }
}

/// Most faults are caught before the rules would be optimised.
const UNOPTIMISED: &[&str] =
    &["--package", "onboarding", "--config=profile.dev.package.onboarding.opt-level=0"];

/// The names of the tests that make histories without a fault of their own begin so.
const HISTORIES: &str = "the_invariants_hold_in";

fn outcome(ended: Option<ExitStatus>, running: &mut Child, log: &Path) -> Outcome {
    let Some(status) = ended else {
        let group = Pid::from_child(running);
        // Asked to end, it ends its tests; they are in groups of their own.
        kill_process_group(group, Signal::TERM).unwrap();
        running.wait().unwrap();
        return Outcome::NoEnd;
    };
    if status.success() {
        return Outcome::Passed;
    }
    let said = String::from_utf8_lossy(&std::fs::read(log).unwrap()).into_owned();
    // A run that ended for another reason caught nothing.
    first_failed(&said).map_or(Outcome::NotRun, |test| Outcome::Failed(test.to_owned()))
}

/// The first test that failed or that a signal ended, as cargo-nextest says it.
fn first_failed(said: &str) -> Option<&str> {
    said.lines().find_map(|line| {
        let (how, rest) = line.trim_start().split_once(" [")?;
        let (_counted, test) = rest.split_once(") ")?;
        (how == "FAIL" || how.starts_with("SIG")).then_some(test)
    })
}

#[cfg(test)]
mod tests {
    use super::first_failed;

    #[test]
    fn only_a_test_that_failed_catches_a_fault() {
        for (said, caught) in [
            (
                "        FAIL [   0.004s] ( 1/82) store budget::tests::pauses",
                Some("store budget::tests::pauses"),
            ),
            ("     SIGABRT [   1.004s] ( 3/82) store deep", Some("store deep")),
            ("        PASS [   0.004s] ( 1/82) store budget::tests::pauses", None),
            ("error: no tests to run\n(hint: use `--no-tests`)", None),
        ] {
            assert_eq!(first_failed(said), caught, "{said}");
        }
    }
}
