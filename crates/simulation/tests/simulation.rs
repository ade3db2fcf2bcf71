//! A fixed set of histories, the same one twice, and planted faults that must not survive.

use std::process::{Command, Output};

use simulation::{
    Cut, Found, Goal, Options, Planted, Report, Tally, Trouble, command, search, shrink, simulate,
};

/// How many histories each run of the tests makes; more are a matter of `--histories`.
const HISTORIES: u64 = 200;
/// How many are searched for a planted fault.
const SEARCHED_MAX: u64 = 4_000;

fn told(cut: Cut) -> Options {
    Options { cut, is_told: true, ..Options::default() }
}

fn planted(planted: Planted) -> Options {
    Options { planted: Some(planted), ..Options::default() }
}

fn check(from: u64, histories: u64) {
    let (tally, found) = search(from, &Goal::Histories(histories), &Options::default());
    if let Some(Found { seed, violation }) = found {
        let rerun = command(seed, &Options::default());
        panic!("{} is violated: {}\n{rerun}", violation.invariant, violation.what);
    }
    assert_eq!(tally.histories, histories);
    assert!(tally.crashes > 0, "processes die in some of them");
}

#[test]
fn the_invariants_hold_in_a_fixed_set_of_histories() {
    check(0, HISTORIES);
}

/// The build gives the hash of its commit, so that every commit tries other histories.
#[test]
fn the_invariants_hold_in_histories_that_no_earlier_commit_tried() {
    let commit = std::env::var("SIMULATION_COMMIT").unwrap_or_default();
    let digits = commit.get(..12).unwrap_or("1000000");
    let from = u64::from_str_radix(digits, 16).expect("SIMULATION_COMMIT is a commit's hash");
    check(from, HISTORIES);
}

#[test]
fn a_seed_gives_the_same_history_every_time_told_or_not() {
    let mut fingerprints = Vec::new();
    for seed in 0..40 {
        let once = simulate(seed, &Options::default());
        let again = simulate(seed, &told(Cut::default()));
        assert!(again.story.len() > 3, "seed {seed} has a story");
        assert_eq!(Report { story: Vec::new(), ..again }, once, "seed {seed}");
        fingerprints.push(once.fingerprint);
    }
    fingerprints.sort_unstable();
    fingerprints.dedup();
    assert_eq!(fingerprints.len(), 40, "and no two seeds give the same");
}

/// Otherwise the invariants would hold for want of trouble.
#[test]
fn everything_that_may_happen_happens_in_the_fixed_set() {
    let mut missing: Vec<&str> = WORDS.to_vec();
    for seed in 0..HISTORIES {
        let story = simulate(seed, &told(Cut::default())).story;
        missing.retain(|word| !story.iter().any(|line| line.contains(word)));
    }
    assert_eq!(missing, Vec::<&str>::new());
}

const WORDS: [&str; 55] = [
    ": Answered",
    ": Doubled",
    ": Late",
    ": NotConnected",
    ": RequestLost",
    ": AnswerLost",
    ": Unreadable",
    ": ErrorBefore",
    ": ErrorAfter",
    ": RateLimited",
    ": Refused",
    "befallen by closed",
    "befallen by forgotten",
    "befallen by regress",
    "befallen by policy-change",
    "the clock jumps by -",
    "the clock jumps by 1",
    "is killed",
    "finds the store unusable before a commit",
    "finds the store unusable before a claim",
    "is not told by the store after a commit",
    "is not told by the store after a claim",
    "dies before finding a user",
    "dies before a commit",
    "dies after a commit",
    "dies before a claim",
    "dies after a claim",
    "dies before reading a profile",
    "dies before a call",
    "dies after a call was sent",
    "dies before an answer is recorded",
    "dies before a person is answered",
    "trigger-begun",
    "document-uploaded",
    "resumed by",
    "retried by",
    "nothing changed: already-so",
    "not taken: the onboarding is cancelled",
    "not taken: the store can't be used now",
    "not taken: it is not known whether",
    "was too late with a commit",
    "an answer that came late changes nothing",
    "takes over, as a claim ran out",
    "-> registering",
    "-> registered",
    "-> documents-uploaded",
    "-> verification-triggered",
    "-> polling",
    "-> requires-data",
    "-> verified",
    "-> rejected",
    "-> held",
    "-> cancelled",
    "-> erased",
    "the faults stop",
];

