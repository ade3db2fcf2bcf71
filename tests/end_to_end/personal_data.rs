//! Personal data stays where it belongs: planted values are looked for in all that is said.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use gangway_tests::{Api, Ended, Gangway, PATIENCE, Recorder, wait_until};
use serde_json::{Value, json};

const USER: &str = "email:canary.locator@example.org";
const KEY: &str = "sk_staging_canarykey";

/// Found nowhere but in the files that were given, the database, and the calls.
const PLANTED: [&str; 15] = [
    "Canaryfirst",
    "Canarylast",
    "1961-07-23",
    "Canary Lane 1",
    "Canary Flat 2",
    "Canaryville",
    "Canarystate",
    "CNR 4711",
    "canary.mail",
    "+4930999888777",
    "canary-document-kind",
    "CANARY0815",
    "canary-income",
    "canary-industry",
    "2024-03-03T03:03:03Z",
];

fn profile() -> Value {
    json!({
        "userDetails": {
            "firstName": "Canaryfirst",
            "lastName": "Canarylast",
            "dateOfBirth": "1961-07-23",
            "countryOfResidence": "DE"
        },
        "kycData": {
            "addressOfResidence": {
                "line1": "Canary Lane 1",
                "line2": "Canary Flat 2",
                "city": "Canaryville",
                "stateOrRegion": "Canarystate",
                "postalCode": "CNR 4711"
            },
            "email": "canary.mail@example.org",
            "phoneNumber": "+4930999888777",
            "identityDocument": { "type": "canary-document-kind", "number": "CANARY0815" }
        },
        "dueDiligence": {
            "employmentStatus": "full-time",
            "sourceOfFunds": "canary-income",
            "industry": "canary-industry"
        },
        "verificationHistory": {
            "idVerificationTimestamp": "2024-03-03T03:03:03Z",
            "livenessVerificationTimestamp": "2024-03-03T03:03:03Z"
        }
    })
}

/// A document with a planted text in it.
const DOCUMENT: &[u8] = b"%PDF-1.4\n% Canary in the document\n1 0 obj << /Pages 2 0 R >> endobj\n\
    2 0 obj << /Kids [3 0 R] >> endobj\n3 0 obj << /Type /Page >> endobj\n\
    trailer\n<< /Root 1 0 R >>\nstartxref\n0\n%%EOF\n";

/// All that was said, with the place where it was.
struct Said(Vec<(String, String)>);

impl Said {
    fn note(&mut self, place: &str, ended: &Ended) {
        self.0.push((format!("stdout of {place}"), ended.stdout.clone()));
        self.0.push((format!("stderr of {place}"), ended.stderr.clone()));
    }

    fn assert_free_of(&self, planted: &[&str]) {
        for (place, text) in &self.0 {
            let text = text.to_lowercase();
            for value in planted {
                assert!(!text.contains(&value.to_lowercase()), "{value:?} in {place}:\n{text}");
            }
        }
    }
}

const REGISTER: &str = "PUT /api/2025-06-09/users/email%3Acanary.locator%40example.org";
const UPLOAD: &str = "POST /api/2025-06-09/documents";
const TRIGGER: &str =
    "PUT /api/2025-06-09/users/email%3Acanary.locator%40example.org/identity-verification";

/// A provider that repeats what it was sent, as bad providers do: each call fails, is answered
/// with no JSON, is refused, and only then taken.
fn echoing_provider() -> Recorder {
    let mut seen = BTreeMap::<String, u32>::new();
    Recorder::start(move |request| {
        *seen.entry(request.target.clone()).or_default() += 1;
        let count = |target: &str| seen.get(target).copied().unwrap_or_default();
        let echo = format!("can't take {} {}", request.target, request.body);
        let error = json!({ "error": true, "message": echo, "code": request.body }).to_string();
        match (count(&request.target), request.target.as_str()) {
            (1, _) => (500, error),
            (2, _) => (200, format!("no JSON: {echo}")),
            // An upload is tried in another form before it counts as refused.
            (3, REGISTER | UPLOAD | TRIGGER) | (4, UPLOAD) => (400, error),
            (_, REGISTER) => (200, json!({ "userDetails": true, "email": USER }).to_string()),
            (_, UPLOAD) => (201, json!({ "id": "doc_1" }).to_string()),
            (_, TRIGGER) => (200, eligibility("pending-review")),
            _ if count(TRIGGER) < 4 => (200, eligibility("not-started")),
            _ => (200, eligibility("verified")),
        }
    })
}

fn eligibility(status: &str) -> String {
    json!({ "eligibility": [{ "type": "onramp", "status": status }], "name": "Canaryfirst" })
        .to_string()
}

