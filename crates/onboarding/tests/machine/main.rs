//! Tests of the state machine: the two functions `next_step` and `apply`, from outside.

mod alphabet;
mod behaviour;
mod driver;
mod events;
mod exploration;
mod invariants;
mod page;
mod properties;
mod provider;
mod status;
mod table;
mod words;
mod world;
