//! The HTTP API: the real binary, asked as a client would.

mod access;
mod events;
mod health;
mod limits;
mod metrics;
mod monitoring;
mod operators;
mod page;
mod repeated;
mod webhooks;

use std::process::Command;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use gangway_tests::{
    Api, Gangway, PASSPORT, PATIENCE, Sandbox, Worker, complete_profile, days_from_now, demo_file,
    wait_until,
};
use serde_json::{Value, json};

const ADA: &str = "/v1/users/userId:ada";

/// An installation whose `serve` listens on a free port, in a hurry.
fn listening(origin: &str) -> Gangway {
    Gangway::quick(origin)
        .with("HTTP__LISTEN", "127.0.0.1:0")
        .with("HTTP__REQUESTS_PER_MINUTE", "0")
}

/// One that makes no call: nothing is there to be called.
fn alone() -> Gangway {
    listening("http://127.0.0.1:9")
        .with("POLICY__RETRY__INITIAL", "1h")
        .with("POLICY__RETRY__MAX", "1h")
}

fn served(gangway: &Gangway) -> (Worker, Api) {
    let worker = gangway.serve();
    let api = Api::at(&worker.origin());
    (worker, api)
}

/// A new key with these scopes.
fn key(gangway: &Gangway, scopes: &str) -> String {
    let made = gangway.done(&["key", "create", "test", "--scope", scopes, "--json"]).json();
    made["key"].as_str().unwrap().to_owned()
}

fn upload(user: &str, kind: &str) -> Value {
    json!({ "userLocator": user, "documentType": kind, "data": BASE64_STANDARD.encode(PASSPORT) })
}

