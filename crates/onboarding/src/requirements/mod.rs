//! What the provider asks of whom: requirements as data.
//!
//! The table comes from a file, with the source and the date of each rule. One compiler turns
//! it, and what is known of a user, into the smallest set of needs. Nothing in here guesses: a
//! word that the table does not know becomes an operator's need.

mod accepts;
mod area;
mod case;
mod compile;
mod field;
mod merge;
mod need;
mod place;
mod read;
mod table;
#[cfg(test)]
mod tests;

pub use accepts::{Accepted, Accepts};
pub use area::Area;
pub use case::{Case, Diligence};
pub use compile::compile;
pub use field::Field;
pub use need::{Alternative, Blocked, Certainty, Cited, Compiled, Need, Obstacle, Unwanted, What};
pub use table::{
    Alternatives, Origin, REQUIREMENTS_BYTES_MAX, Requirements, Residence, Restriction, Rule, Tier,
    When,
};
