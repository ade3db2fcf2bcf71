//! Requests that are repeated, and requests for a user who has moved on.

use std::time::Duration;

use super::*;
use crate::database::kept_answers;

fn once(api: &Api, key: &str) -> Api {
    api.with("Idempotency-Key", key)
}

#[test]
fn the_same_request_with_the_same_key_gets_the_same_answer() {
    let gangway = alone();
    let clients = [key(&gangway, "read,write"), key(&gangway, "read,write")];
    let (worker, api) = served(&gangway);
    let api = api.with_key(&clients[0]);
    let user = "/v1/users/email:kanari%40example.org";
    let profile = complete_profile("kanari");
    let first = once(&api, "one").json("PUT", user, &profile).expect(201);
    assert_eq!(first.header("idempotency-replayed"), None);
    // It has moved on meanwhile, and the answer is the same all the same.
    api.json("PATCH", user, &json!({ "verify": true })).expect(200);
    worker.kill();
    let (worker, api) = served(&gangway);
    let other_client = api.with_key(&clients[1]);
    let api = api.with_key(&clients[0]);
    let second = once(&api, "one").json("PUT", user, &profile).expect(201);
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    assert_eq!(second.body, first.body);
    for header in ["etag", "location"] {
        assert_eq!(second.header(header), first.header(header));
    }
    // Another request takes another key, and another client has keys of its own.
    let mut other = profile.clone();
    other["userDetails"]["firstName"] = json!("Ada");
    let reused = once(&api, "one").json("PUT", user, &other);
    assert_eq!(reused.problem(422), "idempotency-key-reused");
    let reused = once(&api, "one").json("PUT", ADA, &profile);
    assert_eq!(reused.problem(422), "idempotency-key-reused");
    let own = once(&other_client, "one").json("PUT", user, &profile).expect(200);
    assert_eq!(own.header("idempotency-replayed"), None);
    for bad in ["", &"x".repeat(256), "two words"] {
        assert_eq!(once(&api, bad).json("PUT", ADA, &profile).problem(400), "bad-request");
    }
    // A document is added once, and a refusal is judged anew.
    let document = upload("email:kanari@example.org", "id-passport");
    let added = once(&api, "two").json("POST", "/v1/documents", &document).expect(201);
    let again = once(&api, "two").json("POST", "/v1/documents", &document).expect(201);
    assert_eq!(again.body, added.body);
    let no_edit = api.json("POST", "/v1/documents", &document).expect(200);
    assert_eq!(no_edit.header("etag"), added.header("etag"), "the same again is no edit");
    // Each repetition of a form has a boundary of its own.
    let form = |boundary: &str| {
        let field = |name: &str, value: &str| {
            format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            )
        };
        let mut body = field("userLocator", "email:kanari@example.org").into_bytes();
        body.extend(field("documentType", "proof-of-address").bytes());
        body.extend(field("data", "").trim_end_matches("\r\n").bytes().chain(*b"\r\n\r\n"));
        body.extend(PASSPORT);
        body.extend(format!("\r\n--{boundary}--\r\n").bytes());
        let media_type = format!("multipart/form-data; boundary={boundary}");
        once(&api, "form").send("POST", "/v1/documents", &media_type, &body)
    };
    let added = form("one").expect(201);
    let again = form("another").expect(201);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.body, added.body);
    assert_eq!(once(&api, "three").json("PUT", ADA, &json!({})).problem(422), "data-refused");
    once(&api, "three").json("PUT", ADA, &complete_profile("ada")).expect(201);
    worker.stop();
    // What is kept names nobody and holds nobody's data; and none of it outlives the user.
    let kept = kept_answers(&gangway).to_lowercase();
    assert!(kept.contains("\"state") && !kept.contains("kanari"), "{kept}");
    gangway.done(&["erase", "email:kanari@example.org", "--yes"]);
    for suffix in ["", "-wal"] {
        let bytes = std::fs::read(format!("{}{suffix}", gangway.database().display()));
        let bytes = String::from_utf8_lossy(&bytes.unwrap_or_default()).to_lowercase();
        assert!(!bytes.contains("kanari"), "in gangway.db{suffix}");
    }
}

