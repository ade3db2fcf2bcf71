//! The nine calls as a client meets them.

use sandbox::{Key, Profile, RateLimits, Settings};
use serde_json::{Value, json};

use crate::support::{
    current_body, quickstart_body, start, start_with, status_of, statuses, whole_quickstart_body,
};

const USER: &str = "userId:johnd-123";

#[tokio::test]
async fn the_quickstarts_own_case_comes_out_as_on_the_page() {
    let scenario = json!({"users": {USER: {"enhancedDueDiligence": true}}});
    let sandbox = start(Profile::Quickstart, scenario).await;
    let registered = sandbox.register(USER, quickstart_body()).await;
    assert_eq!(registered.status(), 201);
    assert_eq!(
        registered.json(),
        json!({"userId": "johnd-123", "email": "john@example.org", "userDetails": true,
            "kycData": true, "dueDiligence": false, "verificationHistory": false})
    );
    let uploaded = sandbox.upload(USER, "id-passport").await;
    assert_eq!(uploaded.status(), 201);
    assert_eq!(uploaded.json()["documentType"], "id-passport");

    let requires_data = |product: &str| {
        json!({"type": product, "status": "requires-data",
            "missingData": ["due-diligence", "verification-history"],
            "missingDocuments": ["proof-of-address", "proof-of-income"]})
    };
    let expected = json!({"eligibility": [
        {"type": "regulated-transfer", "status": "verified"},
        requires_data("onramp"),
        requires_data("offramp"),
    ]});
    assert_eq!(sandbox.trigger(USER).await.json(), expected);
    assert_eq!(sandbox.check(USER).await.json(), expected);

    assert_eq!(sandbox.register(USER, whole_quickstart_body()).await.status(), 200);
    sandbox.upload(USER, "proof-of-address").await;
    sandbox.upload(USER, "proof-of-income").await;
    assert_eq!(sandbox.check(USER).await.json(), expected, "only a trigger looks again");
    assert_eq!(
        sandbox.trigger(USER).await.json(),
        json!({"eligibility": [
            {"type": "regulated-transfer", "status": "verified"},
            {"type": "onramp", "status": "verified"},
            {"type": "offramp", "status": "verified"},
        ]})
    );
}

#[tokio::test]
async fn the_newer_flow_waits_for_the_privacy_policy() {
    let sandbox = start(Profile::Current, json!({})).await;
    sandbox.register(USER, current_body()).await;
    sandbox.upload(USER, "id-passport").await;
    let without = sandbox.trigger(USER).await.json();
    let expected = [
        ("regulated-transfer", "verified"),
        ("onramp-light", "pending-privacy-policy"),
        ("onramp", "pending-privacy-policy"),
        ("offramp", "pending-privacy-policy"),
    ];
    assert_eq!(statuses(&without), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));

    let accepted = sandbox.accept(USER).await;
    assert_eq!(accepted.json(), json!({"acceptedAt": "2026-05-02T09:00:00.000Z"}));
    let user = sandbox.call("GET", &format!("/users/{USER}"), None).await.json();
    assert_eq!(user["legalDocuments"][0]["isValidVersion"], true);
    let with = sandbox.trigger(USER).await.json();
    assert!(statuses(&with).iter().all(|(_, status)| status == "verified"), "{with}");
}

#[tokio::test]
async fn a_raised_policy_version_makes_an_acceptance_stale_until_it_is_renewed() {
    let sandbox = start(Profile::Current, json!({})).await;
    sandbox.accept(USER).await;
    let created = sandbox.register(USER, current_body()).await.status();
    assert_eq!(created, 200, "the consent had created the user");
    sandbox.upload(USER, "id-passport").await;
    sandbox.trigger(USER).await;
    sandbox.admin("PUT", &format!("/users/{USER}"), Some(json!({"policyVersion": 2}))).await;

    let stale = sandbox.check(USER).await.json();
    assert_eq!(status_of(&stale, "onramp"), "pending-privacy-policy");
    assert_eq!(status_of(&stale, "regulated-transfer"), "verified");
    let user = sandbox.call("GET", &format!("/users/{USER}"), None).await.json();
    assert_eq!(user["legalDocuments"][0]["isValidVersion"], false);
    let again = sandbox.trigger(USER).await.json();
    assert_eq!(status_of(&again, "onramp"), "pending-privacy-policy");

    sandbox.accept(USER).await;
    assert_eq!(status_of(&sandbox.trigger(USER).await.json(), "onramp"), "verified");
}

