//! The real binary, with a folder and settings of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::within;
use crate::worker::Worker;

/// Settings under which nobody waits: no budget, and delays of milliseconds.
const QUICK: [(&str, &str); 9] = [
    ("CROSSMINT__API_KEY", "sk_staging_test"),
    ("CROSSMINT__WRITES_PER_MINUTE", "0"),
    ("CROSSMINT__READS_PER_MINUTE", "0"),
    ("POLICY__RETRY__INITIAL", "20ms"),
    ("POLICY__RETRY__MAX", "200ms"),
    ("POLICY__POLL__INITIAL", "50ms"),
    ("POLICY__POLL__MAX", "150ms"),
    ("POLICY__FAST_POLLS", "100000"),
    ("LOG__FILTER", "debug"),
];

/// One installation: a folder that is removed in the end, a database in it, and settings.
pub struct Gangway {
    binary: &'static Path,
    folder: TempDir,
    settings: BTreeMap<&'static str, String>,
    /// How many workers were started.
    starts: AtomicU32,
    /// How many files of users were written.
    files: AtomicU32,
}

/// How a process ended, and what it said.
pub struct Ended {
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// Its talk.
    pub stderr: String,
}

impl Gangway {
    /// An installation that calls the provider at `origin`, in a hurry.
    pub fn quick(origin: &str) -> Self {
        let quick = QUICK.map(|(name, value)| (name, value.to_owned()));
        Self::patient(origin).with_all(quick)
    }

    /// An installation that calls the provider at `origin`, with Gangway's defaults but the
    /// quickstart's form of the API, as [`Sandbox::start`](crate::Sandbox::start) has it.
    pub fn patient(origin: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = format!("sqlite:{}", folder.path().join("gangway.db").display());
        let settings = BTreeMap::new();
        let (starts, files) = (AtomicU32::new(0), AtomicU32::new(0));
        Self { binary: binary(), folder, settings, starts, files }
            .with("STORE__URL", &database)
            .with("CROSSMINT__URL", origin)
            .with("CROSSMINT__API", "quickstart")
            // Many run at once; who tests the API takes a free port.
            .with("HTTP__LISTEN", "off")
    }

    /// With the binary that breaks when it is told to.
    pub fn breakable(mut self) -> Self {
        self.binary = breakable_binary();
        self
    }

    /// With a setting, named as its variable is after `GANGWAY_`.
    pub fn with(self, name: &'static str, value: &str) -> Self {
        self.with_all([(name, value.to_owned())])
    }

    fn with_all(mut self, settings: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        self.settings.extend(settings);
        self
    }

    /// Without a setting.
    pub fn without(mut self, name: &str) -> Self {
        self.settings.remove(name);
        self
    }

    /// Calls another provider from now on.
    pub fn call(&mut self, origin: &str) {
        self.settings.insert("CROSSMINT__URL", origin.to_owned());
    }

    /// Keeps its database at another place from now on.
    pub fn keep_at(&mut self, database: &Path) {
        self.settings.insert("STORE__URL", format!("sqlite:{}", database.display()));
    }

