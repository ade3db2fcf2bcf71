//! The real binary as a process, against the sandbox or a provider that only records.

#![allow(clippy::unwrap_used, reason = "clippy sees no test in a test's own functions")]

mod api;
mod bad_input;
mod concurrency;
mod database;
mod demo;
mod golden;
mod imports;
mod kill;
mod personal_data;
mod provider_page;
mod quickstart;
mod scenarios;
mod serve;
mod service;
mod traces;
mod upgrade;
mod wallets;
