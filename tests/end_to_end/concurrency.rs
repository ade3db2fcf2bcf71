//! People who edit one user at the same time: nobody's edit is lost without their knowing.

use std::process::Stdio;

use gangway_tests::{Gangway, Recorder, complete_profile};
use serde_json::{Value, json};

const USER: &str = "userId:popular";
/// The exit code of an edit that gave up because of others.
const CONFLICT: i32 = 5;

#[test]
fn edits_at_once_are_all_in_the_record_or_reported() {
    let provider = Recorder::start(|_| (200, json!({ "eligibility": [] }).to_string()));
    let gangway = Gangway::quick(provider.origin());
    gangway.set_user(USER, &complete_profile("popular"), &[]);
    let edits = [
        ("/userDetails/firstName", "Ilka", json!({ "userDetails": { "firstName": "Ilka" } })),
        ("/userDetails/lastName", "Brandis", json!({ "userDetails": { "lastName": "Brandis" } })),
        (
            "/kycData/email",
            "ilka@example.org",
            json!({ "kycData": { "email": "ilka@example.org" } }),
        ),
        (
            "/kycData/phoneNumber",
            "+4930111222",
            json!({ "kycData": { "phoneNumber": "+4930111222" } }),
        ),
        (
            "/kycData/addressOfResidence/line1",
            "Am Deich 1",
            json!({ "kycData": { "addressOfResidence": { "line1": "Am Deich 1" } } }),
        ),
        (
            "/kycData/identityDocument/number",
            "C99",
            json!({ "kycData": { "identityDocument": { "number": "C99" } } }),
        ),
    ];
    let running: Vec<_> = edits
        .iter()
        .zip(0..)
        .map(|((_, _, patch), number)| {
            let file = gangway.write(&format!("patch-{number}.json"), patch.to_string());
            let mut command = gangway.command(&["user", "patch", USER, "--file", &file]);
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        })
        .collect();
    let codes: Vec<_> =
        running.into_iter().map(|mut edit| edit.wait().unwrap().code().unwrap()).collect();
    assert!(codes.iter().all(|code| [0, CONFLICT].contains(code)), "{codes:?}");

    let history = gangway.history(USER);
    let revisions = history.iter().filter(|row| row["event"] == "profile-set");
    let revisions: Vec<&Value> = revisions.map(|row| &row["detail"]["revision"]).collect();
    let done = codes.iter().filter(|code| **code == 0).count();
    assert_eq!(revisions, (1..=done + 1).collect::<Vec<_>>(), "{codes:?}");

    let worker = gangway.serve();
    gangway.wait_for(gangway_tests::PATIENCE, USER, "being registered", |status| {
        status["acknowledgedRevision"] == done + 1
    });
    worker.stop();
    let requests = provider.requests();
    let sent: Value = serde_json::from_str(&requests.last().unwrap().body).unwrap();
    for ((pointer, value, _), code) in edits.iter().zip(codes) {
        assert_eq!(sent.pointer(pointer) == Some(&json!(value)), code == 0, "{pointer}: {sent:#}");
    }
}
