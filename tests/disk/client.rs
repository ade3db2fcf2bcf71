//! Clients who give commands of every kind, and journal what is acknowledged.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use gangway_tests::{Chance, Gangway, complete_profile, days_from_now, demo_file};
use serde_json::{Value, json};

use crate::journal::{Entry, Journal};

/// One of several clients, who has users of its own.
pub struct Client<'a> {
    pub name: usize,
    pub gangway: &'a Gangway,
    pub journal: &'a Journal,
    pub chance: Chance,
    users: Vec<User>,
    edits: u64,
}

struct User {
    name: String,
    is_begun: bool,
    is_erased: bool,
}

/// What the clients counted.
#[derive(Default)]
pub struct Counts {
    pub commands: AtomicU64,
    pub killed: AtomicU64,
    /// Commands that ended with an error, as they do once the disk has gone.
    pub failed: AtomicU64,
}

/// The exit codes of commands that were done, that failed, and that can't be done as the user
/// stands or as there is no such user.
const DONE: i32 = 0;
const FAILED: i32 = 1;
const NOT_NOW: [i32; 2] = [3, 5];

/// How long a command may run that is killed in the middle.
const KILL_WITHIN_MS: u64 = 60;

impl<'a> Client<'a> {
    pub fn new(name: usize, gangway: &'a Gangway, journal: &'a Journal, chance: Chance) -> Self {
        Self { name, gangway, journal, chance, users: Vec::new(), edits: 0 }
    }

    /// Gives commands until `stop`.
    pub fn work(&mut self, stop: &AtomicBool, counts: &Counts) {
        while !stop.load(Ordering::Relaxed) {
            self.act(counts);
        }
    }

    /// Gives one command.
    pub fn act(&mut self, counts: &Counts) {
        if self.users.is_empty() || self.chance.below(8) == 0 {
            let name = format!("userId:c{}-{}", self.name, self.users.len());
            self.users.push(User { name, is_begun: false, is_erased: false });
        }
        let index = usize::try_from(self.chance.below(self.users.len() as u64)).unwrap();
        let User { name, is_begun, is_erased } = &self.users[index];
        if *is_erased {
            return;
        }
        let (user, is_begun) = (name.clone(), *is_begun);
        if !is_begun {
            self.users[index].is_begun = self.begin(&user, counts);
            return;
        }
        match self.chance.below(20) {
            0..=6 => self.patch(&user, counts),
            7..=9 => self.add_document(&user, counts),
            10..=12 => self.command(&["verify", &user], &["verification-requested"], None, counts),
            13 | 14 => self.command(&["hold", &user], &["held"], None, counts),
            15..=17 => self.command(&["resume", &user], &["resumed"], None, counts),
            18 => self.command(&["cancel", &user], &["cancelled"], None, counts),
            _ => {
                // From the moment when it is asked for the locator may be unknown.
                self.users[index].is_erased = true;
                self.command(&["erase", &user, "--yes"], &["erased"], None, counts)
            }
        };
    }

    fn begin(&mut self, user: &str, counts: &Counts) -> bool {
        let mut profile = complete_profile("client");
        self.edits += 1;
        profile["kycData"]["addressOfResidence"]["line1"] = self.address();
        profile["privacyPolicyAcceptedAt"] = json!(format!("{}T08:00:00Z", days_from_now(-2)));
        let file = self.file(&profile);
        let arguments =
            ["user", "set", user, "--file", &file, "--want", "regulated-transfer,onramp"];
        let events = &["profile-set", "consent-given", "wanted-products-set"];
        self.command(&arguments, events, Some(self.edits), counts)
    }

    fn patch(&mut self, user: &str, counts: &Counts) -> bool {
        self.edits += 1;
        let patch = json!({ "kycData": { "addressOfResidence": { "line1": self.address() } } });
        let file = self.file(&patch);
        let arguments = ["user", "patch", user, "--file", &file];
        self.command(&arguments, &["profile-set"], Some(self.edits), counts)
    }

    fn add_document(&mut self, user: &str, counts: &Counts) -> bool {
        let file = demo_file("documents/passport.png");
        let file = path(&file);
        let arguments = ["document", "add", user, "--type", "id-passport", "--file", file];
        self.command(&arguments, &["document-added"], None, counts)
    }

    fn address(&self) -> Value {
        json!(format!("Am Ufer {}", self.edits))
    }

    fn file(&self, content: &Value) -> String {
        self.gangway.write(&format!("client-{}.json", self.name), content.to_string())
    }

    /// Gives a command, and says whether it was acknowledged. One in six is killed.
    fn command(
        &mut self,
        arguments: &[&str],
        events: &[&'static str],
        edit: Option<u64>,
        counts: &Counts,
    ) -> bool {
        let user = arguments.iter().find(|argument| argument.starts_with("userId:")).unwrap();
        let entry = Entry { user, events, edit };
        let kill = self.chance.below(6) == 0;
        let after = kill.then(|| Duration::from_millis(self.chance.below(KILL_WITHIN_MS)));
        self.journal.ask(&entry);
        counts.commands.fetch_add(1, Ordering::Relaxed);
        let ended = self.gangway.run_unless_killed(&[arguments, &["--json"]].concat(), after);
        let Some(ended) = ended else {
            counts.killed.fetch_add(1, Ordering::Relaxed);
            return false;
        };
        match ended.code {
            Some(DONE) => {
                let id = ended.json()["id"].as_str().unwrap().to_owned();
                self.journal.acknowledge(&entry, &id, ended.stderr.contains("unchanged"));
                true
            }
            Some(code) if NOT_NOW.contains(&code) => false,
            Some(FAILED) => {
                counts.failed.fetch_add(1, Ordering::Relaxed);
                false
            }
            code => panic!("{arguments:?}: {code:?} {}", ended.stderr),
        }
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
