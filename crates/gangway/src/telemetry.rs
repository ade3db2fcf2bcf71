//! The log: to stderr, so that stdout is for data alone. It never holds personal data.

use std::io::{self, IsTerminal};

use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterExt as _, Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, fmt, registry};

use crate::settings::{LogFormat, LogSettings};

/// Our own crates. At debug, others log requests, and with them locators and keys.
const OURS: [&str; 6] = ["gangway", "engine", "store", "crossmint", "sandbox", "onboarding"];

/// Starts the log for the rest of the process.
pub(crate) fn init(settings: &LogSettings) {
    let levels: Targets =
        settings.filter.parse().expect("the filter was checked with the settings");
    let filter = levels.and(filter_fn(|event| is_ours(event) || *event.level() <= Level::WARN));
    let no_colours = std::env::var_os("NO_COLOR").is_some_and(|said| !said.is_empty());
    let colours = io::stderr().is_terminal() && !no_colours;
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(colours);
    let layer = match settings.format {
        LogFormat::Human => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    registry().with(layer.with_filter(filter)).init();
}

fn is_ours(event: &Metadata<'_>) -> bool {
    let module = event.target();
    let name = module.split_once("::").map_or(module, |(name, _)| name);
    OURS.contains(&name)
}

/// Makes a panic say where it happened and nothing else: its payload may hold personal data.
pub(crate) fn hide_panic_payloads() {
    std::panic::set_hook(Box::new(|panic| {
        use std::io::Write as _;
        let place = panic.location().map_or_else(|| "unknown".to_owned(), ToString::to_string);
        // Nobody can be told that stderr is closed.
        let _ = writeln!(
            io::stderr(),
            "gangway: internal error at {place}: this is a bug; please report it with this line"
        );
    }));
}
