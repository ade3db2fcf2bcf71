//! The binary as a process: what a stranger sees.

#![allow(clippy::unwrap_used, reason = "clippy sees no test in a test's own functions")]

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use onboarding::{Lane, OnboardingId, Policy, Timestamp};
use serde_json::Value;
use store::{Closed, ProviderGate, SqliteStore, Store as _};

const ADA: &str = r#"{
    "userDetails": {"firstName": "Ada", "lastName": "Lindqvist",
                    "dateOfBirth": "1984-03-12", "countryOfResidence": "SE"},
    "wantedProducts": ["onramp"]
}"#;

/// A folder with the binary's database, and nothing of this process's environment.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gangway"));
        command.args(arguments).current_dir(self.0.path()).env_clear().stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.command(arguments).output().unwrap())
    }

    fn with_ada() -> Self {
        let folder = Self::new();
        folder.write("ada.json", ADA);
        let ended = folder.run(&["user", "set", "userId:ada", "--file", "ada.json"]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        folder
    }
}

struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ended {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }
}

#[test]
fn every_command_has_a_help() {
    let folder = Folder::new();
    for (arguments, said) in [
        (&["--help"][..], "gangway user set userId:ada --file ada.json --verify"),
        (&["user", "set", "--help"], "listed by its JSON pointer"),
        (&["document", "add", "--help"], "png, jpeg, pdf, heic or webp"),
        (&["--help"], "export GANGWAY_CROSSMINT__URL=http://127.0.0.1:4010"),
        (&["document", "add", "--help"], "proof-of-address"),
        (&["history", "--help"], "3   no such user"),
        (&["status", "--help"], "10  a person must act"),
        (&["verify", "--help"], "Wait until a person must act"),
        (&["sandbox", "--help"], "docs/sandbox.md"),
        (&["serve", "--help"], "Nothing is lost either"),
    ] {
        let ended = folder.run(arguments);
        assert_eq!(ended.code, 0, "{arguments:?}");
        assert!(ended.stdout.contains(said), "{arguments:?}: {}", ended.stdout);
    }
}

#[test]
fn wrong_usage_exits_with_2() {
    let folder = Folder::new();
    for arguments in [
        &[][..],
        &["frobnicate"],
        &["status"],
        &["status", "ada"],
        &["status", "passport:ada"],
        &["users", "--state", "asleep"],
        &["users", "--limit", "0"],
        &["users", "--after", "zzz"],
        &["verify", "userId:ada", "--timeout", "5m"],
        &["verify", "userId:ada", "--wait", "--timeout", "5"],
        &["document", "add", "userId:ada", "--type", "Pass Port", "--file", "x"],
        &["hold", "userId:ada", "--reason", "two\nlines"],
        &["erase", "userId:ada"],
        &["consent", "record", "userId:ada", "--text", "cookies"],
    ] {
        assert_eq!(folder.run(arguments).code, 2, "{arguments:?}");
    }
}

#[test]
fn a_command_names_no_exit_code_that_it_does_not_have() {
    let folder = Folder::new();
    for (arguments, code) in [
        (&["hold", "--help"][..], "  10  "),
        (&["user", "set", "--help"], "  13  "),
        (&["history", "--help"], "  5   "),
    ] {
        let ended = folder.run(arguments);
        assert!(ended.stdout.contains("  3   "), "{arguments:?}: {}", ended.stdout);
        assert!(!ended.stdout.contains(code), "{arguments:?}: {}", ended.stdout);
    }
}

#[test]
fn a_locator_that_is_wrong_is_not_repeated() {
    let ended = Folder::new().run(&["status", "email:canary"]);
    assert_eq!(ended.code, 2);
    assert!(!ended.stderr.contains("canary"), "{}", ended.stderr);
}

