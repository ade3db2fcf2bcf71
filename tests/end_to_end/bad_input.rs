//! What is bad is refused before anything is stored, with every problem at once.

use gangway_tests::{Ended, Gangway, PASSPORT, complete_profile, days_from_now};
use serde_json::{Value, json};

const USER: &str = "userId:one";
/// Nobody is called in these tests.
const NOWHERE: &str = "http://127.0.0.1:9";

/// A registered user, and what the store holds of everyone.
fn with_a_user() -> (Gangway, Value) {
    let gangway = Gangway::quick(NOWHERE);
    gangway.set_user(USER, &complete_profile("one"), &[]);
    let stored = stored(&gangway);
    (gangway, stored)
}

fn stored(gangway: &Gangway) -> Value {
    json!([gangway.done(&["users", "--json"]).json(), gangway.history(USER)])
}

/// Refused with these problems, each at its pointer or flag, and nothing was stored.
fn check_refused(gangway: &Gangway, before: &Value, ended: &Ended, pointers: &[&str]) {
    assert_eq!(ended.code, Some(1), "{pointers:?}: {}{}", ended.stdout, ended.stderr);
    let mut found: Vec<_> = ended.stderr.lines().filter_map(pointer_of).collect();
    found.sort_unstable();
    let mut expected = pointers.to_vec();
    expected.sort_unstable();
    assert_eq!(found, expected, "{}", ended.stderr);
    assert_eq!(&stored(gangway), before, "{pointers:?}");
}

/// The pointer or flag of a line that tells of an error; empty for the whole.
fn pointer_of(line: &str) -> Option<&str> {
    let line = line.trim_start();
    if line.starts_with("error: must") {
        return Some("");
    }
    let (pointer, _) = line.strip_prefix("error at ")?.split_once(": ")?;
    Some(pointer)
}

/// A complete profile with other values at these pointers.
fn profile_with(changes: &[(&str, Value)]) -> Value {
    let mut profile = complete_profile("one");
    for (pointer, value) in changes {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = profile.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        parent.insert(name.to_owned(), value.clone());
    }
    profile
}

#[test]
fn a_profile_that_is_wrong_is_refused_by_pointer() {
    let (gangway, before) = with_a_user();
    let tomorrow = days_from_now(1);
    let cases: &[(&str, Value)] = &[
        ("/userDetails/dateOfBirth", json!("1995-02-30")),
        ("/userDetails/dateOfBirth", json!("01.02.1995")),
        ("/userDetails/dateOfBirth", json!(tomorrow)),
        ("/userDetails/dateOfBirth", json!("1885-01-01")),
        ("/userDetails/countryOfResidence", json!("XX")),
        ("/userDetails/countryOfResidence", json!("German")),
        ("/userDetails/countryOfResidence", json!("Congo")),
        ("/userDetails/firstName", json!("")),
        ("/userDetails/lastName", json!("   ")),
        ("/userDetails/firstName", json!("Il\u{7}se")),
        ("/userDetails/firstName", json!(17)),
        ("/userDetails/firstName", json!("x".repeat(300))),
        ("/userDetails/middleName", json!("unknown field")),
        ("/kycData/email", json!("not an address")),
        ("/kycData/phoneNumber", json!("12")),
        ("/kycData/phoneNumber", json!("49 30 111222")),
        ("/kycData/addressOfResidence/street", json!("unknown field")),
        ("/verificationHistory/idVerificationTimestamp", json!("yesterday")),
        ("/taxData", json!({ "unknown": "section" })),
        ("/userDetails", json!("no object")),
        ("/privacyPolicyAcceptedAt", json!("2999-01-01T00:00:00Z")),
        ("/wantedProducts", json!([])),
    ];
    for (pointer, value) in cases {
        let file = profile_with(&[(pointer, value.clone())]);
        let file = gangway.write("bad.json", file.to_string());
        for user in [USER, "userId:new"] {
            let ended = gangway.run(&["user", "set", user, "--file", &file, "--verify"]);
            check_refused(&gangway, &before, &ended, &[pointer]);
        }
    }
}

#[test]
fn every_problem_of_a_profile_is_listed_at_once() {
    let (gangway, before) = with_a_user();
    let cases = [
        ("/userDetails/dateOfBirth", json!("never")),
        ("/userDetails/countryOfResidence", json!("ZZ")),
        ("/userDetails/firstName", json!("")),
        ("/kycData/email", json!("@")),
        ("/kycData/phoneNumber", json!("x")),
        ("/userDetails/nick", json!("x")),
        ("/extra", json!({})),
    ];
    let pointers = cases.each_ref().map(|(pointer, _)| *pointer);
    let file = gangway.write("bad.json", profile_with(&cases).to_string());
    check_refused(
        &gangway,
        &before,
        &gangway.run(&["user", "set", USER, "--file", &file]),
        &pointers,
    );
    let patch =
        json!({ "kycData": { "email": "@", "phoneNumber": "x" }, "userDetails": { "nick": "x" } });
    let patch = gangway.write("bad-patch.json", patch.to_string());
    let ended = gangway.run(&["user", "patch", USER, "--file", &patch]);
    check_refused(
        &gangway,
        &before,
        &ended,
        &["/kycData/email", "/kycData/phoneNumber", "/userDetails/nick"],
    );
}

