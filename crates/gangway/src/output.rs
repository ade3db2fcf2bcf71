//! Data to stdout, talk to stderr. A closed pipe is an error value, never a panic.

use std::io::{self, Write as _};

use serde::Serialize;

/// Prints lines of data.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", text.trim_end())?;
    out.flush()
}

/// Prints one JSON value, indented.
pub(crate) fn print_json(value: &impl Serialize) -> io::Result<()> {
    print(&serde_json::to_string_pretty(value)?)
}

/// Prints one JSON value on one line, for streams of them.
pub(crate) fn print_json_line(value: &impl Serialize) -> io::Result<()> {
    print(&serde_json::to_string(value)?)
}

/// Says something to the person at the terminal.
pub(crate) fn note(text: &str) {
    // Nobody can be told that stderr is closed.
    let _ = writeln!(io::stderr(), "{text}");
}

/// `text` without control characters: the provider's words must not steer a terminal.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