/// Each planted fault, and the invariants by which it may be caught.
const CAUGHT_BY: [(Planted, &[&str]); Planted::ALL.len()] = [
    (Planted::DropTheVersionCheck, &["I9"]),
    (Planted::ForgetTheLease, &["I9"]),
    (Planted::AcknowledgeBeforeCommit, &["I7"]),
    (Planted::ForgetTheBudget, &["I8"]),
    (Planted::ForgetToSlowDown, &["I8"]),
    (Planted::ApplyAnAnswerTwice, &["I1"]),
    (Planted::LoseASection, &["I4"]),
    (Planted::RepeatUnknownTrigger, &["I5"]),
    (Planted::ReadAnOldStatus, &["I3", "I5", "I6"]),
    (Planted::TakeUnknownForVerified, &["I3"]),
    (Planted::SendTheFirstProfile, &["I4"]),
    (Planted::NeverReadTheStatus, &["I6"]),
];

#[test]
fn no_planted_fault_survives() {
    for (fault, invariants) in CAUGHT_BY {
        let (_, found) = search(0, &Goal::Histories(SEARCHED_MAX), &planted(fault));
        let Some(Found { seed, violation }) = found else {
            panic!("{} survives {SEARCHED_MAX} histories", fault.as_str());
        };
        let invariant = violation.invariant;
        assert!(invariants.contains(&invariant), "{} of {seed}: {violation:?}", fault.as_str());
    }
}

#[test]
fn a_violation_is_shrunk_to_a_short_story_with_the_same_one() {
    let options = planted(Planted::DropTheVersionCheck);
    let (_, found) = search(0, &Goal::Histories(SEARCHED_MAX), &options);
    let Found { seed, violation } = found.expect("the planted fault is found");
    let cut = shrink(seed, violation.invariant, &options);
    let whole = simulate(seed, &Options { is_told: true, ..options.clone() });
    let short = simulate(seed, &Options { is_told: true, cut: cut.clone(), ..options.clone() });
    assert_eq!(short.violation.map(|found| found.invariant), Some(violation.invariant));
    assert!(short.story.len() < whole.story.len(), "{:#?}", short.story);
    let rerun = command(seed, &Options { cut, ..options });
    assert!(rerun.contains(&format!("--seed {seed} --users 1")), "{rerun}");
    assert!(rerun.ends_with("--plant drop-the-version-check"), "{rerun}");
}

#[test]
fn what_is_left_out_does_not_happen() {
    let without_crashes = Cut { without: [Trouble::Crash].into(), ..Cut::default() };
    for seed in 0..40 {
        let options = Options { cut: without_crashes.clone(), ..Options::default() };
        assert_eq!(simulate(seed, &options).crashes, 0, "seed {seed}");
    }
    let nothing = Cut { happenings: Some(0), workers: Some(1), ..Cut::default() };
    let story = simulate(1, &told(nothing)).story;
    assert!(!story.iter().any(|line| line.contains("a person")), "{story:#?}");
}

fn run(arguments: &[&str]) -> (Output, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_simulation")).args(arguments).output();
    let output = output.expect("the binary was built for this test");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let last = text.lines().last().unwrap_or_default().to_owned();
    (output, last)
}

#[test]
fn the_command_tells_one_seed_and_counts_many() {
    let (output, last) = run(&["--seed", "7"]);
    assert!(output.status.success());
    assert!(last.starts_with("seed=7 steps="), "{last}");

    let (output, last) = run(&["--histories", "20", "--from", "100"]);
    assert!(output.status.success());
    let Tally { histories, steps, crashes } =
        search(100, &Goal::Histories(20), &Options::default()).0;
    let expected = format!("histories={histories} steps={steps} crashes={crashes} violations=0");
    assert_eq!(last, expected);

    let (output, last) = run(&["--histories", "20", "--plant", "forget-the-lease"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(last.ends_with("violations=1"), "{last}");
    let story = String::from_utf8_lossy(&output.stdout);
    assert!(story.contains("cargo run --release -p simulation -- --seed "), "{story}");

    for wrong in [&["--seed"][..], &["--seed", "x"], &["--sed", "1"], &["--without", "rain"]] {
        assert_eq!(run(wrong).0.status.code(), Some(2), "{wrong:?}");
    }
}
