//! What is too much, too slow, or not what it should be.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::*;

#[test]
fn bad_requests_get_a_problem_with_its_place() {
    let gangway = alone();
    let (worker, api) = served(&gangway);
    let mut profile = complete_profile("ada");
    profile["userDetails"]["dateOfBirth"] = json!("1988-02-30");
    profile["kycData"]["postcode"] = json!("1");
    let refused = api.json("PUT", ADA, &profile);
    let errors = refused.value()["errors"].clone();
    assert_eq!(refused.problem(422), "data-refused");
    let pointers: Vec<String> =
        errors.as_array().unwrap().iter().map(|error| text(&error["pointer"])).collect();
    assert_eq!(pointers, ["/kycData/postcode", "/userDetails/dateOfBirth"]);
    assert_eq!(api.get(ADA).problem(404), "no-such-user", "nothing was stored");

    for (method, path, media_type, body, status, code) in [
        ("PUT", ADA, "text/plain", "{}", 415, "unsupported-media-type"),
        ("PUT", ADA, "", "{}", 415, "unsupported-media-type"),
        ("PUT", ADA, "application/json", "{", 422, "data-refused"),
        ("PUT", ADA, "application/json", "", 422, "data-refused"),
        ("PATCH", ADA, "application/json", r#"{"verify":true}"#, 404, "no-such-user"),
        ("PUT", "/v1/users/ada", "application/json", "{}", 400, "invalid-locator"),
        ("PUT", "/v1/users/%ff", "application/json", "{}", 400, "bad-request"),
        ("PUT", "/v1/users/email:x", "application/json", "{}", 400, "invalid-locator"),
        ("GET", "/v1/users?staet=held", "", "", 400, "bad-request"),
        ("GET", "/v1/users?state=hold", "", "", 400, "bad-request"),
        ("GET", "/v1/users?limit=501", "", "", 400, "bad-request"),
        ("GET", "/v1/users?cursor=1", "", "", 400, "bad-request"),
        ("GET", "/v1/users?updatedAfter=now", "", "", 400, "bad-request"),
        ("GET", "/v1/tasks?kind=none", "", "", 400, "bad-request"),
        ("GET", "/v1/tasks?user=userId:nobody", "", "", 404, "no-such-user"),
        ("GET", "/v1/documents/none", "", "", 404, "no-such-document"),
        ("POST", "/v1/documents", "application/json", "{}", 422, "data-refused"),
        ("POST", "/v1/documents", "multipart/form-data", "x", 400, "bad-request"),
        ("POST", "/v1/documents", "multipart/form-data; boundary=XX", "x", 422, "data-refused"),
        ("POST", "/v1/documents", "application/json", "{", 422, "data-refused"),
        ("PUT", ADA, "Application/JSON; charset=utf-8", "{", 422, "data-refused"),
        ("POST", "/v1/users/userId:ada/hold", "application/json", "[]", 422, "data-refused"),
        ("POST", "/v1/users/userId:ada/reopen", "application/json", "{}", 422, "data-refused"),
        ("POST", "/v1/users/userId:ada/hold", "", "", 404, "no-such-user"),
        ("POST", "/v1/users/userId:ada/tasks/x/waive", "", "", 400, "bad-request"),
        ("DELETE", "/v1/users", "", "", 405, "method-not-allowed"),
        ("GET", "/", "", "", 404, "no-such-route"),
    ] {
        let answer = api.send(method, path, media_type, body.as_bytes());
        assert_eq!(answer.status, status, "{method} {path} {body}: {}", answer.text());
        assert_eq!(answer.problem(status), code, "{method} {path} {body}");
    }
    for (path, named) in [
        ("/v1/users?staet=held", "staet is no parameter; there are state, product"),
        ("/v1/users?state=hold", "state has a value"),
        ("/v1/users?stuck=maybe", "stuck has a value"),
        ("/v1/users?ilse%40example.org=1", "what is in the query is no parameter"),
        ("/v1/users/userId:ada/linked-wallets?limit=1", "limit is no parameter; there is none"),
        ("/v1/webhooks?limit=1", "limit is no parameter; there is none"),
        ("/v1/webhooks/ep_none?limit=1", "limit is no parameter; there is none"),
    ] {
        let refused = api.get(path);
        assert!(refused.text().contains(named), "{path}: {}", refused.text());
        assert!(!refused.text().contains("ilse"), "{}", refused.text());
        assert_eq!(refused.problem(400), "bad-request");
    }
    let packed = api.with("Content-Encoding", "gzip").json("PUT", ADA, &json!({}));
    assert!(packed.text().contains("without Content-Encoding"), "{}", packed.text());
    assert_eq!(packed.problem(415), "unsupported-media-type");
    for (path, body, pointer) in [
        ("/v1/documents", json!({ "userLocator": "userId:a", "data": "AAAA" }), "/documentType"),
        ("/v1/documents", json!({ "documentType": 5, "data": "AAAA" }), "/documentType"),
        ("/v1/webhooks", json!({ "url": 5 }), "/url"),
        ("/v1/webhooks", json!({ "url": "https://a.example", "events": ["x", 5] }), "/events/1"),
        ("/v1/webhooks/ep_none/rotate", json!({ "overlapSeconds": -1 }), "/overlapSeconds"),
        ("/v1/users/userId:ada/resume", json!({ "reason": 5 }), "/reason"),
        ("/v1/users/userId:ada/reopen", json!({}), "/reason"),
    ] {
        let refused = api.json("POST", path, &body).expect(422).value();
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{refused:#}");
    }
    let both = json!({ "userLocator": "userId:a", "reference": { "userLocator": "userId:b" },
        "documentType": "A B", "data": "?", "expiresAt": "never" });
    let refused = api.json("POST", "/v1/documents", &both).expect(422).value();
    let mut pointers: Vec<String> =
        refused["errors"].as_array().unwrap().iter().map(|error| text(&error["pointer"])).collect();
    pointers.sort();
    assert_eq!(pointers, ["/data", "/documentType", "/expiresAt", "/reference/userLocator"]);
    worker.stop();
}

#[test]
fn bodies_are_limited_by_their_route() {
    let gangway = alone().with("DOCUMENTS__BYTES_MAX", "200000");
    let (worker, api) = served(&gangway);
    let send = |method: &str, path: &str, bytes: usize| {
        api.send(method, path, "application/json", &vec![b' '; bytes]).status
    };
    for (method, path, limit) in [
        ("PUT", ADA, 64 * 1024),
        ("POST", "/v1/users/userId:ada/hold", 4 * 1024),
        ("POST", "/v1/documents", 200_000_usize.div_ceil(3) * 4 + 16 * 1024),
    ] {
        assert_ne!(send(method, path, limit), 413, "{path}");
        assert_eq!(send(method, path, limit + 1), 413, "{path}");
    }
    // One that does not say how long it is gets no further.
    let mut stream = TcpStream::connect(api.authority()).unwrap();
    let head = "PUT /v1/users/userId:ada HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let chunk = format!("4000\r\n{}\r\n", " ".repeat(0x4000));
    for _ in 0..5 {
        // It may have had enough already.
        let _ = stream.write_all(chunk.as_bytes());
    }
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    worker.stop();
}

#[test]
fn whoever_is_too_slow_is_not_waited_for() {
    let gangway = alone().with("HTTP__REQUEST_TIMEOUT", "300ms");
    let (worker, api) = served(&gangway);
    // What a route does not have gives no more time to a slow body.
    for (query, status) in [("", "408"), ("?waitFor=rest", "400")] {
        let began = std::time::Instant::now();
        let mut stream = TcpStream::connect(api.authority()).unwrap();
        let head = format!(
            "PUT /v1/users/userId:ada{query} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}", began.elapsed());
    }
    // A wait that was asked for may take longer.
    api.json("PUT", ADA, &complete_profile("ada")).expect(201);
    api.get(&format!("{ADA}?waitFor=rest&timeout=1")).expect(200);
    let refused = api.get(&format!("{ADA}?waitFor=rest&timeout=61"));
    assert!(refused.text().contains("timeout takes 0 to 60"), "{}", refused.text());
    assert_eq!(refused.problem(400), "bad-request");
    worker.stop();
}

/// What a stranger can open in vain: many questions, and nobody who reads an answer.
#[test]
fn whoever_takes_all_places_does_not_keep_health_from_answering() {
    let gangway = alone();
    let (worker, api) = served(&gangway);
    let questions = "GET /docs HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(50);
    let taken: Vec<TcpStream> = (0..530)
        .map(|number| {
            let mut stream = TcpStream::connect(api.authority()).unwrap();
            if number % 2 == 0 {
                // It may be full, or closed.
                stream.set_nonblocking(true).unwrap();
                let _ = stream.write(questions.as_bytes());
            }
            stream
        })
        .collect();
    let began = std::time::Instant::now();
    let limit = std::time::Duration::from_secs(8);
    assert_eq!(api.get("/health/live").expect(200).value()["status"], "ok");
    // A place that is kept for short questions is soon given back; the others are not.
    let mut late = &taken[taken.len() - 1];
    late.set_read_timeout(Some(limit)).unwrap();
    assert_eq!(late.read(&mut [0]).unwrap(), 0, "the last one was closed");
    assert!(began.elapsed() < limit, "{:?}", began.elapsed());
    let mut early = &taken[1];
    early.set_nonblocking(true).unwrap();
    let still_open = early.read(&mut [0]).unwrap_err();
    assert_eq!(still_open.kind(), std::io::ErrorKind::WouldBlock);
    drop(taken);
    worker.stop();
}

#[test]
fn each_key_has_a_rate_of_its_own() {
    let gangway = alone().with("HTTP__REQUESTS_PER_MINUTE", "3");
    let keys = [key(&gangway, "read"), key(&gangway, "read")];
    let (worker, api) = served(&gangway);
    for key in &keys {
        let api = api.with_key(key);
        for _ in 0..3 {
            api.get("/v1/users").expect(200);
        }
        let limited = api.get("/v1/users");
        let after: u64 = limited.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=20).contains(&after), "{after}");
        assert_eq!(limited.problem(429), "too-many-requests");
    }
    for _ in 0..10 {
        api.get("/health/live").expect(200);
    }
    worker.stop();
}