    /// The folder of the database and of the workers' logs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into the folder and says where it is.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.folder().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The binary with these arguments, these settings and nothing else of the environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.binary);
        command.args(arguments).current_dir(self.folder()).stdin(Stdio::null()).env_clear();
        command.envs(self.settings.iter().map(|(name, value)| (format!("GANGWAY_{name}"), value)));
        command
    }

    /// Runs a command, but kills it after a while if it has not ended by then; then nobody
    /// knows what became of it.
    pub fn run_unless_killed(&self, arguments: &[&str], after: Option<Duration>) -> Option<Ended> {
        let Some(after) = after else { return Some(self.run(arguments)) };
        let mut command = self.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Not to wait for anything: the moment of the kill is the caller's.
        std::thread::sleep(after);
        // It may have ended before.
        let _ = child.kill();
        let output = child.wait_with_output().unwrap();
        output.status.code().map(|_| Ended::of(output))
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.command(arguments).output().unwrap())
    }

    /// Runs a command that has to succeed.
    pub fn done(&self, arguments: &[&str]) -> Ended {
        let ended = self.run(arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {}{}", ended.stdout, ended.stderr);
        ended
    }

    /// Starts `serve` and waits until it says that it is ready.
    pub fn serve(&self) -> Worker {
        let mut worker = self.serve_unready();
        worker.wait_until_ready();
        worker
    }

    /// Starts `serve` and waits for nothing.
    pub fn serve_unready(&self) -> Worker {
        self.serve_with([])
    }

    /// The same, with more in its environment.
    pub fn serve_with<'v>(
        &self,
        environment: impl IntoIterator<Item = (&'v str, &'v str)>,
    ) -> Worker {
        let start = self.starts.fetch_add(1, Ordering::Relaxed);
        let log = self.folder().join(format!("worker-{start:03}.log"));
        let mut command = self.command(&["serve"]);
        command.envs(environment);
        Worker::start(command, log)
    }

    /// The database, unless it is kept at another place.
    pub fn database(&self) -> PathBuf {
        self.folder().join("gangway.db")
    }

    /// What `doctor --check-store` finds wrong, a message each; its exit code says the same.
    pub fn damages(&self) -> Vec<String> {
        let ended = self.run(&["doctor", "--check-store", "--json"]);
        let report = ended.json();
        let checks = report["checks"].as_array().unwrap().iter();
        let failed = checks.filter(|check| check["result"] == "fail");
        let messages: Vec<String> =
            failed.map(|check| check["message"].as_str().unwrap().to_owned()).collect();
        assert_eq!(ended.code, Some(i32::from(!messages.is_empty())), "{report:#}");
        messages
    }

    /// The logs of all workers so far.
    pub fn logs(&self) -> String {
        let mut logs = String::new();
        for start in 0..self.starts.load(Ordering::Relaxed) {
            let log = self.folder().join(format!("worker-{start:03}.log"));
            logs.push_str(&std::fs::read_to_string(log).unwrap());
        }
        logs
    }

    /// Registers a user with this file and whatever else `arguments` say.
    pub fn set_user(&self, user: &str, file: &Value, arguments: &[&str]) -> Ended {
        self.edit_user("set", user, file, arguments)
    }

    /// Patches a user with this file.
    pub fn patch_user(&self, user: &str, patch: &Value) -> Ended {
        self.edit_user("patch", user, patch, &[])
    }

    fn edit_user(&self, how: &str, user: &str, file: &Value, arguments: &[&str]) -> Ended {
        let number = self.files.fetch_add(1, Ordering::Relaxed);
        let path = self.write(&format!("user-{number:03}.json"), file.to_string());
        self.done(&[&["user", how, user, "--file", &path], arguments].concat())
    }

    /// Adds a document of a type, from a file that the caller keeps.
    pub fn add_document(
        &self,
        user: &str,
        kind: &str,
        file: &Path,
        expires: Option<&str>,
    ) -> Ended {
        let path = file.to_str().unwrap();
        let expires: &[&str] = match &expires {
            Some(day) => &["--expires", day],
            None => &[],
        };
        self.done(&[&["document", "add", user, "--type", kind, "--file", path], expires].concat())
    }

    /// The user's status, and the exit code that goes with it.
    pub fn status(&self, user: &str) -> (i32, Value) {
        let ended = self.run(&["status", user, "--json"]);
        (ended.code.unwrap(), ended.json())
    }

    /// The status of every user, by locator.
    pub fn statuses(&self) -> BTreeMap<String, Value> {
        let users = self.done(&["users", "--json", "--limit", "1000"]).json();
        let list = users.as_array().unwrap().iter();
        list.map(|user| (user["user"].as_str().unwrap().to_owned(), user.clone())).collect()
    }

    /// The user's history, its versions checked to have no gaps.
    pub fn history(&self, user: &str) -> Vec<Value> {
        let history = self.done(&["history", user, "--json"]).json();
        let rows = history.as_array().unwrap().clone();
        for (row, version) in rows.iter().zip(1..) {
            assert_eq!(row["version"], version, "{user}'s history has a gap: {history}");
        }
        rows
    }

    /// Waits until the user's status is as `wanted`, and answers it.
    pub fn wait_for(
        &self,
        limit: Duration,
        user: &str,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let mut last = Value::Null;
        let found = within(limit, || {
            last = self.status(user).1;
            wanted(&last).then(|| last.clone())
        });
        found.unwrap_or_else(|| panic!("{user} never came to {what}: {last:#}\n{}", self.logs()))
    }

    /// Waits until the user is in a state, and answers the status.
    pub fn wait_for_state(&self, user: &str, state: &str) -> Value {
        self.wait_for(crate::PATIENCE, user, state, |status| status["state"] == state)
    }
}

impl Ended {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The JSON that it printed.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|_| panic!("no JSON: {:?} {}", self.stdout, self.stderr))
    }
}

/// What Cargo tells a test of the test's own package. Build scripts that watch these would run
/// again for the binary, and everything above them would be built anew.
const OWN_PACKAGE: [&str; 3] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_EXE_"];

/// Cargo as a user would call it.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    for (name, _) in std::env::vars() {
        if OWN_PACKAGE.iter().any(|prefix| name.starts_with(prefix)) {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// The binary under test, built like this process. Cargo builds the binaries of a package for
/// its own tests alone, so it is asked for this one, once.
///
/// # Panics
/// When it can't be built.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| built(|_| {}))
}

/// The same with the feature `break-points`, which no other build has. It shares what is built
/// with the ordinary one, and lies in a folder of its own.
///
/// # Panics
/// When it can't be built.
pub fn breakable_binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let target = binary().ancestors().nth(2).expect("a binary lies in target/PROFILE");
        built(|cargo| {
            cargo.args(["--features", "break-points", "--target-dir"]);
            cargo.arg(target.join("break-points")).env("CARGO_BUILD_BUILD_DIR", target);
        })
    })
}

fn built(how: impl FnOnce(&mut Command)) -> PathBuf {
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    let mut cargo = cargo();
    cargo
        .args(["build", "--package", "gangway", "--bin", "gangway", "--profile", profile])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit());
    how(&mut cargo);
    let messages = String::from_utf8(cargo.output().unwrap().stdout).unwrap();
    let path = messages.lines().find_map(|line| {
        let message: Value = serde_json::from_str(line).unwrap();
        message["executable"].as_str().map(PathBuf::from)
    });
    path.expect("cargo says above why the binary can't be built")
}
