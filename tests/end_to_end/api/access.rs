//! Who may do what.

use std::time::Instant;

use super::*;

const SCOPES: [&str; 4] = ["read", "write", "operate", "admin"];

/// Every operation of the document: method, path with the braces filled in, scope, id.
fn operations(document: &Value) -> Vec<(String, String, Option<String>, String)> {
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let scope = operation["security"][0]["key"][0].as_str().map(str::to_owned);
            let path = path
                .replace("{locator}", "userId:nobody")
                .replace("{number}", "1")
                .replace("{id}", "none")
                .replace("{endpoint}", "none");
            found.push((method.to_uppercase(), path, scope, text(&operation["operationId"])));
        }
    }
    found
}

#[test]
fn every_route_takes_a_key_with_its_scope_and_no_other() {
    let gangway = alone();
    let keys = SCOPES.map(|scope| (scope, key(&gangway, scope)));
    let (worker, api) = served(&gangway);
    let document = api.get("/openapi.json").expect(200).value();
    let operations = operations(&document);
    assert!(operations.len() > 20, "{operations:?}");
    let open = operations.iter().filter(|(.., scope, _)| scope.is_none());
    let open: Vec<&str> = open.map(|(.., id)| id.as_str()).collect();
    assert_eq!(
        open,
        ["getDocs", "getLive", "getReady", "getStartup", "getOpenapi"],
        "everything else takes a key"
    );
    for (method, path, scope, id) in &operations {
        let Some(needed) = scope else {
            api.ask(method, path).expect(200);
            continue;
        };
        assert_eq!(api.ask(method, path).problem(401), "unauthorized", "{id}");
        for (scope, key) in &keys {
            let answer = api.with_key(key).ask(method, path);
            if scope == needed {
                assert!(![401, 403].contains(&answer.status), "{id} {scope}: {}", answer.text());
                let bearer = api.with("Authorization", &format!("Bearer {key}"));
                assert_eq!(bearer.ask(method, path).status, answer.status, "{id}");
            } else {
                assert_eq!(answer.problem(403), "forbidden", "{id} {scope}");
            }
        }
    }
    // What is not in the document is not served.
    for (method, path) in [("GET", "/v1"), ("GET", "/v1/keys"), ("TRACE", ADA), ("POST", ADA)] {
        let status = api.ask(method, path).status;
        assert!([404, 405].contains(&status), "{method} {path}: {status}");
    }
    worker.stop();
}

/// The secret part of a key, which may have a `_` itself.
fn chance_of(key: &str) -> &str {
    key.splitn(3, '_').last().unwrap()
}

#[test]
fn a_key_is_shown_once_stored_hashed_and_refused_as_soon_as_it_is_revoked() {
    let gangway = alone();
    let made = gangway.done(&["key", "create", "shop", "--scope", "read,write"]);
    let secret = made.stdout.trim();
    assert!(made.stderr.contains("not shown again"), "{}", made.stderr);
    let (worker, api) = served(&gangway);
    let with_key = api.with_key(secret);
    with_key.get("/v1/users").expect(200);
    let listed = gangway.done(&["key", "list", "--json"]).json();
    assert_eq!(listed[0]["scopes"], json!(["read", "write"]));
    assert_eq!((&listed[0]["state"], &listed[0]["name"]), (&json!("live"), &json!("shop")));
    assert!(listed[0]["lastUsedAt"].is_string(), "{listed:#}");
    let prefix = listed[0]["prefix"].as_str().unwrap();
    assert!(secret.contains(prefix) && secret.len() > 50);
    for file in std::fs::read_dir(gangway.folder()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let random = chance_of(secret).as_bytes();
        assert!(!bytes.windows(random.len()).any(|window| window == random), "a key is in a file");
    }
    // The secret of one key does not open another.
    let other = key(&gangway, "read");
    let (_, other_secret) = other.split_once(&other[..21]).unwrap();
    let mixed = format!("{}{other_secret}", &secret[..21]);
    assert_eq!(api.with_key(&mixed).get("/v1/users").problem(401), "unauthorized");

    gangway.done(&["key", "revoke", prefix]);
    assert_eq!(with_key.get("/v1/users").problem(401), "unauthorized");
    assert_eq!(gangway.run(&["key", "revoke", "none"]).code, Some(1));
    let short = ["key", "create", "short", "--scope", "read", "--expires-in", "1ms", "--json"];
    let expired = gangway.done(&short).json();
    let expired = api.with_key(expired["key"].as_str().unwrap());
    assert_eq!(expired.get("/v1/users").problem(401), "unauthorized");
    worker.stop();
    let log = gangway.logs();
    assert!(log.contains("a request was not let in why=\"no good key\""), "{log}");
    assert!(!log.contains(chance_of(secret)));
}