#[tokio::test]
async fn the_light_tier_needs_neither_documents_nor_the_later_sections() {
    let sandbox = start(Profile::Current, json!({})).await;
    let mut body = current_body();
    let sections = body.as_object_mut().unwrap();
    sections.remove("dueDiligence");
    sections.remove("verificationHistory");
    sandbox.register(USER, body).await;
    sandbox.accept(USER).await;
    let answer = sandbox.trigger(USER).await.json();
    assert_eq!(status_of(&answer, "onramp-light"), "verified");
    assert_eq!(
        answer["eligibility"][2],
        json!({"type": "onramp", "status": "requires-data",
            "missingData": ["due-diligence", "verification-history"],
            "missingDocuments": ["id"]})
    );
}

#[tokio::test]
async fn one_side_of_an_identity_card_is_no_id() {
    let sandbox = start(Profile::Quickstart, json!({})).await;
    sandbox.register(USER, whole_quickstart_body()).await;
    sandbox.upload(USER, "id-idcard-front").await;
    let answer = sandbox.trigger(USER).await.json();
    assert_eq!(answer["eligibility"][1]["missingDocuments"], json!(["id"]));
    assert_eq!(answer["eligibility"][1]["missingData"], Value::Null);
    sandbox.upload(USER, "id-idcard-back").await;
    assert_eq!(status_of(&sandbox.trigger(USER).await.json(), "onramp"), "verified");
}

#[tokio::test]
async fn a_registration_replaces_the_whole_record() {
    let sandbox = start(Profile::Quickstart, json!({})).await;
    sandbox.register(USER, whole_quickstart_body()).await;
    let poorer = sandbox.register(USER, quickstart_body()).await.json();
    assert_eq!(poorer["dueDiligence"], false);
    let read = sandbox.call("GET", &format!("/users/{USER}"), None).await.json();
    assert_eq!(read, poorer);
}

#[tokio::test]
async fn a_document_is_replaced_under_its_id_and_read_without_its_bytes() {
    let sandbox = start(Profile::Current, json!({})).await;
    sandbox.register(USER, quickstart_body()).await;
    let first = sandbox.upload(USER, "id-passport").await.json();
    let body = json!({"reference": {"userLocator": USER}, "documentType": "id-passport",
        "data": "data:image/png;base64,aGVsbG8=", "expiresAt": "2030-03-31"});
    let second = sandbox.call("POST", "/documents", Some(body)).await;
    assert_eq!(second.status(), 200);
    let second = second.json();
    assert_eq!(second["id"], first["id"]);
    let path = format!("/documents/{}", first["id"].as_str().unwrap());
    let read = sandbox.call("GET", &path, None).await.json();
    assert_eq!(read, second);
    assert_eq!(read["expiresAt"], "2030-03-31");
    assert_eq!(read["data"], Value::Null);
}

#[tokio::test]
async fn nobody_is_triggered_before_the_first_trigger() {
    let sandbox = start(Profile::Quickstart, json!({})).await;
    sandbox.register(USER, whole_quickstart_body()).await;
    let statuses = statuses(&sandbox.check(USER).await.json());
    assert_eq!(statuses.len(), 3);
    assert!(statuses.iter().all(|(_, status)| status == "not-started"));
}

#[tokio::test]
async fn a_verdict_comes_after_its_delay_and_another_trigger_does_not_restart_it() {
    let scenario = json!({"defaults": {"verdictDelayMs": {"onramp": 300, "offramp": 600_000},
        "verdict": {"onramp": "rejected"}}});
    let sandbox = start(Profile::Quickstart, scenario).await;
    sandbox.register(USER, whole_quickstart_body()).await;
    sandbox.upload(USER, "id-passport").await;
    let answer = sandbox.trigger(USER).await.json();
    assert_eq!(status_of(&answer, "regulated-transfer"), "verified");
    assert_eq!(status_of(&answer, "onramp"), "pending-review");
    sandbox.wait_for(USER, "onramp", "rejected").await;
    let again = sandbox.trigger(USER).await.json();
    assert_eq!(status_of(&again, "onramp"), "rejected");
    assert_eq!(status_of(&again, "offramp"), "pending-review");
}

#[tokio::test]
async fn one_user_is_found_under_every_encoding_of_the_locator() {
    let sandbox = start(Profile::Quickstart, json!({})).await;
    assert_eq!(sandbox.register("email:a+b@example.org", quickstart_body()).await.status(), 201);
    for path in ["email%3Aa%2Bb%40example.org", "email:a%2bb@example.org"] {
        assert_eq!(sandbox.register(path, quickstart_body()).await.status(), 200, "{path}");
    }
    let twice_encoded = sandbox.register("email%253Aa", quickstart_body()).await;
    assert_eq!(twice_encoded.status(), 400);
}

