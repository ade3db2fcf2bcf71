//! The sandbox from the outside, over real connections.

#![allow(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]

mod admin;
mod current;
mod documentation;
mod faults;
mod lifecycle;
mod support;
mod wire;