#[test]
fn bad_keys_are_slowed_more_and_more() {
    let gangway = alone();
    let good = key(&gangway, "read");
    let (worker, api) = served(&gangway);
    let took = |api: &Api| {
        let began = Instant::now();
        api.get("/v1/users");
        began.elapsed().as_millis()
    };
    let bad = api.with_key("gangway_000000000000_guess");
    let times = [took(&bad), took(&bad), took(&bad)];
    assert!(times[0] >= 250 && times[1] >= 500 && times[2] >= 1_000, "{times:?}");
    // Whoever has a good key is not held up, and begins anew.
    assert!(took(&api.with_key(&good)) < 1_000);
    assert!(took(&bad) < 1_000);
    worker.stop();
}

#[test]
fn without_keys_only_this_machine_is_served_and_no_page_of_another_site() {
    let gangway = alone();
    let for_all = [("GANGWAY_HTTP__LISTEN", "0.0.0.0:0")];
    assert_eq!(gangway.serve_with(for_all).wait(), Some(1));
    assert!(gangway.logs().contains("gangway key create"), "{}", gangway.logs());
    let (worker, api) = served(&gangway);
    assert!(worker.said().contains("there is no API key"), "{}", worker.said());
    api.get("/v1/users").expect(200);
    for (name, value) in [("Origin", "https://evil.example"), ("Origin", "null")] {
        let page = api.with(name, value);
        assert_eq!(page.get("/v1/users").problem(403), "forbidden", "{name}: {value}");
    }
    // As soon as there is a key, it is needed; and it stays so when it is revoked.
    let made = gangway.done(&["key", "create", "first", "--scope", "read", "--json"]).json();
    assert_eq!(api.get("/v1/users").problem(401), "unauthorized");
    gangway.done(&["key", "revoke", made["prefix"].as_str().unwrap()]);
    assert_eq!(api.get("/v1/users").problem(401), "unauthorized");
    worker.stop();
    assert_eq!(gangway.serve_with(for_all).wait(), Some(1), "a revoked key is none");
    key(&gangway, "read");
    let gangway = gangway.with("HTTP__LISTEN", "0.0.0.0:0");
    let worker = gangway.serve();
    let port = worker.origin().rsplit(':').next().unwrap().to_owned();
    let api = Api::at(&format!("http://127.0.0.1:{port}"));
    assert_eq!(api.get("/v1/users").problem(401), "unauthorized");
    worker.stop();
}

#[test]
fn other_sites_are_let_in_only_if_they_are_named() {
    let gangway = alone().with("HTTP__CORS_ORIGINS", "https://desk.example");
    let (worker, api) = served(&gangway);
    let desk = api.with("Origin", "https://desk.example");
    let answer = desk.get("/v1/users").expect(200);
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://desk.example"));
    let asked = desk.with("Access-Control-Request-Method", "PUT").ask("OPTIONS", ADA);
    let allowed = asked.header("access-control-allow-headers").unwrap().to_lowercase();
    for name in ["authorization", "x-api-key", "content-type", "if-match", "idempotency-key"] {
        assert!(allowed.split(',').any(|allowed| allowed.trim() == name), "{name}: {allowed}");
    }
    let evil = api.with("Origin", "https://evil.example").get("/v1/users");
    assert_eq!(evil.header("access-control-allow-origin"), None);
    worker.stop();
    let gangway = alone();
    let (worker, api) = served(&gangway);
    let answer = api.with("Access-Control-Request-Method", "PUT").ask("OPTIONS", ADA);
    assert_eq!(answer.header("access-control-allow-origin"), None);
    worker.stop();
}
