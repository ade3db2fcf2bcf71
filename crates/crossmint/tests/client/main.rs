//! The client against raw HTTP: what it sends, what it reads, and what it makes of faults.

#![allow(clippy::unwrap_used, reason = "clippy sees no test in a test's own functions")]

mod faults;
mod privacy;
mod quickstart;
mod server;
mod tolerance;
