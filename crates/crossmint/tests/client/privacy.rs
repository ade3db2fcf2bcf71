//! Personal data that was sent comes back nowhere.

use crossmint::{DocumentUpload, scrub};
use onboarding::{DocumentType, Failure, Profile, UserLocator};

use crate::server::{Server, answer, line};

const PROFILE: &str = r#"{
    "userDetails":{"firstName":"Canarella Maria","lastName":"Vogelsang","dateOfBirth":"1988-11-04","countryOfResidence":"DE"},
    "kycData":{"nationality":"DE","email":"canary@example.org","phoneNumber":"+4930111222",
        "addressOfResidence":{"line1":"Am Käfig 9","city":"Federstadt","postalCode":"28195"},
        "identityDocument":{"type":"passport","number":"C01X0006H","issuingCountryCode":"DE"},
        "ipAddresses":["203.0.113.7"]},
    "dueDiligence":{"employmentStatus":"full-time","sourceOfFunds":"gold-eggs","industry":"aviary"}}"#;

/// Everything in the profile and the locator that could name the person, in lower case.
const CANARIES: [&str; 13] = [
    "canar",
    "maria",
    "vogelsang",
    "1988",
    "4930111222",
    "käfig",
    "federstadt",
    "28195",
    "c01x0006h",
    "203.0.113",
    "gold-eggs",
    "aviary",
    "nest",
];

fn locator() -> UserLocator {
    "email:canary+nest@example.org".parse().unwrap()
}

fn assert_clean(text: &str) {
    for canary in CANARIES {
        assert!(!text.to_lowercase().contains(canary), "{canary} in {text}");
    }
}

fn assert_failure_clean(failure: &Failure) {
    assert_clean(&failure.message);
    assert_clean(&format!("{failure:?}"));
    assert_clean(&serde_json::to_string(failure).unwrap());
}

/// The provider's favourite: the whole request, told back.
fn echo() -> String {
    let echoes = [
        "CANARELLA MARIA VOGELSANG",
        "Maria",
        "userId canary+nest@example.org, email%3Acanary%2Bnest%40example.org",
        "vogelsang/canary@example.org",
        "born 04.11.1988",
        "4930111222 +49 30 111 222",
        "Am Käfig 9 in 28195 FEDERSTADT",
        "C01X0006H",
        "203.0.113.7",
        "gold-eggs aviary",
    ];
    serde_json::json!({ "message": echoes, "code": "C01X0006H", "error": true }).to_string()
}

#[tokio::test]
async fn a_refusal_that_repeats_the_request_names_nobody() {
    let body = echo();
    let upload = DocumentUpload {
        document_type: DocumentType::IdPassport,
        media_type: "image/png",
        content: "nest".repeat(100).into(),
        expires_at: None,
    };
    let profile: Profile = serde_json::from_str(PROFILE).unwrap();
    for status in [400, 422, 500] {
        let server = Server::start(vec![answer(status, &body)]).await;
        let failure = server.client().upsert_user(&locator(), &profile).await.unwrap_err();
        assert_eq!(failure.http_status, Some(status));
        assert!(failure.message.contains("[…]") && failure.message.contains("born"), "{failure:?}");
        assert_failure_clean(&failure);
    }
    let repeated = r#"{"message":"canary+nest@example.org and canary%2Bnest%40example.org sent bmVzdG5lc3RuZXN0bmVzdG5lc3RuZXN0bmVzdG5lc3RuZXN0bmVzdG5lc3RuZXN0bmVzdG5lc3Q="}"#;
    let server = Server::start(vec![answer(413, repeated)]).await;
    let failure = server.client().upload_document(&locator(), upload).await.unwrap_err();
    assert_eq!(failure.message, "[…] and […] sent […]");
}

#[tokio::test]
async fn a_failure_of_a_call_without_the_profile_can_be_rid_of_it() {
    let profile: Profile = serde_json::from_str(PROFILE).unwrap();
    let told = serde_json::json!({ "message": "Recipient Canarella Maria VOGELSANG, Am Käfig 9, is sanctioned" });
    let server = Server::start(vec![answer(400, &told.to_string()), answer(400, &echo())]).await;
    let client = server.client();
    let failure = client.trigger_verification(&locator()).await.unwrap_err();
    assert_eq!(scrub(&failure.message, &profile, &()), "Recipient […] […], […], is sanctioned");
    let failure = client.verification(&locator()).await.unwrap_err();
    let message = scrub(&failure.message, &profile, &());
    assert_failure_clean(&Failure { message, ..failure });
}

#[tokio::test]
async fn a_name_at_the_end_of_a_cut_message_can_still_be_told() {
    let profile: Profile = serde_json::from_str(PROFILE).unwrap();
    for before in 285..300 {
        let told = format!("{} Canarella is sanctioned", ".".repeat(before));
        let server = Server::start(vec![answer(400, &told)]).await;
        let failure = server.client().trigger_verification(&locator()).await.unwrap_err();
        assert_clean(&scrub(&failure.message, &profile, &()));
    }
}

#[tokio::test]
async fn what_the_user_wrote_does_not_decide_the_class() {
    let name = "Not configured to support";
    let profile = PROFILE.replace("Canarella Maria", name);
    let profile: Profile = serde_json::from_str(&profile).unwrap();
    let body = format!(r#"{{"message":"firstName {name} is not allowed"}}"#);
    let server = Server::start(vec![answer(400, &body)]).await;
    let failure = server.client().upsert_user(&locator(), &profile).await.unwrap_err();
    assert_eq!(line(&failure), "400 refused None");
    assert_eq!(failure.message, "firstName […] is not allowed");
}

#[tokio::test]
async fn a_readable_looking_answer_is_not_quoted() {
    for body in [r#"{"eligibility":"Canarella"}"#, r#"{"eligibility":[{"type":{"nest":1}}]}"#] {
        let server = Server::start(vec![answer(200, body)]).await;
        assert_failure_clean(&server.client().verification(&locator()).await.unwrap_err());
    }
}