#[test]
fn an_unknown_key_is_an_error_that_suggests_the_nearest() {
    let folder = Folder::new();
    folder.write("g.toml", "[crossmint]\nurll = 'http://127.0.0.1:1'\n");
    let ended = folder.run(&["config", "--config", "g.toml"]);
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("did you mean crossmint.url?"), "{}", ended.stderr);
}

#[test]
fn the_configuration_is_shown_with_its_sources_and_without_secrets() {
    let folder = Folder::new();
    let output = folder
        .command(&["config", "--json", "--store", "other.db"])
        .env("GANGWAY_CROSSMINT__API_KEY", "sk_staging_canary")
        .output()
        .unwrap();
    let ended = Ended::of(output);
    assert!(!ended.stdout.contains("canary"));
    let settings = ended.json();
    let of = |key: &str| {
        let mut all = settings.as_array().unwrap().iter();
        all.find(|setting| setting["key"] == key).unwrap().clone()
    };
    assert_eq!(of("crossmint.api_key")["value"], "***");
    assert_eq!(of("crossmint.api_key")["source"], "environment GANGWAY_CROSSMINT__API_KEY");
    assert_eq!(of("store.url")["value"], "other.db");
    assert_eq!(of("store.url")["source"], "flag --store");
    assert_eq!(of("worker.lease")["source"], "default");
    assert_eq!(of("crossmint.api_key_file")["value"], Value::Null);
}

#[test]
fn a_command_that_reads_creates_no_database() {
    let folder = Folder::new();
    for arguments in [
        &["status", "userId:ada"][..],
        &["status", "userId:ada", "--watch"],
        &["users"],
        &["tasks"],
        &["history", "userId:ada"],
        &["verify", "userId:ada"],
        &["hold", "userId:ada"],
    ] {
        let ended = folder.run(arguments);
        assert_eq!(ended.code, 1, "{arguments:?}");
        assert!(ended.stderr.contains("gangway.db; `gangway user set`"), "{}", ended.stderr);
    }
    assert!(!folder.path("gangway.db").exists());
}

#[test]
fn a_bad_file_is_refused_with_every_problem_and_nothing_is_stored() {
    let folder = Folder::new();
    folder.write(
        "bad.json",
        r#"{"userDetails": {"firstName": "", "lastName": "Canary", "dateOfBirth": "1984-13-12",
            "countryOfResidence": "XX"}, "kycdata": {}}"#,
    );
    let ended = folder.run(&["user", "set", "userId:ada", "--file", "bad.json"]);
    assert_eq!(ended.code, 1);
    for pointer in [
        "/userDetails/firstName",
        "/userDetails/dateOfBirth",
        "/userDetails/countryOfResidence",
        "/kycdata",
    ] {
        assert!(ended.stderr.contains(pointer), "{pointer}: {}", ended.stderr);
    }
    assert!(!ended.stderr.contains("Canary"));
    assert_eq!(folder.run(&["status", "userId:ada"]).code, 3);
}