#[test]
fn what_is_no_json_or_too_much_of_it_is_refused() {
    let (gangway, before) = with_a_user();
    for (what, text) in [
        ("empty", String::new()),
        ("cut short", r#"{"userDetails":{"#.to_owned()),
        ("not JSON", "name: Ilse".to_owned()),
        ("a list", "[]".to_owned()),
        ("an empty object", "{}".to_owned()),
        ("too deep", format!(r#"{{"userDetails":{}{}}}"#, "[".repeat(500), "]".repeat(500))),
        ("too big", format!(r#"{{"userDetails":"{}"}}"#, "x".repeat(70_000))),
    ] {
        let file = gangway.write("bad.json", text);
        let ended = gangway.run(&["user", "set", USER, "--file", &file]);
        assert_eq!(ended.code, Some(1), "{what}: {}", ended.stderr);
        assert!(ended.stderr.contains("error: must"), "{what}: {}", ended.stderr);
        assert_eq!(stored(&gangway), before, "{what}");
    }
    let file = gangway.write("bad.json", b"{\"userDetails\":\"\xff\"}");
    let ended = gangway.run(&["user", "set", USER, "--file", &file]);
    check_refused(&gangway, &before, &ended, &[""]);
}

#[test]
fn a_document_that_is_wrong_is_refused_by_flag() {
    let (gangway, before) = with_a_user();
    let (valid, expired) = (days_from_now(400), days_from_now(-2));
    let mut large = PASSPORT.to_vec();
    large.resize(10_000_001, 0);
    let cases: [(&str, &[u8], &str, &[&str]); 7] = [
        ("empty.png", b"", &valid, &["--file"]),
        ("text.png", b"this is no picture", &valid, &["--file"]),
        ("passport.pdf", PASSPORT, &valid, &["--file"]),
        ("cut.png", &PASSPORT[..1_000], &valid, &["--file"]),
        ("large.png", &large, &valid, &["--file"]),
        ("passport.png", PASSPORT, &expired, &["--expires"]),
        ("both.png", b"", &expired, &["--file", "--expires"]),
    ];
    for (name, bytes, expires, flags) in cases {
        let file = gangway.write(name, bytes);
        let arguments = [
            "document",
            "add",
            USER,
            "--type",
            "id-passport",
            "--file",
            &file,
            "--expires",
            expires,
        ];
        check_refused(&gangway, &before, &gangway.run(&arguments), flags);
    }
}

#[test]
fn a_locator_that_names_nobody_is_wrong_usage() {
    let (gangway, before) = with_a_user();
    let file = gangway.write("user.json", complete_profile("one").to_string());
    let long = format!("userId:{}", "x".repeat(400));
    for locator in
        ["ilse", "name:ilse", "userId:", "email:nobody", "phoneNumber:12", "userId:a\nb", &long]
    {
        let ended = gangway.run(&["user", "set", locator, "--file", &file]);
        assert_eq!(ended.code, Some(2), "{locator:?}: {}", ended.stderr);
        assert_eq!(stored(&gangway), before, "{locator:?}");
    }
}

#[test]
fn what_the_provider_alone_can_judge_is_stored_with_a_warning() {
    let gangway = Gangway::quick(NOWHERE);
    let changes = [
        ("/kycData/identityDocument/type", json!("driver-licence")),
        ("/dueDiligence/industry", json!("space-travel")),
        ("/dueDiligence/sourceOfFunds", json!("treasure")),
        ("/verificationHistory/idVerificationTimestamp", json!("2015-01-15T10:30:00Z")),
    ];
    let ended = gangway.set_user(USER, &profile_with(&changes), &[]);
    for (pointer, _) in changes {
        assert!(
            ended.stderr.contains(&format!("warning at {pointer}: ")),
            "{pointer}: {}",
            ended.stderr
        );
    }
    assert_eq!(gangway.status(USER).1["profileRevision"], 1);
}

#[test]
fn who_is_not_there_is_told_apart_from_what_is_wrong() {
    let (gangway, before) = with_a_user();
    let patch = gangway.write("patch.json", r#"{"userDetails":{"firstName":"Ilka"}}"#);
    let passport = gangway.write("passport.png", PASSPORT);
    let nobody = "userId:nobody";
    for arguments in [
        &["user", "patch", nobody, "--file", &patch][..],
        &["document", "add", nobody, "--type", "id-passport", "--file", &passport],
        &["verify", nobody],
        &["status", nobody],
        &["history", nobody],
        &["hold", nobody],
    ] {
        let ended = gangway.run(arguments);
        assert_eq!(ended.code, Some(3), "{arguments:?}: {}", ended.stderr);
    }
    assert_eq!(stored(&gangway), before);
    gangway.done(&["cancel", USER]);
    let after = gangway.run(&["user", "patch", USER, "--file", &patch]);
    assert_eq!(after.code, Some(5), "{}", after.stderr);
}