#[tokio::test]
async fn refusals_have_the_providers_status_and_error_body() {
    let sandbox = start(Profile::Current, json!({})).await;
    sandbox.register(USER, current_body()).await;
    let with = |section: &str, field: &str, value: Value| {
        let mut body = current_body();
        body[section][field] = value;
        Some(body)
    };
    let user = format!("/users/{USER}");
    let income = with("dueDiligence", "estimatedYearlyIncome", json!("income-50k-100k"));
    let old = with("verificationHistory", "idVerificationTimestamp", json!("2020-01-15T10:30:00Z"));
    let large = Some(json!({"userLocator": USER, "documentType": "id-passport",
        "data": "A".repeat(14 * 1024 * 1024)}));
    let too_large = Some(json!({"data": "A".repeat(15 * 1024 * 1024)}));
    let stranger = json!({"userLocator": "userId:nobody", "documentType": "id-passport",
        "data": "aGVsbG8="});
    let cases = [
        ("PUT", user.as_str(), with("userDetails", "dateOfBirth", json!(7)), 400, "dateOfBirth"),
        ("PUT", user.as_str(), income, 400, "estimatedYearlyIncome"),
        ("PUT", user.as_str(), old, 400, "idVerificationTimestamp"),
        ("PUT", "/users/name:ada", Some(current_body()), 400, "userId:"),
        ("GET", "/users/userId:nobody", None, 404, "User not found"),
        ("PUT", "/users/userId:nobody/identity-verification", None, 404, "User not found"),
        ("GET", "/users/userId:nobody/identity-verification", None, 404, "User not found"),
        ("POST", "/documents", Some(stranger), 404, "User not found"),
        ("GET", "/documents/doc_none", None, 404, "Document not found"),
        ("DELETE", user.as_str(), None, 404, "Not found"),
        ("POST", "/documents", large, 413, "larger than 10 MB"),
        ("POST", "/documents", too_large, 413, "too large"),
    ];
    for (method, path, body, status, message) in cases {
        let seen = sandbox.call(method, path, body).await;
        assert_eq!(seen.status(), status, "{method} {path}");
        let error = seen.json();
        assert_eq!(error["error"], true);
        assert!(error["message"].as_str().unwrap().contains(message), "{error}");
    }
}

#[tokio::test]
async fn keys_scopes_and_limits_are_checked_on_the_wire() {
    let reader = Key { key: "sk_reader".to_owned(), scopes: vec!["users.read".to_owned()] };
    let writer = Key { key: "sk_writer".to_owned(), scopes: vec!["users.create".to_owned()] };
    let limits =
        RateLimits { writes_per_minute: 1, tell_retry_after: true, ..RateLimits::default() };
    let settings = Settings {
        api_keys: vec![reader, writer],
        rate_limits: Some(limits),
        ..Settings::default()
    };
    let sandbox = start_with(settings).await;
    let path = format!("/users/{USER}");
    let cases = [
        (None, 401),
        (Some("sk_other"), 401),
        (Some("sk_reader"), 403),
        (Some("sk_writer"), 201),
        (Some("sk_writer"), 429),
    ];
    for (key, expected) in cases {
        let seen = sandbox.call_with_key("PUT", &path, Some(quickstart_body()), key).await;
        assert_eq!(seen.status(), expected);
        assert_eq!(seen.header("retry-after").is_some(), expected == 429);
    }
    let read = sandbox.call_with_key("GET", &path, None, Some("sk_reader")).await;
    assert_eq!(read.status(), 200, "reads have a limit of their own");
}

#[tokio::test]
async fn a_wallet_belongs_to_one_user() {
    let sandbox = start(Profile::Current, json!({})).await;
    let path = format!("/users/{USER}/linked-wallets/0xab");
    let linked = sandbox.call("PUT", &path, Some(json!({"chain": "base"}))).await;
    assert_eq!(linked.status(), 200);
    let wallet = linked.json();
    assert_eq!(wallet["type"], "external-wallet");
    assert_eq!(wallet["ownership"]["verified"], false);
    assert!(wallet["ownership"]["verificationChallenge"].is_string());
    assert_eq!(sandbox.call("GET", &path, None).await.json(), wallet);
    let proved = json!({"chain": "base", "proof": "0x01"});
    let proved = sandbox.call("PUT", &path, Some(proved)).await.json();
    assert_eq!(proved["ownership"], json!({"verified": true}));
    let other = "/users/userId:other/linked-wallets/0xab";
    assert_eq!(sandbox.call("PUT", other, Some(json!({"chainType": "base"}))).await.status(), 409);
    assert_eq!(sandbox.call("GET", other, None).await.status(), 404);
}
