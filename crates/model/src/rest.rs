//! Whether rest can be reached from every state, by steps that happen of themselves.
//!
//! stateright's own `eventually` forgets a state that it has met before, so it says nothing of
//! a world in which one polls round and round. Here the whole graph is laid out, and walked
//! backwards from the states of rest over the calm steps. If every state is met, then from
//! every state, whatever went wrong on the way to it, a calm road leads to rest; and as no calm
//! step leads out of the states that were met, a calm world can't avoid that road for ever
//! unless the provider gives no verdict for ever.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use stateright::Model;

use crate::story::Story;
use crate::world::{State, World};

/// What the walk found.
pub struct Rest {
    /// How many states there are.
    pub states: usize,
    /// How many of them are at rest.
    pub at_rest: usize,
    /// The shortest way to a state from which no calm road leads to rest.
    pub stuck: Option<Story>,
}

/// Every state that can be reached, by number, and what the walk needs of each.
#[derive(Default)]
struct Graph {
    /// How each was first reached: from which state, by which of its actions.
    origins: Vec<Origin>,
    are_at_rest: Vec<bool>,
    /// Calm steps, from one state to another.
    calm: Vec<(u32, u32)>,
}

#[derive(Clone, Copy)]
enum Origin {
    First(usize),
    Step { from: u32, action: usize },
}

impl World {
    /// Looks for a state from which no calm road leads to rest.
    #[must_use]
    pub fn rest(&self) -> Rest {
        let (graph, leads_to_rest) = Graph::of(self).leads_to_rest();
        // States are numbered breadth-first: the first is one of the nearest.
        let stuck = leads_to_rest.iter().position(|leads| !leads);
        Rest {
            states: graph.origins.len(),
            at_rest: graph.are_at_rest.iter().filter(|is_at_rest| **is_at_rest).count(),
            stuck: stuck.map(|state| graph.way_to(state, self)),
        }
    }
}

impl Graph {
    fn of(world: &World) -> Self {
        let mut graph = Self::default();
        let mut numbers = HashMap::new();
        let mut waiting = VecDeque::new();
        for (index, state) in world.init_states().into_iter().enumerate() {
            numbers.insert(fingerprint(&state), graph.add(&state, Origin::First(index)));
            waiting.push_back(state);
        }
        let mut actions = Vec::new();
        for from in 0.. {
            let Some(state) = waiting.pop_front() else { break };
            world.actions(&state, &mut actions);
            for (index, action) in actions.drain(..).enumerate() {
                let is_calm = action.is_calm();
                let Some(next) = world.next_state(&state, action) else { continue };
                let to = match numbers.entry(fingerprint(&next)) {
                    Entry::Occupied(known) => *known.get(),
                    Entry::Vacant(new) => {
                        let to = graph.add(&next, Origin::Step { from, action: index });
                        waiting.push_back(next);
                        *new.insert(to)
                    }
                };
                if is_calm {
                    graph.calm.push((from, to));
                }
            }
        }
        graph
    }

    fn add(&mut self, state: &State, origin: Origin) -> u32 {
        let number = u32::try_from(self.origins.len()).expect("memory holds fewer states");
        self.origins.push(origin);
        self.are_at_rest.push(state.is_at_rest());
        number
    }

    /// Walks backwards from the states of rest.
    fn leads_to_rest(mut self) -> (Self, Vec<bool>) {
        self.calm.sort_unstable_by_key(|(_, to)| *to);
        let mut leads = self.are_at_rest.clone();
        let mut reached: Vec<usize> = (0..leads.len()).filter(|state| leads[*state]).collect();
        while let Some(state) = reached.pop() {
            let begin = self.calm.partition_point(|(_, to)| (*to as usize) < state);
            let into = self.calm[begin..].iter().take_while(|(_, to)| *to as usize == state);
            for (from, _) in into {
                if !std::mem::replace(&mut leads[*from as usize], true) {
                    reached.push(*from as usize);
                }
            }
        }
        (self, leads)
    }

    /// The steps that first led to a state.
    fn way_to(&self, state: usize, world: &World) -> Story {
        let (mut indices, mut at) = (Vec::new(), state);
        let first = loop {
            match self.origins[at] {
                Origin::First(index) => break index,
                Origin::Step { from, action } => {
                    indices.push(action);
                    at = from as usize;
                }
            }
        };
        let mut story = Story { first: world.init_states().swap_remove(first), steps: Vec::new() };
        for index in indices.into_iter().rev() {
            let state = story.last();
            let mut actions = Vec::new();
            world.actions(state, &mut actions);
            let action = actions.swap_remove(index);
            let next = world.next_state(state, action.clone());
            story.steps.push((action, next.expect("the step was taken once")));
        }
        story
    }
}

fn fingerprint(state: &State) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    hasher.finish()
}
