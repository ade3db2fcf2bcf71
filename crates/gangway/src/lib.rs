//! `gangway`: the commands, and what they need from the machine. The rules are elsewhere.

mod cli;
mod clock;
mod commands;
mod database;
mod demo;
mod error;
mod exit;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod output;
mod service;
mod settings;
mod signals;
mod table;
mod telemetry;
mod traces;
mod view;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Global};
use crate::error::Error;
use crate::exit::Exit;
use crate::settings::{Inputs, Loaded, Problems};

/// Does what the command line says.
#[must_use]
pub fn main() -> ExitCode {
    telemetry::hide_panic_payloads();
    let cli = Cli::parse();
    let exit = match run(cli) {
        Ok(exit) => exit,
        Err(error) if error.is_closed_pipe() => Exit::Done,
        Err(error) => {
            output::note(&format!("error: {}", error::chain(&error)));
            error.exit()
        }
    };
    exit.into()
}

fn run(cli: Cli) -> Result<Exit, Error> {
    let loaded = load_settings(cli.global);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("the machine has threads for a runtime");
    let ended = runtime.block_on(commands::run(cli.command, loaded));
    // What was acknowledged is on disk, so nothing has to be waited for.
    runtime.shutdown_background();
    ended
}

fn load_settings(global: Global) -> Result<Loaded, Problems> {
    let environment = std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect();
    let store = global.store.map(|url| ("--store", "store.url".to_owned(), url));
    let log = global.log_format.map(|form| ("--log-format", "log.format".to_owned(), form));
    let set = global.set.into_iter().map(|(key, value)| ("--set", key, value));
    let flags = set.chain(store).chain(log).collect();
    settings::load(Inputs { file: global.config, environment, flags })
}

/// What is not UTF-8 is none of our variables, or one whose value is refused as it then reads.
fn text(os: std::ffi::OsString) -> String {
    os.to_string_lossy().into_owned()
}