#[test]
fn an_edit_is_stored_and_the_same_again_changes_nothing() {
    let folder = Folder::with_ada();
    let again = folder.run(&["user", "set", "userId:ada", "--file", "ada.json", "--json"]);
    assert_eq!(again.code, 0);
    assert!(again.stderr.starts_with("unchanged: "), "{}", again.stderr);
    assert_eq!(again.json()["profileRevision"], 1);
    folder.write("patch.json", r#"{"userDetails": {"firstName": "Adelheid"}}"#);
    let patched = folder.run(&["user", "patch", "userId:ada", "--file", "patch.json", "--json"]);
    assert_eq!(patched.json()["profileRevision"], 2);
}

#[test]
fn a_reason_can_not_be_blank() {
    let folder = Folder::with_ada();
    for blank in ["", "  ", "two\nlines", &"x".repeat(301)] {
        for command in [
            &["reopen", "userId:ada"][..],
            &["task", "waive", "userId:ada", "1"],
            &["hold", "userId:ada"],
        ] {
            let ended = folder.run(&[command, &["--reason", blank]].concat());
            assert_eq!(ended.code, 2, "{command:?} {blank:?}: {}", ended.stderr);
            let expected = "must be 1 to 300 characters on one line";
            assert!(ended.stderr.contains(expected), "{}", ended.stderr);
        }
    }
    assert_eq!(folder.run(&["hold", "userId:ada", "--reason", " a look "]).code, 0);
    let history = folder.run(&["history", "userId:ada", "--json"]).json();
    let held = history.as_array().unwrap().iter().find(|entry| entry["event"] == "held").unwrap();
    assert_eq!(held["detail"]["reason"], "a look");
}

#[test]
fn what_is_not_to_be_had_where_the_user_lives_is_said_when_data_is_given_and_explained() {
    let folder = Folder::new();
    folder.write(
        "boris.json",
        r#"{"userDetails": {"firstName": "Boris", "lastName": "Petrov", "dateOfBirth": "1980-02-11",
            "countryOfResidence": "RS"}, "wantedProducts": ["onramp"]}"#,
    );
    let set = folder.run(&["user", "set", "userId:boris", "--file", "boris.json"]);
    assert_eq!(set.code, 0);
    assert!(set.stderr.contains("onramp is not to be had there"), "{}", set.stderr);
    let told = folder.run(&["explain", "userId:boris", "--json"]).json();
    assert_eq!(told["products"][0]["usability"], "not-offered");
    let paragraph = told["paragraph"].as_str().unwrap();
    assert!(paragraph.contains("this is not offered where you live"), "{paragraph}");
}

