//! A fixed set of histories, the same one twice, and planted faults that must not survive.

use std::process::{Command, Output};

use simulation::{
    Coverage, Cut, Found, Goal, Options, Planted, Report, StoreKind, Tally, Trouble, command,
    search, shrink, simulate,
};

/// How many histories over each store each run of the tests makes; more are a matter of
/// `--histories`.
const HISTORIES: [(StoreKind, u64); 2] = [(StoreKind::Memory, 200), (StoreKind::Sqlite, 70)];
/// How many over the store in memory are looked at for what must have happened.
const COVERING: u64 = 1_200;
/// How many are searched for a planted fault.
const SEARCHED_MAX: u64 = 4_000;

fn over(store: StoreKind) -> Options {
    Options { store, ..Options::default() }
}

fn told(cut: Cut) -> Options {
    Options { cut, is_told: true, ..Options::default() }
}

fn planted(planted: Planted) -> Options {
    Options { planted: Some(planted), ..Options::default() }
}

/// Makes histories in which nothing may be wrong, and answers what happened in them.
fn check(from: u64, histories: u64, options: &Options) -> Coverage {
    let (tally, found) = search(from, &Goal::Histories(histories), options);
    if let Some(Found { seed, violation }) = found {
        let rerun = command(seed, options);
        panic!("{} is violated: {}\n{rerun}", violation.invariant, violation.what);
    }
    assert_eq!(tally.histories, histories);
    tally.coverage
}

/// Otherwise the invariants would hold for want of trouble.
#[test]
fn the_invariants_hold_in_a_fixed_set_of_histories_in_which_everything_goes_wrong() {
    let coverage = check(0, COVERING, &Options::default());
    assert_eq!(coverage.missing_troubles(), Vec::<&str>::new());
    assert_eq!(coverage.missing_deaths(), Vec::<String>::new());
    assert_eq!(coverage.missing_sights(), Vec::<&str>::new());
    let coverage = check(0, HISTORIES[1].1, &over(StoreKind::Sqlite));
    assert_eq!(coverage.missing_troubles(), Vec::<&str>::new());
}

/// The build gives the hash of its commit, so that every commit tries other histories.
#[test]
fn the_invariants_hold_in_histories_that_no_earlier_commit_tried() {
    let commit = std::env::var("SIMULATION_COMMIT").unwrap_or_default();
    let digits = commit.get(..12).unwrap_or("1000000");
    let from = u64::from_str_radix(digits, 16).expect("SIMULATION_COMMIT is a commit's hash");
    for (store, histories) in HISTORIES {
        check(from, histories, &over(store));
    }
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

#[test]
fn a_seed_gives_the_same_story_over_the_real_store_twice_and_over_the_one_in_memory() {
    for seed in 0..8 {
        let options = told(Cut::default());
        let in_memory = simulate(seed, &options);
        let options = Options { store: StoreKind::Sqlite, ..options };
        for _ in 0..2 {
            assert_eq!(simulate(seed, &options), in_memory, "seed {seed}");
        }
    }
}

#[test]
fn a_story_tells_what_happened() {
    let mut missing: Vec<&str> = WORDS.to_vec();
    for seed in 0..HISTORIES[0].1 {
        let story = simulate(seed, &told(Cut::default())).story;
        missing.retain(|word| !story.iter().any(|line| line.contains(word)));
    }
    assert_eq!(missing, Vec::<&str>::new());
}

const WORDS: [&str; 48] = [
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
    "befallen by damage",
    "the clock jumps by -",
    "the clock jumps by 1",
    "is killed",
    "finds the store unusable before a commit",
    "finds the store unusable before a claim",
    "is not told by the store after a commit",
    "is not told by the store after a claim",
    "dies before a commit",
    "dies after a commit",
    "trigger-begun",
    "document-uploaded",
    "document-withdrawn",
    "terms-accepted",
    "user-read",
    "task-reminded",
    "renewal-opened",
    "task-waived",
    "resumed by",
    "retried by",
    "nothing changed: already-so",
    "not taken: the onboarding is cancelled",
    "not taken: the store can't be used now",
    "not taken: it is not known whether",
    "is damaged in the store",
    "was too late with a commit",
    "an answer that came late changes nothing",
    "takes over, as a claim ran out",
    "-> registered",
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
    (Planted::DropTheTerms, &["I4"]),
    (Planted::SendAKeptConsent, &["I4"]),
    (Planted::DropTheWallets, &["I4"]),
    (Planted::TakeAllForShown, &["I4"]),
    (Planted::ForgetARegression, &["I11"]),
    (Planted::ForgetAReminder, &["I11"]),
    (Planted::RemindTwice, &["I1"]),
    (Planted::ForgetARenewal, &["I11"]),
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
        let over_sqlite = Options { store: StoreKind::Sqlite, ..planted(fault) };
        let there = simulate(seed, &over_sqlite).violation;
        assert_eq!(there, Some(violation), "{} of {seed}", fault.as_str());
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
    assert!(rerun.contains(&format!("--seed {seed} ")), "{rerun}");
    assert!(rerun.contains("--happenings "), "{rerun}");
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
    let Tally { histories, steps, crashes, coverage: _ } =
        search(100, &Goal::Histories(20), &Options::default()).0;
    let expected = format!("histories={histories} steps={steps} crashes={crashes} violations=0");
    assert_eq!(last, expected);

    let (output, last) = run(&["--histories", "20", "--plant", "forget-the-lease"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(last.ends_with("violations=1"), "{last}");
    let story = String::from_utf8_lossy(&output.stdout);
    assert!(story.contains("cargo run --release -p simulation -- --seed "), "{story}");

    for wrong in [
        &["--seed"][..],
        &["--seed", "x"],
        &["--sed", "1"],
        &["--without", "rain"],
        &["--store", "x"],
    ] {
        assert_eq!(run(wrong).0.status.code(), Some(2), "{wrong:?}");
    }
}
