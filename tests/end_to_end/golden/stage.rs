//! One user, one worker and the sandbox, and the moves of which a flow is made.

use std::cell::Cell;
use std::collections::BTreeSet;

use gangway_tests::{Gangway, PASSPORT, PATIENCE, Sandbox, Worker};
use sandbox::{CallRecord, UserView};
use serde_json::{Value, json};

const USER: &str = "userId:golden";

/// A move of a flow: what is done, or what has come of it.
pub(super) enum Move {
    /// The company gives the user's whole file.
    Register(Value),
    /// The company gives a part.
    Patch(Value),
    /// The company adds a document of this type.
    Document(&'static str),
    /// The company asks for verification.
    Verify,
    /// An operator runs a command on the user, which ends with this code.
    Operator(&'static [&'static str], i32),
    /// An operator waives the open task of this name.
    Waive(&'static str),
    /// The provider changes its mind.
    Script(Value),
    /// It comes to rest in this state, with this exit code and exactly these tasks.
    Reach(&'static str, i32, &'static [&'static str]),
    /// Exactly these calls arrived since they were last looked at, each with its answer's status.
    Sent(&'static [&'static str]),
    /// Whatever calls arrived are not looked at.
    PassOver,
}

/// Where a flow takes place.
pub(super) struct Stage {
    wanted: &'static str,
    sandbox: Sandbox,
    gangway: Gangway,
    /// How many calls were looked at.
    seen: Cell<usize>,
    worker: Option<Worker>,
}

impl Stage {
    /// A stage on which the user wants these products, and this is the user's script.
    pub(super) fn new(wanted: &'static str, script: Value) -> Self {
        let sandbox = Sandbox::start_current(&json!({ "users": { USER: script } }));
        let gangway = Gangway::quick(&sandbox.origin()).with("CROSSMINT__API", "current");
        let worker = Some(gangway.serve());
        Self { wanted, sandbox, gangway, seen: Cell::new(0), worker }
    }

    /// Plays moves, one after the other.
    pub(super) fn play(&self, moves: impl IntoIterator<Item = Move>) {
        for one in moves {
            self.make(one);
        }
    }

    fn make(&self, one: Move) {
        match one {
            Move::Register(file) => {
                self.register(&file);
            }
            Move::Patch(patch) => {
                self.gangway.patch_user(USER, &patch);
            }
            Move::Document(kind) => self.add_document(kind),
            Move::Verify => {
                self.gangway.done(&["verify", USER]);
            }
            Move::Operator(command, exit) => {
                let ended = self.gangway.run(&[&command[..1], &[USER], &command[1..]].concat());
                assert_eq!(ended.code, Some(exit), "{command:?}: {}", ended.stderr);
            }
            Move::Waive(name) => self.waive(name),
            Move::Script(change) => self.sandbox.change(USER, &change),
            Move::Reach(state, exit, tasks) => self.reach(state, exit, tasks),
            Move::Sent(calls) => assert_eq!(self.new_calls(), calls),
            Move::PassOver => drop(self.new_calls()),
        }
    }

    /// Gives the user's whole file, and answers what was warned of.
    pub(super) fn register(&self, file: &Value) -> String {
        self.gangway.set_user(USER, file, &["--want", self.wanted]).stderr
    }

    /// Gives a file that is refused before any call, and answers why.
    pub(super) fn refuse(&self, file: &Value) -> String {
        let path = self.gangway.write("refused.json", file.to_string());
        let ended =
            self.gangway.run(&["user", "set", USER, "--file", &path, "--want", self.wanted]);
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        ended.stderr
    }

    /// Another file each time, so that a second one of a type is news.
    fn add_document(&self, kind: &str) {
        let number = self.status()["version"].to_string();
        let picture = [PASSPORT, number.as_bytes()].concat();
        let file = self.gangway.write(&format!("{kind}-{number}.png"), picture);
        self.gangway.add_document(USER, kind, file.as_ref(), None);
    }

    /// Takes back a document that the provider does not have.
    pub(super) fn remove_document(&self, kind: &str) {
        self.gangway.done(&["document", "remove", USER, "--type", kind]);
    }

    fn waive(&self, name: &str) {
        let status = self.status();
        let tasks = status["pendingTasks"].as_array().unwrap();
        let task = tasks.iter().find(|task| task["name"] == name && task["state"] == "open");
        let id = task.unwrap_or_else(|| panic!("no task {name}: {status:#}"))["id"].as_str();
        let number = id.unwrap().rsplit('-').next().unwrap();
        self.gangway.done(&["task", "waive", USER, number, "--reason", "seen in person"]);
    }

    fn reach(&self, state: &str, exit: i32, tasks: &[&str]) {
        let what = format!("{state} at rest with the tasks {tasks:?}");
        self.gangway.wait_for(PATIENCE, USER, &what, |status| {
            status["state"] == state && tasks_of(status) == tasks && is_at_rest(status)
        });
        assert_eq!(self.gangway.status(USER).0, exit, "{state}");
    }

    fn new_calls(&self) -> Vec<String> {
        let calls = self.calls();
        calls[self.seen.replace(calls.len())..].iter().map(in_short).collect()
    }

    /// Waits until the status is as wanted.
    pub(super) fn wait_for(&self, what: &str, wanted: impl Fn(&Value) -> bool) {
        self.gangway.wait_for(PATIENCE, USER, what, wanted);
    }

    /// Asserts why it is held, and what is said to release it.
    pub(super) fn assert_held(&self, cause: &str, message: &str, remedy: &str) {
        let hold = self.status()["hold"].clone();
        assert_eq!(hold["cause"], cause, "{hold:#}");
        assert!(hold["message"].as_str().unwrap().contains(message), "{hold:#}");
        assert!(hold["remedy"].as_str().unwrap().contains(remedy), "{hold:#}");
    }

    /// What `requirements check` says of a file, and its exit code.
    pub(super) fn foresee(&self, file: &Value) -> (i32, Value) {
        let path = self.gangway.write("foreseen.json", file.to_string());
        let wanted = ["--want", self.wanted, "--json"];
        let ended = self.gangway.run(&[&["requirements", "check", &path], &wanted[..]].concat());
        (ended.code.unwrap(), ended.json())
    }

    /// `status --json`.
    pub(super) fn status(&self) -> Value {
        self.gangway.status(USER).1
    }

    /// This field of every event of the history that has it.
    pub(super) fn told(&self, field: &str) -> Vec<String> {
        let history = self.gangway.history(USER);
        let told = history.iter().filter_map(|event| event["detail"][field].as_str());
        told.map(str::to_owned).collect()
    }

    /// The sandbox's log of the user's calls.
    pub(super) fn calls(&self) -> Vec<CallRecord> {
        self.sandbox.calls_of(USER)
    }

    /// The sandbox's whole log.
    pub(super) fn calls_of_anyone(&self) -> Vec<CallRecord> {
        self.sandbox.all_calls()
    }

    /// What the provider holds.
    pub(super) fn held(&self) -> UserView {
        self.sandbox.user(USER)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(worker) = self.worker.take().filter(|_| !std::thread::panicking()) {
            worker.stop();
        }
    }
}

/// Whether nothing more is sent by itself.
fn is_at_rest(status: &Value) -> bool {
    let step = status["nextStep"]["step"].as_str().unwrap();
    match step {
        "wait-for-person" | "nothing" => true,
        // The next routine look is days away; another one is due now.
        "check-status" => {
            let due = status["nextStep"]["dueAt"].as_str().unwrap();
            due.parse::<jiff::Timestamp>().unwrap()
                > jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1)
        }
        _ => false,
    }
}

fn tasks_of(status: &Value) -> Vec<String> {
    let tasks = status["pendingTasks"].as_array().unwrap().iter();
    tasks
        .map(|task| ["kind", "name", "state"].map(|field| task[field].as_str().unwrap()).join(" "))
        .collect()
}

fn in_short(record: &CallRecord) -> String {
    let word = json!(record.call);
    let call = word.as_str().unwrap_or("unknown");
    record.status.map_or_else(|| format!("{call} lost"), |status| format!("{call} {status}"))
}

/// The names in a list of needs or of tasks, sorted.
pub(super) fn names(list: &Value) -> String {
    let named = list.as_array().unwrap().iter();
    let named = named.map(|one| one["section"].as_str().or(one["name"].as_str()).unwrap());
    sorted(named)
}

/// What the provider asks of a product, sorted.
pub(super) fn asked(held: &UserView, product: &str) -> String {
    let entry = held.eligibility.iter().find(|entry| entry["type"] == product).unwrap();
    let lists = ["missingData", "missingDocuments"].into_iter().filter_map(|list| entry.get(list));
    sorted(lists.flat_map(|list| list.as_array().unwrap()).map(|word| word.as_str().unwrap()))
}

fn sorted<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" ")
}
