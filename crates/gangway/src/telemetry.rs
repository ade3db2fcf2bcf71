//! The log: to stderr, so that stdout is for data alone. It never holds personal data.

use std::io::{self, IsTerminal};
use std::panic::PanicHookInfo;

use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterExt as _, Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, fmt, registry};

use crate::settings::{LogFormat, LogSettings};

/// Our own crates. At debug, others log requests, and with them locators and keys.
const OURS: [&str; 8] =
    ["gangway", "engine", "store", "crossmint", "sandbox", "onboarding", "notifications", "server"];

/// Starts the log for the rest of the process.
pub(crate) fn init(settings: &LogSettings) {
    let levels: Targets =
        settings.filter.parse().expect("the filter was checked with the settings");
    let filter = levels.and(filter_fn(is_told));
    let no_colours = std::env::var_os("NO_COLOR").is_some_and(|said| !said.is_empty());
    let colours = io::stderr().is_terminal() && !no_colours;
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(colours);
    let layer = match settings.format {
        LogFormat::Human => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    registry().with(layer.with_filter(filter)).init();
}

/// Whether a line may be in the log, whatever levels are asked for.
fn is_told(event: &Metadata<'_>) -> bool {
    let module = event.target();
    let name = module.split_once("::").map_or(module, |(name, _)| name);
    OURS.contains(&name) || *event.level() <= Level::WARN
}

/// Makes a panic say where it happened and nothing else: its payload may hold personal data.
pub(crate) fn hide_panic_payloads() {
    std::panic::set_hook(Box::new(|panic| {
        use std::io::Write as _;
        // Nobody can be told that stderr is closed.
        let _ = writeln!(io::stderr(), "{}", told(panic));
    }));
}

fn told(panic: &PanicHookInfo<'_>) -> String {
    let place = panic.location().map_or_else(|| "unknown".to_owned(), ToString::to_string);
    format!("gangway: internal error at {place}: this is a bug; please report it with this line")
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Seek as _};
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn others_are_told_only_where_they_warn() {
        let mut log = tempfile::tempfile().unwrap();
        let lines = fmt::layer().with_writer(Arc::new(log.try_clone().unwrap())).with_ansi(false);
        let layer = lines.with_filter(filter_fn(is_told));
        tracing::subscriber::with_default(registry().with(layer), || {
            tracing::debug!(target: "engine::worker", "ours at debug");
            tracing::debug!(target: "hyper::client", "theirs at debug");
            tracing::info!(target: "enginery", "theirs at info");
            tracing::warn!(target: "sqlx::query", "theirs at warn");
        });
        let mut text = String::new();
        log.rewind().unwrap();
        log.read_to_string(&mut text).unwrap();
        let told: Vec<&str> =
            text.lines().filter_map(|line| Some(line.rsplit_once(": ")?.1)).collect();
        assert_eq!(told, ["ours at debug", "theirs at warn"]);
    }

    #[test]
    fn a_panic_tells_its_place_and_not_its_payload() {
        static TOLD: Mutex<String> = Mutex::new(String::new());
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(|panic| *TOLD.lock().unwrap() = told(panic)));
        let ended = std::panic::catch_unwind(|| panic!("Ilse Brandt"));
        std::panic::set_hook(before);
        assert!(ended.is_err());
        let told = TOLD.lock().unwrap();
        assert!(told.contains(file!()) && !told.contains("Ilse"), "{told}");
    }
}