#[test]
fn a_users_file_can_come_from_standard_input() {
    use std::io::Write as _;
    let folder = Folder::new();
    let mut command = folder.command(&[
        "user",
        "set",
        "userId:ada",
        "--file",
        "-",
        "--want",
        "offramp",
        "--json",
    ]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(ADA.as_bytes()).unwrap();
    let ended = Ended::of(child.wait_with_output().unwrap());
    assert_eq!(ended.json()["wantedProducts"], serde_json::json!(["offramp"]));
}

#[test]
fn status_exits_by_where_the_user_stands() {
    let folder = Folder::with_ada();
    assert_eq!(folder.run(&["status", "userId:ada"]).code, 11);
    assert_eq!(folder.run(&["status", "userId:nobody"]).code, 3);
    assert_eq!(folder.run(&["resume", "userId:ada"]).code, 5);
    assert_eq!(folder.run(&["hold", "userId:ada", "--reason", "a test"]).code, 0);
    let again = folder.run(&["hold", "userId:ada", "--reason", "another"]);
    assert!(again.stderr.contains("given first stands: a test"), "{}", again.stderr);
    let retried = folder.run(&["retry", "userId:ada"]);
    assert_eq!(retried.code, 5);
    assert!(retried.stderr.contains("`gangway resume` lets it go on"), "{}", retried.stderr);
    assert_eq!(folder.run(&["status", "userId:ada"]).code, 13);
    assert_eq!(folder.run(&["status", "userId:ada", "--watch", "--json"]).code, 13);
    assert_eq!(folder.run(&["resume", "userId:ada"]).code, 0);
    let waited = folder.run(&["verify", "userId:ada", "--wait", "--timeout", "1ms"]);
    assert_eq!(waited.code, 11, "{}", waited.stderr);
    assert_eq!(folder.run(&["cancel", "userId:ada"]).code, 0);
    assert_eq!(folder.run(&["hold", "userId:ada"]).code, 5);
    assert_eq!(folder.run(&["erase", "userId:ada", "--yes"]).code, 0);
    assert_eq!(folder.run(&["status", "userId:ada"]).code, 3);
}

#[test]
fn lists_are_json_arrays_without_personal_data() {
    let folder = Folder::with_ada();
    let users = folder.run(&["users", "--json"]).json();
    assert_eq!(users[0]["user"], "userId:ada");
    assert_eq!(users[0]["state"], "registering");
    assert_eq!(folder.run(&["users", "--state", "held", "--json"]).json(), serde_json::json!([]));
    for arguments in [&["users", "--state", "held"][..], &["tasks"]] {
        let empty = folder.run(arguments);
        assert_eq!((empty.stdout.as_str(), empty.stderr.as_str()), ("", "none\n"), "{arguments:?}");
    }
    let last = users[0]["id"].as_str().unwrap();
    assert_eq!(folder.run(&["users", "--after", last, "--json"]).json(), serde_json::json!([]));
    assert_eq!(folder.run(&["tasks", "--json"]).json(), serde_json::json!([]));
    assert_eq!(folder.run(&["tasks", "userId:nobody"]).code, 3);
    let history = folder.run(&["history", "userId:ada", "--json"]);
    assert!(!history.stdout.contains("Lindqvist"));
    let rows = history.json();
    assert_eq!(rows[0]["event"], "wanted-products-set");
    assert_eq!(rows[0]["detail"], serde_json::json!({"products": ["onramp"]}));
    assert_eq!((&rows[1]["version"], &rows[1]["actor"]), (&2.into(), &"cli".into()));
}

#[test]
fn a_consent_is_recorded_with_its_evidence_and_may_begin_an_onboarding() {
    let folder = Folder::new();
    folder.write("policy.html", "abc");
    let record = |more: &[&str]| {
        folder.run(&[&["consent", "record", "userId:ada", "--json"][..], more].concat())
    };
    let evidence = ["--language", "de-AT", "--method", "checkbox", "--text-version", "2026-04"];
    let text = ["--text-file", "policy.html", "--want", "onramp"];
    let recorded = record(&[&evidence[..], &text].concat());
    assert_eq!(recorded.code, 0, "{}", recorded.stderr);
    assert_eq!(recorded.json()["wantedProducts"], serde_json::json!(["onramp"]));
    let history = folder.run(&["history", "userId:ada", "--json"]).json();
    let detail = &history[1]["detail"];
    let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    for (field, expected) in [
        ("textHash", hash),
        ("language", "de-AT"),
        ("method", "checkbox"),
        ("textVersion", "2026-04"),
    ] {
        assert_eq!(detail["evidence"][field], expected, "{history:#}");
    }
    let again = ["--text", "terms-of-service", "--region", "eu", "--at", "2026-05-02T09:10:00Z"];
    assert_eq!(record(&again).code, 0);
    assert!(record(&again).stderr.starts_with("unchanged: "));
    for (wrong, code, said) in [
        (&["--text", "terms-of-service"][..], 2, "--region"),
        (&["--at", "2999-01-01T00:00:00Z"], 1, "must not be in the future"),
        (&["--at", "yesterday"], 1, "must be a time that exists"),
        (&["--text-hash", "beef"], 1, "SHA-256"),
        (&["--text-hash", hash, "--text-file", "policy.html"], 2, "cannot be used with"),
        (&["--text-file", "nowhere.html"], 1, "can't be read"),
    ] {
        let ended = record(wrong);
        assert_eq!((ended.code, ended.stderr.contains(said)), (code, true), "{}", ended.stderr);
    }
}

#[test]
fn a_language_without_texts_is_said_to_fall_back() {
    let folder = Folder::with_ada();
    for command in [&["status", "userId:ada"][..], &["explain", "userId:ada"], &["tasks"]] {
        let said = |tag| folder.run(&[command, &["--lang", tag]].concat()).stderr;
        let warning =
            "warning: --lang it: there are no texts in that language; there are de, en, es, fr";
        assert!(said("it").contains(warning), "{command:?}: {}", said("it"));
        assert!(!said("de-AT").contains("--lang"), "{command:?}");
    }
}

/// One pixel: too small for the default limits.
const PNG: &[u8] = &[
    137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13, 73, 72, 68, 82, 0, 0, 0, 1, 0, 0, 0, 1, 8, 6, 0,
    0, 0, 31, 21, 196, 137, 0, 0, 0, 13, 73, 68, 65, 84, 120, 156, 99, 248, 207, 192, 240, 31, 0,
    5, 0, 1, 255, 137, 153, 61, 29, 0, 0, 0, 0, 73, 69, 78, 68, 174, 66, 96, 130,
];

#[test]
fn a_document_that_the_provider_does_not_have_can_be_taken_back() {
    let folder = Folder::with_ada();
    std::fs::write(folder.path("id.png"), documents::sample::scan(1)).unwrap();
    let document = |verb, rest: &[&str]| {
        let arguments = ["document", verb, "userId:ada", "--type", "id-passport", "--json"];
        folder.run(&[&arguments[..], rest].concat())
    };
    let none = document("remove", &[]);
    assert_eq!(none.code, 5);
    assert!(none.stderr.contains("there is no such document"), "{}", none.stderr);
    let added = document("add", &["--file", "id.png"]);
    assert_eq!(added.json()["documents"][0]["documentType"], "id-passport", "{}", added.stderr);
    let removed = document("remove", &[]);
    assert_eq!((removed.code, &removed.json()["documents"]), (0, &serde_json::json!([])));
    let history = folder.run(&["history", "userId:ada", "--json"]).json();
    let last = history.as_array().unwrap().last().unwrap();
    assert_eq!(last["event"], "document-withdrawn");
}

#[test]
fn what_is_wrong_with_a_document_is_told_by_its_flag() {
    let folder = Folder::with_ada();
    folder.write("id.png", "no picture");
    let ended = folder.run(&[
        "document",
        "add",
        "userId:ada",
        "--type",
        "passport",
        "--file",
        "id.png",
        "--expires",
        "2001-01-01",
    ]);
    assert_eq!(ended.code, 1);
    for place in ["warning at --type: ", "error at --file: ", "error at --expires: "] {
        assert!(ended.stderr.contains(place), "{place}: {}", ended.stderr);
    }
}

#[test]
fn the_page_of_documents_shows_what_the_check_prints() {
    let page = include_str!("../../../docs/documents.md");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/demo/documents/passport.png");
    let folder = Folder::new();
    let told = folder.run(&["document", "check", "--type", "id-passport", "--file", file]);
    assert!(!told.stdout.is_empty() && page.contains(&told.stdout), "{}", told.stdout);
}

#[test]
fn a_document_is_checked_without_a_database() {
    let folder = Folder::new();
    let exif = documents::sample::exif_with_location(6);
    let scan = documents::sample::png_with(&documents::sample::scan(1), b"eXIf", &exif);
    std::fs::write(folder.path("scan.png"), &scan).unwrap();
    std::fs::write(folder.path("tiny.png"), PNG).unwrap();
    let check = |file, rest: &[&str]| {
        let arguments = ["document", "check", "--type", "id-passport", "--file", file];
        folder.run(&[&arguments[..], rest].concat())
    };
    let told = check("scan.png", &["--json"]);
    let expected = serde_json::json!({
        "accepted": true,
        "mediaType": "image/png",
        "bytes": scan.len(),
        "pixels": { "width": 400, "height": 320 },
        "pages": null,
        "takenOut": ["exif", "location"],
        "bytesToSend": scan.len() - exif.len() + 26,
        "problems": [],
    });
    assert_eq!((told.code, told.json()), (0, expected), "{}", told.stderr);
    let told = check("scan.png", &[]);
    for line in ["type: image/png\n", "pixels: 400 x 320\n", "taken out: exif, location\n"] {
        assert!(told.stdout.contains(line), "{}", told.stdout);
    }

    let refused = check("tiny.png", &["--json"]);
    assert_eq!((refused.code, &refused.json()["accepted"]), (1, &false.into()));
    assert_eq!(refused.json()["problems"][0]["pointer"], "--file");
    assert!(check("tiny.png", &[]).stderr.contains("error at --file: must be at least 1000 bytes"));
    let limits = ["--set", "documents.bytes_min=0", "--set", "documents.side_pixels_min=0"];
    assert_eq!(check("tiny.png", &limits).code, 0);
}

#[test]
fn whoever_waits_for_a_worker_is_told_when_none_runs() {
    let folder = Folder::with_ada();
    for arguments in [
        &["user", "set", "userId:ada", "--file", "ada.json"][..],
        &["status", "userId:ada"],
        &["verify", "userId:ada", "--wait", "--timeout", "1ms"],
    ] {
        let alone = folder.run(arguments);
        assert!(alone.stderr.contains("no worker runs"), "{arguments:?}: {}", alone.stderr);
    }
    let lock = std::fs::File::open(folder.path("gangway.db.lock"));
    assert!(lock.is_err(), "whoever only looks leaves no lock behind");
    let lock = std::fs::File::create(folder.path("gangway.db.lock")).unwrap();
    lock.lock().unwrap();
    let beside = folder.run(&["status", "userId:ada"]);
    assert!(!beside.stderr.contains("no worker runs"), "{}", beside.stderr);
    assert_eq!(folder.run(&["hold", "userId:ada"]).code, 0);
    drop(lock);
    let at_rest = folder.run(&["status", "userId:ada"]);
    assert!(!at_rest.stderr.contains("no worker runs"), "{}", at_rest.stderr);
}

#[tokio::test]
async fn whoever_waits_is_told_when_the_provider_refuses_every_call() {
    let folder = Folder::with_ada();
    let url = format!("sqlite:{}", folder.path("gangway.db").display());
    let store = SqliteStore::open(&url, Policy::default()).await.unwrap();
    let closed = Closed {
        since: Timestamp(0),
        probe_at: Timestamp(0),
        probes: 2,
        lane: Lane::Write,
        suspect: OnboardingId(uuid::Uuid::nil()),
        message: "the key was revoked".into(),
    };
    store.set_provider_gate(ProviderGate::Closed(closed), Timestamp(0)).await.unwrap();
    let ended = folder.run(&["status", "userId:ada", "--json"]);
    assert!(ended.stderr.contains("next probe now: the key was revoked"), "{}", ended.stderr);
    assert_eq!(ended.json()["state"], "registering");
}

#[test]
fn a_password_in_a_url_is_refused_and_not_shown() {
    let folder = Folder::new();
    for flag in
        ["--set=store.url=postgres://a:canary@b/c", "--set=crossmint.url=https://a:canary@b"]
    {
        let ended = folder.run(&["config", flag]);
        assert_eq!(ended.code, 1, "{flag}");
        assert!(!format!("{}{}", ended.stdout, ended.stderr).contains("canary"), "{flag}");
    }
}

#[test]
fn a_key_in_a_file_is_refused_with_the_files_name() {
    let folder = Folder::new();
    folder.write("key", "ck_staging_canary");
    let ended = folder.run(&["serve", "--set", "crossmint.api_key_file=key"]);
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("the key in key can't be used"), "{}", ended.stderr);
    assert!(ended.stderr.contains("client key (ck_)"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("canary"), "{}", ended.stderr);
}

#[test]
fn serve_without_a_key_says_what_to_do() {
    let folder = Folder::new();
    let ended = folder.run(&["serve"]);
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("GANGWAY_CROSSMINT__API_KEY"), "{}", ended.stderr);
    assert!(!folder.path("gangway.db").exists());
}

