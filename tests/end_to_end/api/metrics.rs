//! `/metrics`: that the numbers are those of what happened, and that labels stay within bounds.

use std::collections::BTreeSet;

use gangway_tests::{Recorder, Scrape};
use sandbox::Call;

use super::*;

pub(super) fn scrape(api: &Api) -> Scrape {
    Scrape::read(api.get("/metrics").expect(200).text())
}

/// A scrape whose census is not older than what happened before the call.
pub(super) fn counted(api: &Api) -> Scrape {
    let before = scrape(api);
    let census_at = |scrape: &Scrape| scrape.get("gangway_census_age_seconds");
    wait_until(PATIENCE, "a new census", || {
        let now = scrape(api);
        let newer = census_at(&now)? < census_at(&before).unwrap_or(f64::MAX);
        newer.then_some(now)
    })
}

/// An installation to which everything happened that is counted, and its last scrape.
pub(super) fn eventful(sandbox: &Sandbox, receiver: &Recorder) -> (Gangway, Worker, Api) {
    let gangway = listening(&sandbox.origin()).with("NOTIFICATIONS__ALLOW_LOOPBACK", "true");
    gangway.done(&["webhook", "add", &format!("{}/hook", receiver.origin())]);
    let (worker, api) = served(&gangway);
    for name in ["ada", "ben", "cleo", "dora"] {
        let user = format!("userId:{name}");
        gangway.set_user(&user, &complete_profile(name), &["--want", "regulated-transfer"]);
        gangway.done(&["verify", &user]);
    }
    for (name, state) in [("ada", "verified"), ("ben", "rejected"), ("dora", "polling")] {
        gangway.wait_for_state(&format!("userId:{name}"), state);
    }
    gangway.wait_for(PATIENCE, "userId:cleo", "a word that nobody knows", |status| {
        status["products"].to_string().contains("frozen-by-ada@example.org")
    });
    // Nothing moves any more.
    for user in ["userId:cleo", "userId:dora"] {
        gangway.done(&["hold", user, "--reason", "ask Ada"]);
    }
    wait_until(PATIENCE, "every notification to arrive", || {
        (scrape(&api).value("gangway_deliveries_pending") == 0.0).then_some(())
    });
    (gangway, worker, api)
}

pub(super) fn scripted() -> Sandbox {
    Sandbox::start(&json!({ "users": {
        "userId:ada": { "answers": [{ "call": "register-user", "status": 500, "times": 2 }] },
        "userId:ben": { "verdict": { "regulated-transfer": "rejected" } },
        "userId:cleo": { "verdict": { "regulated-transfer": "frozen-by-ada@example.org" } },
        "userId:dora": { "hold": true } } }))
}

#[test]
fn the_numbers_are_those_of_what_happened() {
    let sandbox = scripted();
    let receiver = Recorder::start(|_| (200, String::new()));
    let (gangway, worker, api) = eventful(&sandbox, &receiver);
    let scrape = counted(&api);

    for (state, count) in [("verified", 1.0), ("rejected", 1.0), ("held", 2.0), ("cancelled", 0.0)]
    {
        let series = format!("gangway_onboardings{{state=\"{state}\"}}");
        assert_eq!(scrape.value(&series), count, "{state}");
    }
    assert_eq!(scrape.sum(&["gangway_onboardings{"]), 4.0);
    assert_eq!(scrape.value("gangway_onboardings_created_total"), 4.0, "by another process");
    let word = |status: &str| {
        let labels = format!("{{product=\"regulated-transfer\",status=\"{status}\"}}");
        scrape.value(&format!("gangway_products{labels}"))
    };
    assert_eq!(
        ["verified", "rejected", "other", "pending-review", "not-told"].map(word),
        [1.0, 1.0, 1.0, 1.0, 0.0]
    );
    assert_eq!(scrape.value("gangway_held_onboardings{reason=\"operator\"}"), 2.0);
    assert_eq!(scrape.value("gangway_damaged_onboardings"), 0.0);

    let registered = |outcome: &str| {
        let labels =
            format!("{{operation=\"register-user\",lane=\"write\",outcome=\"{outcome}\"}}");
        scrape.value(&format!("gangway_provider_calls_total{labels}"))
    };
    assert_eq!((registered("ok"), registered("transient")), (4.0, 2.0));
    assert_eq!(scrape.value("gangway_provider_retries_total{operation=\"register-user\"}"), 2.0);
    let calls = sandbox.calls(Call::RegisterUser).len();
    assert_eq!(scrape.sum(&["gangway_provider_calls_total", "register-user"]), calls as f64);
    let count = "gangway_provider_call_duration_seconds_count{operation=\"register-user\"}";
    assert_eq!(scrape.value(count), calls as f64);

    // What history says, of those that began after the worker.
    let mut moved = 0;
    for name in ["ada", "ben", "cleo", "dora"] {
        let history = gangway.history(&format!("userId:{name}"));
        moved += history[1..].iter().filter(|row| row["from"] != row["to"]).count();
    }
    let scrape = counted(&api);
    assert_eq!(scrape.sum(&["gangway_transitions_total"]), moved as f64);
    assert_eq!(scrape.sum(&["gangway_time_in_state_seconds_count"]), moved as f64);
    for verdict in ["verified", "rejected"] {
        let series = format!("gangway_time_to_verdict_seconds_count{{verdict=\"{verdict}\"}}");
        assert_eq!(scrape.value(&series), 1.0);
    }

    let sent = receiver.requests().len();
    assert_eq!(scrape.value("gangway_deliveries_total{outcome=\"delivered\"}"), sent as f64);
    assert_eq!(scrape.value("gangway_delivery_oldest_age_seconds"), 0.0);
    let asked = "{method=\"GET\",route=\"/metrics\",status=\"200\"}";
    let asked = scrape.value(&format!("gangway_http_requests_total{asked}"));
    assert!(asked >= 3.0, "{asked}");
    api.get("/nothing/userId:ada").expect(404);
    let lost = "gangway_http_requests_total{method=\"GET\",route=\"none\",status=\"404\"}";
    assert_eq!(self::scrape(&api).value(lost), 1.0);

    assert!(scrape.value("gangway_group_commit_writes_sum") > 10.0);
    assert_eq!(scrape.value("gangway_group_commit_failures_total"), 0.0);
    assert!(scrape.value("gangway_worker_turned_age_seconds") < 60.0);
    let size = std::fs::metadata(gangway.database()).unwrap().len();
    assert_eq!(scrape.value("gangway_database_bytes"), size as f64);
    assert_eq!(scrape.value("gangway_provider_open"), 1.0);
    sandbox.close(Some(401));
    gangway.done(&["retry", "userId:ada"]);
    wait_until(PATIENCE, "a closed provider", || {
        (self::scrape(&api).value("gangway_provider_open") == 0.0).then_some(())
    });
    worker.stop();

    // Counters begin anew with the process, and what is stored is there at once.
    let (worker, api) = served(&gangway);
    let scrape = self::scrape(&api);
    assert_eq!(scrape.value("gangway_onboardings_created_total"), 0.0);
    assert_eq!(scrape.value("gangway_onboardings{state=\"held\"}"), 2.0);
    worker.stop();
}

