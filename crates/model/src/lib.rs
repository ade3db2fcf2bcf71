//! The real rules explored completely, for small bounds.

mod books;
mod bounds;
mod call;
mod invariants;
mod mutant;
mod people;
mod provider;
mod rest;
mod search;
mod snapshot;
mod story;
mod worker;
mod world;

pub use bounds::Bounds;
pub use call::{Answer, Call, CallKind, Result, Trouble, Word, Words};
pub use mutant::Mutant;
pub use people::Act;
pub use provider::Provider;
pub use rest::Rest;
pub use search::{Caught, Explored};
pub use snapshot::Snapshot;
pub use story::Story;
pub use worker::{Fate, Phase, Worker};
pub use world::{Action, State, World};
