//! Endpoints over HTTP.

use gangway_tests::Recorder;

use super::*;

const HOOKS: &str = "/v1/webhooks";

fn with_loopback() -> Gangway {
    alone().with("NOTIFICATIONS__ALLOW_LOOPBACK", "true")
}

fn receiver(status: u16) -> Recorder {
    Recorder::start(move |_| (status, String::new()))
}

#[test]
fn an_endpoint_is_added_told_tried_rotated_and_removed_over_http() {
    let gangway = with_loopback();
    let receiver = receiver(204);
    let (worker, api) = served(&gangway);
    let url = format!("{}/hook", receiver.origin());
    let wanted = json!({ "url": url, "events": ["user.state.changed"] });
    let added = api.json("POST", HOOKS, &wanted).expect(201);
    let webhook = added.value();
    let id = webhook["id"].as_str().unwrap();
    assert_eq!(added.header("location"), Some(format!("{HOOKS}/{id}").as_str()));
    assert!(webhook["secret"].as_str().unwrap().starts_with("whsec_"), "{webhook:#}");
    assert_eq!((&webhook["state"], &webhook["events"]), (&json!("enabled"), &wanted["events"]));
    assert_eq!(gangway.done(&["webhook", "list", "--json"]).json()[0]["id"], webhook["id"]);
    // Whose answer was lost finds out, and does not double what is told.
    assert_eq!(api.json("POST", HOOKS, &wanted).problem(409), "endpoint-exists");
    let other = gangway.run(&["webhook", "add", &url]);
    assert!(other.stderr.contains("`gangway webhook rotate`"), "{}", other.stderr);

    let tried = api.ask("POST", &format!("{HOOKS}/{id}/test")).expect(200).value();
    assert_eq!((&tried["httpStatus"], &tried["error"]), (&json!(204), &Value::Null), "{tried:#}");
    add(&gangway, "userId:ada");
    let log = format!("{HOOKS}/{id}/deliveries");
    let one = api.wait_for(&log, "its arrival", |log| log["deliveries"][0]["state"] == "delivered");
    assert_eq!(one["deliveries"][0]["event"], "user.state.changed");
    let sent = receiver.requests();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[1].header("webhook-id"), one["deliveries"][0]["id"].as_str());

    let rotation = json!({ "overlapSeconds": 60 });
    let rotated = api.json("POST", &format!("{HOOKS}/{id}/rotate"), &rotation).expect(200).value();
    assert_ne!(rotated["secret"], webhook["secret"]);
    let again = api.json("POST", &format!("{HOOKS}/{id}/replay"), &json!({ "from": 1 }));
    assert_eq!(again.expect(200).value(), json!({ "replayed": 1 }));
    let sent = wait_until(PATIENCE, "its coming again", || {
        Some(receiver.requests()).filter(|sent| sent.len() == 3)
    });
    assert_eq!(sent[2].header("webhook-id"), sent[1].header("webhook-id"));
    let signatures = sent[2].header("webhook-signature").unwrap();
    assert_eq!(signatures.split(' ').count(), 2, "the secret before signs as well");

    let listed = api.get(HOOKS).expect(200);
    assert!(!listed.text().contains("whsec_"), "a secret is shown once: {}", listed.text());
    assert_eq!(listed.value()["webhooks"][0]["url"], json!(url));
    api.ask("POST", &format!("{HOOKS}/{id}/enable")).expect(200);
    api.ask("DELETE", &format!("{HOOKS}/{id}")).expect(204);
    assert_eq!(api.get(HOOKS).value(), json!({ "webhooks": [] }));
    for (method, path) in
        [("GET", ""), ("DELETE", ""), ("POST", "/enable"), ("POST", "/rotate"), ("POST", "/test")]
    {
        let gone = api.ask(method, &format!("{HOOKS}/{id}{path}"));
        assert_eq!(gone.problem(404), "no-such-endpoint", "{method} {path}");
    }
    worker.stop();
    assert!(!gangway.logs().contains("whsec_"), "no secret is logged");
}

