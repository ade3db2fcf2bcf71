//! The searches: all states within the bounds, or the shortest way to where a mutant is caught.

use std::time::{Duration, Instant};

use stateright::{Checker, Model};

use crate::mutant::Mutant;
use crate::story::Story;
use crate::world::World;

/// What an exploration of all states found.
pub struct Explored {
    /// Steps that were taken.
    pub generated: usize,
    /// States that were found.
    pub unique: usize,
    /// How many steps the farthest state is away.
    pub depth: usize,
    /// How long it took.
    pub time: Duration,
    /// The invariants, and how each that is broken came to be so.
    pub invariants: Vec<(&'static str, Option<Story>)>,
}

/// How a mutant was caught.
pub struct Caught {
    /// The invariant that it broke.
    pub invariant: &'static str,
    /// What was wrong, as a sentence.
    pub what: &'static str,
    /// The shortest way there.
    pub story: Story,
}

impl World {
    /// Explores all states, with all cores.
    #[must_use]
    pub fn explore(self) -> Explored {
        let begun = Instant::now();
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let checker = self.checker().threads(threads).spawn_bfs().join();
        let mut found = checker.discoveries();
        let invariants = self.properties().into_iter().map(|property| property.name);
        Explored {
            generated: checker.state_count(),
            unique: checker.unique_state_count(),
            depth: checker.max_depth(),
            time: begun.elapsed(),
            invariants: invariants.map(|name| (name, found.remove(name).map(Story::of))).collect(),
        }
    }
}

impl Mutant {
    /// Hunts it, breadth-first, so that the story is one of the shortest. `None` if it survives.
    #[must_use]
    pub fn hunt(self) -> Option<Caught> {
        let world = World { bounds: self.bounds(), mutant: Some(self) };
        let checker = world.checker().threads(1).spawn_bfs().join();
        if let Some(path) = checker.discoveries().into_values().next() {
            let story = Story::of(path);
            let (invariant, what) = story.last().broken()?;
            return Some(Caught { invariant, what, story });
        }
        let what = "from here, no calm road leads to rest";
        world.rest().stuck.map(|story| Caught { invariant: "I6", what, story })
    }
}
