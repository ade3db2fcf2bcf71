//! `serve` as an operator sees it: signals, a second one, new work, budgets, outages.

use gangway_tests::{Gangway, PATIENCE, Sandbox, complete_profile, free_address, wait_until};
use rustix::process::Signal;
use sandbox::Call;
use serde_json::{Value, json};

const USER: &str = "userId:one";
const PAYOUTS: [&str; 3] = ["--want", "regulated-transfer", "--verify"];

fn slow_registration() -> Value {
    json!({ "defaults": { "answers": [{ "call": "register-user", "delayMs": 1500 }] } })
}

#[test]
fn a_signal_lets_the_call_in_flight_end_and_its_answer_is_on_disk() {
    for signal in [Signal::TERM, Signal::INT] {
        let sandbox = Sandbox::start(&slow_registration());
        let gangway = Gangway::quick(&sandbox.origin());
        gangway.set_user(USER, &complete_profile("one"), &PAYOUTS);
        let worker = gangway.serve();
        wait_until(PATIENCE, "a call in flight", || {
            (!sandbox.calls(Call::RegisterUser).is_empty()).then_some(())
        });
        assert_eq!(gangway.status(USER).1["acknowledgedRevision"], Value::Null);
        worker.signal(signal);
        assert_eq!(worker.wait(), Some(0), "{}", gangway.logs());
        assert_eq!(gangway.status(USER).1["acknowledgedRevision"], 1, "{signal:?}");
        assert_eq!(sandbox.all_calls().len(), 1, "{signal:?}: nothing is begun any more");
    }
}

#[test]
fn a_call_that_outlasts_the_grace_is_cut_off_and_made_again_at_the_next_start() {
    let sandbox = Sandbox::start(&json!({ "defaults": { "answers": [
        { "call": "register-user", "delayMs": 60_000 }
    ] } }));
    let gangway = Gangway::quick(&sandbox.origin()).with("WORKER__SHUTDOWN_GRACE", "100ms");
    gangway.set_user(USER, &complete_profile("one"), &PAYOUTS);
    let worker = gangway.serve();
    wait_until(PATIENCE, "a call in flight", || {
        (!sandbox.calls(Call::RegisterUser).is_empty()).then_some(())
    });
    worker.stop();
    assert_eq!(gangway.status(USER).1["acknowledgedRevision"], Value::Null);
    let worker = gangway.serve();
    gangway.wait_for_state(USER, "verified");
    worker.stop();
}

#[test]
fn a_second_worker_on_one_database_is_refused_and_the_first_goes_on() {
    let sandbox = Sandbox::start(&json!({}));
    let gangway = Gangway::quick(&sandbox.origin());
    let worker = gangway.serve();
    let second = gangway.run(&["serve"]);
    assert_eq!(second.code, Some(1));
    assert!(second.stderr.contains("another `gangway serve`"), "{}", second.stderr);
    gangway.set_user(USER, &complete_profile("one"), &PAYOUTS);
    gangway.wait_for_state(USER, "verified");
    worker.stop();
    gangway.serve().stop();
}

#[test]
fn new_work_is_noticed_within_a_second() {
    let sandbox = Sandbox::start(&json!({}));
    let gangway = Gangway::quick(&sandbox.origin());
    let worker = gangway.serve();
    for user in ["userId:one", "userId:two", "userId:three"] {
        gangway.set_user(user, &complete_profile("one"), &PAYOUTS);
        let status = gangway.wait_for_state(user, "verified");
        let created_at: jiff::Timestamp = status["createdAt"].as_str().unwrap().parse().unwrap();
        let called_at = sandbox.calls_of(user)[0].at;
        let noticed_ms = called_at - created_at.as_millisecond();
        assert!(noticed_ms <= 1_000, "{user} was noticed after {noticed_ms} ms");
    }
    worker.stop();
}

