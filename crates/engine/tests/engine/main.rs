//! The worker and the intake, over real stores and a scripted provider.
//!
//! Most tests drive `Worker::step` over virtual time; those of `Worker::run` wait for
//! conditions, never for time to pass.

#![allow(clippy::unwrap_used, reason = "clippy sees no test in a test's own functions")]

mod budget;
mod documents;
mod edits;
mod failing_store;
mod failures;
mod gate;
mod intake;
mod latch;
mod notes;
mod privacy;
mod provider;
mod refusals;
mod restart;
mod road;
mod run;
mod store_trouble;
mod views;
mod wallets;
mod world;
