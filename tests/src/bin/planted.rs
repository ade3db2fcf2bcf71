//! Plants each fault of `tests/planted` into a copy of the tree and shows which check catches it.
//!
//! `cargo run -p gangway-tests --bin planted` plants all of them, or those whose name holds one
//! of the words that are given. It needs Git and cargo-nextest.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use gangway_tests::planted::{Check, Extent, Fault, Outcome, Tree, faults, root};

/// What became of a planted fault.
enum Fate {
    Caught {
        by: Check,
        test: String,
        in_time: Duration,
    },
    Survived,
    /// It proves nothing: it does not apply, what it makes of the code is no program, or a check
    /// has no end, which a busy machine explains as well.
    Broken(String),
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let is_chosen =
        |fault: &Fault| words.is_empty() || words.iter().any(|word| fault.name.contains(word));
    let chosen: Vec<Fault> = faults().into_iter().filter(is_chosen).collect();
    if chosen.is_empty() {
        eprintln!("no fault in tests/planted/faults.md has a name with {words:?} in it");
        return ExitCode::from(2);
    }
    let began = Instant::now();
    let tree = Tree::copy(root());
    let mut sound = BTreeSet::new();
    let (mut caught, mut survived, mut broken) = (0, 0, 0);
    for fault in &chosen {
        let fate = plant(&tree, fault);
        tree.restore();
        let said = match fate {
            Fate::Caught { by, .. } if !is_sound(by, &tree, &mut sound) => {
                broken += 1;
                format!("BROKEN: {} fails without it", by.as_str())
            }
            Fate::Caught { by, test, in_time } => {
                caught += 1;
                format!("{:<11} {:>6.1} s  {test}", by.as_str(), in_time.as_secs_f64())
            }
            Fate::Survived => {
                survived += 1;
                format!("SURVIVED: {}", fault.breaks)
            }
            Fate::Broken(why) => {
                broken += 1;
                format!("BROKEN: {why}")
            }
        };
        println!("{:<44} {said}", fault.name);
    }
    println!("took {} s", began.elapsed().as_secs());
    println!("planted={} caught={caught} survived={survived} broken={broken}", chosen.len());
    if caught == chosen.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A check that fails without any fault catches nothing. Each is tried once, when it has caught
/// something.
fn is_sound(check: Check, tree: &Tree, sound: &mut BTreeSet<Check>) -> bool {
    if sound.contains(&check) {
        return true;
    }
    let log = tree.log(check.as_str());
    let (outcome, took) = check.run(tree.path(), tree.target(), &log);
    let said = match &outcome {
        Outcome::Passed => format!("passes in {:.1} s", took.as_secs_f64()),
        Outcome::Failed(test) => format!("FAILED: {test}; see {}", log.display()),
        Outcome::NoEnd => format!("HAS NO END; see {}", log.display()),
        Outcome::NotRun => format!("DOES NOT COMPILE OR RUN; see {}", log.display()),
    };
    println!("without a fault, {:<11} {said}", check.as_str());
    let passes = matches!(outcome, Outcome::Passed);
    if passes {
        sound.insert(check);
    }
    passes
}

fn plant(tree: &Tree, fault: &Fault) -> Fate {
    if let Err(why) = fault.apply(tree.path(), Extent::Change) {
        return Fate::Broken(why);
    }
    for by in &fault.checks {
        let log = tree.log(&format!("{}.{}", fault.name, by.as_str()));
        match by.run(tree.path(), tree.target(), &log) {
            (Outcome::Passed, _) => {}
            (Outcome::Failed(test), in_time) => return Fate::Caught { by: *by, test, in_time },
            (Outcome::NoEnd, took) => {
                return Fate::Broken(format!(
                    "no end within {} s; see {}",
                    took.as_secs(),
                    log.display()
                ));
            }
            (Outcome::NotRun, _) => {
                return Fate::Broken(format!("it does not compile or run; see {}", log.display()));
            }
        }
    }
    Fate::Survived
}