fn add(gangway: &Gangway, user: &str) {
    gangway.set_user(user, &json!({ "wantedProducts": ["onramp"] }), &[]);
}

#[test]
fn the_log_of_deliveries_is_read_in_pages() {
    let gangway = with_loopback();
    let receiver = receiver(500);
    let (worker, api) = served(&gangway);
    let wanted = json!({ "url": receiver.origin(), "signature": "ed25519" });
    let webhook = api.json("POST", HOOKS, &wanted).expect(201).value();
    assert_eq!(webhook["publicKeys"], json!([webhook["publicKey"]]));
    assert_eq!(webhook.get("secret"), None, "it stays here: {webhook:#}");
    for user in ["userId:ada", "userId:eve", "userId:joe"] {
        add(&gangway, user);
    }
    let log = format!("{HOOKS}/{}/deliveries", webhook["id"].as_str().unwrap());
    let page = api.wait_for(&format!("{log}?limit=2"), "all of them", |page| {
        page["deliveries"][0]["seq"] == 3 && page["deliveries"][0]["error"] == "refused"
    });
    assert_eq!(page["nextCursor"], json!("2"));
    let rest = api.get(&format!("{log}?limit=2&cursor=2")).expect(200).value();
    let seqs = rest["deliveries"].as_array().unwrap().iter().map(|one| &one["seq"]);
    assert_eq!((seqs.collect::<Vec<_>>(), &rest["nextCursor"]), (vec![&json!(1)], &Value::Null));
    let due = api.get(&format!("{log}?state=due")).expect(200).value();
    assert_eq!(due["deliveries"].as_array().unwrap().len(), 3);
    for bad in ["state=lost", "cursor=x", "limit=501"] {
        assert_eq!(api.get(&format!("{log}?{bad}")).problem(400), "bad-request", "{bad}");
    }
    worker.stop();
}

#[test]
fn what_is_no_endpoint_is_refused_at_its_place() {
    let gangway = alone();
    let (worker, api) = served(&gangway);
    for (body, pointer) in [
        (json!({ "url": "http://example.com/hook" }), "/url"),
        (json!({ "url": "https://10.0.0.1/" }), "/url"),
        (json!({ "url": "http://127.0.0.1:80/" }), "/url"),
        (json!({ "url": "https://example.com", "events": ["task.opened", "none"] }), "/events/1"),
        (json!({ "url": "https://example.com", "events": [] }), "/events"),
        (json!({ "url": "https://example.com", "signature": "none" }), "/signature"),
        (json!({ "url": "https://example.com", "secret": "whsec_" }), "/secret"),
        (json!([]), ""),
    ] {
        let refused = api.json("POST", HOOKS, &body).expect(422).value();
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{body} {refused:#}");
    }
    let added = api.json("POST", HOOKS, &json!({ "url": "https://example.com" })).expect(201);
    let one = format!("{HOOKS}/{}", added.value()["id"].as_str().unwrap());
    for body in [
        json!({}),
        json!({ "since": "yesterday" }),
        json!({ "since": "2026-05-02T09:10:00Z", "to": 1 }),
        json!({ "from": -1 }),
    ] {
        let refused = api.json("POST", &format!("{one}/replay"), &body);
        assert_eq!(refused.problem(422), "data-refused", "{body}");
    }
    let long = json!({ "overlapSeconds": 30 * 24 * 60 * 60 + 1 });
    let refused = api.json("POST", &format!("{one}/rotate"), &long).expect(422).value();
    assert_eq!(refused["errors"][0]["pointer"], "/overlapSeconds");
    let large = json!({ "url": "https://example.com/".to_owned() + &"x".repeat(9_000) });
    assert_eq!(api.json("POST", HOOKS, &large).problem(413), "too-large");
    worker.stop();
}
