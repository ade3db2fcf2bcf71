//! Scripted answers and faults, from the caller's side of the connection.

use std::time::Duration;

use sandbox::{Fault, Profile};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout};

use crate::support::{
    API, Sandbox, connect, quickstart_body, start, status_of, statuses, whole_quickstart_body,
};

const USER: &str = "userId:ada";

async fn start_scripted(script: Value) -> Sandbox {
    start(Profile::Quickstart, json!({"users": {USER: script}})).await
}

async fn start_answering(answers: Value) -> Sandbox {
    start_scripted(json!({"answers": answers})).await
}

/// A user who lacks nothing, registered and triggered.
async fn verified(script: Value) -> Sandbox {
    let sandbox = start_scripted(script).await;
    sandbox.register(USER, whole_quickstart_body()).await;
    sandbox.upload(USER, "id-passport").await;
    sandbox.trigger(USER).await;
    sandbox
}

fn triggers(sandbox: &Sandbox) -> (u64, u64) {
    let user = sandbox.running.handle().user(&USER.parse().unwrap()).unwrap();
    (user.triggers_received, user.triggers_effective)
}

#[tokio::test]
async fn a_drop_closes_the_connection_before_or_after_the_effect() {
    for (fault, effective) in [("drop-before", 0), ("drop-after", 1)] {
        let sandbox =
            start_answering(json!([{"call": "trigger-verification", "fault": fault}])).await;
        sandbox.register(USER, quickstart_body()).await;
        let seen = sandbox.trigger(USER).await;
        assert_eq!((seen.status, seen.head.as_str()), (None, ""), "{fault}");
        assert_eq!(triggers(&sandbox), (1, effective), "{fault}");
        assert_eq!(sandbox.trigger(USER).await.status(), 200, "the plain behaviour resumes");
        assert_eq!(triggers(&sandbox), (2, effective + 1), "{fault}");
    }
}

#[tokio::test]
async fn a_kept_alive_connection_is_dropped_too() {
    let sandbox = start_answering(json!([{"call": "get-user", "fault": "drop-after"}])).await;
    sandbox.register(USER, quickstart_body()).await;
    let mut stream = connect(&sandbox.running.origin()).await;
    let request =
        |path: &str| format!("GET {API}{path} HTTP/1.1\r\nhost: sandbox\r\nx-api-key: any\r\n\r\n");
    let status = request(&format!("/users/{USER}/identity-verification"));
    stream.write_all(status.as_bytes()).await.unwrap();
    let mut first = [0; 4096];
    let length = stream.read(&mut first).await.unwrap();
    assert!(first[..length].starts_with(b"HTTP/1.1 200"));
    stream.write_all(request(&format!("/users/{USER}")).as_bytes()).await.unwrap();
    let mut rest = Vec::new();
    let limit = Duration::from_secs(10);
    let _ = timeout(limit, stream.read_to_end(&mut rest)).await.expect("it stays open");
    assert!(rest.is_empty());
}

#[tokio::test]
async fn a_truncated_answer_promises_more_than_it_brings() {
    let sandbox = start_answering(json!([{"call": "register-user", "fault": "truncate"}])).await;
    let seen = sandbox.register(USER, quickstart_body()).await;
    assert_eq!(seen.status(), 201);
    assert_eq!(seen.body.len(), seen.content_length() / 2);
    assert!(seen.body.starts_with('{'));
    let again = sandbox.register(USER, quickstart_body()).await;
    assert_eq!(again.status(), 200, "the first had registered the user");
    assert_eq!(again.body.len(), seen.content_length());
}

#[tokio::test]
async fn a_body_that_is_not_json_keeps_the_status() {
    let answers = json!([
        {"call": "register-user", "fault": "not-json"},
        {"call": "register-user", "fault": "not-json", "body": "plain", "status": 502},
    ]);
    let sandbox = start_answering(answers).await;
    let seen = sandbox.register(USER, quickstart_body()).await;
    assert_eq!(seen.status(), 201);
    assert!(seen.body.starts_with("<!doctype html>"));
    assert!(seen.header("content-type").unwrap().starts_with("text/html"));
    let seen = sandbox.register(USER, quickstart_body()).await;
    assert_eq!((seen.status(), seen.body.as_str()), (502, "plain"));
}

#[tokio::test]
async fn a_slow_answer_trickles_in_whole() {
    let answers = json!([{"call": "register-user", "fault": "slow", "delayMs": 300}]);
    let sandbox = start_answering(answers).await;
    let before = Instant::now();
    let seen = sandbox.register(USER, quickstart_body()).await;
    assert!(before.elapsed() >= Duration::from_millis(270), "nine pauses lie between ten pieces");
    assert_eq!(seen.status(), 201);
    assert_eq!(seen.body.len(), seen.content_length());
    assert_eq!(seen.json()["userDetails"], true);
}

#[tokio::test]
async fn a_caller_that_gives_up_during_a_delay_has_made_its_effect() {
    let answers = json!([{"call": "trigger-verification", "delayMs": 600_000}]);
    let sandbox = start_answering(answers).await;
    sandbox.register(USER, quickstart_body()).await;
    let given_up = timeout(Duration::from_millis(300), sandbox.trigger(USER)).await;
    assert!(given_up.is_err(), "the answer came in spite of its delay");
    assert_eq!(triggers(&sandbox), (1, 1));
}

