//! The admin port over HTTP.

use sandbox::{Profile, Scenario};
use serde_json::json;

use crate::support::{quickstart_body, start};

#[tokio::test]
async fn the_log_tells_calls_in_order_without_personal_data() {
    let sandbox = start(Profile::Quickstart, json!({})).await;
    sandbox.register("userId:ada", quickstart_body()).await;
    sandbox.upload("userId:ada", "id-passport").await;
    sandbox.register("userId:ben", quickstart_body()).await;
    sandbox.trigger("userId:ada").await;
    sandbox.call("GET", "/nowhere", None).await;

    let seen = sandbox.admin("GET", "/calls", None).await;
    for personal in ["John", "Doe", "1995", "Hauptstrasse", "john@", "AS12321", "aGVsbG8"] {
        assert!(!seen.body.contains(personal), "{personal}");
    }
    let log = seen.json();
    let calls = log["calls"].as_array().unwrap();
    let seqs: Vec<_> = calls.iter().map(|call| call["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, [1, 2, 3, 4, 5]);
    assert_eq!(log["dropped"], 0);
    assert_eq!(calls[0]["sections"], json!(["userDetails", "kycData"]));
    assert_eq!(calls[1]["documentType"], "id-passport");
    assert_eq!(calls[4]["call"], json!(null));
    assert_eq!(calls[4]["status"], 404);

    let cases = [
        ("?user=userId%3Aada", 3),
        ("?call=register-user", 2),
        ("?user=userId:ben&call=register-user", 1),
        ("?user=userId:ben&call=trigger-verification", 0),
    ];
    for (query, expected) in cases {
        let log = sandbox.admin("GET", &format!("/calls{query}"), None).await.json();
        assert_eq!(log["calls"].as_array().unwrap().len(), expected, "{query}");
    }
}

#[tokio::test]
async fn a_phone_number_can_be_asked_for_with_its_plus() {
    let sandbox = start(Profile::Quickstart, json!({})).await;
    sandbox.register("phoneNumber%3A%2B4930111222", quickstart_body()).await;
    let log = sandbox.admin("GET", "/calls?user=phoneNumber:+4930111222", None).await.json();
    assert_eq!(log["calls"].as_array().unwrap().len(), 1);
    let user = sandbox.admin("GET", "/users/phoneNumber:+4930111222", None).await.json();
    assert_eq!(user["registrations"], 1);
}

#[tokio::test]
async fn users_show_what_is_held_and_how_often_each_was_triggered() {
    let sandbox = start(Profile::Quickstart, json!({})).await;
    sandbox.trigger("userId:ada").await;
    sandbox.register("userId:ada", quickstart_body()).await;
    sandbox.upload("userId:ada", "id-passport").await;
    sandbox.upload("userId:ada", "id-passport").await;
    sandbox.trigger("userId:ada").await;
    let users = sandbox.admin("GET", "/users", None).await.json();
    let ada = &users[0];
    assert_eq!(ada, &sandbox.admin("GET", "/users/userId:ada", None).await.json());
    assert_eq!(ada["user"], "userId:ada");
    assert_eq!((&ada["triggersReceived"], &ada["triggersEffective"]), (&json!(2), &json!(1)));
    assert_eq!(ada["sections"], json!(["userDetails", "kycData"]));
    assert_eq!(ada["documents"][0]["uploads"], 2);
    assert_eq!(ada["documents"][0]["bytes"], 5);
    assert_eq!(ada["eligibility"][1]["status"], "requires-data");
    assert_eq!(sandbox.admin("GET", "/users/userId:nobody", None).await.status(), 404);
}

#[tokio::test]
async fn put_replaces_a_script_and_patch_merges_into_it() {
    let sandbox = start(Profile::Quickstart, json!({})).await;
    let change =
        async |method, body| sandbox.admin(method, "/users/userId%3Aada", Some(body)).await.json();
    let first = json!({"hold": true, "answers": [{"call": "register-user", "status": 500}]});
    change("PUT", first).await;
    assert_eq!(sandbox.register("userId:ada", quickstart_body()).await.status(), 500);
    let merged = change("PATCH", json!({"shuffle": true, "hold": null})).await;
    assert_eq!((&merged["shuffle"], &merged["hold"]), (&json!(true), &json!(null)));
    assert_eq!(
        sandbox.register("userId:ada", quickstart_body()).await.status(),
        201,
        "a merge that names no answers leaves them spent"
    );
    assert_eq!(change("PUT", json!({"emptyLists": true})).await, json!({"emptyLists": true}));
    let scenario = sandbox.admin("GET", "/scenario", None).await.json();
    assert_eq!(scenario["users"]["userId:ada"], json!({"emptyLists": true}));
}

#[tokio::test]
async fn a_closed_provider_answers_everyone_alike_until_it_opens() {
    let sandbox = start(Profile::Quickstart, json!({})).await;
    let not_enabled = "project not configured to support the users KYC endpoints";
    let cases = [
        (401, "Invalid API key"),
        (403, not_enabled),
        (400, not_enabled),
        (503, "Service unavailable"),
    ];
    for (status, message) in cases {
        let closed = json!({"closed": {"status": status}});
        assert_eq!(sandbox.admin("PUT", "/provider", Some(closed)).await.status(), 200);
        let seen = sandbox.register("userId:ada", quickstart_body()).await;
        assert_eq!(seen.status(), status);
        assert_eq!(seen.json(), json!({"error": true, "message": message}));
    }
    sandbox.admin("PUT", "/provider", Some(json!({"closed": null}))).await;
    assert_eq!(sandbox.register("userId:ada", quickstart_body()).await.status(), 201);
}

#[tokio::test]
async fn forgetting_loses_the_record_and_its_documents() {
    let sandbox = start(Profile::Quickstart, json!({})).await;
    sandbox.register("userId:ada", quickstart_body()).await;
    let id = sandbox.upload("userId:ada", "id-passport").await.json()["id"].clone();
    let path = "/users/userId:ada/forget";
    assert_eq!(sandbox.admin("POST", path, None).await.json(), json!({"forgotten": true}));
    assert_eq!(sandbox.admin("POST", path, None).await.json(), json!({"forgotten": false}));
    assert_eq!(sandbox.call("GET", "/users/userId:ada", None).await.status(), 404);
    let document = format!("/documents/{}", id.as_str().unwrap());
    assert_eq!(sandbox.call("GET", &document, None).await.status(), 404);
}

#[tokio::test]
async fn a_reset_forgets_everything_but_the_scenario() {
    let scenario =
        json!({"users": {"userId:ada": {"answers": [{"call": "register-user", "status": 500}]}}});
    let sandbox = start(Profile::Quickstart, scenario).await;
    assert_eq!(sandbox.register("userId:ada", quickstart_body()).await.status(), 500);
    assert_eq!(sandbox.register("userId:ada", quickstart_body()).await.status(), 201);
    sandbox.admin("POST", "/reset", None).await;
    assert_eq!(sandbox.admin("GET", "/users", None).await.json(), json!([]));
    assert_eq!(sandbox.admin("GET", "/calls", None).await.json()["calls"], json!([]));
    assert_eq!(sandbox.register("userId:ada", quickstart_body()).await.status(), 500);
}

#[tokio::test]
async fn a_scenario_reads_back_as_it_was_set() {
    let sandbox = start(Profile::Current, json!({})).await;
    let scenario = json!({
        "defaults": {"verdictDelayMs": 5, "policyVersion": 3},
        "users": {"twitter:ada": {"later": [{"afterMs": 1, "eligibility": [{"type": "onramp"}]}]}},
        "providerClosed": {"status": 500, "message": "down"},
    });
    let set = sandbox.admin("PUT", "/scenario", Some(scenario.clone())).await.json();
    assert_eq!(set, scenario);
    let read = sandbox.admin("GET", "/scenario", None).await;
    assert_eq!(read.json(), scenario);
    assert!(Scenario::from_json(&read.body).is_ok());
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_says_why() {
    let sandbox = start(Profile::Quickstart, json!({})).await;
    let times = json!({"answers": [{"call": "any", "times": 0}]});
    let cases = [
        ("PUT", "/scenario", json!({"user": {}}), 400, "unknown field `user`"),
        ("PUT", "/users/ada", json!({}), 400, "`userId:`"),
        ("PUT", "/users/userId:ada", json!({"holds": true}), 400, "unknown field `holds`"),
        ("PUT", "/users/userId:ada", times.clone(), 400, "/answers/0/times"),
        ("PATCH", "/users/userId:ada", times, 400, "/answers/0/times"),
        ("PATCH", "/users/userId:ada", json!([]), 400, "not valid"),
        ("PUT", "/provider", json!({"closed": {"status": 404}}), 400, "/closed/status"),
        ("PUT", "/provider", json!({}), 400, "missing field `closed`"),
        ("GET", "/calls?person=ada", json!({}), 400, "`user` and `call`"),
        ("GET", "/calls?call=verify", json!({}), 400, "trigger-verification"),
        ("GET", "/metrics", json!({}), 404, "docs/sandbox.md"),
    ];
    for (method, path, body, status, message) in cases {
        let seen = sandbox.admin(method, path, Some(body)).await;
        assert_eq!(seen.status(), status, "{method} {path}");
        let error = seen.json();
        assert!(error["message"].as_str().unwrap().contains(message), "{error}");
    }
    assert_eq!(sandbox.admin("GET", "/scenario", None).await.json()["users"], json!({}));
}