#[test]
fn the_doctor_fails_on_what_is_wrong_and_says_what_to_do() {
    let folder = Folder::with_ada();
    let ended = folder.run(&["doctor", "--json"]);
    assert_eq!(ended.code, 1);
    let checks = ended.json();
    let result = |name: &str| {
        let mut all = checks["checks"].as_array().unwrap().iter();
        all.find(|check| check["check"] == name).unwrap()["result"].clone()
    };
    for (check, expected) in [
        ("configuration", "ok"),
        ("clock", "ok"),
        ("permissions", "ok"),
        ("worker", "warn"),
        ("store", "ok"),
        ("gate", "ok"),
        ("users", "ok"),
        ("key", "fail"),
    ] {
        assert_eq!(result(check), expected, "{check}: {}", ended.stdout);
    }
    let broken = folder.run(&["doctor", "--set", "worker.leese=1h"]);
    assert_eq!(broken.code, 1);
    assert!(broken.stdout.contains("did you mean worker.lease?"), "{}", broken.stdout);
}

#[test]
fn every_check_of_the_doctor_that_fails_has_a_remedy() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("folder")).unwrap();
    for arguments in [
        &["doctor", "--json", "--store", "folder"][..],
        &["doctor", "--json", "--set", "worker.leese=1h"],
    ] {
        let report = folder.run(arguments).json();
        let failing = report["checks"].as_array().unwrap().iter();
        let failing: Vec<_> = failing.filter(|check| check["result"] == "fail").collect();
        assert!(!failing.is_empty(), "{report}");
        for check in failing {
            assert!(check["remedy"].is_string(), "{check}");
        }
    }
}