#[test]
fn a_user_is_onboarded_over_http_alone() {
    let sandbox = Sandbox::start(&json!({ "defaults": { "enhancedDueDiligence": true } }));
    let gangway = listening(&sandbox.origin());
    let (worker, api) = served(&gangway);
    let mut profile = complete_profile("ada");
    let due_diligence = profile.as_object_mut().unwrap().remove("dueDiligence").unwrap();
    profile["wantedProducts"] = json!(["onramp"]);
    profile["verify"] = json!(true);

    let made = api.json("PUT", ADA, &profile).expect(201);
    assert_eq!(made.header("location"), Some(ADA));
    let status = made.value();
    assert_eq!((&status["user"], &status["warnings"]), (&json!("userId:ada"), &json!([])));
    assert_eq!(made.header("etag"), Some(format!("\"{}\"", status["version"]).as_str()));
    let document = api.json("POST", "/v1/documents", &upload("userId:ada", "id-passport"));
    let document = document.expect(201).value();
    assert_eq!(
        (&document["documentType"], &document["revision"]),
        (&json!("id-passport"), &json!(1))
    );

    let rest = format!("{ADA}?waitFor=rest&timeout=30");
    let status = wait_until(PATIENCE, "something being asked for", || {
        let status = api.get(&rest).expect(200).value();
        (status["state"] == "requires-data").then_some(status)
    });
    assert_eq!(status["waitingOn"], "user", "{status:#}");
    let asked = json!({ "eligibility": [{ "type": "onramp", "status": "requires-data",
        "missingData": ["due-diligence"],
        "missingDocuments": ["proof-of-address", "proof-of-income"] }] });
    let verification = format!("{ADA}/identity-verification");
    assert_eq!(api.get(&verification).expect(200).value(), asked);
    let tasks = api.get("/v1/tasks?for=user&kind=document").expect(200).value();
    assert_eq!(tasks["tasks"].as_array().unwrap().len(), 2, "{tasks:#}");
    let data = api.get("/v1/tasks?for=user&kind=data").expect(200).value()["tasks"][0].clone();
    let check = api.get(&format!("{ADA}/requirements")).expect(200).value();
    let need = check["now"].as_array().unwrap().iter().find(|need| need["kind"] == "data");
    assert_eq!(data["lacks"], json!([need.unwrap()["missing"]]), "{data:#}");
    assert_eq!(data["lacks"][0].as_array().unwrap().len(), 3, "{data:#}");
    assert_eq!(status["pendingTasks"][0]["lacks"], data["lacks"], "{status:#}");
    let listed = api.get("/v1/users?waitingOn=user").expect(200).value();
    assert_eq!(listed["users"][0]["pendingTasks"][0]["lacks"], data["lacks"], "{listed:#}");
    let companys = api.get("/v1/tasks?for=company").expect(200).value();
    assert_eq!(companys["tasks"], json!([]));
    let german = api.get(&format!("{ADA}/explain?lang=de")).expect(200).value();
    assert!(german["paragraph"].as_str().unwrap().contains("Stablecoins kaufen"), "{german:#}");

    let patch = json!({ "dueDiligence": due_diligence });
    let patched =
        api.send("PATCH", ADA, "application/merge-patch+json", patch.to_string().as_bytes());
    assert_eq!(patched.expect(200).value()["unchanged"], false);
    for kind in ["proof-of-address", "proof-of-income"] {
        let file = std::fs::read(demo_file(&format!("documents/{kind}.pdf"))).unwrap();
        let parts: [(&str, &[u8]); 3] = [
            ("userLocator", b"userId:ada"),
            ("documentType", kind.as_bytes()),
            ("data\"; filename=\"proof.pdf", &file),
        ];
        api.send("POST", "/v1/documents", "multipart/form-data; boundary=XX", &form(&parts))
            .expect(201);
    }
    api.wait_for(&rest, "being verified", |status| status["state"] == "verified");
    let verified = json!({ "eligibility": [{ "type": "onramp", "status": "verified" }] });
    assert_eq!(api.get(&verification).value(), verified);
    let id = document["id"].as_str().unwrap();
    let known = api.get(&format!("/v1/documents/{id}")).expect(200).value();
    assert_eq!(
        (&known["acknowledged"], &known["createdAt"]),
        (&json!(true), &document["createdAt"])
    );
    let again = api.json("POST", "/v1/documents", &upload("userId:ada", "id-passport"));
    let again = again.expect(200).value();
    assert_eq!(
        (&again["revision"], &again["createdAt"]),
        (&json!(1), &document["createdAt"]),
        "the same file is no edit"
    );

    let history = api.get(&format!("{ADA}/history?limit=3")).expect(200).value();
    let rows = history["history"].as_array().unwrap();
    assert!(rows.iter().all(|row| row["actor"] == "api"), "{history:#}");
    let next = history["nextCursor"].as_str().unwrap();
    let more = api.get(&format!("{ADA}/history?cursor={next}")).expect(200).value();
    assert_eq!((&more["history"][0]["version"], &more["nextCursor"]), (&json!(4), &Value::Null));

    assert_eq!(api.ask("DELETE", ADA).expect(204).body, b"");
    assert_eq!(api.get(ADA).problem(404), "no-such-user");
    assert_eq!(api.get(&format!("/v1/documents/{id}")).problem(404), "no-such-document");
    worker.stop();
    assert_eq!(gangway.damages(), Vec::<String>::new());
}

/// A form of these fields; the name may go on with further parameters.
fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut form = Vec::new();
    for (name, content) in parts {
        let head = format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        form.extend_from_slice(head.as_bytes());
        form.extend_from_slice(content);
        form.extend_from_slice(b"\r\n");
    }
    form.extend_from_slice(b"--XX--\r\n");
    form
}