#[tokio::test]
async fn statuses_bodies_and_headers_are_as_scripted_and_spent_in_order() {
    let answers = json!([
        {"call": "register-user", "times": 2, "status": 500},
        {"call": "register-user", "status": 429, "headers": {"Retry-After": "7"}},
        {"call": "any", "status": 400, "body": {"error": true, "message": "no such street"}},
        {"call": "register-user", "status": 503, "effect": true},
        {"call": "register-user", "body": {"userId": "usr_1", "legalDocuments": {}}},
    ]);
    let sandbox = start_answering(answers).await;
    let mut seen = Vec::new();
    for _ in 0..7 {
        seen.push(sandbox.register(USER, quickstart_body()).await);
    }
    let statuses: Vec<u16> = seen.iter().map(|seen| seen.status()).collect();
    assert_eq!(statuses, [500, 500, 429, 400, 503, 200, 200], "the 503 had registered the user");
    assert_eq!(seen[0].json()["error"], true);
    assert_eq!(seen[2].header("retry-after"), Some("7"));
    assert_eq!(seen[3].json()["message"], "no such street");
    assert_eq!(seen[5].json(), json!({"userId": "usr_1", "legalDocuments": {}}));
    let log = sandbox.running.handle().calls(None, None);
    let effects: Vec<bool> = log.calls.iter().map(|call| call.effect).collect();
    assert_eq!(effects, [false, false, false, false, true, true, true]);
}

#[tokio::test]
async fn each_user_spends_the_answers_of_the_defaults_apart() {
    let scenario = json!({"defaults": {"answers": [{"call": "register-user", "status": 500}]},
        "users": {"userId:spared": {"answers": []}}});
    let sandbox = start(Profile::Quickstart, scenario).await;
    for (user, expected) in
        [("userId:a", 500), ("userId:b", 500), ("userId:a", 201), ("userId:spared", 201)]
    {
        assert_eq!(sandbox.register(user, quickstart_body()).await.status(), expected, "{user}");
    }
}

#[tokio::test]
async fn a_forgotten_user_is_unknown_until_registered_again() {
    let answers = json!([{"call": "check-status", "after": 1, "forget": true}]);
    let sandbox = verified(json!({"answers": answers})).await;
    assert_eq!(sandbox.check(USER).await.status(), 200);
    assert_eq!(sandbox.check(USER).await.status(), 404);
    assert_eq!(sandbox.trigger(USER).await.status(), 404);
    assert_eq!(sandbox.register(USER, quickstart_body()).await.status(), 201);
    assert_eq!(triggers(&sandbox), (2, 1), "the counts outlive the record");
}

#[tokio::test]
async fn a_held_user_stays_pending_until_released() {
    let sandbox = verified(json!({"hold": true})).await;
    let path = format!("/users/{USER}");
    assert_eq!(status_of(&sandbox.check(USER).await.json(), "onramp"), "pending-review");
    sandbox.admin("PATCH", &path, Some(json!({"hold": false}))).await;
    assert_eq!(status_of(&sandbox.check(USER).await.json(), "onramp"), "verified");
    sandbox.admin("PATCH", &path, Some(json!({"verdict": {"onramp": "rejected"}}))).await;
    assert_eq!(status_of(&sandbox.check(USER).await.json(), "onramp"), "rejected");
}

#[tokio::test]
async fn unknown_statuses_fields_and_products_are_sent_as_they_stand() {
    let entry = json!({"type": "onramp", "status": "under-appeal", "appealId": "a-1"});
    let sandbox = verified(json!({
        "eligibility": [entry, {"type": "card-issuing", "status": "verified"}],
        "verdict": {"offramp": "on-the-way"},
    }))
    .await;
    let answer = sandbox.check(USER).await.json();
    assert_eq!(answer["eligibility"][1], entry);
    assert_eq!(status_of(&answer, "card-issuing"), "verified");
    assert_eq!(status_of(&answer, "offramp"), "on-the-way");
}

#[tokio::test]
async fn a_later_change_comes_by_itself_and_the_next_trigger_mends_it() {
    let later = json!([{"afterMs": 200, "eligibility": [
        {"type": "onramp", "status": "requires-data", "missingDocuments": ["proof-of-address"]}]}]);
    let sandbox = verified(json!({"later": later})).await;
    sandbox.wait_for(USER, "onramp", "requires-data").await;
    assert_eq!(status_of(&sandbox.trigger(USER).await.json(), "onramp"), "verified");
    assert_eq!(status_of(&sandbox.check(USER).await.json(), "onramp"), "verified");
}

#[tokio::test]
async fn a_shuffled_list_turns_with_each_answer_and_empty_lists_show() {
    let sandbox = verified(json!({"shuffle": true, "emptyLists": true})).await;
    let mut firsts = Vec::new();
    for _ in 0..3 {
        let answer = sandbox.check(USER).await.json();
        firsts.push(statuses(&answer)[0].0.clone());
        assert_eq!(answer["eligibility"][0]["missingData"], json!([]));
    }
    assert_eq!(firsts, ["onramp", "offramp", "regulated-transfer"]);
}

#[tokio::test]
async fn a_fault_shows_in_the_call_log() {
    let sandbox =
        start_answering(json!([{"call": "upload-document", "fault": "drop-after"}])).await;
    sandbox.register(USER, quickstart_body()).await;
    sandbox.upload(USER, "id-passport").await;
    let log = sandbox.running.handle().calls(None, None);
    let upload = log.calls.back().unwrap();
    assert_eq!(upload.fault, Some(Fault::DropAfter));
    assert_eq!((upload.status, upload.effect, upload.scripted), (None, true, true));
    assert_eq!(upload.document_type, Some("id-passport"));
}
