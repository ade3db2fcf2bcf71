//! The real rules, worker, intake and store in a simulated world: a model of the
//! provider, people, a clock that jumps, processes that die. Everything follows from one seed.
//!
//! A history is made in two phases. In the first, everything goes wrong that the seed draws,
//! and what must always hold (docs/architecture.md, I1 to I9 and I11) is checked after every claim,
//! call and commit. In the second the faults stop, and everything has to come to rest.
//!
//! Nothing here reads the machine's clock or any source of chance.

mod base;
mod chance;
mod coverage;
mod faulty_store;
mod history;
mod invariants;
mod ledger;
mod network;
mod noted;
mod people;
mod plan;
mod planted;
mod provider;
mod record;
mod search;
mod shrink;
mod story;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use base::StoreKind;
pub use coverage::Coverage;
pub use invariants::{Broken, check};
pub use ledger::Violation;
pub use plan::{Cut, Trouble};
pub use planted::Planted;
pub use search::{Found, Goal, Tally, search};
pub use shrink::{command, shrink};

use history::History;
use plan::Plan;
use story::Story;
use world::World;

/// How a history is made.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What is left out of it.
    pub cut: Cut,
    /// What is broken on purpose.
    pub planted: Option<Planted>,
    /// What it is made over.
    pub store: StoreKind,
    /// Whether it is told in words.
    pub is_told: bool,
}

/// What became of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How often something went on: an event of the world, or a process up to its next wait.
    pub steps: u64,
    /// How many processes died.
    pub crashes: u64,
    /// Differs between any two histories that are not the same.
    pub fingerprint: u64,
    /// How often what may happen happened.
    pub coverage: Coverage,
    /// The first thing that must not be.
    pub violation: Option<Violation>,
    /// What happened, a line each, if it was to be told.
    pub story: Vec<String>,
}

/// Makes the history of a seed.
#[must_use]
pub fn simulate(seed: u64, options: &Options) -> Report {
    let plan = Plan::of(seed, &options.cut);
    let world = World::new(plan, options.planted, options.store, Story::new(options.is_told));
    let mut history = History::new(world.clone());
    // An assertion of ours that fails is a find like any other.
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| history.run())) {
        let words = panic.downcast_ref::<String>().cloned();
        let words = words.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        world.state().ledger.violated("panic", words.unwrap_or_default());
    }
    let (steps, crashes) = (history.steps, history.crashes);
    drop(history);
    let mut state = world.state();
    let story = std::mem::take(&mut state.story);
    Report {
        steps,
        crashes,
        fingerprint: story.fingerprint(),
        coverage: std::mem::take(&mut state.coverage),
        violation: state.ledger.violation.take(),
        story: story.into_lines(),
    }
}