#[test]
fn labels_are_words_of_closed_lists() {
    let sandbox = scripted();
    let receiver = Recorder::start(|_| (500, String::new()));
    let gangway = listening(&sandbox.origin()).with("NOTIFICATIONS__ALLOW_LOOPBACK", "true");
    gangway.done(&["webhook", "add", &format!("{}/hook", receiver.origin())]);
    let (worker, api) = served(&gangway);
    let mut body = complete_profile("ada");
    body["wantedProducts"] = json!(["regulated-transfer", "loans-for-ada"]);
    body["verify"] = json!(true);
    api.json("PUT", "/v1/users/userId:cleo", &body).expect(201);
    api.ask("ADA", "/v1/users/userId:ada").expect(405);
    api.get("/v1/users/userId:nobody").expect(404);
    gangway.wait_for(PATIENCE, "userId:cleo", "a word that nobody knows", |status| {
        status["products"].to_string().contains("frozen-by-ada@example.org")
    });
    let scrape = counted(&api);
    let routes: BTreeSet<String> = {
        let document = api.get("/openapi.json").expect(200).value();
        document["paths"].as_object().unwrap().keys().cloned().collect()
    };
    for (name, value) in scrape.labels() {
        let is_word = value.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        let is_known = match name.as_str() {
            "route" => value == "none" || routes.contains(&value),
            "le" => value == "+Inf" || value.parse::<f64>().is_ok(),
            "status" => is_word || (value.len() == 3 && value.parse::<u16>().is_ok()),
            "method" => {
                value == "other" || ["GET", "PUT", "POST", "PATCH", "DELETE"].contains(&&*value)
            }
            "version" => value == env!("CARGO_PKG_VERSION"),
            "cause" | "from" | "lane" | "operation" | "outcome" | "product" | "queue"
            | "reason" | "state" | "to" | "verdict" => is_word,
            _ => false,
        };
        assert!(is_known, "{name}={value:?}");
    }
    for made_up in ["Ada", "cleo", "frozen", "loans", "userId", "example"] {
        assert!(!scrape.text.contains(made_up), "{made_up} in\n{}", scrape.text);
    }
    assert!(scrape.sum(&["gangway_products{product=\"other\""]) > 0.0);
    worker.stop();
}

#[test]
fn a_scrape_needs_a_key_that_may_read() {
    let gangway = alone();
    let (worker, api) = served(&gangway);
    api.get("/metrics").expect(200);
    let (read, write) = (key(&gangway, "read"), key(&gangway, "write"));
    assert_eq!(api.get("/metrics").problem(401), "unauthorized");
    assert_eq!(api.with_key(&write).get("/metrics").problem(403), "forbidden");
    let answer = api.with("Authorization", &format!("Bearer {read}")).get("/metrics").expect(200);
    let media_type = Some("text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(answer.header("content-type"), media_type);
    worker.stop();
}
