//! Each command of a person broken at each of its points, in every way: what it acknowledged is
//! there, what it did not is there whole or not at all, and the same command makes it so.

use std::path::Path;

use gangway_tests::roads::Paper;
use gangway_tests::{Gangway, complete_profile};
use onboarding::{Policy, Reader, Status};
use serde_json::{Value, json};
use store::Store as _;

use crate::database::{Files, held, now, read, replayed, the_one_user};
use crate::point::Break;
use crate::scenarios::Person;
use crate::{all, caught};

const USER: &str = "userId:commanded";
const WALLET: &str = "0x52908400098527886E0F7030069857D2E4169EE7";
const PAPERS: &[Paper] = &[
    ("id-passport", "documents/passport.png"),
    ("proof-of-address", "documents/proof-of-address.pdf"),
];

/// A command on what the commands before it left behind, with nothing broken.
struct Clean {
    words: Vec<String>,
    before: Files,
    after: Files,
    /// The points that it came to.
    points: Vec<String>,
    /// How it ends when it is given once more.
    once_more: Option<i32>,
}

#[test]
fn a_command_that_is_broken_is_done_whole_or_not_at_all_and_can_be_repeated() {
    let (_folder, commands) = person().into_commands();
    let mut files = Files::default();
    let mut cleans = Vec::new();
    for words in commands {
        let clean = Clean::make(words, files);
        files = clean.after.clone();
        cleans.push(clean);
    }
    let mut breaks = Vec::new();
    for clean in &cleans {
        breaks.extend(Break::all(0, &clean.points).into_iter().map(|at| (clean, at)));
    }
    let differences = all(&breaks, |(clean, at)| {
        let found = caught(|| clean.broken(at)).unwrap_or_else(Some);
        found.map(|found| format!("{} at {at}: {found}", clean.words.join(" ")))
    });
    let differences: Vec<String> = differences.into_iter().flatten().collect();
    let points: usize = cleans.iter().map(|clean| clean.points.len()).sum();
    println!(
        "break-every-step: commands={} points={points} runs={} differences={}",
        cleans.len(),
        cleans.len() + breaks.len(),
        differences.len()
    );
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
    assert!(points > cleans.len(), "each command writes, and the first creates the database");
}

fn person() -> Person {
    let street = json!({ "kycData": { "addressOfResidence": { "line1": "Am Ufer 10" } } });
    Person::new(USER)
        .sets(&complete_profile("commanded"), &["--want", "onramp"])
        .adds(PAPERS)
        .does(&["document", "remove", USER, "--type", "proof-of-address"])
        .patches(&street)
        .does(&["wallet", "link", USER, "--chain", "base", WALLET])
        .does(&["wallet", "link", USER, "--chain", "solana", WALLET])
        .does(&["wallet", "remove", USER, WALLET])
        .tells("verify")
        .tells("hold")
        .tells("resume")
        .tells("retry")
        .tells("cancel")
        .tells("resume")
        .does(&["erase", USER, "--yes"])
}

impl Clean {
    fn make(words: Vec<String>, before: Files) -> Self {
        let gangway = gangway(&before);
        let log = gangway.folder().join("points.log");
        let exit = exit(&gangway, &words, &log, "");
        assert_eq!(exit, Some(0), "{words:?}");
        let points = std::fs::read_to_string(log).unwrap();
        let after = Files::of(gangway.folder());
        let once_more = self::exit(&gangway, &words, Path::new("/dev/null"), "");
        Self {
            before,
            after,
            points: points.lines().map(str::to_owned).collect(),
            words,
            once_more,
        }
    }

    /// What is wrong after the command was broken, if anything is.
    fn broken(&self, at: &Break) -> Option<String> {
        let gangway = gangway(&self.before);
        let log = gangway.folder().join("points.log");
        let exit = exit(&gangway, &self.words, &log, &at.to_string());
        let points = std::fs::read_to_string(log).unwrap();
        if !points.lines().any(|point| point == at.point) {
            return Some("it never came to the point".to_owned());
        }
        let [before, after] = [&self.before, &self.after].map(standing);
        let broken = standing(&Files::of(gangway.folder()));
        if broken != after && (exit == Some(0) || broken != before) {
            return Some(format!("after exit {exit:?} there is {broken:#}"));
        }
        if exit == Some(0) {
            return None;
        }
        let repeated = self::exit(&gangway, &self.words, Path::new("/dev/null"), "");
        let is_done = repeated == Some(0) || (broken == after && repeated == self.once_more);
        let end = standing(&Files::of(gangway.folder()));
        if !is_done || end["content"] != after["content"] {
            return Some(format!("repeated with exit {repeated:?} it came to {end:#}"));
        }
        None
    }
}

fn gangway(files: &Files) -> Gangway {
    let gangway = Gangway::quick("http://127.0.0.1:1").breakable();
    files.put_into(gangway.folder());
    gangway
}

/// Gives the command and answers its exit code; none if it was killed.
fn exit(gangway: &Gangway, words: &[String], log: &Path, at: &str) -> Option<i32> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut command = gangway.command(&words);
    command.env("BREAK_LOG", log).env("BREAK_AT", at).output().unwrap().status.code()
}

/// Where the user stands in a copy of the database, so that looking mends nothing. The content
/// is what must be there however often a command was given.
fn standing(files: &Files) -> Value {
    let folder = tempfile::tempdir().unwrap();
    files.put_into(folder.path());
    read(folder.path(), async |store| {
        let Some(stored) = the_one_user(&store).await else { return Value::Null };
        let onboarding = &stored.onboarding;
        assert_eq!(replayed(&store, onboarding).await, *onboarding, "I1");
        let status =
            Status::of(&stored.user, onboarding, None, &Reader::new(&Policy::default(), now()));
        let history = store.history(onboarding.id, 0, 1_000).await.unwrap();
        json!({
            "content": {
                "state": status.state,
                "products": status.wanted_products,
                "hold": status.hold.map(|hold| json!(hold.cause)),
                "held": held(&store, &stored).await,
            },
            "history": history.iter().map(|row| row.event.name()).collect::<Vec<_>>(),
        })
    })
}