#[test]
fn answers_are_packed_for_those_who_ask() {
    let gangway = alone();
    let (worker, api) = served(&gangway);
    let plain = api.get("/openapi.json").expect(200);
    assert_eq!(plain.header("content-encoding"), None);
    let packed = api.with("Accept-Encoding", "gzip").get("/openapi.json").expect(200);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.body.len() * 2 < plain.body.len());
    worker.stop();
}

#[test]
fn no_locator_and_no_data_is_in_the_log() {
    let gangway = alone();
    let (worker, api) = served(&gangway);
    let user = "/v1/users/email:kanari%40example.org";
    let mut profile = complete_profile("kanari");
    profile["kycData"]["addressOfResidence"]["city"] = json!("Kanaristadt");
    let made = api.json("PUT", user, &profile).expect(201);
    let (id, request) =
        (text(&made.value()["id"]), made.header("x-request-id").unwrap().to_owned());
    api.get(user).expect(200);
    api.get("/v1/tasks?user=email:kanari%40example.org").expect(200);
    api.get("/v1/users/email:kanari%40example%00").problem(400);
    api.json("PATCH", user, &json!({ "kycData": { "Kanarifeld": 1 } })).expect(422);
    worker.stop();
    let log = gangway.logs();
    let line = log.lines().find(|line| line.contains(&request)).expect("a line a request");
    assert!(line.contains("/v1/users/{locator}") && line.contains("status=201"), "{line}");
    assert!(line.contains(&id) && line.contains("method=PUT"), "{line}");
    assert!(!log.to_lowercase().contains("kanari"), "{log}");
}