#[test]
fn the_pages_client_works_when_only_its_host_is_changed() {
    let node = Command::new("node").arg("--version").output();
    if node.is_err() && std::env::var_os("CI").is_none() {
        eprintln!("not run: there is no Node here");
        return;
    }
    let sandbox = Sandbox::start(&json!({ "defaults": {
        "enhancedDueDiligence": true, "verdictDelayMs": 300
    } }));
    let gangway = listening(&sandbox.origin());
    let (worker, _) = served(&gangway);
    let client = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/examples/quickstart-client.mjs");
    let documents = demo_file("documents");
    let ran = Command::new("node")
        .args([client, &worker.origin(), documents.to_str().unwrap(), &days_from_now(400)])
        .env("API_KEY", key(&gangway, "read,write"))
        .output()
        .unwrap();
    let (said, complained) =
        (String::from_utf8(ran.stdout).unwrap(), String::from_utf8(ran.stderr).unwrap());
    assert!(ran.status.success(), "{said}{complained}");
    let lines: Vec<(&str, Value)> = said
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(word, json)| (word, serde_json::from_str(json).unwrap()))
        .collect();
    let words: Vec<&str> = lines.iter().map(|(word, _)| *word).collect();
    let steps = ["user", "document", "trigger", "status", "missing", "trigger", "status"];
    assert_eq!(words, steps, "{said}");
    let sections = ["userDetails", "kycData", "dueDiligence", "verificationHistory"];
    assert_eq!(
        sections.map(|name| &lines[0].1[name]),
        [true, true, false, false].map(|b| json!(b)).each_ref()
    );
    assert_eq!(lines[1].1["documentType"], "id-passport");
    let stands = |line: usize| -> Vec<(String, String)> {
        let list = lines[line].1["eligibility"].as_array().unwrap().iter();
        list.map(|of| (text(&of["type"]), text(&of["status"]))).collect()
    };
    let all = |payouts: &str, ramps: &str| {
        [("regulated-transfer", payouts), ("onramp", ramps), ("offramp", ramps)]
            .map(|(product, status)| (product.to_owned(), status.to_owned()))
    };
    assert_eq!(stands(2), all("pending-review", "pending-review"));
    assert_eq!(stands(3), all("verified", "requires-data"));
    let missing = ["due-diligence", "verification-history", "proof-of-address", "proof-of-income"];
    assert_eq!(lines[4].1, json!(missing));
    assert_eq!(stands(6), all("verified", "verified"));
    worker.stop();
    assert_eq!(sandbox.user("userId:johnd-123").triggers_effective, 2);
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let gangway = alone();
    for round in 0..5 {
        let (worker, api) = served(&gangway);
        let user = format!("/v1/users/userId:round-{round}");
        let made = api.json("PUT", &user, &complete_profile("round")).expect(201).value();
        worker.kill();
        let (worker, api) = served(&gangway);
        let found = api.get(&user).expect(200).value();
        assert_eq!(found["id"], made["id"]);
        assert_eq!(found["profileRevision"], made["profileRevision"]);
        // The worker may have found meanwhile that nobody is there to be called.
        assert!(found["version"].as_u64() >= made["version"].as_u64(), "{found:#}");
        worker.kill();
    }
    assert_eq!(gangway.damages(), Vec::<String>::new());
}

#[test]
fn requests_in_flight_are_finished_and_waits_end_when_serve_is_stopped() {
    let sandbox = Sandbox::start(&json!({ "defaults": { "hold": true } }));
    let gangway = listening(&sandbox.origin());
    let (worker, api) = served(&gangway);
    let mut profile = complete_profile("ada");
    profile["verify"] = json!(true);
    profile["wantedProducts"] = json!(["regulated-transfer"]);
    api.json("PUT", ADA, &profile).expect(201);
    api.wait_for(ADA, "being reviewed", |status| status["state"] == "polling");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| api.get(&format!("{ADA}?waitFor=rest&timeout=60")));
        wait_until(PATIENCE, "the request to be under way", || {
            std::thread::sleep(std::time::Duration::from_millis(300));
            Some(())
        });
        worker.stop();
        assert_eq!(waiting.join().unwrap().expect(200).value()["state"], "polling");
    });
    assert!(api.try_send("GET", ADA, "", b"").is_none());
}
