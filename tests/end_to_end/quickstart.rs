//! The provider's quickstart page, replayed through the binary: each of its calls byte for
//! byte, each of its answers, and no call beside them.

use std::collections::VecDeque;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use gangway_tests::{Gangway, PASSPORT, Recorder, Request, days_from_now, demo_file};
use serde_json::{Value, json};

const USER: &str = "userId:johnd-123";
const PUT_USER: &str = "PUT /api/2025-06-09/users/userId%3Ajohnd-123";
const POST_DOCUMENT: &str = "POST /api/2025-06-09/documents";
const TRIGGER: &str = "PUT /api/2025-06-09/users/userId%3Ajohnd-123/identity-verification";
const CHECK: &str = "GET /api/2025-06-09/users/userId%3Ajohnd-123/identity-verification";

/// The page's bodies, as `JSON.stringify` writes them.
const FIRST_BODY: &str = concat!(
    r#"{"userDetails":{"firstName":"John","lastName":"Doe","dateOfBirth":"1995-01-01","#,
    r#""countryOfResidence":"DE"},"kycData":{"addressOfResidence":{"line1":"123 Hauptstrasse","#,
    r#""line2":"Apt 5","city":"Berlin","postalCode":"10115"},"email":"john.doe@example.com","#,
    r#""identityDocument":{"type":"passport","number":"AS12321"}}}"#
);
const SECOND_BODY: &str = concat!(
    r#"{"userDetails":{"firstName":"John","lastName":"Doe","dateOfBirth":"1995-01-01","#,
    r#""countryOfResidence":"DE"},"kycData":{"addressOfResidence":{"line1":"123 Hauptstrasse","#,
    r#""line2":"Apt 5","city":"Berlin","postalCode":"10115"},"email":"john.doe@example.com","#,
    r#""identityDocument":{"type":"passport","number":"AS12321"}},"#,
    r#""dueDiligence":{"employmentStatus":"full-time","sourceOfFunds":"employment-income","#,
    r#""industry":"finance-insurance"},"verificationHistory":{"#,
    r#""idVerificationTimestamp":"2024-01-15T10:30:00Z","#,
    r#""livenessVerificationTimestamp":"2024-01-15T10:32:00Z"}}"#
);
/// The page's answer to the trigger.
const REQUIRES_DATA: &str = r#"{
    "eligibility": [
        {
            "type": "regulated-transfer",
            "status": "verified"
        },
        {
            "type": "onramp",
            "status": "requires-data",
            "missingData": ["due-diligence", "verification-history"],
            "missingDocuments": ["proof-of-address", "proof-of-income"]
        },
        {
            "type": "offramp",
            "status": "requires-data",
            "missingData": ["due-diligence", "verification-history"],
            "missingDocuments": ["proof-of-address", "proof-of-income"]
        }
    ]
}"#;
const REGISTERED: &str =
    r#"{"userDetails":true,"kycData":true,"dueDiligence":false,"verificationHistory":false}"#;

/// The page's answer to an upload; the page does not show one, so it is the reference's.
fn uploaded(kind: &str) -> String {
    json!({ "id": format!("doc_{kind}"), "documentType": kind, "createdAt": "2026-05-02T09:20:00.000Z" })
        .to_string()
}

/// The page's form of an eligibility list, with one status for onramp and offramp.
fn eligibility(status: &str) -> String {
    json!({ "eligibility": [
        { "type": "regulated-transfer", "status": "verified" },
        { "type": "onramp", "status": status },
        { "type": "offramp", "status": status }
    ] })
    .to_string()
}

/// A provider that gives these answers, one after the other, and fails whatever comes then.
fn provider(answers: Vec<(u16, String)>) -> Recorder {
    let mut answers = VecDeque::from(answers);
    Recorder::start(move |_| answers.pop_front().unwrap_or((418, "{}".to_owned())))
}

fn check_request(request: &Request, target: &str, body: Option<&str>) {
    assert_eq!(request.target, target);
    assert_eq!(request.header("X-API-KEY"), Some("sk_staging_test"), "{target}");
    assert_eq!(request.header("Content-Type"), body.map(|_| "application/json"), "{target}");
    assert_eq!(request.body, body.unwrap_or_default(), "{target}");
}

fn register_as_the_page_does(gangway: &Gangway, expires: &str) {
    gangway.set_user(USER, &body(FIRST_BODY), &[]);
    let passport = demo_file("documents/passport.png");
    gangway.add_document(USER, "id-passport", &passport, Some(expires));
    gangway.done(&["verify", USER]);
}

