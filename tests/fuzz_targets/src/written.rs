//! What a person writes for the program: settings, flags, dates, the demo's list.

use std::ffi::OsString;
use std::path::PathBuf;

use gangway::fuzzing::{self, Setting};
use onboarding::{Date, Timestamp};
use tempfile::TempDir;

use crate::answer::parts;
use crate::canary::{MARKER, assert_hidden};
use crate::provider::NOW;

/// A date, a time or a duration.
pub(crate) fn times(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(date) = Date::parse(text) {
        assert_eq!(date.to_string(), text, "a date has one form");
        assert_eq!(date.years_until(date), 0);
        let json = serde_json::to_string(&date).unwrap();
        assert_eq!(serde_json::from_str::<Date>(&json).unwrap(), date);
        assert!((-9_999..=9_999).contains(&NOW.date().years_until(date)));
    }
    if let Ok(time) = Timestamp::parse(text) {
        assert_eq!(Timestamp::parse(&time.to_string()), Ok(time), "shown and read again");
        assert!(time <= Timestamp::MAX && time.date() <= Timestamp::MAX.date());
    }
    if let Some(ms) = fuzzing::duration_ms(text) {
        let rough = fuzzing::duration_ms(&fuzzing::rough_duration(ms)).expect("it is one");
        assert!(rough <= ms && (ms < 1_000 || rough > ms / 2), "{ms} is not about {rough}");
    }
}

thread_local! {
    static FOLDER: TempDir = tempfile::tempdir().unwrap();
}

/// What the three sources of settings say.
#[derive(Clone)]
struct Sources {
    file: String,
    environment: Vec<(String, String)>,
    flags: Vec<(String, String)>,
}

impl Sources {
    fn parse(data: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(data).ok()?;
        let mut parts = parts(text.as_bytes()).into_iter();
        let mut part = || std::str::from_utf8(parts.next().unwrap_or_default()).ok();
        let (file, environment, flags) = (part()?.to_owned(), lines(part()?), lines(part()?));
        // A file that is named here would be read.
        let environment = environment.into_iter().filter(|(name, _)| name != "GANGWAY_CONFIG");
        Some(Self { file, environment: environment.collect(), flags })
    }

    fn load(self) -> Result<Vec<Setting>, String> {
        let path = (!self.file.is_empty()).then(|| written(&self.file));
        fuzzing::settings(path, self.environment, self.flags)
    }

    /// The same with the marker before every value.
    fn marked(self) -> Self {
        let mark = |(name, value): (String, String)| (name, format!("{MARKER}{value}"));
        Self {
            file: marked_toml(&self.file),
            environment: self.environment.into_iter().map(mark).collect(),
            flags: self.flags.into_iter().map(mark).collect(),
        }
    }
}

fn lines(text: &str) -> Vec<(String, String)> {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn written(toml: &str) -> PathBuf {
    let path = FOLDER.with(|folder| folder.path().join("gangway.toml"));
    std::fs::write(&path, toml).unwrap();
    path
}

fn marked_toml(text: &str) -> String {
    match text.parse::<toml::Table>() {
        Ok(table) => marked_table(table).to_string(),
        // What is no TOML is cut short in the value that it begins with.
        Err(_) => format!("[crossmint]\napi_key = \"{MARKER}\n{text}"),
    }
}

fn marked_table(table: toml::Table) -> toml::Table {
    table.into_iter().map(|(name, value)| (name, marked_value(value))).collect()
}

fn marked_value(value: toml::Value) -> toml::Value {
    match value {
        toml::Value::String(text) => toml::Value::String(format!("{MARKER}{text}")),
        toml::Value::Array(items) => {
            toml::Value::Array(items.into_iter().map(marked_value).collect())
        }
        toml::Value::Table(table) => toml::Value::Table(marked_table(table)),
        other @ (toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_)) => other,
    }
}

/// A settings file, an environment and flags.
pub(crate) fn configuration(data: &[u8]) {
    let Some(sources) = Sources::parse(data) else { return };
    if let Ok(settings) = sources.clone().load() {
        check_said_again(&settings);
    }
    if let Err(problems) = sources.marked().load() {
        assert_hidden(&problems, MARKER);
    }
}

/// Settings as they are shown are taken, and are the same.
fn check_said_again(settings: &[Setting]) {
    let said = |setting: &Setting| Some((setting.variable.clone(), setting.text.clone()?));
    let environment: Vec<(String, String)> = settings.iter().filter_map(said).collect();
    let again = fuzzing::settings(None, environment, Vec::new()).expect("what is shown is taken");
    assert_eq!(again, settings, "settings change when they are said again");
}

/// The arguments of a command line.
pub(crate) fn command_line(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let arguments = ["gangway"].into_iter().chain(text.lines()).map(OsString::from);
    if let Err(told) = fuzzing::command_line(arguments.collect()) {
        assert!(!told.is_empty());
    }
}

/// The list of the demo's users.
pub(crate) fn demo_cast(data: &[u8]) {
    if let Err(told) = fuzzing::demo_cast(data, NOW.date()) {
        assert!(!told.is_empty());
    }
}