#[test]
fn a_reader_who_leaves_is_no_error() {
    let folder = Folder::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = folder.command(&["config"]);
    let output = command.stdout(writer).stderr(Stdio::piped()).output().unwrap();
    let ended = Ended::of(output);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
}

#[test]
fn a_user_is_explained_in_a_paragraph_and_whoever_does_not_go_on_is_listed() {
    let folder = Folder::with_ada();
    let said = folder.run(&["explain", "userId:ada"]);
    assert_eq!(said.code, 11, "{}", said.stderr);
    assert_eq!(
        said.stdout,
        "Buying stablecoins: you can't use this yet. The check has not begun yet. We are passing \
         your details on; you need to do nothing. Our partner has not told us anything yet.\n\n\
         PRODUCT  USABLE   STATUS       WAITING ON  BY  OBSERVED\n\
         onramp   not-yet  not-started  gangway         never\n"
    );
    assert!(said.stderr.contains("no worker runs"), "{}", said.stderr);
    let told = folder.run(&["explain", "userId:ada", "--lang", "de-AT", "--json"]).json();
    assert_eq!(told["products"][0]["usability"], "not-yet");
    assert_eq!(told["stuck"], Value::Null);
    let paragraph = told["paragraph"].as_str().unwrap();
    assert!(paragraph.contains("Sie"), "{paragraph}");
    assert_eq!(folder.run(&["explain", "userId:nobody"]).code, 3);
    assert_eq!(folder.run(&["explain", "userId:ada", "--lang", "deutsch"]).code, 2);

    let nobody = folder.run(&["users", "--stuck"]);
    assert_eq!((nobody.stdout.as_str(), nobody.stderr.as_str()), ("", "none\n"));
    let soon = ["users", "--stuck", "--set", "stuck.our_budget=1ms"];
    let table = folder.run(&soon).stdout;
    let rows: Vec<Vec<&str>> = table.lines().map(|row| row.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["USER", "CAUSE", "FOR", "COMMAND"]);
    assert_eq!((rows[1][0], rows[1][1]), ("userId:ada", "our-budget"));
    assert_eq!(rows[1][3..], ["gangway", "doctor"]);
    let found = folder.run(&[&soon[..], &["--json"]].concat()).json();
    assert_eq!(found[0]["cause"], "our-budget");
    assert_eq!(found[0]["state"], "registering");
    let held = folder.run(&[&soon[..], &["--state", "held", "--json"]].concat()).json();
    assert_eq!(held, serde_json::json!([]));
    let page = folder.run(&[&soon[..], &["--limit", "1"]].concat());
    assert!(page.stderr.contains("there may be more: --after "), "{}", page.stderr);
}
