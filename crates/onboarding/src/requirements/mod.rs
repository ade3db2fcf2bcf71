//! What the provider asks of whom: requirements as data. Nothing in here guesses.

mod accepts;
mod area;

pub use accepts::{Accepted, Accepts};
pub use area::Area;
