//! For the fuzzer: the parsers of what a person writes, with nothing behind them.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Parser as _;
use onboarding::Date;

use crate::cli::Cli;
use crate::demo;
use crate::settings::{self, Inputs, duration};

/// A setting as it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The variable that would set it.
    pub variable: String,
    /// What holds; `None` when it is unset or must not be shown.
    pub text: Option<String>,
}

/// Every setting, or what is wrong with them.
///
/// # Errors
/// The text that a person would see.
pub fn settings(
    file: Option<PathBuf>,
    environment: Vec<(String, String)>,
    flags: Vec<(String, String)>,
) -> Result<Vec<Setting>, String> {
    let flags = flags.into_iter().map(|(key, value)| ("--set", key, value)).collect();
    let loaded = settings::load(Inputs { file, environment, flags });
    let loaded = loaded.map_err(|problems| problems.to_string())?;
    let shown = loaded.effective().map(|effective| Setting {
        variable: effective.key.variable(),
        text: effective.text.filter(|_| !effective.key.is_secret()).map(str::to_owned),
    });
    Ok(shown.collect())
}

/// Milliseconds of a duration as a person writes it.
#[must_use]
pub fn duration_ms(text: &str) -> Option<u64> {
    duration::parse(text)
}

/// About how long that is, as tables show it.
#[must_use]
pub fn rough_duration(ms: u64) -> String {
    duration::rough(ms)
}

/// Reads the arguments of a command line, the binary's name first.
///
/// # Errors
/// The text that a person would see, be it the help that was asked for.
pub fn command_line(arguments: Vec<OsString>) -> Result<(), String> {
    Cli::try_parse_from(arguments).map(|_| ()).map_err(|error| error.to_string())
}

/// Reads the list of the demo's users, and reckons all of its dates.
///
/// # Errors
/// What is wrong with it.
pub fn demo_cast(json: &[u8], today: Date) -> Result<(), String> {
    demo::check_cast(json, today).map_err(|error| format!("{error:#}"))
}
