//! From a long history with a violation to a short one with the same.

use crate::plan::Plan;
use crate::{Cut, Options, StoreKind, Trouble, simulate};

/// Leaves out of the history of a seed all that its violation does not need. Answers what is
/// left out in the end.
#[must_use]
pub fn shrink(seed: u64, invariant: &str, options: &Options) -> Cut {
    let mut cut = options.cut.clone();
    let fails = |cut: &Cut| {
        let options = Options { cut: cut.clone(), is_told: false, ..options.clone() };
        simulate(seed, &options).violation.is_some_and(|found| found.invariant == invariant)
    };
    loop {
        let before = cut.clone();
        for smaller in smaller_than(seed, &cut) {
            let merged = smaller.apply(&cut);
            if merged != cut && fails(&merged) {
                cut = merged;
            }
        }
        if cut == before {
            return cut;
        }
    }
}

/// One more thing to leave out.
enum Less {
    Without(Trouble),
    Users(usize),
    Workers(usize),
    Happenings(usize),
    Omit(usize),
}

impl Less {
    fn apply(&self, cut: &Cut) -> Cut {
        let mut cut = cut.clone();
        match self {
            Self::Without(trouble) => drop(cut.without.insert(*trouble)),
            Self::Users(most) => cut.users = least(cut.users, *most),
            Self::Workers(most) => cut.workers = least(cut.workers, *most),
            Self::Happenings(most) => cut.happenings = least(cut.happenings, *most),
            Self::Omit(number) => drop(cut.omit.insert(*number)),
        }
        cut.omit.retain(|number| cut.happenings.is_none_or(|most| *number < most));
        cut
    }
}

fn least(before: Option<usize>, now: usize) -> Option<usize> {
    Some(before.map_or(now, |before| before.min(now)))
}

/// The boldest cuts first.
fn smaller_than(seed: u64, cut: &Cut) -> Vec<Less> {
    let plan = Plan::of(seed, cut);
    let happens = (1..plan.happenings).map(Less::Happenings);
    let troubles = Trouble::ALL.into_iter().filter(|trouble| plan.rate(*trouble) > 0);
    happens
        .chain((1..plan.workers).map(Less::Workers))
        .chain((1..plan.users).map(Less::Users))
        .chain(troubles.map(Less::Without))
        .chain((0..plan.happenings).map(Less::Omit))
        .collect()
}

/// The arguments that rerun a history.
#[must_use]
pub fn command(seed: u64, options: &Options) -> String {
    let Options { cut, planted, store, is_told: _ } = options;
    let mut words = vec![format!("cargo run --release -p simulation -- --seed {seed}")];
    let numbers =
        [("--users", cut.users), ("--workers", cut.workers), ("--happenings", cut.happenings)];
    for (flag, number) in numbers {
        words.extend(number.map(|number| format!("{flag} {number}")));
    }
    words.extend(cut.omit.iter().map(|number| format!("--omit {number}")));
    words.extend(cut.without.iter().map(|trouble| format!("--without {}", trouble.as_str())));
    if *store != StoreKind::default() {
        words.push(format!("--store {}", store.as_str()));
    }
    words.extend(planted.map(|planted| format!("--plant {}", planted.as_str())));
    words.join(" ")
}