#[test]
fn what_is_personal_is_in_no_log_error_or_history() {
    let provider = echoing_provider();
    let gangway = Gangway::quick(provider.origin())
        .with("CROSSMINT__API_KEY", KEY)
        .with("DOCUMENTS__BYTES_MIN", "0")
        .with("NOTIFICATIONS__ALLOW_LOOPBACK", "true")
        .with("HTTP__LISTEN", "127.0.0.1:0")
        .with("LOG__FILTER", "trace");
    let document = gangway.write("proof.pdf", DOCUMENT);
    let mut said = Said(Vec::new());
    let receiver = Recorder::start(|_| (200, String::new()));
    let hook = format!("{}/canary-hook", receiver.origin());
    gangway.done(&["webhook", "add", &hook]);
    said.note("user set", &gangway.set_user(USER, &profile(), &["--want", "onramp"]));
    let add = ["document", "add", USER, "--type", "proof-of-address", "--file", &document];
    said.note("document add", &gangway.done(&add));
    said.note("verify", &gangway.done(&["verify", USER]));
    let worker = gangway.serve();
    for call in ["register-user", "upload-document", "trigger-verification"] {
        let status = gangway.wait_for(PATIENCE, USER, "being held", |status| {
            status["state"] == "held"
                && status["hold"]["message"].as_str().is_some_and(|text| !text.is_empty())
        });
        let hold = status["hold"].to_string();
        assert!(hold.contains("can't take"), "{call} was refused in the provider's words: {hold}");
        said.0.push((format!("hold after {call}"), hold));
        said.note("doctor", &gangway.run(&["doctor"]));
        said.note("retry", &gangway.done(&["retry", USER]));
        gangway.wait_for(PATIENCE, USER, "going on", |now| {
            now["state"] != "held" || now["hold"]["since"] != status["hold"]["since"]
        });
    }
    gangway.wait_for_state(USER, "verified");
    let told = || receiver.requests().into_iter().map(|request| request.body).collect::<Vec<_>>();
    wait_until(PATIENCE, "the last notification", || {
        told().iter().any(|body| body.contains(r#""to":"verified""#)).then_some(())
    });
    let scrape = Api::at(&worker.origin()).get("/metrics").expect(200).text();
    worker.stop();
    assert!(provider.requests().iter().any(|request| request.body.contains("Canaryfirst")));
    assert!(gangway.logs().contains("provider called"), "the log is kept");

    for arguments in [
        &["status", USER][..],
        &["status", USER, "--json"],
        &["users"],
        &["users", "--json"],
        &["tasks"],
        &["history", USER],
        &["history", USER, "--json"],
        &["config"],
        &["config", "--json"],
        &["doctor", "--json"],
        &["events"],
        &["events", "--json"],
    ] {
        said.note(&arguments.join(" "), &gangway.run(arguments));
    }
    let encoded = BASE64_STANDARD.encode(DOCUMENT);
    let planted =
        [&PLANTED[..], &["canary in the document", &encoded[16..48], "canarykey"]].concat();
    said.0.push(("the worker's log".to_owned(), gangway.logs()));
    said.assert_free_of(&planted);

    let log_and_history = Said(vec![
        ("the worker's log".to_owned(), gangway.logs()),
        ("history".to_owned(), json!(gangway.history(USER)).to_string()),
        ("status without user".to_owned(), without_user(gangway.status(USER).1)),
        ("notifications".to_owned(), told().join("\n")),
        ("metrics".to_owned(), scrape),
        ("events".to_owned(), gangway.done(&["events", "--json"]).stdout),
    ]);
    assert!(!gangway.logs().contains("canary-hook"), "an endpoint's URL may hold a secret");
    log_and_history.assert_free_of(&PLANTED);
    log_and_history.assert_free_of(&["canary.locator", "canary%2elocator", "email%3acanary"]);
}

fn without_user(mut status: Value) -> String {
    status.as_object_mut().unwrap().remove("user");
    status.to_string()
}

#[test]
fn a_refusal_does_not_repeat_what_was_given() {
    let gangway = Gangway::quick("http://127.0.0.1:9").with("LOG__FILTER", "trace");
    let mut said = Said(Vec::new());
    let bad = json!({
        "userDetails": {
            "firstName": "Canary\u{7}first",
            "lastName": ["Canarylast"],
            "dateOfBirth": "1961-07-23T00:00:00Z",
            "countryOfResidence": "Canarystate"
        },
        "kycData": { "email": "canary.mail", "phoneNumber": "+4930999888777 CANARY0815" }
    });
    let bad = gangway.write("bad.json", bad.to_string());
    let cut = gangway
        .write("cut.json", r#"{"userDetails":{"firstName":"Canaryfirst","lastName":Canarylast"#);
    let document = gangway.write("bad.pdf", "Canary in the document");
    for arguments in [
        &["user", "set", USER, "--file", &bad][..],
        &["user", "set", USER, "--file", &cut],
        &["document", "add", USER, "--type", "id-passport", "--file", &document],
        &["user", "set", "email:canary.locator", "--file", &bad],
    ] {
        let ended = gangway.run(arguments);
        assert_ne!(ended.code, Some(0), "{arguments:?}");
        said.note(&arguments.join(" "), &ended);
    }
    said.assert_free_of(&[&PLANTED[..], &["canary in the document", "canary.locator"]].concat());
}

#[test]
fn the_database_is_its_owners_alone() {
    let provider = Recorder::start(|_| (500, "{}".to_owned()));
    let gangway = Gangway::quick(provider.origin());
    gangway.set_user(USER, &profile(), &[]);
    let worker = gangway.serve();
    gangway.set_user(USER, &profile(), &["--verify"]);
    let mut files = 0;
    for entry in std::fs::read_dir(gangway.folder()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name.starts_with("gangway.db") && !name.ends_with(".lock") {
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{name} has mode {mode:o}");
            files += 1;
        }
    }
    assert_eq!(files, 3, "the database, its log of writes and the index of that");
    worker.stop();
}