fn body(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The tasks that the page's answer gives rise to, by kind and name.
fn tasks_of(gangway: &Gangway) -> Vec<[String; 3]> {
    let tasks = gangway.done(&["tasks", USER, "--json"]).json();
    let tasks = tasks.as_array().unwrap().iter();
    let mut tasks: Vec<_> = tasks
        .map(|task| ["kind", "name", "state"].map(|field| task[field].as_str().unwrap().to_owned()))
        .collect();
    tasks.sort();
    tasks
}

#[test]
fn the_pages_calls_are_sent_byte_for_byte_and_each_status_is_understood() {
    let provider = provider(vec![
        (201, REGISTERED.to_owned()),
        (201, uploaded("id-passport")),
        (200, REQUIRES_DATA.to_owned()),
        (200, REGISTERED.to_owned()),
        (200, eligibility("not-started")),
        (200, eligibility("pending-review")),
        (200, eligibility("pending-review")),
        (200, eligibility("verified")),
    ]);
    let gangway = Gangway::quick(provider.origin());
    let expires = days_from_now(400);
    register_as_the_page_does(&gangway, &expires);
    let worker = gangway.serve();

    let status = gangway.wait_for_state(USER, "requires-data");
    assert_eq!(gangway.status(USER).0, 10);
    assert_eq!(status["waitingOn"], "user");
    assert_eq!(
        status["products"][1]["missingData"],
        json!(["due-diligence", "verification-history"])
    );
    let open = [
        ["data", "due-diligence", "open"],
        ["data", "verification-history", "open"],
        ["document", "proof-of-address", "open"],
        ["document", "proof-of-income", "open"],
    ];
    assert_eq!(tasks_of(&gangway), open);

    // As the page does: the whole record again, and a trigger, though the proofs are open.
    gangway.set_user(USER, &body(SECOND_BODY), &["--verify"]);
    gangway.wait_for_state(USER, "verified");
    assert_eq!(gangway.status(USER).0, 0);
    assert!(tasks_of(&gangway).is_empty());
    worker.stop();

    let upload = format!(
        r#"{{"userLocator":"{USER}","documentType":"id-passport","data":"{}","expiresAt":"{expires}"}}"#,
        BASE64_STANDARD.encode(PASSPORT)
    );
    let requests = provider.requests();
    assert_eq!(requests.len(), 8, "{requests:#?}");
    check_request(&requests[0], PUT_USER, Some(FIRST_BODY));
    check_request(&requests[1], POST_DOCUMENT, Some(&upload));
    check_request(&requests[2], TRIGGER, None);
    check_request(&requests[3], PUT_USER, Some(SECOND_BODY));
    check_request(&requests[4], TRIGGER, None);
    for request in &requests[5..] {
        check_request(request, CHECK, None);
    }
}

#[test]
fn when_all_that_was_missing_is_supplied_verification_is_triggered_by_itself() {
    let provider = provider(vec![
        (201, REGISTERED.to_owned()),
        (201, uploaded("id-passport")),
        (200, REQUIRES_DATA.to_owned()),
        (200, REGISTERED.to_owned()),
        (201, uploaded("proof-of-address")),
        (201, uploaded("proof-of-income")),
        (200, eligibility("rejected")),
    ]);
    let gangway = Gangway::quick(provider.origin());
    register_as_the_page_does(&gangway, &days_from_now(400));
    let worker = gangway.serve();
    gangway.wait_for_state(USER, "requires-data");
    gangway.set_user(USER, &body(SECOND_BODY), &[]);
    gangway.wait_for(gangway_tests::PATIENCE, USER, "being registered again", |status| {
        status["acknowledgedRevision"] == 2
    });
    assert_eq!(gangway.status(USER).1["state"], "requires-data");
    for kind in ["proof-of-address", "proof-of-income"] {
        gangway.add_document(USER, kind, &demo_file(&format!("documents/{kind}.pdf")), None);
        gangway.wait_for(gangway_tests::PATIENCE, USER, "the proof being acknowledged", |status| {
            let documents = status["documents"].as_array().unwrap();
            documents.iter().any(|d| d["documentType"] == kind && d["acknowledged"] == true)
        });
    }
    gangway.wait_for_state(USER, "rejected");
    assert_eq!(gangway.status(USER).0, 12);
    worker.stop();

    let targets: Vec<_> = provider.requests().into_iter().map(|request| request.target).collect();
    let expected =
        [PUT_USER, POST_DOCUMENT, TRIGGER, PUT_USER, POST_DOCUMENT, POST_DOCUMENT, TRIGGER];
    assert_eq!(targets, expected);
}