/// The case that the header is for: the client does not know what became of its request.
#[test]
fn a_client_that_went_away_finds_what_it_asked_for_done_once() {
    let gangway = alone();
    let (worker, api) = served(&gangway);
    let profile = complete_profile("ada");
    let mut replayed = 0;
    for number in 0..60_u64 {
        let user = format!("/v1/users/userId:ada-{number}");
        let (after, key) = (Duration::from_micros(number * 150), format!("key-{number}"));
        for (method, path, body, only_if, status) in [
            ("PUT", user.clone(), &profile, ("If-None-Match", "*"), 201),
            ("POST", format!("{user}/hold"), &json!({ "reason": "check" }), ("If-Match", "*"), 200),
            ("POST", format!("{user}/resume"), &json!({}), ("If-Match", "*"), 200),
            ("DELETE", user.clone(), &json!({}), ("If-Match", "*"), 204),
        ] {
            let api = once(&api, &format!("{key}-{method}-{path}")).with(only_if.0, only_if.1);
            api.ask_and_leave(method, &path, body, after);
            let answer = wait_until(PATIENCE, "the answer", || {
                let answer = api.json(method, &path, body);
                (answer.status != 409 || !answer.text().contains("request-in-progress"))
                    .then_some(answer)
            });
            replayed += usize::from(answer.header("idempotency-replayed").is_some());
            answer.expect(status);
            assert_eq!(
                api.json(method, &path, body).expect(status).header("idempotency-replayed"),
                Some("true")
            );
        }
        // Who was erased is not made anew by a late repetition.
        let late = once(&api, &format!("{key}-PUT-{user}")).with("If-None-Match", "*");
        assert_eq!(late.json("PUT", &user, &profile).problem(409), "ended");
        assert_eq!(api.get(&user).problem(404), "no-such-user");
    }
    assert!(replayed > 0, "no request was carried out before its client left");
    worker.stop();
}

#[test]
fn an_answer_is_kept_as_long_as_the_setting_says() {
    let gangway = alone().with("HTTP__IDEMPOTENCY_KEPT", "1ms");
    let (worker, api) = served(&gangway);
    let profile = complete_profile("ada");
    once(&api, "one").json("PUT", ADA, &profile).expect(201);
    let again = wait_until(PATIENCE, "the answer to be forgotten", || {
        let again = once(&api, "one").json("PUT", ADA, &profile);
        (again.status == 200).then_some(again)
    });
    assert_eq!(again.value()["unchanged"], true);
    worker.stop();
}

#[test]
fn a_change_is_made_only_to_the_version_that_it_is_for() {
    let gangway = alone();
    let (worker, api) = served(&gangway);
    let profile = complete_profile("ada");
    let only_new = api.with("If-None-Match", "*");
    let made = only_new.json("PUT", ADA, &profile).expect(201);
    assert_eq!(only_new.json("PUT", ADA, &profile).problem(412), "version-mismatch");
    let tag = made.header("etag").unwrap();
    assert_eq!(api.get(ADA).header("etag"), Some(tag));

    let patch = |first_name: &str| json!({ "userDetails": { "firstName": first_name } });
    let at_first = api.with("If-Match", tag);
    let patched = at_first.json("PATCH", ADA, &patch("Ada")).expect(200);
    assert_ne!(patched.header("etag"), Some(tag));
    let late = at_first.json("PATCH", ADA, &patch("Eve"));
    assert_eq!(late.problem(412), "version-mismatch");
    let late = at_first.json("POST", "/v1/documents", &upload("userId:ada", "id-passport"));
    assert_eq!(late.problem(412), "version-mismatch");
    assert_eq!(at_first.ask("POST", &format!("{ADA}/hold")).problem(412), "version-mismatch");
    assert_eq!(at_first.ask("DELETE", ADA).problem(412), "version-mismatch");
    assert_eq!(api.get(ADA).header("etag"), patched.header("etag"), "nothing was changed");
    api.with("If-Match", "*").json("PATCH", ADA, &patch("Eve")).expect(200);
    let nobody = api.with("If-Match", "*").json("PUT", "/v1/users/userId:nobody", &profile);
    assert_eq!(nobody.problem(412), "version-mismatch");
    for bad in ["6", "\"six\"", "\"1\", six"] {
        let answer = api.with("If-Match", bad).json("PATCH", ADA, &patch("Ada"));
        assert_eq!(answer.problem(400), "bad-request", "{bad}");
    }

    // Of many who saw the same version, one wins.
    let tag = api.get(ADA).header("etag").unwrap().to_owned();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..8)
            .map(|number| {
                let (api, patch) = (api.with("If-Match", &tag), patch(&format!("Ada {number}")));
                scope.spawn(move || api.json("PATCH", ADA, &patch).status)
            })
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 412].contains(status)), "{statuses:?}");

    // A weak tag, as a proxy makes it, and one of several.
    for (number, form) in ["W/@", "\"1\", @", "\"1\",W/@"].into_iter().enumerate() {
        // The worker may come in between.
        let tags = wait_until(PATIENCE, "the version that was read", || {
            let tags = form.replace('@', api.get(ADA).header("etag").unwrap());
            let changed =
                api.with("If-Match", &tags).json("PATCH", ADA, &patch(&format!("Eve {number}")));
            (changed.status == 200).then_some(tags)
        });
        let late = api.with("If-Match", &tags).json("PATCH", ADA, &patch("Late"));
        assert_eq!(late.problem(412), "version-mismatch", "{tags}");
    }
    worker.stop();
}