#[test]
fn writes_keep_to_the_budget_across_a_kill_and_a_restart() {
    let sandbox = Sandbox::start(&json!({}));
    let gangway = Gangway::quick(&sandbox.origin()).with("CROSSMINT__WRITES_PER_MINUTE", "60");
    for user in ["userId:one", "userId:two", "userId:three"] {
        gangway.set_user(user, &complete_profile("one"), &PAYOUTS);
    }
    let worker = gangway.serve();
    let writes = |count: usize| (sandbox.all_calls().len() >= count).then_some(());
    wait_until(PATIENCE, "two writes", || writes(2));
    worker.kill();
    let worker = gangway.serve();
    wait_until(PATIENCE, "all writes", || writes(6));
    for user in ["userId:one", "userId:two", "userId:three"] {
        gangway.wait_for_state(user, "verified");
    }
    worker.stop();
    let calls = sandbox.all_calls();
    for pair in calls.windows(2) {
        // The budget counts from the claims; how long a call is under way varies.
        let gap_ms = pair[1].at - pair[0].at;
        assert!(gap_ms >= 800, "{gap_ms} ms between {:?} and {:?}", pair[0], pair[1]);
    }
}

#[test]
fn without_a_key_that_fits_it_refuses_to_start_and_says_what_to_do() {
    for (url, key, hint) in [
        ("https://staging.crossmint.com", None, "GANGWAY_CROSSMINT__API_KEY"),
        ("https://staging.crossmint.com", Some("sk_production_secret"), "sk_staging_"),
        ("https://www.crossmint.com", Some("sk_staging_secret"), "sk_production_"),
        ("https://staging.crossmint.com", Some("ck_staging_secret"), "server"),
    ] {
        let gangway = Gangway::quick(url).without("CROSSMINT__API_KEY");
        let gangway = match key {
            Some(key) => gangway.with("CROSSMINT__API_KEY", key),
            None => gangway,
        };
        let refused = gangway.run(&["serve"]);
        assert_eq!(refused.code, Some(1), "{url} {key:?}: {}", refused.stderr);
        assert!(refused.stderr.contains(hint), "{url} {key:?}: {}", refused.stderr);
        assert!(!refused.stderr.contains("_secret"), "{url}: {}", refused.stderr);
    }
}

#[test]
fn a_provider_that_can_not_be_reached_is_tried_until_it_appears() {
    let address = free_address();
    let gangway = Gangway::quick(&format!("http://{address}"));
    gangway.set_user(USER, &complete_profile("one"), &PAYOUTS);
    let worker = gangway.serve();
    let status =
        gangway.wait_for(PATIENCE, USER, "a failed attempt", |status| status["attempt"] != 0);
    assert_eq!(status["lastError"]["class"], "transient", "{status:#}");
    assert_eq!(status["state"], "registering");
    let sandbox = Sandbox::start_at(address, &json!({}));
    let status = gangway.wait_for_state(USER, "verified");
    assert_eq!(status["lastError"], Value::Null);
    assert_eq!(sandbox.user(USER).triggers_effective, 1);
    worker.stop();
}

#[test]
fn an_operator_holds_resumes_and_cancels_beside_a_running_worker() {
    let sandbox = Sandbox::start(&json!({ "defaults": { "hold": true } }));
    let gangway = Gangway::quick(&sandbox.origin());
    gangway.set_user(USER, &complete_profile("one"), &PAYOUTS);
    let worker = gangway.serve();
    gangway.wait_for_state(USER, "polling");
    for (command, exit, state) in [
        ("hold", 13, "held"),
        ("resume", 11, "polling"),
        ("cancel", 13, "cancelled"),
        ("resume", 11, "polling"),
    ] {
        gangway.done(&[command, USER, "--reason", "as asked"]);
        let (code, status) = gangway.status(USER);
        assert_eq!((code, &status["state"]), (exit, &json!(state)), "{command}");
    }
    sandbox.change(USER, &json!({ "hold": false }));
    gangway.wait_for_state(USER, "verified");
    worker.stop();
    let history = gangway.history(USER);
    let told: Vec<_> = history.iter().filter(|row| row["detail"]["reason"] == "as asked").collect();
    assert_eq!(told.len(), 4);
    assert!(told.iter().all(|row| row["actor"] == "cli"), "{told:?}");
}
